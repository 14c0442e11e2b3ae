package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// A container may join the pid namespace of another one (a pod that shares it, docker run --pid=container:A), and that
// one's processes may have CAP_SYS_PTRACE: what they see they can trace, dumpable or not. So they may see nothing that has
// more than the container which is made.

// procfsWays are the two ways in which the runtime mounts the procfs of a pid namespace that it is not in.
var procfsWays = []struct {
	name string
	wrap func() []string
}{
	{"by the mount option pidns", func() []string { return nil }},
	{"through a helper process", func() []string {
		const setFD = 5 // FSCONFIG_SET_FD: what Linux before 6.17 knows no such option for
		return []string{filepath.Join(repository, "tests/bin/refuse"), itoa(unix.SYS_FSCONFIG), "1", itoa(setFD), itoa(int(unix.EINVAL))}
	}},
}

// watcher runs a container whose process gets hold of all others, and tells what it got of the host's. canary is a file
// of the host's that nothing leads to.
func watcher(t *testing.T, edit func(*bundle)) (c *container, canary string) {
	t.Helper()
	b := newBundle(t)
	canary = filepath.Join(b.Dir, "canary")
	writeFile(t, canary, "the host's secret\n")
	copyFile(t, filepath.Join(repository, "tests/bin/hostile"), b.Rootfs+"/hostile", 0o755)
	var host []string
	for _, ns := range []string{"mnt", "net", "ipc", "uts", "cgroup"} {
		host = append(host, nsID(t, 0, ns))
	}
	setCaps(b.Spec, "CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE")
	b.Spec.Process.Args = []string{"/hostile", "-host", canary, strconv.FormatUint(capMask(joinerCaps...), 16), strings.Join(host, ",")}
	if edit != nil {
		edit(b)
	}
	c = b.create().start()
	c.next("hostile")
	return c, canary
}

// sweep waits until the watcher has looked at every process that there is now.
func (c *container) sweep() {
	c.t.Helper()
	c.must("kill", c.ID, "USR1")
	c.next("swept")
}

// wantNothing ends the watcher, and wants it to have nothing of the host's.
func (c *container) wantNothing(canary string) {
	c.t.Helper()
	c.loot()
	want(c.t, "the host's file", readFile(c.t, canary), "the host's secret")
}

var joinerCaps = []string{"CAP_CHOWN", "CAP_KILL", "CAP_SETUID", "CAP_SETGID"}

// joiner is a container that joins the pid namespace of c.
func (c *container) joiner() *bundle {
	b := c.another()
	setNS(b.Spec, specs.PIDNamespace, nsPath(c.Pid, specs.PIDNamespace))
	setCaps(b.Spec, joinerCaps...)
	return b
}

// meeting is where a hook stops until the test lets it go on.
type meeting struct {
	t         *testing.T
	here, go_ string
}

