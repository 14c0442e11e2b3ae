package conformance

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// stageEnv makes the test program do one thing in a process of its own, where it can spoil its namespaces, and end.
	stageEnv = "RUNG_CONFORMANCE_STAGE"
	// enteredEnv says that the test program is in its own mount namespace already.
	enteredEnv = "RUNG_CONFORMANCE_ENTERED"
	// borrowedEnv names the hierarchies that were not there before, which are taken away again.
	borrowedEnv = "RUNG_CONFORMANCE_BORROWED"
	cgroupTop   = "/sys/fs/cgroup"
	// bundles is where the programs make theirs: below the /run that each has for itself.
	bundles = "/run/bundles"
	// groupPrefix begins the names of the groups of a run; the pid of the run follows.
	groupPrefix = "rung-conformance-"
)

// controllers are the v1 hierarchies of a host. One that it does not have, or that cgroup2 holds, is left out.
func controllers() []string {
	return []string{"cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "hugetlb", "net_cls", "net_prio", "perf_event"}
}

// mountHierarchies puts v1 hierarchies, and no cgroup2, at /sys/fs/cgroup of the calling thread's mount namespace. The
// top of each mount is the group that is the root of the thread's cgroup namespace.
func mountHierarchies(names []string) ([]string, error) {
	for unix.Unmount(cgroupTop, unix.MNT_DETACH) == nil {
	}
	if err := unix.Mount("cgroup", cgroupTop, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=755"); err != nil {
		return nil, fmt.Errorf("mount tmpfs to %s: %w", cgroupTop, err)
	}
	var have []string
	for _, name := range names {
		dir := filepath.Join(cgroupTop, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return nil, err
		}
		data := name
		if name == "systemd" {
			data = "none,name=systemd"
		}
		err := unix.Mount("cgroup", dir, "cgroup", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, data)
		switch {
		case err == nil:
			have = append(have, name)
		case errors.Is(err, unix.EBUSY), errors.Is(err, unix.ENOENT), errors.Is(err, unix.EINVAL):
			// Another hierarchy has it, or the kernel does not.
			if err := os.Remove(dir); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("mount -t cgroup -o %s: %w", data, err)
		}
	}
	return have, nil
}

// enterHierarchies starts the test program anew in a mount namespace of its own that shows v1 hierarchies alone, each
// with a group for this run. The host's mounts stay as they are.
func enterHierarchies() error {
	if os.Getenv(enteredEnv) != "" {
		sweepGroups()
		return makeGroups(ownGroup())
	}
	// From unshare(2) on, this thread sees other mounts than the rest of the process. It is the one that execs.
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make / private: %w", err)
	}
	names := append(controllers(), "systemd")
	alive := map[string]bool{}
	for _, name := range names {
		var err error
		if alive[name], err = hierarchyAlive(name); err != nil {
			return err
		}
	}
	have, err := mountHierarchies(names)
	if err != nil {
		return err
	}
	borrowed := slices.DeleteFunc(have, func(name string) bool { return name == "systemd" || alive[name] })
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return unix.Exec(self, os.Args, append(os.Environ(), enteredEnv+"=1", borrowedEnv+"="+strings.Join(borrowed, ",")))
}

func ownGroup() string { return groupPrefix + strconv.Itoa(os.Getpid()) }

// hierarchies names what mountHierarchies has mounted.
func hierarchies() ([]string, error) {
	entries, err := os.ReadDir(cgroupTop)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}

// makeGroups makes a group of that name in each hierarchy, fit to hold processes.
func makeGroups(name string) error {
	names, err := hierarchies()
	if err != nil {
		return err
	}
	for _, h := range names {
		dir := filepath.Join(cgroupTop, h, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if h != "cpuset" {
			continue
		}
		// A cpuset without processors and memory nodes takes no process (cpusets(7)).
		for _, f := range []string{"cpuset.cpus", "cpuset.mems"} {
			b, err := os.ReadFile(filepath.Join(filepath.Dir(dir), f))
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, f), b, 0); err != nil {
				return fmt.Errorf("%s of %s: %w", f, name, err)
			}
		}
	}
	return nil
}

