package integration

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestRootfs_is_all_that_can_be_seen(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	var inode unix.Stat_t
	if err := unix.Stat(b.Rootfs, &inode); err != nil {
		t.Fatal(err)
	}
	r := b.probe(nil, "--ls", "/", "--ls", "/..", "--ls", "/../../..")
	want(t, "inode of /", r.Root.Ino, inode.Ino)
	for i := range 3 {
		want(t, "inode seen from /..", len(r.action(t, i).Entries), len(r.action(t, 0).Entries))
	}
	// What is mounted is what was asked for, and nothing of the host's.
	for _, m := range r.Mounts {
		ok := m.Target == "/" || strings.HasPrefix(m.Target, "/proc") || strings.HasPrefix(m.Target, "/dev") || strings.HasPrefix(m.Target, "/sys")
		if !ok {
			t.Errorf("unexpected mount: %s", m)
		}
	}
	want(t, "mounts on /", r.mountsOn("/"), 1)
}

func TestRootfs_cannot_be_left_by_chroot(t *testing.T) {
	t.Parallel()
	r := probe(t, nil, "--mkdir", "/tmp/inner", "--chroot", "/tmp/inner", "--ls", "../../../../..")
	for _, e := range r.action(t, 2).Entries {
		if e.Name == "probe" {
			return
		}
	}
	t.Errorf("the way out of a nested chroot ends at %+v, want the container's root", r.action(t, 2).Entries)
}

func TestRootfs_path_forms(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]func(b *bundle) string{
		"relative":       func(*bundle) string { return "rootfs" },
		"absolute":       func(b *bundle) string { return b.Rootfs },
		"trailing slash": func(*bundle) string { return "rootfs/" },
		"with dots":      func(*bundle) string { return "./x/../rootfs/." },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			mkdir(t, filepath.Join(b.Dir, "x"), 0o755)
			b.probe(func(s *specs.Spec) { s.Root.Path = path(b) })
		})
	}
}

func TestRootfs_the_bundle_itself_may_be_it(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Root.Path = "."
	b.Spec.Process.Args = []string{"/probe"}
	b.Dir = b.Rootfs
	b.writeConfig()
	res := b.runtime("run", "--bundle", b.Rootfs, b.ID)
	want(t, "exit status", res.Exit, 0)
	parseProbe(t, res.Stdout)
}

func TestRootfs_missing_or_no_directory_is_refused(t *testing.T) {
	t.Parallel()
	mustFail(t, func(s *specs.Spec) { s.Root = nil }, "root")
	mustFail(t, func(s *specs.Spec) { s.Root.Path = "" })
	mustFail(t, func(s *specs.Spec) { s.Root.Path = "nonexistent" }, "no such file or directory")
	mustFail(t, func(s *specs.Spec) { s.Root.Path = "config.json" })
}

func TestRootfs_readonly(t *testing.T) {
	t.Parallel()
	r := probe(t, func(s *specs.Spec) {
		s.Root.Readonly = true
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/tmp", Type: "tmpfs", Source: "tmpfs"})
	}, "--create", "/x", "", "--write", "/etc/passwd", "", "--create", "/tmp/x", "", "--create", "/dev/shm/x", "")
	wantErrno(t, r.action(t, 0), unix.EROFS)
	wantErrno(t, r.action(t, 1), unix.EROFS)
	wantErrno(t, r.action(t, 2), 0)
	wantErrno(t, r.action(t, 3), 0)
	want(t, "/ is read-only", r.mount(t, "/").has("ro"), true)
}

func TestRootfs_readonly_makes_mount_points_first(t *testing.T) {
	t.Parallel()
	r := probe(t, func(s *specs.Spec) {
		s.Root.Readonly = true
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/new/below/it", Type: "tmpfs", Source: "tmpfs"})
	})
	want(t, "type", r.mount(t, "/new/below/it").Fstype, "tmpfs")
}

func TestRootfs_readonly_keeps_the_mounts_other_flags(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung") // runc's remount drops them
	b := newBundle(t)
	b.mount(b.Rootfs, b.Rootfs, "", unix.MS_BIND, "")
	if err := unix.Mount("", b.Rootfs, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_NODEV|unix.MS_NOSUID, ""); err != nil {
		t.Fatal(err)
	}
	r := b.probe(func(s *specs.Spec) { s.Root.Readonly = true })
	for _, o := range []string{"ro", "nodev", "nosuid"} {
		want(t, o+" on /", r.mount(t, "/").has(o), true)
	}
}

func TestRootfs_of_a_writable_root_stays_the_hosts_own(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	r := b.probe(nil, "--create", "/made-inside", "data")
	wantErrno(t, r.action(t, 0), 0)
	want(t, "seen on the host", readFile(t, filepath.Join(b.Rootfs, "made-inside")), "data")
}

func TestRootfs_no_pivot(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--ls", "/..", "--report"}
	res := b.run("--no-pivot")
	want(t, "exit status", res.Exit, 0)
	r := parseProbe(t, res.Stdout)
	want(t, "the probe at /", slices.ContainsFunc(r.action(t, 0).Entries, func(f fileInfo) bool { return f.Name == "probe" }), true)
}

// The way in which a container could get an unmasked /proc when the host's was still somewhere in its mount namespace.
func TestRootfs_no_pivot_leaves_no_proc_to_be_mounted(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	addCaps("CAP_SYS_ADMIN")(b.Spec)
	b.Spec.Process.Args = []string{"/probe", "--unshare", fmt.Sprint(unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID), "--mount", "proc", "/mnt", "proc", "0", "--report"}
	res := b.run("--no-pivot")
	want(t, "exit status", res.Exit, 0)
	wantErrno(t, parseProbe(t, res.Stdout).action(t, 1), unix.EPERM, unix.EINVAL)
}

