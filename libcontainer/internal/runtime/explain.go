package runtime

import (
	"errors"
	"path"
	"strconv"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/host"
	"github.com/rung-oci/rung/libcontainer/internal/landlock"
	"github.com/rung-oci/rung/libcontainer/internal/mountinfo"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"github.com/rung-oci/rung/libcontainer/internal/wire"
	"golang.org/x/sys/unix"
)

// StepError is one step of a plan that failed: which, on what, with which
// errno.
type StepError struct {
	Origin  string     // JSON path of the config field, may be empty
	Subject string     // what the field is about: a destination, a device …
	Step    plan.Label // of the op or the action; the zero value where a plan could not be made
	What    string     // what was attempted; empty where Err says it
	Detail  string     // the kernel's or the init's own words, may be empty
	Errno   unix.Errno // 0 when Err says more
	Err     error
}

// Error is "mounts[3] (/proc): mount proc: permission denied (EPERM)".
func (e *StepError) Error() string {
	var b strings.Builder
	if e.Origin != "" {
		b.WriteString(e.Origin)
		if e.Subject != "" {
			b.WriteString(" (" + e.Subject + ")")
		}
		b.WriteString(": ")
	}
	add := func(part string) {
		if part != "" && b.Len() > 0 && !strings.HasSuffix(b.String(), ": ") {
			b.WriteString(": ")
		}
		b.WriteString(part)
	}
	add(e.What)
	add(e.Detail)
	switch {
	case e.Errno != 0:
		add(errnoText(e.Errno))
	case e.Err != nil:
		text := e.Err.Error()
		if e.Origin != "" && strings.HasPrefix(text, e.Origin) {
			return text // it names the field itself
		}
		add(text)
	}
	return b.String()
}

// Unwrap gives the errno, or the error that the runtime's side met.
func (e *StepError) Unwrap() error {
	if e.Errno != 0 {
		return e.Errno
	}
	return e.Err
}

// Is reports whether the step failed for want of room for a further process.
func (e *StepError) Is(target error) bool {
	return target == ErrNoRoom && e.Errno == unix.EAGAIN && e.Step == plan.KindFork.Label() //nolint:errorlint // a sentinel
}

// ErrNoRoom is the reason when the kernel refused a further process: fork(2), EAGAIN.
var ErrNoRoom = errors.New("no room for a further process")

// noRoom names the limits that fork(2) has.
const noRoom = ": a limit of pids is reached: linux.resources.pids.limit, that of a cgroup above, RLIMIT_NPROC, or kernel.pid_max"

// noRoomError is ErrNoRoom with the text of another error.
type noRoomError struct{ error }

func (e *noRoomError) Is(target error) bool { return target == ErrNoRoom }
func (e *noRoomError) Unwrap() error        { return e.error }

// errnoText has both the words, which engines look for, and the name, which
// people do. The words of EPERM and EACCES differ in the C library; engines
// know "permission denied" and "operation not permitted".
func errnoText(e unix.Errno) string {
	name := unix.ErrnoName(e)
	if name == "" {
		return e.Error()
	}
	return e.Error() + " (" + name + ")"
}

// initLabel is for what the init reports of no op; mapsLabel for the runtime's answer to SyncMaps.
var (
	initLabel = plan.Label{Name: "init", Code: "system"}
	mapsLabel = plan.Label{Name: "maps", Code: "idmap"}
)

// stepError puts a MsgFail into the words of the config.
func stepError(p plan.Program, m wire.Message) error {
	if len(p) == 0 {
		return lateError(m)
	}
	if m.Op < 0 || m.Op >= len(p) {
		return &StepError{Step: initLabel, What: "init", Detail: m.Step.String(), Errno: m.Err}
	}
	o := p[m.Op]
	e := &StepError{Origin: o.Origin, Step: o.Op.Kind().Label(), Detail: m.Detail, Errno: m.Err}
	explain(e, o.Op, m)
	return e
}

