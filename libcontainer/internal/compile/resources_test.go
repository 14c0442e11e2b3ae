package compile

import (
	"reflect"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
)

func num[T any](v T) *T { return &v }

func TestResources_devices(t *testing.T) {
	const any = plan.AnyDevice
	for _, c := range []struct {
		name  string
		rules []specs.LinuxDeviceCgroup
		want  []plan.DeviceRule // before the runtime's own
	}{
		{"none", nil, nil},
		{"deny all, as engines begin", []specs.LinuxDeviceCgroup{{Access: "rwm"}}, nil},
		{"deny all in words", []specs.LinuxDeviceCgroup{{Type: "a", Major: num[int64](-1), Minor: num[int64](-1)}}, nil},
		{"what is before a rule for all does not count", []specs.LinuxDeviceCgroup{
			{Allow: true, Type: "c", Major: num[int64](10), Minor: num[int64](200), Access: "rw"}, {Allow: false, Type: "a"},
		}, nil},
		{"allow all", []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}, []plan.DeviceRule{{Allow: true, Type: 'a', Major: any, Minor: any, Access: plan.DeviceAll}}},
		{"both types, of those numbers alone", []specs.LinuxDeviceCgroup{
			{Allow: true, Type: "c", Major: num[int64](10), Minor: num[int64](229), Access: "rw"},
			{Allow: true, Type: "a", Major: num[int64](7), Access: "rw"}, {Allow: false, Minor: num[int64](3)}, {Allow: true, Access: "m"},
		}, []plan.DeviceRule{
			{Allow: true, Type: 'c', Major: 10, Minor: 229, Access: plan.DeviceRead | plan.DeviceWrite},
			{Allow: true, Type: 'c', Major: 7, Minor: any, Access: plan.DeviceRead | plan.DeviceWrite},
			{Allow: true, Type: 'b', Major: 7, Minor: any, Access: plan.DeviceRead | plan.DeviceWrite},
			{Type: 'c', Major: any, Minor: 3, Access: plan.DeviceAll}, {Type: 'b', Major: any, Minor: 3, Access: plan.DeviceAll},
			{Allow: true, Type: 'c', Major: any, Minor: any, Access: plan.DeviceMknod}, {Allow: true, Type: 'b', Major: any, Minor: any, Access: plan.DeviceMknod},
		}},
		{"order is kept", []specs.LinuxDeviceCgroup{
			{Allow: true, Type: "c", Major: num[int64](10), Minor: num[int64](229), Access: "rw"},
			{Allow: true, Type: "b", Major: num[int64](8), Access: "r"},
			{Allow: false, Type: "b", Major: num[int64](8), Minor: num[int64](1), Access: "r"},
		}, []plan.DeviceRule{
			{Allow: true, Type: 'c', Major: 10, Minor: 229, Access: plan.DeviceRead | plan.DeviceWrite},
			{Allow: true, Type: 'b', Major: 8, Minor: any, Access: plan.DeviceRead},
			{Allow: false, Type: 'b', Major: 8, Minor: 1, Access: plan.DeviceRead},
		}},
		{"no access stands for every access", []specs.LinuxDeviceCgroup{{Allow: true, Type: "c", Major: num[int64](-1), Minor: num[int64](7)}}, []plan.DeviceRule{
			{Allow: true, Type: 'c', Major: any, Minor: 7, Access: plan.DeviceAll},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := deviceRules(c.rules)
			if err != nil {
				t.Fatal(err)
			}
			own := r.Rules[:len(r.Rules)-r.Defaults]
			if len(own) != len(c.want) || len(own) > 0 && !reflect.DeepEqual(own, c.want) {
				t.Errorf("got %v, want %v", own, c.want)
			}
			if !reflect.DeepEqual(r.Rules[len(own):], runtimeDevices[:]) {
				t.Errorf("the runtime's own rules: %v", r.Rules[len(own):])
			}
		})
	}
}

