package compile

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
)

// memoryModes is every mode by its number (set_mempolicy(2), linux/mempolicy.h).
var memoryModes = [...]specs.MemoryPolicyModeType{
	specs.MpolDefault, specs.MpolPreferred, specs.MpolBind, specs.MpolInterleave, specs.MpolLocal, specs.MpolPreferredMany, specs.MpolWeightedInterleave,
}

// memoryFlags is every flag with the bit by which the mode carries it
// (linux/mempolicy.h).
var memoryFlags = [...]struct {
	name specs.MemoryPolicyFlagType
	bit  uint64
}{
	{specs.MpolFNumaBalancing, 1 << 13},
	{specs.MpolFRelativeNodes, 1 << 14},
	{specs.MpolFStaticNodes, 1 << 15},
}

// memoryPolicy gives mode, flags and node mask of set_mempolicy(2).
func memoryPolicy(p *specs.LinuxMemoryPolicy) (*plan.MemoryPolicy, error) {
	op := &plan.MemoryPolicy{}
	found := false
	for i, m := range memoryModes {
		if m == p.Mode {
			op.Mode, found = uint64(i), true
		}
	}
	if !found {
		return nil, fmt.Errorf("linux.memoryPolicy.mode: invalid memory policy mode %q", p.Mode)
	}
next:
	for i, f := range p.Flags {
		for n := range memoryFlags {
			if memoryFlags[n].name == f {
				op.Mode |= memoryFlags[n].bit
				continue next
			}
		}
		return nil, fmt.Errorf("linux.memoryPolicy.flags[%d]: invalid memory policy flag %q", i, f)
	}
	nodes, err := cpuMask(p.Nodes)
	if err != nil {
		return nil, fmt.Errorf("linux.memoryPolicy.nodes: invalid memory policy node list: %w", err)
	}
	op.Nodes = nodes
	return op, nil
}
