package main

import (
	"os"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/rung-oci/rung/internal/outfile"
)

// level is how much a log record matters; smaller is graver.
type level uint8

const (
	levelError level = iota
	levelWarning
	levelInfo
	levelDebug
)

func (l level) String() string {
	switch l {
	case levelError:
		return "error"
	case levelWarning:
		return "warning"
	case levelInfo:
		return "info"
	default:
		return "debug"
	}
}

// parseLevel takes the names of runc's and crun's levels. Trace and panic have no records of their own.
func parseLevel(s string) (level, bool) {
	switch s {
	case "error", "fatal", "panic":
		return levelError, true
	case "warning", "warn":
		return levelWarning, true
	case "info":
		return levelInfo, true
	case "debug", "trace":
		return levelDebug, true
	}
	return levelWarning, false
}

// logger writes log records in the two forms that engines read, which are logrus's:
//
//	time="2026-01-02T15:04:05Z" level=error msg="what happened" code=mount
//	{"level":"error","msg":"what happened","code":"mount","time":"2026-01-02T15:04:05Z"}
//
// A record is one write(2), so that the records of several processes appending to one file do not mix.
type logger struct {
	path  string   // "" for standard error
	out   *os.File // standard error until open
	file  bool     // out is the file at path
	json  bool
	level level
	now   func() time.Time // nil for time.Now
}

// field is a further value of a record.
type field struct{ key, value string }

// open opens the log file for appending, if there is one to open. It is not done any earlier than needed: the
// descriptors that the caller hands over to the container must be known to be there before their numbers are taken.
func (l *logger) open() error {
	if l.path == "" || l.file || l.path == "/dev/stderr" {
		return nil
	}
	f, err := outfile.Append(l.path, 0o644)
	if err != nil {
		return err
	}
	l.out, l.file = f, true
	return nil
}

// write adds a record. A log that cannot be written is no reason to fail: the container matters more.
func (l *logger) write(lv level, msg string, fields ...field) {
	if lv > l.level {
		return
	}
	msg = printable(msg)
	now := time.Now
	if l.now != nil {
		now = l.now
	}
	buf := make([]byte, 0, 256)
	if l.json {
		buf = appendJSONRecord(buf, now(), lv, msg, fields)
	} else {
		buf = appendTextRecord(buf, now(), lv, msg, fields)
	}
	tell(l.out, buf)
}

// Times are UTC: the local zone would have to be read from its file.

func appendTextRecord(b []byte, now time.Time, lv level, msg string, fields []field) []byte {
	b = append(b, `time="`...)
	b = now.UTC().AppendFormat(b, time.RFC3339)
	b = append(b, `" level=`...)
	b = append(b, lv.String()...)
	b = append(b, " msg="...)
	b = appendTextValue(b, msg)
	for _, f := range fields {
		b = append(b, ' ')
		b = append(b, f.key...)
		b = append(b, '=')
		b = appendTextValue(b, f.value)
	}
	return append(b, '\n')
}

func appendTextValue(b []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '.', c == '_', c == '/', c == '@', c == '^', c == '+':
		default:
			return strconv.AppendQuote(b, s)
		}
	}
	return append(b, s...)
}

func appendJSONRecord(b []byte, now time.Time, lv level, msg string, fields []field) []byte {
	b = append(b, `{"level":"`...)
	b = append(b, lv.String()...)
	b = append(b, `","msg":`...)
	b = appendJSONString(b, msg)
	for _, f := range fields {
		b = append(b, ',')
		b = appendJSONString(b, f.key)
		b = append(b, ':')
		b = appendJSONString(b, f.value)
	}
	b = append(b, `,"time":"`...)
	b = now.UTC().AppendFormat(b, time.RFC3339)
	return append(b, "\"}\n"...)
}

// appendJSONString appends s as a JSON string. Bytes that are no UTF-8, which file names may hold, become U+FFFD.
func appendJSONString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c >= ' ' && c < 0x7f:
			b = append(b, c)
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			b = appendJSONRune(b, r)
			i += n
			continue
		}
		i++
	}
	return append(b, '"')
}
