package stats

import "strings"

// CPU is the time of processors, in nanoseconds.
type CPU struct {
	Total, Kernel, User               uint64
	Percpu, PercpuKernel, PercpuUser  []uint64 // v1 alone counts by processor
	Periods, Throttled, ThrottledTime uint64   // enforcement periods, those cut short, and for how long
	Bursts, BurstTime                 uint64   // periods beyond the quota, and for how long
	PSI                               *PSI
}

// second is the length of the ticks that cpuacct.stat counts: USER_HZ is 100 on
// every architecture that Go knows.
const nsPerTick = 1e9 / 100

// CPUV1 reads cpuacct and cpu (cgroup-v1/cpuacct.rst, sched-bwc.rst).
func CPUV1(cpuacct, cpu *Dir) CPU {
	var c CPU
	c.Total = cpuacct.number("cpuacct.usage")
	cpuacct.flat("cpuacct.stat", func(key string, ticks uint64) {
		switch key {
		case "user":
			c.User = ticks * nsPerTick
		case "system":
			c.Kernel = ticks * nsPerTick
		}
	})
	for word := range strings.FieldsSeq(cpuacct.read("cpuacct.usage_percpu")) {
		c.Percpu = append(c.Percpu, parse(word))
	}
	// "cpu user system", and a line for each processor
	for line := range strings.Lines(cpuacct.read("cpuacct.usage_all")) {
		if f := strings.Fields(line); len(f) == 3 && f[0] != "cpu" {
			c.PercpuUser = append(c.PercpuUser, parse(f[1]))
			c.PercpuKernel = append(c.PercpuKernel, parse(f[2]))
		}
	}
	cpu.flat("cpu.stat", func(key string, v uint64) {
		switch key {
		case "nr_periods":
			c.Periods = v
		case "nr_throttled":
			c.Throttled = v
		case "throttled_time":
			c.ThrottledTime = v
		case "nr_bursts":
			c.Bursts = v
		case "burst_time":
			c.BurstTime = v
		}
	})
	return c
}

// CPUV2 reads cpu.stat and cpu.pressure, which groups without the controller
// have as well (cgroup-v2.rst, CPU Interface Files). The file's microseconds
// become nanoseconds.
func CPUV2(d *Dir) CPU {
	var c CPU
	d.flat("cpu.stat", func(key string, v uint64) {
		switch key {
		case "usage_usec":
			c.Total = v * 1000
		case "user_usec":
			c.User = v * 1000
		case "system_usec":
			c.Kernel = v * 1000
		case "nr_periods":
			c.Periods = v
		case "nr_throttled":
			c.Throttled = v
		case "throttled_usec":
			c.ThrottledTime = v * 1000
		case "nr_bursts":
			c.Bursts = v
		case "burst_usec":
			c.BurstTime = v * 1000
		}
	})
	c.PSI = d.Pressure("cpu")
	return c
}
