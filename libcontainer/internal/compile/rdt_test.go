package compile

import (
	"errors"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestRdt_an_id_that_is_a_directory_of_resctrl(t *testing.T) {
	s := &specs.Spec{
		Root: &specs.Root{Path: "rootfs"}, Process: &specs.Process{Args: []string{"sh"}, Cwd: "/"},
		Linux: &specs.Linux{IntelRdt: &specs.LinuxIntelRdt{}},
	}
	if _, _, err := Create(s, Options{ID: "info", Bundle: "/bundle", Resctrl: "/sys/fs/resctrl"}, Facts{}); !errors.Is(err, errReservedClass) {
		t.Errorf("got %v, want %v", err, errReservedClass)
	}
}
