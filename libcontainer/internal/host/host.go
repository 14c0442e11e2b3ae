// Package host finds out what a plan must know of the machine it will run on.
// Every question costs a system call or two, and is asked only when the config
// makes it matter.
package host

import (
	"bytes"
	"os"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// Rootless says whether this process lacks the privileges of the initial user
// namespace: it is not root, or root of a user namespace only
// (user_namespaces(7): the initial one maps every id to itself).
func Rootless() bool {
	if unix.Geteuid() != 0 {
		return true
	}
	b, err := sys.ReadFile("/proc/self/uid_map")
	if err != nil {
		return false // no user namespaces in this kernel
	}
	f := bytes.Fields(b)
	return len(f) != 3 || string(f[0]) != "0" || string(f[1]) != "0" || string(f[2]) != "4294967295"
}

// Capabilities gives the capabilities that this process has, as bits (capget(2)).
func Capabilities() uint64 {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if sys.Capget(&head, &data[0]) != nil {
		return 0
	}
	return uint64(data[1].Permitted)<<32 | uint64(data[0].Permitted)
}

// GroupsDenied reports whether setgroups(2) is denied in the user namespace of
// this process, as in one whose maker had no privileges when it wrote the
// mapping of groups (user_namespaces(7), /proc/pid/setgroups).
func GroupsDenied() bool {
	b, err := sys.ReadFile("/proc/self/setgroups")
	return err == nil && string(bytes.TrimSpace(b)) == "deny"
}

// AppArmor says whether the kernel enforces AppArmor profiles.
func AppArmor() bool {
	b, err := os.ReadFile("/sys/module/apparmor/parameters/enabled")
	return err == nil && len(b) > 0 && b[0] == 'Y'
}
