package spec

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const chapterSeccomp = "config-linux.md#seccomp"

// maxUnixPath is the longest path of an AF_UNIX socket, with room for its NUL.
const maxUnixPath = 107

// seccomp checks names and the rules that tie fields to actions. Names of system
// calls are not judged: profiles are written for many kernels and machines.
func (c *checker) seccomp(s *specs.LinuxSeccomp) {
	const path = "linux.seccomp"
	switch {
	case s.DefaultAction == "" && len(s.Syscalls) == 0:
		c.warn(chapterSeccomp, "without an action there is no filter", path, "defaultAction")
	case s.DefaultAction == specs.ActNotify:
		c.must(chapterSeccomp, "SCMP_ACT_NOTIFY cannot be used as default action", path, "defaultAction")
	default:
		c.seccompAction(s.DefaultAction, path, "defaultAction")
	}
	if s.DefaultErrnoRet != nil {
		c.errnoRet(s.DefaultAction, *s.DefaultErrnoRet, path, "defaultErrnoRet")
	}
	for i, a := range s.Architectures {
		if !knownArch(a) {
			c.must(chapterSeccomp, quote(string(a))+" is not an architecture, as SCMP_ARCH_X86_64 is", path, "architectures", i)
		}
	}
	notify := s.DefaultAction == specs.ActNotify
	for i := range s.Syscalls {
		notify = c.syscall(i, &s.Syscalls[i]) || notify
	}
	for i, f := range s.Flags {
		switch f {
		case "SECCOMP_FILTER_FLAG_TSYNC", specs.LinuxSeccompFlagLog, specs.LinuxSeccompFlagSpecAllow:
		case specs.LinuxSeccompFlagWaitKillableRecv:
			if !notify {
				c.warn(chapterSeccomp, "has no effect without SCMP_ACT_NOTIFY", path, "flags", i)
			}
		default:
			c.must(chapterSeccomp, quote(string(f))+" is not a filter flag; "+
				oneOf("SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"), path, "flags", i)
		}
	}
	// "If the SCMP_ACT_NOTIFY action is not used this value is ignored."
	if notify {
		switch {
		case s.ListenerPath == "":
			c.must(chapterSeccomp, "is required for SCMP_ACT_NOTIFY", path, "listenerPath")
		case hasNUL(s.ListenerPath):
			c.must(chapterSeccomp, nulMessage, path, "listenerPath")
		case len(s.ListenerPath) > maxUnixPath:
			c.must(chapterSeccomp, "is longer than the 107 bytes that a socket's path may have", path, "listenerPath")
		}
	}
	if s.ListenerMetadata != "" && s.ListenerPath == "" {
		c.should(chapterSeccomp, "must not be set without listenerPath", path, "listenerMetadata")
	}
}

// syscall checks one rule and says whether it notifies.
func (c *checker) syscall(i int, r *specs.LinuxSyscall) bool {
	const path = "linux.seccomp.syscalls"
	if len(r.Names) == 0 {
		c.should(chapterSeccomp, "must contain at least one entry", path, i, "names")
	}
	notify := r.Action == specs.ActNotify
	for j, n := range r.Names {
		switch {
		case n == "":
			c.must(chapterSeccomp, "an empty name", path, i, "names", j)
		case hasNUL(n):
			c.must(chapterSeccomp, nulMessage, path, i, "names", j)
		case notify && n == "write":
			// The init sends its listener with write: it would wait for itself.
			c.must(chapterSeccomp, "SCMP_ACT_NOTIFY cannot be used for the write syscall", path, i, "action")
		}
	}
	c.seccompAction(r.Action, path, i, "action")
	if r.ErrnoRet != nil {
		c.errnoRet(r.Action, *r.ErrnoRet, path, i, "errnoRet")
	}
	for j := range r.Args {
		a := &r.Args[j]
		if a.Index > 5 {
			c.must(chapterSeccomp, "argument "+utoa(uint64(a.Index))+" is out of range, want 0 to 5", path, i, "args", j, "index")
		}
		switch a.Op {
		case specs.OpNotEqual, specs.OpLessThan, specs.OpLessEqual, specs.OpEqualTo,
			specs.OpGreaterEqual, specs.OpGreaterThan, specs.OpMaskedEqual:
		default:
			c.must(chapterSeccomp, quote(string(a.Op))+" is not a comparison, as SCMP_CMP_EQ is", path, i, "args", j, "op")
		}
	}
	return notify
}

func (c *checker) seccompAction(a specs.LinuxSeccompAction, path ...any) {
	switch a {
	case specs.ActKill, specs.ActKillProcess, specs.ActKillThread, specs.ActTrap, specs.ActErrno,
		specs.ActTrace, specs.ActAllow, specs.ActLog, specs.ActNotify:
	case "":
		c.must(chapterSeccomp, "is required", path...)
	default:
		c.must(chapterSeccomp, quote(string(a))+" is not an action, as SCMP_ACT_ERRNO is", path...)
	}
}

// errnoRet enforces "When the action doesn't support an errno, the runtime MUST
// print and error and fail."
func (c *checker) errnoRet(a specs.LinuxSeccompAction, errno uint, path ...any) {
	switch {
	case a != specs.ActErrno && a != specs.ActTrace:
		c.must(chapterSeccomp, "action "+quote(string(a))+" does not support an errno", path...)
	case a == specs.ActErrno && errno > 4095:
		c.must(chapterSeccomp, utoa(uint64(errno))+" is above 4095, the largest errno (seccomp(2))", path...)
	case errno > 0xffff:
		c.must(chapterSeccomp, utoa(uint64(errno))+" is above 65535, the largest number for a tracer (seccomp(2))", path...)
	}
}

func knownArch(a specs.Arch) bool {
	switch a {
	case specs.ArchX86, specs.ArchX86_64, specs.ArchX32, specs.ArchARM, specs.ArchAARCH64,
		specs.ArchMIPS, specs.ArchMIPS64, specs.ArchMIPS64N32, specs.ArchMIPSEL,
		specs.ArchMIPSEL64, specs.ArchMIPSEL64N32, specs.ArchPPC, specs.ArchPPC64,
		specs.ArchPPC64LE, specs.ArchS390, specs.ArchS390X, specs.ArchPARISC,
		specs.ArchPARISC64, specs.ArchRISCV64, specs.ArchLOONGARCH64, specs.ArchM68K,
		specs.ArchSH, specs.ArchSHEB:
		return true
	}
	return false
}
