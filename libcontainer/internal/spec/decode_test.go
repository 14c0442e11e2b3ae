package spec

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/rung-oci/rung/libcontainer/internal/spec/gen/code"
)

func TestGeneratedFileIsFresh(t *testing.T) {
	want, err := code.Decoders()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("decode_gen.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("decode_gen.go is not what the generator writes now: run go generate ./libcontainer/internal/spec")
	}
}

// same checks that our decoder and encoding/json agree on raw.
func same(t *testing.T, raw []byte) {
	t.Helper()
	var want specs.Spec
	wantErr := json.Unmarshal(raw, &want)
	got, gotErr := Parse(raw)
	if (wantErr == nil) != (gotErr == nil) {
		t.Fatalf("%.300q:\nencoding/json: %v\nParse: %v", raw, wantErr, gotErr)
	}
	if wantErr != nil {
		return
	}
	if !reflect.DeepEqual(&want, got.Spec) {
		a, _ := json.Marshal(&want)
		b, _ := json.Marshal(got.Spec)
		t.Fatalf("%.300q:\nencoding/json: %s\nParse:         %s", raw, a, b)
	}
	var std bytes.Buffer
	enc := json.NewEncoder(&std)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(&want); err != nil {
		return
	}
	if ours := AppendSpec(nil, got.Spec); !bytes.Equal(append(ours, '\n'), std.Bytes()) {
		t.Fatalf("AppendSpec:\nwant %s\ngot  %s", std.Bytes(), ours)
	}
}

func TestDecodeQuick(t *testing.T) {
	for _, raw := range []string{
		`{}`, `null`, ` {} `, `[]`, `{"process":{"args":["a"],"user":{"uid":-0}}}`,
		`{"linux":{"resources":{"blockIO":{"weightDevice":[{"major":1,"minor":2,"weight":3}]}}}}`,
	} {
		same(t, []byte(raw))
	}
}
