package spec

import (
	"strconv"
	"strings"
)

// Level says what a [Problem] means for the container.
type Level uint8

const (
	// Must is a rule whose violation makes create fail: the specification says
	// MUST, or the kernel is bound to refuse.
	Must Level = iota
	// Should is a rule of the specification that containers in the wild are
	// known to break and that every runtime puts up with.
	Should
	// Warn is for what is accepted without effect, or surely not meant.
	Warn
)

// String returns MUST, SHOULD or WARN.
func (l Level) String() string {
	switch l {
	case Must:
		return "MUST"
	case Should:
		return "SHOULD"
	}
	return "WARN"
}

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	// Path is the JSON path: "process.rlimits[2].type".
	Path string
	// Level says how bad it is.
	Level Level
	// Chapter is the place in the runtime-spec: "config.md#mounts".
	Chapter string
	// Message says what is wrong, in one line.
	Message string
}

// String returns "mounts[3].destination: MUST be … (config.md#mounts)" on one line.
func (p Problem) String() string {
	var b strings.Builder
	if p.Path != "" {
		b.WriteString(p.Path)
		b.WriteString(": ")
	}
	b.WriteString(p.Message)
	if p.Level != Must {
		b.WriteString(" [")
		b.WriteString(p.Level.String())
		b.WriteString("]")
	}
	if p.Chapter != "" {
		b.WriteString(" (")
		b.WriteString(p.Chapter)
		b.WriteString(")")
	}
	return b.String()
}

// Problems is what is wrong with a configuration, in the order of config.md. It
// is an error, but may hold nothing fatal: look at [Problems.Fatal], or take
// [Problems.Err].
type Problems []Problem

// Error returns each problem on a line of its own.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].String()
	}
	return strings.Join(lines, "\n")
}

// At returns those of level l, nil if there are none.
func (p Problems) At(l Level) Problems {
	var out Problems
	for _, q := range p {
		if q.Level == l {
			out = append(out, q)
		}
	}
	return out
}

// Err returns the fatal problems as an error, nil if there are none.
func (p Problems) Err() error {
	if fatal := p.At(Must); fatal != nil {
		return fatal
	}
	return nil
}

// quote quotes a value for a message; long values are cut.
func quote(s string) string {
	const limit = 80
	if len(s) > limit {
		return strconv.Quote(s[:limit]) + "…"
	}
	return strconv.Quote(s)
}
