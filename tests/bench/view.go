package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const cgroupTop = "/sys/fs/cgroup"

// hostViews is the kinds of cgroup hierarchy that this host can show alone.
func hostViews() []string {
	var st unix.Statfs_t
	if err := unix.Statfs(cgroupTop, &st); err != nil {
		return nil
	}
	if st.Type == unix.CGROUP2_SUPER_MAGIC {
		return []string{"v2"}
	}
	views := []string{"v1"}
	if _, err := os.Stat(cgroupTop + "/unified/cgroup.procs"); err == nil {
		views = append(views, "v2")
	}
	return views
}

// enterView lets this process, which is in a mount namespace of its own, see one kind of hierarchy. The mounts are
// binds of the host's: a new cgroup2 mount would take the lock that each write to cgroup.procs takes.
func enterView(view string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make / private: %w", err)
	}
	views := hostViews()
	if len(views) == 1 && views[0] == view {
		return nil
	}
	keep, err := os.MkdirTemp("", "rung-bench-cgroup-")
	if err != nil {
		return err
	}
	from := cgroupTop
	if view == "v2" {
		from += "/unified"
	}
	if err := unix.Mount(from, keep, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("bind %s: %w", from, err)
	}
	if err := unix.Unmount(cgroupTop, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("umount %s: %w", cgroupTop, err)
	}
	if view == "v2" {
		err = unix.Mount(keep, cgroupTop, "", unix.MS_BIND, "")
	} else {
		err = bindHierarchies(keep)
	}
	if err != nil {
		return fmt.Errorf("show cgroup %s: %w", view, err)
	}
	if err := unix.Unmount(keep, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("umount %s: %w", keep, err)
	}
	return os.Remove(keep)
}

func bindHierarchies(keep string) error {
	if err := unix.Mount("cgroup", cgroupTop, "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	entries, err := os.ReadDir(keep)
	if err != nil {
		return err
	}
	for _, e := range entries {
		from, to := filepath.Join(keep, e.Name()), filepath.Join(cgroupTop, e.Name())
		if e.Type()&os.ModeSymlink != 0 {
			target, err := os.Readlink(from)
			if err == nil {
				err = os.Symlink(target, to)
			}
			if err != nil {
				return err
			}
			continue
		}
		if !e.IsDir() || e.Name() == "unified" {
			continue
		}
		if err := os.Mkdir(to, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(from, to, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind %s: %w", e.Name(), err)
		}
	}
	return nil
}

// controllers is what a container can be limited by in the view.
func controllers(view string) map[string]bool {
	have := map[string]bool{}
	if view == "v2" {
		b, err := os.ReadFile(cgroupTop + "/cgroup.controllers")
		if err != nil {
			return have
		}
		for _, c := range strings.Fields(string(b)) {
			have[c] = true
		}
		return have
	}
	for _, c := range []string{"cpu", "memory", "pids"} {
		_, err := os.Stat(filepath.Join(cgroupTop, c, "cgroup.procs"))
		have[c] = err == nil
	}
	return have
}

// removeGroups takes the benchmark's own cgroups away, from the leaves up; they are there when a runtime failed, or
// leaves the parent of a container's group to others.
func removeGroups() {
	for _, pattern := range []string{"/*/" + groupParent, "/" + groupParent} {
		tops, _ := filepath.Glob(cgroupTop + pattern)
		for _, top := range tops {
			var dirs []string
			_ = filepath.WalkDir(top, func(path string, d os.DirEntry, err error) error {
				if err == nil && d.IsDir() {
					dirs = append(dirs, path)
				}
				return nil
			})
			for i := len(dirs) - 1; i >= 0; i-- {
				_ = unix.Rmdir(dirs[i])
			}
		}
	}
}
