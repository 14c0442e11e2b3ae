package cgroup

import (
	"strconv"

	"github.com/rung-oci/rung/libcontainer/internal/plan"
)

// writesV1 is everything but pids and devices for the files of cgroup v1
// (Documentation/admin-guide/cgroup-v1).
func writesV1(r *plan.Resources) []Write {
	var list []Write
	list = append(list, memoryV1(r.Memory)...)
	list = append(list, cpuV1(r.CPU)...)
	list = append(list, cpusetWrites(r.CPU)...)
	list = append(list, blkioV1(r.BlockIO)...)
	list = append(list, hugetlbV1(r.Hugetlb)...)
	list = append(list, networkV1(r.Network)...)
	return append(list, rdmaWrites(r.RDMA)...)
}

func memoryV1(m *plan.Memory) []Write {
	if m == nil {
		return nil
	}
	var list []Write
	add := func(file, value, origin string) {
		list = append(list, Write{Controller: "memory", File: file, Value: value, Origin: origin})
	}
	swap := m.Swap
	if m.Limit != nil && *m.Limit == -1 && swap == nil {
		swap = m.Limit // no limit of memory below one of memory and swap
	}
	if m.Limit != nil && *m.Limit != 0 {
		add("memory.limit_in_bytes", itoa(*m.Limit), "memory.limit")
	}
	if swap != nil && *swap != 0 {
		add("memory.memsw.limit_in_bytes", itoa(*swap), "memory.swap")
	}
	if m.Reservation != nil && *m.Reservation != 0 {
		add("memory.soft_limit_in_bytes", itoa(*m.Reservation), "memory.reservation")
	}
	if m.Swappiness != nil && *m.Swappiness <= 100 {
		add("memory.swappiness", utoa(*m.Swappiness), "memory.swappiness")
	}
	if m.DisableOOMKiller != nil && *m.DisableOOMKiller {
		add("memory.oom_control", "1", "memory.disableOOMKiller")
	}
	return list
}

