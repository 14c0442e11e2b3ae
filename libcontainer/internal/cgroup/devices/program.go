package devices

import (
	"encoding/binary"
	"fmt"

	"github.com/rung-oci/rung/libcontainer/internal/plan"
)

// Instruction is one of eBPF (Documentation/bpf/standardization/instruction-set.rst).
type Instruction struct {
	Op   uint8
	Regs uint8 // source in the upper half, destination in the lower
	Off  int16
	Imm  int32
}

// The operations that a device program needs. The comparisons are those of 32
// bits (Linux 5.1): the other ones extend the sign of their constant.
const (
	opLoad32 = 0x61 // dst = *(u32 *)(src + off)
	opMov    = 0xb7 // dst = imm
	opAnd    = 0x57 // dst &= imm
	opMovReg = 0xbf // dst = src
	opShift  = 0x77 // dst >>= imm
	opJump   = 0x05
	opJumpEq = 0x16 // if (u32)dst == imm
	opJumpNe = 0x56 // if (u32)dst != imm
	opExit   = 0x95
)

// Registers. The context is struct bpf_cgroup_dev_ctx: access_type, with the
// type of the device in its lower and the access in its upper half, major, minor.
const (
	regResult  = 0
	regContext = 1
	regType    = 2
	regAccess  = 3
	regMajor   = 4
	regMinor   = 5
)

// Types of devices (BPF_DEVCG_DEV_*).
const (
	bpfBlock = 1
	bpfChar  = 2
)

// maxEntries keeps every jump within its 16 bits.
const maxEntries = 4096

// Program gives the table as a BPF_PROG_TYPE_CGROUP_DEVICE program: the first
// entry that matches says which accesses are not allowed, and none of them may be
// asked for.
func (t *Table) Program() ([]Instruction, error) {
	if len(t.Entries) > maxEntries {
		return nil, fmt.Errorf("%s: the rules make %d entries; at most %d can be compiled", origin, len(t.Entries), maxEntries)
	}
	p := make([]Instruction, 0, 5*len(t.Entries)+10)
	p = append(p,
		Instruction{Op: opLoad32, Regs: regContext<<4 | regType, Off: 0},
		Instruction{Op: opMovReg, Regs: regType<<4 | regAccess},
		Instruction{Op: opShift, Regs: regAccess, Imm: 16},
		Instruction{Op: opAnd, Regs: regType, Imm: 0xffff},
		Instruction{Op: opLoad32, Regs: regContext<<4 | regMajor, Off: 4},
		Instruction{Op: opLoad32, Regs: regContext<<4 | regMinor, Off: 8},
	)
	for i := range t.Entries {
		e := &t.Entries[i]
		from := len(p)
		kind := int32(bpfChar)
		if e.Type == 'b' {
			kind = bpfBlock
		}
		p = append(p, Instruction{Op: opJumpNe, Regs: regType, Imm: kind})
		if e.Major != plan.AnyDevice {
			p = append(p, Instruction{Op: opJumpNe, Regs: regMajor, Imm: int32(uint32(e.Major))})
		}
		if e.Minor != plan.AnyDevice {
			p = append(p, Instruction{Op: opJumpNe, Regs: regMinor, Imm: int32(uint32(e.Minor))})
		}
		p = append(p,
			Instruction{Op: opAnd, Regs: regAccess, Imm: int32(plan.DeviceAll &^ e.Allow)},
			Instruction{Op: opJump})
		for j := from; j < len(p)-2; j++ {
			p[j].Off = int16(len(p) - j - 1)
		}
	}
	p = append(p, Instruction{Op: opAnd, Regs: regAccess, Imm: int32(plan.DeviceAll &^ t.others())})
	end := len(p)
	for i := range p {
		if p[i].Op == opJump {
			p[i].Off = int16(end - i - 1)
		}
	}
	return append(p,
		Instruction{Op: opMov, Regs: regResult, Imm: 1},
		Instruction{Op: opJumpEq, Regs: regAccess, Imm: 0, Off: 1},
		Instruction{Op: opMov, Regs: regResult, Imm: 0},
		Instruction{Op: opExit}), nil
}

// Encode gives instructions as bpf(2) takes them. Registers are bit fields in C,
// which the machine's byte order turns round.
func Encode(p []Instruction) []byte {
	b := make([]byte, 0, 8*len(p))
	big := binary.NativeEndian.Uint16([]byte{0, 1}) == 1
	for _, i := range p {
		regs := i.Regs
		if big {
			regs = regs<<4 | regs>>4
		}
		b = append(b, i.Op, regs)
		b = binary.NativeEndian.AppendUint16(b, uint16(i.Off))
		b = binary.NativeEndian.AppendUint32(b, uint32(i.Imm))
	}
	return b
}
