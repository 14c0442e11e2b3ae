// Package hooks runs the hooks of a container (runtime-spec, config.md, POSIX-
// platform Hooks): programs that get the container's state on standard input.
// What they print is kept for the error, a background child they leave behind
// is not waited for, and one that ignores its state blocks nobody. A hook, though
// not what it left behind, is killed when the runtime is.
package hooks

import (
	"errors"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rung-oci/rung/libcontainer/internal/console"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/trace"
	"golang.org/x/sys/unix"
)

// Options say where hooks run.
type Options struct {
	// Dir is the working directory of hooks that Run starts itself; empty: the
	// runtime's.
	Dir string
	// Env is the environment of hooks whose own is nil. An empty one of a hook's own stays
	// empty. nil: those hooks have none.
	Env []string
	// Spawn starts a hook elsewhere, for instance in the container's
	// namespaces. nil: in the runtime's namespaces, as leader of its own process
	// group. The files stay the caller's: Spawn must not close them, and the
	// hook must have them as descriptors 0, 1 and 2.
	Spawn func(h plan.Hook, stdio [3]*os.File) (Spawned, error)
	// Stdout and Stderr are files that the hooks' output is appended to, made where
	// they are missing, with mode 0600; what goes there is not in Result or Error.
	// Empty: it is kept.
	Stdout, Stderr string
	// Output also gets what the hooks print, while they do; nil: nobody. A
	// write that blocks, blocks the hook; one that fails is the last.
	Output io.Writer
	// Signals kill the hook that runs when one of them asks for an end: the Error's
	// reason is then a *console.Interrupt, and no further hook is started. nil: none.
	Signals *console.Signals
	// Trace has a span of each hook, with what it printed, and has it continue the
	// trace: TRACEPARENT and TRACESTATE are added to its environment, unless the
	// config has set them. nil: none.
	Trace *trace.Trace
}

// Result is what became of one hook.
type Result struct {
	Path     string
	Index    int       // in the list of its kind, from 0
	Begin    time.Time // just before the hook was started
	Duration time.Duration
	Status   unix.WaitStatus
	Output   string // the last 16 KiB of standard output and standard error
	Dropped  int64  // bytes of output before Output
}

// Error is a hook that could not be started, did not end with status 0, or took
// too long.
type Error struct {
	Kind     string // the config's name of the list: "prestart", "createRuntime" …
	Index    int
	Path     string
	Status   unix.WaitStatus
	Duration time.Duration
	Output   string
	TimedOut bool
	// Err is the reason when it is not Status: the hook could not be started
	// or waited for; os.ErrDeadlineExceeded when TimedOut.
	Err error
}

// JSONPath is where the hook is in the config: "hooks.createRuntime[1]".
func (e *Error) JSONPath() string { return "hooks." + e.Kind + "[" + strconv.Itoa(e.Index) + "]" }

// Error tells which hook, how it ended, after how long, and what it printed.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.JSONPath())
	b.WriteString(": error running ")
	b.WriteString(e.Kind)
	b.WriteString(" hook #")
	b.WriteString(strconv.Itoa(e.Index))
	b.WriteString(": ")
	b.WriteString(e.Path)
	b.WriteString(": ")
	switch {
	case e.TimedOut:
		b.WriteString("timed out after ")
		b.WriteString(short(e.Duration))
	case e.Err != nil:
		b.WriteString(e.Err.Error())
	default:
		b.WriteString(ending(e.Status))
		b.WriteString(" after ")
		b.WriteString(short(e.Duration))
	}
	if out := strings.TrimSpace(e.Output); out != "" {
		b.WriteString(": ")
		b.WriteString(out)
	}
	return b.String()
}

// Unwrap gives the reason when it is not the hook's exit status.
func (e *Error) Unwrap() error { return e.Err }

func ending(ws unix.WaitStatus) string {
	if !ws.Signaled() {
		return "exit status " + strconv.Itoa(ws.ExitStatus())
	}
	text := "signal: " + ws.Signal().String() // "bad system call", as engines look for it
	if ws.CoreDump() {
		text += " (core dumped)"
	}
	return text
}

// short rounds a duration to what a reader of an error wants to know.
func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		d = d.Round(10 * time.Millisecond)
	case d >= time.Millisecond:
		d = d.Round(time.Millisecond)
	default:
		d = d.Round(time.Microsecond)
	}
	return d.String()
}

// Run runs hooks in order and stops at the first that fails, with an *Error.
// kind is the name of their list in the config, stateJSON what they get on
// standard input. The results are of all hooks that were started.
func Run(kind string, hooks []plan.Hook, stateJSON []byte, o Options) ([]Result, error) {
	results := make([]Result, 0, len(hooks))
	for i := range hooks {
		r, err := run(kind, i, hooks[i], stateJSON, &o)
		results = append(results, r)
		if err != nil {
			return results, err
		}
	}
	return results, nil
}

// RunAll is Run for poststop: "if any poststop hook fails, the runtime MUST log
// a warning, but the remaining hooks and lifecycle continue" (runtime.md,
// Lifecycle). Its error joins those of all hooks.
func RunAll(kind string, hooks []plan.Hook, stateJSON []byte, o Options) ([]Result, error) {
	results := make([]Result, 0, len(hooks))
	var errs []error
	for i := range hooks {
		r, err := run(kind, i, hooks[i], stateJSON, &o)
		results = append(results, r)
		if err != nil {
			errs = append(errs, err)
		}
		var interrupted *console.Interrupt
		if errors.As(err, &interrupted) {
			break
		}
	}
	return results, errors.Join(errs...)
}

