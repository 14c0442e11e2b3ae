package spec

import (
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// capabilities checks the five sets. Nothing in them is fatal: "Any value which
// cannot be mapped to a relevant kernel interface, or cannot be granted otherwise
// MUST be logged as a warning by the runtime. Runtimes SHOULD NOT fail".
func (c *checker) capabilities(s *specs.LinuxCapabilities) {
	if s == nil {
		return
	}
	c.capabilitySet("bounding", s.Bounding)
	c.capabilitySet("effective", s.Effective)
	c.capabilitySet("inheritable", s.Inheritable)
	c.capabilitySet("permitted", s.Permitted)
	c.capabilitySet("ambient", s.Ambient)

	// capabilities(7): the effective set must be within the permitted one, the
	// ambient set within both the permitted and the inheritable one.
	for i, name := range s.Effective {
		// Engines list the same names in the same order.
		if i < len(s.Permitted) && s.Permitted[i] == name {
			continue
		}
		if knownCapability(name) && !slices.Contains(s.Permitted, name) {
			c.warn(chapterLinuxProcess, name+" cannot be effective without being permitted", "process.capabilities.effective", i)
		}
	}
	for i, name := range s.Ambient {
		if !knownCapability(name) {
			continue
		}
		if !slices.Contains(s.Permitted, name) {
			c.warn(chapterLinuxProcess, "can't raise ambient capability "+name+": it is not permitted", "process.capabilities.ambient", i)
		} else if !slices.Contains(s.Inheritable, name) {
			c.warn(chapterLinuxProcess, "can't raise ambient capability "+name+": it is not inheritable", "process.capabilities.ambient", i)
		}
	}
}

func (c *checker) capabilitySet(set string, names []string) {
	for i, name := range names {
		if !knownCapability(name) {
			c.warn(chapterLinuxProcess, quote(name)+" is not a capability of Linux, as "+alike(name, "CAP_", Capabilities[:], "CAP_CHOWN")+" is; it is ignored", "process.capabilities", set, i)
		}
	}
}

// Capabilities is every capability by its number (capabilities(7), linux/capability.h;
// Linux 5.9 has them all).
var Capabilities = [...]string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
	"CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE",
	"CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP",
	"CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
}

func knownCapability(name string) bool { return slices.Contains(Capabilities[:], name) }
