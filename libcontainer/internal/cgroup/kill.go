package cgroup

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// killDeadline bounds the wait for killed processes to end; one in
// uninterruptible sleep may take for ever.
const killDeadline = 10 * time.Second

// Kill sends a signal to every process of the container, those in groups below
// its own too. For SIGKILL it returns when none is left (at most ten seconds
// later, with ETIMEDOUT), and it kills frozen ones too. A container without
// groups has nobody to signal, which is no error.
func (g *Group) Kill(sig unix.Signal) error {
	if sig == unix.SIGKILL {
		return g.killAll()
	}
	frozen := g.Frozen()
	if !frozen && g.freezer() != nil {
		// standing processes cannot fork away from their signal
		if err := g.Freeze(); err == nil {
			defer func() { _ = g.Thaw() }()
		}
	}
	pids, err := g.Pids()
	if err != nil {
		return err
	}
	return signalEach(pids, sig)
}

// killAll kills until nobody is left.
func (g *Group) killAll() error {
	end := time.Now().Add(killDeadline)
	if d := g.v2(); d != nil {
		// cgroup.kill takes forks in flight too (Linux 5.14)
		switch err := sys.WriteFile(d.Path+"/cgroup.kill", "1"); {
		case err == nil:
			if f := g.v1("freezer"); f != nil && frozen(f) {
				if err := g.Thaw(); err != nil { // v1 holds even killed ones
					return err
				}
			}
			if err := waitEmpty(d.Path, end); err != nil {
				return err
			}
		case !gone(err) && !errors.Is(err, unix.EOPNOTSUPP):
			return err
		}
	}
	for {
		pids, err := g.anyPids()
		if err != nil || len(pids) == 0 {
			return errors.Join(err, g.thawLeft())
		}
		if err := g.killRound(pids, end); err != nil {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("kill all processes of %s: %d are left, %d among them: %w", g.path, len(pids), pids[0], unix.ETIMEDOUT)
		}
	}
}

// thawLeft: a group that is kept must not be found frozen by the next container.
func (g *Group) thawLeft() error {
	if g.Frozen() {
		return g.Thaw()
	}
	return nil
}

// killRound kills those that can be seen, and waits for them.
func (g *Group) killRound(pids []int, end time.Time) error {
	if g.freezer() != nil && !g.Frozen() && len(pids) > 1 {
		_ = g.Freeze() // or else what forks fast enough would need many rounds
		if again, err := g.anyPids(); err == nil {
			pids = again
		}
	}
	fds := make([]unix.PollFd, 0, len(pids))
	defer func() {
		for i := range fds {
			sys.Close(int(fds[i].Fd))
		}
	}()
	for _, pid := range pids {
		fd, err := pidfdOf(pid)
		if err != nil {
			continue // ended meanwhile, or out of descriptors: another round
		}
		fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		if err := sys.PidfdSignal(fd, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			return &os.PathError{Op: "kill a process of", Path: g.path, Err: errnoOf(err)}
		}
		if len(fds) == 256 {
			break
		}
	}
	if g.Frozen() {
		if err := g.Thaw(); err != nil { // v1 holds even killed ones
			return err
		}
	}
	waiting := fds
	for len(waiting) > 0 {
		left := time.Until(end)
		if left <= 0 {
			return nil
		}
		p := waiting[:1]
		if n, err := unix.Poll(p, int(min(left.Milliseconds()+1, 1000))); err == nil && n == 1 {
			waiting = waiting[1:]
		}
	}
	if len(fds) == 0 {
		time.Sleep(100 * time.Microsecond) // those that are ending leave by themselves
	}
	return nil
}

// waitEmpty waits until a cgroup v2 subtree has no process.
func waitEmpty(dir string, end time.Time) error {
	fd, err := sys.Open(dir+"/cgroup.events", unix.O_RDONLY)
	if err != nil {
		if gone(err) {
			return nil
		}
		return err
	}
	defer sys.Close(fd)
	err = waitEvent(fd, dir, "populated", "0", time.Until(end))
	if gone(err) {
		return nil
	}
	return err
}

// signalEach signals processes by pidfd.
func signalEach(pids []int, sig unix.Signal) error {
	for _, pid := range pids {
		fd, err := pidfdOf(pid)
		if err == nil {
			err = sys.PidfdSignal(fd, sig)
			sys.Close(fd)
		}
		if err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("signal process %d: %w", pid, err)
		}
	}
	return nil
}

// pidfdOf opens a process, also where the group lists a thread that leads none
// (a threaded group): then the process that it belongs to is not known here, and
// the thread is signalled by PIDFD_THREAD (Linux 6.9).
func pidfdOf(pid int) (int, error) {
	fd, err := sys.PidfdOpen(pid)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
		if fd, err := unix.PidfdOpen(pid, unix.O_EXCL); err == nil {
			return fd, nil
		}
	}
	return fd, err
}

func errnoOf(err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
