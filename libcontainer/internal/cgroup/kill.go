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

// killAll kills until nobody is left. Everything that a container can do against
// it with a cgroup of its own lasts for one round at most: each round stops the
// forks, sends SIGKILL to every process of every group, thaws the groups that the
// container has frozen (v1 holds killed processes too), and looks again. A process
// that another one traces may stand still on its way out (PTRACE_O_TRACEEXIT): it
// goes on when its tracer has ended, in the same round.
func (g *Group) killAll() error {
	end := time.Now().Add(killDeadline)
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		pids, err := g.killRound(min(wait, time.Until(end)))
		if err != nil || len(pids) == 0 {
			return errors.Join(err, g.thawLeft())
		}
		if err := g.interrupted(); err != nil {
			return errors.Join(err, g.thawLeft())
		}
		if time.Now().After(end) {
			_ = g.thawLeft()
			return fmt.Errorf("kill all processes of %s: %w: %s", g.path, unix.ETIMEDOUT, g.left(pids))
		}
	}
}

// How long a round of killAll waits for the end of those that it has killed.
const (
	firstWait   = 50 * time.Millisecond
	longestWait = time.Second
	watched     = 64 // processes at a time, for each costs a descriptor
)

// killRound kills all processes that can be seen, waits, and gives those of the
// groups that were there; none: there is nobody left.
func (g *Group) killRound(wait time.Duration) ([]int, error) {
	end := time.Now().Add(wait)
	whole, err := g.killWhole()
	if err != nil {
		return nil, err
	}
	if whole {
		if err := g.thawBelow(); err != nil {
			return nil, err
		}
		if err := waitEmpty(g.v2().Path, end); err != nil && !errors.Is(err, unix.ETIMEDOUT) {
			return nil, err
		}
	}
	pids, err := g.anyPids()
	if err != nil || len(pids) == 0 {
		return nil, err
	}
	if !whole && len(pids) > 1 {
		g.stopForks() // or else what forks fast enough would need many rounds
		if again, err := g.anyPids(); err == nil {
			pids = again
		}
	}
	fds := make([]unix.PollFd, 0, min(len(pids), watched))
	defer func() {
		for i := range fds {
			sys.Close(int(fds[i].Fd))
		}
	}()
	for _, pid := range visible(pids) {
		fd, err := pidfdOf(pid)
		if err != nil {
			continue // ended meanwhile, or out of descriptors: another round
		}
		err = sys.PidfdSignal(fd, unix.SIGKILL)
		if len(fds) < watched {
			fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		} else {
			sys.Close(fd)
		}
		if err != nil && !errors.Is(err, unix.ESRCH) {
			_ = g.thawBelow()
			return nil, &os.PathError{Op: "kill a process of", Path: g.path, Err: errnoOf(err)}
		}
	}
	if err := g.thawBelow(); err != nil {
		return nil, err
	}
	awaitAll(fds, end)
	if len(fds) == 0 {
		time.Sleep(100 * time.Microsecond) // those that are ending leave by themselves
	}
	return pids, nil
}

// killWhole kills by cgroup.kill (Linux 5.14), which takes forks in flight too, and
// processes of PID namespaces that cannot be seen from here. whole is false where
// there is no such file, or it does not work: in a threaded group.
func (g *Group) killWhole() (whole bool, err error) {
	d := g.v2()
	if d == nil {
		return false, nil
	}
	switch err = sys.WriteFile(d.Path+"/cgroup.kill", "1"); {
	case err == nil:
		return true, nil
	case gone(err) || errors.Is(err, unix.EOPNOTSUPP):
		return false, nil
	}
	return false, err
}

// stopForks freezes the groups for a moment. It does not insist: a process that
// does not come to stand is killed all the same.
func (g *Group) stopForks() {
	d := g.freezer()
	switch {
	case d == nil:
	case d.V2:
		_ = sys.WriteFile(d.Path+"/cgroup.freeze", "1")
	default:
		for range 20 {
			if sys.WriteFile(d.Path+"/freezer.state", "FROZEN") != nil {
				return
			}
			if state, err := readFile(d.Path + "/freezer.state"); err != nil || state == "FROZEN" {
				return
			}
			time.Sleep(100 * time.Microsecond)
		}
	}
}

// thawBelow thaws the container's groups from the top down: in a v1 hierarchy
// frozen processes do not die, and a container that owns its cgroup can freeze
// groups below it. cgroup v2 kills frozen processes; only its top group is thawed.
func (g *Group) thawBelow() error {
	if d := g.v2(); d != nil && frozen(d) {
		if err := g.freezeV2(d.Path, false); err != nil {
			return err
		}
	}
	d := g.v1("freezer")
	if d == nil {
		return nil
	}
	err := walk(d.Path, visitor{enter: func(fd int) error {
		state, err := readAt(fd, "freezer.state")
		if err != nil || state == "THAWED" {
			return err
		}
		return writeAt(fd, "freezer.state", "THAWED")
	}})
	if gone(err) {
		return nil
	}
	return err
}

// thawLeft: a group that is kept must not be found frozen by the next container.
func (g *Group) thawLeft() error {
	if g.Frozen() {
		return g.Thaw()
	}
	return nil
}

// awaitAll waits until all processes behind the pidfds have ended, or the time is up.
func awaitAll(fds []unix.PollFd, end time.Time) {
	for i := range fds {
		for {
			left := time.Until(end)
			if left <= 0 {
				return
			}
			n, err := sys.Poll(fds[i:i+1], int(left.Milliseconds())+1)
			if n > 0 || err != nil && err != unix.EINTR {
				break
			}
		}
	}
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
	err = waitEvent(fd, dir, "populated", "0", time.Until(end), nil)
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
		if fd, err := sys.PidfdOpenThread(pid); err == nil {
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
