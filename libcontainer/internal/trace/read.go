package trace

import (
	"cmp"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
)

// Event is a span as a trace file has it.
type Event struct {
	Name, Category string
	Pid            int
	Start, Length  int64 // ns
	Args           []Arg // result and error among them
	Depth          int   // steps of the same process that it is part of
	Self           int64 // ns of Length that are in no step of its own
}

// Arg is the detail of that name, or "".
func (e *Event) Arg(key string) string {
	for _, a := range e.Args {
		if a.Key == key {
			return a.Value
		}
	}
	return ""
}

// Failed says that the step failed.
func (e *Event) Failed() bool { return e.Arg("result") == "failed" }

// Run is one command of a trace file.
type Run struct {
	Command Event
	Steps   []Event        // of all its processes, by their start
	Names   map[int]string // of processes
	Kernel  int64          // ns in steps that are one system call
	Own     int64          // ns in rung's other steps
	Hooks   int64          // ns in hooks
	Waits   int64          // ns in which a process waited for another one
}

var errNoCommand = errors.New("there is no command of rung in it")

// Read reads a trace file: its commands, by their start.
func Read(path string) ([]Run, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	events, names, err := parseEvents(string(raw))
	if err == nil && !slices.ContainsFunc(events, isCommand) {
		err = errNoCommand
	}
	if err != nil {
		return nil, &os.PathError{Op: "read the trace", Path: path, Err: err}
	}
	return group(events, names), nil
}

func isCommand(e Event) bool { return e.Category == Command }

type processName struct {
	pid  int
	name string
}

// parseEvents reads an array of trace events; those of kinds that rung does not
// write are passed over.
func parseEvents(text string) (events []Event, names []processName, err error) {
	s := jsonscan.New(text)
	for ok := s.Array(); ok && s.Element(); {
		var e Event
		kind := ""
		for ok := s.Object(); ok && s.Member(); {
			switch s.Name() {
			case "name":
				e.Name, _ = s.String()
			case "cat":
				e.Category, _ = s.String()
			case "ph":
				kind, _ = s.String()
			case "ts":
				e.Start = nanoseconds(s.Raw())
			case "dur":
				e.Length = nanoseconds(s.Raw())
			case "pid":
				n, _ := s.Int(32)
				e.Pid = int(n)
			case "args":
				e.Args = parseArgs(&s)
			default:
				s.Skip()
			}
		}
		switch {
		case kind == "X":
			events = append(events, e)
		case kind == "M" && e.Name == "process_name":
			names = append(names, processName{e.Pid, e.Arg("name")})
		}
	}
	if err := s.End(); err != nil {
		return nil, nil, err
	}
	return events, names, s.Err()
}

func parseArgs(s *jsonscan.Scanner) []Arg {
	var args []Arg
	for ok := s.Object(); ok && s.Member(); {
		key := s.Name()
		raw := s.Raw()
		value := raw
		if strings.HasPrefix(raw, `"`) {
			in := jsonscan.New(raw)
			value, _ = in.String()
		}
		args = append(args, Arg{key, value})
	}
	return args
}

// nanoseconds reads microseconds with a fraction, exactly: a float64 has too few
// digits for a machine that has been up for months.
func nanoseconds(us string) int64 {
	whole, frac, _ := strings.Cut(us, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n > 1<<53 || n < 0 {
		return 0
	}
	frac = (frac + "000")[:3]
	f, err := strconv.ParseInt(frac, 10, 64)
	if err != nil || f < 0 {
		return 0
	}
	return n*1000 + f
}

func group(events []Event, names []processName) []Run {
	var runs []Run
	for _, e := range events {
		if isCommand(e) {
			runs = append(runs, Run{Command: e, Names: map[int]string{}})
		}
	}
	slices.SortStableFunc(runs, func(a, b Run) int { return cmp.Compare(a.Command.Start, b.Command.Start) })
	for _, e := range events {
		by := e.Pid
		if n, err := strconv.Atoi(e.Arg("runtime_pid")); err == nil {
			by = n
		}
		for i := range runs {
			if c := &runs[i].Command; c.Pid == by && e.Start >= c.Start && e.Start <= c.Start+c.Length {
				runs[i].Steps = append(runs[i].Steps, e)
				break
			}
		}
	}
	for i := range runs {
		r := &runs[i]
		for _, n := range names {
			if slices.ContainsFunc(r.Steps, func(e Event) bool { return e.Pid == n.pid }) {
				r.Names[n.pid] = n.name
			}
		}
		r.Names[r.Command.Pid] = "runtime"
		r.nest()
	}
	return runs
}

// nest finds which steps are part of which, and sums up whose the time was.
func (r *Run) nest() {
	slices.SortStableFunc(r.Steps, func(a, b Event) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.Length, a.Length))
	})
	open := map[int][]int{} // by process
	for i := range r.Steps {
		e := &r.Steps[i]
		stack := open[e.Pid]
		for len(stack) > 0 {
			top := &r.Steps[stack[len(stack)-1]]
			if e.Start < top.Start+top.Length {
				break
			}
			stack = stack[:len(stack)-1]
		}
		e.Self, e.Depth = e.Length, len(stack)
		if len(stack) > 0 {
			r.Steps[stack[len(stack)-1]].Self -= e.Length
		}
		open[e.Pid] = append(stack, i)
	}
	for i := range r.Steps {
		switch e := &r.Steps[i]; e.Category {
		case Call:
			r.Kernel += e.Self
		case Own:
			r.Own += e.Self
		case Hook:
			r.Hooks += e.Self
		case Wait:
			r.Waits += e.Self
		case Command:
			r.Command.Self = e.Self
		}
	}
}
