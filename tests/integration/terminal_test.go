package integration

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// master is the test's end of a terminal.
type master struct {
	t   *testing.T
	f   *os.File
	fd  int // f's; its method Fd would make it block
	out *bufio.Reader
}

func newMaster(t *testing.T, f *os.File) *master {
	t.Helper()
	// A read that waits for ever is the test's end, so reads go through the poller, with a deadline.
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	f = os.NewFile(uintptr(fd), "master")
	t.Cleanup(func() { f.Close() })
	return &master{t: t, f: f, fd: fd, out: bufio.NewReader(f)}
}

// line is the next line; ok is false when the terminal has hung up.
func (m *master) line() (string, bool) {
	m.t.Helper()
	if err := m.f.SetReadDeadline(time.Now().Add(patience)); err != nil {
		m.t.Fatal(err)
	}
	line, err := m.out.ReadString('\n')
	if os.IsTimeout(err) {
		m.t.Fatalf("the terminal is silent; so far: %q", line)
	}
	return strings.TrimRight(line, "\r\n"), err == nil
}

func (m *master) next(op string) action {
	m.t.Helper()
	for {
		line, ok := m.line()
		if !ok {
			m.t.Fatalf("the terminal has hung up, want %q of the probe", op)
		}
		at := strings.Index(line, `{"op":`) // what stands before it is echo, "^C"
		if at < 0 {
			continue
		}
		a := parseAction(m.t, line[at:])
		if a.Op != op {
			m.t.Fatalf("on the terminal: %s, want %q", line, op)
		}
		return a
	}
}

func (m *master) report() report {
	m.t.Helper()
	line, _ := m.line()
	return parseProbe(m.t, line+"\n")
}

func (m *master) resize(rows, cols uint16) {
	m.t.Helper()
	if err := unix.IoctlSetWinsize(m.fd, unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: cols}); err != nil {
		m.t.Fatal(err)
	}
}

// withConsole creates the container with a console socket, and returns its terminal.
func (b *bundle) withConsole(verb string, options ...string) (*container, *master) {
	b.t.Helper()
	b.Spec.Process.Terminal = true
	path, l := b.listen("console.sock")
	received := expectFD(b.t, l)
	c := b.detached(verb, append(options, "--console-socket", path)...)
	name, file := received()
	if name == "" {
		b.t.Error("the message with the terminal is empty")
	}
	return c, newMaster(b.t, file)
}

func TestTerminal_console_socket(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--report", "--stat", "/dev/console", "--until-term"}
	b.Spec.Process.User = specs.User{UID: 1000, GID: 1000}
	c, m := b.withConsole("create")
	c.start()
	r := m.report()
	for n := range 3 {
		fd, _ := r.fd(n)
		want(t, fmt.Sprintf("descriptor %d is a terminal", n), fd.TTY, true)
		if !strings.HasPrefix(fd.Target, "/dev/pts/") {
			t.Errorf("descriptor %d is %s, want /dev/pts/N", n, fd.Target)
		}
		want(t, "owner of the terminal", fd.UID, 1000)
		want(t, "group of the terminal", fd.GID, 5)
		want(t, "session of the terminal", fd.Sid, r.Sid)
	}
	want(t, "session", r.Sid, 1)
	want(t, "descriptors", len(r.Fds), 3)
	console := m.next("stat")
	fd, _ := r.fd(0)
	want(t, "/dev/console is the terminal", [2]uint32{console.Major, console.Minor}, [2]uint32{fd.Major, fd.Minor})
	m.next("waiting")
	b.must("kill", b.ID, "TERM")
	c.wait()
}

func TestTerminal_console_socket_of_a_detached_run(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--line", "--until-term"}
	_, m := b.withConsole("run", "--detach")
	if _, err := m.f.WriteString("typed\n"); err != nil {
		t.Fatal(err)
	}
	want(t, "line", m.next("line").Data, "typed\n")
	m.next("waiting")
	b.must("delete", "--force", b.ID)
}

func TestTerminal_size_from_the_config(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Process.ConsoleSize = &specs.Box{Height: 10, Width: 110}
	b.Spec.Process.Args = []string{"/probe", "--report"}
	c, m := b.withConsole("create")
	c.start()
	r := m.report()
	want(t, "rows", r.Fds[0].Rows, 10)
	want(t, "columns", r.Fds[0].Cols, 110)
}

func TestTerminal_resized_by_the_engine(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--winch"}
	c, m := b.withConsole("create")
	c.start()
	m.next("waiting")
	m.resize(33, 77)
	want(t, "signal", m.next("signal").Signal, unix.SIGWINCH)
	size := m.next("winsize")
	want(t, "rows", size.Rows, 33)
	want(t, "columns", size.Cols, 77)
	b.must("delete", "--force", b.ID)
}

func TestTerminal_hangs_up_with_its_engine(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--wait-signal"}
	c, m := b.withConsole("create")
	c.start()
	m.next("waiting")
	m.f.Close()
	want(t, "end", c.wait(), 0) // SIGHUP was the signal it waited for
}

func TestTerminal_is_refused_without_a_console_socket(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Process.Terminal = true
	b.writeConfig()
	wantFailure(t, b.runtime("create", "--bundle", b.Dir, b.ID), "console")
}

