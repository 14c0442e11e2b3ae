package runtime

import (
	"encoding/binary"
	"strconv"

	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/trace"
	"github.com/rung-oci/rung/libcontainer/internal/wire"
)

// begin has a span for a step of the runtime half.
func (x *executor) begin(s plan.Step) trace.Span {
	if x.side.Trace == nil {
		return trace.Span{}
	}
	cat := trace.Own
	switch s.Do.(type) {
	case plan.Serve, plan.RunHooks, plan.Start:
		cat = trace.Wait // for the init, for hooks: those have spans of their own
	}
	span := x.side.Trace.Begin(plan.LabelOf(s.Do).Name, cat)
	span.Add(trace.Arg{Key: "step", Value: plan.ActionLine(s.Do)})
	if s.Origin != "" {
		span.Add(trace.Arg{Key: "origin", Value: s.Origin})
	}
	return span
}

// times is what an init tells of its ops, as spans.
type times struct {
	trace   *trace.Trace
	track   trace.Track
	program plan.Program
	last    trace.Span
	index   int // of its op
}

func newTimes(t *trace.Trace, pid int, p plan.Program) *times {
	return &times{trace: t, track: t.Process(pid, "init"), program: p}
}

// adopted says that another process goes on with the program.
func (t *times) adopted(pid int) { t.track = t.trace.Process(pid, "init") }

// take takes what is for it, and says that this was all of the message. A failure
// marks the op that failed: its time came just before.
func (t *times) take(m wire.Message) bool {
	switch m.Type {
	case plan.MsgTimes:
		begin := m.Arg
		for i, b := m.Op, []byte(m.Detail); len(b) >= 8 && i < len(t.program); i, b = i+1, b[8:] {
			end := int64(binary.NativeEndian.Uint64(b))
			t.op(i, begin, end)
			begin = end
		}
		return true
	case plan.MsgFail:
		if m.Op != t.index { // it was behind the gate: see finishing
			return false
		}
		t.last.Fail(m.Err.Error() + " (" + m.Step.String() + ")")
	}
	return false
}

func (t *times) op(i int, begin, end int64) {
	o := t.program[i]
	name, _ := plan.Describe(o.Op)
	args := []trace.Arg{{Key: "op", Value: strconv.Itoa(i)}, {Key: "step", Value: plan.Line(o.Op)}}
	if o.Origin != "" {
		args = append(args, trace.Arg{Key: "origin", Value: o.Origin})
	}
	cat, kind := trace.Own, o.Op.Kind()
	switch call := kind.Call(); {
	case kind.Waits():
		cat = trace.Wait
	case call != "":
		cat = trace.Call
		args = append(args, trace.Arg{Key: "call", Value: call})
	}
	t.index, t.last = i, t.track.Add(name, cat, begin, end, args...)
}

// finishing has a span for what comes behind the gate, of which the init says
// nothing any more: the filter is in force, and then the program is another.
func (x *executor) finishing() trace.Span {
	return x.side.Trace.Process(x.init.Pid, "init").Begin("start", trace.Own, trace.Arg{Key: "note", Value: "from the order to execve: no_new_privs, Landlock, seccomp, capabilities, execve"})
}
