package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// traceEvent is an event as viewers of traces read it.
type traceEvent struct {
	Name string            `json:"name"`
	Cat  string            `json:"cat"`
	Ph   string            `json:"ph"`
	Ts   float64           `json:"ts"`
	Dur  float64           `json:"dur"`
	Pid  int               `json:"pid"`
	Args map[string]string `json:"args"`
}

// tracing has the commands of b add to a trace.
func (b *bundle) tracing() (file string) {
	file = filepath.Join(b.Dir, "trace.json")
	b.Globals = append(b.Globals, "--trace", file)
	return file
}

// readTrace reads a trace as any program would, and checks what holds for each.
func readTrace(t *testing.T, file string) (spans []traceEvent) {
	t.Helper()
	var all []traceEvent
	if err := json.Unmarshal([]byte(readFile(t, file)), &all); err != nil {
		t.Fatalf("the trace: %v:\n%s", err, readFile(t, file))
	}
	for _, e := range all {
		if e.Ph != "X" {
			continue
		}
		spans = append(spans, e)
		if e.Dur < 0 || e.Ts <= 0 || e.Pid <= 0 || e.Name == "" {
			t.Errorf("event %+v", e)
		}
	}
	return spans
}

// command is the span of a command, with the steps that were made in its time.
func traced(t *testing.T, spans []traceEvent, name string) (command traceEvent, steps []traceEvent) {
	t.Helper()
	i := slices.IndexFunc(spans, func(e traceEvent) bool { return e.Cat == "command" && e.Name == name })
	if i < 0 {
		t.Fatalf("no command %q in the trace", name)
	}
	command = spans[i]
	const rounding = 0.01 // µs
	for _, e := range spans {
		if e.Cat != "command" && e.Ts >= command.Ts-rounding && e.Ts+e.Dur <= command.Ts+command.Dur+rounding {
			steps = append(steps, e)
		}
	}
	return command, steps
}

func stepNames(steps []traceEvent, pid int) (names []string) {
	for _, e := range steps {
		if e.Pid == pid {
			names = append(names, e.Name)
		}
	}
	return names
}

// planOps is the names of the init's ops, in order, up to and with the last one named.
func planOps(t *testing.T, b *bundle, last string) (names []string) {
	t.Helper()
	_, init, _ := strings.Cut(b.must("plan", "--bundle", b.Dir, b.ID).Stdout, "\ninit:\n")
	for line := range strings.Lines(init) {
		names = append(names, strings.Fields(line)[1])
		if names[len(names)-1] == last {
			return names
		}
	}
	t.Fatalf("no %s in the plan", last)
	return nil
}

func TestTrace_has_every_op_of_a_container_s_life(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := waiting(t)
	file := b.tracing()
	c := b.create()
	c.start().next("waiting")
	b.must("exec", b.ID, "/probe")
	limits := lacking("ctrl:pids") == nil // without the controller an update has nothing to change
	if limits {
		b.must("update", "--pids-limit", "77", b.ID)
	}
	b.must("kill", b.ID, "KILL")
	c.wait()
	b.must("delete", b.ID)

	spans := readTrace(t, file)
	create, steps := traced(t, spans, "create "+b.ID)
	want(t, "result", create.Args["result"], "ok")
	wantSlice(t, "the init's ops", stepNames(steps, c.Pid), planOps(t, b, "find-exec"))
	for _, name := range []string{"read the config", "compile the plan", "intent", "spawn", "clone3, execve", "save-state", "release"} {
		if !slices.Contains(stepNames(steps, create.Pid), name) {
			t.Errorf("create: no step %q of the runtime in %q", name, stepNames(steps, create.Pid))
		}
	}
	// one follows the other without a gap: an op's end is the next one's begin
	end := 0.0
	for _, e := range steps {
		if e.Pid == c.Pid {
			if end != 0 && (e.Ts < end-0.01 || e.Ts > end+0.01) {
				t.Errorf("%s begins at %f, the op before it ended at %f", e.Name, e.Ts, end)
			}
			end = e.Ts + e.Dur
		}
	}
	for command, wanted := range map[string]string{"start": "remove the gate", "exec": "spawn", "update": "write the limits", "kill": "signal the init", "delete": "remove the state"} {
		if command == "update" && !limits {
			continue
		}
		cmd, steps := traced(t, spans, command+" "+b.ID)
		if !slices.Contains(stepNames(steps, cmd.Pid), wanted) {
			t.Errorf("%s: no step %q in %q", command, wanted, stepNames(steps, cmd.Pid))
		}
	}
	_, steps = traced(t, spans, "start "+b.ID)
	wantSlice(t, "what start does to the init", stepNames(steps, c.Pid), []string{"start"})
	_, steps = traced(t, spans, "exec "+b.ID)
	if i := slices.IndexFunc(steps, func(e traceEvent) bool { return e.Name == "setns" }); i < 0 || steps[i].Args["call"] != "setns" {
		t.Errorf("exec: no setns among %q", steps)
	}
	out := b.must("trace", file).Stdout
	for _, text := range []string{"create " + b.ID + ": ", "kernel: ", "mount-fs type=proc", "# mounts[0]", "delete " + b.ID + ": "} {
		if !strings.Contains(out, text) {
			t.Errorf("no %q in the summary:\n%s", text, out)
		}
	}
	commands := 6 // those above with plan, and not trace
	if limits {
		commands++
	}
	want(t, "commands in the summary", strings.Count(out, ", trace "), commands)
}

