package compile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/landlock"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"golang.org/x/sys/unix"
)

func (c *compiler) console(p *specs.Process, flags plan.ConsoleFlag) {
	op := &plan.Console{UID: uint64(p.User.UID), Flags: flags}
	if p.ConsoleSize != nil {
		op.Flags |= plan.ConsoleSize
		op.Rows, op.Cols = uint64(p.ConsoleSize.Height), uint64(p.ConsoleSize.Width)
	}
	if c.forkLate {
		op.Flags |= plan.ConsoleLater
	}
	c.emit("process.terminal", op)
}

// allCPUs undoes what a taskset of the caller, or of the engine, left: the
// kernel takes the intersection with the cpuset of the control group.
func allCPUs() []byte {
	mask := make([]byte, 1024)
	for i := range mask {
		mask[i] = 0xff
	}
	return mask
}

// process is the tail that create and exec share: from the attributes to
// execve. gate says whether a start is waited for.
func (c *compiler) process(p *specs.Process, gate bool) error {
	if p == nil {
		return fmt.Errorf("process: required to create a container")
	}
	u := &p.User
	list := p.Env
	if c.opt.NotifyTarget != "" {
		list = append(list[:len(list):len(list)], "NOTIFY_SOCKET="+c.opt.NotifyTarget+"/notify.sock")
	}
	env, needHome := environment(list)
	if needHome {
		c.emit("process.env", &plan.Home{UID: uint64(u.UID)})
	}
	c.emit("", &plan.Signals{})
	if u.Umask != nil {
		c.emit("process.user.umask", &plan.Umask{Value: uint64(*u.Umask)})
	} else {
		c.emit("", &plan.Umask{Value: 0o022})
	}
	if err := c.attributes(p); err != nil {
		return err
	}
	if !p.Terminal {
		c.emit("process.user.uid", &plan.StdioOwner{UID: uint64(u.UID)})
	}
	cwd := path.Clean("/" + p.Cwd)
	c.emit("process.cwd", &plan.Chdir{Path: cwd, Flags: plan.ChdirMayDefer})
	c.emit("", &plan.CloseFrom{First: uint64(3 + c.opt.PreserveFDs)})

	if c.shared {
		c.emit("", &plan.CloseRange{First: plan.FDFirst, Last: c.nextFD - 1}) // namespaces
	}
	restricts, err := c.landlock()
	if err != nil {
		return err
	}
	if err := c.listenerSent(); err != nil {
		return err
	}
	caps, bounding, warnings := capabilities(p.Capabilities, c.ownCaps())
	c.warnings = append(c.warnings, warnings...)
	t := confinement{caps: caps, restricts: restricts, noNewPrivileges: p.NoNewPrivileges}
	first, err := c.confinesFirst(p, &t)
	if err != nil {
		return err
	}
	c.emit("process.capabilities.bounding", &plan.Bounding{Keep: bounding})
	identity := &plan.Identity{UID: uint64(u.UID), GID: uint64(u.GID), SkipGroups: c.skipGroups()}
	switch {
	case c.keepGroups() != 0:
	case identity.SkipGroups == 1 && len(u.AdditionalGids) > 0:
		c.warn("process.user.additionalGids: not set: the kernel denies setgroups(2) in a user namespace that a user makes with one group ID;" +
			" the process keeps the groups of its caller")
	default:
		identity.Groups = groupBytes(u.AdditionalGids)
	}
	c.emit("process.user", identity)
	c.emit("", &plan.Dumpable{Value: 0}) // a change of ids makes it what fs.suid_dumpable says (proc_sys_fs(5))
	switch {
	case first:
		c.confine(&t, true)
	case c.admin(&t):
		c.emit("process.capabilities", &plan.Capset{Effective: caps.Effective, Permitted: caps.Permitted | sysAdmin, Inheritable: caps.Inheritable})
	default:
		c.emit("process.capabilities", caps)
	}
	if c.forkLate {
		c.emit("linux.namespaces", &plan.Fork{})
		c.emit("", &plan.Setsid{})
		if p.Terminal {
			c.emit("process.terminal", &plan.ControllingTerminal{})
		}
		c.init = append(c.init, c.afterFork...)
		if first && c.opt.Filter != nil && c.opt.Filter.Notify {
			c.emit("linux.seccomp.listenerPath", &plan.Listener{})
		}
	}
	c.emit("process.cwd", &plan.Chdir{Path: cwd, Flags: plan.ChdirRetry})
	find := &plan.FindExec{Candidates: execCandidates(p.Args[0], env, cwd), Argv: p.Args, Env: env}
	if first && t.unasked {
		find.Flags |= plan.ExecUnasked
	}
	if c.opt.ListenFDs > 0 {
		find.Env = append(find.Env[:len(find.Env):len(find.Env)], "LISTEN_FDS="+strconv.Itoa(c.opt.ListenFDs))
		find.Flags |= plan.ExecListenPID
	}
	c.emit("process.args[0]", find)
	if gate {
		g := &plan.Gate{FD: plan.FDGate}
		if c.opt.StartNow {
			g.FD, g.Flags = plan.NoFD, plan.GateControl
		}
		c.emit("", g)
	}
	if !first {
		c.confine(&t, false)
	}
	c.emit("process.args", &plan.Exec{})
	return nil
}

