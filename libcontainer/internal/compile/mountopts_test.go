package compile

import (
	"errors"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/spec"
	"golang.org/x/sys/unix"
)

// attrWords names the attributes in these tests; relatime is what is left when
// neither of the other modes is there.
var attrWords = [...]struct {
	name string
	bits uint64
}{
	{"ro", unix.MOUNT_ATTR_RDONLY},
	{"nosuid", unix.MOUNT_ATTR_NOSUID},
	{"nodev", unix.MOUNT_ATTR_NODEV},
	{"noexec", unix.MOUNT_ATTR_NOEXEC},
	{"nosymfollow", unix.MOUNT_ATTR_NOSYMFOLLOW},
	{"nodiratime", unix.MOUNT_ATTR_NODIRATIME},
	{"noatime", unix.MOUNT_ATTR_NOATIME},
	{"strictatime", unix.MOUNT_ATTR_STRICTATIME},
	{"relatime", 0},
	{"atimes", unix.MOUNT_ATTR__ATIME}, // the whole field
}

func attrBits(t *testing.T, words string) (bits uint64) {
	t.Helper()
next:
	for w := range strings.FieldsFuncSeq(words, func(r rune) bool { return r == ',' }) {
		for _, a := range attrWords {
			if a.name == w {
				bits |= a.bits
				continue next
			}
		}
		t.Fatalf("no attribute %q", w)
	}
	return bits
}

func attrText(bits uint64) string {
	var out []string
	if bits&unix.MOUNT_ATTR__ATIME == unix.MOUNT_ATTR__ATIME {
		bits &^= unix.MOUNT_ATTR__ATIME
		out = append(out, "atimes")
	}
	for _, a := range attrWords {
		if a.bits != 0 && bits&a.bits == a.bits {
			out = append(out, a.name)
		}
	}
	return strings.Join(out, ",")
}

func parse(t *testing.T, options string) *mountOptions {
	t.Helper()
	var list []string
	if options != "" {
		list = strings.Split(options, ",")
	}
	m, err := parseMountOptions(list)
	if err != nil {
		t.Fatalf("%s: %v", options, err)
	}
	return &m
}

const refused = "refused"

