package runtime

import (
	"fmt"

	"github.com/rung-oci/rung/libcontainer/internal/host"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// Namespace is a namespace that a config names by a path. The descriptor is opened once: the
// rules for the host's namespaces are applied to the same namespace that the init joins, so
// that nobody can exchange the file between the two.
type Namespace struct {
	Type uint64 // CLONE_NEW* bit
	FD   int    // -1 after an error, and once a plan has taken it
	Host bool   // it is the runtime's own, or that of process 1
	Err  error  // why it cannot be opened
}

// OpenNamespace opens the namespace of that type, and tells whether it is the host's.
func OpenNamespace(path string, kind uint64) Namespace {
	n := Namespace{Type: kind, FD: -1}
	// O_NONBLOCK: a FIFO would keep the runtime waiting for a writer
	fd, err := sys.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		n.Err = err
		return n
	}
	is, err := sys.IoctlRetInt(fd, unix.NS_GET_NSTYPE)
	if err == nil && uint64(is) != kind {
		err = unix.EINVAL
	}
	if err == nil {
		n.Host, err = host.IsOwnNamespace(fd, kind)
	}
	if err != nil {
		sys.Close(fd)
		n.Err = fmt.Errorf("%s is not a namespace of type %s: %w", path, plan.CloneNames(kind), err)
		return n
	}
	n.FD = fd
	return n
}

// CloseNamespaces closes the descriptors that no plan has taken.
func CloseNamespaces(list []Namespace) {
	for i := range list {
		sys.Close(list[i].FD)
		list[i].FD = -1
	}
}

// openNamespace gives the init the namespace that was judged. One that could not be opened
// then is not opened again: nothing is known about it.
func (x *executor) openNamespace(a plan.OpenNamespace) error {
	for i := range x.side.Namespaces {
		n := &x.side.Namespaces[i]
		if n.Type != a.Type {
			continue
		}
		if n.Err == nil {
			x.files[a.FD], n.FD = n.FD, -1
		}
		return n.Err
	}
	return fmt.Errorf("%s was not opened: %w", a.Path, unix.EBADF)
}
