package spec

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
)

// maxTypeProblems bounds how many values of a wrong type are looked for: the text
// is read once for each.
const maxTypeProblems = 100

// ParseAll is [Parse] for those who want to hear of every value of a wrong type
// and not of the first alone: each is noted as a [Must] and read as if it were
// null. The error is for a text that is no JSON at all. Spec shares no memory
// with raw.
func ParseAll(raw []byte) (*Loaded, Problems, error) {
	s := jsonscan.New(text(raw))
	s.Skip()
	if err := s.End(); err != nil {
		return nil, nil, err
	}
	var wrong Problems
	rest, grown := string(raw), 0 // by how much rest is longer than raw, up to the latest problem
	for {
		s := jsonscan.New(rest)
		v := new(specs.Spec)
		decodeSpec(&s, v)
		err := s.End()
		if err == nil {
			return &Loaded{Spec: v, Raw: raw, Unknown: unknownFields(rest, s.Unknowns())}, wrong, nil
		}
		var e *jsonscan.Error
		if !errors.As(err, &e) || len(wrong) == maxTypeProblems {
			return nil, nil, err
		}
		value := jsonscan.New(rest[e.Offset:])
		value.Skip()
		end := e.Offset + value.Offset()
		if value.Err() != nil || rest[e.Offset:end] == "null" {
			return nil, nil, err // not at a value: nothing can be put in its place
		}
		line, column := position(raw[:e.Offset-grown])
		message := e.Message + ", in line " + strconv.Itoa(line) + ", column " + strconv.Itoa(column)
		wrong = append(wrong, Problem{Path: e.Path, Level: Must, Chapter: chapterOf(e.Path), Message: message})
		grown += len("null") - (end - e.Offset)
		rest = rest[:e.Offset] + "null" + rest[end:]
	}
}

// position is the line and the column, in bytes from 1, of what follows text.
func position(text []byte) (line, column int) {
	return bytes.Count(text, []byte("\n")) + 1, len(text) - bytes.LastIndexByte(text, '\n')
}

// chapterOf is the document that has the types of a path's fields.
func chapterOf(path string) string {
	if strings.HasPrefix(path, "linux.") || path == "linux" {
		return "config-linux.md"
	}
	return "config.md"
}
