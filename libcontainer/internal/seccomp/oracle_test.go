package seccomp

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/sys/unix"
)

// libName is what libseccomp-golang calls an ABI.
func libName(a abi) string {
	return strings.ToLower(strings.TrimPrefix(string(abis[a].name), "SCMP_ARCH_"))
}

func libArch(t testing.TB, a abi) libseccomp.ScmpArch {
	t.Helper()
	arch, err := libseccomp.GetArchFromString(libName(a))
	if err != nil {
		t.Fatal(err)
	}
	return arch
}

// The tables are what the library says, of all that it knows of.
func TestCallNumbers_are_those_of_libseccomp(t *testing.T) {
	major, minor, micro := libseccomp.GetLibraryVersion()
	t.Logf("tables of %s, library %d.%d.%d", TableVersion, major, minor, micro)
	for a := range abis {
		arch, err := libseccomp.GetArchFromString(libName(abi(a)))
		if a == int(abiNone) || err != nil {
			continue
		}
		for i, name := range callNames {
			n, err := libseccomp.GetSyscallFromNameByArch(name, arch)
			if err != nil {
				continue // a library older than the tables
			}
			got := callNumbers[a][i]
			switch {
			case n >= 0 && got == -1:
				t.Logf("%s on %s has become known: %d", name, abis[a].name, n)
			case n >= 0 && int32(n) != got+int32(abis[a].base), n <= -100 && n > -300 && got != int32(n), n <= -300 && got != -1:
				t.Errorf("%s on %s: %d, libseccomp has %d", name, abis[a].name, got, n)
			}
		}
	}
}

func libAction(t testing.TB, a specs.LinuxSeccompAction, errno *uint) libseccomp.ScmpAction {
	code := int16(1)
	if errno != nil {
		code = int16(*errno)
	}
	switch a {
	case specs.ActKill, specs.ActKillThread:
		return libseccomp.ActKillThread
	case specs.ActKillProcess:
		return libseccomp.ActKillProcess
	case specs.ActTrap:
		return libseccomp.ActTrap
	case specs.ActErrno:
		return libseccomp.ActErrno.SetReturnCode(code)
	case specs.ActTrace:
		return libseccomp.ActTrace.SetReturnCode(code)
	case specs.ActAllow:
		return libseccomp.ActAllow
	case specs.ActLog:
		return libseccomp.ActLog
	case specs.ActNotify:
		return libseccomp.ActNotify
	}
	t.Fatalf("action %q", a)
	return 0
}

func libOperator(t testing.TB, o specs.LinuxSeccompOperator) libseccomp.ScmpCompareOp {
	switch o {
	case specs.OpNotEqual:
		return libseccomp.CompareNotEqual
	case specs.OpLessThan:
		return libseccomp.CompareLess
	case specs.OpLessEqual:
		return libseccomp.CompareLessOrEqual
	case specs.OpEqualTo:
		return libseccomp.CompareEqual
	case specs.OpGreaterEqual:
		return libseccomp.CompareGreaterEqual
	case specs.OpGreaterThan:
		return libseccomp.CompareGreater
	case specs.OpMaskedEqual:
		return libseccomp.CompareMaskedEqual
	}
	t.Fatalf("operator %q", o)
	return 0
}

var errConflict = errors.New("libseccomp refuses the rules' combination")

// oracle is the program that libseccomp makes of p, fed the way engines'
// runtimes feed it.
func oracle(t testing.TB, p *specs.LinuxSeccomp) ([]insn, error) {
	t.Helper()
	return oracleFor(t, p, native)
}

// oracleFor is oracle on a machine whose native ABI is host.
func oracleFor(t testing.TB, p *specs.LinuxSeccomp, host abi) ([]insn, error) {
	t.Helper()
	def := libAction(t, p.DefaultAction, p.DefaultErrnoRet)
	f, err := libseccomp.NewFilter(def)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Release()
	if host != native {
		if err := f.AddArch(libArch(t, host)); err != nil {
			t.Fatalf("AddArch %s: %v", abis[host].name, err)
		}
		if err := f.RemoveArch(libseccomp.ArchNative); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range p.Architectures {
		a := abiNamed(name)
		if a == abiNone || abis[a].kin != abis[host].kin {
			continue
		}
		if err := f.AddArch(libArch(t, a)); err != nil {
			t.Fatalf("AddArch %s: %v", name, err)
		}
	}
	for i := range p.Syscalls {
		s := &p.Syscalls[i]
		act := libAction(t, s.Action, s.ErrnoRet)
		if act == def {
			continue
		}
		var conds []libseccomp.ScmpCondition
		var count [6]int
		multiple := false
		for _, arg := range s.Args {
			c, err := libseccomp.MakeCondition(arg.Index, libOperator(t, arg.Op), arg.Value, arg.ValueTwo)
			if err != nil {
				t.Fatal(err)
			}
			conds = append(conds, c)
			count[arg.Index]++
			multiple = multiple || count[arg.Index] > 1
		}
		sets := [][]libseccomp.ScmpCondition{conds}
		if multiple {
			sets = nil
			for i := range conds {
				sets = append(sets, conds[i:i+1])
			}
		}
		for _, name := range s.Names {
			nr, err := libseccomp.GetSyscallFromName(name)
			if err != nil {
				continue
			}
			for _, set := range sets {
				if len(set) == 0 {
					err = f.AddRule(nr, act)
				} else {
					err = f.AddRuleConditional(nr, act, set)
				}
				if errors.Is(err, syscall.EEXIST) {
					return nil, errConflict
				}
				if err != nil {
					t.Fatalf("AddRule %s: %v", name, err)
				}
			}
		}
	}
	fd, err := unix.MemfdCreate("filter", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "filter")
	defer file.Close()
	if err := f.ExportBPF(file); err != nil {
		t.Fatalf("ExportBPF: %v", err)
	}
	st, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, st.Size())
	if _, err := file.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return mustDecode(b), nil
}

// known reports whether libseccomp has the name.
func known(name string, a abi) bool {
	arch, err := libseccomp.GetArchFromString(libName(a))
	if err != nil {
		return false
	}
	_, err = libseccomp.GetSyscallFromNameByArch(name, arch)
	return err == nil
}
