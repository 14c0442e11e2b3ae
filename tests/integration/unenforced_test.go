package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// unenforced is a field of the config on a host that does not enforce it: a row of the table in docs/security.md. The
// runtime refuses the container, or warns of the field; check says it in either case.
type unenforced struct {
	field   string // as the table has it
	when    string
	refused bool
	host    []string // words of requires: on another host this cannot be, and other tests have what is there
	path    string   // in messages and findings
	bundle  func(t *testing.T) *bundle
	without string // cgroup hierarchies to unmount below /sys/fs/cgroup, or all of it
	edit    func(*specs.Spec)
	by      string // the test that has this row; empty: TestUnenforced
}

const every = "."

func unenforcedRows() []unenforced {
	user := func(t *testing.T) *bundle {
		t.Helper()
		b := rootlessBundle(t)
		b.Spec.Linux.Resources = &specs.LinuxResources{}
		return b
	}
	resources := func(r specs.LinuxResources) func(*specs.Spec) {
		return func(s *specs.Spec) { s.Linux.Resources = &r }
	}
	denyAll := []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}
	property := func(name, value string) func(*specs.Spec) {
		return annotate("org.systemd.property."+name, value)
	}
	return []unenforced{
		{
			field: "`linux.resources`, and the device rules of every container", when: "root; no cgroup hierarchy is mounted", refused: true,
			path: "linux.resources", without: every,
		},
		{
			field: "`linux.resources.devices`, and the device rules of every container", when: "root; neither the devices hierarchy of cgroup v1 nor cgroup v2 is mounted", refused: true,
			host: []string{"v1:devices"}, path: "linux.resources.devices", without: "devices unified",
		},
		{
			field: "any limit", when: "its controller is not mounted, or not delegated", refused: true,
			host: []string{"v1:pids"}, path: "linux.resources.pids.limit", without: "pids", edit: resources(specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr[int64](9)}}),
		},
		{
			field: "any limit", when: "a user; no cgroup hierarchy is mounted, or nothing is delegated", refused: true,
			path: "linux.resources", bundle: user, without: every, edit: resources(specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr[int64](9)}}),
		},
		{
			field: "`linux.cgroupsPath`", when: "a user; no cgroup hierarchy is mounted", refused: true,
			path: "linux.resources", bundle: user, without: every, edit: func(s *specs.Spec) { s.Linux.CgroupsPath = "/somewhere" },
		},
		{
			field: "`linux.resources.devices`, rules that deny", when: "a user",
			path: "linux.resources.devices", bundle: user, edit: resources(specs.LinuxResources{Devices: denyAll}),
		},
		{
			field: "`linux.resources.devices`, rules that deny", when: "a user; no cgroup hierarchy is mounted",
			path: "linux.resources.devices", bundle: user, without: every, edit: resources(specs.LinuxResources{Devices: denyAll}),
		},
		{
			field: "`mounts[]` of type `cgroup`", when: "a user; no cgroup hierarchy is mounted: the mount is empty",
			path: "mounts[6]", bundle: user, without: every, edit: withMount(specs.Mount{Destination: "/mnt", Type: "cgroup", Source: "cgroup"}),
		},
		{
			field: "`linux.resources.memory.kernel`", when: "always: the kernel has no such limit any more",
			path: "linux.resources.memory.kernel", edit: resources(specs.LinuxResources{Memory: &specs.LinuxMemory{Kernel: ptr[int64](1 << 30)}}), //nolint:staticcheck // deprecated, and still written
		},
		{
			field: "`linux.resources.memory.useHierarchy`, false", when: "always: the kernel counts groups below",
			path: "linux.resources.memory.useHierarchy", edit: resources(specs.LinuxResources{Memory: &specs.LinuxMemory{UseHierarchy: new(bool)}}),
		},
		{
			field: "`linux.resources.cpu.shares` beside `idle` 1", when: "always: an idle group has no weight", host: []string{"ctrl:cpu"},
			path: "linux.resources.cpu.shares", edit: resources(specs.LinuxResources{CPU: &specs.LinuxCPU{Shares: ptr(uint64(100)), Idle: ptr[int64](1)}}),
		},
		{
			field: "`process.apparmorProfile`", when: "AppArmor is not enabled (`unconfined` is what a process is there)", refused: true,
			host: []string{"without:apparmor"}, path: "process.apparmorProfile", edit: func(s *specs.Spec) { s.Process.ApparmorProfile = "docker-default" },
		},
		{
			field: "`process.selinuxLabel`", when: "SELinux is not enabled", refused: true,
			host: []string{"without:selinux"}, path: "process.selinuxLabel", edit: func(s *specs.Spec) { s.Process.SelinuxLabel = "system_u:system_r:container_t:s0" },
		},
		{
			field: "`linux.mountLabel`", when: "SELinux is not enabled", refused: true,
			host: []string{"without:selinux"}, path: "linux.mountLabel", edit: func(s *specs.Spec) { s.Linux.MountLabel = "system_u:object_r:container_file_t:s0" },
		},
		{
			field: "`process.oomScoreAdj`", when: "a user; the value is below the caller's own",
			path: "process.oomScoreAdj", bundle: user, edit: func(s *specs.Spec) { s.Process.OOMScoreAdj = ptr(-999) },
		},
		{
			field: "`process.user.additionalGids`", when: "a user with one group ID, or root of such a user namespace",
			path: "process.user.additionalGids", bundle: user, edit: func(s *specs.Spec) { s.Process.User.AdditionalGids = []uint32{0} },
		},
		{
			field: "`process.capabilities`", when: "the runtime or the kernel does not have it, or another set does not",
			path: "process.capabilities.permitted", edit: addCaps("CAP_NO_SUCH_THING"),
		},
		{
			field: "`mounts[].options` for a file system", when: "the mount is a bind mount, a remount or shows cgroups", refused: true,
			path: "mounts[6].options", edit: withMount(specs.Mount{Destination: "/mnt", Type: "bind", Source: "/proc", Options: []string{"bind", "size=10m"}}),
		},
		{
			field: "`linux.seccomp.syscalls[].names`, rules that restrict", when: "the default allows, and no such system call is known",
			path: "linux.seccomp.syscalls[0].names[0]", edit: func(s *specs.Spec) {
				s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: []string{"no_such_call"}, Action: specs.ActErrno}}}
			},
		},
		{
			field: "`annotations`, limits among `org.systemd.property.*`", when: "without `--systemd-cgroup`",
			path: `annotations["org.systemd.property.MemoryHigh"]`, edit: property("MemoryHigh", "uint64 1000000000"),
		},
		{
			field: "`annotations`, limits among `org.systemd.property.*`", when: "`linux.resources` has such a limit, which is in force",
			by: "TestSystemd_no_annotation_undoes_a_limit_of_the_config",
		},
		{
			field: "`annotations` of other runtimes", when: "rung does not give them that meaning",
			path: `annotations["run.oci.delegate-cgroup"]`, edit: annotate("run.oci.delegate-cgroup", "x"),
		},
		{
			field: "`annotations`, Landlock in `best-effort` mode", when: "the kernel lacks a right, or a path is missing", host: []string{"landlock:1"},
			path: `annotations["org.rung-oci.landlock.fs"]`, edit: annotate("org.rung-oci.landlock.fs", "rwx /; ro /gone", "org.rung-oci.landlock.mode", "best-effort"),
		},
		{field: "`annotations`, core scheduling", when: "no processor runs several threads", by: "TestAnnotations_core_scheduling_without_SMT"},
	}
}

