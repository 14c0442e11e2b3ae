package compile

import (
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/annotation"
	"github.com/rung-oci/rung/libcontainer/internal/spec"
)

// The functions below list the names of a config that this package obeys, from
// the tables that it obeys them by: for the Features structure (features.md).

// MountOptions lists the mount options that are not left to the file system,
// sorted.
func MountOptions() []string {
	names := make([]string, len(mountOptionTable))
	for i := range mountOptionTable {
		names[i] = mountOptionTable[i].name
	}
	return names
}

// Capabilities lists the capabilities by their number (capabilities(7)).
func Capabilities() []string { return append([]string(nil), spec.Capabilities[:]...) }

// Namespaces lists the types of namespaces, sorted.
func Namespaces() []string {
	names := make([]string, len(namespaceTable))
	for i := range namespaceTable {
		names[i] = string(namespaceTable[i].name)
	}
	return names
}

// HookKinds lists the kinds of hooks in the order in which they run.
func HookKinds() []string { return append([]string(nil), hookKinds[:]...) }

// MemoryPolicyModes lists the modes of linux.memoryPolicy by their number.
func MemoryPolicyModes() []string {
	names := make([]string, len(memoryModes))
	for i := range memoryModes {
		names[i] = string(memoryModes[i])
	}
	return names
}

// MemoryPolicyFlags lists the flags of linux.memoryPolicy.
func MemoryPolicyFlags() []string {
	names := make([]string, len(memoryFlags))
	for i := range memoryFlags {
		names[i] = string(memoryFlags[i].name)
	}
	return names
}

// UnsafeAnnotations lists the annotations of a config that change what is done,
// so that a caller who lets others write annotations can keep them out
// (features.md, Unsafe annotations). One that ends in "." is a prefix. An
// annotation that comes to be obeyed has to be named there.
func UnsafeAnnotations() []string { return annotation.Unsafe() }

// Rlimit gives the number of a resource of process.rlimits (getrlimit(2)).
func Rlimit(name string) (resource int, ok bool) {
	for i := range rlimitTable {
		if rlimitTable[i].name == name {
			return int(rlimitTable[i].resource), true
		}
	}
	return 0, false
}

// Namespace gives the CLONE_NEW* bit of a type of namespace, 0 for none.
func Namespace(t specs.LinuxNamespaceType) uint64 { return namespaceBit(t) }

// Mount is what the options of an entry of mounts come to, for those who look at
// its source and destination beforehand.
type Mount struct {
	Bind        bool
	Optional    bool // a missing source is no error
	Remount     bool
	NoFollow    bool // the source is the link itself
	Idmap       bool
	CopySymlink bool
	Data        []string // options of the file system
}

// ParseMount reads the options as the compilation of a plan does.
func ParseMount(m *specs.Mount) (Mount, error) {
	o, err := parseMountOptions(m.Options)
	return Mount{
		Bind: o.bind || o.rbind || m.Type == "bind", Optional: o.optional, Remount: o.remount, NoFollow: o.srcNoFollow || o.copySymlink,
		Idmap: o.idmap || o.ridmap || len(m.UIDMappings)+len(m.GIDMappings) > 0, CopySymlink: o.copySymlink, Data: o.data,
	}, err
}

// InContainer gives the clean absolute path in the container that a destination
// means, for a root file system at the absolute path rootfs.
func InContainer(dest, rootfs string) string {
	c := compiler{rootfs: rootfs}
	return c.inContainer(dest)
}
