package spec

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

const (
	chapterNamespaces  = "config-linux.md#namespaces"
	chapterIDMappings  = "config-linux.md#user-namespace-mappings"
	chapterTimeOffsets = "config-linux.md#offset-for-time-namespace"
)

// The kinds of namespaces, as indices.
const (
	nsPID = iota
	nsNetwork
	nsMount
	nsIPC
	nsUTS
	nsUser
	nsCgroup
	nsTime
	namespaceKinds
)

// nsState says which namespace of a kind the container gets.
type nsState uint8

const (
	nsHost   nsState = iota // the runtime's own: the kind is not listed, or a path names the host's
	nsNew                   // one of its own
	nsJoined                // the one that a path names
)

func namespaceKind(t specs.LinuxNamespaceType) int {
	switch t {
	case specs.PIDNamespace:
		return nsPID
	case specs.NetworkNamespace:
		return nsNetwork
	case specs.MountNamespace:
		return nsMount
	case specs.IPCNamespace:
		return nsIPC
	case specs.UTSNamespace:
		return nsUTS
	case specs.UserNamespace:
		return nsUser
	case specs.CgroupNamespace:
		return nsCgroup
	case specs.TimeNamespace:
		return nsTime
	}
	return -1
}

// cloneBits has the kernel's flag of each kind (clone(2)).
var cloneBits = [namespaceKinds]uint64{
	nsPID: unix.CLONE_NEWPID, nsNetwork: unix.CLONE_NEWNET, nsMount: unix.CLONE_NEWNS, nsIPC: unix.CLONE_NEWIPC,
	nsUTS: unix.CLONE_NEWUTS, nsUser: unix.CLONE_NEWUSER, nsCgroup: unix.CLONE_NEWCGROUP, nsTime: unix.CLONE_NEWTIME,
}

// noteNamespaces fills c.ns, which most chapters need.
func (c *checker) noteNamespaces() {
	for i := range c.linux.Namespaces {
		n := &c.linux.Namespaces[i]
		if k := namespaceKind(n.Type); k >= 0 && c.ns[k] == nsHost {
			switch {
			case n.Path == "":
				c.ns[k] = nsNew
			case c.opts.HostNamespaces&cloneBits[k] == 0, k == nsTime: // offsets cannot be set for any that is there already
				c.ns[k] = nsJoined
			}
		}
	}
}

// namespaces checks types, uniqueness ("If a namespaces field contains duplicated
// namespaces with same type, the runtime MUST generate an error") and paths.
func (c *checker) namespaces() {
	var first [namespaceKinds]int // index + 1 of the first of its kind
	for i := range c.linux.Namespaces {
		n := &c.linux.Namespaces[i]
		k := namespaceKind(n.Type)
		switch {
		case k < 0:
			c.must(chapterNamespaces, quote(string(n.Type))+" is not a namespace type; "+
				oneOf("pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"), "linux.namespaces", i, "type")
		case first[k] > 0:
			c.must(chapterNamespaces, "a second "+string(n.Type)+" namespace; the first is entry "+itoa(int64(first[k]-1)), "linux.namespaces", i, "type")
		default:
			first[k] = i + 1
		}
		if n.Path == "" {
			continue
		}
		if k == nsUser && c.opts.HostNamespaces&cloneBits[k] != 0 {
			c.must(chapterNamespaces, quote(n.Path)+" is the host's user namespace, which cannot be joined (setns(2))", "linux.namespaces", i, "path")
		}
		if !isAbs(n.Path) {
			c.must(chapterNamespaces, quote(n.Path)+" must be an absolute path", "linux.namespaces", i, "path")
		}
		if hasNUL(n.Path) {
			c.must(chapterNamespaces, nulMessage, "linux.namespaces", i, "path")
		}
	}
}

