package check

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/compile"
	"github.com/rung-oci/rung/libcontainer/internal/host"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// root looks at the root file system, and opens the view of the container's files.
func (c *checker) root() {
	const source = "config.md#root"
	if c.spec.Root == nil || c.spec.Root.Path == "" {
		return // the specification's own matter
	}
	c.rootfs = c.onHost(c.spec.Root.Path)
	fd, err := open(unix.AT_FDCWD, c.rootfs, 0)
	if err != nil {
		c.fatal("root.path", source, c.rootfs+": "+err.Error(), "make the directory, or unpack the image into it")
		return
	}
	var st unix.Stat_t
	if err := sys.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		sys.Close(fd)
		c.fatal("root.path", source, c.rootfs+" is not a directory", "name the directory that the image is unpacked in")
		return
	}
	c.view = &view{root: fd}
	for i := range c.spec.Mounts {
		m := &c.spec.Mounts[i]
		v := viewMount{at: compile.InContainer(m.Destination, c.rootfs)}
		if o, err := compile.ParseMount(m); err == nil && o.Remount {
			continue
		} else if err == nil && o.Bind && m.Source != "" && !o.CopySymlink {
			v.source = c.onHost(m.Source)
			if o.Optional && !exists(v.source) {
				continue
			}
		} else if err == nil && !o.Bind {
			// devices are made in /dev
			v.empty = m.Type == "tmpfs" && v.at != "/dev" && !slices.ContainsFunc(m.Options, func(o string) bool { return strings.Contains(o, "tmpcopyup") })
			v.kernel = m.Type == "proc" || m.Type == "sysfs"
		}
		c.view.mounts = append(c.view.mounts, v)
	}
}

func (c *checker) mounts() {
	for i := range c.spec.Mounts {
		m := &c.spec.Mounts[i]
		at := index("mounts", i)
		o, err := compile.ParseMount(m)
		if err != nil {
			continue
		}
		if o.Remount {
			c.remount(at, m)
			continue
		}
		if o.Bind {
			c.bind(at, m, &o)
		} else {
			c.newMount(at, m, &o)
		}
		if o.Idmap && c.opt.Rootless {
			c.fatal(at, "mount_setattr(2)", "an id-mapped mount needs CAP_SYS_ADMIN in the initial user namespace", "run rung as root, or change the owner of the files")
		} else if o.Idmap {
			c.mapped(at, m, &o)
		}
	}
}

// remount sees that there is something to be mounted again.
func (c *checker) remount(at string, m *specs.Mount) {
	if c.view == nil {
		return
	}
	there := c.under(m)
	defer there.close()
	if dest := compile.InContainer(m.Destination, c.rootfs); there.err == unix.ENOENT && !there.unknown && c.view.mountAt(dest) == nil { //nolint:errorlint // a bare errno
		c.fatal(at+".destination", "mount(2)", dest+" does not exist in the container: there is nothing to remount", "mount it before, or leave the option remount out")
	}
}

// mapped sees that the ids of the mount's file system can be mapped: that is for
// each to support (mount_setattr(2)). A new one is judged by its name.
func (c *checker) mapped(at string, m *specs.Mount, o *compile.Mount) {
	name, magic := m.Type, int64(0)
	if o.Bind {
		var fs unix.Statfs_t
		if sys.Statfs(c.onHost(m.Source), &fs) != nil {
			return
		}
		name, magic = "", int64(fs.Type)
	}
	for _, f := range [...]struct {
		name         string
		magic        int64
		major, minor int // 0: none does yet
	}{
		{"proc", unix.PROC_SUPER_MAGIC, 0, 0},
		{"sysfs", unix.SYSFS_MAGIC, 0, 0},
		{"devpts", unix.DEVPTS_SUPER_MAGIC, 0, 0},
		{"btrfs", unix.BTRFS_SUPER_MAGIC, 5, 15},
		{"f2fs", unix.F2FS_SUPER_MAGIC, 5, 18},
		{"erofs", unix.EROFS_SUPER_MAGIC_V1, 5, 19},
		{"tmpfs", unix.TMPFS_MAGIC, 6, 3},
		{"fuse", unix.FUSE_SUPER_MAGIC, 6, 12},
	} {
		if name != f.name && (magic == 0 || magic != f.magic) {
			continue
		}
		if f.major == 0 {
			c.fatal(at, "mount_setattr(2)", "a "+f.name+" cannot be id-mapped", "leave uidMappings and gidMappings of the mount out")
		} else {
			c.newer(at, "an id-mapped "+f.name, f.major, f.minor)
		}
	}
}

