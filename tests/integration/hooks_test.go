package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

var hookKinds = []string{"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}

// addHook appends a hook of that kind.
func addHook(s *specs.Spec, kind string, h specs.Hook) {
	if s.Hooks == nil {
		s.Hooks = &specs.Hooks{}
	}
	for k, list := range map[string]*[]specs.Hook{
		"prestart": &s.Hooks.Prestart, "createRuntime": &s.Hooks.CreateRuntime, "createContainer": &s.Hooks.CreateContainer,
		"startContainer": &s.Hooks.StartContainer, "poststart": &s.Hooks.Poststart, "poststop": &s.Hooks.Poststop,
	} {
		if k == kind {
			*list = append(*list, h)
		}
	}
}

// probeHook is a hook that runs the probe with these actions; its output goes to the end of file.
//
// It is named by paths that lead to the same place on the host and in the container: a startContainer hook is the only
// one that is inside, and has the bundle bound to where it is on the host.
func (b *bundle) probeHook(kind, file string, actions ...string) specs.Hook {
	h := specs.Hook{Path: probePath, Args: append([]string{"hook-" + kind, "--out", filepath.Join(b.Dir, file)}, actions...)}
	if kind == "startContainer" {
		h.Path = "/probe"
		bound := false
		for _, m := range b.Spec.Mounts {
			bound = bound || m.Destination == b.Dir
		}
		if !bound {
			b.Spec.Mounts = append(b.Spec.Mounts, bind(b.Dir, b.Dir, "rbind"))
		}
	}
	return h
}

// allHooks adds a reporting hook of each kind, and returns the name of its output.
func (b *bundle) allHooks(actions ...string) {
	for _, kind := range hookKinds {
		h := b.probeHook(kind, kind+".out", actions...)
		h.Env = []string{"KIND=" + kind, "EMPTY="}
		addHook(b.Spec, kind, h)
	}
}

func (b *bundle) hookReport(kind string) report {
	b.t.Helper()
	return parseProbe(b.t, readFile(b.t, filepath.Join(b.Dir, kind+".out"))+"\n")
}

func (b *bundle) ran(kind string) bool { return exists(filepath.Join(b.Dir, kind+".out")) }

func (b *bundle) wantRan(when string, kinds ...string) {
	b.t.Helper()
	for _, kind := range hookKinds {
		wanted := false
		for _, k := range kinds {
			wanted = wanted || k == kind
		}
		want(b.t, when+": the "+kind+" hook ran", b.ran(kind), wanted)
	}
}

func TestHooks_run_at_their_points(t *testing.T) {
	t.Parallel()
	b := waiting(t)
	b.allHooks("--report")
	if runtimeName == "runc" { // it runs them with create
		b.Spec.Hooks.Poststart = nil
	}
	c := b.create()
	b.wantRan("after create", "prestart", "createRuntime", "createContainer")
	if runtimeName == "runc" {
		return
	}
	c.start()
	c.next("waiting")
	b.wantRan("after start", "prestart", "createRuntime", "createContainer", "startContainer", "poststart")
	b.must("kill", b.ID, "KILL")
	c.wait()
	b.wantRan("after its end", "prestart", "createRuntime", "createContainer", "startContainer", "poststart")
	b.must("delete", b.ID)
	b.wantRan("after delete", hookKinds...)
}

func TestHooks_all_run_with_run(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.allHooks("--report")
	b.probe(nil)
	b.wantRan("after run", hookKinds...)
}

func TestHooks_poststop_runs_with_delete_force_of_a_running_container(t *testing.T) {
	t.Parallel()
	b := waiting(t)
	b.allHooks("--report")
	b.create().start().next("waiting")
	b.must("delete", "--force", b.ID)
	b.wantRan("after delete", hookKinds...)
}

func TestHooks_are_given_the_state(t *testing.T) {
	t.Parallel()
	b := waiting(t)
	b.Spec.Annotations = map[string]string{"key": "value"}
	b.allHooks("--stdin", "--report")
	c := b.create().start()
	c.next("waiting")
	pid := b.state().Pid
	b.must("delete", "--force", b.ID)
	for kind, statuses := range map[string][]string{
		"prestart": {"created"}, "createRuntime": {"created"}, "createContainer": {"created"}, "startContainer": {"created"},
		"poststart": {"running"}, "poststop": {"stopped"},
	} {
		r := b.hookReport(kind)
		var s specs.State
		in := r.action(t, 0).Data
		if err := json.Unmarshal([]byte(in), &s); err != nil {
			t.Errorf("%s: %v: %q", kind, err, in)
			continue
		}
		want(t, kind+": id", s.ID, b.ID)
		want(t, kind+": bundle", s.Bundle, b.Dir)
		if runtimeName == "rung" || kind == "startContainer" || kind == "poststop" { // runc says creating up to there, and created to poststart
			want(t, kind+": status", string(s.Status), statuses[0])
		}
		want(t, kind+": annotation", s.Annotations["key"], "value")
		want(t, kind+": version", s.Version != "", true)
		switch kind {
		case "poststop":
			want(t, kind+": pid", s.Pid, 0)
		case "createContainer", "startContainer": // those are inside, where it may be said to be 1
			if s.Pid != pid && s.Pid != 1 {
				t.Errorf("%s: pid %d, want %d", kind, s.Pid, pid)
			}
		default:
			want(t, kind+": pid", s.Pid, pid)
		}
	}
}

func TestHooks_arguments_and_environment_are_exactly_theirs(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.allHooks("--report")
	b.probe(nil)
	for _, kind := range hookKinds {
		r := b.hookReport(kind)
		wantSlice(t, kind+": argv", r.Argv, []string{"hook-" + kind, "--out", filepath.Join(b.Dir, kind+".out"), "--report"})
		if kind == "startContainer" && runtimeName != "crun" {
			continue // see below
		}
		wantSlice(t, kind+": environment", r.Env, []string{"KIND=" + kind, "EMPTY="})
	}
}

// An env of null is the process's environment for startContainer, and the runtime's, or none, for the others.
func TestHooks_startContainer_has_the_processes_environment(t *testing.T) {
	t.Parallel()
	requires(t, "rt:runc-1.4")
	b := newBundle(t)
	b.Spec.Process.Env = append(b.Spec.Process.Env, "FROM_THE_PROCESS=1")
	addHook(b.Spec, "startContainer", b.probeHook("startContainer", "startContainer.out", "--report"))
	b.probe(nil)
	r := b.hookReport("startContainer")
	if v, _ := r.env("FROM_THE_PROCESS"); v != "1" {
		t.Errorf("environment: %q", r.Env)
	}
}

func TestHooks_run_in_their_namespaces(t *testing.T) {
	t.Parallel()
	b := waiting(t)
	b.allHooks("--report")
	c := b.create().start()
	c.next("waiting")
	inside := map[string]string{}
	for _, ns := range []string{"mnt", "net", "pid", "ipc", "uts"} {
		inside[ns] = nsID(t, c.Pid, ns)
	}
	b.must("delete", "--force", b.ID)
	for _, kind := range []string{"prestart", "createRuntime", "poststart", "poststop"} {
		for _, ns := range []string{"mnt", "net", "pid", "ipc", "uts"} {
			want(t, kind+": "+ns, b.hookReport(kind).NS[ns], nsID(t, 0, ns))
		}
	}
	for _, kind := range []string{"createContainer", "startContainer"} {
		for _, ns := range []string{"mnt", "net", "ipc", "uts"} {
			want(t, kind+": "+ns, b.hookReport(kind).NS[ns], inside[ns])
		}
	}
}

func TestHooks_cwd(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Cwd = "/var"
	b.allHooks("--report")
	b.probe(func(s *specs.Spec) { s.Process.Cwd = "/tmp" })
	for _, kind := range []string{"prestart", "createRuntime", "poststart", "poststop"} {
		if runtimeName == "rung" || kind == "prestart" || kind == "createRuntime" {
			want(t, kind+": cwd", b.hookReport(kind).Cwd, b.Dir)
		}
	}
	want(t, "createContainer: cwd", b.hookReport("createContainer").Cwd, b.Rootfs)
}

func TestHooks_run_in_order(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung") // runc has poststart before startContainer
	b := newBundle(t)
	var wanted strings.Builder
	for _, kind := range hookKinds {
		for i := range 3 {
			word := fmt.Sprintf("%s%d", kind, i)
			addHook(b.Spec, kind, b.probeHook(kind, "order", "--echo", word))
			fmt.Fprintln(&wanted, word)
		}
	}
	b.probe(nil)
	want(t, "order", readFile(t, b.Dir+"/order")+"\n", wanted.String())
}

func TestHooks_createRuntime_can_mount_into_the_container(t *testing.T) {
	t.Parallel()
	requires(t, "command:nsenter", "command:sh", "command:sed")
	b := newBundle(t)
	v := b.volume("v")
	script := filepath.Join(b.Dir, "hook.sh")
	writeFile(t, script, fmt.Sprintf(`#!/bin/sh
pid=$(sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
exec nsenter -m -t "$pid" mount --bind %s %s/mnt
`, v, b.Rootfs))
	if err := os.Chmod(script, 0o755); err != nil {
		t.Fatal(err)
	}
	addHook(b.Spec, "createRuntime", specs.Hook{Path: lookPath(t, "sh"), Args: []string{"sh", script}, Env: []string{"PATH=" + os.Getenv("PATH")}})
	r := b.probe(nil, "--read", "/mnt/file")
	want(t, "file", r.action(t, 0).Data, "v")
}

func TestHooks_createContainer_comes_before_the_root_is_changed(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	addHook(b.Spec, "createContainer", b.probeHook("createContainer", "createContainer.out", "--stat", "./probe", "--create", "./left-by-hook", "x", "--stat", b.Dir+"/config.json", "--stat", "./proc/self", "--report"))
	r := b.probe(nil, "--read", "/left-by-hook")
	want(t, "file made by the hook", r.action(t, 0).Data, "x")
	h := b.hookReport("createContainer")
	for i := range 4 {
		wantErrno(t, h.action(t, i), 0) // the root below it, the host still there, the mounts done
	}
}

func TestHooks_startContainer_is_inside(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	addHook(b.Spec, "startContainer", b.probeHook("startContainer", "startContainer.out", "--report"))
	b.probe(nil)
	r := b.hookReport("startContainer")
	var st unix.Stat_t
	if err := unix.Stat(b.Rootfs, &st); err != nil {
		t.Fatal(err)
	}
	want(t, "inode of /", r.Root.Ino, st.Ino)
	for _, f := range r.Fds {
		if f.FD > 2 {
			t.Errorf("descriptor %d: %s", f.FD, f.Target)
		}
	}
}

func TestHooks_descriptors_are_three(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung") // runc's createContainer hooks have its init's
	b := newBundle(t)
	b.allHooks("--report")
	b.probe(nil)
	for _, kind := range hookKinds {
		for _, f := range b.hookReport(kind).Fds {
			if f.FD > 2 {
				t.Errorf("%s has descriptor %d: %s", kind, f.FD, f.Target)
			}
		}
	}
}

func TestHooks_a_failing_one_ends_it_before_the_process_runs(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"prestart", "createRuntime", "createContainer", "startContainer"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			b.Spec.Process.Args = []string{"/probe", "--echo", "it-started"}
			addHook(b.Spec, kind, b.probeHook(kind, "first", "--echo", "x"))
			addHook(b.Spec, kind, b.probeHook(kind, "second", "--stderr", "the reason of it", "--exit", "37"))
			addHook(b.Spec, kind, b.probeHook(kind, "third", "--echo", "x"))
			res := b.run()
			wantFailure(t, res, "hook #1:", "exit status 37", "the reason of it")
			if lacking("rt:runc-1.4") == nil {
				wantFailure(t, res, "error running "+kind+" hook #1:")
			}
			if strings.Contains(res.Stdout, "it-started") {
				t.Error("the process was started")
			}
			want(t, "the hook before ran", exists(b.Dir+"/first"), true)
			want(t, "the hook after ran", exists(b.Dir+"/third"), false)
			want(t, "state", exists(filepath.Join(b.Root, b.ID)), false)
			wantSlice(t, "cgroups", cgroupsOf(b.ID), nil)
			// The same id can be used again at once.
			b.Spec.Hooks = nil
			want(t, "next run", b.run().Stdout, "it-started\n")
		})
	}
}