const sysAdmin = uint64(1) << unix.CAP_SYS_ADMIN

// confinement is what takes rights from the process for good.
type confinement struct {
	caps            *plan.Capset
	restricts       bool // Landlock
	noNewPrivileges bool
	unasked         bool // faccessat2(2) is refused: older profiles do not have it
}

// admin says whether it takes CAP_SYS_ADMIN: a filter and Landlock do without
// no_new_privs (seccomp(2), landlock(7)). It is kept until they are loaded, and
// given up right behind them.
func (c *compiler) admin(t *confinement) bool {
	return (c.opt.Filter != nil || t.restricts) && !t.noNewPrivileges
}

// confinesFirst says whether the process is confined before it enters a pid
// namespace where it can be traced: whoever traces it then gets neither
// CAP_SYS_ADMIN nor a process without its filter. The filter has to allow the
// little that is left to do. Where it does not, it is loaded behind the gate: it
// needs no privileges with no_new_privs, and exec knows of nobody who traces.
func (c *compiler) confinesFirst(p *specs.Process, t *confinement) (bool, error) {
	f := c.opt.Filter
	switch {
	case !c.forkLate:
		return false, nil
	case f == nil:
		return true, nil
	case f.Notify && (t.noNewPrivileges || !c.shared):
		return false, nil // the agent learns of the process when it starts
	case f.Refused == nil:
		return true, nil
	}
	calls := c.lastCalls(p, f.Notify)
	call := f.Refused(calls)
	if t.unasked = call == askExec; t.unasked {
		call = f.Refused(slices.DeleteFunc(calls, func(c Call) bool { return c.Name == askExec }))
	}
	if call != "" && c.shared && !t.noNewPrivileges {
		return false, errors.New("linux.seccomp: " + call + "(2) is not allowed. In a pid namespace that is joined the filter is loaded before the process enters it," +
			" and judges what create and start still have to do; set process.noNewPrivileges, or allow the call")
	}
	return call == "", nil
}

// listenerSent checks that the init may send the listener of its filter, where the runtime cannot take it.
func (c *compiler) listenerSent() error {
	f := c.opt.Filter
	if f == nil || !f.Notify || !c.facts.CannotTrace || f.Refused == nil || f.Refused([]Call{{Name: "sendmsg"}}) == "" {
		return nil
	}
	return errors.New("linux.seccomp: sendmsg(2) is not simply allowed. A runtime without CAP_SYS_PTRACE gets the filter's listener by that call;" +
		" allow it without SCMP_ACT_NOTIFY, or have root create the container")
}

// askExec is the call by which the init asks whether the program may be executed. It can do without the answer.
const askExec = "faccessat2"

// lastCalls is what the init calls between the filter and execve, when it is
// confined first.
func (c *compiler) lastCalls(p *specs.Process, notify bool) []Call {
	calls := []Call{
		{Name: "capset"}, {Name: "prctl", Args: []uint64{unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE}},
		{Name: "clone", Args: []uint64{unix.CLONE_PARENT | unix.CLONE_PIDFD}}, {Name: "sendmsg"}, {Name: "exit_group"},
		{Name: "setsid"}, {Name: "chdir"}, {Name: "getcwd"}, {Name: "newfstatat"}, {Name: askExec}, {Name: "mmap"},
		{Name: "rt_sigaction"}, {Name: "recvmsg"}, {Name: "execve"},
	}
	if !c.opt.StartNow {
		calls = append(calls, Call{Name: "accept4"}, Call{Name: "read"}, Call{Name: "close"}, Call{Name: "madvise"})
	}
	if notify {
		calls = append(calls, Call{Name: "write"}, Call{Name: "read"}, Call{Name: "close"})
	}
	if p.Terminal {
		calls = append(calls, Call{Name: "ioctl", Args: []uint64{0, unix.TIOCSCTTY}})
	}
	if c.opt.ListenFDs > 0 {
		calls = append(calls, Call{Name: "getpid"})
	}
	for _, o := range c.afterFork {
		switch o.Op.(type) {
		case *plan.Rlimit:
			calls = append(calls, Call{Name: "prlimit64"})
		case *plan.Scheduler:
			calls = append(calls, Call{Name: "sched_setattr"})
		}
	}
	return calls
}

