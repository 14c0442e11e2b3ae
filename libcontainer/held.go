package libcontainer

import (
	"errors"

	"github.com/rung-oci/rung/libcontainer/internal/compile"
	"github.com/rung-oci/rung/libcontainer/internal/host"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/runtime"
	"github.com/rung-oci/rung/libcontainer/internal/state"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

const tracing = uint64(1) << unix.CAP_SYS_PTRACE

// cannotTrace reports whether this process lacks CAP_SYS_PTRACE. An init that waits for its start
// is not dumpable, and the kernel asks for that capability in the user namespace in which the init
// was executed, the runtime's.
func cannotTrace() bool { return host.Capabilities()&tracing == 0 }

// askNamespaces has an init that waits for its start hand over its namespaces and its root
// directory, where this process cannot take them. The caller closes them. A container that runs,
// or starts meanwhile, is dumpable or belongs to its own user namespace: nil, and no error.
func (c *Container) askNamespaces(e *state.Entry) ([]runtime.HeldNamespace, error) {
	if !cannotTrace() {
		return nil, nil
	}
	gate, err := e.DialGate(c.state.CreatorPid)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return runtime.AskNamespaces(gate, c.signals)
}

// handedOver gives namespaces, but not the root directory, numbers of descriptors behind those that files has.
func handedOver(files map[plan.FD]int, held []runtime.HeldNamespace) (list []compile.Held) {
	next := plan.FDFirst
	for fd := range files {
		next = max(next, fd+1)
	}
	for _, h := range held {
		if h.Bit == 0 {
			continue
		}
		files[next] = h.FD
		list = append(list, compile.Held{FD: next, Bit: h.Bit})
		next++
	}
	return list
}

// openRoot opens the root directory of a process, which has to be held by a pidfd; or takes
// the one that it has handed over.
func openRoot(pid int, held []runtime.HeldNamespace) (int, error) {
	for _, h := range held {
		if h.Bit == 0 {
			return sys.Dup(h.FD)
		}
	}
	return sys.Open(procPath(pid, "root"), unix.O_PATH|unix.O_DIRECTORY)
}

// closeRoot closes the root directory among what was handed over.
func closeRoot(held []runtime.HeldNamespace) {
	for _, h := range held {
		if h.Bit == 0 {
			sys.Close(h.FD)
		}
	}
}
