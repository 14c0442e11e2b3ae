package integration

import "testing"

// Where the host forbids executable memory the init's program is a file on a file system that nobody else can reach.
func TestExecutable_without_executable_memory(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "kernel:6.3") // vm.memfd_noexec
	for _, level := range []string{"1", "2"} {
		t.Run("memfd_noexec="+level, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			b.Spec.Process.Args = append(b.Spec.Process.Args, "--exit", "7")
			// the sysctl belongs to a pid namespace
			b.Wrap = []string{"unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", `echo ` + level + ` >/proc/sys/vm/memfd_noexec && exec "$@"`, "sh"}
			r := b.run()
			want(t, "exit status; "+r.Stderr, r.Exit, 7)
		})
	}
}
