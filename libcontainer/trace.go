package libcontainer

import (
	"errors"
	"io"

	"github.com/rung-oci/rung/libcontainer/internal/trace"
	"golang.org/x/sys/unix"
)

// Trace collects what an operation does, step by step, on both sides, with the
// hooks: docs/tracing.md. One Trace is for one command, whatever operations that
// takes. A nil *Trace collects nothing.
type Trace = trace.Trace

// NewTrace begins a trace that is written to the file at path, an absolute one,
// behind what is there of other commands. name says what is done. parent and
// state are $TRACEPARENT and $TRACESTATE (W3C Trace Context), which hooks then
// have in their turn; empty or malformed: a trace of its own.
func NewTrace(path, name, parent, state string) *Trace {
	return trace.New(path, name, trace.Inherit(parent, state))
}

// FinishTrace ends the trace of a command that ended with err, and writes it.
func FinishTrace(t *Trace, err error) error {
	var e *Error
	if t != nil && errors.As(err, &e) {
		for _, a := range [...]trace.Arg{{Key: "id", Value: e.ID}, {Key: "code", Value: e.Code}, {Key: "step", Value: e.Step}, {Key: "path", Value: e.Path}, {Key: "hint", Value: e.Hint}} {
			if a.Value != "" {
				t.Describe(a)
			}
		}
		if n := e.Errno(); n != 0 {
			t.Describe(trace.Arg{Key: "errno", Value: unix.ErrnoName(n)})
		}
	}
	return t.Finish(err)
}

// flush writes what there is before a command waits for the container's process.
func (c *Container) flush(warn func(string)) {
	if err := c.Trace.Flush(); err != nil {
		warn(err.Error())
	}
}

// TraceSummary prints a trace file: whose the time of each command was, and its
// steps, the slowest first, top of them or, with 0, all.
func TraceSummary(path string, top int, w io.Writer) error {
	runs, err := trace.Read(path)
	if err != nil {
		return err
	}
	return trace.Summarize(runs, top, w)
}

// TracePage writes a trace file as an HTML page that needs nothing else.
func TracePage(path string, w io.Writer) error {
	runs, err := trace.Read(path)
	if err != nil {
		return err
	}
	return trace.Page(runs, w)
}
