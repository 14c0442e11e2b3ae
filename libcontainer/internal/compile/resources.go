package compile

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/annotation"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup/property"
	v1 "github.com/rung-oci/rung/libcontainer/internal/cgroup/v1"
	v2 "github.com/rung-oci/rung/libcontainer/internal/cgroup/v2"
	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
)

// runtimeDevices are allowed after all rules of the config: without them the
// default devices (config-linux.md, Default Devices) could not be used, nor any
// node be made, which by itself gives access to nothing.
var runtimeDevices = [...]plan.DeviceRule{
	{Allow: true, Type: 'c', Major: plan.AnyDevice, Minor: plan.AnyDevice, Access: plan.DeviceMknod},
	{Allow: true, Type: 'b', Major: plan.AnyDevice, Minor: plan.AnyDevice, Access: plan.DeviceMknod},
	{Allow: true, Type: 'c', Major: 1, Minor: 3, Access: plan.DeviceAll},                // null
	{Allow: true, Type: 'c', Major: 1, Minor: 5, Access: plan.DeviceAll},                // zero
	{Allow: true, Type: 'c', Major: 1, Minor: 7, Access: plan.DeviceAll},                // full
	{Allow: true, Type: 'c', Major: 1, Minor: 8, Access: plan.DeviceAll},                // random
	{Allow: true, Type: 'c', Major: 1, Minor: 9, Access: plan.DeviceAll},                // urandom
	{Allow: true, Type: 'c', Major: 5, Minor: 0, Access: plan.DeviceAll},                // tty
	{Allow: true, Type: 'c', Major: 5, Minor: 1, Access: plan.DeviceAll},                // console
	{Allow: true, Type: 'c', Major: 5, Minor: 2, Access: plan.DeviceAll},                // ptmx
	{Allow: true, Type: 'c', Major: 136, Minor: plan.AnyDevice, Access: plan.DeviceAll}, // pts/*
}

// Controls is what linux.resources comes to on the host: values for files of the container's cgroups, and rules for devices.
type Controls struct {
	Early, Late []limit.Write       // before the init is started; when it is a single process
	Devices     *plan.CgroupDevices // nil: devices are left alone
}

// controllers that take limits, by their names on v1 and v2, in the order of writing. What has no name there has no such
// controller. A limit of pids is written late: the init may be two processes for a moment.
var controllers = [...]struct {
	v1, v2 string
	late   bool
}{
	{"cpuset", "cpuset", false}, {"cpu", "cpu", false}, {"memory", "memory", false}, {"blkio", "io", false}, {"hugetlb", "hugetlb", false},
	{"net_cls", "", false}, {"net_prio", "", false}, {"rdma", "rdma", false}, {"pids", "pids", true},
}

// sound judges resources that nothing is made of: the container has no cgroups of its own.
func sound(r *specs.LinuxResources) error {
	if r == nil {
		return nil
	}
	_, err := deviceRules(r.Devices)
	return errors.Join(err, fileNames(r))
}

// CreatedControls translates linux.resources of a new container. Its devices are controlled whether or not the config has
// rules. What is wrong is told all at once.
func CreatedControls(r *specs.LinuxResources, dirs []CgroupDir, unit bool) (*Controls, error) {
	if r == nil {
		r = &specs.LinuxResources{}
	}
	devices, err := deviceRules(r.Devices)
	c, err2 := controls(r, dirs, unit)
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	c.Devices = devices
	return c, nil
}

