package host

import (
	"os"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/mountinfo"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// cgroupRoot is where every distribution mounts control groups.
const cgroupRoot = "/sys/fs/cgroup"

// CgroupMode says which versions of control groups the host has.
type CgroupMode uint8

// The modes. Hybrid is v1 with cgroup v2 mounted beside it.
const (
	NoCgroups CgroupMode = iota
	V1
	Hybrid
	V2
)

// CgroupLayout is where the host's control groups are, and which ones this
// process is in.
type CgroupLayout struct {
	Mode        CgroupMode
	Root        string
	Hierarchies []Hierarchy
}

// Hierarchy is one mounted tree of control groups.
type Hierarchy struct {
	Controllers []string // as in /proc/self/cgroup: "name=systemd" for a named hierarchy; none for v2
	Name        string   // directory below the layout's root; empty when that is v2 itself
	Mount       string
	Self        string // this process's group, from the mount; "/" when the mount does not show it
	V2          bool
}

// Cgroups looks at /sys/fs/cgroup and /proc/self/cgroup (cgroups(7)). Only for a
// v1 hierarchy that is not in its usual place it reads mountinfo. A kernel or a
// container without control groups has NoCgroups, which is no error.
func Cgroups() (CgroupLayout, error) {
	return cgroupsAt(cgroupRoot, "/proc/self/cgroup", "/proc/self/mountinfo")
}

func cgroupsAt(root, self, mounted string) (CgroupLayout, error) {
	l := CgroupLayout{Root: root}
	var mounts v1Mounts
	var fs unix.Statfs_t
	if sys.Statfs(root, &fs) != nil {
		return l, nil
	}
	unified := fs.Type == unix.CGROUP2_SUPER_MAGIC
	text, err := readSmall(self)
	if err == unix.ENOENT {
		return l, nil // no control groups in this kernel
	}
	if err != nil {
		return l, &os.PathError{Op: "read", Path: self, Err: err}
	}
	for line := range strings.Lines(text) {
		id, rest, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, path, ok2 := strings.Cut(rest, ":")
		// A v1 hierarchy that the kernel is taking down has no controllers any more: "12::/". cgroup v2 is number 0
		// (cgroups(7)).
		if !ok || !ok2 || controllers == "" && id != "0" {
			continue
		}
		h := Hierarchy{Self: path, V2: controllers == ""}
		switch {
		case h.V2 && unified:
			h.Mount = root
		case unified:
			continue // mounted elsewhere, if at all: not part of what containers get
		case h.V2:
			h.Name = "unified"
		default:
			h.Controllers = strings.Split(controllers, ",")
			h.Name = strings.TrimPrefix(controllers, "name=")
		}
		if !unified && !h.find(root) && (h.V2 || !mounts.find(mounted, &h)) {
			continue
		}
		// ".." is a group outside the cgroup namespace; a bound subtree does not show its own way from the root
		if strings.HasPrefix(path, "/..") || path != "/" && sys.Access(h.Mount+path, unix.F_OK) != nil {
			h.Self = "/"
		}
		l.add(h)
	}
	return l, nil
}

func (l *CgroupLayout) add(h Hierarchy) {
	l.Hierarchies = append(l.Hierarchies, h)
	switch {
	case !h.V2 && l.Mode == NoCgroups:
		l.Mode = V1
	case h.V2 && h.Name == "":
		l.Mode = V2
	}
	if len(l.Hierarchies) > 1 && (h.V2 || l.Mode == Hybrid) || h.V2 && h.Name != "" {
		l.Mode = Hybrid
	}
}

// find looks for the hierarchy's directory: by the kernel's name of it, else by
// one of its controllers (the order of co-mounted ones in a name is anybody's).
func (h *Hierarchy) find(root string) bool {
	magic := int64(unix.CGROUP_SUPER_MAGIC)
	if h.V2 {
		magic = unix.CGROUP2_SUPER_MAGIC
	}
	if h.Mount = root + "/" + h.Name; isFS(h.Mount, magic) {
		return true
	}
	if len(h.Controllers) < 2 {
		return false
	}
	for _, c := range h.Controllers {
		dir := root + "/" + c
		if !isFS(dir, magic) {
			continue
		}
		h.Name = c
		if to, err := os.Readlink(dir); err == nil && !strings.Contains(to, "/") {
			h.Name = to
		}
		h.Mount = root + "/" + h.Name
		return true
	}
	return false
}

// v1Mounts is the v1 hierarchies of mountinfo, read when they are first asked for.
type v1Mounts struct {
	read bool
	list []v1Mount
}

type v1Mount struct{ at, options string }

// find gives the hierarchy the place that mountinfo knows. Like one that cannot
// be read, a mountinfo without it says that this process does not see it.
func (m *v1Mounts) find(mounted string, h *Hierarchy) bool {
	if !m.read {
		m.read = true
		text, _ := readSmall(mounted)
		m.parse(text)
	}
	for i := range m.list {
		all := true
		for _, c := range h.Controllers {
			all = all && hasOption(m.list[i].options, c)
		}
		if all {
			h.Mount = m.list[i].at
			h.Name = h.Mount[strings.LastIndexByte(h.Mount, '/')+1:]
			return true
		}
	}
	return false
}

func (m *v1Mounts) parse(text string) {
	for e := range mountinfo.All(text) {
		if e.Type == "cgroup" && e.Point != "/" && !e.Escaped { // an escaped name is nobody's place for control groups
			m.list = append(m.list, v1Mount{e.Point, e.Options})
		}
	}
}

func hasOption(list, word string) bool {
	for o := range strings.SplitSeq(list, ",") {
		if o == word {
			return true
		}
	}
	return false
}

func isFS(path string, magic int64) bool {
	var fs unix.Statfs_t
	return sys.Statfs(path, &fs) == nil && int64(fs.Type) == magic
}

func readSmall(path string) (string, error) {
	b, err := sys.ReadFile(path)
	return string(b), err
}
