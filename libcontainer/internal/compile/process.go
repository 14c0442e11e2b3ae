package compile

import (
	"encoding/binary"
	"fmt"
	"path"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/landlock"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"golang.org/x/sys/unix"
)

func (c *compiler) console(p *specs.Process, bind bool) {
	op := &plan.Console{UID: uint64(p.User.UID)}
	if bind {
		op.Flags |= plan.ConsoleBindDev
	}
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

	restricts, err := c.landlock()
	if err != nil {
		return err
	}
	caps, bounding, warnings := capabilities(p.Capabilities, c.ownCaps())
	c.warnings = append(c.warnings, warnings...)
	// Without no_new_privs a filter and Landlock need CAP_SYS_ADMIN (seccomp(2), landlock(7)), which is kept over the wait and
	// given up right behind them.
	early := (c.opt.Filter != nil || restricts) && !p.NoNewPrivileges
	c.emit("process.capabilities.bounding", &plan.Bounding{Keep: bounding})
	identity := &plan.Identity{UID: uint64(u.UID), GID: uint64(u.GID), SkipGroups: c.skipGroups(u)}
	if c.keepGroups() == 0 {
		identity.Groups = groupBytes(u.AdditionalGids)
	}
	c.emit("process.user", identity)
	c.emit("", &plan.Dumpable{Value: 0}) // a change of ids makes it what fs.suid_dumpable says (proc_sys_fs(5))
	if early {
		c.emit("process.capabilities", &plan.Capset{Effective: caps.Effective, Permitted: caps.Permitted | sysAdmin, Inheritable: caps.Inheritable})
	} else {
		c.emit("process.capabilities", caps)
	}
	if c.forkLate {
		c.emit("", &plan.Fork{})
		c.emit("", &plan.Setsid{})
		if p.Terminal {
			c.emit("process.terminal", &plan.ControllingTerminal{})
		}
		c.init = append(c.init, c.afterFork...)
	}
	c.emit("process.cwd", &plan.Chdir{Path: cwd, Flags: plan.ChdirRetry})
	find := &plan.FindExec{Candidates: execCandidates(p.Args[0], env, cwd), Argv: p.Args, Env: env}
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
	if p.NoNewPrivileges {
		c.emit("process.noNewPrivileges", &plan.NoNewPrivileges{})
	}
	c.confine(caps, early, restricts)
	c.emit("process.args", &plan.Exec{})
	return nil
}

const sysAdmin = uint64(1) << unix.CAP_SYS_ADMIN

// confine gives up what the process may not have: rights by Landlock, then
// system calls by the filter, which may forbid Landlock's. Nothing of the init's
// own work comes behind it that they could judge, but the end of its capabilities
// and execve.
func (c *compiler) confine(caps *plan.Capset, early, restricts bool) {
	f := c.opt.Filter
	origin := "linux.seccomp"
	if f == nil {
		origin = annotationPath(landlock.Prefix + "*")
	}
	if early {
		c.emit(origin, &plan.Capset{Effective: caps.Effective | sysAdmin, Permitted: caps.Permitted | sysAdmin, Inheritable: caps.Inheritable})
	}
	if restricts {
		c.emit(annotationPath(landlock.Prefix+"*"), &plan.LandlockRestrict{})
	}
	if f != nil {
		op := &plan.Seccomp{Filter: f.Instructions, FilterFlags: f.Flags}
		if f.Notify {
			op.Flags |= plan.SeccompNotify
		}
		c.emit("linux.seccomp", op)
	}
	if early {
		c.emit("process.capabilities", caps)
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
		case outside, c.forkLate && c.ownCaps()&(1<<unix.CAP_SYS_RESOURCE) != 0:
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
		case outside, c.forkLate && c.ownCaps()&(1<<unix.CAP_SYS_NICE) != 0:
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
// its unprivileged maker (user_namespaces(7)).
func (c *compiler) skipGroups(u *specs.User) uint64 {
	switch {
	case c.keepGroups() != 0:
		return 1
	case len(u.AdditionalGids) > 0:
		return 0
	case c.facts.Unprivileged && (singleID(c.gids) || !c.ns.user()):
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
