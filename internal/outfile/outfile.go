// Package outfile makes and opens the files that rung writes where its caller says: the log, the
// trace, the pid file, the output of hooks, the record among a checkpoint's images. Their directory
// may belong to somebody else, who puts links, pipes and devices in it while rung, as root, writes.
//
// The rules are the same for all of them:
//
//   - The last component of a path is never followed when it is a symbolic link.
//   - A link on the way to it is followed only if the caller or root made it, in a directory in which
//     nobody else can exchange it: /var/run is, a link below the home of another user is not.
//   - A file appears under its name complete. Until then it has none (O_TMPFILE, open(2)), or one that
//     did not exist before (O_EXCL).
//   - A file that exists is replaced only if it is a regular file. Log records and output are appended
//     to pipes and character devices, too, which stay what they are, if they lie in such a directory.
package outfile

import (
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Append opens path for appending, and makes the file with the mode, less the umask, if it is missing.
// A regular file is opened, and a pipe that somebody reads or a character device in a directory of
// root's or the caller's. ENXIO: nobody reads the pipe, or it is a socket. /dev/fd/N, /dev/stdout and
// the like are descriptors of this process, and duplicated.
func Append(path string, mode uint32) (*os.File, error) {
	if n, ok := descriptor(path); ok {
		fd, err := unix.FcntlInt(uintptr(n), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
		return os.NewFile(uintptr(fd), path), nil
	}
	// without O_NONBLOCK a pipe that nobody reads would be waited for
	fd, err := open(path, unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT|unix.O_NONBLOCK, mode, true)
	if err != nil {
		return nil, err
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFL, unix.O_APPEND); err != nil {
		unix.Close(fd)
		return nil, &os.PathError{Op: "fcntl", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// Update opens a regular file for reading and writing, and makes it if it is missing, with the mode
// less the umask.
func Update(path string, mode uint32) (fd int, err error) {
	return open(path, unix.O_RDWR|unix.O_CREAT|unix.O_NONBLOCK, mode, false)
}

// Create makes a file that has all of its content from the start, with the mode less the umask.
// fs.ErrExist: there is something of that name, be it a link.
func Create(path string, data []byte, mode uint32) error {
	return inParent("open", path, func(dir int, name string) error { return write(dir, name, data, mode, false) })
}

// Replace puts a file with the given content in the place of path: whoever reads sees the old or the
// new one, whole. A process that is killed meanwhile leaves the old one. What is there must be a
// regular file.
func Replace(path string, data []byte, mode uint32) error {
	return inParent("write", path, func(dir int, name string) error { return write(dir, name, data, mode, true) })
}

// ReplaceAt is Replace for a name in the directory behind dir.
func ReplaceAt(dir int, name string, data []byte, mode uint32) error {
	if err := write(dir, name, data, mode, true); err != nil {
		return &os.PathError{Op: "write", Path: name, Err: err}
	}
	return nil
}

// Closed says whether nobody but the caller and root can put something into a directory, or exchange
// what they put there. It is for programs that follow links themselves, criu for one.
func Closed(dir int) error {
	var st unix.Stat_t
	if err := unix.Fstat(dir, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_ISVTX == 0 && !firm(&st, &st) || !trusted(st.Uid) {
		return reason{"other users can write to the directory", unix.EPERM}
	}
	return nil
}

// Reasons for refusing a file. Each keeps an errno.
var (
	errLink    = reason{"it is a symbolic link, and those are not followed here", unix.ELOOP}
	errForeign = reason{"a symbolic link on the way is another user's, or another user can exchange it", unix.ELOOP}
	errNames   = reason{"it has a second name (a hard link), in a directory that other users write to", unix.EMLINK}
	errPlace   = reason{"it is not a regular file, in a directory that other users write to", unix.EPERM}
)

type reason struct {
	text  string
	errno unix.Errno
}

func (r reason) Error() string { return r.text }
func (r reason) Unwrap() error { return r.errno }

// irregular says what a file is that should be regular.
func irregular(mode uint32) error {
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return unix.EISDIR
	case unix.S_IFLNK:
		return errLink
	case unix.S_IFCHR:
		return reason{"it is a character device, not a regular file", unix.EINVAL}
	case unix.S_IFBLK:
		return reason{"it is a block device, not a regular file", unix.EINVAL}
	case unix.S_IFIFO:
		return reason{"it is a pipe, not a regular file", unix.EINVAL}
	}
	return reason{"it is a socket, not a regular file", unix.EINVAL}
}

// open opens a file, or makes it. streams says that a pipe or a character device will do.
func open(path string, flags int, mode uint32, streams bool) (int, error) {
	fail := func(fd int, err error) (int, error) {
		if fd >= 0 {
			unix.Close(fd)
		}
		return -1, &os.PathError{Op: "open", Path: path, Err: err}
	}
	fd, err := openat2(unix.AT_FDCWD, path, flags, mode)
	if err == nil {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return fail(fd, err)
		}
		if st.Mode&unix.S_IFMT == unix.S_IFREG && st.Nlink <= 1 {
			return fd, nil
		}
		unix.Close(fd) // it depends on the directory whether that will do
	} else if err != unix.ELOOP {
		return fail(-1, err)
	}
	dir, name, err := parent(path)
	if err != nil {
		return fail(-1, err)
	}
	defer unix.Close(dir)
	if fd, err = openat2(dir, name, flags, mode); err != nil {
		if err == unix.ELOOP {
			err = errLink
		}
		return fail(-1, err)
	}
	if err := accept(dir, fd, streams); err != nil {
		return fail(fd, err)
	}
	return fd, nil
}

// accept says whether a file that was opened in a directory may be written to.
func accept(dir, fd int, streams bool) error {
	var in, st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if err := unix.Fstat(dir, &in); err != nil {
		return err
	}
	switch kind := st.Mode & unix.S_IFMT; {
	case kind == unix.S_IFREG:
		// The name may be one that a user gave to a file of root's (link(2)), where the sysctl
		// fs.protected_hardlinks is 0.
		if st.Nlink > 1 && !firm(&in, &st) {
			return errNames
		}
	case !streams || kind != unix.S_IFIFO && kind != unix.S_IFCHR:
		return irregular(st.Mode)
	case !firm(&in, &st):
		return errPlace
	}
	return nil
}

// inParent calls f with the directory of path, held open, and the name in it.
func inParent(op, path string, f func(dir int, name string) error) error {
	dir, name, err := parent(path)
	if err == nil {
		defer unix.Close(dir)
		err = f(dir, name)
	}
	if err != nil {
		return &os.PathError{Op: op, Path: path, Err: err}
	}
	return nil
}

// write makes a file in a directory.
func write(dir int, name string, data []byte, mode uint32, replace bool) error {
	fd, err := openat(dir, ".", unix.O_TMPFILE|unix.O_WRONLY, mode)
	if err != nil {
		return writeNamed(dir, name, data, mode, replace) // the file system has none without a name
	}
	defer unix.Close(fd)
	if err := writeAll(fd, data); err != nil {
		return err
	}
	err = linkTo(fd, dir, name)
	if err == unix.EEXIST && replace {
		if err := mayReplace(dir, name); err != nil {
			return err
		}
		return underFreshName(func(temp string) error {
			if err := linkTo(fd, dir, temp); err != nil {
				return err
			}
			return rename(dir, temp, name)
		})
	}
	if err != nil && err != unix.EEXIST { // no procfs, or a file system without links
		return writeNamed(dir, name, data, mode, replace)
	}
	return err
}

// writeNamed makes the file under a name that nothing has, and renames it.
func writeNamed(dir int, name string, data []byte, mode uint32, replace bool) error {
	err := mayReplace(dir, name)
	missing := err == unix.ENOENT
	if !missing && !replace {
		return unix.EEXIST
	}
	if err != nil && !missing {
		return err
	}
	return underFreshName(func(temp string) error {
		fd, err := openat(dir, temp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, mode)
		if err != nil {
			return err
		}
		err = writeAll(fd, data)
		unix.Close(fd)
		switch {
		case err != nil:
		case missing:
			err = unix.Renameat2(dir, temp, dir, name, unix.RENAME_NOREPLACE)
			if err == unix.EINVAL { // the file system does not know the flag
				err = unix.Renameat(dir, temp, dir, name)
			}
		default:
			return rename(dir, temp, name)
		}
		if err != nil {
			_ = unix.Unlinkat(dir, temp, 0)
			if err == unix.EEXIST {
				err = reason{"somebody else made a file of that name", unix.EBUSY}
			}
		}
		return err
	})
}

func rename(dir int, temp, name string) error {
	err := unix.Renameat(dir, temp, dir, name)
	if err != nil {
		_ = unix.Unlinkat(dir, temp, 0)
	}
	return err
}

// mayReplace: nil for a regular file, ENOENT for none.
func mayReplace(dir int, name string) error {
	var st unix.Stat_t
	if err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return irregular(st.Mode)
	}
	return nil
}

// underFreshName calls f with names until one is not taken. Nobody has to be unable to guess the name:
// f uses none that exists.
func underFreshName(f func(temp string) error) error {
	n := time.Now().UnixNano()
	for range 100 {
		err := f(".rung-" + strconv.Itoa(os.Getpid()) + "-" + strconv.FormatInt(n, 36))
		if err != unix.EEXIST {
			return err
		}
		n++
	}
	return unix.EEXIST
}

func linkTo(fd, dir int, name string) error {
	return unix.Linkat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(fd), dir, name, unix.AT_SYMLINK_FOLLOW)
}

// descriptor reads the names of this process's own descriptors (proc(5), /proc/self/fd).
func descriptor(path string) (n int, ok bool) {
	switch path {
	case "/dev/stdin":
		return 0, true
	case "/dev/stdout":
		return 1, true
	case "/dev/stderr":
		return 2, true
	}
	text, ok := strings.CutPrefix(path, "/dev/fd/")
	if !ok {
		if text, ok = strings.CutPrefix(path, "/proc/self/fd/"); !ok {
			return 0, false
		}
	}
	u, err := strconv.ParseUint(text, 10, 31)
	return int(u), err == nil
}

func writeAll(fd int, data []byte) error {
	for len(data) > 0 {
		n, err := unix.Write(fd, data)
		if err != nil && err != unix.EINTR {
			return err
		}
		data = data[max(n, 0):]
	}
	return nil
}
