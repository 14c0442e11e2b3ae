// Package docs tests what rung says of itself: that the examples of every help and the samples in every document do
// what they say, that the man pages are in order, and that shells complete.
//
//	RUNG  the runtime (default: rung at the top of the repository)
package docs

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rung-oci/rung/tests/subject"
	"golang.org/x/sys/unix"
)

var (
	repository string // the top of the source tree
	program    string // the runtime under test
	scratch    string // for what the tests make
)

// patience is how long one sample may take on a busy machine.
const patience = time.Minute

func TestMain(m *testing.M) {
	// samples may use /srv and /run/rung
	os.Exit(subject.Apart("RUNG_DOCS_INSIDE", func() int {
		if err := setUp(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		status := m.Run()
		if err := os.RemoveAll(scratch); err != nil {
			fmt.Fprintln(os.Stderr, "left behind:", err)
			status = 1
		}
		return status
	}))
}

func setUp() (err error) {
	if repository, err = subject.Repository(); err != nil {
		return err
	}
	if program, _, err = subject.Runtime(repository); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		for _, dir := range [...]string{"/srv", "/run"} {
			if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0755"); err != nil {
				return fmt.Errorf("mount a tmpfs on %s: %w", dir, err)
			}
		}
	}
	if scratch, err = os.MkdirTemp("", "rung-docs-"); err != nil {
		return err
	}
	bin := filepath.Join(scratch, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	if err := os.Symlink(program, filepath.Join(bin, "rung")); err != nil {
		return err
	}
	return os.Setenv("PATH", bin+":/usr/local/sbin:/usr/sbin:/sbin:"+os.Getenv("PATH"))
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}

func needCommand(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%v (make deps-test installs it)", err)
		}
	}
}

// shell runs a script in the directory: its output, both kinds together, and its exit status.
func shell(t *testing.T, dir, script string) (out string, status int) {
	t.Helper()
	return command(t, dir, "bash", "-c", script)
}

func command(t *testing.T, dir string, argv ...string) (out string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience) // cleanups use it, too
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	// What it has started, and not put into a container, ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	// Not a pipe: containers that go on in the background would keep it open.
	f, err := os.CreateTemp(scratch, "output")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	cmd.Stdout, cmd.Stderr = f, f
	err = cmd.Run()
	b, readErr := os.ReadFile(f.Name())
	if readErr != nil || cmd.ProcessState == nil {
		t.Fatal(err, readErr)
	}
	if ctx.Err() != nil {
		t.Fatalf("%q does not end within %v:\n%s", argv, patience, b)
	}
	return string(b), cmd.ProcessState.ExitCode()
}

// must is shell for what has to succeed.
func must(t *testing.T, dir, script string) string {
	t.Helper()
	out, status := shell(t, dir, "set -e\n"+script)
	if status != 0 {
		t.Fatalf("exit status %d of\n%s\n%s", status, script, out)
	}
	return out
}

// bundle makes a bundle with busybox as its root file system at the path, and a config in which the command runs
// without a terminal, in a control group that no other container of the host has.
func bundle(t *testing.T, path string, argv ...string) {
	t.Helper()
	rootfs(t, path)
	must(t, path, "rung spec")
	configure(t, path, func(text []byte) []byte {
		text = bytes.Replace(text, []byte(`"terminal": true`), []byte(`"terminal": false`), 1)
		group := "\"cgroupsPath\": \"/rung-docs-" + strconv.Itoa(os.Getpid()) + "-" + filepath.Base(path) + "\",\n\t\t\"namespaces\":"
		text = bytes.Replace(text, []byte(`"namespaces":`), []byte(group), 1)
		if len(argv) > 0 {
			text = bytes.Replace(text, []byte(`"sh"`), []byte(`"`+strings.Join(argv, `", "`)+`"`), 1)
		}
		return text
	})
}

// rootfs makes a root file system from busybox in the bundle.
func rootfs(t *testing.T, bundle string) {
	t.Helper()
	needCommand(t, "busybox")
	bin := filepath.Join(bundle, "rootfs", "bin")
	must(t, repository, `mkdir -p "`+bin+`" "`+bundle+`/rootfs/tmp" && cp "$(command -v busybox)" "`+bin+`/busybox"`)
	for _, applet := range strings.Fields(must(t, repository, "busybox --list")) {
		if err := os.Symlink("busybox", filepath.Join(bin, applet)); err != nil && applet != "busybox" {
			t.Fatal(err)
		}
	}
}

func configure(t *testing.T, bundle string, edit func([]byte) []byte) {
	t.Helper()
	name := filepath.Join(bundle, "config.json")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, edit(b), 0o644); err != nil {
		t.Fatal(err)
	}
}
