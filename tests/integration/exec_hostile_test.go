package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// An exec is a process of the host's that walks into a tree, and among processes, that an attacker has arranged. These
// are the worlds that it walks into.
func hostileWorlds() map[string]func(b *bundle) {
	return map[string]func(b *bundle){
		"own pid namespace":  func(*bundle) {},
		"host pid namespace": func(b *bundle) { withoutNS(b.Spec, specs.PIDNamespace) },
		"user namespace": func(b *bundle) {
			b.mapped(mapping(0, 100000, 65536), mapping(0, 100000, 65536))
			addCaps("CAP_SYS_PTRACE", "CAP_SYS_ADMIN", "CAP_CHECKPOINT_RESTORE")(b.Spec) // of what is in its own namespace
		},
		"user and host pid namespace": func(b *bundle) {
			b.mapped(mapping(0, 100000, 65536), mapping(0, 100000, 65536))
			addCaps("CAP_SYS_PTRACE", "CAP_SYS_ADMIN", "CAP_CHECKPOINT_RESTORE")(b.Spec)
			withoutNS(b.Spec, specs.PIDNamespace)
			for i, m := range b.Spec.Mounts {
				if m.Type == "proc" { // one of its own would need the pid namespace
					b.Spec.Mounts[i] = bind("/proc", "/proc", "rbind")
				}
			}
			b.Spec.Linux.MaskedPaths, b.Spec.Linux.ReadonlyPaths = nil, nil
		},
	}
}

// hostile starts the container with an attacker as its process, and a program, /closed, that may be run by everybody
// and read by nobody: after execve, too, its process may not be traced by the container's root, so whatever the
// attacker gets hold of, at any time, is a find.
func hostile(t *testing.T, world func(b *bundle)) *container {
	t.Helper()
	b := newBundle(t)
	world(b)
	copyFile(t, filepath.Join(repository, "tests/bin/hostile"), b.Rootfs+"/hostile", 0o755)
	copyFile(t, probePath, b.Rootfs+"/closed", 0o711) // of the host's root, in every world
	if err := os.Chmod(b.Rootfs+"/closed", 0o711); err != nil {
		t.Fatal(err)
	}
	b.Spec.Process.Args = []string{"/hostile", "rung", "closed"}
	c := b.create().start()
	c.next("hostile")
	return c
}

// loot ends the attacker, and wants it to have nothing.
func (c *container) loot() {
	c.t.Helper()
	c.must("kill", c.ID, "TERM")
	done := c.next("done")
	if done.Data != "" {
		c.t.Errorf("the attacker has got hold of: %s", done.Data)
	}
	c.wait()
}

func TestExecHostile_nothing_of_the_way_in_can_be_seized(t *testing.T) {
	t.Parallel()
	requires(t, "root", "userns", "rt:rung")
	for name, world := range hostileWorlds() {
		t.Run(name, func(t *testing.T) { // one at a time: an attacker needs a processor
			c := hostile(t, world)
			before := fileID(t, runtimePath)
			null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer null.Close()
			n := 40
			if testing.Short() {
				n = 10
			}
			for i := range n {
				cmd := c.command("exec", "--user", "1000:1000", c.ID, "/closed", "--exit", itoa(i))
				cmd.Stdin, cmd.Stdout, cmd.Stderr = null, null, null
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				want(t, "exit status", waitFor(t, cmd).Exit, i)
			}
			// One that stands still, with all that it is about to give up, until it has been met.
			held := c.execHeld("--user", "1000:1000", c.ID, "/closed", "--exit", "0")
			c.next("seen")
			held.wantTight()
			held.release()
			c.loot()
			want(t, "the runtime's file", fileID(t, runtimePath), before)
		})
	}
}

