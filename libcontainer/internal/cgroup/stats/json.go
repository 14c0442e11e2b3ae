package stats

import (
	"slices"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
)

// AppendJSON appends the members of the data of a stats event, without its
// braces. Names, their order, and which of them are left out when they are 0 are
// those of runc's events.
func (s *Stats) AppendJSON(b []byte) []byte {
	b = s.CPU.appendJSON(jsonscan.AppendKey(b, "cpu"))
	b = s.Cpuset.appendJSON(jsonscan.AppendKey(b, "cpuset"))
	b = s.Memory.appendJSON(jsonscan.AppendKey(b, "memory"))
	b = append(jsonscan.AppendKey(b, "pids"), '{')
	b = some(b, "current", s.Pids.Current)
	b = append(some(b, "limit", s.Pids.Limit), '}')
	b = s.IO.appendJSON(jsonscan.AppendKey(b, "blkio"))
	b = append(jsonscan.AppendKey(b, "hugetlb"), '{')
	for _, h := range s.Hugetlb {
		b = append(jsonscan.AppendKey(b, h.Size), '{')
		b = some(b, "usage", h.Usage)
		b = some(b, "max", h.Max)
		b = append(number(b, "failcnt", h.Failcnt), '}')
	}
	b = append(b, '}')
	if len(s.RDMA.Limit)+len(s.RDMA.Current) > 0 {
		b = append(jsonscan.AppendKey(b, "rdma"), '{')
		b = rdmaJSON(b, "rdma_limit", s.RDMA.Limit)
		b = append(rdmaJSON(b, "rdma_current", s.RDMA.Current), '}')
	}
	return b
}

func number(b []byte, key string, v uint64) []byte {
	return jsonscan.AppendUint(jsonscan.AppendKey(b, key), v)
}

// some leaves out a 0.
func some(b []byte, key string, v uint64) []byte {
	if v == 0 {
		return b
	}
	return number(b, key, v)
}

func numbers[T uint16 | uint64](b []byte, key string, list []T) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(jsonscan.AppendKey(b, key), '[')
	for _, v := range list {
		b = jsonscan.AppendUint(jsonscan.AppendComma(b), uint64(v))
	}
	return append(b, ']')
}

func (p *PSI) appendJSON(b []byte) []byte {
	if p == nil {
		return b
	}
	line := func(b []byte, key string, l *Pressure) []byte {
		b = append(jsonscan.AppendKey(b, key), '{')
		b = jsonscan.AppendFloat(jsonscan.AppendKey(b, "avg10"), l.Avg10)
		b = jsonscan.AppendFloat(jsonscan.AppendKey(b, "avg60"), l.Avg60)
		b = jsonscan.AppendFloat(jsonscan.AppendKey(b, "avg300"), l.Avg300)
		return append(number(b, "total", l.Total), '}')
	}
	b = append(jsonscan.AppendKey(b, "psi"), '{')
	b = line(b, "some", &p.Some)
	return append(line(b, "full", &p.Full), '}')
}

func (c *CPU) appendJSON(b []byte) []byte {
	b = append(jsonscan.AppendKey(append(b, '{'), "usage"), '{')
	b = some(b, "total", c.Total)
	b = numbers(b, "percpu", c.Percpu)
	b = numbers(b, "percpu_kernel", c.PercpuKernel)
	b = numbers(b, "percpu_user", c.PercpuUser)
	b = number(b, "kernel", c.Kernel)
	b = append(number(b, "user", c.User), '}')
	b = append(jsonscan.AppendKey(b, "throttling"), '{')
	b = some(b, "periods", c.Periods)
	b = some(b, "throttledPeriods", c.Throttled)
	b = append(some(b, "throttledTime", c.ThrottledTime), '}')
	if c.Bursts > 0 {
		b = append(jsonscan.AppendKey(b, "burst"), '{')
		b = number(b, "bursts_periods", c.Bursts)
		b = append(number(b, "bursts_time", c.BurstTime), '}')
	}
	return append(c.PSI.appendJSON(b), '}')
}

func (c *Cpuset) appendJSON(b []byte) []byte {
	b = numbers(append(b, '{'), "cpus", c.CPUs)
	b = number(b, "cpu_exclusive", c.CPUExclusive)
	b = numbers(b, "mems", c.Mems)
	b = number(b, "mem_hardwall", c.MemHardwall)
	b = number(b, "mem_exclusive", c.MemExclusive)
	b = number(b, "memory_migrate", c.MemoryMigrate)
	b = number(b, "memory_spread_page", c.MemorySpreadPage)
	b = number(b, "memory_spread_slab", c.SpreadSlab)
	b = number(b, "memory_pressure", c.MemoryPressure)
	b = number(b, "sched_load_balance", c.SchedLoadBalance)
	return append(jsonscan.AppendInt(jsonscan.AppendKey(b, "sched_relax_domain_level"), c.SchedRelaxDomainLevel), '}')
}

func (u *Usage) appendJSON(b []byte, key string) []byte {
	b = number(append(jsonscan.AppendKey(b, key), '{'), "limit", u.Limit)
	b = some(b, "usage", u.Usage)
	b = some(b, "max", u.Max)
	return append(number(b, "failcnt", u.Failcnt), '}')
}

func (m *Memory) appendJSON(b []byte) []byte {
	b = some(append(b, '{'), "cache", m.Cache)
	b = m.Usage.appendJSON(b, "usage")
	b = m.Swap.appendJSON(b, "swap")
	b = m.Kernel.appendJSON(b, "kernel")
	b = m.KernelTCP.appendJSON(b, "kernelTCP")
	if len(m.Raw) > 0 {
		raw := slices.Clone(m.Raw)
		slices.SortFunc(raw, func(x, y Entry) int { return strings.Compare(x.Key, y.Key) })
		b = append(jsonscan.AppendKey(b, "raw"), '{')
		for _, e := range raw {
			b = number(b, e.Key, e.Value)
		}
		b = append(b, '}')
	}
	return append(m.PSI.appendJSON(b), '}')
}

func (io *IO) appendJSON(b []byte) []byte {
	b = append(b, '{')
	for _, t := range [...]struct {
		key  string
		list []IOEntry
	}{
		{"ioServiceBytesRecursive", io.Bytes}, {"ioServicedRecursive", io.Serviced}, {"ioQueueRecursive", io.Queued},
		{"ioServiceTimeRecursive", io.Service}, {"ioWaitTimeRecursive", io.Wait}, {"ioMergedRecursive", io.Merged},
		{"ioTimeRecursive", io.Time}, {"sectorsRecursive", io.Sectors},
	} {
		if len(t.list) == 0 {
			continue
		}
		b = append(jsonscan.AppendKey(b, t.key), '[')
		for _, e := range t.list {
			b = some(append(jsonscan.AppendComma(b), '{'), "major", e.Major)
			b = some(b, "minor", e.Minor)
			if e.Op != "" {
				b = jsonscan.AppendString(jsonscan.AppendKey(b, "op"), e.Op)
			}
			b = append(some(b, "value", e.Value), '}')
		}
		b = append(b, ']')
	}
	return append(io.PSI.appendJSON(b), '}')
}

func rdmaJSON(b []byte, key string, list []RDMAEntry) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(jsonscan.AppendKey(b, key), '[')
	for _, e := range list {
		b = jsonscan.AppendString(jsonscan.AppendKey(append(jsonscan.AppendComma(b), '{'), "device"), e.Device)
		b = some(b, "hca_handles", uint64(e.Handles))
		b = append(some(b, "hca_objects", uint64(e.Objects)), '}')
	}
	return append(b, ']')
}
