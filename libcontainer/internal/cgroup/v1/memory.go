package v1

import (
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
)

// memory: the limit of memory and swap together must never be below that of
// memory, so which comes first depends on the direction. Limits of 0 are those of
// engines that have none to set. linux.resources.memory.kernel is ignored: the
// kernel does too (Linux 5.16).
func memory(m *specs.LinuxMemory) []limit.Write {
	if m == nil {
		return nil
	}
	var list []limit.Write
	add := func(file, value, field string) *limit.Write {
		list = append(list, limit.Write{Controller: "memory", File: file, Value: value, Origin: limit.Resources + "memory." + field})
		return &list[len(list)-1]
	}
	unlimited := m.Limit != nil && *m.Limit < 0
	if m.Limit != nil && *m.Limit != 0 {
		add("memory.limit_in_bytes", limit.Int(*m.Limit), "limit").Subject = limit.SubjectMemory
	}
	switch {
	case m.Swap != nil && *m.Swap != 0:
		add("memory.memsw.limit_in_bytes", limit.Int(*m.Swap), "swap").Subject = limit.SubjectMemory
	case unlimited:
		// no limit of memory is none of both; a kernel that does not count swap has no file
		w := add("memory.memsw.limit_in_bytes", "-1", "limit")
		w.Subject, w.Optional = limit.SubjectMemory, true
	}
	if m.Reservation != nil && *m.Reservation != 0 {
		add("memory.soft_limit_in_bytes", limit.Int(*m.Reservation), "reservation")
	}
	if m.KernelTCP != nil && *m.KernelTCP != 0 {
		add("memory.kmem.tcp.limit_in_bytes", limit.Int(*m.KernelTCP), "kernelTCP").Optional = *m.KernelTCP < 0
	}
	if m.DisableOOMKiller != nil && *m.DisableOOMKiller {
		add("memory.oom_control", "1", "disableOOMKiller")
	}
	if m.Swappiness != nil && int64(*m.Swappiness) >= 0 { // engines have -1 for "as it is"
		add("memory.swappiness", limit.Uint(*m.Swappiness), "swappiness")
	}
	return list
}
