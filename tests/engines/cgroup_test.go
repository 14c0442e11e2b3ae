package engines

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const groupsTop = "/sys/fs/cgroup"

// hierarchies is where cgroup hierarchies are mounted.
func hierarchies() (list []string) {
	for _, m := range groupMounts() {
		list = append(list, m.at)
	}
	return list
}

// mountMissing mounts below dir the v1 hierarchies that are alive and mounted nowhere: what a process is in, engines
// expect to find mounted.
func mountMissing(dir string) error {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return err
	}
	have := ","
	for _, m := range groupMounts() {
		have += m.options + ","
	}
	for line := range strings.Lines(string(b)) {
		w := strings.SplitN(line, ":", 3)
		first, _, _ := strings.Cut(w[1], ",")
		if first == "" || strings.Contains(have, ","+first+",") {
			continue
		}
		at := filepath.Join(dir, w[1])
		if err := os.MkdirAll(at, 0o755); err != nil {
			return err
		}
		// One whose last mount is just going away cannot be had any more, nor will it be missed.
		if err := unix.Mount("cgroup", at, "cgroup", 0, w[1]); err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mount %s at %s: %w", w[1], at, err)
		}
	}
	return nil
}

// groupMount is one mount of a cgroup hierarchy.
type groupMount struct{ at, kind, options string }

func groupMounts() (list []groupMount) {
	f, err := os.Open("/proc/self/mounts")
	if err != nil {
		return nil
	}
	defer f.Close()
	for in := bufio.NewScanner(f); in.Scan(); {
		w := strings.Fields(in.Text())
		if len(w) < 4 || w[2] != "cgroup" && w[2] != "cgroup2" {
			continue
		}
		// What is no controller is an option of any mount.
		var names []string
		for o := range strings.SplitSeq(w[3], ",") {
			if !slices.Contains([]string{"rw", "relatime", "nosuid", "nodev", "noexec", "nsdelegate", "memory_recursiveprot", "seclabel"}, o) {
				names = append(names, o)
			}
		}
		if len(names) == 1 && strings.HasPrefix(names[0], "name=") {
			names = append(names, "none")
		}
		list = append(list, groupMount{w[1], w[2], strings.Join(names, ",")})
	}
	return list
}

// mountGroups shows at /sys/fs/cgroup what the cgroup namespace has as its root, of one kind of hierarchy or of both.
func mountGroups(view string) error {
	const top = groupsTop
	old := groupMounts()
	links, err := filepath.Glob(top + "/*")
	if err != nil {
		return err
	}
	targets := map[string]string{}
	for _, l := range links {
		if to, err := os.Readlink(l); err == nil {
			targets[l] = to
		}
	}
	pure := slices.ContainsFunc(old, func(m groupMount) bool { return m.at == top })
	if err := unix.Unmount(top, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("umount %s: %w", top, err)
	}
	if pure || view == "v2" {
		if err := unix.Mount("cgroup2", top, "cgroup2", 0, ""); err != nil {
			return fmt.Errorf("mount cgroup2: %w", err)
		}
		return leaveRoot(top)
	}
	if err := unix.Mount("cgroup", top, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=755"); err != nil {
		return fmt.Errorf("mount tmpfs: %w", err)
	}
	for _, m := range old {
		if m.kind == "cgroup2" && view == "v1" {
			continue
		}
		at := filepath.Join(top, filepath.Base(m.at))
		if err := os.Mkdir(at, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, at, m.kind, 0, m.options); err != nil {
			return fmt.Errorf("mount %s %q at %s: %w", m.kind, m.options, at, err)
		}
		if at != m.at {
			if err := unix.Unmount(m.at, unix.MNT_DETACH); err != nil {
				return fmt.Errorf("umount %s: %w", m.at, err)
			}
		}
	}
	for at, to := range targets {
		if err := os.Symlink(to, at); err != nil {
			return err
		}
	}
	return nil
}

// leaveRoot moves this process out of the root of cgroup2, whose controllers could not be turned on for containers
// otherwise (cgroup-v2.rst, No Internal Process Constraint).
func leaveRoot(top string) error {
	dir := filepath.Join(top, "tests")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("0"), 0)
}

// removeGroups removes a cgroup and those below it.
func removeGroups(dir string) error {
	var dirs []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var failed error
	for _, d := range slices.Backward(dirs) {
		if err := unix.Rmdir(d); err != nil && !errors.Is(err, unix.ENOENT) {
			failed = fmt.Errorf("rmdir %s: %w", d, err)
		}
	}
	return failed
}

// containerGroups is the cgroups that belong to containers, in all hierarchies: engines name them by 64 hex digits.
func containerGroups() (found []string) {
	id := regexp.MustCompile(`[0-9a-f]{64}`)
	for _, top := range hierarchies() {
		_ = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return nil
			}
			// The groups of pods and of conmon are Podman's to remove, and it leaves those of hierarchies that it does not know.
			pod := filepath.Base(filepath.Dir(path)) == "libpod_parent" && !strings.Contains(d.Name(), "libpod")
			if id.MatchString(d.Name()) && !pod && !strings.Contains(d.Name(), "conmon") {
				found = append(found, path)
			}
			return nil
		})
	}
	return found
}

// wantNoGroups fails the test if cgroups of containers are there.
func wantNoGroups(t *testing.T) {
	t.Helper()
	if left := containerGroups(); len(left) > 0 {
		t.Errorf("cgroups of containers are left:\n\t%s", strings.Join(left, "\n\t"))
	}
}

// groupFile reads a file of the group of the container with this id: in the hierarchy of that controller of v1, or in
// cgroup2 where there is no other. ok is false where the host has no such controller.
func groupFile(t *testing.T, id, controller, v1, v2 string) (value string, ok bool) {
	t.Helper()
	top, file := filepath.Join(groupsTop, controller), v1
	if _, err := os.Stat(groupsTop + "/cgroup.procs"); err == nil {
		b, err := os.ReadFile(groupsTop + "/cgroup.controllers")
		if err != nil || !slices.Contains(strings.Fields(string(b)), controller) {
			return "", false
		}
		top, file = groupsTop, v2
	} else if _, err := os.Stat(top); err != nil {
		return "", false
	}
	if file == "" {
		return "", false
	}
	var dir string
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.Contains(d.Name(), id) && !strings.Contains(d.Name(), "conmon") {
			dir = path
			return fs.SkipAll
		}
		return nil
	})
	if err != nil || dir == "" {
		t.Fatalf("no group of %s in %s: %v", id, top, err)
	}
	b, err := os.ReadFile(filepath.Join(dir, file))
	if errors.Is(err, fs.ErrNotExist) {
		return "", false // the kernel was built without it
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b)), true
}
