// Package check looks at what a config asks of the host it is to run on: whether
// files, namespaces, controllers, security modules and privileges are there. It
// reads, and changes nothing; what only an attempt can tell stays unsaid.
//
// Package spec judges the config by itself, package cgroup what the control
// groups can hold; this package has the rest, one file a subject.
package check

import (
	"path"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/compile"
	"github.com/rung-oci/rung/libcontainer/internal/host"
	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// Finding is something that the host lacks.
type Finding struct {
	Path    string // JSON path in the config
	Source  string // where it is laid down: a manual page, a file of the kernel's documentation
	Message string // what is wrong, in one line
	Hint    string // what to do about it; may be empty
	Fatal   bool   // create, or the start, is bound to fail
	Info    bool   // nothing is wrong, but it may not be meant
}

// Options is what the host is judged by besides the config.
type Options struct {
	Bundle       string // absolute
	Rootless     bool   // without privileges in the initial user namespace
	Unprivileged bool   // and not root of another one either
	Capabilities uint64 // of the runtime, as bits
	// HostNamespaces has the CLONE_NEW* bits of the namespaces that are joined by a path and are the host's
	HostNamespaces uint64
}

// Host gives what the host lacks for the config, in the order of the config. The
// config may have problems of its own, and be incomplete.
func Host(s *specs.Spec, o Options) []Finding {
	c := &checker{spec: s, opt: o, linux: s.Linux}
	if c.linux == nil {
		c.linux = &specs.Linux{}
	}
	c.namespaceKinds()
	c.kernel()
	c.root()
	if c.view != nil {
		defer c.view.close()
	}
	c.mounts()
	if s.Process != nil {
		c.process(s.Process)
	}
	c.hooks()
	c.annotations()
	c.namespaces()
	c.idMaps()
	c.devices()
	c.netDevices()
	c.resources()
	c.memoryPolicy()
	c.sysctls()
	c.seccomp()
	return c.out
}

type checker struct {
	spec   *specs.Spec
	linux  *specs.Linux // never nil
	opt    Options
	rootfs string // absolute; empty when the config names none
	view   *view  // the container's files, nil without a root
	made   uint64 // CLONE_NEW* bits of new namespaces
	joined uint64 // and of joined ones that are not the host's
	out    []Finding
}

func (c *checker) add(f Finding) { c.out = append(c.out, f) }

func (c *checker) fatal(at, source, message, hint string) {
	c.add(Finding{Path: at, Source: source, Message: message, Hint: hint, Fatal: true})
}

func (c *checker) note(at, source, message, hint string) {
	c.add(Finding{Path: at, Source: source, Message: message, Hint: hint})
}

func (c *checker) namespaceKinds() {
	for _, n := range c.linux.Namespaces {
		if n.Path == "" {
			c.made |= compile.Namespace(n.Type)
		} else {
			c.joined |= compile.Namespace(n.Type) &^ c.opt.HostNamespaces
		}
	}
}

// userNS says whether the container has a user namespace that is not the
// runtime's.
func (c *checker) userNS() bool { return (c.made|c.joined)&unix.CLONE_NEWUSER != 0 }

// has says whether the runtime has the capability, named by its number.
func (c *checker) has(capability int) bool { return c.opt.Capabilities>>capability&1 != 0 }

// onHost completes a path of the host as create does: a relative one is relative to
// the bundle.
func (c *checker) onHost(p string) string {
	if !path.IsAbs(p) {
		p = path.Join(c.opt.Bundle, p)
	}
	return path.Clean(p)
}

// The oldest kernel that rung is for.
const minMajor, minMinor = 5, 14

func (c *checker) kernel() {
	if !host.KernelAtLeast(minMajor, minMinor) {
		c.note("", "uname(2)", "Linux "+host.Kernel()+" is older than 5.14, the oldest that rung is for", "use a newer kernel")
	}
}

// newer notes a field that needs a newer kernel than this.
func (c *checker) newer(at, what string, major, minor int) {
	if !host.KernelAtLeast(major, minor) {
		c.fatal(at, "uname(2)", what+" needs Linux "+strconv.Itoa(major)+"."+strconv.Itoa(minor)+", this is "+host.Kernel(), "leave it out, or use a newer kernel")
	}
}

func index(list string, i int) string { return string(jsonscan.AppendPathIndex([]byte(list), i)) }

func member(object, name string) string {
	return string(jsonscan.AppendPathName([]byte(object), name))
}

// readFile gives a small file of procfs or sysfs, "" when it is not there.
func readFile(name string) string {
	text, err := host.ReadSmall(name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(text)
}

func exists(name string) bool { return sys.Access(name, unix.F_OK) == nil }