func TestResources_refused(t *testing.T) {
	for _, c := range []struct {
		name string
		in   specs.LinuxResources
		want string
	}{
		{"type", specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{}, {Type: "p"}}}, "linux.resources.devices[1]"},
		{"access", specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Access: "x"}}}, "linux.resources.devices[0]"},
		{"major", specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Major: num[int64](-2)}}}, "major"},
		{"minor", specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Minor: num[int64](1 << 32)}}}, "minor"},
		{"a page size that leads out of the group", specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "../x"}}}, "linux.resources.hugepageLimits[0].pageSize"},
		{"a unified file that leads out of the group", specs.LinuxResources{Unified: map[string]string{"../memory.max": "1"}}, "linux.resources.unified"},
		{"a unified file of no controller", specs.LinuxResources{Unified: map[string]string{"tasks": "1"}}, "linux.resources.unified"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, dirs := range [][]CgroupDir{nil, onV2} {
				if _, err := CreatedControls(&c.in, dirs, false); err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want an error with %q", err, c.want)
				}
			}
			if err := sound(&c.in); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("without cgroups: got %v, want an error with %q", err, c.want)
			}
		})
	}
}

var onV2 = []CgroupDir{{V2: true, Own: true, Dir: "/sys/fs/cgroup/x"}}

var onV1 = []CgroupDir{
	{Name: "cpu,cpuacct", Controllers: []string{"cpu", "cpuacct"}, Own: true}, {Name: "memory", Controllers: []string{"memory"}, Own: true},
	{Name: "blkio", Controllers: []string{"blkio"}, Own: true}, {Name: "pids", Controllers: []string{"pids"}, Own: true},
	{Name: "unified", V2: true, Own: true},
	{Name: "cpuset", Controllers: []string{"cpuset"}}, // the runtime's own group: none was made for the container
}

// An update says nothing of what is not there; no list of devices is none either.
func TestUpdatedControls_leavesOut(t *testing.T) {
	for name, in := range map[string]*specs.LinuxResources{
		"nothing": {}, "no rules for devices": {Devices: []specs.LinuxDeviceCgroup{}},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := UpdatedControls(in, onV2, true, 0)
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Early)+len(r.Late) != 0 || r.Devices != nil {
				t.Errorf("got %+v, want nothing", r)
			}
		})
	}
}

