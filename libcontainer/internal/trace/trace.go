// Package trace keeps what a command did, and how long each step of it took, and
// writes it as trace events that Chrome's and Perfetto's viewers open: spans of
// the runtime, of the init, of hooks, on one clock.
//
// A nil *Trace collects nothing, and costs a comparison: callers need not ask.
package trace

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// Categories of spans: they say whose the time is.
const (
	Command = "command" // the whole of it
	Own     = "own"     // the program's own work, with whatever system calls it takes
	Call    = "call"    // one system call: the kernel's floor
	Wait    = "wait"    // somebody else's: the other process's
	Hook    = "hook"    // a hook's
)

// Trace collects the spans of one command. Its methods may be called from several
// goroutines, and on nil.
type Trace struct {
	path    string
	context Context

	mu      sync.Mutex
	spans   []record
	names   []record // of processes
	written int      // so many spans are in the file
	pid     int
}

type record struct {
	pid        int
	name, cat  string
	start, end int64 // ns of CLOCK_MONOTONIC; end 0: not yet
	failed     string
	args       []Arg
}

// Arg is a detail of a span.
type Arg struct{ Key, Value string }

// Track is a process that spans belong to.
type Track struct {
	t   *Trace
	pid int
}

// Span is one step that has begun. The zero Span is of no trace.
type Span struct {
	t *Trace
	i int
}

// Now reads the clock of traces: CLOCK_MONOTONIC in ns.
func Now() int64 {
	var ts unix.Timespec
	_ = sys.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return ts.Nano()
}

// begun: a trace of this process has the time before main already.
var begun atomic.Bool

// New begins the trace of this process, which goes to the file at path. name is
// what it does, context where it stands in a distributed trace.
func New(path, name string, context Context) *Trace {
	t := &Trace{path: path, context: context, pid: unix.Getpid()}
	now := Now()
	t.names = append(t.names, record{pid: t.pid, name: "rung " + name})
	t.spans = append(t.spans, record{pid: t.pid, name: name, cat: Command, start: now, args: context.args()})
	// Nobody looks at the clock before main: the processor's time is next to it, for nothing is waited for. That holds
	// once in a process, and in one that has just begun: a program that uses rung as a library may have run for hours.
	var cpu unix.Timespec
	if !begun.Swap(true) && sys.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &cpu) == nil && cpu.Nano() < int64(time.Second) {
		t.spans[0].start = now - cpu.Nano()
		t.spans = append(t.spans, record{pid: t.pid, name: "start of the program", cat: Own, start: now - cpu.Nano(), end: now, args: []Arg{{"note", "the processor's time before main"}}})
	}
	return t
}

// Describe adds details to the command's span.
func (t *Trace) Describe(args ...Arg) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.spans[0].args = append(t.spans[0].args, args...)
}

// Begin begins a step of this process.
func (t *Trace) Begin(name, cat string) Span {
	if t == nil {
		return Span{}
	}
	return t.add(record{pid: t.pid, name: name, cat: cat, start: Now()})
}

func (t *Trace) add(r record) Span {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.spans = append(t.spans, r)
	return Span{t, len(t.spans) - 1}
}

// Do has a step of its own for what f does.
func (t *Trace) Do(name string, f func() error) error {
	if t == nil {
		return f()
	}
	s := t.Begin(name, Own)
	err := f()
	s.End(err)
	return err
}