// bindTable is what a bind mount has in the container: by the flags of its
// source, on the host and behind the locked flags of a user namespace. "-" is
// not stated; an access-time mode is named unless it is relatime.
var bindTable = []struct{ source, options, host, user string }{
	{"ro,noexec,nosymfollow,nodiratime", "bind", "ro,noexec,nosymfollow,nodiratime", "ro,noexec,nosymfollow,nodiratime"},
	{"ro,noexec,nosymfollow,nodiratime", "bind,dev", "nodiratime", "ro,noexec,nodiratime"},
	{"ro", "bind,nosuid,nodev,rprivate", "nosuid,nodev", "ro,nosuid,nodev"},
	{"ro", "bind,rw,nosuid,nodev,rprivate", "nosuid,nodev", refused},
	{"nosuid,nodev,noexec,noatime", "bind,dev,suid,exec,atime", "noatime", refused},
	{"nosuid,nodev,noatime", "bind,dev,suid,exec,atime", "noatime", refused},
	{"nodev,nosuid,noexec,noatime", "bind,ro", "ro,noatime", "ro,nodev,nosuid,noexec,noatime"},
	{"nodev,nosymfollow", "bind,ro,symfollow", "ro", "ro,nodev"},
	{"nodev,nosymfollow", "bind,rw", "", "nodev"},
	{"nodev,nosuid,noatime", "bind,ro,exec", "ro,noatime", "ro,nosuid,nodev,noatime"},
	{"noatime", "bind", "noatime", "noatime"},
	{"noatime", "bind,norelatime", "noatime", "noatime"},
	{"noatime", "bind,atime", "noatime", "noatime"},
	{"noatime", "bind,relatime", "relatime", refused},
	{"noatime", "bind,nodiratime", "nodiratime", refused},
	{"nodiratime", "bind,strictatime", "strictatime", refused},
	{"noatime", "bind,nodiratime,strictatime", "nodiratime,strictatime", refused},
	{"noatime", "bind,nodiratime,norelatime", "nodiratime", refused},
	{"strictatime", "bind", "strictatime", "strictatime"},
	{"relatime", "bind", "relatime", "relatime"},
	{"nodiratime", "bind", "nodiratime", "nodiratime"},
	{"noatime,nodiratime", "bind", "noatime,nodiratime", "noatime,nodiratime"},
	{"noatime,nodiratime", "bind,norelatime", "noatime,nodiratime", "noatime,nodiratime"},
	{"noatime,nodiratime", "bind,atime", "noatime,nodiratime", "noatime,nodiratime"},
	{"relatime", "bind,strictatime", "strictatime", refused},
	{"noatime", "bind,strictatime", "strictatime", refused},
	{"nodiratime", "bind,noatime", "noatime", refused},
	{"relatime", "bind,noatime", "noatime", refused},
	{"relatime", "bind,nodiratime", "nodiratime", refused},
	{"strictatime", "bind,relatime", "relatime", refused},
	{"strictatime", "bind,noatime", "noatime", refused},
	{"strictatime", "bind,nodiratime", "nodiratime", refused},
	{"strictatime", "bind,nostrictatime", "strictatime", "strictatime"},
	{"nodiratime", "bind,diratime", "nodiratime", "nodiratime"},
	{"nodiratime", "bind,norelatime", "nodiratime", "nodiratime"},
	{"relatime", "bind,norelatime", "relatime", "relatime"},

	{"nosuid,nodev", "rbind,rslave", "nosuid,nodev", "nosuid,nodev"},
	{"nosuid,nodev", "bind,sync,lazytime,mode=755", "nosuid,nodev", "nosuid,nodev"},
	{"nosuid,nodev", "bind,defaults", "nosuid,nodev", "nosuid,nodev"},
	{"nosuid", "rbind,ro,rro", "ro", "ro,nosuid"},
	{"nosuid", "rbind,rro", "ro,nosuid", "ro,nosuid"},
	{"", "rbind,rnoatime", "noatime", refused},
	{"noatime", "rbind,ratime", "relatime", refused},
	{"noatime", "rbind,rrelatime", "relatime", refused},
	{"noatime", "rbind,rnorelatime", "relatime", refused},
	{"noatime", "rbind,rstrictatime", "strictatime", refused},
	{"noatime", "rbind,rnostrictatime", "relatime", refused},
	{"noatime", "rbind,rnoatime,rnorelatime", "noatime", "noatime"},
	{"nodiratime", "rbind,rdiratime", "", refused},
	{"", "rbind,rnosuid,rnodev,rnoexec,rnosymfollow", "nosuid,nodev,noexec,nosymfollow", "nosuid,nodev,noexec,nosymfollow"},
	{"nosuid,nodev,noexec,nosymfollow", "rbind,rsuid,rdev,rexec,rsymfollow,rrw", "", refused},
}

func TestMountOptions_bindTable(t *testing.T) {
	for _, c := range bindTable {
		t.Run(c.source+"/"+c.options, func(t *testing.T) {
			m := parse(t, c.options)
			for _, side := range []struct {
				name   string
				locked bool
				want   string
			}{{"host", false, c.host}, {"user namespace", true, c.user}} {
				k := kernel{attrs: attrBits(t, c.source), locked: side.locked}
				k.source = k.attrs
				got := refused
				if err := k.bind(m.bindAttrs()); err == nil {
					got = attrText(k.attrs)
				} else if !errors.Is(err, unix.EPERM) {
					t.Fatalf("%s: %v", side.name, err)
				}
				if side.want != refused {
					side.want = attrText(attrBits(t, side.want))
				}
				if got != side.want {
					t.Errorf("%s: %q, want %q", side.name, got, side.want)
				}
			}
		})
	}
}

// kernel is mount_setattr(2) on one mount, with the flags of its source locked
// or not (mount_namespaces(7)).
type kernel struct {
	source, attrs uint64
	locked        bool
}

const (
	lockable  = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC
	atimeGate = unix.MOUNT_ATTR__ATIME | unix.MOUNT_ATTR_NODIRATIME
)

