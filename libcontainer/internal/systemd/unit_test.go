package systemd

import (
	"reflect"
	"strings"
	"testing"
)

func TestValidName(t *testing.T) {
	for name, ok := range map[string]bool{
		"rung-web.scope": true, "libpod-0a.scope": true, "machine-x.slice": true, "a@b.scope": true, `a\x2db.scope`: true, "a:b_c.d.scope": true,
		"": false, "a": false, "a.service": false, ".scope": false, ".slice": false, "-.slice": false, "a--b.slice": false, "init.scope": false,
		"system.slice": false, "user.slice": false, "a/b.scope": false, "a b.scope": false, "a\x00.scope": false, "a\n.scope": false, "é.scope": false,
		"@a.scope": false, "a@.scope": false, "a*.scope": false, strings.Repeat("a", 250) + ".scope": false, "..scope": true,
	} {
		if err := ValidName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestParsePath(t *testing.T) {
	for _, c := range []struct {
		name, path string
		user       bool
		unit, at   string // "" and words of the error
	}{
		{"none", "", false, "rung-web.scope", "/system.slice/rung-web.scope"},
		{"none, of a user", "", true, "rung-web.scope", "/user.slice/rung-web.scope"},
		{"all parts", "machine.slice:docker:x", false, "docker-x.scope", "/machine.slice/docker-x.scope"},
		{"no slice", ":p:x", false, "p-x.scope", "/system.slice/p-x.scope"},
		{"no prefix", "machine.slice::x", false, "x.scope", "/machine.slice/x.scope"},
		{"slices in slices", "a-b-c.slice:p:x", false, "p-x.scope", "/a.slice/a-b.slice/a-b-c.slice/p-x.scope"},
		{"the root slice", "-.slice:p:x", false, "p-x.scope", "/p-x.scope"},
		{"a slice itself", "machine.slice::machine-x.slice", false, "machine-x.slice", "/machine.slice/machine-x.slice"},
		{"two parts", "a.slice:x", false, "", `"slice:prefix:name"`},
		{"a path", "/a/b", false, "", `"slice:prefix:name"`},
		{"no name", "a.slice:p:", false, "", "no name"},
		{"no slice's name", "a:p:x", false, "", "no name of a slice"},
		{"two dashes", "a--b.slice:p:x", false, "", "two dashes"},
		{"a dash at the end", "a-.slice:p:x", false, "", "one at an end"},
		{"out of the slice", "a.slice:p:../x", false, "", "invalid unit"},
		{"a slice that leads out", "../a.slice:p:x", false, "", "no name of a slice"},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, err := ParsePath(c.path, "web", c.user)
			if c.unit == "" {
				if err == nil || !strings.Contains(err.Error(), c.at) {
					t.Errorf("%v, want %q in it", err, c.at)
				}
				return
			}
			if err != nil || u.Name != c.unit || u.Path() != c.at {
				t.Errorf("%s at %s, %v; want %s at %s", u.Name, u.Path(), err, c.unit, c.at)
			}
		})
	}
}

func TestAnnotations(t *testing.T) {
	for _, c := range []struct {
		name, key, text string
		property        string
		want            any
		err             string
	}{
		{"number", "TasksMax", "uint64 7", "TasksMax", uint64(7), ""},
		{"text", "CollectMode", "'inactive-or-failed'", "CollectMode", "inactive-or-failed", ""},
		{"list", "After", "['crio.service', 'kubelet.service']", "After", []string{"crio.service", "kubelet.service"}, ""},
		{"seconds", "RuntimeMaxSec", "2", "RuntimeMaxUSec", uint64(2000000), ""},
		{"parts of a second", "TimeoutStopSec", "1.5", "TimeoutStopUSec", uint64(1500000), ""},
		{"microseconds", "TimeoutStopUSec", "uint64 5", "TimeoutStopUSec", uint64(5), ""},
		{"negative", "RuntimeMaxSec", "-2", "", nil, "no number of seconds"},
		{"more microseconds than there are", "RuntimeMaxSec", "uint64 18446744073709551", "", nil, "no number of seconds"},
		{"seconds without end", "RuntimeMaxSec", "1e300", "", nil, "no number of seconds"},
		{"no time", "RuntimeMaxSec", "'x'", "", nil, "no number of seconds"},
		{"no value", "TasksMax", "x y", "", nil, "GVariant"},
		{"brackets", "TasksMax", strings.Repeat("[", 100<<20), "", nil, "bytes, more than"},
		{"an array of what is none", "TasksMax", "@g [1]", "", nil, "GVariant"},
		{"no name", "Tasks-Max", "1", "", nil, "not a property that a container may set"},
		{"hardly a name", "Ta", "1", "", nil, "not a property that a container may set"},
		{"what powers the host off", "SuccessAction", "'poweroff'", "", nil, "not a property that a container may set"},
		{"what starts another unit", "OnFailure", "['x.service']", "", nil, "not a property that a container may set"},
		{"what stops another unit", "Conflicts", "['x.service']", "", nil, "not a property that a container may set"},
		{"what the runtime sets", "DeviceAllow", "[('/dev/sda', 'rwm')]", "", nil, "not a property that a container may set"},
	} {
		t.Run(c.name, func(t *testing.T) {
			list, err := Annotations(map[string]string{AnnotationPrefix + c.key: c.text, "other": "x y"})
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), "annotations["+AnnotationPrefix+c.key+"]") {
					t.Errorf("%v, want %q in it", err, c.err)
				}
				return
			}
			if err != nil || len(list) != 1 || list[0].Name != c.property || !reflect.DeepEqual(list[0].Value.Value(), c.want) {
				t.Errorf("%v, %v; want %s = %v", list, err, c.property, c.want)
			}
		})
	}
}
