package seccomp

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// entryOf returns the only file in dir.
func entryOf(t *testing.T, dir string) string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 1 {
		t.Fatalf("cache has %d entries, %v, want one", len(list), err)
	}
	return filepath.Join(dir, list[0].Name())
}

func sameFilter(a, b *Filter) bool {
	return a != nil && b != nil && bytes.Equal(a.Instructions, b.Instructions) && a.Flags == b.Flags && a.Notify == b.Notify
}

// hit reports whether the cache answers for p.
func hit(c Cache, p *specs.LinuxSeccomp) bool {
	dir, ok := c.open()
	if !ok {
		return false
	}
	defer unix.Close(dir)
	return load(dir, keyOf(p)) != nil
}

func TestCache(t *testing.T) {
	p := fixture(t, "default.json")
	want, err := Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, dir, file string)
		hit   bool
	}{
		{"untouched", func(*testing.T, string, string) {}, true},
		{"file writable by group", func(t *testing.T, _, file string) { chmod(t, file, 0o620) }, false},
		{"file writable by others", func(t *testing.T, _, file string) { chmod(t, file, 0o602) }, false},
		{"directory writable by others", func(t *testing.T, dir, _ string) { chmod(t, dir, 0o702) }, false},
		{"file of another user", func(t *testing.T, _, file string) { chown(t, file) }, false},
		{"directory of another user", func(t *testing.T, dir, _ string) { chown(t, dir) }, false},
		{"truncated", func(t *testing.T, _, file string) { must(t, os.Truncate(file, 300)) }, false},
		{"empty", func(t *testing.T, _, file string) { must(t, os.Truncate(file, 0)) }, false},
		{"longer", func(t *testing.T, _, file string) { write(t, file, append(read(t, file), make([]byte, 8)...)) }, false},
		{"a bit changed", func(t *testing.T, _, file string) {
			b := read(t, file)
			b[len(b)/2] ^= 4
			write(t, file, b)
		}, false},
		{"entry of another profile", func(t *testing.T, dir, file string) {
			other := fixture(t, "spec.json")
			if _, err := (Cache{dir}).Compile(other); err != nil {
				t.Fatal(err)
			}
			k := keyOf(other)
			must(t, os.Rename(filepath.Join(dir, hex.EncodeToString(k[:])), file))
		}, false},
		{"symbolic link", func(t *testing.T, dir, file string) {
			must(t, os.Rename(file, dir+".away"))
			must(t, os.Symlink(dir+".away", file))
		}, false},
		{"directory behind a symbolic link", func(t *testing.T, dir, _ string) {
			must(t, os.Rename(dir, dir+".away"))
			must(t, os.Symlink(dir+".away", dir))
		}, false},
		{"FIFO", func(t *testing.T, _, file string) {
			must(t, os.Remove(file))
			must(t, unix.Mkfifo(file, 0o600))
		}, false},
		{"directory in the entry's place", func(t *testing.T, _, file string) {
			must(t, os.Remove(file))
			must(t, os.Mkdir(file, 0o700))
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			cache := Cache{Dir: filepath.Join(t.TempDir(), "bpf")}
			if got, err := cache.Compile(p); err != nil || !sameFilter(got, want) {
				t.Fatalf("first: %v", err)
			}
			file := entryOf(t, cache.Dir)
			if st, err := os.Stat(file); err != nil || st.Mode() != 0o600 {
				t.Errorf("entry has mode %v, %v", st.Mode(), err)
			}
			if st, err := os.Stat(cache.Dir); err != nil || st.Mode().Perm() != 0o700 {
				t.Errorf("directory has mode %v, %v", st.Mode(), err)
			}
			c.spoil(t, cache.Dir, file)
			if got := hit(cache, p); got != c.hit {
				t.Errorf("hit is %v, want %v", got, c.hit)
			}
			if got, err := cache.Compile(p); err != nil || !sameFilter(got, want) {
				t.Errorf("second: %v", err)
			}
		})
	}
}

func TestCache_withoutDirectory(t *testing.T) {
	p := fixture(t, "default.json")
	for _, dir := range []string{"", "/proc/self/no/such/place", "/dev/null"} {
		if f, err := (Cache{dir}).Compile(p); err != nil || f == nil {
			t.Errorf("%q: %v %v", dir, f, err)
		}
	}
}

