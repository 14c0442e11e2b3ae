package v1

import (
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
)

func ptr[T any](v T) *T { return &v }

func lines(list []limit.Write) string {
	var b strings.Builder
	for _, w := range list {
		b.WriteString(w.File + " " + w.Value)
		if w.Optional {
			b.WriteString(" ?")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestWrites(t *testing.T) {
	for _, c := range []struct {
		name, controller string
		r                specs.LinuxResources
		want             string
	}{
		{"no memory", "memory", specs.LinuxResources{}, ""},
		{
			"memory", "memory",
			specs.LinuxResources{Memory: &specs.LinuxMemory{
				Limit: ptr(int64(100)), Swap: ptr(int64(200)), Reservation: ptr(int64(50)), Swappiness: ptr(uint64(0)), DisableOOMKiller: ptr(true),
			}},
			"memory.limit_in_bytes 100\nmemory.memsw.limit_in_bytes 200\nmemory.soft_limit_in_bytes 50\nmemory.oom_control 1\nmemory.swappiness 0\n",
		},
		{
			"no limit of memory is none of swap", "memory", specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(-1))}},
			"memory.limit_in_bytes -1\nmemory.memsw.limit_in_bytes -1 ?\n",
		},
		{
			"zeros are unset", "memory",
			specs.LinuxResources{Memory: &specs.LinuxMemory{
				Limit: ptr(int64(0)), Swap: ptr(int64(0)), Reservation: ptr(int64(0)), Swappiness: ptr(^uint64(0)), DisableOOMKiller: ptr(false),
			}}, "",
		},
		{
			"cpu", "cpu",
			specs.LinuxResources{CPU: &specs.LinuxCPU{
				Shares: ptr(uint64(1024)), Quota: ptr(int64(-1)), Period: ptr(uint64(100000)), Burst: ptr(uint64(0)),
				RealtimePeriod: ptr(uint64(10000)), RealtimeRuntime: ptr(int64(3000)), Idle: ptr(int64(0)), Cpus: "0",
			}},
			"cpu.shares 1024\ncpu.idle 0\ncpu.cfs_period_us 100000\ncpu.cfs_quota_us -1\ncpu.cfs_burst_us 0\ncpu.rt_period_us 10000\ncpu.rt_runtime_us 3000\n",
		},
		{"an idle group has no shares", "cpu", specs.LinuxResources{CPU: &specs.LinuxCPU{Shares: ptr(uint64(1024)), Idle: ptr(int64(1))}}, "cpu.idle 1\n"},
		{"zeros of cpu", "cpu", specs.LinuxResources{CPU: &specs.LinuxCPU{Shares: ptr(uint64(0)), Quota: ptr(int64(0)), Period: ptr(uint64(0))}}, ""},
		{"cpuset", "cpuset", specs.LinuxResources{CPU: &specs.LinuxCPU{Cpus: "0-1", Mems: "0"}}, "cpuset.cpus 0-1\ncpuset.mems 0\n"},
		{"pids", "pids", specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(20))}}, "pids.max 20\n"},
		{"pids without limit", "pids", specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(-1))}}, "pids.max max\n"},
		{"no pids", "pids", specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(0))}}, "pids.max 1\n"},
		{"pids unset", "pids", specs.LinuxResources{Pids: &specs.LinuxPids{}}, ""},
		{
			"blkio", "blkio",
			specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{
				Weight: ptr(uint16(333)), LeafWeight: ptr(uint16(0)),
				WeightDevice:          []specs.LinuxWeightDevice{{LinuxBlockIODevice: specs.LinuxBlockIODevice{Major: 8, Minor: 0}, Weight: ptr(uint16(444))}, {LinuxBlockIODevice: specs.LinuxBlockIODevice{Major: 8, Minor: 16}}},
				ThrottleReadBpsDevice: []specs.LinuxThrottleDevice{{LinuxBlockIODevice: specs.LinuxBlockIODevice{Major: 8, Minor: 0}, Rate: 1024}}, ThrottleWriteBpsDevice: []specs.LinuxThrottleDevice{{LinuxBlockIODevice: specs.LinuxBlockIODevice{Major: 8, Minor: 0}, Rate: 0}},
				ThrottleReadIOPSDevice: []specs.LinuxThrottleDevice{{LinuxBlockIODevice: specs.LinuxBlockIODevice{Major: 8, Minor: 1}, Rate: 10}}, ThrottleWriteIOPSDevice: []specs.LinuxThrottleDevice{{LinuxBlockIODevice: specs.LinuxBlockIODevice{Major: 8, Minor: 1}, Rate: 11}},
			}},
			"blkio.bfq.weight 333\nblkio.bfq.weight_device 8:0 444\nblkio.throttle.read_bps_device 8:0 1024\nblkio.throttle.write_bps_device 8:0 0\n" +
				"blkio.throttle.read_iops_device 8:1 10\nblkio.throttle.write_iops_device 8:1 11\n",
		},
		{
			"huge pages", "hugetlb", specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 1 << 40}}},
			"hugetlb.2MB.limit_in_bytes 1099511627776\nhugetlb.2MB.rsvd.limit_in_bytes 1099511627776 ?\n",
		},
		{"class", "net_cls", specs.LinuxResources{Network: &specs.LinuxNetwork{ClassID: ptr(uint32(1048577))}}, "net_cls.classid 1048577\n"},
		{
			"priorities", "net_prio", specs.LinuxResources{Network: &specs.LinuxNetwork{Priorities: []specs.LinuxInterfacePriority{{Name: "eth0", Priority: 5}, {Name: "lo", Priority: 0}}}},
			"net_prio.ifpriomap eth0 5\nnet_prio.ifpriomap lo 0\n",
		},
		{
			"rdma", "rdma", specs.LinuxResources{Rdma: map[string]specs.LinuxRdma{"mlx4_0": {HcaHandles: ptr(uint32(3)), HcaObjects: ptr(uint32(10000))}, "x": {}}},
			"rdma.max mlx4_0 hca_handle=3 hca_object=10000\n",
		},
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

func TestWrites_shares(t *testing.T) {
	for shares, want := range map[uint64]string{1: "the minimum allowed cpu-shares is 2", 262145: "the maximum allowed cpu-shares is 262144"} {
		if _, err := Writes("cpu", &specs.LinuxResources{CPU: &specs.LinuxCPU{Shares: &shares}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d: %v", shares, err)
		}
	}
}
