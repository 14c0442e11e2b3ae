package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// execOn starts `exec` on a terminal of the test's, as a shell would.
func (c *container) execOn(tty *os.File, options []string, actions ...string) *exec.Cmd {
	c.t.Helper()
	cmd := c.command(slices.Concat([]string{"exec", "--tty"}, options, []string{c.ID, "/probe"}, actions)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return cmd
}

func wantTerminal(t *testing.T, r report, uid uint32) {
	t.Helper()
	for n := range 3 {
		fd, _ := r.fd(n)
		want(t, fmt.Sprintf("descriptor %d is a terminal", n), fd.TTY, true)
		if !strings.HasPrefix(fd.Target, "/dev/pts/") {
			t.Errorf("descriptor %d is %s, want /dev/pts/N", n, fd.Target)
		}
		want(t, "owner of the terminal", fd.UID, uid)
		want(t, "group of the terminal", fd.GID, 5)
		want(t, "session of the terminal", fd.Sid, r.Sid)
		want(t, "foreground of the terminal", fd.Tpgid, r.Pgid)
	}
	want(t, "leader of the session", r.Sid, r.Pid)
	want(t, "descriptors", len(r.Fds), 3)
}

func TestExec_terminal_in_the_foreground(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running()
	m, slave := openPTY(t)
	m.resize(21, 43)
	cmd := c.execOn(slave, []string{"--user", "1000"}, "--report", "--stat", "/dev/pts/0", "--line", "--winch", "--exit", "5")
	r := m.report()
	wantTerminal(t, r, 1000)
	fd, _ := r.fd(0)
	want(t, "rows", fd.Rows, 21)
	want(t, "columns", fd.Cols, 43)
	name := m.next("stat")
	wantErrno(t, name, 0)
	want(t, "the name is the terminal's", [2]uint32{name.Major, name.Minor}, [2]uint32{fd.Major, fd.Minor})
	if _, err := m.f.WriteString("hello\n"); err != nil {
		t.Fatal(err)
	}
	want(t, "line", m.next("line").Data, "hello\n")
	m.next("waiting")
	m.resize(50, 100)
	want(t, "signal", m.next("signal").Signal, unix.SIGWINCH)
	size := m.next("winsize")
	want(t, "size after", [2]int{size.Rows, size.Cols}, [2]int{50, 100})
	m.next("waiting")
	if _, err := m.f.Write([]byte{3}); err != nil {
		t.Fatal(err)
	}
	want(t, "signal", m.next("signal").Signal, unix.SIGINT)
	want(t, "exit status", waitFor(t, cmd).Exit, 5)
	tio, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "canonical mode and echo are on again", tio.Lflag&(unix.ICANON|unix.ECHO), unix.ICANON|unix.ECHO)
}

func TestExec_terminal_all_output_arrives(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running()
	m, slave := openPTY(t)
	const lines = 200
	var actions []string
	for i := range lines {
		actions = append(actions, "--echo", fmt.Sprintf("line %d %s", i, strings.Repeat("x", 300)))
	}
	cmd := c.execOn(slave, nil, actions...)
	slave.Close()
	n := 0
	for {
		line, ok := m.line()
		if strings.HasPrefix(line, fmt.Sprintf("line %d ", n)) {
			n++
		}
		if !ok {
			break
		}
	}
	want(t, "lines", n, lines)
	want(t, "exit status", waitFor(t, cmd).Exit, 0)
}

func TestExec_terminal_with_standard_input_that_is_none(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running()
	m, slave := openPTY(t)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	cmd := c.command("exec", "-t", c.ID, "/probe", "--report", "--exit", "3")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = null, slave, slave
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: true, Ctty: 1}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	wantTerminal(t, m.report(), 0)
	want(t, "exit status", waitFor(t, cmd).Exit, 3)
}

func TestExec_terminal_a_missing_interpreter_is_one_line(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	writeFile(t, b.Rootfs+"/run.sh", "#!/no/interpreter\n")
	if err := os.Chmod(b.Rootfs+"/run.sh", 0o755); err != nil {
		t.Fatal(err)
	}
	c := b.running()
	m, slave := openPTY(t)
	cmd := c.command("exec", "-t", c.ID, "/run.sh")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	line, _ := m.line()
	if !strings.Contains(line, "exec /run.sh: no such file or directory") {
		t.Errorf("line %q", line)
	}
	// a hint comes behind it only because somebody looks at a terminal
	if more, ok := m.line(); ok && !strings.HasPrefix(more, "hint: ") {
		t.Errorf("a further line: %q", more)
	}
	want(t, "exit status", waitFor(t, cmd).Exit, 255)
}