// Process gives the track of another process, under the name that is given.
func (t *Trace) Process(pid int, name string) Track {
	if t == nil {
		return Track{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.names {
		if t.names[i].pid == pid {
			t.names[i].name = name
			return Track{t, pid}
		}
	}
	t.names = append(t.names, record{pid: pid, name: name})
	return Track{t, pid}
}

// Add adds a step of that process that lasted from start to end, ns of Now.
func (p Track) Add(name, cat string, start, end int64, args ...Arg) Span {
	if p.t == nil {
		return Span{}
	}
	return p.t.add(record{pid: p.pid, name: name, cat: cat, start: start, end: end, args: args})
}

// Begin begins a step of that process.
func (p Track) Begin(name, cat string, args ...Arg) Span {
	if p.t == nil {
		return Span{}
	}
	return p.t.add(record{pid: p.pid, name: name, cat: cat, start: Now(), args: args})
}

// Is says that the track is of that process.
func (p Track) Is(pid int) bool { return p.t != nil && p.pid == pid }

// Add adds details.
func (s Span) Add(args ...Arg) {
	if s.t == nil {
		return
	}
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	r := &s.t.spans[s.i]
	r.args = append(r.args, args...)
}

// End ends the step, which has failed when err is not nil.
func (s Span) End(err error) {
	if s.t == nil {
		return
	}
	now := Now()
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	r := &s.t.spans[s.i]
	r.end = now
	if err != nil {
		r.failed = err.Error()
	}
}

// Fail marks a step that has ended as the one that failed.
func (s Span) Fail(reason string) {
	if s.t == nil {
		return
	}
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	s.t.spans[s.i].failed = reason
}

// Context is a place in a distributed trace (W3C Trace Context, level 1).
type Context struct {
	Trace  string // 32 hexadecimal digits
	Parent string // of the caller's span, 16 digits; "" for none
	Span   string // of this command, 16 digits
	Flags  string // two digits
	State  string // $TRACESTATE, handed on as it is
}

// Inherit continues the trace that the caller's TRACEPARENT and TRACESTATE tell
// of, or begins one when that is missing or malformed.
func Inherit(parent, state string) Context {
	c := Context{Flags: "01", Span: random(8)}
	if trace, span, flags, ok := parse(parent); ok {
		c.Trace, c.Parent, c.Flags, c.State = trace, span, flags, state
		return c
	}
	c.Trace = random(16)
	return c
}

// parse takes a traceparent apart: version, trace, parent, flags, in lower-case
// hexadecimal digits. Later versions may say more behind the flags.
func parse(s string) (trace, span, flags string, ok bool) {
	const size = len("00-") + 32 + 1 + 16 + 1 + 2
	if len(s) < size || len(s) > size && (s[:2] == "00" || s[size] != '-') {
		return "", "", "", false
	}
	if s[2] != '-' || s[35] != '-' || s[52] != '-' || s[:2] == "ff" {
		return "", "", "", false
	}
	trace, span, flags = s[3:35], s[36:52], s[53:55]
	if !hexadecimal(s[:2]) || !hexadecimal(trace) || !hexadecimal(span) || !hexadecimal(flags) || zeros(trace) || zeros(span) {
		return "", "", "", false
	}
	return trace, span, flags, true
}

func hexadecimal(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func zeros(s string) bool {
	for i := range len(s) {
		if s[i] != '0' {
			return false
		}
	}
	return true
}

// random gives n random bytes as hexadecimal digits, not all of them 0.
func random(n int) string {
	const digits = "0123456789abcdef"
	raw := make([]byte, n)
	if _, err := sys.Getrandom(raw, 0); err != nil || zeros(string(raw)) {
		raw[n-1] = 1
	}
	b := make([]byte, 0, 2*n)
	for _, c := range raw {
		b = append(b, digits[c>>4], digits[c&15])
	}
	return string(b)
}

func (c Context) args() []Arg {
	a := []Arg{{"trace_id", c.Trace}, {"span_id", c.Span}}
	if c.Parent != "" {
		a = append(a, Arg{"parent_span_id", c.Parent})
	}
	return a
}

// Child begins a step that a program of its own carries out, and gives the
// entries of its environment that continue the trace.
func (t *Trace) Child(name, cat string, args ...Arg) (Span, []string) {
	if t == nil {
		return Span{}, nil
	}
	c := t.context
	id := random(8)
	env := []string{"TRACEPARENT=00-" + c.Trace + "-" + id + "-" + c.Flags}
	if c.State != "" {
		env = append(env, "TRACESTATE="+c.State)
	}
	args = append(args, Arg{"span_id", id})
	return t.add(record{pid: t.pid, name: name, cat: cat, start: Now(), args: args}), env
}

// Milliseconds prints a duration in ns with three decimals.
func Milliseconds(ns int64) string { return strconv.FormatFloat(float64(ns)/1e6, 'f', 3, 64) }