// warning puts a MsgWarn into words. They are not those of an error: an engine that looks for
// "permission denied" in what a command prints is to find it in the error alone.
func warning(p plan.Program, m wire.Message) string {
	if m.Op >= 0 && m.Op < len(p) {
		switch o := p[m.Op].Op.(type) {
		case *plan.ProcWrite:
			return p[m.Op].Origin + ": " + strings.TrimSpace(o.Data) + " is not applied: the runtime has not the privilege (" + unix.ErrnoName(m.Err) + ")"
		case *plan.Identity:
			return "process.user.additionalGids: not set: setgroups(2) is denied in this user namespace (" + unix.ErrnoName(m.Err) +
				"); the process keeps the groups of its caller"
		}
	}
	return stepError(p, m).Error()
}

// lateError explains a step behind the gate to whoever starts the container and
// has no program at hand: its kind says enough.
func lateError(m wire.Message) error {
	e := &StepError{Detail: m.Detail, Errno: m.Err}
	var op plan.Op = &plan.Exec{}
	switch plan.Kind(m.Arg) {
	case plan.KindExec:
		e.Origin = "process.args"
	case plan.KindSeccomp:
		e.Origin, op = "linux.seccomp", &plan.Seccomp{}
	case plan.KindCapset:
		e.Origin, op = "process.capabilities", &plan.Capset{}
	case plan.KindNoNewPrivileges:
		e.Origin, op = "process.noNewPrivileges", &plan.NoNewPrivileges{}
	case plan.KindLandlockRestrict:
		e.Origin, op = `annotations["`+landlock.Prefix+`*"]`, &plan.LandlockRestrict{}
	case plan.KindGate:
		op = &plan.Gate{}
	default:
		return &StepError{Step: initLabel, What: "init", Detail: m.Step.String(), Errno: m.Err}
	}
	e.Step = op.Kind().Label()
	explain(e, op, m)
	return e
}

// verb is what a failing part of an op attempted, on what.
func verb(s plan.InitStep, what, target string) string {
	switch s {
	case plan.StepTarget:
		return "make the target " + target
	case plan.StepSource, plan.StepOpenTree:
		return "open the source of " + what
	case plan.StepFsopen:
		return "file system type of " + what
	case plan.StepFsconfig:
		return "option of " + what
	case plan.StepIdmap:
		return "map the ids of " + what
	case plan.StepCopyUp:
		return "copy what " + what + " covers"
	case plan.StepSetattr:
		return "set the flags of " + what
	case plan.StepPropagation:
		return "set the propagation of " + what
	case plan.StepOp, plan.StepFscreate, plan.StepFsmount, plan.StepMoveMount, plan.StepMount:
		return what
	}
	return what + ": " + s.String()
}

