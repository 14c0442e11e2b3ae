package main

import (
	"runtime"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer"
)

// Set by the linker: -X main.version=1.2.3 -X main.commit=….
var (
	version = "0.1.0"
	commit  = "unknown"
)

// appendVersion appends what --version prints: a line each for rung, the commit, the runtime-spec, the toolchain, the
// libseccomp whose system calls rung knows, and the compiler of seccomp profiles: "built-in", or "libseccomp" itself.
// Engines parse the first three.
func appendVersion(b []byte) []byte {
	b = append(append(b, "rung version "...), version...)
	b = append(append(b, "\ncommit: "...), commit...)
	b = append(append(b, "\nspec: "...), specs.Version...)
	b = append(append(b, "\ngo: "...), runtime.Version()...)
	b = append(append(b, "\nlibseccomp: "...), libcontainer.SystemCalls()...)
	b = append(append(b, "\nseccomp: "...), libcontainer.SeccompCompiler...)
	return append(b, '\n')
}
