package cgroup

import (
	"errors"
	"os"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// Delegate gives the cgroup v2 directory, and the files that the kernel lists for
// this (/sys/kernel/cgroup/delegate; cgroup-v2.rst, Delegation), to the user that
// executes the process, who can then make groups of its own below. The limits
// stay the host's. v1 groups cannot be delegated safely; nothing is done there.
func (g *Group) Delegate(uid int) error {
	d := g.v2()
	if d == nil || !g.onlyV2() {
		return nil
	}
	if err := sys.Lchown(d.Path, uid, -1); err != nil {
		return &os.PathError{Op: "give to the container", Path: d.Path, Err: err}
	}
	files, err := readFile("/sys/kernel/cgroup/delegate") // Linux 4.15
	if err != nil {
		files = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads"
	}
	for name := range strings.FieldsSeq(files) {
		file := d.Path + "/" + name
		// those of controllers that are not enabled are not there
		if err := sys.Lchown(file, uid, -1); err != nil && !errors.Is(err, unix.ENOENT) {
			return &os.PathError{Op: "give to the container", Path: file, Err: err}
		}
	}
	return nil
}
