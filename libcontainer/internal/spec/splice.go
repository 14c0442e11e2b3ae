package spec

import (
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
)

// Splice returns the JSON object text with value as the member that path names, from the
// outermost name inwards, and makes the objects that are missing on the way. All other members
// stay, unknown ones included. Splice matches names as [Parse] does, and makes one member of
// repeated ones on the path, so that Parse reads from the result value and nothing that was in
// its place before. text must be what Parse accepts.
func Splice(text, value string, path ...string) string {
	if len(path) == 0 {
		return value
	}
	var names, values []string
	at := -1
	s := jsonscan.New(text)
	for ok := s.Object(); ok && s.Member(); {
		name, v := s.Name(), s.Raw()
		switch {
		case !strings.EqualFold(name, path[0]):
			names, values = append(names, name), append(values, v)
		case at < 0:
			at = len(names)
			names, values = append(names, path[0]), append(values, v)
		default:
			values[at] = over(values[at], v)
		}
	}
	if at < 0 {
		at = len(names)
		names, values = append(names, path[0]), append(values, "null")
	}
	values[at] = Splice(values[at], value, path[1:]...)
	out := []byte{'{'}
	for i, name := range names {
		out = append(jsonscan.AppendKey(out, name), values[i]...)
	}
	return string(append(out, '}'))
}

// over is one value that Parse reads as it reads the objects before and after it in turn: the
// members of both, or nothing of what stands before a null.
func over(before, after string) string {
	if before == "null" || after == "null" {
		return after
	}
	inner := strings.TrimSpace(before[1 : len(before)-1])
	if more := strings.TrimSpace(after[1 : len(after)-1]); inner == "" {
		inner = more
	} else if more != "" {
		inner += "," + more
	}
	return "{" + inner + "}"
}
