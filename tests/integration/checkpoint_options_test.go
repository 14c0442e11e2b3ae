package integration

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// What criu dumps only when it is told to: each is refused without its option, and works on after a restore with it.

// wantRefused wants criu to refuse a dump, with words of its own, and the container to go on.
func (c *checkpointed) wantRefused(words string, options ...string) {
	c.t.Helper()
	wantFailure(c.t, c.runtime(append(append([]string{"checkpoint", "--image-path", c.images}, options...), c.ID)...), words)
	c.wantStatus("running")
}

func (c *checkpointed) wantOK(op string) action {
	c.t.Helper()
	a := c.next(op)
	wantErrno(c.t, a, 0)
	return a
}

// end lets it run to its end.
func (c *checkpointed) end() {
	c.t.Helper()
	c.say("end")
	c.next("line")
	want(c.t, "exit status", c.wait(), 0)
}

func TestCheckpoint_file_locks(t *testing.T) {
	t.Parallel()
	b := dumpableBundle(t, "--fd-open", "10", "/tmp/locked", "--fd-lock", "10", "--line", "--line")
	c := b.untilReady()
	c.wantOK("fd-open")
	c.wantOK("fd-lock")
	f, err := os.Open(filepath.Join(b.Rootfs, "tmp/locked"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lock := func() error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }
	want(t, "the lock is the container's", lock(), error(unix.EWOULDBLOCK))
	c.wantRefused("file locks")
	c.dump("--file-locks")
	want(t, "the lock went with the container", lock(), nil)
	if err := unix.Flock(int(f.Fd()), unix.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	c.restore("--file-locks")
	want(t, "the lock is the restored container's", lock(), error(unix.EWOULDBLOCK))
	c.say("go on")
	c.next("line")
	c.end()
}

func TestCheckpoint_link_remap(t *testing.T) {
	t.Parallel()
	b := dumpableBundle(t, "--create", "/home/one", "kept", "--link", "/home/one", "/home/two", "--fd-open", "10", "/home/one", "--unlink", "/home/one", "--line", "--read-fd", "10", "--line")
	c := b.untilReady()
	for _, op := range []string{"create", "link", "fd-open", "unlink"} {
		c.wantOK(op)
	}
	c.wantRefused("link remap")
	c.dump("--link-remap")
	c.restore("--link-remap")
	c.say("go on")
	c.next("line")
	want(t, "content", c.wantOK("read-fd").Data, "kept")
	if left := names(t, filepath.Join(b.Rootfs, "home")); len(left) != 1 {
		t.Errorf("files after the restore: %q", left)
	}
	c.end()
}

func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// A log daemon's socket: a datagram socket of the host that the container sends to. criu knows it by the name that the
// daemon has given it, so it has to be at the same path inside.
func TestCheckpoint_ext_unix_sk(t *testing.T) {
	t.Parallel()
	b := dumpableBundle(t)
	v := b.volume("v")
	log := filepath.Join(v, "log")
	b.Spec.Process.Args = append(b.Spec.Process.Args, "--fd-dgram", "10", log, "--write-fd", "10", "before", "--line", "--write-fd", "10", "after", "--line")
	withMount(bind(v, v, "bind"))(b.Spec)
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: log})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	wantMessage := func(text string) {
		t.Helper()
		if err := l.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		n, err := l.Read(buf)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		want(t, "message", string(buf[:n]), text)
	}
	c := b.untilReady()
	c.wantOK("fd-dgram")
	c.wantOK("write-fd")
	wantMessage("before")
	c.wantRefused("--ext-unix-sk")
	c.dump("--ext-unix-sk")
	c.restore("--ext-unix-sk")
	c.say("go on")
	c.next("line")
	c.wantOK("write-fd")
	wantMessage("after")
	c.end()
}

