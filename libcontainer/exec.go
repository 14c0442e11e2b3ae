package libcontainer

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup"
	"github.com/rung-oci/rung/libcontainer/internal/compile"
	"github.com/rung-oci/rung/libcontainer/internal/console"
	"github.com/rung-oci/rung/libcontainer/internal/host"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/runtime"
	"github.com/rung-oci/rung/libcontainer/internal/spec"
	"github.com/rung-oci/rung/libcontainer/internal/state"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"github.com/rung-oci/rung/libcontainer/internal/trace"
	"golang.org/x/sys/unix"
)

// ExecOptions describes a further process of a container. What it leaves out is
// as the container's config has it.
type ExecOptions struct {
	// ProcessFile holds the process as JSON (config.md, Process); it is read once, from its beginning to its end, and may
	// be a pipe. Its environment is the whole one. The fields below that are set change what it says.
	ProcessFile string

	Args           []string
	Env            []string // added to the config's, or to the file's; of one name the last value holds
	Cwd            string
	UID, GID       *uint32
	AdditionalGids []uint32 // added
	Capabilities   []string // added to the bounding, effective and permitted set, to the ambient one where they are inheritable
	Terminal       bool
	NoNewPrivs     bool
	Apparmor       string
	ProcessLabel   string

	// SubGroups are control groups below the container's, each "PATH" or "CONTROLLER[,CONTROLLER…]:PATH".
	SubGroups    []SubGroup
	IgnorePaused bool // in a paused container the process waits, and so does Exec

	ConsoleSocket string // AF_UNIX socket that receives the terminal's master
	PidFile       string
	PidfdSocket   string // AF_UNIX socket that receives a pidfd of the process
	PreserveFDs   int    // descriptors from 3 on that the process keeps
	Detach        bool   // return when the process runs

	// Stdin, Stdout and Stderr are as in CreateOptions.
	Stdin, Stdout, Stderr *os.File

	Warn  func(text string)
	Debug func(text string)

	CatchSignals bool // with Detach: as in CreateOptions; without it, Exec catches all signals
}

func (o *ExecOptions) warn(text string) {
	if o.Warn != nil {
		o.Warn(text)
	}
}

// SubGroup is a control group below the container's: in the v1 hierarchies of
// these controllers, or in all hierarchies when there are none.
type SubGroup = cgroup.SubGroup

var (
	errPaused error = &coded{error: errors.New("cannot exec in a paused container (--ignore-paused waits until it is resumed)"), code: CodeState}
	errNoArgs error = &coded{error: errors.New("process.args: a command is needed"), code: CodeUsage}
)

// Exec runs a further process in the container, under all that confines the
// first one, and gives its exit status, or 128 and the signal's number; with
// Detach it gives 0 as soon as the process runs. ErrNotRunning: the container has
// ended.
func (c *Container) Exec(o ExecOptions) (status int, err error) {
	status, err = c.exec(&o)
	return status, opError("exec", c.id, err)
}

func (c *Container) exec(o *ExecOptions) (int, error) {
	deciding := c.Trace.Begin("decide", trace.Own)
	x, err := c.prepareExec(o)
	deciding.End(err)
	if err != nil {
		return -1, err
	}
	defer x.close()
	signals, err := catchFor(o.Detach, o.CatchSignals)
	if err != nil {
		return -1, err
	}
	x.signals = signals
	exe, err := runtime.OpenExecutable(c.Trace, signals)
	if err != nil {
		return -1, err
	}
	defer exe.Close()
	i, err := x.start(exe)
	if errors.Is(err, runtime.ErrNoRoom) && x.join != nil {
		i, err = x.startOutside(exe, err)
	}
	if err != nil {
		if x.terminal != nil {
			x.terminal.Close()
		}
		return -1, err
	}
	if o.Detach {
		i.Close()
		return 0, nil
	}
	c.flush(o.warn)
	span := c.Trace.Begin("wait for the process", trace.Wait)
	status, err := foreground(i, x.terminal, signals)
	span.End(err)
	return status, err
}

