package compile

import (
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"golang.org/x/sys/unix"
)

// Create plans the creation of a container. The config is one that package
// spec found no MUST-level problem in. Warnings are about what is left out.
func Create(s *specs.Spec, o Options, f Facts) (*plan.Plan, []string, error) {
	c := &compiler{spec: s, opt: o, facts: f, nextFD: plan.FDFirst}
	c.ns.userFD = plan.NoFD
	c.rootfs = c.abs(s.Root.Path)
	c.init = make(plan.Program, 0, 96)

	c.step("", plan.Intent{})
	c.namespaces()
	if err := c.rdt(); err != nil {
		return nil, nil, err
	}
	if err := c.idMaps(); err != nil {
		return nil, nil, err
	}
	if err := c.enter(); err != nil {
		return nil, nil, err
	}
	if err := c.identityOfHost(); err != nil {
		return nil, nil, err
	}
	if label := hasLinux(s).MountLabel; label != "" && !c.facts.SELinux {
		return nil, nil, &ModuleError{"linux.mountLabel", label, "SELinux"}
	}
	if err := c.filesystem(); err != nil {
		return nil, nil, err
	}
	if err := c.process(s.Process, true); err != nil {
		return nil, nil, err
	}
	if err := c.runtimeHalf(); err != nil {
		return nil, nil, err
	}
	c.unsupportedAnnotations()
	c.unapplied()
	return &plan.Plan{ID: o.ID, Bundle: o.Bundle, Rootfs: c.rootfs, Runtime: c.steps, Init: c.init}, c.warnings, nil
}

// namespaces sorts the config's namespaces into new and joined ones.
func (c *compiler) namespaces() {
	c.ns.host = c.facts.HostNamespaces
	for i, n := range hasLinux(c.spec).Namespaces {
		bit := namespaceBit(n.Type)
		origin := at("linux.namespaces", i)
		if n.Path == "" {
			c.ns.created |= bit
			continue
		}
		fd := c.fd()
		c.step(origin, plan.OpenNamespace{FD: fd, Path: n.Path, Type: bit})
		if bit == unix.CLONE_NEWUSER {
			c.ns.userFD = fd
		}
		c.ns.joined = append(c.ns.joined, join{fd: fd, bit: bit, path: n.Path, from: origin})
	}
	c.shared = c.ns.joinedFD(unix.CLONE_NEWPID) != plan.NoFD
	c.forkLate = c.shared
}

func (c *compiler) idMaps() (err error) {
	if c.ns.created&unix.CLONE_NEWUSER == 0 {
		return nil
	}
	l := hasLinux(c.spec)
	if c.uids, err = idMap(l.UIDMappings); err != nil {
		return err
	}
	c.gids, err = idMap(l.GIDMappings)
	return err
}

// checkMaps: the maps of a namespace that is joined are given. Engines name them
// all the same, and mean that they are so.
func (c *compiler) checkMaps() error {
	l := hasLinux(c.spec)
	if c.ns.userFD == plan.NoFD || len(l.UIDMappings)+len(l.GIDMappings) == 0 {
		return nil
	}
	uids, err := idMap(l.UIDMappings)
	if err != nil {
		return err
	}
	gids, err := idMap(l.GIDMappings)
	if err != nil {
		return err
	}
	c.step("linux.uidMappings", plan.CheckMaps{UIDs: uids, GIDs: gids})
	return nil
}

// stepwise says whether the init enters its namespaces one after the other, for
// it is not there yet when it is spawned: a user namespace owns those that are
// made after it, and time offsets are written before the first process is in
// their namespace.
func (c *compiler) stepwise() bool {
	return c.ns.created&(unix.CLONE_NEWUSER|unix.CLONE_NEWTIME) != 0 || c.ns.joinedFD(unix.CLONE_NEWUSER) != plan.NoFD
}

// spawnFlags is what clone3 of the runtime makes; enterFlags what the init then
// makes itself, by a fork, or without one where it forks late. The cgroup
// namespace is unshared once the control group is joined: its root is the group
// of that moment (cgroup_namespaces(7)).
func (c *compiler) spawnFlags() uint64 {
	if c.stepwise() {
		return 0
	}
	return c.ns.created &^ unix.CLONE_NEWCGROUP
}

