package compile

import (
	"errors"

	"github.com/rung-oci/rung/libcontainer/internal/plan"
)

var errReservedClass = errors.New("linux.intelRdt: a class named by the container's id would be a directory of resctrl itself; name one with closID")

// rdt plans the container's class of service. Without closID it is one of its
// own, named by the container's id; "/" is the default class, resctrl's root.
func (c *compiler) rdt() error {
	r := hasLinux(c.spec).IntelRdt
	if r == nil {
		return nil
	}
	name := r.ClosID
	if name == "" {
		name = c.opt.ID
	}
	switch name {
	case "info", "mon_data", "mon_groups":
		return errReservedClass
	}
	g := plan.RdtGroup{Root: c.opt.Resctrl, Class: c.opt.Resctrl + "/" + name, Own: r.ClosID == "", L3: r.L3CacheSchema, MB: r.MemBwSchema, Lines: r.Schemata}
	if name == "/" {
		g.Class = g.Root
	}
	if r.EnableMonitoring {
		g.Monitor = g.Class + "/mon_groups/" + c.opt.ID
	}
	c.opt.RdtGroups = append(c.opt.RdtGroups, g.Class)
	if g.Monitor != "" {
		c.opt.RdtGroups = append(c.opt.RdtGroups, g.Monitor)
	}
	c.step("linux.intelRdt", g)
	return nil
}

// joinRdt: 0 is the writer itself, and its children follow it. The monitoring
// group comes second: it takes tasks of its class only.
func (c *compiler) joinRdt() {
	for _, dir := range c.opt.RdtGroups {
		c.emit("linux.intelRdt", &plan.WriteFile{Path: dir + "/tasks", Data: "0"})
	}
}
