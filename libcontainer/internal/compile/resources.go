package compile

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
)

// runtimeDevices are allowed after all rules of the config: without them the
// default devices (config-linux.md, Default Devices) could not be used, nor any
// node be made, which by itself gives access to nothing.
var runtimeDevices = [...]plan.DeviceRule{
	{Allow: true, Type: 'c', Major: plan.AnyDevice, Minor: plan.AnyDevice, Access: plan.DeviceMknod},
	{Allow: true, Type: 'b', Major: plan.AnyDevice, Minor: plan.AnyDevice, Access: plan.DeviceMknod},
	{Allow: true, Type: 'c', Major: 1, Minor: 3, Access: plan.DeviceAll},                // null
	{Allow: true, Type: 'c', Major: 1, Minor: 5, Access: plan.DeviceAll},                // zero
	{Allow: true, Type: 'c', Major: 1, Minor: 7, Access: plan.DeviceAll},                // full
	{Allow: true, Type: 'c', Major: 1, Minor: 8, Access: plan.DeviceAll},                // random
	{Allow: true, Type: 'c', Major: 1, Minor: 9, Access: plan.DeviceAll},                // urandom
	{Allow: true, Type: 'c', Major: 5, Minor: 0, Access: plan.DeviceAll},                // tty
	{Allow: true, Type: 'c', Major: 5, Minor: 1, Access: plan.DeviceAll},                // console
	{Allow: true, Type: 'c', Major: 5, Minor: 2, Access: plan.DeviceAll},                // ptmx
	{Allow: true, Type: 'c', Major: 136, Minor: plan.AnyDevice, Access: plan.DeviceAll}, // pts/*
}

