package hooks

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"golang.org/x/sys/unix"
)

func sh(script string, args ...string) plan.Hook {
	return plan.Hook{Path: "/bin/sh", Args: append([]string{"sh", "-c", script, "hook"}, args...), Env: []string{"PATH=/usr/bin:/bin"}}
}

func TestRun_environment_of_hooks_that_have_none(t *testing.T) {
	env := func(e []string) plan.Hook { return plan.Hook{Path: "/usr/bin/env", Args: []string{"env"}, Env: e} }
	res, err := Run("poststart", []plan.Hook{env(nil), env([]string{}), env([]string{"B=2"})}, nil, Options{Env: []string{"A=1"}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"A=1\n", "", "B=2\n"} {
		if res[i].Output != want {
			t.Errorf("hook %d: environment %q, want %q", i, res[i].Output, want)
		}
	}
}

func TestRun_success(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("RUNG_TEST_LEAK", "1")
	tests := []struct {
		name string
		hook plan.Hook
		want string
	}{
		{"state on stdin", sh("cat"), `{"id":"x"}`},
		{"both streams in order", sh("echo a; echo b >&2; echo c"), "a\nb\nc\n"},
		{"argv as given", plan.Hook{Path: "/bin/sh", Args: []string{"odd zero", "-c", `echo "$0|$1"`, "n", "m"}}, "n|m\n"},
		{"no args: the path", plan.Hook{Path: filepath.Join(dir, "script")}, filepath.Join(dir, "script") + " 0\n"},
		{"environment only as given", plan.Hook{Path: "/usr/bin/env", Args: []string{"env"}, Env: []string{"B=2", "A=1"}}, "B=2\nA=1\n"},
		{"no environment", plan.Hook{Path: "/usr/bin/env", Args: []string{"env"}}, ""},
		{"working directory", sh("pwd -P"), dir + "\n"},
		{"own process group", sh(`read -r pid comm state ppid pgrp rest </proc/$$/stat; test $pgrp = $$ && echo leader`), "leader\n"},
		{"descriptors 0 to 2 alone", plan.Hook{Path: "/bin/ls", Args: []string{"ls", "/proc/self/fd"}}, "0\n1\n2\n3\n"}, // 3 is the directory it reads
		{"closes its output", sh("exec >&- 2>&-; true"), ""},
		{"within its time", plan.Hook{Path: "/bin/true", Timeout: time.Minute}, ""},
	}
	// a descriptor without CLOEXEC, as callers of the runtime hand them in
	if _, err := unix.FcntlInt(0, unix.F_DUPFD, 50); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "script"), []byte("#!/bin/sh\necho $0 $#\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var also bytes.Buffer
			res, err := Run("prestart", []plan.Hook{tt.hook}, []byte(`{"id":"x"}`), Options{Dir: dir, Output: &also})
			if err != nil {
				t.Fatal(err)
			}
			got := res[0].Output
			if len(res) != 1 || got != tt.want || also.String() != res[0].Output {
				t.Errorf("output %q, handed on %q, want %q", got, also.String(), tt.want)
			}
			if res[0].Duration <= 0 || res[0].Begin.IsZero() || res[0].Path != tt.hook.Path {
				t.Errorf("result %+v", res[0])
			}
		})
	}
}

func TestRun_failure(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	ok := sh("true")
	tests := []struct {
		name  string
		hooks []plan.Hook
		dir   string
		text  string // regular expression
		is    error
		exit  int
	}{
		{"status and output", []plan.Hook{ok, sh("echo out; echo why >&2; exit 3")}, "", `^hooks\.createRuntime\[1\]: error running createRuntime hook #1: /bin/sh: exit status 3 after [0-9.]+(ms|µs): out\nwhy$`, nil, 3},
		{"no output", []plan.Hook{sh("exit 1")}, "", `^hooks\.createRuntime\[0\]: error running createRuntime hook #0: /bin/sh: exit status 1 after [0-9.]+(ms|µs)$`, nil, 1},
		{"bad system call", []plan.Hook{sh("kill -SYS $$")}, "", `/bin/sh: signal: bad system call( \(core dumped\))? after `, nil, -1},
		{"killed", []plan.Hook{sh("kill -KILL $$")}, "", `: signal: killed after `, nil, -1},
		{"absent", []plan.Hook{{Path: dir + "/absent"}}, "", `#0: ` + dir + `/absent: execve: no such file or directory$`, unix.ENOENT, 0},
		{"not executable", []plan.Hook{{Path: plain}}, "", `execve: permission denied$`, unix.EACCES, 0},
		{"no directory", []plan.Hook{ok}, dir + "/absent", `/bin/sh: chdir ` + dir + `/absent: no such file or directory$`, unix.ENOENT, 0},
		{"timeout", []plan.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "echo begun; sleep 1000 & wait"}, Env: []string{"PATH=/bin"}, Timeout: 200 * time.Millisecond}}, "", `#0: /bin/sh: timed out after 200ms: begun$`, os.ErrDeadlineExceeded, -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			begin := time.Now()
			res, err := Run("createRuntime", append(tt.hooks, sh("echo never")), []byte("{}"), Options{Dir: tt.dir})
			if err == nil || !regexp.MustCompile(tt.text).MatchString(err.Error()) {
				t.Fatalf("error %v, want %s", err, tt.text)
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%v is not %v", err, tt.is)
			}
			var e *Error
			if !errors.As(err, &e) || e.Kind != "createRuntime" || e.Index != len(tt.hooks)-1 || e.Status.ExitStatus() != tt.exit {
				t.Errorf("error %+v, exit %d", e, e.Status.ExitStatus())
			}
			if len(res) != len(tt.hooks) {
				t.Errorf("%d results, want %d", len(res), len(tt.hooks))
			}
			if d := time.Since(begin); d > time.Minute {
				t.Errorf("took %v", d)
			}
		})
	}
}

