package seccomp

import (
	"encoding/binary"
	"errors"
)

// data is struct seccomp_data without the instruction pointer.
type data struct {
	nr   uint32
	arch uint32
	args [6]uint64
}

func (d *data) word(off uint32) (uint32, bool) {
	switch {
	case off == 0:
		return d.nr, true
	case off == 4:
		return d.arch, true
	case off >= 16 && off < 64 && off%4 == 0:
		v := d.args[(off-16)/8]
		high := off%8 == 4
		if bigEndian {
			high = !high
		}
		if high {
			v >>= 32
		}
		return uint32(v), true
	}
	return 0, false
}

var errProgram = errors.New("no program that seccomp(2) takes")

// decode reads an array of struct sock_filter.
func decode(b []byte) ([]insn, error) {
	if len(b)%8 != 0 {
		return nil, errProgram
	}
	out := make([]insn, len(b)/8)
	for i := range out {
		p := b[8*i:]
		out[i] = insn{binary.NativeEndian.Uint16(p), p[2], p[3], binary.NativeEndian.Uint32(p[4:])}
	}
	return out, nil
}

// interpret runs prog as the kernel does: seccomp's subset of classic BPF, and
// of that the instructions that Compile and libseccomp emit.
func interpret(prog []insn, d *data) (uint32, error) {
	var a uint32
	for pc := 0; pc >= 0 && pc < len(prog); pc++ {
		in := prog[pc]
		taken := false
		switch in.code {
		case bpfLoad:
			v, ok := d.word(in.k)
			if !ok {
				return 0, errProgram
			}
			a = v
			continue
		case bpfAnd:
			a &= in.k
			continue
		case bpfJump:
			pc += int(in.k)
			continue
		case bpfReturn:
			return in.k, nil
		case bpfEqual:
			taken = a == in.k
		case bpfAbove:
			taken = a > in.k
		case bpfAtLeast:
			taken = a >= in.k
		case bpfAnySet:
			taken = a&in.k != 0
		default:
			return 0, errProgram
		}
		if taken {
			pc += int(in.jt)
		} else {
			pc += int(in.jf)
		}
	}
	return 0, errProgram
}

// Call is a system call of this program's own ABI.
type Call struct {
	Name string
	Args []uint64
}

// Refused returns the name of the first call that the filter does not let the
// kernel carry out, as if the filter were not there; or "". A name that the
// native ABI does not have is passed over.
func (f *Filter) Refused(calls []Call) string {
	prog, err := decode(f.Instructions)
	if err != nil {
		return "every call"
	}
	for _, c := range calls {
		n, ok := resolve(c.Name, native)
		if !ok || n.direct < 0 {
			continue
		}
		d := data{nr: uint32(n.direct), arch: abis[native].audit}
		copy(d.args[:], c.Args)
		if ret, err := interpret(prog, &d); err != nil || ret != retAllow && ret != retLog {
			return c.Name
		}
	}
	return ""
}
