package runtime

import (
	"errors"
	"io"
	"os"

	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"github.com/rung-oci/rung/libcontainer/internal/wire"
	"golang.org/x/sys/unix"
)

// Process is a process that was started in the namespaces of a container, by
// the init program of a hook.
type Process struct {
	Pid   int
	pidfd int
}

// Wait reaps the process and gives its status.
func (p *Process) Wait() (unix.WaitStatus, error) {
	ws, err := sys.Reap(p.Pid)
	sys.Close(p.pidfd)
	return ws, err
}

// Pidfd is readable when the process has ended; it stays the Process's.
func (p *Process) Pidfd() int { return p.pidfd }

// Kill ends the process.
func (p *Process) Kill() {
	if p.pidfd >= 0 {
		_ = sys.PidfdSignal(p.pidfd, unix.SIGKILL)
	}
}

// sendOrder is the byte that tells an order to start from a mere connection.
func sendOrder(gate int) error {
	err := sys.Sendto(gate, []byte{'S'}, unix.MSG_NOSIGNAL, nil)
	if err != nil {
		return &os.SyscallError{Syscall: "send the order to start", Err: err}
	}
	return nil
}

// Enter runs a program that joins the namespaces of a container and ends in
// execve. It returns when that has happened. files are the descriptors that the
// program knows; they stay the caller's. cgroupFD is -1, or the cgroup v2
// directory to start in. notify takes the listener of a seccomp filter that has
// one; it may be nil.
func Enter(exe *Executable, program plan.Program, files map[plan.FD]int, cgroupFD int, stdio [3]*os.File, notify func(listener, pid int) error) (*Process, error) {
	o := spawnOptions{program: program, cgroupFD: cgroupFD, files: files}
	for i, f := range stdio {
		o.stdio[i] = -1
		if f != nil {
			o.stdio[i] = int(f.Fd())
		}
	}
	c, err := exe.spawn(o)
	if err != nil {
		return nil, err
	}
	defer c.conn.Close()
	for {
		m, err := c.receive()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, unix.ECONNRESET):
			return &Process{Pid: c.pid, pidfd: c.pidfd}, nil
		case err != nil:
			err = errors.Join(err, c.kill())
			sys.Close(c.pidfd)
			return nil, err
		}
		if err := enterAnswer(c, program, m, notify); err != nil {
			err = errors.Join(err, c.kill())
			sys.Close(c.pidfd)
			return nil, err
		}
	}
}

func enterAnswer(c *child, program plan.Program, m wire.Message, notify func(listener, pid int) error) error {
	if !isFrom(program, m) {
		sys.Close(m.FD)
		return unexpected(m)
	}
	switch m.Type {
	case plan.MsgNotify:
		if notify == nil {
			sys.Close(m.FD)
			return unexpected(m)
		}
		return c.handListener(m, notify)
	case plan.MsgExec, plan.MsgWarn:
		return nil
	case plan.MsgFail:
		return stepError(program, m)
	}
	return unexpected(m)
}