func (x *execution) start(exe *runtime.Executable) (*runtime.Init, error) {
	files := x.files
	x.files = nil // closed there
	return runtime.Exec(x.plan, exe, x.side(), files)
}

// startOutside starts the process where there was no room for it, for the reason full: in the cgroups
// of the runtime, whence it is moved. The error is full where that does not help.
func (x *execution) startOutside(exe *runtime.Executable, full error) (*runtime.Init, error) {
	e, err := x.c.open()
	if err != nil {
		return nil, err
	}
	defer e.Close()
	x.files = map[plan.FD]int{}
	if err := x.openInit(e, x.spec); err != nil {
		return nil, err
	}
	x.copts.JoinLate = true
	if err := x.plans(func(string) {}); err != nil {
		return nil, err
	}
	i, err := x.start(exe)
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		return nil, full // a runtime without privileges may not move it
	}
	return i, err
}

// execution is an exec that is decided.
type execution struct {
	spec    *specs.Spec
	process *specs.Process
	copts   compile.Options
	c       *Container
	opt     *ExecOptions
	plan    *plan.Plan
	join    *cgroup.Join // nil: the container has no control group
	files   map[plan.FD]int
	// namespaces are those that the init has handed over; nil: they are joined by its pidfd
	namespaces []compile.Held
	terminal   *console.Terminal
	own        func(cgroup.Mark) bool // reports whether a cgroup is the container's
	signals    *console.Signals       // that end it before the process runs; nil: none are caught
	paused     bool                   // the container is
	waits      bool                   // the init waits for its start
}

func (x *execution) close() {
	if x.join != nil {
		x.join.Close()
	}
	for _, fd := range x.files {
		sys.Close(fd)
	}
}

// prepareExec decides everything, and touches only descriptors.
func (c *Container) prepareExec(o *ExecOptions) (*execution, error) {
	e, err := c.open()
	if err != nil {
		return nil, err
	}
	defer e.Close()
	status := c.status(e)
	switch {
	case status == state.Stopped:
		return nil, fmt.Errorf("cannot exec in a stopped container: %w", ErrNotRunning)
	case status == state.Creating:
		return nil, fmt.Errorf("cannot exec in a container that is being created: %w", ErrNotRunning)
	case status == state.Paused && !o.IgnorePaused:
		return nil, errPaused
	}
	s, err := c.config(e)
	if err != nil {
		return nil, err
	}
	p, err := o.process(s)
	if err != nil {
		return nil, err
	}
	if err := checkTerminal(p.Terminal, o.Detach, o.ConsoleSocket); err != nil {
		return nil, err
	}
	x := &execution{c: c, opt: o, files: map[plan.FD]int{}, spec: s, process: p, own: c.owns(e), paused: status == state.Paused}
	x.waits = status == state.Created || x.paused && e.HasGate()
	if err := x.openInit(e, s); err != nil {
		x.close()
		return nil, err
	}
	if err := x.compile(); err != nil {
		x.close()
		return nil, err
	}
	return x, nil
}

// compile makes the plan, and opens what it needs.
func (x *execution) compile() (err error) {
	if x.copts, err = x.options(x.spec); err != nil {
		return err
	}
	return x.plans(x.opt.warn)
}

// plans makes the plan of the options.
func (x *execution) plans(warn func(text string)) (err error) {
	s, p := x.spec, x.process
	caps := host.Capabilities()
	facts := compile.Facts{Rootless: x.c.state.Rootless, Unprivileged: os.Geteuid() != 0, Capabilities: caps, CannotTrace: caps&tracing == 0}
	x.copts.Namespaces = x.namespaces
	kernelFacts(&facts, s, p)
	var warnings []string
	if x.plan, warnings, err = compile.Exec(s, p, x.copts, facts); err != nil {
		return planError(err)
	}
	for _, w := range warnings {
		warn(w)
	}
	return nil
}

