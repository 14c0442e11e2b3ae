package property

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
)

func values(list []plan.UnitProperty) map[string]any {
	m := map[string]any{}
	for _, p := range list {
		m[p.Name] = p.Value
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
		list   []DeviceAllow
	}{
		{"one", []plan.DeviceRule{rule(true, 'c', 1, 3, plan.DeviceAll)}, "strict", []DeviceAllow{{"/dev/char/1:3", "rwm"}}},
		{"a denied one stays, and the program denies it", []plan.DeviceRule{rule(true, 'b', 8, 0, plan.DeviceRead), rule(false, 'b', 8, 0, plan.DeviceRead)}, "strict", []DeviceAllow{{"/dev/block/8:0", "r"}}},
		{"a group with a name", []plan.DeviceRule{rule(true, 'c', 136, any, plan.DeviceAll)}, "strict", []DeviceAllow{{"char-pts", "rwm"}}},
		{"a group without one", []plan.DeviceRule{rule(true, 'c', 77, any, plan.DeviceAll)}, "auto", []DeviceAllow{}},
		{"a kind", []plan.DeviceRule{rule(true, 'b', any, any, plan.DeviceMknod)}, "strict", []DeviceAllow{{"block-*", "m"}}},
		{"everything", []plan.DeviceRule{{Allow: true, Type: 'a'}}, "auto", []DeviceAllow{}},
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

// Limits of the config come last, and no property of an annotation stands beside one that it
// would take the place of.
func TestMerge(t *testing.T) {
	var own []plan.UnitProperty
	for _, name := range []string{"CPUWeight", "CollectMode", "MemoryHigh", "MemoryMax", "TasksMax"} {
		own = append(own, plan.UnitProperty{Name: name, Value: uint64(7)})
	}
	for _, c := range []struct {
		files          []string
		list, replaced string
	}{
		{nil, "CPUWeight CollectMode MemoryHigh MemoryMax TasksMax", ""},
		{[]string{"memory.max", "pids.max"}, "CPUWeight CollectMode MemoryHigh MemoryMax TasksMax", "MemoryMax TasksMax"},
		{[]string{"memory.limit_in_bytes", "cpu.shares"}, "CollectMode TasksMax MemoryLimit CPUShares", "CPUWeight MemoryHigh MemoryMax"},
	} {
		var writes []limit.Write
		for _, f := range c.files {
			writes = append(writes, limit.Write{File: f, Value: "5"})
		}
		list, replaced := Merge(own, Limits(writes, 252))
		var names []string
		for _, p := range list {
			names = append(names, p.Name)
		}
		if got := strings.Join(names, " "); got != c.list || strings.Join(replaced, " ") != c.replaced {
			t.Errorf("%v: %s, replaced %v; want %s, %s", c.files, got, replaced, c.list, c.replaced)
		}
	}
}
