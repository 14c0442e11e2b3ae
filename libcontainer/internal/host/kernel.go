package host

import (
	"os"
	"strings"
	"unsafe"

	"github.com/opencontainers/selinux/go-selinux"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// SeccompFlags says whether the kernel takes these flags of seccomp(2)
// together. It is asked to install no filter at all: with flags that it knows it
// comes to look for the program, and says EFAULT.
func SeccompFlags(bits uint32) bool {
	_, _, e := sys.Call(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, uintptr(bits), 0)
	return e == unix.EFAULT
}

// SeccompAction says whether the kernel acts on the return value of a filter
// (SECCOMP_RET_*, linux/seccomp.h; SECCOMP_GET_ACTION_AVAIL, Linux 4.14).
func SeccompAction(ret uint32) bool {
	_, _, e := sys.Call(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&ret)))
	return e == 0
}

// LandlockABI gives the version of Landlock (landlock_create_ruleset(2), Linux
// 5.13). ENOSYS is a kernel without it, EOPNOTSUPP one that was booted without.
func LandlockABI() (int, error) {
	const version = 1 // LANDLOCK_CREATE_RULESET_VERSION
	n, _, e := sys.Call(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, version)
	if e != 0 {
		return 0, os.NewSyscallError("landlock_create_ruleset", e)
	}
	return int(n), nil
}

// FileSystem says whether the kernel has the file system, built in or as a
// module that is loaded now (/proc/filesystems, proc(5)).
func FileSystem(name string) (bool, error) {
	text, err := readSmall("/proc/filesystems")
	if err != nil {
		return false, &os.PathError{Op: "read", Path: "/proc/filesystems", Err: err}
	}
	for line := range strings.Lines(text) {
		if _, fs, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t"); ok && fs == name {
			return true, nil
		}
	}
	return false, nil
}

// Resctrl says why resource director technology cannot be used, "" if it can:
// its file system has to be in its place (Documentation/filesystems/resctrl.rst).
func Resctrl() (why string) {
	if isFS("/sys/fs/resctrl", unix.RDTGROUP_SUPER_MAGIC) {
		return ""
	}
	if ok, err := FileSystem("resctrl"); err == nil && !ok {
		return "the kernel or the processor has no resctrl"
	}
	return "resctrl is not mounted on /sys/fs/resctrl"
}

// HasNamespace says whether the kernel has the kind of namespace, named as in
// /proc/self/ns (namespaces(7)).
func HasNamespace(name string) bool { return sys.Access("/proc/self/ns/"+name, unix.F_OK) == nil }

// LastCapability is the highest capability of the kernel, 40 if it does not say
// (capabilities(7)).
func LastCapability() int {
	n, ok := readNumber("/proc/sys/kernel/cap_last_cap")
	if !ok {
		return unix.CAP_LAST_CAP
	}
	return n
}

// UserNamespaces says why no user namespaces can be made, "" if they can.
// Debian's and Ubuntu's switches hold for unprivileged callers.
func UserNamespaces(privileged bool) (why string) {
	if !HasNamespace("user") {
		return "the kernel is built without user namespaces"
	}
	if n, ok := readNumber("/proc/sys/user/max_user_namespaces"); ok && n == 0 {
		return "/proc/sys/user/max_user_namespaces is 0"
	}
	if privileged {
		return ""
	}
	if n, ok := readNumber("/proc/sys/kernel/unprivileged_userns_clone"); ok && n == 0 {
		return "/proc/sys/kernel/unprivileged_userns_clone is 0"
	}
	if n, ok := readNumber("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"); ok && n != 0 {
		return "/proc/sys/kernel/apparmor_restrict_unprivileged_userns is on: a profile must allow it"
	}
	return ""
}

// readNumber reads a file of /proc/sys that holds a number.
func readNumber(path string) (n int, ok bool) {
	text, err := readSmall(path)
	if err != nil {
		return 0, false
	}
	return number(strings.TrimSpace(text))
}

// number reads a decimal number of at most nine digits.
func number(text string) (n int, ok bool) {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' || i > 8 {
			return 0, false
		}
		n = n*10 + int(text[i]-'0')
	}
	return n, text != ""
}

