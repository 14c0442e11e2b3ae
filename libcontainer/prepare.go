package libcontainer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/annotation"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup"
	"github.com/rung-oci/rung/libcontainer/internal/compile"
	"github.com/rung-oci/rung/libcontainer/internal/console"
	"github.com/rung-oci/rung/libcontainer/internal/host"
	"github.com/rung-oci/rung/libcontainer/internal/landlock"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/runtime"
	"github.com/rung-oci/rung/libcontainer/internal/seccomp"
	"github.com/rung-oci/rung/libcontainer/internal/spec"
	"github.com/rung-oci/rung/libcontainer/internal/state"
	"github.com/rung-oci/rung/libcontainer/internal/systemd"
	"github.com/rung-oci/rung/libcontainer/internal/trace"
)

// prepared is everything that is decided before anything is done.
type prepared struct {
	opt   *CreateOptions
	spec  *specs.Spec
	raw   []byte
	group *cgroup.Group // nil: the container has none of its own
	// namespaces are those that the config names by a path, as they were opened
	namespaces []runtime.Namespace
	facts      compile.Facts
	copts      compile.Options
	plan       *plan.Plan

	signals *console.Signals // that end the operation; nil: none are caught
}

// prepare reads and judges the config and compiles the plan. It changes
// nothing on disk.
func prepare(o *CreateOptions, startNow bool) (_ *prepared, err error) {
	if err := state.ValidID(o.ID); err != nil {
		return nil, err
	}
	span := o.Trace.Begin("read the config", trace.Own)
	loaded, err := load(o)
	span.End(err)
	var unread *os.PathError
	if errors.As(err, &unread) {
		err = withCode(CodeBundle, err)
	}
	var wrong spec.Problems
	if errors.As(err, &wrong) {
		return nil, misread(o, loaded, wrong)
	}
	if err != nil {
		return nil, err
	}
	s := loaded.Spec
	interpret(s)
	p := &prepared{opt: o, spec: s, raw: loaded.Raw}
	p.facts.Rootless, err = rootless(o.Rootless)
	if err != nil {
		return nil, err
	}
	p.facts.Capabilities = host.Capabilities()
	p.facts.Unprivileged = p.facts.Rootless && os.Geteuid() != 0
	p.facts.CannotTrace = p.facts.Capabilities&tracing == 0
	p.openNamespaces()
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	span = o.Trace.Begin("judge the config", trace.Own)
	err = judge(o, loaded, &p.facts)
	span.End(err)
	if err != nil {
		return nil, err
	}
	span = o.Trace.Begin("look at the host", trace.Own)
	kernelFacts(&p.facts, s, s.Process)
	err = p.cgroups()
	span.End(err)
	if err != nil {
		return nil, err
	}
	if err = p.resctrl(); err != nil {
		return nil, err
	}
	span = o.Trace.Begin("compile the seccomp filter", trace.Own)
	filter, err := compileFilter(s)
	span.End(err)
	if err != nil {
		return nil, err
	}
	p.copts.ID, p.copts.Bundle = o.ID, o.Bundle
	p.copts.NoPivot, p.copts.NoNewKeyring = o.NoPivot, o.NoNewKeyring
	p.copts.PreserveFDs, p.copts.ListenFDs = o.PreserveFDs+o.ListenFDs, o.ListenFDs
	p.copts.StartNow, p.copts.PidFile, p.copts.PidfdSocket, p.copts.Filter = startNow, o.PidFile, o.PidfdSocket, filter
	if o.PidfdSocket == "" {
		p.copts.PidfdSocket = s.Annotations[annotation.PidfdReceiver]
	}
	if o.NotifySocket != "" {
		p.copts.NotifyDir, p.copts.NotifyTarget = notifyDir(o.Root, o.ID), "/run/notify"
	}
	var warnings []string
	span = o.Trace.Begin("compile the plan", trace.Own)
	p.plan, warnings, err = compile.Create(s, p.copts, p.facts)
	span.End(err)
	if err != nil {
		return nil, planError(err)
	}
	for _, w := range append(warnings, unknownCalls(s)...) {
		o.warn(w)
	}
	return p, nil
}

// planError is the error of a config that no plan can be made of.
func planError(err error) error {
	var m *compile.ModuleError
	if errors.As(err, &m) {
		return &runtime.StepError{Origin: m.Path, What: m.What(), Err: errors.New(m.Reason())}
	}
	var limits *compile.ControlsError
	if errors.As(err, &limits) {
		return withCode(CodeCgroup, err) // another host takes it
	}
	return fmt.Errorf("%w: %w", ErrInvalidConfig, err)
}

