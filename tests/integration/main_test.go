// Package integration tests the runtime from outside: every test makes a bundle, has the runtime run it, and looks from
// inside, with tests/cmd/probe, at what the container really has.
//
// The environment that matters:
//
//	RUNG              the runtime to test, any with runc's command line (default: rung at the top of the repository)
//	RUNG_CGROUP_VIEW  v1 or v2: show the tests and the runtime only the cgroup v1 hierarchies, or only the cgroup2 one
//	RUNG_TESTS_MUST   words of requires, separated by commas: a test that lacks one of these fails, and is not skipped
//	RUNG_SKIP_LOG     a file to append one line to for each skipped test: "TEST: what is missing"
//	RUNG_RACE_TIME    how long each race of an attack (TestCVE_…) is run: 1m, say
//	RUNG_TESTS_PATIENCE  how long whatever is waited for may take, where 20s is not enough
//	RUNG_SKIP_KIND    the kind of host in that file, when the cgroup hierarchies do not tell it: vm
//	RUNG_SKIP_BUDGET  the file tests/skip-budget: fail when more is skipped than it allows for this kind of host
package integration

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rung-oci/rung/tests/subject"
	"golang.org/x/sys/unix"
)

var (
	runtimePath    string // the runtime under test
	runtimeName    string // rung, runc or crun: what its --version begins with
	runtimeVersion string // the first line of its --version
	probePath      string // the static program that containers run
	base           string // where this run keeps its bundles
	repository     string // the top of the source tree
)

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	if os.Getenv(stageEnv) != "" {
		return stage(os.Getenv(stageEnv))
	}
	if view := os.Getenv("RUNG_CGROUP_VIEW"); view != "" {
		if err := enterCgroupView(view); err != nil {
			fmt.Fprintf(os.Stderr, "RUNG_CGROUP_VIEW=%s: %v\n", view, err)
			return 1
		}
	}
	if err := setUp(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	status := m.Run()
	reportRows()
	reportFaults()
	reportRefusals()
	if err := os.RemoveAll(base); err != nil {
		fmt.Fprintln(os.Stderr, "bundles are left:", err)
		status = 1
	}
	if err := checkSkips(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	return status
}

func setUp() error {
	var err error
	if repository, err = subject.Repository(); err != nil {
		return err
	}
	if out, err := exec.Command(filepath.Join(repository, "tests/cmd/build")).CombinedOutput(); err != nil {
		return fmt.Errorf("tests/cmd/build: %w\n%s", err, out)
	}
	probePath = filepath.Join(repository, "tests/bin/probe")
	if runtimePath, runtimeVersion, err = subject.Runtime(repository); err != nil {
		return err
	}
	runtimeName, _, _ = strings.Cut(runtimeVersion, " ")

	if os.Getenv(aloneEnv) == "" { // in a PID namespace the pids of other runs mean nothing
		sweep()
	}
	if base, err = os.MkdirTemp("", "rung-it-"); err != nil {
		return err
	}
	// Mapped users have to reach the bundles.
	if err := os.Chmod(base, 0o755); err != nil {
		return err
	}
	if runtimePath, err = reachable(runtimePath, base); err != nil {
		return err
	}
	// Containers whose creator has ended become children of the tests, which see how they end.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return err
	}
	// The caller's mask and signals are part of what a container inherits. Under nohup(1) the tests ignore SIGHUP; what a
	// program catches, its children do not ignore.
	unix.Umask(0o022)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, unix.SIGHUP)
	go func() {
		<-hangup
		os.Exit(128 + int(unix.SIGHUP))
	}()
	return nil
}

// reachable is file, or a copy of it in dir when a directory above it, as /root, is closed to other users.
func reachable(file, dir string) (string, error) {
	for up := filepath.Dir(file); ; up = filepath.Dir(up) {
		info, err := os.Stat(up)
		if err != nil {
			return "", err
		}
		if info.Mode()&0o001 == 0 {
			break
		}
		if up == "/" || up == "." {
			return file, nil
		}
	}
	all, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	file = filepath.Join(dir, filepath.Base(file))
	return file, os.WriteFile(file, all, 0o755)
}

const viewDone = "RUNG_CGROUP_VIEW_DONE"

// enterCgroupView starts the test program anew in a mount namespace of its own, in which /sys/fs/cgroup shows one kind
// of hierarchy. The host's mounts stay as they are.
func enterCgroupView(view string) error {
	if os.Getenv(viewDone) != "" {
		return os.Unsetenv(viewDone)
	}
	const top = "/sys/fs/cgroup"
	kind := cgroupKind()
	if kind == view {
		return nil
	}
	if kind != "hybrid" {
		return fmt.Errorf("this host shows cgroup %s only", kind)
	}
	// From unshare(2) on, this thread sees other mounts than the rest of the process. It is the one that execs.
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	keep, err := os.MkdirTemp("", "cgview-")
	if err != nil {
		return err
	}
	type step struct {
		what string
		err  error
	}
	steps := []step{{"make / private", unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")}}
	do := func(what string, err error) { steps = append(steps, step{what, err}) }
	switch view {
	case "v2":
		do("bind "+top+"/unified", unix.Mount(top+"/unified", keep, "", unix.MS_BIND, ""))
		do("umount "+top, unix.Unmount(top, unix.MNT_DETACH))
		do("bind to "+top, unix.Mount(keep, top, "", unix.MS_BIND, ""))
	case "v1":
		do("bind "+top, unix.Mount(top, keep, "", unix.MS_BIND|unix.MS_REC, ""))
		do("umount "+top, unix.Unmount(top, unix.MNT_DETACH))
		do("mount tmpfs", unix.Mount("cgroup", top, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=755"))
		entries, err := os.ReadDir(keep)
		do("list", err)
		for _, e := range entries {
			from, to := filepath.Join(keep, e.Name()), filepath.Join(top, e.Name())
			switch {
			case e.Name() == "unified":
			case e.Type()&os.ModeSymlink != 0:
				link, err := os.Readlink(from)
				do("readlink", err)
				do("symlink "+to, os.Symlink(link, to))
			case e.IsDir() && isCgroupFS(from): // a plain one may have been left by somebody who mounted there
				do("mkdir "+to, os.Mkdir(to, 0o755))
				do("bind "+to, unix.Mount(from, to, "", unix.MS_BIND, ""))
			}
		}
	default:
		return fmt.Errorf("a view is v1 or v2")
	}
	do("umount "+keep, unix.Unmount(keep, unix.MNT_DETACH))
	do("rmdir "+keep, os.Remove(keep))
	for _, s := range steps {
		if s.err != nil {
			return fmt.Errorf("%s: %w", s.what, s.err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return unix.Exec(self, os.Args, append(os.Environ(), viewDone+"=1"))
}

func isCgroupFS(dir string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(dir, &fs) == nil && fs.Type == unix.CGROUP_SUPER_MAGIC
}

// cgroupKind is what is mounted at /sys/fs/cgroup: v1, v2, or hybrid, which is v1 with a cgroup2 mount at unified.
func cgroupKind() string {
	var fs unix.Statfs_t
	if err := unix.Statfs("/sys/fs/cgroup", &fs); err == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC {
		return "v2"
	}
	if err := unix.Statfs("/sys/fs/cgroup/unified", &fs); err == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC {
		return "hybrid"
	}
	return "v1"
}

var serial atomic.Int64

// newID makes a container id that no other test of this machine uses.
func newID() string {
	return fmt.Sprintf("rit-%s-%d", cmp.Or(os.Getenv(aloneEnv), itoa(os.Getpid())), serial.Add(1))
}

// words splits at commas and blanks.
func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' })
}
