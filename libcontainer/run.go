package libcontainer

import (
	"errors"
	"os"

	"github.com/rung-oci/rung/libcontainer/internal/console"
	"github.com/rung-oci/rung/libcontainer/internal/runtime"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"github.com/rung-oci/rung/libcontainer/internal/trace"
	"golang.org/x/sys/unix"
)

// Run creates and starts a container. In the foreground it waits for the
// process, hands signals and the terminal on, deletes the container, and gives
// the process's exit status, or 128 and the signal's number.
func Run(o RunOptions) (status int, err error) {
	p, err := prepare(&o.CreateOptions, true)
	if err == nil {
		err = checkTerminal(p.spec.Process.Terminal, o.Detach, o.ConsoleSocket)
	}
	if err != nil {
		return -1, opError("run", o.ID, err)
	}
	defer p.close()
	status, err = p.run(&o)
	return status, opError("run", o.ID, err)
}

func (p *prepared) run(o *RunOptions) (status int, err error) {
	if !o.NoSubreaper && !o.Detach {
		// the container's orphans come here, so that none is left a zombie
		if err := sys.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return -1, &os.SyscallError{Syscall: "prctl PR_SET_CHILD_SUBREAPER", Err: err}
		}
	}
	signals, err := catchFor(o.Detach, o.CatchSignals)
	if err != nil {
		return -1, err
	}
	p.signals = signals
	m, err := p.make()
	if err != nil {
		return -1, err
	}
	c := &Container{root: o.Root, id: o.ID, state: m.state, Trace: o.Trace, signals: signals}
	defer m.entry.Close()
	if o.Detach {
		defer m.init.Close()
		if m.notify != nil {
			err = signals.Do(func() error {
				_, err := m.notify.Forward(o.NotifySocket, m.state.Pid)
				return err
			})
		}
		return 0, err
	}
	if m.notify != nil {
		defer m.notify.Close()
		go func() {
			if _, err := m.notify.Forward(o.NotifySocket, m.state.Pid); err != nil {
				o.warn(err.Error())
			}
		}()
	}
	c.flush(o.warn)
	m.entry.Unlock() // others may kill, or delete, it meanwhile
	span := o.Trace.Begin("wait for the process", trace.Wait)
	status, err = foreground(m.init, m.terminal, signals)
	span.End(err)
	if err == nil && o.Keep {
		return status, nil
	}
	signals.Forget()
	if lockErr := signals.Do(m.entry.Lock); lockErr != nil {
		return status, errors.Join(err, lockErr)
	}
	if !m.entry.Gone() {
		err = errors.Join(err, c.destroy(m.entry, true, o.warn))
	}
	return status, err
}

// catchFor catches the signals that Foreground sends to the process, or those that
// end the operation.
func catchFor(detach, catch bool) (*console.Signals, error) {
	switch {
	case !detach:
		return console.Watch()
	case catch:
		return console.WatchEnding()
	}
	return nil, nil
}

// foreground stays with a process until it ends, and closes what it has of it.
func foreground(i *runtime.Init, t *console.Terminal, signals *console.Signals) (int, error) {
	defer i.Close()
	return stay(i.Pid, i.Pidfd(), t, signals)
}

func stay(pid, pidfd int, t *console.Terminal, signals *console.Signals) (int, error) {
	resize := func() {}
	if t != nil {
		defer t.Close()
		t.Start()
		resize = t.Resize
	}
	status, err := signals.Foreground(pid, pidfd, resize)
	if t != nil {
		t.Drain()
	}
	return status, err
}