// A timeout kills the whole process group: here the child that would live on.
func TestRun_timeoutKillsGroup(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	h := plan.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", "sleep 1000 & sleep 1000"}, Env: []string{"PATH=/bin"}, Timeout: 100 * time.Millisecond}
	// the pipe goes in as stdin, because nothing else is inherited
	_, err = Run("prestart", []plan.Hook{h}, nil, Options{Spawn: func(h plan.Hook, stdio [3]*os.File) (Spawned, error) {
		stdio[0] = w
		p, err := spawn(h, "", stdio)
		w.Close()
		return p, err
	}})
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || err == nil { // returns once nobody has the other end
		t.Errorf("read %d, %v", n, err)
	}
}

// The state of a container with many annotations is larger than a pipe.
func TestRun_largeState(t *testing.T) {
	state := StateJSON("1.2.0", "web", "creating", 7, "/b", map[string]string{"big": strings.Repeat("x", 1<<20)})
	hooks := []plan.Hook{sh("true"), sh("wc -c"), sh("exec <&-"), sh("cat >/dev/null; wc -c")}
	res, err := Run("poststart", hooks, state, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"", strconv.Itoa(len(state)) + "\n", "", "0\n"} {
		if res[i].Output != want {
			t.Errorf("hook %d saw %q, want %q", i, res[i].Output, want)
		}
	}
}

