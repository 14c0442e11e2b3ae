package integration

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// untilReaderLeaves starts a command on a terminal of its own as standard input, with a pipe as output, reads one line
// and closes the pipe.
func (b *bundle) untilReaderLeaves(cmd *exec.Cmd) Result {
	b.t.Helper()
	_, slave := openPTY(b.t)
	r, w, err := os.Pipe()
	if err != nil {
		b.t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, w, slave
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
	w.Close()
	if _, err := r.Read(make([]byte, 1)); err != nil {
		b.t.Fatal(err)
	}
	r.Close()
	return waitFor(b.t, cmd)
}

// "exec -t ID yes | head -1" ends: the terminal hangs up when nobody reads what comes out of it.
func TestTerminal_hangs_up_when_nobody_reads(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "command:busybox")
	b := newBundle(t)
	copyFile(t, lookPath(t, "busybox"), b.Rootfs+"/busybox", 0o755)
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	c := b.runDetached()
	t.Run("exec", func(t *testing.T) {
		got := c.untilReaderLeaves(c.command("exec", "--tty", c.ID, "/busybox", "yes"))
		want(t, "exit status", got.Exit, 128+int(unix.SIGHUP))
	})
	t.Run("exec, SIGHUP ignored", func(t *testing.T) {
		got := c.untilReaderLeaves(c.command("exec", "--tty", c.ID, "/busybox", "sh", "-c", "trap '' HUP; while echo y; do :; done; exit 9"))
		want(t, "exit status", got.Exit, 9)
	})
	t.Run("run", func(t *testing.T) {
		o := b.another()
		copyFile(t, lookPath(t, "busybox"), o.Rootfs+"/busybox", 0o755)
		o.Spec.Process.Terminal = true
		// the first process of a pid namespace gets no SIGHUP that it does not handle: its writes fail
		o.Spec.Process.Args = []string{"/busybox", "sh", "-c", "while echo y; do :; done; exit 9"}
		o.writeConfig()
		got := o.untilReaderLeaves(o.command("run", "--bundle", o.Dir, o.ID))
		want(t, "exit status", got.Exit, 9)
	})
}