func TestUnenforced(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	for _, r := range unenforcedRows() {
		if r.by != "" || slices.ContainsFunc(r.host, func(word string) bool { return lacking(word) != nil }) {
			continue
		}
		t.Run(strings.ReplaceAll(r.field+", "+r.when, "/", ""), func(t *testing.T) {
			t.Parallel()
			r.run(t)
		})
	}
}

func (r *unenforced) run(t *testing.T) {
	b := newOr(t, r.bundle)
	if r.edit != nil {
		r.edit(b.Spec)
	}
	b.Spec.Process.Args = []string{"/probe", "--echo", "it-started"}
	if r.without != "" {
		b.Wrap = append(unmounted(r.without), b.Wrap...)
	}
	log := filepath.Join(b.Dir, "log.json")
	writeFile(t, log, "")
	if err := os.Chmod(log, 0o666); err != nil {
		t.Fatal(err)
	}
	plain := b.run()
	globals := b.Globals
	b.Globals = append(slices.Clone(globals), "--log", log, "--log-format", "json")
	logged := b.run()
	b.Globals = globals
	started := strings.Contains(plain.Stdout, "it-started")
	text := "warning: " + r.path
	if r.refused {
		text = r.path
	}
	if started == r.refused || (plain.Exit != 0) != r.refused || !strings.Contains(plain.Stderr, text) {
		t.Errorf("run: exit status %d, started %v; want %q in what it says:\n%s", plain.Exit, started, text, plain.Stderr)
	}
	level := map[bool]string{true: "error", false: "warning"}[r.refused]
	if !slices.ContainsFunc(logRecords(t, log), func(l logRecord) bool { return l.Level == level && strings.Contains(l.Msg, r.path) }) {
		t.Errorf("no %s about %s in the log; exit status %d:\n%s", level, r.path, logged.Exit, readFile(t, log))
	}
	found, res := b.check()
	if !slices.ContainsFunc(found.Findings, func(f finding) bool { return strings.HasPrefix(f.Path, r.path) && f.Fatal == r.refused }) {
		t.Errorf("check does not say so: %s", res.Stdout)
	}
}

