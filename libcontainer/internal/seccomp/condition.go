package seccomp

// condition is the node, or nodes, that ask c.
func (g *graph) condition(wide bool, c cond, yes, no ref) ref {
	lo, hi := lowWord(c.arg), highWord(c.arg)
	vlo, vhi := uint32(c.value), uint32(c.value>>32)
	switch c.op {
	case cmpNE:
		c.op = cmpEQ
		return g.condition(wide, c, no, yes)
	case cmpLT:
		c.op = cmpGE
		return g.condition(wide, c, no, yes)
	case cmpLE:
		c.op = cmpGT
		return g.condition(wide, c, no, yes)
	case cmpEQ, cmpMasked:
		to := g.ask(test{lo, opMaskd, vlo, uint32(c.mask)}, yes, no)
		if wide {
			to = g.ask(test{hi, opMaskd, vhi, uint32(c.mask >> 32)}, to, no)
		}
		return to
	}
	var to ref
	switch {
	case c.op == cmpGE:
		to = g.ask(test{lo, opGe, vlo, 0}, yes, no)
	case vlo == ^uint32(0):
		to = no
	default:
		to = g.ask(test{lo, opGe, vlo + 1, 0}, yes, no)
	}
	if !wide {
		return to
	}
	to = g.ask(test{hi, opMaskd, vhi, ^uint32(0)}, to, no)
	if vhi == ^uint32(0) {
		return to
	}
	return g.ask(test{hi, opGe, vhi + 1, 0}, yes, to)
}

// ask is branch with what t's outcome decides about the rest left out.
func (g *graph) ask(t test, yes, no ref) ref {
	r := g.branch(t, yes, no)
	n := g.nodes[r]
	if n.op == opRet {
		return r
	}
	budget := 64
	yes = g.given(n.yes, n.test, true, map[ref]ref{}, &budget)
	budget = 64
	no = g.given(n.no, n.test, false, map[ref]ref{}, &budget)
	return g.branch(n.test, yes, no)
}
