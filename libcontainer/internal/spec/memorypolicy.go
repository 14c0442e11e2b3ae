package spec

import (
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const chapterMemoryPolicy = "config-linux.md#memory-policy"

// maxNodes is the largest MAX_NUMNODES that a kernel can be built with.
const maxNodes = 1 << 10

// memoryPolicy checks what set_mempolicy(2) refuses.
func (c *checker) memoryPolicy() {
	p := c.linux.MemoryPolicy
	if p == nil {
		return
	}
	const path = "linux.memoryPolicy"
	nodes, bad := countList(p.Nodes, maxNodes)
	if bad != "" {
		c.must(chapterMemoryPolicy, "invalid memory policy node list "+quote(p.Nodes)+": "+bad, path, "nodes")
	}
	switch p.Mode {
	case specs.MpolDefault, specs.MpolLocal:
		if bad == "" && nodes > 0 {
			c.must(chapterMemoryPolicy, string(p.Mode)+" mode requires 0 nodes but got "+utoa(nodes), path, "nodes")
		}
	case specs.MpolBind, specs.MpolInterleave, specs.MpolWeightedInterleave, specs.MpolPreferredMany:
		if bad == "" && nodes == 0 {
			c.must(chapterMemoryPolicy, string(p.Mode)+" mode requires at least 1 node but got 0", path, "nodes")
		}
	case specs.MpolPreferred:
	default:
		c.must(chapterMemoryPolicy, "invalid memory policy mode "+quote(string(p.Mode)), path, "mode")
	}
	for i, f := range p.Flags {
		switch f {
		case specs.MpolFNumaBalancing:
			// Linux 5.12 with MPOL_BIND, 6.12 with MPOL_PREFERRED_MANY too.
			if p.Mode != specs.MpolBind && p.Mode != specs.MpolPreferredMany {
				c.must(chapterMemoryPolicy, string(f)+" is for MPOL_BIND and MPOL_PREFERRED_MANY only", path, "flags", i)
			}
		case specs.MpolFRelativeNodes:
			if slices.Contains(p.Flags, specs.MpolFStaticNodes) {
				c.must(chapterMemoryPolicy, "MPOL_F_RELATIVE_NODES and MPOL_F_STATIC_NODES exclude each other", path, "flags", i)
			}
		case specs.MpolFStaticNodes:
		default:
			c.must(chapterMemoryPolicy, "invalid memory policy flag "+quote(string(f)), path, "flags", i)
		}
	}
}
