// Package v1 says what to write to the files of cgroup v1 for given resources
// (Documentation/admin-guide/cgroup-v1). It touches nothing.
package v1

import (
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup/both"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
)

// Writes gives the writes of one controller, in order. An error is about a value
// that the kernel would take for another one.
func Writes(controller string, r *specs.LinuxResources) ([]limit.Write, error) {
	switch controller {
	case "memory":
		return memory(r.Memory), nil
	case "cpu":
		return cpu(r.CPU)
	case "cpuset":
		return both.Cpuset(r.CPU), nil
	case "blkio":
		return blkio(r.BlockIO), nil
	case "hugetlb":
		return both.Hugetlb(r.HugepageLimits, ".limit_in_bytes"), nil
	case "net_cls":
		return netCls(r.Network), nil
	case "net_prio":
		return netPrio(r.Network), nil
	case "rdma":
		return both.RDMA(r.Rdma), nil
	case "pids":
		return both.Pids(r.Pids), nil
	}
	return nil, nil
}
