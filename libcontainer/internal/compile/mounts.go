package compile

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"
	selinux "github.com/opencontainers/selinux/go-selinux/label"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/spec"
	"golang.org/x/sys/unix"
)

// filesystem is the part of the program from the first mount to the new root.
func (c *compiler) filesystem() error {
	l := hasLinux(c.spec)
	if c.ns.has(unix.CLONE_NEWNS) {
		c.emit("linux.rootfsPropagation", &plan.Propagation{Flags: initialPropagation(l.RootfsPropagation)})
	}
	c.emit("root.path", &plan.RootOpen{Path: c.rootfs, Flags: plan.MountRecursive | c.delegate(), IDMapFD: plan.NoFD})
	var late []plan.InitOp // read-only tmpfs that devices are still made in
	for i := range c.spec.Mounts {
		more, err := c.mount(at("mounts", i), &c.spec.Mounts[i])
		if err != nil {
			return fmt.Errorf("%s (%s): %w", at("mounts", i), c.spec.Mounts[i].Destination, err)
		}
		late = append(late, more...)
	}
	if c.opt.NotifyDir != "" {
		// The directory is in the runtime's state: the container may write to the socket in it, which
		// no flag of a mount forbids, and to nothing else.
		c.emit("", &plan.MountBind{
			Source: c.opt.NotifyDir, Target: c.opt.NotifyTarget, IDMapFD: plan.NoFD, Flags: c.delegate(),
			Set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC,
		})
	}
	dev := c.boundDev()
	if dev < 0 {
		c.emitAll(c.delegateNodes(deviceOps(l.Devices, c.ns.user() || c.facts.Rootless)))
		c.emitAll(devLinks())
	}
	if p := c.spec.Process; p != nil && p.Terminal {
		c.console(p, c.consoleFlags(dev))
	}
	if p := c.spec.Process; p != nil && path.Clean("/"+p.Cwd) != "/" {
		c.emit("process.cwd", &plan.Mkdir{Path: path.Clean("/" + p.Cwd), Mode: 0o755, Flags: plan.NodeExistOK})
	}
	if hasEarlyHooks(c.spec.Hooks) {
		c.emit("hooks", &plan.Sync{Point: plan.SyncHooks})
	}
	c.emitAll(late)
	for i, p := range l.ReadonlyPaths {
		c.emit(at("linux.readonlyPaths", i), &plan.ReadonlyPath{Path: c.inContainer(p), Flags: plan.NodeMissingOK | c.held(c.inContainer(p))})
	}
	for i, p := range l.MaskedPaths {
		if slices.Contains(l.MaskedPaths[:i], p) {
			continue
		}
		c.emit(at("linux.maskedPaths", i), &plan.Mask{Path: c.inContainer(p), Flags: plan.NodeMissingOK | c.held(c.inContainer(p))})
	}
	if c.spec.Root.Readonly {
		c.emit("root.readonly", &plan.RootReadonly{})
	}
	c.emit("root", &plan.Pivot{Mode: c.pivotMode()})
	// Of a private tree all is private already but what a mount's own options say, which stands.
	if p := l.RootfsPropagation; p != "" && p != "private" && p != "rprivate" && c.ns.has(unix.CLONE_NEWNS) {
		c.emit("linux.rootfsPropagation", &plan.RootPropagation{Flags: propagationFlag(p)})
	}
	return nil
}

// hold says whether the init keeps hold of a procfs or sysfs: when it is what
// the container has at /proc or /sys in the end. A neighbour that shares the
// root may give the directory below it another name while the container is
// made, and what is to be masked would be missing there, which is no error.
func (c *compiler) hold(m *specs.Mount) plan.MountFlag {
	target := "/" + strings.TrimSuffix(m.Type, "fs")
	if c.inContainer(m.Destination) != target {
		return 0
	}
	own := false
	for i := range c.spec.Mounts {
		other := &c.spec.Mounts[i]
		if other == m {
			own = true
		} else if dest := c.inContainer(other.Destination); own && (dest == target || dest == "/") {
			return 0 // covered
		}
	}
	if m.Type == "proc" {
		c.heldProc = true
		return plan.MountKeepProc
	}
	c.heldSys = true
	return plan.MountKeepSys
}

