package libcontainer

import (
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup"
	v2 "github.com/rung-oci/rung/libcontainer/internal/cgroup/v2"
	"github.com/rung-oci/rung/libcontainer/internal/compile"
	"github.com/rung-oci/rung/libcontainer/internal/host"
	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/spec"
	"github.com/rung-oci/rung/libcontainer/internal/state"
)

// UpdateOptions is new limits of a container. What is nil or empty keeps its
// value. Sizes are in bytes and times in microseconds; -1 is no limit.
type UpdateOptions struct {
	// Resources is JSON of linux.resources (config-linux.md, Control groups). The fields below override what it says.
	Resources []byte

	Memory, MemoryReservation  *int64
	MemorySwap                 *int64 // memory and swap together
	KernelMemory               *int64 // ignored: so does the kernel, since Linux 5.16
	KernelMemoryTCP            *int64 // v1
	CPUPeriod, CPUBurst        *uint64
	CPUQuota, CPUIdle          *int64
	CPUShares                  *uint64
	CPURealtimePeriod          *uint64 // v1
	CPURealtimeRuntime         *int64  // v1
	CpusetCpus, CpusetMems     string  // cpuset(7) lists
	PidsLimit                  *int64
	BlkioWeight                *uint16 // 10 to 1000
	L3CacheSchema, MemBwSchema string  // of resctrl

	Warn func(text string)
}

// Update changes the limits of a container that has not stopped; one that is
// paused stays so, and access to devices has no gap. When a value is refused all
// are left, or put back, as they were. ErrInvalidConfig: the values break a rule
// of the runtime-spec; ErrNotRunning: the container has stopped.
func (c *Container) Update(o UpdateOptions) error { return opError("update", c.id, c.update(&o)) }

func (c *Container) update(o *UpdateOptions) error {
	r, err := o.resources()
	if err != nil {
		return err
	}
	var e *state.Entry
	err = c.Trace.Do("read the state, under its lock", func() (err error) { e, err = c.lock(); return err })
	if err != nil {
		return err
	}
	defer e.Close()
	if c.status(e) == state.Stopped {
		return fmt.Errorf("cannot update a container that has stopped: %w", ErrNotRunning)
	}
	if err := c.catch(); err != nil { // limits are all written, or put back
		return err
	}
	s, err := c.config(e)
	if err != nil {
		return err
	}
	if s.Linux.Resources == nil {
		s.Linux.Resources = &specs.LinuxResources{}
	}
	g, err := c.ownGroup(e)
	if err != nil {
		return err
	}
	p, before, err := updated(s.Linux.Resources, r, g)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidConfig, err)
	}
	if p.Devices != nil && host.Rootless() {
		o.warn("linux.resources.devices: the rules are not applied: only root of the host controls devices")
	}
	undo, err := c.updateRdt(o.L3CacheSchema, o.MemBwSchema)
	if err != nil {
		return err
	}
	if err := c.Trace.Do("write the limits", func() error { return setLimits(g, p, before) }); err != nil {
		return errors.Join(err, undo())
	}
	merge(s.Linux.Resources, r)
	if err := c.Trace.Do("keep the config", func() error { return c.keepConfig(e, s, o) }); err != nil {
		return fmt.Errorf("the limits are set, but the container's config could not be kept: %w", err)
	}
	return nil
}

func setLimits(g *cgroup.Group, p *compile.Controls, before []plan.DeviceRule) error {
	var rules []plan.DeviceRule
	if p.Devices != nil {
		rules = p.Devices.Rules
	}
	err := g.Update(append(p.Early, p.Late...), rules, before)
	var undo *cgroup.UndoError
	if errors.As(err, &undo) {
		return errors.Join(limitError(err), undo)
	}
	return limitError(err)
}

// keepConfig replaces the limits in the kept config by those of s and o. All else in it stays as it is, byte for
// byte but for white space. The record knows the checksums of both before, so that an update that is killed in
// between leaves a config that it knows.
func (c *Container) keepConfig(e *state.Entry, s *specs.Spec, o *UpdateOptions) error {
	old, err := e.Config()
	if err != nil {
		return err
	}
	text := spec.Splice(string(old), string(spec.AppendResources(nil, s.Linux.Resources)), "linux", "resources")
	for _, m := range [...]struct{ name, schema string }{{"l3CacheSchema", o.L3CacheSchema}, {"memBwSchema", o.MemBwSchema}} {
		if s.Linux.IntelRdt != nil && m.schema != "" {
			text = spec.Splice(text, string(jsonscan.AppendString(nil, m.schema)), "linux", "intelRdt", m.name)
		}
	}
	raw := []byte(text)
	if c.state.Schema > 1 {
		c.state.ConfigSum = state.Sum(old) + "," + state.Sum(raw)
		if err := e.Save(c.state); err != nil {
			return err
		}
	}
	return e.SaveConfig(raw)
}

