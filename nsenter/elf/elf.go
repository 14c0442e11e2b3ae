// Package elf carries the init program: a small static executable, compiled from
// the C files of nsenter by nsenter/build, which the runtime starts from sealed
// memory inside every container. docs/adr/0012-init-program.md has the reasons.
package elf

import (
	"errors"
	"runtime"
)

// ErrMissing says that the init program was not compiled before this binary was.
var ErrMissing = errors.New("this build has no init program for " + runtime.GOARCH + " in it: compile it first (make init in rung's source; docs/library.md for a program that imports rung)")

var own []byte

// Use has every later container started with the init program that is given, in
// place of the embedded one: for programs that take rung as a module, whose
// source has none. Call it before anything else of rung.
func Use(program []byte) { own = program }

// Program is the init program as an ELF file, or [ErrMissing].
func Program() ([]byte, error) {
	if own != nil {
		return own, nil
	}
	b, err := programs.ReadFile("programs/init-" + runtime.GOARCH)
	if err != nil {
		return nil, ErrMissing
	}
	return b, nil
}
