package libcontainer

import (
	"errors"
	"os"
	"strconv"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/cgroup"
	"github.com/rung-oci/rung/libcontainer/internal/check"
	"github.com/rung-oci/rung/libcontainer/internal/compile"
	"github.com/rung-oci/rung/libcontainer/internal/host"
	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/seccomp"
	"github.com/rung-oci/rung/libcontainer/internal/spec"
)

// CheckOptions says which config Check looks at.
type CheckOptions struct {
	Bundle     string // absolute path of the bundle
	ConfigFile string // instead of <bundle>/config.json
	Rootless   string // "auto", "true" or "false"
	// SystemdCgroup: systemd is to make the control groups. What it will hand down is not looked at.
	SystemdCgroup bool
	// NoCgroups: as in CreateOptions.
	NoCgroups bool
}

// The levels of a Finding.
const (
	LevelMust   = "MUST"   // the specification's, or what no kernel takes
	LevelShould = "SHOULD" // the specification's, which every runtime puts up with
	LevelWarn   = "WARN"   // without effect, or surely not meant
	LevelHost   = "HOST"   // this host lacks it
	LevelInfo   = "INFO"   // nothing is wrong
)

// Finding is something that Check noticed.
type Finding struct {
	Path    string // JSON path in the config: "mounts[3].source"
	Level   string // one of the Level constants
	Fatal   bool   // create, or the start, is bound to fail
	Source  string // the chapter of the runtime-spec, the manual page or the file of the kernel that has the rule
	Message string // what is wrong, in one line
	Hint    string // what to do about it; may be empty
}

// Findings is everything that Check noticed, in the order of the config.
type Findings []Finding

// Fatal says whether one of them keeps the container from running.
func (l Findings) Fatal() bool {
	for i := range l {
		if l[i].Fatal {
			return true
		}
	}
	return false
}

// Check judges a bundle: its config by the runtime-spec, and this host by what the
// config asks of it. All that is wrong is found at once, and nothing is changed.
// The error is for a config that cannot be read at all.
func Check(o CheckOptions) (Findings, error) {
	file := o.ConfigFile
	if file == "" {
		file = strings.TrimSuffix(o.Bundle, "/") + "/config.json"
	}
	raw, err := spec.ReadFile(file)
	if err != nil {
		return nil, opError("check", "", err)
	}
	c := &checking{opt: o}
	loaded, wrong, err := spec.ParseAll(raw)
	if err != nil {
		var e *jsonscan.Error
		if !errors.As(err, &e) {
			return nil, opError("check", "", err)
		}
		c.add(Finding{
			Path: e.Path, Level: LevelMust, Fatal: true, Source: "RFC 8259", Hint: hintJSON,
			Message: "line " + strconv.Itoa(e.Line) + ", column " + strconv.Itoa(e.Column) + ": " + e.Message,
		})
		return c.list, nil
	}
	rootless, err := rootless(o.Rootless)
	if err != nil {
		return nil, opError("check", "", err)
	}
	if foreign := spec.Foreign(loaded); foreign != nil {
		c.problems(foreign)
		return c.list, nil
	}
	c.problems(wrong)
	c.wrong = len(c.list)
	c.problems(loaded.Unknown)
	unprivileged := rootless && os.Geteuid() != 0
	p := &prepared{opt: &CreateOptions{ID: "check", Bundle: o.Bundle, Rootless: o.Rootless, SystemdCgroup: o.SystemdCgroup, NoCgroups: o.NoCgroups}, spec: loaded.Spec, raw: loaded.Raw}
	p.facts.Rootless, p.facts.Unprivileged, p.facts.Capabilities = rootless, unprivileged, host.Capabilities()
	p.openNamespaces()
	defer p.close()
	c.problems(spec.Validate(loaded.Spec, spec.Options{NeedProcess: true, Rootless: unprivileged, HostNamespaces: p.facts.HostNamespaces, BundleAbs: o.Bundle}))
	c.prepared(p, loaded)
	c.obstacles()
	for _, f := range check.Host(loaded.Spec, check.Options{
		Bundle: o.Bundle, Rootless: rootless, Unprivileged: unprivileged, Capabilities: p.facts.Capabilities, HostNamespaces: p.facts.HostNamespaces,
	}) {
		level := LevelHost
		if f.Info {
			level = LevelInfo
		}
		c.add(Finding{Path: f.Path, Level: level, Fatal: f.Fatal, Source: f.Source, Message: f.Message, Hint: f.Hint})
	}
	c.warnings()
	return c.sorted(), nil
}

