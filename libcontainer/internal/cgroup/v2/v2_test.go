package v2

import (
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
)

func ptr[T any](v T) *T { return &v }

func lines(list []limit.Write) string {
	var b strings.Builder
	for i := range list {
		for w := &list[i]; w != nil; w = w.Else {
			b.WriteString(w.File + " " + w.Value)
			if w.KeepFirst {
				b.WriteString(" <")
			}
			if w.Optional {
				b.WriteString(" ?")
			}
			if w.Else != nil {
				b.WriteString(" else ")
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestWrites(t *testing.T) {
	memory := func(m specs.LinuxMemory) specs.LinuxResources { return specs.LinuxResources{Memory: &m} }
	cpu := func(c specs.LinuxCPU) specs.LinuxResources { return specs.LinuxResources{CPU: &c} }
	for _, c := range []struct {
		name, controller string
		r                specs.LinuxResources
		want             string
	}{
		{"no memory", "memory", specs.LinuxResources{}, ""},
		{
			"memory", "memory",
			memory(specs.LinuxMemory{Limit: ptr(int64(100)), Swap: ptr(int64(250)), Reservation: ptr(int64(50)), Swappiness: ptr(^uint64(0)), DisableOOMKiller: ptr(false), KernelTCP: ptr(int64(0))}),
			"memory.swap.max 150\nmemory.max 100\nmemory.low 50\n",
		},
		{"no swap", "memory", memory(specs.LinuxMemory{Limit: ptr(int64(100)), Swap: ptr(int64(100))}), "memory.swap.max 0 ?\nmemory.max 100\n"},
		{"swap without limit", "memory", memory(specs.LinuxMemory{Limit: ptr(int64(100)), Swap: ptr(int64(-1))}), "memory.swap.max max ?\nmemory.max 100\n"},
		{"no limits", "memory", memory(specs.LinuxMemory{Limit: ptr(int64(-1))}), "memory.swap.max max ?\nmemory.max max\n"},
		{"swap 0 alone", "memory", memory(specs.LinuxMemory{Swap: ptr(int64(0))}), "memory.swap.max 0 ?\n"},
		{"swap 0 is unset", "memory", memory(specs.LinuxMemory{Limit: ptr(int64(100)), Swap: ptr(int64(0))}), "memory.max 100\n"},
		{
			"cpu", "cpu", cpu(specs.LinuxCPU{Shares: ptr(uint64(1024)), Quota: ptr(int64(5000)), Period: ptr(uint64(10000)), Burst: ptr(uint64(100)), Idle: ptr(int64(0))}),
			"cpu.weight 100\ncpu.idle 0\ncpu.max 5000 10000\ncpu.max.burst 100\n",
		},
		{"quota alone", "cpu", cpu(specs.LinuxCPU{Quota: ptr(int64(5000))}), "cpu.max 5000\n"},
		{"no quota", "cpu", cpu(specs.LinuxCPU{Quota: ptr(int64(-1)), Period: ptr(uint64(5000))}), "cpu.max max 5000\n"},
		{"period alone", "cpu", cpu(specs.LinuxCPU{Period: ptr(uint64(5000))}), "cpu.max 5000 <\n"},
		{"an idle group has no weight", "cpu", cpu(specs.LinuxCPU{Shares: ptr(uint64(1024)), Idle: ptr(int64(1))}), "cpu.idle 1\n"},
		{"cpuset", "cpuset", cpu(specs.LinuxCPU{Cpus: "0-1", Mems: "0"}), "cpuset.cpus 0-1\ncpuset.mems 0\n"},
		{"pids", "pids", specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(20))}}, "pids.max 20\n"},
		{"no pids", "pids", specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(0))}}, "pids.max 1\n"},
		{
			"io", "io",
			specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{
				Weight: ptr(uint16(750)), WeightDevice: []specs.LinuxWeightDevice{{LinuxBlockIODevice: specs.LinuxBlockIODevice{Major: 8, Minor: 0}, Weight: ptr(uint16(10))}},
				ThrottleReadBpsDevice: []specs.LinuxThrottleDevice{{LinuxBlockIODevice: specs.LinuxBlockIODevice{Major: 8, Minor: 0}, Rate: 1024}}, ThrottleWriteBpsDevice: []specs.LinuxThrottleDevice{{LinuxBlockIODevice: specs.LinuxBlockIODevice{Major: 8, Minor: 0}, Rate: 0}},
				ThrottleReadIOPSDevice: []specs.LinuxThrottleDevice{{LinuxBlockIODevice: specs.LinuxBlockIODevice{Major: 8, Minor: 1}, Rate: 10}}, ThrottleWriteIOPSDevice: []specs.LinuxThrottleDevice{{LinuxBlockIODevice: specs.LinuxBlockIODevice{Major: 8, Minor: 1}, Rate: 11}},
			}},
			"io.bfq.weight 750 else io.weight 7475\nio.bfq.weight 8:0 10 else io.weight 8:0 1\nio.max 8:0 rbps=1024\nio.max 8:0 wbps=max\nio.max 8:1 riops=10\nio.max 8:1 wiops=11\n",
		},
		{
			"huge pages", "hugetlb", specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 4 << 20}}},
			"hugetlb.2MB.max 4194304\nhugetlb.2MB.rsvd.max 4194304 ?\n",
		},
		{"rdma", "rdma", specs.LinuxResources{Rdma: map[string]specs.LinuxRdma{"mlx4_0": {HcaHandles: ptr(uint32(3))}}}, "rdma.max mlx4_0 hca_handle=3\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			list, err := Writes(c.controller, &c.r)
			if err != nil {
				t.Fatal(err)
			}
			if got := lines(list); got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
			for _, w := range list {
				if w.Controller != c.controller || !strings.HasPrefix(w.Origin, "linux.resources.") {
					t.Errorf("%s: of %q, from %q", w.File, w.Controller, w.Origin)
				}
			}
		})
	}
}

