// Package rdt makes and removes classes of service and monitoring groups of
// Intel's Resource Director Technology, through the resctrl file system
// (config-linux.md, IntelRdt; Linux: Documentation/filesystems/resctrl.rst). A
// class is a directory at its top, a monitoring group one in mon_groups of a
// class; who is in it stands in the file tasks, what it may use in schemata.
package rdt

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/mountinfo"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// ErrNotMounted: there is no resctrl file system to be found.
var ErrNotMounted = errors.New("no resctrl file system is mounted (mount -t resctrl resctrl /sys/fs/resctrl): the processor, or the kernel, may be without resource director technology")

// Mount is where resctrl is mounted in the caller's mount namespace.
// ErrNotMounted: nowhere.
func Mount() (string, error) {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	if dir := mountedAt(string(b)); dir != "" {
		return dir, nil
	}
	return "", ErrNotMounted
}

// mountedAt looks for resctrl in a mountinfo (proc_pid_mountinfo(5)); of
// several mounts it takes the last, which covers the others.
func mountedAt(text string) (dir string) {
	for m := range mountinfo.All(text) {
		if m.Type == "resctrl" && m.Root == "/" {
			dir = m.Point
		}
	}
	return dir
}

// Check reports why a directory that a record names cannot be a class of service: it is neither the top of
// resctrl nor a directory in it. ENOENT: it is gone, or resctrl is not mounted any more.
func Check(class string) error {
	if _, err := os.Lstat(class); err != nil {
		return err
	}
	var fs unix.Statfs_t
	if err := sys.Statfs(class, &fs); err != nil || int64(fs.Type) != unix.RDTGROUP_SUPER_MAGIC {
		return &os.PathError{Op: "use the class", Path: class, Err: errNoResctrl}
	}
	if top, err := Mount(); err != nil || class != top && filepath.Dir(class) != top {
		return &os.PathError{Op: "use the class", Path: class, Err: errNoResctrl}
	}
	return nil
}

var errNoResctrl = errors.New("not a class of the mounted resctrl file system")

// Group is the class of a container, and its monitoring group.
type Group struct {
	Root    string // where resctrl is mounted
	Class   string // directory of the class
	Own     bool   // the class is the container's: it must not exist before
	Monitor string // directory of the monitoring group, or ""

	L3CacheSchema, MemBwSchema string
	Schemata                   []string

	// A directory of resctrl has its files from the start, and goes away with them; one of a test has not.
	mkdir, rmdir func(string) error
}

// Error is what could not be done with a group.
type Error struct {
	Field  string // of the config: linux.intelRdt.memBwSchema
	What   string // what was attempted
	Detail string // what the kernel says of it in info/last_cmd_status; may be empty
	Err    error
}

// Error is "linux.intelRdt.memBwSchema: write "MB:0=200" to …: invalid argument".
func (e *Error) Error() string {
	s := e.Field + ": " + e.What
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s + ": " + e.Err.Error()
}

// Unwrap gives the cause, an errno.
func (e *Error) Unwrap() error { return e.Err }

const field = "linux.intelRdt"

func (g *Group) fail(name, what string, err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		err = errno
	}
	if name != "" {
		name = "." + name
	}
	e := &Error{Field: field + name, What: what, Err: err}
	if b, err := os.ReadFile(filepath.Join(g.Root, "info", "last_cmd_status")); err == nil {
		if s := strings.TrimSpace(string(b)); s != "ok" {
			e.Detail = s
		}
	}
	return e
}

type line struct{ field, schema string }

// lines are what goes into the file schemata, in the order that the
// specification has.
func (g *Group) lines() (list []line) {
	if g.L3CacheSchema != "" {
		list = append(list, line{"l3CacheSchema", g.L3CacheSchema})
	}
	if g.MemBwSchema != "" {
		list = append(list, line{"memBwSchema", g.MemBwSchema})
	}
	for _, s := range g.Schemata {
		list = append(list, line{"schemata", s})
	}
	return list
}

