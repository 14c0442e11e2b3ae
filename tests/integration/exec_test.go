package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// running starts a container whose process waits for SIGTERM.
func (b *bundle) running(edit ...func(*specs.Spec)) *container {
	b.t.Helper()
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	edits(edit...)(b.Spec)
	c := b.create().start()
	c.next("waiting")
	return c
}

// exec runs `exec` with these options, and the probe with these actions, in the container.
func (c *container) exec(options []string, actions ...string) Result {
	c.t.Helper()
	return c.runtime(slices.Concat([]string{"exec"}, options, []string{c.ID, "/probe"}, actions)...)
}

// execProbe is exec with a report at its end.
func (c *container) execProbe(options []string, actions ...string) report {
	c.t.Helper()
	return c.execReport(append(options, c.ID, "/probe"), append(actions, "--report")...)
}

// execProcess is exec of a process given as JSON.
func (c *container) execProcess(p *specs.Process, options ...string) report {
	c.t.Helper()
	return c.execReport(append(options, "--process", c.processFile(p), c.ID))
}

func (c *container) execReport(options []string, rest ...string) report {
	c.t.Helper()
	res := c.runtime(slices.Concat([]string{"exec"}, options, rest)...)
	if res.Exit != 0 || res.Stderr != "" {
		c.t.Fatalf("exec %v: exit status %d\n%s%s", options, res.Exit, brief(res.Stdout), brief(res.Stderr))
	}
	return parseProbe(c.t, res.Stdout)
}

func (b *bundle) processFile(p *specs.Process) string {
	b.t.Helper()
	data, err := json.Marshal(p)
	if err != nil {
		b.t.Fatal(err)
	}
	f, err := os.CreateTemp(b.Dir, "process-*.json")
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		b.t.Fatal(err)
	}
	return f.Name()
}

// background is an exec that goes on while the test does.
type background struct {
	*container // its output is the exec's
	cmd        *exec.Cmd
	stderr     *os.File
}

