package spec

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
)

// AppendResources appends r as JSON, as encoding/json's Marshal writes it but for <, > and &,
// which are not escaped. It is written by hand: update alone encodes a part of a config.
func AppendResources(b []byte, r *specs.LinuxResources) []byte {
	b = append(b, '{')
	b = list(b, "devices", r.Devices, func(b []byte, d *specs.LinuxDeviceCgroup) []byte {
		b = jsonscan.AppendBool(jsonscan.AppendKey(b, "allow"), d.Allow)
		b = word(b, "type", d.Type)
		b = number(number(b, "major", d.Major), "minor", d.Minor)
		return word(b, "access", d.Access)
	})
	b = object(b, "memory", r.Memory, func(b []byte, m *specs.LinuxMemory) []byte {
		b = number(number(number(b, "limit", m.Limit), "reservation", m.Reservation), "swap", m.Swap)
		b = number(number(b, "kernel", m.Kernel), "kernelTCP", m.KernelTCP) //nolint:staticcheck // deprecated, and kept
		b = number(b, "swappiness", m.Swappiness)
		b = flag(flag(b, "disableOOMKiller", m.DisableOOMKiller), "useHierarchy", m.UseHierarchy)
		return flag(b, "checkBeforeUpdate", m.CheckBeforeUpdate)
	})
	b = object(b, "cpu", r.CPU, func(b []byte, c *specs.LinuxCPU) []byte {
		b = number(number(number(b, "shares", c.Shares), "quota", c.Quota), "burst", c.Burst)
		b = number(b, "period", c.Period)
		b = number(number(b, "realtimeRuntime", c.RealtimeRuntime), "realtimePeriod", c.RealtimePeriod)
		return number(word(word(b, "cpus", c.Cpus), "mems", c.Mems), "idle", c.Idle)
	})
	b = object(b, "pids", r.Pids, func(b []byte, p *specs.LinuxPids) []byte { return number(b, "limit", p.Limit) })
	b = object(b, "blockIO", r.BlockIO, appendBlockIO)
	b = list(b, "hugepageLimits", r.HugepageLimits, func(b []byte, h *specs.LinuxHugepageLimit) []byte {
		b = jsonscan.AppendString(jsonscan.AppendKey(b, "pageSize"), h.Pagesize)
		return number(b, "limit", &h.Limit)
	})
	b = object(b, "network", r.Network, func(b []byte, n *specs.LinuxNetwork) []byte {
		return list(number(b, "classID", n.ClassID), "priorities", n.Priorities, func(b []byte, p *specs.LinuxInterfacePriority) []byte {
			return number(jsonscan.AppendString(jsonscan.AppendKey(b, "name"), p.Name), "priority", &p.Priority)
		})
	})
	if len(r.Rdma) > 0 {
		b = append(jsonscan.AppendKey(b, "rdma"), '{')
		for _, device := range jsonscan.SortedKeys(r.Rdma) {
			l := r.Rdma[device]
			b = append(jsonscan.AppendKey(b, device), '{')
			b = append(number(number(b, "hcaHandles", l.HcaHandles), "hcaObjects", l.HcaObjects), '}')
		}
		b = append(b, '}')
	}
	if len(r.Unified) > 0 {
		b = jsonscan.AppendStringMap(jsonscan.AppendKey(b, "unified"), r.Unified)
	}
	return append(b, '}')
}

func appendBlockIO(b []byte, i *specs.LinuxBlockIO) []byte {
	b = number(number(b, "weight", i.Weight), "leafWeight", i.LeafWeight)
	b = list(b, "weightDevice", i.WeightDevice, func(b []byte, d *specs.LinuxWeightDevice) []byte {
		b = number(number(b, "major", &d.Major), "minor", &d.Minor)
		return number(number(b, "weight", d.Weight), "leafWeight", d.LeafWeight)
	})
	rate := func(b []byte, d *specs.LinuxThrottleDevice) []byte {
		return number(number(number(b, "major", &d.Major), "minor", &d.Minor), "rate", &d.Rate)
	}
	b = list(b, "throttleReadBpsDevice", i.ThrottleReadBpsDevice, rate)
	b = list(b, "throttleWriteBpsDevice", i.ThrottleWriteBpsDevice, rate)
	b = list(b, "throttleReadIOPSDevice", i.ThrottleReadIOPSDevice, rate)
	return list(b, "throttleWriteIOPSDevice", i.ThrottleWriteIOPSDevice, rate)
}

// The functions below append a member of an object, or nothing if it is not set.

func number[T int64 | uint16 | uint32 | uint64](b []byte, name string, v *T) []byte {
	switch {
	case v == nil:
		return b
	case *v < 0:
		return jsonscan.AppendInt(jsonscan.AppendKey(b, name), int64(*v))
	}
	return jsonscan.AppendUint(jsonscan.AppendKey(b, name), uint64(*v))
}

func flag(b []byte, name string, v *bool) []byte {
	if v == nil {
		return b
	}
	return jsonscan.AppendBool(jsonscan.AppendKey(b, name), *v)
}

func word(b []byte, name, v string) []byte {
	if v == "" {
		return b
	}
	return jsonscan.AppendString(jsonscan.AppendKey(b, name), v)
}

func object[T any](b []byte, name string, v *T, members func([]byte, *T) []byte) []byte {
	if v == nil {
		return b
	}
	return append(members(append(jsonscan.AppendKey(b, name), '{'), v), '}')
}

func list[T any](b []byte, name string, v []T, members func([]byte, *T) []byte) []byte {
	if len(v) == 0 {
		return b
	}
	b = append(jsonscan.AppendKey(b, name), '[')
	for i := range v {
		b = append(members(append(jsonscan.AppendComma(b), '{'), &v[i]), '}')
	}
	return append(b, ']')
}
