// Package state keeps what must be known of a container after the command that
// made it has ended: one directory a container, state.json in it written as a
// temporary file and renamed under a lock, not synced (docs/adr/0008). A first record, the intent,
// is written before any kernel object exists. Status is never stored: it is
// computed from the process that the record names.
package state

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
)

// Schema is the number of the record's form. A reader refuses higher ones, and reads lower ones: schema 1
// had no checksum and none of the members of appendNew.
const Schema = 2

// Phases of a container's record.
const (
	PhaseIntent  = "intent"  // create is at work, or was killed
	PhaseCreated = "created" // complete
)

// State is the record of one container.
type State struct {
	Schema       int
	OCIVersion   string
	ID           string
	Bundle       string // absolute
	Rootfs       string // absolute
	Phase        string
	Created      string // RFC 3339, UTC
	Owner        string
	Annotations  map[string]string
	Pid          int    // of the init, in the runtime's pid namespace
	StartTime    uint64 // field 22 of /proc/<pid>/stat, clock ticks: tells a later process of the same pid
	CreatorPid   int
	CreatorStart uint64
	CgroupDriver string
	Unit         string // of systemd, when that is the driver
	UserUnit     bool   // of the user's manager
	Cgroups      []Cgroup
	Poststart    bool // the config has hooks of that kind
	Poststop     bool
	StartHooks   bool // startContainer
	Notify       bool // the seccomp filter has a listener
	OwnPidSpace  bool // the container's pid namespace is its own: killing the init kills all
	Rootless     bool
	NoNewKeyring bool   // the container is in its creator's session keyring
	Keyring      string // name of the session keyring, if it is not that of older records: "_ses." and the id
	PidFile      string
	RdtClass     string // directory of resctrl that the container is in
	RdtMonitor   string // the same, of its monitoring group, which goes with it
	RdtOwn       bool   // the class goes with it too
	Dir          string // the container's own directory, by the name that create had for it
	ConfigSum    string // checksums of config.json, see HasConfig
	Marked       bool   // the cgroups bear the container's mark
	TimeSpace    bool   // restored: criu has put the container into a time namespace, which the config has not

	summed bool // it has members of schema 2
}

// Cgroup is the container's directory in one hierarchy.
type Cgroup struct {
	Name string // directory below /sys/fs/cgroup; empty for pure cgroup v2
	Path string // absolute, on the host
	V2   bool
}

// Append renders the record as JSON, with its checksum.
func (s *State) Append(dst []byte) []byte {
	start := len(dst)
	text := func(name, v string) {
		dst = jsonscan.AppendKey(dst, name)
		dst = jsonscan.AppendString(dst, v)
	}
	number := func(name string, v int) {
		dst = jsonscan.AppendKey(dst, name)
		dst = jsonscan.AppendInt(dst, int64(v))
	}
	ticks := func(name string, v uint64) {
		dst = jsonscan.AppendKey(dst, name)
		dst = jsonscan.AppendUint(dst, v)
	}
	flag := func(name string, v bool) {
		if v {
			dst = jsonscan.AppendKey(dst, name)
			dst = jsonscan.AppendBool(dst, v)
		}
	}
	dst = append(dst, '{')
	number("schema", s.Schema)
	text("ociVersion", s.OCIVersion)
	text("id", s.ID)
	text("bundle", s.Bundle)
	text("rootfs", s.Rootfs)
	text("phase", s.Phase)
	text("created", s.Created)
	text("owner", s.Owner)
	if len(s.Annotations) > 0 {
		dst = jsonscan.AppendKey(dst, "annotations")
		dst = jsonscan.AppendStringMap(dst, s.Annotations)
	}
	number("init_process_pid", s.Pid)
	ticks("init_process_start", s.StartTime)
	number("creator_pid", s.CreatorPid)
	ticks("creator_start", s.CreatorStart)
	text("cgroup_driver", s.CgroupDriver)
	text("unit", s.Unit)
	flag("user_unit", s.UserUnit)
	dst = jsonscan.AppendKey(dst, "cgroups")
	dst = append(dst, '[')
	for _, g := range s.Cgroups {
		dst = append(jsonscan.AppendComma(dst), '{')
		text("name", g.Name)
		text("path", g.Path)
		flag("v2", g.V2)
		dst = append(dst, '}')
	}
	dst = append(dst, ']')
	flag("poststart", s.Poststart)
	flag("poststop", s.Poststop)
	flag("start_hooks", s.StartHooks)
	flag("notify", s.Notify)
	flag("own_pid_namespace", s.OwnPidSpace)
	flag("rootless", s.Rootless)
	flag("no_new_keyring", s.NoNewKeyring)
	flag("time_namespace", s.TimeSpace)
	for _, f := range [...]struct{ name, value string }{{"keyring", s.Keyring}, {"pid_file", s.PidFile}, {"rdt_class", s.RdtClass}, {"rdt_monitor", s.RdtMonitor}} {
		if f.value != "" {
			text(f.name, f.value)
		}
	}
	flag("rdt_own", s.RdtOwn)
	if s.Schema < 2 {
		return append(dst, '}', '\n')
	}
	return appendSum(s.appendNew(dst), start)
}

