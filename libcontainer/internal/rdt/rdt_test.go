package rdt

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// tree is a directory like a mounted resctrl: what the kernel makes in a new
// group is put there by mkdir.
func tree(t *testing.T) (root string, mkdir, rmdir func(string) error) {
	t.Helper()
	root = t.TempDir()
	fill := func(dir string) error {
		for name, text := range map[string]string{"tasks": "", "schemata": "    MB:0=100;1=100\n    L3:0=7ff;1=7ff\n"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				return err
			}
		}
		return os.Mkdir(filepath.Join(dir, "mon_groups"), 0o755)
	}
	mkdir = func(dir string) error {
		if err := unix.Mkdir(dir, 0o755); err != nil {
			return err
		}
		return fill(dir)
	}
	if err := fill(root); err != nil {
		t.Fatal(err)
	}
	return root, mkdir, os.RemoveAll
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestMake(t *testing.T) {
	for _, c := range []struct {
		name  string
		group Group
		there string // schemata of a class that is there before; "" none
		want  string // of an error; "" none
		errno error
		wrote string // what is last in schemata
		left  bool   // the class is there after Remove
	}{
		{name: "of its own, without schemata", group: Group{Own: true}, wrote: "    MB:0=100;1=100\n    L3:0=7ff;1=7ff\n"},
		{name: "of its own, with schemata", group: Group{Own: true, L3CacheSchema: "L3:0=f"}, wrote: "L3:0=f\n"},
		{name: "of its own, monitored", group: Group{Own: true, Monitor: "web"}, wrote: "    MB:0=100;1=100\n    L3:0=7ff;1=7ff\n"},
		{name: "of its own, and there", group: Group{Own: true}, there: "L3:0=f\n", want: "linux.intelRdt.closID: the class ", errno: unix.EEXIST, left: true},
		{name: "named, new", group: Group{MemBwSchema: "MB:0=20"}, wrote: "MB:0=20\n", left: true},
		{name: "named, new, by schemata", group: Group{Schemata: []string{"L3:0=f", "L2:0=f0"}}, wrote: "L2:0=f0\n", left: true},
		{name: "named, there, the same", group: Group{L3CacheSchema: "L3:0=0F;1=7FF", MemBwSchema: "MB:1=80"}, there: "    MB:0=100;1= 80\n    L3:0=00f;1=7ff\n", wrote: "MB:1=80\n", left: true},
		{name: "named, there, another", group: Group{L3CacheSchema: "L3:0=ff"}, there: "    L3:0=00f;1=7ff\n", want: `it has "L3:0=00f;1=7ff", not "L3:0=ff"`, errno: unix.EEXIST, left: true},
		{name: "named, there, another resource", group: Group{MemBwSchema: "MB:0=10"}, there: "L3:0=f\n", want: "linux.intelRdt.memBwSchema: ", errno: unix.EEXIST, left: true},
		{name: "named, there, schemata are written", group: Group{Schemata: []string{"L3:0=3"}}, there: "L3:0=f\n", wrote: "L3:0=3\n", left: true},
		{name: "named alone, there", group: Group{Monitor: "web"}, there: "L3:0=f\n", wrote: "L3:0=f\n", left: true},
		{name: "named alone, missing", want: "linux.intelRdt.closID: the class ", errno: unix.ENOENT},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, mkdir, rmdir := tree(t)
			g := c.group
			g.Root, g.Class, g.mkdir, g.rmdir = root, filepath.Join(root, "gold"), mkdir, rmdir
			if g.Monitor != "" {
				g.Monitor = filepath.Join(g.Class, "mon_groups", g.Monitor)
			}
			if c.there != "" {
				if err := mkdir(g.Class); err != nil {
					t.Fatal(err)
				}
				write(t, filepath.Join(g.Class, "schemata"), c.there)
			}
			undo, err := g.Make()
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) || !errors.Is(err, c.errno) {
					t.Errorf("Make: %v, want %q, %v", err, c.want, c.errno)
				}
			} else {
				if err != nil {
					t.Fatal(err)
				}
				got, _ := os.ReadFile(filepath.Join(g.Class, "schemata"))
				if !strings.HasPrefix(string(got), c.wrote) {
					t.Errorf("schemata is %q, want %q", got, c.wrote)
				}
				if g.Monitor != "" && !exists(filepath.Join(g.Monitor, "tasks")) {
					t.Error("no monitoring group")
				}
				if err := undo(); err != nil {
					t.Error(err)
				}
				if err := g.Remove(); err != nil {
					t.Errorf("once more: %v", err)
				}
			}
			if exists(g.Class) != c.left {
				t.Errorf("the class is there: %v, want %v", !c.left, c.left)
			}
			if g.Monitor != "" && exists(g.Monitor) {
				t.Error("the monitoring group is left")
			}
		})
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestMake_what_fails_leaves_no_class(t *testing.T) {
	root, mkdir, rmdir := tree(t)
	if err := os.Mkdir(filepath.Join(root, "info"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "info", "last_cmd_status"), "MB value 5 out of range\n")
	g := Group{Root: root, Class: filepath.Join(root, "web"), MemBwSchema: "MB:0=5", rmdir: rmdir}
	g.mkdir = func(dir string) error {
		if err := mkdir(dir); err != nil {
			return err
		}
		// a file that cannot be written
		_ = os.Remove(filepath.Join(dir, "schemata"))
		return os.Mkdir(filepath.Join(dir, "schemata"), 0o755)
	}
	_, err := g.Make()
	if want := `linux.intelRdt.memBwSchema: write "MB:0=5" to ` + g.Class + "/schemata: MB value 5 out of range: is a directory"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if exists(g.Class) {
		t.Error("the class is left")
	}
}

