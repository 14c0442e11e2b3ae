package integration

import (
	"path/filepath"
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
