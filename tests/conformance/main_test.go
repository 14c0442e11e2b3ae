// Package conformance holds the runtime against others' word on what a container is: TestPrograms against the validation
// programs of the Open Container Initiative (github.com/opencontainers/runtime-tools, pinned in suite/go.mod) and the
// file expected; TestDifferential against runc and crun, where they are installed, with the configs that the file
// mutations makes, and the file differences.
//
// Each program runs in namespaces of its own (mount, pid, cgroup), with a /run of its own, where its bundles are too, and in
// control groups of its own, so that programs that ask for one and the same cgroupsPath run side by side, and nothing
// can be left behind. The programs know cgroup v1 alone: they see the v1 hierarchies of the host, those that it has but
// does not mount (net_cls, net_prio, perf_event), and no cgroup2.
//
// The environment that matters:
//
//	RUNG              the runtime to test (default: rung at the top of the repository)
//	RUNG_CONFORMANCE  show: print what each program said
//
// and the flags -diff.cases, -diff.seed and -diff.case (go test ./tests/conformance -run Differential -diff.cases 2000).
package conformance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/rung-oci/rung/tests/subject"
)

var (
	runtimePath string // the runtime under test
	repository  string // the top of the source tree
	suiteDir    string // where the programs are, with what they want in their working directory
	programs    []string
)

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	switch os.Getenv(stageEnv) {
	case "program":
		return stageProgram(os.Args[1:])
	case "":
	}
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "not root: the validation programs are left out")
		return 0
	}
	if err := setUp(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := enterHierarchies(); err != nil {
		fmt.Fprintln(os.Stderr, "control groups for the programs:", err)
		return 1
	}
	status := m.Run()
	if err := leaveGroups(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	return status
}

// setUp finds the runtime and builds the programs.
func setUp() error {
	var err error
	if repository, err = subject.Repository(); err != nil {
		return err
	}
	if runtimePath, _, err = subject.Runtime(repository); err != nil {
		return err
	}
	suiteDir = filepath.Join(repository, "bin/conformance")
	return nil
}

// buildSuite builds every tool that suite/go.mod names into bin/conformance; the go command does no work twice. The
// programs unpack a root file system that they expect in their working directory.
func buildSuite() error {
	if err := os.MkdirAll(suiteDir, 0o755); err != nil {
		return err
	}
	in := filepath.Join(repository, "tests/conformance/suite")
	goTool := func(args ...string) ([]byte, error) {
		cmd := exec.Command("go", args...)
		cmd.Dir = in
		// static: runtimetest runs on the root file system of the suite
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
		cmd.Stderr = new(strings.Builder)
		out, err := cmd.Output()
		if err != nil {
			err = fmt.Errorf("go %s in tests/conformance/suite: %w\n%s", strings.Join(args, " "), err, cmd.Stderr)
		}
		return out, err
	}
	if _, err := goTool("build", "-trimpath", "-o", suiteDir+"/", "tool"); err != nil {
		return err
	}
	out, err := goTool("list", "-f", "{{.ImportPath}}", "tool")
	if err != nil {
		return err
	}
	for line := range strings.FieldsSeq(string(out)) {
		if strings.Contains(line, "/validation/") {
			programs = append(programs, filepath.Base(line))
		}
	}
	out, err = goTool("list", "-m", "-f", "{{.Dir}}", "github.com/opencontainers/runtime-tools")
	if err != nil {
		return err
	}
	image := "rootfs-" + runtime.GOARCH + ".tar.gz"
	b, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), image))
	if err != nil {
		return fmt.Errorf("the suite has no root file system for this architecture: %w", err)
	}
	return os.WriteFile(filepath.Join(suiteDir, image), b, 0o644)
}
