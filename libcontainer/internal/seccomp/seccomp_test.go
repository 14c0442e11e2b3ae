package seccomp

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestCompile_flags(t *testing.T) {
	type flags = []specs.LinuxSeccompFlag
	const log, spec, wait = specs.LinuxSeccompFlagLog, specs.LinuxSeccompFlagSpecAllow, specs.LinuxSeccompFlagWaitKillableRecv
	for _, c := range []struct {
		name   string
		flags  flags
		notify bool
		want   uint32
	}{
		{"none given", nil, false, 4},
		{"empty", flags{}, false, 0},
		{"log", flags{log}, false, 2},
		{"spec allow", flags{spec}, false, 4},
		{"tsync counts nothing", flags{"SECCOMP_FILTER_FLAG_TSYNC"}, false, 0},
		{"all", flags{"SECCOMP_FILTER_FLAG_TSYNC", log, spec}, false, 6},
		{"wait without notify", flags{wait}, false, 0},
		{"wait with notify", flags{wait}, true, 40},
		{"notify", nil, true, 12},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Flags: c.flags, Syscalls: []specs.LinuxSyscall{
				{Names: []string{"mkdir"}, Action: specs.ActErrno},
			}}
			if c.notify {
				p.Syscalls[0].Action = specs.ActNotify
			}
			f, err := Compile(p)
			if err != nil {
				t.Fatal(err)
			}
			if f.Flags != c.want || f.Notify != c.notify {
				t.Errorf("flags %d notify %v, want %d %v", f.Flags, f.Notify, c.want, c.notify)
			}
		})
	}
}

func TestCompile_nothingToDo(t *testing.T) {
	for _, p := range []*specs.LinuxSeccomp{nil, {DefaultAction: specs.ActAllow}} {
		if f, err := Compile(p); f != nil || err != nil {
			t.Errorf("%v: %v %v", p, f, err)
		}
	}
}

