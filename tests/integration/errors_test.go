package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestErrors_a_bad_config_leaves_nothing(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]string{
		"no json":          "hello",
		"empty":            "",
		"cut off":          `{"ociVersion": "1.0.2", "process": {`,
		"an array":         "[]",
		"a wrong type":     `{"ociVersion": "1.0.2", "root": {"path": 7}}`,
		"nothing in it":    "{}",
		"trailing garbage": `{"ociVersion": "1.0.2", "root": {"path": "rootfs"}, "process": {"args": ["/probe"], "cwd": "/", "user": {"uid": 0, "gid": 0}}, "linux": {"namespaces": [{"type": "mount"}]}} trailing`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			switch name {
			case "nothing in it", "trailing garbage":
				requires(t, "rt:rung")
			}
			b := newBundle(t)
			b.NoConfig = true
			writeFile(t, b.Dir+"/config.json", config)
			res := b.run()
			wantFailure(t, res)
			want(t, "exit status", res.Exit, 1)
			wantEmpty(t, b)
		})
	}
}

// wantEmpty checks that no trace of the container is there.
func wantEmpty(t *testing.T, b *bundle) {
	t.Helper()
	entries, err := os.ReadDir(b.Root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == b.ID || strings.HasPrefix(e.Name(), b.ID) {
			t.Errorf("left in the root: %s", e.Name())
		}
	}
	wantSlice(t, "cgroups", cgroupsOf(b.ID), nil)
	wantSlice(t, "processes", processesOf(b.ID), nil)
	wantSlice(t, "mounts", mountsBelow(t, b.Dir), nil)
}

func TestErrors_without_a_config(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.NoConfig = true
	wantFailure(t, b.run(), "config.json")
	wantEmpty(t, b)
	wantFailure(t, b.runtime("create", "--bundle", "/nonexistent", b.ID), "no such file or directory")
	wantEmpty(t, b)
}

// Every mistake is told at once, each with its place.
func TestErrors_all_problems_are_told_at_once(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	b.Spec.Process.Cwd = "relative"
	b.Spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_PATIENCE", Soft: 1, Hard: 1}}
	b.Spec.Linux.RootfsPropagation = "sideways"
	addHook(b.Spec, "poststart", specs.Hook{Path: "relative/hook"})
	b.Spec.Linux.Namespaces = append(b.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: "weather"})
	res := b.run()
	wantFailure(t, res, "process.cwd", "process.rlimits[0]", "RLIMIT_PATIENCE", "linux.rootfsPropagation", "hooks.poststart[0]", "linux.namespaces[6]", "weather")
	want(t, "exit status", res.Exit, 1)
	wantEmpty(t, b)
}

// The line that engines show: who, what command, which container, where in the config, what was tried, why it failed.
func TestErrors_the_line(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	withMount(specs.Mount{Destination: "/mnt", Type: "nonsensefs", Source: "none"})(b.Spec)
	for _, verb := range []string{"create", "run"} {
		b.writeConfig()
		res := b.runtime(verb, "--bundle", b.Dir, b.ID)
		want(t, "exit status", res.Exit, 1)
		want(t, "lines", strings.Count(res.Stderr, "\n"), 1)
		if prefix := "rung: " + verb + " " + b.ID + ": mounts[6] (/mnt): "; !strings.HasPrefix(res.Stderr, prefix) {
			t.Errorf("error %q, want it to begin with %q", res.Stderr, prefix)
		}
		wantFailure(t, res, "nonsensefs", "no such device (ENODEV)")
		want(t, "standard output", res.Stdout, "")
	}
}

func TestErrors_the_json_log_has_its_parts(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	log := filepath.Join(b.Dir, "log")
	b.Globals = []string{"--log", log, "--log-format", "json"}
	withMount(specs.Mount{Destination: "/mnt", Type: "nonsensefs", Source: "none"})(b.Spec)
	wantFailure(t, b.run())
	lines := strings.Split(readFile(t, log), "\n")
	var e map[string]string
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &e); err != nil {
		t.Fatalf("%v: %s", err, lines[len(lines)-1])
	}
	want(t, "level", e["level"], "error")
	want(t, "errno", e["errno"], "ENODEV")
	if !strings.HasPrefix(e["path"], "mounts[6]") {
		t.Errorf("path: %q", e["path"])
	}
	for _, key := range []string{"msg", "time", "code", "step"} {
		want(t, key+" is there", e[key] != "", true)
	}
}

func TestErrors_of_the_command_line(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	for name, args := range map[string][]string{
		"unknown command":    {"dance"},
		"unknown option":     {"create", "--wings"},
		"no id":              {"start"},
		"too many arguments": {"start", "a", "b"},
		"no value":           {"create", "--bundle"},
		"bad number":         {"create", "--preserve-fds", "three", "a"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "unknown command" {
				requires(t, "rt:rung") // runc prints its help
			}
			res := b.runtime(args...)
			if res.Exit == 0 {
				t.Errorf("%v: exit status 0", args)
			}
		})
	}
	wantFailure(t, b.runtime("foo", "-h"), "No help topic for 'foo'")
}

func TestErrors_help(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	for _, flag := range []string{"-h", "--help"} {
		lines := strings.Split(b.must(flag).Stdout, "\n")
		want(t, "first line", lines[0], "NAME:")
		for _, cmd := range []string{"create", "delete", "kill", "list", "run", "spec", "start", "state"} {
			lines := strings.Split(b.must(cmd, flag).Stdout, "\n")
			want(t, "first line of "+cmd, lines[0], "NAME:")
			if !strings.Contains(lines[1], filepath.Base(runtimePath)+" "+cmd) {
				t.Errorf("%s %s: %q", cmd, flag, lines[1])
			}
		}
	}
}

func TestErrors_bad_log_options(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Globals = []string{"--log-format", "poem"}
	wantFailure(t, b.runtime("list"))
	b.Globals = []string{"--log", "/nonexistent/dir/log"}
	wantFailure(t, b.runtime("list"), "no such file or directory")
}

func TestErrors_spec_command(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.must("spec", "--bundle", b.Dir)
	var s specs.Spec
	if err := json.Unmarshal([]byte(readFile(t, b.Dir+"/config.json")), &s); err != nil {
		t.Fatal(err)
	}
	wantSlice(t, "args", s.Process.Args, []string{"sh"})
	want(t, "terminal", s.Process.Terminal, true)
	want(t, "root", s.Root.Path, "rootfs")
	want(t, "readonly", s.Root.Readonly, true)
	wantFailure(t, b.runtime("spec", "--bundle", b.Dir)) // never over another
	// What it writes runs.
	s.Process.Args, s.Process.Terminal = []string{"/probe"}, false
	s.Linux.CgroupsPath = "/" + b.ID
	b.Spec = &s
	parseProbe(t, b.run().Stdout)
}