func TestHooks_the_error_says_how_long_it_ran(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	addHook(b.Spec, "createRuntime", b.probeHook("createRuntime", "out", "--exit", "1"))
	res := b.run()
	if !strings.Contains(res.Stderr, "ms") && !strings.Contains(res.Stderr, "µs") {
		t.Errorf("error %q has no duration", res.Stderr)
	}
}

func TestHooks_a_failing_poststart_hook_ends_the_container(t *testing.T) {
	t.Parallel()
	b := waiting(t)
	addHook(b.Spec, "poststart", b.probeHook("poststart", "out", "--exit", "1"))
	wantFailure(t, b.run(), "hook #0:")
	for _, p := range processesOf(b.ID) {
		if !waitExit(t, p, patience) {
			t.Errorf("process %d is left", p)
		}
	}
}

func TestHooks_a_failing_hook_of_start_destroys_the_container(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung") // runc's leaves the record
	for _, kind := range []string{"startContainer", "poststart"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := waiting(t)
			addHook(b.Spec, kind, b.probeHook(kind, "failed", "--stderr", "the reason of it", "--exit", "37"))
			addHook(b.Spec, kind, b.probeHook(kind, "behind", "--echo", "x"))
			addHook(b.Spec, "poststop", b.probeHook("poststop", "poststop.out", "--stdin", "--report"))
			c := b.create()
			wantFailure(t, b.runtime("start", b.ID), "error running "+kind+" hook #0:", "exit status 37", "the reason of it")
			want(t, "the hook behind it ran", exists(b.Dir+"/behind"), false)
			if !waitExit(t, c.Pid, patience) {
				t.Error("the container's process is left")
			}
			if in := b.hookReport("poststop").action(t, 0).Data; !strings.Contains(in, `"status":"stopped"`) {
				t.Errorf("poststop hook read %q, want the status stopped", in)
			}
			want(t, "state", exists(filepath.Join(b.Root, b.ID)), false)
			wantSlice(t, "cgroups", cgroupsOf(b.ID), nil)
			want(t, "exit status of delete --force", b.runtime("delete", "--force", b.ID).Exit, 0)
		})
	}
}

