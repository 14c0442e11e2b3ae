package integration

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// finding is one of `check --format json`.
type finding struct {
	Path, Level, Source, Message, Hint string
	Fatal                              bool
}

type checkOutput struct {
	OK       bool
	Findings []finding
}

func (b *bundle) check(options ...string) (checkOutput, Result) {
	b.t.Helper()
	r := b.runtime(append([]string{"check", "--bundle", b.Dir, "--format", "json"}, options...)...)
	var out checkOutput
	if err := json.Unmarshal([]byte(r.Stdout), &out); err != nil {
		b.t.Fatalf("exit status %d: %v\n%s%s", r.Exit, err, r.Stdout, r.Stderr)
	}
	if out.OK != (r.Exit == 0) || r.Exit > 1 {
		b.t.Errorf("ok %v with exit status %d", out.OK, r.Exit)
	}
	return out, r
}

// broken is one file of tests/check/broken: how to break the base config, and what
// has to be said about it.
type broken struct {
	Why      string         `json:"why"`
	Requires []string       `json:"requires"` // words of requires
	Lacks    []string       `json:"lacks"`    // words that must not hold
	Wrap     []string       `json:"wrap"`     // a program that runs the check
	Set      map[string]any `json:"set"`      // by path
	Remove   []string       `json:"remove"`
	Config   string         `json:"config"` // instead of the base
	Files    map[string]struct {
		Link, Text, Hex string
		Mode            fs.FileMode
	} `json:"files"` // in the root file system
	Want []struct {
		Path, Level string
		Fatal       bool
	} `json:"want"`
}

func TestCheck_broken(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	base := readFile(t, filepath.Join(repository, "tests/check/base.json"))
	files, err := filepath.Glob(filepath.Join(repository, "tests/check/broken/*.json"))
	if err != nil || len(files) < 100 {
		t.Fatalf("%d broken configs, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			t.Parallel()
			var c broken
			if err := json.Unmarshal([]byte(readFile(t, file)), &c); err != nil {
				t.Fatal(err)
			}
			c.requires(t)
			b := newBundle(t)
			c.write(b, base)
			out, _ := b.check()
			for _, w := range c.Want {
				if !slices.ContainsFunc(out.Findings, func(f finding) bool { return f.Path == w.Path && f.Level == w.Level && f.Fatal == w.Fatal }) {
					t.Errorf("%s: not found: %s %s, fatal: %v", c.Why, w.Level, w.Path, w.Fatal)
				}
			}
			for _, f := range out.Findings {
				if f.Message == "" || f.Source == "" || strings.ContainsAny(f.Message+f.Hint, "\n") || f.Fatal && f.Hint == "" {
					t.Errorf("no message, no source or no hint: %+v", f)
				}
				// what follows from the problem is near it
				near := false
				for _, w := range c.Want {
					near = near || strings.HasPrefix(f.Path, w.Path) || strings.HasPrefix(w.Path, f.Path) || strings.HasPrefix(w.Path, f.Path[:strings.LastIndexAny("."+f.Path, ".")])
				}
				if !near {
					t.Errorf("%s: found besides: %+v", c.Why, f)
				}
			}
			// what is said of the container is what becomes of it; a hook that comes after its end says nothing of that
			b.NoConfig = true
			if r := b.run(); (r.Exit == 0) != out.OK && !strings.HasPrefix(c.Want[0].Path, "hooks.poststop") {
				t.Errorf("%s: the check says ok: %v, the run ends with %d: %s", c.Why, out.OK, r.Exit, r.Stderr)
			}
			if t.Failed() {
				t.Logf("%+v", out.Findings)
			}
		})
	}
}

// requires skips the test where the host is not one that the config is broken on.
func (c *broken) requires(t *testing.T) {
	t.Helper()
	requires(t, c.Requires...)
	for _, word := range c.Lacks {
		requires(t, "without:"+word)
	}
}

