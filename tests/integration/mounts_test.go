package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// volume makes a directory in the bundle with a file in it.
func (b *bundle) volume(name string) string {
	b.t.Helper()
	dir := filepath.Join(b.Dir, name)
	mkdir(b.t, dir, 0o755)
	writeFile(b.t, filepath.Join(dir, "file"), name)
	return dir
}

// tree makes a volume with a tmpfs mounted below it, at sub.
func (b *bundle) tree(name string) string {
	b.t.Helper()
	dir := b.volume(name)
	mkdir(b.t, dir+"/sub", 0o755)
	b.mount("tmpfs", dir+"/sub", "tmpfs", 0, "")
	writeFile(b.t, dir+"/sub/file", "below "+name)
	return dir
}

func bind(source, destination string, options ...string) specs.Mount {
	return specs.Mount{Destination: destination, Type: "bind", Source: source, Options: options}
}

// ---- bind mounts

func TestMounts_bind_shows_the_directory_alone(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	r := b.probe(withMount(bind(b.tree("v"), "/mnt", "bind")), "--read", "/mnt/file", "--read", "/mnt/sub/file", "--create", "/mnt/new", "x")
	want(t, "file", r.action(t, 0).Data, "v")
	wantErrno(t, r.action(t, 1), unix.ENOENT)
	wantErrno(t, r.action(t, 2), 0)
	want(t, "written through", readFile(t, b.Dir+"/v/new"), "x")
}

func TestMounts_rbind_shows_what_is_mounted_below_too(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	r := b.probe(withMount(bind(b.tree("v"), "/mnt", "rbind")), "--read", "/mnt/sub/file")
	want(t, "file below", r.action(t, 0).Data, "below v")
}

func TestMounts_bind_forms(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	v := b.volume("v")
	if err := os.Symlink("v", b.Dir+"/link"); err != nil {
		t.Fatal(err)
	}
	b.Spec.Mounts = append(b.Spec.Mounts,
		specs.Mount{Destination: "/a", Source: v, Options: []string{"bind"}},                // no type
		specs.Mount{Destination: "/b", Source: v, Type: "none", Options: []string{"rbind"}}, // type none
		specs.Mount{Destination: "/c", Source: "v", Options: []string{"bind"}},              // relative to the bundle
		specs.Mount{Destination: "/d", Source: b.Dir + "/link", Type: "bind", Options: []string{"bind"}},
		specs.Mount{Destination: "/e", Source: v, Type: "ext4", Options: []string{"bind"}}, // the option decides
		specs.Mount{Destination: "/f/g/h", Source: v + "/file", Type: "bind", Options: []string{"bind", "ro"}},
		specs.Mount{Destination: "//i/../i//", Source: v + "/", Type: "bind", Options: []string{"bind"}},
	)
	r := b.probe(nil, "--read", "/a/file", "--read", "/b/file", "--read", "/c/file", "--read", "/d/file", "--read", "/e/file", "--read", "/f/g/h", "--read", "/i/file")
	for i := range 7 {
		want(t, r.action(t, i).Path, r.action(t, i).Data, "v")
	}
}

func TestMounts_a_bind_source_that_does_not_exist_is_refused(t *testing.T) {
	t.Parallel()
	mustFail(t, withMount(bind("/nonexistent/source", "/mnt", "bind")), "no such file or directory", "/nonexistent/source")
}

func TestMounts_a_bind_of_a_socket_and_a_fifo(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	if err := unix.Mkfifo(b.Dir+"/fifo", 0o600); err != nil {
		t.Fatal(err)
	}
	r := b.probe(withMount(bind(b.Dir+"/fifo", "/run/fifo", "bind")), "--stat", "/run/fifo")
	want(t, "type", r.action(t, 0).Type, "fifo")
}

func TestMounts_a_mount_later_in_the_list_sees_the_ones_before(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	v := b.volume("v")
	r := b.probe(func(s *specs.Spec) {
		s.Mounts = append(s.Mounts,
			specs.Mount{Destination: "/mnt", Type: "tmpfs", Source: "tmpfs"},
			bind(v, "/mnt/inner", "bind"),
			bind(b.Rootfs+"/mnt", "/home", "rbind"), // of the tree as it is by now
		)
	}, "--read", "/mnt/inner/file", "--read", "/home/inner/file")
	want(t, "in the tmpfs", r.action(t, 0).Data, "v")
	want(t, "in the bind of it", r.action(t, 1).Data, "v")
}

