// Package libseccomp compiles seccomp profiles with the C library of that name. A build with the tag "libseccomp" does so
// for containers (package seccomp); the tests of every build compare the filters of rung's own compiler with its programs.
//
// It needs cgo and libseccomp 2.3.1 or later, with its headers.
package libseccomp

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	lib "github.com/seccomp/libseccomp-golang"
	"golang.org/x/sys/unix"
)

// Version returns the version of the library that answers, which is the one that the dynamic linker has found.
func Version() string {
	major, minor, micro := lib.GetLibraryVersion()
	return strconv.Itoa(int(major)) + "." + strconv.Itoa(int(minor)) + "." + strconv.Itoa(int(micro))
}

// Known reports whether the library knows a system call of that name, on any architecture.
func Known(name string) bool {
	_, err := lib.GetSyscallFromName(name)
	return err == nil
}

// Number returns the library's number for a system call of arch: that of the kernel, or a negative one of the library's own
// for a call that arch has not, or has behind socketcall(2) and ipc(2) only. It reports false for a name or an architecture
// that the library does not know.
func Number(name string, arch specs.Arch) (nr int32, ok bool) {
	a, err := archOf(arch)
	if err != nil {
		return 0, false
	}
	n, err := lib.GetSyscallFromNameByArch(name, a)
	return int32(n), err == nil
}

// Program returns the BPF program for p as an array of struct sock_filter in native byte order, on a machine whose
// native architecture is archs[0]; calls through the others in archs are part of the filter as well. p has been checked: its
// architectures and flags are not looked at. Names that the library does not know are left out, and so are rules
// whose action is the default one.
//
// Errors name the field by its JSON path below linux.seccomp and wrap the library's errno. Two rules with the same
// conditions and different actions fail with EEXIST.
func Program(p *specs.LinuxSeccomp, archs []specs.Arch) ([]byte, error) {
	def, err := action(p.DefaultAction, p.DefaultErrnoRet)
	if err != nil {
		return nil, fmt.Errorf("defaultAction: %w", err)
	}
	f, err := lib.NewFilter(def)
	if err != nil {
		return nil, fmt.Errorf("defaultAction: libseccomp rejects %s: %w", p.DefaultAction, err)
	}
	defer f.Release()
	if err := setArchs(f, archs); err != nil {
		return nil, err
	}
	for i := range p.Syscalls {
		if err := addRule(f, def, &p.Syscalls[i]); err != nil {
			return nil, fmt.Errorf("syscalls[%d]%w", i, err)
		}
	}
	return export(f)
}

// setArchs makes archs those of the filter, which begins with the one that the library was built for.
func setArchs(f *lib.ScmpFilter, archs []specs.Arch) error {
	native, err := lib.GetNativeArch()
	if err != nil {
		return fmt.Errorf("architectures: ask libseccomp for the native one: %w", err)
	}
	for i, name := range archs {
		a, err := archOf(name)
		if err == nil && a != native {
			err = f.AddArch(a)
		}
		if err == nil && i == 0 && a != native {
			err = f.RemoveArch(native)
		}
		if err != nil {
			return fmt.Errorf("architectures: add %s to the filter of libseccomp %s: %w", name, Version(), err)
		}
	}
	return nil
}

// addRule adds s to the filter. Its errors begin with the rest of the JSON path.
func addRule(f *lib.ScmpFilter, def lib.ScmpAction, s *specs.LinuxSyscall) error {
	act, err := action(s.Action, s.ErrnoRet)
	if err != nil {
		return fmt.Errorf(".action: %w", err)
	}
	if act == def {
		return nil // the library refuses such a rule (EACCES)
	}
	conds := make([]lib.ScmpCondition, 0, len(s.Args))
	var used [6]bool
	twice := false
	for i := range s.Args {
		a := &s.Args[i]
		op, ok := operator(a.Op)
		if !ok || a.Index > 5 {
			return fmt.Errorf(".args[%d]: argument %d, operator %q", i, a.Index, string(a.Op))
		}
		c, err := lib.MakeCondition(a.Index, op, a.Value, a.ValueTwo)
		if err != nil {
			return fmt.Errorf(".args[%d]: %w", i, err)
		}
		conds = append(conds, c)
		twice = twice || used[a.Index]
		used[a.Index] = true
	}
	// The library takes one condition for an argument: two on the same one make a rule per condition.
	sets := [][]lib.ScmpCondition{conds}
	if twice {
		sets = nil
		for i := range conds {
			sets = append(sets, conds[i:i+1])
		}
	}
	for i, name := range s.Names {
		nr, err := lib.GetSyscallFromName(name) // the library finds the numbers of the other architectures by it
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
				return fmt.Errorf(".names[%d]: libseccomp rejects the rule for %q: another rule has its conditions and another action: %w", i, name, err)
			}
			if err != nil {
				return fmt.Errorf(".names[%d]: libseccomp rejects the rule for %q: %w", i, name, err)
			}
		}
	}
	return nil
}

// export writes the program through a file in memory: seccomp_export_bpf_mem is of libseccomp 2.6.
func export(f *lib.ScmpFilter) ([]byte, error) {
	fd, err := sys.MemfdCreate("seccomp-filter", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a file for the filter of libseccomp: %w", os.NewSyscallError("memfd_create", err))
	}
	file := os.NewFile(uintptr(fd), "seccomp-filter")
	defer file.Close()
	if err := f.ExportBPF(file); err != nil {
		return nil, fmt.Errorf("export the filter of libseccomp: %w", err)
	}
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	if _, err := file.ReadAt(b, 0); err != nil {
		return nil, err
	}
	return b, nil
}

// archOf translates a value of architectures. Its error is that of a library that is too old for it.
func archOf(name specs.Arch) (lib.ScmpArch, error) {
	return lib.GetArchFromString(strings.ToLower(strings.TrimPrefix(string(name), "SCMP_ARCH_")))
}

func action(a specs.LinuxSeccompAction, errno *uint) (lib.ScmpAction, error) {
	code := int16(unix.EPERM)
	if errno != nil {
		code = int16(*errno)
	}
	switch a {
	case specs.ActKill, specs.ActKillThread:
		return lib.ActKillThread, nil
	case specs.ActKillProcess:
		return lib.ActKillProcess, nil
	case specs.ActTrap:
		return lib.ActTrap, nil
	case specs.ActErrno:
		return lib.ActErrno.SetReturnCode(code), nil
	case specs.ActTrace:
		return lib.ActTrace.SetReturnCode(code), nil
	case specs.ActAllow:
		return lib.ActAllow, nil
	case specs.ActLog:
		return lib.ActLog, nil
	case specs.ActNotify:
		return lib.ActNotify, nil
	}
	return 0, fmt.Errorf("unknown seccomp action %q", string(a))
}

func operator(o specs.LinuxSeccompOperator) (lib.ScmpCompareOp, bool) {
	switch o {
	case specs.OpNotEqual:
		return lib.CompareNotEqual, true
	case specs.OpLessThan:
		return lib.CompareLess, true
	case specs.OpLessEqual:
		return lib.CompareLessOrEqual, true
	case specs.OpEqualTo:
		return lib.CompareEqual, true
	case specs.OpGreaterEqual:
		return lib.CompareGreaterEqual, true
	case specs.OpGreaterThan:
		return lib.CompareGreater, true
	case specs.OpMaskedEqual:
		return lib.CompareMaskedEqual, true
	}
	return 0, false
}
