package spec

import (
	"strings"

	"github.com/rung-oci/rung/internal/misspelt"
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
		if hint := misspelt.Nearest(u.Name, u.Fields); hint != "" {
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

// alike is the one of known that name is most likely a misspelling of, by what stands
// behind the prefix that all of them have, in capitals or not, or else the example.
func alike(name, prefix string, known []string, example string) string {
	bare := make([]string, len(known))
	for i := range known {
		bare[i] = known[i][len(prefix):]
	}
	if len(name) > len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
		name = name[len(prefix):]
	}
	if n := misspelt.Nearest(name, bare); n != "" {
		return prefix + n
	}
	return example
}
