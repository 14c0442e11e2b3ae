package gentest

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"testing"

	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
	"github.com/rung-oci/rung/libcontainer/internal/jsonscan/gen"
)

var update = flag.Bool("update", false, "write codec_gen_test.go anew")

func TestGeneratedFileIsFresh(t *testing.T) {
	want, err := gen.Generate(gen.Config{
		Package: "gentest",
		Import:  "github.com/rung-oci/rung/libcontainer/internal/jsonscan/gen/gentest",
		Scan:    "github.com/rung-oci/rung/libcontainer/internal/jsonscan",
		Roots:   []reflect.Type{reflect.TypeFor[Shapes]()},
		Opaque:  []reflect.Type{reflect.TypeFor[Opaque]()},
	})
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("codec_gen_test.go", want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("codec_gen_test.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("codec_gen_test.go is old: run go test -update")
	}
}

func same(t *testing.T, raw []byte) {
	t.Helper()
	var want, got Shapes
	wantErr := json.Unmarshal(raw, &want)
	s := jsonscan.New(string(raw))
	decodeShapes(&s, &got)
	gotErr := s.End()
	if (wantErr == nil) != (gotErr == nil) {
		t.Fatalf("%.1000q: encoding/json says %v, we %v", raw, wantErr, gotErr)
	}
	if wantErr != nil {
		return
	}
	if !reflect.DeepEqual(want, got) {
		t.Fatalf("%.1000q:\nwant %+v\ngot  %+v", raw, want, got)
	}
}

var texts = []string{
	`{}`, `null`, `{"self":{"self":{"on":true}}}`,
	`{"major":1,"Minor":2,"minor":3,"MAJOR":4,"on":true,"onOpt":true,"text":"t","color":"red","i8":-128,"i16":5,"i32":6,"i":7,"u8":255,"u64":18446744073709551615}`,
	`{"i8":128}`, `{"u8":256}`, `{"u8":-1}`, `{"i16":1.0}`, `{"pint":1,"pintOpt":0,"ptext":"x","pcolor":"c","pbase":{"major":1},"pslice":[1],"pp":3,"sub":{"Minor":1}}`,
	`{"pint":1,"pint":null,"ptext":"x","ptext":"y","pbase":{"major":1},"pbase":{"Minor":2},"pslice":[1,2],"pslice":null,"pp":1,"pp":2}`,
	`{"ints":[1,null,3],"ints":[null],"ints":[null,null,null,null],"intsOpt":[],"colors":["a",null],"bases":[{},null,{"major":3}],"bases":[null,{"Minor":1}],"pbases":[{},null],"pbases":[{"major":1},{}],"pints":[1,null],"pints":[null,2]}`,
	`{"nested":[["a"],null,[],["b",null]],"nested":[null,["c"],[null,null]]}`,
	`{"map":{"a":"b"},"map":{"c":null},"mapOpt":{},"mapKey":{"a":"b"},"mapBase":{"x":{"major":1}},"mapBase":{"x":{"Minor":2}},"mapPBase":{"x":null,"y":{}},"mapInts":{"a":[1],"b":null},"MapMap":{"a":{"b":1},"c":null}}`,
	`{"same":1,"SAME":2,"Same":3,"a.b-c":4,"A.B-C":5,"Hidden":6,"hidden":7,"private":8,"Upper":9}`, `{"ſame":1}`, `{"pp":null,"pslice":[]}`,
	`{"hull":{"Text":""}}`, `{"hull":{"x":{"y":[1]}},"hull":null,"hull":{}}`, `{"hull":null}`, `{"hull":[]}`, `{"hull":{"x":}}`, `{"hull":{}`,
	`{"ints":{}}`, `{"map":[]}`, `{"bases":[1]}`, `{"mapOpt":{"a":1.5}}`, `{"on":1}`,
}

func TestCodec_likeEncodingJSON(t *testing.T) {
	for _, text := range texts {
		same(t, []byte(text))
	}
}

func FuzzCodec(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
	f.Fuzz(same)
}