func (k *kernel) setattr(set, clear uint64) error {
	switch clear & unix.MOUNT_ATTR__ATIME {
	case unix.MOUNT_ATTR__ATIME:
	case 0:
		if set&unix.MOUNT_ATTR__ATIME != 0 {
			return unix.EINVAL
		}
	default:
		return unix.EINVAL
	}
	to := k.attrs&^clear | set
	if k.locked && (k.source&^to&lockable != 0 || (k.source^to)&atimeGate != 0) {
		return unix.EPERM
	}
	k.attrs = to
	return nil
}

// bind does what the init does: MountBind with MountLockRetry.
func (k *kernel) bind(set, clear, recSet, recClear, explicit uint64) error {
	if set|clear != 0 {
		if err := k.setattr(set, clear); errors.Is(err, unix.EPERM) {
			keep := k.attrs & lockable &^ set
			if (keep|atimeGate)&explicit != 0 {
				return err
			}
			if err := k.setattr(set|keep, clear&^keep); err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
	}
	if recSet|recClear != 0 {
		return k.setattr(recSet, recClear)
	}
	return nil
}

// The host's column again, with the kernel's own answer: a detached tmpfs that
// has the flags of the source.
func TestMountOptions_bindTableKernel(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: new mounts")
	}
	for _, c := range bindTable {
		t.Run(c.source+"/"+c.options, func(t *testing.T) {
			fd := detached(t)
			defer unix.Close(fd)
			setattr := func(set, clear uint64) {
				t.Helper()
				if set|clear == 0 {
					return
				}
				if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: set, Attr_clr: clear}); err != nil {
					t.Fatalf("mount_setattr set=%#x clear=%#x: %v", set, clear, err)
				}
			}
			setattr(attrBits(t, c.source), unix.MOUNT_ATTR__ATIME)
			set, clear, recSet, recClear, _ := parse(t, c.options).bindAttrs()
			setattr(set, clear)
			setattr(recSet, recClear)
			if got, want := attrText(attrsOf(t, fd)), attrText(attrBits(t, c.host)); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

func detached(t *testing.T) int {
	t.Helper()
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		t.Skipf("fsopen: %v", err)
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		t.Fatalf("fsconfig create: %v", err)
	}
	fd, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("fsmount: %v", err)
	}
	return fd
}

func attrsOf(t *testing.T, fd int) (bits uint64) {
	t.Helper()
	var sb unix.Statfs_t
	if err := unix.Fstatfs(fd, &sb); err != nil {
		t.Fatal(err)
	}
	const nosymfollow = 0x2000 // ST_NOSYMFOLLOW
	for _, f := range [...]struct{ st, attr uint64 }{
		{unix.ST_RDONLY, unix.MOUNT_ATTR_RDONLY}, {unix.ST_NOSUID, unix.MOUNT_ATTR_NOSUID}, {unix.ST_NODEV, unix.MOUNT_ATTR_NODEV},
		{unix.ST_NOEXEC, unix.MOUNT_ATTR_NOEXEC}, {nosymfollow, unix.MOUNT_ATTR_NOSYMFOLLOW},
		{unix.ST_NODIRATIME, unix.MOUNT_ATTR_NODIRATIME}, {unix.ST_NOATIME, unix.MOUNT_ATTR_NOATIME},
	} {
		if uint64(sb.Flags)&f.st != 0 {
			bits |= f.attr
		}
	}
	if sb.Flags&(unix.ST_NOATIME|unix.ST_RELATIME) == 0 {
		bits |= unix.MOUNT_ATTR_STRICTATIME
	}
	return bits
}

