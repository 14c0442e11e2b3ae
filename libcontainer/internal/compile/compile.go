// Package compile turns a config, the command's options and facts about the
// host into a plan. It is pure: no system call, no file, no privilege; all
// knowledge of order lives in its entry points. What only the kernel can tell
// is data in the plan: flags such as NodeMissingOK or MountLockRetry.
package compile

import (
	"path"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"golang.org/x/sys/unix"
)

// Options is what a command adds to the config.
type Options struct {
	ID             string
	Bundle         string // absolute
	NoPivot        bool
	NoNewKeyring   bool
	Keyring        string // Exec: name of the container's session keyring; empty for "_ses." and the id
	PreserveFDs    int    // descriptors from 3 on that are the process's, LISTEN_FDS included
	ListenFDs      int    // how many of them are for sd_listen_fds(3)
	StartNow       bool   // run: the start order comes over the control channel
	PidFile        string
	TimeNamespace  bool   // Exec: the container has a time namespace, whatever the config says
	InitPid        int    // exec and hooks: the container's init, in the runtime's pid namespace
	Namespaces     []Held // exec and hooks: the namespaces to join; nil: by the init's pidfd
	PidfdSocket    string // AF_UNIX socket that receives a pidfd of the process
	NotifyDir      string // host directory of the sd_notify proxy socket, or empty
	NotifyTarget   string // where it is in the container
	CgroupPath     string // as shown in plans
	Cgroups        []CgroupDir
	Unit           string              // the control groups are those of this systemd unit; empty: they are made by the runtime
	UnitProperties []plan.UnitProperty // of the config's annotations
	CgroupsPresent bool                // the runtime makes control groups (not so for a runtime without privileges and delegation)
	Resctrl        string              // where resctrl is mounted, for a config with intelRdt
	RdtGroups      []string            // Exec: directories of resctrl that the container is in
	Filter         *Filter             // compiled seccomp profile, or nil
	// JoinLate has the runtime move the process of an exec into the cgroups when it waits for its start. For a
	// container that has no room for the two processes that an exec is for a moment.
	JoinLate bool
}

// Held is a namespace of the container that its init has handed over.
type Held struct {
	FD  plan.FD
	Bit uint64 // its CLONE_NEW* bit
}

// CgroupDir is the container's directory in one hierarchy.
type CgroupDir struct {
	Name        string   // directory of the hierarchy below /sys/fs/cgroup: "memory", "cpu,cpuacct", "systemd", "unified"
	Controllers []string // as in /proc/self/cgroup; a named hierarchy has "name=systemd"
	Mount       string   // where the hierarchy is mounted on the host
	Dir         string   // the container's directory on the host
	V2          bool
	Own         bool // it is made for the container; else it is the runtime's own
	Join        bool // the init joins it by writing to its tasks file
}

// Filter is a seccomp filter.
type Filter struct {
	Instructions []byte // struct sock_filter array
	Flags        uint64 // SECCOMP_FILTER_FLAG_* bits
	Notify       bool
	// Refused returns the name of the first call that the filter would not simply allow, or ""; nil: it allows all.
	Refused func([]Call) string
}

// Call is a system call of the init.
type Call struct {
	Name string
	Args []uint64
}

// Facts is what compile must know of the host. Package host finds it out.
type Facts struct {
	Rootless bool // the runtime has no privileges in the initial user namespace
	// Unprivileged says that it is not root of the user namespace it is in either: it may map one id by itself
	Unprivileged bool
	// GroupsDenied says that setgroups(2) is denied in the runtime's user namespace, and so in those below it
	GroupsDenied bool
	AppArmor     bool
	SELinux      bool
	Landlock     int  // version of Landlock's ABI, 0 without it; asked where annotations make it matter
	UnifiedV2    bool // /sys/fs/cgroup is cgroup2 alone
	// HostNamespaces has the CLONE_NEW* bits of the namespaces that the config joins by path and that are the host's own
	HostNamespaces uint64
	// DevicesFree says that device rules cannot be put in force: the runtime has not the privilege, or no hierarchy
	DevicesFree bool
	// Capabilities that the runtime has and can grant; 0: not known, all.
	Capabilities uint64
	// Systemd is the number of systemd's release, which decides what properties a unit can have; 0: not known, the newest.
	Systemd int
	// DeviceGroup is the name of a device number in /proc/devices, "" for none; asked where a unit is made.
	DeviceGroup func(block bool, major int64) string
	// CannotTrace says that the runtime lacks CAP_SYS_PTRACE: the kernel denies it the namespaces and the descriptors of
	// a process that is not dumpable, so the init hands them over
	CannotTrace bool
}

