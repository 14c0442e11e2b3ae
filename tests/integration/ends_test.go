package integration

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// resisting is a started container whose first process, tests/cmd/resist, resists its end in these ways.
func (b *bundle) resisting(ways ...string) *container {
	b.t.Helper()
	copyFile(b.t, filepath.Join(repository, "tests/bin/resist"), b.Rootfs+"/resist", 0o755)
	b.Spec.Process.Args = append([]string{"/resist"}, ways...)
	b.Spec.Mounts = append(b.Spec.Mounts, cgroupMount("rw"))
	b.t.Cleanup(func() {
		b.must("delete", "--force", b.ID)
		for _, dir := range cgroupsOf(b.ID) {
			b.t.Errorf("left: cgroup %s", dir)
			endTree(dir)
		}
	})
	c := b.create().start()
	c.next("resists")
	return c
}

// endTree ends what a failed test left in a cgroup and below it: groups that are frozen, or nested deeper than a path can
// name.
func endTree(dir string) {
	for range 3 { // what a tracer held goes on when that has ended
		fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return
		}
		endBelow(os.NewFile(uintptr(fd), dir))
		_ = os.Remove(dir)
	}
}

func endBelow(dir *os.File) {
	defer dir.Close()
	at := int(dir.Fd())
	if fd, err := unix.Openat(at, "freezer.state", unix.O_WRONLY|unix.O_CLOEXEC, 0); err == nil {
		_, _ = unix.Write(fd, []byte("THAWED"))
		unix.Close(fd)
	}
	if fd, err := unix.Openat(at, "cgroup.procs", unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
		procs, _ := io.ReadAll(os.NewFile(uintptr(fd), "cgroup.procs"))
		unix.Close(fd)
		for pid := range strings.FieldsSeq(string(procs)) {
			if n, err := strconv.Atoi(pid); err == nil && n > 1 {
				_ = unix.Kill(n, unix.SIGKILL)
			}
		}
	}
	entries, _ := dir.ReadDir(-1)
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if fd, err := unix.Openat(at, e.Name(), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err == nil {
			endBelow(os.NewFile(uintptr(fd), e.Name()))
		}
		_ = unix.Unlinkat(at, e.Name(), unix.AT_REMOVEDIR)
	}
}

// resistance lists the ways to resist that this host has cgroups for.
func resistance() (ways []string) {
	ways = []string{"stopped", "vfork", "leaderless", "chains", "nested"}
	for _, dir := range cgroupsInside() {
		for _, way := range []string{"own", "frozen", "deep", "wide"} {
			ways = append(ways, way+"="+dir)
		}
	}
	if cgroupKind() != "v1" {
		ways = append(ways, "threaded="+unifiedTop())
	}
	return append(ways, "traced") // the last one: the next signal stops the init
}

// cgroupsInside lists where a container finds the cgroups by which it can freeze processes.
func cgroupsInside() (dirs []string) {
	if lacking("v1:freezer") == nil {
		dirs = append(dirs, "/sys/fs/cgroup/freezer")
	}
	if top := unifiedTop(); top != "" {
		dirs = append(dirs, top)
	}
	return dirs
}

// hardEnds are the ways to end a container against its will.
func hardEnds() map[string]func(c *container) {
	return map[string]func(c *container){
		"delete --force": func(c *container) { c.must("delete", "--force", c.ID) },
		"kill, then delete": func(c *container) {
			c.must("kill", c.ID, "KILL")
			if !waitExit(c.t, c.Pid, patience) {
				c.t.Errorf("the init still runs after kill: state %c", processState(c.Pid))
			}
			c.must("delete", c.ID)
		},
		"kill --all, then delete": func(c *container) {
			c.must("kill", "--all", c.ID, "KILL")
			for _, pid := range processesOf(c.ID) {
				if !waitExit(c.t, pid, patience) {
					c.t.Errorf("process %d still runs after kill --all: state %c", pid, processState(pid))
				}
			}
			c.must("delete", c.ID)
		},
	}
}

// A container that owns its cgroup, or traces its own init, is ended whatever it does against that: bundle.cleanUp sees
// that no process and no cgroup of it is left.
func TestEnds_against_a_container_that_resists(t *testing.T) {
	t.Parallel()
	requires(t, "root", "userns", "rt:rung")
	if alone(t) {
		return
	}
	worlds := map[string]func(*specs.Spec){
		"own PIDs":    func(*specs.Spec) {},
		"host's PIDs": func(s *specs.Spec) { withoutNS(s, specs.PIDNamespace) },
	}
	all := resistance()
	together := slices.DeleteFunc(slices.Clone(all), func(way string) bool { return way == "chains" }) // a stopped init reaps nobody
	for world, edit := range worlds {
		for end, apply := range hardEnds() {
			for _, ways := range append([][]string{together}, single(all)...) {
				name := strings.ReplaceAll(strings.Join(ways, " "), "/", "-")
				if len(ways) > 1 {
					name = "everything"
				}
				t.Run(world+", "+end+": "+name, func(t *testing.T) {
					b := newBundle(t)
					edit(b.Spec)
					apply(b.resisting(ways...))
				})
			}
		}
	}
}

func single(list []string) (lists [][]string) {
	for i := range list {
		lists = append(lists, list[i:i+1])
	}
	return lists
}
