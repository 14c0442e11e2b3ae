package jsonscan

import (
	"strings"
	"unsafe"
)

// Fields are the names of an object's members, in the order in which texts most likely have them.
type Fields []string

// First enters an object and goes to its first member with a name of fields; it returns the
// name's index, and -1 if the object has none, for null, and after an error. Exact names go
// before names that differ in case only. The caller must consume the member's value and then
// call [Scanner.Next] until that returns -1. Members with other names are skipped and
// remembered for [Scanner.Unknowns].
func (s *Scanner) First(fields Fields) int {
	if !s.Object() {
		return -1
	}
	return s.Next(fields, -1)
}

// Next goes to the next member with a name of fields; see [Scanner.First]. last is the index
// that the call before returned: names that follow it are tried first.
func (s *Scanner) Next(fields Fields, last int) int {
	for s.next('}') {
		if i := s.exact(fields, last); i >= 0 {
			return i
		}
		if !s.member() {
			return -1
		}
		// What exact did not match: escaped names, white space before the colon, names in another case.
		for i := range fields {
			if fields[i] == s.name {
				return i
			}
		}
		// As encoding/json does, EqualFold takes U+017F (long s) for an s and U+212A (Kelvin sign) for a k.
		for i := range fields {
			if strings.EqualFold(fields[i], s.name) {
				return i
			}
		}
		if len(s.unknown) < maxUnknown {
			s.unknown = append(s.unknown, Unknown{Offset: s.nameOff, Name: s.name, Fields: fields})
		}
		s.Skip()
	}
	return -1
}

// exact consumes the name of the member, in quotes, and the colon right behind it if the name is one of
// fields, and returns its index; otherwise -1, with nothing consumed. It compares with the text as it
// stands, which is faster than to look for the name's end first.
func (s *Scanner) exact(fields Fields, last int) int {
	if s.peek() != '"' {
		return -1
	}
	rest := s.src[s.pos+1:]
	for n, i := len(fields), last+1; n > 0; n, i = n-1, i+1 {
		if i == len(fields) {
			i = 0
		}
		f := fields[i]
		if len(rest) > len(f)+1 && rest[len(f)] == '"' && rest[len(f)+1] == ':' && rest[:len(f)] == f {
			s.pos += len(f) + 3
			return i
		}
	}
	return -1
}

// Text reads a string into v. Null leaves v as it is, here and in all that decodes into a
// variable which cannot be nil.
func Text[T ~string](s *Scanner, v *T) {
	if x, ok := s.String(); ok {
		*v = T(x)
	}
}

// Flag reads a boolean into v.
func Flag[T ~bool](s *Scanner, v *T) {
	if x, ok := s.Bool(); ok {
		*v = T(x)
	}
}

// Signed reads an integer that has to fit v's type.
func Signed[T ~int | ~int8 | ~int16 | ~int32 | ~int64](s *Scanner, v *T) {
	if x, ok := s.Int(8 * int(unsafe.Sizeof(*v))); ok {
		*v = T(x)
	}
}

// Unsigned reads an integer that has to fit v's type.
func Unsigned[T ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64](s *Scanner, v *T) {
	if x, ok := s.Uint(8 * int(unsafe.Sizeof(*v))); ok {
		*v = T(x)
	}
}

// Pointer reads a value with read into the variable that v points to, and makes that if there
// is none. Null makes *v nil.
func Pointer[T any](s *Scanner, v **T, read func(*Scanner, *T)) {
	if s.Null() {
		*v = nil
		return
	}
	if *v == nil {
		*v = new(T)
	}
	read(s, *v)
}

// List reads an array, each element with read. Null makes *v nil, an empty array makes it
// empty and not nil. The elements that *v has are decoded over, as encoding/json does.
func List[T any](s *Scanner, v *[]T, read func(*Scanner, *T)) { list(s, v, 0, read) }

// Scalars is [List] for elements without commas of their own: it makes room for all of them
// at once.
func Scalars[T any](s *Scanner, v *[]T, read func(*Scanner, *T)) { list(s, v, 1, read) }

// Texts is [Scalars] for strings, of which most of a config consists.
func Texts[T ~string](s *Scanner, v *[]T) {
	if cap(*v) > 0 { // a repeated member
		list(s, v, 1, Text[T])
		return
	}
	if !s.Array() {
		if s.err == nil {
			*v = nil
		}
		return
	}
	a := make([]T, 0, s.Guess())
	for s.Element() {
		x, _ := s.String()
		a = append(a, T(x))
	}
	*v = a
}

func list[T any](s *Scanner, v *[]T, guess int, read func(*Scanner, *T)) {
	if !s.Array() {
		if s.err == nil {
			*v = nil
		}
		return
	}
	a := *v
	n := 0
	for ; s.Element(); n++ {
		// Elements beyond the length keep what a longer array, earlier in the same
		// text, left there: encoding/json shows it through null and missing members.
		if n >= len(a) {
			if cap(a) == 0 {
				var e T
				room := max(1, min(8, 128/max(1, int(unsafe.Sizeof(e))))) // append would start with one
				if guess > 0 {
					room = s.Guess()
				}
				a = make([]T, 0, room)
			}
			if n < cap(a) {
				a = a[:n+1]
			} else {
				var e T
				a = append(a, e)
			}
		}
		read(s, &a[n])
	}
	if n == 0 {
		a = []T{}
	}
	*v = a[:n]
}

// Map reads an object whose members all have values of one type, each with read, into *v,
// which keeps the members that the object does not have. Null makes *v nil.
func Map[K ~string, T any](s *Scanner, v *map[K]T, read func(*Scanner, *T)) {
	if !s.Object() {
		if s.err == nil {
			*v = nil
		}
		return
	}
	if *v == nil {
		*v = make(map[K]T)
	}
	e := new(T)
	for s.Member() {
		var zero T
		*e = zero
		name := s.name
		read(s, e)
		(*v)[K(name)] = *e
	}
}

// Opaque skips an object that nothing is read from.
func Opaque[T any](s *Scanner, _ *T) {
	for ok := s.Object(); ok && s.Member(); {
		s.Skip()
	}
}