// A process whose standard input is its caller's terminal.
func TestCheckpoint_shell_job(t *testing.T) {
	t.Parallel()
	requires(t, "criu")
	for _, option := range [][]string{{}, {"--shell-job"}} {
		t.Run("with"+strings.Join(option, ""), func(t *testing.T) {
			t.Parallel()
			b := dumpableBundle(t, "--line", "--report", "--exit", "3")
			_, b.Stdin = openPTY(t)
			c := &checkpointed{images: filepath.Join(b.Dir, "images")}
			c.container = b.runDetached()
			if line, _ := c.line(); line != "ready" {
				t.Fatalf("the container says %q", line)
			}
			c.dump(option...)
			m, tty := openPTY(t)
			b.Stdin = tty
			c.container = c.detached("restore", append([]string{"--detach", "--image-path", c.images}, option...)...)
			if _, err := m.f.WriteString("go on\n"); err != nil {
				t.Fatal(err)
			}
			want(t, "line", c.next("line").Data, "go on\n")
			fd, _ := c.nextReport().fd(0)
			want(t, "standard input is a terminal", fd.TTY, true)
			want(t, "exit status", c.wait(), 3)
		})
	}
}

func TestCheckpoint_tcp_established(t *testing.T) {
	t.Parallel()
	b := dumpableBundle(t, "--fd-tcp", "10", "--line", "--write-fd", "10", "hello", "--read-fd", "11", "--line", "--read-fd", "11", "--line")
	ownNetwork(b.Spec)
	c := b.untilReady()
	c.wantOK("fd-tcp")
	c.wantRefused("--tcp-established")
	c.dump("--tcp-established")
	c.restore("--tcp-established")
	c.say("go on")
	c.next("line")
	c.wantOK("write-fd")
	want(t, "what came through the connection", c.wantOK("read-fd").Data, "hello")
	c.dump("--tcp-established")
	c.restore("--tcp-close")
	c.say("go on")
	c.next("line")
	if a := c.next("read-fd"); a.Data != "" {
		t.Errorf("a connection that was restored closed has %q", a.Data)
	}
	c.end()
}

func TestCheckpoint_tcp_skip_in_flight(t *testing.T) {
	t.Parallel()
	b := dumpableBundle(t, "--fd-tcp-waiting", "10", "--line")
	ownNetwork(b.Spec)
	c := b.untilReady()
	c.wantOK("fd-tcp")
	c.wantRefused("n-flight", "--tcp-established")
	c.dump("--tcp-established", "--tcp-skip-in-flight")
	c.restore("--tcp-established")
	c.end()
}

