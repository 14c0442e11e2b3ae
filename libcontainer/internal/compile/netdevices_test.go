package compile

import (
	"errors"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestNetDevices_a_rootless_runtime_refuses_them(t *testing.T) {
	s := &specs.Spec{
		Root: &specs.Root{Path: "rootfs"}, Process: &specs.Process{Args: []string{"sh"}, Cwd: "/"},
		Linux: &specs.Linux{
			Namespaces: []specs.LinuxNamespace{{Type: specs.NetworkNamespace}, {Type: specs.MountNamespace}},
			NetDevices: map[string]specs.LinuxNetDevice{"eth0": {}},
		},
	}
	_, _, err := Create(s, Options{ID: "web", Bundle: "/bundle"}, Facts{Rootless: true})
	if !errors.Is(err, errRootlessDevices) {
		t.Errorf("got %v, want %v", err, errRootlessDevices)
	}
}
