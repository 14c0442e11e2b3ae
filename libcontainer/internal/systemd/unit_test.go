package systemd

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
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

func values(list []Property) map[string]any {
	m := map[string]any{}
	for _, p := range list {
		m[p.Name] = p.Value.Value()
	}
	return m
}

func TestLimits(t *testing.T) {
	w := func(file, value string) limit.Write { return limit.Write{File: file, Value: value} }
	const none = uint64(math.MaxUint64)
	for _, c := range []struct {
		name    string
		version int
		writes  []limit.Write
		want    map[string]any
	}{
		{"memory", 252, []limit.Write{w("memory.max", "1000"), w("memory.low", "500"), w("memory.swap.max", "max"), w("memory.high", "7"), w("memory.min", "6")},
			map[string]any{"MemoryMax": uint64(1000), "MemoryLow": uint64(500), "MemorySwapMax": none, "MemoryHigh": uint64(7), "MemoryMin": uint64(6)}},
		{"quota and period", 252, []limit.Write{w("cpu.max", "12345 100000")}, map[string]any{"CPUQuotaPerSecUSec": uint64(130000), "CPUQuotaPeriodUSec": uint64(100000)}},
		{"quota alone", 252, []limit.Write{w("cpu.max", "50000")}, map[string]any{"CPUQuotaPerSecUSec": uint64(500000)}},
		{"no quota", 252, []limit.Write{w("cpu.max", "max")}, map[string]any{"CPUQuotaPerSecUSec": none}},
		{"period alone", 252, []limit.Write{{File: "cpu.max", Value: "5000", KeepFirst: true}}, map[string]any{"CPUQuotaPeriodUSec": uint64(5000)}},
		{"period before 242", 241, []limit.Write{w("cpu.max", "5000 10000")}, map[string]any{"CPUQuotaPerSecUSec": uint64(500000)}},
		{"v1 quota", 252, []limit.Write{w("cpu.cfs_period_us", "10000"), w("cpu.cfs_quota_us", "-1"), w("cpu.shares", "512")},
			map[string]any{"CPUQuotaPerSecUSec": none, "CPUQuotaPeriodUSec": uint64(10000), "CPUShares": uint64(512)}},
		{"weights", 252, []limit.Write{w("cpu.weight", "39"), w("io.weight", "default 7475")}, map[string]any{"CPUWeight": uint64(39), "IOWeight": uint64(7475)}},
		{"idle", 252, []limit.Write{w("cpu.idle", "1")}, map[string]any{"CPUWeight": uint64(0)}},
		{"idle before 252", 251, []limit.Write{w("cpu.idle", "1")}, map[string]any{}},
		{"cpuset", 252, []limit.Write{w("cpuset.cpus", "0-1,9"), w("cpuset.mems", "0")}, map[string]any{"AllowedCPUs": []byte{3, 2}, "AllowedMemoryNodes": []byte{1}}},
		{"cpuset before 244", 243, []limit.Write{w("cpuset.cpus", "0")}, map[string]any{}},
		{"pids", 252, []limit.Write{w("pids.max", "33")}, map[string]any{"TasksMax": uint64(33)}},
		{"no property", 252, []limit.Write{w("hugetlb.2MB.max", "1"), w("io.max", "8:0 rbps=1")}, map[string]any{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := values(Limits(c.writes, c.version)); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestRound(t *testing.T) {
	for _, c := range []struct{ name, file, value, want string }{
		{"up to a step", "cpu.max", "12345 100000", "13000 100000"},
		{"exact", "cpu.max", "50000 100000", "50000 100000"},
		{"another period", "cpu.max", "3001 10000", "3100 10000"},
		{"the kernel's period", "cpu.max", "12345", "13000"},
		{"none", "cpu.max", "max 100000", "max 100000"},
		{"v1", "cpu.cfs_quota_us", "12345", "13000"},
		{"v1 none", "cpu.cfs_quota_us", "-1", "-1"},
		{"others", "memory.max", "12345", "12345"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := []limit.Write{{File: c.file, Value: c.value}}
			if got := Round(in); got[0].Value != c.want {
				t.Errorf("%s, want %s", got[0].Value, c.want)
			}
			if in[0].Value != c.value {
				t.Error("the caller's list is changed")
			}
		})
	}
	got := Round([]limit.Write{{File: "cpu.cfs_quota_us", Value: "3001"}, {File: "cpu.cfs_period_us", Value: "10000"}})
	if got[0].Value != "3100" {
		t.Errorf("v1 with a period: %s", got[0].Value)
	}
}

func TestDevices(t *testing.T) {
	name := func(block bool, major int64) string {
		if !block && major == 136 {
			return "pts"
		}
		return ""
	}
	rule := func(allow bool, kind byte, major, minor int64, access plan.DeviceAccess) plan.DeviceRule {
		return plan.DeviceRule{Allow: allow, Type: kind, Major: major, Minor: minor, Access: access}
	}
	any := int64(plan.AnyDevice)
	for _, c := range []struct {
		name   string
		rules  []plan.DeviceRule
		policy string
		list   []deviceAllow
	}{
		{"one", []plan.DeviceRule{rule(true, 'c', 1, 3, plan.DeviceAll)}, "strict", []deviceAllow{{"/dev/char/1:3", "rwm"}}},
		{"a denied one stays, and the program denies it", []plan.DeviceRule{rule(true, 'b', 8, 0, plan.DeviceRead), rule(false, 'b', 8, 0, plan.DeviceRead)}, "strict", []deviceAllow{{"/dev/block/8:0", "r"}}},
		{"a group with a name", []plan.DeviceRule{rule(true, 'c', 136, any, plan.DeviceAll)}, "strict", []deviceAllow{{"char-pts", "rwm"}}},
		{"a group without one", []plan.DeviceRule{rule(true, 'c', 77, any, plan.DeviceAll)}, "auto", []deviceAllow{}},
		{"a kind", []plan.DeviceRule{rule(true, 'b', any, any, plan.DeviceMknod)}, "strict", []deviceAllow{{"block-*", "m"}}},
		{"everything", []plan.DeviceRule{{Allow: true, Type: 'a'}}, "auto", []deviceAllow{}},
		{"nothing", []plan.DeviceRule{{Type: 'a'}}, "strict", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := values(Devices(c.rules, name))
			if got["DevicePolicy"] != c.policy || !reflect.DeepEqual(got["DeviceAllow"], c.list) {
				t.Errorf("%v, want %s %v", got, c.policy, c.list)
			}
		})
	}
	if got := Devices(nil, name); got != nil {
		t.Errorf("no rules at all: %v", got)
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
