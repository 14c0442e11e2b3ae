package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path"

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
// ErrNotEmpty, ErrFrozen. After an error, Delete removes what was made.
func (g *Group) Create() error {
	g.created = true
	if g.unit != nil {
		if err := g.startUnit(); err != nil {
			return err
		}
	}
	for i := range g.dirs {
		if err := g.create(&g.dirs[i]); err != nil {
			return err
		}
	}
	return nil
}

func (g *Group) create(d *Dir) error {
	before := len(g.made)
	fresh, err := g.mkdir(d.Path, d.Mount)
	if err != nil {
		return err
	}
	if !d.V2 && d.has("cpuset") {
		for _, dir := range g.made[before:] {
			if err := inheritCPUSet(dir, d.Mount); err != nil {
				return err
			}
		}
	}
	if fresh || g.unit != nil { // systemd refuses a unit that is there already
		return nil
	}
	pids, err := procs(d.Path)
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) { // a threaded group has no cgroup.procs to read
		return err
	}
	if len(pids) > 0 {
		return fmt.Errorf("%s: %w: it has %d processes, %d among them", d.Path, ErrNotEmpty, len(pids), pids[0])
	}
	if frozen(d) {
		return fmt.Errorf("%s: %w", d.Path, ErrFrozen)
	}
	if !d.V2 && d.has("cpuset") {
		return inheritCPUSet(d.Path, d.Mount) // somebody may have made it and no more
	}
	return nil
}

// mkdir makes a directory, and those above it that are missing.
func (g *Group) mkdir(dir, mount string) (fresh bool, err error) {
	err = unix.Mkdir(dir, 0o755)
	if err == unix.ENOENT && len(path.Dir(dir)) > len(mount) {
		if _, err := g.mkdir(path.Dir(dir), mount); err != nil {
			return false, err
		}
		err = unix.Mkdir(dir, 0o755)
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
