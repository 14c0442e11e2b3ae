package cgroup

import (
	"errors"
	"os"
	"strconv"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// Error is a limit that could not be set.
type Error struct {
	Origin     string // JSON path of the config field
	Controller string
	File       string // absolute; empty when no hierarchy has the controller
	Value      string
	Err        error
}

func (e *Error) Error() string {
	if e.File == "" {
		return e.Origin + ": the " + e.Controller + " controller is not available to the container: " + e.Err.Error()
	}
	return e.Origin + ": write " + strconv.Quote(e.Value) + " to " + e.File + ": " + e.Err.Error()
}

// Unwrap gives the reason; errors.Is finds the errno.
func (e *Error) Unwrap() error { return e.Err }

// placed is a write with its directory.
type placed struct {
	limit.Write
	dir string
}

// performer does writes. With keep it remembers how to take them back.
type performer struct {
	keep bool
	back []placed
}

// all does the writes in order. Neighbours of one subject bound each other: the
// kernel refuses an order that breaks their relation on the way (EINVAL; EBUSY),
// so those that it refuses wait for the others, as long as any gets through.
func (p *performer) all(list []placed) error {
	for len(list) > 0 {
		n := neighbours(list)
		if err := p.together(list[:n]); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

// neighbours is how many writes at the beginning bound each other.
func neighbours(list []placed) int {
	n := 1
	for list[0].Subject != "" && n < len(list) && list[n].Subject == list[0].Subject && list[n].dir == list[0].dir {
		n++
	}
	return n
}

func (p *performer) together(list []placed) error {
	for {
		var waiting []placed
		var first error
		for i := range list {
			err := p.one(&list[i])
			switch {
			case err == nil:
			case len(list) > 1 && (errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EBUSY)):
				waiting = append(waiting, list[i])
				if first == nil {
					first = err
				}
			default:
				return err
			}
		}
		if len(waiting) == 0 {
			return nil
		}
		if len(waiting) == len(list) {
			return first
		}
		list = waiting
	}
}

func (p *performer) one(w *placed) error {
	file := w.dir + "/" + w.File
	var old string
	var readErr error
	if p.keep || w.KeepFirst {
		old, readErr = readFile(file)
	}
	var also []placed
	if p.keep && w.Changes != "" {
		if other, err := readFile(w.dir + "/" + w.Changes); err == nil && old != "1" {
			also = append(also, placed{limit.Write{Controller: w.Controller, File: w.Changes, Value: other, Origin: w.Origin, Subject: w.Subject}, w.dir})
		}
	}
	value := w.Value
	if w.KeepFirst && readErr == nil {
		first, _, _ := strings.Cut(old, " ")
		value = first + " " + value
	}
	err := sys.WriteFile(file, value)
	switch {
	case err == nil:
		if p.keep && readErr == nil {
			p.back = append(append(p.back, also...), placed{w.Write.Restore(old), w.dir})
		}
		return nil
	case errors.Is(err, unix.ENOENT) && w.Else != nil:
		return p.one(&placed{*w.Else, w.dir})
	case errors.Is(err, unix.ENOENT) && w.Optional && exists(w.dir):
		return nil
	}
	return &Error{Origin: w.Origin, Controller: w.Controller, File: file, Value: value, Err: reason(err)}
}

// former is what was there before, last first.
func (p *performer) former() []placed {
	back := make([]placed, 0, len(p.back))
	for i := len(p.back) - 1; i >= 0; i-- {
		back = append(back, p.back[i])
	}
	return back
}

// undo takes back what was written. One that cannot be had again does not keep
// the others from it.
func (p *performer) undo() error {
	back := p.former()
	var errs []error
	for len(back) > 0 {
		n := neighbours(back)
		errs = append(errs, (&performer{}).together(back[:n]))
		back = back[n:]
	}
	return errors.Join(errs...)
}

// reason is an error without its path, which the Error names already.
func reason(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
