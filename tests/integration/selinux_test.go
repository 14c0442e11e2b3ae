package integration

import (
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

const (
	selinuxProcess = "system_u:system_r:container_t:s0:c1,c2"
	selinuxFile    = "system_u:object_r:container_file_t:s0:c1,c2"
)

func TestSELinux_labels_are_those_configured(t *testing.T) {
	t.Parallel()
	requires(t, "selinux")
	for _, c := range []struct {
		name   string
		bundle func(*testing.T) *bundle
	}{{"plain", newBundle}, {"in a user namespace", userBundle}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := c.bundle(t)
			b.Spec.Process.SelinuxLabel = selinuxProcess
			b.Spec.Linux.MountLabel = selinuxFile
			r := b.probe(nil, "--read", "/proc/self/attr/current", "--xattr", "/dev/mqueue", "security.selinux")
			want(t, "process", strings.TrimRight(r.action(t, 0).Data, "\x00\n"), selinuxProcess)
			want(t, "/dev/mqueue", strings.TrimRight(r.action(t, 1).Data, "\x00"), selinuxFile)
			if m := r.mount(t, "/dev/shm").String(); !strings.Contains(m, "container_file_t") {
				t.Errorf("/dev/shm: %s, want context=%s", m, selinuxFile)
			}
		})
	}
}

func TestSELinux_of_exec(t *testing.T) {
	t.Parallel()
	requires(t, "selinux", "rt:runc")
	b := newBundle(t)
	b.Spec.Process.SelinuxLabel = selinuxProcess
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	b.runDetached().next("waiting")
	label := func(options ...string) string {
		out := b.must(append(append([]string{"exec"}, options...), b.ID, "/probe", "--read", "/proc/self/attr/current")...).Stdout
		return strings.TrimRight(parseAction(t, firstLine(out)).Data, "\x00\n")
	}
	want(t, "as the first process", label(), selinuxProcess)
	const other = "system_u:system_r:container_t:s0:c3"
	want(t, "another", label("--process-label", other), other)
}

func TestSELinux_a_label_that_does_not_exist_is_refused(t *testing.T) {
	t.Parallel()
	requires(t, "selinux")
	mustFail(t, func(s *specs.Spec) { s.Process.SelinuxLabel = "system_u:system_r:no_such_type_t:s0" }, "process.selinuxLabel", "invalid argument")
}
