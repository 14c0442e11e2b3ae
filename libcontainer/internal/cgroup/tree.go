package cgroup

import (
	"bytes"
	"encoding/binary"
	"os"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// visitor is what walk calls. Both functions may be nil.
type visitor struct {
	enter func(fd int) error                  // for each group, before the groups in it
	leave func(parent int, name string) error // for each group but the first, after the groups in it
}

// level is one group on the way from the first group to the present one.
type level struct {
	name string   // in the group above
	left []string // the groups in it that walk has not visited yet
}

// walk visits the group at dir and all groups below it. A container that owns its
// cgroup may nest groups deeper than a path can name (PATH_MAX), and may rename and
// remove them at the same time. So walk goes down and up by descriptors, holds two
// of them at most, and skips a group that has gone. ".." is safe: the kernel never
// moves a group to another parent. The error is a *os.PathError of dir.
func walk(dir string, v visitor) error {
	fd, err := sys.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	w := walker{visitor: v, fd: fd}
	err = w.run()
	sys.Close(w.fd)
	if err != nil {
		return &os.PathError{Op: "walk the control groups below", Path: dir, Err: reason(err)}
	}
	return nil
}

type walker struct {
	visitor
	fd  int // of the present group
	way []level
}

func (w *walker) run() error {
	if err := w.visit(""); err != nil {
		return err
	}
	for {
		at := &w.way[len(w.way)-1]
		switch n := len(at.left); {
		case n > 0:
			name := at.left[n-1]
			at.left = at.left[:n-1]
			if err := w.down(name); err != nil {
				return err
			}
		case len(w.way) == 1:
			return nil
		default:
			if err := w.up(at.name); err != nil {
				return err
			}
		}
	}
}

// visit enters the group of the descriptor.
func (w *walker) visit(name string) error {
	if w.enter != nil {
		if err := w.enter(w.fd); err != nil && !gone(err) {
			return err
		}
	}
	below, err := groupsIn(w.fd)
	if err != nil && !gone(err) {
		return err
	}
	w.way = append(w.way, level{name, below})
	return nil
}

func (w *walker) down(name string) error {
	fd, err := openGroup(w.fd, name)
	if err != nil {
		if gone(err) {
			return nil
		}
		return err
	}
	sys.Close(w.fd)
	w.fd = fd
	return w.visit(name)
}

func (w *walker) up(name string) error {
	fd, err := openGroup(w.fd, "..")
	if err != nil {
		return err
	}
	sys.Close(w.fd)
	w.fd = fd
	w.way = w.way[:len(w.way)-1]
	if w.leave == nil {
		return nil
	}
	return w.leave(fd, name)
}

// openGroup opens a group in another. The owner of a group may have taken the
// permissions from its mode: an ordinary user gives them back.
func openGroup(parent int, name string) (fd int, err error) {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err = sys.Openat(parent, name, flags, 0)
	if err == unix.EACCES && name != ".." && sys.Fchmodat(parent, name, 0o700, 0) == nil {
		fd, err = sys.Openat(parent, name, flags, 0)
	}
	return fd, err
}

// groupsIn lists the groups directly in an open one, by getdents64(2).
func groupsIn(fd int) ([]string, error) {
	const kind, name = 18, 19 // offsets in struct linux_dirent64, behind the length of the record at 16
	var list []string
	buf := make([]byte, 16<<10)
	for {
		n, err := sys.Getdents(fd, buf)
		if err != nil || n == 0 {
			return list, err
		}
		for rest := buf[:n]; len(rest) > name; {
			size := int(binary.NativeEndian.Uint16(rest[16:]))
			if size <= name || size > len(rest) {
				return list, unix.EIO
			}
			if text, _, _ := bytes.Cut(rest[name:size], []byte{0}); rest[kind] == unix.DT_DIR && string(text) != "." && string(text) != ".." {
				list = append(list, string(text))
			}
			rest = rest[size:]
		}
	}
}

// readAt gives the content of a file of an open group, without its last newline.
func readAt(fd int, name string) (string, error) {
	file, err := sys.Openat(fd, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer sys.Close(file)
	b, err := sys.ReadAll(file)
	return string(bytes.TrimSuffix(b, []byte("\n"))), err
}

// writeAt writes to a file of an open group with one call.
func writeAt(fd int, name, value string) error {
	file, err := sys.Openat(fd, name, unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer sys.Close(file)
	_, err = sys.Write(file, []byte(value))
	return err
}
