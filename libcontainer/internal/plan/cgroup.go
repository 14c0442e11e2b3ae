package plan

import (
	"fmt"
	"math"
	"strconv"

	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
)

// CgroupCreate makes the container's control groups in every hierarchy, or has systemd make its unit.
type CgroupCreate struct {
	Path string
	Unit string // of systemd: the name of the scope or slice; empty: the groups are made by the runtime
	// Properties of the unit, of annotations and of the limits that the writes below set: systemd writes what it
	// knows again when it is reloaded.
	Properties []UnitProperty
}

// UnitProperty is a property of a unit (org.freedesktop.systemd1(5)).
type UnitProperty struct {
	Name  string
	Value any // as it is sent over D-Bus
}

// CgroupWrite is one value for one file of the container's cgroups. Those that stand together in a plan are written
// together: the kernel may take the second only before the first (see limit.Write.Subject).
type CgroupWrite struct{ limit.Write }

// CgroupDevices puts rules for devices in force: by devices.allow and devices.deny on cgroup v1, by a BPF program on v2.
type CgroupDevices struct {
	Rules    []DeviceRule // in order, over "deny all"; later ones win
	Defaults int          // how many rules at the end of Rules are the runtime's own
}

// UnitLeave ends the process that has held the scope until the init is in it.
type UnitLeave struct{}

// CgroupDelegate gives the cgroup v2 group to the user that executes the
// process: it can be written there, and is a namespace of its own.
type CgroupDelegate struct{ UID uint32 }

// CgroupJoin moves the process of an exec into the container's cgroups from outside. The kernel moves
// a process into a cgroup that has reached its pids limit, and refuses to fork one in there.
type CgroupJoin struct {
	V2Only bool // the process joins those of v1 itself
	// CPUs is the affinity mask of the process from then on: the move into a cpuset replaces the mask
	// (up to Linux 6.1). Empty: nothing is set.
	CPUs []byte
}

func (CgroupCreate) label() Label   { return Label{"cgroup-create", "cgroup"} }
func (CgroupWrite) label() Label    { return Label{"cgroup-write", "cgroup"} }
func (CgroupDevices) label() Label  { return Label{"cgroup-devices", "cgroup"} }
func (UnitLeave) label() Label      { return Label{"unit-leave", "cgroup"} }
func (CgroupDelegate) label() Label { return Label{"cgroup-delegate", "cgroup"} }
func (CgroupJoin) label() Label     { return Label{"cgroup-join", "cgroup"} }

func (a CgroupCreate) describe(d *describer) {
	d.str("path", a.Path)
	d.str("unit", a.Unit)
	for _, p := range a.Properties {
		d.str(p.Name, p.text())
	}
}

// text is the value as systemctl(1) shows it.
func (p UnitProperty) text() string {
	if n, ok := p.Value.(uint64); ok && n == math.MaxUint64 {
		return "infinity"
	}
	return fmt.Sprint(p.Value)
}

func (a CgroupWrite) describe(d *describer) {
	value := a.Value
	if a.KeepFirst {
		value = "(as it is) " + value // cpu.max of a period without a quota
	}
	d.str(a.Path(), value)
	if a.Nowhere {
		d.word("controller", "missing")
	}
}

// describe leaves out the rules that every container has.
func (a CgroupDevices) describe(d *describer) {
	var rules []string
	for _, rule := range a.Rules[:len(a.Rules)-a.Defaults] {
		verb := "deny "
		if rule.Allow {
			verb = "allow "
		}
		rules = append(rules, verb+rule.String())
	}
	d.list("rules", rules)
}
func (UnitLeave) describe(*describer) {}
func (a CgroupDelegate) describe(d *describer) {
	d.num("uid", int64(a.UID))
}

func (a CgroupJoin) describe(d *describer) {
	if a.V2Only {
		d.word("hierarchy", "v2")
	}
	if len(a.CPUs) > 0 {
		d.word("cpus", "again")
	}
}

// CgroupWrites gives what the plan writes to files of cgroups: before the init is started, and when it is one process.
func (p *Plan) CgroupWrites() (early, late []limit.Write) {
	started := false
	for _, s := range p.Runtime {
		switch a := s.Do.(type) {
		case Spawn:
			started = true
		case CgroupWrite:
			if started {
				late = append(late, a.Write)
			} else {
				early = append(early, a.Write)
			}
		}
	}
	return early, late
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
