package compile

import (
	"math"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestRlimits(t *testing.T) {
	names := strings.Fields(`RLIMIT_CPU RLIMIT_FSIZE RLIMIT_DATA RLIMIT_STACK RLIMIT_CORE RLIMIT_RSS RLIMIT_NPROC RLIMIT_NOFILE RLIMIT_MEMLOCK
		RLIMIT_AS RLIMIT_LOCKS RLIMIT_SIGPENDING RLIMIT_MSGQUEUE RLIMIT_NICE RLIMIT_RTPRIO RLIMIT_RTTIME`)
	var list []specs.POSIXRlimit
	for i, n := range names {
		list = append(list, specs.POSIXRlimit{Type: n, Soft: uint64(i), Hard: math.MaxUint64})
	}
	ops, err := rlimits(list)
	if err != nil || len(ops) != 16 {
		t.Fatalf("%d limits, %v", len(ops), err)
	}
	seen := map[uint64]bool{}
	for i, op := range ops {
		if op.Soft != uint64(i) || op.Hard != unix.RLIM_INFINITY {
			t.Errorf("%s: soft %d hard %d", names[i], op.Soft, op.Hard)
		}
		if op.Resource > 15 || seen[op.Resource] {
			t.Errorf("%s: number %d", names[i], op.Resource)
		}
		seen[op.Resource] = true
	}
	if ops[7].Resource != unix.RLIMIT_NOFILE || ops[3].Resource != unix.RLIMIT_STACK {
		t.Errorf("NOFILE is %d, STACK is %d", ops[7].Resource, ops[3].Resource)
	}
}

func TestRlimits_invalid(t *testing.T) {
	for _, c := range []struct {
		name string
		list []specs.POSIXRlimit
		want string
	}{
		{"unknown", []specs.POSIXRlimit{{Type: "RLIMIT_CPU"}, {Type: "RLIMIT_FOO"}}, `process.rlimits[1].type: unknown resource "RLIMIT_FOO"`},
		{"without prefix", []specs.POSIXRlimit{{Type: "NOFILE"}}, "unknown resource"},
		{"empty", []specs.POSIXRlimit{{}}, "unknown resource"},
		{"twice", []specs.POSIXRlimit{{Type: "RLIMIT_CPU"}, {Type: "RLIMIT_AS"}, {Type: "RLIMIT_CPU"}}, "process.rlimits[2].type: RLIMIT_CPU is set twice"},
		{"soft above hard", []specs.POSIXRlimit{{Type: "RLIMIT_CPU", Soft: 2, Hard: 1}}, "process.rlimits[0].soft: 2 is above"},
	} {
		if _, err := rlimits(c.list); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}
