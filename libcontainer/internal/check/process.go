package check

import (
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/selinux/go-selinux"
	"github.com/rung-oci/rung/libcontainer/internal/compile"
	"github.com/rung-oci/rung/libcontainer/internal/host"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

func (c *checker) process(p *specs.Process) {
	if c.view != nil {
		c.user(p)
		c.args(p)
		c.cwd(p)
	}
	c.capabilities(p.Capabilities)
	c.rlimits(p.Rlimits)
	c.labels(p)
	c.oomScore(p)
	c.scheduling(p)
}

// args looks for the program where the container will.
func (c *checker) args(p *specs.Process) {
	const at, source = "process.args[0]", "execve(2)"
	if len(p.Args) == 0 {
		return
	}
	name := p.Args[0]
	if name == "" {
		c.fatal(at, source, "executable file not found: the name is empty", "name a program")
		return
	}
	denied := ""
	for _, candidate := range compile.Candidates(p) {
		if !path.IsAbs(candidate) {
			candidate = path.Clean("/"+p.Cwd) + "/" + candidate
		}
		f := c.view.find(candidate)
		switch {
		case f.unknown:
			return
		case f.fd < 0:
			f.close()
			continue
		case !strings.Contains(name, "/") && (f.mode&unix.S_IFMT != unix.S_IFREG || f.mode&0o111 == 0):
			denied = candidate // the search goes on, as execvp(3) does it
			f.close()
			continue
		}
		if c.program(at, source, candidate, &f, c.view.find); f.mode&0o111 != 0 && !c.mayExecute(p, &f) {
			c.fatal(at, source, candidate+": permission denied for user "+strconv.FormatUint(uint64(p.User.UID), 10), "give it execute bits for that user: chmod a+x")
		}
		f.close()
		return
	}
	switch {
	case denied != "":
		c.fatal(at, source, denied+" is not executable: permission denied", "set its execute bits: chmod +x")
	case strings.Contains(name, "/"):
		c.fatal(at, source, name+": no such file or directory in the container", "it is looked up inside of the root file system")
	default:
		c.fatal(at, source, strconv.Quote(name)+": executable file not found in the container's $PATH", "install it in the image, or write its whole path")
	}
}

// mayExecute judges by the mode alone, and where something else may have a say, a map
// of ids, an access control list or a capability, takes it for granted.
func (c *checker) mayExecute(p *specs.Process, f *place) bool {
	u := &p.User
	if u.UID == 0 || c.userNS() || c.opt.Rootless || p.Capabilities == nil || slices.Contains(p.Capabilities.Effective, "CAP_DAC_OVERRIDE") {
		return true
	}
	if n, err := sys.Getxattr("/proc/self/fd/"+strconv.Itoa(f.fd), "system.posix_acl_access", nil); err == nil && n > 0 {
		return true
	}
	switch {
	case f.owner == u.UID:
		return f.mode&0o100 != 0
	case f.group == u.GID || slices.Contains(u.AdditionalGids, f.group):
		return f.mode&0o010 != 0
	}
	return f.mode&0o001 != 0
}

func (c *checker) cwd(p *specs.Process) {
	if !path.IsAbs(p.Cwd) {
		return
	}
	d := c.view.find(p.Cwd)
	defer d.close()
	if d.fd >= 0 && d.mode&unix.S_IFMT != unix.S_IFDIR || d.err == unix.ENOTDIR { //nolint:errorlint // a bare errno
		c.fatal("process.cwd", "chdir(2)", p.Cwd+" in the container is not a directory", "name a directory; a missing one is made")
	}
}

// user tells of a user without a name, which many programs stumble over.
func (c *checker) user(p *specs.Process) {
	f := c.view.find("/etc/passwd")
	defer f.close()
	if f.fd < 0 || f.mode&unix.S_IFMT != unix.S_IFREG {
		return // an image without it has no names at all
	}
	text, err := host.ReadSmall("/proc/self/fd/" + strconv.Itoa(f.fd))
	if err != nil {
		return
	}
	want := strconv.FormatUint(uint64(p.User.UID), 10)
	for line := range strings.Lines(text) {
		if f := strings.SplitN(line, ":", 4); len(f) == 4 && f[2] == want {
			return
		}
	}
	c.add(Finding{
		Path: "process.user.uid", Source: "passwd(5)", Info: true,
		Message: "user id " + want + " has no entry in the container's /etc/passwd", Hint: "HOME will be /, and programs that ask for the user's name get none",
	})
}

func (c *checker) capabilities(caps *specs.LinuxCapabilities) {
	if caps == nil {
		return
	}
	last, names := host.LastCapability(), compile.Capabilities()
	set := func(name string, list []string, granted bool) {
		for i, capability := range list {
			for n := range names {
				if names[n] != capability {
					continue
				}
				at := index("process.capabilities."+name, i)
				switch {
				case n > last:
					c.note(at, "/proc/sys/kernel/cap_last_cap", capability+" is newer than this kernel, and is left out", "use a newer kernel")
				case granted && !c.userNS() && !c.has(n):
					c.note(at, "capabilities(7)", capability+" is not the runtime's to give, and is left out", "run rung with the capability, or take it out of the config")
				}
			}
		}
	}
	set("bounding", caps.Bounding, false)
	set("effective", caps.Effective, false) // within permitted: said there
	set("inheritable", caps.Inheritable, false)
	set("permitted", caps.Permitted, true)
	set("ambient", caps.Ambient, false)
}

func (c *checker) rlimits(list []specs.POSIXRlimit) {
	for i, l := range list {
		n, ok := compile.Rlimit(l.Type)
		if !ok {
			continue
		}
		at := index("process.rlimits", i) + ".hard"
		var now unix.Rlimit
		if sys.Getrlimit(n, &now) != nil {
			continue
		}
		switch most := readFile("/proc/sys/fs/nr_open"); {
		case n == unix.RLIMIT_NOFILE && most != "" && above(l.Hard, most):
			c.fatal(at, "/proc/sys/fs/nr_open", strconv.FormatUint(l.Hard, 10)+" files are more than the host's limit for any process, "+most, "raise fs.nr_open on the host, or lower the limit")
		case l.Hard > now.Max && !c.has(unix.CAP_SYS_RESOURCE):
			c.fatal(at, "setrlimit(2)", strconv.FormatUint(l.Hard, 10)+" is above the runtime's own hard limit, "+strconv.FormatUint(now.Max, 10)+", which only CAP_SYS_RESOURCE may raise", "raise the limit of the process that starts rung")
		}
	}
}

func above(n uint64, limit string) bool {
	most, err := strconv.ParseUint(limit, 10, 64)
	return err == nil && n > most
}

func (c *checker) labels(p *specs.Process) {
	if profile := p.ApparmorProfile; profile != "" && profile != "unconfined" {
		const at, source = "process.apparmorProfile", "apparmor(7)"
		if why := host.AppArmorStatus(); why != "" {
			c.fatal(at, source, "the profile "+strconv.Quote(profile)+" cannot be applied: "+why, "enable AppArmor, or take the profile out of the config")
		} else if loaded, ok := profileLoaded(profile); ok && !loaded {
			c.fatal(at, source, "the profile "+strconv.Quote(profile)+" is not loaded", "load it with apparmor_parser -r")
		}
	}
	const hint = "enable SELinux, or take the label out of the config"
	if p.SelinuxLabel != "" {
		c.selinux("process.selinuxLabel", p.SelinuxLabel, hint)
	}
	if c.linux.MountLabel != "" {
		c.selinux("linux.mountLabel", c.linux.MountLabel, hint)
	}
}

func (c *checker) selinux(at, label, hint string) {
	if why := host.SELinuxStatus(); why != "" {
		c.fatal(at, "selinux(8)", "the label "+strconv.Quote(label)+" cannot be applied: "+why, hint)
		return
	}
	if _, err := selinux.NewContext(label); err != nil {
		c.fatal(at, "selinux(8)", strconv.Quote(label)+" is no label of the form user:role:type:level", hint)
		return
	}
	if err := host.SELinuxLabel(label); errors.Is(err, unix.EINVAL) {
		c.fatal(at, "selinux(8)", "the loaded policy rejects the label "+strconv.Quote(label)+": it does not have its user, role, type or level (EINVAL)",
			"correct the label (seinfo -t lists types), or load a policy that has it")
	}
}

// profileLoaded asks AppArmor for a profile by its plain name; ok is false where
// that cannot be told: stacks, namespaces, a securityfs that is not mounted.
func profileLoaded(name string) (loaded, ok bool) {
	if strings.Contains(name, "//") || strings.HasPrefix(name, ":") {
		return false, false
	}
	text, err := host.ReadSmall("/sys/kernel/security/apparmor/profiles")
	if err != nil {
		return false, false
	}
	for line := range strings.Lines(text) {
		if i := strings.LastIndex(line, " ("); i >= 0 && line[:i] == name {
			return true, true
		}
	}
	return false, true
}

// oomScore: only CAP_SYS_RESOURCE lowers the value below the least that was set with
// it (proc_pid_oom_score_adj(5)), which is 0 for most.
func (c *checker) oomScore(p *specs.Process) {
	if p.OOMScoreAdj == nil || c.has(unix.CAP_SYS_RESOURCE) && !c.opt.Rootless {
		return
	}
	now, err := strconv.Atoi(readFile("/proc/self/oom_score_adj"))
	switch {
	case err != nil || *p.OOMScoreAdj >= min(now, 0):
	case c.opt.Rootless:
		c.note("process.oomScoreAdj", "proc_pid_oom_score_adj(5)", strconv.Itoa(*p.OOMScoreAdj)+" is not applied: it is below the runtime's own, "+strconv.Itoa(now)+", and a runtime without privileges cannot lower it", "choose a higher value")
	default:
		c.fatal("process.oomScoreAdj", "proc_pid_oom_score_adj(5)", strconv.Itoa(*p.OOMScoreAdj)+" is below the runtime's own, "+strconv.Itoa(now)+", and it lacks CAP_SYS_RESOURCE", "run rung with the capability, or choose a higher value")
	}
}

func (c *checker) scheduling(p *specs.Process) {
	const hint = "run rung with the capability, or choose another policy"
	if s := p.Scheduler; s != nil && !c.has(unix.CAP_SYS_NICE) {
		switch s.Policy {
		case specs.SchedFIFO, specs.SchedRR, specs.SchedDeadline:
			c.fatal("process.scheduler.policy", "sched(7)", string(s.Policy)+" needs CAP_SYS_NICE, which the runtime lacks", hint)
		}
		if s.Nice < 0 {
			c.fatal("process.scheduler.nice", "sched(7)", "a nice value below 0 needs CAP_SYS_NICE, which the runtime lacks", hint)
		}
	}
	if io := p.IOPriority; io != nil && io.Class == specs.IOPRIO_CLASS_RT && !c.has(unix.CAP_SYS_NICE) && !c.has(unix.CAP_SYS_ADMIN) {
		c.fatal("process.ioPriority.class", "ioprio_set(2)", string(io.Class)+" needs CAP_SYS_NICE, which the runtime lacks", hint)
	}
}

func (c *checker) hooks() {
	h := c.spec.Hooks
	if h == nil {
		return
	}
	for _, kind := range [...]struct {
		name  string
		list  []specs.Hook
		fatal bool // the container does not come to run
	}{
		{"prestart", h.Prestart, true}, //nolint:staticcheck // deprecated, and still what some engines write
		{"createRuntime", h.CreateRuntime, true},
		{"createContainer", h.CreateContainer, true},
		{"startContainer", h.StartContainer, true},
		{"poststart", h.Poststart, true},
		{"poststop", h.Poststop, false},
	} {
		for i := range kind.list {
			before := len(c.out)
			c.hook(index("hooks."+kind.name, i)+".path", kind.list[i].Path, kind.name == "startContainer")
			for n := before; n < len(c.out); n++ {
				c.out[n].Fatal = kind.fatal
			}
		}
	}
}

// hook looks at the program of a hook: of the container's files for startContainer,
// else of the host's (config.md#posix-platform-hooks).
func (c *checker) hook(at, name string, inside bool) {
	const source = "config.md#posix-platform-hooks"
	if !path.IsAbs(name) || inside && c.view == nil {
		return
	}
	resolve, where := hostFile, "on the host"
	if inside {
		resolve, where = c.view.find, "in the container"
	}
	p := resolve(name)
	defer p.close()
	switch {
	case p.unknown:
	case p.err != nil:
		c.fatal(at, source, name+" "+where+": "+p.err.Error(), "install the hook's program "+where)
	default:
		c.program(at, source, name, &p, resolve)
	}
}