// openInit takes the descriptors by which the container is entered.
func (x *execution) openInit(e *state.Entry, s *specs.Spec) error {
	pidfd, err := x.c.openInit(e)
	if err != nil {
		if errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("cannot exec in a stopped container: %w", ErrNotRunning)
		}
		return err
	}
	x.files[plan.FDFirst] = pidfd
	var held []runtime.HeldNamespace
	if x.waits {
		if held, err = x.c.askNamespaces(e); err != nil {
			return err
		}
	}
	if compile.NeedsRoot(s) {
		root, err := openRoot(x.c.state.Pid, held) // the pidfd holds the pid: it is the init's root, or nobody's
		if err != nil {
			runtime.CloseHeld(held)
			return err
		}
		x.files[plan.FDFirst+1] = root
	}
	x.namespaces = handedOver(x.files, held)
	closeRoot(held)
	return nil
}

func (x *execution) options(s *specs.Spec) (compile.Options, error) {
	c, o := x.c, x.opt
	filter, err := compileFilter(s)
	if err != nil {
		return compile.Options{}, err
	}
	rdtDirs, err := rdtGroups(c.state)
	if err != nil {
		return compile.Options{}, err
	}
	copts := compile.Options{
		ID: c.id, Bundle: c.state.Bundle, InitPid: c.state.Pid, Filter: filter, NoNewKeyring: c.state.NoNewKeyring, Keyring: c.state.Keyring, TimeNamespace: c.state.TimeSpace,
		PreserveFDs: o.PreserveFDs, PidFile: o.PidFile, PidfdSocket: o.PidfdSocket, RdtGroups: rdtDirs,
	}
	g := c.group()
	if g == nil {
		if len(o.SubGroups) > 0 {
			return copts, errors.New("--cgroup: the container has no control group of its own")
		}
		return copts, nil
	}
	if err := g.Joinable(c.inside, x.own); err != nil {
		return copts, err
	}
	if x.join, err = g.Join(c.state.Pid, o.SubGroups); err != nil {
		return copts, fmt.Errorf("--cgroup: %w", err)
	}
	if err := g.Approach(); err != nil {
		return copts, err
	}
	copts.CgroupsPresent = true
	for _, d := range x.join.Dirs() {
		copts.Cgroups = append(copts.Cgroups, compile.CgroupDir{Dir: d.Path, V2: d.V2, Join: !d.V2})
	}
	return copts, nil
}

func (x *execution) side() *runtime.Side {
	s := &runtime.Side{
		Stdio: stdio(x.opt.Stdin, x.opt.Stdout, x.opt.Stderr),
		Terminal: func(master int) (err error) {
			x.terminal, err = takeTerminal(x.opt.ConsoleSocket, master, x.signals)
			return err
		},
		PidFile: writePidFile,
		Pidfd: func(path string, pidfd int) error {
			return x.signals.Do(func() error { return sendPidfd(path, pidfd) })
		},
		Notify: func(fd int, n plan.Notify, pid int) error {
			return x.signals.Do(func() error { return sendListener(x.c.state, state.Running, fd, n, pid) })
		},
		Warn:  x.opt.warn,
		Debug: x.opt.Debug,
		Trace: x.c.Trace,

		TerminalLast: true,
	}
	if x.join != nil {
		s.Held = x.paused
		s.CgroupFD, s.CgroupBusy, s.Release = x.join.FD, x.join.Busy, x.join.ReleaseFrozen
		s.CgroupJoin = x.join.Move
		if !x.opt.IgnorePaused {
			s.Stalled = x.stalled
		}
	}
	return s
}

// stalled refuses to wait for a process in a frozen cgroup: the container was paused
// meanwhile, or has frozen the cgroup that its init is in.
func (x *execution) stalled(pid int) error {
	if pid == 0 {
		pid = x.c.state.Pid // its cgroup is the one to join
	}
	if x.join.Frozen(pid) {
		return errPaused
	}
	return nil
}

