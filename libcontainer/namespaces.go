package libcontainer

import (
	"path"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/compile"
	"github.com/rung-oci/rung/libcontainer/internal/runtime"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// openNamespaces opens the namespaces that the config names by a path. The config may still
// have problems: entries that the validation will refuse are left alone. A namespace that
// cannot be opened is an error of the step that joins it.
func (p *prepared) openNamespaces() {
	if p.spec.Linux == nil {
		return
	}
	for _, n := range p.spec.Linux.Namespaces {
		kind := compile.Namespace(n.Type)
		if kind == 0 || !path.IsAbs(n.Path) || strings.IndexByte(n.Path, 0) >= 0 {
			continue
		}
		opened := runtime.OpenNamespace(n.Path, kind)
		if opened.Host {
			p.facts.HostNamespaces |= kind
		}
		p.namespaces = append(p.namespaces, opened)
	}
	if p.facts.HostNamespaces&unix.CLONE_NEWUTS != 0 {
		sameHostname(p.spec)
	}
}

// sameHostname clears a hostname that the host has already: engines name the node's own for a
// container that shares its UTS namespace, and nothing would change.
func sameHostname(s *specs.Spec) {
	var u unix.Utsname
	if sys.Uname(&u) == nil && s.Hostname == unix.ByteSliceToString(u.Nodename[:]) {
		s.Hostname = ""
	}
}

// namespace returns the descriptor of the joined namespace of that kind. It is the caller's.
func (p *prepared) namespace(kind uint64) (int, error) {
	for i := range p.namespaces {
		if n := &p.namespaces[i]; n.Type == kind {
			if n.Err != nil {
				return -1, n.Err
			}
			return sys.FcntlInt(uintptr(n.FD), unix.F_DUPFD_CLOEXEC, 3)
		}
	}
	return -1, unix.EBADF
}

// close closes what no plan has taken.
func (p *prepared) close() {
	runtime.CloseNamespaces(p.namespaces)
}