// A container with CAP_SYS_PTRACE of the host's user namespace may trace what it sees, dumpable or not: what exec brings
// in has to have no more than the container by the time that it can be seen.
func TestExecHostile_what_can_be_traced_has_no_more_than_the_container(t *testing.T) {
	t.Parallel()
	requires(t, "root", "rt:rung")
	for _, tt := range []struct {
		name   string
		more   uint64
		filter []string
		edit   func(p *specs.Process)
	}{
		{"no new privileges", 0, nil, func(p *specs.Process) { p.NoNewPrivileges = true }},
		{"a filter", 0, []string{"acct"}, func(p *specs.Process) { p.NoNewPrivileges = false }},
		// Loading a filter without no_new_privs takes CAP_SYS_ADMIN (seccomp(2)), and this one would forbid what comes
		// behind it; docs/security.md, "What is not held".
		{"a filter that forbids the way", 1 << unix.CAP_SYS_ADMIN, []string{"setsid"}, func(p *specs.Process) { p.NoNewPrivileges = false }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBundle(t)
			caps := []string{"CAP_SYS_PTRACE", "CAP_KILL"}
			b.Spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}
			tt.edit(b.Spec.Process)
			if tt.filter != nil {
				b.Spec.Linux.Seccomp = filter(rule(specs.ActErrno, tt.filter...))
			}
			copyFile(t, filepath.Join(repository, "tests/bin/hostile"), b.Rootfs+"/hostile", 0o755)
			b.Spec.Process.Args = []string{"/hostile", "-caps", "rung"}
			c := b.create().start()
			c.next("hostile")
			for i := range 20 {
				cmd := c.command("exec", c.ID, "/probe", "--exit", itoa(i))
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				want(t, "exit status", waitFor(t, cmd).Exit, i)
			}
			held := c.execHeld(c.ID, "/probe", "--exit", "0") // has been met by the attacker, for sure
			c.next("seen")
			held.release()
			c.must("kill", c.ID, "TERM")
			done := c.next("done")
			met, err := strconv.ParseUint(done.Data, 16, 64)
			if err != nil {
				t.Fatal(err)
			}
			want(t, "capabilities of what was met, less the container's", met&^(1<<unix.CAP_SYS_PTRACE|1<<unix.CAP_KILL), tt.more)
			c.wait()
		})
	}
}

// heldExec is an exec whose process waits, all but started, behind its identity and capabilities.
type heldExec struct {
	t       *testing.T
	Pid     int
	release func()
}

// execHeld lets the runtime wait for the connection to a socket whose queue is full.
func (c *container) execHeld(args ...string) *heldExec {
	c.t.Helper()
	path := filepath.Join(c.Dir, "held.sock")
	l, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := unix.Bind(l, &unix.SockaddrUnix{Name: path}); err != nil {
		c.t.Fatal(err)
	}
	if err := unix.Listen(l, 0); err != nil {
		c.t.Fatal(err)
	}
	var fillers []int
	for {
		f, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			c.t.Fatal(err)
		}
		fillers = append(fillers, f)
		if err := unix.Connect(f, &unix.SockaddrUnix{Name: path}); err == unix.EAGAIN {
			break
		} else if err != nil {
			c.t.Fatal(err)
		}
	}
	cmd := c.command(append([]string{"exec", "--pidfd-socket", path}, args...)...)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = null, null, null
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	h := &heldExec{t: c.t}
	h.release = func() {
		c.t.Helper()
		go func() { // what connects is kept: the runtime has yet to send
			for {
				conn, _, err := unix.Accept(l)
				if err != nil && err != unix.EINTR {
					return
				}
				fillers = append(fillers, conn)
			}
		}()
		waitFor(c.t, cmd)
		_ = unix.Shutdown(l, unix.SHUT_RDWR)
		null.Close()
	}
	// It stands at the gate when the runtime waits in connect(2), and so does not before.
	for range 4000 {
		if sleepsIn(cmd.Process.Pid, unix.SYS_CONNECT) { // before that the child may be the one that forks
			if h.Pid = childOf(cmd.Process.Pid); h.Pid != 0 {
				return h
			}
		}
		if _, err := unix.Poll(nil, 2); err != nil && err != unix.EINTR {
			c.t.Fatal(err)
		}
	}
	c.t.Fatal("the exec does not come to its gate")
	return nil
}

func childOf(pid int) (child int) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, f := range tasks {
		b, _ := os.ReadFile(f)
		if _, err := fmt.Sscan(string(b), &child); err == nil {
			return child
		}
	}
	return 0
}

// sleepsIn says whether a thread of the process is in that system call.
func sleepsIn(pid, nr int) bool {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", pid))
	for _, f := range tasks {
		b, _ := os.ReadFile(f)
		if strings.HasPrefix(string(b), itoa(nr)+" ") {
			return true
		}
	}
	return false
}