func explain(e *StepError, op plan.Op, m wire.Message) {
	if m.Step == plan.StepFsconfig || m.Step == plan.StepFsopen || m.Step == plan.StepFscreate || m.Step == plan.StepFsmount {
		e.Detail = withoutLevel(e.Detail)
	}
	switch o := op.(type) {
	case *plan.MountFS:
		e.Subject = o.Target
		e.What = verb(m.Step, "mount "+o.Type, o.Target)
		if m.Step == plan.StepIdmap {
			e.What += unmappable(m.Err, o.Type)
		}
		if m.Step == plan.StepTarget && (m.Err == unix.ELOOP || m.Err == unix.ENOTDIR) && (o.Type == "proc" || o.Type == "sysfs") {
			e.What = o.Target + " must be mounted on ordinary directory"
		}
	case *plan.MountBind:
		e.Subject = o.Target
		e.What = verb(m.Step, "bind "+o.Source, o.Target)
		if m.Step == plan.StepIdmap {
			e.What += unmappable(m.Err, fileSystemOf(o.Source))
		}
		if m.Step == plan.StepSetattr && m.Err == unix.EPERM {
			e.What = "set the flags of bind " + o.Source + ": some are locked"
		}
		if m.Step == plan.StepSymlink {
			e.What = "copy the symlink " + o.Source + " to " + o.Target
			if m.Err == unix.EEXIST {
				e.What += ", where something else is"
			}
		}
	case *plan.CloneSource:
		e.What = verb(m.Step, "bind "+o.Path, o.Path)
		if m.Step == plan.StepIdmap {
			e.What += unmappable(m.Err, fileSystemOf(o.Path))
		}
	case *plan.MountData:
		e.Subject = o.Target
		e.What = verb(m.Step, "mount "+o.Type, o.Target)
	case *plan.MountAttr:
		e.Subject = o.Target
		e.What = verb(m.Step, "remount "+o.Target, o.Target)
	case *plan.RootOpen:
		e.Subject = o.Path
		e.What = "open the root"
		if m.Step == plan.StepPropagation || m.Step == plan.StepSetattr {
			e.What = verb(m.Step, "the root", o.Path)
		}
	case *plan.Mknod:
		e.Subject = o.Path
		e.What = verb(m.Step, "make device "+o.Path, o.Path)
	case *plan.MakeNode:
		e.What = "make device " + strconv.FormatUint(o.Major, 10) + ":" + strconv.FormatUint(o.Minor, 10) + ": " + m.Step.String()
	case *plan.Symlink:
		e.What = verb(m.Step, "link "+o.Path, path.Dir(o.Path))
	case *plan.Mkdir:
		e.What = verb(m.Step, "make directory "+o.Path, path.Dir(o.Path))
	case *plan.Mask:
		e.What = verb(m.Step, "mask "+o.Path, o.Path)
	case *plan.ReadonlyPath:
		e.What = verb(m.Step, "make "+o.Path+" read-only", o.Path)
	case *plan.ProcWrite:
		e.What = "write " + strings.TrimSpace(o.Data) + " to /proc/" + o.Path
	case *plan.WriteFile:
		e.What = "write " + o.Data + " to " + o.Path
	case *plan.Setns:
		e.What = "join the " + plan.CloneNames(o.Type) + " namespace"
	case *plan.Unshare:
		e.What = "make a " + plan.CloneNames(o.Flags) + " namespace"
	case *plan.Fork:
		e.What = "start the process in its PID namespace"
		if o.Flags != 0 {
			e.What = "start the init in its namespaces (" + plan.CloneNames(o.Flags) + ")"
		}
		if m.Err == unix.EAGAIN {
			e.What += noRoom
		}
	case *plan.Keyring:
		e.Detail, e.What = "", "join the session keyring "+o.Name
		if m.Err == unix.EDQUOT {
			e.What += ": the user has as many keys as the kernel allows (/proc/key-users)"
		}
	case *plan.Hostname:
		e.What = "set the host name " + o.Name
	case *plan.Domainname:
		e.What = "set the domain name " + o.Name
	case *plan.Chdir:
		e.What = "chdir to " + o.Path
		if m.Step == plan.StepVerify {
			e.Detail, e.What = "", "chdir to "+o.Path+": the working directory is outside the container's root"
		}
	case *plan.Rlimit:
		e.What = "set the resource limit"
	case *plan.CoreSchedule:
		e.What = "core scheduling"
		switch m.Err {
		case unix.EINVAL:
			e.What += ": this kernel has none (CONFIG_SCHED_CORE)"
		case unix.ENODEV:
			e.What += ": no processor runs several threads (SMT), so no core is shared"
		}
	case *plan.NoHugePages:
		e.What = "prctl PR_SET_THP_DISABLE"
	case *plan.Identity:
		e.What = "change the user: " + m.Step.String()
	case *plan.Bounding, *plan.Capset:
		e.What = "set the capabilities: " + m.Step.String()
	case *plan.FindExec:
		explainExec(e, o, m)
	case *plan.MemoryPolicy:
		e.What = "set the memory policy"
	case *plan.Scheduler:
		e.What = "set the scheduler"
		if o.Policy == unix.SCHED_DEADLINE && m.Err == unix.EPERM {
			// sched(7): the CPUs of such a process have to be all of its root domain's
			e.What += " (a process scheduler can't be used together with AllowedCPUs, linux.resources.cpu.cpus)"
		}
	case *plan.Exec:
		e.Detail, e.What = "", "exec "+m.Detail
	case *plan.ExecHost:
		e.What = "exec " + o.Path
	case *plan.Seccomp:
		e.What = "load the seccomp filter"
	case *plan.LandlockRuleset:
		e.What = "make a Landlock ruleset"
	case *plan.LandlockPath:
		e.Subject, e.What = o.Path, "allow "+o.Path
		switch {
		case m.Err == unix.ELOOP:
			e.What += ": there is a symlink in it, which rules do not follow"
		case m.Step == plan.StepVerify:
			e.What += ": the rights are a directory's alone"
		}
	case *plan.LandlockPort:
		e.What = "allow TCP port " + strconv.FormatUint(o.Port, 10)
	case *plan.LandlockRestrict:
		e.What = "restrict the process with Landlock"
		if m.Err == unix.EPERM {
			e.What += ", which takes noNewPrivileges or CAP_SYS_ADMIN"
		}
	case *plan.Console:
		e.What = "open the terminal: " + m.Step.String()
	case *plan.Pivot:
		e.What = "change the root: " + m.Step.String()
	default:
		e.What = e.Step.Name
		if m.Step != plan.StepOp && m.Step.String() != e.Step.Name {
			e.What += ": " + m.Step.String()
		}
	}
}

