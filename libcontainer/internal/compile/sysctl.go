package compile

import (
	"slices"

	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/spec"
)

// sysctlOps writes the namespaced kernel parameters, in the order of their
// names, through the host's /proc: which value they name is decided by the
// namespaces of the writer (sysctl(8) has the rules for dots and slashes).
func sysctlOps(params map[string]string) []plan.InitOp {
	names := make([]string, 0, len(params))
	for name := range params {
		names = append(names, name)
	}
	slices.Sort(names)
	ops := make([]plan.InitOp, 0, len(names))
	for _, name := range names {
		file, ok := spec.SysctlPath(name)
		if !ok {
			continue // refused by the validation
		}
		ops = append(ops, plan.InitOp{Origin: key("linux.sysctl", name), Op: &plan.ProcWrite{Path: "sys/" + file, Data: params[name]}})
	}
	return ops
}
