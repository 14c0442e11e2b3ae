// Package v2 says what to write to the files of cgroup v2 for given resources
// (Documentation/admin-guide/cgroup-v2.rst). It touches nothing.
package v2

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup/both"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
)

// Writes gives the writes of one controller, in order. An error is about a
// combination that has no meaning.
func Writes(controller string, r *specs.LinuxResources) ([]limit.Write, error) {
	switch controller {
	case "memory":
		return memory(r.Memory)
	case "cpu":
		return cpu(r.CPU)
	case "cpuset":
		return both.Cpuset(r.CPU), nil
	case "io":
		return io(r.BlockIO)
	case "hugetlb":
		return both.Hugetlb(r.HugepageLimits, ".max"), nil
	case "rdma":
		return both.RDMA(r.Rdma), nil
	case "pids":
		return both.Pids(r.Pids), nil
	}
	return nil, nil
}

// Unified is linux.resources.unified, which comes after all else and overrides
// it. Each line of a value is a write of its own, as io.max and its kind want it.
// late chooses the files of pids, which are written when the init is one process.
func Unified(files map[string]string, late bool) []limit.Write {
	var list []limit.Write
	for _, file := range slices.Sorted(maps.Keys(files)) {
		controller, _, _ := strings.Cut(file, ".")
		if (controller == "pids") != late {
			continue
		}
		for line := range strings.SplitSeq(files[file], "\n") {
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			w := limit.Write{Controller: controller, File: file, Value: line, Origin: fmt.Sprintf("%sunified[%q]", limit.Resources, file)}
			if key, _, more := strings.Cut(line, " "); more && strings.Contains(key, ":") {
				w.Key, w.Reset = key, key+" default"
				if strings.HasSuffix(file, ".max") {
					w.Reset = key + noLimits
				}
			}
			if name, _, more := strings.Cut(line, " "); more {
				switch file { // lines of resources by name
				case "misc.max":
					w.Key, w.Reset = name, name+" max"
				case "rdma.max":
					w.Key, w.Reset = name, name+" hca_handle=max hca_object=max"
				}
			}
			list = append(list, w)
		}
	}
	return list
}
