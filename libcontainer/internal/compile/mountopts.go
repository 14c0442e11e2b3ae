package compile

import (
	"errors"
	"slices"
	"strings"

	selinux "github.com/opencontainers/selinux/go-selinux/label"
	"github.com/rung-oci/rung/libcontainer/internal/spec"
	"golang.org/x/sys/unix"
)

// optionKind says what a mount option does.
type optionKind uint8

const (
	attrSet   optionKind = iota // sets an attribute of the mount
	attrClear                   // clears one
	atimeSet                    // chooses the access-time mode
	atimeDrop                   // takes that choice back
	superSet                    // sets a flag of the superblock
	superClear
	propagate // propagation of mount events
	own       // what rung does itself; see mountOptions.applyOwn
	noEffect
	userspace // mount(8) acts on it or stores it, and does not tell the kernel
)

type mountOption struct {
	name string
	kind optionKind
	tree bool   // acts on the mounts below too
	bits uint64 // MOUNT_ATTR_* of attr* and atime*, MS_* of super* and propagate
}

// mountOptionTable is every option of config.md, "Linux mount options", with
// the extensions of other runtimes that engines use; sorted. An option that is
// not in it is one of the file system.
var mountOptionTable = [...]mountOption{
	{"_netdev", userspace, false, 0},
	{"async", superClear, false, unix.MS_SYNCHRONOUS},
	{"atime", atimeDrop, false, unix.MOUNT_ATTR_NOATIME},
	{"auto", userspace, false, 0},
	{"bind", own, false, 0},
	{"copy-symlink", own, false, 0},
	{"defaults", noEffect, false, 0},
	{"dest-nofollow", own, false, 0},
	{"dev", attrClear, false, unix.MOUNT_ATTR_NODEV},
	{"diratime", attrClear, false, unix.MOUNT_ATTR_NODIRATIME},
	{"dirsync", superSet, false, unix.MS_DIRSYNC},
	{"exec", attrClear, false, unix.MOUNT_ATTR_NOEXEC},
	{"idmap", own, false, 0},
	{"iversion", superSet, false, unix.MS_I_VERSION},
	{"lazytime", superSet, false, unix.MS_LAZYTIME},
	{"loud", superClear, false, unix.MS_SILENT},
	{"mand", superSet, false, unix.MS_MANDLOCK},
	{"noatime", atimeSet, false, unix.MOUNT_ATTR_NOATIME},
	{"noauto", userspace, false, 0},
	{"nodev", attrSet, false, unix.MOUNT_ATTR_NODEV},
	{"nodiratime", attrSet, false, unix.MOUNT_ATTR_NODIRATIME},
	{"noexec", attrSet, false, unix.MOUNT_ATTR_NOEXEC},
	{"nofail", userspace, false, 0},
	{"noiversion", superClear, false, unix.MS_I_VERSION},
	{"nolazytime", superClear, false, unix.MS_LAZYTIME},
	{"nomand", superClear, false, unix.MS_MANDLOCK},
	{"norelatime", atimeDrop, false, unix.MOUNT_ATTR_RELATIME},
	{"nostrictatime", atimeDrop, false, unix.MOUNT_ATTR_STRICTATIME},
	{"nosuid", attrSet, false, unix.MOUNT_ATTR_NOSUID},
	{"nosymfollow", attrSet, false, unix.MOUNT_ATTR_NOSYMFOLLOW},
	{"nouser", userspace, false, 0},
	{"private", propagate, false, unix.MS_PRIVATE},
	{"ratime", atimeDrop, true, unix.MOUNT_ATTR_NOATIME},
	{"rbind", own, true, 0},
	{"rdev", attrClear, true, unix.MOUNT_ATTR_NODEV},
	{"rdiratime", attrClear, true, unix.MOUNT_ATTR_NODIRATIME},
	{"relatime", atimeSet, false, unix.MOUNT_ATTR_RELATIME},
	{"remount", own, false, 0},
	{"rexec", attrClear, true, unix.MOUNT_ATTR_NOEXEC},
	{"ridmap", own, true, 0},
	{"rnoatime", atimeSet, true, unix.MOUNT_ATTR_NOATIME},
	{"rnodev", attrSet, true, unix.MOUNT_ATTR_NODEV},
	{"rnodiratime", attrSet, true, unix.MOUNT_ATTR_NODIRATIME},
	{"rnoexec", attrSet, true, unix.MOUNT_ATTR_NOEXEC},
	{"rnorelatime", atimeDrop, true, unix.MOUNT_ATTR_RELATIME},
	{"rnostrictatime", atimeDrop, true, unix.MOUNT_ATTR_STRICTATIME},
	{"rnosuid", attrSet, true, unix.MOUNT_ATTR_NOSUID},
	{"rnosymfollow", attrSet, true, unix.MOUNT_ATTR_NOSYMFOLLOW},
	{"ro", attrSet, false, unix.MOUNT_ATTR_RDONLY},
	{"rprivate", propagate, true, unix.MS_PRIVATE},
	{"rrelatime", atimeSet, true, unix.MOUNT_ATTR_RELATIME},
	{"rro", attrSet, true, unix.MOUNT_ATTR_RDONLY},
	{"rrw", attrClear, true, unix.MOUNT_ATTR_RDONLY},
	{"rshared", propagate, true, unix.MS_SHARED},
	{"rslave", propagate, true, unix.MS_SLAVE},
	{"rstrictatime", atimeSet, true, unix.MOUNT_ATTR_STRICTATIME},
	{"rsuid", attrClear, true, unix.MOUNT_ATTR_NOSUID},
	{"rsymfollow", attrClear, true, unix.MOUNT_ATTR_NOSYMFOLLOW},
	{"runbindable", propagate, true, unix.MS_UNBINDABLE},
	{"rw", attrClear, false, unix.MOUNT_ATTR_RDONLY},
	{"shared", propagate, false, unix.MS_SHARED},
	{"silent", superSet, false, unix.MS_SILENT},
	{"slave", propagate, false, unix.MS_SLAVE},
	{"src-nofollow", own, false, 0},
	{"strictatime", atimeSet, false, unix.MOUNT_ATTR_STRICTATIME},
	{"suid", attrClear, false, unix.MOUNT_ATTR_NOSUID},
	{"symfollow", attrClear, false, unix.MOUNT_ATTR_NOSYMFOLLOW},
	{"sync", superSet, false, unix.MS_SYNCHRONOUS},
	{"tmpcopyup", own, false, 0},
	{"unbindable", propagate, false, unix.MS_UNBINDABLE},
}