// checking is one run of Check.
type checking struct {
	opt   CheckOptions
	list  Findings
	wrong int      // how many of the first findings are values of a wrong type
	warns []string // what create would warn of: "path: message"
}

// add notes a finding, unless it only follows from a value of a wrong type, or from
// another finding at its place.
func (c *checking) add(f Finding) {
	for i := range c.wrong {
		if below(f.Path, c.list[i].Path) || !f.Fatal && below(c.list[i].Path, f.Path) {
			return
		}
	}
	for i := range c.list {
		if c.list[i].Path == f.Path && (c.list[i].Message == f.Message || c.list[i].Fatal && f.Level == LevelHost && c.list[i].Level == LevelMust) {
			return
		}
	}
	c.list = append(c.list, f)
}

// below says that a JSON path is, or is inside of, another.
func below(inner, outer string) bool {
	return strings.HasPrefix(inner, outer) && (len(inner) == len(outer) || inner[len(outer)] == '.' || inner[len(outer)] == '[')
}

func (c *checking) problems(list spec.Problems) {
	for _, p := range list {
		level := p.Level.String()
		if p.Level == spec.Warn && strings.HasPrefix(p.Path, "process.capabilities.ambient[") {
			level = LevelInfo // Podman lists them all there, and execve drops what cannot be
		}
		c.add(Finding{Path: p.Path, Level: level, Fatal: p.Level == spec.Must, Source: p.Chapter, Message: p.Message, Hint: specHint(p)})
	}
}

// specHint says what to do about a broken rule of the specification, where the
// message does not.
func specHint(p spec.Problem) string {
	switch {
	case strings.HasPrefix(p.Message, "the file is "):
		return "have an engine make a bundle of it, or unpack the image (umoci unpack)"
	case strings.HasPrefix(p.Message, "unknown field"):
		return "correct the name, or take the field out: it has no effect"
	case p.Message == "is required":
		return "add it; rung spec writes a config to start from"
	case p.Level == spec.Must:
		return "correct the value; " + p.Chapter + " of the runtime-spec has the rule"
	case p.Level == spec.Should:
		return "correct the value for other runtimes' sake"
	}
	return ""
}

