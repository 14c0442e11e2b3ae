package integration

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// criuOfOurs puts a program named criu first in the PATH of the bundle's commands: it writes its pid to a FIFO and does
// what then says before it becomes criu. The returned function waits for the pid of the next one.
func (b *bundle) criuOfOurs(then string) (next func() int) {
	b.t.Helper()
	program, err := exec.LookPath("criu")
	if err != nil {
		b.t.Fatal(err)
	}
	dir := filepath.Join(b.Dir, "criu-path")
	mkdir(b.t, dir, 0o755)
	fifo := filepath.Join(dir, "pid")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		b.t.Fatal(err)
	}
	r, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { r.Close() })
	writeFile(b.t, dir+"/criu", "#!/bin/sh\necho $$ >"+fifo+"\n"+then+"\nexec "+program+" \"$@\"\n")
	if err := os.Chmod(dir+"/criu", 0o755); err != nil {
		b.t.Fatal(err)
	}
	b.Env = append(b.Env, "PATH="+dir+":"+os.Getenv("PATH"))
	return func() int {
		b.t.Helper()
		var buf [32]byte
		n, err := r.Read(buf[:])
		pid, convErr := strconv.Atoi(strings.TrimSpace(string(buf[:n])))
		if err != nil || convErr != nil {
			b.t.Fatal(err, convErr)
		}
		return pid
	}
}

// A criu that does not answer its first request does not hold checkpoint and restore.
func TestEnds_by_a_signal_while_criu_does_not_answer(t *testing.T) {
	t.Parallel()
	requires(t, "criu", "rt:rung")
	c := dumpable(t, nil, "--line", "--report", "--exit", "0")
	next := c.criuOfOurs("kill -STOP $$")
	for _, sig := range endingSignals {
		f := c.foreground("checkpoint", "--image-path", c.images, c.ID)
		criu := next()
		f.wantInterrupted(sig)
		if !waitExit(t, criu, patience) {
			t.Errorf("%s: criu goes on", unix.SignalName(sig))
		}
		c.wantStatus("running")
	}
	c.Env = nil
	c.dump()
	for i, verb := range []string{"", "--detach"} {
		b := c.bundle
		b.criuOfOursAgain()
		f := b.foreground(strings.Fields("restore " + verb + " --image-path " + c.images + " --bundle " + b.Dir + " " + b.ID)...)
		criu := next()
		f.wantInterrupted(endingSignals[i])
		if !waitExit(t, criu, patience) {
			t.Error("restore: criu goes on")
		}
		b.wantNothing()
	}
	c.Env = nil
	c.restore()
	c.goesOn()
}

// criuOfOursAgain puts the program of criuOfOurs into PATH again.
func (b *bundle) criuOfOursAgain() {
	b.Env = []string{"PATH=" + filepath.Join(b.Dir, "criu-path") + ":" + os.Getenv("PATH")}
}

// goesOn checks that the container's process reads a line and answers.
func (c *checkpointed) goesOn() {
	c.t.Helper()
	c.say("still here")
	if line, _ := c.line(); !strings.Contains(line, "still here") {
		c.t.Errorf("the container says %q", line)
	}
}

// A signal in the middle of a dump: criu undoes it, or is killed where it cannot, as while a page server does not answer.
// Either way the container goes on, and can be dumped later.
func TestEnds_by_a_signal_in_a_dump(t *testing.T) {
	t.Parallel()
	requires(t, "criu", "rt:rung")
	for name, answer := range map[string]bool{"criu goes on": true, "criu is stuck": false} {
		t.Run(name, func(t *testing.T) {
			c := dumpable(t, nil, "--line", "--line", "--exit", "0")
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			f := c.foreground("checkpoint", "--image-path", c.images, "--page-server", listener.Addr().String(), c.ID)
			conn, err := listener.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			// criu has frozen the container, and waits for the server's answer
			if err := f.cmd.Process.Signal(unix.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if answer {
				conn.Close()
			}
			res := f.exit()
			want(t, "exit status", res.Exit, 128+int(unix.SIGTERM))
			if !strings.Contains(res.Stderr, "interrupted by SIGTERM") {
				t.Errorf("standard error: %q", res.Stderr)
			}
			c.wantStatus("running")
			c.goesOn()
			c.dump()
			c.wantGone()
		})
	}
}

// A signal in the middle of a restore, while criu stands still with an init half restored: nothing is left.
func TestEnds_by_a_signal_in_a_restore(t *testing.T) {
	t.Parallel()
	requires(t, "criu", "rt:rung")
	for i, verb := range []string{"", "--detach"} {
		t.Run("restore "+verb, func(t *testing.T) {
			c := dumpable(t, nil, "--line", "--exit", "0")
			c.dump()
			next := c.criuOfOurs("")
			start := c.hang("createRuntime", strings.Fields("restore "+verb+" --image-path "+c.images+" --bundle "+c.Dir+" "+c.ID)...)
			c.Spec.Process.Args = []string{"/probe", "--echo", "ready", "--line", "--exit", "0"}
			c.writeConfig()
			f, hook := start()
			criu := next()
			if err := unix.Kill(criu, unix.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			f.wantInterrupted(endingSignals[i])
			for _, pid := range []int{hook, criu} {
				if !waitExit(t, pid, patience) {
					t.Errorf("process %d goes on: %s", pid, fmt.Sprint(cmdline(pid)))
				}
			}
			c.bundle.wantNothing()
		})
	}
}
