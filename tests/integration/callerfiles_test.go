package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// stranger is an ordinary user of the host, with a directory in which rung is told to write.
const stranger = 54321

func strangersDirectory(t *testing.T, dir string) string {
	t.Helper()
	foreign := filepath.Join(dir, "foreign")
	mkdir(t, foreign, 0o755)
	if err := os.Chown(foreign, stranger, stranger); err != nil {
		t.Fatal(err)
	}
	return foreign
}

// callerFiles are the ways to have rung write a file where it is told to. Each writes to path and ends; whether the
// command fails is another question than whether the file is written.
var callerFiles = map[string]func(b *bundle, path string) Result{
	"run --pid-file": func(b *bundle, path string) Result { return b.run("--pid-file", path) },
	"exec --pid-file": func(b *bundle, path string) Result {
		b.Spec.Process.Args = []string{"/probe", "--until-term"}
		c := b.runDetached()
		c.next("waiting")
		res := b.runtime("exec", "--pid-file", path, b.ID, "/probe", "--exit", "0")
		b.must("delete", "--force", b.ID)
		return res
	},
	"--log": func(b *bundle, path string) Result {
		b.Globals = []string{"--log", path}
		return b.runtime("state", "missing")
	},
	"--trace": func(b *bundle, path string) Result {
		b.Globals = []string{"--trace", path}
		return b.run()
	},
	"RUNG_TRACE": func(b *bundle, path string) Result {
		b.Env = []string{"RUNG_TRACE=" + path}
		return b.run()
	},
	"run.oci.hooks.stdout": func(b *bundle, path string) Result {
		b.Spec.Annotations = map[string]string{"run.oci.hooks.stdout": path}
		b.Spec.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "echo of the hook"}}}}
		return b.run()
	},
	"run.oci.hooks.stderr": func(b *bundle, path string) Result {
		b.Spec.Annotations = map[string]string{"run.oci.hooks.stderr": path}
		b.Spec.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "echo of the hook >&2"}}}}
		return b.run()
	},
	"spec": func(b *bundle, path string) Result {
		// its name is always config.json
		if err := os.Rename(path, filepath.Dir(path)+"/config.json"); err != nil && !os.IsNotExist(err) {
			b.t.Fatal(err)
		}
		res := b.runtime("spec", "--bundle", filepath.Dir(path))
		if err := os.Rename(filepath.Dir(path)+"/config.json", path); err != nil && !os.IsNotExist(err) {
			b.t.Fatal(err)
		}
		return res
	},
}

func eachCallerFile(t *testing.T, f func(t *testing.T, b *bundle, name string, write func(*bundle, string) Result)) {
	t.Helper()
	requires(t, "rt:rung")
	for name, write := range callerFiles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			b.Spec.Process.Args = []string{"/probe", "--exit", "0"}
			f(t, b, name, write)
		})
	}
}

// The user has put a link in the place of the file, or of a directory above it.
func TestCallerFiles_links_of_another_user_are_not_followed(t *testing.T) {
	t.Parallel()
	eachCallerFile(t, func(t *testing.T, b *bundle, _ string, write func(*bundle, string) Result) {
		foreign := strangersDirectory(t, b.Dir)
		etc := filepath.Join(b.Dir, "etc")
		mkdir(t, etc, 0o755)
		victim := filepath.Join(etc, "victim")
		writeFile(t, victim, "")
		for name, to := range map[string]string{"file": victim, "missing": etc + "/nologin", "directory": etc, ".file": victim} {
			if err := os.Symlink(to, filepath.Join(foreign, name)); err != nil {
				t.Fatal(err)
			}
			if err := os.Lchown(filepath.Join(foreign, name), stranger, stranger); err != nil {
				t.Fatal(err)
			}
		}
		for _, path := range []string{"file", "missing", "directory/new", "directory/victim"} {
			write(b, filepath.Join(foreign, path))
			b.Globals, b.Env = nil, nil
		}
		want(t, "root's file", readFile(t, victim), "")
		entries, err := os.ReadDir(etc)
		if err != nil || len(entries) != 1 {
			t.Errorf("root's directory has %v, %v", entries, err)
		}
	})
}

