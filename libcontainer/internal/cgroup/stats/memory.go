package stats

// Usage is a use and its bound, in bytes.
type Usage struct {
	Limit   uint64 // NoLimit if there is none
	Usage   uint64
	Max     uint64 // the highest use so far
	Failcnt uint64 // how often the limit was met
}

// Entry is one line of memory.stat.
type Entry struct {
	Key   string
	Value uint64
}

// Memory is in bytes. Swap is memory and swap together, as v1 has it.
type Memory struct {
	Cache     uint64
	Usage     Usage
	Swap      Usage
	Kernel    Usage
	KernelTCP Usage
	Raw       []Entry // memory.stat
	PSI       *PSI
}

// MemoryV1 reads the v1 controller (cgroup-v1/memory.rst).
func MemoryV1(d *Dir) Memory {
	m := Memory{Usage: usageV1(d, "memory."), Swap: usageV1(d, "memory.memsw."), Kernel: usageV1(d, "memory.kmem."), KernelTCP: usageV1(d, "memory.kmem.tcp.")}
	m.raw(d)
	m.Cache = m.value("cache")
	return m
}

func usageV1(d *Dir, prefix string) Usage {
	return Usage{
		Limit: d.number(prefix + "limit_in_bytes"), Usage: d.number(prefix + "usage_in_bytes"),
		Max: d.number(prefix + "max_usage_in_bytes"), Failcnt: d.number(prefix + "failcnt"),
	}
}

func (m *Memory) raw(d *Dir) {
	d.flat("memory.stat", func(key string, v uint64) { m.Raw = append(m.Raw, Entry{key, v}) })
}

func (m *Memory) value(key string) uint64 {
	for i := range m.Raw {
		if m.Raw[i].Key == key {
			return m.Raw[i].Value
		}
	}
	return 0
}

// MemoryV2 reads the v2 controller (cgroup-v2.rst, Memory Interface Files).
// memory.peak is there since Linux 5.19.
func MemoryV2(d *Dir) Memory {
	m := Memory{PSI: d.Pressure("memory")}
	m.raw(d)
	if m.Raw == nil {
		return m // the controller is not on
	}
	m.Cache = m.value("file")
	m.Usage = Usage{Limit: d.number("memory.max"), Usage: d.number("memory.current"), Max: d.number("memory.peak")}
	d.flat("memory.events", func(key string, v uint64) {
		if key == "max" {
			m.Usage.Failcnt = v
		}
	})
	// the highest use of both together is not known
	m.Swap = Usage{Limit: sum(m.Usage.Limit, d.number("memory.swap.max")), Usage: m.Usage.Usage + d.number("memory.swap.current")}
	d.flat("memory.swap.events", func(key string, v uint64) {
		if key == "max" {
			m.Swap.Failcnt = v
		}
	})
	return m
}

// sum adds limits: with one that is missing there is none.
func sum(a, b uint64) uint64 {
	if a == NoLimit || b == NoLimit {
		return NoLimit
	}
	return a + b
}
