package seccomp

import (
	"encoding/binary"
	"fmt"
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
		if (off%8 == 4) != bigEndian {
			v >>= 32
		}
		return uint32(v), true
	}
	return 0, false
}

// decode reads an array of struct sock_filter.
func decode(b []byte) []insn {
	if len(b)%8 != 0 {
		panic("program is not made of instructions of eight bytes")
	}
	out := make([]insn, len(b)/8)
	for i := range out {
		p := b[8*i:]
		out[i] = insn{binary.NativeEndian.Uint16(p), p[2], p[3], binary.NativeEndian.Uint32(p[4:])}
	}
	return out
}

// run interprets prog as the kernel does: seccomp's subset of classic BPF. It
// panics on what seccomp_check_filter would refuse.
func run(prog []insn, d *data) uint32 {
	var a uint32
	for pc := 0; ; pc++ {
		in := prog[pc]
		jump := func(yes bool) {
			if yes {
				pc += int(in.jt)
			} else {
				pc += int(in.jf)
			}
		}
		switch in.code {
		case 0x20:
			v, ok := d.word(in.k)
			if !ok {
				panic(fmt.Sprintf("instruction %d loads from offset %d", pc, in.k))
			}
			a = v
		case 0x54:
			a &= in.k
		case 0x05:
			pc += int(in.k)
		case 0x15:
			jump(a == in.k)
		case 0x25:
			jump(a > in.k)
		case 0x35:
			jump(a >= in.k)
		case 0x45:
			jump(a&in.k != 0)
		case 0x06:
			return in.k
		default:
			panic(fmt.Sprintf("instruction %d has code %#x", pc, in.code))
		}
	}
}