func boolean(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

func cpuV1(c *plan.CPU) []Write {
	if c == nil {
		return nil
	}
	var list []Write
	add := func(file, value, origin string) {
		list = append(list, Write{Controller: "cpu", File: file, Value: value, Origin: origin})
	}
	if c.Shares != nil && *c.Shares != 0 {
		add("cpu.shares", utoa(*c.Shares), "cpu.shares")
	}
	if c.Period != nil && *c.Period != 0 {
		add("cpu.cfs_period_us", utoa(*c.Period), "cpu.period")
	}
	if c.Quota != nil && *c.Quota != 0 {
		add("cpu.cfs_quota_us", itoa(*c.Quota), "cpu.quota")
	}
	if c.Burst != nil {
		add("cpu.cfs_burst_us", utoa(*c.Burst), "cpu.burst")
	}
	if c.RealtimePeriod != nil && *c.RealtimePeriod != 0 {
		add("cpu.rt_period_us", utoa(*c.RealtimePeriod), "cpu.realtimePeriod")
	}
	if c.RealtimeRuntime != nil && *c.RealtimeRuntime != 0 {
		add("cpu.rt_runtime_us", itoa(*c.RealtimeRuntime), "cpu.realtimeRuntime")
	}
	if c.Idle != nil {
		add("cpu.idle", itoa(*c.Idle), "cpu.idle")
	}
	return list
}

func cpusetWrites(c *plan.CPU) []Write {
	if c == nil {
		return nil
	}
	var list []Write
	if c.Cpus != "" {
		list = append(list, Write{Controller: "cpuset", File: "cpuset.cpus", Value: c.Cpus, Origin: "cpu.cpus"})
	}
	if c.Mems != "" {
		list = append(list, Write{Controller: "cpuset", File: "cpuset.mems", Value: c.Mems, Origin: "cpu.mems"})
	}
	return list
}

func device(major, minor int64) string { return itoa(major) + ":" + itoa(minor) }

func rates(controller, file, origin string, list []plan.ThrottleDevice) []Write {
	var out []Write
	for i, t := range list {
		out = append(out, Write{Controller: controller, File: file, Value: device(t.Major, t.Minor) + " " + utoa(t.Rate), Origin: origin + "[" + strconv.Itoa(i) + "]"})
	}
	return out
}

// blkioV1: the weight files are those of BFQ, since CFQ is gone (Linux 5.0).
func blkioV1(b *plan.BlockIO) []Write {
	if b == nil {
		return nil
	}
	var list []Write
	weight := func(file string, w *uint16, prefix, origin string) {
		if w != nil && *w != 0 {
			list = append(list, Write{Controller: "blkio", File: file, Value: prefix + itoa(int64(*w)), Origin: origin})
		}
	}
	weight("blkio.bfq.weight", b.Weight, "", "blockIO.weight")
	weight("blkio.leaf_weight", b.LeafWeight, "", "blockIO.leafWeight")
	for i, d := range b.WeightDevice {
		origin := "blockIO.weightDevice[" + strconv.Itoa(i) + "]"
		weight("blkio.bfq.weight_device", d.Weight, device(d.Major, d.Minor)+" ", origin)
		weight("blkio.leaf_weight_device", d.LeafWeight, device(d.Major, d.Minor)+" ", origin)
	}
	list = append(list, rates("blkio", "blkio.throttle.read_bps_device", "blockIO.throttleReadBpsDevice", b.ReadBps)...)
	list = append(list, rates("blkio", "blkio.throttle.write_bps_device", "blockIO.throttleWriteBpsDevice", b.WriteBps)...)
	list = append(list, rates("blkio", "blkio.throttle.read_iops_device", "blockIO.throttleReadIOPSDevice", b.ReadIOPS)...)
	return append(list, rates("blkio", "blkio.throttle.write_iops_device", "blockIO.throttleWriteIOPSDevice", b.WriteIOPS)...)
}

func hugetlbV1(list []plan.HugepageLimit) []Write { return hugetlb(list, ".limit_in_bytes") }

// hugetlb limits what is used, and what is reserved where the kernel can (5.7).
func hugetlb(list []plan.HugepageLimit, suffix string) []Write {
	var out []Write
	for i, h := range list {
		origin := "hugepageLimits[" + strconv.Itoa(i) + "]"
		rsvd := ".rsvd" + suffix
		out = append(out,
			Write{Controller: "hugetlb", File: "hugetlb." + h.PageSize + suffix, Value: utoa(h.Limit), Origin: origin},
			Write{Controller: "hugetlb", File: "hugetlb." + h.PageSize + rsvd, Value: utoa(h.Limit), Origin: origin, Optional: true})
	}
	return out
}

func networkV1(n *plan.Network) []Write {
	if n == nil {
		return nil
	}
	var list []Write
	if n.ClassID != nil {
		list = append(list, Write{Controller: "net_cls", File: "net_cls.classid", Value: utoa(uint64(*n.ClassID)), Origin: "network.classID"})
	}
	for i, p := range n.Priorities {
		list = append(list, Write{Controller: "net_prio", File: "net_prio.ifpriomap", Value: p.Name + " " + utoa(uint64(p.Priority)), Origin: "network.priorities[" + strconv.Itoa(i) + "]"})
	}
	return list
}

func rdmaWrites(limits []plan.RDMALimit) []Write {
	var list []Write
	for _, l := range limits {
		value := l.Device
		if l.HcaHandles != nil {
			value += " hca_handle=" + utoa(uint64(*l.HcaHandles))
		}
		if l.HcaObjects != nil {
			value += " hca_object=" + utoa(uint64(*l.HcaObjects))
		}
		list = append(list, Write{Controller: "rdma", File: "rdma.max", Value: value, Origin: "rdma[" + l.Device + "]"})
	}
	return list
}
