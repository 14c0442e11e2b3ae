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
	"testing"

	"github.com/rung-oci/rung/tests/subject"
	"golang.org/x/sys/unix"
)

var (
	runtimePath string // the runtime under test
	repository  string // the top of the source tree
	scratch     string // where this run keeps its bundles, on disk: an upper layer of overlayfs wants that
)

func TestMain(m *testing.M) {
	os.Exit(subject.Apart("RUNG_ACCEPTANCE_INSIDE", func() int {
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
	}))
}

func setUp() (err error) {
	if repository, err = subject.Repository(); err != nil {
		return err
	}
	if runtimePath, _, err = subject.Runtime(repository); err != nil {
		return err
	}
	// A container's init belongs to this process when the runtime has ended, so that it can be waited for.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return err
	}
	if scratch, err = os.MkdirTemp("/var/tmp", "rung-acceptance-"); err != nil {
		return err
	}
	return os.Chmod(scratch, 0o755)
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
