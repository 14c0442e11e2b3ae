package cgroup

import (
	"errors"
	"os"
	"time"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// Delete removes the container's directories and all below them; one that is
// gone is no error. Processes inside are (ErrNotEmpty): see Kill. A Group that
// Create was called on removes only what it made, and then the directories above
// that it made and nobody else uses.
func (g *Group) Delete() error {
	if g.unit != nil {
		g.unit.left()
	}
	err := g.remove()
	if err == nil && g.unit != nil && (g.unit.started || !g.created) { // the unit of another is not ours to stop
		err = g.unit.stop(g.path)
	}
	return err
}

func (g *Group) remove() error {
	if g.spawn >= 0 {
		sys.Close(g.spawn)
		g.spawn = -1
	}
	var errs []error
	if !g.created {
		for i := range g.dirs {
			errs = append(errs, removeTree(g.dirs[i].Path))
		}
		return errors.Join(errs...)
	}
	for i := len(g.made) - 1; i >= 0; i-- {
		dir := g.made[i]
		if g.own(dir) {
			errs = append(errs, removeTree(dir))
		} else if sys.Rmdir(dir) == nil || !exists(dir) {
			continue // one that is above the container's stays as long as somebody uses it
		}
	}
	return errors.Join(errs...)
}

func (g *Group) own(dir string) bool {
	for i := range g.dirs {
		if g.dirs[i].Path == dir {
			return true
		}
	}
	return false
}

// A process that was reaped may still count for a moment.
const (
	firstPause = 50 * time.Microsecond
	allPauses  = 2 * time.Second
)

// removeTree removes a group, and groups below it first where there are any. A
// container that owns its cgroup may have nested them deeper than a path can name.
func removeTree(dir string) error {
	pause := firstPause
	for waited := time.Duration(0); ; {
		err := sys.Rmdir(dir)
		switch err {
		case nil, unix.ENOENT:
			return nil
		case unix.EINTR:
			continue
		case unix.EBUSY, unix.ENOTEMPTY:
		default:
			return &os.PathError{Op: "remove the control group", Path: dir, Err: err}
		}
		if pids, _ := procs(dir); len(pids) > 0 {
			return &os.PathError{Op: "remove the control group", Path: dir, Err: &busyError{err}}
		}
		removed, walkErr := removeBelow(dir)
		switch {
		case gone(walkErr):
			return nil
		case walkErr != nil:
			return walkErr
		case removed > 0:
			waited = 0
			continue
		}
		if waited > allPauses {
			return &os.PathError{Op: "remove the control group", Path: dir, Err: err}
		}
		if pause < 20*time.Millisecond {
			pause *= 2
		}
		time.Sleep(pause)
		waited += pause
	}
}

// removeBelow removes the groups below one, and gives how many it removed. A group
// that stays because of its processes is an error; others stay silently, since a
// process that was reaped may still count for a moment.
func removeBelow(dir string) (removed int, err error) {
	err = walk(dir, visitor{leave: func(parent int, name string) error {
		err := sys.Unlinkat(parent, name, unix.AT_REMOVEDIR)
		switch err {
		case nil:
			removed++
		case unix.ENOENT, unix.EINTR:
		case unix.EBUSY, unix.ENOTEMPTY:
			fd, openErr := openGroup(parent, name)
			if openErr != nil {
				return nil
			}
			defer sys.Close(fd)
			if pids, _ := procsAt(fd); len(pids) > 0 {
				return &busyError{err}
			}
		default:
			return err
		}
		return nil
	}})
	return removed, err
}

// busyError is EBUSY whose reason is known: processes.
type busyError struct{ errno error }

func (e *busyError) Error() string        { return ErrNotEmpty.Error() }
func (e *busyError) Unwrap() error        { return e.errno }
func (e *busyError) Is(target error) bool { return target == ErrNotEmpty }