func TestRootfs_on_an_overlay_mounted_by_the_engine(t *testing.T) {
	t.Parallel()
	requires(t, "overlay")
	b := newBundle(t)
	lower, upper, work := b.Rootfs, filepath.Join(b.Dir, "upper"), filepath.Join(b.Dir, "work")
	merged := filepath.Join(b.Dir, "merged")
	for _, d := range []string{upper, work, merged} {
		mkdir(t, d, 0o755)
	}
	b.mount("overlay", merged, "overlay", 0, fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", lower, upper, work))
	before := readFile(t, filepath.Join(lower, "etc/passwd"))
	r := b.probe(func(s *specs.Spec) { s.Root.Path = "merged" }, "--create", "/made", "x", "--append", "/etc/passwd", "more", "--unlink", "/etc/group")
	for i := range 3 {
		wantErrno(t, r.action(t, i), 0)
	}
	want(t, "file system", r.mount(t, "/").Fstype, "overlay")
	want(t, "new file above", readFile(t, filepath.Join(upper, "made")), "x")
	want(t, "new file below", exists(filepath.Join(lower, "made")), false)
	want(t, "changed file below", readFile(t, filepath.Join(lower, "etc/passwd")), before)
	want(t, "removed file below", exists(filepath.Join(lower, "etc/group")), true)
	var st unix.Stat_t
	if err := unix.Lstat(filepath.Join(upper, "etc/group"), &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFCHR {
		t.Errorf("the whiteout above: %v, mode %o", err, st.Mode)
	}
}

func TestRootfs_readonly_on_an_overlay(t *testing.T) {
	t.Parallel()
	requires(t, "overlay")
	b := newBundle(t)
	for _, d := range []string{"upper", "work", "merged"} {
		mkdir(t, filepath.Join(b.Dir, d), 0o755)
	}
	b.mount("overlay", b.Dir+"/merged", "overlay", 0, fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", b.Rootfs, b.Dir, b.Dir))
	r := b.probe(func(s *specs.Spec) { s.Root = &specs.Root{Path: "merged", Readonly: true} }, "--create", "/made", "x")
	wantErrno(t, r.action(t, 0), unix.EROFS)
}

func TestRootfs_on_a_tmpfs(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	mkdir(t, b.Dir+"/ram", 0o755)
	b.mount("tmpfs", b.Dir+"/ram", "tmpfs", 0, "")
	makeRootfs(t, b.Dir+"/ram/root")
	r := b.probe(func(s *specs.Spec) { s.Root.Path = "ram/root" }, "--create", "/x", "")
	wantErrno(t, r.action(t, 0), 0)
	want(t, "file system", r.mount(t, "/").Fstype, "tmpfs")
}

// propagationBundle is one whose root file system is in a shared mount of the host.
func propagationBundle(t *testing.T, propagation string) *bundle {
	t.Helper()
	b := newBundle(t)
	b.mount(b.Dir, b.Dir, "", unix.MS_BIND, "")
	if err := unix.Mount("", b.Dir, "", unix.MS_SHARED, ""); err != nil {
		t.Fatal(err)
	}
	b.Spec.Linux.RootfsPropagation = propagation
	return b
}

func TestRootfs_propagation_as_the_container_sees_it(t *testing.T) {
	t.Parallel()
	for propagation, wanted := range map[string][]string{
		"private": {}, "rprivate": {}, "unbindable": {"unbindable"}, "runbindable": {"unbindable"},
		"slave": {"master"}, "rslave": {"master"}, "shared": {"shared"}, "rshared": {"shared"},
	} {
		t.Run(propagation, func(t *testing.T) {
			t.Parallel()
			switch propagation {
			case "runbindable": // runc applies it before it binds the masked paths
				requires(t, "rt:rung")
			case "slave", "rslave": // runc makes the parent private first, so there is no master
				requires(t, "rt:rung")
			}
			requires(t, "rt:rootfs-propagation")
			r := propagationBundle(t, propagation).probe(nil)
			var got []string
			for _, o := range r.mount(t, "/").Optional {
				kind, _, _ := strings.Cut(o, ":")
				if kind != "propagate_from" {
					got = append(got, kind)
				}
			}
			wantSlice(t, "propagation", got, wanted)
		})
	}
}

func TestRootfs_an_unknown_propagation_is_refused(t *testing.T) {
	t.Parallel()
	mustFail(t, func(s *specs.Spec) { s.Linux.RootfsPropagation = "sideways" }, "sideways")
}

// The container's mounts never show on the host, whatever the propagation there.
func TestRootfs_set_up_is_not_seen_on_a_shared_host(t *testing.T) {
	t.Parallel()
	for _, propagation := range []string{"", "private", "slave", "shared"} {
		t.Run("propagation "+propagation, func(t *testing.T) {
			t.Parallel()
			b := propagationBundle(t, propagation)
			b.Spec.Process.Args = []string{"/probe", "--wait-signal"}
			c := b.create().start()
			c.next("waiting")
			wantSlice(t, "mounts below the root file system", mountsBelow(t, b.Dir), []string{b.Dir})
		})
	}
}

// The runtime's caller has a mount namespace of its own here, so that nothing of this happens to the host.
func TestRootfs_without_a_mount_namespace(t *testing.T) {
	t.Parallel()
	requires(t, "command:unshare")
	b := newBundle(t)
	b.Wrap = []string{lookPath(t, "unshare"), "--mount", "--propagation", "private"}
	r := b.probe(func(s *specs.Spec) {
		withoutNS(s, specs.MountNamespace)
		s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, nil
	}, "--ls", "/")
	want(t, "the probe at /", slices.ContainsFunc(r.action(t, 0).Entries, func(f fileInfo) bool { return f.Name == "probe" }), true)
}
