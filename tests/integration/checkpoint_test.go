package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// checkpointed is a container that goes into images and comes out of them.
type checkpointed struct {
	*container
	feed   *os.File // the container's standard input
	images string
}

// dumpableBundle is one of a container without a network of its own: criu runs ten other programs for the rules of one.
func dumpableBundle(t *testing.T, actions ...string) *bundle {
	t.Helper()
	requires(t, "criu")
	b := newBundle(t)
	withoutNS(b.Spec, specs.NetworkNamespace)
	b.Spec.Process.Args = append([]string{"/probe", "--echo", "ready"}, actions...)
	return b
}

// dumpable runs such a container detached, with a pipe as its standard input, up to its first line of output.
func dumpable(t *testing.T, edit func(*specs.Spec), actions ...string) *checkpointed {
	t.Helper()
	b := dumpableBundle(t, actions...)
	if edit != nil {
		edit(b.Spec)
	}
	return b.untilReady()
}

// untilReady runs the container detached, with a pipe as its standard input, up to its first line of output.
func (b *bundle) untilReady() *checkpointed {
	b.t.Helper()
	c := &checkpointed{images: filepath.Join(b.Dir, "images")}
	c.feed = b.newStdin()
	c.container = b.runDetached()
	if line, _ := c.line(); line != "ready" {
		b.t.Fatalf("the container says %q", line)
	}
	return c
}

// ownNetwork gives the container a network namespace.
func ownNetwork(s *specs.Spec) {
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace})
}

// newStdin gives the next container a pipe as its standard input.
func (b *bundle) newStdin() (feed *os.File) {
	b.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		r.Close()
		w.Close()
	})
	b.Stdin = r
	return w
}

func (c *checkpointed) say(line string) {
	c.t.Helper()
	if _, err := c.feed.WriteString(line + "\n"); err != nil {
		c.t.Fatal(err)
	}
}

// dump runs `checkpoint`; criu's log comes with a failure.
func (c *checkpointed) dump(options ...string) {
	c.t.Helper()
	res := c.runtime(append(append([]string{"checkpoint", "--image-path", c.images}, options...), c.ID)...)
	if res.Exit != 0 {
		log, _ := os.ReadFile(filepath.Join(c.images, "dump.log"))
		c.t.Fatalf("checkpoint: exit status %d\n%s\n%s", res.Exit, res.output(), lastLines(string(log), 25))
	}
}

// restore brings it back with new pipes.
func (c *checkpointed) restore(options ...string) {
	c.t.Helper()
	c.feed = c.newStdin()
	c.t.Cleanup(func() {
		if c.t.Failed() {
			log, _ := os.ReadFile(filepath.Join(c.images, "restore.log"))
			c.t.Log(lastLines(string(log), 12))
		}
	})
	c.container = c.detached("restore", append([]string{"--detach", "--image-path", c.images}, options...)...)
	c.wantStatus("running")
}

func (c *checkpointed) wantGone() {
	c.t.Helper()
	wantFailure(c.t, c.runtime("state", c.ID), "does not exist")
	if dirs := cgroupsOf(c.ID); len(dirs) > 0 {
		c.t.Errorf("control groups are left: %q", dirs)
	}
}

