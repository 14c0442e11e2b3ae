package integration

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A seccomp filter above the runtime, as a nested runtime has it, may deny a call that only the end of run makes.
func TestRun_leaves_nothing_where_pidfd_open_is_denied(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	for _, errno := range []unix.Errno{unix.ENOSYS, unix.EPERM} {
		b := newBundle(t)
		b.Spec.Process.Args = []string{"/probe", "--echo", "it-started", "--exit", "7"}
		b.Wrap = []string{filepath.Join(repository, "tests/bin/refuse"), itoa(unix.SYS_PIDFD_OPEN), "1", "0", itoa(int(errno))}
		res := b.run()
		b.Wrap = nil
		want(t, "exit status", res.Exit, 7)
		want(t, "output", res.Stdout, "it-started\n")
		want(t, "standard error", res.Stderr, "")
		want(t, "state", exists(filepath.Join(b.Root, b.ID)), false)
		wantSlice(t, "cgroups", cgroupsOf(b.ID), nil)
	}
}

// deniable are the calls without which rung cannot make, enter or end a container, and that filters of engines and of
// systemd, or old profiles, deny.
var deniable = map[string]int{
	"pidfd_open": unix.SYS_PIDFD_OPEN, "pidfd_send_signal": unix.SYS_PIDFD_SEND_SIGNAL, "openat2": unix.SYS_OPENAT2, "clone3": unix.SYS_CLONE3,
	"mount_setattr": unix.SYS_MOUNT_SETATTR, "memfd_create": unix.SYS_MEMFD_CREATE, "fsopen": unix.SYS_FSOPEN, "close_range": unix.SYS_CLOSE_RANGE,
	"open_tree": unix.SYS_OPEN_TREE, "move_mount": unix.SYS_MOVE_MOUNT, "fsmount": unix.SYS_FSMOUNT, "fsconfig": unix.SYS_FSCONFIG,
	"faccessat2": unix.SYS_FACCESSAT2,
}

// refusing has a seccomp filter above the runtime deny a call.
func refusing(nr int, errno unix.Errno) []string {
	return []string{filepath.Join(repository, "tests/bin/refuse"), itoa(nr), "any", "0", itoa(int(errno))}
}

// Each call alone, denied with EPERM and with ENOSYS: a command works without it, or it leaves nothing and says that a
// filter denies the call.
func TestDeniedCalls_work_or_are_named(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	for name, nr := range deniable {
		for _, errno := range []unix.Errno{unix.EPERM, unix.ENOSYS} {
			t.Run(name+" "+unix.ErrnoName(errno), func(t *testing.T) {
				t.Parallel()
				named := func(command string, res Result) (worked bool) {
					t.Helper()
					if res.Exit == 0 {
						return true
					}
					if !strings.Contains(res.Stderr, "a seccomp filter above rung denies "+name+"(2)") || strings.Contains(res.Stderr, "lsns") {
						t.Errorf("%s: exit status %d: %s", command, res.Exit, res.Stderr)
					}
					return false
				}
				b := newBundle(t)
				nothing := func(command string) {
					t.Helper()
					want(t, command+": state", exists(filepath.Join(b.Root, b.ID)), false)
					wantSlice(t, command+": cgroups", cgroupsOf(b.ID), nil)
				}
				b.Spec.Process.Args = []string{"/probe", "--until-term"}
				denied := refusing(nr, errno)
				b.writeConfig()

				b.Wrap = denied
				worked := named("create", b.runtime("create", "--bundle", b.Dir, b.ID))
				b.Wrap = nil
				if worked {
					b.must("delete", "--force", b.ID)
				}
				nothing("create")

				b.Spec.Process.Args = []string{"/probe", "--echo", "it-started"}
				b.Wrap = denied
				res := b.run()
				b.Wrap = nil
				if !named("run", res) && strings.Contains(res.Stdout, "it-started") {
					t.Errorf("run fails, and has run the program: %s", res.Stderr)
				}
				nothing("run")

				b.Spec.Process.Args = []string{"/probe", "--until-term"}
				c := b.create().start()
				c.next("waiting")
				b.Wrap = denied
				named("exec", b.runtime("exec", b.ID, "/probe", "--exit", "0"))
				worked = named("delete", b.runtime("delete", "--force", b.ID))
				b.Wrap = nil
				if !worked {
					b.must("delete", "--force", b.ID)
				}
				c.wait()
				nothing("delete")
			})
		}
	}
}

func TestDeniedCalls_check(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	b.writeConfig()
	b.Wrap = refusing(unix.SYS_MOUNT_SETATTR, unix.EPERM)
	res := b.runtime("check", "--bundle", b.Dir)
	want(t, "exit status", res.Exit, 1)
	if !strings.Contains(res.output(), "a seccomp filter above rung denies mount_setattr(2)") {
		t.Errorf("check: %s", res.output())
	}
}

// On a kernel that is too old the first call that it lacks fails. The release is what personality(2), UNAME26, makes of it.
func TestOldKernel_is_named(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "command:setarch")
	const old = "Linux 2.6 is older than 5.14"
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--echo", "it-started"}
	b.writeConfig()
	b.Wrap = []string{"setarch", "--uname-2.6"}
	res := b.runtime("check", "--bundle", b.Dir)
	want(t, "exit status of check", res.Exit, 1)
	if !strings.Contains(res.output(), old) {
		t.Errorf("check: %s", res.output())
	}
	b.Wrap = append(b.Wrap, refusing(unix.SYS_CLOSE_RANGE, unix.EINVAL)...)
	for _, args := range [][]string{{"run"}, {"create"}} {
		res := b.runtime(append(args, "--bundle", b.Dir, b.ID)...)
		wantFailure(t, res, old)
		if strings.Contains(res.Stderr, "lsns") {
			t.Errorf("%v: the hint is about something else: %s", args, res.Stderr)
		}
		want(t, "state", exists(filepath.Join(b.Root, b.ID)), false)
	}
}

// The init gets descriptors from 100 on: a limit that leaves no room for them is named, with one that does.
func TestDescriptors_the_limit_is_named(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "command:prlimit")
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--echo", "it-started"}
	for _, limit := range []int{60, 103} {
		b.Wrap = []string{"prlimit", fmt.Sprintf("--nofile=%d:%d", limit, limit)}
		wantFailure(t, b.run(), fmt.Sprintf("RLIMIT_NOFILE of the runtime is %d; 110 is enough", limit))
	}
	b.Wrap = []string{"prlimit", "--nofile=110:110"}
	want(t, "output", b.run().Stdout, "it-started\n")
}
