package integration

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// failure is the errno with which a call fails in these tests: a full disk, a broken one, no descriptors, no memory. 0 is
// for calls that cannot fail so, or whose failure is for Go's runtime, which ends the program.
func failure(c *stop) unix.Errno {
	if flags, ok := c.opens(); ok {
		if flags&unix.O_CREAT != 0 {
			return unix.ENOSPC
		}
		return unix.EMFILE
	}
	switch c.nr {
	case unix.SYS_MKDIRAT, unix.SYS_SYMLINKAT, unix.SYS_MKNODAT, unix.SYS_RENAMEAT, unix.SYS_LINKAT, unix.SYS_BIND, unix.SYS_FTRUNCATE:
		return unix.ENOSPC
	case unix.SYS_WRITE:
		if c.step != "" {
			return 0 // the log is what no command depends on, and the tests do
		}
		return unix.EIO
	case unix.SYS_SOCKET, unix.SYS_SOCKETPAIR, unix.SYS_PIPE2, unix.SYS_MEMFD_CREATE, unix.SYS_PIDFD_OPEN,
		unix.SYS_FSOPEN, unix.SYS_FSMOUNT, unix.SYS_OPEN_TREE, unix.SYS_ACCEPT4:
		return unix.EMFILE
	case unix.SYS_CLONE3, unix.SYS_EXECVE, unix.SYS_MOUNT, unix.SYS_MOVE_MOUNT, unix.SYS_FSCONFIG, unix.SYS_MOUNT_SETATTR,
		unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_BPF, unix.SYS_SECCOMP, unix.SYS_SENDMSG, unix.SYS_CONNECT:
		return unix.ENOMEM
	case unix.SYS_CLONE, unix.SYS_EXIT_GROUP, unix.SYS_WAIT4, unix.SYS_WAITID, unix.SYS_KILL, unix.SYS_PIDFD_SEND_SIGNAL, unix.SYS_CLOSE_RANGE,
		unix.SYS_PRCTL, unix.SYS_RECVMSG, unix.SYS_RECVFROM:
		return 0
	}
	return unix.EIO
}

// Whichever call of a command fails: it ends with an error, and nothing of what it began is left; or it does without.
func TestFaults_failing_calls(t *testing.T) { failing(t, changingCalls, failure) }

// The same for the calls that only look: of a disk, or of the kernel's files, that cannot be read.
func TestFaults_failing_reads(t *testing.T) {
	failing(t, lookingCalls, func(c *stop) unix.Errno {
		if flags, opens := c.opens(); opens && flags&(unix.O_CREAT|unix.O_WRONLY|unix.O_RDWR) != 0 {
			return 0 // TestFaults_failing_calls has those
		}
		if c.nr == unix.SYS_READ {
			if file, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", c.pid, c.args[0])); err == nil && !strings.HasPrefix(file, "/") {
				return 0 // no pipe breaks so, and syscall.ForkExec would wait for its child for ever
			}
		}
		return unix.EIO
	})
}

func failing(t *testing.T, calls []namedCall, failure func(*stop) unix.Errno) {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("calls are made to fail by the registers of amd64")
	}
	for _, s := range killScenes() {
		s.calls, s.changes = calls, func(c *stop) bool { return failure(c) != 0 }
		t.Run(s.name, func(t *testing.T) {
			b := s.bundle(t)
			points := s.rehearse(b)
			n, offset := stride(t)
			for i := range points {
				if i%n == offset {
					s.fail(b, i, failure)
				}
			}
			t.Logf("%d calls", len(points))
		})
	}
}

// fail lets call number n of the command fail.
func (s *scene) fail(b *bundle, n int, failure func(*stop) unix.Errno) {
	b.t.Helper()
	files := b.files()
	if s.before != nil {
		s.before(b)
	}
	at, own, cleans, started, i := "", false, false, false, 0
	tr, res := b.traceCommands(numbersOf(s.traces()), func(c *stop) harm {
		started = started || c.step == "start"
		if !s.matters(c) {
			return harm{}
		}
		if i++; i <= n {
			return harm{}
		}
		h := harm{errno: failure(c)}
		at = c.String() + ": " + unix.ErrnoName(h.errno)
		own = c.own
		// what takes things back fails itself, and says so: run has nothing else to do once its container is started
		cleans = c.nr == unix.SYS_UNLINKAT || started
		return h
	}, s.commands(b)...)
	failed := 1
	if s.command[0] == "exec" {
		failed = 255
	}
	var wrong []string
	switch {
	case res.Exit != 0 && res.Exit != failed && own:
		wrong = append(wrong, fmt.Sprintf("exit status %d, want 0 or %d: %s", res.Exit, failed, res.Stderr))
	case res.Exit != 0 && own && !strings.Contains(res.Stderr, "rung: ") && !strings.Contains(res.Stderr, "exec "):
		wrong = append(wrong, "it failed without a word")
	case res.Exit != 0 && !cleans:
		wrong = append(wrong, s.leftByFailure(b)...)
	}
	wrong = append(wrong, s.end(b, tr, files)...)
	if wrong != nil {
		b.t.Errorf("call %d, %s; the command ended with %d: %s\n%s", n, at, res.Exit, last(res.Stderr), strings.Join(wrong, "\n"))
	}
	faults.failures.add(at != "", wrong == nil)
}