func TestMountOptions_bindMasks(t *testing.T) {
	for _, c := range []struct{ options, set, clear, recSet, recClear, explicit string }{
		{"bind", "", "", "", "", ""},
		{"rbind,rprivate", "", "", "", "", ""},
		{"bind,ro", "ro", "nosuid,nodev,noexec,nosymfollow", "", "", ""},
		{"bind,ro,rw", "", "ro,nosuid,nodev,noexec,nosymfollow", "", "", "ro"},
		{"bind,rw,ro", "ro", "nosuid,nodev,noexec,nosymfollow", "", "", ""},
		{"bind,suid,dev,exec,symfollow", "", "ro,nosuid,nodev,noexec,nosymfollow", "", "", "nosuid,nodev,noexec,nosymfollow"},
		{"bind,atime,diratime", "", "ro,nosuid,nodev,noexec,nosymfollow", "", "", ""},
		{"bind,noatime", "noatime", "ro,nosuid,nodev,noexec,nosymfollow,nodiratime,atimes", "", "", "atimes"},
		{"bind,noatime,atime", "", "ro,nosuid,nodev,noexec,nosymfollow", "", "", ""},
		{"bind,noatime,relatime", "", "ro,nosuid,nodev,noexec,nosymfollow,nodiratime,atimes", "", "", "atimes"},
		{"bind,relatime,norelatime", "", "ro,nosuid,nodev,noexec,nosymfollow", "", "", ""},
		{"bind,strictatime,noatime,nostrictatime", "noatime", "ro,nosuid,nodev,noexec,nosymfollow,nodiratime,atimes", "", "", "atimes"},
		{"bind,nodiratime", "nodiratime", "ro,nosuid,nodev,noexec,nosymfollow,atimes", "", "", "nodiratime"},
		{"bind,nodiratime,diratime", "", "ro,nosuid,nodev,noexec,nosymfollow", "", "", ""},
		{"bind,nodiratime,strictatime", "nodiratime,strictatime", "ro,nosuid,nodev,noexec,nosymfollow,atimes", "", "", "nodiratime,atimes"},
		{"rbind,rro,rnosuid", "", "", "ro,nosuid", "", ""},
		{"rbind,rro,rrw", "", "", "", "ro", ""},
		{"rbind,ratime", "", "", "", "atimes", ""},
		{"rbind,rnoatime", "", "", "noatime", "atimes", ""},
		{"rbind,rnoatime,ratime", "", "", "", "atimes", ""},
		{"rbind,rnodiratime", "", "", "nodiratime", "", ""},
		{"rbind,ro,rro", "ro", "nosuid,nodev,noexec,nosymfollow", "ro", "", ""},
	} {
		t.Run(c.options, func(t *testing.T) {
			set, clear, recSet, recClear, explicit := parse(t, c.options).bindAttrs()
			for _, v := range []struct {
				name string
				got  uint64
				want string
			}{{"set", set, c.set}, {"clear", clear, c.clear}, {"recSet", recSet, c.recSet}, {"recClear", recClear, c.recClear}, {"explicit", explicit, c.explicit}} {
				if v.got != attrBits(t, v.want) {
					t.Errorf("%s %q, want %q", v.name, attrText(v.got), v.want)
				}
			}
		})
	}
}

