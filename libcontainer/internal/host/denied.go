package host

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Oldest is the oldest release of Linux that rung runs on (docs/adr/0002-linux-5.14.md).
const (
	OldestMajor = 5
	OldestMinor = 14
)

// TooOld says that the kernel is older than the oldest that rung runs on, "" if it is not.
func TooOld() string {
	release := Kernel()
	if release == "" || atLeast(release, OldestMajor, OldestMinor) {
		return ""
	}
	major, rest, _ := strings.Cut(release, ".")
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end >= 0 {
		rest = rest[:end]
	}
	return "Linux " + major + "." + rest + " is older than " + strconv.Itoa(OldestMajor) + "." + strconv.Itoa(OldestMinor)
}

// DeniedCall names a system call that rung needs and that a seccomp filter above this process
// denies, "" if there is none: engines that run rung in a container, and units of systemd, have such
// filters. Each call is made with arguments that no kernel accepts, so nothing is done. EPERM and
// ENOSYS are then the filter's: every kernel that rung runs on has the calls, and looks at these
// arguments before it looks at privileges. The calls that do not are asked about by a process with
// CAP_SYS_ADMIN alone.
func DeniedCall() string {
	if !filtered() {
		return ""
	}
	const bad = ^uintptr(0)
	calls := [...]struct {
		name  string
		nr    uintptr
		args  [6]uintptr
		admin bool // without CAP_SYS_ADMIN the kernel's own answer is EPERM
	}{
		{"close_range", unix.SYS_CLOSE_RANGE, [6]uintptr{1, 0, 0}, false},
		{"memfd_create", unix.SYS_MEMFD_CREATE, [6]uintptr{0, bad}, false},
		{"clone3", unix.SYS_CLONE3, [6]uintptr{0, 0}, false},
		{"pidfd_open", unix.SYS_PIDFD_OPEN, [6]uintptr{bad, 0}, false},
		{"pidfd_send_signal", unix.SYS_PIDFD_SEND_SIGNAL, [6]uintptr{bad, 0, 0, 0}, false},
		{"pidfd_getfd", unix.SYS_PIDFD_GETFD, [6]uintptr{bad, 0, bad}, false},
		{"openat2", unix.SYS_OPENAT2, [6]uintptr{bad, 0, 0, 0}, false},
		{"faccessat2", unix.SYS_FACCESSAT2, [6]uintptr{bad, 0, 0, bad}, false},
		{"open_tree", unix.SYS_OPEN_TREE, [6]uintptr{bad, 0, bad}, false},
		{"mount_setattr", unix.SYS_MOUNT_SETATTR, [6]uintptr{bad, 0, bad, 0, 0}, false},
		{"fsconfig", unix.SYS_FSCONFIG, [6]uintptr{bad, bad, 0, 0, 0}, false},
		{"fsopen", unix.SYS_FSOPEN, [6]uintptr{0, bad}, true},
		{"fsmount", unix.SYS_FSMOUNT, [6]uintptr{bad, bad, 0}, true},
		{"move_mount", unix.SYS_MOVE_MOUNT, [6]uintptr{bad, 0, bad, 0, bad}, true},
	}
	admin := Capabilities()&(1<<unix.CAP_SYS_ADMIN) != 0
	for _, c := range calls {
		_, _, errno := unix.RawSyscall6(c.nr, c.args[0], c.args[1], c.args[2], c.args[3], c.args[4], c.args[5])
		if errno == unix.ENOSYS || errno == unix.EPERM && (admin || !c.admin) {
			return c.name
		}
	}
	return ""
}

// filtered reports whether a seccomp filter holds for this process (proc_pid_status(5)).
func filtered() bool {
	text, err := readSmall("/proc/self/status")
	_, rest, _ := strings.Cut(text, "\nSeccomp:")
	mode, _, _ := strings.Cut(rest, "\n")
	return err == nil && strings.TrimSpace(mode) == "2"
}
