package sys

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Empty removes everything in the directory behind dir, however deep it is. At most three
// descriptors are open at a time: a directory that is not empty passes the directories in it to dir
// (renameat2(2), RENAME_NOREPLACE) and is removed then. No path grows, and ".." is never followed,
// which whoever moves a directory meanwhile could make lead elsewhere. Symbolic links are removed,
// not followed, and what is mounted below is left alone: EXDEV. The error names the first entry that
// could not be removed; the rest is removed all the same.
func Empty(dir int) error {
	self, err := unix.Openat(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return wrapPath("open", ".", err)
	}
	e := emptying{dir: dir}
	err = e.each(self, func(name string) error { return e.remove(dir, name) })
	for len(e.left) > 0 {
		name := e.left[len(e.left)-1]
		e.left = e.left[:len(e.left)-1]
		if more := e.hoist(name); err == nil {
			err = more
		}
	}
	return err
}

type emptying struct {
	dir  int
	left []string // directories in dir that are not empty
	n    int      // of the last name that was given
}

// remove removes an entry of at, or puts it on the list.
func (e *emptying) remove(at int, name string) error {
	err := retry(func() error { return unix.Unlinkat(at, name, 0) })
	if err == unix.EISDIR || err == unix.EPERM { // POSIX and Linux name it differently
		err = retry(func() error { return unix.Unlinkat(at, name, unix.AT_REMOVEDIR) })
	}
	if err == unix.ENOTEMPTY || err == unix.EEXIST {
		if at != e.dir {
			name, err = e.bring(at, name)
		} else {
			err = nil
		}
		if err == nil {
			e.left = append(e.left, name)
		}
	}
	if err == unix.ENOENT {
		return nil
	}
	return wrapPath("remove", name, err)
}

// bring moves a directory up into dir, under a name that nothing has there.
func (e *emptying) bring(at int, name string) (string, error) {
	for {
		e.n++
		fresh := ".removed-" + strconv.Itoa(e.n)
		err := unix.Renameat2(at, name, e.dir, fresh, unix.RENAME_NOREPLACE)
		if err != unix.EEXIST {
			return fresh, err
		}
	}
}

// hoist removes a directory that is not empty.
func (e *emptying) hoist(name string) error {
	how := unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_SYMLINKS,
	}
	sub, err := unix.Openat2(e.dir, name, &how)
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return wrapPath("open", name, err)
	}
	if err := e.each(sub, func(entry string) error { return e.remove(sub, entry) }); err != nil {
		return err
	}
	err = retry(func() error { return unix.Unlinkat(e.dir, name, unix.AT_REMOVEDIR) })
	if err == unix.ENOENT {
		return nil
	}
	return wrapPath("remove", name, err)
}

// each calls f for every entry of fd, and closes it. It goes on after an error.
func (e *emptying) each(fd int, f func(name string) error) error {
	d := os.NewFile(uintptr(fd), ".")
	defer d.Close()
	var first error
	for {
		names, err := d.Readdirnames(512)
		for _, n := range names {
			if err := f(n); err != nil && first == nil {
				first = err
			}
		}
		if err == io.EOF || first != nil && err != nil {
			return first
		}
		if err != nil {
			return err
		}
	}
}
