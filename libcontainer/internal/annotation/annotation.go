// Package annotation names the annotations of a config that rung acts on
// (docs/annotations.md). It is data.
package annotation

import (
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/landlock"
)

// Own is the prefix of rung's own annotations: one below it that is not known is
// refused.
const Own = "org.rung-oci."

// The annotations, but those of package landlock. The names below run.oci. are
// crun's, which engines and their users set.
const (
	CoreScheduling     = Own + "core-scheduling"
	CriuConfig         = "org.criu.config"
	HooksStderr        = "run.oci.hooks.stderr"
	HooksStdout        = "run.oci.hooks.stdout"
	NoHugePages        = Own + "no-transparent-huge-pages"
	KeepGroups         = "run.oci.keep_original_groups"
	PidfdReceiver      = "run.oci.pidfd_receiver"
	SeccompFailUnknown = "run.oci.seccomp_fail_unknown_syscall"
	SeccompReceiver    = "run.oci.seccomp.receiver"
	SystemdProperties  = "org.systemd.property." // a prefix
)

// Known says whether an annotation below Own is one.
func Known(name string) bool {
	if name == CoreScheduling || name == NoHugePages {
		return true
	}
	for _, k := range landlock.Keys {
		if k == name {
			return true
		}
	}
	return false
}

// Unsafe lists, sorted, the annotations that reach what the config's other
// fields would not: files and sockets of the host, groups, the seccomp agent,
// properties of a systemd unit (features.md, Unsafe annotations). Those below Own only take away.
func Unsafe() []string {
	return []string{CriuConfig, SystemdProperties, HooksStderr, HooksStdout, KeepGroups, PidfdReceiver, SeccompReceiver}
}

// unsupported are annotations of other runtimes whose meaning rung does not
// give them, and whose loss somebody would notice; by prefix.
var unsupported = [...]string{
	"run.oci.delegate-cgroup", "run.oci.handler", "run.oci.mount_context_type", "run.oci.seccomp.plugins", "run.oci.seccomp_bpf_data",
	"run.oci.systemd.force_cgroup_v1", "run.oci.systemd.subgroup", "krun.",
}

// Unsupported says that an annotation asks another runtime for what rung will
// not do.
func Unsupported(name string) bool {
	for _, u := range unsupported {
		if name == u || strings.HasSuffix(u, ".") && strings.HasPrefix(name, u) {
			return true
		}
	}
	return false
}
