package spec

import (
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
)

// Options is what [Validate] has to know beside the configuration.
type Options struct {
	// NeedProcess says that there must be a process: true for run and for
	// create, which starts one later (config.md#process); false for check.
	NeedProcess bool
	// Rootless says that the runtime's effective uid is not 0. A user namespace,
	// new with mappings or joined, is needed then.
	Rootless bool
	// HostNamespaces has the CLONE_NEW* bits of the namespaces that linux.namespaces names by a
	// path and that are the host's own. Whoever has opened them can tell, not this package.
	HostNamespaces uint64
	// BundleAbs is the bundle's absolute path, "" if it is not known. It is only
	// compared with strings.
	BundleAbs string
}

// Validate returns all that is wrong with s, in the order of config.md and
// config-linux.md, nil if nothing is. It looks at nothing but its arguments.
// Only problems of level [Must] are reasons to refuse the configuration.
func Validate(s *specs.Spec, o Options) Problems {
	c := checker{spec: s, opts: o}
	c.linux = s.Linux
	if c.linux == nil {
		c.linux = new(specs.Linux)
	}
	c.noteNamespaces()

	c.version()
	c.root()
	c.mounts()
	c.process()
	c.hostname()
	c.platforms()
	c.hooks()
	c.annotations()

	c.namespaces()
	c.idMappings()
	c.timeOffsets()
	c.devices()
	c.netDevices()
	c.cgroupsPath()
	if c.linux.Resources != nil {
		c.resources(c.linux.Resources)
	}
	c.intelRdt()
	c.memoryPolicy()
	c.sysctl()
	if c.linux.Seccomp != nil {
		c.seccomp(c.linux.Seccomp)
	}
	c.rootfsPropagation()
	c.paths()
	c.personality()
	return c.out
}

// ValidateProcess is the part of [Validate] that judges a process by itself, for
// the one that exec --process brings. Paths start with "process".
func ValidateProcess(p *specs.Process) Problems {
	c := checker{spec: &specs.Spec{Process: p}, linux: new(specs.Linux)}
	c.process()
	return c.out
}

// ValidateResources is the part of [Validate] that judges resources by
// themselves, for those that update brings: what they leave out keeps its value,
// so that a swap limit alone, for one, is no problem. Paths start with
// "linux.resources".
func ValidateResources(r *specs.LinuxResources) Problems {
	c := checker{update: true, linux: new(specs.Linux)}
	c.resources(r)
	return c.out
}

// checker is one run of Validate.
type checker struct {
	spec  *specs.Spec
	linux *specs.Linux // never nil
	opts  Options
	// update says that resources are judged as a change of others.
	update bool
	ns     [namespaceKinds]nsState
	out    Problems
}

// key is an element of a path that is the key of a map, and written ["so"] if
// it is not a plain word.
type key string

// add notes a problem. path is a list of strings, which may have dots of their
// own, of indices and of keys. It is built here, for problems only.
func (c *checker) add(l Level, chapter, message string, path ...any) {
	var b []byte
	for _, e := range path {
		switch e := e.(type) {
		case int:
			b = jsonscan.AppendPathIndex(b, e)
		case key:
			b = jsonscan.AppendPathName(b, string(e))
		case string:
			if len(b) > 0 && e != "" {
				b = append(b, '.')
			}
			b = append(b, e...)
		}
	}
	c.out = append(c.out, Problem{Path: string(b), Level: l, Chapter: chapter, Message: message})
}

func (c *checker) must(chapter, message string, path ...any) {
	c.add(Must, chapter, message, path...)
}

func (c *checker) should(chapter, message string, path ...any) {
	c.add(Should, chapter, message, path...)
}

func (c *checker) warn(chapter, message string, path ...any) {
	c.add(Warn, chapter, message, path...)
}

// sortFrom puts the problems from index n on into the order of their paths:
// they come from a map.
func (c *checker) sortFrom(n int) {
	if len(c.out)-n > 1 {
		slices.SortStableFunc(c.out[n:], func(a, b Problem) int {
			return strings.Compare(a.Path, b.Path)
		})
	}
}

// nulMessage is the problem of every string that hasNUL.
const nulMessage = "must not contain a NUL byte: the kernel's strings end there"

func hasNUL(s string) bool { return strings.IndexByte(s, 0) >= 0 }

// nulAt returns the first index of list whose string has a NUL byte, or -1.
func nulAt(list []string) int {
	for i, s := range list {
		if hasNUL(s) {
			return i
		}
	}
	return -1
}

func isAbs(path string) bool { return path != "" && path[0] == '/' }

// hasElement says whether path, split at slashes, has that element.
func hasElement(path, element string) bool {
	for {
		head, tail, more := strings.Cut(path, "/")
		if head == element {
			return true
		}
		if !more {
			return false
		}
		path = tail
	}
}

// oneOf names the allowed values at the end of a message.
func oneOf(values ...string) string { return "want one of " + strings.Join(values, ", ") }