func findMountOption(name string) *mountOption {
	i, ok := slices.BinarySearchFunc(mountOptionTable[:], name, func(o mountOption, name string) int { return strings.Compare(o.name, name) })
	if !ok {
		return nil
	}
	return &mountOptionTable[i]
}

// replaced are the attributes that a bind mount with any flag takes from the
// config alone; those of the access-time group are kept until one is chosen.
const replaced = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC | unix.MOUNT_ATTR_NOSYMFOLLOW

// attrOptions is what the options say of the attributes of a mount, or of its
// tree. The access-time mode is a field of several bits, of which 0 (relatime)
// is a value too.
type attrOptions struct {
	any        bool   // an option named an attribute
	set, clear uint64 // bits by name, without the mode
	mode       uint64
	modeChosen bool
	modeNamed  bool // chosen, or a choice taken back
}

func (a *attrOptions) apply(kind optionKind, bits uint64) {
	a.any = true
	switch kind {
	case attrSet:
		a.set |= bits
		a.clear &^= bits
	case attrClear:
		a.clear |= bits
		a.set &^= bits
	case atimeSet:
		a.mode, a.modeChosen, a.modeNamed = bits, true, true
	case atimeDrop:
		a.modeNamed = true
		if a.mode == bits {
			a.mode, a.modeChosen = 0, false
		}
	}
}

