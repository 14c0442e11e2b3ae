package jsonscan

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// plain marks the bytes that stand for themselves inside a JSON string: ASCII
// without control characters, quote and backslash. Bytes of longer UTF-8
// sequences are not plain, they have to be checked.
var plain = [256]bool{
	' ': true, '!': true, '#': true, '$': true, '%': true, '&': true, '\'': true, '(': true,
	')': true, '*': true, '+': true, ',': true, '-': true, '.': true, '/': true,
	'0': true, '1': true, '2': true, '3': true, '4': true, '5': true, '6': true, '7': true,
	'8': true, '9': true, ':': true, ';': true, '<': true, '=': true, '>': true, '?': true,
	'@': true, 'A': true, 'B': true, 'C': true, 'D': true, 'E': true, 'F': true, 'G': true,
	'H': true, 'I': true, 'J': true, 'K': true, 'L': true, 'M': true, 'N': true, 'O': true,
	'P': true, 'Q': true, 'R': true, 'S': true, 'T': true, 'U': true, 'V': true, 'W': true,
	'X': true, 'Y': true, 'Z': true, '[': true, ']': true, '^': true, '_': true, '`': true,
	'a': true, 'b': true, 'c': true, 'd': true, 'e': true, 'f': true, 'g': true, 'h': true,
	'i': true, 'j': true, 'k': true, 'l': true, 'm': true, 'n': true, 'o': true, 'p': true,
	'q': true, 'r': true, 's': true, 't': true, 'u': true, 'v': true, 'w': true, 'x': true,
	'y': true, 'z': true, '{': true, '|': true, '}': true, '~': true, 0x7f: true,
}