// ---- destinations

func TestMounts_missing_directories_are_made(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	mkdir(t, b.Rootfs+"/parent", 0o2755|os.ModeSetgid)
	r := b.probe(withMount(
		specs.Mount{Destination: "/new/a/b", Type: "tmpfs", Source: "tmpfs"},
		bind(b.volume("v")+"/file", "/files/x/y", "bind"),
	), "--stat", "/new", "--stat", "/new/a", "--stat", "/files/x")
	for i := range 3 {
		want(t, r.action(t, i).Path+": mode", r.action(t, i).Mode, 0o755)
		want(t, r.action(t, i).Path+": owner", r.action(t, i).UID, 0)
	}
}

func TestMounts_directories_made_inherit_setgid(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	mkdir(t, b.Rootfs+"/parent", 0o755|os.ModeSetgid|os.ModeSetuid|os.ModeSticky)
	r := b.probe(withMount(specs.Mount{Destination: "/parent/a/b", Type: "tmpfs", Source: "tmpfs"}), "--stat", "/parent", "--stat", "/parent/a")
	want(t, "mode of the parent", r.action(t, 0).Mode, 0o7755)
	want(t, "mode of the child", r.action(t, 1).Mode, 0o2755)
}

func TestMounts_relative_destination_begins_at_the_root(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	withMount(bind(b.volume("v"), "tmp/mount-1", "bind"))(b.Spec)
	b.Spec.Process.Args = []string{"/probe", "--read", "/tmp/mount-1/file", "--report"}
	res := b.run() // with a warning
	want(t, "exit status", res.Exit, 0)
	want(t, "file", parseProbe(t, res.Stdout).action(t, 0).Data, "v")
}

// A destination that begins with the host's path of the root file system lies in it: engines write that.
func TestMounts_destination_may_be_the_hosts_path(t *testing.T) {
	t.Parallel()
	requires(t, "rt:runc-1.4")
	b := newBundle(t)
	r := b.probe(withMount(bind(b.volume("v"), b.Rootfs+"/final", "bind")), "--read", "/final/file")
	want(t, "file", r.action(t, 0).Data, "v")
}

func TestMounts_destinations_go_through_symlinks_inside_the_root(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	for link, target := range map[string]string{
		"abs":         "/tmp/target-abs",     // dangling, absolute
		"rel":         "tmp/target-rel",      // dangling, relative
		"up":          "../../../tmp/up",     // out of the root, if it were let
		"jump":        "/tmp/foo/bar",        // in the middle
		"chain":       "/jump/chained",       // a link to below a link
		"etc/hosts":   "/jump/baz/hosts",     // a file, through both
		"tmp/dir-abs": "/home",               // existing
		"tmp/host":    b.Dir + "/host-place", // a path that exists on the host
	} {
		if err := os.Symlink(target, filepath.Join(b.Rootfs, link)); err != nil {
			t.Fatal(err)
		}
	}
	mkdir(t, b.Dir+"/host-place", 0o755)
	v := b.volume("v")
	r := b.probe(withMount(
		bind(v, "/abs", "bind"), bind(v, "/rel", "bind"), bind(v, "/up", "bind"), bind(v, "/jump/in", "bind"),
		bind(v, "/chain/end", "bind"), bind(v+"/file", "/etc/hosts", "bind"), bind(v, "/tmp/dir-abs", "bind"), bind(v, "/tmp/host/x", "bind"),
	), "--read", "/tmp/target-abs/file", "--read", "/tmp/target-rel/file", "--read", "/tmp/up/file", "--read", "/tmp/foo/bar/in/file",
		"--read", "/tmp/foo/bar/chained/end/file", "--read", "/tmp/foo/bar/baz/hosts", "--read", "/home/file", "--read", b.Dir+"/host-place/x/file")
	for i := range 8 {
		want(t, r.action(t, i).Path, r.action(t, i).Data, "v")
	}
	for _, target := range []string{"/tmp/target-abs", "/tmp/target-rel", "/tmp/up", "/tmp/foo/bar/in", "/tmp/foo/bar/chained/end", "/tmp/foo/bar/baz/hosts", "/home", b.Dir + "/host-place/x"} {
		r.mount(t, target)
	}
	entries, err := os.ReadDir(b.Dir + "/host-place")
	if err != nil || len(entries) != 0 {
		t.Errorf("on the host: %v, %v", entries, err)
	}
	if exists("/tmp/target-abs") || exists("/tmp/up") || exists("/tmp/foo/bar/in") {
		t.Error("a mount point was made on the host")
	}
}