// confine gives up what the process may not have: rights by Landlock, then
// system calls by the filter, which may forbid Landlock's. Nothing of the init's
// own work comes behind it that they could judge, but the end of its capabilities
// and execve; and, when it comes first, what lastCalls has.
func (c *compiler) confine(t *confinement, first bool) {
	f, admin := c.opt.Filter, c.admin(t)
	if t.noNewPrivileges {
		c.emit("process.noNewPrivileges", &plan.NoNewPrivileges{})
	}
	origin := "linux.seccomp"
	if f == nil {
		origin = annotationPath(landlock.Prefix + "*")
	}
	if admin {
		c.emit(origin, &plan.Capset{Effective: t.caps.Effective | sysAdmin, Permitted: t.caps.Permitted | sysAdmin, Inheritable: t.caps.Inheritable})
	}
	if t.restricts {
		c.emit(annotationPath(landlock.Prefix+"*"), &plan.LandlockRestrict{})
	}
	if f != nil {
		op := &plan.Seccomp{Filter: f.Instructions, FilterFlags: f.Flags}
		if f.Notify && c.facts.CannotTrace {
			op.Flags |= plan.SeccompSend
		}
		switch {
		case f.Notify && first:
			op.Flags |= plan.SeccompKeep
		case f.Notify:
			op.Flags |= plan.SeccompNotify
		}
		c.emit("linux.seccomp", op)
	}
	if admin || first {
		c.emit("process.capabilities", t.caps)
	}
}

// attributes is everything of the process that execve keeps.
func (c *compiler) attributes(p *specs.Process) error {
	l := hasLinux(c.spec)
	limits, err := rlimits(p.Rlimits)
	if err != nil {
		return err
	}
	// CAP_SYS_RESOURCE and CAP_SYS_NICE of the host are gone in a user namespace: the runtime sets them from outside. So it
	// does where a fork follows that a limit of processes would count, and a scheduler may refuse or forget; but a runtime
	// that has no such capability may not touch another user's process: there the process itself has to, behind the fork.
	outside := c.ns.user() && !c.facts.Rootless
	for i, r := range limits {
		switch {
		case outside, c.forkLate && !c.facts.Rootless && c.ownCaps()&(1<<unix.CAP_SYS_RESOURCE) != 0:
			c.attrs.Rlimits = append(c.attrs.Rlimits, *r)
		case c.forkLate:
			c.afterFork = append(c.afterFork, plan.InitOp{Origin: at("process.rlimits", i), Op: r})
		default:
			c.emit(at("process.rlimits", i), r)
		}
	}
	if p.Scheduler != nil {
		s, err := scheduler(p.Scheduler)
		if err != nil {
			return err
		}
		switch {
		case outside, c.forkLate && !c.facts.Rootless && c.ownCaps()&(1<<unix.CAP_SYS_NICE) != 0:
			c.attrs.Scheduler = s
		case c.forkLate:
			c.afterFork = append(c.afterFork, plan.InitOp{Origin: "process.scheduler", Op: s})
		default:
			c.emit("process.scheduler", s)
		}
	}
	switch {
	case len(c.finalCPUs) > 0:
		c.emit("process.execCPUAffinity.final", &plan.Affinity{Mask: c.finalCPUs})
	case p.Scheduler == nil:
		c.emit("", &plan.Affinity{Mask: allCPUs()})
	}
	if p.IOPriority != nil {
		io, err := ioPriority(p.IOPriority)
		if err != nil {
			return err
		}
		c.emit("process.ioPriority", io)
	}
	if l.Personality != nil {
		v, err := personality(l.Personality)
		if err != nil {
			return err
		}
		c.emit("linux.personality", v)
	}
	if l.MemoryPolicy != nil {
		m, err := memoryPolicy(l.MemoryPolicy)
		if err != nil {
			return err
		}
		c.emit("linux.memoryPolicy", m)
	}
	c.noHugePages()
	return nil
}

// skipGroups: setgroups(2) is denied in a user namespace with the single id of
// its unprivileged maker (user_namespaces(7)). The process then keeps the groups
// of its caller, and additionalGids, which engines write for most images, are
// not set: the init warns where the compiler does not know it.
func (c *compiler) skipGroups() uint64 {
	switch {
	case c.keepGroups() != 0:
		return 1
	case c.facts.GroupsDenied, c.facts.Unprivileged && (singleID(c.gids) || !c.ns.user()):
		return 1
	case c.facts.Rootless:
		return 2 // whoever made the namespace that the runtime is in may have denied it
	case c.ns.userFD != plan.NoFD:
		return 2 // whoever made the namespace may have denied it
	}
	return 0
}

func groupBytes(gids []uint32) []byte {
	var b []byte
	for _, g := range gids {
		b = binary.NativeEndian.AppendUint32(b, g)
	}
	return b
}

// ownCaps is what the runtime can grant: what it has itself, and everything in
// a user namespace that is the container's own.
func (c *compiler) ownCaps() uint64 {
	if c.ns.user() || c.facts.Capabilities == 0 {
		return ^uint64(0)
	}
	return c.facts.Capabilities
}
