package host

import (
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// NamespaceFile is the name in /proc/<pid>/ns of a type of namespace, given as its CLONE_NEW*
// bit; "" for none (namespaces(7)).
func NamespaceFile(kind uint64) string {
	switch kind {
	case unix.CLONE_NEWCGROUP:
		return "cgroup"
	case unix.CLONE_NEWIPC:
		return "ipc"
	case unix.CLONE_NEWNS:
		return "mnt"
	case unix.CLONE_NEWNET:
		return "net"
	case unix.CLONE_NEWPID:
		return "pid"
	case unix.CLONE_NEWTIME:
		return "time"
	case unix.CLONE_NEWUSER:
		return "user"
	case unix.CLONE_NEWUTS:
		return "uts"
	}
	return ""
}

// The initial namespaces, which the kernel itself makes, have fixed numbers below those of all
// others (linux/nsfs.h, include/linux/proc_ns.h); those of networks and mounts since Linux 6.18.
const (
	firstInitial = 0xeffffff8
	firstDynamic = 0xf0000000
)

// IsOwnNamespace tells whether the namespace behind a descriptor is the host's: that of this
// process, that of process 1, because an engine may call the runtime from a namespace of the
// engine's, or an initial one. The device and inode number identify a namespace, whatever its path is
// (namespaces(7)). kind is the CLONE_NEW* bit.
func IsOwnNamespace(fd int, kind uint64) (bool, error) {
	var it, other unix.Stat_t
	if err := sys.Fstat(fd, &it); err != nil {
		return false, err
	}
	if it.Ino >= firstInitial && it.Ino < firstDynamic {
		return true, nil
	}
	name := NamespaceFile(kind)
	if err := sys.Stat("/proc/self/ns/"+name, &other); err != nil {
		return false, err
	}
	if other.Dev == it.Dev && other.Ino == it.Ino {
		return true, nil
	}
	// a runtime without privileges may not look at process 1
	return sys.Stat("/proc/1/ns/"+name, &other) == nil && other.Dev == it.Dev && other.Ino == it.Ino, nil
}
