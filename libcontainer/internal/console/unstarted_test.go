package console

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// stoppedAtStart starts a program that a SIGSTOP stops before its first instruction, as one does that is sent during
// execve(2).
func stoppedAtStart(t *testing.T, args ...string) (pid, pidfd int) {
	t.Helper()
	runtime.LockOSThread() // the tracer is a thread
	defer runtime.UnlockOSThread()
	p, err := os.StartProcess(args[0], args, &os.ProcAttr{Sys: &syscall.SysProcAttr{Ptrace: true}})
	if err != nil {
		t.Fatal(err)
	}
	var ws unix.WaitStatus
	if _, err := unix.Wait4(p.Pid, &ws, 0, nil); err != nil || !ws.Stopped() {
		t.Fatal(err, ws)
	}
	if pidfd, err = unix.PidfdOpen(p.Pid, 0); err != nil {
		t.Fatal(err)
	}
	if _, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_DETACH, uintptr(p.Pid), 0, uintptr(unix.SIGSTOP), 0, 0); errno != 0 {
		t.Fatal(errno)
	}
	return p.Pid, pidfd
}

func TestForeground_continues_a_program_that_was_stopped_before_it_began(t *testing.T) {
	s, err := Watch()
	if err != nil {
		t.Fatal(err)
	}
	pid, pidfd := stoppedAtStart(t, "/bin/sh", "-c", "exit 7")
	defer unix.Close(pidfd)
	defer time.AfterFunc(time.Minute, func() { _ = unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0) }).Stop()
	if status, err := s.Foreground(pid, pidfd, nil); status != 7 || err != nil {
		t.Errorf("status %d, %v, want 7", status, err)
	}
}

// A program that stops itself, for job control or to wait for somebody, stays so.
func TestForeground_leaves_a_program_stopped_that_has_begun(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-c", "kill -STOP $$; exit 7")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_PID, pid, &info, unix.WSTOPPED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	if unstarted(pid) {
		t.Error("a program that has begun counts as one that has not")
	}
	if err := unix.Kill(pid, unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 7 {
		t.Error(err)
	}
}
