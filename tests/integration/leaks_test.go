package integration

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// world is what containers could leave behind, counted; processes, with their namespaces, and cgroups by the
// containers' marks, because others use this host too.
type world struct {
	processes, mounts, cgroups, namespaces, files int
}

func countWorld(t *testing.T, marks ...string) (w world) {
	t.Helper()
	namespaces := map[string]bool{}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		mine := pid == os.Getpid()
		if processState(pid) != 0 && hasMark(pid, marks) {
			w.processes++
			mine = true
		}
		if !mine {
			continue
		}
		for _, ns := range allNamespaces {
			if l, err := os.Readlink(nsPath(pid, ns)); err == nil {
				namespaces[l] = true
			}
		}
	}
	w.namespaces = len(namespaces)
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	w.mounts = strings.Count(string(data), "\n")
	_ = filepath.WalkDir("/sys/fs/cgroup", func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			for _, m := range marks {
				if strings.Contains(d.Name(), m) {
					w.cgroups++
				}
			}
		}
		return nil
	})
	_ = filepath.WalkDir(base, func(string, fs.DirEntry, error) error {
		w.files++
		return nil
	})
	return w
}

func hasMark(pid int, marks []string) bool {
	env, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	for _, m := range marks {
		if strings.Contains(string(env), "RUNG_TEST="+m) {
			return true
		}
	}
	return false
}

// settled counts until it is what it was: the kernel takes namespaces and cgroups down in its own time.
func settled(t *testing.T, before world, marks ...string) {
	t.Helper()
	var after world
	for deadline := time.Now().Add(patience); ; {
		after = countWorld(t, marks...)
		if after == before {
			return
		}
		if time.Now().After(deadline) {
			break
		}
		// Nothing reports the end of a namespace; the next grace period is as good a moment to look again as any.
		if _, err := unix.Poll(nil, 50); err != nil && err != unix.EINTR {
			t.Fatal(err)
		}
	}
	t.Errorf("left behind: now %+v, before %+v", after, before)
}

func openFDs(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestLeaks_two_hundred_containers_one_after_the_other(t *testing.T) {
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--exit", "0"}
	b.run()
	before := countWorld(t, b.ID)
	n := 200
	if testing.Short() {
		n = 20
	}
	for i := range n {
		if res := b.run(); res.Exit != 0 {
			t.Fatalf("container %d: exit status %d: %s", i, res.Exit, res.Stderr)
		}
	}
	settled(t, before, b.ID)
}

func TestLeaks_fifty_containers_at_once(t *testing.T) {
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	b.Spec.Linux.CgroupsPath = ""
	b.writeConfig()
	before := countWorld(t, b.ID)
	const n = 50
	type outcome struct {
		id  string
		err error
	}
	id := func(i int) string { return fmt.Sprintf("%s-%02d", b.ID, i) }
	for i := range n {
		b.own(id(i))
	}
	all := func(what string, args func(i int) []string) {
		done := make(chan outcome, n)
		for i := range n {
			go func() {
				cmd := b.command(args(i)...)
				out := tempFile(t, b.Dir)
				defer out.Close()
				cmd.Stdout, cmd.Stderr = out, out
				err := cmd.Run()
				if err != nil {
					err = fmt.Errorf("%w: %s", err, brief(contents(t, out)))
				}
				done <- outcome{id(i), err}
			}()
		}
		for range n {
			if o := <-done; o.err != nil {
				t.Errorf("%s %s: %v", what, o.id, o.err)
			}
		}
	}
	all("create", func(i int) []string { return []string{"create", "--bundle", b.Dir, id(i)} })
	if t.Failed() {
		return
	}
	want(t, "listed", strings.Count(b.must("list", "-q").Stdout, "\n"), n)
	all("start", func(i int) []string { return []string{"start", id(i)} })
	all("delete", func(i int) []string { return []string{"delete", "--force", id(i)} })
	want(t, "listed", b.must("list", "-q").Stdout, "")
	reap(t)
	settled(t, before, b.ID)
}

// reap takes the zombies of containers, whose parent the tests are.
func reap(t *testing.T) {
	t.Helper()
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
	}
}

func TestLeaks_failures_of_every_stage(t *testing.T) {
	b := newBundle(t)
	good := *b.Spec
	b.Spec.Process.Args = []string{"/probe", "--exit", "0"}
	b.run()
	fds := openFDs(t)
	before := countWorld(t, b.ID)
	for name, edit := range map[string]func(s *specs.Spec){
		"config":    func(s *specs.Spec) { s.Process.Cwd = "relative" },
		"namespace": func(s *specs.Spec) { setNS(s, specs.NetworkNamespace, "/nonexistent") },
		"cgroup": func(s *specs.Spec) {
			s.Linux.Resources = &specs.LinuxResources{Unified: map[string]string{"no.such": "1"}}
		},
		"mount": withMount(specs.Mount{Destination: "/mnt", Type: "nonsensefs"}),
		"hook": func(s *specs.Spec) {
			addHook(s, "createRuntime", specs.Hook{Path: probePath, Args: []string{"probe", "--exit", "1"}})
		},
		"sysctl": withSysctl(map[string]string{"net.ipv4.nonsense": "1"}),
		"user": func(s *specs.Spec) {
			s.Process.Capabilities.Effective = append([]string{}, "CAP_SYS_RESOURCE", "CAP_KILL")
		},
		"exec":      func(s *specs.Spec) { s.Process.Args = []string{"/nonexistent"} },
		"exec late": func(s *specs.Spec) { s.Process.Args = []string{"/etc/passwd"} },
	} {
		t.Run(name, func(t *testing.T) {
			spec := good
			process, linux := *good.Process, *good.Linux
			caps := *good.Process.Capabilities
			process.Capabilities = &caps
			spec.Process, spec.Linux = &process, &linux
			spec.Process.Args = []string{"/probe", "--exit", "0"}
			spec.Linux.Namespaces = append([]specs.LinuxNamespace{}, good.Linux.Namespaces...)
			spec.Mounts = append([]specs.Mount{}, good.Mounts...)
			edit(&spec)
			b.Spec = &spec
			for range 3 {
				if res := b.run(); res.Exit == 0 && name != "user" {
					t.Errorf("exit status 0, want a failure")
				}
			}
			reap(t)
			settled(t, before, b.ID)
		})
	}
	want(t, "open descriptors", openFDs(t), fds)
}
