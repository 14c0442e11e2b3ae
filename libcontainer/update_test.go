package libcontainer

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup"
	"github.com/rung-oci/rung/libcontainer/internal/spec"
)

func encoded(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func ref[T any](v T) *T { return &v }

func TestUpdateOptions_resources(t *testing.T) {
	for _, c := range []struct {
		name string
		o    UpdateOptions
		want string
	}{
		{"nothing", UpdateOptions{}, `{}`},
		{"names in another case", UpdateOptions{Resources: []byte(`{"CPU":{"Cpus":"1","SHARES":20},"PIDS":{"Limit":7}}`)}, `{"cpu":{"shares":20,"cpus":"1"},"pids":{"limit":7}}`},
		{
			"options override", UpdateOptions{Resources: []byte(`{"cpu":{"shares":20,"burst":5},"memory":{"limit":1048576}}`), CPUShares: ref(uint64(30)), PidsLimit: ref(int64(0))},
			`{"memory":{"limit":1048576},"cpu":{"shares":30,"burst":5},"pids":{"limit":1}}`,
		},
		{"0 is not nothing", UpdateOptions{CPUBurst: ref(uint64(0)), CPUIdle: ref(int64(0))}, `{"cpu":{"burst":0,"idle":0}}`},
		{
			"all", UpdateOptions{
				Memory: ref(int64(1)), MemoryReservation: ref(int64(2)), MemorySwap: ref(int64(3)), KernelMemoryTCP: ref(int64(4)),
				CPUPeriod: ref(uint64(1000)), CPUQuota: ref(int64(1000)), CPURealtimePeriod: ref(uint64(7)), CPURealtimeRuntime: ref(int64(6)),
				CpusetCpus: "0", CpusetMems: "1", BlkioWeight: ref(uint16(100)),
			},
			`{"memory":{"limit":1,"reservation":2,"swap":3,"kernelTCP":4},"cpu":{"quota":1000,"period":1000,"realtimeRuntime":6,"realtimePeriod":7,"cpus":"0","mems":"1"},"blockIO":{"weight":100}}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := c.o.resources()
			if err != nil {
				t.Fatal(err)
			}
			if got := encoded(t, r); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	for want, o := range map[string]UpdateOptions{
		"cpu.idle": {CPUIdle: ref(int64(2))}, "cpu.period": {CPUPeriod: ref(uint64(1))}, "line 1": {Resources: []byte(`{"cpu":`)}, "column": {Resources: []byte{}},
	} {
		if _, err := o.resources(); !errors.Is(err, ErrInvalidConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	var warned []string
	o := UpdateOptions{Resources: []byte(`{"cpus":1}`), KernelMemory: ref(int64(1)), Warn: func(s string) { warned = append(warned, s) }}
	if _, err := o.resources(); err != nil || len(warned) != 2 {
		t.Errorf("%v, %q", err, warned)
	}
}

// The container's config says what is in force.
func TestMerge(t *testing.T) {
	for _, c := range []struct{ name, before, update, want string }{
		{"into nothing", `{}`, `{"memory":{"limit":5},"pids":{"limit":1},"unified":{"a.b":"1"},"rdma":{"x":{"hcaHandles":1}}}`, `{"memory":{"limit":5},"pids":{"limit":1},"rdma":{"x":{"hcaHandles":1}},"unified":{"a.b":"1"}}`},
		{"what is not given stays", `{"cpu":{"shares":7,"cpus":"0"},"pids":{"limit":1}}`, `{"cpu":{"cpus":"1"}}`, `{"cpu":{"shares":7,"cpus":"1"},"pids":{"limit":1}}`},
		{"0 is unset", `{"cpu":{"shares":7,"quota":5},"memory":{"limit":8}}`, `{"cpu":{"shares":0,"quota":0,"burst":0},"memory":{"limit":0}}`, `{"memory":{"limit":8},"cpu":{"shares":7,"quota":5,"burst":0}}`},
		{"no limit lifts swap", `{"memory":{"limit":8,"swap":9}}`, `{"memory":{"limit":-1}}`, `{"memory":{"limit":-1,"swap":-1}}`},
		{"no limit with one of both", `{"memory":{"limit":8,"swap":9}}`, `{"memory":{"limit":-1,"swap":70}}`, `{"memory":{"limit":-1,"swap":70}}`},
		{
			"devices one by one", `{"blockIO":{"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":1},{"major":8,"minor":1,"rate":2}]},"hugepageLimits":[{"pageSize":"2MB","limit":1}]}`,
			`{"blockIO":{"weight":100,"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":3}]},"hugepageLimits":[{"pageSize":"2MB","limit":2},{"pageSize":"1GB","limit":0}]}`,
			`{"blockIO":{"weight":100,"throttleReadBpsDevice":[{"major":8,"minor":1,"rate":2},{"major":8,"minor":0,"rate":3}]},"hugepageLimits":[{"pageSize":"2MB","limit":2},{"pageSize":"1GB","limit":0}]}`,
		},
		{"rules are the whole new ones", `{"devices":[{"allow":false}]}`, `{"devices":[{"allow":true}]}`, `{"devices":[{"allow":true}]}`},
		{"no rules are none new", `{"devices":[{"allow":false}]}`, `{"devices":[]}`, `{"devices":[{"allow":false}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			to, from := parseResources(t, c.before), parseResources(t, c.update)
			merge(to, from)
			if got := encoded(t, to); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func parseResources(t *testing.T, text string) *specs.LinuxResources {
	t.Helper()
	r, _, err := spec.ParseResources([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Engines send along the rules that the container has.
func TestUpdated_devices(t *testing.T) {
	old := parseResources(t, `{"devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":1,"minor":3,"access":"rwm"}]}`)
	for name, c := range map[string]struct {
		update string
		set    bool
	}{
		"none":     {`{}`, false},
		"no rules": {`{"devices":[]}`, false},
		"the same": {`{"devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":1,"minor":3,"access":"rwm"}]}`, false},
		"others":   {`{"devices":[{"allow":false,"access":"rwm"}]}`, true},
	} {
		p, _, err := updated(old, parseResources(t, c.update), cgroup.Open(nil))
		if err != nil || (p.Devices != nil) != c.set {
			t.Errorf("%s: %v, %v", name, p.Devices, err)
		}
	}
}