// What a namespace of the network holds is left out: the hooks of the restore fill it.
func TestCheckpoint_empty_ns_network(t *testing.T) {
	t.Parallel()
	b := dumpableBundle(t, "--line", "--report", "--line")
	ownNetwork(b.Spec)
	c := b.untilReady()
	was := nsID(t, c.Pid, "net")
	c.dump("--empty-ns", "network")
	want(t, "images of the network's rules", len(glob(t, filepath.Join(c.images, "iptables-*"))), 0)
	c.allHooks()
	c.restore("--empty-ns", "network")
	c.wantRan("restore", "prestart", "createRuntime")
	if id := nsID(t, c.Pid, "net"); id == was || id == nsID(t, os.Getpid(), "net") {
		t.Errorf("the restored container's network namespace is %s, the old one's was %s", id, was)
	}
	c.say("go on")
	c.next("line")
	for _, i := range c.nextReport().Interfaces {
		if i.Up {
			t.Errorf("the interface %s is up", i.Name)
		}
	}
	c.end()
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// Pages that a later dump has as well are freed in the earlier images, and the restored memory is whole.
func TestCheckpoint_auto_dedup(t *testing.T) {
	t.Parallel()
	requires(t, "criu", "criu:mem_dirty_track")
	const size = "8388608"
	b := dumpableBundle(t, "--memory", "new", size, "--line", "--memory", "change", size, "--line", "--memory", "sum", size, "--line")
	c := b.untilReady()
	c.next("memory")
	images := c.images
	c.images = filepath.Join(images, "first")
	c.dump("--pre-dump")
	before := blocks(t, c.images)
	c.say("change")
	c.next("line")
	changed := c.next("memory").Count
	c.images = filepath.Join(images, "second")
	c.dump("--parent-path", "../first", "--auto-dedup")
	after := blocks(t, filepath.Join(images, "first"))
	if freed := before - after; freed < 4<<20 || freed > 6<<20 {
		t.Errorf("the earlier images had %d bytes, and have %d: half of 8 MiB was written to", before, after)
	}
	c.restore("--auto-dedup")
	c.say("go on")
	c.next("line")
	want(t, "sum of the memory", c.next("memory").Count, changed)
	c.end()
}

// blocks is what the pages of a directory of images take on the disk, in bytes.
func blocks(t *testing.T, dir string) (n int64) {
	t.Helper()
	for _, file := range glob(t, filepath.Join(dir, "pages-*.img")) {
		var st unix.Stat_t
		if err := unix.Stat(file, &st); err != nil {
			t.Fatal(err)
		}
		n += st.Blocks * 512
	}
	if n == 0 {
		t.Fatalf("%s: no pages", dir)
	}
	return n
}

// The memory goes over a socket to where it will be needed.
func TestCheckpoint_page_server(t *testing.T) {
	t.Parallel()
	b := dumpableBundle(t, "--memory", "new", "1048576", "--line", "--memory", "sum", "1048576", "--line")
	c := b.untilReady()
	sum := c.next("memory").Count
	mkdir(t, c.images, 0o755)
	port := freePort(t)
	server := exec.Command("criu", "page-server", "--address", "127.0.0.1", "--port", port, "--images-dir", c.images, "--work-dir", c.Dir, "--status-fd", "3")
	startReady(t, server)
	c.dump("--page-server", "127.0.0.1:"+port)
	want(t, "exit status of the page server", waitFor(t, server).Exit, 0)
	c.restore()
	c.say("go on")
	c.next("line")
	want(t, "sum of the memory", c.next("memory").Count, sum)
	c.end()
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// Without --image-path it is "checkpoint" where the caller is; the options of runc's that change nothing are taken.
func TestCheckpoint_defaults(t *testing.T) {
	t.Parallel()
	c := dumpable(t, nil, "--line", "--line")
	c.Cwd = c.volume("cwd")
	c.must("checkpoint", c.ID)
	c.wantGone()
	c.feed = c.newStdin()
	c.container = c.detached("restore", "--detach", "--no-pivot", "--no-subreaper", "--lsm-mount-context", "system_u:object_r:container_file_t:s0")
	want(t, "the images are there", exists(filepath.Join(c.Cwd, "checkpoint/inventory.img")), true)
	c.say("go on")
	c.next("line")
	// images of a container that runs are no use to a second one of its id
	wantFailure(t, c.runtime("restore", "--detach", "--bundle", c.Dir, c.ID), "exists")
	c.end()
}

func TestCheckpoint_lsm_profile(t *testing.T) {
	t.Parallel()
	requires(t, "apparmor")
	b := dumpableBundle(t, "--line", "--read", "/proc/self/attr/current", "--line", "--read", "/proc/self/attr/current", "--line")
	one, two := confine(t, b, ""), confineAs(t, b, "two", "")
	b.Spec.Process.ApparmorProfile = one
	c := b.untilReady()
	for i, profile := range []string{one, two} {
		c.dump()
		if i == 0 {
			c.restore()
		} else {
			c.restore("--lsm-profile", "apparmor:"+profile)
		}
		c.say("go on")
		c.next("line")
		want(t, "profile", strings.TrimSpace(c.next("read").Data), profile+" (enforce)")
	}
	c.end()
}

// limits are what the tests of groups ask for, and what the kernel then says.
func limits(r *specs.LinuxResources) {
	r.Memory = &specs.LinuxMemory{Limit: ptr(int64(64 << 20)), Reservation: ptr(int64(32 << 20)), Swap: ptr(int64(96 << 20))}
	r.CPU = &specs.LinuxCPU{Shares: ptr(uint64(500)), Quota: ptr(int64(90000)), Period: ptr(uint64(100000)), Cpus: "0", Mems: "0"}
	r.Pids = &specs.LinuxPids{Limit: ptr(int64(33))}
}

// wantLimits reads them back from the kernel, in the group that the container's process is in.
func (c *container) wantLimits(when string) {
	c.t.Helper()
	path := strings.TrimPrefix(strings.TrimSpace(readFile(c.t, procFile(c.Pid, "cgroup"))), "0::")
	if !strings.Contains(path, c.ID) {
		c.t.Fatalf("%s: the group is %q", when, path)
	}
	for file, v := range map[string]string{
		"memory.max": "67108864", "memory.low": "33554432", "memory.swap.max": "33554432", "cpu.weight": "58", "cpu.max": "90000 100000",
		"cpuset.cpus": "0", "cpuset.cpus.effective": "0", "cpuset.mems": "0", "pids.max": "33", "cgroup.freeze": "0",
	} {
		want(c.t, when+": "+file, strings.TrimSpace(readFile(c.t, filepath.Join("/sys/fs/cgroup", path, file))), v)
	}
	// the devices it may not use are no file, but a program of the kernel's
	node := "/tmp/kmsg-" + strings.ReplaceAll(when, " ", "-")
	out := strings.Split(c.must("exec", c.ID, "/probe", "--mknod", node, "c", "1", "11", "--open", node, "r").Stdout, "\n")
	wantErrno(c.t, parseAction(c.t, out[1]), unix.EPERM)
}

// A shell that counts goes on where it was, through a second restore, within the limits of its config.
func TestCheckpoint_of_a_running_shell(t *testing.T) {
	t.Parallel()
	requires(t, "criu", "cgroupv2", "v2:memory", "v2:cpu", "v2:cpuset", "v2:pids", "command:busybox")
	for _, driver := range []string{"files", "systemd"} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			if driver == "systemd" {
				b, _ = scoped(t)
			}
			withoutNS(b.Spec, specs.NetworkNamespace)
			resources(limits)(b.Spec)
			copyFile(t, lookPath(t, "busybox"), filepath.Join(b.Rootfs, "bin/sh"), 0o755)
			b.Spec.Process.Args = []string{"/bin/sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; done"}
			c := &checkpointed{images: filepath.Join(b.Dir, "images")}
			c.container = b.runDetached()
			last := 0
			// count reads n of its numbers, or all that there are.
			count := func(n int) {
				t.Helper()
				for ; n != 0; n-- {
					line, ok := c.line()
					if !ok && n < 0 {
						return
					}
					if line != itoa(last+1) {
						t.Fatalf("%q comes behind %d", line, last)
					}
					last++
				}
			}
			count(1000)
			c.wantLimits("at first")
			for _, when := range []string{"once restored", "twice restored"} {
				c.dump()
				c.wantGone()
				count(-1) // to the end: what it wrote before
				c.restore()
				count(1000)
				c.wantLimits(when)
			}
			c.must("kill", c.ID, "KILL")
			want(t, "exit status", c.wait(), 128+int(unix.SIGKILL))
			c.must("delete", c.ID)
			c.wantGone()
		})
	}
}

