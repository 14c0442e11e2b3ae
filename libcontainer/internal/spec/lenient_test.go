package spec

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseAll(t *testing.T) {
	l, wrong, err := ParseAll([]byte(`{
		"hostname": 1, "process": {"cwd": [], "args": ["a", 2, "c"], "terminal": "x", "user": {"uid": 4294967296}},
		"linux": {"resources": {"pids": {"limit": 1.5}}, "namespaces": {}}, "mounts": [{"destination": {}}, {"destination": "/b"}], "nobody": []
	}`))
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, p := range wrong {
		paths = append(paths, p.Path)
		if p.Level != Must || p.Message == "" || !strings.HasPrefix(p.Chapter, "config") {
			t.Errorf("%+v", p)
		}
	}
	want := "hostname process.cwd process.args[1] process.terminal process.user.uid linux.resources.pids.limit linux.namespaces mounts[0].destination"
	if got := strings.Join(paths, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if s := l.Spec; s.Process.Args[2] != "c" || s.Mounts[1].Destination != "/b" || len(l.Unknown) != 1 {
		t.Errorf("what is right is lost: %+v, unknown %v", s, l.Unknown)
	}
	for _, text := range []string{"", "{", `{"a":}`, "nul", `{"root": {"path": "x"}`, "{} {}"} {
		if _, _, err := ParseAll([]byte(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	if _, wrong, err := ParseAll([]byte(`[]`)); err != nil || len(wrong) != 1 || wrong[0].Path != "" {
		t.Errorf("an array: %v, %v", wrong, err)
	}
}

// What Parse takes, ParseAll takes as well; what it notes, Parse refuses.
func FuzzParseAll(f *testing.F) {
	f.Add([]byte(`{"process": {"cwd": 5, "args": [1, null, {}]}}`))
	f.Add([]byte(`{"linux": {"resources": {"memory": {"limit": -1e3}}}}`))
	f.Add([]byte(`{"ociVersion": "1.0.2"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		strict, err := Parse(raw)
		l, wrong, lenient := ParseAll(raw)
		switch {
		case err == nil && (lenient != nil || len(wrong) > 0):
			t.Errorf("only ParseAll complains: %v, %v", lenient, wrong)
		case err == nil && !reflect.DeepEqual(l.Spec, strict.Spec):
			t.Error("another result")
		case err != nil && lenient == nil && len(wrong) == 0:
			t.Errorf("only Parse complains: %v", err)
		}
	})
}