// AppArmorStatus says why AppArmor is not in force, "" if it is.
func AppArmorStatus() (why string) {
	text, err := readSmall("/sys/module/apparmor/parameters/enabled")
	switch {
	case err == unix.ENOENT: //nolint:errorlint // a bare errno
		return "the kernel is built without AppArmor"
	case err != nil:
		return "/sys/module/apparmor/parameters/enabled cannot be read: " + err.Error()
	case !strings.HasPrefix(text, "Y"):
		return "AppArmor was not enabled at boot"
	}
	return ""
}

// SELinux reports whether labels of SELinux can be used: selinuxfs is mounted writable, and a policy is loaded.
func SELinux() bool { return selinux.GetEnabled() }

// SELinuxStatus says why labels of SELinux cannot be used, "" if they can: [SELinux].
func SELinuxStatus() (why string) {
	if SELinux() {
		return ""
	}
	if ok, err := FileSystem("selinuxfs"); err == nil && !ok {
		return "the kernel has no SELinux, or it was not enabled at boot"
	}
	if !isFS("/sys/fs/selinux", unix.SELINUX_MAGIC) {
		return "no policy is loaded: selinuxfs is not mounted"
	}
	return "selinuxfs is mounted read-only, or no policy is loaded"
}

// SELinuxLabel says why the loaded policy rejects the label, nil if it does not: the error wraps the kernel's errno, EINVAL
// for a label of another form, or with a user, role, type or level that the policy does not have. SELinux is enabled.
func SELinuxLabel(label string) error { return selinux.SecurityCheckContext(label) }

// Controllers lists the controllers that a group made beside this process's
// own could have: of each v1 hierarchy, and of cgroup v2 those that are handed
// down (cgroup.controllers).
func (l *CgroupLayout) Controllers() (v1, v2 []string) {
	for i := range l.Hierarchies {
		h := &l.Hierarchies[i]
		if !h.V2 {
			v1 = append(v1, h.Controllers...)
			continue
		}
		if text, err := readSmall(h.Mount + "/cgroup.controllers"); err == nil {
			v2 = append(v2, strings.Fields(text)...)
		}
	}
	return v1, v2
}

// String is v1, v2, hybrid or none.
func (m CgroupMode) String() string {
	switch m {
	case V1:
		return "v1"
	case V2:
		return "v2"
	case Hybrid:
		return "hybrid"
	}
	return "none"
}

// CoreScheduling says why processes cannot be given a core scheduling cookie,
// "" if they can (prctl(2), PR_SCHED_CORE, Linux 5.14).
func CoreScheduling() (why string) {
	var cookie uint64
	_, _, e := sys.Call6(unix.SYS_PRCTL, unix.PR_SCHED_CORE, unix.PR_SCHED_CORE_GET, 0, unix.PR_SCHED_CORE_SCOPE_THREAD, uintptr(unsafe.Pointer(&cookie)), 0)
	switch e {
	case 0:
		return ""
	case unix.ENODEV:
		return "no processor runs several threads (SMT)"
	case unix.EINVAL:
		return "the kernel is built without it (CONFIG_SCHED_CORE)"
	}
	return e.Error()
}

// Kernel is the release of the running kernel, as uname(2) has it.
func Kernel() string {
	var u unix.Utsname
	if sys.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// KernelAtLeast compares the running kernel's release. It is for what cannot be
// asked of the kernel itself: distributions add features to old releases. A
// release that cannot be read counts as new.
func KernelAtLeast(major, minor int) bool {
	release := Kernel()
	if release == "" {
		return true
	}
	return atLeast(release, major, minor)
}

func atLeast(release string, major, minor int) bool {
	head, rest, _ := strings.Cut(release, ".")
	have, _ := number(head)
	if have != major {
		return have > major
	}
	end := 0
	for end < len(rest) && '0' <= rest[end] && rest[end] <= '9' {
		end++
	}
	have, _ = number(rest[:end])
	return have >= minor
}

// ReadSmall reads a file of procfs, sysfs or a control group.
func ReadSmall(path string) (string, error) {
	text, err := readSmall(path)
	if err != nil {
		return "", &os.PathError{Op: "read", Path: path, Err: err}
	}
	return text, nil
}
