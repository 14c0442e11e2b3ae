package cgroup

import (
	"errors"
	"os"
	"path"

	"github.com/rung-oci/rung/libcontainer/internal/cgroup/devices"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// Lacking gives the writes that Apply would find no controller for, and says why,
// as [Error], one for each field of the config. It touches nothing. What
// only a write can tell, such as a value that the kernel refuses, is not seen.
func (g *Group) Lacking(writes []limit.Write) (list []error) {
	told := map[string]bool{}
	for i := range writes {
		w := &writes[i]
		if !w.Lost() || told[w.Origin] {
			continue
		}
		var why error
		switch d := g.in(w); {
		case len(g.dirs) == 0:
			why = errNoGroup
		case d == nil:
			why = g.notMounted(w.Controller)
		case d.V2:
			why = d.handedDown(w.Controller)
		}
		if why != nil {
			told[w.Origin] = true
			list = append(list, &Error{Origin: w.Origin, Controller: w.Controller, Value: w.Value, Err: why})
		}
	}
	return list
}

// Unspeakable says why the device rules cannot be put in force, nil if they can: what
// a v1 group or a program can hold is known without one.
func (g *Group) Unspeakable(rules []plan.DeviceRule) error {
	if rules == nil {
		return nil
	}
	t := devices.Of(rules)
	var err error
	if g.v1("devices") != nil {
		_, err = t.V1()
	} else if g.v2() != nil {
		_, err = t.Program()
	} else {
		err = g.uncontrolled(&t)
	}
	return err
}

// handedDown says why a controller of cgroup v2 cannot be turned on for the
// group, nil if it can: one of the groups above it lacks it, has processes of
// its own (cgroup-v2.rst, No Internal Process Constraint), or is not this user's.
func (d *Dir) handedDown(controller string) error {
	all, err := readFile(d.Mount + "/cgroup.controllers")
	if err != nil {
		return err
	}
	if !hasWord(all, controller) {
		return errNoController
	}
	for at := path.Dir(d.Path); len(at) >= len(d.Mount); at = path.Dir(at) {
		on, err := readFile(at + "/cgroup.subtree_control")
		if errors.Is(err, unix.ENOENT) {
			continue // it is yet to be made, and belongs to who makes it
		}
		if err != nil {
			return err
		}
		if hasWord(on, controller) {
			return nil
		}
		if err := sys.Faccessat(unix.AT_FDCWD, at+"/cgroup.subtree_control", unix.W_OK, unix.AT_EACCESS); err != nil {
			return &os.PathError{Op: "not delegated: write", Path: at + "/cgroup.subtree_control", Err: err}
		}
		if at != d.Mount {
			if pids, err := procs(at); err == nil && len(pids) > 0 {
				return &os.PathError{Op: "it has processes of its own: turn on controllers in", Path: at, Err: unix.EBUSY}
			}
		}
	}
	return nil
}

// Obstacles gives what would keep Create from making the groups: one that is in
// use, or a directory that this process may not write to. It touches nothing.
func (g *Group) Obstacles() (list []error) {
	for i := range g.dirs {
		d := &g.dirs[i]
		if exists(d.Path) {
			if pids, err := procs(d.Path); err == nil && len(pids) > 0 {
				list = append(list, &os.PathError{Op: "use the control group", Path: d.Path, Err: ErrNotEmpty})
			} else if frozen(d) {
				list = append(list, &os.PathError{Op: "use the control group", Path: d.Path, Err: ErrFrozen})
			}
			continue
		}
		at := path.Dir(d.Path)
		for !exists(at) && len(at) > len(d.Mount) {
			at = path.Dir(at)
		}
		if err := sys.Faccessat(unix.AT_FDCWD, at, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
			list = append(list, &os.PathError{Op: "make a control group in", Path: at, Err: err})
		}
	}
	return list
}