func TestWrites_refused(t *testing.T) {
	for _, c := range []struct {
		name, controller string
		r                specs.LinuxResources
		want             string
	}{
		{"swap below memory", "memory", specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(100)), Swap: ptr(int64(50))}}, "linux.resources.memory.swap: 50 is memory and swap together"},
		{"swap without memory", "memory", specs.LinuxResources{Memory: &specs.LinuxMemory{Swap: ptr(int64(50))}}, "linux.resources.memory.swap: 50: a limit"},
		{"swappiness", "memory", specs.LinuxResources{Memory: &specs.LinuxMemory{Swappiness: ptr(uint64(0))}}, "linux.resources.memory.swappiness: cgroup v2 has no such"},
		{"no OOM killer", "memory", specs.LinuxResources{Memory: &specs.LinuxMemory{DisableOOMKiller: ptr(true)}}, "linux.resources.memory.disableOOMKiller: "},
		{"TCP buffers", "memory", specs.LinuxResources{Memory: &specs.LinuxMemory{KernelTCP: ptr(int64(1))}}, "linux.resources.memory.kernelTCP: "},
		{"leaf weight", "io", specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{LeafWeight: ptr(uint16(10))}}, "linux.resources.blockIO: cgroup v2 has no leafWeight"},
		{"leaf weight of a device", "io", specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{WeightDevice: []specs.LinuxWeightDevice{{LeafWeight: ptr(uint16(10))}}}}, "linux.resources.blockIO: cgroup v2 has no leafWeight"},
		{"realtime", "cpu", specs.LinuxResources{CPU: &specs.LinuxCPU{RealtimeRuntime: ptr(int64(50))}}, "no limits of realtime"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Writes(c.controller, &c.r); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestWeight(t *testing.T) {
	for shares, want := range map[uint64]uint64{0: 0, 1: 1, 2: 1, 100: 17, 200: 29, 1024: 100, 262144: 10000, 262145: 10000} {
		if got := Weight(shares); got != want {
			t.Errorf("%d: %d, want %d", shares, got, want)
		}
	}
	last := uint64(0)
	for s := uint64(2); s <= 1<<18; s++ {
		w := Weight(s)
		if w < last || w < 1 || w > 10000 {
			t.Fatalf("%d: %d after %d", s, w, last)
		}
		last = w
	}
}

func TestUnified(t *testing.T) {
	files := map[string]string{"io.max": "8:0 rbps=1\n8:16 wiops=max\n\n", "memory.high": "100", "pids.max": "7"}
	if got := lines(Unified(files, false)); got != "io.max 8:0 rbps=1\nio.max 8:16 wiops=max\nmemory.high 100\n" {
		t.Errorf("early: %s", got)
	}
	late := Unified(files, true)
	if got := lines(late); got != "pids.max 7\n" || late[0].Controller != "pids" || late[0].Origin != `linux.resources.unified["pids.max"]` {
		t.Errorf("late: %s, %+v", got, late)
	}
}

func TestUsageError(t *testing.T) {
	m := specs.LinuxMemory{Limit: ptr(int64(100)), Swap: ptr(int64(150)), CheckBeforeUpdate: ptr(true)}
	for _, c := range []struct {
		name         string
		memory, swap uint64
		want         string
	}{
		{"fits", 100, 50, ""}, {"memory", 101, 0, "rejecting memory limit 100 < usage 101"}, {"swap", 100, 51, "rejecting memory+swap limit 150 < usage 151"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := UsageError(&m, c.memory, c.swap)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	m.CheckBeforeUpdate = nil
	if err := UsageError(&m, 1000, 0); err != nil {
		t.Errorf("not asked for: %v", err)
	}
}
