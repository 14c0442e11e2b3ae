// Package nsenter is the init side of rung: a C constructor that, in a process
// started as "rung:[init]", takes over before the Go runtime exists, reads the
// compiled program from a sealed memfd, carries it out one op at a time and
// ends in execve(2). Importing the package links it in; it exports nothing.
//
// docs/ARCHITECTURE.md tells what runs in which namespaces at each point; the
// ops themselves are documented in libcontainer/internal/plan.
package nsenter

/*
#cgo CFLAGS: -std=gnu11 -D_GNU_SOURCE -O2 -fno-strict-aliasing -fno-asynchronous-unwind-tables
*/
import "C"
