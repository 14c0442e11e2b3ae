package compile

import "github.com/rung-oci/rung/libcontainer/internal/annotation"

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
func Capabilities() []string { return append([]string(nil), capNames[:]...) }

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
