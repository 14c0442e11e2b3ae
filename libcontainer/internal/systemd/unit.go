// Package systemd has the control groups of a container made by systemd: as a
// transient scope, or a slice, over D-Bus
// (https://systemd.io/CONTROL_GROUP_INTERFACE).
package systemd

import (
	"fmt"
	"path"
	"strings"
)

// Unit is the unit of one container.
type Unit struct {
	Name  string // "rung-web.scope"
	Slice string // the slice it is in; "" for the manager's own root
	User  bool   // of the user's manager
}

// ParsePath reads a cgroupsPath of the form "slice:prefix:name"; "" stands for
// the default slice and "rung-<id>". A name that ends in ".slice" is a slice
// itself. user says that the user's manager is asked.
func ParsePath(cgroupsPath, id string, user bool) (Unit, error) {
	u := Unit{Slice: "system.slice", User: user}
	if user {
		u.Slice = "user.slice"
	}
	prefix, name := "rung", id
	if cgroupsPath != "" {
		part := strings.Split(cgroupsPath, ":")
		if len(part) != 3 {
			return u, fmt.Errorf("linux.cgroupsPath: expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got %q instead", cgroupsPath)
		}
		if part[0] != "" {
			u.Slice = part[0]
		}
		prefix, name = part[1], part[2]
	}
	switch {
	case name == "":
		return u, fmt.Errorf("linux.cgroupsPath: %q has no name", cgroupsPath)
	case strings.HasSuffix(name, ".slice"):
		u.Name = name
	case prefix == "":
		u.Name = name + ".scope"
	default:
		u.Name = prefix + "-" + name + ".scope"
	}
	if strings.ContainsAny(u.Name, "/\x00\n") {
		return u, fmt.Errorf("linux.cgroupsPath: %q is no name of a unit", u.Name)
	}
	_, err := SlicePath(u.Slice)
	return u, err
}

// IsSlice says whether the unit is a slice: it is made without a process, and
// stays without one.
func (u *Unit) IsSlice() bool { return strings.HasSuffix(u.Name, ".slice") }

// Path is the unit's group below the manager's root (systemd.slice(5)).
func (u *Unit) Path() string {
	if u.IsSlice() {
		at, _ := SlicePath(u.Name)
		return at
	}
	at, _ := SlicePath(u.Slice)
	return path.Join(at, u.Name)
}

// SlicePath is the group of a slice below the manager's root: "a-b.slice" is in
// "a.slice", "-.slice" is the root (systemd.slice(5)).
func SlicePath(slice string) (string, error) {
	if slice == "" || slice == "-.slice" {
		return "/", nil
	}
	name, ok := strings.CutSuffix(slice, ".slice")
	if !ok || name == "" || strings.ContainsAny(name, "/\x00\n") {
		return "", fmt.Errorf("linux.cgroupsPath: %q is no name of a slice", slice)
	}
	at, before := "/", ""
	for part := range strings.SplitSeq(name, "-") {
		if part == "" {
			return "", fmt.Errorf("linux.cgroupsPath: %q is no name of a slice: two dashes, or one at an end", slice)
		}
		at = path.Join(at, before+part+".slice")
		before += part + "-"
	}
	return at, nil
}
