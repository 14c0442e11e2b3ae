// Package limit is what the packages v1 and v2 give: values for files of control
// groups, as data. Here are also those that both versions take in the same form.
package limit

import (
	"strconv"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/plan"
)

// Write is one value for one file of a controller.
type Write struct {
	Controller string // as in /proc/cgroups, or as in cgroup.controllers for v2
	File       string
	Value      string
	Origin     string // JSON path of the config field
	Subject    string // neighbours with the same one bound each other: the order that the kernel takes depends on what is there now
	Key        string // first word of Value when the file has a line for each device or interface
	Reset      string // what takes away the line of Key, to go back to a file without one
	KeepFirst  bool   // the first word that the file has now goes before Value
	Optional   bool   // a kernel without the file has nothing to limit
	Changes    string // another file whose value the kernel changes with this one
	Else       *Write // instead, on a kernel without the file
	Unset      bool   // Value is what every cgroup begins with: a host without the controller has it
}

// Lost reports whether the write asks for something that a host without the controller lacks.
func (w *Write) Lost() bool {
	return !w.Optional && !w.Unset && w.Value != "max" && w.Value != "-1"
}

// Subjects.
const (
	SubjectMemory    = "memory"     // memory, and memory and swap together
	SubjectBandwidth = "bandwidth"  // quota, period and burst
	SubjectRealtime  = "realtime"   // runtime and period of realtime scheduling
	SubjectCPUWeight = "cpu weight" // shares, and being idle
)

// Resources is the JSON path that all origins begin with.
const Resources = "linux.resources."

// Int writes a number in decimal.
func Int(n int64) string { return strconv.FormatInt(n, 10) }

// Uint writes a number in decimal.
func Uint(n uint64) string { return strconv.FormatUint(n, 10) }

// Device is a device's number as block controllers take it.
func Device(major, minor int64) string { return Int(major) + ":" + Int(minor) }

// At is the path of an element of a list.
func At(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// MaxOr writes a limit with its word for none.
func MaxOr(n int64) string {
	if n < 0 {
		return "max"
	}
	return Int(n)
}

// Cpuset is cpuset.cpus and cpuset.mems: lists as cpuset(7) has them.
func Cpuset(c *plan.CPU) []Write {
	if c == nil {
		return nil
	}
	var list []Write
	if c.Cpus != "" {
		list = append(list, Write{Controller: "cpuset", File: "cpuset.cpus", Value: c.Cpus, Origin: Resources + "cpu.cpus"})
	}
	if c.Mems != "" {
		list = append(list, Write{Controller: "cpuset", File: "cpuset.mems", Value: c.Mems, Origin: Resources + "cpu.mems"})
	}
	return list
}

// Pids is pids.max. A limit of 0 lets no process fork; it becomes 1, of which
// the container's own process is the first, because engines mean that.
func Pids(p *plan.Pids) []Write {
	if p == nil || p.Limit == nil {
		return nil
	}
	n := *p.Limit
	if n == 0 {
		n = 1
	}
	return []Write{{Controller: "pids", File: "pids.max", Value: MaxOr(n), Origin: Resources + "pids.limit"}}
}

// Hugetlb bounds the use of huge pages, and, where the kernel can (Linux 5.7),
// their reservation: a process that may not use what it has reserved dies of
// SIGBUS, one that may not reserve gets ENOMEM. suffix is the version's word for
// the limit.
func Hugetlb(list []plan.HugepageLimit, suffix string) []Write {
	var out []Write
	for i, h := range list {
		w := Write{Controller: "hugetlb", File: "hugetlb." + h.PageSize + suffix, Value: Uint(h.Limit), Origin: At(Resources+"hugepageLimits", i)}
		out = append(out, w)
		w.File, w.Optional = "hugetlb."+h.PageSize+".rsvd"+suffix, true
		out = append(out, w)
	}
	return out
}

// RDMA is rdma.max.
func RDMA(limits []plan.RDMALimit) []Write {
	var list []Write
	for _, l := range limits {
		value := l.Device
		if l.HcaHandles != nil {
			value += " hca_handle=" + Uint(uint64(*l.HcaHandles))
		}
		if l.HcaObjects != nil {
			value += " hca_object=" + Uint(uint64(*l.HcaObjects))
		}
		if value == l.Device {
			continue
		}
		list = append(list, Write{
			Controller: "rdma", File: "rdma.max", Value: value, Origin: Resources + "rdma." + l.Device,
			Key: l.Device, Reset: l.Device + " hca_handle=max hca_object=max",
		})
	}
	return list
}

// Restore gives what to write to have the old content of the file again, after
// w was written.
func (w *Write) Restore(old string) Write {
	r := *w
	r.Else, r.KeepFirst, r.Changes = nil, false, ""
	switch {
	case w.Key != "":
		r.Value = w.Reset
		for line := range strings.Lines(old) {
			if strings.HasPrefix(line, w.Key+" ") {
				r.Value = strings.TrimSuffix(line, "\n")
			}
		}
	case w.File == "memory.oom_control":
		r.Value = "0"
		if strings.HasPrefix(old, "oom_kill_disable 1") {
			r.Value = "1"
		}
	case strings.HasPrefix(old, "default "):
		r.Value, _, _ = strings.Cut(old, "\n") // the lines of devices are not of this write
	default:
		r.Value = strings.TrimSuffix(old, "\n")
		if r.Value == "" {
			r.Value = "\n" // a write of nothing does not reach the file
		}
	}
	return r
}