func lastLines(s string, n int) string {
	lines := strings.Split(s, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func TestCheckpoint_and_restore_twice(t *testing.T) {
	t.Parallel()
	c := dumpable(t, ownNetwork, "--line", "--line", "--report", "--line", "--exit", "7")
	for round := range 2 {
		c.dump()
		c.wantGone()
		c.restore()
		c.say("go on")
		if got := c.next("line"); got.Op != "line" {
			t.Fatalf("round %d: %+v", round, got)
		}
	}
	r := c.nextReport()
	want(t, "pid", r.Pid, 1)
	want(t, "name", readFile(t, procFile(c.Pid, "comm")), "probe")
	for _, masked := range []string{"/proc/kcore", "/proc/keys", "/sys/firmware"} {
		if exists(masked) {
			want(t, masked+" is masked", r.mountsOn(masked), 1)
		}
	}
	c.say("end")
	c.next("line")
	want(t, "exit status", c.wait(), 7)
	c.wantStatus("stopped")
	c.must("delete", c.ID)
}

func procFile(pid int, name string) string { return filepath.Join("/proc", itoa(pid), name) }

// criu mounts cgroup2 for itself, without options, and takes those of the host's away. Not parallel: another checkpoint's
// moment without them would be seen.
func TestCheckpoint_the_hosts_cgroup2_keeps_its_options(t *testing.T) { //nolint:paralleltest
	requires(t, "cgroupv2")
	before := cgroup2Options(t)
	c := dumpable(t, ownNetwork, "--line", "--exit", "7")
	c.dump()
	want(t, "options of cgroup2 after the checkpoint", cgroup2Options(t), before)
	c.wantGone()
	c.restore()
	want(t, "options of cgroup2 after the restore", cgroup2Options(t), before)
	c.say("end")
	c.next("line")
	want(t, "exit status", c.wait(), 7)
	c.must("delete", c.ID)
}

func TestCheckpoint_leave_running(t *testing.T) {
	t.Parallel()
	c := dumpable(t, nil, "--line", "--exit", "3")
	c.dump("--leave-running")
	c.wantStatus("running")
	c.say("go on")
	c.next("line")
	want(t, "exit status", c.wait(), 3)
}

func TestCheckpoint_pre_dump_and_parent(t *testing.T) {
	t.Parallel()
	requires(t, "criu", "criu:mem_dirty_track")
	c := dumpable(t, nil, "--line", "--line", "--exit", "0")
	images := c.images
	c.images = filepath.Join(images, "first")
	c.dump("--pre-dump")
	c.wantStatus("running")
	c.say("between")
	c.next("line")
	c.images = filepath.Join(images, "second")
	c.dump("--parent-path", "../first")
	want(t, "the link to the parent", readlink(t, filepath.Join(c.images, "parent")), "../first")
	c.restore()
	c.say("end")
	c.next("line")
	want(t, "exit status", c.wait(), 0)
}

func TestCheckpoint_bad_parent(t *testing.T) {
	t.Parallel()
	c := dumpable(t, nil, "--line")
	for _, parent := range []string{c.Dir, "no/such"} {
		wantFailure(t, c.runtime("checkpoint", "--image-path", c.images, "--parent-path", parent, c.ID), "--parent-path", parent)
	}
	c.wantStatus("running")
}

// Bind mounts are bound again from where the config says, whatever their mount points are by now.
func TestCheckpoint_bind_mounts(t *testing.T) {
	t.Parallel()
	b := dumpableBundle(t)
	outer, inner, file := b.volume("outer"), b.volume("inner"), filepath.Join(b.Dir, "file")
	mkdir(t, filepath.Join(outer, "deep"), 0o755)
	writeFile(t, filepath.Join(inner, "mark"), "inner")
	writeFile(t, file, "a file")
	b.rootLink("link", "/home/there")
	mkdir(t, filepath.Join(b.Rootfs, "home/there"), 0o755)
	withMount(
		bind(outer, "/mnt/outer", "rbind", "ro"), bind(inner, "/mnt/outer/deep/er", "rbind"),
		bind(file, "/etc/one", "bind"), bind(inner, "/link", "bind"),
	)(b.Spec)
	mkdir(t, filepath.Join(outer, "deep/er"), 0o755)
	_, socket := manager(t, b.Dir) // its directory is a mount of the runtime's own
	b.Env = []string{"NOTIFY_SOCKET=" + socket}
	b.Spec.Process.Args = []string{
		"/probe", "--echo", "ready", "--notify", "READY=1", "--line", "--read", "/mnt/outer/deep/er/mark", "--read", "/etc/one", "--read", "/home/there/mark", "--create", "/mnt/outer/x", "", "--report", "--line",
	}
	c := b.untilReady()
	wantErrno(t, c.next("notify"), 0)
	c.dump()
	for _, gone := range []string{filepath.Join(outer, "deep/er"), filepath.Join(outer, "deep"), filepath.Join(b.Rootfs, "etc/one"), filepath.Join(b.Rootfs, "mnt/outer")} {
		if err := os.Remove(gone); err != nil {
			t.Fatal(err)
		}
	}
	c.restore()
	found := false
	for _, m := range mountsOf(t, itoa(c.Pid)) {
		if m.point == "/run/notify" {
			found = true
			wantFlags(t, m.point, m.flags, "ro nosuid nodev noexec")
		}
	}
	want(t, "the directory of the sd_notify socket is mounted", found, true)
	c.say("go on")
	c.next("line")
	for _, text := range []string{"inner", "a file", "inner"} {
		want(t, "content", c.next("read").Data, text)
	}
	if e := c.next("create"); e.Errno == 0 {
		t.Error("a read-only mount was written to")
	}
	c.nextReport()
	c.say("end")
	want(t, "exit status", c.wait(), 0)
}

// A link that has come into the way of a mount would lead criu, which goes by paths, out of the root.
func TestCheckpoint_a_mount_point_that_became_a_link_is_refused(t *testing.T) {
	t.Parallel()
	b := dumpableBundle(t)
	v, elsewhere := b.volume("v"), b.volume("elsewhere")
	withMount(bind(v, "/mnt/v", "bind"))(b.Spec)
	b.Spec.Process.Args = []string{"/probe", "--echo", "ready", "--line"}
	c := b.untilReady()
	c.dump()
	b.replaceByLink("mnt/v", elsewhere)
	wantFailure(t, c.runtime("restore", "--detach", "--bundle", c.Dir, "--image-path", c.images, c.ID), "mount point", "mnt/v")
	c.wantGone()
}

// The name of a mount point comes from the image, and criu's options are text (CVE-2026-119101).
func TestCheckpoint_mount_points_with_criu_syntax_are_refused(t *testing.T) {
	t.Parallel()
	b := dumpableBundle(t)
	mkdir(t, filepath.Join(b.Rootfs, "home/a]:", "etc"), 0o755)
	b.rootLink("data", "/home/a]:/etc")
	withMount(bind(b.volume("v"), "/data", "bind"))(b.Spec)
	b.Spec.Process.Args = []string{"/probe", "--echo", "ready", "--line"}
	c := b.untilReady()
	wantFailure(t, c.runtime("checkpoint", "--image-path", c.images, c.ID), "a]:")
	c.wantStatus("running")
}

func TestCheckpoint_console(t *testing.T) {
	t.Parallel()
	b := dumpableBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--echo", "ready", "--line", "--report", "--exit", "4"}
	c := &checkpointed{images: filepath.Join(b.Dir, "images")}
	var m *master
	c.container, m = b.withConsole("run", "--detach")
	if line, _ := m.line(); line != "ready" {
		t.Fatalf("%q", line)
	}
	c.dump()
	c.wantGone()
	path, l := b.listen("again.sock")
	received := expectFD(t, l)
	c.restore("--console-socket", path)
	_, file := received()
	m = newMaster(t, file)
	if _, err := m.f.WriteString("go on\n"); err != nil {
		t.Fatal(err)
	}
	m.next("line")
	r := m.report()
	fd, _ := r.fd(0)
	want(t, "standard input is a terminal", fd.TTY, true)
	want(t, "exit status", c.wait(), 4)
}

func TestCheckpoint_network_namespace_by_path(t *testing.T) {
	t.Parallel()
	holder := nsHolder(t, specs.NetworkNamespace)
	c := dumpable(t, func(s *specs.Spec) { setNS(s, specs.NetworkNamespace, nsPath(holder, specs.NetworkNamespace)) }, "--line")
	was := nsID(t, c.Pid, "net")
	c.dump()
	c.restore()
	want(t, "network namespace", nsID(t, c.Pid, "net"), was)
	c.say("end")
	want(t, "exit status", c.wait(), 0)
}

// The restored container is a container: its groups are those of the config, it takes signals, runs others.
func TestCheckpoint_another_id_and_group(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"soft", "ignore"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			c := dumpable(t, resources(func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr(int64(50))} }), "--until-term", "--exit", "9")
			c.next("waiting")
			c.dump("--manage-cgroups-mode", mode)
			old := c.ID
			c.ID = newID()
			c.own(c.ID)
			c.Spec.Linux.CgroupsPath = "/" + c.ID
			c.restore("--manage-cgroups-mode", mode)
			group := readFile(t, procFile(c.Pid, "cgroup"))
			if !strings.Contains(group, c.ID) || strings.Contains(group, old) {
				t.Errorf("control groups of the restored container:\n%s", group)
			}
			if dirs := cgroupsOf(old); len(dirs) > 0 {
				t.Errorf("groups of the old container: %q", dirs)
			}
			res := c.must("exec", c.ID, "/probe", "--echo", "hello")
			want(t, "exec", res.Stdout, "hello\n")
			c.must("kill", c.ID, "TERM")
			want(t, "exit status", c.wait(), 9)
		})
	}
}