func TestTrace_a_failure_is_marked(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	for name, c := range map[string]struct {
		edit func(b *bundle)
		step string
		path string
	}{
		"of the init": {
			func(b *bundle) {
				withMount(specs.Mount{Destination: "/mnt", Type: "nonsensefs", Source: "none"})(b.Spec)
			},
			"mount-fs", "mounts[6]",
		},
		"of the runtime": {
			func(b *bundle) { setNS(b.Spec, specs.NetworkNamespace, "/nonexistent/ns") },
			"open-namespace", "linux.namespaces",
		},
		"of a hook": {
			func(b *bundle) { addHook(b.Spec, "createRuntime", b.probeHook("createRuntime", "out", "--exit", "3")) },
			"createRuntime hook #0 " + probePath, "hooks.createRuntime[0]",
		},
		"behind the gate": {
			func(b *bundle) {
				writeFile(b.t, b.Rootfs+"/script", "#!/nonexistent\n")
				if err := os.Chmod(b.Rootfs+"/script", 0o755); err != nil {
					b.t.Fatal(err)
				}
				b.Spec.Process.Args = []string{"/script"}
			},
			"start", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			c.edit(b)
			file := b.tracing()
			res := b.run()
			if res.Exit == 0 {
				t.Fatal("it succeeded")
			}
			cmd, steps := traced(t, readTrace(t, file), "run "+b.ID)
			want(t, "the command's result", cmd.Args["result"], "failed")
			want(t, "its code is there", cmd.Args["code"] != "", true)
			i := slices.IndexFunc(steps, func(e traceEvent) bool { return e.Name == c.step && e.Args["result"] == "failed" })
			if i < 0 {
				t.Fatalf("no failed step %q in %v", c.step, steps)
			}
			if !strings.HasPrefix(steps[i].Args["origin"], c.path) {
				t.Errorf("origin %q, want %q", steps[i].Args["origin"], c.path)
			}
			want(t, "its error is there", steps[i].Args["error"] != "", true)
			if out := b.must("trace", "--top", "1", file).Stdout; !strings.Contains(out, "FAILED: run "+b.ID) || !strings.Contains(out, "! ") {
				t.Errorf("the summary does not tell: %s", out)
			}
		})
	}
}

// The trace goes on in hooks: each has a span of its own, which its TRACEPARENT names.
func TestTrace_hooks_continue_it(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	const id, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	b := newBundle(t)
	b.allHooks("--report")
	b.Spec.Hooks.Poststop[0].Env = append(b.Spec.Hooks.Poststop[0].Env, "TRACEPARENT=mine")
	file := filepath.Join(b.Dir, "trace.json")
	b.Env = []string{"RUNG_TRACE=" + file, "TRACEPARENT=00-" + id + "-" + parent + "-00", "TRACESTATE=vendor=7"}
	r := b.probe(nil)
	if v, ok := r.env("TRACEPARENT"); ok {
		t.Errorf("the container's process has the runtime's TRACEPARENT: %s", v)
	}
	spans := readTrace(t, file)
	cmd, steps := traced(t, spans, "run "+b.ID)
	want(t, "trace", cmd.Args["trace_id"], id)
	want(t, "parent", cmd.Args["parent_span_id"], parent)
	seen := map[string]bool{parent: true, cmd.Args["span_id"]: true}
	for _, kind := range hookKinds {
		i := slices.IndexFunc(steps, func(e traceEvent) bool { return e.Cat == "hook" && strings.HasPrefix(e.Name, kind+" hook #0 ") })
		if i < 0 {
			t.Errorf("no span of the %s hook", kind)
			continue
		}
		span := steps[i].Args["span_id"]
		want(t, kind+": its span is its own", seen[span] || len(span) != 16, false)
		seen[span] = true
		wanted := "00-" + id + "-" + span + "-00"
		if kind == "poststop" {
			wanted = "mine" // the config's
		}
		if v, _ := b.hookReport(kind).env("TRACEPARENT"); v != wanted {
			t.Errorf("%s: TRACEPARENT %q, want %q", kind, v, wanted)
		}
		if v, _ := b.hookReport(kind).env("TRACESTATE"); v != "vendor=7" {
			t.Errorf("%s: TRACESTATE %q", kind, v)
		}
	}
}