// updated gives what an update of resources changes, and the rules for devices
// that are in force. Rules that are what the container has already, as engines
// send them along, change nothing.
func updated(old, r *specs.LinuxResources, g *cgroup.Group) (p *compile.Controls, before []plan.DeviceRule, err error) {
	var dirs []compile.CgroupDir
	for _, d := range g.Dirs() {
		dirs = append(dirs, compile.CgroupDir{Name: d.Name, Controllers: d.Controllers, Mount: d.Mount, Dir: d.Path, V2: d.V2, Own: true})
	}
	inForce := int64(0)
	if m := r.Memory; m != nil && m.Swap != nil {
		inForce = g.MemoryInForce()
	}
	p, err = compile.UpdatedControls(r, dirs, g.Unit() != nil, inForce)
	if err != nil {
		return nil, nil, err
	}
	if m := r.Memory; m != nil && m.CheckBeforeUpdate != nil && *m.CheckBeforeUpdate {
		if memory, swap, known := g.MemoryUsed(); known {
			if err := v2.UsageError(m, memory, swap); err != nil {
				return nil, nil, err
			}
		}
	}
	if p.Devices == nil {
		return p, nil, nil
	}
	o, err := compile.UpdatedControls(&specs.LinuxResources{Devices: old.Devices}, nil, false, 0)
	if err != nil || o.Devices == nil {
		return p, nil, nil //nolint:nilerr // the container was made by rules that this version refuses
	}
	if slices.Equal(o.Devices.Rules, p.Devices.Rules) {
		p.Devices = nil
	}
	return p, o.Devices.Rules, nil
}

// resources is what the JSON and the other options say together.
func (o *UpdateOptions) resources() (*specs.LinuxResources, error) {
	r := &specs.LinuxResources{}
	if o.Resources != nil {
		parsed, unknown, err := spec.ParseResources(o.Resources)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrInvalidConfig, err)
		}
		for _, u := range unknown {
			o.warn(u.String())
		}
		r = parsed
	}
	o.memory(r)
	o.cpu(r)
	if o.PidsLimit != nil {
		r.Pids = &specs.LinuxPids{Limit: o.PidsLimit}
	}
	if r.Pids != nil && r.Pids.Limit != nil && *r.Pids.Limit == 0 {
		one := int64(1) // what is written for it; in the container's config a 0 may have another meaning, see interpret
		r.Pids = &specs.LinuxPids{Limit: &one}
	}
	if o.BlkioWeight != nil {
		if r.BlockIO == nil {
			r.BlockIO = &specs.LinuxBlockIO{}
		}
		r.BlockIO.Weight = o.BlkioWeight
	}
	if err := spec.ValidateResources(r).Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidConfig, err)
	}
	return r, nil
}

func (o *UpdateOptions) warn(text string) {
	if o.Warn != nil {
		o.Warn(text)
	}
}

func (o *UpdateOptions) memory(r *specs.LinuxResources) {
	if o.KernelMemory != nil {
		o.warn("--kernel-memory is ignored: kernels have no such limit any more")
	}
	m := r.Memory
	if m == nil {
		m = &specs.LinuxMemory{}
	}
	given := override(&m.Limit, o.Memory)
	given = override(&m.Reservation, o.MemoryReservation) || given
	given = override(&m.Swap, o.MemorySwap) || given
	if override(&m.KernelTCP, o.KernelMemoryTCP) || given { //nolint:staticcheck // deprecated, and there on v1
		r.Memory = m
	}
}

func (o *UpdateOptions) cpu(r *specs.LinuxResources) {
	c := r.CPU
	if c == nil {
		c = &specs.LinuxCPU{}
	}
	given := override(&c.Period, o.CPUPeriod)
	given = override(&c.Burst, o.CPUBurst) || given
	given = override(&c.Quota, o.CPUQuota) || given
	given = override(&c.Idle, o.CPUIdle) || given
	given = override(&c.Shares, o.CPUShares) || given
	given = override(&c.RealtimePeriod, o.CPURealtimePeriod) || given
	given = override(&c.RealtimeRuntime, o.CPURealtimeRuntime) || given
	given = word(&c.Cpus, o.CpusetCpus) || given
	if word(&c.Mems, o.CpusetMems) || given {
		r.CPU = c
	}
}

// override puts a value that is given in the place of another.
func override[T any](to **T, from *T) bool {
	if from != nil {
		*to = from
	}
	return from != nil
}

func word(to *string, from string) bool {
	if from != "" {
		*to = from
	}
	return from != ""
}

// limit is override for values of which 0 says that there is none to set.
func limit[T int64 | uint64 | uint16](to **T, from *T) {
	if from != nil && *from != 0 {
		*to = from
	}
}

