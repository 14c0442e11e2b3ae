package state

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// record is the State as encoding/json would have it.
type record struct {
	Schema       int               `json:"schema"`
	OCIVersion   string            `json:"ociVersion"`
	ID           string            `json:"id"`
	Bundle       string            `json:"bundle"`
	Rootfs       string            `json:"rootfs"`
	Phase        string            `json:"phase"`
	Created      string            `json:"created"`
	Owner        string            `json:"owner"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	Pid          int32             `json:"init_process_pid"`
	StartTime    uint64            `json:"init_process_start"`
	CreatorPid   int32             `json:"creator_pid"`
	CreatorStart uint64            `json:"creator_start"`
	CgroupDriver string            `json:"cgroup_driver"`
	Unit         string            `json:"unit"`
	UserUnit     bool              `json:"user_unit,omitempty"`
	Cgroups      []group           `json:"cgroups"`
	Poststart    bool              `json:"poststart,omitempty"`
	Poststop     bool              `json:"poststop,omitempty"`
	StartHooks   bool              `json:"start_hooks,omitempty"`
	Notify       bool              `json:"notify,omitempty"`
	OwnPidSpace  bool              `json:"own_pid_namespace,omitempty"`
	Rootless     bool              `json:"rootless,omitempty"`
	NoNewKeyring bool              `json:"no_new_keyring,omitempty"`
	TimeSpace    bool              `json:"time_namespace,omitempty"`
	Keyring      string            `json:"keyring,omitempty"`
	PidFile      string            `json:"pid_file,omitempty"`
	RdtClass     string            `json:"rdt_class,omitempty"`
	RdtMonitor   string            `json:"rdt_monitor,omitempty"`
	RdtOwn       bool              `json:"rdt_own,omitempty"`
	Dir          string            `json:"directory"`
	ConfigSum    string            `json:"config_sum"`
	Marked       bool              `json:"marked,omitempty"`
}

type group struct {
	Name string `json:"name"`
	Path string `json:"path"`
	V2   bool   `json:"v2,omitempty"`
}

// fill puts fuzzed values into every field of a record, whatever its kind.
func (r *record) fill(text string, number int32, ticks uint64, bits uint32, list []group, m map[string]string) {
	v := reflect.ValueOf(r).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.String:
			if bits>>i&1 != 0 {
				f.SetString(text + f.String())
			}
		case reflect.Bool:
			f.SetBool(bits>>i&1 != 0)
		case reflect.Uint64:
			f.SetUint(ticks ^ uint64(i))
		case reflect.Int32:
			f.SetInt(int64(number ^ int32(i)))
		}
	}
	r.Schema, r.ID, r.Cgroups, r.Annotations = Schema, "a"+text, list, m
}

// A field of State without one of record would be compared by nobody.
func TestRecord_complete(t *testing.T) {
	if s, r := reflect.TypeFor[State]().NumField()-1, reflect.TypeFor[record]().NumField(); s != r {
		t.Errorf("%d fields, %d in record", s, r)
	}
	if s, r := reflect.TypeFor[Cgroup]().NumField(), reflect.TypeFor[group]().NumField(); s != r {
		t.Errorf("%d fields, %d in group", s, r)
	}
}

func fromRecord(r record) *State {
	s := &State{}
	from, to := reflect.ValueOf(r), reflect.ValueOf(s).Elem()
	for i := range from.NumField() {
		f, t := from.Field(i), to.FieldByName(from.Type().Field(i).Name)
		switch f.Kind() {
		case reflect.Slice:
			for _, g := range r.Cgroups {
				s.Cgroups = append(s.Cgroups, Cgroup(g))
			}
		default:
			t.Set(f.Convert(t.Type()))
		}
	}
	return s
}

// What Append writes, encoding/json reads as it reads its own; what
// encoding/json writes, Parse reads as it reads Append's.
func FuzzState_encodingJSON(f *testing.F) {
	f.Add("web", int32(7), uint64(12345), ^uint32(0), "memory", "/sys/fs/cgroup/x")
	f.Add("\"\\\x00\x1f\x7f\u2028é\xff<>&😀\ud7ff", int32(-1<<31), ^uint64(0), uint32(0x5555), "", "\n")
	f.Add("", int32(0), uint64(0), uint32(0), "", "")
	f.Fuzz(func(t *testing.T, text string, number int32, ticks uint64, bits uint32, key, value string) {
		list := []group{{key, value, bits&1 != 0}, {Name: text}, {value, key, bits&2 != 0}}[:bits%4]
		var m map[string]string
		if bits&64 != 0 {
			m = map[string]string{key: value, text: key}
		}
		var r record
		r.fill(text, number, ticks, bits, list, m)
		ours := fromRecord(r).Append(nil)
		theirs, err := json.MarshalIndent(r, " ", "\t")
		if err != nil {
			t.Fatal(err)
		}
		var fromOurs, fromTheirs record
		if err := json.Unmarshal(ours, &fromOurs); err != nil {
			t.Fatalf("%v in %q", err, ours)
		}
		if err := json.Unmarshal(theirs, &fromTheirs); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(fromOurs, fromTheirs) {
			t.Errorf("Append writes %q\nencoding/json %q", ours, theirs)
		}
		a, err := Parse("ours", ours)
		if err != nil {
			t.Fatal(err)
		}
		b, err := parse(theirs) // without the checksum, which is of Append's bytes
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a, b) || !reflect.DeepEqual(a, fromRecord(fromTheirs)) {
			t.Errorf("Parse reads %+v\nand %+v\nof %+v", a, b, fromTheirs)
		}
	})
}

// Of any text, Parse reads what encoding/json reads, or both refuse it.
func FuzzParse_encodingJSON(f *testing.F) {
	f.Add(full().Append(nil))
	f.Add([]byte(`{"schema":1,"id":"a","cgroups":[{"v2":true},null],"cgroups":[{}],"annotations":{"a":null}}`))
	f.Add([]byte(`{"schema":1,"id":"a","creator_pid":1e3}`))
	f.Add([]byte(`{"schema":"x","schema":1,"id":"a"}`))
	f.Add([]byte(`{"schema":1,"ID":"a","id":null,"rootless":true,"rootless":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := parse(raw)
		switch {
		case s.Schema > Schema || s.Schema < 1 || s.ID == "":
			err = ErrUnreadable // of Parse
		}
		s.summed = false
		r, ok := exactly(raw)
		valid := ok && r.Schema > 0 && r.Schema <= Schema && r.ID != ""
		if err != nil && valid && json.Unmarshal(raw, new(record)) != nil {
			return // a member was there twice, wrong at first: Parse does not forgive it either
		}
		if (err == nil) != valid {
			t.Fatalf("Parse: %v; encoding/json: %v, %+v", err, ok, r)
		}
		if err != nil {
			return
		}
		if want := fromRecord(r); !reflect.DeepEqual(s, want) {
			t.Errorf("%+v\nwant %+v", s, want)
		}
	})
}

// exactly is json.Unmarshal into a record, but for two of its habits that
// nobody wants here: it takes names for each other that differ in case, and
// merges two members of one name.
func exactly(raw []byte) (r record, ok bool) {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return r, false
	}
	v := reflect.ValueOf(&r).Elem()
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		m, there := members[name]
		if !there {
			continue
		}
		if name == "cgroups" {
			var list []map[string]json.RawMessage
			if json.Unmarshal(m, &list) != nil {
				return r, false
			}
			for _, g := range list {
				var got group
				for name, to := range map[string]any{"name": &got.Name, "path": &got.Path, "v2": &got.V2} {
					if m, there := g[name]; there && json.Unmarshal(m, to) != nil {
						return r, false
					}
				}
				r.Cgroups = append(r.Cgroups, got)
			}
			continue
		}
		if json.Unmarshal(m, v.Field(i).Addr().Interface()) != nil {
			return r, false
		}
	}
	return r, true
}