// Every field arrives where its controller is; maps come out in one order.
func TestControls_all(t *testing.T) {
	device := func(minor int64) specs.LinuxBlockIODevice { return specs.LinuxBlockIODevice{Major: 8, Minor: minor} }
	in := specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: num[int64](3000), Reservation: num[int64](2000), Swap: num[int64](5000)},
		CPU: &specs.LinuxCPU{
			Shares: num[uint64](1024), Quota: num[int64](2000), Burst: num[uint64](3), Period: num[uint64](4000), Cpus: "0", Mems: "1",
		},
		Pids: &specs.LinuxPids{Limit: num[int64](0)},
		BlockIO: &specs.LinuxBlockIO{
			Weight:                  num[uint16](10),
			WeightDevice:            []specs.LinuxWeightDevice{{LinuxBlockIODevice: device(1), Weight: num[uint16](12)}},
			ThrottleReadBpsDevice:   []specs.LinuxThrottleDevice{{LinuxBlockIODevice: device(2), Rate: 1}},
			ThrottleWriteBpsDevice:  []specs.LinuxThrottleDevice{{LinuxBlockIODevice: device(3), Rate: 2}},
			ThrottleReadIOPSDevice:  []specs.LinuxThrottleDevice{{LinuxBlockIODevice: device(4), Rate: 3}},
			ThrottleWriteIOPSDevice: []specs.LinuxThrottleDevice{{LinuxBlockIODevice: device(5), Rate: 4}},
		},
		HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 1}},
		Rdma:           map[string]specs.LinuxRdma{"mlx5_1": {HcaHandles: num[uint32](1)}, "mlx5_0": {HcaObjects: num[uint32](2)}},
	}
	v1Only := in
	v1Only.Network = &specs.LinuxNetwork{ClassID: num[uint32](7), Priorities: []specs.LinuxInterfacePriority{{Name: "lo", Priority: 8}}}
	v2Only := in
	v2Only.Unified = map[string]string{"memory.high": "1", "cpu.weight": "2", "pids.max": "5"}
	for _, c := range []struct {
		name        string
		in          specs.LinuxResources
		dirs        []CgroupDir
		unit        bool
		early, late string
	}{
		{"v2", v2Only, onV2, false, `cpuset.cpus=0
cpuset.mems=1
cpu.weight=100
cpu.max=2000 4000
cpu.max.burst=3
memory.swap.max=2000
memory.max=3000
memory.low=2000
io.bfq.weight=10
io.bfq.weight=8:1 12
io.max=8:2 rbps=1
io.max=8:3 wbps=2
io.max=8:4 riops=3
io.max=8:5 wiops=4
hugetlb.2MB.max=1
hugetlb.2MB.rsvd.max=1
rdma.max=mlx5_0 hca_object=2
rdma.max=mlx5_1 hca_handle=1
cpu.weight=2
memory.high=1
`, "pids.max=1\npids.max=5\n"},
		{"a unit has a quota that systemd knows", specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: num[int64](12345), Period: num[uint64](100000)}}, onV2, true, "cpu.max=13000 100000\n", ""},
		{"v1", v1Only, onV1, false, `unified/cpuset.cpus=0
unified/cpuset.mems=1
cpu,cpuacct/cpu.shares=1024
cpu,cpuacct/cpu.cfs_period_us=4000
cpu,cpuacct/cpu.cfs_quota_us=2000
cpu,cpuacct/cpu.cfs_burst_us=3
memory/memory.limit_in_bytes=3000
memory/memory.memsw.limit_in_bytes=5000
memory/memory.soft_limit_in_bytes=2000
blkio/blkio.bfq.weight=10
blkio/blkio.bfq.weight_device=8:1 12
blkio/blkio.throttle.read_bps_device=8:2 1
blkio/blkio.throttle.write_bps_device=8:3 2
blkio/blkio.throttle.read_iops_device=8:4 3
blkio/blkio.throttle.write_iops_device=8:5 4
unified/hugetlb.2MB.max=1
unified/hugetlb.2MB.rsvd.max=1
nowhere net_cls.classid=7
nowhere net_prio.ifpriomap=lo 8
unified/rdma.max=mlx5_0 hca_object=2
unified/rdma.max=mlx5_1 hca_handle=1
`, "pids/pids.max=1\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := CreatedControls(&c.in, c.dirs, c.unit)
			if err != nil {
				t.Fatal(err)
			}
			for what, l := range map[string]struct {
				list []limit.Write
				want string
			}{"early": {got.Early, c.early}, "late": {got.Late, c.late}} {
				var b strings.Builder
				for _, w := range l.list {
					if w.Nowhere {
						b.WriteString("nowhere ")
					}
					b.WriteString(w.Path() + "=" + w.Value + "\n")
				}
				if b.String() != l.want {
					t.Errorf("%s: got\n%swant\n%s", what, b.String(), l.want)
				}
			}
		})
	}
}

// What is wrong in several controllers is told at once.
func TestControls_allProblems(t *testing.T) {
	_, err := CreatedControls(&specs.LinuxResources{
		Memory: &specs.LinuxMemory{Swappiness: num[uint64](5)}, CPU: &specs.LinuxCPU{RealtimeRuntime: num[int64](5)}, BlockIO: &specs.LinuxBlockIO{LeafWeight: num[uint16](5)},
	}, onV2, false)
	for _, want := range []string{"linux.resources.memory.swappiness", "linux.resources.cpu.realtimeRuntime", "linux.resources.blockIO"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in %v", want, err)
		}
	}
}
