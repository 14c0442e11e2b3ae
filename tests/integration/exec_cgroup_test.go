package integration

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// outside lets /proc/self/cgroup show the host's paths.
func outside(s *specs.Spec) { withoutNS(s, specs.CgroupNamespace) }

// groupDirs are the container's groups: of every v1 hierarchy, and of cgroup2.
func (b *bundle) groupDirs() []string { return cgroupsOf(b.ID) }

// subGroup makes a group below the container's in each of these directories.
func (b *bundle) subGroup(name string, dirs ...string) {
	b.t.Helper()
	for _, d := range dirs {
		sub := filepath.Join(d, name)
		if err := os.Mkdir(sub, 0o755); err != nil {
			b.t.Fatal(err)
		}
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} { // of v1 empty ones take no process
			if exists(d+"/cgroup.clone_children") && exists(filepath.Join(sub, file)) {
				writeGroup(b.t, sub, file, readFile(b.t, filepath.Join(d, file)))
			}
		}
	}
}

// writeGroup writes a file of a group.
func writeGroup(t *testing.T, dir, file, data string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(data); err != nil {
		t.Fatal(err)
	}
}

func wantGroups(t *testing.T, r report, suffix func(line string) string) {
	t.Helper()
	lines := r.cgroupLines()
	if len(lines) == 0 {
		t.Error("/proc/self/cgroup is empty")
	}
	for _, line := range lines {
		name := strings.TrimPrefix(strings.SplitN(line, ":", 3)[1], "name=")
		if name != "" && !exists("/sys/fs/cgroup/"+name+"/cgroup.procs") {
			continue // somebody else has it, in another mount namespace
		}
		if w := suffix(line); !strings.HasSuffix(line, ":"+w) {
			t.Errorf("/proc/self/cgroup: %s, want %s", line, w)
		}
	}
}

func TestExec_cgroup_is_the_containers(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	c := b.running(outside)
	in := func(string) string { return "/" + b.ID }
	wantGroups(t, c.execProbe(nil), in)
	wantGroups(t, c.execProbe([]string{"--cgroup", "/"}), in)
	wantGroups(t, c.execProbe([]string{"--cgroup", ""}), in)
	own := newBundle(t).running()
	wantGroups(t, own.execProbe(nil), func(string) string { return "/" })
}

func TestExec_cgroup_below_the_containers(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	c := b.running(outside)
	b.subGroup("sub", b.groupDirs()...)
	for _, sub := range []string{"sub", "/sub", "sub/", "./sub"} {
		r := c.execProbe([]string{"--cgroup", sub})
		wantGroups(t, r, func(string) string { return "/" + b.ID + "/sub" })
	}
	for _, bad := range []string{"..", "sub/../..", "/..", "../" + b.ID, "a/../../b"} {
		res := c.exec([]string{"--cgroup", bad}, "--echo", "it-started")
		wantFailure(t, res, "bad sub cgroup path")
		want(t, "exit status of "+bad, res.Exit, 255)
	}
	says := " adding pid "
	if cgroupKind() == "v2" {
		says = " cgroup"
	}
	res := c.exec([]string{"--cgroup", "missing"}, "--echo", "it-started")
	wantFailure(t, res, says, "o such file or directory")
	want(t, "exit status", res.Exit, 255)
}

func TestExec_cgroup_of_some_controllers(t *testing.T) {
	t.Parallel()
	requires(t, "v1:cpu", "v1:cpuacct", "v1:pids")
	b := newBundle(t)
	c := b.running(outside)
	b.subGroup("subcpu", b.cgroupDir("cpu"), b.cgroupDir("cpuacct"))
	b.subGroup("subpids", b.cgroupDir("pids"))
	of := func(controllers map[string]string) func(string) string {
		return func(line string) string {
			names := strings.Split(strings.SplitN(line, ":", 3)[1], ",")
			for name, sub := range controllers {
				if slices.Contains(names, name) {
					return "/" + b.ID + "/" + sub
				}
			}
			return "/" + b.ID
		}
	}
	wantGroups(t, c.execProbe([]string{"--cgroup", "cpu,cpuacct:subcpu"}), of(map[string]string{"cpu": "subcpu", "cpuacct": "subcpu"}))
	wantGroups(t, c.execProbe([]string{"--cgroup", "pids:subpids", "--cgroup", "cpu:subcpu"}), of(map[string]string{"cpu": "subcpu", "pids": "subpids"}))
	wantGroups(t, c.execProbe([]string{"--cgroup", "pids:/"}), of(nil))
	for option, says := range map[string]string{"nonsense:/": "unknown controller ", "pids:missing": " adding pid ", "pids,nonsense:subpids": "unknown controller ", "pids:..": "bad sub cgroup path"} {
		res := c.exec([]string{"--cgroup", option}, "--echo", "it-started")
		wantFailure(t, res, says)
		want(t, "exit status of "+option, res.Exit, 255)
	}
}

