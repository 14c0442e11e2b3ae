package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/host"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// A mark is an extended attribute of a cgroup that names the container it was made for. Paths do not tell
// whose a cgroup is: two configs can name one path, the default path is the same in every store, a record
// can be damaged. Nobody but root of the initial user namespace can set or remove a trusted.* attribute
// (xattr(7)), and it goes with the cgroup. Where rung may not set one it sets a user.* attribute, which
// cgroup file systems have since Linux 5.7 (v2) and 6.18 (v1), and which the owner of the cgroup can
// change.
const (
	trustedMark = "trusted.rung.container"
	userMark    = "user.rung.container"
)

// Mark names the container of a cgroup.
type Mark struct {
	Dir    string // directory of the container's record; its last component is the id
	Inode  string // device and inode of that directory; "" in a mark of an earlier rung
	Cookie string // tells this container from an earlier or later one in that directory
}

func (m Mark) text() string { return m.Cookie + " " + m.Inode + " " + m.Dir }

func parseMark(text string) (m Mark, ok bool) {
	m.Cookie, m.Dir, ok = strings.Cut(text, " ")
	if ok && !strings.HasPrefix(m.Dir, "/") {
		m.Inode, m.Dir, ok = strings.Cut(m.Dir, " ")
	}
	return m, ok && strings.HasPrefix(m.Dir, "/")
}

// String returns the container in words for an error.
func (m Mark) String() string {
	return "container " + path.Base(m.Dir) + " of " + path.Dir(m.Dir)
}

// SetMark says what Create marks the container's cgroups with.
func (g *Group) SetMark(m Mark) { g.mark = m }

// Marked reports whether Create could mark every cgroup.
func (g *Group) Marked() bool { return g.mark.Dir != "" && !g.unmarked && len(g.dirs) > 0 }

// setMark marks one cgroup. A host that does not let it is no error: see Claim.
func (g *Group) setMark(dir string) {
	if g.mark.Dir == "" {
		return
	}
	err := sys.Lsetxattr(dir, trustedMark, []byte(g.mark.text()), 0)
	if err != nil {
		err = sys.Lsetxattr(dir, userMark, []byte(g.mark.text()), 0)
	}
	if err != nil {
		g.unmarked = true
	}
}

// readMark reads the mark of a cgroup by get, which is getxattr(2) of it. That there is none, or no cgroup, is
// no error.
func readMark(dir string, get func(name string, buf []byte) (int, error)) (Mark, bool, error) {
	var buf [unix.PathMax + 64]byte
	for _, name := range [...]string{trustedMark, userMark} {
		switch n, err := get(name, buf[:]); err {
		case nil:
			m, ok := parseMark(string(buf[:n]))
			return m, ok, nil
		case unix.ENODATA, unix.EOPNOTSUPP, unix.EPERM, unix.ERANGE:
		case unix.ENOENT, unix.ENODEV:
			return Mark{}, false, nil
		default:
			return Mark{}, false, &os.PathError{Op: "read the attribute " + name + " of", Path: dir, Err: err}
		}
	}
	return Mark{}, false, nil
}

func markOf(dir string) (Mark, bool, error) {
	return readMark(dir, func(name string, buf []byte) (int, error) { return sys.Lgetxattr(dir, name, buf) })
}

// open opens a directory of the record and makes sure that it is a cgroup below the root of a mounted
// hierarchy: nothing on the way is a link or another mount, and the file system is the one of cgroups. The
// error is an *OtherError if it is not. ENOENT: the cgroup is gone.
func (d *Dir) open() (int, error) {
	below, ok := strings.CutPrefix(d.Path, d.Mount+"/")
	not := func(err error) (int, error) {
		return -1, &OtherError{Path: d.Path, Err: &os.PathError{Op: "use the cgroup", Path: d.Path, Err: err}}
	}
	if !ok || below == "" || path.Clean(d.Path) != d.Path {
		return not(errNotBelow)
	}
	mount, err := sys.Open(d.Mount, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return -1, err
	}
	defer sys.Close(mount)
	fd, err := sys.Openat2(mount, below, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV,
	})
	switch err {
	case nil:
	case unix.EXDEV, unix.ELOOP, unix.ENOTDIR:
		return not(err)
	default:
		return -1, &os.PathError{Op: "open the cgroup", Path: d.Path, Err: err}
	}
	var fs unix.Statfs_t
	want := int64(unix.CGROUP_SUPER_MAGIC)
	if d.V2 {
		want = unix.CGROUP2_SUPER_MAGIC
	}
	err = sys.Fstatfs(fd, &fs)
	if err == nil && int64(fs.Type) == want {
		return fd, nil
	}
	sys.Close(fd)
	if err != nil {
		return -1, &os.PathError{Op: "statfs", Path: d.Path, Err: err}
	}
	return not(errNoCgroup)
}