// holdingHook adds a hook that notes the state that it gets, and links of the process in there, and waits.
func (b *bundle) holdingHook(kind string) *meeting {
	b.t.Helper()
	m := &meeting{b.t, filepath.Join(b.Dir, kind+".here"), filepath.Join(b.Dir, kind+".go")}
	for _, path := range []string{m.here, m.go_} {
		if err := unix.Mkfifo(path, 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
	script := fmt.Sprintf(`IFS= read -r s || :; p=${s##*\"pid\":}; p=${p%%%%[!0-9]*}; { echo "$s"; for n in mnt net ipc uts; do readlink /proc/$p/ns/$n; done; } >%s; read -r x <%s`, m.here, m.go_)
	addHook(b.Spec, kind, specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", script}})
	return m
}

// arrived waits for the hook, and returns its lines.
func (m *meeting) arrived() []string {
	m.t.Helper()
	f, err := os.OpenFile(m.here, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		m.t.Fatal(err)
	}
	defer f.Close()
	raw, err := f.SyscallConn()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { // before a writer is there reading is the end
		if !waitReadable(m.t, int(fd), patience) {
			m.t.Error("the hook has not run")
		}
	}); err != nil {
		m.t.Fatal(err)
	}
	if err := f.SetReadDeadline(time.Now().Add(patience)); err != nil {
		m.t.Fatal(err)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		m.t.Fatalf("what the hook says: %v", err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

func (m *meeting) release() { writeFile(m.t, m.go_, "\n") }

// joinerWorlds are the configs that decide what the last process still has to do.
var joinerWorlds = []struct {
	name string
	edit func(*specs.Spec)
}{
	{"plain", func(*specs.Spec) {}},
	{"no new privileges and a filter", func(s *specs.Spec) {
		s.Process.NoNewPrivileges = true
		s.Linux.Seccomp = filter(rule(specs.ActErrno, "acct"))
	}},
	// loading it takes CAP_SYS_ADMIN
	{"a filter without no new privileges", func(s *specs.Spec) {
		s.Process.NoNewPrivileges = false
		s.Linux.Seccomp = filter(rule(specs.ActErrno, "acct"))
	}},
	{"another user and limits", func(s *specs.Spec) {
		s.Process.User = specs.User{UID: 1000, GID: 1000, AdditionalGids: []uint32{10}}
		s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 100, Hard: 200}}
		s.Process.OOMScoreAdj = ptr(100)
	}},
}

func TestSharedPidns_nothing_of_the_host_is_in_reach(t *testing.T) {
	t.Parallel()
	requires(t, "root", "rt:rung")
	for _, way := range procfsWays {
		for _, world := range joinerWorlds {
			t.Run(way.name+", "+world.name, func(t *testing.T) { // one at a time: a watcher needs a processor
				a, canary := watcher(t, nil)
				b := a.joiner()
				b.Wrap = way.wrap()
				world.edit(b.Spec)
				b.writeConfig()

				// Races: whatever lives for a moment in there.
				n := 15
				if testing.Short() {
					n = 5
				}
				b.Spec.Process.Args = []string{"/probe", "--exit", "3"}
				for range n {
					want(t, "exit status", b.run().Exit, 3)
				}
				c := b.create() // it stands at its gate until the watcher has met it
				a.next("seen")
				a.sweep()
				b.Wrap = nil
				c.start()
				want(t, "exit status", c.wait(), 3)
				a.wantNothing(canary)
			})
		}
	}
}

// While its root is the host's, and hooks run with the runtime's privileges, the container is in no other's sight.
func TestSharedPidns_is_entered_after_the_hooks(t *testing.T) {
	t.Parallel()
	requires(t, "root", "rt:rung")
	for _, way := range procfsWays {
		t.Run(way.name, func(t *testing.T) {
			a, canary := watcher(t, nil)
			b := a.joiner()
			b.Wrap = way.wrap()
			kinds := []string{"prestart", "createRuntime", "createContainer"}
			var held []*meeting
			for _, kind := range kinds {
				held = append(held, b.holdingHook(kind))
			}
			b.Spec.Process.Args = []string{"/probe", "--exit", "0"}
			b.writeConfig()
			pidFile := filepath.Join(b.Dir, "init.pid")
			f := b.foreground("create", "--bundle", b.Dir, "--pid-file", pidFile, b.ID)
			var first specs.State
			var links []string
			for i, m := range held {
				lines := m.arrived()
				var s specs.State
				if err := json.Unmarshal([]byte(lines[0]), &s); err != nil {
					t.Fatalf("the state of the %s hook: %v: %q", kinds[i], err, lines)
				}
				if i == 0 {
					first, links = s, lines[1:]
				}
				want(t, kinds[i]+": pid", s.Pid, first.Pid)
				want(t, kinds[i]+": status", s.Status, specs.StateCreated)
				if pidNamespaces(t, s.Pid) != 1 {
					t.Errorf("%s: process %d is in a pid namespace below the host's", kinds[i], s.Pid)
				}
				a.sweep() // and would have said whom it met
				m.release()
			}
			want(t, "create", f.exit().Exit, 0)
			pid, err := strconv.Atoi(readFile(t, pidFile))
			if err != nil {
				t.Fatal(err)
			}
			want(t, "pid of the state", b.state().Pid, pid)
			if pid == first.Pid {
				t.Errorf("process %d is still the one that the hooks were told of", pid)
			}
			want(t, "pid namespaces", pidNamespaces(t, pid), 2)
			var now []string
			for _, ns := range []string{"mnt", "net", "ipc", "uts"} {
				now = append(now, nsID(t, pid, ns))
			}
			wantSlice(t, "namespaces, as hooks found them", links, now)
			a.next("seen")
			a.sweep()
			b.Wrap = nil
			b.must("start", b.ID)
			want(t, "exit status", waitChild(t, pid), 0)
			a.wantNothing(canary)
		})
	}
}

// pidNamespaces is in how many pid namespaces a process has a number (NSpid of proc_pid_status(5)).
func pidNamespaces(t *testing.T, pid int) int {
	t.Helper()
	for line := range strings.Lines(readFile(t, "/proc/"+itoa(pid)+"/status")) {
		if ids, ok := strings.CutPrefix(line, "NSpid:"); ok {
			return len(strings.Fields(ids))
		}
	}
	t.Fatalf("process %d: no NSpid", pid)
	return 0
}

// The helper process has nothing that is worth tracing it: it is looked at as it opens the procfs.
func TestSharedPidns_the_helper_has_nothing(t *testing.T) { // alone: a tracer waits for everybody's orphans
	requires(t, "root", "rt:rung")
	holder := nsHolder(t, specs.PIDNamespace)
	b := newBundle(t)
	setNS(b.Spec, specs.PIDNamespace, nsPath(holder, specs.PIDNamespace))
	b.Spec.Process.Args = []string{"/probe", "--exit", "0"}
	b.writeConfig()
	b.Wrap = procfsWays[1].wrap()
	filters, err := strconv.Atoi(statusOf(t, os.Getpid())["Seccomp_filters"])
	if err != nil {
		t.Fatal(err)
	}
	met := 0
	look := func(c *stop) harm {
		if c.own || pidNamespaces(t, c.pid) == 1 || len(readlinks("/proc/"+itoa(c.pid)+"/ns/pid")) == 0 {
			return harm{}
		}
		if c.nr != unix.SYS_FSOPEN {
			t.Errorf("in the pid namespace: %v", c)
			return harm{}
		}
		met++
		proc := "/proc/" + itoa(c.pid)
		entries, err := os.ReadDir(proc + "/root")
		want(t, "error of its root", err, error(nil))
		want(t, "names in its root", len(entries), 0)
		if err := os.WriteFile(proc+"/root/x", nil, 0o600); err == nil {
			t.Error("its root is writable")
		}
		want(t, "its root and its working directory are one", fileID(t, proc+"/root/."), fileID(t, proc+"/cwd/."))
		want(t, "above its root", fileID(t, proc+"/root/.."), fileID(t, proc+"/root/."))
		fds := readlinks(proc + "/fd")
		if len(fds) != 1 || !strings.HasPrefix(fds[0], "socket:") {
			t.Errorf("its descriptors: %q", fds)
		}
		for _, ns := range []string{"mnt", "net", "ipc", "uts", "cgroup"} {
			if nsID(t, c.pid, ns) == nsID(t, 0, ns) {
				t.Errorf("its %s namespace is the host's", ns)
			}
		}
		status := statusOf(t, c.pid)
		want(t, "its capabilities", status["CapPrm"], fmt.Sprintf("%016x", 1<<unix.CAP_SYS_ADMIN))
		// that of this test's tracer, of the refusal, and its own
		want(t, "its filters", status["Seccomp_filters"], itoa(filters+3))
		if c.pid != 0 && readFile(t, proc+"/mountinfo") != "" {
			t.Errorf("its mounts: %q", readFile(t, proc+"/mountinfo"))
		}
		return harm{}
	}
	tr, r := b.traceCommands([]uint64{unix.SYS_FSOPEN, unix.SYS_OPENAT2, unix.SYS_OPEN_TREE, unix.SYS_MOUNT_SETATTR, unix.SYS_PIVOT_ROOT, unix.SYS_SETRESUID}, look,
		[]string{"run", "--bundle", b.Dir, b.ID})
	<-tr.gone
	want(t, "exit status", r.Exit, 0)
	want(t, "helpers met", met, 1)
}

// readlinks are where the links in a directory lead, or a link itself.
func readlinks(path string) (to []string) {
	if l, err := os.Readlink(path); err == nil {
		return []string{l}
	}
	entries, _ := os.ReadDir(path)
	for _, e := range entries {
		l, err := os.Readlink(filepath.Join(path, e.Name()))
		if err == nil {
			to = append(to, l)
		}
	}
	return to
}

// statusOf is /proc/PID/status by its names.
func statusOf(t *testing.T, pid int) map[string]string {
	t.Helper()
	m := map[string]string{}
	for line := range strings.Lines(readFile(t, "/proc/"+itoa(pid)+"/status")) {
		k, v, _ := strings.Cut(line, ":")
		m[k] = strings.TrimSpace(v)
	}
	return m
}

// What a container has in a pid namespace that it joins is what it has in one of its own.
func TestSharedPidns_the_container_is_whole(t *testing.T) {
	t.Parallel()
	requires(t, "root", "rt:rung")
	for _, way := range procfsWays {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			a := waiting(t).create().start()
			a.next("waiting")
			b := a.joiner()
			b.Wrap = way.wrap()
			b.Spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 100, Hard: 200}, {Type: "RLIMIT_CORE", Soft: 0, Hard: 0}}
			b.Spec.Process.OOMScoreAdj = ptr(123)
			b.Spec.Process.NoNewPrivileges = false
			b.Spec.Linux.Seccomp = filter(rule(specs.ActErrno, "acct"))
			b.Spec.Linux.MaskedPaths = []string{"/proc/kcore", "/proc/keys"}
			b.Spec.Linux.ReadonlyPaths = []string{"/proc/sys"}
			r := b.probe(nil, "--read", "/proc/1/comm", "--read", "/proc/self/status", "--read", "/proc/kcore")
			want(t, "pid namespace", r.NS["pid"], nsID(t, a.Pid, "pid"))
			if r.Pid <= 1 {
				t.Errorf("its pid there is %d", r.Pid)
			}
			want(t, "parent's pid there", r.Ppid, 0)
			want(t, "session", r.Sid, r.Pid)
			want(t, "seccomp", r.Seccomp, 2)
			want(t, "no_new_privs", r.NoNewPrivs, 0)
			list := r.actions
			want(t, "pid 1 of its /proc", strings.TrimSpace(list[0].Data), "probe")
			if !strings.Contains(list[1].Data, "CapPrm:\t"+fmt.Sprintf("%016x", capMask(joinerCaps...))) {
				t.Errorf("its status: %s", list[1].Data)
			}
			want(t, "kcore", list[2].Data, "")
			a.must("kill", a.ID, "KILL")
			a.wait()
		})
	}
}