// wantTight looks from the host at what the waiting process has: nothing of the host's but its channel.
func (h *heldExec) wantTight() {
	h.t.Helper()
	dir := fmt.Sprintf("/proc/%d/", h.Pid)
	entries, err := os.ReadDir(dir + "fd")
	if err != nil {
		h.t.Fatal(err)
	}
	for _, e := range entries {
		target := readlink(h.t, dir+"fd/"+e.Name())
		switch {
		case target == os.DevNull, strings.HasPrefix(target, "socket:["), strings.HasPrefix(target, "anon_inode:"), target == "/":
		default:
			h.t.Errorf("its descriptor %s is %s", e.Name(), target)
		}
	}
	var st unix.Stat_t
	if err := unix.Stat(dir+"fd", &st); err != nil {
		h.t.Fatal(err)
	}
	want(h.t, "owner in /proc: it is not dumpable", st.Uid, 0)
	want(h.t, "environment", readFile(h.t, dir+"environ"), "")
	var mapped unix.Stat_t
	if err := unix.Stat(dir+"exe", &mapped); err != nil {
		h.t.Fatal(err)
	}
	for line := range strings.Lines(readFile(h.t, dir+"maps")) {
		f := strings.Fields(line)
		if len(f) < 6 || f[5][0] == '[' || strings.Contains(f[5], "rung-program") || f[4] == fmt.Sprint(mapped.Ino) {
			continue
		}
		h.t.Errorf("it has mapped %s", strings.TrimSpace(line))
	}
	want(h.t, "its executable", readlink(h.t, dir+"exe"), "/memfd:rung-init (deleted)")
	status := readFile(h.t, dir+"status")
	if !strings.Contains(status, "\nUid:\t1000\t") && !strings.Contains(status, "\nUid:\t101000\t") {
		h.t.Errorf("it has not become the user yet:\n%s", status)
	}
}

// Descriptors that its caller has forgotten to close are not the process's, and no path through them is.
func TestExecHostile_descriptors_of_the_caller(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	secret := filepath.Join(b.Dir, "secret")
	mkdir(t, secret, 0o755)
	copyFile(t, probePath, secret+"/program", 0o755)
	leak, err := os.Open(secret)
	if err != nil {
		t.Fatal(err)
	}
	defer leak.Close()
	if err := os.Symlink("/proc/self/fd/", b.Rootfs+"/fds"); err != nil {
		t.Fatal(err)
	}
	c := b.running()
	for range 160 {
		c.Extra = append(c.Extra, leak)
	}
	want(t, "descriptors", len(c.execProbe(nil).Fds), 3)
	for _, fd := range []int{3, 4, 5, 7, 10, 50, 99, 100, 101, 102, 103, 104, 105, 106, 107, 120, 162} {
		for _, dir := range []string{"/proc/self/fd/", "/fds/"} {
			res := c.exec([]string{"--cwd", dir + itoa(fd)}, "--ls", ".", "--ls", "../../../..", "--report")
			if res.Exit == 0 { // a descriptor of the container's own root is a place inside
				for _, a := range parseProbe(t, res.Stdout).actions {
					if slices.ContainsFunc(a.Entries, func(e fileInfo) bool { return e.Name == "program" || e.Name == filepath.Base(base) }) {
						t.Errorf("cwd %s%d shows the host", dir, fd)
					}
				}
			}
			program := fmt.Sprintf("%s%d/program", dir, fd)
			res = c.runtime("exec", c.ID, program, "--echo", "it-started")
			if strings.Contains(res.Stdout, "it-started") {
				t.Errorf("%s ran a program of the host's", program)
			}
			want(t, "exit status of "+program, res.Exit, 255)
		}
	}
}