// However criu is to manage them, the groups of a restored container are those of its config.
func TestCheckpoint_manage_cgroups_modes(t *testing.T) {
	t.Parallel()
	requires(t, "criu", "cgroupv2", "v2:memory", "v2:cpu", "v2:cpuset", "v2:pids")
	modes := []string{"soft", "full", "strict", "props", "none", "ignore"}
	b := dumpableBundle(t)
	ownNetwork(b.Spec) // criu binds a socket of a fixed name there: two restores at once in one fail
	for range modes {
		b.Spec.Process.Args = append(b.Spec.Process.Args, "--line")
	}
	b.Spec.Process.Args = append(b.Spec.Process.Args, "--line")
	resources(limits)(b.Spec)
	c := b.untilReady()
	for _, mode := range modes {
		c.must("update", "--pids-limit", "44", c.ID) // goes with the old group
		c.dump("--manage-cgroups-mode", mode)
		c.wantGone()
		if mode == "strict" { // refuses one that is there, even if it is empty
			group := filepath.Join("/sys/fs/cgroup", c.ID)
			mkdir(t, group, 0o755)
			wantFailure(t, c.runtime("restore", "--detach", "--bundle", c.Dir, "--image-path", c.images, "--manage-cgroups-mode", mode, c.ID), "strict", group, "file exists")
			if err := os.Remove(group); err != nil {
				t.Error(err)
			}
		}
		c.restore("--manage-cgroups-mode", mode)
		c.wantLimits(mode)
		c.say(mode)
		c.next("line")
	}
	c.wantFailure("--manage-cgroups-mode", "hard")
	c.end()
}

