package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// Write is one value for one file of one controller.
type Write struct {
	Controller string
	File       string
	Value      string
	Origin     string // JSON path of the config field below linux.resources
	Optional   bool   // a kernel without the file is as good
}

// Error is a limit that could not be set.
type Error struct {
	Write
	Dir string
	Err error
}

func (e *Error) Error() string {
	if e.Dir == "" {
		return "linux.resources." + e.Origin + ": the " + e.Controller + " controller is not available here: " + e.Err.Error()
	}
	return "linux.resources." + e.Origin + ": write " + strconv.Quote(e.Value) + " to " + path.Join(e.Dir, e.File) + ": " + cause(e.Err).Error()
}

// Unwrap gives the reason.
func (e *Error) Unwrap() error { return e.Err }

func cause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// Apply writes every limit but that of pids, and the device rules.
func (g *Group) Apply(r *plan.Resources) error {
	if r == nil {
		return nil
	}
	unified := g.v2() != nil && g.onlyV2()
	if !unified && len(r.Unified) > 0 {
		return fmt.Errorf("linux.resources.unified: invalid configuration: this host has no pure cgroup v2")
	}
	var list []Write
	if unified {
		list = writesV2(r)
	} else {
		list = writesV1(r)
	}
	if err := g.enable(list); err != nil {
		return err
	}
	if err := g.perform(list); err != nil {
		return err
	}
	return g.applyDevices(r.Devices)
}

// ApplyLate writes the limit of pids: the init may be two processes for a
// moment.
func (g *Group) ApplyLate(r *plan.Resources) error {
	if r == nil || r.Pids == nil {
		return nil
	}
	list := pidsWrites(r.Pids)
	if err := g.enable(list); err != nil {
		return err
	}
	return g.perform(list)
}

func (g *Group) onlyV2() bool {
	for i := range g.dirs {
		if !g.dirs[i].V2 {
			return false
		}
	}
	return true
}

// dirOf is where a controller's files are.
func (g *Group) dirOf(controller string) *Dir {
	if d := g.v1(controller); d != nil {
		return d
	}
	if d := g.v2(); d != nil && (g.onlyV2() || controllerEnabled(d.Path, controller)) {
		return d
	}
	return nil
}

func controllerEnabled(dir, controller string) bool {
	b, err := os.ReadFile(path.Join(dir, "cgroup.controllers"))
	return err == nil && containsField(string(b), controller)
}

func containsField(list, word string) bool {
	for f := range strings.FieldsSeq(list) {
		if f == word {
			return true
		}
	}
	return false
}

// perform writes the list in order. A pair that refuses its order (a limit of
// memory and one of memory and swap, a quota and its period) is tried the other
// way round.
func (g *Group) perform(list []Write) error {
	for i := 0; i < len(list); i++ {
		w := &list[i]
		err := g.write(w)
		if err == nil {
			continue
		}
		if i+1 < len(list) && sameSubject(w, &list[i+1]) && (errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EBUSY)) {
			if g.write(&list[i+1]) == nil && g.write(w) == nil {
				i++
				continue
			}
		}
		return err
	}
	return nil
}

// sameSubject: two files that bound each other.
func sameSubject(a, b *Write) bool {
	pair := func(x, y string) bool { return a.File == x && b.File == y }
	return pair("memory.limit_in_bytes", "memory.memsw.limit_in_bytes") || pair("cpu.cfs_period_us", "cpu.cfs_quota_us") ||
		pair("cpu.rt_period_us", "cpu.rt_runtime_us")
}

func (g *Group) write(w *Write) error {
	d := g.dirOf(w.Controller)
	if d == nil {
		if w.Optional {
			return nil
		}
		return &Error{Write: *w, Err: unix.ENOENT}
	}
	err := sys.WriteFile(path.Join(d.Path, w.File), w.Value)
	if err == nil {
		return nil
	}
	if w.Optional && errors.Is(err, unix.ENOENT) {
		return nil
	}
	if d.V2 && errors.Is(err, unix.ENOENT) && !controllerEnabled(d.Path, w.Controller) {
		return &Error{Write: *w, Err: unix.ENOENT}
	}
	return &Error{Write: *w, Dir: d.Path, Err: err}
}

// enable turns controllers on from the root of cgroup v2 down to the
// container's group, which a limit needs: all that there are, so that the
// container's group has them too. A group above it with processes refuses
// (cgroup-v2.rst, No Internal Process Constraint); the write of the limit then says so.
func (g *Group) enable(list []Write) error {
	d := g.v2()
	if d == nil || len(list) == 0 {
		return nil
	}
	needed := false
	for i := range list {
		needed = needed || g.v1(list[i].Controller) == nil
	}
	if !needed {
		return nil
	}
	b, err := os.ReadFile(path.Join(d.Mount, "cgroup.controllers"))
	if err != nil {
		return err
	}
	available := strings.Fields(string(b))
	if len(available) == 0 {
		return nil
	}
	rel := strings.Split(strings.Trim(strings.TrimPrefix(d.Path, d.Mount), "/"), "/")
	dir := d.Mount
	for _, next := range rel {
		enableIn(dir, available)
		dir = path.Join(dir, next)
	}
	return nil
}

func enableIn(dir string, controllers []string) {
	file := path.Join(dir, "cgroup.subtree_control")
	b, err := os.ReadFile(file)
	if err != nil {
		return
	}
	var missing []string
	for _, c := range controllers {
		if !containsField(string(b), c) {
			missing = append(missing, "+"+c)
		}
	}
	if len(missing) == 0 || sys.WriteFile(file, strings.Join(missing, " ")) == nil {
		return
	}
	for _, m := range missing { // one that cannot be had must not keep the others away
		_ = sys.WriteFile(file, m)
	}
}

func pidsWrites(p *plan.Pids) []Write {
	if p.Limit == nil {
		return nil
	}
	value := "max"
	if *p.Limit >= 0 {
		value = strconv.FormatInt(max(*p.Limit, 1), 10)
	}
	return []Write{{Controller: "pids", File: "pids.max", Value: value, Origin: "pids.limit"}}
}

func itoa(n int64) string  { return strconv.FormatInt(n, 10) }
func utoa(n uint64) string { return strconv.FormatUint(n, 10) }
