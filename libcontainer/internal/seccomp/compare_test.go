package seccomp

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/seccomp/libseccomp"
)

// fixture reads a profile from testdata.
func fixture(t testing.TB, name string) *specs.LinuxSeccomp {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	p := new(specs.LinuxSeccomp)
	if err := json.Unmarshal(b, p); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return p
}

// mustCompile returns p's program.
func mustCompile(t testing.TB, p *specs.LinuxSeccomp) []insn {
	t.Helper()
	f, err := Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	prog := mustDecode(f.Instructions)
	wellFormed(t, prog)
	return prog
}

// wellFormed checks what the kernel's verifier checks: every jump lands inside,
// every way ends in a return.
func wellFormed(t testing.TB, prog []insn) {
	t.Helper()
	for pc, in := range prog {
		var targets []int
		switch in.code {
		case bpfReturn:
		case bpfJump:
			targets = []int{pc + 1 + int(in.k)}
		case bpfEqual, bpfAbove, bpfAtLeast, bpfAnySet:
			targets = []int{pc + 1 + int(in.jt), pc + 1 + int(in.jf)}
		case bpfLoad, bpfAnd:
			targets = []int{pc + 1}
		default:
			t.Fatalf("instruction %d has code %#x", pc, in.code)
		}
		for _, to := range targets {
			if to >= len(prog) {
				t.Fatalf("instruction %d leads to %d of %d", pc, to, len(prog))
			}
		}
	}
}

// argValues are the values an argument is tried with: all that p compares it
// with, their neighbours, and their halves.
func argValues(p *specs.LinuxSeccomp) []uint64 {
	vs := []uint64{0, 1, 40, 1 << 31, 1<<32 - 1, 1 << 32, 1<<32 + 1, 1<<64 - 1}
	for _, s := range p.Syscalls {
		for _, a := range s.Args {
			for _, v := range [2]uint64{a.Value, a.ValueTwo} {
				vs = append(vs, v-1, v, v+1, v|1<<40, uint64(uint32(v)), v>>32, ^v)
			}
		}
	}
	slices.Sort(vs)
	return slices.Compact(vs)
}

// auditArchs are the calls' ABIs that are tried, one that nobody lists included.
var auditArchs = []uint32{abis[abiX8664].audit, abis[abiX86].audit, abis[abiAARCH64].audit, 0}

// eachNumber calls f for every number worth trying.
func eachNumber(f func(nr uint32)) {
	for _, base := range []uint32{0, x32Bit} {
		for nr := range uint32(700) {
			f(base + nr)
		}
	}
	for _, nr := range []uint32{1000, 4096, 1<<30 - 1, 1 << 31, 1<<31 | 1, 1<<31 | x32Bit, 1<<32 - 2, 1<<32 - 1} {
		f(nr)
	}
}

