package libcontainer

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestInterpret_limit_of_no_processes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		version string
		limit   int64
		kept    bool
	}{
		{"1.0", 0, false},
		{"1.0.2-dev", 0, false},
		{"1.2.1", 0, false},
		{"0.9.0", 0, false},
		{"1.0.2-dev", 1, true},
		{"1.0.2-dev", -1, true},
		{"1.3.0", 0, true},
		{"1.10.0", 0, true},
		{"", 0, true},
	} {
		s := &specs.Spec{Version: c.version, Linux: &specs.Linux{Resources: &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &c.limit}}}}
		interpret(s)
		if kept := s.Linux.Resources.Pids != nil; kept != c.kept {
			t.Errorf("version %q, limit %d: kept is %t", c.version, c.limit, kept)
		}
	}
}
