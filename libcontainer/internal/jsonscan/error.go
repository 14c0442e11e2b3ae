package jsonscan

import (
	"strconv"
	"strings"
)

// Error says what is wrong with a JSON text and where.
type Error struct {
	// Offset is the byte position in the text, from 0.
	Offset int
	// Line and Column are the same position, from 1; columns count bytes.
	Line, Column int
	// Path is the JSON path of the innermost value the position is in, as
	// "process.rlimits[2].type"; empty for the whole text.
	Path string
	// Message says what is wrong.
	Message string
}

// Error returns "line 3, column 7: process.args: want an array, got a number".
func (e *Error) Error() string {
	b := make([]byte, 0, 64+len(e.Path)+len(e.Message))
	b = append(b, "line "...)
	b = strconv.AppendInt(b, int64(e.Line), 10)
	b = append(b, ", column "...)
	b = strconv.AppendInt(b, int64(e.Column), 10)
	b = append(b, ": "...)
	if e.Path != "" {
		b = append(b, e.Path...)
		b = append(b, ": "...)
	}
	return string(append(b, e.Message...))
}

// maxPath is where the path of an error is cut: 10,000 levels make no message.
const maxPath = 256

// fail records the first error. Line, column and path are worked out only here,
// by reading the text once more: decoding itself keeps no track of them.
func (s *Scanner) fail(offset int, message string) {
	if s.err != nil {
		return
	}
	line, column := Position(s.src, offset)
	path := Paths(s.src, offset)[0]
	if len(path) > maxPath {
		path = path[:maxPath] + "…"
	}
	s.err = &Error{
		Offset:  offset,
		Line:    line,
		Column:  column,
		Path:    path,
		Message: message,
	}
}

// mismatch records that something other than want comes next.
func (s *Scanner) mismatch(want string) {
	if s.err != nil {
		return
	}
	if s.pos >= len(s.src) {
		s.fail(len(s.src), "unexpected end, want "+want)
		return
	}
	s.fail(s.pos, "want "+want+", got "+describe(s.src[s.pos]))
}

// describe names what a value that starts with c is.
func describe(c byte) string {
	switch {
	case c == '{':
		return "an object"
	case c == '[':
		return "an array"
	case c == '"':
		return "a string"
	case c == '-' || '0' <= c && c <= '9':
		return "a number"
	case c == 't' || c == 'f':
		return "a boolean"
	}
	return strconv.QuoteRune(rune(c))
}

// Position turns a byte offset into a line and a column, both from 1.
func Position(text string, offset int) (line, column int) {
	offset = min(offset, len(text))
	head := text[:offset]
	return strings.Count(head, "\n") + 1, offset - strings.LastIndexByte(head, '\n')
}