// mountOptions is what the options of one mount come to.
type mountOptions struct {
	bind, rbind   bool
	remount       bool
	tmpcopyup     bool
	idmap, ridmap bool
	idmapText     string // the mappings of idmap= or ridmap=
	srcNoFollow   bool   // a source that is a symlink is meant itself
	destNoFollow  bool
	copySymlink   bool // a source that is a symlink is copied, not mounted
	optional      bool // nofail: a missing source is no error

	top, tree      attrOptions
	propagation    uint64 // one of MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE, or 0
	propagationRec bool

	data      []string // options of the file system as fsconfig(2) takes them: key, or key=value without quotes
	sbFlags   []string // flags of the superblock as fsconfig(2) takes them
	msFlags   uint64   // for mount(2): the flags of mount and superblock, without propagation
	mountCall bool     // mount(2) alone can carry an option: fsconfig(2) has no iversion

	readOnly bool // a new file system is to be read-only
	hasMode  bool // data has mode=
}

// parseMountOptions reads the options in order; a later one overrides an
// earlier one that contradicts it, as with mount(8). An entry may hold several
// options, separated by commas.
func parseMountOptions(list []string) (mountOptions, error) {
	var m mountOptions
	for _, entry := range list {
		if strings.IndexByte(entry, 0) >= 0 {
			return mountOptions{}, errors.New("a mount option holds a NUL byte")
		}
		for entry != "" {
			n := spec.MountOptionLength(entry)
			m.apply(entry[:n])
			entry = strings.TrimPrefix(entry[n:], ",")
		}
	}
	attrs, _ := m.fsAttrs()
	m.readOnly = attrs&unix.MOUNT_ATTR_RDONLY != 0
	m.mountCall = m.msFlags&unix.MS_I_VERSION != 0
	m.sbFlags = superFlagNames(m.msFlags)
	m.msFlags |= mountCallFlags(attrs)
	return m, nil
}

func (m *mountOptions) apply(option string) {
	o := findMountOption(option)
	if o == nil {
		m.applyUnknown(option)
		return
	}
	switch o.kind {
	case attrSet, attrClear, atimeSet, atimeDrop:
		if o.tree {
			m.tree.apply(o.kind, o.bits)
		} else {
			m.top.apply(o.kind, o.bits)
		}
	case superSet:
		m.msFlags |= o.bits
	case superClear:
		m.msFlags &^= o.bits
	case propagate:
		m.propagation, m.propagationRec = o.bits, o.tree
	case own:
		m.applyOwn(option)
	case userspace:
		m.optional = m.optional || option == "nofail"
	}
}

func (m *mountOptions) applyOwn(option string) {
	switch option {
	case "bind":
		m.bind = true
	case "rbind":
		m.rbind = true
	case "remount":
		m.remount = true
	case "tmpcopyup":
		m.tmpcopyup = true
	case "idmap":
		m.idmap = true
	case "ridmap":
		m.ridmap = true
	case "src-nofollow":
		m.srcNoFollow = true
	case "dest-nofollow":
		m.destNoFollow = true
	case "copy-symlink":
		m.copySymlink = true
	}
}

// applyUnknown takes an option for the file system: "Runtimes SHOULD treat
// unknown options as filesystem-specific ones". Comments of fstab(5) are for
// other programs; mount(8) does not hand them to the kernel either.
func (m *mountOptions) applyUnknown(option string) {
	if text, tree, ok := spec.IDMapOption(option); ok {
		m.idmap, m.ridmap, m.idmapText = m.idmap || !tree, m.ridmap || tree, text
		return
	}
	switch {
	case option == "", strings.HasPrefix(option, "x-"), strings.HasPrefix(option, "X-"), strings.HasPrefix(option, "comment="):
		return
	case strings.HasPrefix(option, "mode="):
		m.hasMode = true
	}
	if k, v, ok := strings.Cut(option, "="); ok && isContext(k) {
		if n := len(v); n > 1 && v[0] == '"' && v[n-1] == '"' {
			option = k + "=" + v[1:n-1]
		}
	}
	m.data = append(m.data, option)
}

// isContext knows the options of SELinux, whose values may be quoted in the
// text of mount(2) and may not for fsconfig(2).
func isContext(key string) bool {
	return key == "context" || key == "fscontext" || key == "defcontext" || key == "rootcontext"
}

