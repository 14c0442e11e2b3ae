package runtime

import (
	"errors"
	"io"
	"os"

	"github.com/rung-oci/rung/libcontainer/internal/console"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"github.com/rung-oci/rung/libcontainer/internal/wire"
	"golang.org/x/sys/unix"
)

// HeldNamespace is a descriptor of a namespace that an init has handed over.
type HeldNamespace struct {
	FD  int
	Bit uint64 // its CLONE_NEW* bit; 0: the descriptor is the container's root directory
}

// maxHeld bounds what is taken of an init: there are eight kinds of namespaces, and the root.
const maxHeld = 9

// CloseHeld closes descriptors.
func CloseHeld(list []HeldNamespace) {
	for _, h := range list {
		sys.Close(h.FD)
	}
}

// AskNamespaces asks the init that waits at the gate for its namespaces and its root directory, and
// closes gate, a connection to it. The caller closes what it gets. An init that was created by a
// runtime with CAP_SYS_PTRACE has none to give. Signals end the wait, with a *console.Interrupt.
func AskNamespaces(gate int, signals *console.Signals) (list []HeldNamespace, err error) {
	c := &child{pidfd: -1, conn: wire.NewConn(gate), signals: signals, fork: -1}
	defer c.close()
	defer func() {
		if err != nil {
			CloseHeld(list)
			list = nil
		}
	}()
	if err := sys.Sendto(gate, []byte{'N'}, unix.MSG_NOSIGNAL, nil); err != nil {
		return nil, &os.SyscallError{Syscall: "ask for the namespaces of the container", Err: err}
	}
	for {
		m, err := c.receive()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, unix.ECONNRESET):
			return list, nil
		case err != nil:
			return list, err
		case m.Type != plan.MsgNamespace || m.FD < 0 || len(list) == maxHeld:
			sys.Close(m.FD)
			return list, unexpected(m)
		}
		list = append(list, HeldNamespace{FD: m.FD, Bit: uint64(m.Arg)})
	}
}
