package cgroup

import (
	"github.com/opencontainers/runtime-spec/specs-go"
	v2 "github.com/rung-oci/rung/libcontainer/internal/cgroup/v2"
	"github.com/rung-oci/rung/libcontainer/internal/compile"
)

// controls is what a config's resources come to for a group, as its plan has it.
func controls(g *Group, r *specs.LinuxResources) (*compile.Controls, error) {
	var dirs []compile.CgroupDir
	for _, d := range g.dirs {
		dirs = append(dirs, compile.CgroupDir{Name: d.Name, Controllers: d.Controllers, Mount: d.Mount, Dir: d.Path, V2: d.V2, Own: true})
	}
	return compile.UpdatedControls(r, dirs, g.unit != nil, g.MemoryInForce())
}

// apply sees to all of the controllers and does the early writes.
func apply(g *Group, r *specs.LinuxResources) error {
	c, err := controls(g, r)
	if err == nil {
		err = g.Available(append(c.Early, c.Late...))
	}
	if err != nil {
		return err
	}
	return g.Apply(c.Early)
}

func applyLate(g *Group, r *specs.LinuxResources) error {
	c, err := controls(g, r)
	if err != nil {
		return err
	}
	return g.Apply(c.Late)
}

func update(g *Group, r *specs.LinuxResources) error {
	c, err := controls(g, r)
	if err != nil {
		return err
	}
	if memory, swap, known := g.MemoryUsed(); known {
		if err := v2.UsageError(r.Memory, memory, swap); err != nil {
			return err
		}
	}
	return g.Update(append(c.Early, c.Late...), nil, nil)
}