var (
	errNotBelow = errors.New("not a path below the mount of its hierarchy")
	errNoCgroup = errors.New("not on a cgroup file system")
)

// remount finds the mount of hierarchies that are not in their usual place.
func (g *Group) remount() {
	var l host.CgroupLayout
	for i := range g.dirs {
		d := &g.dirs[i]
		if strings.HasPrefix(d.Path, d.Mount+"/") {
			continue
		}
		if l.Root == "" {
			l, _ = host.Cgroups()
		}
		for j := range l.Hierarchies {
			if h := &l.Hierarchies[j]; h.Name == d.Name && h.V2 == d.V2 && h.Mount != "" {
				d.Mount = h.Mount
			}
		}
	}
}

// DropElsewhere leaves out directories that are not below the mount of their hierarchy.
func (g *Group) DropElsewhere() {
	g.remount()
	kept := g.dirs[:0]
	for _, d := range g.dirs {
		if strings.HasPrefix(d.Path, d.Mount+"/") {
			kept = append(kept, d)
		}
	}
	g.dirs = kept
}

// Claim says which of a record's cgroups are the container's.
type Claim struct {
	// Own is the cgroups that are: those with the container's mark, and unmarked ones that the init is in.
	Own *Group
	// Marked reports whether one of them bears the mark: the others are those of a record alone.
	Marked bool
	// Others describes the cgroups that are left alone, each as an error: another container's, and
	// populated ones that nothing shows to be this container's.
	Others []*OtherError
}

// OtherError is a cgroup that a record names and that is not, or cannot be shown to be, the container's.
type OtherError struct {
	Path string
	Of   *Mark // nil: unknown
	Pids []int
	Err  error // why it cannot be one at all; may be nil
}

func (e *OtherError) Error() string {
	switch {
	case e.Of != nil:
		return "cgroup " + e.Path + " belongs to " + e.Of.String() + ": it is left alone"
	case len(e.Pids) > 0:
		return fmt.Sprintf("nothing tells whose the %d processes in cgroup %s are (%d among them): they are left alone", len(e.Pids), e.Path, e.Pids[0])
	}
	return e.Err.Error() + ": it is left alone"
}

func (e *OtherError) Unwrap() error { return e.Err }

// Evidence is what Claim knows of a container besides the paths.
type Evidence struct {
	Own      func(Mark) bool       // reports whether a mark is the container's
	Marked   bool                  // Create could mark every cgroup, and ended: an unmarked one is not the container's
	Inside   []string              // the init's cgroups, lines of /proc/<pid>/cgroup; nil: it has ended, or is not known
	Expected func(dir string) bool // reports whether the config asks for that path; decides on a cgroup without a mark
}

// Claim looks at each directory that the record names. A cgroup that is gone is nobody's and is not
// reported. The error is that one could not be looked at.
func (g *Group) Claim(e Evidence) (Claim, error) {
	g.remount()
	own := *g
	own.dirs = nil
	c := Claim{Own: &own}
	for i := range g.dirs {
		d := g.dirs[i]
		marked, err := e.look(&d)
		var other *OtherError
		switch {
		case err == nil:
			own.dirs = append(own.dirs, d)
			c.Marked = c.Marked || marked
		case errors.As(err, &other):
			c.Others = append(c.Others, other)
		case !gone(err):
			return Claim{}, err
		}
	}
	if len(own.dirs) == 0 && len(g.dirs) > 0 && len(c.Others) > 0 {
		own.unit = nil
	}
	return c, nil
}

// look returns nil for a cgroup that is the container's, and whether its mark says so. The error is an
// *OtherError for one that is not.
func (e *Evidence) look(d *Dir) (marked bool, err error) {
	fd, err := d.open()
	if err != nil {
		return false, err
	}
	defer sys.Close(fd)
	m, marked, err := readMark(d.Path, func(name string, buf []byte) (int, error) { return sys.Fgetxattr(fd, name, buf) })
	switch {
	case err != nil:
		return false, err
	case marked && e.Own(m):
		return true, nil
	case marked:
		return false, &OtherError{Path: d.Path, Of: &m}
	case !e.Marked && d.holds(e.Inside) && e.Expected(d.Path):
		return false, nil
	}
	pids, err := procsBelow(d.Path)
	switch {
	case err != nil:
		return false, err
	case len(pids) > 0:
		return false, &OtherError{Path: d.Path, Pids: pids}
	case e.Marked || !e.Expected(d.Path):
		return false, &OtherError{Path: d.Path, Err: &os.PathError{Op: "use the cgroup", Path: d.Path, Err: errNotMade}}
	}
	return false, nil
}

var errNotMade = errors.New("nothing tells that it was made for this container")