func TestMountOptions_fsAttrs(t *testing.T) {
	for _, c := range []struct {
		options, attrs string
		readOnly       bool
		ms             uint64
		super          []string
		mountCall      bool
	}{
		{"", "", false, 0, nil, false},
		{"defaults", "", false, 0, nil, false},
		{"nosuid,noexec,nodev", "nosuid,noexec,nodev", false, unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_NODEV, nil, false},
		{"nosuid,strictatime,mode=755,size=65536k", "nosuid,strictatime", false, unix.MS_NOSUID | unix.MS_STRICTATIME, nil, false},
		{"noatime,relatime", "", false, 0, nil, false},
		{"relatime,noatime", "noatime", false, unix.MS_NOATIME, nil, false},
		{"nosymfollow,nodiratime", "nosymfollow,nodiratime", false, unix.MS_NOSYMFOLLOW | unix.MS_NODIRATIME, nil, false},
		{"ro", "ro", true, unix.MS_RDONLY, nil, false},
		{"ro,rw", "", false, 0, nil, false},
		{"rro", "ro", true, unix.MS_RDONLY, nil, false},
		{"ro,rrw", "", false, 0, nil, false},
		{"strictatime,ratime", "", false, 0, nil, false},
		{"noatime,rstrictatime", "strictatime", false, unix.MS_STRICTATIME, nil, false},
		{"sync,dirsync,lazytime,mand", "", false, unix.MS_SYNCHRONOUS | unix.MS_DIRSYNC | unix.MS_LAZYTIME | unix.MS_MANDLOCK, []string{"sync", "dirsync", "mand", "lazytime"}, false},
		{"sync,async,lazytime,nolazytime,mand,nomand", "", false, 0, nil, false},
		{"async,sync,sync", "", false, unix.MS_SYNCHRONOUS, []string{"sync"}, false},
		{"silent", "", false, unix.MS_SILENT, nil, false},
		{"silent,loud", "", false, 0, nil, false},
		{"iversion", "", false, unix.MS_I_VERSION, nil, true},
		{"iversion,noiversion", "", false, 0, nil, false},
	} {
		t.Run(c.options, func(t *testing.T) {
			m := parse(t, c.options)
			attrs, rec := m.fsAttrs()
			if attrs != attrBits(t, c.attrs) || rec != 0 {
				t.Errorf("attrs %q and %#x, want %q", attrText(attrs), rec, c.attrs)
			}
			if m.readOnly != c.readOnly || m.msFlags != c.ms || m.mountCall != c.mountCall || !slices.Equal(m.sbFlags, c.super) {
				t.Errorf("read-only %v, flags %#x, mount(2) %v, super %q; want %v, %#x, %v, %q",
					m.readOnly, m.msFlags, m.mountCall, m.sbFlags, c.readOnly, c.ms, c.mountCall, c.super)
			}
		})
	}
}

// Every flag that is given to fsconfig(2) is one that it takes, whatever the
// file system.
func TestMountOptions_superFlagsKernel(t *testing.T) {
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		t.Skipf("fsopen: %v", err)
	}
	defer unix.Close(fs)
	for _, name := range parse(t, strings.Join(MountOptions(), ",")+",sync,dirsync,mand,lazytime,iversion,silent").sbFlags {
		if err := unix.FsconfigSetFlag(fs, name); err != nil {
			t.Errorf("fsconfig %s: %v", name, err)
		}
	}
}

