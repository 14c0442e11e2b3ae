package cgroup

import (
	"math"
	"strconv"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/plan"
)

// writesV2 is everything but pids and devices for the files of cgroup v2
// (Documentation/admin-guide/cgroup-v2.rst). unified comes last: it overrides.
func writesV2(r *plan.Resources) []Write {
	var list []Write
	list = append(list, memoryV2(r.Memory)...)
	list = append(list, cpuV2(r.CPU)...)
	list = append(list, cpusetWrites(r.CPU)...)
	list = append(list, ioV2(r.BlockIO)...)
	list = append(list, hugetlb(r.Hugetlb, ".max")...)
	list = append(list, rdmaWrites(r.RDMA)...)
	return append(list, unifiedWrites(r.Unified)...)
}

func limitV2(n int64) string {
	if n < 0 {
		return "max"
	}
	return itoa(n)
}

// memoryV2: the config's swap is memory and swap together, the file's is swap
// alone. Swappiness and the OOM killer cannot be set for a group of v2.
func memoryV2(m *plan.Memory) []Write {
	if m == nil {
		return nil
	}
	var list []Write
	add := func(file, value, origin string) {
		list = append(list, Write{Controller: "memory", File: file, Value: value, Origin: origin})
	}
	switch {
	case m.Swap != nil && *m.Swap < 0, m.Swap == nil && m.Limit != nil && *m.Limit < 0:
		add("memory.swap.max", "max", "memory.swap")
	case m.Swap != nil && m.Limit != nil && *m.Limit >= 0 && *m.Swap >= *m.Limit && *m.Swap != 0:
		add("memory.swap.max", itoa(*m.Swap-*m.Limit), "memory.swap")
	}
	// a kernel without swap has no such file, and nothing to limit
	for i := range list {
		list[i].Optional = true
	}
	if m.Limit != nil && *m.Limit != 0 {
		add("memory.max", limitV2(*m.Limit), "memory.limit")
	}
	if m.Reservation != nil && *m.Reservation != 0 {
		add("memory.low", limitV2(*m.Reservation), "memory.reservation")
	}
	return list
}

// sharesToWeight is the conversion that runtimes and systemd agree on: 1024
// shares, the default of v1, are close to 100, the default of v2.
func sharesToWeight(shares uint64) uint64 {
	switch {
	case shares == 0:
		return 0
	case shares <= 2:
		return 1
	case shares >= 262144:
		return 10000
	}
	l := math.Log2(float64(shares))
	return uint64(math.Pow(10, (l*l+125*l)/612-7.0/34) + 0.99)
}

func cpuV2(c *plan.CPU) []Write {
	if c == nil {
		return nil
	}
	var list []Write
	add := func(file, value, origin string) {
		list = append(list, Write{Controller: "cpu", File: file, Value: value, Origin: origin})
	}
	if c.Idle != nil {
		add("cpu.idle", itoa(*c.Idle), "cpu.idle")
	}
	if c.Shares != nil && *c.Shares != 0 && (c.Idle == nil || *c.Idle == 0) {
		add("cpu.weight", utoa(sharesToWeight(*c.Shares)), "cpu.shares")
	}
	if (c.Quota != nil && *c.Quota != 0) || (c.Period != nil && *c.Period != 0) {
		value := "max"
		if c.Quota != nil && *c.Quota > 0 {
			value = itoa(*c.Quota)
		}
		if c.Period != nil && *c.Period != 0 {
			value += " " + utoa(*c.Period)
		}
		add("cpu.max", value, "cpu.quota")
	}
	if c.Burst != nil {
		add("cpu.max.burst", utoa(*c.Burst), "cpu.burst")
	}
	return list
}

// weightToIO: io.weight reaches from 1 to 10000, the config's from 10 to 1000.
func weightToIO(w uint16) string {
	if w == 0 {
		return "0"
	}
	return strconv.FormatUint(1+(uint64(w)-10)*9999/990, 10)
}

func ioV2(b *plan.BlockIO) []Write {
	if b == nil {
		return nil
	}
	var list []Write
	if b.Weight != nil && *b.Weight != 0 {
		// BFQ's own file takes the value as it is; without BFQ there is io.weight
		list = append(list,
			Write{Controller: "io", File: "io.bfq.weight", Value: itoa(int64(*b.Weight)), Origin: "blockIO.weight", Optional: true},
			Write{Controller: "io", File: "io.weight", Value: weightToIO(*b.Weight), Origin: "blockIO.weight", Optional: true})
	}
	for i, d := range b.WeightDevice {
		if d.Weight != nil && *d.Weight != 0 {
			list = append(list, Write{Controller: "io", File: "io.bfq.weight", Value: device(d.Major, d.Minor) + " " + itoa(int64(*d.Weight)), Origin: "blockIO.weightDevice[" + strconv.Itoa(i) + "]"})
		}
	}
	for _, t := range [...]struct {
		key, origin string
		list        []plan.ThrottleDevice
	}{
		{"rbps", "blockIO.throttleReadBpsDevice", b.ReadBps}, {"wbps", "blockIO.throttleWriteBpsDevice", b.WriteBps},
		{"riops", "blockIO.throttleReadIOPSDevice", b.ReadIOPS}, {"wiops", "blockIO.throttleWriteIOPSDevice", b.WriteIOPS},
	} {
		for i, d := range t.list {
			rate := "max"
			if d.Rate != 0 {
				rate = utoa(d.Rate)
			}
			list = append(list, Write{Controller: "io", File: "io.max", Value: device(d.Major, d.Minor) + " " + t.key + "=" + rate, Origin: t.origin + "[" + strconv.Itoa(i) + "]"})
		}
	}
	return list
}

// unifiedWrites: each line of a value is a write of its own, as files such as
// io.max want it.
func unifiedWrites(files []plan.UnifiedFile) []Write {
	var list []Write
	for _, f := range files {
		controller, _, _ := strings.Cut(f.File, ".")
		for line := range strings.SplitSeq(f.Value, "\n") {
			if line != "" {
				list = append(list, Write{Controller: controller, File: f.File, Value: line, Origin: "unified[" + f.File + "]"})
			}
		}
	}
	return list
}