type logRecord struct{ Level, Msg string }

func logRecords(t *testing.T, file string) (list []logRecord) {
	t.Helper()
	for line := range strings.Lines(readFile(t, file)) {
		var r logRecord
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		list = append(list, r)
	}
	return list
}

func newOr(t *testing.T, other func(*testing.T) *bundle) *bundle {
	t.Helper()
	if other != nil {
		return other(t)
	}
	return newBundle(t)
}

// unmounted runs a command in a mount namespace of its own without these cgroup hierarchies, or without any.
func unmounted(which string) []string {
	script := `while umount -R /sys/fs/cgroup 2>/dev/null; do :; done; exec "$@"`
	if which != every {
		script = `for h in ` + which + `; do umount /sys/fs/cgroup/$h 2>/dev/null; done; exec "$@"`
	}
	return []string{"unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"}
}

// unenforcedTable is what docs/security.md has to have.
func unenforcedTable() string {
	var b strings.Builder
	b.WriteString("| field | when | rung |\n|---|---|---|\n")
	for _, r := range unenforcedRows() {
		outcome := "warns"
		if r.refused {
			outcome = "refuses"
		}
		if r.by != "" {
			outcome += " (`" + r.by + "`)"
		}
		b.WriteString("| " + r.field + " | " + r.when + " | " + outcome + " |\n")
	}
	return b.String()
}

func TestUnenforced_the_page_lists_every_field(t *testing.T) {
	t.Parallel()
	if page, table := readFile(t, filepath.Join(repository, "docs/security.md")), unenforcedTable(); !strings.Contains(page, table) {
		t.Errorf("docs/security.md has to have this table:\n%s", table)
	}
	sources, err := filepath.Glob(filepath.Join(repository, "tests/integration/*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, s := range sources {
		all.WriteString(readFile(t, s))
	}
	for _, r := range unenforcedRows() {
		if r.by != "" && !regexp.MustCompile(`(?m)^func `+r.by+`\(`).MatchString(all.String()) {
			t.Errorf("%s: %s is not a test", r.field, r.by)
		}
	}
}

// A host whose rules allow every device drops nothing: a privileged container runs there.
func TestUnenforced_rules_that_allow_everything_need_no_hierarchy(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	b.Spec.Linux.Resources.Devices = []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}
	b.Spec.Process.Args = []string{"/probe", "--echo", "it-started"}
	b.Wrap = unmounted("devices unified")
	if res := b.run(); res.Exit != 0 || !strings.Contains(res.Stdout, "it-started") {
		t.Errorf("exit status %d: %s", res.Exit, res.output())
	}
}

// A process that exec brings in is refused without its label too.
func TestUnenforced_exec_with_a_label(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	b.runDetached().next("waiting")
	for _, c := range [...]struct{ option, path, off string }{
		{"--apparmor", "process.apparmorProfile", "without:apparmor"}, {"--process-label", "process.selinuxLabel", "without:selinux"},
	} {
		if lacking(c.off) != nil {
			continue
		}
		option, path := c.option, c.path
		res := b.runtime("exec", option, "a:b:c:d", b.ID, "/probe", "--echo", "it-started")
		wantFailure(t, res, path, "is not enabled on this host")
		want(t, "it started", strings.Contains(res.Stdout, "it-started"), false)
	}
}

// update of device rules by a user says that nothing comes of it.
func TestUnenforced_update_of_device_rules_by_a_user(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "cgroupv2")
	b := delegatedUser(t)
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	b.runDetached().next("waiting")
	file := filepath.Join(b.Dir, "r.json")
	writeFile(t, file, `{"devices":[{"allow":false,"type":"c","major":1,"minor":3,"access":"r"}]}`)
	res := b.must("update", "--resources", file, b.ID)
	if !strings.Contains(res.Stderr, "warning: linux.resources.devices") {
		t.Errorf("it says %q", res.Stderr)
	}
}
