//go:build libseccomp

package seccomp

import (
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/seccomp/libseccomp"
)

// Compiler names what makes the filters in this build: "built-in", this package; or "libseccomp", the C library, in a
// build with that tag.
const Compiler = "libseccomp"

// LibraryVersion returns the version of libseccomp whose names and numbers of system calls profiles are compiled with: the
// one that is linked.
func LibraryVersion() string { return libseccomp.Version() }

// Known says whether any ABI has a system call of that name: a rule for another
// name has no effect anywhere.
func Known(name string) bool { return libseccomp.Known(name) }

// libraryNumber returns libseccomp's number for a call of a, or false for a name that it does not know.
func libraryNumber(name string, a abi) (nr int32, ok bool) {
	return libseccomp.Number(name, abis[a].name)
}

// program returns the instructions for p, of which prof is the checked form: those of libseccomp, and before them, where
// the default action has it so, the ones that give ENOSYS to calls newer than the profile.
func program(p *specs.LinuxSeccomp, prof *profile) ([]byte, error) {
	archs := make([]specs.Arch, len(prof.abis))
	for i, a := range prof.abis {
		archs[i] = abis[a].name
	}
	code, err := libseccomp.Program(p, archs)
	if err != nil {
		return nil, err
	}
	if prof.tail {
		head, err := prof.newCalls()
		if err != nil {
			return nil, err
		}
		code = append(head, code...)
	}
	return code, tooLong(len(code) / insnSize)
}

// newCalls returns the part of p's filter that ends in ENOSYS for calls newer than those the profile mentions, and passes
// the others on to the program that is put behind it. It is p's own filter without its verdicts.
func (p *profile) newCalls() ([]byte, error) {
	const pass = 0x00010000 // no action of the kernel
	head := *p
	head.def = pass
	head.rules = slices.Clone(p.rules)
	for i := range head.rules {
		head.rules[i].ret = pass
	}
	var g graph
	code, err := emit(&g, head.build(&g))
	if err != nil {
		return nil, err
	}
	list, err := decode(code)
	if err != nil {
		return nil, err
	}
	for i, in := range list {
		if in.code == bpfReturn && in.k == pass {
			list[i] = insn{code: bpfJump, k: uint32(len(list) - i - 1)}
		}
	}
	return encodeProgram(list), nil
}
