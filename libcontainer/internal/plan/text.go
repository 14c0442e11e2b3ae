package plan

import (
	"strconv"
	"strings"
	"unsafe"

	"github.com/rung-oci/rung/libcontainer/internal/landlock"
	"golang.org/x/sys/unix"
)

type bitName struct {
	bits uint64
	name string
}

var attrNames = [...]bitName{
	{unix.MOUNT_ATTR_RDONLY, "ro"}, {unix.MOUNT_ATTR_NOSUID, "nosuid"}, {unix.MOUNT_ATTR_NODEV, "nodev"}, {unix.MOUNT_ATTR_NOEXEC, "noexec"},
	{unix.MOUNT_ATTR__ATIME, "atime-mode"}, {unix.MOUNT_ATTR_STRICTATIME, "strictatime"}, {unix.MOUNT_ATTR_NOATIME, "noatime"},
	{unix.MOUNT_ATTR_NODIRATIME, "nodiratime"}, {unix.MOUNT_ATTR_IDMAP, "idmap"}, {unix.MOUNT_ATTR_NOSYMFOLLOW, "nosymfollow"},
}

var cloneNames = [...]bitName{
	{unix.CLONE_NEWUSER, "user"}, {unix.CLONE_NEWPID, "pid"}, {unix.CLONE_NEWNET, "network"}, {unix.CLONE_NEWNS, "mount"}, {unix.CLONE_NEWIPC, "ipc"},
	{unix.CLONE_NEWUTS, "uts"}, {unix.CLONE_NEWCGROUP, "cgroup"}, {unix.CLONE_NEWTIME, "time"},
}

var msNames = [...]bitName{
	{unix.MS_REC, "rec"}, {unix.MS_SHARED, "shared"}, {unix.MS_SLAVE, "slave"}, {unix.MS_PRIVATE, "private"}, {unix.MS_UNBINDABLE, "unbindable"},
	{unix.MS_RDONLY, "ro"}, {unix.MS_NOSUID, "nosuid"}, {unix.MS_NODEV, "nodev"}, {unix.MS_NOEXEC, "noexec"}, {unix.MS_NOATIME, "noatime"},
	{unix.MS_NODIRATIME, "nodiratime"}, {unix.MS_RELATIME, "relatime"}, {unix.MS_STRICTATIME, "strictatime"}, {unix.MS_SYNCHRONOUS, "sync"},
	{unix.MS_DIRSYNC, "dirsync"}, {unix.MS_LAZYTIME, "lazytime"}, {unix.MS_BIND, "bind"},
}

// CloneNames lists namespaces of a CLONE_NEW* mask as plans print them.
func CloneNames(flags uint64) string { return flagNamesAt(cloneNames[:], flags) }

func named[T interface {
	~uint32 | ~uint64
	String() string
}](v uint64) string {
	return T(v).String()
}

func showAttr(v uint64) string          { return flagNamesAt(attrNames[:], v) }
func showClone(v uint64) string         { return flagNamesAt(cloneNames[:], v) }
func showMs(v uint64) string            { return flagNamesAt(msNames[:], v) }
func showOct(v uint64) string           { return "0" + strconv.FormatUint(v, 8) }
func showHex(v uint64) string           { return "0x" + strconv.FormatUint(v, 16) }
func showLandlockFs(v uint64) string    { return landlock.Names(landlock.FS[:], v) }
func showLandlockNet(v uint64) string   { return landlock.Names(landlock.Net[:], v) }
func showLandlockScope(v uint64) string { return landlock.Names(landlock.Scope[:], v) }

func flagNamesAt(names []bitName, v uint64) string {
	var out []string
	for _, n := range names {
		if v&n.bits == n.bits {
			out = append(out, n.name)
			v &^= n.bits
		}
	}
	if v != 0 {
		out = append(out, "0x"+strconv.FormatUint(v, 16))
	}
	return strings.Join(out, "|")
}

// describer collects the printed form of one op: only fields that say something.
type describer struct {
	keys, values []string
}

func (d *describer) add(key, value string) {
	// files of linux.resources.unified are keys: a step is one line
	if strings.ContainsFunc(key, func(r rune) bool { return !strconv.IsPrint(r) }) {
		key = strconv.Quote(key)
	}
	d.keys = append(d.keys, key)
	d.values = append(d.values, value)
}

func (d *describer) word(key, v string) {
	if v != "" {
		d.add(key, v)
	}
}

func (d *describer) str(key, v string) {
	if v != "" {
		d.add(key, quoteIfNeeded(v))
	}
}

func (d *describer) num(key string, v int64) { d.add(key, strconv.FormatInt(v, 10)) }

func (d *describer) fd(key string, v FD) {
	if v != NoFD {
		d.add(key, strconv.Itoa(int(v)))
	}
}

func (d *describer) bytes(key string, v []byte) {
	if len(v) == 0 {
		return
	}
	if len(v) > 32 {
		d.add(key, strconv.Itoa(len(v))+" bytes")
		return
	}
	const digits = "0123456789abcdef"
	out := make([]byte, 0, 2*len(v))
	for _, c := range v {
		out = append(out, digits[c>>4], digits[c&15])
	}
	d.add(key, string(out))
}

func (d *describer) list(key string, v []string) {
	if len(v) == 0 {
		return
	}
	q := make([]string, len(v))
	for i, s := range v {
		q[i] = quoteIfNeeded(s)
	}
	d.add(key, "["+strings.Join(q, " ")+"]")
}

func quoteIfNeeded(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c == '"' || c >= 0x7f || c == '[' || c == ']' {
			return strconv.Quote(s)
		}
	}
	return s
}

func (d *describer) op(o Op) {
	fields := opTable[o.Kind()].fields
	for i := range fields {
		f := &fields[i]
		switch p := unsafe.Add(o.at(), f.offset); {
		case f.kind == fieldStr:
			d.str(f.key, *(*string)(p))
		case f.kind == fieldBytes:
			d.bytes(f.key, *(*[]byte)(p))
		case f.kind == fieldList:
			d.list(f.key, *(*[]string)(p))
		case f.kind == fieldFD:
			d.fd(f.key, *(*FD)(p))
		case f.show != nil:
			d.word(f.key, f.show(f.number(o.at())))
		default:
			d.num(f.key, int64(f.number(o.at())))
		}
	}
}

// Field is one printed field of a step.
type Field struct{ Key, Value string }

// Describe gives an op's name and its fields as plans print them.
func Describe(o Op) (name string, fields []Field) {
	var d describer
	d.op(o)
	fields = make([]Field, len(d.keys))
	for i := range d.keys {
		fields[i] = Field{d.keys[i], d.values[i]}
	}
	return opTable[o.Kind()].label.Name, fields
}

// Line is the printed form of an op, without its origin.
func Line(o Op) string {
	name, fields := Describe(o)
	return line(name, fields)
}

func line(name string, fields []Field) string {
	var b strings.Builder
	b.WriteString(name)
	for _, f := range fields {
		b.WriteByte(' ')
		b.WriteString(f.Key)
		b.WriteByte('=')
		b.WriteString(f.Value)
	}
	return b.String()
}