// held is the flag of an op on a path below a mount that the init holds.
func (c *compiler) held(p string) plan.NodeFlag {
	switch {
	case c.heldProc && strings.HasPrefix(p, "/proc/"):
		return plan.NodeInProc
	case c.heldSys && strings.HasPrefix(p, "/sys/"):
		return plan.NodeInSys
	}
	return 0
}

func (c *compiler) pivotMode() plan.PivotMode {
	switch {
	case !c.ns.has(unix.CLONE_NEWNS):
		return plan.PivotChroot
	case c.opt.NoPivot:
		return plan.PivotMove
	}
	return plan.PivotRoot
}

// initialPropagation is what the container's copy of the host's mounts gets
// before anything is mounted. Slave is the rule: mounts of the host go on to
// arrive, none goes back. A shared root asks for more.
func initialPropagation(p string) uint64 {
	switch p {
	case "private", "rprivate", "unbindable", "runbindable":
		return unix.MS_PRIVATE | unix.MS_REC
	case "shared", "rshared":
		return unix.MS_SHARED | unix.MS_REC
	}
	return unix.MS_SLAVE | unix.MS_REC
}

func propagationFlag(p string) uint64 {
	rec := uint64(0)
	if strings.HasPrefix(p, "r") {
		rec, p = unix.MS_REC, p[1:]
	}
	switch p {
	case "shared":
		return unix.MS_SHARED | rec
	case "slave":
		return unix.MS_SLAVE | rec
	case "unbindable":
		return unix.MS_UNBINDABLE | rec
	}
	return unix.MS_PRIVATE | rec
}

// delegate says when the runtime opens in place of the init: the ids of a user
// namespace may not walk the host's directories.
func (c *compiler) delegate() plan.MountFlag {
	if c.ns.user() && !c.facts.Unprivileged {
		return plan.MountDelegateOnDenied
	}
	return 0
}

// boundDev returns the index of the mount that makes /dev the host's or the
// user's own, or -1: nothing is made in such a directory.
func (c *compiler) boundDev() int {
	for i := range c.spec.Mounts {
		m := &c.spec.Mounts[i]
		if c.inContainer(m.Destination) != "/dev" {
			continue
		}
		if o, err := parseMountOptions(m.Options); err == nil && (o.bind || o.rbind || m.Type == "bind") {
			return i
		}
	}
	return -1
}

// consoleFlags says how the terminal comes to /dev/console: dev is the index of
// a bind mount on /dev, or -1. In a bind of the host's /dev (docker run -it
// --privileged -v /dev:/dev) /dev/console would be the host's. The terminal is
// mounted over that, unless the mount would propagate to the host's /dev.
func (c *compiler) consoleFlags(dev int) plan.ConsoleFlag {
	if dev < 0 {
		return plan.ConsoleBindDev
	}
	o, err := parseMountOptions(c.spec.Mounts[dev].Options)
	peer := !c.ns.has(unix.CLONE_NEWNS) || initialPropagation(hasLinux(c.spec).RootfsPropagation)&unix.MS_SHARED != 0
	if err == nil && peer && (o.propagation == 0 || o.propagation == unix.MS_SHARED) {
		c.warn("process.terminal: /dev/console is not the terminal but what " + at("mounts", dev) + " has there: mounts in it reach the host; add the option rprivate or rslave to this mount")
		return 0
	}
	return plan.ConsoleBindDev | plan.ConsoleExisting
}

