package libcontainer

import (
	"errors"
	"strconv"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/console"
	"github.com/rung-oci/rung/libcontainer/internal/hooks"
	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
	"github.com/rung-oci/rung/libcontainer/internal/runtime"
	"github.com/rung-oci/rung/libcontainer/internal/spec"
	"github.com/rung-oci/rung/libcontainer/internal/state"
	"golang.org/x/sys/unix"
)

// What a caller may want to tell apart. Each is found with errors.Is in the
// error of the operation.
var (
	// ErrNotExist: no container of that id.
	ErrNotExist = errors.New("container does not exist")
	// ErrExist: the id is taken.
	ErrExist = errors.New("container with given ID already exists")
	// ErrNotRunning: the container's process has ended.
	ErrNotRunning = errors.New("container not running")
	// ErrRunning: the operation needs a container whose process has ended, or not begun.
	ErrRunning = errors.New("container is running")
	// ErrInvalidConfig: the config breaks a MUST of the runtime-spec.
	ErrInvalidConfig = errors.New("invalid configuration")
)

// Error is a failed operation on a container. Its text is one line:
// "create web: mounts[3] (/proc): mount proc: permission denied (EPERM)".
type Error struct {
	Op   string // create, start, …
	ID   string
	Code string // one of the Code constants
	Step string // the plan's step, may be empty
	Path string // JSON path of the config field, may be empty
	Hint string // what to do about it, may be empty
	Err  error
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.ID != "" {
		b.WriteByte(' ')
		b.WriteString(e.ID)
	}
	b.WriteString(": ")
	b.WriteString(strings.ReplaceAll(e.Err.Error(), "\n", "; "))
	return b.String()
}

// Unwrap gives the cause, down to the errno where there is one.
func (e *Error) Unwrap() error { return e.Err }

// Errno is the errno at the bottom of the error, or 0.
func (e *Error) Errno() unix.Errno {
	var n unix.Errno
	if errors.As(e.Err, &n) {
		return n
	}
	return 0
}

// Bare is, for a process that could not be executed, what the kernel says of it:
// "exec /run.sh: no such file or directory". It is the whole of what such a
// container, or exec, prints: scripts know it from runc, whose init prints it in
// the process's place. For other errors it is empty.
func (e *Error) Bare() string {
	var step *runtime.StepError
	if e.Step != "exec" || !errors.As(e.Err, &step) {
		return ""
	}
	return step.What + ": " + e.Errno().Error()
}

// coded gives an error that says enough by itself its code.
type coded struct {
	error
	code string
}

func (e *coded) Unwrap() error { return e.error }

func withCode(code string, err error) error {
	if err == nil {
		return nil
	}
	return &coded{err, code}
}

// opError puts an operation's failure into its final form.
func opError(op, id string, err error) error {
	if err == nil {
		return nil
	}
	var done *Error
	if errors.As(err, &done) {
		return err
	}
	if errors.Is(err, state.ErrInvalidID) {
		id = "" // quoted in the error, as it may have control characters
	}
	e := &Error{Op: op, ID: id, Err: err}
	e.classify()
	if e.Code == CodeSystem && (op == "checkpoint" || op == "restore") {
		e.Code = CodeCriu
	}
	if e.Hint == "" {
		e.Hint = remedy(e.Code)
	}
	return e
}

const hintJSON = "correct the JSON: jq . finds the place too"

// classify finds the code, and where in the plan and the config it happened.
func (e *Error) classify() {
	var (
		own      *coded
		problems spec.Problems
		hook     *hooks.Error
		step     *runtime.StepError
		died     *runtime.DiedError
		syntax   *jsonscan.Error

		interrupt *console.Interrupt
	)
	e.Code = CodeSystem
	switch err := e.Err; {
	case errors.As(err, &interrupt):
		e.Code = CodeInterrupt
		if errors.As(err, &hook) {
			e.Step, e.Path = "run-hooks", hook.JSONPath()
		}
	case errors.As(err, &own):
		e.Code = own.code
	case errors.Is(err, state.ErrInvalidID):
		e.Code = CodeUsage
	case errors.As(err, &problems):
		e.Code = CodeConfig
		if len(problems) > 0 {
			e.Path = problems[0].Path
		}
	case errors.Is(err, ErrInvalidConfig):
		e.Code = CodeConfig
	case errors.Is(err, ErrNotExist):
		e.Code = CodeNotExist
	case errors.Is(err, ErrExist):
		e.Code = CodeExist
	case errors.Is(err, ErrNotRunning), errors.Is(err, ErrRunning), errors.Is(err, ErrNotPaused):
		e.Code = CodeState
	case errors.As(err, &hook): // before a step of the program that starts it
		e.Code, e.Step, e.Path = CodeHook, "run-hooks", "hooks."+hook.Kind+"["+strconv.Itoa(hook.Index)+"]"
	case errors.As(err, &step):
		e.Code, e.Step, e.Path, e.Hint = stepCode(step), step.Step, step.Origin, hint(step)
	case errors.As(err, &died):
		e.Code = CodeDied
	case errors.Is(err, state.ErrUnreadable):
		e.Hint = "rung delete --force " + e.ID + " removes what else tells of the container"
	case errors.As(err, &syntax):
		e.Code, e.Path, e.Hint = CodeConfig, syntax.Path, hintJSON
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		e.Code = CodePermission
	}
}

