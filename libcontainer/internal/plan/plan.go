package plan

import (
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
)

// Plan is all that creating one container takes: what the runtime does, in
// order, and what the init does, in order. It is data; printing it is the dry
// run.
type Plan struct {
	ID      string
	Bundle  string // absolute
	Rootfs  string // absolute
	Runtime []Step
	Init    Program
}

// Step is one step of the runtime half.
type Step struct {
	Origin string // JSON path of the config field that it comes from
	Do     Action
}

// Action is what a step does. The set is closed: see the types of this file.
type Action interface {
	describe(*describer)
	label() Label
}

// Label is what a step of either half of a plan is called, in plans and in errors, and the code of its errors: one of
// libcontainer's Codes, or "" where that depends on the field of the config that the step comes from. Labels are
// written without keys, so that a step without a code does not compile.
type Label struct{ Name, Code string }

// Intent records that the container is being made and what will be made for
// it, before any kernel object exists, so that delete finds it all at whatever
// instant the runtime is killed.
type Intent struct{}

// OpenNamespace opens a namespace file to be joined.
type OpenNamespace struct {
	FD   FD
	Path string
	Type uint64 // CLONE_NEW* bit
}

// MakeUserNamespace makes a user namespace that exists only for its mapping:
// idmapped mounts take it from there (mount_setattr(2)).
type MakeUserNamespace struct {
	FD         FD
	UIDs, GIDs IDMap
}

// GateListen makes the socket that start connects to.
type GateListen struct{ FD FD }

// Spawn starts the init program from sealed memory (CVE-2019-5736), in new namespaces and, on cgroup v2, in its
// control group (clone3(2)).
type Spawn struct {
	Clone       uint64 // CLONE_NEW* bits
	IntoCgroup  bool
	PreserveFDs int // descriptors from 3 on that the caller hands to the process
	// PipesOwner is the user of the host that pipes among the standard streams are given to before; 0: they are left
	// alone. The init cannot do it: its user namespace does not map the owner of the caller's pipes.
	PipesOwner uint32
}

// Serve lets the init go on and answers it until it reaches a point: id maps,
// delegated opens, the terminal.
type Serve struct {
	Until         Point
	UIDs, GIDs    IDMap // empty: no new user namespace
	UseTools      bool  // newuidmap(1) and newgidmap(1): the runtime has no privileges
	DenySetgroups bool  // user_namespaces(7): required before gid_map without CAP_SETGID
	Terminal      bool
}

// Point is where a Serve ends.
type Point uint8

// The points.
const (
	UntilReady   Point = iota // the init waits for its start
	UntilHooks                // SyncHooks
	UntilNetwork              // SyncNetwork
	UntilCgroup               // SyncCgroup
)

var pointNames = [...]string{"ready", "hooks", "network", "cgroup"}

// String names the point as plans print it.
func (p Point) String() string { return enumName(pointNames[:], uint32(p)) }

// Hook is one hook of the config.
type Hook struct {
	Path    string
	Args    []string
	Env     []string
	Timeout time.Duration // 0: none
	More    []string      // added to the environment, whichever that is: of a trace
}

// MoveDevices moves network devices into the init's network namespace.
type MoveDevices struct{ Devices []NetDevice }

// NetDevice is one network device of the config.
type NetDevice struct {
	Name string // in the runtime's network namespace
	As   string // in the container's; %d in it is a number that the kernel chooses
}

// CheckMaps holds the id maps of a user namespace that was joined against those
// of the config.
type CheckMaps struct{ UIDs, GIDs IDMap }

// RdtGroup makes, or checks, the class of service and the monitoring group that
// the init joins (resctrl).
type RdtGroup struct {
	Root    string // where resctrl is mounted
	Class   string // directory of the class
	Own     bool   // the class is the container's own, and goes with it
	Monitor string // directory of the monitoring group, or empty
	L3, MB  string // lines of its schemata
	Lines   []string
}

// RunHooks runs hooks of one kind, in order.
type RunHooks struct {
	Kind  string
	Hooks []Hook
	Enter uint64 // CLONE_NEW* bits of the container's namespaces that the hooks run in; 0: the runtime's
	Dir   string // their working directory
	// Stdout and Stderr are files of the host that their output is appended to; empty: it is kept for errors.
	Stdout, Stderr string
}

// Attributes sets from outside what the init itself may not: in a user
// namespace it lacks the privileges of the host.
type Attributes struct {
	Rlimits   []Rlimit
	Scheduler *Scheduler
}

