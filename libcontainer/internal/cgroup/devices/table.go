// Package devices decides what device rules mean, and says it in the terms of
// cgroup v1 (writes) and of cgroup v2 (a BPF program). It touches nothing.
//
// Rules are read in order, for each access by itself: whether a device may be
// read is decided by the last rule that speaks of reading it. A request of several
// accesses is allowed when each is. A Table says the same without an order, so
// that both versions can be given the same meaning.
package devices

import "github.com/rung-oci/rung/libcontainer/internal/plan"

// Entry is what may be done with the devices of a pattern that no narrower entry
// is for.
type Entry struct {
	Type         byte  // 'b' or 'c'
	Major, Minor int64 // or plan.AnyDevice
	Allow        plan.DeviceAccess
	said         plan.DeviceAccess // by rules of this very pattern, for the exceptions of v1
}

// Table is rules without an order. Its entries are closed under intersection:
// among those that match a device, one is the narrowest, and it decides.
type Table struct {
	AllowOthers bool // devices that no entry matches: everything is allowed, or nothing
	Entries     []Entry
}

// covers says that every device of o is one of e.
func (e *Entry) covers(o *Entry) bool {
	return e.Type == o.Type && (e.Major == plan.AnyDevice || e.Major == o.Major) && (e.Minor == plan.AnyDevice || e.Minor == o.Minor)
}

func (e *Entry) same(o *Entry) bool {
	return e.Type == o.Type && e.Major == o.Major && e.Minor == o.Minor
}

// rank orders patterns so that no entry comes after one that covers it.
func (e *Entry) rank() int {
	switch {
	case e.Major == plan.AnyDevice && e.Minor == plan.AnyDevice:
		return 3
	case e.Major == plan.AnyDevice:
		return 2
	case e.Minor == plan.AnyDevice:
		return 1
	}
	return 0
}

// meet is the pattern of the devices of both, if there are any.
func (e *Entry) meet(o *Entry) (m Entry, ok bool) {
	if e.Type != o.Type {
		return m, false
	}
	m = *e
	if m.Major == plan.AnyDevice {
		m.Major = o.Major
	} else if o.Major != plan.AnyDevice && o.Major != m.Major {
		return m, false
	}
	if m.Minor == plan.AnyDevice {
		m.Minor = o.Minor
	} else if o.Minor != plan.AnyDevice && o.Minor != m.Minor {
		return m, false
	}
	return m, true
}

// Of makes the table of rules, which begin with everything denied. Narrow entries
// come before wide ones, else they keep the order of the rules; one that says nothing new is left out.
func Of(rules []plan.DeviceRule) Table {
	var t Table
	start := 0
	for i := range rules {
		if rules[i].Type == 'a' {
			t.AllowOthers, start = rules[i].Allow, i+1
		}
	}
	rules = rules[start:]
	keys := make([]Entry, 0, len(rules)+4)
	add := func(k Entry) {
		for i := range keys {
			if keys[i].same(&k) {
				return
			}
		}
		keys = append(keys, k)
	}
	for i := range rules {
		k := Entry{Type: rules[i].Type, Major: rules[i].Major, Minor: rules[i].Minor}
		for j, n := 0, len(keys); j < n; j++ {
			if m, ok := keys[j].meet(&k); ok {
				add(m)
			}
		}
		add(k)
	}
	for rank := 3; rank >= 0; rank-- { // wide ones first, for the comparison with the next wider
		for i := len(keys) - 1; i >= 0; i-- {
			k := &keys[i]
			if k.rank() != rank {
				continue
			}
			k.Allow = t.others()
			for j := range rules {
				k.apply(&rules[j])
				if r := &rules[j]; r.Allow != t.AllowOthers && k.same(&Entry{Type: r.Type, Major: r.Major, Minor: r.Minor}) {
					k.said |= r.Access
				}
			}
			if !t.says(k) {
				t.Entries = append(t.Entries, *k)
			}
		}
	}
	for i, j := 0, len(t.Entries)-1; i < j; i, j = i+1, j-1 {
		t.Entries[i], t.Entries[j] = t.Entries[j], t.Entries[i]
	}
	return t
}

// apply lets a rule that covers the entry change what is allowed.
func (e *Entry) apply(r *plan.DeviceRule) {
	pattern := Entry{Type: r.Type, Major: r.Major, Minor: r.Minor}
	switch {
	case !pattern.covers(e):
	case r.Allow:
		e.Allow |= r.Access
	default:
		e.Allow &^= r.Access
	}
}

func (t *Table) others() plan.DeviceAccess {
	if t.AllowOthers {
		return plan.DeviceAll
	}
	return 0
}

// says is true when the entries so far, widest first, say the same of a pattern:
// the next wider one, or both where there are two.
func (t *Table) says(k *Entry) bool {
	same, narrow := k.Allow == t.others(), false
	for i := range t.Entries {
		e := &t.Entries[i]
		switch wide := e.rank() == 3; {
		case !e.covers(k):
		case wide || !narrow:
			same, narrow = e.Allow == k.Allow, !wide
		default:
			same = same && e.Allow == k.Allow
		}
	}
	return same
}

// AllowsAll says that nothing has to be controlled.
func (t *Table) AllowsAll() bool { return t.AllowOthers && len(t.Entries) == 0 }
