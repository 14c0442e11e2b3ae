// Package engines has whole engines use the runtime: Docker, containerd and its CRI, Podman, Buildah, each of them
// started for the tests alone and seen from where its users stand.
//
// The tests live in namespaces of their own (mounts, processes, network, cgroups), and below a cgroup of their own in
// every hierarchy: an engine of this machine, its containers and its addresses are neither seen nor touched. Nothing
// is fetched: images are made from busybox and from what this module compiles.
//
//	RUNG              the runtime to test, any with runc's command line (default: rung at the top of the repository)
//	RUNG_CGROUP_VIEW  v1 or v2: show the engines only the cgroup v1 hierarchies, or only the cgroup2 one
//	RUNG_LONG         not empty: also what takes longer than a minute
//	RUNG_TESTS_CACHE  where a Debian root file system is kept from run to run (default: /var/cache/rung-tests)
package engines

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rung-oci/rung/tests/subject"
	"golang.org/x/sys/unix"
)

// runtimePath is the runtime under test: where `make install` puts it, and the files of contrib name it.
const runtimePath = "/usr/local/sbin/rung"

var (
	repository string // the top of the source tree
	scratch    string // what engines keep on disk
)

// Where the test program is on its way into its namespaces, each stage a process of its own.
const (
	stageEnv   = "RUNG_ENGINES_STAGE"
	scratchEnv = "RUNG_ENGINES_SCRATCH"

	stageOuter = "outer" // makes what outlives the namespaces
	stageJoin  = "join"  // goes into the cgroups
	stageInit  = "init"  // process 1: mounts, and waits for whatever is orphaned
	stageTests = "tests" // runs the tests
)

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	scratch = os.Getenv(scratchEnv)
	var status int
	var err error
	switch os.Getenv(stageEnv) {
	case stageOuter:
		status, err = outer()
	case stageJoin:
		status, err = join()
	case stageInit:
		status, err = initProcess()
	case stageTests:
		if err = setUp(); err == nil {
			status = m.Run()
			err = stopShared()
		}
	default:
		if os.Geteuid() != 0 {
			return m.Run() // each test says that it needs root
		}
		status, err = outside()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "engines:", err)
		return 1
	}
	return status
}

// next starts the test program anew as a further stage.
func next(stage string, flags uintptr) (*exec.Cmd, error) {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), stageEnv+"="+stage, scratchEnv+"="+scratch)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags, Pdeathsig: unix.SIGKILL}
	return cmd, cmd.Start()
}

func outside() (status int, err error) {
	if err := makeStackRoot(); err != nil {
		return 1, err
	}
	if scratch, err = os.MkdirTemp("/var/tmp", "rung-engines-"); err != nil {
		return 1, err
	}
	// A file system below could only be there if the tests had put it into this namespace.
	defer func() {
		if rm := os.RemoveAll(scratch); rm != nil && err == nil {
			status, err = 1, fmt.Errorf("left behind: %w", rm)
		}
	}()
	if err := os.Chmod(scratch, 0o755); err != nil {
		return 1, err
	}
	return wait(next(stageOuter, unix.CLONE_NEWNS))
}

// outer makes cgroups for the tests in every hierarchy, and removes them in the end.
func outer() (status int, err error) {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return 1, fmt.Errorf("make / private: %w", err)
	}
	if err := mountMissing(filepath.Join(scratch, "cgroup")); err != nil {
		return 1, err
	}
	own := filepath.Base(scratch)
	tops := hierarchies()
	defer func() {
		for _, top := range tops {
			if rm := removeGroups(filepath.Join(top, own)); rm != nil && err == nil {
				status, err = 1, fmt.Errorf("cgroups are left: %w", rm)
			}
			if strings.HasPrefix(top, scratch) {
				_ = unix.Unmount(top, 0)
			}
		}
	}()
	for _, top := range tops {
		if err := os.Mkdir(filepath.Join(top, own), 0o755); err != nil {
			return 1, err
		}
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} { // cpuset of v1 lets nobody in before these are there
			b, err := os.ReadFile(filepath.Join(top, file))
			if err != nil || len(strings.TrimSpace(string(b))) == 0 {
				continue
			}
			if err := os.WriteFile(filepath.Join(top, own, file), b, 0o644); err != nil {
				return 1, err
			}
		}
	}
	return wait(next(stageJoin, 0))
}

func wait(cmd *exec.Cmd, err error) (int, error) {
	if err != nil {
		return 1, err
	}
	_ = cmd.Wait()
	return exitStatus(cmd.ProcessState), nil
}

// join puts this process into the tests' cgroups, which become the root of what its child sees.
func join() (int, error) {
	own := filepath.Base(scratch)
	for _, top := range hierarchies() {
		if err := os.WriteFile(filepath.Join(top, own, "cgroup.procs"), []byte("0"), 0); err != nil {
			return 1, err
		}
	}
	cmd, err := next(stageInit, unix.CLONE_NEWNS|unix.CLONE_NEWPID|unix.CLONE_NEWNET|unix.CLONE_NEWUTS|unix.CLONE_NEWIPC|unix.CLONE_NEWCGROUP)
	if err != nil {
		return 1, err
	}
	// And out again: as long as a process is in it, cgroup2 hands no controller on to the groups of containers.
	for _, top := range hierarchies() {
		if err := os.WriteFile(filepath.Join(top, "cgroup.procs"), []byte("0"), 0); err != nil {
			return 1, errors.Join(err, cmd.Process.Kill())
		}
	}
	return wait(cmd, nil)
}

