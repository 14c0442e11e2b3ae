package devices

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
)

// origin is where all rules come from.
const origin = limit.Resources + "devices"

// Exceptions is the state of a v1 devices group: what it does with all devices,
// and the exceptions from that (devices.rst).
type Exceptions struct {
	AllowOthers bool
	List        []Entry // Allow is the excepted access: allowed, or denied where others are allowed
}

// V1 gives the table as exceptions. The kernel has no order either: in a group
// that denies, an access is allowed when any one exception has all of it; in one
// that allows, it is denied when any one has some of it. So an
// exception cannot have a narrower one that says the opposite. Where that is
// needed, the other kind of group may do: all allowed but b *:* and c 10:229 is
// all that "allow c *:*, deny c 10:229" says.
//
// What neither kind says is an error, and has to be. A group asks its own list
// alone, never those above it (__devcgroup_check_permission), so that a second
// group does not help; and a union of patterns, or what is left beside one, has
// a hole at one minor number of a wildcard only by naming the 2^20-1 others, one
// by one in a list that each open walks.
func (t *Table) V1() (Exceptions, error) {
	x, err := t.exceptions()
	if err != nil {
		u := t.turned()
		if y, err := u.exceptions(); err == nil {
			return y, nil
		}
	}
	return x, err
}

// turned is the same table, begun from the opposite.
func (t *Table) turned() Table {
	u := Table{AllowOthers: !t.AllowOthers, Entries: make([]Entry, 0, len(t.Entries)+2)}
	var whole [2]bool
	kinds := [2]byte{'c', 'b'}
	for _, e := range t.Entries {
		e.said = 0
		for i, k := range kinds {
			whole[i] = whole[i] || e.Type == k && e.rank() == 3
		}
		u.Entries = append(u.Entries, e)
	}
	for i, k := range kinds {
		if !whole[i] {
			u.Entries = append(u.Entries, Entry{Type: k, Major: plan.AnyDevice, Minor: plan.AnyDevice, Allow: t.others()})
		}
	}
	return u
}

// exceptions gives the table in its own kind of group.
func (t *Table) exceptions() (Exceptions, error) {
	x := Exceptions{AllowOthers: t.AllowOthers}
	excepted := func(e *Entry) plan.DeviceAccess {
		if t.AllowOthers {
			return plan.DeviceAll &^ e.Allow
		}
		return e.Allow
	}
	for i := range t.Entries {
		e := t.Entries[i]
		own := excepted(&e)
		for j := range t.Entries {
			wide := &t.Entries[j]
			if missing := excepted(wide) &^ own; i != j && wide.covers(&e) && missing != 0 {
				e.Allow, missing = missing, 0
				verb, other := "deny", "allowed"
				if t.AllowOthers {
					verb, other = "allow", "denied"
				}
				return x, fmt.Errorf("%s: cgroup v1 cannot %s %s: %s is %s as a whole", origin, verb, e.rule(), wide.pattern(), other)
			}
		}
		if e.Allow = t.spoken(&e, own, excepted); e.Allow != 0 {
			x.List = append(x.List, e)
		}
	}
	return x, nil
}

// spoken is what to write for an exception: of what wider ones say too, only what
// a rule of the config says, so that devices.list reads as the config does. The
// kernel asks for making a node alone, for reading and writing together, and
// wants one exception to answer.
func (t *Table) spoken(e *Entry, own plan.DeviceAccess, excepted func(*Entry) plan.DeviceAccess) plan.DeviceAccess {
	const readWrite = plan.DeviceRead | plan.DeviceWrite
	unsaid := own &^ e.said
	for i := range t.Entries {
		wide := &t.Entries[i]
		if wide.same(e) || !wide.covers(e) {
			continue
		}
		said := excepted(wide)
		unsaid &^= said & plan.DeviceMknod
		if own&readWrite&^said == 0 {
			unsaid &^= readWrite
		}
	}
	return own & (e.said | unsaid)
}

func (e *Entry) rule() string {
	return plan.DeviceRule{Type: e.Type, Major: e.Major, Minor: e.Minor, Access: e.Allow}.String()
}

func (e *Entry) pattern() string {
	s := e.rule()
	return s[:strings.LastIndexByte(s, ' ')]
}

const (
	denyFile  = "devices.deny"
	allowFile = "devices.allow"
)

func deviceWrite(file, value string) limit.Write {
	return limit.Write{Controller: "devices", File: file, Value: value, Origin: origin}
}

// Fresh gives the writes for a new group, which has what the one above it has.
// "a" sets what is done with all devices and clears the exceptions. A group that
// allows everything is left with what it has: more cannot be had.
func (x Exceptions) Fresh() []limit.Write {
	if x.AllowOthers && len(x.List) == 0 {
		return nil
	}
	return x.reset()
}

func (x Exceptions) reset() []limit.Write {
	list := make([]limit.Write, 0, len(x.List)+1)
	whole, file := denyFile, allowFile
	if x.AllowOthers {
		whole, file = allowFile, denyFile
	}
	list = append(list, deviceWrite(whole, "a"))
	for i := range x.List {
		list = append(list, deviceWrite(file, x.List[i].rule()))
	}
	return list
}

// From gives the fewest writes that lead from what a group has, as devices.list
// tells it, without taking anything away in between that it keeps. (What a group
// that allows all devices has of exceptions is not told, so that it begins anew.)
func (x Exceptions) From(list string) []limit.Write {
	have, denies := parseList(list)
	if !denies || x.AllowOthers {
		return x.reset()
	}
	var writes []limit.Write
	for i := range x.List {
		e := x.List[i]
		for j := range have {
			if have[j].same(&e) {
				e.Allow &^= have[j].Allow
			}
		}
		if e.Allow != 0 {
			writes = append(writes, deviceWrite(allowFile, e.rule()))
		}
	}
	for _, e := range have {
		for j := range x.List {
			if x.List[j].same(&e) {
				e.Allow &^= x.List[j].Allow
			}
		}
		if e.Allow != 0 {
			writes = append(writes, deviceWrite(denyFile, e.rule()))
		}
	}
	return writes
}

// parseList reads devices.list. denies: the group denies what is not listed.
func parseList(text string) (list []Entry, denies bool) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 3 || f[0] == "a" {
			return nil, false
		}
		major, minor, _ := strings.Cut(f[1], ":")
		e := Entry{Type: f[0][0], Major: number(major), Minor: number(minor)}
		for i := range f[2] {
			switch f[2][i] {
			case 'r':
				e.Allow |= plan.DeviceRead
			case 'w':
				e.Allow |= plan.DeviceWrite
			case 'm':
				e.Allow |= plan.DeviceMknod
			}
		}
		list = append(list, e)
	}
	return list, true
}

func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return plan.AnyDevice
	}
	return n
}
