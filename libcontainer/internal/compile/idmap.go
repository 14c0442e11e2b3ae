package compile

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
)

// maxExtents is the kernel's UID_GID_MAP_MAX_EXTENTS (user_namespaces(7)).
const maxExtents = 340

// idMap gives a mapping in the plan's form. What the kernel would answer with
// one EINVAL for the whole map is an error that names the entry.
func idMap(list []specs.LinuxIDMapping) (plan.IDMap, error) {
	if len(list) > maxExtents {
		return nil, fmt.Errorf("id mapping: %d entries, and the kernel takes %d", len(list), maxExtents)
	}
	m := make(plan.IDMap, 0, len(list))
	for i, e := range list {
		x := plan.IDExtent{Container: e.ContainerID, Host: e.HostID, Size: e.Size}
		switch {
		case e.Size == 0:
			return nil, fmt.Errorf("id mapping %d (%d %d %d) maps no ids", i, e.ContainerID, e.HostID, e.Size)
		case beyondIDs(e.ContainerID, e.Size) || beyondIDs(e.HostID, e.Size):
			return nil, fmt.Errorf("id mapping %d (%d %d %d) ends beyond the last id, 4294967294", i, e.ContainerID, e.HostID, e.Size)
		}
		for j, other := range m {
			if overlap(x.Container, x.Size, other.Container, other.Size) || overlap(x.Host, x.Size, other.Host, other.Size) {
				return nil, fmt.Errorf("id mapping %d (%d %d %d) overlaps id mapping %d", i, e.ContainerID, e.HostID, e.Size, j)
			}
		}
		m = append(m, x)
	}
	return m, nil
}

// beyondIDs: 4294967295 is (uid_t)-1, which is no id.
func beyondIDs(first, size uint32) bool { return uint64(first)+uint64(size) > 1<<32-1 }

func overlap(a, aSize, b, bSize uint32) bool {
	return uint64(a) < uint64(b)+uint64(bSize) && uint64(b) < uint64(a)+uint64(aSize)
}

// rootIDs makes the init the root of the user namespace that it has joined.
func (c *compiler) rootIDs() {
	c.emit("", &plan.RootIDs{Flags: c.keepGroups(), UID: c.userInsteadOfRoot(), GID: c.groupInsteadOfRoot()})
}

// userInsteadOfRoot returns the user that the init becomes in a user namespace
// that does not map user 0: the user of the process, which has to be mapped. It
// returns 0 where the mappings of the config have 0. Engines that map a single ID
// (podman run --uidmap 999:0:1 --user 999) make such namespaces.
func (c *compiler) userInsteadOfRoot() uint64 {
	if c.spec.Process == nil || mapsRoot(hasLinux(c.spec).UIDMappings) {
		return 0
	}
	return uint64(c.spec.Process.User.UID)
}

// groupInsteadOfRoot is userInsteadOfRoot for groups.
func (c *compiler) groupInsteadOfRoot() uint64 {
	if c.spec.Process == nil || mapsRoot(hasLinux(c.spec).GIDMappings) {
		return 0
	}
	return uint64(c.spec.Process.User.GID)
}

func mapsRoot(list []specs.LinuxIDMapping) bool {
	for i := range list {
		if list[i].ContainerID == 0 {
			return true
		}
	}
	return false
}

// pipesOwner returns the host's ID of the user of a process in a user namespace:
// the user has to own the pipes among its standard streams, or it could not open
// /dev/stdout, as web servers do for their logs. It returns 0 where the init can
// change the owner itself, or nobody can.
func (c *compiler) pipesOwner(p *specs.Process) uint32 {
	if p == nil || p.Terminal || !c.ns.user() || c.facts.Rootless {
		return 0
	}
	m, err := idMap(hasLinux(c.spec).UIDMappings)
	if err != nil {
		return 0
	}
	uid, ok := m.ToHost(p.User.UID)
	if !ok {
		return 0 // the mapping is not in the config of a joined namespace
	}
	return uid
}