// bind looks at the source of a bind mount, and whether it fits what it is put on.
func (c *checker) bind(at string, m *specs.Mount, o *compile.Mount) {
	if m.Source == "" {
		return
	}
	name := c.onHost(m.Source)
	var st unix.Stat_t
	stat := unix.Stat
	if o.NoFollow {
		stat = unix.Lstat
	}
	if err := stat(name, &st); err != nil {
		switch {
		case err != unix.ENOENT && err != unix.ENOTDIR: //nolint:errorlint // bare errnos
			c.fatal(at+".source", "mount(2)", name+": "+err.Error(), "make it accessible to the runtime")
		case o.Optional:
		default:
			c.fatal(at+".source", "mount(2)", name+": "+err.Error(), "make it on the host, or add the option nofail")
		}
		return
	}
	if c.view == nil || o.CopySymlink {
		return
	}
	there := c.under(m)
	defer there.close()
	dest := compile.InContainer(m.Destination, c.rootfs)
	isDir := st.Mode&unix.S_IFMT == unix.S_IFDIR
	switch {
	case there.fd >= 0 && isDir != (there.mode&unix.S_IFMT == unix.S_IFDIR):
		what, other := "a directory", "a file"
		if !isDir {
			what, other = other, what
		}
		c.fatal(at+".destination", "mount(2)", "the source "+name+" is "+what+", "+dest+" in the container is "+other, "mount it elsewhere, or take away what is there")
	case there.fd < 0:
		c.missing(at, dest, &there)
	}
}

// under finds what a mount will be put on: the container's files without this mount
// and those after it.
func (c *checker) under(m *specs.Mount) place {
	dest := compile.InContainer(m.Destination, c.rootfs)
	before := *c.view
	for i := range before.mounts {
		if before.mounts[i].at == dest {
			before.mounts = before.mounts[:i]
			break
		}
	}
	return before.find(dest)
}

// missing notes a mount point that cannot be made: the runtime makes them where it
// can write.
func (c *checker) missing(at, dest string, p *place) {
	if p.unknown {
		c.missingInKernel(at, dest)
		return
	}
	if p.err == unix.ENOTDIR { //nolint:errorlint // a bare errno
		c.fatal(at+".destination", "mount(2)", dest+": "+p.path+" is not in a directory", "mount it elsewhere")
		return
	}
	if p.err != unix.ENOENT { //nolint:errorlint // a bare errno
		return
	}
	parent := c.view.find(path.Dir(p.path))
	defer parent.close()
	var fs unix.Statfs_t
	if parent.fd >= 0 && sys.Fstatfs(parent.fd, &fs) == nil && fs.Flags&unix.ST_RDONLY != 0 {
		c.fatal(at+".destination", "mkdir(2)", dest+" does not exist, and cannot be made on a read-only file system", "make it in the image")
	}
}

// missingInKernel is the same for one in a new procfs or sysfs, where nothing can be made. The host's has the same files, but
// for those of processes and of network devices.
func (c *checker) missingInKernel(at, dest string) {
	m, rest := c.view.inKernel(dest)
	if m == nil {
		return
	}
	first, _, _ := strings.Cut(rest, "/")
	kind := "/proc/"
	switch {
	case m.at == "/sys":
		kind = "/sys/"
	case m.at != "/proc":
		return
	}
	if _, err := strconv.Atoi(first); err == nil || first == "self" || first == "thread-self" || strings.HasPrefix(rest, "class/net/") || strings.HasPrefix(rest, "sys/net/") {
		return
	}
	if sys.Access(kind+rest, unix.F_OK) == unix.ENOENT { //nolint:errorlint // a bare errno
		c.fatal(at+".destination", "mount(2)", dest+" does not exist, and cannot be made in "+m.at, "correct the path")
	}
}