func (c *checkpointed) wantFailure(option, value string) {
	c.t.Helper()
	wantFailure(c.t, c.runtime("checkpoint", "--image-path", c.images, option, value, c.ID), option, value)
	c.wantStatus("running")
}

// What the container has made of itself comes back: a group below its own with a process in it, and what a process of
// exec has left behind, with its number. A process of exec itself is no descendant of the container's, and criu passes it over.
func TestCheckpoint_of_several_processes(t *testing.T) {
	t.Parallel()
	requires(t, "criu", "cgroupv2")
	b := dumpableBundle(t, "--mkdir", "/sys/fs/cgroup/sub", "--cgroup-child", "/sys/fs/cgroup/sub", "--line", "--line")
	withMount(cgroupMount("rw"))(b.Spec)
	c := b.untilReady()
	c.wantOK("mkdir")
	c.wantOK("cgroup-child")
	left := c.command("exec", c.ID, "/probe", "--daemon") // on the null device
	if err := left.Start(); err != nil {
		t.Fatal(err)
	}
	want(t, "exit status of exec", waitFor(t, left).Exit, 0)
	group := b.cgroupDir("")
	// numbers are the processes of a group, as the container has them.
	numbers := func(dir string) string {
		var list []string
		for _, pid := range strings.Fields(readFile(t, filepath.Join(dir, "cgroup.procs"))) {
			_, rest, _ := strings.Cut(readFile(t, filepath.Join("/proc", pid, "status")), "NSpid:")
			f := strings.Fields(firstLine(rest))
			list = append(list, f[len(f)-1])
		}
		slices.Sort(list)
		return strings.Join(list, " ")
	}
	above, below := numbers(group), numbers(filepath.Join(group, "sub"))
	if n := strings.Fields(above); len(n) != 2 || below != "2" {
		t.Fatalf("processes in the group: %s; below: %s", above, below)
	}
	c.dump()
	c.wantGone()
	c.restore()
	want(t, "processes in the container's group", numbers(group), above)
	want(t, "processes in the group below", numbers(filepath.Join(group, "sub")), below)

	pidFile := filepath.Join(b.Dir, "exec.pid")
	c.must("exec", "--detach", "--pid-file", pidFile, c.ID, "/probe", "--wait-signal")
	res := c.runtime("checkpoint", "--leave-running", "--image-path", c.images, c.ID)
	want(t, "exit status", res.Exit, 0)
	pid := readFile(t, pidFile)
	if !strings.Contains(res.Stderr, pid) {
		t.Errorf("no warning of process %s: %s", pid, res.output())
	}
	c.must("kill", "--all", c.ID, "KILL")
	want(t, "exit status of the process of exec", waitChild(t, atoi(t, pid)), 128+int(unix.SIGKILL))
	want(t, "exit status", c.wait(), 128+int(unix.SIGKILL))
}
