package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// wantOptions checks a mount's flags as /proc/self/mountinfo shows them: "ro noexec -relatime" is two that are there
// and one that is not.
func wantOptions(t *testing.T, m mountInfo, wanted string) {
	t.Helper()
	for _, o := range strings.Fields(wanted) {
		name, absent := strings.CutPrefix(o, "-")
		if m.has(name) == absent {
			t.Errorf("%s: options %s, want %s", m.Target, m.Options, wanted)
		}
	}
}

// Every option of the table in config.md, "Linux mount options", that concerns a file system of its own.
func TestMountOptions_on_a_tmpfs(t *testing.T) {
	t.Parallel()
	requires(t, "rt:runc-1.4")
	table := []struct{ options, flags, super string }{
		{"rw,relatime", "rw relatime -nosuid -nodev -noexec", ""},
		{"rw", "rw", ""}, {"ro", "ro", ""},
		{"nosuid", "nosuid", ""}, {"nosuid,suid", "-nosuid", ""},
		{"nodev", "nodev", ""}, {"nodev,dev", "-nodev", ""},
		{"noexec", "noexec", ""}, {"noexec,exec", "-noexec", ""},
		{"noatime", "noatime -relatime", ""}, {"noatime,atime", "relatime -noatime", ""},
		{"nodiratime", "nodiratime relatime", ""}, {"nodiratime,diratime", "-nodiratime", ""},
		{"relatime", "relatime", ""}, {"relatime,norelatime", "-noatime", ""},
		{"strictatime", "-relatime -noatime", ""}, {"strictatime,nostrictatime", "relatime", ""},
		{"nosymfollow", "nosymfollow", ""}, {"nosymfollow,symfollow", "-nosymfollow", ""},
		{"sync", "", "sync"}, {"sync,async", "", "-sync"},
		{"dirsync", "", "dirsync"},
		{"lazytime", "", "lazytime"}, {"lazytime,nolazytime", "", "-lazytime"},
		{"iversion,noiversion", "", ""}, {"nomand", "", ""}, {"silent", "", ""}, {"silent,loud", "", ""},
		{"ro,rw", "rw", ""}, {"rw,ro", "ro", ""},
		{"ro,nosuid,nodev,noexec,noatime,nodiratime,size=64k", "ro nosuid nodev noexec noatime nodiratime", "size=64k"},
		{"private", "", ""}, {"rprivate", "", ""}, {"shared", "", ""}, {"rshared", "", ""}, {"slave", "", ""}, {"rslave", "", ""},
		{"unbindable", "", ""}, {"runbindable", "", ""},
	}
	r := probe(t, func(s *specs.Spec) {
		for i, c := range table {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: fmt.Sprintf("/m/%02d", i), Type: "tmpfs", Source: "tmpfs", Options: strings.Split(c.options, ",")})
		}
	})
	for i, c := range table {
		t.Run(c.options, func(t *testing.T) {
			m := r.mount(t, fmt.Sprintf("/m/%02d", i))
			wantOptions(t, m, c.flags)
			m.Options = m.Super
			wantOptions(t, m, c.super)
			switch strings.TrimPrefix(c.options, "r") {
			case "shared":
				want(t, "shared", len(m.Optional) == 1 && strings.HasPrefix(m.Optional[0], "shared:"), true)
			case "unbindable":
				want(t, "optional", strings.Join(m.Optional, " "), "unbindable")
			case "private":
				want(t, "optional", strings.Join(m.Optional, " "), "")
			}
		})
	}
}

// The recursive options hold for a mount that is not a bind mount, too: the tree is then the mount alone.
func TestMountOptions_recursive_ones_on_a_tmpfs(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung") // runc has them for bind mounts alone, and drops them elsewhere
	table := []struct{ options, flags string }{
		{"rro", "ro"}, {"rnosuid", "nosuid"}, {"rnodev", "nodev"}, {"rnoexec", "noexec"}, {"rnosymfollow", "nosymfollow"}, {"rnodiratime", "nodiratime"},
		{"ro,rrw", "rw"}, {"nosuid,rsuid", "-nosuid"}, {"nodev,rdev", "-nodev"}, {"noexec,rexec", "-noexec"},
		{"nosymfollow,rsymfollow", "-nosymfollow"}, {"nodiratime,rdiratime", "-nodiratime"},
	}
	r := probe(t, func(s *specs.Spec) {
		for i, c := range table {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: fmt.Sprintf("/m/%02d", i), Type: "tmpfs", Source: "tmpfs", Options: strings.Split(c.options, ",")})
		}
	})
	for i, c := range table {
		t.Run(c.options, func(t *testing.T) { wantOptions(t, r.mount(t, fmt.Sprintf("/m/%02d", i)), c.flags) })
	}
}

