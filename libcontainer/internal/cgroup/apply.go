package cgroup

import (
	"errors"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"golang.org/x/sys/unix"
)

// Apply writes values of a plan, those that stand together in it. One without its controller is an error, before the
// first is written.
func (g *Group) Apply(writes []limit.Write) error {
	list, err := g.place(writes)
	if err != nil {
		return err
	}
	return (&performer{}).all(list)
}

// Leave ends the process that has held the scope of a unit until the init is in it.
func (g *Group) Leave() {
	if g.unit != nil {
		g.unit.left()
	}
}

// Devices puts rules for devices in force.
func (g *Group) Devices(rules []plan.DeviceRule) error { return g.applyDevices(rules) }

// Update sets limits of a running container. After an error the limits are what
// they were, as far as the kernel lets them (the error says so, if not). rules are
// the new ones for devices, before those that were in force; nil: they are left alone, that is not known.
//
// systemd comes between the files and the devices: it takes what the kernel took,
// all or nothing, and nothing of it is known to fail after that.
func (g *Group) Update(writes []limit.Write, rules, before []plan.DeviceRule) error {
	list, err := g.place(writes)
	if err != nil {
		return err
	}
	p := &performer{keep: true}
	if err = p.all(list); err == nil && g.unit != nil {
		err = g.unit.tell(list, rules)
	}
	if err != nil {
		return undone(err, p.undo())
	}
	if err = g.applyDevices(rules); err == nil {
		return nil
	}
	// a v1 group may have taken some of them
	back := []error{p.undo(), g.applyDevices(before)}
	if g.unit != nil {
		back = append(back, g.unit.tell(p.former(), before))
	}
	return undone(err, errors.Join(back...))
}

func undone(err, back error) error {
	if back != nil {
		return errors.Join(err, &UndoError{back})
	}
	return err
}

// UndoError is that limits could not be put back after an Update that failed.
type UndoError struct{ Err error }

func (e *UndoError) Error() string {
	return "and the limits before could not be set again: " + e.Err.Error()
}

// Unwrap gives the reason.
func (e *UndoError) Unwrap() error { return e.Err }

// MemoryInForce is the limit of memory, in bytes, of the container's cgroup v2; 0: it has none.
func (g *Group) MemoryInForce() int64 {
	d := g.v2()
	if d == nil {
		return 0
	}
	text, err := readFile(d.Path + "/memory.max")
	n, err2 := strconv.ParseInt(text, 10, 64)
	if err != nil || err2 != nil {
		return 0
	}
	return n
}

// MemoryUsed is how much memory and how much swap the container's cgroup v2 has in use, in bytes; known is false where it
// counts none. On cgroup v1 the kernel refuses a limit below the usage by itself.
func (g *Group) MemoryUsed() (memory, swap uint64, known bool) {
	d := g.v2()
	if d == nil {
		return 0, 0, false
	}
	text, err := readFile(d.Path + "/memory.current")
	if err != nil {
		return 0, 0, false // the write of the limit will tell why
	}
	also, _ := readFile(d.Path + "/memory.swap.current") // none without swap
	memory, _ = strconv.ParseUint(text, 10, 64)
	swap, _ = strconv.ParseUint(also, 10, 64)
	return memory, swap, true
}

func (g *Group) onlyV2() bool {
	for i := range g.dirs {
		if !g.dirs[i].V2 {
			return false
		}
	}
	return len(g.dirs) > 0
}

// Available makes sure that each write has its controller: on cgroup v2 those that can be had are turned on, from the root
// down. A limit without one is an [Error].
func (g *Group) Available(writes []limit.Write) error {
	_, err := g.place(writes)
	return err
}