// Make makes what the config asks for, writes the schemata, and gives what
// takes it back again. Of a class that is there already the schemata have to
// be those of the config; one that is named without any has to be there.
func (g *Group) Make() (undo func() error, err error) {
	lines := g.lines()
	made := false
	defer func() {
		if err != nil && made {
			err = errors.Join(err, g.remove(g.Class))
		}
	}()
	if g.Own || len(lines) > 0 {
		err = g.make(g.Class)
		made = err == nil
		if errors.Is(err, unix.EEXIST) && !g.Own {
			if err = g.compare(); err != nil {
				return nil, err
			}
		}
	} else {
		_, err = os.Stat(filepath.Join(g.Class, "tasks"))
	}
	if err != nil {
		return nil, g.fail("closID", "the class "+g.Class, err)
	}
	for _, l := range lines {
		if err := g.write(l); err != nil {
			return nil, err
		}
	}
	if g.Monitor != "" {
		if err := g.make(g.Monitor); err != nil {
			return nil, g.fail("enableMonitoring", "make the monitoring group "+g.Monitor, err)
		}
	}
	return g.Remove, nil
}

func (g *Group) make(dir string) error {
	if g.mkdir != nil {
		return g.mkdir(dir)
	}
	return sys.Mkdir(dir, 0o755)
}

// compare holds the class that is there against the config ("MUST compare
// l3CacheSchema and/or memBwSchema value with schemata file, and generate an
// error if doesn't match"). What schemata says besides is written, as the same
// chapter asks.
func (g *Group) compare() error {
	if g.L3CacheSchema == "" && g.MemBwSchema == "" {
		return nil
	}
	file := filepath.Join(g.Class, "schemata")
	b, err := os.ReadFile(file)
	if err != nil {
		return g.fail("closID", "read "+file, err)
	}
	for _, l := range g.lines() {
		if l.field == "schemata" {
			continue
		}
		if have, ok := matches(string(b), l.schema); !ok {
			return &Error{Field: field + "." + l.field, What: "use the class " + g.Class + ": it has \"" + have + "\", not \"" + l.schema + "\"", Err: unix.EEXIST}
		}
	}
	return nil
}

func (g *Group) write(l line) error {
	file := filepath.Join(g.Class, "schemata")
	if err := sys.WriteFile(file, l.schema+"\n"); err != nil {
		return g.fail(l.field, "write \""+l.schema+"\" to "+file, err)
	}
	return nil
}

// Set changes the schemata of a class; an empty one stays as it is. If the second
// is refused the first is written back; undo does so with both.
func Set(class, l3CacheSchema, memBwSchema string) (undo func() error, err error) {
	g := Group{Root: filepath.Dir(class), Class: class, L3CacheSchema: l3CacheSchema, MemBwSchema: memBwSchema}
	if _, err := os.Stat(filepath.Join(class, "info")); err == nil {
		g.Root = class // the default class is the top itself
	}
	lines := g.lines()
	if len(lines) == 0 {
		return func() error { return nil }, nil
	}
	old, err := os.ReadFile(filepath.Join(class, "schemata"))
	if err != nil {
		return nil, g.fail("", "read the schemata of "+class, err)
	}
	back := func(lines []line) error {
		var errs []error
		for _, l := range lines {
			have, _ := matches(string(old), l.schema)
			errs = append(errs, g.write(line{l.field, have}))
		}
		return errors.Join(errs...)
	}
	for i, l := range lines {
		if err := g.write(l); err != nil {
			return nil, errors.Join(err, back(lines[:i]))
		}
	}
	return func() error { return back(lines) }, nil
}

// Remove takes the monitoring group away, and the class if it is the
// container's own. What is gone is no error. Tasks that are left in them go to
// the default class.
func (g *Group) Remove() error {
	var errs []error
	if g.Monitor != "" {
		errs = append(errs, g.remove(g.Monitor))
	}
	if g.Own {
		errs = append(errs, g.remove(g.Class))
	}
	return errors.Join(errs...)
}

func (g *Group) remove(dir string) error {
	rmdir := g.rmdir
	if rmdir == nil {
		rmdir = unix.Rmdir
	}
	if err := rmdir(dir); err != nil && !errors.Is(err, unix.ENOENT) {
		return g.fail("", "remove "+dir, err)
	}
	return nil
}