func (c *compiler) enterFlags() uint64 {
	return c.ns.created &^ (unix.CLONE_NEWCGROUP | unix.CLONE_NEWUSER | unix.CLONE_NEWTIME)
}

// enter is the part of the program that runs with the runtime's privileges and
// ends inside every namespace.
func (c *compiler) enter() error {
	// A runtime without privileges writes the id maps as the owner of /proc/<pid>, which a non-dumpable process takes from it.
	late := c.facts.Rootless && c.ns.created&unix.CLONE_NEWUSER != 0
	c.oomScore(c.spec.Process, !late)
	for _, g := range c.opt.Cgroups {
		if g.Join {
			c.emit("linux.cgroupsPath", &plan.WriteFile{Path: g.Dir + "/tasks", Data: "0"})
		}
	}
	c.joinRdt()
	// Namespaces of the host are joined with the host's privileges; those owned by the user namespace that is joined
	// after them refuse that, and are tried again from inside it.
	for _, j := range c.ns.joined {
		if j.bit != unix.CLONE_NEWUSER && j.bit != unix.CLONE_NEWNS {
			c.emit(j.from, &plan.Setns{FD: j.fd, Type: j.bit, Flags: c.joinFirst()})
		}
	}
	c.joinMount(c.joinFirst())
	switch {
	case c.ns.created&unix.CLONE_NEWUSER != 0:
		c.emit("linux.namespaces", &plan.Unshare{Flags: unix.CLONE_NEWUSER})
		c.emit("linux.uidMappings", &plan.SyncMaps{Flags: c.keepGroups(), UID: c.userInsteadOfRoot(), GID: c.groupInsteadOfRoot()})
		if late {
			c.emit("", &plan.Dumpable{Value: 0})
		}
	case c.ns.userFD != plan.NoFD:
		for _, j := range c.ns.joined {
			if j.bit == unix.CLONE_NEWUSER {
				c.emit(j.from, &plan.Setns{FD: j.fd, Type: j.bit})
			}
		}
		c.rootIDs()
		for _, j := range c.ns.joined {
			if j.bit != unix.CLONE_NEWUSER && j.bit != unix.CLONE_NEWNS {
				c.emit(j.from, &plan.Setns{FD: j.fd, Type: j.bit, Flags: plan.JoinRetry})
			}
		}
		c.joinMount(plan.JoinRetry)
	}
	if c.ns.created&unix.CLONE_NEWTIME != 0 {
		c.emit("linux.namespaces", &plan.Unshare{Flags: unix.CLONE_NEWTIME})
		if text := timeOffsets(hasLinux(c.spec).TimeOffsets); text != "" {
			// the files of a non-dumpable process belong to the host's root (proc(5)), which the root of a new user namespace
			// is not; nothing foreign runs where this process could be seen
			own := c.ns.user()
			if own {
				c.emit("", &plan.Dumpable{Value: 1})
			}
			c.emit("linux.timeOffsets", &plan.ProcWrite{Path: "self/timens_offsets", Data: text})
			if own {
				c.emit("", &plan.Dumpable{Value: 0})
			}
		}
	}
	switch {
	case !c.stepwise():
	case !c.forkLate:
		c.emit("linux.namespaces", &plan.Fork{Flags: c.enterFlags()})
	case c.enterFlags() != 0:
		c.emit("linux.namespaces", &plan.Unshare{Flags: c.enterFlags()})
	}
	if c.ns.created&unix.CLONE_NEWCGROUP != 0 {
		c.emit("linux.namespaces", &plan.Unshare{Flags: unix.CLONE_NEWCGROUP})
	}
	c.holdNamespaces()
	return nil
}

