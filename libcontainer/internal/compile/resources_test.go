package compile

import (
	"reflect"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
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
			r, err := resources(&specs.LinuxResources{Devices: c.rules})
			if err != nil {
				t.Fatal(err)
			}
			own := r.Devices[:len(r.Devices)-r.Defaults]
			if len(own) != len(c.want) || len(own) > 0 && !reflect.DeepEqual(own, c.want) {
				t.Errorf("got %v, want %v", own, c.want)
			}
			if !reflect.DeepEqual(r.Devices[len(own):], runtimeDevices[:]) {
				t.Errorf("the runtime's own rules: %v", r.Devices[len(own):])
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
			if _, err := resources(&c.in); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

// An update says nothing of what is not there; no list of devices is none either.
func TestUpdatedResources_leavesOut(t *testing.T) {
	for name, in := range map[string]*specs.LinuxResources{
		"nothing": nil, "empty": {}, "no rules for devices": {Devices: []specs.LinuxDeviceCgroup{}},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := UpdatedResources(in)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(r, &plan.Resources{}) {
				t.Errorf("got %+v, want nothing", r)
			}
		})
	}
}

// Every field arrives; maps come out in one order.
func TestUpdatedResources_all(t *testing.T) {
	in := &specs.LinuxResources{
		Memory: &specs.LinuxMemory{
			Limit: num[int64](1), Reservation: num[int64](2), Swap: num[int64](3), KernelTCP: num[int64](4), Swappiness: num[uint64](5),
			DisableOOMKiller: num(true), CheckBeforeUpdate: num(true),
		},
		CPU: &specs.LinuxCPU{
			Shares: num[uint64](1), Quota: num[int64](2), Burst: num[uint64](3), Period: num[uint64](4), RealtimeRuntime: num[int64](5),
			RealtimePeriod: num[uint64](6), Cpus: "0", Mems: "1", Idle: num[int64](0),
		},
		Pids: &specs.LinuxPids{Limit: num[int64](0)},
		BlockIO: &specs.LinuxBlockIO{
			Weight: num[uint16](10), LeafWeight: num[uint16](11),
			WeightDevice:            []specs.LinuxWeightDevice{{LinuxBlockIODevice: specs.LinuxBlockIODevice{Major: 8, Minor: 1}, Weight: num[uint16](12), LeafWeight: num[uint16](13)}},
			ThrottleReadBpsDevice:   []specs.LinuxThrottleDevice{{LinuxBlockIODevice: specs.LinuxBlockIODevice{Major: 8, Minor: 2}, Rate: 1}},
			ThrottleWriteBpsDevice:  []specs.LinuxThrottleDevice{{LinuxBlockIODevice: specs.LinuxBlockIODevice{Major: 8, Minor: 3}, Rate: 2}},
			ThrottleReadIOPSDevice:  []specs.LinuxThrottleDevice{{LinuxBlockIODevice: specs.LinuxBlockIODevice{Major: 8, Minor: 4}, Rate: 3}},
			ThrottleWriteIOPSDevice: []specs.LinuxThrottleDevice{{LinuxBlockIODevice: specs.LinuxBlockIODevice{Major: 8, Minor: 5}, Rate: 4}},
		},
		HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 1}},
		Network:        &specs.LinuxNetwork{ClassID: num[uint32](7), Priorities: []specs.LinuxInterfacePriority{{Name: "lo", Priority: 8}}},
		Rdma:           map[string]specs.LinuxRdma{"mlx5_1": {HcaHandles: num[uint32](1)}, "mlx5_0": {HcaObjects: num[uint32](2)}},
		Unified:        map[string]string{"memory.high": "1", "cpu.weight": "2"},
	}
	want := &plan.Resources{
		Memory: &plan.Memory{
			Limit: num[int64](1), Reservation: num[int64](2), Swap: num[int64](3), KernelTCP: num[int64](4), Swappiness: num[uint64](5),
			DisableOOMKiller: num(true), CheckBeforeUpdate: true,
		},
		CPU: &plan.CPU{
			Shares: num[uint64](1), Quota: num[int64](2), Burst: num[uint64](3), Period: num[uint64](4), RealtimeRuntime: num[int64](5),
			RealtimePeriod: num[uint64](6), Cpus: "0", Mems: "1", Idle: num[int64](0),
		},
		Pids: &plan.Pids{Limit: num[int64](0)},
		BlockIO: &plan.BlockIO{
			Weight: num[uint16](10), LeafWeight: num[uint16](11),
			WeightDevice: []plan.WeightDevice{{Major: 8, Minor: 1, Weight: num[uint16](12), LeafWeight: num[uint16](13)}},
			ReadBps:      []plan.ThrottleDevice{{Major: 8, Minor: 2, Rate: 1}},
			WriteBps:     []plan.ThrottleDevice{{Major: 8, Minor: 3, Rate: 2}},
			ReadIOPS:     []plan.ThrottleDevice{{Major: 8, Minor: 4, Rate: 3}},
			WriteIOPS:    []plan.ThrottleDevice{{Major: 8, Minor: 5, Rate: 4}},
		},
		Hugetlb: []plan.HugepageLimit{{PageSize: "2MB", Limit: 1}},
		Network: &plan.Network{ClassID: num[uint32](7), Priorities: []plan.InterfacePriority{{Name: "lo", Priority: 8}}},
		RDMA:    []plan.RDMALimit{{Device: "mlx5_0", HcaObjects: num[uint32](2)}, {Device: "mlx5_1", HcaHandles: num[uint32](1)}},
		Unified: []plan.UnifiedFile{{File: "cpu.weight", Value: "2"}, {File: "memory.high", Value: "1"}},
	}
	got, err := UpdatedResources(in)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