// superFlagNames lists those flags of a superblock that fsconfig(2) takes,
// whatever the file system. The silence of MS_SILENT has no name there and no
// effect that would be missed; for MS_I_VERSION see mountOptions.mountCall.
func superFlagNames(ms uint64) []string {
	var names []string
	for _, f := range [...]struct {
		bit  uint64
		name string
	}{{unix.MS_SYNCHRONOUS, "sync"}, {unix.MS_DIRSYNC, "dirsync"}, {unix.MS_MANDLOCK, "mand"}, {unix.MS_LAZYTIME, "lazytime"}} {
		if ms&f.bit != 0 {
			names = append(names, f.name)
		}
	}
	return names
}

// mountCallFlags gives attributes of a new mount as flags of mount(2).
func mountCallFlags(attrs uint64) (ms uint64) {
	for _, f := range [...]struct{ attr, ms uint64 }{
		{unix.MOUNT_ATTR_RDONLY, unix.MS_RDONLY},
		{unix.MOUNT_ATTR_NOSUID, unix.MS_NOSUID},
		{unix.MOUNT_ATTR_NODEV, unix.MS_NODEV},
		{unix.MOUNT_ATTR_NOEXEC, unix.MS_NOEXEC},
		{unix.MOUNT_ATTR_NOSYMFOLLOW, unix.MS_NOSYMFOLLOW},
		{unix.MOUNT_ATTR_NODIRATIME, unix.MS_NODIRATIME},
		{unix.MOUNT_ATTR_NOATIME, unix.MS_NOATIME},
		{unix.MOUNT_ATTR_STRICTATIME, unix.MS_STRICTATIME},
	} {
		if attrs&f.attr != 0 {
			ms |= f.ms
		}
	}
	return ms
}

// dataString gives data as the text that mount(2) takes: a context with commas
// in it is quoted.
func (m *mountOptions) dataString() string {
	text := make([]string, len(m.data))
	for i, d := range m.data {
		if k, v, ok := strings.Cut(d, "="); ok && isContext(k) && strings.IndexByte(v, ',') >= 0 {
			d = selinux.FormatMountLabelByType("", v, k)
		}
		text[i] = d
	}
	return strings.Join(text, ",")
}

// fsAttrs gives the attributes of a new mount, of which there is but one:
// recursive options act on it as well, after the others. recAttrs is 0.
func (m *mountOptions) fsAttrs() (attrs, recAttrs uint64) {
	attrs = (m.top.set|m.top.mode)&^m.tree.clear | m.tree.set
	if m.tree.modeNamed {
		attrs = attrs&^uint64(unix.MOUNT_ATTR__ATIME) | m.tree.mode
	}
	return attrs, 0
}

// bindAttrs gives the bits to set and to clear on a bind mount, and then on its
// whole tree. A bind mount without flags keeps its source's. With any flag, set
// or cleared, the flags asked for replace the source's, as with mount(2) and
// MS_REMOUNT; but the access-time group (mode and nodiratime) stays unless one
// of it is asked for, and is then replaced as a whole. explicit are the bits
// that the config clears, or the access times that it changes, by name: where a
// user namespace has locked those, the mount is refused rather than left as it is.
func (m *mountOptions) bindAttrs() (set, clear, recSet, recClear, explicit uint64) {
	if m.top.any {
		set = m.top.set
		clear = replaced &^ set
		explicit = m.top.clear & replaced
		if m.top.modeChosen || set&unix.MOUNT_ATTR_NODIRATIME != 0 {
			// mount_setattr(2) wants the whole field cleared for a mode to be set
			clear |= unix.MOUNT_ATTR__ATIME | unix.MOUNT_ATTR_NODIRATIME&^set
			set |= m.top.mode
			explicit |= set & unix.MOUNT_ATTR_NODIRATIME
		}
		if m.top.modeChosen {
			explicit |= unix.MOUNT_ATTR__ATIME
		}
	}
	recSet, recClear = m.tree.set|m.tree.mode, m.tree.clear
	if m.tree.modeNamed {
		recClear |= unix.MOUNT_ATTR__ATIME
	}
	return set, clear, recSet, recClear, explicit
}