// Both namespaces may be another container's: a pod with a user namespace.
func TestSharedPidns_of_a_user_namespace(t *testing.T) {
	t.Parallel()
	requires(t, "root", "userns", "rt:rung")
	for _, way := range procfsWays {
		t.Run(way.name, func(t *testing.T) {
			a, canary := watcher(t, func(b *bundle) { b.mapped(mapping(0, 100000, 65536), mapping(0, 100000, 65536)) })
			b := a.joiner()
			b.Wrap = way.wrap()
			setNS(b.Spec, specs.UserNamespace, nsPath(a.Pid, specs.UserNamespace))
			b.Spec.Process.NoNewPrivileges = false
			b.Spec.Linux.Seccomp = filter(rule(specs.ActErrno, "acct"))
			r := b.probe(nil, "--read", "/proc/1/comm")
			want(t, "pid namespace", r.NS["pid"], nsID(t, a.Pid, "pid"))
			want(t, "user namespace", r.NS["user"], nsID(t, a.Pid, "user"))
			want(t, "uid", r.UID[0], uint32(0))
			want(t, "pid 1 of its /proc", strings.TrimSpace(r.actions[0].Data), "hostile")
			c := b.create() // stands at its gate until the watcher has looked at it; what it may not look at it has not seen
			a.must("kill", a.ID, "USR1")
			for line := ""; !strings.Contains(line, `"swept"`); {
				var ok bool
				if line, ok = a.line(); !ok {
					t.Fatal("the watcher has ended")
				}
			}
			b.must("kill", b.ID, "KILL")
			c.wait() // or the first process of the namespace could not end
			a.wantNothing(canary)
		})
	}
}

