package seccomp

import "slices"

// candidate is one way in which a system call can get an answer.
type candidate struct {
	conds []cond // all must hold; sorted by argument
	ret   uint32
}

// verdict is the graph that decides a number to which entries apply.
func (p *profile) verdict(g *graph, wide bool, entries []entry) ref {
	list := p.candidates(wide, entries)
	for i := range list {
		if len(list[i].conds) == 0 {
			return g.ret(list[i].ret)
		}
	}
	next := g.ret(p.def)
	list = order(list, wide, 0)
	for i := len(list) - 1; i >= 0; i-- {
		to := g.ret(list[i].ret)
		for k := len(list[i].conds) - 1; k >= 0; k-- {
			to = g.condition(wide, list[i].conds[k], to, next)
		}
		next = to
	}
	return next
}

// candidates lists what entries say, in the profile's order.
func (p *profile) candidates(wide bool, entries []entry) []candidate {
	list := make([]candidate, 0, len(entries))
	for _, e := range entries {
		r := &p.rules[e.rule]
		if !e.mux {
			for _, set := range r.sets {
				list = append(list, candidate{effective(set, wide), r.ret})
			}
			if len(r.sets) == 0 {
				list = append(list, candidate{nil, r.ret})
			}
			continue
		}
		sub := cond{0, cmpEQ, uint64(e.sub), ^uint64(0)}
		for _, set := range r.sets {
			if set[0].arg == 0 {
				set = set[1:]
			}
			list = append(list, candidate{append([]cond{sub}, effective(set, wide)...), r.ret})
		}
		if len(r.sets) == 0 {
			list = append(list, candidate{[]cond{sub}, r.ret})
		}
	}
	return list
}

// effective leaves out the conditions whose mask selects nothing: they hold
// always, and a rule that has no others is one without conditions.
func effective(set []cond, wide bool) []cond {
	vacuous := func(c cond) bool {
		return c.op == cmpMasked && (c.mask == 0 || !wide && uint32(c.mask) == 0)
	}
	if slices.ContainsFunc(set, vacuous) {
		return slices.DeleteFunc(slices.Clone(set), vacuous)
	}
	return set
}

// order sorts candidates into the order in which they are tried; the first
// whose conditions hold decides.
//
// Order matters only where rules with different actions overlap. libseccomp
// does not define it; this is what version 2.5.4 does, found by comparing
// answers. It keeps a tree of comparisons. On each level of it
//
//   - conditions on a higher argument come before those on a lower one;
//   - then equalities (EQ, NE, MASKED_EQ), the larger value first;
//   - then LT and LE, the smaller value first;
//   - then GE and GT, the larger value first;
//   - what this leaves open is decided by the order of the profile;
//   - a condition and its negation (EQ 1 and NE 1, LT 1 and GE 1), or the same one
//     in two rules, share a place, that of the one seen first;
//   - a rule that ends there comes before rules with further conditions.
//
// A 64-bit equality has a level for the high word and one for the low word.
//
// Where it matters that libseccomp is wrong, it is not followed. Its tree mixes up
// rules on one argument when their values differ in the high word (with "LT 3"
// and "GE 0x200000002" it lets 0xffffffff pass), and rules with several
// conditions of which some are not equalities (some of those make it loop for
// ever); after a masked comparison it may go on with the masked value.
// Two rules with the same conditions and different actions, which it
// refuses with EEXIST, are decided by the first.
func order(list []candidate, wide bool, depth int) []candidate {
	if len(list) < 2 {
		return list
	}
	type group struct {
		at   level
		list []candidate
	}
	var (
		groups []group
		out    = make([]candidate, 0, len(list))
	)
next:
	for _, c := range list {
		at, ok := c.level(wide, depth)
		if !ok {
			out = append(out, c)
			continue
		}
		where := len(groups)
		for i := range groups {
			if groups[i].at.same(at) {
				groups[i].list = append(groups[i].list, c)
				continue next
			}
			if where == len(groups) && at.before(groups[i].at) {
				where = i
			}
		}
		groups = slices.Insert(groups, where, group{at, []candidate{c}})
	}
	for _, g := range groups {
		out = append(out, order(g.list, wide, depth+1)...)
	}
	return out
}

// level is a place in the tree that order describes: a word of an argument (both
// words, for an inequality) and what it is compared with.
type level struct {
	arg         uint8
	low         bool
	op          compare
	value, mask uint64
}

// level returns the depth-th of c's places, from 0, if it has so many.
func (c candidate) level(wide bool, depth int) (level, bool) {
	for _, k := range c.conds {
		switch {
		case !wide:
			k.value, k.mask = uint64(uint32(k.value)), uint64(uint32(k.mask))
		case k.op.class() == equalities:
			if depth == 0 {
				return level{k.arg, false, k.op, k.value >> 32, k.mask >> 32}, true
			}
			depth--
			k.value, k.mask = uint64(uint32(k.value)), uint64(uint32(k.mask))
		}
		if depth == 0 {
			return level{k.arg, true, k.op, k.value, k.mask}, true
		}
		depth--
	}
	return level{}, false
}

// same reports whether x and y are the two outcomes, or one outcome, of one
// comparison.
func (x level) same(y level) bool {
	return x.arg == y.arg && x.low == y.low && x.op.positive() == y.op.positive() && x.value == y.value && x.mask == y.mask
}

// before reports whether x, being new, goes before y.
func (x level) before(y level) bool {
	switch cx, cy := x.op.class(), y.op.class(); {
	case x.arg != y.arg:
		return x.arg > y.arg
	case cx != cy:
		return cx < cy
	case cx == upperBounds:
		return x.value < y.value
	}
	return x.value > y.value
}

// The classes of operators, in the order in which they are tried.
const (
	equalities = iota
	upperBounds
	lowerBounds
)

func (o compare) class() int {
	switch o {
	case cmpLT, cmpLE:
		return upperBounds
	case cmpGE, cmpGT:
		return lowerBounds
	}
	return equalities
}

// positive is o, or its negation if that is what BPF can ask.
func (o compare) positive() compare {
	switch o {
	case cmpNE, cmpMasked:
		return cmpEQ
	case cmpLT:
		return cmpGE
	case cmpLE:
		return cmpGT
	}
	return o
}