// merge makes the container's config say what is in force after an update, for
// commands that come later.
func merge(to, from *specs.LinuxResources) {
	mergeMemory(to, from.Memory)
	mergeCPU(to, from.CPU)
	mergeBlockIO(to, from.BlockIO)
	if from.Pids != nil && from.Pids.Limit != nil {
		to.Pids = from.Pids
	}
	if len(from.Devices) > 0 {
		to.Devices = from.Devices
	}
	for _, h := range from.HugepageLimits {
		to.HugepageLimits = replace(to.HugepageLimits, h, func(x specs.LinuxHugepageLimit) bool { return x.Pagesize == h.Pagesize })
	}
	if n := from.Network; n != nil {
		if to.Network == nil {
			to.Network = &specs.LinuxNetwork{}
		}
		override(&to.Network.ClassID, n.ClassID)
		for _, p := range n.Priorities {
			to.Network.Priorities = replace(to.Network.Priorities, p, func(x specs.LinuxInterfacePriority) bool { return x.Name == p.Name })
		}
	}
	for device, l := range from.Rdma {
		if to.Rdma == nil {
			to.Rdma = map[string]specs.LinuxRdma{}
		}
		now := to.Rdma[device]
		override(&now.HcaHandles, l.HcaHandles)
		override(&now.HcaObjects, l.HcaObjects)
		to.Rdma[device] = now
	}
	for file, value := range from.Unified {
		if to.Unified == nil {
			to.Unified = map[string]string{}
		}
		to.Unified[file] = value
	}
}

// replace puts v in the place of the elements that are of the same thing.
func replace[T any](list []T, v T, same func(T) bool) []T {
	return append(slices.DeleteFunc(list, same), v)
}

func mergeMemory(to *specs.LinuxResources, m *specs.LinuxMemory) {
	if m == nil {
		return
	}
	if to.Memory == nil {
		to.Memory = &specs.LinuxMemory{}
	}
	limit(&to.Memory.Limit, m.Limit)
	limit(&to.Memory.Reservation, m.Reservation)
	if m.Limit != nil && *m.Limit < 0 && (m.Swap == nil || *m.Swap == 0) {
		to.Memory.Swap = m.Limit // lifted with it
	}
	limit(&to.Memory.Swap, m.Swap)
	limit(&to.Memory.KernelTCP, m.KernelTCP) //nolint:staticcheck // deprecated, and there on v1
	override(&to.Memory.Swappiness, m.Swappiness)
	override(&to.Memory.DisableOOMKiller, m.DisableOOMKiller)
}

func mergeCPU(to *specs.LinuxResources, c *specs.LinuxCPU) {
	if c == nil {
		return
	}
	if to.CPU == nil {
		to.CPU = &specs.LinuxCPU{}
	}
	limit(&to.CPU.Shares, c.Shares)
	limit(&to.CPU.Quota, c.Quota)
	limit(&to.CPU.Period, c.Period)
	override(&to.CPU.Burst, c.Burst)
	limit(&to.CPU.RealtimeRuntime, c.RealtimeRuntime)
	limit(&to.CPU.RealtimePeriod, c.RealtimePeriod)
	override(&to.CPU.Idle, c.Idle)
	word(&to.CPU.Cpus, c.Cpus)
	word(&to.CPU.Mems, c.Mems)
}

func mergeBlockIO(to *specs.LinuxResources, b *specs.LinuxBlockIO) {
	if b == nil {
		return
	}
	if to.BlockIO == nil {
		to.BlockIO = &specs.LinuxBlockIO{}
	}
	limit(&to.BlockIO.Weight, b.Weight)
	limit(&to.BlockIO.LeafWeight, b.LeafWeight)
	for _, w := range b.WeightDevice {
		to.BlockIO.WeightDevice = replace(to.BlockIO.WeightDevice, w, func(x specs.LinuxWeightDevice) bool { return x.Major == w.Major && x.Minor == w.Minor })
	}
	for _, l := range [...]struct {
		to   *[]specs.LinuxThrottleDevice
		from []specs.LinuxThrottleDevice
	}{
		{&to.BlockIO.ThrottleReadBpsDevice, b.ThrottleReadBpsDevice}, {&to.BlockIO.ThrottleWriteBpsDevice, b.ThrottleWriteBpsDevice},
		{&to.BlockIO.ThrottleReadIOPSDevice, b.ThrottleReadIOPSDevice}, {&to.BlockIO.ThrottleWriteIOPSDevice, b.ThrottleWriteIOPSDevice},
	} {
		for _, d := range l.from {
			*l.to = replace(*l.to, d, func(x specs.LinuxThrottleDevice) bool { return x.Major == d.Major && x.Minor == d.Minor })
		}
	}
}
