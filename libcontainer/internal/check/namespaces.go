package check

import (
	"os/exec"
	"path"
	"slices"
	"strconv"

	"github.com/moby/sys/user"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/compile"
	"github.com/rung-oci/rung/libcontainer/internal/host"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// kernelName gives a kind of namespace as /proc/<pid>/ns and
// /proc/sys/user/max_*_namespaces call it.
func kernelName(t specs.LinuxNamespaceType) string { return host.NamespaceFile(compile.Namespace(t)) }

func (c *checker) namespaces() {
	for i, n := range c.linux.Namespaces {
		at := index("linux.namespaces", i)
		bit := compile.Namespace(n.Type)
		if bit == 0 {
			continue
		}
		name := kernelName(n.Type)
		switch {
		case !host.HasNamespace(name):
			c.fatal(at+".type", "namespaces(7)", "the kernel is built without "+string(n.Type)+" namespaces", "leave the namespace out, or use another kernel")
		case n.Path != "":
			c.join(at+".path", n, bit)
		case n.Type == specs.UserNamespace:
			if why := host.UserNamespaces(!c.opt.Unprivileged); why != "" {
				c.fatal(at, "user_namespaces(7)", "no user namespace can be made: "+why, "change the setting of the host")
			}
		case readFile("/proc/sys/user/max_"+name+"_namespaces") == "0":
			c.fatal(at, "namespaces(7)", "no "+string(n.Type)+" namespace can be made: /proc/sys/user/max_"+name+"_namespaces is 0", "change the setting of the host")
		case c.opt.Unprivileged && !c.userNS():
		case !c.userNS() && !c.has(unix.CAP_SYS_ADMIN):
			c.fatal(at, "namespaces(7)", "a new "+string(n.Type)+" namespace needs CAP_SYS_ADMIN, which the runtime lacks", "run rung with the capability, or add a user namespace")
		}
	}
}

// nsGetType is NS_GET_NSTYPE (ioctl_nsfs(2), Linux 4.11).
const nsGetType = 0xb703

// join looks at a namespace that is to be joined.
func (c *checker) join(at string, n specs.LinuxNamespace, bit uint64) {
	const source = "setns(2)"
	if !path.IsAbs(n.Path) {
		return
	}
	// first without access: to open a device can do something
	place, err := open(unix.AT_FDCWD, n.Path, 0)
	if err != nil {
		c.fatal(at, source, n.Path+": "+err.Error(), "the process or the file that keeps the namespace is gone: make it anew")
		return
	}
	defer sys.Close(place)
	var fs unix.Statfs_t
	if sys.Fstatfs(place, &fs) == nil && fs.Type != unix.NSFS_MAGIC {
		c.fatal(at, source, n.Path+" is no namespace", "name a file of /proc/<pid>/ns, or one that such a file is bound to")
		return
	}
	fd, err := sys.Openat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(place), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return // who may join it, the kernel will tell
	}
	defer sys.Close(fd)
	kind, err := sys.IoctlRetInt(fd, nsGetType)
	if err != nil {
		return
	}
	if uint64(uint32(kind)) != bit {
		c.fatal(at, source, n.Path+" is no "+string(n.Type)+" namespace", "name a file such as /proc/<pid>/ns/"+kernelName(n.Type))
		return
	}
	if same, err := host.IsOwnNamespace(fd, bit); err != nil || !same {
		return
	}
	if bit == unix.CLONE_NEWUSER {
		c.fatal(at, source, n.Path+" is the host's user namespace, which cannot be joined", "leave the entry out")
		return
	}
	c.add(Finding{Path: at, Source: source, Info: true, Message: n.Path + " is the host's own namespace", Hint: "what the container changes in it holds for the host too"})
}

func (c *checker) idMaps() {
	if c.made&unix.CLONE_NEWUSER == 0 {
		return
	}
	c.idMap("linux.uidMappings", c.linux.UIDMappings, "uid_map", "/etc/subuid", "newuidmap")
	c.idMap("linux.gidMappings", c.linux.GIDMappings, "gid_map", "/etc/subgid", "newgidmap")
}

type idRange struct{ first, size uint64 }

// idMap sees that the ids of the host exist in the runtime's own namespace, and
// that a runtime without privileges may use them (user_namespaces(7), newuidmap(1)).
func (c *checker) idMap(at string, maps []specs.LinuxIDMapping, file, sub, tool string) {
	own := unix.Geteuid()
	if file == "gid_map" {
		own = unix.Getegid()
	}
	var here []idRange
	mapped, _ := user.ParseIDMapFile("/proc/self/" + file)
	for _, m := range mapped {
		here = append(here, idRange{uint64(m.ID), uint64(m.Count)})
	}
	single := len(maps) == 1 && maps[0].Size == 1
	var allowed []idRange
	unprivileged := c.opt.Unprivileged // root of a user namespace writes all maps of its ids itself
	if unprivileged {
		allowed = append(subordinate(sub), idRange{uint64(own), 1})
	}
	for i, m := range maps {
		want := idRange{uint64(m.HostID), uint64(m.Size)}
		text := strconv.FormatUint(want.first, 10) + " to " + strconv.FormatUint(want.first+max(want.size, 1)-1, 10)
		switch {
		case len(here) > 0 && !within(want, here):
			c.fatal(index(at, i)+".hostID", "user_namespaces(7)", "ids "+text+" are not mapped in the runtime's own user namespace", "choose ids that /proc/self/"+file+" has")
		case unprivileged && !within(want, allowed):
			c.fatal(index(at, i)+".hostID", "newuidmap(1)", "ids "+text+" are not this user's", "add them to "+sub+", or map your own id "+strconv.Itoa(own))
		}
	}
	if unprivileged && !single && len(maps) > 0 {
		if _, err := exec.LookPath(tool); err != nil {
			c.fatal(at, "newuidmap(1)", tool+" is not installed, without which a user can map one id only", "install the package uidmap")
		}
	}
}

// subordinate gives the ids that a file like subuid(5) grants to the user.
func subordinate(file string) (list []idRange) {
	names := []string{strconv.Itoa(unix.Geteuid())}
	own, _ := user.ParsePasswdFileFilter("/etc/passwd", func(u user.User) bool { return u.Uid == unix.Geteuid() })
	for _, u := range own {
		names = append(names, u.Name)
	}
	granted, _ := user.ParseSubIDFileFilter(file, func(s user.SubID) bool { return slices.Contains(names, s.Name) })
	for _, s := range granted {
		list = append(list, idRange{uint64(s.SubID), uint64(s.Count)})
	}
	return list
}

// within says whether every id of a range is in the list. Ranges that follow each
// other count as one.
func within(r idRange, list []idRange) bool {
	for next, end := r.first, r.first+r.size; next < end; {
		found := false
		for _, l := range list {
			if next >= l.first && next < l.first+l.size {
				next, found = l.first+l.size, true
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}