// CVE-2019-5736: the runtime as the program, so that somebody else may write to it.
func TestExecHostile_the_runtime_as_the_program(t *testing.T) {
	t.Parallel()
	requires(t, "root", "userns", "rt:rung")
	for name, world := range hostileWorlds() {
		t.Run(name, func(t *testing.T) {
			b := newBundle(t)
			world(b)
			for file, text := range map[string]string{"script": "#!/proc/self/exe\n", "init": "#!/proc/self/exe rung:[init]\n"} {
				writeFile(t, b.Rootfs+"/"+file, text)
				if err := os.Chmod(b.Rootfs+"/"+file, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Symlink("/proc/self/exe", b.Rootfs+"/link"); err != nil {
				t.Fatal(err)
			}
			copyFile(t, filepath.Join(repository, "tests/bin/hostile"), b.Rootfs+"/hostile", 0o755)
			b.Spec.Process.Args = []string{"/hostile", "exe", "link", "script", "init"}
			c := b.create().start()
			c.next("hostile")
			before, sum := fileID(t, runtimePath), readFile(t, runtimePath)
			for _, program := range []string{"/proc/self/exe", "/link", "/script", "/init", "/proc/thread-self/exe"} {
				for range 3 {
					c.runtime("exec", c.ID, program, "--version") // what it says is its own affair
				}
			}
			c.must("kill", c.ID, "TERM")
			for {
				line, ok := c.line()
				if !ok {
					t.Fatal("the attacker has not ended as it should")
				}
				a := parseAction(t, line)
				if a.Op != "done" {
					continue
				}
				// As a program of the container it may be looked at; CVE-2019-5736 wrote to it.
				for find := range strings.SplitSeq(a.Data, "; ") {
					if strings.HasPrefix(find, "writable exe") {
						t.Errorf("the attacker has got hold of: %s", find)
					}
				}
				break
			}
			c.wait()
			want(t, "the runtime's file", fileID(t, runtimePath), before)
			want(t, "its contents are the same", readFile(t, runtimePath) == sum, true)
		})
	}
}

// Files that the way in could stumble over, in a container whose root has arranged them.
func TestExecHostile_files_in_place_of_others(t *testing.T) {
	t.Parallel()
	kinds := map[string]func(t *testing.T, path, outside string) error{
		"fifo": func(_ *testing.T, path, _ string) error { return unix.Mkfifo(path, 0o666) },
		"link": func(_ *testing.T, path, outside string) error { return os.Symlink(outside, path) },
		"link up": func(_ *testing.T, path, outside string) error {
			return os.Symlink("../../../../../../.."+outside, path)
		},
		"link loop": func(_ *testing.T, path, _ string) error { return os.Symlink(filepath.Base(path), path) },
		"magic":     func(_ *testing.T, path, _ string) error { return os.Symlink("/proc/self/fd/0", path) },
		"directory": func(_ *testing.T, path, _ string) error { return os.Mkdir(path, 0o755) },
		"file":      func(_ *testing.T, path, _ string) error { return os.WriteFile(path, []byte("x"), 0o666) },
		"null": func(_ *testing.T, path, _ string) error {
			return unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3)))
		},
		"zero": func(_ *testing.T, path, _ string) error {
			return unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5)))
		},
		"console": func(_ *testing.T, path, _ string) error {
			return unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(5, 1)))
		},
		"none": func(*testing.T, string, string) error { return nil },
	}
	for kind, make := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			outside := filepath.Join(b.Dir, "outside")
			writeFile(t, outside, "root:x:0:0:root:/stolen:/bin/sh\n")
			b.Spec.Mounts = slices.DeleteFunc(b.Spec.Mounts, func(m specs.Mount) bool { return strings.HasPrefix(m.Destination, "/dev") })
			c := b.running()
			// After the start: create would have made its own.
			for _, path := range []string{"dev/ptmx", "dev/pts/ptmx", "dev/null", "dev/console", "etc/passwd", "etc/group", "etc/nsswitch.conf", "etc/ld.so.preload", "etc/ld.so.cache", "etc/localtime"} {
				path = filepath.Join(b.Rootfs, path)
				mkdir(t, filepath.Dir(path), 0o755)
				if err := os.RemoveAll(path); err != nil {
					t.Fatal(err)
				}
				if err := make(t, path, outside); err != nil {
					t.Fatal(err)
				}
			}
			r := c.execProbe([]string{"--user", "0"})
			home, _ := r.env("HOME")
			want(t, "HOME", home, "/")
			path, l := b.listen("console.sock")
			defer l.Close()
			res := c.exec([]string{"--tty", "--detach", "--console-socket", path}, "--echo", "it-started")
			wantFailure(t, res, "process.terminal")
			want(t, "exit status", res.Exit, 255)
			want(t, "the file outside", readFile(t, outside), "root:x:0:0:root:/stolen:/bin/sh")
			want(t, "processes", len(processesOf(b.ID)), 1)
		})
	}
}