// removeGroups removes a tree of groups from each hierarchy. Members that have just been killed keep a group for a moment.
func removeGroups(name string) error {
	names, err := hierarchies()
	if err != nil {
		return err
	}
	var left []error
	for _, h := range names {
		var dirs []string
		_ = filepath.WalkDir(filepath.Join(cgroupTop, h, name), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		for i := len(dirs) - 1; i >= 0; i-- {
			if err := removeGroup(dirs[i]); err != nil {
				left = append(left, err)
			}
		}
	}
	return errors.Join(left...)
}

func removeGroup(dir string) error {
	for deadline := time.Now().Add(time.Minute); ; {
		err := unix.Rmdir(dir)
		if err == nil || errors.Is(err, unix.ENOENT) {
			return nil
		}
		if !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			return fmt.Errorf("rmdir %s: %w", dir, err)
		}
		time.Sleep(10 * time.Millisecond) // v1 says nothing when a group becomes empty
	}
}

func leaveGroups() error { return errors.Join(removeGroups(ownGroup()), releaseHierarchies()) }

// releaseHierarchies unmounts the hierarchies that the host does not mount. The kernel takes one away with its last
// mount, but not while a group below it is still on its way out: then it stays, without a mount, and every process of
// the host is said to be in it. Mounting it once more, and unmounting it, is what helps.
func releaseHierarchies() error {
	var left []error
	for name := range strings.SplitSeq(os.Getenv(borrowedEnv), ",") {
		if name == "" {
			continue
		}
		dir := filepath.Join(cgroupTop, name)
		alive := true
		var err error
		for try := 0; alive && try < 4; try++ {
			if try > 0 {
				if err = unix.Mount("cgroup", dir, "cgroup", 0, name); err != nil {
					break
				}
			}
			if err = unix.Unmount(dir, 0); err != nil {
				break
			}
			// It goes a moment after its last mount, and nothing says when.
			for deadline := time.Now().Add(time.Minute); alive && err == nil && time.Now().Before(deadline); {
				time.Sleep(10 * time.Millisecond)
				alive, err = hierarchyAlive(name)
			}
		}
		switch {
		case err != nil:
			left = append(left, fmt.Errorf("unmount the v1 hierarchy of %s: %w", name, err))
		case alive:
			// Somebody else may have mounted it meanwhile, who will have to do the same.
			fmt.Fprintf(os.Stderr, "the v1 hierarchy of %s is still there\n", name)
		}
	}
	return errors.Join(left...)
}

// hierarchyAlive is whether a controller is in a v1 hierarchy: every process is in a group of each of those.
func hierarchyAlive(name string) (bool, error) {
	b, err := os.ReadFile("/proc/self/cgroup")
	return strings.Contains(string(b), ":"+name+":"), err
}

// sweepGroups removes the groups of runs that were killed.
func sweepGroups() {
	names, _ := hierarchies()
	for _, h := range names {
		old, _ := filepath.Glob(filepath.Join(cgroupTop, h, groupPrefix+"*"))
		for _, dir := range old {
			name := filepath.Base(dir)
			if pid, err := strconv.Atoi(strings.TrimPrefix(name, groupPrefix)); err == nil && unix.Kill(pid, 0) == unix.ESRCH {
				_ = removeGroups(name)
			}
		}
	}
}

// stageProgram is process 1 of a program's pid namespace: it arranges the namespaces, runs the program, reaps what
// becomes of it, and ends as it ended. The kernel kills what is left.
func stageProgram(args []string) int {
	runtime.LockOSThread()
	group, argv := args[0], args[1:]
	err := func() error {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("make / private: %w", err)
		}
		names, err := hierarchies()
		if err != nil {
			return err
		}
		for _, h := range names {
			if err := os.WriteFile(filepath.Join(cgroupTop, h, group, "cgroup.procs"), []byte("0"), 0); err != nil {
				return err
			}
		}
		if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		if _, err := mountHierarchies(names); err != nil {
			return err
		}
		for _, m := range []struct{ fs, dir, data string }{
			{"proc", "/proc", ""}, {"tmpfs", "/run", "mode=755"},
		} {
			if err := unix.Mount(m.fs, m.dir, m.fs, unix.MS_NOSUID|unix.MS_NODEV, m.data); err != nil {
				return fmt.Errorf("mount %s to %s: %w", m.fs, m.dir, err)
			}
		}
		return os.Mkdir(bundles, 0o755)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "stage:", err)
		return 125
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "stage:", err)
		return 125
	}
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			fmt.Fprintln(os.Stderr, "stage: wait:", err)
			return 125
		case pid == cmd.Process.Pid && status.Signaled():
			return 128 + int(status.Signal())
		case pid == cmd.Process.Pid:
			return status.ExitStatus()
		}
	}
}
