package libcontainer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup"
	"github.com/rung-oci/rung/libcontainer/internal/host"
	"github.com/rung-oci/rung/libcontainer/internal/rdt"
	"github.com/rung-oci/rung/libcontainer/internal/spec"
	"github.com/rung-oci/rung/libcontainer/internal/state"
	"golang.org/x/sys/unix"
)

// salvage makes a record for a container whose own is lost or cannot be understood, so that it can be
// deleted by force. The container's cgroups are those of the host that bear its mark: neither the record
// nor the config is asked. Where no cgroup does (an earlier rung has made them, or the host has no such
// attributes) they are those that the config asks for, and what is in there is believed if the init is.
// The init is what the record says of it, if the kernel knows it by pid and start time and shown agrees.
func (c *Container) salvage(e *state.Entry) (*state.State, error) {
	st := e.Salvage()
	c.state = st
	raw, err := e.Config()
	s := &specs.Spec{}
	known := false
	if err == nil {
		if l, err := spec.Parse(raw); err == nil && l.Spec != nil {
			s, known = l.Spec, true
		}
	}
	if s.Linux != nil && s.Linux.IntelRdt != nil && s.Linux.IntelRdt.ClosID == "" {
		if dir, err := rdt.Mount(); err == nil {
			st.RdtClass, st.RdtOwn = filepath.Join(dir, c.id), true
		}
	}
	layout, err := host.Cgroups()
	if err != nil {
		return st, err
	}
	g, err := cgroup.Find(layout, c.owns(e))
	if err != nil {
		return st, err
	}
	if len(g.Dirs()) > 0 {
		st.Cgroups = stateCgroups(g)
		return st, nil
	}
	g, err = c.configured(s, layout)
	if err != nil {
		return st, err
	}
	if g != nil {
		st.Cgroups = stateCgroups(g)
		return st, c.believe(e, g)
	}
	if known {
		err = c.gone(s)
	}
	return st, err
}

// search looks for the container's cgroups in all of the host, by their mark, and returns whether there are
// any. It is for a record that names none of them: somebody who can write to the store has made it, or the
// container has no cgroup any more, as when systemd has removed its scope. From then on the record has the
// cgroups that were found, and the inode of the directory decides whose a mark is.
func (c *Container) search(e *state.Entry, claim *cgroup.Claim) (found bool, err error) {
	layout, err := host.Cgroups()
	if err != nil {
		return false, err
	}
	creator := c.state.CreatorPid
	c.state.CreatorPid = 0
	g, err := cgroup.Find(layout, c.owns(e))
	if err != nil || len(g.Dirs()) == 0 {
		c.state.CreatorPid = creator
		return false, err
	}
	c.state.Cgroups, c.state.Unit = stateCgroups(g), ""
	*claim, err = c.claim(e)
	return true, err
}

// configured is the groups that the config asks for, nil if the container has none of its own.
func (c *Container) configured(s *specs.Spec, layout host.CgroupLayout) (*cgroup.Group, error) {
	if layout.Mode == host.NoCgroups {
		return nil, nil
	}
	path := ""
	if s.Linux != nil {
		path = s.Linux.CgroupsPath
	}
	p := &prepared{opt: &CreateOptions{Root: c.root, ID: c.id}, spec: s}
	p.facts.Rootless = host.Rootless()
	g, err := p.newGroup(layout, path)
	if err != nil {
		return nil, err
	}
	if p.facts.Rootless && path == "" && g.DropDenied() == 0 {
		return nil, nil
	}
	return g, nil
}

// believe reports processes in the groups of which nothing tells whose they are.
func (c *Container) believe(e *state.Entry, g *cgroup.Group) error {
	claim, err := c.claim(e)
	_, unknown := c.doubtful(claim.Others)
	if err != nil || len(unknown) == 0 {
		return err
	}
	o := unknown[0]
	return fmt.Errorf("nothing else tells whose the %d processes in control group %s are (%d among them): end them, and delete again", len(o.Pids), g.Path(), o.Pids[0])
}

// gone makes sure that no process of a container without cgroups is left, as far as its root file system
// tells. A relative one is below a bundle that the lost record had named.
func (c *Container) gone(s *specs.Spec) error {
	if _, err := c.state.Pidfd(); err == nil || s.Root == nil || !strings.HasPrefix(s.Root.Path, "/") {
		return nil
	}
	pids, err := runsSomewhere(s.Root.Path)
	if err == nil && len(pids) > 0 {
		err = fmt.Errorf("%d processes have the container's root file system %s (%d among them), and nothing else tells whose they are: end them, and delete again", len(pids), s.Root.Path, pids[0])
	}
	return err
}

// lost reports whether the record was there once: something of the container is left that create makes
// after it.
func lost(e *state.Entry) bool {
	_, err := os.Lstat(filepath.Join(e.Dir(), "config.json"))
	return e.HasGate() || !errors.Is(err, unix.ENOENT)
}