func TestTrace_has_what_hooks_print(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	addHook(b.Spec, "createContainer", specs.Hook{Path: probePath, Args: []string{"hook", "--echo", "what the hook says"}})
	file := b.tracing()
	b.probe(nil)
	_, steps := traced(t, readTrace(t, file), "run "+b.ID)
	i := slices.IndexFunc(steps, func(e traceEvent) bool { return e.Cat == "hook" })
	if i < 0 || !strings.Contains(steps[i].Args["output"], "what the hook says") || steps[i].Args["status"] != "exit status 0" {
		t.Errorf("steps: %v", steps)
	}
}

// A time namespace has a clock of its own; the trace has one clock.
func TestTrace_in_a_time_namespace(t *testing.T) {
	t.Parallel()
	requires(t, "rt:timens", "timens", "rt:rung")
	b := waiting(t)
	withOffsets(someOffsets)(b.Spec)
	file := b.tracing()
	before := monotonic(t, unix.CLOCK_MONOTONIC)
	c := b.create()
	c.start().next("waiting")
	b.must("exec", b.ID, "/probe")
	after := monotonic(t, unix.CLOCK_MONOTONIC)
	n := 0
	for _, e := range readTrace(t, file) {
		if ns := int64(e.Ts * 1000); ns < before-int64(patience) || ns > after || int64(e.Dur*1000) > after-before {
			t.Errorf("%s %s of %d lasts from %f for %f µs, and the tests' clock went from %d to %d ns", e.Cat, e.Name, e.Pid, e.Ts, e.Dur, before, after)
		}
		if e.Name == "fork" || e.Name == "setns" {
			n++
		}
	}
	if n < 2 {
		t.Errorf("%d ways into a time namespace were traced", n)
	}
}

// What it costs when nobody asks: no option, no file, no message of times.
func TestTrace_is_silent_when_off(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "command:strace")
	b := newBundle(t)
	count := func() int {
		log := filepath.Join(b.Dir, "strace")
		b.Wrap = []string{"strace", "-f", "-o", log, "-e", "trace=clock_gettime,sendmsg"}
		parseProbe(t, b.run().Stdout)
		n := 0
		for line := range strings.Lines(readFile(t, log)) {
			if strings.Contains(line, "sendmsg(100") || strings.Contains(line, "clock_gettime") {
				n++
			}
		}
		return n
	}
	if n := count(); n > 2 {
		t.Errorf("%d calls of the init for messages and clocks, without a trace: ready, and nothing else, is expected", n)
	}
	b.tracing()
	if n := count(); n < 50 {
		t.Errorf("%d calls with a trace: this test does not see them", n)
	}
}

func TestTrace_that_cannot_be_written(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	for name, path := range map[string]string{
		"no directory": "/nonexistent/dir/trace", "a directory": b.Dir, "a device": "/dev/null", "something else": filepath.Join(b.Dir, "config.json"),
	} {
		b.Globals = []string{"--trace", path}
		res := b.run()
		parseProbe(t, res.Stdout) // the container matters more
		want(t, name+": exit status", res.Exit, 0)
		if !strings.Contains(res.Stderr, "warning") || !strings.Contains(res.Stderr, path) {
			t.Errorf("%s: standard error %q", name, res.Stderr)
		}
	}
	var s specs.Spec
	if err := json.Unmarshal([]byte(readFile(t, filepath.Join(b.Dir, "config.json"))), &s); err != nil {
		t.Errorf("the config was written to: %v", err)
	}
	for _, file := range []string{"/nonexistent/trace", filepath.Join(b.Dir, "config.json")} {
		wantFailure(t, b.runtime("trace", file), file)
	}
}

func (e traceEvent) String() string {
	return fmt.Sprintf("%s %s %v", e.Cat, e.Name, e.Args)
}
