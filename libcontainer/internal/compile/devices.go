package compile

import (
	"path"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"golang.org/x/sys/unix"
)

// defaultDevices must exist in every container (config-linux.md, Default
// Devices). /dev/console comes with the terminal, /dev/ptmx is a link.
var defaultDevices = [...]struct {
	path         string
	major, minor uint64
}{
	{"/dev/null", 1, 3}, {"/dev/zero", 1, 5}, {"/dev/full", 1, 7}, {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},
}

// deviceOps makes the default devices and then the configured ones. A
// configured one takes the place of a default one of the same path. bind says
// that nodes cannot be made (a user namespace): the host's are bound.
func deviceOps(devs []specs.LinuxDevice, bind bool) []plan.InitOp {
	flags := plan.NodeBindOnDenied
	if bind {
		flags = plan.NodeBind
	}
	ops := make([]plan.InitOp, len(defaultDevices), len(defaultDevices)+len(devs))
	for i, d := range defaultDevices {
		ops[i] = plan.InitOp{
			Origin: "linux.devices",
			Op:     &plan.Mknod{Path: d.path, Mode: unix.S_IFCHR | 0o666, Major: d.major, Minor: d.minor, Flags: flags},
		}
	}
	for i := range devs {
		op := deviceOp(&devs[i], flags)
		if op.Path == "/dev/ptmx" {
			continue // devLinks makes it: the container's own, whatever an engine copied from its host
		}
		made := plan.InitOp{Origin: at("linux.devices", i), Op: op}
		if n := defaultDevice(op.Path); n >= 0 {
			ops[n] = made
			continue
		}
		ops = append(ops, made)
	}
	return ops
}

// defaultDevice gives the index of the default device at a path, or -1.
func defaultDevice(p string) int {
	for i := range defaultDevices {
		if defaultDevices[i].path == p {
			return i
		}
	}
	return -1
}

func deviceOp(d *specs.LinuxDevice, flags plan.NodeFlag) *plan.Mknod {
	kind := deviceType(d.Type)
	op := &plan.Mknod{Path: path.Clean("/" + d.Path), Mode: kind | 0o666, Flags: flags}
	if d.FileMode != nil {
		// the config's number is that of mknod(2), often with the file type in it; os.FileMode has other bits for set-id
		op.Mode = kind | uint64(*d.FileMode)&0o7777
	}
	if kind != unix.S_IFIFO {
		op.Major, op.Minor = uint64(d.Major), uint64(d.Minor)
	}
	if d.UID != nil {
		op.UID = uint64(*d.UID)
	}
	if d.GID != nil {
		op.GID = uint64(*d.GID)
	}
	return op
}

// delegateNodes has the runtime make the nodes of configured devices in a user
// namespace, where the init can make none: by their numbers, as the host may lack
// the path, and with owner and mode of the config. The default devices stay binds
// of the host's, which every user may use.
func (c *compiler) delegateNodes(ops []plan.InitOp) []plan.InitOp {
	if !c.ns.user() || c.facts.Rootless || c.facts.Capabilities != 0 && c.facts.Capabilities&(1<<unix.CAP_MKNOD) == 0 {
		return ops
	}
	uids, err := idMap(hasLinux(c.spec).UIDMappings)
	if err != nil {
		return ops
	}
	gids, err := idMap(hasLinux(c.spec).GIDMappings)
	if err != nil || len(uids) == 0 || len(gids) == 0 {
		return ops // a joined namespace, whose mapping the config does not have
	}
	for i := range ops {
		op := ops[i].Op.(*plan.Mknod)
		if ops[i].Origin == "linux.devices" || op.Mode&unix.S_IFMT == unix.S_IFIFO {
			continue
		}
		uid, ok := uids.ToHost(uint32(op.UID))
		if !ok && op.UID != 0 {
			c.warn(ops[i].Origin + ".uid: not set: user " + strconv.FormatUint(op.UID, 10) + " is not mapped by linux.uidMappings")
		}
		gid, ok := gids.ToHost(uint32(op.GID))
		if !ok && op.GID != 0 {
			c.warn(ops[i].Origin + ".gid: not set: group " + strconv.FormatUint(op.GID, 10) + " is not mapped by linux.gidMappings")
		}
		op.UID, op.GID, op.Flags = uint64(uid), uint64(gid), plan.NodeDelegate
		if c.facts.SELinux {
			op.Context = hasLinux(c.spec).MountLabel
		}
	}
	return ops
}

// deviceType gives the file type of c, b, p, and of u, an unbuffered (that is,
// character) device in mknod(1).
func deviceType(t string) uint64 {
	switch t {
	case "b":
		return unix.S_IFBLK
	case "p":
		return unix.S_IFIFO
	}
	return unix.S_IFCHR
}

// devLinks makes the links that runtime-linux.md wants, /dev/core, which people
// expect, and /dev/ptmx, which leads to the container's own devpts.
func devLinks() []plan.InitOp {
	links := [...][2]string{
		{"/proc/self/fd", "/dev/fd"}, {"/proc/self/fd/0", "/dev/stdin"}, {"/proc/self/fd/1", "/dev/stdout"}, {"/proc/self/fd/2", "/dev/stderr"},
		{"/proc/kcore", "/dev/core"},
	}
	ops := make([]plan.InitOp, 0, len(links)+1)
	for _, l := range links {
		ops = append(ops, plan.InitOp{Op: &plan.Symlink{To: l[0], Path: l[1], Flags: plan.NodeExistOK}})
	}
	return append(ops, plan.InitOp{Op: &plan.Symlink{To: "pts/ptmx", Path: "/dev/ptmx", Flags: plan.NodeReplace}})
}