func TestRun_manySmall(t *testing.T) {
	var hooks []plan.Hook
	for range 20 {
		hooks = append(hooks, sh("printf 'one\\n'; cat"))
	}
	res, err := Run("prestart", hooks, []byte("{}"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range res {
		if r.Output != "one\n{}" {
			t.Errorf("hook %d: %q", r.Index, r.Output)
		}
	}
}

func TestRun_longOutput(t *testing.T) {
	res, err := Run("prestart", []plan.Hook{sh("seq 1 100000")}, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if out := res[0].Output; len(out) != keep || !strings.HasSuffix(out, "\n99999\n100000\n") {
		t.Errorf("%d bytes ending in %q", len(out), out[max(0, len(out)-20):])
	}
	if got, want := res[0].Dropped+keep, int64(588895); got != want {
		t.Errorf("%d bytes seen, want %d", got, want)
	}
}

// A child that a hook leaves behind holds the pipe, in one case it fills it for
// ever. The hook's end is the end.
func TestRun_backgroundChild(t *testing.T) {
	for name, script := range map[string]string{
		"silent":    `sleep 1000 & echo "$!" >"$1"; echo said`,
		"talkative": `echo said; yes | cat & echo "$!" >"$1"`,
	} {
		t.Run(name, func(t *testing.T) {
			pidFile := filepath.Join(t.TempDir(), "pid")
			begin := time.Now()
			res, err := Run("prestart", []plan.Hook{sh(script, pidFile)}, nil, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if d := time.Since(begin); d > time.Minute {
				t.Errorf("took %v", d)
			}
			if name == "silent" && res[0].Output != "said\n" {
				t.Errorf("output %q", res[0].Output)
			}
			raw, err := os.ReadFile(pidFile)
			if err != nil {
				t.Fatal(err)
			}
			if name == "silent" {
				kill(t, strings.TrimSpace(string(raw)))
			}
		})
	}
}

func kill(t *testing.T, pid string) {
	t.Helper()
	n := 0
	for _, c := range pid {
		n = n*10 + int(c-'0')
	}
	if err := unix.Kill(n, unix.SIGKILL); err != nil {
		t.Errorf("the child did not live on: %v", err)
	}
}

func TestRunAll(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "ran")
	res, err := RunAll("poststop", []plan.Hook{sh("exit 1"), {Path: "/no/such"}, sh(`echo >"$1"`, mark)}, nil, Options{})
	if len(res) != 3 {
		t.Errorf("%d results", len(res))
	}
	if _, statErr := os.Stat(mark); statErr != nil {
		t.Error(statErr)
	}
	if err == nil || !strings.Contains(err.Error(), "hook #0") || !errors.Is(err, unix.ENOENT) {
		t.Errorf("error %v", err)
	}
	if _, err := RunAll("poststop", []plan.Hook{sh("true")}, nil, Options{}); err != nil {
		t.Error(err)
	}
}

func TestRun_spawn(t *testing.T) {
	broken := errors.New("no room")
	_, err := Run("startContainer", []plan.Hook{{Path: "/x"}}, nil, Options{
		Spawn: func(plan.Hook, [3]*os.File) (Spawned, error) { return Spawned{}, broken },
	})
	if !errors.Is(err, broken) || err.Error() != "hooks.startContainer[0]: error running startContainer hook #0: /x: no room" {
		t.Error(err)
	}
	_, err = Run("startContainer", []plan.Hook{{Path: "/x"}}, nil, Options{
		Spawn: func(_ plan.Hook, stdio [3]*os.File) (Spawned, error) {
			_, _ = stdio[2].WriteString("last words\n")
			return Spawned{Wait: func() (unix.WaitStatus, error) { return 0, broken }, Kill: func() {}, Pidfd: -1}, nil
		},
	})
	if !errors.Is(err, broken) || !strings.HasSuffix(err.Error(), ": no room: last words") {
		t.Error(err)
	}
}

type failing struct{ calls int }

func (f *failing) Write([]byte) (int, error) { f.calls++; return 0, errors.New("full") }

func TestRun_outputFails(t *testing.T) {
	var f failing
	res, err := Run("prestart", []plan.Hook{sh("seq 1 30000")}, nil, Options{Output: &f})
	if err != nil || f.calls != 1 || !strings.HasSuffix(res[0].Output, "30000\n") {
		t.Errorf("%d calls, %v", f.calls, err)
	}
}

// Descriptors must not pile up in a runtime that runs many hooks.
func TestRun_closes(t *testing.T) {
	count := func() int {
		d, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(d)
	}
	_, _ = Run("prestart", []plan.Hook{sh("true"), {Path: "/no"}}, nil, Options{}) // the poller's descriptors
	before := count()
	for range 5 {
		_, _ = RunAll("prestart", []plan.Hook{sh("true"), {Path: "/no"}}, make([]byte, 1<<20), Options{})
	}
	if after := count(); after != before {
		t.Errorf("%d descriptors, then %d", before, after)
	}
}

func TestStateJSON(t *testing.T) {
	tests := []struct {
		name string
		s    specs.State
	}{
		{"full", specs.State{Version: "1.2.0", ID: "a\"b", Status: "created", Pid: 12, Bundle: "/b\n", Annotations: map[string]string{"z": "1", "a": "é\u2028"}}},
		{"stopped", specs.State{Version: "1.0.0", ID: "a", Status: "stopped", Bundle: "/b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tt.s
			got := StateJSON(s.Version, s.ID, string(s.Status), s.Pid, s.Bundle, s.Annotations)
			var back specs.State
			if err := json.Unmarshal(got, &back); err != nil {
				t.Fatalf("%s: %v", got, err)
			}
			want, _ := json.Marshal(s)
			again, _ := json.Marshal(back)
			if !bytes.Equal(want, again) {
				t.Errorf("%s\nwant %s", got, want)
			}
			if s.Pid == 0 && bytes.Contains(got, []byte(`"pid"`)) {
				t.Errorf("pid 0 in %s", got)
			}
		})
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		1234567 * time.Nanosecond: "1ms",
		12345 * time.Nanosecond:   "12µs",
		1567 * time.Millisecond:   "1.57s",
		time.Second:               "1s",
		90 * time.Second:          "1m30s",
	} {
		if got := short(d); got != want {
			t.Errorf("%v: %s, want %s", int64(d), got, want)
		}
	}
}

func TestRun_outputToFiles(t *testing.T) {
	dir := t.TempDir()
	o := Options{Stdout: filepath.Join(dir, "out"), Stderr: filepath.Join(dir, "err")}
	both := sh("echo a; echo b >&2")
	for range 2 {
		if res, err := Run("poststop", []plan.Hook{both}, nil, o); err != nil || res[0].Output != "" {
			t.Fatalf("%+v, %v", res, err)
		}
	}
	for path, want := range map[string]string{o.Stdout: "a\na\n", o.Stderr: "b\nb\n"} {
		if b, err := os.ReadFile(path); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", path, b, err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	res, err := Run("poststop", []plan.Hook{both}, nil, Options{Stderr: o.Stderr})
	if err != nil || res[0].Output != "a\n" {
		t.Errorf("one stream to a file, the other kept: %+v, %v", res, err)
	}
	_, err = Run("poststop", []plan.Hook{both}, nil, Options{Stdout: filepath.Join(dir, "none", "out")})
	if !errors.Is(err, unix.ENOENT) || !strings.Contains(err.Error(), "none/out") {
		t.Errorf("a file that cannot be opened: %v", err)
	}
}
