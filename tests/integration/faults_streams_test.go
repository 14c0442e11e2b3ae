package integration

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Standard streams that are closed are the null device to everybody: no file that the runtime opens takes their place.
func TestFaults_closed_streams(t *testing.T) {
	requires(t, "rt:rung", "command:sh")
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--out", "/tmp/report", "--report", "--until-term"}
	hook := b.probeHook("createRuntime", "hook.report", "--report")
	addHook(b.Spec, "createRuntime", hook)
	writeFile(t, b.Dir+"/hook.report", "")
	writeFile(t, b.Rootfs+"/tmp/report", "")
	b.writeConfig()
	b.accident(func() {
		b.shell("exec <&- >&- 2>&-")
		for _, line := range [][]string{createLineOf(b), {"state", b.ID}, {"start", b.ID}, {"list"}, {"exec", b.ID, "/probe", "--exit", "0"}} {
			if res := b.runtime(line...); res.Exit != 0 {
				t.Errorf("%v: %d", line, res.Exit)
			}
		}
		b.Wrap = nil
		report := b.Rootfs + "/tmp/report"
		eventually(t, "the container reports", func() bool { return strings.Contains(readFile(t, report), "waiting") })
		text, _, _ := strings.Cut(readFile(t, report), "\n")
		for _, f := range parseProbe(t, text+"\n").Fds {
			if f.FD > 2 || !strings.HasSuffix(f.Target, "/null") && !strings.HasSuffix(f.Target, "/report") {
				t.Errorf("descriptor %d is %s", f.FD, f.Target)
			}
		}
	})
}

// full is a pipe that nobody reads, with no room left.
func full(t *testing.T) (r, w *os.File) {
	t.Helper()
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	for chunk := make([]byte, os.Getpagesize()); ; {
		if _, err := unix.Write(p[1], chunk); errors.Is(err, unix.EAGAIN) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.SetNonblock(p[1], false); err != nil {
		t.Fatal(err)
	}
	r, w = os.NewFile(uintptr(p[0]), "reader"), os.NewFile(uintptr(p[1]), "writer")
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// Nobody reads what create, run and the container write: they wait, the container can be killed and deleted, and a
// runtime that is killed while it waits leaves nothing that cannot be.
func TestFaults_full_pipe(t *testing.T) {
	requires(t, "rt:rung")
	t.Run("the container's", func(t *testing.T) {
		b := newBundle(t)
		b.Spec.Process.Args = []string{"/probe", "--echo", "nobody reads this", "--until-term"}
		b.writeConfig()
		b.accident(func() {
			_, w := full(t)
			cmd := b.command("run", "--detach", "--bundle", b.Dir, b.ID)
			cmd.Stdout, cmd.Stderr = w, w
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			want(t, "run", waitFor(t, cmd).Exit, 0)
			wantStatusIn(b, "running")
			b.must("kill", b.ID, "KILL")
			b.awaitStatus("stopped")
		})
	})
	t.Run("the runtime's", func(t *testing.T) {
		b := newBundle(t)
		b.Spec.Process.Args = []string{"/probe", "--until-term"}
		b.writeConfig()
		b.Globals = []string{"--debug"}
		b.accident(func() {
			_, w := full(t)
			cmd := b.command(createLineOf(b)...)
			cmd.Stdout, cmd.Stderr = w, w
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "it waits for the pipe", func() bool { return strings.Contains(wchan(cmd.Process.Pid), "pipe_write") })
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			waitFor(t, cmd)
		})
	})
	t.Run("with room again", func(t *testing.T) {
		b := newBundle(t)
		b.Spec.Process.Args = []string{"/probe", "--until-term"}
		b.writeConfig()
		b.Globals = []string{"--debug"}
		b.accident(func() {
			r, w := full(t)
			cmd := b.command(createLineOf(b)...)
			cmd.Stdout, cmd.Stderr = w, w
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "it waits for the pipe", func() bool { return strings.Contains(wchan(cmd.Process.Pid), "pipe_write") })
			if _, err := r.Read(make([]byte, 1<<20)); err != nil {
				t.Fatal(err)
			}
			want(t, "create", waitFor(t, cmd).Exit, 0)
			wantStatusIn(b, "created")
		})
	})
}

// wchan is where in the kernel the threads of a process wait (proc_pid_wchan(5)).
func wchan(pid int) (text string) {
	names, _ := filepath.Glob("/proc/" + itoa(pid) + "/task/*/wchan")
	for _, n := range names {
		b, _ := os.ReadFile(n)
		text += string(b) + " "
	}
	return text
}

// Whoever read the log has gone: the command goes on without.
func TestFaults_nobody_reads_the_log(t *testing.T) {
	requires(t, "rt:rung")
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	b.writeConfig()
	b.Globals = []string{"--debug"}
	b.accident(func() {
		for i, line := range [][]string{createLineOf(b), {"start", b.ID}, {"exec", b.ID, "/probe", "--exit", "0"}, {"kill", b.ID, "KILL"}, {"delete", "--force", b.ID}, {"start", b.ID}} {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			r.Close()
			cmd := b.command(line...)
			cmd.Stderr = w
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			w.Close()
			wanted := 0
			if i == 5 { // there is no such container any more, and nobody to be told
				wanted = 1
			}
			want(t, line[0]+": exit status", waitFor(t, cmd).Exit, wanted)
		}
	})
}
