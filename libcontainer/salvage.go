package libcontainer

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/host"
	"github.com/rung-oci/rung/libcontainer/internal/rdt"
	"github.com/rung-oci/rung/libcontainer/internal/state"
)

// salvage makes a record for a container whose own cannot be understood, so that
// it can be deleted by force. Nothing that a damaged record says is believed but
// the init, which the kernel confirms by pid and start time. The control groups
// are those that the config as it was at create asks for. Without a config either
// there is only the place where they are by default; whoever is in there is killed
// if the init is among them, and else may be somebody else's.
func (c *Container) salvage(e *state.Entry) (*state.State, error) {
	st := e.Salvage()
	s, err := c.config(e)
	known := err == nil
	if !known {
		s = &specs.Spec{}
	}
	if s.Linux != nil && s.Linux.IntelRdt != nil && s.Linux.IntelRdt.ClosID == "" {
		if dir, err := rdt.Mount(); err == nil {
			st.RdtClass, st.RdtOwn = filepath.Join(dir, c.id), true
		}
	}
	layout, err := host.Cgroups()
	if err != nil || layout.Mode == host.NoCgroups {
		return st, err
	}
	path := ""
	if s.Linux != nil {
		path = s.Linux.CgroupsPath
	}
	p := &prepared{opt: &CreateOptions{Root: c.root, ID: c.id}, spec: s}
	p.facts.Rootless = host.Rootless()
	g, err := p.newGroup(layout, path)
	if err != nil {
		return st, err
	}
	if p.facts.Rootless && path == "" && g.DropDenied() == 0 {
		return st, nil // it had none of its own
	}
	if !known {
		pids, err := g.Pids()
		if err != nil {
			return st, err
		}
		if len(pids) > 0 && !slices.Contains(pids, st.Pid) {
			return st, fmt.Errorf("nothing else tells whose the %d processes in control group %s are (%d among them): end them, and delete again", len(pids), g.Path(), pids[0])
		}
	}
	st.Cgroups = stateCgroups(g)
	return st, nil
}