// unmappable says why ids of a file system cannot be mapped: mount_setattr(2) answers EINVAL for one that does not
// support it.
func unmappable(err unix.Errno, kind string) string {
	if err != unix.EINVAL {
		return ""
	}
	if kind == "" {
		kind = "its file system"
	}
	return ": " + kind + " cannot be id-mapped on Linux " + host.Kernel()
}

// fileSystemOf gives the type of the file system that a path of the host is on, "" when it cannot be told.
func fileSystemOf(path string) string {
	var st unix.Stat_t
	if sys.Stat(path, &st) != nil {
		return ""
	}
	text, err := host.ReadSmall("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	device := strconv.FormatUint(uint64(unix.Major(st.Dev)), 10) + ":" + strconv.FormatUint(uint64(unix.Minor(st.Dev)), 10)
	for m := range mountinfo.All(text) {
		if m.Device == device {
			return m.Type
		}
	}
	return ""
}

// withoutLevel takes off the letter that a file system context's messages begin with: error, warning or information
// (Documentation/filesystems/mount_api.rst).
func withoutLevel(message string) string {
	if len(message) > 2 && message[1] == ' ' && strings.IndexByte("ewi", message[0]) >= 0 {
		return message[2:]
	}
	return message
}

// explainExec uses the words from which engines take the exit codes 126 and
// 127: "executable file not found", "no such file or directory", "permission
// denied", "is a directory".
func explainExec(e *StepError, o *plan.FindExec, m wire.Message) {
	name := ""
	if len(o.Argv) > 0 {
		name = o.Argv[0]
	}
	e.What = "exec: \"" + name + "\""
	// A search of PATH passes over directories, as execvp(3) and exec.LookPath do.
	if searched := !strings.Contains(name, "/"); searched && (m.Err == unix.ENOENT || m.Err == unix.EISDIR) {
		e.Err, e.Errno, e.Detail = unix.ENOENT, 0, ""
		e.What += ": executable file not found in $PATH"
		e.Err = notFound{}
		return
	}
	// What execve(2) says of a directory, and what makes it 126 for Docker.
	if m.Err == unix.EISDIR {
		e.What += ": is a directory"
		e.Errno = unix.EACCES
	}
}

type notFound struct{}

func (notFound) Error() string   { return "no such file or directory (ENOENT)" }
func (notFound) Is(t error) bool { return unix.ENOENT.Is(t) || t == unix.ENOENT }

// As gives the errno to whoever asks for one.
func (notFound) As(target any) bool {
	errno, ok := target.(*unix.Errno)
	if ok {
		*errno = unix.ENOENT
	}
	return ok
}