// mount compiles one entry of mounts. The ops it returns come after the
// devices: a read-only /dev gets its flag when everything is in it.
func (c *compiler) mount(origin string, m *specs.Mount) (late []plan.InitOp, err error) {
	o, err := parseMountOptions(m.Options)
	if err != nil {
		return nil, err
	}
	target := c.inContainer(m.Destination)
	var flags plan.MountFlag
	if target == "/" {
		flags |= plan.MountReplaceRoot
	}
	if o.destNoFollow {
		flags |= plan.MountTargetNoFollow
	}
	if o.propagationRec {
		flags |= plan.MountPropagationRecursive
	}
	idmap, err := c.idmapFD(origin, m, &o)
	if err != nil {
		return nil, err
	}
	if idmap != plan.NoFD && (o.remount || !o.bind && !o.rbind && (m.Type == "cgroup" || m.Type == "cgroup2")) {
		return nil, errors.New("ids are mapped of a bind mount or of a new file system, not of a remount or a cgroup mount")
	}
	switch {
	case o.remount:
		set, clr, _, _, _ := o.bindAttrs()
		c.emit(origin, &plan.MountAttr{Target: target, Set: set, Clear: clr, Propagation: o.propagation, Flags: flags})
		return nil, nil
	case o.bind || o.rbind || m.Type == "bind":
		return nil, c.bind(origin, m, &o, target, flags, idmap)
	case m.Type == "cgroup" || m.Type == "cgroup2":
		return nil, c.cgroupMount(origin, m, &o, target, flags)
	}
	attrs, _ := o.fsAttrs()
	data := append(append([]string(nil), o.sbFlags...), o.data...)
	switch m.Type {
	case "proc", "sysfs":
		// a symlink at /proc or /sys would put the masks somewhere else (CVE-2019-19921, CVE-2023-27561)
		flags |= plan.MountStrictDir
		if !o.optional && !o.mountCall && !tooLongForFsconfig(data) {
			flags |= c.hold(m)
		}
		if m.Type == "sysfs" && idmap == plan.NoFD && (c.ns.user() || c.facts.Rootless) {
			flags |= plan.MountHostSys
		}
	case "tmpfs":
		if !o.hasMode {
			flags |= plan.MountModeOfTarget
		}
		if o.tmpcopyup {
			flags |= plan.MountCopyUp
		}
	case "mqueue", "devpts", "ramfs", "debugfs", "tracefs", "securityfs", "bpf", "configfs", "fusectl", "efivarfs", "binfmt_misc", "hugetlbfs", "pstore":
	default:
		// a block file system is opened read-only as a whole, or its journal would be replayed
		if o.readOnly {
			data = append([]string{"ro"}, data...)
		}
	}
	label := hasLinux(c.spec).MountLabel
	if m.Type == "proc" || m.Type == "sysfs" {
		label = ""
	}
	whole := ""                            // the label of all files in it
	if label != "" && m.Type != "mqueue" { // which takes labels, and not for the whole of it
		whole, label = label, ""
		data = append(data, "context="+whole) // without quotes: fsconfig(2) takes the value as it is
	}
	if target == "/dev" && attrs&unix.MOUNT_ATTR_RDONLY != 0 {
		attrs &^= unix.MOUNT_ATTR_RDONLY
		late = append(late, plan.InitOp{Origin: origin, Op: &plan.MountAttr{Target: target, Set: unix.MOUNT_ATTR_RDONLY}})
	}
	if o.optional {
		flags |= plan.MountOptional
	}
	if o.mountCall || tooLongForFsconfig(data) {
		if idmap != plan.NoFD {
			return nil, errors.New("its options need mount(2), which cannot map ids: a mount gets a mapping before it is attached")
		}
		if c.pidns(m) != plan.NoFD {
			return nil, errors.New("its options need mount(2), which cannot mount the procfs of a joined pid namespace")
		}
		text := selinux.FormatMountLabel(o.dataString(), whole)
		// mount(2) takes a page of them, and would leave out the rest without a word
		if page := syscall.Getpagesize(); len(text) >= page {
			return nil, errors.New("its options have " + strconv.Itoa(len(text)) + " bytes together, and mount(2) takes " + strconv.Itoa(page-1))
		}
		c.emit(origin, &plan.MountData{Type: m.Type, Source: m.Source, Target: target, Data: text, MSFlags: o.msFlags, Propagation: o.propagation, Flags: flags})
		return late, nil
	}
	c.emit(origin, &plan.MountFS{Type: m.Type, Source: m.Source, Target: target, Data: data, Attrs: attrs, Propagation: o.propagation, Flags: flags, IDMapFD: idmap, PidnsFD: c.pidns(m), Label: label})
	return late, nil
}