// idMappings checks the user namespace's mappings, and that there are some where
// they are needed: without, no id exists in a new user namespace.
func (c *checker) idMappings() {
	l := c.linux
	switch c.ns[nsUser] {
	case nsHost:
		// No chapter forbids them, and other runtimes ignore them.
		const message = "has no effect without a user namespace in linux.namespaces"
		if len(l.UIDMappings) > 0 {
			c.warn(chapterIDMappings, message, "linux.uidMappings")
		}
		if len(l.GIDMappings) > 0 {
			c.warn(chapterIDMappings, message, "linux.gidMappings")
		}
		if c.opts.Rootless {
			c.must(chapterNamespaces, "rootless containers need a user namespace", "linux.namespaces")
		}
	case nsNew:
		const message = "is required for a new user namespace: without, no id exists in it"
		if len(l.UIDMappings) == 0 {
			c.must(chapterIDMappings, message, "linux.uidMappings")
		}
		if len(l.GIDMappings) == 0 {
			c.must(chapterIDMappings, message, "linux.gidMappings")
		}
	case nsJoined:
		// Kubernetes sends both; they have to agree, which the host must tell.
		if len(l.UIDMappings) > 0 || len(l.GIDMappings) > 0 {
			c.warn(chapterIDMappings, "the user namespace that is joined by path has its own mappings, these do not change them", "linux.uidMappings")
		}
	}
	c.mappings(chapterIDMappings, l.UIDMappings, "linux.uidMappings")
	c.mappings(chapterIDMappings, l.GIDMappings, "linux.gidMappings")
}

// maxMappings is UID_GID_MAP_MAX_EXTENTS, the lines a map may have (Linux 4.15).
const maxMappings = 340

// mappings checks what the kernel refuses to take as a map: see
// user_namespaces(7), "Defining user and group ID mappings".
func (c *checker) mappings(chapter string, m []specs.LinuxIDMapping, path ...any) {
	if len(m) > maxMappings {
		c.must(chapter, itoa(int64(len(m)))+" entries are more than the 340 that Linux allows", path...)
		return // the checks below take quadratic time
	}
	for i := range m {
		e := &m[i]
		if e.Size == 0 {
			c.must(chapter, "must be greater than zero", append(path, i, "size")...)
			continue
		}
		// The last id of each side must not reach 2^32-1, which is "no id".
		if e.ContainerID+(e.Size-1) < e.ContainerID || e.ContainerID+(e.Size-1) == 1<<32-1 {
			c.must(chapter, rangeText(e.ContainerID, e.Size)+" runs past the largest id, 4294967294", append(path, i, "containerID")...)
		}
		if e.HostID+(e.Size-1) < e.HostID || e.HostID+(e.Size-1) == 1<<32-1 {
			c.must(chapter, rangeText(e.HostID, e.Size)+" runs past the largest id, 4294967294", append(path, i, "hostID")...)
		}
		for j := range m[:i] {
			if o := &m[j]; overlap(e.ContainerID, e.Size, o.ContainerID, o.Size) {
				c.must(chapter, rangeText(e.ContainerID, e.Size)+" overlaps with entry "+itoa(int64(j)), append(path, i, "containerID")...)
				break
			}
		}
		for j := range m[:i] {
			if o := &m[j]; overlap(e.HostID, e.Size, o.HostID, o.Size) {
				c.must(chapter, rangeText(e.HostID, e.Size)+" overlaps with entry "+itoa(int64(j)), append(path, i, "hostID")...)
				break
			}
		}
	}
}

func rangeText(start, size uint32) string {
	return utoa(uint64(start)) + " with size " + utoa(uint64(size))
}

func overlap(a, an, b, bn uint32) bool {
	return uint64(a) < uint64(b)+uint64(bn) && uint64(b) < uint64(a)+uint64(an)
}

// mapped says whether id, as seen in the container, is in the map.
func mapped(m []specs.LinuxIDMapping, id uint32) bool {
	for i := range m {
		if id >= m[i].ContainerID && id-m[i].ContainerID < m[i].Size {
			return true
		}
	}
	return false
}

// timeOffsets checks the clocks: time_namespaces(7) knows two, and takes offsets
// only before the first process is in the namespace.
func (c *checker) timeOffsets() {
	offsets := c.linux.TimeOffsets
	if len(offsets) == 0 {
		return
	}
	switch c.ns[nsTime] {
	case nsHost:
		c.must(chapterTimeOffsets, "needs a time namespace in linux.namespaces", "linux.timeOffsets")
	case nsJoined:
		c.must(chapterTimeOffsets, "cannot be set for a time namespace that is joined by path", "linux.timeOffsets")
	}
	n := len(c.out)
	for clock, o := range offsets {
		if clock != "monotonic" && clock != "boottime" {
			c.must(chapterTimeOffsets, quote(clock)+" is not a clock of time namespaces; "+oneOf("monotonic", "boottime"), "linux.timeOffsets", key(clock))
		}
		if o.Nanosecs > 999_999_999 {
			c.must(chapterTimeOffsets, utoa(uint64(o.Nanosecs))+" is out of range, want 0 to 999999999", "linux.timeOffsets", key(clock), "nanosecs")
		}
	}
	c.sortFrom(n)
}
