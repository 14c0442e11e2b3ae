package console

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// ends makes the caller's standard input and output out of pipes.
func ends(t *testing.T) (in, inWriter, out, outReader *os.File) {
	t.Helper()
	in, inWriter, err := os.Pipe()
	if err == nil {
		outReader, out, err = os.Pipe()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); inWriter.Close(); out.Close(); outReader.Close() })
	return in, inWriter, out, outReader
}

func mustOpen(t *testing.T, master int, in, out *os.File) *Terminal {
	t.Helper()
	term, err := open(master, int(in.Fd()), int(out.Fd()), "/nonexistent/tty")
	if err != nil {
		t.Fatal(err)
	}
	return term
}

func TestTerminal_pipes(t *testing.T) {
	master, slave := pty(t)
	in, inWriter, out, outReader := ends(t)
	term := mustOpen(t, master, in, out)
	c := onTerminal(t, slave, "stty -echo; echo ready; read x; echo got $x; seq 1 50000; exit 3")
	got := make(chan []byte)
	go func() {
		r := make([]byte, len("ready\n")) // so that echo is off
		_, _ = io.ReadFull(outReader, r)
		_, _ = inWriter.WriteString("hello\n")
		inWriter.Close() // the end of input is not the end of output
		rest, _ := io.ReadAll(outReader)
		got <- append(r, rest...)
	}()
	term.Start()
	_ = c.Wait()
	term.Drain()
	out.Close()
	seq, err := exec.Command("seq", "1", "50000").Output()
	if err != nil {
		t.Fatal(err)
	}
	if g, want := string(<-got), "ready\ngot hello\n"+string(seq); g != want { // no carriage returns: out is no terminal
		t.Errorf("%d bytes, want %d", len(g), len(want))
	}
	if err := term.Close(); err != nil {
		t.Error(err)
	}
	if c.ProcessState.ExitCode() != 3 {
		t.Error(c.ProcessState)
	}
}

// More input than a terminal holds has to wait for its reader.
func TestTerminal_muchInput(t *testing.T) {
	master, slave := pty(t)
	in, inWriter, out, outReader := ends(t)
	term := mustOpen(t, master, in, out)
	c := onTerminal(t, slave, "stty raw -echo; echo ready; head -c 300000 | cksum")
	data := bytes.Repeat([]byte("0123456789\n\x03\x04xyz"), 300000/16)
	got := make(chan []byte)
	go func() {
		r := make([]byte, 6)
		_, _ = io.ReadFull(outReader, r)
		_, _ = inWriter.Write(data)
		rest, _ := io.ReadAll(outReader)
		got <- rest
	}()
	term.Start()
	_ = c.Wait()
	term.Drain()
	out.Close()
	defer term.Close()
	sum := exec.Command("cksum")
	sum.Stdin = bytes.NewReader(data)
	want, err := sum.Output()
	if err != nil {
		t.Fatal(err)
	}
	if g := <-got; string(g) != string(want) {
		t.Errorf("%q, want %q", g, want)
	}
}

func TestTerminal_drain(t *testing.T) {
	master, slave := pty(t)
	in, _, out, outReader := ends(t)
	term := mustOpen(t, master, in, out)
	term.Start()
	// the slave stays open, as a process of a shared pid namespace keeps it
	text := strings.Repeat("0123456789\n", 300)
	if _, err := slave.WriteString(text); err != nil {
		t.Fatal(err)
	}
	term.Drain()
	out.Close()
	all, _ := io.ReadAll(outReader)
	if lines(all) != text {
		t.Errorf("%d bytes came out", len(all))
	}
	if err := term.Close(); err != nil {
		t.Error(err)
	}
}

func TestTerminal_drainEndless(t *testing.T) {
	master, slave := pty(t)
	in, _, out, outReader := ends(t)
	term := mustOpen(t, master, in, out)
	onTerminal(t, slave, "exec yes")
	go func() { _, _ = io.Copy(io.Discard, outReader) }()
	term.Start()
	term.Drain()
	if err := term.Close(); err != nil {
		t.Error(err)
	}
}