func TestHooks_of_the_host_without_env_have_the_environment_of_the_runtime(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung") // runc's createContainer hooks have that of its init
	for _, traced := range []bool{false, true} {
		b := newBundle(t)
		b.Env = []string{"FROM_CALLER=yes", "TRACEPARENT=00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"}
		b.allHooks("--report")
		h := b.Spec.Hooks
		for _, list := range [][]specs.Hook{h.Prestart, h.CreateRuntime, h.CreateContainer, h.StartContainer, h.Poststart, h.Poststop} { //nolint:staticcheck // deprecated, and still written
			list[0].Env = nil
		}
		if traced {
			b.Globals = append(b.Globals, "--trace", filepath.Join(b.Dir, "trace.json"))
		}
		b.probe(nil)
		for _, kind := range hookKinds {
			env := b.hookReport(kind).Env
			of := func(name string) (values []string) {
				for _, e := range env {
					if v, ok := strings.CutPrefix(e, name+"="); ok {
						values = append(values, v)
					}
				}
				return values
			}
			if kind == "startContainer" { // a program of the container
				wantSlice(t, kind+": FROM_CALLER", of("FROM_CALLER"), nil)
				wantSlice(t, kind+": TERM", of("TERM"), []string{"xterm"})
				continue
			}
			wantSlice(t, kind+": FROM_CALLER", of("FROM_CALLER"), []string{"yes"})
			wantSlice(t, kind+": PATH", of("PATH"), []string{os.Getenv("PATH")})
			parents := of("TRACEPARENT")
			if len(parents) != 1 || !strings.HasPrefix(parents[0], "00-0123456789abcdef0123456789abcdef-") {
				t.Errorf("%s, traced %v: TRACEPARENT %q, want one of the caller's trace", kind, traced, parents)
			} else {
				want(t, kind+": TRACEPARENT is the caller's own", parents[0] == "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01", !traced)
			}
		}
	}
}

