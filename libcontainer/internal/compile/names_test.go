package compile

import (
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"golang.org/x/sys/unix"
)

// Every name that a list promises is obeyed, and one that it does not have is
// refused, or treated as what it may be.

func TestMountOptions_obeyed(t *testing.T) {
	for _, name := range MountOptions() {
		m, err := parseMountOptions([]string{name})
		if err != nil || len(m.data) != 0 {
			t.Errorf("%s: %v, left to the file system: %q", name, err, m.data)
		}
	}
	for _, name := range []string{"size=1m", "RO", "rrelatime2", "binds"} {
		if m, err := parseMountOptions([]string{name}); err != nil || !slices.Equal(m.data, []string{name}) {
			t.Errorf("%s: %v, %q", name, err, m.data)
		}
	}
}

func TestCapabilities_obeyed(t *testing.T) {
	names := Capabilities()
	mask, unknown := capMask(names)
	if len(unknown) > 0 || mask != 1<<len(names)-1 {
		t.Errorf("mask %x, unknown %q", mask, unknown)
	}
	if _, unknown := capMask([]string{"CAP_NONE", "chown", ""}); len(unknown) != 3 {
		t.Errorf("only %q are unknown", unknown)
	}
	if len(names) != unix.CAP_LAST_CAP+1 {
		t.Errorf("%d names, the kernel's headers have %d", len(names), unix.CAP_LAST_CAP+1)
	}
}

func TestNamespaces_obeyed(t *testing.T) {
	var all uint64
	for _, name := range Namespaces() {
		bit := namespaceBit(specs.LinuxNamespaceType(name))
		if bit == 0 || all&bit != 0 {
			t.Errorf("%s: %x", name, bit)
		}
		all |= bit
	}
	if n := len(Namespaces()); n != 8 || !slices.IsSorted(Namespaces()) {
		t.Errorf("%d: %q", n, Namespaces())
	}
	if namespaceBit("net") != 0 || namespaceBit("") != 0 {
		t.Error("a name that is none has a bit")
	}
}

func TestMemoryPolicy_namesObeyed(t *testing.T) {
	for _, mode := range MemoryPolicyModes() {
		for _, f := range MemoryPolicyFlags() {
			p := &specs.LinuxMemoryPolicy{Mode: specs.MemoryPolicyModeType(mode), Flags: []specs.MemoryPolicyFlagType{specs.MemoryPolicyFlagType(f)}, Nodes: "0"}
			if _, err := memoryPolicy(p); err != nil {
				t.Errorf("%s, %s: %v", mode, f, err)
			}
		}
	}
	for _, p := range []specs.LinuxMemoryPolicy{{Mode: "MPOL_NONE"}, {}, {Mode: specs.MpolBind, Flags: []specs.MemoryPolicyFlagType{"MPOL_F_NONE"}}} {
		if _, err := memoryPolicy(&p); err == nil {
			t.Errorf("%+v is accepted", p)
		}
	}
}

func TestHookKinds_run(t *testing.T) {
	one := []specs.Hook{{Path: "/bin/true"}}
	s := &specs.Spec{
		Root: &specs.Root{Path: "rootfs"}, Process: &specs.Process{Args: []string{"sh"}, Cwd: "/"},
		Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.MountNamespace}}},
		Hooks: &specs.Hooks{Prestart: one, CreateRuntime: one, CreateContainer: one, StartContainer: one, Poststart: one, Poststop: one}, //nolint:staticcheck // see HookKinds
	}
	p, _, err := Create(s, Options{ID: "web", Bundle: "/bundle", StartNow: true}, Facts{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, step := range p.Runtime {
		if h, ok := step.Do.(plan.RunHooks); ok {
			got = append(got, h.Kind)
		}
	}
	// poststop is for delete, which reads the config anew
	if want := HookKinds()[:5]; !slices.Equal(got, want) || HookKinds()[5] != "poststop" {
		t.Errorf("%q, want %q", got, want)
	}
}
