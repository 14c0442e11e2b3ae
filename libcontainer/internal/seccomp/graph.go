package seccomp

// word names a 32-bit word of struct seccomp_data.
type word uint8

const (
	wordNr word = iota
	wordArch
	wordArgs // and then low and high half of each argument in turn
)

func lowWord(arg uint8) word  { return wordArgs + word(2*arg) }
func highWord(arg uint8) word { return wordArgs + word(2*arg) + 1 }

// offset is the word's place in struct seccomp_data.
func (w word) offset() uint32 {
	if w < wordArgs {
		return uint32(w) * 4
	}
	at := uint32(w - wordArgs)
	if bigEndian {
		at ^= 1
	}
	return 16 + 4*at
}

// op is what a node does with its word.
type op uint8

const (
	opRet   op = iota // ends the program with the value k
	opEq              // word == k
	opGe              // word >= k
	opAny             // word & k != 0
	opMaskd           // word & mask == k
)

// test is a question about a word.
type test struct {
	word    word
	op      op
	k, mask uint32
}

// ref is the index of a node in its graph.
type ref int32

// node is a test and what follows from its outcome, or a verdict.
type node struct {
	test
	yes, no ref
}

// graph is a decision graph without duplicates: equal nodes have equal refs, so
// equal sub-programs exist once.
type graph struct {
	nodes []node
	index map[node]ref
}

func (g *graph) intern(n node) ref {
	if r, ok := g.index[n]; ok {
		return r
	}
	if g.index == nil {
		g.index = make(map[node]ref, 512)
		g.nodes = make([]node, 0, 512)
	}
	r := ref(len(g.nodes))
	g.nodes = append(g.nodes, n)
	g.index[n] = r
	return r
}

// ret is the node that ends with the kernel's SECCOMP_RET_* value v.
func (g *graph) ret(v uint32) ref { return g.intern(node{test: test{op: opRet, k: v}}) }

// branch is the node that asks t.
func (g *graph) branch(t test, yes, no ref) ref {
	if yes == no {
		return yes
	}
	switch t.op {
	case opGe:
		if t.k == 0 {
			return yes
		}
	case opMaskd:
		switch {
		case t.k&^t.mask != 0:
			return no
		case t.mask == 0:
			return yes
		case t.mask == ^uint32(0):
			t.op, t.mask = opEq, 0
		case t.k == 0: // "none of these bits" spares the AND
			t, yes, no = test{word: t.word, op: opAny, k: t.mask}, no, yes
		case t.mask&(t.mask-1) == 0:
			t = test{word: t.word, op: opAny, k: t.mask}
		}
	}
	return g.intern(node{t, yes, no})
}

// holds evaluates t on v.
func (t test) holds(v uint32) bool {
	switch t.op {
	case opEq:
		return v == t.k
	case opGe:
		return v >= t.k
	case opAny:
		return v&t.k != 0
	}
	return v&t.mask == t.k
}

// decides tells what the outcome was of t says about u.
func (t test) decides(was bool, u test) (outcome, known bool) {
	if t == u {
		return was, true
	}
	if t.word != u.word {
		return false, false
	}
	lo, hi := uint32(0), ^uint32(0)
	switch {
	case t.op == opEq && was:
		lo, hi = t.k, t.k
	case t.op == opEq && t.k == 0:
		lo = 1
	case t.op == opEq && t.k == hi:
		hi--
	case t.op == opGe && was:
		lo = t.k
	case t.op == opGe:
		hi = t.k - 1 // branch makes no "at least 0"
	default:
		return false, false
	}
	switch {
	case lo == hi:
		return u.holds(lo), true
	case u.op == opEq && (u.k < lo || u.k > hi):
		return false, true
	case u.op == opGe && u.k <= lo:
		return true, true
	case u.op == opGe && u.k > hi:
		return false, true
	}
	return false, false
}

// given returns r with every test left out whose outcome follows from t's. seen
// remembers what it did; budget limits the nodes it may look at, because
// a graph specialised for each way to reach it can grow without need. Out of
// budget it returns r unchanged, which is as right and only longer.
func (g *graph) given(r ref, t test, was bool, seen map[ref]ref, budget *int) ref {
	n := g.nodes[r]
	if n.op == opRet || *budget <= 0 {
		return r
	}
	if s, ok := seen[r]; ok {
		return s
	}
	*budget--
	var s ref
	if outcome, known := t.decides(was, n.test); known {
		if outcome {
			s = g.given(n.yes, t, was, seen, budget)
		} else {
			s = g.given(n.no, t, was, seen, budget)
		}
	} else {
		yes := g.given(n.yes, t, was, seen, budget)
		no := g.given(n.no, t, was, seen, budget)
		s = g.branch(n.test, yes, no)
	}
	seen[r] = s
	return s
}
