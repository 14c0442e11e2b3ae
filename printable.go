package main

import (
	"strconv"
	"unicode/utf8"
)

// What rung prints has text in it that an image or a config brings: arguments, paths, names. This file is the one place
// that keeps it from acting on whoever reads: escape sequences would rename a terminal's window, erase lines or type into
// it, a line end would forge a record of the log, and a change of direction (U+202E) would show one name for another.

// appendPrintable appends s with everything that is not printable (strconv.IsPrint), line ends and tabs among it, as Go
// writes it in a string: \n, \x1b, \u202e. Bytes that are not UTF-8 are \xNN.
func appendPrintable(b []byte, s string) []byte { return appendText(b, s, false) }

// printable is appendPrintable for a string.
func printable(s string) string {
	if plainASCII(s) {
		return s
	}
	return string(appendPrintable(make([]byte, 0, len(s)+32), s))
}

// appendText is appendPrintable that leaves line ends and tabs, for text that has lines, if lines is true.
func appendText(b []byte, s string, lines bool) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < 0x7f || lines && (c == '\n' || c == '\t') {
			b = append(b, c)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch part := s[i : i+n]; {
		case r >= utf8.RuneSelf && (r != utf8.RuneError || n > 1) && strconv.IsPrint(r):
			b = append(b, part...)
		default:
			quoted := strconv.Quote(part)
			b = append(b, quoted[1:len(quoted)-1]...)
		}
		i += n
	}
	return b
}

func plainASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// appendPrintableJSON appends JSON, whose strings may hold anything but controls below U+0020, with all else that is not
// printable as \uNNNN. Outside of strings JSON has nothing of that kind.
func appendPrintableJSON(b []byte, s string) []byte {
	for i := 0; i < len(s); {
		if c := s[i]; c < 0x7f {
			b = append(b, c)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		b = appendJSONRune(b, r)
		i += n
	}
	return b
}

// appendJSONRune appends one character of a JSON string.
func appendJSONRune(b []byte, r rune) []byte {
	if strconv.IsPrint(r) {
		return utf8.AppendRune(b, r)
	}
	unit := func(u rune) {
		const hex = "0123456789abcdef"
		b = append(b, '\\', 'u', hex[u>>12&15], hex[u>>8&15], hex[u>>4&15], hex[u&15])
	}
	if r > 0xffff { // as two halves: RFC 8259, section 7
		r -= 0x10000
		unit(0xd800 + r>>10)
		unit(0xdc00 + r&0x3ff)
	} else {
		unit(r)
	}
	return b
}
