// Package both is what cgroup v1 and cgroup v2 take in the same form. It touches nothing.
package both

import (
	"maps"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
)

// Cpuset is cpuset.cpus and cpuset.mems: lists as cpuset(7) has them.
func Cpuset(c *specs.LinuxCPU) []limit.Write {
	if c == nil {
		return nil
	}
	var list []limit.Write
	if c.Cpus != "" {
		list = append(list, limit.Write{Controller: "cpuset", File: "cpuset.cpus", Value: c.Cpus, Origin: limit.Resources + "cpu.cpus"})
	}
	if c.Mems != "" {
		list = append(list, limit.Write{Controller: "cpuset", File: "cpuset.mems", Value: c.Mems, Origin: limit.Resources + "cpu.mems"})
	}
	return list
}

// Pids is pids.max. A limit of 0 lets no process fork; it becomes 1, of which
// the container's own process is the first, because engines mean that.
func Pids(p *specs.LinuxPids) []limit.Write {
	if p == nil || p.Limit == nil {
		return nil
	}
	n := *p.Limit
	if n == 0 {
		n = 1
	}
	return []limit.Write{{Controller: "pids", File: "pids.max", Value: limit.MaxOr(n), Origin: limit.Resources + "pids.limit"}}
}

// Hugetlb bounds the use of huge pages, and, where the kernel can (Linux 5.7),
// their reservation: a process that may not use what it has reserved dies of
// SIGBUS, one that may not reserve gets ENOMEM. suffix is the version's word for
// the limit.
func Hugetlb(list []specs.LinuxHugepageLimit, suffix string) []limit.Write {
	var out []limit.Write
	for i, h := range list {
		w := limit.Write{Controller: "hugetlb", File: "hugetlb." + h.Pagesize + suffix, Value: limit.Uint(h.Limit), Origin: limit.At(limit.Resources+"hugepageLimits", i)}
		out = append(out, w)
		w.File, w.Optional = "hugetlb."+h.Pagesize+".rsvd"+suffix, true
		out = append(out, w)
	}
	return out
}

// RDMA is rdma.max.
func RDMA(limits map[string]specs.LinuxRdma) []limit.Write {
	var list []limit.Write
	for _, device := range slices.Sorted(maps.Keys(limits)) {
		l, value := limits[device], device
		if l.HcaHandles != nil {
			value += " hca_handle=" + limit.Uint(uint64(*l.HcaHandles))
		}
		if l.HcaObjects != nil {
			value += " hca_object=" + limit.Uint(uint64(*l.HcaObjects))
		}
		if value == device {
			continue
		}
		list = append(list, limit.Write{
			Controller: "rdma", File: "rdma.max", Value: value, Origin: limit.Resources + "rdma." + device,
			Key: device, Reset: device + " hca_handle=max hca_object=max",
		})
	}
	return list
}