func (c *container) execBackground(options []string, actions ...string) *background {
	c.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		c.t.Fatal(err)
	}
	cmd := c.command(slices.Concat([]string{"exec"}, options, []string{c.ID, "/probe"}, actions)...)
	stderr := tempFile(c.t, c.Dir)
	cmd.Stdout, cmd.Stderr = w, stderr
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	w.Close()
	c.t.Cleanup(func() {
		r.Close()
		stderr.Close()
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return &background{container: &container{bundle: c.bundle, Pid: c.Pid, out: r}, cmd: cmd, stderr: stderr}
}

func (g *background) exit() Result {
	g.t.Helper()
	r := waitFor(g.t, g.cmd)
	r.Stderr = contents(g.t, g.stderr)
	return r
}

// ---- what it is confined by, and what it is given

func TestExec_the_process_is_in_the_container(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	c := b.running()
	r := c.execProbe(nil)
	for _, ns := range allNamespaces {
		name := kernelName(ns)
		want(t, name, r.NS[name], nsID(t, c.Pid, name))
	}
	want(t, "parent", r.Ppid, 0)
	if r.Pid < 2 {
		t.Errorf("pid %d", r.Pid)
	}
	want(t, "session", r.Sid, r.Pid)
	want(t, "cwd", r.Cwd, "/")
	want(t, "exe", r.Exe, "/probe")
	want(t, "umask", r.Umask, 0o022)
	want(t, "seccomp", r.Seccomp, 0)
	want(t, "no_new_privs", r.NoNewPrivs, 1)
	want(t, "dumpable", r.Dumpable, 1)
	want(t, "subreaper", r.Subreaper, 0)
	want(t, "signal at the parent's death", r.Pdeathsig, 0)
	want(t, "keepcaps", r.Keepcaps, 0)
	for _, set := range []string{"SigBlk", "SigIgn", "SigCgt"} {
		want(t, set, r.status(set), "0000000000000000")
	}
	want(t, "descriptors", len(r.Fds), 3)
	b.wantStatus("running")
}

func TestExec_into_a_created_container(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	c := b.create()
	r := c.execProbe(nil)
	want(t, "mount namespace", r.NS["mnt"], nsID(t, c.Pid, "mnt"))
	b.wantStatus("created")
	c.start()
	want(t, "pid of the init", c.next("waiting").Pid, 1)
}

func TestExec_of_the_second_name_of_a_program(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running()
	res := c.must("exec", c.ID, "probe") // in PATH of the config
	want(t, "argument 0", parseProbe(t, res.Stdout).Argv[0], "probe")
}

func TestExec_what_follows_the_id_is_the_command(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running()
	res := c.must("exec", c.ID, "/probe", "--echo", "--tty", "--echo", "-d", "--echo", "--")
	want(t, "output", res.Stdout, "--tty\n-d\n--\n")
	res = c.must("exec", "--cwd", "/tmp", c.ID, "--", "/probe", "--echo", "x")
	want(t, "output", res.Stdout, "x\n")
}

func TestExec_exit_status(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running()
	for _, n := range []int{0, 1, 42, 255} {
		want(t, "exit status", c.exec(nil, "--exit", itoa(n)).Exit, n)
	}
	for _, sig := range []unix.Signal{unix.SIGKILL, unix.SIGTERM, unix.SIGSEGV} {
		want(t, "exit status after "+unix.SignalName(sig), c.exec(nil, "--raise", itoa(int(sig))).Exit, 128+int(sig))
	}
}

func TestExec_nothing_but_the_processs_own_is_written(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running()
	res := c.exec(nil, "--echo", "out", "--stderr", "err", "--exit", "3")
	want(t, "exit status", res.Exit, 3)
	want(t, "standard output", res.Stdout, "out\n")
	want(t, "standard error", res.Stderr, "err\n")
}

func TestExec_standard_input_is_the_callers(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running()
	in := tempFile(t, c.Dir)
	defer in.Close()
	if _, err := in.WriteString("given"); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	c.Stdin = in
	want(t, "data", c.execProbe(nil, "--stdin").action(t, 0).Data, "given")
}

func TestExec_passes_signals_on(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running()
	g := c.execBackground(nil, "--until-term", "--exit", "9")
	g.next("waiting")
	for _, sig := range []unix.Signal{unix.SIGHUP, unix.SIGUSR1, unix.SIGINT, unix.SIGTERM} {
		if err := g.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		want(t, "signal", g.next("signal").Signal, sig)
		if sig != unix.SIGTERM {
			g.next("waiting")
		}
	}
	want(t, "exit status", g.exit().Exit, 9)
}

func TestExec_ends_with_the_container(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running()
	g := c.execBackground(nil, "--wait-signal")
	g.next("waiting")
	c.must("delete", "--force", c.ID)
	want(t, "exit status", g.exit().Exit, 128+int(unix.SIGKILL))
}

func TestExec_env(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	c := b.running(func(s *specs.Spec) { s.Process.Env = append(s.Process.Env, "TWICE=config", "KEPT=config") })
	r := c.execProbe([]string{"--env", "TWICE=one", "--env", "TWICE=two, three", "-e", "LINES=a\nb", "--env", "EMPTY=", "--env", "LD_PRELOAD=/tmp/evil.so"})
	for name, value := range map[string]string{
		"PATH": "/bin:/usr/bin", "TERM": "xterm", "TWICE": "two, three", "KEPT": "config", "LINES": "a\nb", "EMPTY": "", "LD_PRELOAD": "/tmp/evil.so", "HOME": "/root",
	} {
		got, ok := r.env(name)
		if !ok || got != value {
			t.Errorf("%s: got %q, %v, want %q", name, got, ok, value)
		}
	}
	names := map[string]int{}
	for _, e := range r.Env {
		name, _, _ := strings.Cut(e, "=")
		if names[name]++; names[name] > 1 {
			t.Errorf("%s is there more than once: %q", name, r.Env)
		}
	}
}

func TestExec_home(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running()
	for _, tc := range []struct {
		name    string
		options []string
		home    string
	}{
		{"of root", nil, "/root"},
		{"of a known user", []string{"--user", "1000"}, "/home/tester"},
		{"of an unknown user", []string{"--user", "4711:4711"}, "/"},
		{"of a user whose number is another's name", []string{"--user", "1234"}, "/"},
		{"given", []string{"--env", "HOME=/tmp"}, "/tmp"},
		{"given and empty", []string{"--env", "HOME=/tmp", "--env", "HOME="}, "/root"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			home, _ := c.execProbe(tc.options).env("HOME")
			want(t, "HOME", home, tc.home)
		})
	}
}

