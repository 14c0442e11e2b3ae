package main

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"":                             "",
		"plain text: ~/{}\\":           "plain text: ~/{}\\",
		"é ü 漢字 🙂":                     "é ü 漢字 🙂",
		"\x1b]0;owned\a\x1b[2J":        `\x1b]0;owned\a\x1b[2J`,
		"one\nrung: two\r\tthree":      `one\nrung: two\r\tthree`,
		"\u009b31m\x7f":                `\u009b31m\x7f`, // CSI in one character
		"txt.\u202egpj":                `txt.\u202egpj`, // the other way round
		"\u2028\ufeff\u200d\U000e0001": `\u2028\ufeff\u200d\U000e0001`,
		"\xff\xc3(\xe2\x80":            `\xff\xc3(\xe2\x80`,
		"\ufffd":                       "\ufffd",
	} {
		if got := printable(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	if got := string(appendText(nil, "a\n\tb\r\x1b", true)); got != "a\n\tb\\r\\x1b" {
		t.Errorf("%q", got)
	}
}

func FuzzPrintable(f *testing.F) {
	for _, s := range []string{"a\x1b[0m", "\u202e", "\xff", "é\n", "\U000e0001\ud7ff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range printable(s) {
			if !strconv.IsPrint(r) {
				t.Fatalf("%q has %U left", s, r)
			}
		}
		if !utf8.ValidString(s) {
			return
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range []string{string(appendPrintableJSON(nil, string(text))), string(appendJSONString(nil, s))} {
			var again string
			if err := json.Unmarshal([]byte(b), &again); err != nil || again != s {
				t.Fatalf("%q: %s is %q, %v", s, b, again, err)
			}
			if i := strings.IndexFunc(b, func(r rune) bool { return !strconv.IsPrint(r) }); i >= 0 {
				t.Fatalf("%q: %s", s, b)
			}
		}
	})
}