func TestMounts_a_file_in_the_way_of_a_directory_is_refused(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe"}
	withMount(bind(b.volume("v"), "/etc/passwd", "bind"))(b.Spec)
	wantFailure(t, b.run(), "not a directory")
}

// ---- tmpfs

func TestMounts_tmpfs_options(t *testing.T) {
	t.Parallel()
	requires(t, "rt:runc-1.4")
	b := newBundle(t)
	mkdir(t, b.Rootfs+"/closed", 0o710)
	mkdir(t, b.Rootfs+"/sticky", 0o777|os.ModeSticky|os.ModeSetgid)
	tmpfs := func(dest string, options ...string) specs.Mount {
		return specs.Mount{Destination: dest, Type: "tmpfs", Source: "tmpfs", Options: options}
	}
	r := b.probe(withMount(
		tmpfs("/t/sized", "size=1m", "mode=0444", "uid=7", "gid=8", "nr_inodes=100"),
		tmpfs("/t/ro", "ro"),
		tmpfs("/closed"),
		tmpfs("/sticky"),
		tmpfs("/home", "mode=1700"),
		tmpfs("/t/new"),
	), "--stat", "/t/sized", "--create", "/t/ro/x", "", "--stat", "/closed", "--stat", "/sticky", "--stat", "/home", "--stat", "/t/new")
	sized := r.action(t, 0)
	want(t, "mode", sized.Mode, 0o444)
	want(t, "uid", sized.UID, 7)
	want(t, "gid", sized.GID, 8)
	if !strings.Contains(r.mount(t, "/t/sized").Super, "size=1024k") {
		t.Errorf("options: %s", r.mount(t, "/t/sized").Super)
	}
	wantErrno(t, r.action(t, 1), unix.EROFS)
	want(t, "ro", r.mount(t, "/t/ro").has("ro"), true)
	// Without mode= the mount point's mode counts, if there was one.
	want(t, "mode of an existing directory", r.action(t, 2).Mode, 0o710)
	if !strings.Contains(r.mount(t, "/closed").Super, "mode=710") {
		t.Errorf("options: %s, want mode=710", r.mount(t, "/closed").Super)
	}
	want(t, "special bits of an existing directory", r.action(t, 3).Mode, 0o3777)
	want(t, "mode given", r.action(t, 4).Mode, 0o1700)
	want(t, "default of a new one", r.action(t, 5).Mode, 0o1777)
	if strings.Contains(r.mount(t, "/t/new").Super, "mode=") {
		t.Errorf("options: %s, want no mode", r.mount(t, "/t/new").Super)
	}
	for dir, mode := range map[string]os.FileMode{"closed": 0o710 | os.ModeDir, "home": 0o755 | os.ModeDir} {
		st, err := os.Stat(filepath.Join(b.Rootfs, dir))
		if err != nil {
			t.Fatal(err)
		}
		want(t, "mode of the directory below", st.Mode(), mode)
	}
}