func TestExec_cgroup_of_a_detached_process_can_be_removed_after_it(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	c := b.running(outside)
	dirs := b.groupDirs()
	b.subGroup("sub", dirs...)
	pidFile := filepath.Join(b.Dir, "pid")
	b.must("exec", "--detach", "--cgroup", "sub", "--pid-file", pidFile, c.ID, "/probe", "--sleep")
	pid := atoi(t, readFile(t, pidFile))
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitChild(t, pid)
	for _, d := range dirs {
		if err := os.Remove(filepath.Join(d, "sub")); err != nil {
			t.Error(err)
		}
	}
	b.wantStatus("running")
}

// delegating moves the init to a group below its own, which then hands a controller down and takes no process more.
func (c *container) delegating() (initGroup string) {
	c.t.Helper()
	top := c.cgroupDir("")
	controllers := words(readFile(c.t, top+"/cgroup.controllers"))
	c.subGroup("init", top)
	writeGroup(c.t, top+"/init", "cgroup.procs", itoa(c.Pid))
	writeGroup(c.t, top, "cgroup.subtree_control", "+"+controllers[0])
	return "/" + c.ID + "/init"
}

func TestExec_cgroup_that_takes_no_process_gives_way_to_the_inits(t *testing.T) {
	t.Parallel()
	requires(t, "cgroupv2", "v2:hugetlb")
	b := newBundle(t)
	c := b.running(outside)
	group := c.delegating()
	wantGroups(t, c.execProbe(nil), func(string) string { return group })
	wantGroups(t, c.execProbe([]string{"--cgroup", "init"}), func(string) string { return group })
	res := c.exec([]string{"--cgroup", "/"}, "--echo", "it-started")
	wantFailure(t, res, " adding pid ", " to cgroups", "evice or resource busy")
	want(t, "exit status", res.Exit, 255)
	want(t, "processes", len(processesOf(b.ID)), 1)
}

func TestExec_cgroup_that_is_gone_gives_way_to_the_inits(t *testing.T) {
	t.Parallel()
	requires(t, "cgroupv2")
	b := newBundle(t)
	c := b.running(outside)
	elsewhere := "/sys/fs/cgroup/" + b.ID + "-elsewhere"
	if err := os.Mkdir(elsewhere, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeCgroup(elsewhere) })
	writeGroup(t, elsewhere, "cgroup.procs", itoa(c.Pid))
	if err := os.Remove(b.cgroupDir("")); err != nil {
		t.Fatal(err)
	}
	wantGroups(t, c.execProbe(nil), func(string) string { return "/" + b.ID + "-elsewhere" })
	want(t, "exit status of --cgroup /", c.exec([]string{"--cgroup", "/"}, "--echo", "x").Exit, 255)
	b.must("delete", "--force", b.ID)
	c.wait()
}

func TestExec_cgroup_limits_hold(t *testing.T) {
	t.Parallel()
	requires(t, "ctrl:pids")
	c := newBundle(t).running(resources(func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr(int64(4))} }))
	a := c.execProbe(nil, "--fork", "10").action(t, 0)
	want(t, "children beside the init and itself", a.Count, 2)
	wantErrno(t, a, unix.EAGAIN)
}

func TestExec_cgroup_devices_hold(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running()
	r := c.execProbe([]string{"--cap", "CAP_MKNOD"}, "--mknod", "/tmp/kmsg", "c", "1", "11", "--open", "/tmp/kmsg", "r", "--open", "/dev/null", "w")
	if r.action(t, 0).Errno == 0 {
		wantErrno(t, r.action(t, 1), unix.EPERM)
	}
	wantErrno(t, r.action(t, 2), 0)
}

