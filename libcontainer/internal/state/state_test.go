package state

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func full() *State {
	return &State{
		Schema: Schema, OCIVersion: "1.2.0", ID: "web-1.a", Bundle: "/b \"q\"\n", Rootfs: "/b/é\u2028", Phase: PhaseCreated,
		Created: "2024-02-29T01:02:03.000000004Z", Owner: "root", Annotations: map[string]string{"a": "1", "b<": ">&"},
		Pid: 4194304, StartTime: 1<<64 - 1, CreatorPid: 17, CreatorStart: 99,
		CgroupDriver: "cgroupfs", Cgroups: []Cgroup{{Name: "memory", Path: "/sys/fs/cgroup/memory/x"}, {Path: "/sys/fs/cgroup/x", V2: true}},
		Poststart: true, Poststop: true, StartHooks: true, Notify: true, OwnPidSpace: true, Rootless: true, NoNewKeyring: true, TimeSpace: true, Keyring: "_ses.web-1.a.1x", Unit: "rung-x.scope", UserUnit: true, PidFile: "/run/p",
		RdtClass: "/sys/fs/resctrl/x", RdtMonitor: "/sys/fs/resctrl/x/mon_groups/x", RdtOwn: true,
		Dir: "/run/rung/web-1.a", ConfigSum: "0123456789abcdef", Marked: true,
	}
}

func TestState_roundTrip(t *testing.T) {
	for _, tt := range []struct {
		name string
		s    *State
	}{
		{"full", full()},
		{"intent", &State{Schema: 1, ID: "a", Phase: PhaseIntent, CreatorPid: 5, CreatorStart: 6}},
		{"odd numbers", &State{Schema: 1, ID: "a", Pid: -1, CreatorPid: -7}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			raw := tt.s.Append(nil)
			if !json.Valid(raw) {
				t.Fatalf("not JSON: %s", raw)
			}
			got, err := Parse("state.json", raw)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.s) {
				t.Errorf("%+v\nwant %+v", got, tt.s)
			}
		})
	}
}

// Each field has to be saved: one that is added to the struct alone fails here.
func TestState_everyFieldIsSaved(t *testing.T) {
	v := reflect.ValueOf(full()).Elem()
	fields := 0
	for i := range v.NumField() {
		if !v.Type().Field(i).IsExported() {
			continue // only of Parse
		}
		fields++
		if v.Field(i).IsZero() {
			t.Errorf("full() leaves %s out", v.Type().Field(i).Name)
		}
	}
	var members map[string]any
	if err := json.Unmarshal(full().Append(nil), &members); err != nil {
		t.Fatal(err)
	}
	if len(members) != fields+1 { // the checksum
		t.Errorf("%d members for %d fields", len(members), fields)
	}
}

// What encoding/json reads from a record, and what Parse reads from what
// encoding/json writes: other spacing, other order, escapes.
func TestState_likeEncodingJSON(t *testing.T) {
	s := full()
	var m map[string]any
	if err := json.Unmarshal(s.Append(nil), &m); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"schema": float64(Schema), "id": s.ID, "bundle": s.Bundle, "rootfs": s.Rootfs, "phase": "created",
		"init_process_pid": 4194304.0, "rootless": true, "annotations": map[string]any{"a": "1", "b<": ">&"},
		"cgroups": []any{
			map[string]any{"name": "memory", "path": "/sys/fs/cgroup/memory/x"},
			map[string]any{"name": "", "path": "/sys/fs/cgroup/x", "v2": true},
		},
	} {
		if !reflect.DeepEqual(m[name], want) {
			t.Errorf("%s is %v, want %v", name, m[name], want)
		}
	}
	m["of a later version"] = map[string]any{"deep": []int{1}}
	m["init_process_start"] = json.Number("18446744073709551615") // a float64 cannot hold it
	raw, err := json.MarshalIndent(m, "\t", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got, err := parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	got.summed = false
	if !reflect.DeepEqual(got, s) {
		t.Errorf("%+v\nwant %+v", got, s)
	}
	if _, err := Parse("f", raw); err == nil {
		t.Error("a record in another form than rung's has its checksum")
	}
}