// ErrUnreadable is found in the error about a record that is there and cannot be
// understood: damaged, or of a newer form. See Entry.Salvage.
var ErrUnreadable = errors.New("the record cannot be understood")

// recordError is ErrUnreadable with a text that says more.
type recordError struct{ error }

func (e *recordError) Is(target error) bool { return target == ErrUnreadable }
func (e *recordError) Unwrap() error        { return e.error }

// Parse reads a record. file names it in errors, which are ErrUnreadable.
func Parse(file string, raw []byte) (*State, error) {
	s, err := parse(raw)
	if s.Schema > Schema {
		// first of all: what a newer form means by a member is not known here
		return nil, &recordError{fmt.Errorf("%s was written by a newer rung (schema %d, this one knows %d)", file, s.Schema, Schema)}
	}
	if err != nil {
		return nil, &recordError{fmt.Errorf("%s is damaged: %w", file, err)}
	}
	if s.Schema < 1 || s.ID == "" {
		return nil, &recordError{fmt.Errorf("%s is damaged: it has no schema or id", file)}
	}
	if s.Schema == 1 && s.summed {
		err = errNotWhole // the number was typed over
	}
	if s.Schema > 1 {
		err = whole(raw)
	}
	if err != nil {
		return nil, &recordError{fmt.Errorf("%s is damaged: %w", file, err)}
	}
	s.summed = false
	return s, nil
}

// parse reads as far as it can.
func parse(raw []byte) (*State, error) {
	sc := jsonscan.New(string(raw))
	s := &State{}
	if sc.Object() {
		for sc.Member() {
			s.member(&sc)
		}
	}
	return s, sc.End()
}

func (s *State) member(sc *jsonscan.Scanner) {
	switch name := sc.Name(); name {
	case "ociVersion", "id", "bundle", "rootfs", "phase", "created", "owner", "cgroup_driver", "unit", "keyring", "pid_file", "rdt_class", "rdt_monitor", "directory", "config_sum":
		if v, ok := sc.String(); ok {
			*s.text(name) = strings.Clone(v)
		}
	case "sum":
		sc.Skip() // of the bytes, not of what they mean: see whole
		s.summed = true
	case "marked":
		s.Marked, _ = sc.Bool()
	case "schema", "init_process_pid", "creator_pid":
		if v, ok := sc.Int(32); ok {
			*s.number(name) = int(v)
		}
	case "init_process_start":
		s.StartTime, _ = sc.Uint(64)
	case "creator_start":
		s.CreatorStart, _ = sc.Uint(64)
	case "annotations":
		s.Annotations, _ = sc.StringMap()
	case "cgroups":
		s.Cgroups = nil // of two members of one name the later holds
		if sc.Array() {
			for sc.Element() {
				s.Cgroups = append(s.Cgroups, parseCgroup(sc))
			}
		}
	case "poststart":
		s.Poststart, _ = sc.Bool()
	case "poststop":
		s.Poststop, _ = sc.Bool()
	case "start_hooks":
		s.StartHooks, _ = sc.Bool()
	case "notify":
		s.Notify, _ = sc.Bool()
	case "rdt_own":
		s.RdtOwn, _ = sc.Bool()
	case "own_pid_namespace":
		s.OwnPidSpace, _ = sc.Bool()
	case "rootless":
		s.Rootless, _ = sc.Bool()
	case "user_unit":
		s.UserUnit, _ = sc.Bool()
	case "no_new_keyring":
		s.NoNewKeyring, _ = sc.Bool()
	case "time_namespace":
		s.TimeSpace, _ = sc.Bool()
	default:
		sc.Skip()
	}
}

func (s *State) text(name string) *string {
	switch name {
	case "ociVersion":
		return &s.OCIVersion
	case "id":
		return &s.ID
	case "bundle":
		return &s.Bundle
	case "rootfs":
		return &s.Rootfs
	case "phase":
		return &s.Phase
	case "created":
		return &s.Created
	case "owner":
		return &s.Owner
	case "cgroup_driver":
		return &s.CgroupDriver
	case "unit":
		return &s.Unit
	case "keyring":
		return &s.Keyring
	case "rdt_class":
		return &s.RdtClass
	case "rdt_monitor":
		return &s.RdtMonitor
	case "directory":
		return &s.Dir
	case "config_sum":
		return &s.ConfigSum
	}
	return &s.PidFile
}

func (s *State) number(name string) *int {
	switch name {
	case "schema":
		return &s.Schema
	case "init_process_pid":
		return &s.Pid
	}
	return &s.CreatorPid
}

func parseCgroup(sc *jsonscan.Scanner) (g Cgroup) {
	if !sc.Object() {
		return g
	}
	for sc.Member() {
		switch sc.Name() {
		case "name":
			g.Name, _ = sc.String()
		case "path":
			g.Path, _ = sc.String()
		case "v2":
			g.V2, _ = sc.Bool()
		default:
			sc.Skip()
		}
	}
	return g
}