// TestCompile_equalsLibseccomp compares programs answer by answer.
func TestCompile_equalsLibseccomp(t *testing.T) {
	if native != abiX8664 {
		t.Skip("the numbers tried are those of x86")
	}
	allow := func(names ...string) specs.LinuxSyscall {
		return specs.LinuxSyscall{Names: names, Action: specs.ActAllow}
	}
	native := fixture(t, "default.json")
	native.Architectures = nil
	noX32 := fixture(t, "default.json")
	noX32.Architectures = noX32.Architectures[:2]
	onlyX32 := fixture(t, "default.json")
	onlyX32.Architectures = []specs.Arch{specs.ArchX32}
	kill := fixture(t, "default.json")
	kill.DefaultAction, kill.DefaultErrnoRet = specs.ActKillProcess, nil
	tail := fixture(t, "default.json")
	tail.DefaultErrnoRet = nil
	trace := fixture(t, "spec.json")
	errno := uint(77)
	trace.DefaultAction, trace.DefaultErrnoRet = specs.ActTrace, &errno
	all := []specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32}
	mux := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, DefaultErrnoRet: &errno, Architectures: all, Syscalls: []specs.LinuxSyscall{
		allow("accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen", "recv", "recvfrom",
			"recvmsg", "recvmmsg", "send", "sendto", "sendmsg", "sendmmsg", "setsockopt", "shutdown", "socketpair",
			"semop", "semget", "semctl", "semtimedop", "msgsnd", "msgrcv", "msgget", "msgctl", "shmat", "shmdt", "shmget", "shmctl"),
		{Names: []string{"socket"}, Action: specs.ActLog, Args: []specs.LinuxSeccompArg{
			{Index: 0, Op: specs.OpEqualTo, Value: 2}, {Index: 1, Op: specs.OpEqualTo, Value: 1},
		}},
	}}
	muxed := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, DefaultErrnoRet: &errno, Architectures: all, Syscalls: []specs.LinuxSyscall{
		allow("connect"), allow("socketcall"), {Names: []string{"ipc"}, Action: specs.ActTrap},
		{Names: []string{"shmat"}, Action: specs.ActLog},
	}}
	for name, p := range map[string]*specs.LinuxSeccomp{
		"default on three ABIs": fixture(t, "default.json"), "native only": native, "without x32": noX32, "x32 listed": onlyX32,
		"killing": kill, "with tail": tail, "runtime-spec example": fixture(t, "spec.json"), "tracing": trace, "multiplexed": mux,
		"multiplexers themselves": muxed,
		"empty list":              {DefaultAction: specs.ActErrno},
		"one more than another":   {DefaultAction: specs.ActLog, Syscalls: []specs.LinuxSyscall{{Names: []string{"read"}, Action: specs.ActErrno, ErrnoRet: &errno}}},
	} {
		t.Run(name, func(t *testing.T) {
			lib, err := oracle(t, p)
			if err != nil {
				t.Fatal(err)
			}
			prog := mustCompile(t, p)
			t.Logf("%d instructions, libseccomp %d", len(prog), len(lib))
			if libraryBuild && slices.Equal(prog, lib) {
				return // no answer differs
			}
			late := lateNumbers(t, p)
			values := argValues(p)
			tailed := p.DefaultAction == specs.ActErrno && p.DefaultErrnoRet == nil
			for _, arch := range auditArchs {
				eachNumber(func(nr uint32) {
					if slices.Contains(late, [2]uint32{arch, nr}) {
						return // libseccomp does not know it; TestCompile_lateCalls
					}
					check := func(d data) {
						ours, theirs := run(prog, &d), run(lib, &d)
						if tailed && ours == retErrno|errnoENOSYS && theirs == retErrno|errnoEPERM {
							return // TestCompile_tail
						}
						if ours != theirs {
							t.Errorf("arch %#x nr %#x args %x: %#x, libseccomp has %#x", arch, nr, d.args, ours, theirs)
						}
					}
					for _, v := range values {
						check(data{nr, arch, [6]uint64{v, v, v, v, v, v}})
						check(data{nr, arch, [6]uint64{v, 1, 1, 1, 1, 1}})
						check(data{nr, arch, [6]uint64{2, v}})
					}
				})
			}
		})
	}
}

// lateNumbers are the numbers of p's names that libseccomp cannot resolve, or that a newer one can and the tables cannot:
// 2.6 has map_shadow_stack for x32.
func lateNumbers(t testing.TB, p *specs.LinuxSeccomp) (out [][2]uint32) {
	for _, s := range p.Syscalls {
		for _, name := range s.Names {
			for _, a := range []abi{abiX8664, abiX86, abiX32} {
				n, ok := resolve(name, a)
				theirs, known := libseccomp.Number(name, abis[a].name)
				switch {
				case ok && !known:
					out = append(out, [2]uint32{abis[a].audit, uint32(n.direct)})
				case !ok && known && theirs >= 0:
					out = append(out, [2]uint32{abis[a].audit, uint32(theirs)})
				}
			}
		}
	}
	return out
}