func TestExec_user_and_groups(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running(func(s *specs.Spec) { s.Process.User.AdditionalGids = []uint32{7} })
	for _, tc := range []struct {
		name     string
		options  []string
		uid, gid uint32
		groups   []uint32
	}{
		{"as configured", nil, 0, 0, []uint32{7}},
		{"uid alone", []string{"--user", "1000"}, 1000, 0, []uint32{7}},
		{"both", []string{"-u", "1000:1001"}, 1000, 1001, []uint32{7}},
		{"additional groups", []string{"--user", "1000:1000", "--additional-gids", "100", "-g", "65534"}, 1000, 1000, []uint32{7, 100, 65534}},
		{"the greatest", []string{"--user", "4294967294:4294967294"}, 4294967294, 4294967294, []uint32{7}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := c.execProbe(tc.options)
			wantSlice(t, "uid", r.UID, []uint32{tc.uid, tc.uid, tc.uid})
			wantSlice(t, "gid", r.GID, []uint32{tc.gid, tc.gid, tc.gid})
			wantSlice(t, "groups", r.Groups, tc.groups)
			if tc.uid != 0 {
				want(t, "effective capabilities", r.Caps.Effective, 0)
				want(t, "permitted capabilities", r.Caps.Permitted, 0)
			}
		})
	}
}

// CVE-2016-3697, CVE-2026-30892: what is no number is nobody, least of all root.
func TestExec_a_user_that_is_no_number_is_refused(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running()
	for _, user := range []string{"root", "tester", "-1", "+0", " 0", "0 ", "0x0", "4294967295", "4294967296", "18446744073709551616", "1000:", ":", ":0", "0:root", "0:4294967295", "0:0:0", "1e3", "٠"} {
		res := c.exec([]string{"--user", user}, "--echo", "it-started")
		wantFailure(t, res, "user")
		want(t, "exit status of --user "+user, res.Exit, 255)
		if strings.Contains(res.Stdout, "it-started") {
			t.Errorf("--user %q ran the command", user)
		}
	}
	for _, gid := range []string{"wheel", "-1", "4294967295", "", "1,2"} {
		res := c.exec([]string{"--additional-gids", gid}, "--echo", "it-started")
		wantFailure(t, res, "additional-gids")
		want(t, "exit status of --additional-gids "+gid, res.Exit, 255)
	}
}

func TestExec_cwd(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	mkdir(t, b.Rootfs+"/private", 0o700)
	if err := os.Chown(b.Rootfs+"/private", 42, 42); err != nil {
		t.Fatal(err)
	}
	mkdir(t, b.Rootfs+"/roots", 0o700)
	c := b.running(func(s *specs.Spec) {
		s.Process.Cwd = "/private"
		s.Process.User = specs.User{UID: 42, GID: 42}
		setCaps(s, "CAP_KILL")
	})
	want(t, "cwd of the config", c.execProbe(nil).Cwd, "/private")
	want(t, "cwd given", c.execProbe([]string{"--cwd", "/bin"}).Cwd, "/bin")
	want(t, "cwd that the user may not enter", c.execProbe([]string{"--cwd", "/roots"}).Cwd, "/roots")
	want(t, "cwd of another user, for root", c.execProbe([]string{"--user", "0"}).Cwd, "/private")
	for _, dir := range []string{"/nonexistent", "relative", "/etc/passwd"} {
		want(t, "exit status with cwd "+dir, c.exec([]string{"--cwd", dir}, "--echo", "it-started").Exit, 255)
	}
}

// ---- process.json

