package systemd

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/rung-oci/rung/libcontainer/internal/annotation"
)

// FuzzAnnotations is what a user has an engine hand on (CVE-2024-3154): a property
// is a name and a value that can be sent, and none that reaches beyond the unit.
func FuzzAnnotations(f *testing.F) {
	for _, seed := range [][2]string{
		{"TasksMax", "uint64 7"}, {"After", "['a.service', 'b.service']"}, {"RuntimeMaxSec", "1.5"}, {"RuntimeMaxSec", "1e300"}, {"TimeoutStopSec", "-0.0"},
		{"TimeoutStopSec", "uint64 18446744073709551615"}, {"CollectMode", "'inactive-or-failed'"}, {"IOReadBandwidthMax", "[('/dev/sda', uint64 1)]"},
		{"SuccessAction", "'poweroff'"}, {"ExecStart", "[('/bin/sh', ['x'], false)]"}, {"Description", "b'x\\\\101'"}, {"X", "@a(sv) []"}, {"Delegate", "true"}, {"Sec", "1"}, {"USec", "1"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		list, err := Annotations(map[string]string{AnnotationPrefix + name: text})
		if err != nil {
			if len(list) > 0 {
				t.Errorf("%v beside %v", list, err)
			}
			return
		}
		if name == "Delegate" && len(list) == 0 {
			return // Base has it
		}
		if len(list) != 1 {
			t.Fatalf("%q gives %v", name, list)
		}
		p := list[0]
		if !slices.ContainsFunc(annotation.SystemdAllowed[:], func(a annotation.Property) bool { return a.Name == p.Name }) {
			t.Errorf("%q gives %s", name, p.Name)
		}
		if sig := p.Value.Signature().String(); sig == "" {
			t.Errorf("%q: %v has no type", text, p.Value)
		}
		if strings.HasSuffix(p.Name, "USec") && strings.HasSuffix(name, "Sec") && !strings.HasSuffix(name, "USec") {
			if _, ok := p.Value.Value().(uint64); !ok {
				t.Errorf("%s = %q is %T", name, text, p.Value.Value())
			}
		}
	})
}

// FuzzParsePath: a unit lies below its slice, which no name leads out of.
func FuzzParsePath(f *testing.F) {
	for _, seed := range []string{"", "machine.slice:docker:x", ":p:x", "-.slice:p:x", "a-b-c.slice:p:x", "../x.slice:p:y", "a.slice:..:/", "a.slice:p:x/../../y", "a--b.slice:p:x"} {
		f.Add(seed, "web", false)
	}
	f.Fuzz(func(t *testing.T, text, id string, user bool) {
		if id == "" || strings.ContainsAny(id, "/\x00") || id == "." || id == ".." { // an id is checked where it comes in
			return
		}
		u, err := ParsePath(text, id, user)
		if err != nil {
			return
		}
		p := u.Path()
		if p != path.Clean("/"+p) || !strings.HasPrefix(p, "/") || p == "/" || strings.Contains(u.Name, "/") || path.Base(p) != u.Name {
			t.Errorf("%q: unit %q at %q", text, u.Name, p)
		}
	})
}