// Output that cannot be written must not make the container stand still.
func TestTerminal_fullOutput(t *testing.T) {
	master, slave := pty(t)
	in, _, _, _ := ends(t)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	term := mustOpen(t, master, in, full)
	c := onTerminal(t, slave, "seq 1 50000; exit 5")
	term.Start()
	_ = c.Wait()
	term.Drain()
	defer term.Close()
	if c.ProcessState.ExitCode() != 5 {
		t.Error(c.ProcessState)
	}
}

// When nobody reads any more the terminal hangs up: writes fail, and the session gets SIGHUP.
func TestTerminal_nobodyReads(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		ended  func(unix.WaitStatus) bool
	}{
		"SIGHUP": {"exec yes", func(s unix.WaitStatus) bool { return s.Signaled() && s.Signal() == unix.SIGHUP }},
		"EIO":    {"trap '' HUP; while echo y; do :; done; exit 5", func(s unix.WaitStatus) bool { return s.ExitStatus() == 5 }},
	} {
		t.Run(name, func(t *testing.T) {
			master, slave := pty(t)
			in, inWriter, out, outReader := ends(t)
			term := mustOpen(t, master, in, out)
			cmd := onTerminal(t, slave, c.script)
			term.Start()
			if _, err := outReader.Read(make([]byte, 2)); err != nil {
				t.Fatal(err)
			}
			if _, err := inWriter.WriteString("typed\n"); err != nil {
				t.Fatal(err)
			}
			outReader.Close()
			_ = cmd.Wait()
			if status := unix.WaitStatus(cmd.ProcessState.Sys().(syscall.WaitStatus)); !c.ended(status) {
				t.Error(cmd.ProcessState)
			}
			term.Resize()
			if err := term.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTerminal_mode(t *testing.T) {
	for _, stdin := range []bool{true, false} {
		name := map[bool]string{true: "standard input", false: "controlling terminal"}[stdin]
		t.Run(name, func(t *testing.T) {
			callerMaster, caller := pty(t)
			defer unix.Close(callerMaster)
			set := &unix.Winsize{Row: 33, Col: 77}
			if err := unix.IoctlSetWinsize(callerMaster, unix.TIOCSWINSZ, set); err != nil {
				t.Fatal(err)
			}
			before := termios(t, int(caller.Fd()))
			master, slave := pty(t)
			in, _, out, _ := ends(t)
			inFD, tty := int(in.Fd()), "/proc/self/fd/"+itoa(int(caller.Fd()))
			if stdin {
				inFD, tty = int(caller.Fd()), "/nonexistent"
			}
			term, err := open(master, inFD, int(out.Fd()), tty)
			if err != nil {
				t.Fatal(err)
			}
			now := termios(t, int(caller.Fd()))
			if now.Oflag&unix.OPOST != 0 {
				t.Error("output is still processed")
			}
			if keys := now.Lflag&(unix.ISIG|unix.ICANON|unix.ECHO) != 0; keys == stdin {
				t.Errorf("keys interpreted: %v", keys)
			}
			size := func() unix.Winsize {
				ws, err := unix.IoctlGetWinsize(int(slave.Fd()), unix.TIOCGWINSZ)
				if err != nil {
					t.Fatal(err)
				}
				return *ws
			}
			if got := size(); got != *set {
				t.Errorf("size %v, want %v", got, *set)
			}
			set.Row = 50
			if err := unix.IoctlSetWinsize(callerMaster, unix.TIOCSWINSZ, set); err != nil {
				t.Fatal(err)
			}
			term.Resize()
			if got := size(); got != *set {
				t.Errorf("size %v, want %v", got, *set)
			}
			// nobody has measured it: what the config said stays
			if err := unix.IoctlSetWinsize(callerMaster, unix.TIOCSWINSZ, &unix.Winsize{}); err != nil {
				t.Fatal(err)
			}
			term.Resize()
			if got := size(); got != *set {
				t.Errorf("size %v, want %v", got, *set)
			}
			if err := term.Close(); err != nil {
				t.Fatal(err)
			}
			if after := termios(t, int(caller.Fd())); after != before {
				t.Errorf("mode %+v, was %+v", after, before)
			}
			if err := term.Close(); err != nil {
				t.Errorf("second Close: %v", err)
			}
		})
	}
}
