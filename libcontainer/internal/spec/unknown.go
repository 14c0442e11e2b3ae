package spec

import (
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
)

// unknownFields makes a warning of each property that no type has.
func unknownFields(text string, found []jsonscan.Unknown) Problems {
	if len(found) == 0 {
		return nil
	}
	offsets := make([]int, len(found))
	for i := range found {
		offsets[i] = found[i].Offset
	}
	paths := jsonscan.Paths(text, offsets...)
	out := make(Problems, len(found))
	for i, u := range found {
		message := "unknown field " + paths[i]
		if hint := nearest(u.Name, fieldNames(u.Type)); hint != "" {
			message += ": did you mean " + hint + "?"
		}
		out[i] = Problem{
			Path:    paths[i],
			Level:   Warn,
			Chapter: "config.md#extensibility",
			Message: message,
		}
	}
	return out
}

// nearest returns the candidate that name is most likely a misspelling of, ""
// if none is near: at most a third of its letters may differ.
func nearest(name string, candidates []string) string {
	best, limit := "", max(1, len(name)/3)+1
	var row [64]int
	for _, c := range candidates {
		if len(c) >= len(row) || len(name) >= len(row) {
			continue
		}
		if d := distance(row[:len(c)+1], name, c); d < limit {
			best, limit = c, d
		}
	}
	return best
}

// alike is the one of known that name is most likely a misspelling of, by what stands
// behind the prefix that all of them have, or else the example.
func alike(name, prefix string, known []string, example string) string {
	bare := make([]string, len(known))
	for i := range known {
		bare[i] = known[i][len(prefix):]
	}
	if n := nearest(strings.TrimPrefix(name, prefix), bare); n != "" {
		return prefix + n
	}
	return example
}

// distance is the number of insertions, deletions and substitutions of letters
// between a and b, case apart; row is scratch of len(b)+1.
func distance(row []int, a, b string) int {
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if lower(a[i]) != lower(b[j]) {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c |= 0x20
	}
	return c
}
