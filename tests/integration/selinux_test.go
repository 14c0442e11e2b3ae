package integration

import (
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
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

// The options of such a mount are one text, in which the label is quoted.
func TestSELinux_label_of_a_mount_that_needs_mount_2(t *testing.T) {
	t.Parallel()
	requires(t, "selinux")
	b := newBundle(t)
	b.Spec.Linux.MountLabel = selinuxFile
	b.Spec.Mounts = append(b.Spec.Mounts, specs.Mount{Destination: "/data", Type: "tmpfs", Source: "tmpfs", Options: []string{"iversion", "size=1m"}})
	r := b.probe(nil, "--create", "/data/made", "", "--xattr", "/data/made", "security.selinux")
	wantErrno(t, r.action(t, 0), 0)
	want(t, "a new file", strings.TrimRight(r.action(t, 1).Data, "\x00"), selinuxFile)
}

// check finds before the start what the kernel rejects then.
func TestSELinux_check_finds_what_create_refuses(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "selinux")
	const gone, nonsense = "system_u:system_r:no_such_type_t:s0", "nonsense"
	readOnly := []string{"unshare", "--mount", "sh", "-c", `mount -o remount,bind,ro /sys/fs/selinux && exec "$@"`, "sh"}
	for _, c := range []struct {
		name    string
		wrap    []string
		process string
		mount   string
		at      string // the field with the finding, or empty
		message string
	}{
		{name: "a label of the policy", process: selinuxProcess, mount: selinuxFile},
		{name: "a type that the policy lacks", process: gone, at: "process.selinuxLabel", message: "the loaded policy rejects the label"},
		{name: "a category that the policy lacks", process: "system_u:system_r:container_t:s0:c999", at: "process.selinuxLabel", message: "the loaded policy rejects the label"},
		{name: "of another form", process: nonsense, at: "process.selinuxLabel", message: "is no label of the form"},
		{name: "a mount label that the policy lacks", mount: gone, at: "linux.mountLabel", message: "the loaded policy rejects the label"},
		{name: "a mount label of another form", mount: nonsense, at: "linux.mountLabel", message: "is no label of the form"},
		{name: "selinuxfs is read-only", wrap: readOnly, process: selinuxProcess, at: "process.selinuxLabel", message: "selinuxfs is mounted read-only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			b.Wrap = c.wrap
			b.Spec.Process.SelinuxLabel, b.Spec.Linux.MountLabel = c.process, c.mount
			b.Spec.Process.Args = []string{"/probe", "--exit", "0"}
			b.writeConfig()
			found, res := b.check()
			var of []finding
			for _, f := range found.Findings {
				if f.Path == "process.selinuxLabel" || f.Path == "linux.mountLabel" {
					of = append(of, f)
				}
			}
			run := b.runtime("run", "--bundle", b.Dir, b.ID)
			if c.at == "" {
				if len(of) != 0 || run.Exit != 0 {
					t.Errorf("findings %v\n%s", of, run.output())
				}
				return
			}
			if len(of) != 1 || of[0].Path != c.at || !of[0].Fatal || !strings.Contains(of[0].Message, c.message) {
				t.Errorf("findings %+v, want %s: %s\n%s", of, c.at, c.message, res.output())
			}
			failed := c.at
			if c.mount != "" { // at the first of the mounts
				failed = "context=" + c.mount
			}
			wantFailure(t, run, failed)
		})
	}
}

// The kernel denies what the policy does: a container may not read what has the label of /etc/shadow, its host may.
func TestSELinux_the_kernel_denies(t *testing.T) {
	t.Parallel()
	requires(t, "selinux-enforcing")
	for _, c := range []struct {
		name, label string
		errno       unix.Errno
	}{{"labelled", selinuxProcess, unix.EACCES}, {"without a label", "", 0}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			writeFile(t, b.Rootfs+"/secret", "s")
			if err := unix.Setxattr(b.Rootfs+"/secret", "security.selinux", []byte("system_u:object_r:shadow_t:s0"), 0); err != nil {
				t.Fatal(err)
			}
			b.Spec.Process.SelinuxLabel = c.label
			r := b.probe(nil, "--read", "/secret", "--read", "/etc/passwd")
			wantErrno(t, r.action(t, 0), c.errno)
			wantErrno(t, r.action(t, 1), 0)
		})
	}
	t.Run("of exec", func(t *testing.T) {
		t.Parallel()
		b := newBundle(t)
		writeFile(t, b.Rootfs+"/secret", "s")
		if err := unix.Setxattr(b.Rootfs+"/secret", "security.selinux", []byte("system_u:object_r:shadow_t:s0"), 0); err != nil {
			t.Fatal(err)
		}
		b.Spec.Process.Args = []string{"/probe", "--until-term"}
		b.runDetached().next("waiting")
		read := func(options ...string) action {
			out := b.must(append(append([]string{"exec"}, options...), b.ID, "/probe", "--read", "/secret")...).Stdout
			return parseAction(t, firstLine(out))
		}
		wantErrno(t, read(), 0)
		wantErrno(t, read("--process-label", "system_u:system_r:container_t:s0:c2"), unix.EACCES)
		if !slices.Contains(strings.Fields(readFile(t, "/proc/cmdline")), "audit=1") {
			return
		}
		// auditd(8) does not run there: the denial is in the kernel's log
		eventually(t, "the denial is logged", func() bool {
			return strings.Contains(kernelLog(t), "scontext=system_u:system_r:container_t:s0:c2 tcontext=system_u:object_r:shadow_t:s0 tclass=file permissive=0")
		})
	})
}

// kernelLog is what dmesg(1) shows.
func kernelLog(t *testing.T) string {
	t.Helper()
	size, err := unix.Klogctl(unix.SYSLOG_ACTION_SIZE_BUFFER, nil)
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, size)
	n, err := unix.Klogctl(unix.SYSLOG_ACTION_READ_ALL, buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}
