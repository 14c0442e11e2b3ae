package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path"

	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// What a group that is already there must not be.
var (
	ErrNotEmpty = errors.New("container's cgroup is not empty")
	ErrFrozen   = errors.New("container's cgroup unexpectedly frozen")
)

// Create makes the container's directory in every hierarchy, with the ones
// above it. One that is there already may hold no processes and not be frozen:
// ErrNotEmpty, ErrFrozen. After an error, Delete removes what was made. properties are those of the systemd unit whose
// groups these are.
func (g *Group) Create(properties ...plan.UnitProperty) error {
	g.created = true
	if g.unit != nil {
		if err := g.startUnit(properties); err != nil {
			return err
		}
	}
	for i := range g.dirs {
		if err := g.create(&g.dirs[i]); err != nil {
			return err
		}
	}
	if g.unit == nil && g.onlyV2() {
		// Not for limits alone: an engine reads the statistics of a container without limits, and what runs in the
		// container may hand controllers down. A controller that a limit needs and that cannot be had is Apply's to tell.
		_, _ = g.controllersOf(g.v2())
	}
	return nil
}

func (g *Group) create(d *Dir) error {
	before := len(g.made)
	fresh, err := g.mkdir(d.Path, d.Mount)
	if err == nil && !fresh && g.unit == nil { // systemd refuses a unit that is there already
		fresh, err = g.takeOver(d)
	}
	if err != nil {
		return err
	}
	g.setMark(d.Path)
	if !d.V2 && d.has("cpuset") {
		for _, dir := range g.made[before:] {
			if err := inheritCPUSet(dir, d.Mount); err != nil {
				return err
			}
		}
		if !fresh && g.unit == nil {
			return inheritCPUSet(d.Path, d.Mount) // somebody may have made it and no more
		}
	}
	return nil
}

// takeOver makes a cgroup that is there already the container's. One that is in use is refused: with
// processes in it or in a cgroup below it, or frozen. An empty one that another container has left, or
// has stopped in, is made again: the limits in it are that container's. Any other keeps what somebody
// has set in it.
func (g *Group) takeOver(d *Dir) (fresh bool, err error) {
	of, marked, err := markOf(d.Path)
	if err != nil {
		return false, err
	}
	pids, err := procsBelow(d.Path)
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) { // a threaded group has no cgroup.procs to read
		return false, err
	}
	if len(pids) > 0 {
		whose := ""
		if marked {
			whose = "; it belongs to " + of.String()
		}
		return false, fmt.Errorf("%s: %w: it has %d processes, %d among them%s", d.Path, ErrNotEmpty, len(pids), pids[0], whose)
	}
	if frozen(d) {
		return false, fmt.Errorf("%s: %w", d.Path, ErrFrozen)
	}
	if !marked || removeTree(d.Path) != nil {
		return false, nil
	}
	return g.mkdir(d.Path, d.Mount)
}

// mkdir makes a directory, and those above it that are missing.
func (g *Group) mkdir(dir, mount string) (fresh bool, err error) {
	err = sys.Mkdir(dir, 0o755)
	if err == unix.ENOENT && len(path.Dir(dir)) > len(mount) {
		if _, err := g.mkdir(path.Dir(dir), mount); err != nil {
			return false, err
		}
		err = sys.Mkdir(dir, 0o755)
	}
	switch err {
	case nil:
		g.made = append(g.made, dir)
		return true, nil
	case unix.EEXIST:
		return false, nil
	}
	made := &os.PathError{Op: "make the control group", Path: dir, Err: err}
	if err == unix.EACCES || err == unix.EPERM || err == unix.EROFS {
		return false, fmt.Errorf("unable to apply cgroup configuration: %w", made) // words that people look for
	}
	return false, made
}

// inheritCPUSet gives a v1 cpuset the CPUs and memory nodes of the one above: a
// new one has none, and no process can join it (cpuset(7)).
func inheritCPUSet(dir, mount string) error {
	for _, file := range [...]string{"/cpuset.cpus", "/cpuset.mems"} {
		if _, err := inheritFile(dir, mount, file); err != nil {
			return err
		}
	}
	return nil
}

func inheritFile(dir, mount, file string) (value string, err error) {
	value, err = readFile(dir + file)
	if err != nil || value != "" || len(dir) <= len(mount) {
		return value, err
	}
	if value, err = inheritFile(path.Dir(dir), mount, file); err != nil {
		return "", err
	}
	return value, sys.WriteFile(dir+file, value)
}
