package console

import (
	"fmt"
	"os"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// Signals are those that the runtime gets and hands on. They are caught from
// Watch on, so that none of them ends the runtime while the container starts.
type Signals struct{ fd int }

// Watch catches the signals. They stay caught, also after Foreground: a second
// Ctrl-C must not stop the removal of the container half-way.
func Watch() (*Signals, error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, &os.SyscallError{Syscall: "pipe2", Err: err}
	}
	var all [64]unix.Signal
	list := all[:0]
	for n := unix.Signal(1); n <= 64; n++ {
		if forwarded(n) || n == unix.SIGCHLD {
			list = append(list, n)
		}
	}
	if err := handOver(p[1], list); err != nil {
		return nil, err
	}
	return &Signals{fd: p[0]}, nil
}

// forwarded says which signals are the container's.
func forwarded(n unix.Signal) bool {
	switch n {
	case unix.SIGKILL, unix.SIGSTOP: // cannot be caught
		return false
	case unix.SIGCHLD, unix.SIGPIPE: // tell of the runtime's own children and pipes
		return false
	case unix.SIGURG: // Go's scheduler sends it
		return false
	case unix.SIGTTIN, unix.SIGTTOU: // job control stops the runtime; caught, the call that raised it would be tried for ever
		return false
	case 32, 33: // the C library's
		return false
	}
	return true
}

// Foreground stays with the child pid until it ends, and gives its exit status,
// or 128 and the number of the signal that ended it. Signals go to it through
// pidfd, which stays the caller's; SIGWINCH calls onResize instead, if that is
// not nil. When the runtime is a subreaper (prctl(2)) the container's orphans are
// reaped on the way.
func (s *Signals) Foreground(pid, pidfd int, onResize func()) (status int, err error) {
	which := pid
	if os.Getpid() == 1 || sys.IsSubreaper() {
		which = -1
	}
	for {
		// first of all without a signal: the child may have ended before Watch
		ws, ended, err := reap(which, pid)
		if err != nil {
			return -1, fmt.Errorf("wait for process %d: %w", pid, err)
		}
		if ended {
			if ws.Signaled() {
				return 128 + int(ws.Signal()), nil
			}
			return ws.ExitStatus(), nil
		}
		if err := s.relay(pidfd, onResize); err != nil {
			return -1, err
		}
	}
}

// relay hands signals on until the child, or another one, has ended.
func (s *Signals) relay(pidfd int, onResize func()) error {
	var buf [64]byte
	for {
		fds := [2]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}, {Fd: int32(pidfd), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds[:], -1); err != nil && err != unix.EINTR {
			return &os.SyscallError{Syscall: "poll", Err: err}
		}
		if fds[1].Revents != 0 {
			return nil
		}
		n, err := unix.Read(s.fd, buf[:])
		if err != nil {
			if err == unix.EINTR || err == unix.EAGAIN {
				continue
			}
			return &os.SyscallError{Syscall: "read", Err: err}
		}
		ended := false
		for _, number := range buf[:n] {
			switch sig := unix.Signal(number); {
			case sig == unix.SIGCHLD:
				ended = true
			case sig == unix.SIGWINCH && onResize != nil:
				onResize()
			default:
				// whatever the reason that it cannot be sent (it has ended, it is
				// another user's), to stay is better than to go
				_ = unix.PidfdSendSignal(pidfd, sig, nil, 0)
			}
		}
		if ended {
			return nil
		}
	}
}

// reap reaps which (-1: every child) as far as they have ended.
func reap(which, pid int) (ws unix.WaitStatus, ended bool, err error) {
	for {
		var st unix.WaitStatus
		got, err := unix.Wait4(which, &st, unix.WNOHANG, nil)
		switch {
		case err == unix.EINTR:
		case err == unix.ECHILD && ended:
			return ws, true, nil
		case err != nil:
			return ws, ended, &os.SyscallError{Syscall: "wait4", Err: err}
		case got == 0:
			return ws, ended, nil
		case got == pid:
			ws, ended = st, true
			if which == pid {
				return ws, true, nil
			}
		}
	}
}
