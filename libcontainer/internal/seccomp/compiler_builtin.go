//go:build !libseccomp

package seccomp

import "github.com/opencontainers/runtime-spec/specs-go"

// Compiler names what makes the filters in this build: "built-in", this package; or "libseccomp", the C library, in a
// build with that tag.
const Compiler = "built-in"

// LibraryVersion returns the version of libseccomp whose names and numbers of system calls profiles are compiled with: the
// one that the tables were generated from.
func LibraryVersion() string { return TableVersion }

// Known says whether any ABI has a system call of that name: a rule for another
// name has no effect anywhere.
func Known(name string) bool { return tableKnows(name) }

// libraryNumber returns libseccomp's number for a call of a, or false for a name that it does not know.
func libraryNumber(name string, a abi) (nr int32, ok bool) { return tableNumber(name, a) }

// program returns the instructions for p, of which prof is the checked form.
func program(_ *specs.LinuxSeccomp, prof *profile) ([]byte, error) {
	var g graph
	return emit(&g, prof.build(&g))
}
