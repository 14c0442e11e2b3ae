package check

import (
	"path"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// view is the container's files as they will be: the root file system with the
// bind mounts on it. What lies below another mount is not known before it is made.
type view struct {
	root   int // O_PATH descriptor
	mounts []viewMount
}

// viewMount is a mount in the order of the config.
type viewMount struct {
	at     string // clean and absolute
	source string // of a bind mount, on the host; empty: not known
	empty  bool   // a new tmpfs, in which nothing is but mount points
	kernel bool   // a new procfs or sysfs, in which the runtime makes nothing
}

// place is something in a view.
type place struct {
	fd      int    // O_PATH, or -1
	path    string // where it is in the end, without symbolic links
	mode    uint32
	owner   uint32 // user and group as the host numbers them
	group   uint32
	err     error // why there is nothing
	unknown bool  // below a mount that does not exist yet, or behind a link of /proc
	linked  bool  // a symbolic link was on the way
}

func (p *place) close() {
	if p.fd >= 0 {
		sys.Close(p.fd)
		p.fd = -1
	}
}

func (v *view) close() { sys.Close(v.root) }

// maxLinks is the kernel's own bound, MAXSYMLINKS (path_resolution(7)).
const maxLinks = 40

// find resolves a path in the container, each component by itself. Every step is
// an openat2 that can neither leave its directory nor follow a link: what the
// image says of ".." and of absolute links is worked out here, on names that
// start at the container's root.
func (v *view) find(name string) place {
	done, rest, links := "/", strings.TrimPrefix(path.Clean("/"+name), "/"), 0
	// not cleaned by name alone: ".." behind a link is another directory
	if strings.Contains(name, "..") {
		rest = strings.TrimPrefix(name, "/")
	}
	if m := v.mountAt("/"); m != nil && m.source == "" && rest != "" {
		return v.inside(m, "/", rest, false)
	}
	fd, err := v.start()
	p := place{fd: -1, path: done}
	if err != nil {
		p.err = err
		return p
	}
	defer func() {
		if fd >= 0 {
			sys.Close(fd)
		}
	}()
	var st unix.Stat_t
	if err := sys.Fstat(fd, &st); err != nil {
		p.err = err
		return p
	}
	for rest != "" {
		var part string
		part, rest, _ = strings.Cut(rest, "/")
		switch part {
		case "", ".":
			continue
		case "..":
			// from the root again: the directory above may be in another mount
			again := path.Dir(done)
			sys.Close(fd)
			fd = -1
			up := v.find(again)
			if up.fd < 0 {
				up.path = again
				return up
			}
			fd, done, st.Mode, st.Uid, st.Gid = up.fd, again, up.mode, up.owner, up.group
			continue
		}
		next := path.Join(done, part)
		if m := v.mountAt(next); m != nil {
			sys.Close(fd)
			fd = -1
			if m.source == "" {
				return v.inside(m, next, rest, p.linked)
			}
			if fd, err = open(unix.AT_FDCWD, m.source, 0); err != nil {
				return place{fd: -1, path: next, unknown: true, linked: p.linked} // the mount's own problem
			}
		} else {
			to, err := open(fd, part, unix.RESOLVE_BENEATH|unix.RESOLVE_NO_SYMLINKS|unix.RESOLVE_NO_MAGICLINKS)
			if err == unix.ENOENT && v.mountBelow(next) { //nolint:errorlint // a bare errno
				return place{fd: -1, path: next, unknown: true, linked: p.linked} // a directory that comes with a mount point
			}
			if err != nil {
				return place{fd: -1, path: next, err: err, linked: p.linked}
			}
			sys.Close(fd)
			fd = to
		}
		if err := sys.Fstat(fd, &st); err != nil {
			return place{fd: -1, path: next, err: err, linked: p.linked}
		}
		if st.Mode&unix.S_IFMT != unix.S_IFLNK {
			done = next
			continue
		}
		p.linked = true
		if links++; links > maxLinks {
			return place{fd: -1, path: next, err: unix.ELOOP, linked: true}
		}
		buf := make([]byte, unix.PathMax)
		n, err := sys.Readlinkat(fd, "", buf)
		if err != nil {
			return place{fd: -1, path: next, err: err, linked: true}
		}
		to := string(buf[:n])
		rest = to + "/" + rest
		if path.IsAbs(to) {
			done = "/"
		}
		sys.Close(fd)
		fd = -1
		up := v.find(done) // without links by now, so this ends
		if up.fd < 0 {
			return up
		}
		fd, st.Mode, st.Uid, st.Gid = up.fd, up.mode, up.owner, up.group
	}
	p.fd, p.path, p.mode, p.owner, p.group = fd, done, st.Mode, st.Uid, st.Gid
	fd = -1
	return p
}

// start opens the container's root, which may be a mount itself.
func (v *view) start() (int, error) {
	if m := v.mountAt("/"); m != nil && m.source != "" {
		return open(unix.AT_FDCWD, m.source, 0)
	}
	return sys.FcntlInt(uintptr(v.root), unix.F_DUPFD_CLOEXEC, 3)
}

// inside tells of a path below a mount that does not exist yet: what is in a new tmpfs is known.
func (v *view) inside(m *viewMount, at, rest string, linked bool) place {
	first, _, _ := strings.Cut(strings.TrimLeft(rest, "/"), "/")
	below := path.Join(at, first)
	if m.empty && first != "" && first != "." && first != ".." && v.mountAt(below) == nil && !v.mountBelow(below) {
		return place{fd: -1, path: below, err: unix.ENOENT, linked: linked}
	}
	return place{fd: -1, path: at, unknown: true, linked: linked}
}

// inKernel returns the new procfs or sysfs that a path is below, and the path from there.
func (v *view) inKernel(name string) (m *viewMount, rest string) {
	for up := path.Dir(name); up != "/"; up = path.Dir(up) {
		if m := v.mountAt(up); m != nil {
			if !m.kernel {
				return nil, ""
			}
			return m, strings.TrimPrefix(name, up+"/")
		}
	}
	return nil, ""
}

// mountAt gives the last mount on a path.
func (v *view) mountAt(at string) *viewMount {
	for i := len(v.mounts) - 1; i >= 0; i-- {
		if v.mounts[i].at == at {
			return &v.mounts[i]
		}
	}
	return nil
}

// mountBelow says whether something is mounted below a path.
func (v *view) mountBelow(at string) bool {
	for i := range v.mounts {
		if strings.HasPrefix(v.mounts[i].at, at+"/") {
			return true
		}
	}
	return false
}

// open opens a path without access to what it names; resolve is openat2(2)'s.
// A link at the end is opened itself only where links are not followed on the way.
func open(dir int, name string, resolve uint64) (int, error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: resolve}
	if resolve&unix.RESOLVE_NO_SYMLINKS != 0 {
		how.Flags |= unix.O_NOFOLLOW
	}
	for {
		fd, err := sys.Openat2(dir, name, &how)
		if err != unix.EAGAIN { //nolint:errorlint // a bare errno
			return fd, err
		}
	}
}