func TestMountOptions_defaults(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung") // runc hands the word to tmpfs, which does not know it
	r := probe(t, withMount(specs.Mount{Destination: "/mnt", Type: "tmpfs", Source: "tmpfs", Options: []string{"defaults"}}))
	wantOptions(t, r.mount(t, "/mnt"), "rw relatime -nosuid -nodev -noexec")
}

func TestMountOptions_remount_changes_what_is_there(t *testing.T) {
	t.Parallel()
	requires(t, "rt:runc-1.4")
	r := probe(t, withMount(
		specs.Mount{Destination: "/mnt", Type: "tmpfs", Source: "tmpfs"},
		specs.Mount{Destination: "/mnt", Type: "tmpfs", Source: "tmpfs", Options: []string{"remount", "ro", "nosuid"}},
	))
	want(t, "mounts", r.mountsOn("/mnt"), 1)
	m := r.mount(t, "/mnt")
	if !m.has("ro") && !strings.HasPrefix(m.Super, "ro") {
		t.Errorf("%s, want ro", m)
	}
}

func TestMountOptions_rbind_ro_is_about_the_top(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	v := b.tree("v")
	r := b.probe(withMount(bind(v, "/top", "rbind", "ro"), bind(v, "/all", "rbind", "rro"), bind(v, "/both", "rbind", "ro", "rro")),
		"--create", "/top/x", "", "--create", "/top/sub/x", "", "--create", "/all/x", "", "--create", "/all/sub/y", "", "--create", "/both/x", "", "--create", "/both/sub/y", "")
	for i, errno := range []unix.Errno{unix.EROFS, 0, unix.EROFS, unix.EROFS, unix.EROFS, unix.EROFS} {
		wantErrno(t, r.action(t, i), errno)
	}
}

func TestMountOptions_recursive_ones_reach_what_is_mounted_below(t *testing.T) {
	t.Parallel()
	requires(t, "rt:runc-1.4")
	b := newBundle(t)
	v := b.tree("v")
	if err := unix.Mount("", v+"/sub", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|unix.MS_RDONLY|unix.MS_NOATIME, ""); err != nil {
		t.Fatal(err)
	}
	table := []struct{ option, top, sub string }{
		{"rrw", "rw", "rw nosuid"},
		{"rro", "ro", "ro nosuid"},
		{"rsuid", "-nosuid", "-nosuid nodev ro"},
		{"rnosuid", "nosuid", "nosuid"},
		{"rdev", "-nodev", "-nodev nosuid"},
		{"rnodev", "nodev", "nodev"},
		{"rexec", "-noexec", "-noexec nosuid"},
		{"rnoexec", "noexec", "noexec"},
		{"rnodiratime", "nodiratime", "nodiratime noatime"},
		{"rdiratime", "-nodiratime", "-nodiratime noatime"},
		{"ratime", "relatime", "relatime -noatime"},
		{"rnoatime", "noatime", "noatime"},
		{"rrelatime", "relatime", "relatime -noatime"},
		{"rnorelatime", "relatime", "relatime -noatime"},
		{"rstrictatime", "-relatime -noatime", "-relatime -noatime"},
		{"rnostrictatime", "relatime", "relatime -noatime"},
	}
	r := b.probe(func(s *specs.Spec) {
		for _, c := range table {
			s.Mounts = append(s.Mounts, bind(v, "/m/"+c.option, "rbind", c.option))
		}
	})
	for _, c := range table {
		t.Run(c.option, func(t *testing.T) {
			wantOptions(t, r.mount(t, "/m/"+c.option), c.top)
			wantOptions(t, r.mount(t, "/m/"+c.option+"/sub"), c.sub)
		})
	}
}

func TestMountOptions_recursive_symlink_options(t *testing.T) {
	t.Parallel()
	requires(t, "rt:nosymfollow")
	b := newBundle(t)
	v := b.tree("v")
	r := b.probe(withMount(bind(v, "/no", "rbind", "rnosymfollow"), bind(v, "/yes", "rbind", "rnosymfollow", "rsymfollow")))
	wantOptions(t, r.mount(t, "/no"), "nosymfollow")
	wantOptions(t, r.mount(t, "/no/sub"), "nosymfollow")
	wantOptions(t, r.mount(t, "/yes/sub"), "-nosymfollow")
}