// patience is how long a killed hook is waited for: one that hangs in the
// kernel (a dead NFS server) does not even end by SIGKILL.
const patience = 5 * time.Second

type ended struct {
	status unix.WaitStatus
	err    error
}

func run(kind string, index int, h plan.Hook, state []byte, o *Options) (Result, error) {
	inherited := h.Env == nil
	if inherited {
		h.Env = o.Env
	}
	if o.Trace != nil {
		return traced(kind, index, h, inherited, state, o)
	}
	return runOne(kind, index, h, state, o)
}

// traced is runOne with a span for it. What the config sets wins over the trace's variables, and
// they over an inherited environment: the runtime's own trace is the span's parent.
func traced(kind string, index int, h plan.Hook, inherited bool, state []byte, o *Options) (Result, error) {
	span, env := o.Trace.Child(kind+" hook #"+strconv.Itoa(index)+" "+h.Path, trace.Hook)
	for _, e := range env {
		name, _, _ := strings.Cut(e, "=")
		same := func(have string) bool { return strings.HasPrefix(have, name+"=") }
		if inherited {
			h.Env = slices.DeleteFunc(slices.Clone(h.Env), same)
		}
		if !slices.ContainsFunc(h.Env, same) {
			h.More = append(h.More, e)
		}
	}
	res, err := runOne(kind, index, h, state, o)
	span.Add(trace.Arg{Key: "origin", Value: "hooks." + kind + "[" + strconv.Itoa(index) + "]"}, trace.Arg{Key: "status", Value: ending(res.Status)})
	if res.Output != "" {
		span.Add(trace.Arg{Key: "output", Value: res.Output})
	}
	if res.Dropped > 0 {
		span.Add(trace.Arg{Key: "output_dropped", Value: strconv.FormatInt(res.Dropped, 10)})
	}
	span.End(err)
	return res, err
}

func runOne(kind string, index int, h plan.Hook, state []byte, o *Options) (Result, error) {
	// A hook ends with the thread that started it, which must be the runtime's end
	// (PR_SET_PDEATHSIG): nobody would know of one that a killed runtime left behind.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	res := Result{Path: h.Path, Index: index, Begin: time.Now()}
	fail := func(err error, timedOut bool) (Result, error) {
		res.Duration = time.Since(res.Begin)
		e := &Error{
			Kind: kind, Index: index, Path: h.Path, Status: res.Status,
			Duration: res.Duration, Output: res.Output, TimedOut: timedOut, Err: err,
		}
		if timedOut {
			e.Duration = h.Timeout // what was allowed says more than when it was noticed
		}
		return res, e
	}
	stdin, err := input(state)
	if err != nil {
		return fail(err, false)
	}
	r, w, err := pipe()
	if err != nil {
		stdin.Close()
		return fail(err, false)
	}
	defer r.Close()

	start := o.Spawn
	if start == nil {
		start = func(h plan.Hook, stdio [3]*os.File) (Spawned, error) { return spawn(h, o.Dir, stdio) }
	}
	stdout, err := outputTo(o.Stdout, w)
	var stderr *os.File
	if err == nil {
		stderr, err = outputTo(o.Stderr, w)
	}
	var p Spawned
	if err == nil {
		p, err = start(h, [3]*os.File{stdin, stdout, stderr})
	}
	for _, f := range [...]*os.File{stdin, stdout, stderr, w} {
		f.Close() // w may be there three times, nil too
	}
	if err != nil {
		return fail(err, false)
	}

	out := tail{also: o.Output}
	collected := make(chan struct{})
	go func() { out.collect(r); close(collected) }()
	end, timedOut := await(p, h.Timeout, o.Signals)
	_ = r.SetReadDeadline(time.Unix(1, 0))
	<-collected
	res.Duration = time.Since(res.Begin)
	res.Status, res.Output, res.Dropped = end.status, string(out.buf), out.dropped
	switch {
	case timedOut:
		return fail(os.ErrDeadlineExceeded, true)
	case end.err != nil:
		return fail(end.err, false)
	case end.status != 0:
		return fail(nil, false)
	}
	return res, nil
}

// await waits for the hook, for timeout at most if there is one, and until a signal
// asks for an end; then it kills the hook.
func await(p Spawned, timeout time.Duration, signals *console.Signals) (end ended, timedOut bool) {
	if p.Pidfd < 0 {
		ws, err := p.Wait()
		return ended{ws, err}, false
	}
	var deadline time.Time
	if timeout > 0 {
		deadline = time.Now().Add(timeout)
	}
	err := signals.AwaitExit(p.Pidfd, deadline)
	if err == nil {
		ws, err := p.Wait()
		return ended{ws, err}, false
	}
	p.Kill()
	var none *console.Signals // it is ended already
	if none.AwaitExit(p.Pidfd, time.Now().Add(patience)) == nil {
		end.status, _ = p.Wait()
	}
	if errors.Is(err, unix.ETIMEDOUT) {
		return end, true
	}
	end.err = err
	return end, false
}