// The names beside the file that come to mind are links; the file itself is there, from an earlier time.
func TestCallerFiles_names_beside_the_file_are_left_alone(t *testing.T) {
	t.Parallel()
	eachCallerFile(t, func(t *testing.T, b *bundle, name string, write func(*bundle, string) Result) {
		foreign := strangersDirectory(t, b.Dir)
		victim := filepath.Join(b.Dir, "victim")
		writeFile(t, victim, "")
		file := filepath.Join(foreign, "f")
		for _, n := range []string{".f", "f.tmp", ".f.tmp", "f~", "f.new", ".f.new"} {
			if err := os.Symlink(victim, filepath.Join(foreign, n)); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 { // new, and then there already
			res := write(b, file)
			if fails := name == "--log" || name == "spec" && exists(file); !fails && res.Exit != 0 {
				t.Error(res.Stderr)
			}
			b.Globals, b.Env = nil, nil
			if readFile(t, file) == "" {
				t.Error("nothing was written")
			}
		}
		want(t, "root's file", readFile(t, victim), "")
		if entries, err := os.ReadDir(foreign); err != nil || len(entries) != 7 {
			t.Errorf("%v, %v", entries, err)
		}
	})
}

// Pipes that nobody reads, devices and directories stay what they are, and nobody waits for them.
func TestCallerFiles_no_regular_file_is_refused(t *testing.T) {
	t.Parallel()
	eachCallerFile(t, func(t *testing.T, b *bundle, name string, write func(*bundle, string) Result) {
		foreign := strangersDirectory(t, b.Dir)
		for _, dir := range []string{b.Dir, foreign} {
			for kind, mode := range map[string]uint32{"pipe": unix.S_IFIFO, "null": unix.S_IFCHR, "socket": unix.S_IFSOCK} {
				path := filepath.Join(dir, kind)
				if err := unix.Mknod(path, mode|0o666, int(unix.Mkdev(1, 3))); err != nil {
					t.Fatal(err)
				}
				if name == "spec" {
					path = filepath.Join(dir, kind+"-dir", "x")
					mkdir(t, filepath.Dir(path), 0o755)
					if err := os.Rename(filepath.Join(dir, kind), path); err != nil {
						t.Fatal(err)
					}
				}
				res := write(b, path)
				b.Globals, b.Env = nil, nil
				appends := name == "--log" || strings.HasPrefix(name, "run.oci")
				switch {
				case appends && kind == "null" && dir == b.Dir:
					if name != "--log" && res.Exit != 0 {
						t.Errorf("%s: %s", path, res.Stderr)
					}
				case strings.Contains(strings.ToUpper(name), "TRACE"):
					// the command itself is not the worse for it
					if !strings.Contains(res.Stderr, path) {
						t.Errorf("%s: no warning: %q", path, res.Stderr)
					}
				case res.Exit == 0 || !strings.Contains(res.Stderr, strings.TrimSuffix(path, "/x")):
					t.Errorf("%s was taken: %d, %s", path, res.Exit, res.Stderr)
				}
				var st unix.Stat_t
				if err := unix.Lstat(path, &st); err != nil || st.Mode&unix.S_IFMT != mode {
					t.Errorf("%s: mode %o, %v", path, st.Mode, err)
				}
			}
		}
	})
}

// Engines have records and output go to pipes of their own.
func TestCallerFiles_a_pipe_that_is_read_gets_the_output(t *testing.T) {
	t.Parallel()
	eachCallerFile(t, func(t *testing.T, b *bundle, name string, write func(*bundle, string) Result) {
		if name != "--log" && !strings.HasPrefix(name, "run.oci") {
			return // it is replaced, not appended to
		}
		path := filepath.Join(b.Dir, "pipe")
		if err := unix.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		write(b, path)
		buf := make([]byte, 4096)
		n, _ := r.Read(buf)
		if got := string(buf[:n]); !strings.Contains(got, "of the hook") && !strings.Contains(got, "level=error") {
			t.Errorf("the pipe got %q", got)
		}
	})
}

// A link that root made where nobody else can exchange it, as /var/run is, leads where it says.
func TestCallerFiles_links_of_root_above_the_file_are_followed(t *testing.T) {
	t.Parallel()
	eachCallerFile(t, func(t *testing.T, b *bundle, _ string, write func(*bundle, string) Result) {
		mkdir(t, filepath.Join(b.Dir, "real"), 0o755)
		if err := os.Symlink("real", filepath.Join(b.Dir, "link")); err != nil {
			t.Fatal(err)
		}
		write(b, filepath.Join(b.Dir, "link", "f"))
		if readFile(t, filepath.Join(b.Dir, "real", "f")) == "" {
			t.Error("nothing was written")
		}
	})
}

// /dev/stdout and the like are what the caller has open.
func TestCallerFiles_log_to_an_open_descriptor(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--exit", "0"}
	for _, path := range []string{"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"} {
		b.Globals = []string{"--log", path}
		if res := b.runtime("state", "missing"); !strings.Contains(res.Stdout, "level=error") {
			t.Errorf("%s: %q", path, res.Stdout)
		}
	}
	b.Globals = []string{"--log", "/dev/null"}
	if res := b.run("--pid-file", b.Dir+"/pid"); res.Exit != 0 {
		t.Error(res.Stderr)
	}
	var st unix.Stat_t
	if err := unix.Lstat("/dev/null", &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFCHR {
		t.Errorf("/dev/null is %o now, %v", st.Mode, err)
	}
}
