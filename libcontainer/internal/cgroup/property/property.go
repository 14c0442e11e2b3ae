// Package property puts limits and rules for devices into properties of a systemd unit (systemd.resource-control(5)). It
// touches nothing.
package property

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
)

const infinity = math.MaxUint64

// Limits puts into properties what is about to be written to files, so that
// systemd knows it and does not write anything else when it is reloaded. What it
// has no property for is left to the files. version is systemd's.
func Limits(writes []limit.Write, version int) []plan.UnitProperty {
	var list []plan.UnitProperty
	add := func(name string, value any) { list = append(list, plan.UnitProperty{Name: name, Value: value}) }
	var quota, period uint64
	cpuset := func(name, list string) {
		if mask := listMask(list); mask != nil && version >= 244 {
			add(name, mask)
		}
	}
	for _, w := range writes {
		n := number(w.Value)
		switch w.File {
		case "memory.max":
			add("MemoryMax", n)
		case "memory.low":
			add("MemoryLow", n)
		case "memory.min":
			add("MemoryMin", n)
		case "memory.high":
			add("MemoryHigh", n)
		case "memory.swap.max":
			add("MemorySwapMax", n)
		case "memory.zswap.max":
			if version >= 253 {
				add("MemoryZSwapMax", n)
			}
		case "memory.limit_in_bytes":
			add("MemoryLimit", n)
		case "cpu.weight":
			add("CPUWeight", n)
		case "cpu.idle":
			if w.Value == "1" && version >= 252 {
				add("CPUWeight", uint64(0)) // "idle"
			}
		case "cpu.shares":
			add("CPUShares", n)
		case "cpu.max":
			first, second, both := strings.Cut(w.Value, " ")
			if w.KeepFirst {
				period = number(first)
				continue
			}
			quota = number(first)
			if both {
				period = number(second)
			}
		case "cpu.cfs_quota_us":
			quota = n
		case "cpu.cfs_period_us":
			period = n
		case "cpuset.cpus":
			cpuset("AllowedCPUs", w.Value)
		case "cpuset.mems":
			cpuset("AllowedMemoryNodes", w.Value)
		case "pids.max":
			add("TasksMax", n)
		case "blkio.weight":
			add("BlockIOWeight", n)
		case "io.weight":
			add("IOWeight", number(strings.TrimPrefix(w.Value, "default ")))
		}
	}
	if period != 0 && version >= 242 {
		add("CPUQuotaPeriodUSec", period)
	}
	if quota != 0 {
		add("CPUQuotaPerSecUSec", perSecond(quota, period))
	}
	return list
}

// perSecond is the quota in µs a second, in the steps of 10 ms that systemd
// knows, upwards.
func perSecond(quota, period uint64) uint64 {
	const step = 10000
	if quota == infinity {
		return infinity
	}
	if period == 0 {
		period = 100000 // the kernel's own
	}
	n := quota * 1000000 / period
	return (n + step - 1) / step * step
}

// Round gives the writes with the quota that systemd will have: another value
// would last until it writes its own.
func Round(writes []limit.Write) []limit.Write {
	out := append([]limit.Write(nil), writes...)
	var quota *limit.Write
	period := uint64(100000)
	for i := range out {
		w := &out[i]
		switch w.File {
		case "cpu.max":
			first, second, both := strings.Cut(w.Value, " ")
			n := number(first)
			if w.KeepFirst || n == infinity {
				continue
			}
			if both {
				period = number(second)
			}
			w.Value = limit.Uint(perSecond(n, period) * period / 1000000)
			if both {
				w.Value += " " + second
			}
		case "cpu.cfs_quota_us":
			if number(w.Value) != infinity {
				quota = w
			}
		case "cpu.cfs_period_us":
			period = number(w.Value)
		}
	}
	if quota != nil {
		quota.Value = limit.Uint(perSecond(number(quota.Value), period) * period / 1000000)
	}
	return out
}

