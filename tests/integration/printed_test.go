package integration

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// forging is text that does something to a terminal, or to a log of lines, that prints it as it is.
const forging = "\x1b]0;owned\a\x1b[2J\u009b31m\u202ecod\x7f\r\nlevel=error forged\n"

// wantPrintable wants text of lines that begin as rung's do.
func wantPrintable(t *testing.T, what, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "level=error forged") {
			t.Errorf("%s: a line of its own was made: %q", what, text)
		}
		for _, r := range strings.TrimSuffix(line, "\n") {
			if !strconv.IsPrint(r) && r != '\t' {
				t.Errorf("%s: %U reaches the terminal: %q", what, r, text)
				return
			}
		}
	}
}

// What an image or a config says is printed by every command without doing anything to who reads it.
func TestPrinted_text_of_images_and_configs_is_escaped(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	edit := map[string]func(*bundle){
		"process.args":       func(b *bundle) { b.Spec.Process.Args = []string{forging, forging} },
		"process.args, path": func(b *bundle) { b.Spec.Process.Args = []string{"/" + forging} },
		"process.cwd":        func(b *bundle) { b.Spec.Process.Cwd = "/proc/" + forging },
		"process.env":        func(b *bundle) { b.Spec.Process.Env = []string{forging, "A=" + forging} },
		"process.user.user":  func(b *bundle) { b.Spec.Process.User.Username = forging },
		"capabilities":       func(b *bundle) { setCaps(b.Spec, "CAP_"+forging) },
		"rlimits":            func(b *bundle) { b.Spec.Process.Rlimits = []specs.POSIXRlimit{{Type: forging}} },
		"hostname":           func(b *bundle) { b.Spec.Hostname = forging },
		"root":               func(b *bundle) { b.Spec.Root.Path = forging },
		"mount source": func(b *bundle) {
			withMount(specs.Mount{Destination: "/mnt", Type: "bind", Source: "/" + forging, Options: []string{"bind"}})(b.Spec)
		},
		"mount destination": func(b *bundle) {
			withMount(specs.Mount{Destination: "/probe/" + forging, Type: "tmpfs", Source: "tmpfs"})(b.Spec)
		},
		"mount option": func(b *bundle) {
			withMount(specs.Mount{Destination: "/mnt", Type: "tmpfs", Source: forging, Options: []string{forging}})(b.Spec)
		},
		"mount type":         func(b *bundle) { withMount(specs.Mount{Destination: "/mnt", Type: forging, Source: forging})(b.Spec) },
		"namespace":          func(b *bundle) { setNS(b.Spec, specs.NetworkNamespace, "/"+forging) },
		"masked":             func(b *bundle) { b.Spec.Linux.MaskedPaths = []string{forging, "/" + forging} },
		"device":             func(b *bundle) { b.Spec.Linux.Devices = []specs.LinuxDevice{{Type: forging, Path: "/dev/" + forging}} },
		"sysctl":             func(b *bundle) { b.Spec.Linux.Sysctl = map[string]string{"net." + forging: forging} },
		"cgroupsPath":        func(b *bundle) { b.Spec.Linux.CgroupsPath = "/" + forging },
		"unified":            func(b *bundle) { b.Spec.Linux.Resources.Unified = map[string]string{"memory." + forging: forging} },
		"annotation":         func(b *bundle) { annotate("org.rung-oci."+forging, forging)(b.Spec) },
		"annotation's value": func(b *bundle) { annotate("org.rung-oci.landlock.fs", forging)(b.Spec) },
		"hook": func(b *bundle) {
			b.Spec.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/" + forging, Args: []string{forging}}}}
		},
		"hook's output": func(b *bundle) {
			b.Spec.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "printf '%s' \"$0\" >&2; exit 3", forging}}}}
		},
		"seccomp": func(b *bundle) {
			withFilter(&specs.LinuxSeccomp{DefaultAction: forging, Syscalls: []specs.LinuxSyscall{{Names: []string{forging}, Action: forging}}})(b.Spec)
		},
		"seccomp listener": func(b *bundle) {
			withFilter(&specs.LinuxSeccomp{DefaultAction: specs.ActAllow, ListenerPath: "/" + forging, Syscalls: []specs.LinuxSyscall{{Names: []string{"kcmp"}, Action: specs.ActNotify}}})(b.Spec)
		},
		"label":      func(b *bundle) { b.Spec.Process.ApparmorProfile, b.Spec.Process.SelinuxLabel = forging, forging },
		"ociVersion": func(b *bundle) { b.Spec.Version = forging },
		"program of an image": func(b *bundle) {
			writeFile(b.t, b.Rootfs+"/script", "#!"+forging)
			b.Spec.Process.Args = []string{"/script"}
		},
	}
	for name, f := range edit {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			b.Spec.Process.Args = []string{"/probe", "--exit", "0"}
			f(b)
			b.writeConfig()
			_ = os.Chmod(b.Rootfs+"/script", 0o755)
			log, traced := filepath.Join(b.Dir, "log"), filepath.Join(b.Dir, "trace")
			for _, args := range [][]string{
				{"check", "--bundle", b.Dir}, {"check", "--format", "json", "--bundle", b.Dir}, {"plan", "--bundle", b.Dir}, {"plan", "--format", "json", "--bundle", b.Dir},
				{"create", "--dry-run", "--bundle", b.Dir, b.ID},
				{"--trace", traced, "run", "--bundle", b.Dir, b.ID}, {"--log", log, "--debug", "run", "--bundle", b.Dir, b.ID},
				{"--log-format", "json", "run", "--bundle", b.Dir, b.ID}, {"trace", traced},
			} {
				res := b.runtime(args...)
				wantPrintable(t, strings.Join(args, " ")+", standard error", res.Stderr)
				wantPrintable(t, strings.Join(args, " ")+", standard output", res.Stdout)
			}
			wantPrintable(t, "the log", readFile(t, log))
		})
	}
}

