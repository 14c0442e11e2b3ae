package cgroup

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// errNoFreezer: neither version of the freezer is there.
var errNoFreezer = errors.New("this host has no freezer for the container: neither the v1 controller nor cgroup v2")

// freezer is where the container is frozen: on cgroup v2 where that is mounted,
// because there a frozen process can still be killed.
func (g *Group) freezer() *Dir {
	if d := g.v2(); d != nil && exists(d.Path+"/cgroup.freeze") {
		return d
	}
	return g.v1("freezer")
}

// Freezer is the directory by which the container is frozen, "" if there is none.
func (g *Group) Freezer() string {
	if d := g.freezer(); d != nil && exists(d.Path) {
		return d.Path
	}
	return ""
}

// Freeze stops every process of the container, and returns when they stand
// (cgroup-v2.rst, cgroup.freeze; freezer-subsystem.rst).
func (g *Group) Freeze() error {
	d := g.freezer()
	switch {
	case d == nil:
		return errNoFreezer
	case d.V2:
		return g.freezeV2(d.Path, true)
	}
	return g.freezeV1(d.Path)
}

// Thaw lets the processes go on, whichever freezer holds them. A container that
// is gone is no error.
func (g *Group) Thaw() error {
	var errs []error
	found := false
	if d := g.v2(); d != nil && exists(d.Path+"/cgroup.freeze") {
		found = true
		errs = append(errs, g.freezeV2(d.Path, false))
	}
	if d := g.v1("freezer"); d != nil {
		found = true
		if state, err := readFile(d.Path + "/freezer.state"); err != nil || state != "THAWED" {
			if err := sys.WriteFile(d.Path+"/freezer.state", "THAWED"); err != nil && !gone(err) {
				errs = append(errs, err)
			}
		}
	}
	if !found && len(g.dirs) > 0 && exists(g.dirs[0].Path) {
		return errNoFreezer
	}
	return errors.Join(errs...)
}

// Frozen says whether the container is frozen, or about to be.
func (g *Group) Frozen() bool {
	for i := range g.dirs {
		if frozen(&g.dirs[i]) {
			return true
		}
	}
	return false
}

func frozen(d *Dir) bool {
	if d.V2 {
		text, err := readFile(d.Path + "/cgroup.freeze")
		return err == nil && text == "1"
	}
	if !d.has("freezer") {
		return false
	}
	state, err := readFile(d.Path + "/freezer.state")
	return err == nil && state != "THAWED"
}

// freezeDeadline bounds the wait for processes that do not come to stand: ones
// in uninterruptible sleep may take for ever.
const freezeDeadline = 5 * time.Second

// freezeV2 writes cgroup.freeze and waits for cgroup.events to say so; it
// signals a change by POLLPRI.
func (g *Group) freezeV2(dir string, freeze bool) error {
	value := "0"
	if freeze {
		value = "1"
	}
	fd, err := sys.Open(dir+"/cgroup.events", unix.O_RDONLY)
	if err != nil {
		if !freeze && gone(err) {
			return nil
		}
		return err
	}
	defer sys.Close(fd)
	if err := sys.WriteFile(dir+"/cgroup.freeze", value); err != nil {
		return err
	}
	if !freeze {
		return nil // an ancestor may hold it frozen still
	}
	if err := waitEvent(fd, dir, "frozen", "1", freezeDeadline, g.interrupted); err != nil {
		_ = sys.WriteFile(dir+"/cgroup.freeze", "0")
		return fmt.Errorf("freeze: %w", err)
	}
	return nil
}

// waitEvent waits until a key of an open cgroup.events has a value, or until
// interrupted, unless that is nil, has an error.
func waitEvent(fd int, dir, key, value string, limit time.Duration, interrupted func() error) error {
	buf := make([]byte, 256)
	for end := time.Now().Add(limit); ; {
		n, err := sys.Pread(fd, buf, 0)
		if err != nil && err != unix.EINTR {
			return &os.PathError{Op: "read", Path: dir + "/cgroup.events", Err: err}
		}
		if n > 0 && flatKey(string(buf[:n]), key) == value {
			return nil
		}
		if interrupted != nil {
			if err := interrupted(); err != nil {
				return err
			}
		}
		left := time.Until(end)
		if left <= 0 {
			return &os.PathError{Op: "wait for " + key + " " + value, Path: dir + "/cgroup.events", Err: unix.ETIMEDOUT}
		}
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLPRI}}
		_, _ = sys.Poll(p, int(min(left.Milliseconds()+1, 100)))
	}
}

// freezeV1 writes FROZEN until it holds. New processes can escape a round, and a
// group that is stuck in FREEZING gets going by a moment of THAWED.
func (g *Group) freezeV1(dir string) error {
	file := dir + "/freezer.state"
	pause := 20 * time.Microsecond
	end := time.Now().Add(freezeDeadline)
	for round := 1; ; round++ {
		if round%50 == 0 {
			_ = sys.WriteFile(file, "THAWED")
		}
		if err := sys.WriteFile(file, "FROZEN"); err != nil {
			return err
		}
		state, err := readFile(file)
		if err != nil {
			return err
		}
		if state == "FROZEN" {
			return nil
		}
		if err := g.interrupted(); err != nil {
			_ = sys.WriteFile(file, "THAWED")
			return fmt.Errorf("freeze: %w", err)
		}
		if time.Now().After(end) {
			_ = sys.WriteFile(file, "THAWED")
			return fmt.Errorf("freeze: %w", &os.PathError{Op: "wait for FROZEN", Path: file, Err: unix.ETIMEDOUT})
		}
		time.Sleep(pause)
		if pause < 10*time.Millisecond {
			pause *= 2
		}
	}
}