func TestMounts_tmpcopyup_copies_what_is_below(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	mkdir(t, b.Rootfs+"/data/deep/er", 0o750)
	writeFile(t, b.Rootfs+"/data/deep/file", "copied")
	if err := os.Chmod(b.Rootfs+"/data/deep/file", 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("deep/file", b.Rootfs+"/data/link"); err != nil {
		t.Fatal(err)
	}
	r := b.probe(withMount(specs.Mount{Destination: "/data", Type: "tmpfs", Source: "tmpfs", Options: []string{"tmpcopyup", "mode=0751"}}),
		"--read", "/data/link", "--stat", "/data/deep/file", "--stat", "/data/deep/er", "--write", "/data/deep/file", "changed", "--stat", "/data")
	want(t, "copy", r.action(t, 0).Data, "copied")
	want(t, "mode of the file", r.action(t, 1).Mode, 0o640)
	want(t, "mode of the directory", r.action(t, 2).Mode, 0o750)
	want(t, "type", r.mount(t, "/data").Fstype, "tmpfs")
	wantErrno(t, r.action(t, 3), 0)
	want(t, "below", readFile(t, b.Rootfs+"/data/deep/file"), "copied")
	want(t, "mounts on it", r.mountsOn("/data"), 1)
}

func TestMounts_tmpcopyup_readonly(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	writeFile(t, b.Rootfs+"/home/file", "copied")
	r := b.probe(withMount(specs.Mount{Destination: "/home", Type: "tmpfs", Source: "tmpfs", Options: []string{"tmpcopyup", "ro"}}), "--read", "/home/file", "--create", "/home/x", "")
	want(t, "copy", r.action(t, 0).Data, "copied")
	wantErrno(t, r.action(t, 1), unix.EROFS)
}

func TestMounts_tmpfs_with_a_bad_option_is_refused(t *testing.T) {
	t.Parallel()
	mustFail(t, withMount(specs.Mount{Destination: "/mnt", Type: "tmpfs", Source: "tmpfs", Options: []string{"nonsense=1"}}), "invalid argument")
}

// ---- the kernel's own file systems

func TestMounts_the_usual_ones_are_what_they_say(t *testing.T) {
	t.Parallel()
	r := probe(t, nil)
	for target, fstype := range map[string]string{"/proc": "proc", "/dev": "tmpfs", "/dev/pts": "devpts", "/dev/shm": "tmpfs", "/dev/mqueue": "mqueue", "/sys": "sysfs"} {
		want(t, target, r.mount(t, target).Fstype, fstype)
	}
	for _, o := range []string{"nosuid", "noexec", "nodev", "ro"} {
		want(t, "/sys is "+o, r.mount(t, "/sys").has(o), true)
	}
	want(t, "strictatime of /dev", r.mount(t, "/dev").has("relatime"), false)
	if s := r.mount(t, "/dev/pts").Super; !strings.Contains(s, "gid=5") || !strings.Contains(s, "mode=620") || !strings.Contains(s, "ptmxmode=666") {
		t.Errorf("/dev/pts: %s", s)
	}
}

func TestMounts_proc_options(t *testing.T) {
	t.Parallel()
	r := probe(t, func(s *specs.Spec) {
		s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, nil
		s.Mounts[0].Options = []string{"nosuid", "noexec", "nodev", "hidepid=2"}
	})
	m := r.mount(t, "/proc")
	want(t, "nosuid", m.has("nosuid"), true)
	if !strings.Contains(m.Super, "hidepid=invisible") && !strings.Contains(m.Super, "hidepid=2") {
		t.Errorf("/proc: %s", m.Super)
	}
}

func TestMounts_proc_readonly(t *testing.T) {
	t.Parallel()
	r := probe(t, func(s *specs.Spec) { s.Mounts[0].Options = []string{"ro"} }, "--write", "/proc/sys/kernel/hostname", "x", "--write", "/proc/self/comm", "x")
	wantErrno(t, r.action(t, 0), unix.EROFS)
	wantErrno(t, r.action(t, 1), unix.EROFS)
}

func TestMounts_the_hosts_proc_may_be_bound(t *testing.T) {
	t.Parallel()
	r := probe(t, func(s *specs.Spec) {
		withoutNS(s, specs.PIDNamespace)
		s.Mounts[0] = specs.Mount{Destination: "/proc", Type: "none", Source: "/proc", Options: []string{"rbind", "nosuid", "noexec", "nodev"}}
	}, "--stat", fmt.Sprintf("/proc/%d", os.Getpid()))
	wantErrno(t, r.action(t, 0), 0)
	for _, o := range []string{"nosuid", "noexec", "nodev"} {
		want(t, o, r.mount(t, "/proc").has(o), true)
	}
}

func TestMounts_dev_readonly_is_still_filled(t *testing.T) {
	t.Parallel()
	r := probe(t, func(s *specs.Spec) { s.Mounts[1].Options = append(s.Mounts[1].Options, "ro") }, "--create", "/dev/x", "", "--open", "/dev/null", "rw", "--create", "/dev/shm/x", "")
	wantErrno(t, r.action(t, 0), unix.EROFS)
	wantErrno(t, r.action(t, 1), 0)
	wantErrno(t, r.action(t, 2), 0)
	want(t, "/dev is ro", r.mount(t, "/dev").has("ro"), true)
	if _, ok := r.device("zero"); !ok {
		t.Error("no /dev/zero")
	}
}

func TestMounts_devpts_is_the_containers_own(t *testing.T) {
	t.Parallel()
	r := probe(t, nil, "--ls", "/dev/pts")
	var names []string
	for _, e := range r.action(t, 0).Entries {
		names = append(names, e.Name)
	}
	wantSlice(t, "/dev/pts", names, []string{"ptmx"})
}

func TestMounts_an_unknown_file_system_is_refused(t *testing.T) {
	t.Parallel()
	mustFail(t, withMount(specs.Mount{Destination: "/mnt", Type: "nonsensefs", Source: "none"}), "no such device")
}

// ---- overlay in mounts[]

func TestMounts_overlay(t *testing.T) {
	t.Parallel()
	requires(t, "overlay")
	b := newBundle(t)
	low := b.volume("low")
	for _, d := range []string{"up", "work"} {
		mkdir(t, filepath.Join(b.Dir, d), 0o755)
	}
	r := b.probe(withMount(specs.Mount{
		Destination: "/mnt", Type: "overlay", Source: "overlay",
		Options: []string{"lowerdir=" + low, "upperdir=" + b.Dir + "/up", "workdir=" + b.Dir + "/work", "nosuid"},
	}), "--read", "/mnt/file", "--write", "/mnt/file", "changed")
	want(t, "file", r.action(t, 0).Data, "low")
	wantErrno(t, r.action(t, 1), 0)
	m := r.mount(t, "/mnt")
	want(t, "type", m.Fstype, "overlay")
	want(t, "nosuid", m.has("nosuid"), true)
	want(t, "lower", readFile(t, low+"/file"), "low")
	if !strings.HasPrefix(readFile(t, b.Dir+"/up/file"), "changed") {
		t.Error("the change is not in the upper directory")
	}
}

func TestMounts_overlay_of_lower_directories_only_is_read_only(t *testing.T) {
	t.Parallel()
	requires(t, "overlay")
	b := newBundle(t)
	one, two := b.volume("one"), b.volume("two")
	writeFile(t, two+"/more", "two")
	r := b.probe(withMount(specs.Mount{
		Destination: "/mnt", Type: "overlay", Source: "overlay", Options: []string{"lowerdir=" + one + ":" + two, "ro"},
	}), "--read", "/mnt/file", "--read", "/mnt/more", "--create", "/mnt/x", "")
	want(t, "upper of both", r.action(t, 0).Data, "one")
	want(t, "lower", r.action(t, 1).Data, "two")
	wantErrno(t, r.action(t, 2), unix.EROFS)
}

func TestMounts_overlay_in_a_user_namespace(t *testing.T) {
	t.Parallel()
	requires(t, "overlay")
	b := userBundle(t)
	low := b.volume("low")
	for _, d := range []string{"up", "work"} {
		mkdir(t, filepath.Join(b.Dir, d), 0o755)
		if err := os.Chown(filepath.Join(b.Dir, d), 100000, 100000); err != nil {
			t.Fatal(err)
		}
	}
	r := b.probe(withMount(specs.Mount{
		Destination: "/mnt", Type: "overlay", Source: "overlay",
		Options: []string{"lowerdir=" + low, "upperdir=" + b.Dir + "/up", "workdir=" + b.Dir + "/work"},
	}), "--read", "/mnt/file", "--create", "/mnt/x", "")
	want(t, "file", r.action(t, 0).Data, "low")
	wantErrno(t, r.action(t, 1), 0)
}

// ---- cgroup mounts

func cgroupMount(options ...string) specs.Mount {
	return specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: append([]string{"nosuid", "noexec", "nodev", "relatime"}, options...)}
}

