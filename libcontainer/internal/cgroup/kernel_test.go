package cgroup

import (
	"errors"
	"github.com/opencontainers/runtime-spec/specs-go"
	"io"
	"os"
	"os/exec"
	"path"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rung-oci/rung/libcontainer/internal/host"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// testGroup is a group of the real host, with a name that nobody else has, below
// a directory that is removed too.
func testGroup(t testing.TB) *Group {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("control groups are root's")
	}
	l, err := host.Cgroups()
	if err != nil {
		t.Fatal(err)
	}
	if l.Mode == host.NoCgroups {
		t.Skip("no control groups here")
	}
	name := "rung-test-" + strconv.Itoa(os.Getpid()) + "-" + strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()))
	g, err := New(l, "/"+name+"/box", "box")
	if err != nil {
		t.Fatal(err)
	}
	on := ""
	if d := g.v2(); d != nil {
		on, _ = readFile(d.Mount + "/cgroup.subtree_control")
	}
	t.Cleanup(func() {
		if d := g.v2(); d != nil {
			defer putBack(d.Mount+"/cgroup.subtree_control", on)
		}
		all := Open(g.Dirs())
		if err := all.Kill(unix.SIGKILL); err != nil {
			t.Error(err)
		}
		for _, d := range g.Dirs() {
			if err := removeTree(path.Dir(d.Path)); err != nil {
				t.Error(err)
			}
		}
	})
	return g
}

// putBack turns off what a test turned on, unless somebody else uses it by now.
func putBack(file, on string) {
	now, _ := readFile(file)
	for c := range strings.FieldsSeq(now) {
		if !hasWord(on, c) {
			_ = sys.WriteFile(file, "-"+c)
		}
	}
}

// join starts a process in every group, the way the runtime does.
func join(t *testing.T, g *Group, script string) *exec.Cmd {
	t.Helper()
	cmd, _ := start(t, g, script)
	return cmd
}

// start gives the process's output too.
func start(t *testing.T, g *Group, script string) (*exec.Cmd, io.Reader) {
	t.Helper()
	// the shell has one thread, so that writing to tasks moves all of it
	var b strings.Builder
	for _, d := range g.Dirs() {
		if !d.V2 {
			b.WriteString("echo 0 > " + d.Path + "/tasks\n")
		}
	}
	b.WriteString("echo ready\n" + script)
	cmd := exec.Command("/bin/sh", "-e", "-c", b.String())
	if fd := g.SpawnFD(); fd >= 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: fd}
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 6)
	if _, err := out.Read(line); err != nil || string(line) != "ready\n" {
		t.Fatalf("the process did not join: %q, %v", line, err)
	}
	return cmd, out
}