func TestParse_refuses(t *testing.T) {
	whole := string(full().Append(nil))
	for _, tt := range []struct{ name, raw, text string }{
		{"empty", "", "/s/state.json is damaged: "},
		{"zeros", strings.Repeat("\x00", 100), "is damaged: "},
		{"no object", `[]`, "is damaged: "},
		{"null", `null`, "is damaged: "},
		{"nothing in it", `{}`, "it has no schema or id"},
		{"no id", `{"schema":1}`, "it has no schema or id"},
		{"no schema", `{"id":"a"}`, "it has no schema or id"},
		{"schema 0", `{"schema":0,"id":"a"}`, "it has no schema or id"},
		{"twice", whole + whole, "is damaged: "},
		{"pid is text", `{"schema":1,"id":"a","init_process_pid":"7"}`, "is damaged: "},
		{"pid is huge", `{"schema":1,"id":"a","init_process_pid":3000000000}`, "is damaged: "},
		{"cgroups", `{"schema":1,"id":"a","cgroups":[7]}`, "is damaged: "},
		{"newer", `{"schema":3,"id":"a"}`, "/s/state.json was written by a newer rung (schema 3, this one knows 2)"},
		{"no checksum", `{"schema":2,"id":"a"}`, "its checksum does not match"},
		{"an older schema with a checksum", strings.Replace(whole, `"schema":2`, `"schema":1`, 1), "its checksum does not match"},
		{"another id", strings.Replace(whole, `"web-1.a"`, `"web-1.b"`, 1), "its checksum does not match"},
		{"another path", strings.Replace(whole, `/cgroup/memory/x`, `/cgroup/memory`, 1), "its checksum does not match"},
		{"spliced", whole[:len(whole)/2] + whole[len(whole)/2-10:], "is damaged: "},
		{"newer, other form", `{"schema":3,"id":{"name":"a"}}`, "was written by a newer rung"},
		{"newer, no id", `{"schema":9}`, "was written by a newer rung"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Parse("/s/state.json", []byte(tt.raw))
			if err == nil || s != nil || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("%+v, %v, want %s", s, err, tt.text)
			}
		})
	}
}