// ---- flags of bind mounts

// bindFlags is what becomes of the flags of a bind mount's source. The rule: options that say no more than "bind" keep
// them all; any other flag replaces all of them, except those about atime, which stay until one of them is set. In a
// user namespace flags of the source are locked, and stay as well, unless they were asked to be cleared: that fails.
// The access times are set outside.
var bindFlags = []struct {
	source, options string
	here, mapped    string // the flags without and with a user namespace; "fails", or "" if that is not tried
}{
	{"ro,noexec,nosymfollow,nodiratime", "bind", "ro noexec nosymfollow nodiratime", "ro noexec nosymfollow nodiratime"},
	{"ro,noexec,nosymfollow,nodiratime", "bind,dev", "rw -noexec -nosymfollow nodiratime", "ro noexec nodiratime -nosymfollow"},
	{"ro", "bind,nosuid,nodev,rprivate", "rw nosuid nodev", "ro nosuid nodev"},
	{"ro", "bind,rw,nosuid,nodev,rprivate", "rw nosuid nodev", "fails"},
	{"nosuid,nodev,noexec,noatime", "bind,dev,suid,exec,atime", "rw -nosuid -nodev -noexec noatime", ""},
	{"nosuid,nodev,noatime", "bind,dev,suid,exec,atime", "", "fails"},
	{"nodev,nosuid,noexec,noatime", "bind,ro", "ro -nodev -nosuid -noexec", "ro nodev nosuid noexec"},
	{"nodev,nosymfollow", "bind,ro,symfollow", "ro -nodev -nosymfollow", "ro nodev -nosymfollow"},
	{"nodev,nosymfollow", "bind,rw", "", "rw nodev -nosymfollow"},
	{"nodev,nosuid,noatime", "bind,ro,exec", "ro -noexec -nosuid -nodev noatime", "ro nosuid nodev noatime -noexec"},
	{"noatime", "bind", "noatime -relatime", "noatime -relatime"},
	{"noatime", "bind,norelatime", "noatime -relatime", "noatime -relatime"},
	{"noatime", "bind,atime", "noatime -relatime", "noatime -relatime"},
	{"noatime", "bind,relatime", "relatime -noatime", "relatime -noatime"},
	{"noatime", "bind,nodiratime", "nodiratime relatime -noatime", "nodiratime relatime -noatime"},
	{"nodiratime", "bind,strictatime", "-relatime -noatime", "-relatime -noatime"},
	{"noatime", "bind,nodiratime,strictatime", "nodiratime -relatime -noatime", "nodiratime -relatime -noatime"},
	{"noatime", "bind,nodiratime,norelatime", "nodiratime relatime -noatime", ""},
	{"strictatime", "bind", "-relatime -noatime", "-relatime -noatime"},
	{"relatime", "bind", "relatime", "relatime"},
	{"nodiratime", "bind", "nodiratime", "nodiratime"},
	{"noatime,nodiratime", "bind", "noatime nodiratime", "noatime nodiratime"},
	{"noatime,nodiratime", "bind,norelatime", "", "noatime nodiratime"},
	{"noatime,nodiratime", "bind,atime", "", "noatime nodiratime"},
	{"relatime", "bind,strictatime", "-relatime -noatime", "-relatime -noatime"},
	{"noatime", "bind,strictatime", "-relatime -noatime", "-relatime -noatime"},
	{"nodiratime", "bind,noatime", "noatime -nodiratime", "noatime -nodiratime"},
	{"relatime", "bind,noatime", "noatime", "noatime"},
	{"relatime", "bind,nodiratime", "relatime nodiratime", "relatime nodiratime"},
	{"strictatime", "bind,relatime", "relatime", "relatime"},
	{"strictatime", "bind,noatime", "noatime", "noatime"},
	{"ro,nodev,relatime", "bind,noatime", "rw -nodev noatime", "ro nodev noatime"},
	{"ro,relatime", "bind,rw,noatime", "rw noatime", "fails"},
	{"strictatime", "bind,nodiratime", "relatime nodiratime", "relatime nodiratime"},
	{"strictatime", "bind,nostrictatime", "", "-relatime -noatime"},
	{"nodiratime", "bind,diratime", "", "nodiratime"},
	{"nodiratime", "bind,norelatime", "", "nodiratime"},
	{"relatime", "bind,norelatime", "", "relatime"},
}

