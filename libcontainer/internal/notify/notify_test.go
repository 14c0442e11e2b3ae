package notify

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rung-oci/rung/libcontainer/internal/console"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// manager is a service manager's socket.
func manager(t *testing.T, name string) int {
	t.Helper()
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Bind(s, &unix.SockaddrUnix{Name: name})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sys.Close(s) })
	return s
}

func say(t *testing.T, path string, messages ...string) {
	t.Helper()
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer sys.Close(s)
	if err := console.Connect(s, path); err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		if err := sys.Send(s, []byte(m), -1); err != nil {
			t.Fatal(err)
		}
	}
}

func TestForward(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 120))
	if err := os.Mkdir(long, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, dir, host string
		messages        []string
		ready           bool
	}{
		{"ready", t.TempDir(), filepath.Join(t.TempDir(), "s"), []string{"READY=1"}, true},
		{"among others", t.TempDir(), filepath.Join(t.TempDir(), "s"), []string{"STATUS=x\nMAINPID=1\n", "WATCHDOG=1", "A=b\nREADY=1\nSTATUS=up\n", "STOPPING=1"}, true},
		{"abstract", t.TempDir(), "@rung-test-" + strconv.Itoa(os.Getpid()), []string{"READY=1\n"}, true},
		{"long path", long, filepath.Join(t.TempDir(), "s"), []string{"READY=1"}, true},
		{"never ready", t.TempDir(), filepath.Join(t.TempDir(), "s"), []string{"READY=0", "XREADY=1", "", "READY=10"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			host := manager(t, tt.host)
			p, err := Listen(filepath.Join(tt.dir, "notify"))
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			say(t, filepath.Join(tt.dir, "notify", SocketName), tt.messages...)
			pid := os.Getpid()
			if !tt.ready {
				pid = ended(t)
			}
			ready, err := p.Forward(tt.host, pid)
			if ready != tt.ready || err != nil {
				t.Fatalf("%v, %v", ready, err)
			}
			buf := make([]byte, 100)
			n, _, err := unix.Recvfrom(host, buf, unix.MSG_DONTWAIT)
			if !tt.ready {
				if err != unix.EAGAIN {
					t.Errorf("told %q", buf[:n])
				}
				return
			}
			if got, want := string(buf[:max(n, 0)]), "READY=1\nMAINPID="+strconv.Itoa(pid); got != want || err != nil {
				t.Errorf("told %q, %v, want %q", got, err, want)
			}
			if _, _, err := unix.Recvfrom(host, buf, unix.MSG_DONTWAIT); err != unix.EAGAIN {
				t.Error("told more")
			}
		})
	}
}

// ended gives the pid of a process that has ended and is not reaped yet.
func ended(t *testing.T) int {
	t.Helper()
	c := exec.Command("true")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Wait() })
	fd, err := sys.PidfdOpen(c.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer sys.Close(fd)
	if err := sys.WaitExit(fd); err != nil {
		t.Fatal(err)
	}
	return c.Process.Pid
}

func TestForward_waits(t *testing.T) {
	host := filepath.Join(t.TempDir(), "s")
	manager(t, host)
	dir := t.TempDir()
	start := func() (*Proxy, chan bool) {
		p, err := Listen(dir)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan bool)
		return p, done
	}
	t.Run("for the message", func(t *testing.T) {
		p, done := start()
		go func() { r, _ := p.Forward(host, os.Getpid()); done <- r }()
		say(t, filepath.Join(dir, SocketName), "STATUS=x", "READY=1")
		if !<-done {
			t.Error("not ready")
		}
		p.Close()
	})
	t.Run("until Close", func(t *testing.T) {
		p, done := start()
		go func() { r, _ := p.Forward(host, os.Getpid()); done <- r }()
		p.Close()
		if <-done {
			t.Error("ready")
		}
		p.Close()
		if r, err := p.Forward(host, os.Getpid()); r || err != nil {
			t.Error(r, err)
		}
		if _, err := os.Lstat(filepath.Join(dir, SocketName)); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	})
	t.Run("for the process", func(t *testing.T) {
		p, done := start()
		defer p.Close()
		c := exec.Command("cat")
		in, err := c.StdinPipe()
		if err == nil {
			err = c.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		go func() { r, _ := p.Forward(host, c.Process.Pid); done <- r }()
		in.Close()
		if <-done {
			t.Error("ready")
		}
		_ = c.Wait()
	})
	t.Run("no manager", func(t *testing.T) {
		p, _ := start()
		defer p.Close()
		say(t, filepath.Join(dir, SocketName), "READY=1")
		if r, err := p.Forward("/nonexistent/socket", os.Getpid()); r || !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "/nonexistent/socket") {
			t.Error(r, err)
		}
	})
}

// Whoever the container's process is, it may write; a barrier's descriptor
// (sd_notify_barrier(3)) is closed when the message is taken.
func TestListen_otherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to become another user")
	}
	host := filepath.Join(t.TempDir(), "s")
	manager(t, host)
	dir, err := os.MkdirTemp("/tmp", "notify")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	p, err := Listen(filepath.Join(dir, "n"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c := exec.Command("/proc/self/exe", "-test.run=^TestSayAs$")
	c.Env = []string{"RUNG_TEST_SAY=" + filepath.Join(dir, "n", SocketName)}
	c.ExtraFiles = []*os.File{w}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 12345, Gid: 12345}}
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	w.Close()
	if ready, err := p.Forward(host, os.Getpid()); !ready || err != nil {
		t.Fatal(ready, err)
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Error("the barrier is open")
	}
}

// TestSayAs is the other user.
func TestSayAs(t *testing.T) {
	path := os.Getenv("RUNG_TEST_SAY")
	if path == "" {
		return
	}
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := console.Connect(s, path); err != nil {
		t.Fatal(err)
	}
	if err := sys.Send(s, []byte("BARRIER=1"), 3); err != nil {
		t.Fatal(err)
	}
	say(t, path, "READY=1")
}

// The directory is the container's too.
func TestListen_foreignThings(t *testing.T) {
	dir := t.TempDir()
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, filepath.Join(dir, SocketName)); err != nil {
		t.Fatal(err)
	}
	p, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
	if st, err := os.Stat(victim); err != nil || st.Mode().Perm() != 0o600 {
		t.Error(st, err)
	}
	if err := os.Mkdir(filepath.Join(dir, SocketName), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(dir); !errors.Is(err, unix.EISDIR) {
		t.Error(err)
	}
	if _, err := Listen(filepath.Join(dir, "a", "b")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	// a symbolic link to put in the socket's place between bind and chmod
	d, err := sys.Open(dir, unix.O_PATH)
	if err != nil {
		t.Fatal(err)
	}
	defer sys.Close(d)
	if err := errors.Join(os.Remove(filepath.Join(dir, SocketName)), os.Symlink(victim, filepath.Join(dir, SocketName))); err != nil {
		t.Fatal(err)
	}
	if err := open(d); err != unix.ENOTSOCK {
		t.Error(err)
	}
}