// stepCode is the code of a step of either half of a plan, by its name, and of one
// that serves several ends by the config's field that it comes from.
func stepCode(s *runtime.StepError) string {
	switch s.Step {
	case "root-open", "mount-fs", "mount-bind", "mount-data", "mount-attr", "clone-source", "propagation", "mask", "readonly-path", "pivot", "root-propagation", "root-readonly", "mkdir":
		return CodeMount
	case "mknod", "symlink":
		return CodeDevice
	case "open-namespace", "setns", "unshare", "fork", "spawn", "hostname", "domainname", "loopback-up", "root-ids":
		return CodeNamespace
	case "maps", "check-maps", "make-user-namespace", "sync-maps":
		return CodeIDMap
	case "move-devices":
		return CodeNetwork
	case "cgroup-create", "cgroup-limits", "cgroup-late-limits", "cgroup-delegate", "write-file":
		return CodeCgroup
	case "rdt-group":
		return CodeRdt
	case "identity", "bounding", "capset", "no-new-privileges":
		return CodePrivilege
	case "landlock-ruleset", "landlock-path", "landlock-port", "landlock-restrict":
		return CodeLandlock
	case "seccomp", "notify":
		return CodeSeccomp
	case "console":
		return CodeTerminal
	case "find-exec", "exec", "exec-host":
		return CodeExec
	case "run-hooks":
		return CodeHook
	case "rlimit", "scheduler", "io-priority", "affinity", "core-schedule", "personality", "memory-policy", "chdir", "setsid", "keyring", "home", "signals", "umask", "stdio-owner", "close-from", "attributes", "dumpable":
		return CodeProcess
	}
	switch field, _, _ := strings.Cut(s.Origin, "["); field {
	case "linux.sysctl":
		return CodeSysctl
	case "linux.timeOffsets":
		return CodeNamespace
	case "process.apparmorProfile", "process.selinuxLabel", "linux.mountLabel":
		return CodeLSM
	case "process.oomScoreAdj":
		return CodeProcess
	}
	return CodeSystem
}

// hint says what can be done about the mistakes that people make most.
func hint(s *runtime.StepError) string {
	switch {
	case s.Step == "" && stepCode(s) == CodeLSM:
		return "enable the security module on the host, or remove " + s.Origin + " from the config"
	case s.Step == "mount-fs" && errors.Is(s, unix.EPERM) && (s.Subject == "/sys" || s.Subject == "/proc"):
		return "in a user namespace " + s.Subject + " can be mounted only with a new " + spaceOf(s.Subject) + " namespace; bind the host's instead"
	case s.Step == "mount-bind" && errors.Is(s, unix.ENOENT):
		return "the source of the bind mount does not exist on the host"
	case s.Step == "find-exec" && errors.Is(s, unix.ENOENT):
		return "process.args[0] is looked up in the container's PATH, inside its root file system"
	case s.Step == "bounding" && errors.Is(s, unix.EPERM), s.Step == "capset" && errors.Is(s, unix.EPERM):
		return "the runtime itself lacks a capability that process.capabilities asks for"
	case s.Step == "keyring" && errors.Is(s, unix.EPERM):
		return "another user made a keyring of that name before: /proc/keys shows its owner, and it goes with that user's processes"
	case s.Step == "keyring" && errors.Is(s, unix.EDQUOT):
		return "raise /proc/sys/kernel/keys/maxkeys and maxbytes (root_maxkeys and root_maxbytes for root), or make containers without a session keyring"
	case strings.Contains(s.What, "cannot be id-mapped on Linux"):
		return "remove the mappings and the options idmap and ridmap of the mount, or change the owner of the files"
	case s.Step == "fork" && errors.Is(s, unix.ENOSPC):
		return "a limit in /proc/sys/user/max_*_namespaces is reached"
	}
	return ""
}

func spaceOf(target string) string {
	if target == "/sys" {
		return "network"
	}
	return "pid"
}