// TestKeyOf_everyField checks that whatever changes a filter changes its key.
func TestKeyOf_everyField(t *testing.T) {
	one, two := uint(1), uint(2)
	base := func() *specs.LinuxSeccomp {
		return &specs.LinuxSeccomp{
			DefaultAction: specs.ActErrno, DefaultErrnoRet: &one, Architectures: []specs.Arch{specs.ArchX86},
			Flags: []specs.LinuxSeccompFlag{"SECCOMP_FILTER_FLAG_LOG"},
			Syscalls: []specs.LinuxSyscall{{
				Names: []string{"read", "write"}, Action: specs.ActErrno, ErrnoRet: &one,
				Args: []specs.LinuxSeccompArg{{Index: 1, Value: 2, ValueTwo: 3, Op: specs.OpEqualTo}},
			}},
		}
	}
	seen := map[key]string{keyOf(base()): "the base"}
	for name, change := range map[string]func(*specs.LinuxSeccomp){
		"default action":    func(p *specs.LinuxSeccomp) { p.DefaultAction = specs.ActTrace },
		"default errno":     func(p *specs.LinuxSeccomp) { p.DefaultErrnoRet = &two },
		"no default errno":  func(p *specs.LinuxSeccomp) { p.DefaultErrnoRet = nil },
		"architectures":     func(p *specs.LinuxSeccomp) { p.Architectures[0] = specs.ArchX32 },
		"no architectures":  func(p *specs.LinuxSeccomp) { p.Architectures = nil },
		"flags":             func(p *specs.LinuxSeccomp) { p.Flags[0] = "SECCOMP_FILTER_FLAG_TSYNC" },
		"empty flags":       func(p *specs.LinuxSeccomp) { p.Flags = []specs.LinuxSeccompFlag{} },
		"no flags":          func(p *specs.LinuxSeccomp) { p.Flags = nil },
		"a name":            func(p *specs.LinuxSeccomp) { p.Syscalls[0].Names[0] = "reap" },
		"one name":          func(p *specs.LinuxSeccomp) { p.Syscalls[0].Names = []string{"readwrite"} },
		"action":            func(p *specs.LinuxSeccomp) { p.Syscalls[0].Action = specs.ActTrace },
		"errno":             func(p *specs.LinuxSeccomp) { p.Syscalls[0].ErrnoRet = &two },
		"no errno":          func(p *specs.LinuxSeccomp) { p.Syscalls[0].ErrnoRet = nil },
		"no conditions":     func(p *specs.LinuxSeccomp) { p.Syscalls[0].Args = nil },
		"index":             func(p *specs.LinuxSeccomp) { p.Syscalls[0].Args[0].Index = 2 },
		"value":             func(p *specs.LinuxSeccomp) { p.Syscalls[0].Args[0].Value = 4 },
		"second value":      func(p *specs.LinuxSeccomp) { p.Syscalls[0].Args[0].ValueTwo = 4 },
		"operator":          func(p *specs.LinuxSeccomp) { p.Syscalls[0].Args[0].Op = specs.OpNotEqual },
		"a rule more":       func(p *specs.LinuxSeccomp) { p.Syscalls = append(p.Syscalls, p.Syscalls[0]) },
		"rules' boundaries": func(p *specs.LinuxSeccomp) { p.Syscalls[0].Names = append(p.Syscalls[0].Names, "") },
	} {
		p := base()
		change(p)
		if other, ok := seen[keyOf(p)]; ok {
			t.Errorf("%s has the key of %s", name, other)
		}
		seen[keyOf(p)] = name
	}
	p := base()
	p.ListenerPath, p.ListenerMetadata = "/run/agent", "x"
	if seen[keyOf(p)] != "the base" {
		t.Error("the listener changes the key")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) { t.Helper(); must(t, os.Chmod(path, mode)) }

func chown(t *testing.T, path string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to give a file away")
	}
	must(t, os.Chown(path, 1, -1))
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return b
}

func write(t *testing.T, path string, b []byte) { t.Helper(); must(t, os.WriteFile(path, b, 0o600)) }
