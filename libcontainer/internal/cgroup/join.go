package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// SubGroup names a group below the container's, for a process that joins it:
// those of some v1 controllers, or with none named those of all hierarchies.
type SubGroup struct {
	Controllers []string
	Path        string // from the container's group; "/" is that itself
}

// Join is where a process that joins a container is put in each hierarchy.
type Join struct {
	dirs     []Dir
	pid      int // the container's init
	explicit bool
	fd       int
}

// errDotDot: a sub-group is below the container's group.
var errDotDot = errors.New("bad sub cgroup path")

// Join says where a process joins the container whose init is pid. It fails for
// a sub-group that leads out of the container's, for one that is not there
// (fs.ErrNotExist), and for a controller that no v1 hierarchy has. Close the Join.
func (g *Group) Join(pid int, subs []SubGroup) (*Join, error) {
	j := &Join{dirs: slices.Clone(g.dirs), pid: pid, explicit: len(subs) > 0, fd: -1}
	for _, s := range subs {
		if slices.Contains(strings.Split(s.Path, "/"), "..") {
			return nil, fmt.Errorf("%w: %q leads out of the container's group", errDotDot, s.Path)
		}
		if err := j.sub(g, s); err != nil {
			return nil, err
		}
	}
	if !j.explicit {
		return j, nil
	}
	for _, d := range j.dirs {
		if err := sys.Access(d.Path, unix.F_OK); err != nil {
			return nil, j.refused(d.Path, err)
		}
	}
	return j, nil
}

func (j *Join) sub(g *Group, s SubGroup) error {
	for i := range j.dirs {
		if len(s.Controllers) == 0 {
			j.dirs[i].Path = path.Join(g.dirs[i].Path, s.Path)
		}
	}
	for _, name := range s.Controllers {
		i := slices.IndexFunc(j.dirs, func(d Dir) bool { return !d.V2 && (d.has(name) || d.has("name="+name)) })
		if i < 0 {
			return fmt.Errorf("unknown controller %q: no v1 hierarchy of the container has it", name)
		}
		j.dirs[i].Path = path.Join(g.dirs[i].Path, s.Path)
	}
	return nil
}

func (j *Join) refused(dir string, err error) error {
	return fmt.Errorf("adding pid of the new process to cgroups: %w", &os.PathError{Op: "join", Path: dir, Err: err})
}

// Dirs lists the directories.
func (j *Join) Dirs() []Dir { return j.dirs }

// FD is a descriptor of the cgroup v2 directory for clone3(2), or -1 where there
// is no cgroup v2. It stays the Join's.
func (j *Join) FD() (int, error) {
	i := slices.IndexFunc(j.dirs, func(d Dir) bool { return d.V2 })
	if j.fd >= 0 || i < 0 {
		return j.fd, nil
	}
	fd, err := sys.Openat(unix.AT_FDCWD, j.dirs[i].Path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT && !j.explicit {
		return j.initFD() // the init has moved, and the group was removed
	}
	if err != nil {
		return -1, j.refused(j.dirs[i].Path, err)
	}
	j.fd = fd
	return fd, nil
}

// Busy is for a group that takes no process because it hands controllers down to
// groups below (cgroups(7), "no internal processes"): its descriptor is that of
// the group which the init has moved itself to. A sub-group that was asked for
// has no such way out.
func (j *Join) Busy() (int, error) {
	i := slices.IndexFunc(j.dirs, func(d Dir) bool { return d.V2 })
	if j.explicit {
		return -1, j.refused(j.dirs[i].Path, unix.EBUSY)
	}
	j.Close()
	return j.initFD()
}

// Move puts a process into the groups, or, with v2Only, into that of cgroup v2: the process must have a
// single thread. A group that has reached its pids limit takes it.
func (j *Join) Move(pid int, v2Only bool) error {
	text := strconv.Itoa(pid)
	for _, d := range j.dirs {
		switch {
		case d.V2:
			if err := j.moveV2(text); err != nil {
				return err
			}
		case !v2Only:
			if err := sys.WriteFile(d.Path+"/tasks", text); err != nil {
				return j.refused(d.Path, err)
			}
		}
	}
	return nil
}

func (j *Join) moveV2(pid string) error {
	fd, err := j.FD()
	if err != nil {
		return err
	}
	err = writeProcs(fd, pid)
	if err == unix.EBUSY {
		if fd, err = j.Busy(); err != nil {
			return err
		}
		err = writeProcs(fd, pid)
	}
	if err != nil {
		return j.refused("cgroup.procs", err)
	}
	return nil
}

// writeProcs writes a pid to the cgroup.procs of a cgroup v2 directory.
func writeProcs(dir int, pid string) error {
	fd, err := sys.Openat(dir, "cgroup.procs", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer sys.Close(fd)
	_, err = sys.Write(fd, []byte(pid))
	return err
}

// initFD opens the init's own group.
func (j *Join) initFD() (int, error) {
	i := slices.IndexFunc(j.dirs, func(d Dir) bool { return d.V2 })
	list, err := os.ReadFile("/proc/" + strconv.Itoa(j.pid) + "/cgroup")
	if err != nil {
		return -1, err
	}
	if at, ok := unifiedPath(string(list)); ok {
		dir := path.Join(j.dirs[i].Mount, at)
		fd, err := sys.Openat(unix.AT_FDCWD, dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return -1, j.refused(dir, err)
		}
		j.fd = fd
		return fd, nil
	}
	return -1, j.refused(j.dirs[i].Path, unix.ENOENT)
}

// Close lets go of the descriptor.
func (j *Join) Close() {
	if j.fd >= 0 {
		sys.Close(j.fd)
		j.fd = -1
	}
}
