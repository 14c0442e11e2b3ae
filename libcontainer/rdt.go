package libcontainer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/rdt"
	"github.com/rung-oci/rung/libcontainer/internal/state"
	"golang.org/x/sys/unix"
)

// resctrl finds the file system that the config's class of service lives in. A
// class that would be the container's own, and is there, is somebody else's:
// the record must not name it.
func (p *prepared) resctrl() error {
	if p.spec.Linux == nil || p.spec.Linux.IntelRdt == nil {
		return nil
	}
	dir, err := rdt.Mount()
	if err != nil {
		return withCode(CodeRdt, fmt.Errorf("linux.intelRdt: %w", err))
	}
	p.copts.Resctrl = dir
	if own := filepath.Join(dir, p.opt.ID); p.spec.Linux.IntelRdt.ClosID == "" {
		if _, err := os.Lstat(own); err == nil {
			return withCode(CodeRdt, fmt.Errorf("linux.intelRdt: make the class %s: %w", own, unix.EEXIST))
		}
	}
	return nil
}

// rdtRecord notes in the record what of resctrl will be the container's.
func rdtRecord(st *state.State, p *plan.Plan) {
	if g, ok := plan.Find[plan.RdtGroup](p); ok {
		st.RdtClass, st.RdtMonitor, st.RdtOwn = g.Class, g.Monitor, g.Own
	}
}

// removeRdt takes away what create made in resctrl.
func (c *Container) removeRdt() error {
	if !c.state.RdtOwn && c.state.RdtMonitor == "" {
		return nil
	}
	if err := rdt.Check(c.state.RdtClass); err != nil {
		if errors.Is(err, unix.ENOENT) {
			return nil
		}
		return err
	}
	g := rdt.Group{Root: filepath.Dir(c.state.RdtClass), Class: c.state.RdtClass, Own: c.state.RdtOwn, Monitor: c.state.RdtMonitor}
	return g.Remove()
}

// rdtGroups are the directories of resctrl that a further process joins.
func rdtGroups(st *state.State) (dirs []string, err error) {
	if st.RdtClass != "" {
		if err := rdt.Check(st.RdtClass); err != nil {
			return nil, err
		}
	}
	for _, dir := range [...]string{st.RdtClass, st.RdtMonitor} {
		if dir != "" {
			dirs = append(dirs, dir)
		}
	}
	return dirs, nil
}

var errNoClass = errors.New("the container was created without linux.intelRdt: it has no class of service to change")

// updateRdt changes what the container's class of service may use, and gives what
// takes it back. A class that was named by closID is changed for all that are in it.
func (c *Container) updateRdt(l3CacheSchema, memBwSchema string) (undo func() error, err error) {
	if l3CacheSchema == "" && memBwSchema == "" {
		return func() error { return nil }, nil
	}
	if c.state.RdtClass == "" {
		return nil, errNoClass
	}
	if err := rdt.Check(c.state.RdtClass); err != nil {
		return nil, err
	}
	return rdt.Set(c.state.RdtClass, l3CacheSchema, memBwSchema)
}