// execConsole is a detached exec with a console socket.
func (c *container) execConsole(options ...string) (pid int, m *master) {
	c.t.Helper()
	dir, err := os.MkdirTemp(c.Dir, "exec")
	if err != nil {
		c.t.Fatal(err)
	}
	path, l := c.listen(filepath.Join(filepath.Base(dir), "console.sock"))
	received := expectFD(c.t, l)
	pidFile := filepath.Join(dir, "pid")
	c.must(slices.Concat([]string{"exec", "--detach", "--console-socket", path, "--pid-file", pidFile}, options)...)
	name, file := received()
	if name == "" {
		c.t.Error("the message with the terminal is empty")
	}
	return atoi(c.t, readFile(c.t, pidFile)), newMaster(c.t, file)
}

func TestExec_terminal_console_socket(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running()
	pid, m := c.execConsole("--tty", "--user", "1000:1000", c.ID, "/probe", "--report", "--line", "--winch")
	wantTerminal(t, m.report(), 1000)
	if _, err := m.f.WriteString("typed\n"); err != nil {
		t.Fatal(err)
	}
	want(t, "line", m.next("line").Data, "typed\n")
	m.next("waiting")
	m.resize(33, 77)
	want(t, "signal", m.next("signal").Signal, unix.SIGWINCH)
	size := m.next("winsize")
	want(t, "size", [2]int{size.Rows, size.Cols}, [2]int{33, 77})
	m.next("waiting")
	m.f.Close() // who has the socket's end hangs up
	waitChild(t, pid)
	c.wantStatus("running")
}

func TestExec_terminal_console_size_of_the_file(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running()
	file := c.processFile(&specs.Process{Args: []string{"/probe", "--report"}, Cwd: "/", Terminal: true, ConsoleSize: &specs.Box{Height: 10, Width: 110}})
	pid, m := c.execConsole("--process", file, c.ID)
	fd, _ := m.report().fd(0)
	want(t, "size", [2]int{fd.Rows, fd.Cols}, [2]int{10, 110})
	waitChild(t, pid)
}

func TestExec_terminal_in_a_user_namespace(t *testing.T) {
	t.Parallel()
	c := userBundle(t).running()
	pid, m := c.execConsole("--tty", "--user", "7", c.ID, "/probe", "--report")
	wantTerminal(t, m.report(), 7)
	waitChild(t, pid)
}

func TestExec_terminal_console_sockets_are_refused(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running()
	for _, tc := range [][]string{
		{"--tty", "--detach", "--console-socket", c.Dir + "/none"},
		{"--tty", "--console-socket", c.Dir + "/none"},
		{"--tty", "--detach"},
		{"--detach", "--console-socket", c.Dir + "/none"},
	} {
		res := c.exec(tc, "--echo", "it-started")
		wantFailure(t, res)
		want(t, fmt.Sprintf("exit status of %v", tc), res.Exit, 255)
	}
	want(t, "processes", len(processesOf(c.ID)), 1)
}

func TestExec_terminal_without_devpts_is_refused(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running(func(s *specs.Spec) {
		s.Mounts = slices.DeleteFunc(s.Mounts, func(m specs.Mount) bool { return m.Type == "devpts" })
	})
	path, l := c.listen("console.sock")
	defer l.Close()
	res := c.exec([]string{"--tty", "--detach", "--console-socket", path}, "--echo", "it-started")
	wantFailure(t, res, "process.terminal")
	want(t, "exit status", res.Exit, 255)
}

// ---- the streams' owner

func TestExec_the_owner_of_the_callers_files_is_left(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running()
	file := filepath.Join(c.Dir, "out")
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, f := range []*os.File{null, out} {
		cmd := c.command("exec", "--user", "1000:1000", c.ID, "/probe", "--report")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = f, f, f
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		var st unix.Stat_t
		if err := unix.Fstat(int(f.Fd()), &st); err != nil {
			t.Fatal(err)
		}
		want(t, "owner of "+f.Name(), [2]uint32{st.Uid, st.Gid}, [2]uint32{0, 0})
	}
	// Pipes are the process's: it may open /dev/stdout anew.
	r := c.execProbe([]string{"--user", "1000:1000"})
	want(t, "uid", r.UID[0], 1000)
}

func TestExec_a_pipe_is_the_users(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running()
	g := c.execBackground([]string{"--user", "1000:1000"}, "--append", "/proc/self/fd/1", "again\n", "--exit", "0")
	line, _ := g.line()
	want(t, "written through /proc/self/fd/1", line, "again")
	wantErrno(t, g.next("append"), 0)
	want(t, "exit status", g.exit().Exit, 0)
}