func TestMountOptions_data(t *testing.T) {
	for _, c := range []struct {
		name    string
		options []string
		data    []string
		text    string // for mount(2)
		hasMode bool
	}{
		{"none", nil, nil, "", false},
		{"order", []string{"size=64k", "ro", "mode=755", "uid=0"}, []string{"size=64k", "mode=755", "uid=0"}, "size=64k,mode=755,uid=0", true},
		{"flag", []string{"newinstance", "ptmxmode=0666"}, []string{"newinstance", "ptmxmode=0666"}, "newinstance,ptmxmode=0666", false},
		{"several in one entry", []string{"size=64k,mode=1777,nosuid"}, []string{"size=64k", "mode=1777"}, "size=64k,mode=1777", true},
		{"empty entries", []string{"", ",", "size=1,,", "x"}, []string{"size=1", "x"}, "size=1,x", false},
		{"comments of fstab", []string{"x-systemd.automount", "X-mount.mkdir", "comment=a", "_netdev", "auto", "noauto", "nouser", "nofail"}, nil, "", false},
		{"not comments", []string{"x=1", "xino=on", "comment"}, []string{"x=1", "xino=on", "comment"}, "x=1,xino=on,comment", false},
		{
			"quoted context", []string{`context="system_u:object_r:container_file_t:s0:c1,c2"`, "size=1"},
			[]string{"context=system_u:object_r:container_file_t:s0:c1,c2", "size=1"},
			`context="system_u:object_r:container_file_t:s0:c1,c2",size=1`, false,
		},
		{"quotes of others", []string{`name="a,b",c`}, []string{`name="a,b"`, "c"}, `name="a,b",c`, false},
		{"open quote", []string{`name="a,b`}, []string{`name="a,b`}, `name="a,b`, false},
		{
			"overlay", []string{`lowerdir=/a\,b:/c`, "upperdir=/u,workdir=/w"}, []string{`lowerdir=/a\,b:/c`, "upperdir=/u", "workdir=/w"},
			`lowerdir=/a\,b:/c,upperdir=/u,workdir=/w`, false,
		},
		{"backslash at the end", []string{`a\`}, []string{`a\`}, `a\`, false},
		{"capital letters", []string{"RO", "Bind"}, []string{"RO", "Bind"}, "RO,Bind", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := parseMountOptions(c.options)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(m.data, c.data) || m.hasMode != c.hasMode {
				t.Errorf("data %q, mode %v; want %q, %v", m.data, m.hasMode, c.data, c.hasMode)
			}
			if got := m.dataString(); got != c.text {
				t.Errorf("text %q, want %q", got, c.text)
			}
		})
	}
}

func TestMountOptions_nul(t *testing.T) {
	if _, err := parseMountOptions([]string{"ro", "size=1\x00,rw"}); err == nil {
		t.Error("a NUL byte is accepted")
	}
}

func TestMountOptions_own(t *testing.T) {
	m := parse(t, "bind,rbind,remount,tmpcopyup,idmap,ridmap,src-nofollow,dest-nofollow,copy-symlink,nofail")
	for name, got := range map[string]bool{
		"bind": m.bind, "rbind": m.rbind, "remount": m.remount, "tmpcopyup": m.tmpcopyup, "idmap": m.idmap, "ridmap": m.ridmap,
		"src-nofollow": m.srcNoFollow, "dest-nofollow": m.destNoFollow, "copy-symlink": m.copySymlink, "nofail": m.optional,
	} {
		if !got {
			t.Errorf("%s is not seen", name)
		}
	}
	if n := parse(t, "ro"); n.bind || n.rbind || n.remount || n.tmpcopyup || n.idmap || n.ridmap || n.srcNoFollow || n.destNoFollow || n.copySymlink || n.optional {
		t.Errorf("ro: %+v", n)
	}
}

func TestMountOptions_propagation(t *testing.T) {
	for _, c := range []struct {
		options string
		want    uint64
		rec     bool
	}{
		{"bind", 0, false},
		{"shared", unix.MS_SHARED, false}, {"rshared", unix.MS_SHARED, true},
		{"slave", unix.MS_SLAVE, false}, {"rslave", unix.MS_SLAVE, true},
		{"private", unix.MS_PRIVATE, false}, {"rprivate", unix.MS_PRIVATE, true},
		{"unbindable", unix.MS_UNBINDABLE, false}, {"runbindable", unix.MS_UNBINDABLE, true},
		{"rslave,shared", unix.MS_SHARED, false},
	} {
		if m := parse(t, c.options); m.propagation != c.want || m.propagationRec != c.rec {
			t.Errorf("%s: %#x %v, want %#x %v", c.options, m.propagation, m.propagationRec, c.want, c.rec)
		}
	}
}

// specMountOptions is the table of config.md, "Linux mount options", of
// runtime-spec 1.3.0.
const specMountOptions = `async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev nodiratime noexec
noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime relatime remount rexec
rnoatime rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime rro rrw rshared rslave rstrictatime
rsuid rsymfollow runbindable rw shared silent slave strictatime suid symfollow sync tmpcopyup unbindable idmap ridmap rnodev`

func TestMountOptionNames(t *testing.T) {
	names := MountOptions()
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("not sorted, or twice: %q", names)
	}
	known := strings.Fields(specMountOptions)
	for _, n := range known {
		if !slices.Contains(names, n) {
			t.Errorf("%s of the specification is missing", n)
		}
	}
	for _, n := range names {
		if m := parse(t, n); len(m.data) != 0 {
			t.Errorf("%s is taken for an option of the file system", n)
		}
		if !slices.Contains(known, n) && !slices.Contains(strings.Fields("src-nofollow dest-nofollow copy-symlink _netdev auto noauto nofail nouser"), n) {
			t.Errorf("%s is neither in the specification nor an extension", n)
		}
	}
	if !slices.IsSortedFunc(mountOptionTable[:], func(a, b mountOption) int { return strings.Compare(a.name, b.name) }) {
		t.Error("the table is not sorted")
	}
}

func FuzzMountOptions(f *testing.F) {
	for _, s := range []string{"bind", "rbind,ro,rro", "nosuid,strictatime,mode=755,size=65536k", `context="a,b",size=1`, `lowerdir=a\,b`, "noatime,atime,rnoatime"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := parseMountOptions([]string{s})
		if err != nil {
			return
		}
		var pieces []string
		for rest := s; rest != ""; {
			n := spec.MountOptionLength(rest)
			pieces = append(pieces, rest[:n])
			rest = strings.TrimPrefix(rest[n:], ",")
		}
		if again, err := parseMountOptions(pieces); err != nil || !reflect.DeepEqual(m, again) {
			t.Errorf("%q: in pieces %+v, whole %+v (%v)", s, again, m, err)
		}
		const atimes = uint64(unix.MOUNT_ATTR__ATIME)
		set, clear, recSet, recClear, explicit := m.bindAttrs()
		for _, p := range [][2]uint64{{set, clear}, {recSet, recClear}} {
			if p[0]&p[1]&^atimes != 0 {
				t.Errorf("%q: sets and clears %#x", s, p[0]&p[1])
			}
			if field := p[1] & atimes; field != 0 && field != atimes || field == 0 && p[0]&atimes != 0 {
				t.Errorf("%q: access-time mode: set %#x clear %#x", s, p[0], p[1])
			}
		}
		if explicit&^(set|clear) != 0 {
			t.Errorf("%q: explicit %#x is neither set nor cleared", s, explicit)
		}
		if attrs, _ := m.fsAttrs(); attrs&atimes != 0 && attrs&atimes != unix.MOUNT_ATTR_NOATIME && attrs&atimes != unix.MOUNT_ATTR_STRICTATIME {
			t.Errorf("%q: two access-time modes: %#x", s, attrs)
		}
	})
}

// A config with an option of the table is never refused for an option that nobody knows, and each option that package
// spec proposes for a misspelt one is in the table.
func TestMountOptionTable_is_known_to_spec(t *testing.T) {
	for _, o := range mountOptionTable {
		s := &specs.Spec{Mounts: []specs.Mount{{Destination: "/x", Source: "/x", Type: "bind", Options: []string{"rbind", o.name}}}}
		for _, p := range spec.Validate(s, spec.Options{}) {
			if strings.Contains(p.Message, "filesystem-specific") {
				t.Errorf("%s: %v", o.name, p)
			}
		}
	}
	for _, name := range spec.StandardMountOptions() {
		if findMountOption(name) == nil {
			t.Errorf("%s is not in the table", name)
		}
	}
}

func TestBind_refuses_options_that_mean_nothing(t *testing.T) {
	mounts := func(kind string, options ...string) error {
		_, _, err := Create(&specs.Spec{
			Root: &specs.Root{Path: "rootfs"}, Process: &specs.Process{Args: []string{"/x"}, Cwd: "/"},
			Linux:  &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.MountNamespace}}},
			Mounts: []specs.Mount{{Destination: "/x", Source: "/x", Type: kind, Options: options}},
		}, Options{ID: "c", Bundle: "/b", Cgroups: []CgroupDir{{V2: true, Dir: "/c", Mount: "/c"}}}, Facts{})
		return err
	}
	for _, o := range []string{"nosiud", "size=5", "nonsense", "context=x", "bind ", "RO", "uid=0"} {
		for _, c := range [][]string{{"bind", "rbind", o}, {"none", "bind", o}, {"cgroup2", o}, {"cgroup", o}} {
			if err := mounts(c[0], c[1:]...); err == nil || !strings.Contains(err.Error(), strconv.Quote(o)) {
				t.Errorf("%q: %v", c, err)
			}
		}
	}
	for _, o := range []string{"_netdev", "x-systemd.automount", "X-mount.mkdir", "comment=a", "z", "Z", "U", "cached", "nocopy", "user", "usrquota", "nofail", "rsync"} {
		if err := mounts("bind", "rbind", o); err != nil {
			t.Errorf("%q: %v", o, err)
		}
	}
	for _, o := range []string{"nsdelegate", "memory_recursiveprot", "name=systemd", "xattr", "_netdev"} {
		if err := mounts("cgroup2", o); err != nil {
			t.Errorf("%q: %v", o, err)
		}
	}
}
