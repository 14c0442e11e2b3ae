package criu

import (
	"os"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/mountinfo"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// KeepCgroup2 remembers the options of the host's cgroup2 (nsdelegate and others,
// cgroups(7)), and gives the function that puts them back if they have changed. criu
// mounts the file system for itself, without options, and they are one set for all
// its mounts: after a checkpoint by criu 3.17 a container in a group of its own could
// lift its own limits.
func KeepCgroup2() (restore func() error) {
	_, before := cgroup2Mount()
	return func() error {
		path, after := cgroup2Mount()
		if path == "" || after == before {
			return nil
		}
		fs, err := sys.Fspick(unix.AT_FDCWD, path, unix.FSPICK_CLOEXEC)
		if err != nil {
			return &os.PathError{Op: "fspick", Path: path, Err: err}
		}
		defer sys.Close(fs)
		for option := range strings.SplitSeq(before, ",") {
			if option == "rw" || option == "ro" {
				continue
			}
			if err := sys.FsconfigSetFlag(fs, option); err != nil {
				return &os.PathError{Op: "fsconfig " + option, Path: path, Err: err}
			}
		}
		if err := sys.FsconfigReconfigure(fs); err != nil {
			return &os.PathError{Op: "fsconfig", Path: path, Err: err}
		}
		return nil
	}
}

// cgroup2Mount is a place where cgroup2 is mounted, and the options that all its
// mounts share (proc_pid_mountinfo(5)).
func cgroup2Mount() (path, options string) {
	text, _ := sys.ReadFile("/proc/self/mountinfo")
	for m := range mountinfo.All(string(text)) {
		if m.Type == "cgroup2" && !m.Escaped {
			return m.Point, m.Options
		}
	}
	return "", ""
}
