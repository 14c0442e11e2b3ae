// Package acceptance tests what people do with a runtime: a whole Debian with a network, the demo, an engine. What it
// needs and cannot make, debootstrap or an engine, is installed by `make deps-test`.
//
//	RUNG              the runtime to test, any with runc's command line (default: rung at the top of the repository)
//	RUNG_TESTS_CACHE  where the Debian root file system is kept from run to run (default: /var/cache/rung-tests)
package acceptance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

var (
	runtimePath string // the runtime under test
	repository  string // the top of the source tree
	scratch     string // where this run keeps its bundles, on disk: an upper layer of overlayfs wants that
)

const insideEnv = "RUNG_ACCEPTANCE_INSIDE"

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
		fmt.Fprintln(os.Stderr, "bundles are left:", err)
		status = 1
	}
	return status
}

// anew runs the test program again in a mount namespace of its own: what the tests mount ends with them.
func anew() int {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideEnv+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	}
	err := cmd.Run()
	if cmd.ProcessState == nil {
		fmt.Fprintln(os.Stderr, "acceptance tests in a mount namespace:", err)
		return 1
	}
	return cmd.ProcessState.ExitCode()
}

func setUp() (err error) {
	if repository, err = top(); err != nil {
		return err
	}
	runtimePath = os.Getenv("RUNG")
	if runtimePath == "" {
		runtimePath = filepath.Join(repository, "rung")
	}
	if out, err := exec.Command(runtimePath, "--version").CombinedOutput(); err != nil {
		return fmt.Errorf("%s --version: %w\n%s", runtimePath, err, out)
	}
	if os.Geteuid() == 0 {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("make / private: %w", err)
		}
	}
	// A container's init belongs to this process when the runtime has ended, so that it can be waited for.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return err
	}
	unix.Umask(0o022)
	if scratch, err = os.MkdirTemp("/var/tmp", "rung-acceptance-"); err != nil {
		return err
	}
	return os.Chmod(scratch, 0o755)
}

// top is the nearest directory upwards with a go.mod.
func top() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("no go.mod upwards of the tests")
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
