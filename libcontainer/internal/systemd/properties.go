package systemd

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/godbus/dbus/v5"
	"github.com/rung-oci/rung/libcontainer/internal/annotation"
	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
)

const infinity = math.MaxUint64

// Properties gives what a plan has of a unit in the form in which it is sent.
func Properties(list []plan.UnitProperty) []Property {
	out := make([]Property, len(list))
	for i, p := range list {
		v, ok := p.Value.(dbus.Variant) // of an annotation
		if !ok {
			v = dbus.MakeVariant(p.Value)
		}
		out[i] = Property{Name: p.Name, Value: v}
	}
	return out
}

func property(name string, value any) Property {
	return Property{Name: name, Value: dbus.MakeVariant(value)}
}

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
			list = append(list, Property{Name: p.Name, Value: v})
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