// CVE-2019-16884, CVE-2025-52881: what is written below /proc is written below the host's.
func TestExecHostile_a_fake_proc(t *testing.T) {
	t.Parallel()
	for _, fifo := range []bool{false, true} {
		t.Run(fmt.Sprintf("of FIFOs %v", fifo), func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			fake := b.volume("fake")
			names := []string{"oom_score_adj", "attr/exec", "attr/keycreate", "attr/apparmor/exec", "status", "mountinfo", "cgroup", "uid_map", "setgroups", "fd/0"}
			for _, who := range []string{"self", "thread-self", "1"} {
				for _, n := range names {
					path := filepath.Join(fake, who, n)
					mkdir(t, filepath.Dir(path), 0o777)
					if fifo {
						if err := unix.Mkfifo(path, 0o666); err != nil {
							t.Fatal(err)
						}
					} else {
						writeFile(t, path, "untouched")
					}
				}
			}
			c := b.running(func(s *specs.Spec) {
				s.Mounts[0] = bind(fake, "/proc", "bind")
				s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, nil
				s.Process.OOMScoreAdj = ptr(42)
				s.Process.Cwd = "/"
			})
			pidFile := filepath.Join(b.Dir, "pid")
			c.must("exec", "--detach", "--pid-file", pidFile, c.ID, "/probe", "--sleep")
			pid := atoi(t, readFile(t, pidFile))
			want(t, "oom_score_adj", readFile(t, fmt.Sprintf("/proc/%d/oom_score_adj", pid)), "42")
			if err := unix.Kill(pid, unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
			waitChild(t, pid)
			if !fifo {
				for _, n := range names {
					want(t, n, readFile(t, filepath.Join(fake, "self", n)), "untouched")
				}
			}
			master, _ := c.execConsole("--tty", c.ID, "/probe", "--sleep")
			if err := unix.Kill(master, unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
			waitChild(t, master)
		})
	}
}

// What a loader would obey is for the process alone: the init has no environment and no loader.
func TestExecHostile_variables_of_the_loader(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	copyFile(t, probePath, b.Rootfs+"/evil.so", 0o755)
	writeFile(t, b.Rootfs+"/etc/ld.so.preload", "/evil.so\n")
	c := b.running()
	options := []string{}
	for _, name := range []string{"LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH", "LD_DEBUG_OUTPUT", "LD_PROFILE", "GODEBUG", "GOTRACEBACK", "GCONV_PATH", "MALLOC_TRACE", "GLIBC_TUNABLES"} {
		options = append(options, "--env", name+"=/evil.so")
		c.Env = append(c.Env, name+"=/evil.so") // of the caller too
	}
	held := c.execHeld(slices.Concat(options, []string{"--user", "1000", c.ID, "/probe", "--exit", "0"})...)
	held.wantTight()
	held.release()
	r := c.execProbe(options)
	for _, o := range options {
		if o != "--env" && !slices.Contains(r.Env, o) {
			t.Errorf("%s did not reach the process", o)
		}
	}
}

func TestExecHostile_descriptors_of_the_caller_of_run(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	secret := filepath.Join(b.Dir, "secret")
	mkdir(t, secret, 0o755)
	copyFile(t, probePath, secret+"/program", 0o755)
	leak, err := os.Open(secret)
	if err != nil {
		t.Fatal(err)
	}
	defer leak.Close()
	for range 160 {
		b.Extra = append(b.Extra, leak)
	}
	for _, fd := range []int{3, 100, 105, 110, 120, 162} {
		b.Spec.Process.Args = []string{fmt.Sprintf("/proc/self/fd/%d/program", fd), "--echo", "it-started"}
		if res := b.run(); strings.Contains(res.Stdout, "it-started") || res.Exit == 0 {
			t.Errorf("descriptor %d: ran a program of the host's: exit status %d", fd, res.Exit)
		}
	}
}
