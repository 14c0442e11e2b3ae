package plan

import (
	"sort"
	"strconv"
)

// Resources is what the container's control groups allow it (config-linux.md,
// Control groups). A nil pointer or an empty list leaves what is there.
type Resources struct {
	Devices  []DeviceRule // in order, over "deny all"; later ones win. nil: devices are left alone
	Memory   *Memory
	CPU      *CPU
	Pids     *Pids
	BlockIO  *BlockIO
	Hugetlb  []HugepageLimit
	Network  *Network
	RDMA     []RDMALimit // sorted by device
	Unified  []UnifiedFile
	Defaults int // how many rules at the end of Devices are the runtime's own
}

// DeviceAccess is what may be done with a device.
type DeviceAccess uint8

// The accesses, in the kernel's numbers (BPF_DEVCG_ACC_*).
const (
	DeviceMknod DeviceAccess = 1 << iota
	DeviceRead
	DeviceWrite
	DeviceAll = DeviceMknod | DeviceRead | DeviceWrite
)

// String gives the letters in the order of devices.list.
func (a DeviceAccess) String() string {
	s := ""
	if a&DeviceRead != 0 {
		s += "r"
	}
	if a&DeviceWrite != 0 {
		s += "w"
	}
	if a&DeviceMknod != 0 {
		s += "m"
	}
	return s
}

// AnyDevice as a major or minor number stands for all.
const AnyDevice = -1

// DeviceRule allows or denies access to devices.
type DeviceRule struct {
	Allow        bool
	Type         byte  // 'b', 'c', or 'a' for every device and access, whatever the other fields say
	Major, Minor int64 // or AnyDevice
	Access       DeviceAccess
}

// String gives the rule as a v1 device file takes it: "c 1:3 rwm".
func (r DeviceRule) String() string {
	if r.Type == 'a' {
		return "a"
	}
	return string(r.Type) + " " + deviceNumber(r.Major) + ":" + deviceNumber(r.Minor) + " " + r.Access.String()
}

func deviceNumber(n int64) string {
	if n == AnyDevice {
		return "*"
	}
	return strconv.FormatInt(n, 10)
}

// Memory is in bytes; -1 is no limit.
type Memory struct {
	Limit             *int64
	Reservation       *int64
	Swap              *int64 // memory and swap together
	KernelTCP         *int64
	Swappiness        *uint64
	DisableOOMKiller  *bool
	CheckBeforeUpdate bool
}

// CPU is in microseconds; a quota of -1 is no limit.
type CPU struct {
	Shares          *uint64
	Quota           *int64
	Burst           *uint64
	Period          *uint64
	RealtimeRuntime *int64
	RealtimePeriod  *uint64
	Cpus, Mems      string // cpuset(7) lists
	Idle            *int64
}

// Pids limits the number of processes and threads; below 0 is no limit.
type Pids struct{ Limit *int64 }

// BlockIO limits traffic with block devices.
type BlockIO struct {
	Weight       *uint16
	LeafWeight   *uint16
	WeightDevice []WeightDevice
	ReadBps      []ThrottleDevice
	WriteBps     []ThrottleDevice
	ReadIOPS     []ThrottleDevice
	WriteIOPS    []ThrottleDevice
}

// WeightDevice is the share of one device.
type WeightDevice struct {
	Major, Minor       int64
	Weight, LeafWeight *uint16
}

// ThrottleDevice is the limit of one device, in bytes or operations a second.
type ThrottleDevice struct {
	Major, Minor int64
	Rate         uint64
}

// HugepageLimit is in bytes for pages of one size.
type HugepageLimit struct {
	PageSize string // "2MB"
	Limit    uint64
}

// Network tags packets for tc(8) and iptables(8); cgroup v1 only.
type Network struct {
	ClassID    *uint32
	Priorities []InterfacePriority
}

// InterfacePriority is the priority of traffic on one interface.
type InterfacePriority struct {
	Name     string
	Priority uint32
}

// RDMALimit bounds the use of one RDMA device.
type RDMALimit struct {
	Device                 string
	HcaHandles, HcaObjects *uint32
}

