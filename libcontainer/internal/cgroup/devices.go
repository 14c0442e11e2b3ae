package cgroup

import (
	"errors"
	"os"
	"path"
	"runtime"
	"unsafe"

	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// applyDevices puts the rules in force: through the devices hierarchy of v1
// where there is one, by a BPF program on the v2 group otherwise.
func (g *Group) applyDevices(rules []plan.DeviceRule) error {
	if rules == nil || allowsAll(rules) {
		return nil // nil leaves what is there: an update says nothing of devices
	}
	if d := g.v1("devices"); d != nil {
		return writeDevices(d.Path, rules)
	}
	if g.v2() == nil {
		return nil
	}
	err := attachDevices(g.SpawnDir(), DeviceProgram(rules))
	if errors.Is(err, unix.EPERM) && os.Geteuid() != 0 {
		return nil // without privileges there is no node to be had in the first place
	}
	return err
}

// SpawnDir is the path of the v2 group.
func (g *Group) SpawnDir() string { return g.v2().Path }

// allowsAll: nothing is denied after everything was allowed.
func allowsAll(rules []plan.DeviceRule) bool {
	all := false
	for _, r := range rules {
		if r.Type == 'a' {
			all = r.Allow
		} else if !r.Allow {
			return false
		}
	}
	return all
}

// writeDevices: a new group has its parent's list, which is everything the
// parent may. "a" clears it (devices.rst); then the rules follow in order.
func writeDevices(dir string, rules []plan.DeviceRule) error {
	var fds [2]int // deny, allow
	for i, file := range [...]string{"devices.deny", "devices.allow"} {
		fd, err := sys.Open(path.Join(dir, file), unix.O_WRONLY)
		if err != nil {
			return err
		}
		defer sys.Close(fd)
		fds[i] = fd
	}
	if _, err := unix.Write(fds[0], []byte("a")); err != nil {
		return &Error{Write: Write{Controller: "devices", File: "devices.deny", Value: "a", Origin: "devices"}, Dir: dir, Err: err}
	}
	for _, r := range rules {
		value := r.String()
		fd, file := fds[0], "devices.deny"
		if r.Allow {
			fd, file = fds[1], "devices.allow"
		}
		if _, err := unix.Write(fd, []byte(value)); err != nil {
			return &Error{Write: Write{Controller: "devices", File: file, Value: value, Origin: "devices"}, Dir: dir, Err: err}
		}
	}
	return nil
}

// Instruction is one instruction of eBPF (Documentation/bpf/standardization).
type Instruction struct {
	Op   uint8
	Regs uint8 // source << 4 | destination
	Off  int16
	Imm  int32
}

// eBPF operations that a device program takes, and access bits of its context
// (linux/bpf.h, struct bpf_cgroup_dev_ctx).
const (
	opLoadW   = 0x61 // dst = *(u32 *)(src + off)
	opMovReg  = 0xbf
	opMovImm  = 0xb7
	opAndImm  = 0x57
	opRshImm  = 0x77
	opJneImm  = 0x55 // if dst != imm goto +off
	opJeqImm  = 0x15
	opJa      = 0x05
	opExit    = 0x95
	accessMk  = 1
	accessRd  = 2
	accessWr  = 4
	typeBlock = 1
	typeChar  = 2
)

// DeviceProgram compiles rules for BPF_PROG_TYPE_CGROUP_DEVICE. The last rule
// that speaks to an access decides: one that allows must cover all of it, one
// that denies any part. What no rule speaks to is denied.
func DeviceProgram(rules []plan.DeviceRule) []Instruction {
	// r2: type, r3: access, r4: major, r5: minor
	p := []Instruction{
		{Op: opLoadW, Regs: 1<<4 | 2, Off: 0},
		{Op: opMovReg, Regs: 2<<4 | 3},
		{Op: opAndImm, Regs: 2, Imm: 0xffff},
		{Op: opRshImm, Regs: 3, Imm: 16},
		{Op: opLoadW, Regs: 1<<4 | 4, Off: 4},
		{Op: opLoadW, Regs: 1<<4 | 5, Off: 8},
	}
	for i := len(rules) - 1; i >= 0; i-- {
		block, always := ruleBlock(&rules[i])
		p = append(p, block...)
		if always {
			return p
		}
	}
	return append(p, Instruction{Op: opMovImm, Regs: 0, Imm: 0}, Instruction{Op: opExit})
}

// ruleBlock is the code of one rule; always says that nothing gets past it.
func ruleBlock(r *plan.DeviceRule) (code []Instruction, always bool) {
	switch r.Type {
	case 'b':
		code = append(code, Instruction{Op: opJneImm, Regs: 2, Imm: typeBlock})
	case 'c':
		code = append(code, Instruction{Op: opJneImm, Regs: 2, Imm: typeChar})
	}
	if bits := int32(r.Access); bits != accessMk|accessRd|accessWr {
		code = append(code, Instruction{Op: opMovReg, Regs: 3<<4 | 1})
		if r.Allow {
			code = append(code, Instruction{Op: opAndImm, Regs: 1, Imm: ^bits & 7}, Instruction{Op: opJneImm, Regs: 1, Imm: 0})
		} else {
			code = append(code, Instruction{Op: opAndImm, Regs: 1, Imm: bits}, Instruction{Op: opJeqImm, Regs: 1, Imm: 0})
		}
	}
	if r.Major != plan.AnyDevice {
		code = append(code, Instruction{Op: opJneImm, Regs: 4, Imm: int32(uint32(r.Major))})
	}
	if r.Minor != plan.AnyDevice {
		code = append(code, Instruction{Op: opJneImm, Regs: 5, Imm: int32(uint32(r.Minor))})
	}
	verdict := int32(0)
	if r.Allow {
		verdict = 1
	}
	always = len(code) == 0
	code = append(code, Instruction{Op: opMovImm, Regs: 0, Imm: verdict}, Instruction{Op: opExit})
	for i := range code {
		if code[i].Op == opJneImm || code[i].Op == opJeqImm {
			code[i].Off = int16(len(code) - i - 1)
		}
	}
	return code, always
}

// The parts of union bpf_attr that are used here; the kernel takes the size.
type bpfProgLoad struct {
	progType    uint32
	count       uint32
	insns       uint64
	license     uint64
	logLevel    uint32
	logSize     uint32
	logBuf      uint64
	kernVersion uint32
	flags       uint32
}

type bpfProgAttach struct {
	target   uint32
	prog     uint32
	kind     uint32
	flags    uint32
	replaced uint32
}

const (
	bpfCmdLoad         = 5
	bpfCmdAttach       = 8
	bpfTypeDevice      = 15 // BPF_PROG_TYPE_CGROUP_DEVICE, Linux 4.15
	bpfAttachDevice    = 6  // BPF_CGROUP_DEVICE
	bpfFlagAllowMulti  = 2
	deviceProgMaxInsns = 4096
)

func bpf(cmd uintptr, attr unsafe.Pointer, size uintptr) (int, error) {
	for {
		n, _, errno := unix.Syscall(unix.SYS_BPF, cmd, uintptr(attr), size)
		if errno == unix.EINTR || errno == unix.EAGAIN {
			continue
		}
		if errno != 0 {
			return -1, &os.SyscallError{Syscall: "bpf", Err: errno}
		}
		return int(n), nil
	}
}

// attachDevices loads the program and attaches it to the group. It stays as
// long as the group does.
func attachDevices(dir string, code []Instruction) error {
	if len(code) > deviceProgMaxInsns {
		return &Error{Write: Write{Controller: "devices", Origin: "devices"}, Err: unix.E2BIG}
	}
	fd, err := sys.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer sys.Close(fd)
	license := []byte("Apache-2.0\x00")
	load := bpfProgLoad{
		progType: bpfTypeDevice, count: uint32(len(code)), insns: uint64(uintptr(unsafe.Pointer(&code[0]))), license: uint64(uintptr(unsafe.Pointer(&license[0]))),
	}
	prog, err := bpf(bpfCmdLoad, unsafe.Pointer(&load), unsafe.Sizeof(load))
	runtime.KeepAlive(code)
	runtime.KeepAlive(license)
	if err != nil {
		return err
	}
	defer sys.Close(prog)
	attach := bpfProgAttach{target: uint32(fd), prog: uint32(prog), kind: bpfAttachDevice, flags: bpfFlagAllowMulti}
	_, err = bpf(bpfCmdAttach, unsafe.Pointer(&attach), unsafe.Sizeof(attach))
	return err
}
