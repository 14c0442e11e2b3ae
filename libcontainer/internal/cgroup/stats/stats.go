// Package stats reads what control groups have counted, each controller from its
// directory, and prints it in the form that readers of "runc events" know.
//
// A controller that is not there, or a file that a kernel does not have, counts
// nothing: only that is an error which keeps a file from being read that is
// there. The numbers of one group are read one after the other, while it runs.
package stats

import (
	"errors"
	"strconv"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// Stats is all that is counted.
type Stats struct {
	CPU     CPU
	Cpuset  Cpuset
	Memory  Memory
	Pids    Pids
	IO      IO
	Hugetlb []Hugetlb // by size
	RDMA    RDMA
}

// NoLimit stands for a limit that is not set.
const NoLimit = ^uint64(0)

// Dir is one group's directory; an empty one has no files.
type Dir struct {
	Path string
	err  error
}

// Err is the first error that was no file's absence.
func (d *Dir) Err() error { return d.err }

// read gives a file's text, "" without the file. A removed group answers ENODEV
// for files that were open, and a controller may refuse what its kernel does not
// count (EOPNOTSUPP, of PSI that is off).
func (d *Dir) read(file string) string {
	if d.Path == "" {
		return ""
	}
	text, err := sys.ReadFile(d.Path + "/" + file)
	if err != nil && d.err == nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENODEV) && !errors.Is(err, unix.EOPNOTSUPP) {
		d.err = err
	}
	return string(text)
}

// number reads a file of one number; "max" is NoLimit. Without it the number is 0.
func (d *Dir) number(file string) uint64 { return parse(strings.TrimSpace(d.read(file))) }

// parse reads a number, NoLimit for "max", and 0 for what is neither. Those of
// 64 bits that are below 0 have come from a counter that ran under.
func parse(s string) uint64 {
	if s == "max" {
		return NoLimit
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// flat calls f with every "key value" of a flat keyed file.
func (d *Dir) flat(file string, f func(key string, value uint64)) {
	for line := range strings.Lines(d.read(file)) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if ok {
			f(key, parse(value))
		}
	}
}

// nested calls f with every "sub=value" of each line of a nested keyed file,
// whose first word is the key.
func nested(text string, f func(key, sub, value string)) {
	for line := range strings.Lines(text) {
		key, rest, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !ok {
			continue
		}
		for word := range strings.FieldsSeq(rest) {
			if sub, value, ok := strings.Cut(word, "="); ok {
				f(key, sub, value)
			}
		}
	}
}
