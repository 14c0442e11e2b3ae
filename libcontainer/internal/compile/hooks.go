package compile

import (
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"golang.org/x/sys/unix"
)

// hookKinds is every kind of hooks in the order in which they run (config.md,
// POSIX-platform Hooks). Those of poststop are delete's.
var hookKinds = [...]string{"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}

// HostHook is the program of a createContainer hook: a program of the host that
// runs in the container's namespaces before the root changes. The init's pidfd
// is descriptor plan.FDFirst; with held those are joined, and not by the pidfd.
// s is the config of the container.
func HostHook(s *specs.Spec, held []Held, h plan.Hook, enter uint64, dir string) plan.Program {
	c := &compiler{spec: &specs.Spec{Process: s.Process, Linux: s.Linux}, opt: Options{Namespaces: held}}
	c.emit("", &plan.Dumpable{Value: 0})
	c.enterAll(enter)
	if enter&unix.CLONE_NEWPID != 0 {
		c.emit("", &plan.Fork{})
	}
	c.emit("", &plan.Chdir{Path: dir, Flags: plan.ChdirMayDefer})
	c.emit("", &plan.CloseFrom{First: 3})
	c.emit("", &plan.ExecHost{FD: plan.NoFD, Path: h.Path, Argv: hookArgv(h), Env: append(slices.Clip(h.Env), h.More...)})
	return c.init
}

// enterAll joins namespaces of the process behind plan.FDFirst with one call:
// the kernel takes them in the order that privileges need (setns(2)). Namespaces
// that the init has handed over are joined one after the other.
func (c *compiler) enterAll(bits uint64) {
	if bits == 0 {
		return
	}
	user := bits&unix.CLONE_NEWUSER != 0
	if c.opt.Namespaces == nil {
		c.emit("linux.namespaces", &plan.Setns{FD: plan.FDFirst, Type: bits})
	} else {
		var first plan.JoinFlag
		if user {
			first = plan.JoinTry
		}
		c.joinHeld(bits&^unix.CLONE_NEWUSER, first)
		c.joinHeld(bits&unix.CLONE_NEWUSER, 0)
	}
	if user {
		c.rootIDs()
		c.emit("", &plan.Dumpable{Value: 0}) // a change of ids makes it what fs.suid_dumpable says (proc_sys_fs(5))
		if c.opt.Namespaces != nil {
			c.joinHeld(bits&^unix.CLONE_NEWUSER, plan.JoinRetry)
		}
	}
}

// joinHeld joins those of the namespaces that were handed over, the mount namespace last:
// it changes the root.
func (c *compiler) joinHeld(bits uint64, f plan.JoinFlag) {
	for _, mount := range [...]bool{false, true} {
		for _, h := range c.opt.Namespaces {
			if h.Bit&bits != 0 && mount == (h.Bit == unix.CLONE_NEWNS) {
				c.emit("linux.namespaces", &plan.Setns{FD: h.FD, Type: h.Bit, Flags: f})
			}
		}
	}
}

func hookArgv(h plan.Hook) []string {
	if len(h.Args) > 0 {
		return h.Args
	}
	return []string{h.Path}
}

// ContainerHook is the program of a startContainer hook: a program of the
// container, run with all that confines the container's process. The init's
// pidfd is descriptor plan.FDFirst, its root directory plan.FDFirst+1 where
// NeedsRoot says so.
func ContainerHook(s *specs.Spec, o Options, f Facts, h plan.Hook) (plan.Program, error) {
	c := &compiler{spec: s, opt: o, facts: f}
	p := *s.Process
	p.Terminal, p.Cwd, p.Scheduler, p.Rlimits = false, "/", nil, nil
	p.Args = hookArgv(h)
	if h.Env != nil {
		p.Env = h.Env
	}
	p.Env = append(slices.Clip(p.Env), h.More...)
	if err := c.comeIn(&p); err != nil {
		return nil, err
	}
	if err := c.process(&p, false); err != nil {
		return nil, err
	}
	for _, op := range c.init {
		if find, ok := op.Op.(*plan.FindExec); ok {
			find.Candidates = []string{h.Path}
		}
	}
	return c.init, nil
}
