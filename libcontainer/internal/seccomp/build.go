package seccomp

import (
	"cmp"
	"slices"
)

// entry says that a rule applies to a number of one ABI.
type entry struct {
	nr   uint32
	rule int32
	mux  bool // the rule's first argument is replaced by subcall
	sub  uint32
}

// span is a run of numbers, from lo to the next span's lo, with one verdict.
type span struct {
	lo uint32
	to ref
}

// build makes the whole decision graph and returns its root.
func (p *profile) build(g *graph) ref {
	bad := g.ret(retBadArch)
	root := bad
	// Last is asked first, so that the native ABI is found at once.
	for i := len(p.abis) - 1; i >= 0; i-- {
		a := p.abis[i]
		if a == abiX32 && slices.Contains(p.abis, abiX8664) {
			continue // done with x86_64
		}
		var spans []span
		switch a {
		case abiX8664, abiX32:
			spans = p.x86Spans(g)
		default:
			spans = p.spans(g, a, 0, ^uint32(0))
		}
		root = g.branch(test{word: wordArch, op: opEq, k: abis[a].audit}, tree(g, spans), root)
	}
	return root
}

// x86Spans joins the two ABIs that share AUDIT_ARCH_X86_64. Number -1 belongs to
// both: a tracer sets it to skip a call, so libseccomp does not take it for x32.
func (p *profile) x86Spans(g *graph) []span {
	var spans []span
	bad := g.ret(retBadArch)
	if slices.Contains(p.abis, abiX8664) {
		spans = p.spans(g, abiX8664, 0, x32Bit-1)
	} else {
		spans = []span{{0, bad}}
	}
	if slices.Contains(p.abis, abiX32) {
		return append(spans, p.spans(g, abiX32, x32Bit, ^uint32(0))...)
	}
	spans = append(spans, span{x32Bit, bad})
	return append(spans, p.spans(g, abiX8664, ^uint32(0), ^uint32(0))...)
}

// spans returns the verdicts of a's numbers first to last.
func (p *profile) spans(g *graph, a abi, first, last uint32) []span {
	entries, newest := p.entries(a)
	def := g.ret(p.def)
	spans := make([]span, 0, len(entries)/2)
	add := func(lo uint32, to ref) {
		if n := len(spans); n > 0 && spans[n-1].lo == lo {
			spans[n-1].to = to
		} else if n > 0 && spans[n-1].to == to {
			return
		} else {
			spans = append(spans, span{lo, to})
		}
		if n := len(spans); n > 1 && spans[n-1].to == spans[n-2].to {
			spans = spans[:n-1]
		}
	}
	add(first, def)
	for i := 0; i < len(entries); {
		j := i + 1
		for j < len(entries) && entries[j].nr == entries[i].nr {
			j++
		}
		if nr := entries[i].nr; nr >= first && nr <= last {
			add(nr, p.verdict(g, abis[a].wide, entries[i:j]))
			if nr < last {
				add(nr+1, def)
			}
		}
		i = j
	}
	if p.tail && newest >= 0 {
		spans = addTail(g, a, spans, uint32(newest)+1, last, def)
	}
	return spans
}

// Numbers 512 to 547 of x32 are old calls with x32's own argument layout; they
// say nothing about how new the profile is, and are no newer than it.
const (
	x32OldFirst = x32Bit + 512
	x32OldLast  = x32Bit + 547
)

// addTail gives ENOSYS to the numbers from first on that still have the default
// verdict.
func addTail(g *graph, a abi, spans []span, first, last uint32, def ref) []span {
	enosys := g.ret(retErrno | errnoENOSYS)
	first = max(first, spans[0].lo)
	out := make([]span, 0, len(spans)+4)
	for i, s := range spans {
		end := last
		if i+1 < len(spans) {
			end = spans[i+1].lo - 1
		}
		if s.to != def || end < first {
			out = append(out, s)
			continue
		}
		if s.lo < first {
			out = append(out, s)
			s.lo = first
		}
		if a == abiX32 && s.lo <= x32OldLast && end >= x32OldFirst {
			if s.lo < x32OldFirst {
				out = append(out, span{s.lo, enosys})
				s.lo = x32OldFirst
			}
			out = append(out, span{s.lo, def})
			if end == x32OldLast {
				continue
			}
			if s.lo = x32OldLast + 1; s.lo > end {
				continue
			}
		}
		out = append(out, span{s.lo, enosys})
	}
	return out
}

// entries resolves the rules' names on a: which rules apply to which number,
// sorted by number, in the profile's order for each; and the highest number
// mentioned, or -1.
func (p *profile) entries(a abi) (list []entry, newest int64) {
	newest = -1
	total := 0
	for i := range p.rules {
		total += len(p.rules[i].names)
	}
	list = make([]entry, 0, total)
	add := func(e entry) {
		if nr := e.nr; int64(nr) > newest && (a != abiX32 || nr < x32OldFirst || nr > x32OldLast) {
			newest = int64(nr)
		}
		if p.rules[e.rule].ret != p.def {
			list = append(list, e)
		}
	}
	for i := range p.rules {
		for _, name := range p.rules[i].names {
			n, ok := resolve(name, a)
			if !ok {
				continue
			}
			if n.mux >= 0 {
				add(entry{nr: uint32(n.mux), rule: int32(i), mux: true, sub: n.subcall})
			}
			if n.direct >= 0 {
				add(entry{nr: uint32(n.direct), rule: int32(i)})
			}
		}
	}
	slices.SortStableFunc(list, func(x, y entry) int { return cmp.Compare(x.nr, y.nr) })
	return list, newest
}

// tree is the search tree over spans, the first of which is entered only by
// numbers not below its lo.
func tree(g *graph, spans []span) ref {
	switch n := len(spans); {
	case n == 1:
		return spans[0].to
	case n == 3 && spans[0].to == spans[2].to && spans[2].lo == spans[1].lo+1:
		// One number in the midst of others: a comparison instead of two.
		return g.branch(test{word: wordNr, op: opEq, k: spans[1].lo}, spans[1].to, spans[0].to)
	default:
		mid := n / 2
		return g.branch(test{word: wordNr, op: opGe, k: spans[mid].lo}, tree(g, spans[mid:]), tree(g, spans[:mid]))
	}
}
