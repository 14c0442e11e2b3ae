// Package libcontainer creates and runs OCI containers on Linux: one call for
// each operation of the runtime-spec, and those that engines add.
//
// # Using it
//
// [Create] makes a container from a bundle, [Container.Start] runs its process,
// [Load] finds it again, from any process, by its root and id. The init is a
// child of the process that called Create, which waits for it (os.FindProcess
// of State().Pid, before Start) and so has its exit status; whoever does not outlive it leaves
// that to init(1) or a subreaper.
//
// The container's first process starts from a small program in C, which has to be
// compiled with the program that uses this package: "go tool
// github.com/rung-oci/rung/nsenter/build -o init" writes it, and elf.Use (package
// nsenter/elf) hands it over. Nothing is executed again, and nothing happens
// before main. docs/library.md has a whole program.
//
// [Run], [Restore] and [Container.Exec], without Detach, are for programs that do
// nothing else meanwhile: they take the process's signals and hand them on. In a
// program with more to do, use Create, and Exec with Detach.
//
// Starting a process marks every descriptor of the calling process from 3 on
// close-on-exec, as Go's own are. When an init dies while it is being made,
// children of the calling process that have ended by then are waited for, whoever
// started them.
//
// # What is stable
//
// Within a major version: the functions and types here, the Code constants, the
// Err variables, the JSON of [State.AppendJSON], [Event.AppendJSON],
// [Findings.AppendJSON] and [AppendFeatures], and the record on disk, which newer
// versions read. Fields may be added to structs: name the fields of literals. Not
// stable are the texts of errors, findings and hints, and the output of
// [PlanText].
//
// The package decides with pure code (package compile turns a config into a
// plan) and acts by carrying that plan out; docs/ARCHITECTURE.md has the rest.
package libcontainer

import (
	"os"

	"github.com/rung-oci/rung/libcontainer/internal/host"
	"github.com/rung-oci/rung/libcontainer/internal/state"
)

// CreateOptions is what a command adds to the bundle's config.
type CreateOptions struct {
	Root          string // state directory; see DefaultRoot
	ID            string
	Bundle        string // absolute path of the bundle
	ConfigFile    string // instead of <bundle>/config.json
	ConsoleSocket string // AF_UNIX socket that receives the terminal's master
	PidFile       string
	PidfdSocket   string // AF_UNIX socket that receives a pidfd of the init
	NoPivot       bool   // MS_MOVE and chroot in place of pivot_root
	NoNewKeyring  bool   // stay in the caller's session keyring
	SystemdCgroup bool
	NoCgroups     bool   // no cgroup is made: the container is in the caller's, and limits are refused
	PreserveFDs   int    // descriptors from 3 on that the process keeps, besides ListenFDs
	ListenFDs     int    // descriptors from 3 on of sd_listen_fds(3)
	Rootless      string // "auto", "true" or "false"
	NotifySocket  string // the host's NOTIFY_SOCKET

	// Stdin, Stdout and Stderr are the process's where it has no terminal; nil is this process's own. Each is an open
	// file, which may be closed when the container is created.
	Stdin, Stdout, Stderr *os.File

	Warn  func(text string)
	Debug func(text string)
	Trace *Trace // what was done is added to it; may be nil

	// CatchSignals has SIGTERM, SIGINT and SIGHUP end the operation, with everything undone and an error that
	// InterruptedBy knows, in place of this process. They stay caught. It is for programs that do nothing else.
	CatchSignals bool
}

// RunOptions is CreateOptions with what only run knows.
type RunOptions struct {
	CreateOptions
	Detach      bool
	Keep        bool // leave the container, stopped, for delete
	NoSubreaper bool
}

// stdio is the descriptors of the files, or this process's own.
func stdio(in, out, errs *os.File) (fds [3]int) {
	for i, f := range [...]*os.File{in, out, errs} {
		fds[i] = i
		if f != nil {
			fds[i] = int(f.Fd())
		}
	}
	return fds
}

func (o *CreateOptions) warn(text string) {
	if o.Warn != nil {
		o.Warn(text)
	}
}

func (o *CreateOptions) debug(text string) {
	if o.Debug != nil {
		o.Debug(text)
	}
}

// DefaultRoot is where state is kept when no root is named: /run/rung, or
// $XDG_RUNTIME_DIR/rung for a caller who is not root, and for one who is root of
// a user namespace that an engine without privileges has made for itself ($USER
// is then still somebody else).
func DefaultRoot() string {
	return state.DefaultRoot(os.Geteuid(), os.Getenv, host.Rootless)
}