func TestMounts_cgroup_shows_the_containers_own(t *testing.T) {
	t.Parallel()
	for _, private := range []bool{true, false} {
		t.Run(fmt.Sprintf("cgroup namespace %v", private), func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			dir := "/sys/fs/cgroup"
			if cgroupKind() != "v2" {
				requires(t, "v1:memory")
				dir += "/memory"
			}
			if !private {
				withoutNS(b.Spec, specs.CgroupNamespace)
				if cgroupKind() == "v2" {
					dir += "/" + b.ID // without a namespace the whole of cgroup2 is there
				}
			}
			r := b.probe(withMount(cgroupMount("ro")), "--read", dir+"/cgroup.procs", "--mkdir", dir+"/x")
			want(t, "processes", strings.TrimSpace(r.action(t, 0).Data), "1")
			wantErrno(t, r.action(t, 1), unix.EROFS)
		})
	}
}

func TestMounts_cgroup_ro_is_so_all_over(t *testing.T) {
	t.Parallel()
	for _, private := range []bool{true, false} {
		t.Run(fmt.Sprintf("cgroup namespace %v", private), func(t *testing.T) {
			t.Parallel()
			r := probe(t, func(s *specs.Spec) {
				if !private {
					withoutNS(s, specs.CgroupNamespace)
				}
				s.Mounts = append(s.Mounts, cgroupMount("ro"))
			})
			n := 0
			for _, m := range r.Mounts {
				if m.Fstype == "cgroup" || m.Fstype == "cgroup2" {
					n++
					want(t, m.Target+" is ro", m.has("ro"), true)
					for _, o := range []string{"nosuid", "noexec", "nodev"} {
						want(t, m.Target+" is "+o, m.has(o), true)
					}
				}
			}
			if n == 0 {
				t.Error("there is no cgroup mount")
			}
		})
	}
}