// initProcess is process 1 of the tests' pid namespace. The namespace ends with it, and so does every engine.
func initProcess() (int, error) {
	if err := mounts(); err != nil {
		return 1, err
	}
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return 1, fmt.Errorf("ip link set lo up: %w: %s", err, out)
	}
	cmd, err := next(stageTests, 0)
	if err != nil {
		return 1, err
	}
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 1, err
		case pid == cmd.Process.Pid && status.Exited():
			return status.ExitStatus(), nil
		case pid == cmd.Process.Pid && status.Signaled():
			return 128 + int(status.Signal()), nil
		}
	}
}

func mounts() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make / private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := unix.Mount("run", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	for _, dir := range []string{"/run/lock", "/run/user"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	if err := mountGroups(os.Getenv("RUNG_CGROUP_VIEW")); err != nil {
		return err
	}
	// What engines read and what `make install` writes is changed for the tests alone. Their data lie on the disk:
	// overlayfs has no overlayfs for its upper layer.
	for _, dir := range []string{"/etc", "/usr/local"} {
		upper, work := filepath.Join(scratch, "upper", dir), filepath.Join(scratch, "work", dir)
		if err := errors.Join(os.MkdirAll(upper, 0o755), os.MkdirAll(work, 0o755)); err != nil {
			return err
		}
		if err := unix.Mount("overlay", dir, "overlay", 0, "lowerdir="+dir+",upperdir="+upper+",workdir="+work); err != nil {
			return fmt.Errorf("mount overlay at %s: %w", dir, err)
		}
	}
	lib := filepath.Join(scratch, "lib")
	if err := os.Mkdir(lib, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(lib, "/var/lib", "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind to /var/lib: %w", err)
	}
	if err := ownDevices(); err != nil {
		return err
	}
	return ownUsers()
}

// ownDevices lets the ordinary user have what it gets nearly everywhere: the devices of networks and of FUSE.
func ownDevices() error {
	for _, node := range []string{"/dev/net/tun", "/dev/fuse"} {
		var st unix.Stat_t
		if err := unix.Stat(node, &st); err != nil {
			continue // the test that needs it says so
		}
		own := filepath.Join(scratch, filepath.Base(node))
		if err := unix.Mknod(own, unix.S_IFCHR, int(st.Rdev)); err != nil {
			return fmt.Errorf("mknod %s: %w", own, err)
		}
		if err := os.Chmod(own, 0o666); err != nil {
			return err
		}
		if err := unix.Mount(own, node, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind to %s: %w", node, err)
		}
	}
	return nil
}

// The ordinary user that rootless engines run as, and the ids that belong to it and to others.
const (
	userName = "ladder"
	userID   = 4242
	users    = userName + ":x:4242:4242::%s:/bin/sh\n"
	subIDs   = userName + ":300000:65536\nnobody:200000:65536\nnogroup:200000:65536\ncontainers:500000:1000000\n"
)

// ownUsers adds them to the tests' account files.
func ownUsers() error {
	home := filepath.Join(scratch, "home")
	for name, more := range map[string]string{
		"passwd": fmt.Sprintf(users, home), "group": userName + ":x:4242:\n", "subuid": subIDs, "subgid": subIDs,
	} {
		var b []byte
		if !strings.HasPrefix(name, "sub") {
			var err error
			if b, err = os.ReadFile("/etc/" + name); err != nil {
				return err
			}
		}
		if err := os.WriteFile("/etc/"+name, append(b, more...), 0o644); err != nil {
			return err
		}
	}
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	return os.Chown(home, userID, userID)
}

func setUp() (err error) {
	if repository, err = subject.Repository(); err != nil {
		return err
	}
	install := exec.Command("make", "-s", "install-files")
	install.Dir = repository
	if out, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("make install-files: %w\n%s", err, out)
	}
	given := os.Getenv("RUNG")
	if given == "" {
		given = filepath.Join(repository, "rung")
	}
	b, err := os.ReadFile(given)
	if err != nil {
		return fmt.Errorf("the runtime to test: %w", err)
	}
	if err := os.WriteFile(runtimePath, b, 0o755); err != nil {
		return err
	}
	if out, err := exec.Command(runtimePath, "--version").CombinedOutput(); err != nil {
		return fmt.Errorf("%s --version: %w\n%s", given, err, out)
	}
	if err := os.Mkdir(filepath.Join(scratch, "tmp"), 0o1777); err != nil {
		return err
	}
	unix.Umask(0o022)
	return os.Setenv("PATH", "/usr/local/sbin:/usr/local/go/bin:/usr/sbin:/usr/bin:/sbin:/bin")
}

// configure runs what docs/engines.md tells the users of an engine to do, all but what asks a service manager.
func configure(engine string) error {
	b, err := os.ReadFile(filepath.Join(repository, "docs/engines.md"))
	if err != nil {
		return err
	}
	_, chapter, _ := strings.Cut(string(b), "\n## "+engine+"\n")
	_, block, _ := strings.Cut(chapter, "\n```sh\n")
	block, _, found := strings.Cut(block, "\n```")
	if !found {
		return fmt.Errorf("docs/engines.md has no commands for %s", engine)
	}
	for line := range strings.Lines(block) {
		if strings.HasPrefix(line, "systemctl ") {
			continue
		}
		if out, err := exec.Command("sh", "-ec", line).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", line, err, out)
		}
	}
	return nil
}

func exitStatus(s *os.ProcessState) int {
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return s.ExitCode()
}
