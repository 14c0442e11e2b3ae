package console

import (
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// Signals are the signals that this process catches from Watch, or WatchEnding, on:
// none of them ends it half-way any more. A nil *Signals has caught nothing.
type Signals struct {
	fd      int
	waiting []unix.Signal // read, and not yet sent to the container's process
}

// Interrupt is the error of an operation that a signal has ended.
type Interrupt struct{ Signal unix.Signal }

func (e *Interrupt) Error() string { return "interrupted by " + unix.SignalName(e.Signal) }

// Watch catches every signal that Foreground sends to the container's process. They
// stay caught, also after Foreground: a second Ctrl-C must not stop the removal of
// the container half-way.
func Watch() (*Signals, error) {
	var all [64]unix.Signal
	list := all[:0]
	for n := unix.Signal(1); n <= 64; n++ {
		if forwarded(n) || n == unix.SIGCHLD {
			list = append(list, n)
		}
	}
	return catch(list, false)
}

// WatchEnding catches only the signals that ask this process to end. One that the
// caller has it ignore stays ignored (nohup(1); a shell's background job).
func WatchEnding() (*Signals, error) { return catch(ending[:], true) }

var ending = [...]unix.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGHUP}

func catch(list []unix.Signal, keepIgnored bool) (*Signals, error) {
	var p [2]int
	if err := sys.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, &os.SyscallError{Syscall: "pipe2", Err: err}
	}
	if err := handOver(p[1], list, keepIgnored); err != nil {
		return nil, err
	}
	return &Signals{fd: p[0]}, nil
}

// FD becomes readable for poll(2) when a signal was caught: see Interrupted. It is
// -1, which poll(2) skips, for nil.
func (s *Signals) FD() int {
	if s == nil {
		return -1
	}
	return s.fd
}

// Interrupted returns an *Interrupt when one of the signals that ask this process to
// end was caught. The others wait for Foreground.
func (s *Signals) Interrupted() error {
	if s == nil {
		return nil
	}
	if err := s.read(); err != nil {
		return err
	}
	for _, n := range s.waiting {
		if slices.Contains(ending[:], n) {
			return &Interrupt{n}
		}
	}
	return nil
}

// Forget drops what was caught: after the end of the container's process, a signal
// that was meant for it, as one of Ctrl-C that both have got, interrupts nothing.
func (s *Signals) Forget() {
	if s != nil {
		_ = s.read()
		s.waiting = nil
	}
}

// AwaitExit waits until the process behind a pidfd has ended. It fails with an
// *Interrupt, or with ETIMEDOUT at the deadline unless that is zero.
func (s *Signals) AwaitExit(pidfd int, deadline time.Time) error {
	for {
		p := [2]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}, {Fd: int32(s.FD()), Events: unix.POLLIN}}
		limit := -1
		if !deadline.IsZero() {
			limit = int(max(time.Until(deadline), 0).Milliseconds()) + 1
		}
		n, err := sys.Poll(p[:], limit)
		switch {
		case err != nil && err != unix.EINTR:
			return &os.SyscallError{Syscall: "poll", Err: err}
		case n > 0 && p[0].Revents != 0:
			return nil
		case n > 0:
			if err := s.Interrupted(); err != nil {
				return err
			}
		case err == nil && !time.Now().Before(deadline):
			return unix.ETIMEDOUT
		}
	}
}

// Do runs f, a call that may block for as long as somebody else likes. After an
// Interrupt f goes on in the background, until this process ends.
func (s *Signals) Do(f func() error) error {
	if s == nil {
		return f()
	}
	const look = 20 * time.Millisecond
	done := make(chan error, 1)
	go func() { done <- f() }()
	for {
		select {
		case err := <-done:
			return err
		case <-time.After(look):
			if err := s.Interrupted(); err != nil {
				return err
			}
		}
	}
}

// DieBy ends this process by a signal, as if it had never been caught: the caller
// sees that its signal was obeyed. It returns where the kernel shields the process:
// the first one of a PID namespace.
func DieBy(n unix.Signal) {
	if resetHandler(n) == nil {
		_ = sys.Kill(os.Getpid(), n)
	}
}

// read takes what is in the pipe.
func (s *Signals) read() error {
	var buf [64]byte
	for {
		n, err := sys.Read(s.fd, buf[:])
		switch {
		case err == unix.EAGAIN:
			return nil
		case err != nil:
			return &os.SyscallError{Syscall: "read", Err: err}
		}
		for _, b := range buf[:n] {
			s.waiting = append(s.waiting, unix.Signal(b))
		}
		if n < len(buf) {
			return nil
		}
	}
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
		ws, ended, err := reap(which, pid, pidfd)
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
	for {
		if s.send(pidfd, onResize) {
			return nil
		}
		fds := [2]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}, {Fd: int32(pidfd), Events: unix.POLLIN}}
		if _, err := sys.Poll(fds[:], -1); err != nil && err != unix.EINTR {
			return &os.SyscallError{Syscall: "poll", Err: err}
		}
		if fds[1].Revents != 0 {
			return nil
		}
		if err := s.read(); err != nil {
			return err
		}
	}
}

// send sends what waits to the process, and says whether a child has ended.
func (s *Signals) send(pidfd int, onResize func()) (ended bool) {
	for _, sig := range s.waiting {
		switch {
		case sig == unix.SIGCHLD:
			ended = true
		case sig == unix.SIGWINCH && onResize != nil:
			onResize()
		default:
			// whatever the reason that it cannot be sent (it has ended, it is
			// another user's), to stay is better than to go
			_ = sys.PidfdSendSignal(pidfd, sig, nil, 0)
		}
	}
	s.waiting = s.waiting[:0]
	return ended
}

// reap reaps which (-1: every child) as far as they have ended. Where pid is stopped, see goOn.
func reap(which, pid, pidfd int) (ws unix.WaitStatus, ended bool, err error) {
	for {
		var st unix.WaitStatus
		got, err := sys.Wait4(which, &st, unix.WNOHANG|unix.WUNTRACED, nil)
		switch {
		case err == unix.ECHILD && ended:
			return ws, true, nil
		case err != nil:
			return ws, ended, &os.SyscallError{Syscall: "wait4", Err: err}
		case got == 0:
			return ws, ended, nil
		case st.Stopped():
			if got == pid {
				goOn(pid, pidfd)
			}
		case got == pid:
			ws, ended = st, true
			if which == pid {
				return ws, true, nil
			}
		}
	}
}
