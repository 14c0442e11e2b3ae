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

	"golang.org/x/sys/unix"
)

var (
	repository string // the top of the source tree
	program    string // the runtime under test
	scratch    string // for what the tests make
)

const insideEnv = "RUNG_DOCS_INSIDE"

// patience is how long one sample may take on a busy machine.
const patience = time.Minute

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	if os.Getenv(insideEnv) == "" {
		return anew()
	}
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
}

// anew runs the test program again in a mount namespace of its own, so that samples may use /srv and /run/rung. This
// process stays behind for what samples leave running: as init would, it waits for whatever has lost its parent.
func anew() int {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		fmt.Fprintln(os.Stderr, "tests in a mount namespace:", err)
		return 1
	}
	attr := &os.ProcAttr{Env: append(os.Environ(), insideEnv+"=1"), Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}}
	if os.Geteuid() == 0 {
		attr.Sys = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	}
	inner, err := os.StartProcess("/proc/self/exe", os.Args, attr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "tests in a mount namespace:", err)
		return 1
	}
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			fmt.Fprintln(os.Stderr, "tests in a mount namespace:", err)
			return 1
		case pid == inner.Pid:
			return status.ExitStatus()
		}
	}
}

func setUp() (err error) {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	repository = filepath.Dir(filepath.Dir(dir))
	if program = os.Getenv("RUNG"); program == "" {
		program = filepath.Join(repository, "rung")
	}
	if out, err := exec.Command(program, "--version").CombinedOutput(); err != nil {
		return fmt.Errorf("%s --version: %w\n%s", program, err, out)
	}
	if os.Geteuid() == 0 {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("make / private: %w", err)
		}
		for _, dir := range [...]string{"/srv", "/run"} {
			if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0755"); err != nil {
				return fmt.Errorf("mount a tmpfs on %s: %w", dir, err)
			}
		}
	}
	unix.Umask(0o022)
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