func TestTerminal_a_console_socket_is_refused_without_a_terminal(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	path, _ := b.listen("console.sock")
	b.writeConfig()
	wantFailure(t, b.runtime("create", "--bundle", b.Dir, "--console-socket", path, b.ID), "console")
}

func TestTerminal_a_console_socket_nobody_listens_on_is_refused(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Process.Terminal = true
	b.writeConfig()
	wantFailure(t, b.runtime("create", "--bundle", b.Dir, "--console-socket", filepath.Join(b.Dir, "none"), b.ID), "no such file or directory")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: b.Dir + "/closed", Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	wantFailure(t, b.runtime("create", "--bundle", b.Dir, "--console-socket", b.Dir+"/closed", b.ID), "connection refused")
}

// openPTY makes a terminal of the test's own.
func openPTY(t *testing.T) (*master, *os.File) {
	t.Helper()
	f, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(f.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	return newMaster(t, f), slave
}

// runOn starts `run` in the foreground of a terminal.
func (b *bundle) runOn(tty *os.File) *exec.Cmd {
	b.t.Helper()
	return b.verbOn(tty, "run")
}

func (b *bundle) verbOn(tty *os.File, verb string, options ...string) *exec.Cmd {
	b.t.Helper()
	cmd := b.command(append(append([]string{verb, "--bundle", b.Dir}, options...), b.ID)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return cmd
}

func TestTerminal_in_the_foreground(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Process.Terminal = true
	b.Spec.Process.Args = []string{"/probe", "--report", "--line", "--winch", "--exit", "5"}
	b.writeConfig()
	m, slave := openPTY(t)
	m.resize(21, 43)
	cmd := b.runOn(slave)
	r := m.report()
	fd, _ := r.fd(0)
	want(t, "terminal", fd.TTY, true)
	if runtimeName != "runc" { // runc may be too late for the first look
		want(t, "rows", fd.Rows, 21)
		want(t, "columns", fd.Cols, 43)
	}
	if _, err := m.f.WriteString("hello\n"); err != nil {
		t.Fatal(err)
	}
	want(t, "line", m.next("line").Data, "hello\n")
	m.next("waiting")
	m.resize(50, 100)
	want(t, "signal", m.next("signal").Signal, unix.SIGWINCH)
	size := m.next("winsize")
	want(t, "rows after", size.Rows, 50)
	want(t, "columns after", size.Cols, 100)
	m.next("waiting")
	// What is typed reaches the container as it is: its terminal makes a signal of it, not the caller's.
	if _, err := m.f.Write([]byte{3}); err != nil {
		t.Fatal(err)
	}
	want(t, "signal", m.next("signal").Signal, unix.SIGINT)
	want(t, "exit status", waitFor(t, cmd).Exit, 5)
	// The caller's terminal is as it was.
	tio, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "canonical mode is on again", tio.Lflag&unix.ICANON != 0, true)
	want(t, "echo is on again", tio.Lflag&unix.ECHO != 0, true)
}

func TestTerminal_in_the_foreground_all_output_arrives(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Process.Terminal = true
	b.Spec.Process.Args = []string{"/probe"}
	const lines = 200
	for i := range lines {
		b.Spec.Process.Args = append(b.Spec.Process.Args, "--echo", fmt.Sprintf("line %d %s", i, strings.Repeat("x", 300)))
	}
	b.writeConfig()
	m, slave := openPTY(t)
	cmd := b.runOn(slave)
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

func TestTerminal_false_leaves_the_callers_descriptors(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--report", "--until-term"}
	c := b.create().start()
	r := c.nextReport()
	for _, f := range r.Fds {
		want(t, fmt.Sprintf("descriptor %d is a terminal", f.FD), f.TTY, false)
	}
	c.next("waiting")
}

func TestTerminal_devices_given_as_descriptors_keep_their_owner(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	b.Stdin = null
	b.probe(func(s *specs.Spec) { s.Process.User = specs.User{UID: 1000, GID: 1000} })
	var st unix.Stat_t
	if err := unix.Stat(os.DevNull, &st); err != nil {
		t.Fatal(err)
	}
	want(t, "owner of the host's /dev/null", st.Uid, 0)
}

func TestTerminal_in_a_user_namespace(t *testing.T) {
	t.Parallel()
	b := userBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--report"}
	c, m := b.withConsole("create")
	c.start()
	r := m.report()
	want(t, "terminal", r.Fds[0].TTY, true)
	want(t, "owner", r.Fds[0].UID, 0)
}

// Whoever reads the output of a terminal through a pipe wants lines, and no carriage returns.
func TestTerminal_lines_end_plainly_where_no_terminal_reads_them(t *testing.T) {
	t.Parallel()
	requires(t, "rt:runc")
	b := newBundle(t)
	b.Spec.Process.Terminal = true
	b.Spec.Process.Args = []string{"/probe", "--echo", "line", "--exit", "0"}
	r := b.run()
	want(t, "exit status", r.Exit, 0)
	if !strings.Contains(r.Stdout, "line") || strings.Contains(r.Stdout, "\r") {
		t.Errorf("output: %q", r.Stdout)
	}
}
