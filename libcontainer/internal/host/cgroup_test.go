package host

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The layout of the machine that runs the test, against what mountinfo says.
func TestCgroups_agreesWithMountinfo(t *testing.T) {
	l, err := Cgroups()
	if err != nil {
		t.Fatal(err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{} // mount point → file system
	for line := range strings.Lines(string(mounts)) {
		head, tail, _ := strings.Cut(line, " - ")
		f := strings.Fields(head)
		if fs := strings.Fields(tail)[0]; (fs == "cgroup" || fs == "cgroup2") && strings.HasPrefix(f[4], cgroupRoot) {
			want[f[4]] = fs
		}
	}
	var v1, v2 bool
	for _, h := range l.Hierarchies {
		fs := "cgroup"
		if h.V2 {
			fs, v2 = "cgroup2", true
		} else {
			v1 = true
		}
		if want[h.Mount] != fs {
			t.Errorf("%s: %q in mountinfo, want %q", h.Mount, want[h.Mount], fs)
		}
		delete(want, h.Mount)
		if _, err := os.Stat(h.Mount + h.Self); err != nil {
			t.Errorf("%s: own group: %v", h.Mount, err)
		}
	}
	if len(want) > 0 {
		t.Errorf("mounted, but not found: %v", want)
	}
	mode := NoCgroups
	switch {
	case v1 && v2:
		mode = Hybrid
	case v1:
		mode = V1
	case v2:
		mode = V2
	}
	if l.Mode != mode {
		t.Errorf("mode %d, want %d", l.Mode, mode)
	}
}

// Places that are not there, or are no control groups, belong to no hierarchy.
func TestCgroupsAt_places(t *testing.T) {
	const real = "/sys/fs/cgroup/unified"
	for _, c := range []struct {
		name, root, self string
		mode             CgroupMode
		count            int
	}{
		{"no such directory", filepath.Join(t.TempDir(), "none"), "1:cpu:/\n0::/\n", NoCgroups, 0},
		{"no file systems in it", t.TempDir(), "1:cpu:/\n2:name=systemd:/\n0::/\n", NoCgroups, 0},
		{"a malformed line", t.TempDir(), "1\n:\n\n", NoCgroups, 0},
		{"cgroup v2 alone", real, "3:cpu:/\n0::/\n", V2, 1},
		{"a v1 hierarchy that is being taken down", real, "12::/\n0::/\n", V2, 1},
		{"a group outside the namespace", real, "0::/../x\n", V2, 1},
		{"a group that the mount does not show", real, "0::/no/such/group\n", V2, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.root == real && !isFS(real, unix.CGROUP2_SUPER_MAGIC) {
				t.Skip("no cgroup2 at " + real)
			}
			self := filepath.Join(t.TempDir(), "cgroup")
			if err := os.WriteFile(self, []byte(c.self), 0o600); err != nil {
				t.Fatal(err)
			}
			l, err := cgroupsAt(c.root, self, "/dev/null")
			if err != nil {
				t.Fatal(err)
			}
			if l.Mode != c.mode || len(l.Hierarchies) != c.count {
				t.Fatalf("mode %d with %d hierarchies, want %d with %d", l.Mode, len(l.Hierarchies), c.mode, c.count)
			}
			for _, h := range l.Hierarchies {
				if h.Self != "/" {
					t.Errorf("own group %q, want /", h.Self)
				}
			}
		})
	}
}

// Controllers that are mounted together are found in the directory of their
// names, in whatever order, and by way of the links that distributions make.
func TestCgroupsAt_links(t *testing.T) {
	from := "/sys/fs/cgroup/cpu"
	if !isFS(from, unix.CGROUP_SUPER_MAGIC) {
		t.Skip("no v1 cpu hierarchy")
	}
	root := t.TempDir()
	for link, to := range map[string]string{"cpu": "cpuacct,cpu", "cpuacct": "cpuacct,cpu", "cpuacct,cpu": from} {
		if err := os.Symlink(to, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	self := filepath.Join(t.TempDir(), "cgroup")
	if err := os.WriteFile(self, []byte("4:cpu,cpuacct:/\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := cgroupsAt(root, self, "/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Hierarchies) != 1 {
		t.Fatalf("%d hierarchies, want 1", len(l.Hierarchies))
	}
	h := l.Hierarchies[0]
	if h.Name != "cpuacct,cpu" || h.Mount != filepath.Join(root, "cpuacct,cpu") || !slices.Equal(h.Controllers, []string{"cpu", "cpuacct"}) {
		t.Errorf("%+v", h)
	}
	if l.Mode != V1 {
		t.Errorf("mode %d, want v1", l.Mode)
	}
}

// Hierarchies outside their usual places are found by mountinfo, and only they.
func TestCgroupsAt_mountinfo(t *testing.T) {
	dir, root := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		"cgroup": "5:cpu,cpuacct:/\n4:memory:/\n3:name=elogind:/\n2:pids:/\n0::/\n",
		"mountinfo": "30 20 0:26 / /proc rw - proc proc rw\n" +
			"31 20 0:27 / /mnt/odd\\040name rw,nosuid - cgroup cgroup rw,memory\n" +
			"32 20 0:28 /a /cgroup/cpu rw,nosuid shared:9 master:3 - cgroup cgroup rw,cpuacct,cpu\n" +
			"33 20 0:29 / /run/elogind rw - cgroup cgroup rw,xattr,name=elogind\n" +
			"34 20 0:30 / /cgroup/two rw - cgroup2 cgroup2 rw\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := cgroupsAt(root, filepath.Join(dir, "cgroup"), filepath.Join(dir, "mountinfo"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, h := range l.Hierarchies {
		got = append(got, h.Name+" at "+h.Mount)
	}
	if want := []string{"cpu at /cgroup/cpu", "elogind at /run/elogind"}; !slices.Equal(got, want) || l.Mode != V1 {
		t.Errorf("mode %d, %q, want %q", l.Mode, got, want)
	}
}

func BenchmarkCgroups(b *testing.B) {
	for b.Loop() {
		if _, err := Cgroups(); err != nil {
			b.Fatal(err)
		}
	}
}
