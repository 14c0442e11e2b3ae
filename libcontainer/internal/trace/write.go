package trace

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/rung-oci/rung/internal/outfile"
	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// The file is an array of trace events, one a line. Commands add to it: the
// clock is the machine's, so that create, start and delete of a container come
// one after the other.
const (
	head = "[\n"
	tail = "\n]\n"
	// what each file begins with: a command names its process first
	first = `{"name":"process_name","ph":"M","pid":`
)

var errForeign = errors.New("is not a trace: it does not end as one, and is left as it is")

// Flush writes what has ended since the last Flush, and is for commands that stay:
// what is in the file is not lost with them.
func (t *Trace) Flush() error {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.write(false)
}

// Finish ends the command's span, with its error if it has one, and writes the
// rest. A step that has not ended is marked.
func (t *Trace) Finish(err error) error {
	if t == nil {
		return nil
	}
	Span{t, 0}.End(err)
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.write(true)
}

func (t *Trace) write(all bool) error {
	var b []byte
	for _, n := range t.names {
		b = appendName(b, n)
	}
	t.names = t.names[:0]
	now := Now()
	// The command's span is the first, and the last to end.
	for i := max(t.written, 1); i < len(t.spans); i++ {
		r := t.spans[i]
		if r.end == 0 {
			if !all {
				break // later ones wait for it, so that each is written once
			}
			r.end = now
			r.args = append(r.args, Arg{"unfinished", "true"})
		}
		b = appendSpan(b, &r, t.pid)
		t.written = i + 1
	}
	if all {
		b = appendSpan(b, &t.spans[0], t.pid)
	}
	if len(b) == 0 {
		return nil
	}
	return appendEvents(t.path, b)
}

// appendEvents adds lines to the file: in one write, and under a lock, for other
// commands may do so at the same time.
func appendEvents(path string, lines []byte) error {
	fail := func(op string, err error) error {
		return &os.PathError{Op: "write the trace: " + op, Path: path, Err: err}
	}
	fd, err := outfile.Update(path, 0o600)
	if err != nil {
		return fmt.Errorf("write the trace: %w", err)
	}
	defer sys.Close(fd)
	if err := sys.Flock(fd, unix.LOCK_EX); err != nil {
		return fail("flock", err)
	}
	var st unix.Stat_t
	if err := sys.Fstat(fd, &st); err != nil {
		return fail("stat", err)
	}
	at := int64(0)
	text := []byte(head)
	if st.Size > 0 {
		at = st.Size - int64(len(tail))
		if !reads(fd, 0, head+first) || !reads(fd, at, tail) {
			return fail("open", errForeign)
		}
		text = []byte(",\n")
	}
	text = append(text, lines[:len(lines)-len(",\n")]...)
	text = append(text, tail...)
	for len(text) > 0 {
		n, err := sys.Pwrite(fd, text, at)
		if err != nil {
			return fail("write", err)
		}
		text, at = text[n:], at+int64(n)
	}
	return nil
}

// reads says that the file has that text there.
func reads(fd int, at int64, text string) bool {
	b := make([]byte, len(text))
	n, err := sys.Pread(fd, b, max(at, 0))
	return err == nil && string(b[:n]) == text
}

func appendName(b []byte, r record) []byte {
	b = append(b, first...)
	b = strconv.AppendInt(b, int64(r.pid), 10)
	b = append(b, `,"tid":`...)
	b = strconv.AppendInt(b, int64(r.pid), 10)
	b = append(b, `,"args":{"name":`...)
	b = jsonscan.AppendString(b, r.name)
	return append(b, "}},\n"...)
}

func appendSpan(b []byte, r *record, runtime int) []byte {
	b = append(b, `{"name":`...)
	b = jsonscan.AppendString(b, r.name)
	b = append(b, `,"cat":`...)
	b = jsonscan.AppendString(b, r.cat)
	b = append(b, `,"ph":"X","ts":`...)
	b = appendMicroseconds(b, r.start)
	b = append(b, `,"dur":`...)
	b = appendMicroseconds(b, max(r.end-r.start, 0))
	b = append(b, `,"pid":`...)
	b = strconv.AppendInt(b, int64(r.pid), 10)
	b = append(b, `,"tid":`...)
	b = strconv.AppendInt(b, int64(r.pid), 10)
	if r.failed != "" {
		b = append(b, `,"cname":"terrible"`...)
	}
	b = append(b, `,"args":{"result":`...)
	if r.failed != "" {
		b = append(b, `"failed","error":`...)
		b = jsonscan.AppendString(b, r.failed)
	} else {
		b = append(b, `"ok"`...)
	}
	if r.pid != runtime {
		b = append(b, `,"runtime_pid":"`...)
		b = strconv.AppendInt(b, int64(runtime), 10)
		b = append(b, '"')
	}
	for _, a := range r.args {
		b = append(b, ',')
		b = jsonscan.AppendString(b, a.Key)
		b = append(b, ':')
		b = jsonscan.AppendString(b, a.Value)
	}
	return append(b, "}},\n"...)
}

// appendMicroseconds prints ns as the unit of trace events, without rounding.
func appendMicroseconds(b []byte, ns int64) []byte {
	b = strconv.AppendInt(b, ns/1000, 10)
	b = append(b, '.')
	frac := ns % 1000
	return append(b, byte('0'+frac/100), byte('0'+frac/10%10), byte('0'+frac%10))
}
