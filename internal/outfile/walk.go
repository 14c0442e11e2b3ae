package outfile

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks is how many links the kernel follows on one way (path_resolution(7)).
const maxLinks = 40

// parent opens the directory of path, and gives the name in it. Most paths have no link in them: then
// it is one system call.
func parent(path string) (dir int, name string, err error) {
	to, name := ".", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		to, name = path[:i+1], path[i+1:]
	}
	switch {
	case path == "":
		return -1, "", unix.ENOENT
	case name == "" || name == "." || name == "..":
		return -1, "", unix.EISDIR
	}
	dir, err = openat2(unix.AT_FDCWD, to, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err == unix.ELOOP {
		dir, err = walk(to)
	}
	return dir, name, err
}

// walk opens a directory whose path has links in it.
func walk(path string) (dir int, err error) {
	start := func(p string) (int, error) {
		if strings.HasPrefix(p, "/") {
			return openat(unix.AT_FDCWD, "/", unix.O_PATH|unix.O_DIRECTORY, 0)
		}
		return openat(unix.AT_FDCWD, ".", unix.O_PATH|unix.O_DIRECTORY, 0)
	}
	if dir, err = start(path); err != nil {
		return -1, err
	}
	links := 0
	for rest := path; ; {
		rest = strings.TrimLeft(rest, "/")
		if rest == "" {
			return dir, nil
		}
		var part string
		part, rest, _ = strings.Cut(rest, "/")
		next, err := openat(dir, part, unix.O_PATH|unix.O_NOFOLLOW, 0)
		if err != nil {
			unix.Close(dir)
			return -1, err
		}
		var st unix.Stat_t
		err = unix.Fstat(next, &st)
		switch {
		case err != nil:
		case st.Mode&unix.S_IFMT == unix.S_IFDIR:
			unix.Close(dir)
			dir = next
			continue
		case st.Mode&unix.S_IFMT != unix.S_IFLNK:
			err = unix.ENOTDIR
		case links == maxLinks:
			err = unix.ELOOP
		default:
			links++
			dir, rest, err = follow(dir, next, part, rest, &st)
		}
		unix.Close(next)
		if err != nil {
			unix.Close(dir)
			return -1, err
		}
	}
}

// follow goes where a link says, if those who can change it are trusted. It takes over dir.
func follow(dir, link int, name, rest string, st *unix.Stat_t) (to int, left string, err error) {
	var in unix.Stat_t
	if err := unix.Fstat(dir, &in); err != nil {
		return dir, rest, err
	}
	if !firm(&in, st) {
		return dir, rest, errForeign
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(link, &fs); err != nil {
		return dir, rest, err
	}
	if fs.Type == unix.PROC_SUPER_MAGIC && name != "self" && name != "thread-self" {
		// the text of cwd, root and fd/N is no path: the kernel goes there
		next, err := openat(dir, name, unix.O_PATH|unix.O_DIRECTORY, 0)
		if err != nil {
			return dir, rest, err
		}
		unix.Close(dir)
		return next, rest, nil
	}
	text := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(link, "", text)
	if err != nil {
		return dir, rest, err
	}
	left = string(text[:n]) + "/" + rest
	if strings.HasPrefix(left, "/") {
		root, err := openat(unix.AT_FDCWD, "/", unix.O_PATH|unix.O_DIRECTORY, 0)
		if err != nil {
			return dir, rest, err
		}
		unix.Close(dir)
		dir = root
	}
	return dir, left, nil
}

// firm says that what was found in a directory is the caller's or root's affair: nobody else made
// it, and nobody else can put something in its place.
func firm(dir, st *unix.Stat_t) bool {
	if !trusted(dir.Uid) {
		return false
	}
	others := dir.Mode&0o002 != 0 || dir.Mode&0o020 != 0 && dir.Gid != 0 && dir.Gid != uint32(unix.Getegid())
	if !others {
		return true // only its owner puts something there
	}
	return dir.Mode&unix.S_ISVTX != 0 && trusted(st.Uid) // as in /tmp
}

// trusted says whether a user is the caller or root. In a user namespace root of the host is not
// mapped, and looks like everybody else who is not (user_namespaces(7), overflowuid): /var/run has to
// be followed there, and what rung could do for others it does with the rights of an ordinary user.
func trusted(uid uint32) bool {
	return uid == 0 || uid == uint32(unix.Geteuid()) || uid == overflowUID && mapped()
}

const overflowUID = 65534

// mapped says whether this process is in a user namespace with some of the host's ids only.
func mapped() bool {
	b, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && strings.Join(strings.Fields(string(b)), " ") != "0 0 4294967295"
}

func openat(dir int, path string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Openat(dir, path, flags|unix.O_CLOEXEC, mode)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// openat2 follows no link at all: ELOOP.
func openat2(dir int, path string, flags int, mode uint32) (int, error) {
	how := unix.OpenHow{
		Flags: uint64(flags | unix.O_CLOEXEC | unix.O_NOFOLLOW), Mode: uint64(mode), Resolve: unix.RESOLVE_NO_SYMLINKS,
	}
	if flags&unix.O_PATH == 0 {
		how.Flags |= unix.O_NOCTTY
	}
	for {
		fd, err := unix.Openat2(dir, path, &how)
		if err != unix.EINTR {
			return fd, err
		}
	}
}
