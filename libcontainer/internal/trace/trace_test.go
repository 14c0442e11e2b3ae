package trace

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestInherit(t *testing.T) {
	t.Parallel()
	const id, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	for name, c := range map[string]struct {
		parent string
		taken  bool
	}{
		"as it should be":            {"00-" + id + "-" + span + "-01", true},
		"not sampled":                {"00-" + id + "-" + span + "-00", true},
		"a later version":            {"cc-" + id + "-" + span + "-01", true},
		"a later version, with more": {"cc-" + id + "-" + span + "-01-what-comes", true},
		"more, and no dash":          {"cc-" + id + "-" + span + "-01.what", false},
		"version 0 with more":        {"00-" + id + "-" + span + "-01-more", false},
		"no version":                 {"ff-" + id + "-" + span + "-01", false},
		"nothing":                    {"", false},
		"upper case":                 {"00-" + strings.ToUpper(id) + "-" + span + "-01", false},
		"a trace of zeros":           {"00-" + strings.Repeat("0", 32) + "-" + span + "-01", false},
		"a span of zeros":            {"00-" + id + "-" + strings.Repeat("0", 16) + "-01", false},
		"cut off":                    {"00-" + id + "-" + span[:15], false},
		"other separators":           {"00_" + id + "_" + span + "_01", false},
		"no hexadecimal digits":      {"00-" + id[:31] + "g-" + span + "-01", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Inherit(c.parent, "vendor=1")
			if taken := got.Trace == id && got.Parent == span && got.State == "vendor=1"; taken != c.taken {
				t.Errorf("%+v, taken over: %v, want %v", got, taken, c.taken)
			}
			if len(got.Trace) != 32 || zeros(got.Trace) || len(got.Span) != 16 || zeros(got.Span) || got.Span == span {
				t.Errorf("ids %+v", got)
			}
			if !c.taken && (got.Parent != "" || got.State != "") {
				t.Errorf("what is malformed is handed on: %+v", got)
			}
		})
	}
}

// A trace that nobody asked for is no special case for its callers.
func TestNil(t *testing.T) {
	var tr *Trace
	s := tr.Begin("x", Own)
	s.Add(Arg{"a", "b"})
	s.End(errors.New("x"))
	s.Fail("x")
	tr.Describe(Arg{"a", "b"})
	p := tr.Process(7, "init")
	p.Begin("x", Own).End(nil)
	p.Add("x", Own, 1, 2).Fail("y")
	if _, env := tr.Child("hook", Hook); env != nil {
		t.Errorf("environment %q of no trace", env)
	}
	ran := false
	if err := tr.Do("x", func() error { ran = true; return os.ErrClosed }); !ran || !errors.Is(err, os.ErrClosed) {
		t.Errorf("ran: %v, error: %v", ran, err)
	}
	if err := errors.Join(tr.Flush(), tr.Finish(nil)); err != nil {
		t.Error(err)
	}
	if n := testing.AllocsPerRun(100, func() { tr.Begin("x", Own).End(nil) }); n != 0 {
		t.Errorf("%v allocations for a step of no trace", n)
	}
}

const nasty = "</script><b onload=\"x\">\x1b[31m\x00\xff'&"

func sample(t *testing.T, path string, err error) {
	t.Helper()
	tr := New(path, "create "+nasty, Inherit("", ""))
	if err := tr.Do("decide", func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	step := tr.Begin("serve", Wait)
	now := Now()
	init := tr.Process(4711, "init")
	init.Add("setsid", Call, now, now+1000, Arg{"step", "setsid"}, Arg{"call", "setsid"})
	last := init.Add("mount-fs", Own, now+1000, now+251001, Arg{"step", "mount-fs target=" + nasty}, Arg{"origin", "mounts[3]"})
	if err != nil {
		last.Fail("EPERM")
	}
	for Now() < now+251001 { // a command ends after its steps
	}
	step.End(err)
	if err := tr.Finish(err); err != nil {
		t.Fatal(err)
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "trace")
	sample(t, path, nil)
	sample(t, path, errors.New("mounts[3]: "+nasty))
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var events []map[string]any
	if err := json.Unmarshal(raw, &events); err != nil {
		t.Fatalf("%v:\n%s", err, raw)
	}
	for _, e := range events {
		if e["ph"] == "X" && (e["ts"].(float64) <= 0 || e["dur"].(float64) < 0 || e["pid"] == nil || e["name"] == "") {
			t.Errorf("event %v", e)
		}
	}
	runs, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(runs) != 2 || runs[0].Command.Failed() || !runs[1].Command.Failed() {
		t.Fatalf("%d commands: %+v", len(runs), runs)
	}
	for _, r := range runs {
		if r.Kernel != 1000 || r.Own < 250001 {
			t.Errorf("kernel %d ns, program %d ns", r.Kernel, r.Own)
		}
		if r.Names[4711] != "init" || r.Names[os.Getpid()] != "runtime" {
			t.Errorf("names %v", r.Names)
		}
	}
	var out bytes.Buffer
	if err := Summarize(runs, 0, &out); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	if strings.ContainsAny(text, "\x1b\x00") {
		t.Errorf("what a container is called drives the terminal: %q", text)
	}
	for _, want := range []string{"! mount-fs target=", "FAILED: EPERM", "# mounts[3]", "0.250", "serve (waits)"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	out.Reset()
	if err := Page(runs, &out); err != nil {
		t.Fatal(err)
	}
	if page := out.String(); strings.Contains(page, "<script") || strings.Contains(page, "<b onload") || strings.Contains(page, "http://") || strings.Contains(page, "https://") {
		t.Error("the page has markup of the trace, or loads something")
	}
}

// Commands that end at the same time do not lose each other's events.
func TestFile_of_many(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "trace")
	var wg sync.WaitGroup
	const n = 20
	for range n {
		wg.Go(func() { sample(t, path, nil) })
	}
	wg.Wait()
	runs, err := Read(path)
	if err != nil || len(runs) != n {
		t.Fatalf("%d commands, error %v, want %d", len(runs), err, n)
	}
}

func TestFile_that_is_something_else(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"short": "{}", "text": "what somebody wrote", "array": "[]", "lines": "[\n]\n", "numbers": "[\n1\n]\n", "object": "{\"a\": [\n]}\n"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		tr := New(path, "x", Inherit("", ""))
		if err := tr.Finish(nil); !errors.Is(err, errForeign) {
			t.Errorf("%s: error %v", name, err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("%s: it is %q now (%v)", name, got, err)
		}
		if _, err := Read(path); err == nil {
			t.Errorf("%s is read as a trace", name)
		}
	}
	if err := New(dir, "x", Inherit("", "")).Finish(nil); err == nil {
		t.Error("a directory was written to")
	}
}

func TestNanoseconds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"24609095953.399": 24609095953399, "1": 1000, "0.5": 500, "7.1234567": 7123, "-1": 0, "x": 0, "1.x": 0, "": 0} {
		if got := nanoseconds(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	if got := string(appendMicroseconds(nil, 1234005)); got != "1234.005" {
		t.Errorf("%q", got)
	}
}
