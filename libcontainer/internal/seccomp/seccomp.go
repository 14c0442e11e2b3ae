// Package seccomp turns the seccomp chapter of an OCI configuration into the
// classic BPF program that seccomp(2) takes.
//
// Names of system calls are resolved by tables from libseccomp; the program is
// built here. libseccomp emits one comparison per system call, in a list, and needs
// tens of milliseconds to do so for the profiles that engines ship. This package
// merges neighbouring numbers with the same verdict into ranges, searches those with
// a binary tree, and shares equal argument checks. The verdicts are libseccomp's
// (the tests compare the two filter by filter); [Compile] says what is beyond
// it.
//
// A build with the tag "libseccomp" links the library instead, and both the names and
// the program are the library's ([Compiler]). Its answers differ in the cases that the
// tests list by name (libraryDiffers).
package seccomp

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Flags of seccomp(2) that a [Filter] can carry, from linux/seccomp.h.
const (
	FlagLog              = 1 << 1 // SECCOMP_FILTER_FLAG_LOG, Linux 4.14
	FlagSpecAllow        = 1 << 2 // SECCOMP_FILTER_FLAG_SPEC_ALLOW, Linux 4.17
	FlagNewListener      = 1 << 3 // SECCOMP_FILTER_FLAG_NEW_LISTENER, Linux 5.0
	FlagWaitKillableRecv = 1 << 5 // SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, Linux 5.19
)

// Filter is a compiled profile: what seccomp(2) needs to install it.
type Filter struct {
	// Instructions is an array of struct sock_filter, eight bytes each, in
	// native byte order. At most 4096 instructions (BPF_MAXINSNS).
	Instructions []byte
	// Flags are the SECCOMP_FILTER_FLAG_* bits for seccomp(2), including
	// FlagNewListener when Notify is set.
	Flags uint32
	// Notify tells that some rule hands system calls to a listener, so that
	// installing the filter yields a descriptor.
	Notify bool
}

// Compile returns the filter for p, or nil if p is nil or asks for nothing (it
// allows by default and has no rules). It reads no file and asks the kernel
// nothing. Errors name the field of the profile by its JSON path below
// linux.seccomp (runtime-spec, config-linux.md, chapter Seccomp).
//
// The meaning of a profile is libseccomp's:
//
//   - The native architecture is always part of the filter, those in
//     architectures are added. A call through any other ABI kills the thread.
//     Architectures that the native kernel cannot run are left out.
//   - Names that no kernel known here has are ignored, and so are rules whose
//     action is the default action.
//   - Two conditions on one argument make a rule per condition; conditions on
//     different arguments must all hold.
//   - Of several rules for one system call, one without conditions beats all
//     that have some; of several without conditions the first wins. Among those
//     with conditions, equalities come before upper bounds and these before lower
//     bounds, tighter ones first (the details are at order, verdict.go).
//   - 32-bit ABIs compare the low 32 bits of an argument with the low 32 bits of
//     the value. On ABIs with socketcall(2) and ipc(2), rules for the calls behind
//     those apply to both forms; in the multiplexed form a condition on
//     argument 0 gives way to the sub-call's number.
//
// It goes beyond libseccomp in one thing. When the default action is
// SCMP_ACT_ERRNO without a defaultErrnoRet, system calls newer than the newest
// one the profile mentions fail with ENOSYS, because C libraries fall back to
// older calls only on that.
//
// With the tag "libseccomp" this holds as well, but for the cases in which the
// library answers otherwise: names that are newer than the library are unknown, and
// two rules with the same conditions and different actions are an error that wraps
// EEXIST. The library asks the kernel which actions it has.
func Compile(p *specs.LinuxSeccomp) (*Filter, error) {
	return compileFor(p, native)
}

func compileFor(p *specs.LinuxSeccomp, host abi) (*Filter, error) {
	if p == nil || (p.DefaultAction == specs.ActAllow && len(p.Syscalls) == 0) {
		return nil, nil
	}
	prof, err := parse(p, host)
	if err != nil {
		return nil, err
	}
	flags, err := filterFlags(p, prof.notify)
	if err != nil {
		return nil, err
	}
	code, err := program(p, prof)
	if err != nil {
		return nil, err
	}
	return &Filter{Instructions: code, Flags: flags, Notify: prof.notify}, nil
}

// NotifyAction is what a filter returns for a system call that a listener is to
// answer (SECCOMP_RET_USER_NOTIF, Linux 5.0).
const NotifyAction = retNotify

// FlagBits gives the bits of seccomp(2) for one of [KnownFlags], with
// FlagNewListener where the kernel takes the flag only together with it.
func FlagBits(name string) (uint32, error) {
	if name == "SECCOMP_FILTER_FLAG_TSYNC" {
		return flagTSync, nil
	}
	notify := name == string(specs.LinuxSeccompFlagWaitKillableRecv)
	return filterFlags(&specs.LinuxSeccomp{Flags: []specs.LinuxSeccompFlag{specs.LinuxSeccompFlag(name)}}, notify)
}

// flagTSync is SECCOMP_FILTER_FLAG_TSYNC, Linux 3.17.
const flagTSync = 1 << 0

// filterFlags translates the profile's flags. The kernels rung supports (5.12
// and newer) all know SPEC_ALLOW, so its default needs no probing.
func filterFlags(p *specs.LinuxSeccomp, notify bool) (uint32, error) {
	var flags uint32
	if p.Flags == nil {
		flags = FlagSpecAllow
	}
	for i, f := range p.Flags {
		switch f {
		case "SECCOMP_FILTER_FLAG_TSYNC":
			// The init that installs the filter has a single thread.
		case specs.LinuxSeccompFlagLog:
			flags |= FlagLog
		case specs.LinuxSeccompFlagSpecAllow:
			flags |= FlagSpecAllow
		case specs.LinuxSeccompFlagWaitKillableRecv:
			// The kernel takes this one only together with a listener.
			if notify {
				flags |= FlagWaitKillableRecv
			}
		default:
			return 0, fmt.Errorf("flags[%d]: unknown seccomp flag %q", i, string(f))
		}
	}
	if notify {
		flags |= FlagNewListener
	}
	return flags, nil
}
