package spec

import (
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const (
	chapterDeviceRules = "config-linux.md#allowed-device-list"
	chapterMemory      = "config-linux.md#memory"
	chapterCPU         = "config-linux.md#cpu"
	chapterBlockIO     = "config-linux.md#block-io"
	chapterHugepages   = "config-linux.md#huge-page-limits"
	chapterNetwork     = "config-linux.md#network"
	chapterPIDs        = "config-linux.md#pids"
	chapterRDMA        = "config-linux.md#rdma"
	chapterUnified     = "config-linux.md#unified"
)

// resources checks values that no kernel takes, whatever the cgroup version.
func (c *checker) resources(r *specs.LinuxResources) {
	c.deviceRules(r.Devices)
	if r.Memory != nil {
		c.memory(r.Memory)
	}
	if r.CPU != nil {
		c.cpu(r.CPU)
	}
	if r.BlockIO != nil {
		c.blockIO(r.BlockIO)
	}
	c.hugepages(r.HugepageLimits)
	if r.Network != nil {
		c.netPriorities(r.Network.Priorities)
	}
	if r.Pids != nil && r.Pids.Limit != nil && *r.Pids.Limit < -1 {
		c.should(chapterPIDs, itoa(*r.Pids.Limit)+" is below -1; taken as -1, unlimited", "linux.resources.pids.limit")
	}
	c.rdma(r.Rdma)
	c.unified(r.Unified)
}

func (c *checker) deviceRules(rules []specs.LinuxDeviceCgroup) {
	const path = "linux.resources.devices"
	for i := range rules {
		r := &rules[i]
		switch r.Type {
		case "", "a", "c", "b":
		default:
			c.must(chapterDeviceRules, quote(r.Type)+" is not a device type; "+oneOf("a", "c", "b"), path, i, "type")
		}
		if r.Access == "" {
			c.warn(chapterDeviceRules, "is missing; taken as rwm", path, i, "access")
		} else if strings.Trim(r.Access, "rwm") != "" {
			c.must(chapterDeviceRules, quote(r.Access)+" must be made of r, w and m", path, i, "access")
		}
		all := func(n *int64) bool { return n == nil || *n == -1 }
		if (r.Type == "" || r.Type == "a") && (!all(r.Major) || !all(r.Minor) || r.Access != "" && someAccess(r.Access)) {
			c.warn(chapterDeviceRules, "stands for both types, with these numbers and accesses; runc and crun take it as every "+
				"access to every device, as cgroup v1 does", path, i, "type")
		}
		// -1 is how "all" was said before null was.
		if r.Major != nil && (*r.Major < -1 || *r.Major > 1<<32-1) {
			c.must(chapterDeviceRules, "major number "+itoa(*r.Major)+" is out of range", path, i, "major")
		}
		if r.Minor != nil && (*r.Minor < -1 || *r.Minor > 1<<32-1) {
			c.must(chapterDeviceRules, "minor number "+itoa(*r.Minor)+" is out of range", path, i, "minor")
		}
	}
}

// someAccess says whether an access is of r, w and m, and not all of them.
func someAccess(access string) bool {
	has := func(c string) bool { return strings.Contains(access, c) }
	return strings.Trim(access, "rwm") == "" && !(has("r") && has("w") && has("m"))
}

// memory checks limits: bytes, -1 for none; 0 has always meant unset.
func (c *checker) memory(m *specs.LinuxMemory) {
	const path = "linux.resources.memory"
	for _, f := range [...]struct {
		name  string
		value *int64
	}{
		{"limit", m.Limit}, {"reservation", m.Reservation}, {"swap", m.Swap},
		{"kernel", m.Kernel}, {"kernelTCP", m.KernelTCP},
	} {
		if f.value != nil && *f.value < -1 {
			c.must(chapterMemory, itoa(*f.value)+" is below -1 (unlimited)", path, f.name)
		}
	}
	limit, swap := value(m.Limit), value(m.Swap)
	switch {
	case swap <= 0:
	case limit > swap:
		c.must(chapterMemory, "memory+swap limit "+itoa(swap)+" is below the memory limit "+itoa(limit), path, "swap")
	case limit < 0, limit == 0 && !c.update:
		c.must(chapterMemory, "a memory+swap limit needs a memory limit", path, "swap")
	}
	// All ones is how some engines say unset.
	if s := m.Swappiness; s != nil && *s > 100 && *s != 1<<64-1 {
		c.must(chapterMemory, "swappiness "+utoa(*s)+" is out of range, want 0 to 100", path, "swappiness")
	}
	if m.UseHierarchy != nil && !*m.UseHierarchy {
		c.warn(chapterMemory, "false has no effect: Linux counts what is below a group always, since 5.11", path, "useHierarchy")
	}
	if k := value(m.Kernel); k > 0 {
		c.warn(chapterMemory, "is not recommended: kernels since 5.4 ignore or refuse it", path, "kernel")
	}
	if k := value(m.KernelTCP); k > 0 {
		c.warn(chapterMemory, "is not recommended: cgroup v2 has no such limit", path, "kernelTCP")
	}
}

func value[T int64 | uint64 | uint16](p *T) T {
	if p == nil {
		return 0
	}
	return *p
}

// cpu checks what the cpu and cpuset controllers refuse, both versions alike.
func (c *checker) cpu(p *specs.LinuxCPU) {
	const path = "linux.resources.cpu"
	quota, burst := value(p.Quota), value(p.Burst)
	if v := value(p.Period); v != 0 && (v < 1000 || v > 1_000_000) {
		c.must(chapterCPU, "period of "+utoa(v)+" µs is out of range, want 1000 to 1000000", path, "period")
	}
	if quota > 0 && quota < 1000 {
		c.must(chapterCPU, "quota of "+itoa(quota)+" µs is below the 1000 µs that Linux allows", path, "quota")
	}
	if quota < -1 {
		c.should(chapterCPU, itoa(quota)+" is below -1; taken as -1, unlimited", path, "quota")
	}
	if quota > 0 && burst > uint64(quota) {
		c.must(chapterCPU, "burst of "+utoa(burst)+" µs is above the quota of "+itoa(quota)+" µs", path, "burst")
	}
	if v := value(p.RealtimeRuntime); v < -1 {
		c.must(chapterCPU, itoa(v)+" is below -1 (unlimited)", path, "realtimeRuntime")
	} else if period := value(p.RealtimePeriod); v > 0 && period > 0 && uint64(v) > period {
		c.must(chapterCPU, "realtime runtime of "+itoa(v)+" µs is above the realtime period of "+utoa(period)+" µs", path, "realtimeRuntime")
	}
	c.list(chapterCPU, "CPUs", p.Cpus, path, "cpus")
	c.list(chapterCPU, "memory nodes", p.Mems, path, "mems")
	if p.Idle != nil {
		if *p.Idle != 0 && *p.Idle != 1 {
			c.must(chapterCPU, itoa(*p.Idle)+" is neither 0 nor 1", path, "idle")
		}
		if *p.Idle == 1 && value(p.Shares) != 0 {
			c.warn(chapterCPU, "shares have no effect with idle 1", path, "shares")
		}
	}
}

func (c *checker) blockIO(b *specs.LinuxBlockIO) {
	const path = "linux.resources.blockIO"
	c.weight(b.Weight, path, "weight")
	c.weight(b.LeafWeight, path, "leafWeight")
	for i := range b.WeightDevice {
		d := &b.WeightDevice[i]
		c.blockDevice(&d.LinuxBlockIODevice, path, "weightDevice", i)
		if d.Weight == nil && d.LeafWeight == nil {
			c.should(chapterBlockIO, "at least one of weight and leafWeight must be specified", path, "weightDevice", i)
		}
		c.weight(d.Weight, path, "weightDevice", i, "weight")
		c.weight(d.LeafWeight, path, "weightDevice", i, "leafWeight")
	}
	c.throttle("throttleReadBpsDevice", b.ThrottleReadBpsDevice)
	c.throttle("throttleWriteBpsDevice", b.ThrottleWriteBpsDevice)
	c.throttle("throttleReadIOPSDevice", b.ThrottleReadIOPSDevice)
	c.throttle("throttleWriteIOPSDevice", b.ThrottleWriteIOPSDevice)
}

// weight checks a proportional weight; 0 means unset. BFQ, the scheduler of
// kernels since 5.0, takes 1 to 1000; the documented range is CFQ's.
func (c *checker) weight(w *uint16, path ...any) {
	switch v := value(w); {
	case v > 1000:
		c.must(chapterBlockIO, "weight "+utoa(uint64(v))+" is out of range, want 10 to 1000", path...)
	case v != 0 && v < 10:
		c.should(chapterBlockIO, "weight "+utoa(uint64(v))+" is out of range, want 10 to 1000", path...)
	}
}

func (c *checker) blockDevice(d *specs.LinuxBlockIODevice, path ...any) {
	if d.Major < 0 || d.Major > maxMajor {
		c.must(chapterBlockIO, "major number "+itoa(d.Major)+" is out of range, want 0 to 4095", append(path, "major")...)
	}
	if d.Minor < 0 || d.Minor > maxMinor {
		c.must(chapterBlockIO, "minor number "+itoa(d.Minor)+" is out of range, want 0 to 1048575", append(path, "minor")...)
	}
}

func (c *checker) throttle(field string, list []specs.LinuxThrottleDevice) {
	const path = "linux.resources.blockIO"
	for i := range list {
		c.blockDevice(&list[i].LinuxBlockIODevice, path, field, i)
		for j := range list[:i] {
			if list[j].LinuxBlockIODevice == list[i].LinuxBlockIODevice {
				c.warn(chapterBlockIO, "the device of entry "+itoa(int64(j))+" again; the last one counts", path, field, i)
				break
			}
		}
	}
}

// hugepages checks the sizes, which become parts of file names.
func (c *checker) hugepages(list []specs.LinuxHugepageLimit) {
	const path = "linux.resources.hugepageLimits"
	for i := range list {
		size := list[i].Pagesize
		n := len(size)
		if n < 3 || !allDigits(size[:n-2]) || size[0] == '0' || size[n-1] != 'B' || strings.IndexByte("KMG", size[n-2]) < 0 {
			c.must(chapterHugepages, quote(size)+" is not a huge page size of the form 64KB, 2MB, 1GB", path, i, "pageSize")
			continue
		}
		for j := range list[:i] {
			if list[j].Pagesize == size {
				c.should(chapterHugepages, size+" is limited in entry "+itoa(int64(j))+" too; the last one counts", path, i, "pageSize")
				break
			}
		}
	}
}

func (c *checker) netPriorities(list []specs.LinuxInterfacePriority) {
	const path = "linux.resources.network.priorities"
	for i := range list {
		if bad := devNameProblem(list[i].Name, false); bad != "" {
			c.must(chapterNetwork, quote(list[i].Name)+" "+bad, path, i, "name")
		}
		for j := range list[:i] {
			if list[j].Name == list[i].Name {
				c.should(chapterNetwork, quote(list[i].Name)+" has a priority in entry "+itoa(int64(j))+" too; the last one counts", path, i, "name")
				break
			}
		}
	}
}

// rdma checks names and that there is something to limit. The name is written
// into a line of a file, in front of a blank.
func (c *checker) rdma(m map[string]specs.LinuxRdma) {
	n := len(c.out)
	for name, r := range m {
		if name == "" || strings.ContainsAny(name, " \t\n\x00") {
			c.must(chapterRDMA, quote(name)+" is not the name of a device", "linux.resources.rdma", key(name))
		}
		if r.HcaHandles == nil && r.HcaObjects == nil {
			c.should(chapterRDMA, "at least one of hcaHandles and hcaObjects must be specified", "linux.resources.rdma", key(name))
		}
	}
	c.sortFrom(n)
}

// unified checks the keys. "Each key in the map refers to a file in the cgroup
// unified hierarchy": in the container's own directory, of some controller.
func (c *checker) unified(m map[string]string) {
	n := len(c.out)
	for k, v := range m {
		switch {
		case strings.ContainsAny(k, "/\x00"):
			c.must(chapterUnified, quote(k)+" must be a file name, without slashes", "linux.resources.unified", key(k))
		case strings.IndexByte(k, '.') <= 0:
			c.must(chapterUnified, quote(k)+" must be of the form CONTROLLER.PARAMETER", "linux.resources.unified", key(k))
		case hasNUL(v):
			c.must(chapterUnified, nulMessage, "linux.resources.unified", key(k))
		}
	}
	c.sortFrom(n)
}