// The process that is seen in the namespace has the terminal, and is the one that the agent of a filter hears of; the
// filter, loaded before that process is there, does not get in the way.
func TestSharedPidns_terminal_and_agent(t *testing.T) {
	t.Parallel()
	requires(t, "root", "rt:rung")
	a := waiting(t).create().start()
	a.next("waiting")
	b := a.joiner()
	agent := b.newAgent(func(int) unix.Errno { return unix.ENOMEDIUM })
	b.Spec.Process.NoNewPrivileges = false
	b.Spec.Process.User = specs.User{UID: 1000, GID: 1000}
	b.Spec.Linux.Seccomp = filter(rule(specs.ActNotify, "mkdir", "mkdirat"))
	b.Spec.Linux.Seccomp.ListenerPath = agent.path
	b.Spec.Process.Args = []string{"/probe", "--report", "--mkdir", "/tmp/x"}
	c, m := b.withConsole("create")
	s := <-agent.state
	want(t, "pid that the agent hears of", s.Pid, c.Pid)
	want(t, "pid of the container's state", s.State.Pid, c.Pid)
	c.start()
	r := m.report()
	want(t, "terminal", r.Fds[0].TTY, true)
	want(t, "session of the terminal", r.Fds[0].Sid, r.Sid)
	want(t, "session", r.Sid, r.Pid)
	want(t, "seccomp", r.Seccomp, 2)
	wantErrno(t, m.next("mkdir"), unix.ENOMEDIUM)
	c.wait()
	a.must("kill", a.ID, "KILL")
	a.wait()
}

