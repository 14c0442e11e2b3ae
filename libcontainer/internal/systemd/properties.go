package systemd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/godbus/dbus/v5"
	"github.com/rung-oci/rung/libcontainer/internal/annotation"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
)

const infinity = math.MaxUint64

func property(name string, value any) Property { return Property{name, dbus.MakeVariant(value)} }

// Base is what every unit of a container has: it is delegated, so that the
// groups below are the container's, and systemd accounts for all that it can
// (systemd.resource-control(5)). A scope is made around processes that run
// already.
func Base(u *Unit, description string, pids ...uint32) []Property {
	list := []Property{
		property("Description", description),
		property("DefaultDependencies", false),
		property("MemoryAccounting", true),
		property("CPUAccounting", true),
		property("IOAccounting", true),
		property("TasksAccounting", true),
	}
	if u.IsSlice() {
		return append(list, property("Wants", []string{u.Slice}))
	}
	return append(list, property("Slice", u.Slice), property("Delegate", true), property("PIDs", pids))
}

// Own is the scope that a runtime has itself put in.
func Own(pid uint32) []Property {
	return []Property{property("Description", "container runtime"), property("PIDs", []uint32{pid})}
}

// Limits puts into properties what is about to be written to files, so that
// systemd knows it and does not write anything else when it is reloaded. What it
// has no property for is left to the files. version is systemd's.
func Limits(writes []limit.Write, version int) []Property {
	var list []Property
	add := func(name string, value any) { list = append(list, property(name, value)) }
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

// deviceAllow is an element of DeviceAllow.
type deviceAllow struct{ Device, Access string }

// Devices is the list of devices that systemd allows. It knows allowing alone: it
// gets all that some rule allows, and the runtime's own rules, which hold beside
// systemd's, take away what a later rule denies. Rules over all devices of a kind
// that has no name of its own are told as "char-*" or "block-*".
func Devices(rules []plan.DeviceRule, name func(block bool, major int64) string) []Property {
	if rules == nil {
		return nil
	}
	none := property("DeviceAllow", []deviceAllow{}) // what is told after it is added
	all := []Property{property("DevicePolicy", "auto"), none}
	var list []deviceAllow
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
		d := deviceAllow{Access: r.Access.String()}
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
	return []Property{property("DevicePolicy", "strict"), none, property("DeviceAllow", list)}
}

// AnnotationPrefix begins the annotations that are properties of the unit.
const AnnotationPrefix = annotation.SystemdProperties

// Annotations reads the annotations that are properties: the value is in GVariant
// text. A name that ends in Sec is a time in seconds, for which D-Bus has a
// property in µs. Engines are known to pass annotations of users on
// (CVE-2024-3154): what annotation.SystemdAllowed does not list is refused.
func Annotations(annotations map[string]string) ([]Property, error) {
	var list []Property
	for _, key := range jsonscan.SortedKeys(annotations) {
		name, ok := strings.CutPrefix(key, AnnotationPrefix)
		if !ok {
			continue
		}
		text := annotations[key]
		p, seconds, allowed := annotation.SystemdProperty(name)
		if !allowed {
			return nil, fmt.Errorf("annotations[%s]: %.100q is not a property that a container may set: rung features lists those", key, name)
		}
		v, err := parseVariant(text)
		if err != nil {
			return nil, fmt.Errorf("annotations[%s]: %.100q is no value in GVariant text: %w", key, text, err)
		}
		if seconds {
			v, err = microseconds(v)
		}
		if err == nil {
			v, err = harmless(p.Name, v)
		}
		if err != nil {
			return nil, fmt.Errorf("annotations[%s]: %.100q: %w", key, text, err)
		}
		if p.Name != "Delegate" { // Base has it
			list = append(list, Property{p.Name, v})
		}
	}
	return list, nil
}

// engines are the units after which annotations may order a container: it is then stopped
// before its engine is, when the host shuts down. With any other unit a container could make a
// cycle, of which systemd drops a job that is not the container's (systemd.unit(5), After=).
var engines = [...]string{"containerd.service", "crio.service", "docker.service", "kubelet.service", "podman.service"}

// harmless judges the value of a property that is allowed with some values only.
func harmless(name string, v dbus.Variant) (dbus.Variant, error) {
	switch name {
	case "After":
		units, ok := v.Value().([]string)
		for _, u := range units {
			ok = ok && slices.Contains(engines[:], u)
		}
		if !ok {
			return v, fmt.Errorf("want a list of units of engines: %s", strings.Join(engines[:], ", "))
		}
	case "Delegate":
		if on, ok := v.Value().(bool); !ok || !on {
			return v, errors.New("want true: the groups below are the container's")
		}
	case "Description":
		text, ok := v.Value().(string)
		if !ok || strings.ContainsFunc(text, unicode.IsControl) {
			return v, errors.New("want a text without control characters")
		}
	case "TimeoutStopUSec":
		// systemd takes 0 for no end, as it does the largest number; Podman's 0 means at once
		switch n, ok := v.Value().(uint64); {
		case !ok:
			return v, errors.New("want a number of type uint64")
		case n == infinity:
			return v, errors.New("without an end the container could hold up the shutdown of the host")
		case n == 0:
			return dbus.MakeVariant(uint64(1)), nil
		}
	}
	return v, nil
}

// Merge returns the properties of annotations with the limits of the config behind them, and
// the names of those that a limit takes the place of. On cgroup v1 systemd heeds its older
// properties only while none of the newer ones for the same controller is set
// (systemd.resource-control(5)).
func Merge(own, limits []Property) (list []Property, replaced []string) {
	for _, p := range own {
		if slices.ContainsFunc(limits, func(l Property) bool { return l.Name == p.Name || newerThan(p.Name, l.Name) }) {
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

// parseVariant reads a value in GVariant text. The library's parser panics on some
// texts that are none, like an array whose type is not that of an array (5.2.4),
// and calls itself for each bracket.
func parseVariant(text string) (v dbus.Variant, err error) {
	const longest = 64 << 10
	if len(text) > longest {
		return v, fmt.Errorf("it has %d bytes, more than %d", len(text), longest)
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return dbus.ParseVariant(text, dbus.Signature{})
}

func microseconds(v dbus.Variant) (dbus.Variant, error) {
	const second = 1000000
	switch n := v.Value().(type) {
	case int32:
		if n >= 0 {
			return dbus.MakeVariant(uint64(n) * second), nil
		}
	case uint64:
		if n <= math.MaxUint64/second {
			return dbus.MakeVariant(n * second), nil
		}
	case int64:
		if n >= 0 && uint64(n) <= math.MaxUint64/second {
			return dbus.MakeVariant(uint64(n) * second), nil
		}
	case float64:
		if n >= 0 && n < math.MaxUint64/second {
			return dbus.MakeVariant(uint64(n * second)), nil
		}
	}
	return v, fmt.Errorf("is no number of seconds")
}
