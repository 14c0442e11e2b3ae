package notify

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rung-oci/rung/libcontainer/internal/console"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// socket makes a service manager's socket.
func socket(t *testing.T, name string) int {
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

// manager is a service manager: it reads what it is sent, closes what comes
// along and gives the texts, until there is a "stop".
func manager(t *testing.T, name string) <-chan string {
	t.Helper()
	s := socket(t, name)
	got := make(chan string, 100)
	go func() {
		defer close(got)
		buf := make([]byte, 100)
		for {
			n, fd, err := sys.Receive(s, buf)
			if err != nil || string(buf[:n]) == "stop" {
				return
			}
			got <- string(buf[:n])
			sys.Close(fd)
		}
	}()
	t.Cleanup(func() { say(t, name, "stop") })
	return got
}

// told is all that a manager was told.
func told(t *testing.T, name string, got <-chan string) (all []string) {
	t.Helper()
	say(t, name, "stop")
	for text := range got {
		all = append(all, text)
	}
	return all
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
			var want []string
			if tt.ready {
				want = []string{"READY=1\nMAINPID=" + strconv.Itoa(pid), "BARRIER=1"}
			}
			if got := told(t, tt.host, host); !slices.Equal(got, want) {
				t.Errorf("told %q, want %q", got, want)
			}
		})
	}
}

// The manager has read the message when Forward is back.
func TestForward_barrier(t *testing.T) {
	host := filepath.Join(t.TempDir(), "s")
	s := socket(t, host)
	dir := t.TempDir()
	p, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	say(t, filepath.Join(dir, SocketName), "READY=1")
	var read atomic.Bool
	go func() {
		buf := make([]byte, 100)
		if n, fd, err := sys.Receive(s, buf); !strings.HasPrefix(string(buf[:n]), "READY=1\n") || fd != -1 || err != nil {
			t.Errorf("%q, descriptor %d, %v", buf[:n], fd, err)
		}
		n, fd, err := sys.Receive(s, buf)
		if string(buf[:n]) != "BARRIER=1" || fd < 0 || err != nil {
			t.Errorf("%q, descriptor %d, %v", buf[:n], fd, err)
		}
		read.Store(true)
		sys.Close(fd)
	}()
	if ready, err := p.Forward(host, os.Getpid()); !ready || err != nil || !read.Load() {
		t.Error(ready, err, read.Load())
	}
}

// A manager that does not read holds Forward up no longer than the container
// or its caller lasts, even when its queue was full before.
func TestForward_silentManager(t *testing.T) {
	for _, tt := range []struct {
		name  string
		full  bool
		close bool
		ready bool
	}{
		{"Close", false, true, true},
		{"end of the process", false, false, true},
		{"Close, full queue", true, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			host := filepath.Join(t.TempDir(), "s")
			s := socket(t, host)
			if tt.full {
				fill(t, host)
			}
			dir := t.TempDir()
			p, err := Listen(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			say(t, filepath.Join(dir, SocketName), "READY=1")
			c := exec.Command("cat")
			in, err := c.StdinPipe()
			if err == nil {
				err = c.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { in.Close(); _ = c.Wait() }()
			type result struct {
				ready bool
				err   error
			}
			done := make(chan result)
			go func() { r, err := p.Forward(host, c.Process.Pid); done <- result{r, err} }()
			if !tt.full { // the message is there: nothing but the barrier holds Forward
				if err := poll(s); err != nil {
					t.Fatal(err)
				}
			}
			begin := time.Now()
			if tt.close {
				p.Close()
			} else {
				in.Close()
			}
			r := <-done
			if r.ready != tt.ready {
				t.Errorf("%+v", r)
			}
			if r.err != nil && (!tt.full || !errors.Is(r.err, unix.EAGAIN) || !strings.Contains(r.err.Error(), host)) {
				t.Error(r.err)
			}
			if d := time.Since(begin); d >= patience {
				t.Errorf("took %v", d)
			}
		})
	}
}

// fill sends until the queue of a socket is full.
func fill(t *testing.T, path string) {
	t.Helper()
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer sys.Close(s)
	if err := console.Connect(s, path); err != nil {
		t.Fatal(err)
	}
	for {
		err := sys.Send(s, []byte("x"), -1)
		if errors.Is(err, unix.EAGAIN) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// poll waits until there is something to read.
func poll(fd int) error {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(fds, -1); err != unix.EINTR {
			return err
		}
	}
}

// Nobody reads what is said after READY=1: who says it must not stand still,
// be it for a barrier or because a queue is full (WATCHDOG=1).
func TestForward_thenSilence(t *testing.T) {
	host := filepath.Join(t.TempDir(), "s")
	manager(t, host)
	for name, manager := range map[string]string{"ready": host, "no manager": "/nonexistent/socket"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			p, err := Listen(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer sys.Close(s)
			path := filepath.Join(dir, SocketName)
			if err := console.Connect(s, path); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(sys.Send(s, []byte("READY=1"), -1), sys.Send(s, []byte("BARRIER=1"), int(w.Fd()))); err != nil {
				t.Fatal(err)
			}
			w.Close()
			if ready, err := p.Forward(manager, os.Getpid()); ready != (manager == host) || (err == nil) != ready {
				t.Fatal(ready, err)
			}
			if err := sys.Send(s, []byte("WATCHDOG=1"), -1); !errors.Is(err, unix.ECONNREFUSED) {
				t.Errorf("sent: %v", err)
			}
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
			}
			if err := r.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("the barrier is open: %v", err)
			}
			if t.Failed() {
				return // the next would wait for ever
			}
			if ready, err := p.Forward(manager, os.Getpid()); ready || err != nil {
				t.Error(ready, err)
			}
		})
	}
}

// Close may come after the container was deleted, and the next one of its name
// made.
func TestClose_nextContainer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "notify")
	old, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	next, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	old.Close()
	if _, err := os.Lstat(filepath.Join(dir, SocketName)); err != nil {
		t.Error(err)
	}
}

// Descriptors must not pile up.
func TestForward_closes(t *testing.T) {
	host := filepath.Join(t.TempDir(), "s")
	manager(t, host)
	count := func() int {
		d, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(d)
	}
	before := count()
	for range 5 {
		dir := t.TempDir()
		p, err := Listen(dir)
		if err != nil {
			t.Fatal(err)
		}
		say(t, filepath.Join(dir, SocketName), "READY=1")
		if ready, err := p.Forward(host, os.Getpid()); !ready || err != nil {
			t.Error(ready, err)
		}
		p.Close()
	}
	if after := count(); after != before {
		t.Errorf("%d descriptors, then %d", before, after)
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
	if err := sys.WaitExit(fd, time.Minute); err != nil {
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