func TestCompile_errors(t *testing.T) {
	big, one := uint(70000), uint(1)
	call := func(s specs.LinuxSyscall) specs.LinuxSeccomp {
		return specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{s}}
	}
	for _, c := range []struct {
		p    specs.LinuxSeccomp
		want string
	}{
		{specs.LinuxSeccomp{}, `defaultAction: unknown seccomp action ""`},
		{specs.LinuxSeccomp{DefaultAction: specs.ActNotify}, "defaultAction: SCMP_ACT_NOTIFY cannot be used as default action"},
		{specs.LinuxSeccomp{DefaultAction: specs.ActKill, DefaultErrnoRet: &one}, "defaultAction: SCMP_ACT_KILL takes no error number"},
		{specs.LinuxSeccomp{DefaultAction: specs.ActErrno, DefaultErrnoRet: &big}, "defaultAction: error number 70000 does not fit 16 bits"},
		{specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Architectures: []specs.Arch{"SCMP_ARCH_VAX"}}, `architectures[0]: unknown architecture "SCMP_ARCH_VAX"`},
		{specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Flags: []specs.LinuxSeccompFlag{"X"}}, `flags[0]: unknown seccomp flag "X"`},
		{call(specs.LinuxSyscall{Action: specs.ActAllow}), "syscalls[0].names: empty, at least one name is needed"},
		{call(specs.LinuxSyscall{Names: []string{"read", ""}, Action: specs.ActAllow}), "syscalls[0].names[1]: empty string is not a valid syscall"},
		{call(specs.LinuxSyscall{Names: []string{"write"}, Action: specs.ActNotify}), "syscalls[0].action: SCMP_ACT_NOTIFY cannot be used for the write syscall"},
		{call(specs.LinuxSyscall{Names: []string{"read"}, Action: specs.ActAllow, ErrnoRet: &one}), "syscalls[0].action: SCMP_ACT_ALLOW takes no error number"},
		{call(specs.LinuxSyscall{Names: []string{"read"}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{{Index: 6, Op: specs.OpEqualTo}}}), "syscalls[0].args[0].index: 6, system calls have arguments 0 to 5"},
		{call(specs.LinuxSyscall{Names: []string{"read"}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{{Op: "="}}}), `syscalls[0].args[0].op: unknown seccomp operator "="`},
	} {
		t.Run(c.want, func(t *testing.T) {
			if _, err := Compile(&c.p); err == nil || err.Error() != c.want {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestTables checks that what the lists promise is accepted.
func TestTables(t *testing.T) {
	for _, a := range Actions {
		if _, err := action(specs.LinuxSeccompAction(a), nil); err != nil {
			t.Error(err)
		}
	}
	for _, o := range Operators {
		if _, ok := operator(specs.LinuxSeccompOperator(o)); !ok {
			t.Error(o)
		}
	}
	p := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno}
	for _, a := range Archs {
		p.Architectures = append(p.Architectures, specs.Arch(a))
	}
	for _, f := range KnownFlags {
		p.Flags = append(p.Flags, specs.LinuxSeccompFlag(f))
	}
	if _, err := Compile(p); err != nil {
		t.Error(err)
	}
}

// TestCompile_longProgram has programs in which targets are out of reach of a
// conditional jump.
func TestCompile_longProgram(t *testing.T) {
	if native != abiX8664 {
		t.Skip("the numbers tried are those of x86")
	}
	rng := rand.New(rand.NewSource(7))
	p := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno}
	for i := range 400 {
		act := []specs.LinuxSeccompAction{specs.ActAllow, specs.ActLog, specs.ActTrap}[i%3]
		name := []string{"mprotect", "read", "ioctl"}[rng.Intn(3)]
		p.Syscalls = append(p.Syscalls, specs.LinuxSyscall{Names: []string{name}, Action: act, Args: []specs.LinuxSeccompArg{
			{Index: 0, Op: specs.OpEqualTo, Value: uint64(rng.Intn(1 << 20))}, {Index: 1, Op: specs.OpGreaterThan, Value: rng.Uint64()},
		}})
	}
	prog := mustCompile(t, p)
	if len(prog) < 1000 {
		t.Fatalf("%d instructions, too few for this test", len(prog))
	}
	for range 2 {
		for _, s := range p.Syscalls {
			for _, nr := range []uint32{0, 10, 16} {
				d := data{nr: nr, arch: abis[abiX8664].audit, args: [6]uint64{s.Args[0].Value, rng.Uint64()}}
				want := reading{p}.answers(abiX8664, &d)
				got := run(prog, &d)
				if len(want) == 1 && got != want[0] && got != retErrno|errnoENOSYS {
					t.Fatalf("%d %x: got %#x, want %#x", nr, d.args[:2], got, want)
				}
			}
		}
	}
}

func TestCompile_tooLong(t *testing.T) {
	p := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno}
	for i := range uint64(5000) {
		p.Syscalls = append(p.Syscalls, specs.LinuxSyscall{Names: []string{"mprotect"}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{
			{Index: 0, Op: specs.OpEqualTo, Value: i*7919 + i<<33},
		}})
	}
	if _, err := Compile(p); err == nil || !strings.Contains(err.Error(), fmt.Sprint("limit of ", maxInstructions)) {
		t.Errorf("got %v", err)
	}
}

func TestKnown(t *testing.T) {
	for name, want := range map[string]bool{
		"read": true, "arm_fadvise64_64": true, "uretprobe": true, "riscv_hwprobe": true, "file_setattr": true, "s390_pci_mmio_read": true, "socketcall": true,
		"": false, "frobnicate": false, "READ": false,
	} {
		if got := Known(name); got != want && !(want && unknown(t, name)) {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func TestFlagBits(t *testing.T) {
	for _, f := range KnownFlags {
		if bits, err := FlagBits(f); err != nil || bits == 0 {
			t.Errorf("%s: %x, %v", f, bits, err)
		}
	}
	if bits, err := FlagBits("SECCOMP_FILTER_FLAG_NONE"); err == nil {
		t.Errorf("a flag that is none: %x", bits)
	}
}
