package runtime

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"github.com/rung-oci/rung/libcontainer/internal/wire"
	"golang.org/x/sys/unix"
)

// process starts a process that this test reaps itself.
func process(t *testing.T, argv ...string) (pid, pidfd int) {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid = cmd.Process.Pid
	pidfd, err := sys.PidfdOpen(pid)
	if err != nil {
		t.Fatal(err)
	}
	return pid, pidfd
}

func channel(t *testing.T) (c *child, other *wire.Conn) {
	t.Helper()
	ours, theirs, err := sys.SocketPair()
	if err != nil {
		t.Fatal(err)
	}
	c = &child{conn: wire.NewConn(ours), forking: true}
	t.Cleanup(c.conn.Close)
	return c, wire.NewConn(theirs)
}

// A forked process that fails before its parent has named it must be ended and
// reaped too: else its control group is busy for a moment, and stays.
func TestReceive_failure_before_the_name(t *testing.T) {
	c, other := channel(t)
	defer other.Close()
	c.pid, c.pidfd = process(t, "true")
	forked, forkedFD := process(t, "sleep", "60")
	for _, m := range []wire.Message{
		{Type: plan.MsgWarn, Op: 1, FD: -1},
		{Type: plan.MsgFail, Op: 2, Err: unix.EPERM, FD: -1},
		{Type: plan.MsgForked, Arg: int64(forked), FD: forkedFD},
	} {
		if err := other.Send(m); err != nil {
			t.Fatal(err)
		}
	}
	sys.Close(forkedFD)
	for i, want := range []plan.Msg{plan.MsgWarn, plan.MsgFail} {
		m, err := c.receive()
		if err != nil || m.Type != want || m.Op != i+1 {
			t.Fatalf("message %d: %+v, %v", i, m, err)
		}
		if c.pid != forked {
			t.Fatalf("heard %v from %d, before it was known that %d speaks", m.Type, c.pid, forked)
		}
	}
	c.kill()
	if err := unix.Kill(forked, 0); !errors.Is(err, unix.ESRCH) {
		t.Errorf("the forked process: %v", err)
	}
	sys.Close(c.pidfd)
}

func TestReceive_failure_of_the_one_that_should_fork(t *testing.T) {
	c, other := channel(t)
	for _, m := range []wire.Message{{Type: plan.MsgMaps, FD: -1}, {Type: plan.MsgFail, Op: 7, FD: -1}} {
		if err := other.Send(m); err != nil {
			t.Fatal(err)
		}
	}
	other.Close()
	if m, err := c.receive(); err != nil || m.Type != plan.MsgMaps {
		t.Fatalf("%+v, %v: it waits for an answer before it forks", m, err)
	}
	if m, err := c.receive(); err != nil || m.Type != plan.MsgFail || m.Op != 7 {
		t.Fatalf("%+v, %v", m, err)
	}
	if _, err := c.receive(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last message: %v", err)
	}
}

// Who was killed between its fork and the naming of what it forked cannot be waited for: the other one waits too, and
// holds the channel open.
func TestReceive_the_one_that_should_name_is_killed(t *testing.T) {
	for _, early := range []plan.Msg{0, plan.MsgReady, plan.MsgFail} {
		c, other := channel(t)
		defer other.Close()
		// inits of other containers, made before and after: they are somebody else's
		_, older := process(t, initNamed(t), "60")
		c.pid, c.pidfd = process(t, "sleep", "60")
		_, newer := process(t, initNamed(t), "60")
		if early != 0 {
			if err := other.Send(wire.Message{Type: early, Op: 3, Err: unix.EPERM, FD: -1}); err != nil {
				t.Fatal(err)
			}
		}
		if err := sys.PidfdSignal(c.pidfd, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		m, err := c.receive()
		if early == plan.MsgFail {
			if err != nil || m.Op != 3 {
				t.Errorf("the failure that was told: %+v, %v", m, err)
			}
		} else if !errors.Is(err, io.EOF) {
			t.Errorf("after message %v: %+v, %v", early, m, err)
		}
		for _, other := range []int{older, newer} {
			if sys.WaitExit(other, 0) == nil {
				t.Error("another container's init has been ended")
			}
			if err := sys.PidfdSignal(other, unix.SIGKILL); err != nil {
				t.Error(err)
			}
		}
		c.kill()
		sys.Close(c.pidfd)
	}
}

// A child without a family is only slow to end: the container's init, another child of this process, has to live on.
func TestKill_spares_others(t *testing.T) {
	other, held := exec.Command(initNamed(t), "1000"), exec.Command("sleep", "1000")
	for _, c := range []*exec.Cmd{other, held} {
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		_ = other.Process.Kill()
		_ = other.Wait()
	})
	otherFD, err := unix.PidfdOpen(other.Process.Pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(otherFD)
	ours, theirs, err := sys.SocketPair()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(theirs)
	end, slow, err := os.Pipe() // for a pidfd that tells late
	if err != nil {
		t.Fatal(err)
	}
	defer end.Close()
	c := &child{pid: held.Process.Pid, pidfd: int(end.Fd()), conn: wire.NewConn(ours)}
	defer c.conn.Close()
	died := make(chan error, 1)
	go func() {
		died <- sys.WaitExit(otherFD, 150*time.Millisecond) // longer than kill waits before it looks around
		slow.Close()
	}()
	c.kill()
	if err := <-died; !errors.Is(err, unix.ETIMEDOUT) {
		t.Errorf("another init was killed: %v", err)
	}
}

// initNamed is a sleep(1) whose process has the name of an init.
func initNamed(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "rung:[init]")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	return link
}
