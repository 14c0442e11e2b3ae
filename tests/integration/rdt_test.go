package integration

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

const resctrl = "/sys/fs/resctrl"

func TestRdt_is_refused_where_resctrl_is_not_mounted(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	requires(t, "rt:rung", "command:unshare")
	b.Spec.Linux.IntelRdt = &specs.LinuxIntelRdt{}
	b.Wrap = []string{"unshare", "--mount", "sh", "-c", `umount ` + resctrl + ` 2>/dev/null; exec "$@"`, "sh"}
	wantFailure(t, b.run(), "linux.intelRdt: no resctrl file system is mounted")
	wantEmpty(t, b)
}

func TestRdt_names_of_resctrls_own_directories_are_refused(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	mustFail(t, func(s *specs.Spec) { s.Linux.IntelRdt = &specs.LinuxIntelRdt{ClosID: "mon_groups"} }, "linux.intelRdt.closID")
}

func TestRdt_a_class_of_its_own_goes_with_the_container(t *testing.T) {
	t.Parallel()
	requires(t, "root", "resctrl", "rt:rung")
	b := newBundle(t)
	b.Spec.Linux.IntelRdt = &specs.LinuxIntelRdt{EnableMonitoring: true}
	c := b.create()
	class := filepath.Join(resctrl, b.ID)
	for _, dir := range []string{class, filepath.Join(class, "mon_groups", b.ID)} {
		if tasks := strings.Fields(readFile(t, filepath.Join(dir, "tasks"))); !slices.Contains(tasks, strconv.Itoa(c.Pid)) {
			t.Errorf("%s/tasks is %q, want %d in it", dir, tasks, c.Pid)
		}
	}
	b.must("delete", "--force", b.ID)
	if exists(class) {
		t.Errorf("%s is left", class)
	}
}

func TestRdt_a_class_by_name_stays(t *testing.T) {
	t.Parallel()
	requires(t, "root", "resctrl", "rt:rung")
	b := newBundle(t)
	b.Spec.Linux.IntelRdt = &specs.LinuxIntelRdt{ClosID: "/"}
	c := b.create()
	if tasks := strings.Fields(readFile(t, resctrl+"/tasks")); !slices.Contains(tasks, strconv.Itoa(c.Pid)) {
		t.Errorf("the default class is %q, want %d in it", tasks, c.Pid)
	}
	b.must("delete", "--force", b.ID)
}
