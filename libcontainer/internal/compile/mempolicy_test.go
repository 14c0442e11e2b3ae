package compile

import (
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestMemoryPolicy(t *testing.T) {
	for _, c := range []struct {
		mode  specs.MemoryPolicyModeType
		flags []specs.MemoryPolicyFlagType
		nodes string
		want  uint64
		bits  []int
	}{
		{"MPOL_DEFAULT", nil, "", 0, nil},
		{"MPOL_PREFERRED", nil, "", 1, nil},
		{"MPOL_PREFERRED", nil, "1", 1, []int{1}},
		{"MPOL_BIND", nil, "0", 2, []int{0}},
		{"MPOL_INTERLEAVE", nil, "2-3", 3, []int{2, 3}},
		{"MPOL_LOCAL", nil, " ", 4, nil},
		{"MPOL_PREFERRED_MANY", nil, "0,64", 5, []int{0, 64}},
		{"MPOL_WEIGHTED_INTERLEAVE", nil, "0-3,7", 6, []int{0, 1, 2, 3, 7}},
		{"MPOL_BIND", []specs.MemoryPolicyFlagType{"MPOL_F_STATIC_NODES"}, "0", 0x8002, []int{0}},
		{"MPOL_PREFERRED", []specs.MemoryPolicyFlagType{"MPOL_F_RELATIVE_NODES"}, "0", 0x4001, []int{0}},
		{"MPOL_BIND", []specs.MemoryPolicyFlagType{"MPOL_F_NUMA_BALANCING", "MPOL_F_STATIC_NODES"}, "0", 0xa002, []int{0}},
	} {
		got, err := memoryPolicy(&specs.LinuxMemoryPolicy{Mode: c.mode, Flags: c.flags, Nodes: c.nodes})
		if err != nil {
			t.Errorf("%s %q: %v", c.mode, c.nodes, err)
			continue
		}
		if bits := numbers(t, got.Nodes); got.Mode != c.want || !slices.Equal(bits, c.bits) {
			t.Errorf("%s %q %q: mode %#x nodes %v, want %#x %v", c.mode, c.flags, c.nodes, got.Mode, bits, c.want, c.bits)
		}
	}
}

func TestMemoryPolicy_invalid(t *testing.T) {
	for _, c := range []struct {
		in   specs.LinuxMemoryPolicy
		want string
	}{
		{specs.LinuxMemoryPolicy{}, "invalid memory policy mode"},
		{specs.LinuxMemoryPolicy{Mode: "INTERLEAVE", Nodes: "0"}, `invalid memory policy mode "INTERLEAVE"`},
		{specs.LinuxMemoryPolicy{Mode: "MPOL_BIND", Nodes: "0", Flags: []specs.MemoryPolicyFlagType{"badflag"}}, `linux.memoryPolicy.flags[0]: invalid memory policy flag "badflag"`},
		{specs.LinuxMemoryPolicy{Mode: "MPOL_BIND", Nodes: "0-9876543210"}, "invalid memory policy node"},
		{specs.LinuxMemoryPolicy{Mode: "MPOL_BIND", Nodes: "x"}, "invalid memory policy node"},
	} {
		if _, err := memoryPolicy(&c.in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.in, err, c.want)
		}
	}
}
