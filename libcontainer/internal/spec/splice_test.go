package spec

import (
	"encoding/json"
	"reflect"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestSplice(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`{}`, `{"linux":{"resources":{"n":1}}}`},
		{`null`, `{"linux":{"resources":{"n":1}}}`},
		{`{"linux":null,"x-own":[1, 2]}`, `{"linux":{"resources":{"n":1}},"x-own":[1, 2]}`},
		{`{ "x-own": "\u00e4",  "linux" : { "x-more" : {} , "resources" : {"old":[]} , "devices": [ ] } }`,
			`{"x-own":"\u00e4","linux":{"x-more":{},"resources":{"n":1},"devices":[ ]}}`},
		{`{"LINUX":{"Resources":{"old":1}}}`, `{"linux":{"resources":{"n":1}}}`},
		{`{"linux":{"a":1,"resources":{"old":1}},"b":2,"Linux":{"c":3,"resources":{"old":2}}}`,
			`{"linux":{"a":1,"resources":{"n":1},"c":3},"b":2}`},
		{`{"linux":{"a":1},"linux":null,"linux":{ },"linux":{"b":2}}`, `{"linux":{"b":2,"resources":{"n":1}}}`},
		{`{"windows":{"layerFolders":["C:\\x"]},"linux":{}}`, `{"windows":{"layerFolders":["C:\\x"]},"linux":{"resources":{"n":1}}}`},
	} {
		if got := Splice(c.text, `{"n":1}`, "linux", "resources"); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.text, got, c.want)
		}
	}
}

// FuzzSplice checks that Parse reads the new value from a spliced config, and all else as before.
func FuzzSplice(f *testing.F) {
	for _, text := range edges {
		f.Add([]byte(text))
	}
	for _, raw := range goodConfigs(f) {
		f.Add(raw)
	}
	limit := int64(5)
	resources := &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &limit}}
	value, err := json.Marshal(resources)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, err := Parse(raw)
		if err != nil {
			return
		}
		if l.Spec.Linux == nil {
			l.Spec.Linux = &specs.Linux{}
		}
		l.Spec.Linux.Resources = resources
		again, err := Parse([]byte(Splice(string(raw), string(value), "linux", "resources")))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(l.Spec, again.Spec) {
			t.Fatalf("%.2000q:\nwant %s\ngot  %s", raw, encoded(t, l.Spec), encoded(t, again.Spec))
		}
	})
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
