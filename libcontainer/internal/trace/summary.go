package trace

import (
	"cmp"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Summarize prints, for each command, whose the time was, and the steps, the
// slowest first; top bounds their number, 0 does not.
func Summarize(runs []Run, top int, w io.Writer) error {
	var b []byte
	for i := range runs {
		if i > 0 {
			b = append(b, '\n')
		}
		b = runs[i].appendSummary(b, top)
	}
	_, err := w.Write(b)
	return err
}

// Share is a part of the whole command, in percent with one decimal.
func (r *Run) Share(ns int64) string {
	if r.Command.Length == 0 {
		return "0.0"
	}
	return strconv.FormatFloat(100*float64(ns)/float64(r.Command.Length), 'f', 1, 64)
}

// Sums are the lines that say whose the time was.
func (r *Run) Sums() [5]Sum {
	return [5]Sum{
		{"kernel", r.Kernel, "in steps that are one system call, and in the init's birth: the floor of any runtime"},
		{"program", r.Own, "in steps that are several, and work of rung's own"},
		{"hooks", r.Hooks, "in hooks"},
		{"waiting", r.Waits, "in which one process waited for another: their steps are counted with them"},
		{"between", r.Command.Self, "of the runtime in none of these"},
	}
}

// Sum is a part of a command's time.
type Sum struct {
	Name string
	Time int64 // ns
	What string
}

func (r *Run) appendSummary(b []byte, top int) []byte {
	c := &r.Command
	b = append(b, oneLine(c.Name)+": "+Milliseconds(c.Length)+" ms, "...)
	if c.Failed() {
		b = append(b, "FAILED: "+oneLine(c.Arg("error"))...)
	} else {
		b = append(b, "ok"...)
	}
	b = append(b, "\n  process "+strconv.Itoa(c.Pid)+", trace "+oneLine(c.Arg("trace_id"))...)
	if p := c.Arg("parent_span_id"); p != "" {
		b = append(b, ", part of span "+oneLine(p)...)
	}
	b = append(b, "\n\n"...)
	for _, s := range r.Sums() {
		b = appendRight(b, Milliseconds(s.Time), 10)
		b = append(b, " ms "...)
		b = appendRight(b, r.Share(s.Time), 5)
		b = append(b, " %  "+s.Name+": "+s.What+"\n"...)
	}
	b = append(b, "\n        ms      %    process  step\n"...)
	steps := slices.Clone(r.Steps)
	slices.SortStableFunc(steps, func(a, b Event) int {
		return cmp.Or(-cmp.Compare(flag(a.Failed()), flag(b.Failed())), cmp.Compare(b.Self, a.Self))
	})
	left := 0
	for i := range steps {
		e := &steps[i]
		if isCommand(*e) {
			continue
		}
		if top > 0 && i >= top && !e.Failed() {
			left++
			continue
		}
		b = appendRight(b, Milliseconds(e.Self), 10)
		b = append(b, ' ')
		b = appendRight(b, r.Share(e.Self), 6)
		b = append(b, ' ')
		b = appendRight(b, oneLine(r.Names[e.Pid]), 10)
		b = append(b, "  "...)
		if e.Failed() {
			b = append(b, "! "...)
		}
		b = append(b, oneLine(e.Title())...)
		if o := e.Arg("origin"); o != "" {
			b = append(b, "    # "+oneLine(o)...)
		}
		b = append(b, '\n')
		if e.Failed() {
			b = append(b, "                             FAILED: "+oneLine(e.Arg("error"))+"\n"...)
		}
	}
	if left > 0 {
		b = append(b, "                             and "+strconv.Itoa(left)+" more\n"...)
	}
	return b
}

func flag(v bool) int {
	if v {
		return 1
	}
	return 0
}

// Title is the step as plans print it, or its name.
func (e *Event) Title() string {
	t := e.Arg("step")
	if t == "" {
		t = e.Name
	}
	if e.Category == Wait {
		t += " (waits)"
	}
	return t
}

// oneLine quotes what would break the line or drive a terminal: names in a trace
// are a container's, and what hooks print is theirs.
func oneLine(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\ufffd' }) < 0 {
		return s
	}
	q := strconv.Quote(s)
	return q[1 : len(q)-1]
}

func appendRight(b []byte, s string, width int) []byte {
	for range width - len(s) {
		b = append(b, ' ')
	}
	return append(b, s...)
}
