package console

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

func watch(t *testing.T) *Signals {
	t.Helper()
	s, err := Watch()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type kid struct {
	pid, pidfd int
	out        *bufio.Reader
	in         io.WriteCloser
}

// script starts a shell that Foreground, not exec, waits for.
func script(t *testing.T, text string) kid {
	t.Helper()
	c := exec.Command("/bin/sh", "-c", text)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	pidfd, err := sys.PidfdOpen(c.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = unix.Kill(-c.Process.Pid, unix.SIGKILL)
		sys.Close(pidfd)
		in.Close()
		out.Close()
	})
	return kid{c.Process.Pid, pidfd, bufio.NewReader(out), in}
}

func (k kid) line(t *testing.T) string {
	t.Helper()
	s, err := k.out.ReadString('\n')
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return strings.TrimSuffix(s, "\n")
}

func TestForeground_status(t *testing.T) {
	for _, tt := range []struct {
		name, script string
		want         int
	}{
		{"success", "true", 0},
		{"status", "exit 42", 42},
		{"signal", "kill -TERM $$", 143},
		{"killed", "kill -KILL $$", 137},
		{"stopped and continued", "sh -c 'kill -STOP $PPID; kill -CONT $PPID' & wait; exit 6", 6},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := script(t, tt.script)
			if got, err := watch(t).Foreground(k.pid, k.pidfd, nil); got != tt.want || err != nil {
				t.Errorf("%d, %v, want %d", got, err, tt.want)
			}
		})
	}
}

func TestForeground_endedBefore(t *testing.T) {
	k := script(t, "exit 9")
	if err := sys.WaitExit(k.pidfd, time.Minute); err != nil {
		t.Fatal(err)
	}
	if got, err := watch(t).Foreground(k.pid, k.pidfd, nil); got != 9 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
}

func TestForeground_notAChild(t *testing.T) {
	if _, err := watch(t).Foreground(1, -1, nil); err == nil {
		t.Error("waited for a process that is not ours")
	}
}

func TestForeground_signals(t *testing.T) {
	k := script(t, `for s in HUP INT QUIT USR1 USR2 TERM TSTP; do trap "echo $s" $s; done
		trap "exit 7" ALRM; echo ready; while :; do sleep 1000 & wait; done`)
	if got := k.line(t); got != "ready" {
		t.Fatal(got)
	}
	s := watch(t)
	resized := make(chan bool, 1)
	type end struct {
		status int
		err    error
	}
	ended := make(chan end)
	go func() {
		status, err := s.Foreground(k.pid, k.pidfd, func() { resized <- true })
		ended <- end{status, err}
	}()
	send := func(sig unix.Signal) {
		if err := unix.Kill(os.Getpid(), sig); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		sig  unix.Signal
		want string
	}{
		{unix.SIGHUP, "HUP"}, {unix.SIGINT, "INT"}, {unix.SIGQUIT, "QUIT"}, {unix.SIGUSR1, "USR1"},
		{unix.SIGUSR2, "USR2"}, {unix.SIGTERM, "TERM"}, {unix.SIGTSTP, "TSTP"},
	} {
		send(tt.sig)
		if got := k.line(t); got != tt.want {
			t.Errorf("%v arrived as %s", tt.sig, got)
		}
	}
	send(unix.SIGWINCH)
	<-resized
	send(unix.SIGALRM)
	if e := <-ended; e.status != 7 || e.err != nil {
		t.Error(e)
	}
	// still caught: the runtime has to clean up
	send(unix.SIGTERM)
	var got [1]byte
	if err := unix.SetNonblock(s.fd, false); err != nil {
		t.Fatal(err)
	}
	for got[0] != byte(unix.SIGTERM) {
		if n, err := unix.Read(s.fd, got[:]); n != 1 || err != nil && err != unix.EINTR {
			t.Fatal(n, err)
		}
	}
}

func TestForeground_realTime(t *testing.T) {
	k := script(t, "echo ready; exec sleep 1000")
	k.line(t)
	s := watch(t)
	if err := unix.Kill(os.Getpid(), 40); err != nil { // before Foreground: it is kept
		t.Fatal(err)
	}
	if got, err := s.Foreground(k.pid, k.pidfd, nil); got != 128+40 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
}

func TestForeground_orphans(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) }()
	if !sys.IsSubreaper() {
		t.Fatal("not a subreaper")
	}
	// a shell gives what is in the background /dev/null before it looks at <&0
	k := script(t, `exec 3<&0; (sh -c 'echo $$; read x' <&3 3<&- &); read y; exit 4`)
	orphan, err := strconv.Atoi(k.line(t))
	if err != nil {
		t.Fatal(err)
	}
	pidfd, err := sys.PidfdOpen(orphan)
	if err != nil {
		t.Fatal(err)
	}
	defer sys.Close(pidfd)
	status := make(chan int)
	go func() {
		got, _ := watch(t).Foreground(k.pid, k.pidfd, nil)
		status <- got
	}()
	if err := sys.PidfdSignal(pidfd, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := sys.WaitExit(pidfd, time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := k.in.Write([]byte("go\n")); err != nil {
		t.Fatal(err)
	}
	if got := <-status; got != 4 {
		t.Errorf("status %d", got)
	}
	if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != unix.ECHILD {
		t.Errorf("left over: %d, %v", pid, err)
	}
}
