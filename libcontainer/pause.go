package libcontainer

import (
	"errors"
	"fmt"

	"github.com/rung-oci/rung/libcontainer/internal/state"
)

// ErrNotPaused: the operation needs a container that is paused.
var ErrNotPaused = errors.New("container not paused")

// Pause freezes every process of a running container, and returns when they
// stand (cgroup-v2.rst, cgroup.freeze; freezer-subsystem.rst for v1). Processes
// that do not come to stand within five seconds are let go on again, and the
// error is ETIMEDOUT. ErrNotRunning: the container is in any other state.
func (c *Container) Pause() error { return opError("pause", c.id, c.pause()) }

func (c *Container) pause() error {
	e, err := c.lock()
	if err != nil {
		return err
	}
	defer e.Close()
	switch status := c.status(e); status {
	case state.Running:
	case state.Stopped:
		return fmt.Errorf("cannot pause a container that has stopped: %w", ErrNotRunning)
	case state.Paused:
		return errPausedAlready
	default:
		return fmt.Errorf("cannot pause a container in the %s state: %w", status, ErrNotRunning)
	}
	g, err := c.ownGroup(e)
	if err != nil {
		return err
	}
	if err := c.catch(); err != nil {
		return err
	}
	g.Interrupted = c.signals.Interrupted
	return g.Freeze()
}

var (
	errPausedAlready error = &aliasError{errors.New("the container is paused already"), ErrNotRunning}
	errNoGroups      error = &coded{error: errors.New("the container has no control group of its own"), code: CodeCgroup}
)

// Resume lets the processes of a paused container go on. ErrNotPaused: the
// container is in any other state.
func (c *Container) Resume() error { return opError("resume", c.id, c.resume()) }

func (c *Container) resume() error {
	e, err := c.lock()
	if err != nil {
		return err
	}
	defer e.Close()
	if status := c.status(e); status != state.Paused {
		return fmt.Errorf("cannot resume a container in the %s state: %w", status, ErrNotPaused)
	}
	g, err := c.ownGroup(e)
	if err != nil {
		return err
	}
	return g.Thaw()
}