// holdNamespaces has the init hand over its namespaces where the runtime cannot take them: for hooks
// now, and until the start for exec and start, which ask at the gate.
func (c *compiler) holdNamespaces() {
	h := c.spec.Hooks
	hold := &plan.HoldNamespaces{Types: c.ns.all()}
	if h != nil && (len(h.CreateContainer) > 0 || c.opt.StartNow && len(h.StartContainer) > 0) {
		hold.Flags |= plan.HoldTell
	}
	if !c.opt.StartNow {
		hold.Flags |= plan.HoldKeep
	}
	if c.facts.CannotTrace && hold.Types != 0 && hold.Flags != 0 {
		c.emit("linux.namespaces", hold)
	}
}

// hookNamespaces is what createContainer hooks enter: programs of the host with
// the runtime's privileges, and the host's files still below them. A joined pid
// namespace has processes that could trace them.
func (c *compiler) hookNamespaces() uint64 {
	bits := c.ns.all()
	if c.forkLate {
		bits &^= unix.CLONE_NEWPID
	}
	return bits
}

func (c *compiler) joinFirst() plan.JoinFlag {
	if c.ns.userFD != plan.NoFD {
		return plan.JoinTry
	}
	return 0
}

func (c *compiler) joinMount(f plan.JoinFlag) {
	for _, j := range c.ns.joined {
		if j.bit == unix.CLONE_NEWNS {
			c.emit(j.from, &plan.Setns{FD: j.fd, Type: j.bit, Flags: f})
		}
	}
}

// oomScore writes the score, and makes the process non-dumpable, if that is not for later. The
// files of a non-dumpable process are those of the host's root (proc(5)): a runtime without
// privileges writes before that, when the process is in no namespace of somebody else's.
func (c *compiler) oomScore(p *specs.Process, hide bool) {
	write := func(flags plan.ProcFlag) {
		if p != nil && p.OOMScoreAdj != nil {
			c.emit("process.oomScoreAdj", &plan.ProcWrite{Path: "self/oom_score_adj", Data: strconv.Itoa(*p.OOMScoreAdj), Flags: flags})
		}
	}
	if c.facts.Rootless {
		write(plan.ProcWarnDenied)
	}
	if hide {
		c.emit("", &plan.Dumpable{Value: 0})
	}
	if !c.facts.Rootless {
		write(0)
	}
}

// timeOffsets is the content of /proc/<pid>/timens_offsets (time_namespaces(7)).
func timeOffsets(offsets map[string]specs.LinuxTimeOffset) string {
	var b strings.Builder
	for _, clock := range [...]string{"monotonic", "boottime"} {
		if o, ok := offsets[clock]; ok {
			b.WriteString(clock + " " + strconv.FormatInt(o.Secs, 10) + " " + strconv.FormatUint(uint64(o.Nanosecs), 10) + "\n")
		}
	}
	return b.String()
}

// identityOfHost sets what belongs to namespaces rather than to the process,
// while the host's /proc can still be trusted.
func (c *compiler) identityOfHost() error {
	l := hasLinux(c.spec)
	if !c.forkLate {
		c.emit("", &plan.Setsid{}) // behind the fork: the terminal is taken by the leader of a session
	}
	c.coreSchedule(0)
	if !c.opt.NoNewKeyring {
		if p := c.spec.Process; p != nil && p.SelinuxLabel != "" && c.facts.SELinux {
			c.emit("process.selinuxLabel", &plan.ProcWrite{Path: "self/attr/keycreate", Data: p.SelinuxLabel})
		}
		c.emit("", &plan.Keyring{Name: "_ses." + c.opt.ID})
	}
	if c.ns.created&unix.CLONE_NEWNET != 0 {
		c.emit("linux.namespaces", &plan.LoopbackUp{})
	}
	if c.spec.Hostname != "" {
		c.emit("hostname", &plan.Hostname{Name: c.spec.Hostname})
	}
	if c.spec.Domainname != "" {
		c.emit("domainname", &plan.Domainname{Name: c.spec.Domainname})
	}
	if len(l.NetDevices) > 0 {
		if c.facts.Rootless {
			return errRootlessDevices
		}
		// before the sysctls: net.ipv4.conf.NAME may be about one of them
		c.emit("linux.netDevices", &plan.Sync{Point: plan.SyncNetwork})
	}
	c.emitAll(sysctlOps(l.Sysctl))
	return c.labels(c.spec.Process)
}