// unknownCalls warns of rules that restrict a system call which this version does not know:
// they have no effect. A filter that allows by name is not weakened by that, nor is it looked
// through.
func unknownCalls(s *specs.Spec) (warnings []string) {
	if s.Linux == nil || s.Linux.Seccomp == nil {
		return nil
	}
	p := s.Linux.Seccomp
	if p.DefaultAction != specs.ActAllow && p.DefaultAction != specs.ActLog {
		return nil
	}
	for i := range p.Syscalls {
		if a := p.Syscalls[i].Action; a == specs.ActAllow || a == p.DefaultAction {
			continue
		}
		for j, name := range p.Syscalls[i].Names {
			if !seccomp.Known(name) {
				warnings = append(warnings, "linux.seccomp.syscalls["+strconv.Itoa(i)+"].names["+strconv.Itoa(j)+"]: the rule for "+strconv.Quote(name)+" is not applied: no such system call is known here")
			}
		}
	}
	return warnings
}

func load(o *CreateOptions) (*spec.Loaded, error) {
	if o.ConfigFile != "" {
		return spec.LoadFile(o.ConfigFile)
	}
	return spec.Load(o.Bundle)
}

// misread is the error for a config with values of a wrong type: those, and what is
// wrong with the others. Nothing is said of what such a value lacks, as it is not
// there.
func misread(o *CreateOptions, l *spec.Loaded, wrong spec.Problems) error {
	rootless, err := rootless(o.Rootless)
	if err != nil {
		return err
	}
	if foreign := spec.Foreign(l); foreign != nil {
		return fmt.Errorf("%w: %w", ErrInvalidConfig, foreign)
	}
	s, all := l.Spec, wrong
	for _, p := range spec.Validate(s, spec.Options{NeedProcess: true, Rootless: rootless && os.Geteuid() != 0, BundleAbs: o.Bundle}).At(spec.Must) {
		follows := false
		for _, w := range wrong {
			follows = follows || w.Path == "" || below(p.Path, w.Path) || below(w.Path, p.Path)
		}
		if !follows {
			all = append(all, p)
		}
	}
	return fmt.Errorf("%w: %w", ErrInvalidConfig, all)
}

// judge gives all MUST-level problems as one error. What is merely unwise goes
// to the debug log, misspelt names to the warnings.
func judge(o *CreateOptions, l *spec.Loaded, f *compile.Facts) error {
	problems := spec.Validate(l.Spec, spec.Options{NeedProcess: true, Rootless: f.Unprivileged, HostNamespaces: f.HostNamespaces, BundleAbs: o.Bundle})
	if foreign := spec.Foreign(l); foreign != nil {
		return fmt.Errorf("%w: %w", ErrInvalidConfig, foreign)
	}
	for _, u := range l.Unknown {
		o.warn(u.String())
	}
	if o.Debug != nil {
		for _, p := range problems {
			o.debug(p.String())
		}
	}
	if err := problems.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidConfig, err)
	}
	return nil
}

// interpret puts what the config means in place of what it says: fields are filled
// from annotations that mean the same, if they are empty, and a limit of no
// processes is none in a config that is older than the sentence on it.
func interpret(s *specs.Spec) {
	if s.Linux == nil {
		return
	}
	if c := s.Linux.Seccomp; c != nil && c.ListenerPath == "" {
		c.ListenerPath = s.Annotations[annotation.SeccompReceiver]
	}
	if r := s.Linux.Resources; r != nil && r.Pids != nil && r.Pids.Limit != nil && *r.Pids.Limit == 0 && zeroIsNoLimit(s.Version) {
		r.Pids = nil
	}
}

// zeroIsNoLimit: runtime-spec 1.3.0 says that a linux.resources.pids.limit of 0 is
// to be taken as one (config-linux.md, PIDs). Engines that write earlier versions
// write 0 for "unlimited": with Podman 4.3 it is what --pids-limit -1 and every
// container of its Docker API have. Without a version the newest holds.
func zeroIsNoLimit(version string) bool {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	return major == "0" || major == "1" && (minor == "0" || minor == "1" || minor == "2")
}

