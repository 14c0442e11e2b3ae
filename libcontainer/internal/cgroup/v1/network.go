package v1

import (
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
)

func netCls(n *specs.LinuxNetwork) []limit.Write {
	if n == nil || n.ClassID == nil {
		return nil
	}
	return []limit.Write{{
		Controller: "net_cls", File: "net_cls.classid", Value: limit.Uint(uint64(*n.ClassID)), Origin: limit.Resources + "network.classID",
		Unset: *n.ClassID == 0, // Docker writes 0 for no class
	}}
}

// netPrio takes one interface a write.
func netPrio(n *specs.LinuxNetwork) []limit.Write {
	if n == nil {
		return nil
	}
	var list []limit.Write
	for i, p := range n.Priorities {
		list = append(list, limit.Write{
			Controller: "net_prio", File: "net_prio.ifpriomap", Value: p.Name + " " + limit.Uint(uint64(p.Priority)),
			Origin: limit.At(limit.Resources+"network.priorities", i), Key: p.Name, Reset: p.Name + " 0",
		})
	}
	return list
}