// However much of a record was written, it is the whole or an error; so is a record with one bit changed.
func TestParse_truncated(t *testing.T) {
	whole := full().Append(nil)
	for i := range whole {
		for bit := range 8 {
			flipped := slices.Clone(whole)
			flipped[i] ^= 1 << bit
			if s, err := Parse("f", flipped); err == nil {
				t.Errorf("bit %d of byte %d: %+v", bit, i, s)
			}
		}
		if s, err := Parse("f", whole[:i]); err == nil {
			t.Errorf("%d of %d bytes: %+v, %v", i, len(whole), s, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(full().Append(nil))
	f.Add([]byte(`{"schema":1,"id":"a","cgroups":[{"x":[]}],"annotations":null}`))
	// of a rung to come, with members that mean something else there; of one that never was
	f.Add([]byte(`{"schema":3,"id":{"name":"a"},"cgroups":"/a","init_process_pid":[1]}`))
	f.Add([]byte(`{"id":"a","init_process_pid":7,"schema":2147483647}`))
	f.Add([]byte(`{"schema":3,"schema":1,"id":"a"}`))
	f.Add([]byte(`{"schema":0,"id":"a"}`))
	f.Add([]byte(`{"schema":-1,"id":"a"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := Parse("f", raw)
		if err != nil {
			return
		}
		if s.Schema < 1 || s.Schema > Schema || s.ID == "" {
			t.Fatalf("schema %d, id %q is taken", s.Schema, s.ID)
		}
		again, err := Parse("f", s.Append(nil))
		if err != nil {
			t.Fatalf("%q is not read back: %v", s.Append(nil), err)
		}
		if len(s.Annotations) == 0 {
			s.Annotations = nil
		}
		if !reflect.DeepEqual(s, again) {
			t.Errorf("%+v\nthen %+v", s, again)
		}
	})
}

// The records of earlier releases are read: testdata has one of each schema.
func TestParse_earlierSchemas(t *testing.T) {
	raw, err := os.ReadFile("testdata/schema-1.json")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse("testdata/schema-1.json", raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.check("web"); err != nil {
		t.Error(err)
	}
	if s.Schema != 1 || s.Pid != 4242 || s.StartTime != 991122 || len(s.Cgroups) != 2 || s.Cgroups[0].Path != "/sys/fs/cgroup/memory/web" || !s.Poststop || !s.HasConfig(nil) || s.Marked {
		t.Errorf("%+v", s)
	}
	if again := s.Append(nil); string(again) != string(raw) {
		t.Errorf("a record of schema 1 is written as %s", again)
	}
}

// What no record of rung's names is refused before anything is done with it.
func TestState_check(t *testing.T) {
	good := func() *State {
		s := full()
		s.Bundle, s.CgroupDriver, s.Unit = "/b", "systemd", "rung-x.scope"
		s.Cgroups = []Cgroup{{Name: "memory", Path: "/sys/fs/cgroup/memory/a.slice/rung-x.scope"}, {Path: "/sys/fs/cgroup/a.slice/rung-x.scope", V2: true}}
		s.RdtClass, s.RdtMonitor = "/sys/fs/resctrl/web-1.a", "/sys/fs/resctrl/web-1.a/mon_groups/web-1.a"
		return s
	}
	if err := good().check("web-1.a"); err != nil {
		t.Error(err)
	}
	for name, edit := range map[string]func(*State){
		"another id":              func(s *State) { s.ID = "web" },
		"no phase":                func(s *State) { s.Phase = "" },
		"no pid":                  func(s *State) { s.Pid = 0 },
		"every process":           func(s *State) { s.Pid = -1 },
		"a relative bundle":       func(s *State) { s.Bundle = "b" },
		"a NUL":                   func(s *State) { s.Rootfs = "/a\x00b" },
		"the root of a hierarchy": func(s *State) { s.Cgroups[0].Path += "/.." },
		"a slash at the end":      func(s *State) { s.Cgroups[0].Path += "/" },
		"two slashes":             func(s *State) { s.Cgroups[0].Path = "/sys/fs/cgroup/memory//rung-x.scope" },
		"a relative path":         func(s *State) { s.Cgroups[0].Path = "rung-x.scope" },
		"the root":                func(s *State) { s.Cgroups[0].Path = "/" },
		"a line feed":             func(s *State) { s.Cgroups[0].Path = "/a\n/rung-x.scope" },
		"a hierarchy above":       func(s *State) { s.Cgroups[0].Name = ".." },
		"a hierarchy elsewhere":   func(s *State) { s.Cgroups[0].Name = "a/b" },
		"a hierarchy twice":       func(s *State) { s.Cgroups[1].Name = "memory" },
		"a nameless v1 hierarchy": func(s *State) { s.Cgroups[1].V2 = false },
		"a service":               func(s *State) { s.Unit = "sshd.service" },
		"systemd's own unit":      func(s *State) { s.Unit = "init.scope" },
		"a unit of another group": func(s *State) { s.Unit = "rung-y.scope" },
		"a unit without systemd":  func(s *State) { s.CgroupDriver = "" },
		"a class elsewhere":       func(s *State) { s.RdtClass = "/etc" },
		"a monitor elsewhere":     func(s *State) { s.RdtMonitor = "/home/web-1.a" },
	} {
		s := good()
		edit(s)
		if err := s.check("web-1.a"); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