func TestGroup_lifeCycle(t *testing.T) {
	g := testGroup(t)
	if err := g.Create(); err != nil {
		t.Fatal(err)
	}
	for _, d := range g.Dirs() {
		if !exists(d.Path) {
			t.Errorf("%s was not made", d.Path)
		}
	}
	cmd := join(t, g, "sleep 1000 & wait")
	pids, err := g.Pids()
	if err != nil || len(pids) == 0 || pids[0] != cmd.Process.Pid {
		t.Errorf("Pids: %v, %v, want %d among them", pids, err, cmd.Process.Pid)
	}
	if err := g.Freeze(); err != nil {
		t.Fatal(err)
	}
	if !Open(g.Dirs()).Frozen() {
		t.Error("not frozen after Freeze")
	}
	if err := g.Thaw(); err != nil {
		t.Fatal(err)
	}
	if g.Frozen() {
		t.Error("frozen after Thaw")
	}
	if err := Open(g.Dirs()).Delete(); !errors.Is(err, ErrNotEmpty) || !errors.Is(err, unix.EBUSY) {
		t.Errorf("Delete with processes inside: %v", err)
	}
	go func() { _ = cmd.Wait() }()
	if err := g.Freeze(); err != nil {
		t.Fatal(err)
	}
	if err := g.Kill(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if pids, err := g.Pids(); len(pids) > 0 || err != nil {
		t.Errorf("after Kill: %v, %v", pids, err)
	}
	if err := g.Delete(); err != nil {
		t.Fatal(err)
	}
	for _, d := range g.Dirs() {
		if exists(path.Dir(d.Path)) {
			t.Errorf("%s is left", path.Dir(d.Path))
		}
	}
}

func TestCreate_notEmpty(t *testing.T) {
	g := testGroup(t)
	if err := g.Create(); err != nil {
		t.Fatal(err)
	}
	cmd := join(t, g, "exec sleep 1000")
	other := Open(g.Dirs())
	if err := other.Create(); !errors.Is(err, ErrNotEmpty) || !strings.Contains(err.Error(), "container's cgroup is not empty") {
		t.Errorf("got %v", err)
	}
	if err := other.Delete(); err != nil {
		t.Errorf("Delete of what another made: %v", err)
	}
	if pids, _ := g.Pids(); len(pids) != 1 {
		t.Error("the other container's group is gone")
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

func TestCreate_frozen(t *testing.T) {
	g := testGroup(t)
	if err := g.Create(); err != nil {
		t.Fatal(err)
	}
	if err := g.Freeze(); err != nil {
		t.Fatal(err)
	}
	other := Open(g.Dirs())
	if err := other.Create(); !errors.Is(err, ErrFrozen) || !strings.Contains(err.Error(), "container's cgroup unexpectedly frozen") {
		t.Errorf("got %v", err)
	}
	if err := g.Thaw(); err != nil {
		t.Fatal(err)
	}
}

func TestDelete_subgroups(t *testing.T) {
	g := testGroup(t)
	if err := g.Create(); err != nil {
		t.Fatal(err)
	}
	for _, d := range g.Dirs() {
		if err := os.MkdirAll(d.Path+"/a/b", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := Open(g.Dirs()).Delete(); err != nil {
		t.Fatal(err)
	}
	if err := Open(g.Dirs()).Delete(); err != nil {
		t.Errorf("of what is gone: %v", err)
	}
}

// The v1 freezer holds processes that were killed.
func TestKill_frozenByV1(t *testing.T) {
	g := testGroup(t)
	d := g.v1("freezer")
	if d == nil {
		t.Skip("no v1 freezer")
	}
	if err := g.Create(); err != nil {
		t.Fatal(err)
	}
	cmd := join(t, g, "sleep 1000 & wait")
	if err := (&Group{}).freezeV1(d.Path); err != nil {
		t.Fatal(err)
	}
	go func() { _ = cmd.Wait() }()
	if err := Open(g.Dirs()).Kill(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := g.Delete(); err != nil {
		t.Fatal(err)
	}
}

// One that somebody has moved into a v1 group only.
func TestKill_movedInByOthers(t *testing.T) {
	g := testGroup(t)
	d := g.v1("freezer")
	if d == nil {
		t.Skip("no v1 freezer")
	}
	if err := g.Create(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = cmd.Wait() }()
	for _, d := range g.Dirs() {
		if !d.V2 {
			if err := sys.WriteFile(d.Path+"/cgroup.procs", strconv.Itoa(cmd.Process.Pid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := g.Kill(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := g.Delete(); err != nil {
		t.Fatal(err)
	}
}

// An init whose runtime was killed meanwhile has joined some hierarchies only, whichever.
func TestKill_joinedOne(t *testing.T) {
	g := testGroup(t)
	if err := g.Create(); err != nil {
		t.Fatal(err)
	}
	for _, d := range g.Dirs() {
		cmd := exec.Command("sleep", "1000")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if err := sys.WriteFile(d.Path+"/cgroup.procs", strconv.Itoa(cmd.Process.Pid)); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { _ = cmd.Wait(); close(ended) }()
		if err := Open(g.Dirs()).Kill(unix.SIGKILL); err != nil {
			t.Errorf("%s: %v", d.Path, err)
		}
		select {
		case <-ended:
		case <-time.After(time.Minute):
			t.Errorf("%s: the process in there lives", d.Path)
			_ = cmd.Process.Kill()
			<-ended
		}
	}
	if err := g.Delete(); err != nil {
		t.Fatal(err)
	}
}

// Processes that fork all the time must not get away.
func TestKill_forking(t *testing.T) {
	g := testGroup(t)
	if err := g.Create(); err != nil {
		t.Fatal(err)
	}
	if err := applyLate(g, &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(50))}}); err != nil {
		t.Fatal(err)
	}
	cmd := join(t, g, "while :; do sleep 1000 & sleep 0.001; done 2>/dev/null")
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	start := time.Now()
	if err := Open(g.Dirs()).Kill(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-done
	t.Logf("took %v", time.Since(start))
	if err := g.Delete(); err != nil {
		t.Fatal(err)
	}
}

func TestKill_otherSignals(t *testing.T) {
	g := testGroup(t)
	if err := g.Create(); err != nil {
		t.Fatal(err)
	}
	cmd := join(t, g, "exec sleep 1000")
	if err := g.Kill(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	var status *exec.ExitError
	if !errors.As(err, &status) || status.Sys().(syscall.WaitStatus).Signal() != unix.SIGTERM {
		t.Errorf("got %v", err)
	}
	if g.Frozen() {
		t.Error("left frozen")
	}
}

// A group below others starts with the CPUs of the one above.
func TestCreate_cpuset(t *testing.T) {
	g := testGroup(t)
	d := g.v1("cpuset")
	if d == nil {
		t.Skip("no v1 cpuset")
	}
	if err := os.Mkdir(path.Dir(d.Path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := sys.WriteFile(path.Dir(d.Path)+"/cpuset.cpus", "0"); err != nil {
		t.Fatal(err)
	}
	if err := g.Create(); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"/cpuset.cpus": "0", "/cpuset.mems": "0"} {
		if got, err := readFile(d.Path + file); got != want {
			t.Errorf("%s: %q, %v", file, got, err)
		}
	}
}

func ptr[T any](v T) *T { return &v }
