package cgroup

import (
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
	"github.com/rung-oci/rung/libcontainer/internal/host"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"golang.org/x/sys/unix"
)

var (
	pureV2 = host.CgroupLayout{Mode: host.V2, Root: "/sys/fs/cgroup", Hierarchies: []host.Hierarchy{{Mount: "/sys/fs/cgroup", Self: "/user.slice/shell.scope", V2: true}}}
	hybrid = host.CgroupLayout{Mode: host.Hybrid, Root: "/sys/fs/cgroup", Hierarchies: []host.Hierarchy{
		{Controllers: []string{"cpu", "cpuacct"}, Name: "cpu,cpuacct", Mount: "/sys/fs/cgroup/cpu,cpuacct", Self: "/a"},
		{Controllers: []string{"name=systemd"}, Name: "systemd", Mount: "/sys/fs/cgroup/systemd", Self: "/"},
		{Name: "unified", Mount: "/sys/fs/cgroup/unified", Self: "/b", V2: true},
	}}
)

func paths(g *Group) (list []string) {
	for _, d := range g.Dirs() {
		list = append(list, d.Path)
	}
	return list
}

func TestNew(t *testing.T) {
	for _, c := range []struct {
		name   string
		layout host.CgroupLayout
		path   string
		want   []string
	}{
		{"the default", pureV2, "", []string{"/sys/fs/cgroup/web"}},
		{"from the root", pureV2, "/a/b", []string{"/sys/fs/cgroup/a/b"}},
		{"relative, beside the caller's", pureV2, "a/b", []string{"/sys/fs/cgroup/user.slice/a/b"}},
		{"odd slashes", pureV2, "//a//b/./", []string{"/sys/fs/cgroup/a/b"}},
		{"hybrid", hybrid, "/x", []string{"/sys/fs/cgroup/cpu,cpuacct/x", "/sys/fs/cgroup/systemd/x", "/sys/fs/cgroup/unified/x"}},
		{"hybrid, relative", hybrid, "x", []string{"/sys/fs/cgroup/cpu,cpuacct/a/x", "/sys/fs/cgroup/systemd/x", "/sys/fs/cgroup/unified/b/x"}},
		{"none", host.CgroupLayout{}, "/x", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, err := New(c.layout, c.path, "web")
			if err != nil {
				t.Fatal(err)
			}
			if got := paths(g); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestNew_refused(t *testing.T) {
	for _, path := range []string{"..", "/..", "/a/../../b", "a/..", "/", ".", "/./", "a\nb", "a\x00"} {
		if g, err := New(pureV2, path, "web"); err == nil || !strings.HasPrefix(err.Error(), "linux.cgroupsPath: ") {
			t.Errorf("%q: %v, %v", path, paths(g), err)
		}
	}
}

// What is recorded of a group is enough to find everything of it.
func TestOpen(t *testing.T) {
	for _, l := range []host.CgroupLayout{pureV2, hybrid} {
		g, err := New(l, "/a/web", "web")
		if err != nil {
			t.Fatal(err)
		}
		var record []Dir
		for _, d := range g.Dirs() {
			record = append(record, Dir{Name: d.Name, Path: d.Path, V2: d.V2})
		}
		if again := Open(record); !reflect.DeepEqual(again.Dirs(), g.Dirs()) || again.Path() != g.Path() {
			t.Errorf("got %q %+v, want %q %+v", again.Path(), again.Dirs(), g.Path(), g.Dirs())
		}
	}
}

// fake is a tree of ordinary files, for what the kernel of a host does not have.
func fake(t *testing.T, files map[string]string) *Group {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return &Group{path: "/a/web", spawn: -1, dirs: []Dir{{Path: root + "/a/web", Mount: root, V2: true}}}
}

func TestGroup_enable(t *testing.T) {
	const all = "cpuset cpu io memory pids"
	g := fake(t, map[string]string{
		"cgroup.controllers": all + "\n", "cgroup.subtree_control": all + "\n", "a/cgroup.subtree_control": "", "a/web/cgroup.controllers": "cpu\n",
	})
	d := &g.dirs[0]
	if have, err := g.enable(d); have != "cpu" || err != nil { // the files do not know of each other
		t.Errorf("%q, %v", have, err)
	}
	wantFile(t, d.Mount+"/cgroup.subtree_control", all)
	wantFile(t, d.Mount+"/a/cgroup.subtree_control", "+cpuset +cpu +io +memory +pids")
	// nothing is written, or even read, of those above when all is there
	g = fake(t, map[string]string{"cgroup.controllers": all, "a/web/cgroup.controllers": all})
	if have, err := g.enable(&g.dirs[0]); have != all || err != nil {
		t.Errorf("%q, %v", have, err)
	}
}

func TestPerformer_elseAndKept(t *testing.T) {
	g := fake(t, map[string]string{"a/web/io.weight": "", "a/web/cpu.max": "5000 100000\n"})
	list := []placed{
		{limit.Write{File: "io.bfq.weight", Value: "750", Else: &limit.Write{File: "io.weight", Value: "7475"}}, g.dirs[0].Path},
		{limit.Write{File: "memory.swap.max", Value: "0", Optional: true}, g.dirs[0].Path},
		{limit.Write{File: "cpu.max", Value: "20000", KeepFirst: true}, g.dirs[0].Path},
	}
	if err := (&performer{}).all(list); err != nil {
		t.Fatal(err)
	}
	wantFile(t, g.dirs[0].Path+"/io.weight", "7475")
	if got, _ := readFile(g.dirs[0].Path + "/cpu.max"); !strings.HasPrefix(got, "5000 20000") {
		t.Errorf("cpu.max: %q", got)
	}
	err := (&performer{}).all([]placed{{limit.Write{File: "x", Value: "1", Origin: "linux.resources.x"}, g.dirs[0].Path}})
	if err == nil || err.Error() != `linux.resources.x: write "1" to `+g.dirs[0].Path+"/x: no such file or directory" {
		t.Errorf("got %v", err)
	}
}

func TestGroup_DropDenied(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("root becomes nobody")
	}
	mine, others := fake(t, map[string]string{"a/x": ""}), fake(t, map[string]string{"x": ""})
	for _, g := range []*Group{mine, others} {
		for up := g.dirs[0].Mount; up != os.TempDir() && up != "/"; up = filepath.Dir(up) {
			if err := os.Chmod(up, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.Chown(mine.dirs[0].Mount+"/a", nobody, nobody); err != nil {
		t.Fatal(err)
	}
	g := &Group{dirs: []Dir{others.dirs[0], mine.dirs[0]}, spawn: -1}
	left, errno := 0, unix.Errno(0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for ever: the thread ends with its credentials
		if _, _, errno = unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), nobody, ^uintptr(0)); errno == 0 {
			left = g.DropDenied()
		}
	}()
	<-done
	if errno != 0 || left != 1 || len(g.Dirs()) != 1 || g.Dirs()[0].Path != mine.dirs[0].Path {
		t.Errorf("%v: %d left: %+v", errno, left, g.Dirs())
	}
	none := &Group{spawn: -1}
	if err := none.Create(); err != nil {
		t.Errorf("Create of nothing: %v", err)
	}
	limits := &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: new(int64)}}
	if err := apply(none, limits); err == nil || !strings.Contains(err.Error(), "rootless needs no limits + no cgrouppath when no permission is granted for cgroups") {
		t.Errorf("limits without groups: %v", err)
	}
	if err := none.Devices([]plan.DeviceRule{}); (err == nil) != host.Rootless() {
		t.Errorf("device rules without groups: %v", err)
	}
	all := []plan.DeviceRule{{Allow: true, Type: 'a', Major: plan.AnyDevice, Minor: plan.AnyDevice, Access: plan.DeviceAll}}
	if err := none.Devices(all); err != nil {
		t.Errorf("rules that allow every device, without groups: %v", err)
	}
	if err := none.Delete(); err != nil {
		t.Errorf("Delete of nothing: %v", err)
	}
}

const nobody = 65534

func TestWrite_Restore(t *testing.T) {
	for _, c := range []struct {
		name      string
		w         limit.Write
		old, want string
	}{
		{"a number", limit.Write{File: "pids.max", Value: "3"}, "20\n", "20"},
		{"a line", limit.Write{File: "io.max", Value: "8:0 rbps=1", Key: "8:0", Reset: "8:0 rbps=max"}, "8:16 rbps=2\n8:0 rbps=5 wbps=max\n", "8:0 rbps=5 wbps=max"},
		{"no such line", limit.Write{File: "io.max", Value: "8:0 rbps=1", Key: "8:0", Reset: "8:0 rbps=max"}, "8:16 rbps=2\n", "8:0 rbps=max"},
		{"the OOM killer", limit.Write{File: "memory.oom_control", Value: "1"}, "oom_kill_disable 0\nunder_oom 0\n", "0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.w.Restore(c.old); got.Value != c.want || got.File != c.w.File {
				t.Errorf("got %+v, want %q", got, c.want)
			}
		})
	}
}
