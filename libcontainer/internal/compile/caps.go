package compile

import (
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/spec"
)

// capMask gives the bits of capabilities by name, and the names that are none.
func capMask(names []string) (mask uint64, unknown []string) {
next:
	for _, n := range names {
		for i := range spec.Capabilities {
			if spec.Capabilities[i] == n {
				mask |= 1 << i
				continue next
			}
		}
		unknown = append(unknown, n)
	}
	return mask, unknown
}

// capabilities gives the final sets and the bounding set. A config without
// capabilities leaves the caller's. What capset(2) and prctl(2) would refuse for being at
// odds with another set is left out with a warning ("Runtimes SHOULD NOT fail
// if the container configuration requests capabilities that cannot be
// granted"), and so are names that this version does not know. No set gets what
// it does not name: above all not the inheritable one (CVE-2022-29162).
func capabilities(c *specs.LinuxCapabilities, own uint64) (set *plan.Capset, bounding uint64, warnings []string) {
	set = &plan.Capset{}
	if c == nil {
		// not a word about capabilities: those of the caller stay, as runc has it; execve takes them from all but root
		return &plan.Capset{Effective: own, Permitted: own}, own, nil
	}
	take := func(field string, names []string) uint64 {
		mask, unknown := capMask(names)
		for _, n := range unknown {
			warnings = append(warnings, "process.capabilities."+field+": unknown capability "+strconv.Quote(n)+" is left out")
		}
		return mask
	}
	within := func(mask, limit uint64, before, after string) uint64 {
		for i := range spec.Capabilities {
			if (mask&^limit)>>i&1 != 0 {
				warnings = append(warnings, before+spec.Capabilities[i]+after)
			}
		}
		return mask & limit
	}
	bounding = take("bounding", c.Bounding)
	set.Permitted = within(take("permitted", c.Permitted), own,
		"process.capabilities.permitted: ", " cannot be granted: the runtime does not have it")
	set.Effective = within(take("effective", c.Effective), set.Permitted,
		"process.capabilities.effective: ", " is left out: it is not in the permitted set")
	set.Inheritable = within(take("inheritable", c.Inheritable), bounding,
		"process.capabilities.inheritable: ", " is left out: it is not in the bounding set")
	// capset(2): what the caller neither holds nor has in its bounding set it cannot make inheritable
	set.Inheritable = within(set.Inheritable, own,
		"process.capabilities.inheritable: ", " cannot be granted: the runtime does not have it")
	ambient := take("ambient", c.Ambient)
	ambient = within(ambient, set.Permitted, "process.capabilities.ambient: can't raise ambient capability ", ": it is not in the permitted set")
	set.Ambient = within(ambient, set.Inheritable, "process.capabilities.ambient: can't raise ambient capability ", ": it is not in the inheritable set")
	return set, bounding, warnings
}