// pidns is the joined pid namespace that a mount shows. The init enters it when
// everything is mounted, so the mount has to name it.
func (c *compiler) pidns(m *specs.Mount) plan.FD {
	if m.Type != "proc" {
		return plan.NoFD
	}
	return c.ns.joinedFD(unix.CLONE_NEWPID)
}

// tooLongForFsconfig: a value of fsconfig(2) holds 255 bytes, and overlay's
// lowerdir is often longer.
func tooLongForFsconfig(data []string) bool {
	for _, d := range data {
		if _, v, ok := strings.Cut(d, "="); ok && len(v) > 255 {
			return true
		}
	}
	return false
}

func (c *compiler) bind(origin string, m *specs.Mount, o *mountOptions, target string, flags plan.MountFlag, idmap plan.FD) error {
	if m.Source == "" {
		return errors.New("a bind mount needs a source")
	}
	if i := slices.IndexFunc(o.data, func(d string) bool { return !spec.NoEffectOnBind(d) }); i >= 0 {
		return errors.New(strconv.Quote(o.data[i]) + ": bind mounts cannot have any filesystem-specific options applied")
	}
	set, clr, recSet, recClear, explicit := o.bindAttrs()
	if o.rbind || (m.Type == "bind" && !o.bind && !o.rbind) {
		flags |= plan.MountRecursive
	}
	if o.optional {
		flags |= plan.MountOptional
	}
	if o.srcNoFollow {
		flags |= plan.MountSourceNoFollow
	}
	if o.copySymlink {
		// a clone of the link itself, made by whoever may walk to it, tells what it says
		flags |= plan.MountSourceNoFollow | plan.MountCopySymlink
	}
	if c.ns.user() || c.facts.Rootless {
		flags |= plan.MountLockRetry
	}
	flags |= c.delegate()
	if o.ridmap {
		flags |= plan.MountIdmapTree
	}
	if idmap != plan.NoFD && c.ns.user() {
		flags |= plan.MountDelegate
	}
	const atimes = unix.MOUNT_ATTR__ATIME | unix.MOUNT_ATTR_NODIRATIME
	mayBeLocked := flags&plan.MountRecursive == 0 || (explicit|recSet|recClear)&atimes != 0
	if mayBeLocked && c.delegate() != 0 && c.ns.created&unix.CLONE_NEWNS != 0 {
		flags |= plan.MountOutside
	}
	c.emit(origin, &plan.MountBind{
		Source: c.abs(m.Source), Target: target, Set: set, Clear: clr, RecSet: recSet, RecClear: recClear, Explicit: explicit,
		Propagation: o.propagation, Flags: flags, IDMapFD: idmap,
	})
	return nil
}

