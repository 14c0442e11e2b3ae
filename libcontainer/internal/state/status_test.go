package state

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

const statTail = " 1 100 100 0 -1 4194560 5 0 0 0 1 2 0 0 20 0 3 0 987654 1000 10 18446744073709551615 0 0"

func TestParseStat(t *testing.T) {
	for _, tt := range []struct {
		name, raw string
		want      Process
		ok        bool
	}{
		{"plain", "7 (cat) S" + statTail + "\n", Process{"cat", 'S', 1, 3, 987654, 0, false, false}, true},
		{"init", "7 (rung:[init]) R" + statTail, Process{InitName, 'R', 1, 3, 987654, 0, false, false}, true},
		{"blanks", "7 (a b  c) S" + statTail, Process{"a b  c", 'S', 1, 3, 987654, 0, false, false}, true},
		{"parentheses", "7 (a) R 1 2) S" + statTail, Process{"a) R 1 2", 'S', 1, 3, 987654, 0, false, false}, true},
		{"one parenthesis", "7 ()) Z" + statTail, Process{")", 'Z', 1, 3, 987654, 0, false, false}, true},
		{"opening", "7 (((() D" + statTail, Process{"(((", 'D', 1, 3, 987654, 0, false, false}, true},
		{"nameless", "7 () S" + statTail, Process{"", 'S', 1, 3, 987654, 0, false, false}, true},
		{"line feed", "7 (a\n) S 1) T" + statTail, Process{"a\n) S 1", 'T', 1, 3, 987654, 0, false, false}, true},
		{"zombie", "7 (a) Z" + statTail + strings.Repeat(" 0", 24) + " 9\n", Process{"a", 'Z', 1, 3, 987654, 9, true, false}, true},
		{"zombie of which nothing is told", "7 (a) Z" + statTail, Process{"a", 'Z', 1, 3, 987654, 0, false, false}, true},
		{"exiting", "7 (a) S" + strings.Replace(statTail, "4194560", "4194564", 1), Process{"a", 'S', 1, 3, 987654, 0, false, true}, true},
		{"no text", "\xff", Process{}, false},
		{"bytes", "7 (\xff\xfe) S" + statTail, Process{"\xff\xfe", 'S', 1, 3, 987654, 0, false, false}, true},
		{"empty", "", Process{}, false},
		{"no name", "7 cat S" + statTail, Process{}, false},
		{"backwards", "7 )cat( S" + statTail, Process{}, false},
		{"short", "7 (cat) S 1 2 3", Process{}, false},
		{"nothing behind", "7 (cat)", Process{}, false},
		{"no number", "7 (cat) S" + strings.Replace(statTail, "987654", "x", 1), Process{}, false},
		{"long state", "7 (cat) SS" + statTail, Process{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := parseStat([]byte(tt.raw))
			if got != tt.want || ok != tt.ok {
				t.Errorf("%+v %v, want %+v %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("7 (a) b) S" + statTail))
	f.Fuzz(func(t *testing.T, raw []byte) { parseStat(raw) })
}

// sleeper starts a process that has the given name; stop ends it, reap takes
// the zombie away.
func sleeper(t *testing.T, name string) (pid int, stop, reap func()) {
	t.Helper()
	c := exec.Command("/bin/sh", "-c", `printf %s "$0" >/proc/$$/comm; echo ready; read x`, name)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	if l, err := bufio.NewReader(out).ReadString('\n'); l != "ready\n" {
		t.Fatal(l, err)
	}
	stop = func() {
		fd, err := sys.PidfdOpen(c.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		defer sys.Close(fd)
		in.Close()
		if err := sys.WaitExit(fd, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	return c.Process.Pid, stop, func() { _ = c.Wait() }
}

func TestReadProcess_oddNames(t *testing.T) {
	for _, name := range []string{InitName, ") S 1 2 (", "a b", "((", "))"} {
		pid, _, _ := sleeper(t, name)
		p, ok := ReadProcess(pid)
		if !ok || p.Name != name || p.Start == 0 || p.Threads != 1 || !alive(p, ok, p.Start) {
			t.Errorf("%q: %+v %v", name, p, ok)
		}
	}
	for _, pid := range []int{0, -1, 1 << 30} {
		if p, ok := ReadProcess(pid); ok {
			t.Errorf("%d: %+v", pid, p)
		}
	}
}

func TestStatus(t *testing.T) {
	pid, stop, reap := sleeper(t, InitName)
	p, _ := ReadProcess(pid)
	self, _ := ReadProcess(os.Getpid())
	e, err := Store{t.TempDir()}.Create("c")
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	yes, no := func() bool { return true }, func() bool { return false }
	s := &State{Phase: PhaseIntent, CreatorPid: os.Getpid(), CreatorStart: self.Start}
	check := func(want string, frozen func() bool) {
		t.Helper()
		if got := s.Status(e, frozen); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	check(Creating, yes)
	s.CreatorStart++ // its pid is somebody else's now
	check(Stopped, no)

	s = &State{Phase: PhaseCreated, Pid: pid, StartTime: p.Start}
	check(Running, nil) // no gate any more: the process chose that name itself
	gate, err := e.ListenGate()
	if err != nil {
		t.Fatal(err)
	}
	defer sys.Close(gate)
	check(Created, no)
	check(Paused, yes)
	other := *s
	other.StartTime--
	if got := other.Status(e, yes); got != Stopped {
		t.Errorf("another process of that pid: %s", got)
	}
	if err := e.RemoveGate(); err != nil {
		t.Fatal(err)
	}
	check(Running, no)
	fd, err := s.Pidfd()
	if err != nil {
		t.Fatal(err)
	}
	sys.Close(fd)

	stop()
	check(Stopped, yes) // a zombie
	reap()
	check(Stopped, yes)
	for name, s := range map[string]*State{"ended": s, "other start": &other, "none": {}, "odd": {Pid: -5}} {
		if fd, err := s.Pidfd(); !errors.Is(err, unix.ESRCH) || fd != -1 {
			t.Errorf("%s: Pidfd gives %d, %v", name, fd, err)
		}
	}
}

// The process named here ends its first thread and lives on in another.
const leaderless = "RUNG_TEST_LEADERLESS"

func TestMain(m *testing.M) {
	if os.Getenv(leaderless) == "" {
		os.Exit(m.Run())
	}
	if unix.Gettid() != os.Getpid() {
		os.Exit(3)
	}
	go func() {
		runtime.LockOSThread()
		for {
			p, ok := ReadProcess(os.Getpid())
			if ok && p.State == 'Z' {
				break
			}
			runtime.Gosched()
		}
		_, _ = unix.Write(1, []byte("ready\n"))
		_, _ = unix.Read(0, make([]byte, 1))
		unix.Exit(0)
	}()
	_, _, _ = unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
}

// In init the main goroutine is on the first thread, and stays there once locked.
func init() {
	if os.Getenv(leaderless) != "" {
		runtime.LockOSThread()
	}
}

func TestStatus_firstThreadEnded(t *testing.T) {
	c := exec.Command("/proc/self/exe")
	c.Env = []string{leaderless + "=1"}
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Process.Kill(); in.Close(); _ = c.Wait() }()
	if l, err := bufio.NewReader(out).ReadString('\n'); l != "ready\n" {
		t.Fatal(l, err)
	}
	p, ok := ReadProcess(c.Process.Pid)
	if !ok || p.State != 'Z' || p.Threads < 2 {
		t.Fatalf("%+v %v", p, ok)
	}
	s := &State{Phase: PhaseCreated, Pid: c.Process.Pid, StartTime: p.Start}
	if got := s.Status(&Entry{fd: -1}, nil); got != Running {
		t.Error(got)
	}
}

func TestReadProcess_self(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(os.Getpid()), "comm"))
	if err != nil {
		t.Fatal(err)
	}
	p, ok := ReadProcess(os.Getpid())
	if !ok || p.Name != strings.TrimSuffix(string(raw), "\n") || p.Threads < 1 {
		t.Errorf("%+v", p)
	}
}

// A number that is still that of a session is nobody's pid: Linux 6.1 has another errno for it than 6.18.
func TestPidfd_ofASession(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	c := exec.Command("/bin/sh", "-c", "exec 3<&0; cat <&3 >/dev/null & exit 0")
	c.Stdin, c.SysProcAttr = r, &syscall.SysProcAttr{Setsid: true}
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	r.Close()
	fd, err := (&State{Pid: c.Process.Pid, StartTime: 1}).Pidfd()
	if !errors.Is(err, unix.ESRCH) {
		t.Errorf("%d, %v", fd, err)
	}
}