type compiler struct {
	spec     *specs.Spec
	opt      Options
	facts    Facts
	rootfs   string
	steps    []plan.Step
	init     plan.Program
	warnings []string
	nextFD   plan.FD
	ns       namespaces
	uids     plan.IDMap
	gids     plan.IDMap
	attrs    plan.Attributes
	// finalCPUs is process.execCPUAffinity.final as a mask; nil: all that the control group allows
	finalCPUs []byte
	// forkLate: the process enters a pid namespace that has processes already, where those with CAP_SYS_PTRACE may trace it,
	// once it has given up what it has more than the container.
	forkLate bool
	// shared: the pid namespace is another container's, whose processes nothing is known of
	shared    bool
	afterFork plan.Program // what then comes behind the fork
	// heldProc and heldSys: the init holds the mounts on /proc and /sys
	heldProc, heldSys bool
}

// namespaces is what the config says of each kind.
type namespaces struct {
	created uint64 // CLONE_NEW* bits of new ones
	joined  []join
	host    uint64  // CLONE_NEW* bits of joined ones that are the host's
	userFD  plan.FD // the joined user namespace, or NoFD
}

type join struct {
	fd   plan.FD
	bit  uint64
	path string
	from string // origin
}

// has says whether the container has a namespace of the kind that is not the host's. A path
// may name the host's: what holds for a container without such a namespace holds then.
func (n *namespaces) has(bit uint64) bool {
	if n.created&bit != 0 {
		return true
	}
	for _, j := range n.joined {
		if j.bit == bit && n.host&bit == 0 {
			return true
		}
	}
	return false
}

// joinedFD is the descriptor of the namespace that is joined by path, or NoFD.
func (n *namespaces) joinedFD(bit uint64) plan.FD {
	for _, j := range n.joined {
		if j.bit == bit {
			return j.fd
		}
	}
	return plan.NoFD
}

// user says whether the container has a user namespace that is not the host's.
func (n *namespaces) user() bool { return n.has(unix.CLONE_NEWUSER) }

// all is every kind that is not the host's.
func (n *namespaces) all() uint64 {
	bits := n.created
	for _, j := range n.joined {
		bits |= j.bit
	}
	return bits
}

// namespaceTable is every type of namespace, sorted (namespaces(7)).
var namespaceTable = [...]struct {
	name specs.LinuxNamespaceType
	bit  uint64
}{
	{specs.CgroupNamespace, unix.CLONE_NEWCGROUP},
	{specs.IPCNamespace, unix.CLONE_NEWIPC},
	{specs.MountNamespace, unix.CLONE_NEWNS},
	{specs.NetworkNamespace, unix.CLONE_NEWNET},
	{specs.PIDNamespace, unix.CLONE_NEWPID},
	{specs.TimeNamespace, unix.CLONE_NEWTIME},
	{specs.UserNamespace, unix.CLONE_NEWUSER},
	{specs.UTSNamespace, unix.CLONE_NEWUTS},
}

func namespaceBit(t specs.LinuxNamespaceType) uint64 {
	for i := range namespaceTable {
		if namespaceTable[i].name == t {
			return namespaceTable[i].bit
		}
	}
	return 0
}

func (c *compiler) emit(origin string, op plan.Op) {
	c.init = append(c.init, plan.InitOp{Origin: origin, Op: op})
}

func (c *compiler) emitAll(ops []plan.InitOp) { c.init = append(c.init, ops...) }

func (c *compiler) step(origin string, a plan.Action) {
	c.steps = append(c.steps, plan.Step{Origin: origin, Do: a})
}

func (c *compiler) warn(text string) { c.warnings = append(c.warnings, text) }

// fd takes the next number for a descriptor that the init inherits.
func (c *compiler) fd() plan.FD {
	n := c.nextFD
	c.nextFD++
	return n
}

// abs makes a host path absolute: what is relative in a config is relative to
// the bundle (config.md, root.path and mounts.source).
func (c *compiler) abs(p string) string {
	if path.IsAbs(p) {
		return path.Clean(p)
	}
	return path.Join(c.opt.Bundle, p)
}

func at(origin string, i int) string { return origin + "[" + strconv.Itoa(i) + "]" }

func key(origin, k string) string { return string(jsonscan.AppendPathName([]byte(origin), k)) }

// inContainer gives the clean, absolute path in the container of a destination.
// A destination that begins with the root's own host path is meant below it
// (engines write such configs).
func (c *compiler) inContainer(dest string) string {
	dest = path.Clean("/" + dest)
	if rest, ok := strings.CutPrefix(dest, c.rootfs+"/"); ok && c.rootfs != "/" {
		return "/" + rest
	}
	return dest
}

func hasLinux(s *specs.Spec) *specs.Linux {
	if s.Linux != nil {
		return s.Linux
	}
	return &specs.Linux{}
}