var mountFlag = map[string]uintptr{
	"ro": unix.MS_RDONLY, "noexec": unix.MS_NOEXEC, "nosuid": unix.MS_NOSUID, "nodev": unix.MS_NODEV, "nosymfollow": unix.MS_NOSYMFOLLOW,
	"noatime": unix.MS_NOATIME, "nodiratime": unix.MS_NODIRATIME, "relatime": unix.MS_RELATIME, "strictatime": unix.MS_STRICTATIME,
}

// flagged is a volume that is a mount on the host, with these flags.
func (b *bundle) flagged(name, flags string) string {
	b.t.Helper()
	dir := b.volume(name)
	b.mount(dir, dir, "", unix.MS_BIND, "")
	var all uintptr
	for _, f := range strings.Split(flags, ",") {
		all |= mountFlag[f]
	}
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_BIND|all, ""); err != nil {
		b.t.Fatal(err)
	}
	return dir
}

func TestMountOptions_flags_of_bind_mounts(t *testing.T) {
	t.Parallel()
	requires(t, "rt:mount-flags")
	for _, mapped := range []bool{false, true} {
		t.Run(fmt.Sprintf("user namespace %v", mapped), func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			if mapped {
				b = userBundle(t)
			}
			outcome := func(i int) string {
				if mapped {
					return bindFlags[i].mapped
				}
				return bindFlags[i].here
			}
			for i, c := range bindFlags {
				if o := outcome(i); o != "" && o != "fails" {
					dest := fmt.Sprintf("/m/%02d", i)
					mkdir(t, b.Rootfs+dest, 0o755)
					b.Spec.Mounts = append(b.Spec.Mounts, bind(b.flagged(fmt.Sprintf("v%02d", i), c.source), dest, strings.Split(c.options, ",")...))
				}
			}
			r := b.probe(nil)
			for i, c := range bindFlags {
				if o := outcome(i); o != "" && o != "fails" {
					t.Run(c.source+" "+c.options, func(t *testing.T) {
						wantOptions(t, r.mount(t, fmt.Sprintf("/m/%02d", i)), o)
					})
				}
			}
		})
	}
}

func TestMountOptions_locked_flags_cannot_be_cleared(t *testing.T) {
	t.Parallel()
	requires(t, "rt:mount-flags")
	for _, c := range bindFlags {
		if c.mapped != "fails" {
			continue
		}
		t.Run(c.source+" "+c.options, func(t *testing.T) {
			t.Parallel()
			b := userBundle(t)
			withMount(bind(b.flagged("v", c.source), "/mnt", strings.Split(c.options, ",")...))(b.Spec)
			b.Spec.Process.Args = []string{"/probe", "--echo", "it-started"}
			wantFailure(t, b.run(), "operation not permitted", "/mnt")
		})
	}
}

func TestMountOptions_readonly_bind_of_a_file(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	v := b.volume("v")
	r := b.probe(withMount(bind(v+"/file", "/etc/group", "bind", "ro")), "--write", "/etc/group", "x", "--read", "/etc/group")
	wantErrno(t, r.action(t, 0), unix.EROFS)
	want(t, "file", r.action(t, 1).Data, "v")
	want(t, "on the host", readFile(t, filepath.Join(b.Rootfs, "etc/group")) != "v", true)
}

func TestMountOptions_nodev_noexec_nosuid_are_in_force(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	v := b.volume("v")
	copyFile(t, probePath, v+"/probe", 0o755)
	if err := unix.Mknod(v+"/null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(v+"/null", 0o666); err != nil {
		t.Fatal(err)
	}
	r := b.probe(withMount(bind(v, "/plain", "bind"), bind(v, "/nodev", "bind", "nodev"), bind(v, "/noexec", "bind", "noexec")),
		"--open", "/plain/null", "w", "--open", "/nodev/null", "w", "--access", "/plain/probe", "x", "--access", "/noexec/probe", "x")
	wantErrno(t, r.action(t, 0), 0)
	wantErrno(t, r.action(t, 1), unix.EACCES)
	wantErrno(t, r.action(t, 2), 0)
	wantErrno(t, r.action(t, 3), unix.EACCES)
}
