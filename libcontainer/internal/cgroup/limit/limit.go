// Package limit is values for files of control groups, as data: what the packages v1 and v2 give, and what a plan
// carries.
package limit

import (
	"strconv"
	"strings"
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
	Hierarchy  string // where the controller is, as a directory below /sys/fs/cgroup; empty: cgroup v2 is mounted there itself
	Nowhere    bool   // no mounted hierarchy has the controller
}

// Path is the file below the directory of cgroups, without the container's own path: "memory/memory.limit_in_bytes".
func (w *Write) Path() string {
	if w.Hierarchy == "" {
		return w.File
	}
	return w.Hierarchy + "/" + w.File
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
