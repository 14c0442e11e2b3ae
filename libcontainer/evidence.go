package libcontainer

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/cgroup"
	"github.com/rung-oci/rung/libcontainer/internal/spec"
	"github.com/rung-oci/rung/libcontainer/internal/state"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// ErrNotShown is found in the error about a process or a cgroup that a record names, and that nothing
// shows to be the container's. rung leaves it alone.
var ErrNotShown = errors.New("nothing shows that it is the container's")

// markFor returns the mark of the container's cgroups. Creator and start time tell containers of one
// directory apart: a process makes one container of an id.
func markFor(s *state.State, e *state.Entry) cgroup.Mark {
	return cgroup.Mark{Dir: s.Dir, Inode: e.Inode(), Cookie: strconv.Itoa(s.CreatorPid) + "-" + strconv.FormatUint(s.CreatorStart, 10)}
}

// owns returns a function that reports whether a mark is this container's. A record that was lost does not
// tell the creator: then the directory decides, by its inode, because two mount namespaces can each have a
// store of that name.
func (c *Container) owns(e *state.Entry) func(cgroup.Mark) bool {
	own := markFor(c.state, e)
	return func(m cgroup.Mark) bool {
		same := m.Cookie == own.Cookie
		if c.state.CreatorPid == 0 {
			same = m.Inode == own.Inode || m.Inode == ""
		}
		return same && path.Base(m.Dir) == c.id && e.Here(m.Dir)
	}
}

// claim says which of the cgroups in the record are the container's. Own is empty, never nil.
func (c *Container) claim(e *state.Entry) (cgroup.Claim, error) {
	g := c.recorded()
	if g == nil {
		return cgroup.Claim{Own: cgroup.Open(nil)}, nil
	}
	ev := cgroup.Evidence{
		Own:      c.owns(e),
		Marked:   c.state.Marked && c.state.Phase == state.PhaseCreated,
		Expected: func(dir string) bool { return c.expected(e, dir) },
	}
	if !ev.Marked {
		if p, ok := state.ReadProcess(c.state.Pid); ok && p.Start == c.state.StartTime {
			var err error
			if ev.Inside, err = cgroupLines(c.state.Pid); err != nil {
				return cgroup.Claim{}, err
			}
		}
	}
	claim, err := g.Claim(ev)
	if err != nil { // once more: what fails for a moment must not leave a container behind
		claim, err = g.Claim(ev)
	}
	return claim, err
}

// expected reports whether the config asks for a cgroup at that place. It decides on an empty cgroup
// without a mark: one that an earlier rung has made, or that a create which was killed has not marked yet.
func (c *Container) expected(e *state.Entry, dir string) bool {
	s, err := c.config(e)
	if c.state.Phase == state.PhaseIntent && errors.Is(err, unix.ENOENT) {
		// not kept yet; one that was given by another name is not found, and the default is left
		l, loadErr := spec.Load(c.state.Bundle)
		if err = loadErr; err == nil && !c.state.HasConfig(l.Raw) {
			err = unix.ESTALE
		}
		if err == nil {
			s = l.Spec
		}
	}
	if err != nil {
		return path.Base(dir) == c.id
	}
	at := ""
	if s.Linux != nil {
		at = s.Linux.CgroupsPath
	}
	switch {
	case c.state.Unit != "":
		at = c.state.Unit
	case strings.Count(at, ":") == 2 && !strings.HasPrefix(at, "/"):
		at = at[strings.LastIndexByte(at, ':')+1:]
		if !strings.HasSuffix(at, ".slice") {
			at += ".scope"
		}
		return strings.HasSuffix(dir, at)
	case at == "":
		at = c.id
	}
	return strings.HasSuffix(dir, path.Clean("/"+at))
}

// cgroupLines is the lines of /proc/<pid>/cgroup, none of a process that has ended.
func cgroupLines(pid int) ([]string, error) {
	text, err := sys.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"), nil
}

// openInit opens the init that the record names, and makes sure that it is the container's. ESRCH: it has
// ended. ErrNotShown: the process with that pid and start time may be anybody's.
func (c *Container) openInit(e *state.Entry) (pidfd int, err error) {
	pidfd, err = c.state.Pidfd()
	if err != nil {
		return -1, err
	}
	if err := c.shown(e); err != nil {
		sys.Close(pidfd)
		return -1, err
	}
	return pidfd, nil
}

