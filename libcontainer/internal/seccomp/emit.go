package seccomp

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Classic BPF as seccomp(2) takes it, linux/bpf_common.h.
const (
	bpfLoad    = 0x20 // BPF_LD|BPF_W|BPF_ABS
	bpfAnd     = 0x54 // BPF_ALU|BPF_AND|BPF_K
	bpfJump    = 0x05 // BPF_JMP|BPF_JA
	bpfEqual   = 0x15 // BPF_JMP|BPF_JEQ|BPF_K
	bpfAbove   = 0x25 // BPF_JMP|BPF_JGT|BPF_K, of libseccomp's programs
	bpfAtLeast = 0x35 // BPF_JMP|BPF_JGE|BPF_K
	bpfAnySet  = 0x45 // BPF_JMP|BPF_JSET|BPF_K
	bpfReturn  = 0x06 // BPF_RET|BPF_K

	// maxInstructions is BPF_MAXINSNS, the kernel's limit for one filter.
	maxInstructions = 4096
)

// insnSize is the size of struct sock_filter in bytes.
const insnSize = 8

// insn is struct sock_filter.
type insn struct {
	code   uint16
	jt, jf uint8
	k      uint32
}

// reach is how far away, in instructions, a target may be for a conditional
// jump to name it. The format allows 255; two are kept for the jumps that
// may have to be put in between.
const reach = 253

// place says where a node's code is, counted from the program's end; -1 is
// nowhere. A node is entered at load, or at bare if the accumulator holds its
// word already. The near pair is a copy or a jump to it, closer by.
type place struct {
	load, bare         int32
	nearLoad, nearBare int32
	wantLoad           bool
}

// emitter writes the program from its end, so that the targets of all jumps,
// which only go forward, are known when they are needed.
type emitter struct {
	g     *graph
	code  []insn // last instruction first
	where []place
}

// emit turns the part of g that root reaches into instructions.
func emit(g *graph, root ref) ([]byte, error) {
	e := emitter{g: g, code: make([]insn, 0, len(g.nodes)+64), where: make([]place, len(g.nodes))}
	for i := range e.where {
		e.where[i] = place{-1, -1, -1, -1, false}
	}
	e.plan(root, make([]bool, len(g.nodes)))
	e.where[root].wantLoad = true
	e.node(root)
	if err := tooLong(len(e.code)); err != nil {
		return nil, err
	}
	slices.Reverse(e.code)
	return encodeProgram(e.code), nil
}

// tooLong returns an error if the kernel does not take a program of n instructions.
func tooLong(n int) error {
	if n > maxInstructions {
		return fmt.Errorf("seccomp filter of %d instructions is over the kernel's limit of %d", n, maxInstructions)
	}
	return nil
}

// encodeProgram returns list as an array of struct sock_filter; decode is its reverse.
func encodeProgram(list []insn) []byte {
	out := make([]byte, 0, insnSize*len(list))
	for _, in := range list {
		out = binary.NativeEndian.AppendUint16(out, in.code)
		out = append(out, in.jt, in.jf)
		out = binary.NativeEndian.AppendUint32(out, in.k)
	}
	return out
}

// plan finds the nodes that must load their word because some way to them comes
// with another one in the accumulator.
func (e *emitter) plan(r ref, seen []bool) {
	n := e.g.nodes[r]
	if seen[r] || n.op == opRet {
		return
	}
	seen[r] = true
	for _, to := range [2]ref{n.yes, n.no} {
		if !e.keeps(n, to) {
			e.where[to].wantLoad = true
		}
		e.plan(to, seen)
	}
}

// keeps reports whether to finds its word in the accumulator coming from n.
func (e *emitter) keeps(n node, to ref) bool {
	return n.op != opMaskd && e.g.nodes[to].op != opRet && e.g.nodes[to].word == n.word
}

func (e *emitter) put(in insn) int32 {
	e.code = append(e.code, in)
	return int32(len(e.code) - 1)
}

// node writes r unless it is there, everything it leads to first.
func (e *emitter) node(r ref) {
	w := &e.where[r]
	if w.bare >= 0 {
		return
	}
	n := e.g.nodes[r]
	if n.op == opRet {
		w.bare = e.put(insn{code: bpfReturn, k: n.k})
		w.load, w.nearBare, w.nearLoad = w.bare, w.bare, w.bare
		return
	}
	if e.g.nodes[n.yes].op != opRet {
		e.node(n.yes)
	}
	if e.g.nodes[n.no].op != opRet {
		e.node(n.no)
	}
	// The second may need an instruction that moves the first further off:
	// reach allows for that.
	yes, no := e.near(n.yes, e.keeps(n, n.yes)), e.near(n.no, e.keeps(n, n.no))

	in := insn{k: n.k}
	switch n.op {
	case opGe:
		in.code = bpfAtLeast
	case opAny:
		in.code = bpfAnySet
	default:
		in.code = bpfEqual
	}
	at := int32(len(e.code))
	in.jt, in.jf = uint8(at-yes-1), uint8(at-no-1)
	e.put(in)
	if n.op == opMaskd {
		at = e.put(insn{code: bpfAnd, k: n.mask})
	}
	w.bare, w.nearBare = at, at
	if w.wantLoad {
		w.load = e.put(insn{code: bpfLoad, k: n.word.offset()})
		w.nearLoad = w.load
	}
}

// near returns a place within reach of the next instruction that leads to r,
// and makes one if there is none: a copy of a return, or a jump.
func (e *emitter) near(r ref, bare bool) int32 {
	w := &e.where[r]
	if e.g.nodes[r].op == opRet {
		if w.bare < 0 || int32(len(e.code))-w.nearBare > reach {
			w.nearBare = e.put(insn{code: bpfReturn, k: e.g.nodes[r].k})
			w.bare = w.nearBare
		}
		return w.nearBare
	}
	far, near := w.load, &w.nearLoad
	if bare {
		far, near = w.bare, &w.nearBare
	}
	if int32(len(e.code))-*near > reach {
		*near = e.put(insn{code: bpfJump, k: uint32(int32(len(e.code)) - far - 1)})
	}
	return *near
}