// Notify says where the seccomp listener goes.
type Notify struct{ Path, Metadata string }

// SaveState writes the state that other commands read.
type SaveState struct{}

// KeepConfig keeps the config as it is now, while the init is at work.
type KeepConfig struct{}

// WritePidFile writes the pid of the init as the runtime sees it.
type WritePidFile struct{ Path string }

// SendPidfd gives a pidfd of the process to whoever listens at a socket.
type SendPidfd struct{ Socket string }

// Release lets the init go on to its gate.
type Release struct{}

// Start gives the order to run the process.
type Start struct{}

func (Intent) label() Label            { return Label{"intent", "system"} }
func (OpenNamespace) label() Label     { return Label{"open-namespace", "namespace"} }
func (MakeUserNamespace) label() Label { return Label{"make-user-namespace", "idmap"} }
func (GateListen) label() Label        { return Label{"gate-listen", "system"} }
func (Spawn) label() Label             { return Label{"spawn", "namespace"} }
func (Serve) label() Label             { return Label{"serve", "system"} }
func (MoveDevices) label() Label       { return Label{"move-devices", "network"} }
func (CheckMaps) label() Label         { return Label{"check-maps", "idmap"} }
func (RdtGroup) label() Label          { return Label{"rdt-group", "rdt"} }
func (RunHooks) label() Label          { return Label{"run-hooks", "hook"} }
func (Attributes) label() Label        { return Label{"attributes", "process"} }
func (Notify) label() Label            { return Label{"notify", "seccomp"} }
func (KeepConfig) label() Label        { return Label{"keep-config", "system"} }
func (SaveState) label() Label         { return Label{"save-state", "system"} }
func (WritePidFile) label() Label      { return Label{"pid-file", "system"} }
func (SendPidfd) label() Label         { return Label{"send-pidfd", "system"} }
func (Release) label() Label           { return Label{"release", "system"} }
func (Start) label() Label             { return Label{"start", "system"} }

func (Intent) describe(*describer) {}
func (a OpenNamespace) describe(d *describer) {
	d.fd("fd", a.FD)
	d.str("path", a.Path)
	d.word("type", CloneNames(a.Type))
}

func (a MakeUserNamespace) describe(d *describer) {
	d.fd("fd", a.FD)
	d.word("uids", a.UIDs.String())
	d.word("gids", a.GIDs.String())
}
func (a GateListen) describe(d *describer) { d.fd("fd", a.FD) }
func (a Spawn) describe(d *describer) {
	d.word("clone", CloneNames(a.Clone))
	if a.IntoCgroup {
		d.word("into-cgroup", "yes")
	}
	if a.PreserveFDs > 0 {
		d.num("preserve-fds", int64(a.PreserveFDs))
	}
	if a.PipesOwner != 0 {
		d.num("pipes-owner", int64(a.PipesOwner))
	}
}

func (a Serve) describe(d *describer) {
	d.word("until", a.Until.String())
	d.word("uids", a.UIDs.String())
	d.word("gids", a.GIDs.String())
	if a.UseTools {
		d.word("with", "newuidmap|newgidmap")
	}
	if a.DenySetgroups {
		d.word("setgroups", "deny")
	}
	if a.Terminal {
		d.word("terminal", "yes")
	}
}

func (a MoveDevices) describe(d *describer) {
	for _, n := range a.Devices {
		d.str(n.Name, n.As)
	}
}

func (a CheckMaps) describe(d *describer) {
	d.word("uids", a.UIDs.String())
	d.word("gids", a.GIDs.String())
}

func (a RdtGroup) describe(d *describer) {
	d.str("class", a.Class)
	if a.Own {
		d.word("own", "yes")
	}
	d.str("monitor", a.Monitor)
	d.str("l3", a.L3)
	d.str("mb", a.MB)
	d.list("lines", a.Lines)
}

func (a RunHooks) describe(d *describer) {
	d.word("kind", a.Kind)
	d.word("enter", CloneNames(a.Enter))
	d.str("stdout", a.Stdout)
	d.str("stderr", a.Stderr)
	for i, h := range a.Hooks {
		d.list(strconv.Itoa(i), append([]string{h.Path}, h.Args...))
	}
}