func TestExec_process_file(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	c := b.running(func(s *specs.Spec) {
		s.Process.User.Umask = ptr(uint32(0o027))
		s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_CORE", Soft: 5, Hard: 6}}
		s.Process.OOMScoreAdj = ptr(123)
	})
	t.Run("minimal", func(t *testing.T) {
		r := c.execProcess(&specs.Process{Args: []string{"/probe"}, Cwd: "/tmp"})
		want(t, "cwd", r.Cwd, "/tmp")
		wantSlice(t, "env", r.Env, []string{"HOME=/root"})
		want(t, "umask", r.Umask, 0o027)
		want(t, "capabilities", r.Caps.Effective, capMask(b.Spec.Process.Capabilities.Effective...))
		want(t, "limit of core files", r.Rlimits[unix.RLIMIT_CORE], [2]uint64{5, 6})
		want(t, "oom_score_adj", r.OOMScoreAdj, "123")
	})
	t.Run("full", func(t *testing.T) {
		r := c.execProcess(&specs.Process{
			Args: []string{"/probe", "--report"}, Cwd: "/", Env: []string{"A=b", "HOME=/h"}, NoNewPrivileges: true,
			User:         specs.User{UID: 1000, GID: 1001, AdditionalGids: []uint32{5}, Umask: ptr(uint32(0o077))},
			Capabilities: &specs.LinuxCapabilities{Bounding: []string{"CAP_KILL"}},
			Rlimits:      []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 64, Hard: 65}},
			OOMScoreAdj:  ptr(321),
		})
		wantSlice(t, "env", r.Env, []string{"A=b", "HOME=/h"})
		want(t, "uid", r.UID[0], 1000)
		want(t, "gid", r.GID[0], 1001)
		wantSlice(t, "groups", r.Groups, []uint32{5})
		want(t, "umask", r.Umask, 0o077)
		want(t, "bounding set", r.Caps.Bounding, capMask("CAP_KILL"))
		want(t, "no_new_privs", r.NoNewPrivs, 1)
		want(t, "limit of descriptors", r.Rlimits[unix.RLIMIT_NOFILE], [2]uint64{64, 65})
		want(t, "oom_score_adj", r.OOMScoreAdj, "321")
	})
	t.Run("options change it", func(t *testing.T) {
		r := c.execProcess(&specs.Process{Args: []string{"/probe"}, Cwd: "/", Env: []string{"A=file", "B=file"}},
			"--cwd", "/tmp", "--user", "1000:1000", "--env", "A=option", "--no-new-privs", "--additional-gids", "9")
		want(t, "cwd", r.Cwd, "/tmp")
		want(t, "uid", r.UID[0], 1000)
		want(t, "no_new_privs", r.NoNewPrivs, 1)
		wantSlice(t, "groups", r.Groups, []uint32{9})
		a, _ := r.env("A")
		want(t, "A", a, "option")
		h, _ := r.env("B")
		want(t, "B", h, "file")
	})
	t.Run("a command beside it takes the place of its own", func(t *testing.T) {
		file := c.processFile(&specs.Process{Args: []string{"/nonexistent"}, Cwd: "/"})
		want(t, "output", c.must("exec", "--process", file, c.ID, "/probe", "--echo", "x").Stdout, "x\n")
	})
}

func TestExec_process_file_that_is_a_pipe_is_read_once(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running()
	data, err := json.Marshal(&specs.Process{Args: []string{"/probe", "--report"}, Cwd: "/", Env: []string{"LONG=" + strings.Repeat("x", 100000)}})
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() { // more than a pipe holds
		_, _ = w.Write(data)
		w.Close()
	}()
	c.Extra = []*os.File{r}
	defer r.Close()
	rep := parseProbe(t, c.must("exec", "-p", "/dev/fd/3", c.ID).Stdout)
	long, _ := rep.env("LONG")
	want(t, "length", len(long), 100000)
	want(t, "descriptors", len(rep.Fds), 3)
}

func TestExec_broken_process_files_are_refused(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running()
	for name, text := range map[string]string{
		"empty": "", "no JSON": "{", "no object": "[]", "no args": `{"cwd":"/"}`, "no cwd": `{"args":["/probe"]}`, "relative cwd": `{"args":["/probe"],"cwd":"tmp"}`,
		"rest behind it": `{"args":["/probe"],"cwd":"/"} x`, "user is no number": `{"args":["/probe"],"cwd":"/","user":{"uid":"root"}}`,
		"uid is too great": `{"args":["/probe"],"cwd":"/","user":{"uid":4294967296,"gid":0}}`,
		"negative uid":     `{"args":["/probe"],"cwd":"/","user":{"uid":-1,"gid":0}}`,
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(c.Dir, "process.json")
			writeFile(t, file, text)
			res := c.runtime("exec", "--process", file, c.ID)
			wantFailure(t, res)
			want(t, "exit status", res.Exit, 255)
		})
	}
	want(t, "exit status with none", c.runtime("exec", "--process", "/nonexistent", c.ID).Exit, 255)
}

// ---- detached

func TestExec_detached(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running()
	c.Cwd = c.Dir
	c.must("exec", "--detach", "--pid-file", "exec.pid", c.ID, "/probe", "--sleep")
	pid := atoi(t, readFile(t, filepath.Join(c.Dir, "exec.pid")))
	if pid == c.Pid {
		t.Error("the pid file has the init's pid")
	}
	want(t, "pid namespace", nsID(t, pid, "pid"), nsID(t, c.Pid, "pid"))
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	want(t, "end", waitChild(t, pid), 128+9)
	c.wantStatus("running")
}

