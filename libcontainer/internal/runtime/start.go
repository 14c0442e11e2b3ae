package runtime

import (
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/wire"
)

// StartAtGate gives the order to an init that waits at its gate, and waits
// until the process runs or has failed. gate is a connection to the gate
// socket, pidfd the init's; both stay the caller's. notify, when it is not
// nil, says where the seccomp listener goes.
func StartAtGate(gate, pidfd, pid int, n *plan.Notify, side *Side) error {
	c := &child{pidfd: pidfd, conn: wire.NewConn(gate), signals: side.Signals}
	x := &executor{plan: &plan.Plan{}, side: side, init: &Init{Pid: pid, child: c}, notify: n}
	if err := sendOrder(gate); err != nil {
		return err
	}
	return x.awaitExec()
}