// resources translates linux.resources of a new container. Its devices are
// controlled whether or not the config has rules.
func resources(r *specs.LinuxResources) (*plan.Resources, error) {
	var rules []specs.LinuxDeviceCgroup
	if r != nil {
		rules = r.Devices
	}
	p, err := UpdatedResources(r)
	if err == nil && p.Devices == nil {
		err = setDevices(p, rules)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

func setDevices(p *plan.Resources, rules []specs.LinuxDeviceCgroup) error {
	p.Devices = make([]plan.DeviceRule, 0, len(rules)+len(runtimeDevices))
	for i := range rules {
		rule, err := deviceRule(&rules[i])
		if err != nil {
			return fmt.Errorf("%s: %w", at("linux.resources.devices", i), err)
		}
		switch {
		case rule.Type != 'a':
			p.Devices = append(p.Devices, rule)
		case rule.Major != plan.AnyDevice || rule.Minor != plan.AnyDevice || rule.Access != plan.DeviceAll:
			// Both types, and those devices and accesses alone (config-linux.md, Device whitelist). The kernel
			// would take it as every access to every device (devcgroup_update_access, case 'a').
			for _, rule.Type = range [...]byte{'c', 'b'} {
				p.Devices = append(p.Devices, rule)
			}
		default:
			p.Devices = p.Devices[:0] // it decides for every device: nothing before it counts
			if rule.Allow {           // else it is as all begins
				p.Devices = append(p.Devices, rule)
			}
		}
	}
	p.Defaults = len(runtimeDevices)
	p.Devices = append(p.Devices, runtimeDevices[:]...)
	return nil
}

// UpdatedResources translates what an update changes. Rules for devices are the
// whole new ones; without any, devices are left alone.
func UpdatedResources(r *specs.LinuxResources) (*plan.Resources, error) {
	p := &plan.Resources{}
	if r == nil {
		return p, nil
	}
	if m := r.Memory; m != nil {
		p.Memory = &plan.Memory{
			Limit: m.Limit, Reservation: m.Reservation, Swap: m.Swap, KernelTCP: m.KernelTCP, Swappiness: m.Swappiness,
			DisableOOMKiller: m.DisableOOMKiller, CheckBeforeUpdate: m.CheckBeforeUpdate != nil && *m.CheckBeforeUpdate,
		}
	}
	if c := r.CPU; c != nil {
		p.CPU = &plan.CPU{
			Shares: c.Shares, Quota: c.Quota, Burst: c.Burst, Period: c.Period, RealtimeRuntime: c.RealtimeRuntime, RealtimePeriod: c.RealtimePeriod,
			Cpus: c.Cpus, Mems: c.Mems, Idle: c.Idle,
		}
	}
	if r.Pids != nil {
		p.Pids = &plan.Pids{Limit: r.Pids.Limit}
	}
	p.BlockIO = blockIO(r.BlockIO)
	for i, h := range r.HugepageLimits {
		if !fileNamePart(h.Pagesize) {
			return nil, fmt.Errorf("%s.pageSize: %q is no size of pages", at("linux.resources.hugepageLimits", i), h.Pagesize)
		}
		p.Hugetlb = append(p.Hugetlb, plan.HugepageLimit{PageSize: h.Pagesize, Limit: h.Limit})
	}
	if n := r.Network; n != nil {
		p.Network = &plan.Network{ClassID: n.ClassID}
		for _, i := range n.Priorities {
			p.Network.Priorities = append(p.Network.Priorities, plan.InterfacePriority{Name: i.Name, Priority: i.Priority})
		}
	}
	for device, l := range r.Rdma {
		p.RDMA = append(p.RDMA, plan.RDMALimit{Device: device, HcaHandles: l.HcaHandles, HcaObjects: l.HcaObjects})
	}
	plan.SortRDMA(p.RDMA)
	for file, value := range r.Unified {
		if !fileNamePart(file) || !strings.Contains(file, ".") {
			return nil, fmt.Errorf("linux.resources.unified: %q is not the name of a control group file, such as memory.high", file)
		}
		p.Unified = append(p.Unified, plan.UnifiedFile{File: file, Value: value})
	}
	plan.SortUnified(p.Unified)
	if len(r.Devices) > 0 {
		if err := setDevices(p, r.Devices); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// fileNamePart: names of the config become names in the group's directory, and
// must not lead out of it.
func fileNamePart(s string) bool {
	return s != "" && s != ".." && !strings.ContainsAny(s, "/\x00")
}

func blockIO(b *specs.LinuxBlockIO) *plan.BlockIO {
	if b == nil {
		return nil
	}
	p := &plan.BlockIO{Weight: b.Weight, LeafWeight: b.LeafWeight}
	for i := range b.WeightDevice {
		w := &b.WeightDevice[i]
		p.WeightDevice = append(p.WeightDevice, plan.WeightDevice{Major: w.Major, Minor: w.Minor, Weight: w.Weight, LeafWeight: w.LeafWeight})
	}
	throttle := func(list []specs.LinuxThrottleDevice) []plan.ThrottleDevice {
		var out []plan.ThrottleDevice
		for i := range list {
			out = append(out, plan.ThrottleDevice{Major: list[i].Major, Minor: list[i].Minor, Rate: list[i].Rate})
		}
		return out
	}
	p.ReadBps, p.WriteBps = throttle(b.ThrottleReadBpsDevice), throttle(b.ThrottleWriteBpsDevice)
	p.ReadIOPS, p.WriteIOPS = throttle(b.ThrottleReadIOPSDevice), throttle(b.ThrottleWriteIOPSDevice)
	return p
}

// deviceRule translates a rule; what it leaves out is all there is.
func deviceRule(d *specs.LinuxDeviceCgroup) (plan.DeviceRule, error) {
	r := plan.DeviceRule{Allow: d.Allow, Major: plan.AnyDevice, Minor: plan.AnyDevice, Access: plan.DeviceAll}
	switch d.Type {
	case "", "a":
		r.Type = 'a'
	case "b", "c":
		r.Type = d.Type[0]
	default:
		return r, fmt.Errorf("type %q: a, b or c", d.Type)
	}
	for _, n := range [...]struct {
		from *int64
		to   *int64
		name string
	}{{d.Major, &r.Major, "major"}, {d.Minor, &r.Minor, "minor"}} {
		switch {
		case n.from == nil:
		case *n.from < plan.AnyDevice || *n.from > 1<<32-1:
			return r, fmt.Errorf("%s %s: the number of a device, or -1 for all", n.name, strconv.FormatInt(*n.from, 10))
		default:
			*n.to = *n.from
		}
	}
	if d.Access != "" {
		r.Access = 0
		for _, c := range d.Access {
			switch c {
			case 'r':
				r.Access |= plan.DeviceRead
			case 'w':
				r.Access |= plan.DeviceWrite
			case 'm':
				r.Access |= plan.DeviceMknod
			default:
				return r, fmt.Errorf("access %q: letters of rwm", d.Access)
			}
		}
	}
	return r, nil
}
