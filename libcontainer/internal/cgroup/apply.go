package cgroup

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
	v1 "github.com/rung-oci/rung/libcontainer/internal/cgroup/v1"
	v2 "github.com/rung-oci/rung/libcontainer/internal/cgroup/v2"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"golang.org/x/sys/unix"
)

// controllers that take limits, by their names on v1 and v2, in the order of
// writing. What has no name there has no such controller.
var controllers = [...]struct{ v1, v2 string }{
	{"cpuset", "cpuset"}, {"cpu", "cpu"}, {"memory", "memory"}, {"blkio", "io"}, {"hugetlb", "hugetlb"},
	{"net_cls", ""}, {"net_prio", ""}, {"rdma", "rdma"}, {"pids", "pids"},
}

// Apply sets the limits and the device rules of a new container; all but the
// limit of pids. What the config does not name is left as it is.
func (g *Group) Apply(r *plan.Resources) error {
	if r == nil {
		return nil
	}
	early, late, err := g.writes(r)
	if err != nil {
		return err
	}
	if len(early)+len(late) > 0 {
		early, err = g.place(early)
		if err == nil {
			_, err = g.place(late) // a limit that will not be had is better told now
		}
		if err == nil {
			err = (&performer{}).all(g.kept(early))
		}
		if err != nil {
			return err
		}
	}
	return g.applyDevices(r.Devices)
}

// kept gives the values that systemd will keep, where the groups are its own.
func (g *Group) kept(list []placed) []placed {
	if g.unit == nil {
		return list
	}
	return round(list)
}

// ApplyLate sets the limit of pids, once the init is a single process.
func (g *Group) ApplyLate(r *plan.Resources) error {
	if g.unit != nil {
		g.unit.left()
	}
	if r == nil {
		return nil
	}
	_, late, err := g.writes(r)
	if err == nil {
		late, err = g.place(late)
	}
	if err != nil {
		return err
	}
	return (&performer{}).all(late)
}

// Update sets limits of a running container. After an error the limits are what
// they were, as far as the kernel lets them (the error says so, if not). rules are
// those for devices that were in force before, nil if that is not known.
//
// systemd comes between the files and the devices: it takes what the kernel took,
// all or nothing, and nothing of it is known to fail after that.
func (g *Group) Update(r *plan.Resources, rules []plan.DeviceRule) error {
	if r == nil {
		return nil
	}
	early, late, err := g.writes(r)
	if err != nil {
		return err
	}
	list, err := g.place(append(early, late...))
	if err != nil {
		return err
	}
	p := &performer{keep: true}
	list = g.kept(list)
	if err = p.all(list); err == nil && g.unit != nil {
		err = g.unit.tell(list, r.Devices)
	}
	if err != nil {
		return undone(err, p.undo())
	}
	if err = g.applyDevices(r.Devices); err == nil {
		return nil
	}
	// a v1 group may have taken some of them
	back := []error{p.undo(), g.applyDevices(rules)}
	if g.unit != nil {
		back = append(back, g.unit.tell(p.former(), rules))
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

// writes asks the pure functions of whichever version has each controller. A
// limit that no hierarchy has a controller for has no directory; see place.
func (g *Group) writes(r *plan.Resources) (early, late []placed, err error) {
	if len(r.Unified) > 0 && !g.onlyV2() {
		return nil, nil, fmt.Errorf("%sunified: invalid configuration: this host has its controllers on cgroup v1", limit.Resources)
	}
	for _, c := range controllers {
		list, dir, err := g.controllerWrites(c.v1, c.v2, r)
		if err != nil {
			return nil, nil, err
		}
		for _, w := range list {
			if c.v1 == "pids" {
				late = append(late, placed{w, dir})
			} else {
				early = append(early, placed{w, dir})
			}
		}
	}
	if len(r.Unified) > 0 {
		dir := g.v2().Path
		for _, w := range v2.Unified(r.Unified, false) {
			early = append(early, placed{w, dir})
		}
		for _, w := range v2.Unified(r.Unified, true) {
			late = append(late, placed{w, dir})
		}
	}
	return early, late, nil
}

// controllerWrites decides for v1 where that has the controller. dir is empty
// when the group of cgroup v2 has still to prove that it has it.
func (g *Group) controllerWrites(name1, name2 string, r *plan.Resources) (list []limit.Write, dir string, err error) {
	if d := g.v1(name1); d != nil {
		list, err = v1.Writes(name1, r)
		return list, d.Path, err
	}
	d := g.v2()
	if d == nil || name2 == "" {
		list, err = v1.Writes(name1, r)
		return list, "", err
	}
	if name2 == "memory" {
		r = d.withLimit(r)
	}
	list, err = v2.Writes(name2, r)
	if name2 == "memory" && err == nil {
		err = d.checkUsage(r.Memory)
	}
	return list, d.Path, err
}

// withLimit completes a limit of memory and swap together that comes alone: on v2
// swap has a limit of its own, the difference to that of memory which is in force.
func (d *Dir) withLimit(r *plan.Resources) *plan.Resources {
	m := r.Memory
	if m == nil || m.Swap == nil || *m.Swap <= 0 || m.Limit != nil && *m.Limit != 0 {
		return r
	}
	text, err := readFile(d.Path + "/memory.max")
	now, err2 := strconv.ParseInt(text, 10, 64)
	if err != nil || err2 != nil {
		return r // there is none: v2.Writes says what is missing
	}
	whole, memory := *r, *m
	memory.Limit, whole.Memory = &now, &memory
	return &whole
}

// checkUsage is linux.resources.memory.checkBeforeUpdate.
func (d *Dir) checkUsage(m *plan.Memory) error {
	if m == nil || !m.CheckBeforeUpdate {
		return nil
	}
	memory, err := readFile(d.Path + "/memory.current")
	if err != nil {
		return nil // the write of the limit will tell why
	}
	swap, _ := readFile(d.Path + "/memory.swap.current") // none without swap
	m1, _ := strconv.ParseUint(memory, 10, 64)
	s1, _ := strconv.ParseUint(swap, 10, 64)
	return v2.UsageError(m, m1, s1)
}

func (g *Group) onlyV2() bool {
	for i := range g.dirs {
		if !g.dirs[i].V2 {
			return false
		}
	}
	return len(g.dirs) > 0
}

// place makes sure that each write has its controller: on cgroup v2 it is turned
// on from the root down. A limit without one is an error.
func (g *Group) place(list []placed) ([]placed, error) {
	d := g.v2()
	var have string
	asked := false
	var enableErr error
	kept := list[:0]
	for _, w := range list {
		if d != nil && w.dir == d.Path && w.Controller != "cgroup" {
			if !asked {
				asked = true
				have, enableErr = g.controllersOf(d)
			}
			if !hasWord(have, w.Controller) {
				w.dir = ""
			}
		}
		if w.dir == "" {
			if !w.Lost() {
				continue // no limit is what a host without the controller has
			}
			return nil, &Error{Origin: w.Origin, Controller: w.Controller, Value: w.Value, Err: g.whyMissing(enableErr)}
		}
		kept = append(kept, w)
	}
	return kept, nil
}

func (g *Group) whyMissing(enableErr error) error {
	switch {
	case len(g.dirs) == 0:
		return errNoGroup
	case enableErr != nil:
		return enableErr
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