// prepared goes as far as create does before it changes anything: control groups,
// the seccomp filter, the plan.
func (c *checking) prepared(p *prepared, l *spec.Loaded) {
	interpret(l.Spec)
	kernelFacts(&p.facts, l.Spec, l.Spec.Process)
	sound := !c.list.Fatal()
	if err := p.cgroups(); err != nil {
		at := "linux.cgroupsPath"
		if errors.Is(err, errRootlessLimits) || errors.Is(err, errNoHierarchy) || errors.Is(err, errDisabledLimits) {
			at = "linux.resources"
		}
		c.refused(at, err)
		sound = false
	}
	if s := l.Spec.Linux; s != nil && !p.opt.SystemdCgroup && ofSystemd(s.CgroupsPath) && p.group != nil {
		c.add(Finding{
			Path: "linux.cgroupsPath", Level: LevelHost, Source: "--systemd-cgroup",
			Message: strconv.Quote(s.CgroupsPath) + " is the form of the systemd cgroup driver: without it the cgroup is " + p.group.Path() + ", and systemd does not know of it",
			Hint:    "use --systemd-cgroup, or an absolute path",
		})
	}
	if p.group != nil && p.group.Unit() == nil && l.Spec.Linux != nil {
		c.limits(p, l)
	}
	if err := p.resctrl(); err != nil {
		c.add(Finding{
			Path: "linux.intelRdt", Level: LevelHost, Fatal: true, Source: "Documentation/filesystems/resctrl.rst", Message: strings.TrimPrefix(err.Error(), "linux.intelRdt: "),
			Hint: "mount -t resctrl resctrl /sys/fs/resctrl, on a processor that has it",
		})
	}
	if s := l.Spec.Linux; s != nil && s.Seccomp != nil {
		filter, err := seccomp.Compile(s.Seccomp)
		if err != nil {
			var at string
			at, _, _ = strings.Cut(err.Error(), ":")
			if !c.within("linux.seccomp") {
				c.add(Finding{Path: "linux.seccomp." + at, Level: LevelMust, Fatal: true, Source: "config-linux.md#seccomp", Message: strings.TrimPrefix(err.Error(), at+": "), Hint: "correct the profile"})
			}
		} else if filter != nil {
			p.copts.Filter = compiledFilter(filter)
		}
	}
	if !sound {
		return // a plan is made of configs without such problems only, and where its groups can be
	}
	p.copts.ID, p.copts.Bundle = "check", c.opt.Bundle
	made, warnings, err := compile.Create(l.Spec, p.copts, p.facts)
	var module *compile.ModuleError
	if errors.As(err, &module) {
		return // told with what the host lacks
	}
	if err != nil {
		at, message, _ := strings.Cut(err.Error(), ": ")
		if i := strings.Index(at, " ("); i >= 0 {
			at = at[:i]
		}
		c.add(Finding{Path: at, Level: LevelHost, Fatal: true, Source: "rung plan", Message: message, Hint: "correct the value"})
		return
	}
	p.plan = made
	c.warns = append(warnings, unknownCalls(l.Spec)...)
	if devices, ok := plan.Find[plan.CgroupDevices](made); ok && p.group != nil {
		if err := p.group.Unspeakable(devices.Rules); err != nil {
			at, message, _ := strings.Cut(err.Error(), ": ")
			c.add(Finding{Path: at, Level: LevelHost, Fatal: true, Source: "cgroups(7)", Message: message, Hint: "deny everything first, and allow what is needed"})
		}
	}
}

// warnings adds what create would warn of, unless a finding at its place says it already.
func (c *checking) warnings() {
next:
	for _, w := range c.warns {
		at, message, _ := strings.Cut(w, ": ")
		if i := strings.Index(at, " ("); i >= 0 {
			at = at[:i]
		}
		place := at
		if strings.HasPrefix(at, "process.capabilities.") {
			place = "process.capabilities" // what one set lacks, others lack with it
		}
		for i := range c.list {
			if below(c.list[i].Path, place) {
				continue next
			}
		}
		c.list = append(c.list, Finding{Path: at, Level: LevelHost, Source: "docs/security.md", Message: message, Hint: "create warns of it; take it out of the config, or change the host"})
	}
}

// refused notes what an operation would say.
func (c *checking) refused(at string, err error) {
	text := err.Error()
	if message, ok := strings.CutPrefix(text, at+": "); ok {
		text = message
	}
	c.add(Finding{Path: at, Level: LevelHost, Fatal: true, Source: "cgroups(7)", Message: text, Hint: "run rung with more privileges, or take it out of the config"})
}

// within says whether something fatal was found at a path or below.
func (c *checking) within(at string) bool {
	for i := range c.list {
		if c.list[i].Fatal && below(c.list[i].Path, at) {
			return true
		}
	}
	return false
}

// limits sees that the control groups can be made, and that there is a controller for
// each limit.
func (c *checking) limits(p *prepared, l *spec.Loaded) {
	if l.Spec.Linux.CgroupsPath != "" || !p.facts.Rootless {
		for _, err := range p.group.Obstacles() {
			hint := "have a control group delegated to this user, or run rung as root"
			if errors.Is(err, cgroup.ErrNotEmpty) || errors.Is(err, cgroup.ErrFrozen) {
				hint = "is the container running already? Else choose another path"
			}
			c.add(Finding{Path: "linux.cgroupsPath", Level: LevelHost, Fatal: true, Source: "cgroups(7)", Message: err.Error(), Hint: hint})
		}
	}
	controls, err := compile.CreatedControls(l.Spec.Linux.Resources, p.copts.Cgroups, false)
	if err != nil {
		for line := range strings.Lines(err.Error()) { // what is wrong with each field
			at, message, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			c.add(Finding{Path: at, Level: LevelHost, Fatal: true, Source: "cgroups(7)", Message: message, Hint: "correct the value"})
		}
		return
	}
	for _, err := range p.group.Lacking(append(controls.Early, controls.Late...)) {
		var e *cgroup.Error
		if !errors.As(err, &e) {
			continue
		}
		c.add(Finding{
			Path: e.Origin, Level: LevelHost, Fatal: true, Source: "cgroups(7)",
			Message: "the " + e.Controller + " controller is not available to the container: " + e.Err.Error(),
			Hint:    "mount or delegate the controller, or take the limit out; rung features lists what there is",
		})
	}
}