func (c *checker) newMount(at string, m *specs.Mount, o *compile.Mount) {
	dest := compile.InContainer(m.Destination, c.rootfs)
	if c.view != nil {
		there := c.under(m)
		if (m.Type == "proc" || m.Type == "sysfs") && there.fd >= 0 && there.linked {
			c.fatal(at+".destination", "CVE-2019-19921", dest+" in the root file system is a symbolic link: must be mounted on ordinary directory", "make a directory of it")
		} else if there.fd >= 0 && there.mode&unix.S_IFMT != unix.S_IFDIR && m.Type != "cgroup" {
			c.fatal(at+".destination", "mount(2)", dest+" in the container is not a directory", "mount it elsewhere")
		} else if there.fd < 0 {
			c.missing(at, dest, &there)
		}
		there.close()
	}
	switch m.Type {
	case "", "none", "cgroup", "cgroup2":
		return
	}
	known, block := fileSystem(m.Type)
	if !known && o.Optional {
		return
	}
	if !known {
		c.fatal(at+".type", "/proc/filesystems", "the kernel has no file system "+strconv.Quote(m.Type), "load its module, or correct the name")
		return
	}
	if block && path.IsAbs(m.Source) {
		var st unix.Stat_t
		if err := sys.Stat(m.Source, &st); err != nil {
			c.fatal(at+".source", "mount(2)", m.Source+": "+err.Error(), "name the block device that has the file system")
		} else if st.Mode&unix.S_IFMT != unix.S_IFBLK {
			c.fatal(at+".source", "mount(2)", m.Source+" is no block device", "attach it to a loop device, or bind it")
		}
	}
	if m.Type == "overlay" {
		c.overlay(at, m)
	} else if !block {
		c.fileSystemOptions(at, m)
	}
}

// overlay looks at the directories of an overlay
// (Documentation/filesystems/overlayfs.rst).
func (c *checker) overlay(at string, m *specs.Mount) {
	layers := func(o string) bool {
		return strings.HasPrefix(o, "lowerdir") || strings.Contains(o, ",lowerdir") || strings.HasPrefix(o, "datadir")
	}
	if !slices.ContainsFunc(m.Options, layers) {
		c.fatal(at+".options", "overlayfs", "an overlay needs lowerdir=", "name the directories below it, separated by colons")
	}
	for i, option := range m.Options {
		name, value, _ := strings.Cut(option, "=")
		var dirs []string
		switch name {
		case "lowerdir":
			if strings.Contains(value, "\\") {
				continue
			}
			dirs = strings.Split(value, ":")
		case "upperdir", "workdir":
			dirs = []string{value}
		}
		for _, d := range dirs {
			var st unix.Stat_t
			if !path.IsAbs(d) {
				continue
			}
			if err := sys.Stat(d, &st); err != nil {
				c.fatal(index(at+".options", i), "overlayfs", name+": "+d+": "+err.Error(), "make the directory")
			} else if st.Mode&unix.S_IFMT != unix.S_IFDIR {
				c.fatal(index(at+".options", i), "overlayfs", name+": "+d+" is not a directory", "name a directory")
			}
		}
	}
}

// fileSystem says whether the kernel has a file system or could load it, and
// whether it needs a block device.
func fileSystem(name string) (known, block bool) {
	name, _, _ = strings.Cut(name, ".") // fuse.sshfs is a fuse
	text, err := host.ReadSmall("/proc/filesystems")
	if err != nil {
		return true, false
	}
	for line := range strings.Lines(text) {
		flags, fs, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if ok && fs == name {
			return true, flags != "nodev"
		}
	}
	aliases, err := host.ReadSmall("/lib/modules/" + host.Kernel() + "/modules.alias")
	return err == nil && strings.Contains(aliases, "\nalias fs-"+name+" "), false
}
