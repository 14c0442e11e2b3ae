package seccomp

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// KnownCalls says whether every name of the profile is one of a system call, of
// whatever architecture. Its error names the first that is not by its path below
// linux.seccomp. Compile leaves such names out.
func KnownCalls(p *specs.LinuxSeccomp) error {
	for i := range p.Syscalls {
		for j, name := range p.Syscalls[i].Names {
			if !Known(name) {
				return fmt.Errorf("syscalls[%d].names[%d]: unknown system call %q", i, j, name)
			}
		}
	}
	return nil
}
