// Package cgroup makes, limits, freezes, kills and removes the control groups of
// one container, by writing to their file systems (cgroups(7)). What to write
// for given resources is in the packages v1, v2 and devices, which touch nothing;
// here is one loop that does it.
//
// Processes never join by cgroup.procs here: a cold write to it waits for an RCU
// grace period. They are made inside (clone3(2), CLONE_INTO_CGROUP), or write
// themselves to the tasks file while they have a single thread.
package cgroup

import (
	"fmt"
	"path"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/host"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// Dir is the container's directory in one hierarchy.
type Dir struct {
	Name        string // of the hierarchy: its directory below /sys/fs/cgroup; empty when that is cgroup v2 itself
	Path        string // absolute, on the host
	Mount       string // where the hierarchy is mounted
	V2          bool
	Controllers []string // v1; as in /proc/self/cgroup: "name=systemd" for a named hierarchy
}

// has says whether a v1 directory is of the controller.
func (d *Dir) has(controller string) bool {
	for _, c := range d.Controllers {
		if c == controller {
			return true
		}
	}
	return false
}

// Group is the control groups of one container, one in each hierarchy.
type Group struct {
	path    string
	dirs    []Dir
	denied  []Dir    // those that DropDenied has dropped
	created bool     // by this process; then made is all that is ours
	made    []string // directories that Create made, parents first
	spawn   int      // see SpawnFD
	unit    *unit    // of systemd; nil: the groups are made here

	mark     Mark // what Create marks them with
	unmarked bool // Create could not mark all of them

	// controllers are those of the new cgroup v2 group, and why some could not be turned on; nil: nobody looked.
	controllers *handed

	// Interrupted is asked while Freeze, Kill and Delete wait, which fail with its
	// error. nil: they wait as long as they do.
	Interrupted func() error
}

// handed is the result of turning controllers on.
type handed struct {
	have string // cgroup.controllers
	err  error
}

// controllersOf turns on, for the cgroup v2 group, every controller that can be had, and returns those
// that the group then has. In a Group that Create has made it is done once.
func (g *Group) controllersOf(d *Dir) (have string, err error) {
	if g.controllers != nil {
		return g.controllers.have, g.controllers.err
	}
	have, err = g.enable(d)
	if g.created {
		g.controllers = &handed{have, err}
	}
	return have, err
}

func (g *Group) interrupted() error {
	if g.Interrupted == nil {
		return nil
	}
	return g.Interrupted()
}

// New says where the groups of a container are, and touches nothing. An absolute
// cgroupsPath is from the root of each hierarchy. A relative one is below the
// caller's own group; on cgroup v2 beside it, because a group with processes can
// hand no controllers down. An empty one stands for /<id>. Paths cannot leave the
// hierarchy: ".." is refused.
func New(l host.CgroupLayout, cgroupsPath, id string) (*Group, error) {
	g := &Group{path: cgroupsPath, spawn: -1}
	if cgroupsPath == "" {
		g.path = "/" + id
	}
	for part := range strings.SplitSeq(g.path, "/") {
		if part == ".." {
			return nil, fmt.Errorf("linux.cgroupsPath: %q leads out of the hierarchy", cgroupsPath)
		}
	}
	if strings.ContainsAny(g.path, "\x00\n") {
		return nil, fmt.Errorf("linux.cgroupsPath: %q is no path", cgroupsPath)
	}
	if path.Clean("/"+g.path) == "/" {
		return nil, fmt.Errorf("linux.cgroupsPath: %q is the hierarchy's root, where no limits can be", cgroupsPath)
	}
	g.dirs = make([]Dir, len(l.Hierarchies))
	for i := range l.Hierarchies {
		h := &l.Hierarchies[i]
		below := "/"
		if !strings.HasPrefix(g.path, "/") {
			below = h.Self
			if h.V2 && l.Mode == host.V2 {
				below = path.Dir(h.Self)
			}
		}
		g.dirs[i] = Dir{Name: h.Name, Path: path.Join(h.Mount, below, g.path), Mount: h.Mount, V2: h.V2, Controllers: h.Controllers}
	}
	return g, nil
}

// Open gives the groups that were recorded with Dirs. Mount and Controllers may
// be left out: the names tell them.
func Open(dirs []Dir) *Group {
	g := &Group{dirs: make([]Dir, len(dirs)), spawn: -1}
	for i, d := range dirs {
		if d.Mount == "" {
			d.Mount = path.Join(mountRoot, d.Name)
		}
		if !d.V2 && len(d.Controllers) == 0 {
			d.Controllers = strings.Split(d.Name, ",")
			if !controllerName(d.Name) && len(d.Controllers) == 1 {
				d.Controllers[0] = "name=" + d.Name
			}
		}
		g.dirs[i] = d
		if len(d.Path) > len(d.Mount) {
			g.path = d.Path[len(d.Mount):]
		}
	}
	return g
}

const mountRoot = "/sys/fs/cgroup"

func controllerName(s string) bool {
	switch s {
	case "blkio", "cpu", "cpuacct", "cpuset", "devices", "freezer", "hugetlb", "memory", "misc", "net_cls", "net_prio", "perf_event", "pids", "rdma":
		return true
	}
	return false
}

// Dirs lists the container's directories, in the order of /proc/self/cgroup.
func (g *Group) Dirs() []Dir { return g.dirs }

// Path is the container's path as the config has it, or /<id>.
func (g *Group) Path() string { return g.path }

// v1 gives the directory of a v1 controller, or nil.
func (g *Group) v1(controller string) *Dir {
	for i := range g.dirs {
		if d := &g.dirs[i]; !d.V2 && d.has(controller) {
			return d
		}
	}
	return nil
}

// v2 gives the directory in the cgroup v2 hierarchy, or nil.
func (g *Group) v2() *Dir {
	for i := range g.dirs {
		if g.dirs[i].V2 {
			return &g.dirs[i]
		}
	}
	return nil
}

// SpawnFD is a descriptor of the cgroup v2 directory for clone3(2) with
// CLONE_INTO_CGROUP, or -1 where there is no cgroup v2. It stays the Group's.
func (g *Group) SpawnFD() int {
	d := g.v2()
	if g.spawn >= 0 || d == nil {
		return g.spawn
	}
	fd, err := sys.Openat(unix.AT_FDCWD, d.Path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	g.spawn = fd
	return fd
}

// DropDenied drops the hierarchies in which this process may neither make the container's
// group nor use the one that is there, and returns the number of the others. With none
// left it drops nothing: the group cannot be made. It is for runtimes without privileges,
// which are often given the groups of some hierarchies only: those of cgroup v1, and no
// group of the cgroup v2 beside them. A limit of a dropped hierarchy is an error of Apply.
func (g *Group) DropDenied() int {
	var kept, denied []Dir
	for _, d := range g.dirs {
		if writable(&d) {
			kept = append(kept, d)
		} else {
			denied = append(denied, d)
		}
	}
	if len(kept) > 0 {
		g.dirs, g.denied = kept, denied
	}
	return len(kept)
}

// writable reports whether this process may make groups in d, or d itself where it is missing.
func writable(d *Dir) bool {
	for at := d.Path; ; at = path.Dir(at) {
		err := sys.Faccessat(unix.AT_FDCWD, at, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
		if err != unix.ENOENT || len(at) <= len(d.Mount) {
			return err == nil
		}
	}
}
