package engines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// line is a step of a dialogue: wait for this text, then type that one.
type line struct{ wait, send string }

// dialogue runs a command with a terminal of 33 rows and 99 columns, and returns what it showed and its exit status.
func (c *client) dialogue(t *testing.T, steps []line, arg ...string) (string, int) {
	t.Helper()
	ptm, pts := openTerminal(t)
	defer ptm.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := c.cmd(ctx, arg)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = pts, pts, pts
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	if c.user {
		if err := pts.Chown(userID, userID); err != nil {
			t.Fatal(err)
		}
	}
	err := cmd.Start()
	pts.Close()
	if err != nil {
		t.Fatal(err)
	}
	var seen bytes.Buffer
	part := make([]byte, 4096)
	for from := 0; ; {
		for len(steps) > 0 {
			i := strings.Index(seen.String()[from:], steps[0].wait)
			if i < 0 {
				break
			}
			from += i + len(steps[0].wait)
			if _, err := ptm.WriteString(steps[0].send); err != nil {
				t.Fatal(err)
			}
			steps = steps[1:]
		}
		n, err := ptm.Read(part)
		seen.Write(part[:n])
		if err != nil {
			break // EIO: nobody has the other side any more
		}
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("%s: %v, %v: %s", strings.Join(cmd.Args, " "), err, ctx.Err(), seen.String())
	}
	if len(steps) > 0 {
		t.Errorf("%s: never showed %q: %s", strings.Join(cmd.Args, " "), steps[0].wait, seen.String())
	}
	return seen.String(), exitStatus(cmd.ProcessState)
}

func openTerminal(t *testing.T) (ptm, pts *os.File) {
	t.Helper()
	ptm, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(ptm.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatalf("TIOCSPTLCK: %v", err)
	}
	n, err := unix.IoctlGetInt(int(ptm.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatalf("TIOCGPTN: %v", err)
	}
	if pts, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(pts.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 33, Col: 99}); err != nil {
		t.Fatalf("TIOCSWINSZ: %v", err)
	}
	_ = ptm.SetReadDeadline(time.Now().Add(patience))
	return ptm, pts
}

// askBack is what the dialogues have a shell do: it adds to what is typed, and ends with what is typed. Engines give the
// terminal its size once the program runs; before, it has none, and stty says nothing.
const askBack = `while s=$(stty size 2>/dev/null); [ -z "$s" ]; do :; done; echo $s ready; read x; echo sum $((x+2)) end; read y; exit $y`

// talk has that dialogue through a command of the client, and looks at what comes of it.
func (c *client) talk(t *testing.T, arg ...string) {
	t.Helper()
	out, status := c.dialogue(t, []line{{"ready", "40\r"}, {"sum 42 end", "7\r"}}, arg...)
	if status != 7 || !strings.Contains(out, "33 99") {
		t.Errorf("exit status %d, want 7; a terminal of 33 99: %s", status, out)
	}
}