// number reads a limit; "max" and what is below 0 are none.
func number(text string) uint64 {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return infinity
	}
	return n
}

// listMask turns a cpuset(7) list into the bytes that systemd takes, the lowest
// number first. No byte is what an empty list is: all that the group above has.
// nil: it is no list.
func listMask(list string) []byte {
	if list = strings.TrimSpace(list); list == "" {
		return []byte{}
	}
	var words []uint64
	for part := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
		first, err := strconv.ParseUint(from, 10, 16)
		if err != nil {
			return nil
		}
		last := first
		if isRange {
			if last, err = strconv.ParseUint(to, 10, 16); err != nil || last < first {
				return nil
			}
		}
		for n := first; n <= last; n++ {
			for uint64(len(words)) <= n/64 {
				words = append(words, 0)
			}
			words[n/64] |= 1 << (n % 64)
		}
	}
	var mask []byte
	for _, w := range words {
		mask = binary.LittleEndian.AppendUint64(mask, w)
	}
	for len(mask) > 0 && mask[len(mask)-1] == 0 {
		mask = mask[:len(mask)-1]
	}
	return mask
}

// DeviceAllow is an element of the property of that name.
type DeviceAllow struct{ Device, Access string }

// String is the element as systemctl(1) shows it.
func (d DeviceAllow) String() string { return d.Device + " " + d.Access }

// Devices is the list of devices that systemd allows. It knows allowing alone: it
// gets all that some rule allows, and the runtime's own rules, which hold beside
// systemd's, take away what a later rule denies. Rules over all devices of a kind
// that has no name of its own are told as "char-*" or "block-*".
func Devices(rules []plan.DeviceRule, name func(block bool, major int64) string) []plan.UnitProperty {
	if rules == nil {
		return nil
	}
	none := plan.UnitProperty{Name: "DeviceAllow", Value: []DeviceAllow{}} // what is told after it is added
	all := []plan.UnitProperty{{Name: "DevicePolicy", Value: "auto"}, none}
	var list []DeviceAllow
	for _, r := range rules {
		if !r.Allow {
			continue
		}
		if r.Type == 'a' {
			return all
		}
		block := r.Type == 'b'
		kind := "char"
		if block {
			kind = "block"
		}
		d := DeviceAllow{Access: r.Access.String()}
		switch {
		case r.Major == plan.AnyDevice:
			d.Device = kind + "-*"
		case r.Minor == plan.AnyDevice:
			group := name(block, r.Major)
			if group == "" {
				return all // systemd would take a name only: its list has to be the larger one
			}
			d.Device = kind + "-" + group
		default:
			d.Device = "/dev/" + kind + "/" + strconv.FormatInt(r.Major, 10) + ":" + strconv.FormatInt(r.Minor, 10)
		}
		list = append(list, d)
	}
	return []plan.UnitProperty{{Name: "DevicePolicy", Value: "strict"}, none, {Name: "DeviceAllow", Value: list}}
}

// Merge returns the properties of annotations with the limits of the config behind them, and
// the names of those that a limit takes the place of. On cgroup v1 systemd heeds its older
// properties only while none of the newer ones for the same controller is set
// (systemd.resource-control(5)).
func Merge(own, limits []plan.UnitProperty) (list []plan.UnitProperty, replaced []string) {
	for _, p := range own {
		if slices.ContainsFunc(limits, func(l plan.UnitProperty) bool { return l.Name == p.Name || newerThan(p.Name, l.Name) }) {
			replaced = append(replaced, p.Name)
			continue
		}
		list = append(list, p)
	}
	return append(list, limits...), replaced
}

func newerThan(name, old string) bool {
	switch old {
	case "MemoryLimit":
		return strings.HasPrefix(name, "Memory")
	case "CPUShares":
		return name == "CPUWeight"
	case "BlockIOWeight":
		return name == "IOWeight"
	}
	return false
}