// UnifiedFile is a cgroup v2 file and what is written to it, a line at a time.
type UnifiedFile struct{ File, Value string }

// SortUnified puts files in an order that does not depend on a map's.
func SortUnified(list []UnifiedFile) {
	sort.Slice(list, func(i, j int) bool { return list[i].File < list[j].File })
}

// SortRDMA does so with devices.
func SortRDMA(list []RDMALimit) {
	sort.Slice(list, func(i, j int) bool { return list[i].Device < list[j].Device })
}

type integer interface {
	~int64 | ~uint64 | ~uint32 | ~uint16
}

func optional[T integer](d *describer, key string, v *T) {
	if v != nil {
		d.add(key, decimal(*v))
	}
}

func decimal[T integer](v T) string {
	if v < 0 {
		return strconv.FormatInt(int64(v), 10)
	}
	return strconv.FormatUint(uint64(v), 10)
}

// describeResources prints all but pids, which are written later. The device
// rules that every container has are left out.
func describeResources(d *describer, r *Resources) {
	if r == nil {
		return
	}
	var rules []string
	for _, rule := range r.Devices[:len(r.Devices)-r.Defaults] {
		verb := "deny "
		if rule.Allow {
			verb = "allow "
		}
		rules = append(rules, verb+rule.String())
	}
	d.list("devices", rules)
	if m := r.Memory; m != nil {
		optional(d, "memory.limit", m.Limit)
		optional(d, "memory.reservation", m.Reservation)
		optional(d, "memory.swap", m.Swap)
		optional(d, "memory.kernel-tcp", m.KernelTCP)
		optional(d, "memory.swappiness", m.Swappiness)
		if m.DisableOOMKiller != nil {
			d.word("memory.disable-oom-killer", strconv.FormatBool(*m.DisableOOMKiller))
		}
		if m.CheckBeforeUpdate {
			d.word("memory.check-before-update", "yes")
		}
	}
	if c := r.CPU; c != nil {
		optional(d, "cpu.shares", c.Shares)
		optional(d, "cpu.quota", c.Quota)
		optional(d, "cpu.burst", c.Burst)
		optional(d, "cpu.period", c.Period)
		optional(d, "cpu.realtime-runtime", c.RealtimeRuntime)
		optional(d, "cpu.realtime-period", c.RealtimePeriod)
		optional(d, "cpu.idle", c.Idle)
		d.str("cpu.cpus", c.Cpus)
		d.str("cpu.mems", c.Mems)
	}
	if b := r.BlockIO; b != nil {
		describeBlockIO(d, b)
	}
	for _, h := range r.Hugetlb {
		d.add("hugetlb."+h.PageSize, decimal(h.Limit))
	}
	if n := r.Network; n != nil {
		optional(d, "network.class-id", n.ClassID)
		for _, p := range n.Priorities {
			d.add("network.priority."+p.Name, decimal(p.Priority))
		}
	}
	for _, l := range r.RDMA {
		optional(d, "rdma."+l.Device+".handles", l.HcaHandles)
		optional(d, "rdma."+l.Device+".objects", l.HcaObjects)
	}
	for _, u := range r.Unified {
		d.str(u.File, u.Value)
	}
}

func describeBlockIO(d *describer, b *BlockIO) {
	optional(d, "io.weight", b.Weight)
	optional(d, "io.leaf-weight", b.LeafWeight)
	for _, w := range b.WeightDevice {
		on := deviceNumber(w.Major) + ":" + deviceNumber(w.Minor)
		optional(d, "io.weight."+on, w.Weight)
		optional(d, "io.leaf-weight."+on, w.LeafWeight)
	}
	throttle := func(key string, list []ThrottleDevice) {
		for _, t := range list {
			d.add(key+"."+deviceNumber(t.Major)+":"+deviceNumber(t.Minor), decimal(t.Rate))
		}
	}
	throttle("io.read-bps", b.ReadBps)
	throttle("io.write-bps", b.WriteBps)
	throttle("io.read-iops", b.ReadIOPS)
	throttle("io.write-iops", b.WriteIOPS)
}
