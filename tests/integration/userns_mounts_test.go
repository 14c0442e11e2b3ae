package integration

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// In a user namespace's copy of the host's mounts each one is locked to what it covers, and keeps its flags
// (mount_namespaces(7)): what needs it otherwise is mounted from the host's own.

// private is a volume below a directory that the container's users may not walk through.
func (b *bundle) private(name string) string {
	b.t.Helper()
	mkdir(b.t, b.Dir+"/"+name+"-private", 0o700)
	dir := name + "-private/" + name
	v := b.tree(dir)
	writeFile(b.t, v+"/file", name)
	if err := os.Chmod(b.Dir+"/"+name+"-private", 0o700); err != nil {
		b.t.Fatal(err)
	}
	return v
}

func TestUserns_bind_of_a_directory_above_a_mount(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "idmap")
	for _, c := range []struct {
		name    string
		private bool
		options string
		change  func(*specs.Mount)
		flags   string // of the mount
	}{
		{"plain", false, "bind", nil, "rw"},
		{"read-only", false, "bind,ro", nil, "ro"},
		{"access times", false, "bind,noatime", nil, "noatime"},
		{"access times of the tree", false, "bind,rnoatime", nil, "noatime"},
		{"below a private directory", true, "bind", nil, "rw"},
		{"below a private directory, access times", true, "bind,strictatime", nil, "-relatime -noatime"},
		{"with mapped ids", false, "bind", func(m *specs.Mount) { *m = idmapped(*m, 0, 100000, 65536) }, "rw"},
		{"with mapped ids and access times", false, "bind,noatime", func(m *specs.Mount) { *m = idmapped(*m, 0, 100000, 65536) }, "noatime"},
		{"with mapped ids, below a private directory", true, "bind,idmap", nil, "rw"},
	} {
		for _, propagation := range []string{"", "private", "rshared"} {
			t.Run(c.name+" "+propagation, func(t *testing.T) {
				t.Parallel()
				b := userBundle(t)
				v := b.tree("v")
				if c.private {
					v = b.private("p")
				}
				m := bind(v, "/mnt", strings.Split(c.options, ",")...)
				if c.change != nil {
					c.change(&m)
				}
				before := readFile(t, "/proc/self/mountinfo")
				r := b.probe(func(s *specs.Spec) {
					s.Linux.RootfsPropagation = propagation
					withMount(m)(s)
				}, "--read", "/mnt/file", "--ls", "/mnt/sub")
				wantErrno(t, r.action(t, 0), 0)
				wantErrno(t, r.action(t, 1), 0)
				want(t, "entries of the directory below", len(r.action(t, 1).Entries), 0)
				wantOptions(t, r.mount(t, "/mnt"), c.flags)
				for _, line := range strings.Split(readFile(t, "/proc/self/mountinfo"), "\n") {
					if strings.Contains(line, b.Dir) && !strings.Contains(before, line) {
						t.Errorf("the host has %s", line)
					}
				}
			})
		}
	}
}

// The container's root may do with a mount that was made outside what it may do with any other bind mount, and no more.
func TestUserns_mounts_that_are_made_outside_are_locked(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "rt:mount-flags")
	b := userBundle(t)
	v := b.flagged("v", "nodev,nosuid,noexec,ro")
	mkdir(t, b.Dir+"/t", 0o755)
	b.mount("tmpfs", b.Dir+"/t", "tmpfs", unix.MS_NODEV|unix.MS_NOSUID, "mode=755")
	mkdir(t, b.Dir+"/t/sub", 0o755)
	b.mount("tmpfs", b.Dir+"/t/sub", "tmpfs", 0, "")
	addCaps("CAP_SYS_ADMIN")(b.Spec)
	remount := func(at string, flags uintptr) []string {
		return []string{"--mount", "none", at, "none", strconv.FormatUint(uint64(unix.MS_REMOUNT|unix.MS_BIND|flags), 10)}
	}
	const all = unix.MS_NODEV | unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_RDONLY | unix.MS_NOATIME
	var args []string
	for _, a := range [][]string{
		remount("/flags", all),
		remount("/flags", all&^unix.MS_NODEV), remount("/flags", all&^unix.MS_NOSUID), remount("/flags", all&^unix.MS_NOEXEC),
		remount("/flags", all&^unix.MS_RDONLY), remount("/flags", all&^unix.MS_NOATIME|unix.MS_STRICTATIME),
		remount("/above", unix.MS_NODEV|unix.MS_NOSUID), remount("/above", unix.MS_NODEV), remount("/above", unix.MS_NOSUID),
		remount("/tree", unix.MS_NODEV|unix.MS_NOSUID|unix.MS_NOATIME), remount("/tree", unix.MS_NOSUID|unix.MS_NOATIME),
		{"--umount", "/tree/sub"},
	} {
		args = append(args, a...)
	}
	r := b.probe(func(s *specs.Spec) {
		s.Mounts = append(s.Mounts, bind(v, "/flags", "bind", "noatime"), bind(b.Dir+"/t", "/above", "bind"), bind(b.Dir+"/t", "/tree", "rbind", "noatime"))
	}, args...)
	wantOptions(t, r.mount(t, "/flags"), "nodev nosuid noexec ro noatime")
	wantOptions(t, r.mount(t, "/above"), "nodev nosuid")
	wantOptions(t, r.mount(t, "/tree"), "nodev nosuid noatime")
	wantOptions(t, r.mount(t, "/tree/sub"), "relatime -noatime")
	for i, allowed := range []bool{true, false, false, false, false, false, true, false, false, true, false} {
		if allowed {
			wantErrno(t, r.action(t, i), 0)
		} else {
			wantErrno(t, r.action(t, i), unix.EPERM)
		}
	}
	wantErrno(t, r.action(t, 11), unix.EINVAL) // umount(2): it is locked
}

func TestUserns_access_times_of_a_file_and_of_a_tree(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "rt:mount-flags")
	b := userBundle(t)
	v := b.tree("v")
	r := b.probe(func(s *specs.Spec) {
		s.Mounts = append(s.Mounts, bind(v+"/file", "/etc/group", "bind", "noatime"), bind(v, "/top", "rbind", "noatime"),
			bind(v, "/tree", "rbind", "rnoatime"), bind(v, "/all", "rbind", "rstrictatime", "rnodiratime"))
	}, "--read", "/etc/group", "--read", "/tree/sub/file")
	want(t, "the file", r.action(t, 0).Data, "v")
	want(t, "below", r.action(t, 1).Data, "below v")
	for at, flags := range map[string]string{
		"/etc/group": "noatime", "/top": "noatime", "/top/sub": "relatime", "/tree": "noatime", "/tree/sub": "noatime",
		"/all": "nodiratime -relatime -noatime", "/all/sub": "nodiratime -relatime -noatime",
	} {
		wantOptions(t, r.mount(t, at), flags)
	}
}