// shown returns nil if something other than the record shows that the init is the container's: it is in a
// cgroup that bears the container's mark. A container can have no cgroup, or one without a mark (an earlier
// rung, a host without such attributes), and its init can have been moved: then it must be in no other
// container's cgroup, not be rung or an ancestor of it, and be the first process of a PID namespace where
// the container has its own.
func (c *Container) shown(e *state.Entry) error {
	pid, own := c.state.Pid, c.owns(e)
	refuse := func(why string) error {
		return fmt.Errorf("process %d, which the record names as the container's init, is left alone: %s: %w", pid, why, ErrNotShown)
	}
	if pid == os.Getpid() {
		return refuse("it is rung itself")
	}
	lines, err := cgroupLines(pid)
	if err != nil {
		return err
	}
	c.inside = lines
	g := c.recorded()
	unmarked := ""
	if g != nil {
		in, m, marked, err := g.Holds(lines)
		if err != nil {
			return err
		}
		if marked && own(m) {
			return nil
		}
		if !marked && !c.state.Marked {
			unmarked = in
		}
	}
	if p, ok := state.ReadProcess(pid); !ok || p.Exiting || p.State == 'Z' {
		return nil // a signal has no effect on it, and it is in no cgroup any more
	}
	m, marked, err := cgroup.MarkOfProcess(lines)
	switch {
	case err != nil:
		return err
	case marked && own(m):
		return nil
	case marked:
		return refuse("it is in the cgroup of " + m.String())
	case ancestor(pid):
		return refuse("rung descends from it")
	case unmarked != "" && c.expected(e, unmarked):
		return nil
	case c.state.OwnPidSpace && firstOfPidNamespace(pid):
		return nil
	case g == nil && !c.state.OwnPidSpace && hasRoot(pid, c.state.Rootfs):
		return nil
	}
	return refuse("it is not in the container's cgroup")
}

// ancestor reports whether this process descends from pid.
func ancestor(pid int) bool {
	for at := os.Getpid(); at > 0; {
		if at == pid {
			return true
		}
		p, ok := state.ReadProcess(at)
		if !ok {
			return false
		}
		at = p.Parent
	}
	return false
}

// hasRoot reports whether a process has the root file system, and rung has another.
func hasRoot(pid int, rootfs string) bool {
	var want, is, own unix.Stat_t
	if sys.Stat(rootfs, &want) != nil || sys.Stat("/proc/"+strconv.Itoa(pid)+"/root/.", &is) != nil || sys.Stat("/", &own) != nil {
		return false
	}
	same := func(a, b *unix.Stat_t) bool { return a.Dev == b.Dev && a.Ino == b.Ino }
	return same(&is, &want) && !same(&is, &own)
}

// firstOfPidNamespace reports whether a process is the first one of a PID namespace below this one's
// (NSpid, proc_pid_status(5)).
func firstOfPidNamespace(pid int) bool {
	text, err := sys.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(text), "\nNSpid:")
	line, _, _ := strings.Cut(rest, "\n")
	pids := strings.Fields(line)
	return len(pids) > 1 && pids[len(pids)-1] == "1"
}

// unclaimed joins what was left alone into one error; nil if there is nothing.
func unclaimed(list []*cgroup.OtherError) error {
	var errs []error
	for _, o := range list {
		errs = append(errs, o)
	}
	if err := errors.Join(errs...); err != nil {
		return &aliasError{err, ErrNotShown}
	}
	return nil
}

// ownGroup is the container's cgroups, to change what is set in them.
func (c *Container) ownGroup(e *state.Entry) (*cgroup.Group, error) {
	if len(c.state.Cgroups) == 0 {
		return nil, errNoGroups
	}
	claim, err := c.claim(e)
	if err == nil {
		err = unclaimed(claim.Others)
	}
	return claim.Own, err
}

// doubtful splits what was left alone: cgroups that are another's are no obstacle to the container's
// removal, and processes of which nothing tells whose they are may be the container's own.
func (c *Container) doubtful(list []*cgroup.OtherError) (others, unknown []*cgroup.OtherError) {
	for _, o := range list {
		if o.Of == nil && len(o.Pids) > 0 && !c.state.Marked {
			unknown = append(unknown, o)
		} else {
			others = append(others, o)
		}
	}
	return others, unknown
}

// tellOthers warns of what is left alone, once for each container that has taken a path over: it has a
// cgroup in every hierarchy.
func tellOthers(list []*cgroup.OtherError, warn func(string)) {
	var seen []cgroup.Mark
	for _, o := range list {
		if o.Of != nil {
			if slices.Contains(seen, *o.Of) {
				continue
			}
			seen = append(seen, *o.Of)
		}
		warn(o.Error())
	}
}

// runsSomewhere looks for processes with the container's root file system. It is for a container whose
// record is lost and that has no cgroup which could tell.
func runsSomewhere(rootfs string) (pids []int, err error) {
	var root unix.Stat_t
	if err := sys.Stat(rootfs, &root); err != nil {
		if errors.Is(err, unix.ENOENT) {
			return nil, nil
		}
		return nil, &os.PathError{Op: "stat", Path: rootfs, Err: err}
	}
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		var st unix.Stat_t
		if sys.Stat("/proc/"+name+"/root/.", &st) == nil && st.Dev == root.Dev && st.Ino == root.Ino {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
