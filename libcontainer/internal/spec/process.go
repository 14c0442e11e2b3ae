package spec

import (
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const (
	chapterProcess      = "config.md#process"
	chapterPOSIXProcess = "config.md#posix-process"
	chapterLinuxProcess = "config.md#linux-process"
	chapterUser         = "config.md#posix-platform-user"
)

// process checks what is to be run. "This property is REQUIRED when start is
// called."
func (c *checker) process() {
	p := c.spec.Process
	if p == nil {
		if c.opts.NeedProcess {
			c.must(chapterProcess, "is required: there is nothing to start", "process")
		}
		return
	}
	if p.ConsoleSize != nil && p.Terminal && max(p.ConsoleSize.Height, p.ConsoleSize.Width) > 0xffff {
		c.warn(chapterProcess, "a terminal has at most 65535 rows and columns", "process.consoleSize")
	}
	c.user(&p.User)
	switch {
	case len(p.Args) == 0:
		c.must(chapterProcess, "at least one entry is required", "process.args")
	case p.Args[0] == "":
		// Not fatal here: engines want execve's own "no such file or directory".
		c.warn(chapterProcess, "names no program", "process.args", 0)
	}
	if n := nulAt(p.Args); n >= 0 {
		c.must(chapterProcess, nulMessage, "process.args", n)
	}
	if p.CommandLine != "" {
		c.warn(chapterProcess, "has no effect on Linux", "process.commandLine")
	}
	c.env(chapterProcess, p.Env, "process.env")
	switch {
	case p.Cwd == "":
		c.must(chapterProcess, "is required", "process.cwd")
	case !isAbs(p.Cwd):
		c.must(chapterProcess, quote(p.Cwd)+" must be an absolute path", "process.cwd")
	case hasNUL(p.Cwd):
		c.must(chapterProcess, nulMessage, "process.cwd")
	}
	c.capabilities(p.Capabilities)
	c.rlimits(p.Rlimits)
	if hasNUL(p.ApparmorProfile) {
		c.must(chapterLinuxProcess, nulMessage, "process.apparmorProfile")
	}
	if hasNUL(p.SelinuxLabel) {
		c.must(chapterLinuxProcess, nulMessage, "process.selinuxLabel")
	}
	if a := p.OOMScoreAdj; a != nil && (*a < -1000 || *a > 1000) {
		c.must(chapterLinuxProcess, strconv.Itoa(*a)+" is out of range, want -1000 to 1000", "process.oomScoreAdj")
	}
	c.scheduler(p.Scheduler)
	c.ioPriority(p.IOPriority)
	if a := p.ExecCPUAffinity; a != nil {
		c.list(chapterLinuxProcess, "CPUs", a.Initial, "process.execCPUAffinity.initial")
		c.list(chapterLinuxProcess, "CPUs", a.Final, "process.execCPUAffinity.final")
	}
}

// env checks environment entries. Entries without '=' are legal for execve(2)
// and useless.
func (c *checker) env(chapter string, env []string, path ...any) {
	for i, e := range env {
		eq := strings.IndexByte(e, '=')
		switch {
		case hasNUL(e):
			c.must(chapter, nulMessage, append(path, i)...)
		case eq < 0:
			c.warn(chapter, quote(e)+" has no '=', want NAME=value", append(path, i)...)
		case eq == 0:
			c.warn(chapter, quote(e)+" has no name before '='", append(path, i)...)
		}
	}
}

// user checks ids. -1 is no id for the kernel; an id that a new user namespace
// does not map is refused by setresuid(2) and setresgid(2) with EINVAL.
func (c *checker) user(u *specs.User) {
	const none = 1<<32 - 1
	newUserNS := c.ns[nsUser] == nsNew
	switch {
	case u.UID == none:
		c.must(chapterUser, "4294967295 (-1) is not a user id", "process.user.uid")
	case newUserNS && len(c.linux.UIDMappings) > 0 && !mapped(c.linux.UIDMappings, u.UID):
		c.must(chapterUser, "user id "+utoa(uint64(u.UID))+" is not mapped by linux.uidMappings", "process.user.uid")
	}
	switch {
	case u.GID == none:
		c.must(chapterUser, "4294967295 (-1) is not a group id", "process.user.gid")
	case newUserNS && len(c.linux.GIDMappings) > 0 && !mapped(c.linux.GIDMappings, u.GID):
		c.must(chapterUser, "group id "+utoa(uint64(u.GID))+" is not mapped by linux.gidMappings", "process.user.gid")
	}
	for i, g := range u.AdditionalGids {
		switch {
		case g == none:
			c.must(chapterUser, "4294967295 (-1) is not a group id", "process.user.additionalGids", i)
		case newUserNS && len(c.linux.GIDMappings) > 0 && !mapped(c.linux.GIDMappings, g):
			c.should(chapterUser, "group id "+utoa(uint64(g))+" is not mapped by linux.gidMappings", "process.user.additionalGids", i)
		}
	}
	if u.Umask != nil && *u.Umask > 0o777 {
		c.warn(chapterUser, "only the permission bits (0777, decimal 511) of "+utoa(uint64(*u.Umask))+" count", "process.user.umask")
	}
}

// rlimits checks names, order and uniqueness. "If rlimits contains duplicated
// entries with same type, the runtime MUST generate an error."
func (c *checker) rlimits(list []specs.POSIXRlimit) {
	for i := range list {
		r := &list[i]
		if !knownRlimit(r.Type) {
			c.must(chapterPOSIXProcess, quote(r.Type)+" is not a resource limit of Linux (getrlimit(2)), as "+alike(r.Type, "RLIMIT_", allRlimits[:], "RLIMIT_NOFILE")+" is", "process.rlimits", i, "type")
			continue
		}
		if r.Soft > r.Hard {
			c.must(chapterPOSIXProcess, "soft limit "+utoa(r.Soft)+" is above the hard limit "+utoa(r.Hard), "process.rlimits", i, "soft")
		}
		for j := range list[:i] {
			if list[j].Type == r.Type {
				c.must(chapterPOSIXProcess, r.Type+" is set twice, first in entry "+strconv.Itoa(j), "process.rlimits", i, "type")
				break
			}
		}
	}
}

func knownRlimit(name string) bool { return slices.Contains(allRlimits[:], name) }

var allRlimits = [...]string{
	"RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_LOCKS",
	"RLIMIT_MEMLOCK", "RLIMIT_MSGQUEUE", "RLIMIT_NICE", "RLIMIT_NOFILE", "RLIMIT_NPROC",
	"RLIMIT_RSS", "RLIMIT_RTPRIO", "RLIMIT_RTTIME", "RLIMIT_SIGPENDING", "RLIMIT_STACK",
}

func utoa(v uint64) string { return strconv.FormatUint(v, 10) }
func itoa(v int64) string  { return strconv.FormatInt(v, 10) }
