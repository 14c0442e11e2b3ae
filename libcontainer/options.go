// Package libcontainer creates and runs OCI containers on Linux: one call for
// each operation of the runtime-spec, and those that engines add.
//
// The package decides with pure code (package compile turns a config into a
// plan) and acts by carrying that plan out. The container's init is a program of
// its own, embedded in the binary (package nsenter/elf): it is compiled before
// the Go code is, by nsenter/build.
package libcontainer

import (
	"os"

	"github.com/rung-oci/rung/libcontainer/internal/host"
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
	PreserveFDs   int    // descriptors from 3 on that the process keeps, besides ListenFDs
	ListenFDs     int    // descriptors from 3 on of sd_listen_fds(3)
	Rootless      string // "auto", "true" or "false"
	NotifySocket  string // the host's NOTIFY_SOCKET

	Warn  func(text string)
	Debug func(text string)
	Trace *Trace // what was done is added to it; may be nil
}

// RunOptions is CreateOptions with what only run knows.
type RunOptions struct {
	CreateOptions
	Detach      bool
	Keep        bool // leave the container, stopped, for delete
	NoSubreaper bool
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
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		if os.Geteuid() != 0 || os.Getenv("USER") != "root" && host.Rootless() {
			return dir + "/rung"
		}
	}
	return "/run/rung"
}