// What the caller gives on the command line comes back in errors, and a bundle's name in lists.
func TestPrinted_names_of_the_command_line_are_escaped(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	for _, args := range [][]string{
		{forging}, {"--" + forging}, {"help", forging}, {"--root", "/" + forging, "list"}, {"--log", "/none/" + forging, "list"}, {"state", forging}, {"kill", "none", forging},
		{"run", "--bundle", "/none/" + forging, "x"}, {"run", "--" + forging, "x"}, {"trace", "/none/" + forging}, {"--cgroup-manager", forging, "list"},
		{"delete", "--regex", forging + "("}, {"list", "--format", forging}, {"exec", forging, forging}, {"update", "--cpuset-cpus", forging, "none"},
	} {
		res := b.runtime(args...)
		wantPrintable(t, strings.Join(args, " "), res.Stderr)
		wantPrintable(t, strings.Join(args, " "), res.Stdout)
	}
	at := filepath.Join(b.Dir, strings.ReplaceAll(forging, "/", ""))
	if err := os.Mkdir(at, 0o755); err != nil {
		t.Fatal(err)
	}
	b.Spec.Root.Path = b.Rootfs
	b.Spec.Annotations = map[string]string{"org.example." + forging: forging}
	b.Spec.Process.Args = []string{"/probe", "--until-term", forging}
	b.writeConfig()
	if err := os.Rename(b.Dir+"/config.json", at+"/config.json"); err != nil {
		t.Fatal(err)
	}
	b.must("run", "--detach", "--bundle", at, b.ID)
	for _, args := range [][]string{{"list"}, {"list", "--format", "json"}, {"state", b.ID}, {"ps", b.ID}, {"ps", "--format", "json", b.ID}, {"events", "--stats", b.ID}} {
		res := b.must(args...)
		wantPrintable(t, strings.Join(args, " "), res.Stdout+res.Stderr)
	}
}
