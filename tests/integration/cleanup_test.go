package integration

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// cleanUp deletes what the test may have left of its containers, and then nothing may be there: no process, no mount
// below the bundle, no cgroup named after a container, no state.
func (b *bundle) cleanUp() {
	b.t.Helper()
	for _, id := range b.ids {
		if exists(filepath.Join(b.Root, id)) {
			if res := b.runtime("delete", "--force", id); res.Exit != 0 {
				b.t.Errorf("delete --force %s: exit status %d: %s", id, res.Exit, res.Stderr)
			}
		}
		for _, p := range processesOf(id) {
			// Killed, but its parent may not have seen it yet.
			if !waitExit(b.t, p, patience) {
				b.t.Errorf("left: process %d, %q", p, cmdline(p))
				_ = unix.Kill(p, unix.SIGKILL)
				waitExit(b.t, p, patience)
			}
		}
		for _, dir := range cgroupsOf(id) {
			b.t.Errorf("left: cgroup %s", dir)
			removeCgroup(dir)
		}
		if exists(filepath.Join(b.Root, id)) {
			b.t.Errorf("left: state %s", filepath.Join(b.Root, id))
		}
	}
	for _, m := range mountsBelow(b.t, b.Dir) {
		b.t.Errorf("left: mount %s", m)
		_ = unix.Unmount(m, unix.MNT_DETACH)
	}
	if err := os.RemoveAll(b.Dir); err != nil {
		b.t.Errorf("remove the bundle: %v", err)
	}
}

// own tells the cleanup of a further container under the same --root.
func (b *bundle) own(id string) { b.ids = append(b.ids, id) }

// processesOf lists the living processes that carry the container's mark in their environment, or are in a cgroup
// named after it.
func processesOf(id string) (pids []int) {
	mark := "RUNG_TEST=" + id
	entries, err := os.ReadDir("/proc")
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		dir := "/proc/" + e.Name()
		env, _ := os.ReadFile(dir + "/environ")
		found := slices.Contains(strings.Split(string(env), "\x00"), mark)
		if !found {
			cg, _ := os.ReadFile(dir + "/cgroup")
			for line := range strings.Lines(string(cg)) {
				found = found || slices.Contains(strings.Split(strings.TrimSpace(line), "/"), id)
			}
		}
		if found && processState(pid) != 'Z' && processState(pid) != 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}

// processState is the letter of proc_pid_stat(5); 0 if there is no such process.
func processState(pid int) byte {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	i := strings.LastIndexByte(string(b), ')')
	if err != nil || i < 0 || i+2 >= len(b) {
		return 0
	}
	return b[i+2]
}

func cmdline(pid int) string {
	b, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	return strings.ReplaceAll(string(b), "\x00", " ")
}

// cgroupsOf lists the directories of all hierarchies whose name is the container's id, or holds it.
func cgroupsOf(id string) (dirs []string) {
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil // another's: removed meanwhile, or deeper than a path can be
		}
		for _, part := range strings.FieldsFunc(d.Name(), func(r rune) bool { return r == '.' || r == ':' }) {
			if part == id {
				dirs = append(dirs, path)
				return fs.SkipDir
			}
		}
		return nil
	})
	return dirs
}

// removeCgroup kills what is in a cgroup and removes it with those below it.
func removeCgroup(dir string) {
	var dirs []string
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return nil
	})
	for _, d := range slices.Backward(dirs) {
		procs, _ := os.ReadFile(filepath.Join(d, "cgroup.procs"))
		for _, p := range strings.Fields(string(procs)) {
			pid, err := strconv.Atoi(p)
			if err != nil || pid == 0 {
				continue
			}
			fd, err := unix.PidfdOpen(pid, 0)
			if err != nil {
				continue
			}
			_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 1000)
			unix.Close(fd)
		}
		_ = os.Remove(d)
	}
}

// sweep removes the containers of runs of these tests that were killed, and could not clean up. Ids hold the pid of
// their run.
func sweep() {
	dead := func(name string) bool {
		pid, ok := strings.CutPrefix(name, "rit-")
		pid, _, _ = strings.Cut(pid, "-")
		n, err := strconv.Atoi(pid)
		return ok && err == nil && processState(n) == 0
	}
	var dirs []string
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && dead(d.Name()) {
			dirs = append(dirs, path)
			return fs.SkipDir
		}
		return nil
	})
	for _, d := range dirs {
		removeCgroup(d)
	}
}

// mountsBelow lists this namespace's mounts at or below dir, the deepest first.
func mountsBelow(t *testing.T, dir string) (targets []string) {
	t.Helper()
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		target := strings.Fields(line)[4]
		if target == dir || strings.HasPrefix(target, dir+"/") {
			targets = append(targets, target)
		}
	}
	slices.Reverse(targets)
	return targets
}
