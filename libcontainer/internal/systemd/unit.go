// Package systemd has the control groups of a container made by systemd: as a
// transient scope, or a slice, over D-Bus
// (https://systemd.io/CONTROL_GROUP_INTERFACE).
package systemd

import (
	"errors"
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
	if err := ValidName(u.Name); err != nil {
		return u, fmt.Errorf("linux.cgroupsPath: invalid unit %q: %w", u.Name, err)
	}
	_, err := SlicePath(u.Slice)
	return u, err
}

// ValidName reports why name is not one of a unit that can be a container's: a scope or a slice, named by
// the rules of systemd.unit(5), and none of those that every host has.
func ValidName(name string) error {
	const maxName = 255 // UNIT_NAME_MAX, systemd's src/basic/unit-name.h
	plain, scope := strings.CutSuffix(name, ".scope")
	if !scope {
		var slice bool
		if plain, slice = strings.CutSuffix(name, ".slice"); !slice {
			return errors.New("not the name of a scope or a slice")
		}
		if _, err := SlicePath(name); err != nil || plain == "-" {
			return errors.New("not the name of a slice")
		}
	}
	switch {
	case plain == "":
		return errors.New("it has no name before its suffix")
	case len(name) > maxName:
		return fmt.Errorf("longer than %d bytes", maxName)
	case name == "init.scope" || name == "system.slice" || name == "user.slice" || name == "machine.slice":
		return errors.New("a unit of the host")
	case plain[0] == '@' || strings.HasSuffix(plain, "@"):
		return errors.New("a template")
	}
	for i := 0; i < len(plain); i++ {
		switch c := plain[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte(":-_.\\@", c) >= 0:
		default:
			return fmt.Errorf("%q is not allowed in the name of a unit", string(rune(c)))
		}
	}
	return nil
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
