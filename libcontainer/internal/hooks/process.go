package hooks

import (
	"os"
	"slices"
	"syscall"

	"github.com/rung-oci/rung/internal/sysmon"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// Spawned is a hook that runs. Wait is called once, when Pidfd says that it has
// ended, or at once where that is -1; Kill before Wait.
type Spawned struct {
	Wait  func() (unix.WaitStatus, error)
	Kill  func()
	Pidfd int // readable when the hook has ended; Wait closes it
}

// spawn starts a hook with nothing but its own descriptors and environment.
func spawn(h plan.Hook, dir string, stdio [3]*os.File) (Spawned, error) {
	argv := h.Args
	if len(argv) == 0 {
		argv = []string{h.Path}
	}
	env := append(slices.Clip(h.Env), h.More...)
	if env == nil {
		env = []string{} // nil would mean the runtime's own
	}
	// what the runtime inherited, or is asked to hand to the container, is no hook's
	_ = sys.CloseOnExecFrom(3)
	pidfd := -1
	done := sysmon.Forking()
	pid, err := syscall.ForkExec(h.Path, argv, &syscall.ProcAttr{
		Dir:   dir,
		Env:   env,
		Files: []uintptr{stdio[0].Fd(), stdio[1].Fd(), stdio[2].Fd()},
		Sys:   &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, PidFD: &pidfd},
	})
	done()
	if err != nil {
		if dir != "" {
			// ForkExec does not tell which of its calls failed
			if _, statErr := os.Stat(dir); statErr != nil {
				return Spawned{}, &os.PathError{Op: "chdir", Path: dir, Err: err}
			}
		}
		return Spawned{}, &os.SyscallError{Syscall: "execve", Err: err}
	}
	return Spawned{
		Pidfd: pidfd,
		Wait: func() (unix.WaitStatus, error) {
			defer sys.Close(pidfd)
			return sys.Reap(pid)
		},
		// not reaped yet: the number is its own, that of the group too
		Kill: func() { _ = sys.Kill(-pid, unix.SIGKILL) },
	}, nil
}

// input gives the read end of something that holds the state and ends after it.
// Nobody has to write while the hook runs, so a hook that does not read blocks
// nobody. That is a pipe, as hooks have it from other runtimes, while the state
// fits into one.
func input(state []byte) (*os.File, error) {
	var p [2]int
	if err := sys.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return nil, &os.SyscallError{Syscall: "pipe2", Err: err}
	}
	defer sys.Close(p[1])
	size, err := sys.FcntlInt(uintptr(p[1]), unix.F_GETPIPE_SZ, 0)
	if err == nil && len(state) <= size {
		var n int
		if len(state) > 0 {
			n, err = sys.Write(p[1], state)
		}
		if err == nil && n == len(state) {
			return os.NewFile(uintptr(p[0]), "stdin"), nil
		}
	}
	sys.Close(p[0])
	fd, err := sys.SealedMemfd("rung-hook-state", state)
	if err != nil {
		return nil, err
	}
	if _, err := sys.Seek(fd, 0, unix.SEEK_SET); err != nil {
		sys.Close(fd)
		return nil, &os.SyscallError{Syscall: "lseek", Err: err}
	}
	return os.NewFile(uintptr(fd), "stdin"), nil
}