// ModuleError is the error for a profile or label on a host whose security module is off: the
// process would run without what confines it.
type ModuleError struct {
	Path   string // JSON path of the field
	Label  string // the profile or label
	Module string
}

func (e *ModuleError) Error() string { return e.Path + ": " + e.What() + ": " + e.Reason() }

// What is what was attempted.
func (e *ModuleError) What() string { return "apply " + strconv.Quote(e.Label) }

// Reason is why it cannot be done.
func (e *ModuleError) Reason() string { return e.Module + " is not enabled on this host" }

// labels asks the security modules for a label at the next execve. AppArmor has
// its own directory since Linux 5.8. "unconfined" is what a process is without AppArmor.
func (c *compiler) labels(p *specs.Process) error {
	if p == nil {
		return nil
	}
	switch {
	case p.ApparmorProfile == "":
	case c.facts.AppArmor:
		c.emit("process.apparmorProfile", &plan.ProcWrite{Path: "self/attr/apparmor/exec", Data: "exec " + p.ApparmorProfile})
	case p.ApparmorProfile != "unconfined":
		return &ModuleError{"process.apparmorProfile", p.ApparmorProfile, "AppArmor"}
	}
	switch {
	case p.SelinuxLabel == "":
	case c.facts.SELinux:
		c.emit("process.selinuxLabel", &plan.ProcWrite{Path: "self/attr/exec", Data: p.SelinuxLabel})
	default:
		return &ModuleError{"process.selinuxLabel", p.SelinuxLabel, "SELinux"}
	}
	return nil
}

// runtimeHalf is the order of the runtime's steps. The namespaces' descriptors
// are already listed: they are opened first.
func (c *compiler) runtimeHalf() error {
	l := hasLinux(c.spec)
	var controls *Controls
	if c.opt.CgroupsPresent {
		var err error
		if controls, err = CreatedControls(l.Resources, c.opt.Cgroups, c.opt.Unit != ""); err != nil {
			return err
		}
		made := plan.CgroupCreate{Path: c.opt.CgroupPath, Unit: c.opt.Unit}
		if made.Unit != "" {
			made.Properties = c.unitProperties(controls)
		}
		c.step("linux.cgroupsPath", made)
		for _, w := range controls.Early {
			c.step(w.Origin, plan.CgroupWrite{Write: w})
		}
		c.step("linux.resources.devices", *controls.Devices)
		c.delegateCgroup()
	} else if err := sound(l.Resources); err != nil {
		return err
	}
	if !c.opt.StartNow {
		c.step("", plan.GateListen{FD: plan.FDGate})
	}
	c.step("linux.namespaces", plan.Spawn{Clone: c.spawnFlags(), IntoCgroup: c.opt.CgroupsPresent && c.hasV2(), PreserveFDs: c.opt.PreserveFDs, PipesOwner: c.pipesOwner(c.spec.Process)})
	c.step("", plan.KeepConfig{})
	serve := plan.Serve{
		UIDs: c.uids, GIDs: c.gids,
		UseTools:      c.facts.Unprivileged && !(singleID(c.uids) && singleID(c.gids)),
		DenySetgroups: c.facts.Unprivileged && len(c.gids) > 0 && singleID(c.gids),
		Terminal:      c.spec.Process.Terminal,
	}
	if len(l.NetDevices) > 0 {
		serve.Until = plan.UntilNetwork
		c.step("linux.netDevices", serve)
		c.step("linux.netDevices", plan.MoveDevices{Devices: netDevices(l.NetDevices)})
		serve = plan.Serve{}
	}
	if hasEarlyHooks(c.spec.Hooks) {
		h := c.spec.Hooks
		serve.Until = plan.UntilHooks
		c.step("", serve)
		serve = plan.Serve{}
		c.hooks("prestart", h.Prestart, 0, c.opt.Bundle) //nolint:staticcheck // deprecated, and still what some engines write
		c.hooks("createRuntime", h.CreateRuntime, 0, c.opt.Bundle)
		c.hooks("createContainer", h.CreateContainer, c.hookNamespaces(), c.rootfs)
	}
	c.step("", serve)
	if err := c.checkMaps(); err != nil {
		return err
	}
	if c.opt.CgroupsPresent {
		if c.opt.Unit != "" {
			c.step("", plan.UnitLeave{})
		}
		for _, w := range controls.Late {
			c.step(w.Origin, plan.CgroupWrite{Write: w})
		}
	}
	if len(c.attrs.Rlimits) > 0 || c.attrs.Scheduler != nil {
		c.step("process", c.attrs)
	}
	if c.opt.PidfdSocket != "" {
		c.step("", plan.SendPidfd{Socket: c.opt.PidfdSocket})
	}
	c.step("", plan.SaveState{})
	if c.opt.PidFile != "" {
		c.step("", plan.WritePidFile{Path: c.opt.PidFile})
	}
	c.step("", plan.Release{})
	if c.opt.Filter != nil && c.opt.Filter.Notify && l.Seccomp != nil {
		c.step("linux.seccomp.listenerPath", plan.Notify{Path: l.Seccomp.ListenerPath, Metadata: l.Seccomp.ListenerMetadata})
	}
	if c.opt.StartNow {
		if h := c.spec.Hooks; h != nil {
			c.hooks("startContainer", h.StartContainer, c.ns.all(), "/")
		}
		c.step("", plan.Start{})
		if h := c.spec.Hooks; h != nil {
			c.hooks("poststart", h.Poststart, 0, c.opt.Bundle)
		}
	}
	return nil
}