// write puts the config, and the files that it names, into the bundle.
func (c *broken) write(b *bundle, base string) {
	t := b.t
	t.Helper()
	b.Wrap = c.Wrap
	for name, f := range c.Files {
		at := filepath.Join(b.Rootfs, name)
		text, err := hex.DecodeString(f.Hex)
		if err == nil && f.Link != "" {
			err = os.Symlink(f.Link, at)
		} else if err == nil {
			err = os.WriteFile(at, append(text, f.Text...), f.Mode)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	config := c.Config
	if config == "" {
		config = patch(t, base, c.Set, c.Remove)
	}
	writeFile(t, filepath.Join(b.Dir, "config.json"), config)
}

// patch sets and removes fields of a JSON text, by paths like "mounts[1].type".
func patch(t *testing.T, text string, set map[string]any, remove []string) string {
	t.Helper()
	var tree any
	if err := json.Unmarshal([]byte(text), &tree); err != nil {
		t.Fatal(err)
	}
	for path, v := range set {
		walk(t, tree, path)(v, false)
	}
	for _, path := range remove {
		walk(t, tree, path)(nil, true)
	}
	out, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// walk goes down a path to its last element, and gives the function that changes it.
func walk(t *testing.T, tree any, path string) func(v any, remove bool) {
	t.Helper()
	words := strings.Split(strings.ReplaceAll(path, "[", ".["), ".")
	for i, w := range words {
		last := i == len(words)-1
		switch node := tree.(type) {
		case map[string]any:
			if last {
				return func(v any, remove bool) {
					if node[w] = v; remove {
						delete(node, w)
					}
				}
			}
			if node[w] == nil {
				node[w] = map[string]any{}
			}
			tree = node[w]
		case []any:
			n, err := strconv.Atoi(strings.Trim(w, "[]"))
			if err != nil || n >= len(node) {
				t.Fatalf("%s: no element %s", path, w)
			}
			if last {
				return func(v any, _ bool) { node[n] = v }
			}
			tree = node[n]
		default:
			t.Fatalf("%s: nothing below %s", path, w)
		}
	}
	return nil
}

// Nothing is said about configs that work: the tests' own, and what the command spec writes.
func TestCheck_sound(t *testing.T) {
	requires(t, "rt:rung")
	b := newBundle(t)
	b.writeConfig()
	if out, r := b.check(); len(out.Findings) != 0 {
		t.Errorf("the tests' config: %s", r.Stdout)
	}
	if r := b.must("check", "--bundle", b.Dir); r.Stdout != "no problems\n" {
		t.Errorf("as text: %q", r.Stdout)
	}
	if err := os.Remove(filepath.Join(b.Dir, "config.json")); err != nil {
		t.Fatal(err)
	}
	b.must("spec", "--bundle", b.Dir)
	if err := os.Symlink("../probe", filepath.Join(b.Rootfs, "bin/sh")); err != nil {
		t.Fatal(err)
	}
	if out, r := b.check(); len(out.Findings) != 0 {
		t.Errorf("spec's config: %s", r.Stdout)
	}
	b.NoConfig = true
	if r := b.runtime("check", "--bundle", filepath.Join(b.Dir, "none")); r.Exit != 1 || !strings.Contains(r.Stderr, "no such file or directory") {
		t.Errorf("no config: %+v", r)
	}
}

// A user has other ids, and fewer of them, than root.
func TestCheck_user(t *testing.T) {
	requires(t, "rt:rung", "userns")
	b := newBundle(t)
	b.Wrap = []string{"setpriv", "--reuid=1234", "--regid=1234", "--clear-groups", "env", "XDG_RUNTIME_DIR=" + b.Dir}
	b.NoRoot = true
	b.Spec.Linux.CgroupsPath, b.Spec.Linux.Resources = "", nil
	b.Spec.Mounts[2].Options = []string{"nosuid", "noexec", "newinstance"} // no gid=5, which is not the user's
	b.writeConfig()
	want := func(what string, out checkOutput, path, level string) {
		t.Helper()
		if !slices.ContainsFunc(out.Findings, func(f finding) bool { return f.Path == path && f.Level == level && f.Fatal }) {
			t.Errorf("%s: no %s at %s in %+v", what, level, path, out.Findings)
		}
	}
	out, _ := b.check()
	want("no user namespace", out, "linux.namespaces", "MUST")

	b.Spec.Linux.Namespaces = append(b.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	b.Spec.Linux.UIDMappings = []specs.LinuxIDMapping{{HostID: 0, Size: 1}}
	b.Spec.Linux.GIDMappings = []specs.LinuxIDMapping{{HostID: 1234, Size: 1}}
	b.writeConfig()
	out, _ = b.check()
	want("somebody else's id", out, "linux.uidMappings[0].hostID", "HOST")

	b.Spec.Linux.UIDMappings[0].HostID = 1234
	b.Spec.Linux.CgroupsPath = "/not/this/users"
	b.writeConfig()
	out, _ = b.check()
	want("a control group that cannot be made", out, "linux.cgroupsPath", "HOST")

	b.Spec.Linux.CgroupsPath = ""
	b.writeConfig()
	out, _ = b.check()
	for _, f := range out.Findings {
		t.Errorf("the user's own: %+v", f)
	}
}

// The text has a line for each finding, its hint below, and the sum at the end.
func TestCheck_text(t *testing.T) {
	requires(t, "rt:rung")
	b := newBundle(t)
	b.Spec.Process.Cwd = "srv"
	b.Spec.Process.Args = []string{"/bin/nosuch"}
	b.writeConfig()
	r := b.runtime("check", "--bundle", b.Dir)
	for _, part := range []string{
		"MUST   process.cwd: \"srv\" must be an absolute path (config.md#process)\n       hint: ",
		"HOST   process.args[0]: /bin/nosuch: no such file or directory in the container (execve(2))\n       hint: ",
		"2 noticed, 2 of which keep the container from running\n",
	} {
		if !strings.Contains(r.Stdout, part) {
			t.Errorf("no %q in\n%s", part, r.Stdout)
		}
	}
	if r.Exit != 1 || r.Stderr != "" {
		t.Errorf("exit status %d, %q", r.Exit, r.Stderr)
	}
	// another config for the same bundle, and options that are none
	other := filepath.Join(b.Dir, "other.json")
	b.Spec.Process.Cwd, b.Spec.Process.Args = "/", []string{"/probe"}
	text, err := json.Marshal(b.Spec)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, other, string(text))
	if r := b.runtime("check", "--bundle", b.Dir, "--config", other); r.Exit != 0 || r.Stdout != "no problems\n" {
		t.Errorf("--config: %+v", r)
	}
	if r := b.runtime("check", "--format", "yaml"); r.Exit != 1 || !strings.Contains(r.Stderr, "yaml") {
		t.Errorf("--format yaml: %+v", r)
	}
}

// Configs as engines have made them, their paths moved into the bundle: nothing is wrong with them.
func TestCheck_engines(t *testing.T) {
	requires(t, "rt:rung")
	files, err := filepath.Glob(filepath.Join(repository, "tests/check/engines/*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no configs of engines: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			b := newBundle(t)
			b.NoConfig = true
			text := strings.ReplaceAll(readFile(t, file), "@BUNDLE@", b.Dir)
			var config struct{ Process struct{ Args []string } }
			if err := json.Unmarshal([]byte(text), &config); err != nil {
				t.Fatal(err)
			}
			program := config.Process.Args[0]
			if !strings.Contains(program, "/") {
				program = "bin/" + program
			}
			if err := os.Symlink("/probe", filepath.Join(b.Rootfs, program)); err != nil && !errors.Is(err, fs.ErrExist) {
				t.Fatal(err)
			}
			for _, name := range []string{"resolv.conf", "hostname", "hosts", "init", ".containerenv"} {
				writeFile(t, filepath.Join(b.Dir, name), "#!"+filepath.Join(b.Dir, "rootfs/probe")+"\n")
			}
			for _, name := range []string{"dir", "shm"} {
				if err := os.Mkdir(filepath.Join(b.Dir, name), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(filepath.Join(b.Dir, "init"), 0o755); err != nil {
				t.Fatal(err)
			}
			writeFile(t, filepath.Join(b.Dir, "config.json"), text)
			out, _ := b.check()
			for _, f := range out.Findings {
				switch {
				case f.Level == "INFO":
				case lacksHere(f):
				default:
					t.Errorf("%+v", f)
				}
			}
		})
	}
}

// lacksHere: this machine may have fewer controllers and devices, or its root fewer capabilities, than those that the
// configs were made on and for.
func lacksHere(f finding) bool {
	return strings.HasPrefix(f.Path, "linux.devices[") && strings.Contains(f.Message, "no driver for device") ||
		strings.HasPrefix(f.Path, "mounts[") && strings.HasPrefix(f.Message, "/dev/") ||
		strings.HasPrefix(f.Path, "linux.resources.") && strings.Contains(f.Message, "controller is not available") ||
		strings.HasPrefix(f.Path, "process.capabilities.permitted[") && strings.Contains(f.Message, "is not the runtime's to give")
}

// Everything is only looked at: no system call of a check makes, removes or changes
// anything.
func TestCheck_touchesNothing(t *testing.T) {
	requires(t, "rt:rung", "command:strace")
	b := newBundle(t)
	b.Spec.Process.User.UID = 1234
	b.writeConfig()
	trace := filepath.Join(b.Dir, "trace")
	b.Wrap = []string{"strace", "-f", "-o", trace, "-e", "trace=%file,%desc,mount,umount2,clone,clone3,fork,vfork,unshare,setns,kill,socket,connect,bind"}
	before := listing(t, b.Dir)
	b.runtime("check", "--bundle", b.Dir)
	if after := listing(t, b.Dir); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	slack := "none" // descriptor of the timer slack of a thread of rung itself: internal/sysmon
	for line := range strings.Lines(readFile(t, trace)) {
		_, call, _ := strings.Cut(strings.TrimLeft(line, "0123456789"), " ")
		call = strings.TrimSpace(call)
		name, args, ok := strings.Cut(call, "(")
		if !ok {
			continue
		}
		if strings.HasPrefix(name, "open") && strings.Contains(args, "/timerslack_ns") {
			_, slack, _ = strings.Cut(strings.TrimSpace(args), "= ")
			continue
		}
		if name == "write" && strings.HasPrefix(args, slack+",") {
			slack = "none"
			continue
		}
		switch name {
		case "mkdir", "mkdirat", "mknod", "mknodat", "unlink", "unlinkat", "rmdir", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat",
			"chmod", "fchmod", "fchmodat", "chown", "fchown", "fchownat", "lchown", "truncate", "ftruncate", "mount", "umount2", "move_mount", "mount_setattr",
			"pivot_root", "chroot", "unshare", "setns", "socket", "connect", "bind", "kill":
			t.Errorf("changes something: %s", line)
		case "write":
			if !strings.HasPrefix(args, "1,") && !strings.Contains(args, "eventfd") {
				t.Errorf("writes: %s", line)
			}
		}
		if !strings.HasPrefix(name, "open") {
			continue
		}
		if strings.Contains(args, "O_CREAT") || strings.Contains(args, "O_TRUNC") || strings.Contains(args, "O_WRONLY") || strings.Contains(args, "O_RDWR") {
			if !strings.Contains(args, "/dev/null") && !strings.Contains(args, "= -1") {
				t.Errorf("opens for writing: %s", line)
			}
		}
	}
}

func listing(t *testing.T, dir string) string {
	t.Helper()
	out, err := exec.Command("find", filepath.Join(dir, "rootfs"), filepath.Join(dir, "state"), "-printf", "%p %m %U %T@\n").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// A limit that a user has no group for is one finding, and not several.
func TestCheck_userLimits(t *testing.T) {
	requires(t, "rt:rung", "userns")
	b := newBundle(t)
	b.Wrap = []string{"setpriv", "--reuid=1234", "--regid=1234", "--clear-groups", "env", "XDG_RUNTIME_DIR=" + b.Dir}
	b.NoRoot = true
	limit := int64(1 << 20)
	b.Spec.Linux.CgroupsPath, b.Spec.Linux.Resources = "", &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}}
	b.Spec.Linux.Namespaces = append(b.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	b.Spec.Linux.UIDMappings = []specs.LinuxIDMapping{{HostID: 1234, Size: 1}}
	b.Spec.Linux.GIDMappings = []specs.LinuxIDMapping{{HostID: 1234, Size: 1}}
	b.Spec.Mounts[2].Options = nil
	b.Spec.Mounts = append(b.Spec.Mounts, specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"ro"}})
	b.writeConfig()
	out, _ := b.check()
	if len(out.Findings) != 1 || out.Findings[0].Path != "linux.resources" || !out.Findings[0].Fatal {
		t.Errorf("%+v", out.Findings)
	}
}
