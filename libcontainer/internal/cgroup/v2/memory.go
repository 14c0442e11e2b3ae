package v2

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
)

// memory: the config's swap is memory and swap together, the file's is swap
// alone. The limit of kernel memory is part of memory.max, as it is on v1 since
// Linux 5.16. What v2 has nothing for is an error ("If the conversion is not
// possible the runtime MUST generate an error"). memory.max comes last: what does
// not fit is reclaimed, into the swap that is then already bounded.
func memory(m *specs.LinuxMemory) ([]limit.Write, error) {
	if m == nil {
		return nil, nil
	}
	if err := onlyV1(m); err != nil {
		return nil, err
	}
	var list []limit.Write
	add := func(file, value, field string, optional bool) {
		list = append(list, limit.Write{Controller: "memory", File: file, Value: value, Origin: limit.Resources + "memory." + field, Optional: optional})
	}
	swap, set, err := swapAlone(m)
	if err != nil {
		return nil, err
	}
	if set {
		// a kernel without swap has no such file; it keeps these two promises anyway
		add("memory.swap.max", limit.MaxOr(swap), "swap", swap <= 0)
	}
	if m.Limit != nil && *m.Limit != 0 {
		add("memory.max", limit.MaxOr(*m.Limit), "limit", false)
	}
	if m.Reservation != nil && *m.Reservation != 0 {
		add("memory.low", limit.MaxOr(*m.Reservation), "reservation", false)
	}
	return list, nil
}

// onlyV1 is about what a group of v1 has and one of v2 has not, if the config
// asks for any of it: engines have 0, false and -1 for "as it is".
func onlyV1(m *specs.LinuxMemory) error {
	field := ""
	switch {
	case m.Swappiness != nil && int64(*m.Swappiness) >= 0:
		field = "swappiness"
	case m.DisableOOMKiller != nil && *m.DisableOOMKiller:
		field = "disableOOMKiller"
	case m.KernelTCP != nil && *m.KernelTCP > 0:
		field = "kernelTCP"
	default:
		return nil
	}
	return fmt.Errorf("%smemory.%s: cgroup v2 has no such setting of a group", limit.Resources, field)
}

// swapAlone gives the limit of swap; below 0 is none. set is false when there is
// nothing to write.
func swapAlone(m *specs.LinuxMemory) (swap int64, set bool, err error) {
	var both, limitOf int64
	if m.Swap != nil {
		both = *m.Swap
	}
	if m.Limit != nil {
		limitOf = *m.Limit
	}
	const field = limit.Resources + "memory.swap"
	switch {
	case both < 0, both == 0 && limitOf < 0:
		return -1, true, nil
	case both == 0:
		// engines write limit and swap of 0 for unset; swap of 0 alone is what somebody wants
		return 0, m.Swap != nil && m.Limit == nil, nil
	case limitOf <= 0:
		return 0, false, fmt.Errorf("%s: %d: a limit of memory and swap together needs one of memory on cgroup v2", field, both)
	case both < limitOf:
		return 0, false, fmt.Errorf("%s: %d is memory and swap together, and below memory.limit, %d", field, both, limitOf)
	}
	return both - limitOf, true, nil
}

// UsageError says that a new limit is below what is in use already
// (linux.resources.memory.checkBeforeUpdate): the kernel would kill processes
// until it fits.
func UsageError(m *specs.LinuxMemory, memory, swap uint64) error {
	if m == nil || m.CheckBeforeUpdate == nil || !*m.CheckBeforeUpdate {
		return nil
	}
	if m.Swap != nil && *m.Swap > 0 && uint64(*m.Swap) < memory+swap {
		return fmt.Errorf("%smemory.swap: rejecting memory+swap limit %d < usage %d", limit.Resources, *m.Swap, memory+swap)
	}
	if m.Limit != nil && *m.Limit > 0 && uint64(*m.Limit) < memory {
		return fmt.Errorf("%smemory.limit: rejecting memory limit %d < usage %d", limit.Resources, *m.Limit, memory)
	}
	return nil
}