// holds reports whether a process with these lines of /proc/<pid>/cgroup is in the cgroup or below it.
func (d *Dir) holds(lines []string) bool {
	at, ok := strings.CutPrefix(d.Path, d.Mount+"/")
	if !ok || at == "" {
		return false // every process is below the root of a hierarchy
	}
	at = "/" + at
	for _, line := range lines {
		_, rest, _ := strings.Cut(line, ":")
		controllers, in, ok := strings.Cut(rest, ":")
		if !ok || strings.HasPrefix(line, "0::") != d.V2 {
			continue
		}
		if !d.V2 {
			first, _, _ := strings.Cut(controllers, ",")
			if !d.has(first) {
				continue
			}
		}
		in = strings.TrimSuffix(in, " (deleted)")
		if in == at || strings.HasPrefix(in, at+"/") {
			return true
		}
	}
	return false
}

// Holds returns the path of a cgroup that a process with these lines of /proc/<pid>/cgroup is in, and its
// mark; "" if it is in none.
func (g *Group) Holds(lines []string) (in string, m Mark, marked bool, err error) {
	g.remount()
	for i := range g.dirs {
		if d := &g.dirs[i]; d.holds(lines) {
			m, marked, err = markOf(d.Path)
			return d.Path, m, marked, err
		}
	}
	return "", m, false, nil
}

// MarkOfProcess returns the mark of the container that a process with these lines of /proc/<pid>/cgroup is
// in, if it is in one that bears a mark.
func MarkOfProcess(lines []string) (Mark, bool, error) {
	l, err := host.Cgroups()
	if err != nil {
		return Mark{}, false, err
	}
	for i := range l.Hierarchies {
		h := &l.Hierarchies[i]
		for _, line := range lines {
			_, rest, _ := strings.Cut(line, ":")
			controllers, in, ok := strings.Cut(rest, ":")
			if !ok || strings.HasPrefix(line, "0::") != h.V2 || !h.V2 && controllers != strings.Join(h.Controllers, ",") {
				continue
			}
			for in = path.Clean("/" + in); in != "/"; in = path.Dir(in) {
				if m, ok, err := markOf(h.Mount + in); ok || err != nil {
					return m, ok, err
				}
			}
		}
	}
	return Mark{}, false, nil
}

// Find returns the cgroups in all hierarchies whose mark is the container's, and those of the same path in
// hierarchies where none has it: a create that was killed marks one after the other. It is for a container
// whose record is lost, and walks every cgroup of the host that bears no mark.
func Find(l host.CgroupLayout, own func(Mark) bool) (*Group, error) {
	g := &Group{spawn: -1}
	var without []*host.Hierarchy
	for i := range l.Hierarchies {
		h := &l.Hierarchies[i]
		found, err := find(h.Mount, own)
		if err != nil {
			return nil, err
		}
		for _, dir := range found {
			g.dirs = append(g.dirs, Dir{Name: h.Name, Path: dir, Mount: h.Mount, V2: h.V2, Controllers: h.Controllers})
			g.path = dir[len(h.Mount):]
		}
		if len(found) == 0 {
			without = append(without, h)
		}
	}
	if g.path == "" {
		return g, nil
	}
	for _, h := range without {
		if dir := h.Mount + g.path; exists(dir) {
			g.dirs = append(g.dirs, Dir{Name: h.Name, Path: dir, Mount: h.Mount, V2: h.V2, Controllers: h.Controllers})
		}
	}
	return g, nil
}

func find(dir string, own func(Mark) bool) (found []string, err error) {
	below, err := children(dir)
	if err != nil {
		if gone(err) || errors.Is(err, unix.ENAMETOOLONG) { // a container that rung did not mark can make one so deep
			err = nil
		}
		return nil, err
	}
	slices.Sort(below)
	for _, child := range below {
		m, marked, err := markOf(child)
		if err != nil {
			return nil, err
		}
		if marked && own(m) {
			found = append(found, child)
		}
		if marked {
			continue // what is in another container's cgroup is not this one's
		}
		deeper, err := find(child, own)
		if err != nil {
			return nil, err
		}
		found = append(found, deeper...)
	}
	return found, nil
}

// Joinable reports whether a process may join the cgroups: the init, with these lines of
// /proc/<pid>/cgroup, is in each of them or it bears the container's mark.
func (g *Group) Joinable(lines []string, own func(Mark) bool) error {
	for i := range g.dirs {
		d := &g.dirs[i]
		if d.holds(lines) {
			continue
		}
		m, marked, err := markOf(d.Path)
		switch {
		case err != nil:
			return err
		case marked && own(m), !exists(d.Path):
		case marked:
			return &OtherError{Path: d.Path, Of: &m}
		default:
			return &OtherError{Path: d.Path, Err: &os.PathError{Op: "join the cgroup", Path: d.Path, Err: errNotMade}}
		}
	}
	return nil
}