func TestCompile_tail(t *testing.T) {
	all := []specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32}
	allow := func(names ...string) []specs.LinuxSyscall {
		return []specs.LinuxSyscall{{Names: names, Action: specs.ActAllow}}
	}
	const (
		eperm  = retErrno | errnoEPERM
		enosys = retErrno | errnoENOSYS
		six    = retErrno | 6
		amd64  = 0xc000003e
		i386   = 0x40000003
	)
	n := uint(6)
	for _, c := range []struct {
		name string
		p    specs.LinuxSeccomp
		arch uint32
		nr   uint32
		want uint32
	}{
		{"older is EPERM", specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: allow("openat2")}, amd64, 272, eperm},
		{"one less than newest", specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: allow("openat2")}, amd64, 436, eperm},
		{"newest", specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: allow("openat2")}, amd64, 437, retAllow},
		{"one more than newest", specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: allow("openat2")}, amd64, 438, enosys},
		{"number 1000", specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: allow("openat2")}, amd64, 1000, enosys},
		{"last before x32", specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: allow("openat2")}, amd64, x32Bit - 1, enosys},
		{"x32 not listed", specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: allow("openat2")}, amd64, x32Bit + 438, retKillThread},
		{"i386 not listed", specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: allow("openat2")}, i386, 438, retKillThread},
		{"minus one", specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: allow("openat2")}, amd64, ^uint32(0), enosys},
		{"i386 has its own newest", specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Architectures: all, Syscalls: allow("read", "futex_time64")}, i386, 421, eperm},
		{"i386 newer", specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Architectures: all, Syscalls: allow("read", "futex_time64")}, i386, 423, enosys},
		{"not on this ABI", specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Architectures: all, Syscalls: allow("read", "futex_time64")}, amd64, 1, enosys},
		{"x32 newer", specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Architectures: all, Syscalls: allow("openat2")}, amd64, x32Bit + 438, enosys},
		{"x32 older", specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Architectures: all, Syscalls: allow("openat2")}, amd64, x32Bit + 436, eperm},
		{"x32 special is old", specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Architectures: all, Syscalls: allow("openat2")}, amd64, x32Bit + 520, eperm},
		{"x32 special, last", specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Architectures: all, Syscalls: allow("openat2")}, amd64, x32Bit + 547, eperm},
		{"x32 after special", specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Architectures: all, Syscalls: allow("openat2")}, amd64, x32Bit + 548, enosys},
		{"x32 special does not count as newest", specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Architectures: all, Syscalls: allow("openat2", "ioctl")}, amd64, x32Bit + 500, enosys},
		{"x32 special named", specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Architectures: all, Syscalls: allow("openat2", "ioctl")}, amd64, x32Bit + 514, retAllow},
		{"explicit errno covers new", specs.LinuxSeccomp{DefaultAction: specs.ActErrno, DefaultErrnoRet: &n, Syscalls: allow("openat2")}, amd64, 1000, six},
		{"explicit errno covers old", specs.LinuxSeccomp{DefaultAction: specs.ActErrno, DefaultErrnoRet: &n, Syscalls: allow("openat2")}, amd64, 80, six},
		{"other defaults have none", specs.LinuxSeccomp{DefaultAction: specs.ActKillProcess, Syscalls: allow("openat2")}, amd64, 1000, retKillProcess},
		{"a rule that equals the default counts", specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{{Names: []string{"openat2"}, Action: specs.ActErrno}}}, amd64, 436, eperm},
		{"nothing mentioned", specs.LinuxSeccomp{DefaultAction: specs.ActErrno}, amd64, 1000, eperm},
		{"only unknown names", specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: allow("no_such_call")}, amd64, 1000, eperm},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := run(mustCompile(t, &c.p), &data{nr: c.nr, arch: c.arch}); got != c.want {
				t.Errorf("got %#x, want %#x", got, c.want)
			}
		})
	}
}

// lateName is the name of a late call of x86_64.
func lateName(nr uint32) string {
	for _, c := range lateCalls {
		if c.nr == nr {
			return c.name
		}
	}
	return map[uint32]string{335: "uretprobe", 336: "uprobe"}[nr]
}

func TestCompile_lateCalls(t *testing.T) {
	errno := uint(1)
	p := &specs.LinuxSeccomp{
		DefaultAction: specs.ActErrno, DefaultErrnoRet: &errno,
		Architectures: []specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32},
	}
	for _, late := range lateCalls {
		p.Syscalls = append(p.Syscalls, specs.LinuxSyscall{Names: []string{late.name}, Action: specs.ActAllow})
	}
	p.Syscalls = append(p.Syscalls, specs.LinuxSyscall{Names: []string{"uretprobe", "uprobe", "riscv_hwprobe"}, Action: specs.ActAllow})
	prog := mustCompile(t, p)
	for _, c := range []struct {
		name string
		arch uint32
		base uint32
		more []uint32
		less []uint32
	}{
		{"x86_64", 0xc000003e, 0, []uint32{335, 336}, nil},
		{"i386", 0x40000003, 0, nil, nil},
		{"x32", 0xc000003e, x32Bit, nil, []uint32{453}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for nr := range uint32(600) {
				want := uint32(retErrno | errnoEPERM)
				if (nr >= 447 && nr <= 469 && !slices.Contains(c.less, nr)) || slices.Contains(c.more, nr) {
					want = retAllow
				}
				if want == retAllow && unknown(t, lateName(nr)) {
					want = retErrno | errnoEPERM
				}
				if got := run(prog, &data{nr: nr + c.base, arch: c.arch}); got != want {
					t.Errorf("%d: got %#x, want %#x", nr, got, want)
				}
			}
		})
	}
	// The other architectures' numbers, as their tables have them.
	for _, c := range []struct {
		name string
		abi  abi
		want int32
	}{
		{"fchmodat2", abiAARCH64, 452}, {"fchmodat2", abiARM, 452}, {"fchmodat2", abiMIPS64, 5452}, {"fchmodat2", abiMIPSEL, 4452},
		{"fchmodat2", abiMIPS64N32, 6452}, {"fchmodat2", abiS390X, 452}, {"mseal", abiPPC64LE, 462}, {"riscv_hwprobe", abiRISCV64, 258},
		{"file_setattr", abiX32, x32Bit + 469},
	} {
		t.Run(fmt.Sprintf("%s on %s", c.name, abis[c.abi].name), func(t *testing.T) {
			if unknown(t, c.name) {
				return
			}
			if n, ok := resolve(c.name, c.abi); !ok || n.direct != c.want {
				t.Errorf("got %v %v, want %d", n, ok, c.want)
			}
		})
	}
}