func TestSet(t *testing.T) {
	root, mkdir, _ := tree(t)
	class := filepath.Join(root, "web")
	if err := mkdir(class); err != nil {
		t.Fatal(err)
	}
	if _, err := Set(class, "", ""); err != nil {
		t.Error(err)
	}
	if _, err := Set(class, "L3:0=3", ""); err != nil {
		t.Error(err)
	}
	got, _ := os.ReadFile(filepath.Join(class, "schemata"))
	if !strings.HasPrefix(string(got), "L3:0=3\n") {
		t.Errorf("schemata is %q", got)
	}
	if _, err := Set(filepath.Join(root, "none"), "L3:0=3", ""); !errors.Is(err, unix.ENOENT) {
		t.Errorf("a class that is not there: %v", err)
	}
}

func TestMountedAt(t *testing.T) {
	const other = "22 1 0:20 / /sys rw,relatime shared:1 - sysfs sysfs rw\n"
	for _, c := range []struct{ name, info, want string }{
		{"nowhere", other, ""},
		{"in its place", other + "30 22 0:27 / /sys/fs/resctrl rw,relatime - resctrl resctrl rw\n", "/sys/fs/resctrl"},
		{"with a blank, and tags", "30 22 0:27 / /a\\040b rw shared:5 master:2 - resctrl none rw\n", "/a b"},
		{"a part of it, bound", "30 22 0:27 /web /x rw - resctrl none rw\n", ""},
		{"a name that is like it", "30 22 0:27 / /resctrl rw - tmpfs resctrl rw\n", ""},
	} {
		if got := mountedAt(c.info); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func FuzzMatches(f *testing.F) {
	f.Add("    MB:0=100;1= 80\n    L3:0=00f;1=7ff\n", "L3:0=f")
	f.Fuzz(func(t *testing.T, file, schema string) {
		matches(file, schema)
		resource, _, _ := strings.Cut(schema, ":")
		if there := lineOf(file, strings.TrimSpace(resource)); lineOf(there, strings.TrimSpace(resource)) != there {
			t.Errorf("%q of %q is not the line of itself", there, file)
		}
	})
}