// process is the process that the options and the config describe together.
func (o *ExecOptions) process(s *specs.Spec) (*specs.Process, error) {
	if s.Process == nil { // create refuses such a config
		return nil, fmt.Errorf("%w: the container's config.json: process is missing", ErrInvalidConfig)
	}
	p := *s.Process
	if o.ProcessFile != "" {
		own, err := readProcess(o.ProcessFile, o.warn)
		if err != nil {
			return nil, err
		}
		p = inherit(*own, s.Process)
	} else {
		p.Args, p.Terminal = nil, false
	}
	p.Env = append(slices.Clip(p.Env), o.Env...)
	if len(o.Args) > 0 {
		p.Args = o.Args
	}
	if len(p.Args) == 0 {
		return nil, errNoArgs
	}
	if o.Cwd != "" {
		p.Cwd = o.Cwd
	}
	if o.UID != nil {
		p.User.UID = *o.UID
	}
	if o.GID != nil {
		p.User.GID = *o.GID
	}
	p.User.AdditionalGids = append(slices.Clip(p.User.AdditionalGids), o.AdditionalGids...)
	p.Terminal = p.Terminal || o.Terminal
	p.NoNewPrivileges = p.NoNewPrivileges || o.NoNewPrivs
	if o.Apparmor != "" {
		p.ApparmorProfile = o.Apparmor
	}
	if o.ProcessLabel != "" {
		p.SelinuxLabel = o.ProcessLabel
	}
	if len(o.Capabilities) > 0 {
		p.Capabilities = withCapabilities(p.Capabilities, o.Capabilities)
	}
	if err := spec.ValidateProcess(&p).Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidConfig, err)
	}
	return &p, nil
}

func readProcess(path string, warn func(string)) (*specs.Process, error) {
	raw, err := spec.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p, unknown, err := spec.ParseProcess(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrInvalidConfig, path, err)
	}
	for _, u := range unknown {
		warn(u.String())
	}
	return p, nil
}

// inherit fills what a process of its own leaves out with what confines, or
// schedules, the container's first one. Its environment it brings itself.
func inherit(p specs.Process, from *specs.Process) specs.Process {
	if p.Capabilities == nil {
		p.Capabilities = from.Capabilities
	}
	if p.Rlimits == nil {
		p.Rlimits = from.Rlimits
	}
	if p.ApparmorProfile == "" {
		p.ApparmorProfile = from.ApparmorProfile
	}
	if p.SelinuxLabel == "" {
		p.SelinuxLabel = from.SelinuxLabel
	}
	if p.User.Umask == nil {
		p.User.Umask = from.User.Umask
	}
	if p.OOMScoreAdj == nil {
		p.OOMScoreAdj = from.OOMScoreAdj
	}
	if p.Scheduler == nil {
		p.Scheduler = from.Scheduler
	}
	if p.IOPriority == nil {
		p.IOPriority = from.IOPriority
	}
	if p.ExecCPUAffinity == nil {
		p.ExecCPUAffinity = from.ExecCPUAffinity
	}
	return p
}

// withCapabilities adds capabilities for one process. They are never made
// inheritable, for what the process executes would get them from files of the
// image (CVE-2022-29162); and the kernel lets only inheritable ones be ambient.
func withCapabilities(have *specs.LinuxCapabilities, add []string) *specs.LinuxCapabilities {
	c := specs.LinuxCapabilities{}
	if have != nil {
		c = *have
	}
	c.Bounding = append(slices.Clip(c.Bounding), add...)
	c.Effective = append(slices.Clip(c.Effective), add...)
	c.Permitted = append(slices.Clip(c.Permitted), add...)
	for _, name := range add {
		if slices.Contains(c.Inheritable, name) {
			c.Ambient = append(slices.Clip(c.Ambient), name)
		}
	}
	return &c
}