// UpdatedControls translates what an update changes. Rules for devices are the whole new ones; without any, devices are
// left alone. inForce is the limit of memory, in bytes, that a cgroup v2 group has now; 0: none.
func UpdatedControls(r *specs.LinuxResources, dirs []CgroupDir, unit bool, inForce int64) (*Controls, error) {
	if m := r.Memory; m != nil && m.Swap != nil && *m.Swap > 0 && (m.Limit == nil || *m.Limit == 0) && inForce > 0 && dirOf(dirs, "memory") == nil {
		// a limit of memory and swap together that comes alone: on v2 swap has a limit of its own, the difference to memory's
		whole, memory := *r, *m
		memory.Limit, whole.Memory = &inForce, &memory
		r = &whole
	}
	if m := r.Memory; m != nil && m.Swap != nil && *m.Swap == 0 {
		// of an update 0 is unset
		whole, memory := *r, *m
		memory.Swap, whole.Memory = nil, &memory
		r = &whole
	}
	c, err := controls(r, dirs, unit)
	if err != nil {
		return nil, err
	}
	if len(r.Devices) > 0 {
		c.Devices, err = deviceRules(r.Devices)
	}
	return c, err
}

// controls asks the pure functions of whichever version has each controller.
func controls(r *specs.LinuxResources, dirs []CgroupDir, unit bool) (*Controls, error) {
	if err := fileNames(r); err != nil {
		return nil, err
	}
	c := &Controls{}
	var errs []error
	place := func(list []limit.Write, hierarchy string, nowhere, late bool) {
		for i := range list {
			list[i].Hierarchy, list[i].Nowhere = hierarchy, nowhere
		}
		if late {
			c.Late = append(c.Late, list...)
		} else {
			c.Early = append(c.Early, list...)
		}
	}
	unified := dirV2(dirs)
	for _, k := range controllers {
		var list []limit.Write
		var err error
		d, nowhere := dirOf(dirs, k.v1), false
		switch {
		case d != nil:
			list, err = v1.Writes(k.v1, r)
		case unified != nil && k.v2 != "":
			d = unified
			list, err = v2.Writes(k.v2, r)
		default:
			d, nowhere = &CgroupDir{}, true
			list, err = v1.Writes(k.v1, r)
		}
		errs = append(errs, err)
		place(list, d.Name, nowhere, k.late)
	}
	if len(r.Unified) > 0 {
		if unified == nil || !onlyV2(dirs) {
			errs = append(errs, errors.New("linux.resources.unified: invalid configuration: this host has its controllers on cgroup v1"))
		} else {
			place(v2.Unified(r.Unified, false), unified.Name, false, false)
			place(v2.Unified(r.Unified, true), unified.Name, false, true)
		}
	}
	if unit {
		c.Early = property.Round(c.Early)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, &ControlsError{err}
	}
	return c, nil
}

// ControlsError is limits that the cgroups of this host cannot have: all of them, a line each.
type ControlsError struct{ Err error }

func (e *ControlsError) Error() string { return e.Err.Error() }

// Unwrap gives the errors of the fields.
func (e *ControlsError) Unwrap() error { return e.Err }

// fileNames judges what of the config becomes the name of a file.
func fileNames(r *specs.LinuxResources) error {
	var errs []error
	for i, h := range r.HugepageLimits {
		if !fileNamePart(h.Pagesize) {
			errs = append(errs, fmt.Errorf("%s.pageSize: %q is no size of pages", at("linux.resources.hugepageLimits", i), h.Pagesize))
		}
	}
	for _, file := range jsonscan.SortedKeys(r.Unified) {
		if !fileNamePart(file) || !strings.Contains(file, ".") {
			errs = append(errs, fmt.Errorf("linux.resources.unified: %q is not the name of a control group file, such as memory.high", file))
		}
	}
	return errors.Join(errs...)
}

// dirOf is the container's own v1 group of a controller; nil: there is none.
func dirOf(dirs []CgroupDir, controller string) *CgroupDir {
	for i := range dirs {
		if dirs[i].Own && !dirs[i].V2 && slices.Contains(dirs[i].Controllers, controller) {
			return &dirs[i]
		}
	}
	return nil
}

func dirV2(dirs []CgroupDir) *CgroupDir {
	for i := range dirs {
		if dirs[i].Own && dirs[i].V2 {
			return &dirs[i]
		}
	}
	return nil
}