// freezer is the directory and the file that freeze the container.
func (b *bundle) freezer() (dir, file, frozen, thawed string) {
	if lacking("v1:freezer") == nil {
		return b.cgroupDir("freezer"), "freezer.state", "FROZEN", "THAWED"
	}
	return b.cgroupDir("unified"), "cgroup.freeze", "1", "0"
}

func TestExec_into_a_paused_container(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	c := b.running()
	dir, file, frozen, thawed := b.freezer()
	writeGroup(t, dir, file, frozen)
	t.Cleanup(func() {
		if exists(dir) {
			writeGroup(t, dir, file, thawed)
		}
	})
	res := c.exec(nil, "--echo", "it-started")
	wantFailure(t, res, "cannot exec in a paused container")
	want(t, "exit status", res.Exit, 255)
	g := c.execBackground([]string{"--ignore-paused"}, "--echo", "at last", "--exit", "11")
	// It waits, inside the frozen group, for the resumption.
	waitInGroup(t, dir, 2)
	if waitExit(t, g.cmd.Process.Pid, 0) {
		t.Error("exec --ignore-paused has ended in a paused container")
	}
	writeGroup(t, dir, file, thawed)
	line, _ := g.line()
	want(t, "output", line, "at last")
	want(t, "exit status", g.exit().Exit, 11)
}

// waitInGroup waits until the group has n processes.
func waitInGroup(t *testing.T, dir string, n int) {
	t.Helper()
	for range 2000 {
		if len(strings.Fields(readFile(t, dir+"/cgroup.procs"))) >= n {
			return
		}
		// Nothing reports that a process joins a group.
		if _, err := unix.Poll(nil, 5); err != nil && err != unix.EINTR {
			t.Fatal(err)
		}
	}
	t.Fatalf("%s has not %d processes: %s", dir, n, readFile(t, dir+"/cgroup.procs"))
}

func TestExec_cgroup_of_a_container_without_one(t *testing.T) {
	t.Parallel()
	b := rootlessBundle(t)
	c := b.running()
	res := c.exec([]string{"--cgroup", "/sub"}, "--echo", "it-started")
	wantFailure(t, res, "--cgroup")
	want(t, "exit status", res.Exit, 255)
	want(t, "exit status without", c.exec(nil, "--exit", "3").Exit, 3)
}

// The kernel refuses a fork in a cgroup that has reached its pids limit, and lets a process be moved into it.
func TestExec_enters_a_container_that_has_reached_its_pids_limit(t *testing.T) {
	t.Parallel()
	requires(t, "ctrl:pids")
	for name, edit := range map[string]func(*bundle){
		"one process":          func(*bundle) {},
		"another user":         func(b *bundle) { b.Spec.Process.User = specs.User{UID: 1000, GID: 1000} },
		"a user namespace":     func(b *bundle) { b.mapped(mapping(0, 100000, 65536), mapping(0, 100000, 65536)) },
		"the host's processes": func(b *bundle) { withoutNS(b.Spec, specs.PIDNamespace) },
	} {
		for limit := int64(1); limit <= 2; limit++ {
			t.Run(name+", limit "+itoa(int(limit)), func(t *testing.T) {
				t.Parallel()
				b := newBundle(t)
				b.Spec.Linux.Resources.Pids = &specs.LinuxPids{Limit: &limit}
				edit(b)
				c := b.running(outside)
				wantGroups(t, c.execProbe(nil), func(string) string { return "/" + b.ID })
				b.wantStatus("running")
			})
		}
	}
	t.Run("terminal of a socket, once", func(t *testing.T) {
		t.Parallel()
		b := newBundle(t)
		b.Spec.Linux.Resources.Pids = &specs.LinuxPids{Limit: ptr[int64](1)}
		c := b.running()
		pid, m := c.execConsole("--tty", c.ID, "/probe", "--report", "--line")
		wantTerminal(t, m.report(), 0)
		m.f.Close()
		waitChild(t, pid)
	})
}