// delegateCgroup: the group belongs to the user that executes the process if,
// and only if, it is mounted writable at /sys/fs/cgroup, in a cgroup namespace
// of the container's own, and is cgroup v2 (config-linux.md, Cgroup ownership).
func (c *compiler) delegateCgroup() {
	if !c.facts.UnifiedV2 || c.ns.created&unix.CLONE_NEWCGROUP == 0 || c.ns.userFD != plan.NoFD || c.facts.Rootless || c.spec.Process == nil {
		return
	}
	uid, ok := c.spec.Process.User.UID, true
	if c.ns.created&unix.CLONE_NEWUSER != 0 {
		uid, ok = c.uids.ToHost(uid)
	}
	if !ok || uid == 0 {
		return // it is root's as it is
	}
	for i := range c.spec.Mounts {
		m := &c.spec.Mounts[i]
		if m.Type != "cgroup" && m.Type != "cgroup2" || c.inContainer(m.Destination) != "/sys/fs/cgroup" {
			continue
		}
		if o, err := parseMountOptions(m.Options); err == nil && !o.readOnly {
			c.step(at("mounts", i), plan.CgroupDelegate{UID: uid})
			return
		}
	}
}

func (c *compiler) hasV2() bool {
	for _, g := range c.opt.Cgroups {
		if g.V2 {
			return true
		}
	}
	return false
}

func (c *compiler) hooks(kind string, hooks []specs.Hook, enter uint64, dir string) {
	if list := Hooks(hooks); len(list) > 0 {
		stdout, stderr := HookOutput(c.spec.Annotations, c.opt.Bundle)
		c.step("hooks."+kind, plan.RunHooks{Kind: kind, Hooks: list, Enter: enter, Dir: dir, Stdout: stdout, Stderr: stderr})
	}
}

// hasEarlyHooks says that there are hooks between the mounts and the new root.
func hasEarlyHooks(h *specs.Hooks) bool {
	return h != nil && len(h.Prestart)+len(h.CreateRuntime)+len(h.CreateContainer) > 0 //nolint:staticcheck // see runtimeHalf
}

// Hooks gives hooks of one kind in the plan's form.
func Hooks(hooks []specs.Hook) []plan.Hook {
	var list []plan.Hook
	for _, h := range hooks {
		p := plan.Hook{Path: h.Path, Args: h.Args, Env: h.Env}
		if h.Timeout != nil {
			p.Timeout = time.Duration(*h.Timeout) * time.Second
		}
		list = append(list, p)
	}
	return list
}

func singleID(m plan.IDMap) bool { return len(m) == 1 && m[0].Size == 1 }
