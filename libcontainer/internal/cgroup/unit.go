package cgroup

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup/property"
	"github.com/rung-oci/rung/libcontainer/internal/host"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"github.com/rung-oci/rung/libcontainer/internal/systemd"
	"golang.org/x/sys/unix"
)

// unit is the systemd unit whose groups the container's are.
type unit struct {
	systemd.Unit
	occupy  func() (pid int, leave func(), err error)
	leave   func()
	started bool
	conn    *systemd.Conn
}

// NewUnit says where the groups of a unit are, and touches nothing. A scope exists only around a process: occupy starts one
// that stays in it until the init is there.
func NewUnit(l host.CgroupLayout, u systemd.Unit, id string, occupy func() (pid int, leave func(), err error)) (*Group, error) {
	root := ""
	own := &unit{Unit: u, occupy: occupy}
	if u.User {
		c, err := own.connect()
		if err != nil {
			return nil, err
		}
		if root, err = c.Root(); err != nil {
			return nil, err
		}
	}
	g, err := New(l, root+u.Path(), id)
	if err == nil {
		g.unit = own
	}
	return g, err
}

// SetUnit says that groups which Open gave are those of a unit.
func (g *Group) SetUnit(u systemd.Unit) { g.unit = &unit{Unit: u} }

// Unit is the systemd unit whose groups these are, or nil.
func (g *Group) Unit() *systemd.Unit {
	if g.unit == nil {
		return nil
	}
	return &g.unit.Unit
}

func (u *unit) connect() (*systemd.Conn, error) {
	if u.conn == nil {
		c, err := systemd.Connect(u.User)
		if err != nil {
			return nil, err
		}
		u.conn = c
	}
	return u.conn, nil
}

// SystemdVersion is the number of systemd's release; 0: it cannot be asked.
func (g *Group) SystemdVersion() int {
	if g.unit == nil {
		return 0
	}
	c, err := g.unit.connect()
	if err != nil {
		return 0 // to make the unit will say why
	}
	return c.Version()
}

// startUnit has systemd make the groups, with all limits.
func (g *Group) startUnit(properties []plan.UnitProperty) error {
	u := g.unit
	c, err := u.connect()
	if err != nil {
		return err
	}
	var pids []uint32
	if !u.IsSlice() {
		pid, leave, err := u.occupy()
		if err != nil {
			return err
		}
		u.leave = leave
		pids = append(pids, uint32(pid))
	}
	all := systemd.Base(&u.Unit, "container "+path.Base(g.path), pids...)
	if err := c.Start(u.Name, append(all, systemd.Properties(properties)...)); err != nil {
		return err
	}
	u.started = true
	if err := g.admit(slices.ContainsFunc(properties, func(p plan.UnitProperty) bool { return p.Name == "TasksMax" })); err != nil {
		return err
	}
	return g.Approach()
}

// Approach makes sure that this process can start others in a unit of the user's
// manager. The kernel asks for write permission on the group that holds both of
// them (cgroup-v2.rst, Delegation Containment), and a login session is in one of
// root's. The manager can have root's move processes of its user: so it is asked
// to put this one into a scope of its own, which is gone with it.
func (g *Group) Approach() error {
	d := g.v2()
	if g.unit == nil || !g.unit.User || d == nil {
		return nil
	}
	own, err := readFile("/proc/self/cgroup")
	if err != nil {
		return err
	}
	if mayStartIn(d, own) {
		return nil
	}
	c, err := g.unit.connect()
	if err != nil {
		return err
	}
	pid := os.Getpid()
	return c.Start("rung-runtime-"+strconv.Itoa(pid)+".scope", systemd.Own(uint32(pid)))
}

// mayStartIn says whether a process of the groups own, as /proc/self/cgroup has
// them, may start others in the directory.
func mayStartIn(d *Dir, own string) bool {
	at, ok := unifiedPath(own)
	if !ok {
		return false
	}
	both := commonDir(d.Mount+at, d.Path)
	return sys.Faccessat(unix.AT_FDCWD, both+"/cgroup.procs", unix.W_OK, unix.AT_EACCESS) == nil
}

// commonDir is the last directory on the way to both.
func commonDir(a, b string) string {
	a, b = path.Clean(a)+"/", path.Clean(b)+"/"
	last := 0
	for i := 0; i < len(a) && i < len(b) && a[i] == b[i]; i++ {
		if a[i] == '/' {
			last = i
		}
	}
	return a[:last]
}

// admit lets the init in beside the process that holds the scope, whatever
// number of processes is allowed: a later write of the plan sets that.
func (g *Group) admit(bounded bool) error {
	d := g.v2()
	if !bounded || d == nil {
		return nil
	}
	err := sys.WriteFile(d.Path+"/pids.max", "max")
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}

func properties(list []placed, rules []plan.DeviceRule, version int) []systemd.Property {
	writes := make([]limit.Write, len(list))
	for i := range list {
		writes[i] = list[i].Write
	}
	return systemd.Properties(append(property.Limits(writes, version), property.Devices(rules, DeviceGroup)...))
}

// left ends the process that held the scope, now that the init is in it.
func (u *unit) left() {
	if u.leave != nil {
		u.leave()
		u.leave = nil
	}
}

// tell has systemd know limits of a unit that is there.
func (u *unit) tell(list []placed, rules []plan.DeviceRule) error {
	c, err := u.connect()
	if err != nil {
		return err
	}
	return c.Set(u.Name, properties(weighed(list), rules, c.Version()))
}

// weighed adds the weight that a group has got by being idle no more: to systemd
// idle is a weight, that it would write again.
func weighed(list []placed) []placed {
	var idle *placed
	for i := range list {
		switch {
		case list[i].File == "cpu.weight":
			return list
		case list[i].File == "cpu.idle" && list[i].Value == "0":
			idle = &list[i]
		}
	}
	if idle == nil {
		return list
	}
	weight, err := readFile(idle.dir + "/cpu.weight")
	if err != nil {
		return list
	}
	return append(slices.Clip(list), placed{limit.Write{Controller: "cpu", File: "cpu.weight", Value: weight, Origin: idle.Origin}, idle.dir})
}

// stop removes the unit, whose groups are empty or gone. A unit that this process has not started is asked
// first where its group is: a record can name the unit of somebody else.
func (u *unit) stop(group string) error {
	u.left()
	c, err := u.connect()
	if err != nil {
		return err
	}
	if !u.started {
		at, err := c.UnitGroup(u.Name)
		if err == nil && at != "" && !strings.HasSuffix(at, group) && !strings.HasSuffix(group, at) {
			err = fmt.Errorf("systemd: unit %s is not the container's: its cgroup is %s, not %s", u.Name, at, group)
		}
		if err != nil {
			return err
		}
	}
	if err := c.Stop(u.Name); err != nil {
		return err
	}
	return c.ResetFailed(u.Name)
}

// DeviceGroup is the name of a device number in /proc/devices (proc(5)).
func DeviceGroup(block bool, major int64) string {
	f, err := os.Open("/proc/devices")
	if err != nil {
		return ""
	}
	defer f.Close()
	inBlock := false
	for s := bufio.NewScanner(f); s.Scan(); {
		line := s.Text()
		if strings.HasPrefix(line, "Block") {
			inBlock = true
		}
		number, name, ok := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.ParseInt(number, 10, 64); ok && err == nil && n == major && inBlock == block {
			return name
		}
	}
	return ""
}