// quoted reads a string literal; the next byte is its opening quote.
func (s *Scanner) quoted() (string, bool) {
	src := s.src
	start := s.pos + 1
	i := start
	for i < len(src) {
		c := src[i]
		if plain[c] {
			i++
			continue
		}
		if c == '"' {
			s.pos = i + 1
			return src[start:i], true
		}
		if c < utf8.RuneSelf {
			break
		}
		r, n := utf8.DecodeRuneInString(src[i:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		i += n
	}
	return s.unescape(start, i)
}

// unescape reads the rest of a string literal that cannot be returned as it
// stands. The text between start and i is clean.
func (s *Scanner) unescape(start, i int) (string, bool) {
	src := s.src
	buf := make([]byte, i-start, i-start+64)
	copy(buf, src[start:i])
	for i < len(src) {
		switch c := src[i]; {
		case plain[c]:
			buf = append(buf, c)
			i++
		case c == '"':
			s.pos = i + 1
			return string(buf), true
		case c < ' ':
			s.fail(i, "control character "+describe(c)+" in a string")
			return "", false
		case c != '\\':
			// RuneError of width 1 writes U+FFFD for one bad byte.
			r, n := utf8.DecodeRuneInString(src[i:])
			buf = utf8.AppendRune(buf, r)
			i += n
		default:
			var n int
			if buf, n = appendEscape(buf, src[i:]); n == 0 {
				s.fail(i, "invalid escape in a string")
				return "", false
			}
			i += n
		}
	}
	s.fail(len(src), "unexpected end in a string")
	return "", false
}

// appendEscape appends what the escape sequence at the start of src stands for
// and returns its length, 0 if it is not valid.
func appendEscape(dst []byte, src string) ([]byte, int) {
	if len(src) < 2 {
		return dst, 0
	}
	switch src[1] {
	case '"', '\\', '/':
		return append(dst, src[1]), 2
	case 'b':
		return append(dst, '\b'), 2
	case 'f':
		return append(dst, '\f'), 2
	case 'n':
		return append(dst, '\n'), 2
	case 'r':
		return append(dst, '\r'), 2
	case 't':
		return append(dst, '\t'), 2
	case 'u':
		r := hex4(src)
		if r < 0 {
			return dst, 0
		}
		if !utf16.IsSurrogate(r) {
			return utf8.AppendRune(dst, r), 6
		}
		if pair := utf16.DecodeRune(r, hex4(src[6:])); pair != utf8.RuneError {
			return utf8.AppendRune(dst, pair), 12
		}
		// A lone half; what follows is read for itself.
		return utf8.AppendRune(dst, utf8.RuneError), 6
	}
	return dst, 0
}

// hex4 reads \uXXXX at the start of src, -1 if it is not that.
func hex4(src string) rune {
	if len(src) < 6 || src[0] != '\\' || src[1] != 'u' {
		return -1
	}
	var r rune
	for i := 2; i < 6; i++ {
		c := src[i]
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// digits returns how many decimal digits t starts with.
func digits(t string) int {
	n := 0
	for n < len(t) && '0' <= t[n] && t[n] <= '9' {
		n++
	}
	return n
}

// number consumes a number literal and returns its text; integer is false if it
// has a fraction or an exponent. The next byte is a digit or a minus.
func (s *Scanner) number() (text string, integer, ok bool) {
	start, i := s.pos, s.pos
	if s.src[i] == '-' {
		i++
	}
	n := digits(s.src[i:])
	if n == 0 {
		s.fail(i, "invalid number: no digit after '-'")
		return "", false, false
	}
	if s.src[i] == '0' {
		n = 1 // more digits are a second, misplaced, value
	}
	i += n
	integer = true
	if i < len(s.src) && s.src[i] == '.' {
		n := digits(s.src[i+1:])
		if n == 0 {
			s.fail(i+1, "invalid number: no digit after '.'")
			return "", false, false
		}
		integer = false
		i += 1 + n
	}
	if i < len(s.src) && s.src[i]|0x20 == 'e' {
		i++
		if i < len(s.src) && (s.src[i] == '+' || s.src[i] == '-') {
			i++
		}
		n := digits(s.src[i:])
		if n == 0 {
			s.fail(i, "invalid number: no digit in the exponent")
			return "", false, false
		}
		integer = false
		i += n
	}
	s.pos = i
	return s.src[start:i], integer, true
}

// Int reads an integer that fits a signed type of that many bits. ok is false,
// without an error, for null. Fractions, exponents (even 1e3) and numbers out
// of range are errors.
func (s *Scanner) Int(bits int) (v int64, ok bool) {
	text, start, ok := s.integer()
	if !ok {
		return 0, false
	}
	v, err := strconv.ParseInt(text, 10, bits)
	if err != nil {
		s.fail(start, "number "+text+" is out of range, want "+
			strconv.FormatInt(-1<<(bits-1), 10)+" to "+strconv.FormatInt(1<<(bits-1)-1, 10))
		return 0, false
	}
	return v, true
}

// Uint reads an integer that fits an unsigned type of that many bits; otherwise
// like [Scanner.Int]. -0 is out of range, as for encoding/json.
func (s *Scanner) Uint(bits int) (v uint64, ok bool) {
	text, start, ok := s.integer()
	if !ok {
		return 0, false
	}
	v, err := strconv.ParseUint(text, 10, bits)
	if err != nil {
		s.fail(start, "number "+text+" is out of range, want 0 to "+
			strconv.FormatUint(1<<bits-1, 10))
		return 0, false
	}
	return v, true
}

// integer reads the text of an integer; ok is false for null and errors.
func (s *Scanner) integer() (text string, start int, ok bool) {
	switch c := s.peek(); {
	case c == '-' || '0' <= c && c <= '9':
		start = s.pos
		text, integer, ok := s.number()
		if ok && !integer {
			s.fail(start, "number "+text+" is not an integer")
		}
		return text, start, ok && integer
	case c == 'n':
		s.word("null")
		return "", 0, false
	}
	s.mismatch("an integer")
	return "", 0, false
}

// Float reads a number as a float64. ok is false, without an error, for null.
func (s *Scanner) Float() (v float64, ok bool) {
	switch c := s.peek(); {
	case c == '-' || '0' <= c && c <= '9':
		start := s.pos
		text, _, ok := s.number()
		if !ok {
			return 0, false
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			s.fail(start, "number "+text+" is out of range")
			return 0, false
		}
		return v, true
	case c == 'n':
		s.word("null")
		return 0, false
	}
	s.mismatch("a number")
	return 0, false
}
