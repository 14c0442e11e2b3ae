// Package nsenter is the source of the init program, which nsenter/build compiles.
// The files travel inside that command, so that it finds them wherever Go has put
// its own source: in a checkout, a module cache or a vendor directory, with
// -trimpath or without.
//
// Each C file begins with "go:build ignore": Go would refuse to build a package
// with C files and without cgo.
package nsenter

import "embed"

// Source has the C files and the headers, without a directory.
//
//go:embed *.c *.h
var Source embed.FS