func TestMounts_cgroup_writable(t *testing.T) {
	t.Parallel()
	for _, private := range []bool{true, false} {
		t.Run(fmt.Sprintf("cgroup namespace %v", private), func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			dir := "/sys/fs/cgroup"
			if cgroupKind() != "v2" {
				requires(t, "v1:pids")
				dir += "/pids"
			}
			if !private {
				withoutNS(b.Spec, specs.CgroupNamespace)
				if cgroupKind() == "v2" {
					dir += "/" + b.ID
				}
			}
			r := b.probe(withMount(cgroupMount("rw")), "--mkdir", dir+"/x", "--stat", dir+"/x/cgroup.procs", "--rmdir", dir+"/x")
			for i := range 3 {
				wantErrno(t, r.action(t, i), 0)
			}
		})
	}
}

func TestMounts_cgroup_v1_has_every_hierarchy_of_the_host(t *testing.T) {
	t.Parallel()
	requires(t, "cgroupv1")
	r := probe(t, withMount(cgroupMount("ro")), "--ls", "/sys/fs/cgroup")
	entries, err := os.ReadDir("/sys/fs/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == "unified" || !exists("/sys/fs/cgroup/"+e.Name()+"/cgroup.procs") {
			continue // mounted by none of the runtimes, or not mounted here
		}
		want(t, e.Name(), slices.ContainsFunc(r.action(t, 0).Entries, func(f fileInfo) bool { return f.Name == e.Name() }), true)
	}
}

func TestMounts_cgroup_in_a_user_namespace(t *testing.T) {
	t.Parallel()
	b := userBundle(t)
	v := b.volume("v")
	withoutNS(b.Spec, specs.CgroupNamespace)
	r := b.probe(withMount(bind(v, "/mnt", "bind"), cgroupMount("ro")))
	n := 0
	for _, m := range r.Mounts {
		if m.Fstype == "cgroup" || m.Fstype == "cgroup2" {
			n++
			want(t, m.Target+" is ro", m.has("ro"), true)
		}
	}
	if n == 0 {
		t.Errorf("there is no cgroup mount:\n%s", r.mountTable())
	}
}