func (g *Group) place(writes []limit.Write) ([]placed, error) {
	var have string
	asked := false
	var enableErr error
	list := make([]placed, 0, len(writes))
	for i := range writes {
		w := &writes[i]
		d := g.in(w)
		if d != nil && d.V2 && w.Controller != "cgroup" {
			if !asked {
				asked = true
				have, enableErr = g.controllersOf(d)
			}
			if !hasWord(have, w.Controller) {
				d = nil
			}
		}
		if d == nil {
			if !w.Lost() {
				continue // no limit is what a host without the controller has
			}
			return nil, &Error{Origin: w.Origin, Controller: w.Controller, Value: w.Value, Err: g.whyMissing(w.Controller, enableErr)}
		}
		list = append(list, placed{*w, d.Path})
	}
	return list, nil
}

// in is the container's directory that a write is for; nil: there is none.
func (g *Group) in(w *limit.Write) *Dir {
	if w.Nowhere {
		return nil
	}
	for i := range g.dirs {
		if g.dirs[i].Name == w.Hierarchy {
			return &g.dirs[i]
		}
	}
	return nil
}

func (g *Group) whyMissing(controller string, enableErr error) error {
	switch {
	case len(g.dirs) == 0:
		return errNoGroup
	case enableErr != nil:
		return enableErr
	}
	return g.notMounted(controller)
}

// notMounted says why no hierarchy of the group has a controller.
func (g *Group) notMounted(controller string) error {
	for i := range g.denied {
		if d := &g.denied[i]; d.has(controller) {
			return &os.PathError{Op: "not delegated: make a control group in", Path: path.Dir(d.Path), Err: unix.EACCES}
		}
	}
	return errNoController
}

var (
	errNoController = errors.New("no mounted hierarchy has it")
	errNoGroup      = errors.New("rootless needs no limits + no cgrouppath when no permission is granted for cgroups")
)

// enable turns on every controller that the root of cgroup v2 has in all groups
// down to the container's, and gives those that it has then. A group with
// processes refuses (cgroup-v2.rst, No Internal Process Constraint), and one that
// was not delegated: the error is for the case that a needed one is missing.
func (g *Group) enable(d *Dir) (have string, err error) {
	have, err = readFile(d.Path + "/cgroup.controllers")
	if err != nil {
		return "", err
	}
	all, err := readFile(d.Mount + "/cgroup.controllers")
	if err != nil || !lacksAny(have, all) {
		return have, err
	}
	var firstErr error
	for at := len(d.Mount); at < len(d.Path); {
		if err := enableIn(d.Path[:at], all); err != nil && firstErr == nil {
			firstErr = err
		}
		next := strings.IndexByte(d.Path[at+1:], '/')
		if next < 0 {
			break
		}
		at += 1 + next
	}
	have, err = readFile(d.Path + "/cgroup.controllers")
	if err == nil {
		err = firstErr
	}
	return have, err
}

// enableIn turns controllers on for the groups below dir.
func enableIn(dir, all string) error {
	file := dir + "/cgroup.subtree_control"
	on, err := readFile(file)
	if err != nil {
		return err
	}
	var missing []string
	for c := range strings.FieldsSeq(all) {
		if !hasWord(on, c) {
			missing = append(missing, "+"+c)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	// One that cannot be had must not keep the others away: one that the group above lacks, or cpu while realtime
	// processes run. But not so in a group with processes (EBUSY): it would take the threaded ones, cpu and pids, and
	// by that become one whose children can hold no processes.
	err = writeValue(file, strings.Join(missing, " "))
	if len(missing) == 1 || !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return err
	}
	err = nil
	for _, m := range missing {
		if one := writeValue(file, m); one != nil && err == nil {
			err = one
		}
	}
	return err
}

// lacksAny says that list lacks a word of all.
func lacksAny(list, all string) bool {
	for w := range strings.FieldsSeq(all) {
		if !hasWord(list, w) {
			return true
		}
	}
	return false
}

func hasWord(list, word string) bool {
	for w := range strings.FieldsSeq(list) {
		if w == word {
			return true
		}
	}
	return false
}
