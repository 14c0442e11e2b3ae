// Package undo holds what has to be taken back when a later step fails: armed
// when something is acquired, disarmed when the whole succeeded.
package undo

import (
	"errors"
	"fmt"
)

type entry struct {
	name string
	f    func() error
}

// Stack is a list of steps back, run last first. The zero value is empty.
type Stack struct{ entries []entry }

// Push arms a step back. name says what it takes away, for its error.
func (s *Stack) Push(name string, f func() error) {
	if f != nil {
		s.entries = append(s.entries, entry{name, f})
	}
}

// Run takes every step back, whether or not others fail, and joins their
// errors. A step that arms another has that taken back next. The stack is empty
// afterwards.
func (s *Stack) Run() error {
	var errs []error
	for len(s.entries) > 0 {
		last := s.entries[len(s.entries)-1]
		s.entries = s.entries[:len(s.entries)-1]
		if err := last.f(); err != nil {
			errs = append(errs, fmt.Errorf("undo %s: %w", last.name, err))
		}
	}
	return errors.Join(errs...)
}