func TestRestore_in_the_foreground(t *testing.T) {
	t.Parallel()
	c := dumpable(t, nil, "--line", "--exit", "5")
	c.dump()
	c.feed = c.newStdin()
	c.say("go on")
	res := c.runtime("restore", "--bundle", c.Dir, "--image-path", c.images, c.ID)
	want(t, "exit status", res.Exit, 5)
	c.wantGone()
}

func TestRestore_terminal_in_the_foreground(t *testing.T) {
	t.Parallel()
	b := dumpableBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--echo", "ready", "--line", "--winch", "--exit", "5"}
	c := &checkpointed{images: filepath.Join(b.Dir, "images")}
	var m *master
	c.container, m = b.withConsole("run", "--detach")
	m.line()
	c.dump()
	m, tty := openPTY(t)
	m.resize(21, 43)
	cmd := b.verbOn(tty, "restore", "--image-path", c.images)
	if _, err := m.f.WriteString("go on\n"); err != nil {
		t.Fatal(err)
	}
	want(t, "line", m.next("line").Data, "go on\n")
	m.next("waiting")
	m.resize(50, 100)
	want(t, "signal", m.next("signal").Signal, unix.SIGWINCH)
	want(t, "rows", m.next("winsize").Rows, 50)
	if err := cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	want(t, "exit status", waitFor(t, cmd).Exit, 5)
	c.wantGone()
}