func onlyV2(dirs []CgroupDir) bool {
	return !slices.ContainsFunc(dirs, func(d CgroupDir) bool { return d.Own && !d.V2 })
}

// unitProperties puts into properties of the unit what will be written to its files. The config's limits come last: no
// annotation undoes one, not at the next daemon-reload either.
func (c *compiler) unitProperties(k *Controls) []plan.UnitProperty {
	version := c.facts.Systemd
	if version == 0 {
		version = math.MaxInt
	}
	name := c.facts.DeviceGroup
	if name == nil {
		name = func(bool, int64) string { return "" }
	}
	all := append(slices.Clone(k.Early), k.Late...)
	limits := append(property.Limits(all, version), property.Devices(k.Devices.Rules, name)...)
	merged, replaced := property.Merge(c.opt.UnitProperties, limits)
	for _, name := range replaced {
		c.warn(annotationPath(annotation.SystemdProperties+name) + ": is not applied: linux.resources has such a limit")
	}
	return merged
}

// deviceRules is the config's rules with the runtime's own behind them.
func deviceRules(rules []specs.LinuxDeviceCgroup) (*plan.CgroupDevices, error) {
	list := make([]plan.DeviceRule, 0, len(rules)+len(runtimeDevices))
	for i := range rules {
		rule, err := deviceRule(&rules[i])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", at("linux.resources.devices", i), err)
		}
		switch {
		case rule.Type != 'a':
			list = append(list, rule)
		case rule.Major != plan.AnyDevice || rule.Minor != plan.AnyDevice || rule.Access != plan.DeviceAll:
			// Both types, and those devices and accesses alone (config-linux.md, Device whitelist). The kernel
			// would take it as every access to every device (devcgroup_update_access, case 'a').
			for _, rule.Type = range [...]byte{'c', 'b'} {
				list = append(list, rule)
			}
		default:
			list = list[:0] // it decides for every device: nothing before it counts
			if rule.Allow { // else it is as all begins
				list = append(list, rule)
			}
		}
	}
	return &plan.CgroupDevices{Rules: append(list, runtimeDevices[:]...), Defaults: len(runtimeDevices)}, nil
}

// fileNamePart: names of the config become names in the group's directory, and
// must not lead out of it.
func fileNamePart(s string) bool {
	return s != "" && s != ".." && !strings.ContainsAny(s, "/\x00")
}

// deviceRule translates a rule; what it leaves out is all there is.
func deviceRule(d *specs.LinuxDeviceCgroup) (plan.DeviceRule, error) {
	r := plan.DeviceRule{Allow: d.Allow, Major: plan.AnyDevice, Minor: plan.AnyDevice, Access: plan.DeviceAll}
	switch d.Type {
	case "", "a":
		r.Type = 'a'
	case "b", "c":
		r.Type = d.Type[0]
	default:
		return r, fmt.Errorf("type %q: a, b or c", d.Type)
	}
	for _, n := range [...]struct {
		from *int64
		to   *int64
		name string
	}{{d.Major, &r.Major, "major"}, {d.Minor, &r.Minor, "minor"}} {
		switch {
		case n.from == nil:
		case *n.from < plan.AnyDevice || *n.from > 1<<32-1:
			return r, fmt.Errorf("%s %s: the number of a device, or -1 for all", n.name, strconv.FormatInt(*n.from, 10))
		default:
			*n.to = *n.from
		}
	}
	if d.Access != "" {
		r.Access = 0
		for _, c := range d.Access {
			switch c {
			case 'r':
				r.Access |= plan.DeviceRead
			case 'w':
				r.Access |= plan.DeviceWrite
			case 'm':
				r.Access |= plan.DeviceMknod
			default:
				return r, fmt.Errorf("access %q: letters of rwm", d.Access)
			}
		}
	}
	return r, nil
}