func TestHooks_a_failing_poststop_hook_does_not_keep_the_container(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	addHook(b.Spec, "poststop", b.probeHook("poststop", "one", "--exit", "1"))
	addHook(b.Spec, "poststop", b.probeHook("poststop", "two", "--echo", "x"))
	b.Spec.Process.Args = []string{"/probe", "--exit", "0"}
	b.create().start().wait()
	r := b.runtime("delete", b.ID)
	if runtimeName == "rung" { // runc's status is 1
		want(t, "exit status of delete", r.Exit, 0)
		want(t, "a warning of the hook", strings.Contains(r.Stderr, "error running poststop hook #0"), true)
	}
	want(t, "state", exists(filepath.Join(b.Root, b.ID)), false)
	if runtimeName == "rung" { // "the remaining hooks and lifecycle continue as if the hook had succeeded"
		want(t, "second hook ran", exists(b.Dir+"/two"), true)
	}
}

func TestHooks_a_missing_program_is_refused(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"createRuntime", "createContainer", "startContainer"} {
		mustFail(t, func(s *specs.Spec) { addHook(s, kind, specs.Hook{Path: "/nonexistent/hook"}) }, "no such file or directory")
	}
}

func TestHooks_a_relative_path_is_refused(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung") // "path is REQUIRED … must be absolute"; runc looks it up
	mustFail(t, func(s *specs.Spec) { addHook(s, "createRuntime", specs.Hook{Path: "true"}) }, "absolute")
}

func TestHooks_timeout(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"createRuntime", "createContainer", "startContainer"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			h := b.probeHook(kind, "out", "--sleep")
			h.Timeout = ptr(1)
			addHook(b.Spec, kind, h)
			b.Spec.Process.Args = []string{"/probe", "--echo", "it-started"}
			begin := time.Now()
			res := b.run()
			wantFailure(t, res, "hook #0:")
			if lacking("rt:runc-1.4") == nil {
				wantFailure(t, res, "error running "+kind+" hook #0:")
			}
			if d := time.Since(begin); d < 900*time.Millisecond || d > patience {
				t.Errorf("the run took %v", d)
			}
			if strings.Contains(res.Stdout, "it-started") {
				t.Error("the process was started")
			}
			wantSlice(t, "processes", processesOf(b.ID), nil)
		})
	}
}

// A hook that dies before it reads its input is no failure by that.
func TestHooks_input_need_not_be_read(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Annotations = map[string]string{"big": strings.Repeat("x", 200000)}
	for _, kind := range hookKinds {
		addHook(b.Spec, kind, b.probeHook(kind, kind+".out", "--echo", "x"))
	}
	b.probe(nil)
	b.wantRan("after run", hookKinds...)
}
