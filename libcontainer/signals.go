package libcontainer

import (
	"errors"
	"syscall"

	"github.com/rung-oci/rung/libcontainer/internal/console"
)

// InterruptedBy returns the signal that ended an operation, and whether one did: see
// CreateOptions.CatchSignals.
func InterruptedBy(err error) (sig syscall.Signal, ok bool) {
	var i *console.Interrupt
	if errors.As(err, &i) {
		return i.Signal, true
	}
	return 0, false
}

// EndBySignal ends this process by a signal that an operation has caught, so that the
// caller sees its signal obeyed. It returns where the kernel shields the process: the
// first process of a PID namespace.
func EndBySignal(sig syscall.Signal) { console.DieBy(sig) }

// catch catches the signals that ask this process to end, from here on.
func (c *Container) catch() (err error) {
	if c.CatchSignals && c.signals == nil {
		c.signals, err = console.WatchEnding()
	}
	return err
}