func rootless(mode string) (bool, error) {
	switch mode {
	case "", "auto":
		return host.Rootless(), nil
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("--rootless %q: auto, true or false", mode)
}

// kernelFacts asks for security modules only where the config or the process
// names a label, for Landlock only where annotations ask for it, and for
// setgroups(2) only where a runtime without privileges has groups to set.
func kernelFacts(f *compile.Facts, s *specs.Spec, p *specs.Process) {
	if p != nil {
		f.AppArmor = p.ApparmorProfile != "" && host.AppArmor()
		f.SELinux = p.SelinuxLabel != "" && host.SELinux()
		f.GroupsDenied = f.Rootless && len(p.User.AdditionalGids) > 0 && host.GroupsDenied()
	}
	if s.Linux != nil && s.Linux.MountLabel != "" {
		f.SELinux = f.SELinux || host.SELinux()
	}
	if landlock.Wanted(s.Annotations) {
		f.Landlock, _ = host.LandlockABI()
	}
}

func (p *prepared) cgroups() error {
	layout, err := host.Cgroups()
	if err != nil {
		return err
	}
	p.facts.UnifiedV2 = layout.Mode == host.V2
	path := ""
	if p.spec.Linux != nil {
		path = p.spec.Linux.CgroupsPath
	}
	p.facts.DevicesFree = p.facts.Rootless
	if layout.Mode == host.NoCgroups {
		return p.withoutCgroups()
	}
	if p.opt.NoCgroups {
		if limited(p.spec) {
			return errDisabledLimits
		}
		if path != "" {
			p.opt.warn("linux.cgroupsPath: ignored: no cgroups are to be made")
		}
		p.facts.DevicesFree = true
	} else {
		if p.group, err = p.newGroup(layout, path); err != nil {
			return err
		}
		p.copts.CgroupPath = p.group.Path()
	}
	if p.group != nil && p.facts.Rootless && p.group.Unit() == nil && p.group.DropDenied() == 0 && path == "" {
		p.group = nil // the runtime's own groups are the container's
		if limited(p.spec) {
			return errRootlessLimits
		}
	}
	p.copts.CgroupsPresent = p.group != nil
	if p.group != nil && p.group.Unit() != nil {
		p.copts.Unit, p.facts.DeviceGroup, p.facts.Systemd = p.group.Unit().Name, cgroup.DeviceGroup, p.group.SystemdVersion()
	}
	p.facts.DevicesFree = p.opt.NoCgroups || p.facts.Rootless && (p.group == nil || !p.group.ControlsDevices() || host.Rootless())
	for _, h := range layout.Hierarchies {
		d := compile.CgroupDir{Name: h.Name, Controllers: h.Controllers, Mount: h.Mount, Dir: h.Mount + h.Self, V2: h.V2}
		if p.group != nil {
			for _, own := range p.group.Dirs() {
				if own.Mount == h.Mount {
					d.Dir, d.Own, d.Join = own.Path, true, !h.V2
				}
			}
		}
		p.copts.Cgroups = append(p.copts.Cgroups, d)
	}
	return nil
}

// withoutCgroups judges a config on a host where no cgroup hierarchy is mounted. The device
// rules that every container has, and its limits, would be dropped: root is refused. A runtime
// without privileges has no cgroup of its own on many hosts, and goes without.
func (p *prepared) withoutCgroups() error {
	switch {
	case p.opt.NoCgroups && limited(p.spec):
		return errDisabledLimits
	case p.opt.NoCgroups:
		p.facts.DevicesFree = true
		return nil
	case !p.facts.Rootless:
		return errNoHierarchy
	case limited(p.spec), p.spec.Linux != nil && p.spec.Linux.CgroupsPath != "":
		return errRootlessLimits
	}
	return nil
}

var errNoHierarchy error = &coded{error: errors.New("linux.resources: no cgroup hierarchy is mounted on /sys/fs/cgroup (mountpoint for devices not found): device rules and limits cannot be applied"), code: CodeCgroup}

var errDisabledLimits error = &coded{error: errors.New("linux.resources: limits need a cgroup, and no cgroups are to be made"), code: CodeCgroup}

var errRootlessLimits error = &coded{error: errors.New("linux.resources: rootless needs no limits + no cgrouppath when no permission is granted for cgroups"), code: CodeCgroup}

// limited says that the config sets a limit; rules for devices are none where
// no node can be made.
func limited(s *specs.Spec) bool {
	if s.Linux == nil || s.Linux.Resources == nil {
		return false
	}
	r := s.Linux.Resources
	return r.Memory != nil || r.CPU != nil || r.Pids != nil || r.BlockIO != nil || len(r.HugepageLimits) > 0 || r.Network != nil || len(r.Rdma) > 0 || len(r.Unified) > 0
}

// ofSystemd reports whether a cgroupsPath has the form of the systemd driver, slice:prefix:name.
func ofSystemd(path string) bool {
	return strings.Count(path, ":") == 2 && !strings.HasPrefix(path, "/")
}

// pathError is the error of a linux.cgroupsPath that names no cgroup.
func pathError(err error, hint string) error {
	if err == nil {
		return nil
	}
	return &coded{error: err, code: CodeConfig, path: "linux.cgroupsPath", hint: hint}
}

// newGroup says where the container's groups will be, made by systemd or here.
func (p *prepared) newGroup(layout host.CgroupLayout, path string) (*cgroup.Group, error) {
	if !p.opt.SystemdCgroup && !ofSystemd(path) {
		g, err := cgroup.New(layout, path, p.opt.ID)
		return g, pathError(err, "give a path below the hierarchy's root, or remove the field: rung chooses one")
	}
	u, err := systemd.ParsePath(path, p.opt.ID, p.facts.Rootless)
	if err != nil {
		return nil, pathError(err, "systemd needs slice:prefix:name, as in system.slice:rung:web; a path is for cgroups without systemd")
	}
	if !p.opt.SystemdCgroup {
		return cgroup.New(layout, u.Path(), p.opt.ID) // from an engine that is set to the systemd driver
	}
	properties, err := systemd.Annotations(p.spec.Annotations)
	if err != nil {
		return nil, err
	}
	for _, x := range properties {
		p.copts.UnitProperties = append(p.copts.UnitProperties, plan.UnitProperty{Name: x.Name, Value: x.Value})
	}
	return cgroup.NewUnit(layout, u, p.opt.ID, func() (int, func(), error) {
		exe, err := runtime.OpenExecutable(nil, nil)
		if err != nil {
			return 0, nil, err
		}
		defer exe.Close()
		return runtime.Occupy(exe)
	})
}

// compileFilter compiles the seccomp profile, or takes it from the cache.
func compileFilter(s *specs.Spec) (*compile.Filter, error) {
	if s.Linux == nil || s.Linux.Seccomp == nil {
		return nil, nil
	}
	if _, ok := s.Annotations[annotation.SeccompFailUnknown]; ok {
		if err := seccomp.KnownCalls(s.Linux.Seccomp); err != nil {
			return nil, fmt.Errorf("%w: linux.seccomp.%w", ErrInvalidConfig, err)
		}
	}
	f, err := seccomp.Cache{Dir: filterCache()}.Compile(s.Linux.Seccomp)
	if err != nil || f == nil {
		return nil, err
	}
	return compiledFilter(f), nil
}

func compiledFilter(f *seccomp.Filter) *compile.Filter {
	refused := func(calls []compile.Call) string {
		list := make([]seccomp.Call, len(calls))
		for i, c := range calls {
			list[i] = seccomp.Call(c)
		}
		return f.Refused(list)
	}
	return &compile.Filter{Instructions: f.Instructions, Flags: uint64(f.Flags), Notify: f.Notify, Refused: refused}
}

// filterCache is beside the default state directory: as private, and gone with
// the next boot. A caller without one has no cache.
func filterCache() string {
	if os.Geteuid() != 0 && os.Getenv("XDG_RUNTIME_DIR") == "" {
		return ""
	}
	return DefaultRoot() + "-filters"
}

// DryRun does all that Create, or with start Run, would do up to its first change,
// and prints the plan that they would carry out. The error is theirs.
func DryRun(o RunOptions, start bool, w io.Writer) error {
	op := "create"
	if start {
		op = "run"
	}
	p, err := prepare(&o.CreateOptions, start)
	if err == nil {
		defer p.close()
		err = checkTerminal(p.spec.Process.Terminal, o.Detach || !start, o.ConsoleSocket)
	}
	if err == nil {
		err = state.Store{Root: o.Root}.Free(o.ID)
	}
	if err != nil {
		return opError(op, o.ID, translate(err))
	}
	return p.plan.WriteText(w)
}

// PlanDiff prints how the plan of b differs from that of a, in the unified form of
// diff(1); nothing, and true, when it does not.
func PlanDiff(a, b CreateOptions, w io.Writer) (same bool, err error) {
	var plans [2]*plan.Plan
	var names [2]string
	for i, o := range [...]*CreateOptions{&a, &b} {
		p, err := prepare(o, false)
		if err != nil {
			return false, opError("plan", o.ID, err)
		}
		p.close()
		plans[i], names[i] = p.plan, o.ConfigFile
		if names[i] == "" {
			names[i] = o.Bundle
		}
	}
	text := plan.Diff(plans[0], plans[1], names[0], names[1])
	_, err = io.WriteString(w, text)
	return text == "", err
}

// PlanText prints what Create would do, as "text" or "json". Nothing is done.
func PlanText(o CreateOptions, format string, w io.Writer) error {
	if o.ID == "" {
		o.ID = "plan"
	}
	p, err := prepare(&o, false)
	if err != nil {
		return opError("plan", "", err)
	}
	defer p.close()
	if format == "json" {
		return p.plan.WriteJSON(w)
	}
	return p.plan.WriteText(w)
}