// idmapFD plans the user namespace that an idmapped mount takes its mapping
// from: the mount's own, or the container's.
func (c *compiler) idmapFD(origin string, m *specs.Mount, o *mountOptions) (plan.FD, error) {
	mountUIDs, mountGIDs := m.UIDMappings, m.GIDMappings
	own := len(mountUIDs) > 0 || len(mountGIDs) > 0
	if o.idmapText != "" {
		var err error
		if mountUIDs, mountGIDs, err = spec.ParseIDMap(o.idmapText, hasLinux(c.spec).UIDMappings, hasLinux(c.spec).GIDMappings); err != nil {
			return plan.NoFD, errors.New("idmap: " + err.Error())
		}
		own = true
	}
	if !own && !o.idmap && !o.ridmap {
		return plan.NoFD, nil
	}
	if !own && c.ns.userFD != plan.NoFD {
		return c.ns.userFD, nil
	}
	uids, gids := c.uids, c.gids
	if own {
		var err error
		if uids, err = idMap(mountUIDs); err != nil {
			return plan.NoFD, err
		}
		if gids, err = idMap(mountGIDs); err != nil {
			return plan.NoFD, err
		}
	}
	if len(uids) == 0 || len(gids) == 0 {
		return plan.NoFD, errors.New("idmap without mappings needs a user namespace")
	}
	fd := c.fd()
	c.step(origin, plan.MakeUserNamespace{FD: fd, UIDs: uids, GIDs: gids})
	return fd, nil
}

// cgroupMount shows the container its control groups. They are bound from the
// host's mounts: a fresh mount of a hierarchy waits for the cgroup lock, and a
// cgroup namespace makes the bound directory look like the root in any case.
func (c *compiler) cgroupMount(origin string, m *specs.Mount, o *mountOptions, target string, flags plan.MountFlag) error {
	if i := slices.IndexFunc(o.data, func(d string) bool { return !spec.NoEffectOnCgroup(d) }); i >= 0 {
		return errors.New(strconv.Quote(o.data[i]) + ": a mount of " + m.Type + " cannot have any filesystem-specific options applied: it shows the host's hierarchy")
	}
	attrs, _ := o.fsAttrs()
	ro := attrs & unix.MOUNT_ATTR_RDONLY
	if len(c.opt.Cgroups) == 0 {
		c.warn(origin + " (" + m.Destination + "): the mount is empty: no cgroup hierarchy is mounted on this host")
	}
	private := c.ns.has(unix.CLONE_NEWCGROUP)
	bind := func(g *CgroupDir, dest string, extra plan.MountFlag) {
		source := g.Dir
		if g.V2 && !private {
			source = g.Mount
		}
		c.emit(origin, &plan.MountBind{
			Source: source, Target: dest, Set: attrs, Clear: unix.MOUNT_ATTR__ATIME & clearAtime(attrs), Propagation: o.propagation, Flags: extra | c.delegate(),
			IDMapFD: plan.NoFD,
		})
	}
	if c.facts.UnifiedV2 || m.Type == "cgroup2" {
		for i := range c.opt.Cgroups {
			if g := &c.opt.Cgroups[i]; g.V2 {
				bind(g, target, flags)
				return nil
			}
		}
		return errors.New("no cgroup2 hierarchy is mounted on this host")
	}
	c.emit(origin, &plan.MountFS{
		Type: "tmpfs", Source: "tmpfs", Target: target, Data: []string{"mode=755"}, Attrs: attrs &^ unix.MOUNT_ATTR_RDONLY, Propagation: o.propagation, Flags: flags, IDMapFD: plan.NoFD, PidnsFD: plan.NoFD,
	})
	for i := range c.opt.Cgroups {
		g := &c.opt.Cgroups[i]
		bind(g, path.Join(target, g.Name), 0)
		// co-mounted controllers are found by their own names too
		if len(g.Controllers) > 1 {
			for _, name := range g.Controllers {
				c.emit(origin, &plan.Symlink{To: g.Name, Path: path.Join(target, name), Flags: plan.NodeExistOK})
			}
		}
	}
	if ro != 0 {
		c.emit(origin, &plan.MountAttr{Target: target, Set: ro})
	}
	return nil
}

// clearAtime: an access-time mode replaces the one that is there; none leaves it.
func clearAtime(attrs uint64) uint64 {
	if attrs&unix.MOUNT_ATTR__ATIME != 0 {
		return unix.MOUNT_ATTR__ATIME
	}
	return 0
}
