package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Engines read the statistics of containers without limits, and what runs in a container may hand controllers down.
func TestCgroups_a_container_without_limits_has_the_controllers_of_the_host(t *testing.T) {
	t.Parallel()
	requires(t, "cgroupv2")
	above := "/" + newID()
	t.Cleanup(func() { _ = os.Remove("/sys/fs/cgroup" + above) }) // a container's delete leaves what is above
	for _, parent := range []string{"", above} {
		b := newBundle(t)
		b.Spec.Linux.CgroupsPath = parent + "/" + b.ID
		b.Spec.Linux.Resources = nil
		b.running()
		all := strings.Fields(readFile(t, "/sys/fs/cgroup/cgroup.controllers"))
		have := strings.Fields(readFile(t, filepath.Join("/sys/fs/cgroup", b.Spec.Linux.CgroupsPath, "cgroup.controllers")))
		wantSlice(t, "controllers of "+b.Spec.Linux.CgroupsPath, have, all)
	}
}
