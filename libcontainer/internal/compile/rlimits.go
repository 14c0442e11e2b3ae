package compile

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"golang.org/x/sys/unix"
)

// rlimitTable is every resource of getrlimit(2). The numbers differ between
// architectures.
var rlimitTable = [...]struct {
	name     string
	resource uint64
}{
	{"RLIMIT_AS", unix.RLIMIT_AS},
	{"RLIMIT_CORE", unix.RLIMIT_CORE},
	{"RLIMIT_CPU", unix.RLIMIT_CPU},
	{"RLIMIT_DATA", unix.RLIMIT_DATA},
	{"RLIMIT_FSIZE", unix.RLIMIT_FSIZE},
	{"RLIMIT_LOCKS", unix.RLIMIT_LOCKS},
	{"RLIMIT_MEMLOCK", unix.RLIMIT_MEMLOCK},
	{"RLIMIT_MSGQUEUE", unix.RLIMIT_MSGQUEUE},
	{"RLIMIT_NICE", unix.RLIMIT_NICE},
	{"RLIMIT_NOFILE", unix.RLIMIT_NOFILE},
	{"RLIMIT_NPROC", unix.RLIMIT_NPROC},
	{"RLIMIT_RSS", unix.RLIMIT_RSS},
	{"RLIMIT_RTPRIO", unix.RLIMIT_RTPRIO},
	{"RLIMIT_RTTIME", unix.RLIMIT_RTTIME},
	{"RLIMIT_SIGPENDING", unix.RLIMIT_SIGPENDING},
	{"RLIMIT_STACK", unix.RLIMIT_STACK},
}

// rlimits gives the limits in their order. "If rlimits contains duplicated
// entries with same type, the runtime MUST generate an error."
func rlimits(list []specs.POSIXRlimit) ([]*plan.Rlimit, error) {
	ops := make([]*plan.Rlimit, 0, len(list))
	var seen [len(rlimitTable)]bool
next:
	for i, l := range list {
		for n := range rlimitTable {
			if rlimitTable[n].name != l.Type {
				continue
			}
			if seen[n] {
				return nil, fmt.Errorf("process.rlimits[%d].type: %s is set twice", i, l.Type)
			}
			if l.Soft > l.Hard {
				return nil, fmt.Errorf("process.rlimits[%d].soft: %d is above the hard limit %d", i, l.Soft, l.Hard)
			}
			seen[n] = true
			ops = append(ops, &plan.Rlimit{Resource: rlimitTable[n].resource, Soft: l.Soft, Hard: l.Hard})
			continue next
		}
		return nil, fmt.Errorf("process.rlimits[%d].type: unknown resource %q", i, l.Type)
	}
	return ops, nil
}
