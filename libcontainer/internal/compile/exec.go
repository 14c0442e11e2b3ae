package compile

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"golang.org/x/sys/unix"
)

// Exec plans a further process of a container: s is the config that the
// container was created from, p the process. The init's pidfd is descriptor
// plan.FDFirst; its root directory is plan.FDFirst+1 where NeedsRoot says so.
func Exec(s *specs.Spec, p *specs.Process, o Options, f Facts) (*plan.Plan, []string, error) {
	c := &compiler{spec: s, opt: o, facts: f}
	c.opt.StartNow = true
	var initial []byte
	var moved bool // the process is made outside the cgroup v2, and moved into it
	if a := p.ExecCPUAffinity; a != nil {
		var err error
		if initial, err = affinity("process.execCPUAffinity.initial", a.Initial); err != nil {
			return nil, nil, err
		}
		if c.finalCPUs, err = affinity("process.execCPUAffinity.final", a.Final); err != nil {
			return nil, nil, err
		}
	}
	if len(initial) > 0 {
		// "Before the transition to container's cgroup" (config.md, Process): the mask may name CPUs
		// that the container's cpuset lacks.
		c.emit("process.execCPUAffinity.initial", &plan.Affinity{Mask: initial})
		if moved = o.CgroupsPresent && c.hasV2() && !c.joinsV1() && !o.JoinLate; moved {
			c.emit("linux.cgroupsPath", &plan.Sync{Point: plan.SyncCgroup})
		}
	}
	if err := c.comeIn(p); err != nil {
		return nil, nil, err
	}
	if !o.NoNewKeyring {
		c.emit("", &plan.Keyring{Name: cmp.Or(o.Keyring, "_ses."+o.ID)})
	}
	if p.Terminal {
		c.console(p, 0)
	}
	if err := c.process(p, true); err != nil {
		return nil, nil, err
	}
	c.step("", plan.Spawn{IntoCgroup: o.CgroupsPresent && c.hasV2() && !o.JoinLate && !moved, PreserveFDs: o.PreserveFDs, PipesOwner: c.pipesOwner(p)})
	if moved {
		c.step("", plan.Serve{Until: plan.UntilCgroup})
		c.step("linux.cgroupsPath", plan.CgroupJoin{V2Only: true})
	}
	c.step("", plan.Serve{Terminal: p.Terminal})
	if o.JoinLate {
		join := plan.CgroupJoin{CPUs: c.finalCPUs}
		if len(join.CPUs) == 0 && p.Scheduler == nil {
			join.CPUs = allCPUs()
		}
		c.step("linux.cgroupsPath", join)
	}
	c.startSteps()
	return &plan.Plan{ID: o.ID, Bundle: o.Bundle, Runtime: c.steps, Init: c.init}, c.warnings, nil
}

// startSteps is what the runtime does from the moment its process waits for the
// start, up to that.
func (c *compiler) startSteps() {
	if len(c.attrs.Rlimits) > 0 || c.attrs.Scheduler != nil {
		c.step("process", c.attrs)
	}
	if c.opt.PidfdSocket != "" {
		c.step("", plan.SendPidfd{Socket: c.opt.PidfdSocket})
	}
	if c.opt.PidFile != "" {
		c.step("", plan.WritePidFile{Path: c.opt.PidFile})
	}
	c.step("", plan.Release{})
	if l := hasLinux(c.spec); c.opt.Filter != nil && c.opt.Filter.Notify && l.Seccomp != nil {
		c.step("linux.seccomp.listenerPath", plan.Notify{Path: l.Seccomp.ListenerPath, Metadata: l.Seccomp.ListenerMetadata})
	}
	c.step("", plan.Start{})
}

// comeIn is how a process comes into a running container: into its control
// groups, its namespaces and its root. What is written below /proc is written
// before: the container's own is not to be trusted.
func (c *compiler) comeIn(p *specs.Process) error {
	c.ns.userFD = plan.NoFD
	for _, n := range hasLinux(c.spec).Namespaces {
		c.ns.created |= namespaceBit(n.Type)
	}
	if c.opt.TimeNamespace {
		c.ns.created |= unix.CLONE_NEWTIME
	}
	if c.ns.user() {
		c.ns.userFD = plan.FDFirst // setgroups(2) may be denied in it
	}
	c.oomScore(p, true)
	for _, g := range c.opt.Cgroups {
		if g.Join && !c.opt.JoinLate {
			c.emit("linux.cgroupsPath", &plan.WriteFile{Path: g.Dir + "/tasks", Data: "0"})
		}
	}
	c.joinRdt()
	if p.SelinuxLabel != "" && c.facts.SELinux && !c.opt.NoNewKeyring {
		c.emit("process.selinuxLabel", &plan.ProcWrite{Path: "self/attr/keycreate", Data: p.SelinuxLabel})
	}
	if err := c.labels(p); err != nil {
		return err
	}
	if c.opt.InitPid > 0 {
		c.coreSchedule(c.opt.InitPid)
	}
	c.enterAll(c.ns.created)
	// In a user namespace, too: the pid namespace may be shared with containers that are in the host's.
	if c.forkLate = c.ns.has(unix.CLONE_NEWPID); !c.forkLate {
		c.emit("", &plan.Setsid{}) // behind the fork: the terminal is taken by the leader of a session
	}
	root := &plan.RootHere{FD: plan.NoFD}
	if NeedsRoot(c.spec) {
		root.FD = plan.FDFirst + 1
	}
	c.emit("", root)
	return nil
}

// joinsV1 reports whether the process joins cgroups of v1, where all controllers with CPUs then are.
func (c *compiler) joinsV1() bool {
	return slices.ContainsFunc(c.opt.Cgroups, func(g CgroupDir) bool { return g.Join })
}

// NeedsRoot says that whoever comes into the container has to be given the init's root
// directory: the root of its mount namespace is not the container's. The namespace is the
// host's, or one that a path names, which may be the host's as well.
func NeedsRoot(s *specs.Spec) bool {
	for _, n := range hasLinux(s).Namespaces {
		if n.Type == specs.MountNamespace {
			return n.Path != ""
		}
	}
	return true
}

func affinity(origin, list string) ([]byte, error) {
	mask, err := cpuMask(list)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", origin, err)
	}
	return mask, nil
}