func TestCheckpoint_runs_hooks_of_the_network(t *testing.T) {
	t.Parallel()
	c := dumpable(t, ownNetwork, "--line")
	c.dump()
	c.allHooks()
	c.restore()
	c.wantRan("restore", "prestart", "createRuntime")
	c.say("end")
	want(t, "exit status", c.wait(), 0)
}

func TestCheckpoint_user_namespace(t *testing.T) {
	t.Parallel()
	requires(t, "criu", "userns")
	b := userBundle(t)
	// its root opens its standard error again, which the file of root that the tests have for that would not let it
	b.Wrap = []string{"sh", "-c", `exec "$@" 2>/dev/null`, "sh"}
	b.Spec.Process.Args = []string{"/probe", "--echo", "ready", "--line", "--exit", "6"}
	c := b.untilReady()
	c.dump()
	c.restore()
	c.say("end")
	c.next("line")
	want(t, "exit status", c.wait(), 6)
}

// startReady starts a program that writes a NUL byte to descriptor 3 when it is ready, and waits for that.
func startReady(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	status, ready, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer status.Close()
	cmd.ExtraFiles, cmd.Stderr = []*os.File{ready}, os.Stderr
	err = cmd.Start()
	ready.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	if err := status.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var nul [1]byte
	if n, err := status.Read(nul[:]); n != 1 || nul[0] != 0 {
		t.Fatalf("%v does not get ready: %d bytes, %v", cmd.Args, n, err)
	}
}

// The memory stays where it is until the restored container touches it.
func TestCheckpoint_lazy_pages(t *testing.T) {
	t.Parallel()
	// 4.2.1 breaks off: "page-pipe: splice: -1: Bad file descriptor"
	requires(t, "criu", "criu:uffd", "criu-before:4")
	c := dumpable(t, nil, "--line", "--exit", "8")
	port := freePort(t)
	dump := c.command("checkpoint", "--image-path", c.images, "--lazy-pages", "--page-server", "127.0.0.1:"+port, "--status-fd", "3", c.ID)
	startReady(t, dump)
	want(t, "the inventory is there", exists(filepath.Join(c.images, "inventory.img")), true)
	pages := exec.Command("criu", "lazy-pages", "--page-server", "--address", "127.0.0.1", "--port", port, "--images-dir", c.images, "--work-dir", c.Dir, "--status-fd", "3")
	startReady(t, pages)
	c.ID = newID()
	c.own(c.ID)
	c.Spec.Linux.CgroupsPath = "/" + c.ID
	c.restore("--lazy-pages", "--work-path", c.Dir)
	if r := waitFor(t, dump); r.Exit != 0 {
		t.Errorf("checkpoint: exit status %d", r.Exit)
	}
	if r := waitFor(t, pages); r.Exit != 0 {
		t.Errorf("criu lazy-pages: exit status %d", r.Exit)
	}
	c.say("go on")
	c.next("line")
	want(t, "exit status", c.wait(), 8)
}

func TestCheckpoint_of_systemd_units(t *testing.T) {
	t.Parallel()
	requires(t, "criu", "systemd")
	b, unit := scoped(t)
	withoutNS(b.Spec, specs.NetworkNamespace)
	b.Spec.Process.Args = []string{"/probe", "--echo", "ready", "--line", "--exit", "2"}
	c := b.untilReady()
	c.dump()
	want(t, "the unit is known", known(unit), false)
	c.restore()
	wantProperties(t, unit, map[string]string{"ActiveState": "active"})
	c.say("go on")
	c.next("line")
	want(t, "exit status", c.wait(), 2)
}

func TestCheckpoint_what_cannot_be(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	c := b.create()
	images := filepath.Join(b.Dir, "images")
	wantFailure(t, b.runtime("checkpoint", "--image-path", images, b.ID), "started")
	wantFailure(t, b.runtime("checkpoint", "--image-path", images, "nobody"), "does not exist")
	c.start().wait()
	wantFailure(t, b.runtime("checkpoint", "--image-path", images, b.ID), "container not running")
	wantFailure(t, b.runtime("restore", "--bundle", b.Dir, "--image-path", filepath.Join(b.Dir, "none"), newID()), "rung.json")
}

func TestCheckpoint_without_criu(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	c := b.runDetached()
	c.next("waiting")
	b.Env = []string{"PATH=/nowhere"}
	wantFailure(t, b.runtime("checkpoint", "--image-path", filepath.Join(b.Dir, "images"), b.ID), "criu is not installed")
	c.wantStatus("running")
}