func TestExec_detached_is_running_when_the_command_returns(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running()
	pidFile := filepath.Join(c.Dir, "exec.pid")
	for range 10 {
		c.must("exec", "-d", "--pid-file", pidFile, c.ID, "/probe", "--sleep")
		pid := atoi(t, readFile(t, pidFile))
		if exe := readlink(t, fmt.Sprintf("/proc/%d/exe", pid)); !strings.HasSuffix(exe, "/probe") {
			t.Errorf("the process is %s", exe)
		}
		if err := unix.Kill(pid, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		// its pid namespace cannot end before we, its parent, have seen its end (pid_namespaces(7))
		waitChild(t, pid)
	}
}

func TestExec_a_pid_file_that_cannot_be_written_ends_it(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running()
	res := c.exec([]string{"--pid-file", "/nonexistent/pid"}, "--create", "/tmp/started", "")
	wantFailure(t, res, "no such file or directory")
	want(t, "exit status", res.Exit, 255)
	want(t, "the command has run", exists(c.Rootfs+"/tmp/started"), false)
	want(t, "processes", len(processesOf(c.ID)), 1)
}

func TestExec_pidfd_socket(t *testing.T) {
	t.Parallel()
	requires(t, "rt:pidfd-socket")
	c := newBundle(t).running()
	path, l := c.listen("pidfd.sock")
	received := expectFD(t, l)
	pidFile := filepath.Join(c.Dir, "exec.pid")
	c.must("exec", "--detach", "--pid-file", pidFile, "--pidfd-socket", path, c.ID, "/probe", "--sleep")
	_, pidfd := received()
	defer pidfd.Close()
	pid := atoi(t, readFile(t, pidFile))
	info := readFile(t, fmt.Sprintf("/proc/self/fdinfo/%d", pidfd.Fd()))
	if !strings.Contains(info, fmt.Sprintf("Pid:\t%d\n", pid)) {
		t.Errorf("the pidfd is not of process %d:\n%s", pid, info)
	}
	if err := unix.PidfdSendSignal(int(pidfd.Fd()), unix.SIGTERM, nil, 0); err != nil {
		t.Fatal(err)
	}
	want(t, "end", waitChild(t, pid), 128+15)
	c.wantStatus("running")
	res := c.exec([]string{"--detach", "--pidfd-socket", c.Dir + "/none"}, "--sleep")
	want(t, "exit status without a listener", res.Exit, 255)
	want(t, "processes", len(processesOf(c.ID)), 1)
}

// ---- descriptors

func TestExec_preserve_fds(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running()
	var files []*os.File
	for i := range 4 {
		f := tempFile(t, c.Dir)
		defer f.Close()
		fmt.Fprintf(f, "file %d", i+3)
		if _, err := f.Seek(0, 0); err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	c.Extra = files
	r := c.execProbe([]string{"--preserve-fds=2"}, "--read-fd", "3", "--read-fd", "4", "--read-fd", "5")
	want(t, "descriptor 3", r.action(t, 0).Data, "file 3")
	want(t, "descriptor 4", r.action(t, 1).Data, "file 4")
	wantErrno(t, r.action(t, 2), unix.EBADF)
	want(t, "descriptors", len(r.Fds), 5)
	want(t, "descriptors without it", len(c.execProbe(nil).Fds), 3)
	c.Extra = nil
	for _, n := range []string{"1", "-1", "x", "1000000"} {
		want(t, "exit status of --preserve-fds="+n, c.exec([]string{"--preserve-fds=" + n}, "--echo", "x").Exit, 255)
	}
}

func TestExec_closed_standard_streams(t *testing.T) {
	t.Parallel()
	requires(t, "command:sh", "rt:rung")
	c := newBundle(t).running()
	c.Wrap = []string{lookPath(t, "sh"), "-c", `exec "$@" <&- 2>&-`, "sh"}
	r := c.execProbe(nil)
	for _, f := range r.Fds {
		if f.FD > 2 {
			t.Errorf("descriptor %d: %s", f.FD, f.Target)
		}
	}
}

// ---- failures

func TestExec_failures_are_255(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	writeFile(t, b.Rootfs+"/run.sh", "#!/no/interpreter\n")
	writeFile(t, b.Rootfs+"/not-executable", "x")
	if err := os.Chmod(b.Rootfs+"/run.sh", 0o755); err != nil {
		t.Fatal(err)
	}
	c := b.running()
	for _, tc := range []struct {
		name string
		args []string
		says string
	}{
		{"no such file", []string{c.ID, "/nonexistent"}, "no such file or directory"},
		{"not in PATH", []string{c.ID, "nonexistent"}, "executable file not found in $PATH"},
		{"no permission", []string{c.ID, "/not-executable"}, "permission denied"},
		{"a directory", []string{c.ID, "/bin"}, "is a directory"},
		{"missing interpreter", []string{c.ID, "/run.sh"}, "exec /run.sh: no such file or directory"},
		{"no such container", []string{"nonexistent", "/probe"}, "does not exist"},
		{"no command", []string{c.ID}, "command"},
		{"no id", nil, ""},
		{"unknown option", []string{"--nonsense", c.ID, "/probe"}, "nonsense"},
		{"empty name of a variable", []string{"--env", "=x", c.ID, "/probe"}, "env"},
		{"empty command", []string{c.ID, ""}, ""},
		{"a console socket without a terminal", []string{"--console-socket", "/tmp/x", c.ID, "/probe"}, "console"},
		{"a detached terminal without a console socket", []string{"-d", "-t", c.ID, "/probe"}, "console"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res := c.runtime(append([]string{"exec"}, tc.args...)...)
			want(t, "exit status", res.Exit, 255)
			if !strings.Contains(res.Stderr, tc.says) {
				t.Errorf("want %q in %q", tc.says, res.Stderr)
			}
			if tc.name == "missing interpreter" {
				want(t, "lines", strings.Count(res.Stderr, "\n"), 1)
			}
		})
	}
	want(t, "processes", len(processesOf(c.ID)), 1)
	b.wantStatus("running")
}

func TestExec_into_a_stopped_container_is_refused(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running()
	c.must("kill", c.ID, "KILL")
	c.wait()
	res := c.exec(nil, "--echo", "it-started")
	wantFailure(t, res, "cannot exec in a stopped container")
	want(t, "exit status", res.Exit, 255)
	c.must("delete", c.ID)
	res = c.exec(nil, "--echo", "it-started")
	wantFailure(t, res, "does not exist")
	want(t, "exit status", res.Exit, 255)
}

func TestExec_into_a_zombie_is_refused(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running()
	c.must("kill", c.ID, "KILL")
	waitExit(t, c.Pid, patience)
	want(t, "exit status", c.exec(nil, "--echo", "it-started").Exit, 255)
	c.wait()
}

// ---- many

func TestExec_fifty_at_once(t *testing.T) {
	b := newBundle(t)
	c := b.running()
	c.exec(nil, "--exit", "0")
	reap(t)
	before := countWorld(t, b.ID)
	const n = 50
	type outcome struct {
		i      int
		status int
		out    string
	}
	done := make(chan outcome, n)
	for i := range n {
		cmd := c.command("exec", c.ID, "/probe", "--echo", "number "+strconv.Itoa(i), "--exit", strconv.Itoa(i))
		out := tempFile(t, b.Dir)
		cmd.Stdout, cmd.Stderr = out, out
		go func() {
			defer out.Close()
			_ = cmd.Run()
			ws, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
			text := make([]byte, 4096)
			k, _ := out.ReadAt(text, 0)
			done <- outcome{i, ws.ExitStatus(), string(text[:k])}
		}()
	}
	for range n {
		o := <-done
		want(t, fmt.Sprintf("exit status of %d (%s)", o.i, o.out), o.status, o.i)
		want(t, "output", o.out, fmt.Sprintf("number %d\n", o.i))
	}
	reap(t)
	settled(t, before, b.ID)
	b.wantStatus("running")
}

func TestExec_a_hundred_in_a_row_leave_nothing(t *testing.T) {
	b := newBundle(t)
	c := b.running()
	c.exec(nil, "--exit", "0")
	reap(t)
	before, fds := countWorld(t, b.ID), openFDs(t)
	held := func() int {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", c.Pid))
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	of := held()
	n := 100
	if testing.Short() {
		n = 20
	}
	for i := range n {
		if i%10 == 9 {
			c.exec(nil) // and failures among them
			want(t, "exit status", c.runtime("exec", c.ID, "/nonexistent").Exit, 255)
			continue
		}
		want(t, "exit status", c.exec(nil, "--exit", itoa(i)).Exit, i)
	}
	reap(t)
	settled(t, before, b.ID)
	want(t, "open descriptors of the tests", openFDs(t), fds)
	want(t, "open descriptors of the init", held(), of)
	want(t, "mounts", len(mountsBelow(t, b.Dir)), 0)
}

func atoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