func TestMounts_cgroup2_by_its_own_type(t *testing.T) {
	t.Parallel()
	requires(t, "cgroupv2")
	m := cgroupMount("ro")
	m.Type = "cgroup2"
	r := probe(t, withMount(m), "--read", "/sys/fs/cgroup/cgroup.procs")
	want(t, "processes", strings.TrimSpace(r.action(t, 0).Data), "1")
	want(t, "type", r.mount(t, "/sys/fs/cgroup").Fstype, "cgroup2")
}

// ---- propagation of volumes

// volumeFromSharedHost runs a container with a volume of a shared mount of the host, and returns whether what the host
// mounts there later arrives inside, and what the container mounts arrives outside.
func volumePropagation(t *testing.T, option string) (in, out bool, optional []string) {
	t.Helper()
	b := newBundle(t)
	v := b.volume("v")
	mkdir(t, v+"/from-host", 0o755)
	mkdir(t, v+"/from-inside", 0o755)
	b.mount(v, v, "", unix.MS_BIND, "")
	if err := unix.Mount("", v, "", unix.MS_SHARED, ""); err != nil {
		t.Fatal(err)
	}
	addCaps("CAP_SYS_ADMIN")(b.Spec)
	withMount(bind(v, "/mnt", "rbind", option))(b.Spec)
	if strings.HasSuffix(option, "shared") { // as engines do: else the source is a slave by the time it is bound
		b.Spec.Linux.RootfsPropagation = "rshared"
	}
	stdin, feed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	defer feed.Close()
	b.Stdin = stdin
	b.Spec.Process.Args = []string{"/probe", "--mount", "tmpfs", "/mnt/from-inside", "tmpfs", "0", "--line", "--report", "--line"}
	c := b.create().start()
	wantErrno(t, c.next("mount"), 0)
	if err := unix.Mount("tmpfs", v+"/from-host", "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := feed.WriteString("go\n"); err != nil {
		t.Fatal(err)
	}
	c.next("line")
	r := c.nextReport()
	in = r.mountsOn("/mnt/from-host") == 1
	out = slices.Contains(mountsBelow(t, v), v+"/from-inside")
	for _, o := range r.mount(t, "/mnt").Optional {
		if kind, _, _ := strings.Cut(o, ":"); kind != "propagate_from" {
			optional = append(optional, kind)
		}
	}
	if _, err := feed.WriteString("end\n"); err != nil {
		t.Fatal(err)
	}
	c.wait()
	b.must("delete", b.ID)
	for _, m := range mountsBelow(t, v) {
		if m != v {
			// EINVAL: it went with its peer
			if err := unix.Unmount(m, unix.MNT_DETACH); err != nil && err != unix.EINVAL {
				t.Error(err)
			}
		}
	}
	return in, out, optional
}

func TestMounts_propagation_of_volumes(t *testing.T) {
	t.Parallel()
	for option, c := range map[string]struct {
		in, out  bool
		optional []string
	}{
		"rprivate": {false, false, nil}, "private": {false, false, nil},
		"rslave": {true, false, []string{"master"}}, "slave": {true, false, []string{"master"}},
		"rshared": {true, true, []string{"shared"}}, "shared": {true, true, []string{"shared"}},
		"unbindable": {false, false, []string{"unbindable"}},
	} {
		t.Run(option, func(t *testing.T) {
			t.Parallel()
			in, out, optional := volumePropagation(t, option)
			want(t, "a mount of the host arrives inside", in, c.in)
			want(t, "a mount of the container arrives outside", out, c.out)
			wantSlice(t, "propagation", optional, c.optional)
		})
	}
}

// A tree is copied however deep it is, also where it takes more descriptors than the caller may have at first.
func TestMounts_tmpcopyup_of_a_deep_tree(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	deep := "/data" + strings.Repeat("/d", 700)
	if err := os.MkdirAll(b.Rootfs+deep, 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, b.Rootfs+deep+"/file", "x")
	b.Wrap = []string{"prlimit", "--nofile=256:4096"}
	r := b.probe(withMount(specs.Mount{Destination: "/data", Type: "tmpfs", Source: "tmpfs", Options: []string{"tmpcopyup"}}), "--read", deep+"/file")
	wantErrno(t, r.action(t, 0), 0)
}