// sorted puts the findings in the order in which config.md has the fields; those of one
// field stay as they came.
func (c *checking) sorted() Findings {
	order := [...]string{"", "ociVersion", "root", "mounts", "process", "hostname", "domainname", "hooks", "annotations", "linux"}
	rank := func(p string) int {
		top := p
		if i := strings.IndexAny(p, ".["); i >= 0 {
			top = p[:i]
		}
		for i := range order {
			if order[i] == top {
				return i
			}
		}
		return len(order)
	}
	var out Findings
	for r := range len(order) + 1 {
		for _, f := range c.list {
			if rank(f.Path) == r {
				out = append(out, f)
			}
		}
	}
	return out
}

// AppendText appends a line for each finding, its hint below, and what it comes to.
func (l Findings) AppendText(b []byte) []byte {
	fatal := 0
	for i := range l {
		f := &l[i]
		if f.Fatal {
			fatal++
		}
		b = append(b, f.Level...)
		for range 7 - len(f.Level) {
			b = append(b, ' ')
		}
		if f.Path != "" {
			b = append(append(b, f.Path...), ": "...)
		}
		b = append(b, strings.ReplaceAll(f.Message, "\n", "; ")...)
		if f.Source != "" {
			b = append(append(append(b, " ("...), f.Source...), ')')
		}
		if f.Hint != "" {
			b = append(append(b, "\n       hint: "...), f.Hint...)
		}
		b = append(b, '\n')
	}
	switch {
	case len(l) == 0:
		return append(b, "no problems\n"...)
	case fatal == 0:
		return append(strconv.AppendInt(b, int64(len(l)), 10), " noticed, none of which keeps the container from running\n"...)
	}
	b = append(strconv.AppendInt(b, int64(len(l)), 10), " noticed, "...)
	b = strconv.AppendInt(b, int64(fatal), 10)
	if fatal == 1 {
		return append(b, " of which keeps the container from running\n"...)
	}
	return append(b, " of which keep the container from running\n"...)
}

// AppendJSON appends {"ok": …, "findings": […]}, indented as the other commands'
// output.
func (l Findings) AppendJSON(b []byte) []byte {
	j := jsonscan.AppendBool(jsonscan.AppendKey([]byte{'{'}, "ok"), !l.Fatal())
	j = append(jsonscan.AppendKey(j, "findings"), '[')
	for i := range l {
		f := &l[i]
		j = append(jsonscan.AppendComma(j), '{')
		j = jsonscan.AppendString(jsonscan.AppendKey(j, "path"), f.Path)
		j = jsonscan.AppendString(jsonscan.AppendKey(j, "level"), f.Level)
		j = jsonscan.AppendBool(jsonscan.AppendKey(j, "fatal"), f.Fatal)
		j = jsonscan.AppendString(jsonscan.AppendKey(j, "source"), f.Source)
		j = jsonscan.AppendString(jsonscan.AppendKey(j, "message"), f.Message)
		j = jsonscan.AppendString(jsonscan.AppendKey(j, "hint"), f.Hint)
		j = append(j, '}')
	}
	return append(jsonscan.AppendIndent(b, string(append(j, ']', '}')), "", "  "), '\n')
}

// obstacles adds what every container on this host fails for.
func (c *checking) obstacles() {
	if text := host.TooOld(); text != "" {
		c.add(Finding{Level: LevelHost, Fatal: true, Source: "uname(2)", Message: text, Hint: hintOldKernel})
	}
	if call := host.DeniedCall(); call != "" {
		c.add(Finding{Level: LevelHost, Fatal: true, Source: "seccomp(2)", Message: "a seccomp filter above rung denies " + call + "(2)", Hint: hintDenied})
	}
}
