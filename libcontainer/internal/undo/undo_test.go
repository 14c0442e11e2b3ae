package undo

import (
	"errors"
	"strings"
	"testing"
)

func TestStack(t *testing.T) {
	one, three := errors.New("one"), errors.New("three")
	tests := []struct {
		name string
		ran  string
		text string
	}{
		{"run", "cba", "undo c: three\nundo a: one"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s Stack
			var ran strings.Builder
			step := func(name string, err error) {
				s.Push(name, func() error { ran.WriteString(name); return err })
			}
			step("a", one)
			step("b", nil)
			s.Push("nothing to do", nil)
			step("c", three)
			err := s.Run()
			if ran.String() != tt.ran {
				t.Errorf("ran %q, want %q", ran.String(), tt.ran)
			}
			if tt.text == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || err.Error() != tt.text || !errors.Is(err, one) || !errors.Is(err, three) {
				t.Errorf("error %v, want %s", err, tt.text)
			}
			if err := s.Run(); err != nil || ran.String() != tt.ran {
				t.Errorf("ran twice: %q, %v", ran.String(), err)
			}
		})
	}
}

func TestStack_empty(t *testing.T) {
	var s Stack
	if err := s.Run(); err != nil {
		t.Error(err)
	}
}

// A step that arms another while it runs, as a step that makes a directory to
// move things to would.
func TestStack_pushWhileRunning(t *testing.T) {
	var s Stack
	ran := ""
	s.Push("outer", func() error {
		ran += "o"
		s.Push("inner", func() error { ran += "i"; return nil })
		return nil
	})
	if err := s.Run(); err != nil || ran != "oi" {
		t.Errorf("%q, %v", ran, err)
	}
}
