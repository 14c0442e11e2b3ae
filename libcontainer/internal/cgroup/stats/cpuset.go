package stats

import (
	"strconv"
	"strings"
)

// Cpuset is where processes may run, and the switches of v1 (cpuset(7)).
type Cpuset struct {
	CPUs, Mems                                  []uint16
	CPUExclusive, MemHardwall, MemExclusive     uint64
	MemoryMigrate, MemorySpreadPage, SpreadSlab uint64
	MemoryPressure, SchedLoadBalance            uint64
	SchedRelaxDomainLevel                       int64
}

// CpusetV1 reads a v1 cpuset.
func CpusetV1(d *Dir) Cpuset {
	c := Cpuset{
		CPUs: list(d.read("cpuset.cpus")), Mems: list(d.read("cpuset.mems")),
		CPUExclusive: d.number("cpuset.cpu_exclusive"), MemHardwall: d.number("cpuset.mem_hardwall"), MemExclusive: d.number("cpuset.mem_exclusive"),
		MemoryMigrate: d.number("cpuset.memory_migrate"), MemorySpreadPage: d.number("cpuset.memory_spread_page"),
		SpreadSlab: d.number("cpuset.memory_spread_slab"), MemoryPressure: d.number("cpuset.memory_pressure"),
		SchedLoadBalance: d.number("cpuset.sched_load_balance"),
	}
	c.SchedRelaxDomainLevel, _ = strconv.ParseInt(strings.TrimSpace(d.read("cpuset.sched_relax_domain_level")), 10, 64)
	return c
}

// CpusetV2 reads what is in effect: a group that has no list of its own has the
// one above it.
func CpusetV2(d *Dir) Cpuset {
	return Cpuset{CPUs: list(d.read("cpuset.cpus.effective")), Mems: list(d.read("cpuset.mems.effective"))}
}

// list spreads a list of numbers and ranges (cpuset(7), List format), as the
// kernel prints it: "0-3,8".
func list(text string) []uint16 {
	var out []uint16
	for part := range strings.SplitSeq(strings.TrimSpace(text), ",") {
		from, to, ranged := strings.Cut(part, "-")
		if !ranged {
			to = from
		}
		first, err1 := strconv.ParseUint(from, 10, 16)
		last, err2 := strconv.ParseUint(to, 10, 16)
		if err1 != nil || err2 != nil {
			continue
		}
		for n := first; n <= last; n++ {
			out = append(out, uint16(n))
		}
	}
	return out
}