// A filter judges what create and start still call. One that refuses it is an error that names the call, unless it can
// be loaded last: with no_new_privs.
func TestSharedPidns_a_filter_that_forbids_the_way(t *testing.T) {
	t.Parallel()
	requires(t, "root", "rt:rung")
	a := waiting(t).create().start()
	a.next("waiting")
	b := a.joiner()
	b.Spec.Linux.Seccomp = filter(rule(specs.ActErrno, "accept4", "setsid"))
	b.Spec.Process.NoNewPrivileges = true
	b.Spec.Process.Args = []string{"/probe", "--exit", "7"}
	c := b.create().start()
	want(t, "exit status with no_new_privs", c.wait(), 7)
	b.must("delete", b.ID)
	b.Spec.Process.NoNewPrivileges = false
	b.writeConfig()
	r := b.runtime("create", "--bundle", b.Dir, b.ID)
	if r.Exit == 0 || !strings.Contains(r.Stderr, "linux.seccomp: setsid(2) is not allowed") {
		t.Errorf("exit status %d: %s", r.Exit, r.Stderr)
	}
	a.must("kill", a.ID, "KILL")
	a.wait()
}

// Time offsets and a joined pid namespace both hold for children only.
func TestSharedPidns_with_time_offsets(t *testing.T) {
	t.Parallel()
	requires(t, "root", "rt:rung", "timens")
	a := waiting(t).create().start()
	a.next("waiting")
	b := a.joiner()
	r := b.probe(withOffsets(someOffsets))
	wantSlice(t, "timens_offsets", offsetLines(r), []string{"monotonic 7881 2718281", "boottime 1337 3141519"})
	want(t, "pid namespace", r.NS["pid"], nsID(t, a.Pid, "pid"))
	a.must("kill", a.ID, "KILL")
	a.wait()
}

// exec into a container with a user namespace of its own, among processes that are in the host's: dumpable or not, they may
// trace what has come from there.
func TestSharedPidns_exec_into_a_user_namespace(t *testing.T) {
	t.Parallel()
	requires(t, "root", "userns", "rt:rung")
	a, canary := watcher(t, nil)
	b := a.joiner()
	b.mapped(mapping(0, 100000, 65536), mapping(0, 100000, 65536))
	for i, m := range b.Spec.Mounts {
		if m.Type == "proc" { // one of its own would need the pid namespace
			b.Spec.Mounts[i] = bind("/proc", "/proc", "rbind")
		}
	}
	b.Spec.Linux.MaskedPaths, b.Spec.Linux.ReadonlyPaths = nil, nil
	b.Spec.Process.NoNewPrivileges = false
	b.Spec.Linux.Seccomp = filter(rule(specs.ActErrno, "acct"))
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	c := b.create().start()
	c.next("waiting")
	for i := range 20 {
		want(t, "exit status", c.exec(nil, "--exit", itoa(i)).Exit, i)
	}
	held := c.execHeld(c.ID, "/probe", "--exit", "0") // stands still until the watcher has looked at it
	a.must("kill", a.ID, "USR1")
	for line := ""; !strings.Contains(line, `"swept"`); {
		var ok bool
		if line, ok = a.line(); !ok {
			t.Fatal("the watcher has ended")
		}
	}
	held.release()
	c.must("kill", c.ID, "KILL")
	c.wait()
	a.wantNothing(canary)
}
