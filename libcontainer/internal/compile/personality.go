package compile

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
)

// personality gives the value of personality(2). The specification names two
// domains and, so far, no flags.
func personality(p *specs.LinuxPersonality) (*plan.Personality, error) {
	if len(p.Flags) > 0 {
		return nil, fmt.Errorf("linux.personality.flags: the specification defines none, and %q has no meaning", p.Flags[0])
	}
	switch p.Domain {
	case specs.PerLinux:
		return &plan.Personality{Value: 0}, nil
	case specs.PerLinux32:
		return &plan.Personality{Value: 8}, nil
	}
	return nil, fmt.Errorf("linux.personality.domain: unknown domain %q", p.Domain)
}