func (a Attributes) describe(d *describer) {
	for _, r := range a.Rlimits {
		d.word("rlimit-"+strconv.FormatUint(r.Resource, 10), strconv.FormatUint(r.Soft, 10)+":"+strconv.FormatUint(r.Hard, 10))
	}
	if a.Scheduler != nil {
		d.op(a.Scheduler)
	}
}

func (a Notify) describe(d *describer) {
	d.str("path", a.Path)
	d.str("metadata", a.Metadata)
}
func (KeepConfig) describe(*describer)       {}
func (SaveState) describe(*describer)        {}
func (a WritePidFile) describe(d *describer) { d.str("path", a.Path) }
func (a SendPidfd) describe(d *describer)    { d.str("socket", a.Socket) }
func (Release) describe(*describer)          {}
func (Start) describe(*describer)            {}

// Find returns the first action of type T, and whether there is one.
func Find[T Action](p *Plan) (T, bool) {
	for _, s := range p.Runtime {
		if a, ok := s.Do.(T); ok {
			return a, true
		}
	}
	var none T
	return none, false
}

func describeAction(a Action) (string, []Field) {
	var d describer
	a.describe(&d)
	fields := make([]Field, len(d.keys))
	for i := range d.keys {
		fields[i] = Field{d.keys[i], d.values[i]}
	}
	return a.label().Name, fields
}

// ActionLine is the printed form of an action.
func ActionLine(a Action) string {
	name, fields := describeAction(a)
	return line(name, fields)
}

// WriteText prints the plan, one step a line, with the config path that each
// comes from at its end. Golden tests hold this form.
func (p *Plan) WriteText(w io.Writer) error {
	var b strings.Builder
	b.WriteString("container " + quoteIfNeeded(p.ID) + "\nbundle " + quoteIfNeeded(p.Bundle) + "\nrootfs " + quoteIfNeeded(p.Rootfs) + "\n\nruntime:\n")
	for i, s := range p.Runtime {
		writeStep(&b, i, ActionLine(s.Do), s.Origin)
	}
	b.WriteString("\ninit:\n")
	for i, o := range p.Init {
		writeStep(&b, i, Line(o.Op), o.Origin)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeStep(b *strings.Builder, i int, text, origin string) {
	n := strconv.Itoa(i)
	b.WriteString("  ")
	for range 3 - len(n) {
		b.WriteByte(' ')
	}
	b.WriteString(n)
	b.WriteString("  ")
	b.WriteString(text)
	if origin != "" {
		b.WriteString("    # ")
		b.WriteString(origin)
	}
	b.WriteByte('\n')
}

// WriteJSON prints the plan as one JSON object: id, bundle, rootfs, and the
// lists runtime and init of {"op", "fields", "origin"}.
func (p *Plan) WriteJSON(w io.Writer) error {
	b := []byte("{\n")
	b = appendPair(b, "  ", "id", p.ID, ",\n")
	b = appendPair(b, "  ", "bundle", p.Bundle, ",\n")
	b = appendPair(b, "  ", "rootfs", p.Rootfs, ",\n")
	b = append(b, "  \"runtime\": ["...)
	for i, s := range p.Runtime {
		name, fields := describeAction(s.Do)
		b = appendJSONStep(b, i, name, fields, s.Origin)
	}
	b = append(b, "\n  ],\n  \"init\": ["...)
	for i, o := range p.Init {
		name, fields := Describe(o.Op)
		b = appendJSONStep(b, i, name, fields, o.Origin)
	}
	b = append(b, "\n  ]\n}\n"...)
	_, err := w.Write(b)
	return err
}

func appendPair(b []byte, indent, key, value, end string) []byte {
	b = append(b, indent...)
	b = jsonscan.AppendString(b, key)
	b = append(b, ": "...)
	b = jsonscan.AppendString(b, value)
	return append(b, end...)
}

func appendJSONStep(b []byte, i int, name string, fields []Field, origin string) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	b = append(b, "\n    {"...)
	b = appendPair(b, "", "op", name, "")
	if len(fields) > 0 {
		b = append(b, `, "fields": {`...)
		for j, f := range fields {
			if j > 0 {
				b = append(b, ", "...)
			}
			b = appendPair(b, "", f.Key, f.Value, "")
		}
		b = append(b, '}')
	}
	if origin != "" {
		b = append(b, ", "...)
		b = appendPair(b, "", "origin", origin, "")
	}
	return append(b, '}')
}

// LabelOf gives an action's label.
func LabelOf(a Action) Label { return a.label() }
