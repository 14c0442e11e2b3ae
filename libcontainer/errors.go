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

// coded gives an error that says enough by itself its code, and the field of the config and the hint if there are
// any.
type coded struct {
	error
	code, path, hint string
}

func (e *coded) Unwrap() error { return e.error }

func withCode(code string, err error) error {
	if err == nil {
		return nil
	}
	return &coded{error: err, code: code}
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
	var hint string
	if hint, e.Err = obstacle(err); hint != "" {
		e.Hint = hint
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
		e.Code, e.Path, e.Hint = own.code, own.path, own.hint
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
	case errors.As(err, &died):
		e.Code = CodeDied
	case errors.As(err, &step):
		e.Code, e.Step, e.Path, e.Hint = stepCode(step), step.Step.Name, step.Origin, hint(step)
	case errors.Is(err, state.ErrUnreadable):
		e.Hint = "rung delete --force " + e.ID + " removes what else tells of the container"
	case errors.As(err, &syntax):
		e.Code, e.Path, e.Hint = CodeConfig, syntax.Path, hintJSON
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		e.Code = CodePermission
	}
}
