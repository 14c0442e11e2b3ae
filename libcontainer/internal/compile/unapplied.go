package compile

import (
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/annotation"
)

// unapplied warns of what the config asks for and nothing will enforce. docs/security.md has
// the whole list; whatever is not on it is an error.
func (c *compiler) unapplied() {
	r := hasLinux(c.spec).Resources
	if r != nil {
		c.unappliedLimits(r)
		if c.facts.DevicesFree && slices.ContainsFunc(r.Devices, func(d specs.LinuxDeviceCgroup) bool { return !d.Allow }) {
			c.warn("linux.resources.devices: the rules are not applied: only root of the host, with the devices hierarchy of cgroup v1 or with cgroup v2, controls devices")
		}
	}
	if c.opt.Unit != "" {
		return
	}
	n := len(c.warnings)
	for k := range c.spec.Annotations {
		name, ok := strings.CutPrefix(k, annotation.SystemdProperties)
		if !ok {
			continue
		}
		if p, _, _ := annotation.SystemdProperty(name); !p.Handling {
			c.warn(annotationPath(k) + ": is not applied: without --systemd-cgroup the container has no unit")
		}
	}
	slices.Sort(c.warnings[n:])
}

func (c *compiler) unappliedLimits(r *specs.LinuxResources) {
	const at = "linux.resources."
	if m := r.Memory; m != nil {
		if m.Kernel != nil && *m.Kernel > 0 { //nolint:staticcheck // deprecated, and a limit that somebody relies on
			c.warn(at + "memory.kernel: " + strconv.FormatInt(*m.Kernel, 10) + " is not applied: the kernel has no such limit (Linux 5.16)") //nolint:staticcheck // as above
		}
		if m.UseHierarchy != nil && !*m.UseHierarchy {
			c.warn(at + "memory.useHierarchy: false is not applied: the kernel always counts the groups below (Linux 5.11)")
		}
	}
	if p := r.CPU; p != nil && p.Shares != nil && *p.Shares != 0 && p.Idle != nil && *p.Idle == 1 {
		c.warn(at + "cpu.shares: " + strconv.FormatUint(*p.Shares, 10) + " is not applied: a group with idle 1 has no weight")
	}
}
