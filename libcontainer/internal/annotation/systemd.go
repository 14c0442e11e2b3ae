package annotation

import "strings"

// Property is a property of a systemd unit that annotations may set.
type Property struct {
	Name string // as D-Bus has it
	// Handling: it only tells systemd how to handle the unit. Engines set such properties for
	// every container, and without a unit nothing is lost.
	Handling bool
}

// SystemdAllowed is the list of those properties, sorted by name. Every other property is
// refused: systemd has hundreds, and more with each version, that act on other units or on the
// host, decide how the unit is killed, or undo what confines the container. A property that
// linux.resources sets as well has the value of linux.resources.
var SystemdAllowed = [...]Property{
	{"After", true}, // the engine's own unit: CRI-O
	{"AllowedCPUs", false},
	{"AllowedMemoryNodes", false},
	{"CPUQuotaPerSecUSec", false},
	{"CPUQuotaPeriodUSec", false},
	{"CPUWeight", false},
	{"CollectMode", true},         // CRI-O
	{"DefaultDependencies", true}, // CRI-O
	{"Delegate", true},            // true alone: CRI-O
	{"Description", true},
	{"IOWeight", false},
	{"KillSignal", true}, // Podman
	{"MemoryHigh", false},
	{"MemoryMax", false},
	{"MemorySwapMax", false},
	{"MemoryZSwapMax", false},
	{"RuntimeMaxUSec", false},
	{"TasksMax", false},
	{"TimeoutStopUSec", true}, // CRI-O, Podman
}

// SystemdProperty returns the property that an annotation names, and whether annotations may set
// it. A name that ends in Sec is a time in seconds, for which D-Bus has a property in µs.
func SystemdProperty(name string) (p Property, seconds, allowed bool) {
	if base, ok := strings.CutSuffix(name, "Sec"); ok && !strings.HasSuffix(base, "U") {
		name, seconds = base+"USec", true
	}
	for _, p := range SystemdAllowed {
		if p.Name == name {
			return p, seconds, true
		}
	}
	return Property{Name: name}, seconds, false
}
