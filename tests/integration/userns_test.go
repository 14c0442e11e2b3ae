package integration

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// mapped gives the container a user namespace with these mappings, and its root file system to the container's root.
func (b *bundle) mapped(uids, gids []specs.LinuxIDMapping) *bundle {
	b.t.Helper()
	requires(b.t, "userns")
	setNS(b.Spec, specs.UserNamespace, "")
	b.Spec.Linux.UIDMappings, b.Spec.Linux.GIDMappings = uids, gids
	b.chown(uids[0].HostID, gids[0].HostID)
	return b
}

// chown gives the root file system to a user.
func (b *bundle) chown(uid, gid uint32) {
	b.t.Helper()
	err := filepath.WalkDir(b.Rootfs, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(uid), int(gid))
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func mapping(container, host, size uint32) []specs.LinuxIDMapping {
	return []specs.LinuxIDMapping{{ContainerID: container, HostID: host, Size: size}}
}

// userBundle is a bundle with the user namespace that most of these tests have: 0 is 100000.
func userBundle(t *testing.T) *bundle {
	t.Helper()
	requires(t, "root", "userns")
	return newBundle(t).mapped(mapping(0, 100000, 65536), mapping(0, 100000, 65536))
}

func fields(s string) string { return strings.Join(strings.Fields(s), " ") }

func TestUserns_the_mappings_are_as_configured(t *testing.T) {
	t.Parallel()
	b := userBundle(t)
	r := b.probe(nil, "--create", "/made", "x")
	want(t, "uid", r.UID[0], 0)
	want(t, "uid_map", fields(r.UIDMap), "0 100000 65536")
	want(t, "gid_map", fields(r.GIDMap), "0 100000 65536")
	if r.NS["user"] == nsID(t, 0, "user") {
		t.Error("the user namespace is the host's")
	}
	wantErrno(t, r.action(t, 0), 0)
	var st unix.Stat_t
	if err := unix.Lstat(filepath.Join(b.Rootfs, "made"), &st); err != nil {
		t.Fatal(err)
	}
	want(t, "owner, seen from the host", st.Uid, 100000)
}

func TestUserns_several_extents(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	uids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 200000, Size: 10}, {ContainerID: 1000, HostID: 300000, Size: 5}, {ContainerID: 10, HostID: 400000, Size: 1}}
	gids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 500000, Size: 6}, {ContainerID: 1000, HostID: 600000, Size: 1}}
	b.mapped(uids, gids)
	r := b.probe(func(s *specs.Spec) { s.Process.User = specs.User{UID: 1004, GID: 1000} })
	want(t, "uid", r.UID[0], 1004)
	want(t, "gid", r.GID[0], 1000)
	for _, want := range []string{"0 200000 10", "1000 300000 5", "10 400000 1"} {
		if !strings.Contains(fields(r.UIDMap), want) {
			t.Errorf("uid_map %q, want %q in it", r.UIDMap, want)
		}
	}
	if got := fields(r.GIDMap); !strings.Contains(got, "0 500000 6") || !strings.Contains(got, "1000 600000 1") {
		t.Errorf("gid_map %q", r.GIDMap)
	}
}

func TestUserns_a_user_that_is_not_mapped_is_refused(t *testing.T) {
	t.Parallel()
	b := newBundle(t).mapped(mapping(0, 100000, 10), mapping(0, 100000, 10))
	b.Spec.Process.User.UID = 10
	b.Spec.Process.Args = []string{"/probe", "--echo", "it-started"}
	wantFailure(t, b.run())
}

func TestUserns_without_mappings_is_refused(t *testing.T) {
	t.Parallel()
	mustFail(t, func(s *specs.Spec) { setNS(s, specs.UserNamespace, "") })
}

func TestUserns_owns_the_other_namespaces(t *testing.T) {
	t.Parallel()
	b := userBundle(t)
	b.Spec.Hostname = "mapped"
	addCaps("CAP_SYS_ADMIN", "CAP_NET_ADMIN")(b.Spec)
	r := b.probe(nil, "--sethostname", "renamed", "--mount", "t", "/tmp", "tmpfs", "0")
	want(t, "hostname", r.Hostname, "renamed")
	wantErrno(t, r.action(t, 0), 0)
	wantErrno(t, r.action(t, 1), 0)
}

func TestUserns_capabilities_are_in_it(t *testing.T) {
	t.Parallel()
	b := userBundle(t)
	// CAP_SYS_RESOURCE included: in a namespace of its own the container's root has them all.
	r := b.probe(func(s *specs.Spec) { setCaps(s, capNames[:]...) })
	want(t, "effective", r.Caps.Effective&capMask("CAP_SYS_RESOURCE"), capMask("CAP_SYS_RESOURCE"))
	want(t, "bounding", r.Caps.Bounding, r.Caps.Effective)
}

func TestUserns_device_nodes_are_the_hosts_and_work(t *testing.T) {
	t.Parallel()
	b := userBundle(t)
	r := b.probe(nil, "--open", "/dev/null", "rw", "--open", "/dev/zero", "r", "--write", "/dev/full", "x", "--mknod", "/dev/x", "c", "1", "3")
	wantErrno(t, r.action(t, 0), 0)
	wantErrno(t, r.action(t, 1), 0)
	wantErrno(t, r.action(t, 2), unix.ENOSPC)
	wantErrno(t, r.action(t, 3), unix.EPERM)
	tty, _ := r.device("tty")
	want(t, "owner of /dev/tty", tty.UID, 65534)
}

func TestUserns_bind_sources_in_directories_closed_to_it(t *testing.T) {
	t.Parallel()
	b := userBundle(t)
	for _, d := range []string{"one", "two"} {
		closed := filepath.Join(b.Dir, d)
		mkdir(t, filepath.Join(closed, "inner"), 0o755)
		writeFile(t, filepath.Join(closed, "inner/file"), d)
		if err := os.Chmod(closed, 0o700); err != nil {
			t.Fatal(err)
		}
		b.Spec.Mounts = append(b.Spec.Mounts, specs.Mount{Destination: "/mnt/" + d, Type: "bind", Source: closed + "/inner", Options: []string{"rbind"}})
	}
	r := b.probe(nil, "--read", "/mnt/one/file", "--read", "/mnt/two/file")
	want(t, "first", r.action(t, 0).Data, "one")
	want(t, "second", r.action(t, 1).Data, "two")
}

func TestUserns_is_joined_by_path(t *testing.T) {
	t.Parallel()
	requires(t, "root", "userns", "rt:runc-1.4")
	holder := nsHolder(t, specs.UserNamespace)
	b := newBundle(t)
	b.chown(100000, 100000)
	r := b.probe(func(s *specs.Spec) { setNS(s, specs.UserNamespace, nsPath(holder, specs.UserNamespace)) })
	want(t, "user", r.NS["user"], nsID(t, holder, "user"))
	want(t, "uid_map", fields(r.UIDMap), "0 100000 65536")
	want(t, "uid", r.UID[0], 0)
}

func TestUserns_mappings_of_a_joined_one_have_to_be_its_own(t *testing.T) {
	t.Parallel()
	requires(t, "root", "userns", "rt:rung")
	holder := nsHolder(t, specs.UserNamespace)
	join := func(m []specs.LinuxIDMapping) *bundle {
		b := newBundle(t)
		b.chown(100000, 100000)
		setNS(b.Spec, specs.UserNamespace, nsPath(holder, specs.UserNamespace))
		b.Spec.Linux.UIDMappings, b.Spec.Linux.GIDMappings = m, m
		return b
	}
	same := append(mapping(0, 100000, 1000), mapping(1000, 101000, 64536)...)
	want(t, "uid_map", fields(join(same).probe(nil).UIDMap), "0 100000 65536")
	wantFailure(t, join(mapping(0, 100000, 1000)).run(), "linux.uidMappings: map ids 0:100000:1000", "it has 0:100000:65536", "the user namespace that is joined has other maps")
}

func TestUserns_is_joined_by_a_bind_mounted_file(t *testing.T) {
	t.Parallel()
	requires(t, "root", "userns", "rt:runc-1.4")
	holder := nsHolder(t, specs.UserNamespace)
	b := newBundle(t)
	b.chown(100000, 100000)
	pin := b.pin(nsPath(holder, specs.UserNamespace))
	r := b.probe(func(s *specs.Spec) { setNS(s, specs.UserNamespace, pin) })
	want(t, "user", r.NS["user"], nsID(t, holder, "user"))
	want(t, "uid_map", fields(r.UIDMap), "0 100000 65536")
}

// pin binds a namespace to a file in the bundle.
func (b *bundle) pin(ns string) string {
	b.t.Helper()
	file := filepath.Join(b.Dir, "pinned-"+filepath.Base(ns))
	writeFile(b.t, file, "")
	b.mount(ns, file, "", unix.MS_BIND, "")
	return file
}

// mount mounts something on the host until the end of the test.
func (b *bundle) mount(source, target, fstype string, flags uintptr, data string) {
	b.t.Helper()
	if err := unix.Mount(source, target, fstype, flags, data); err != nil {
		b.t.Fatalf("mount %s on %s: %v", source, target, err)
	}
	b.t.Cleanup(func() {
		if err := unix.Unmount(target, unix.MNT_DETACH); err != nil {
			b.t.Errorf("umount %s: %v", target, err)
		}
	})
}

func TestUserns_and_the_network_namespace_it_owns_are_joined(t *testing.T) {
	t.Parallel()
	requires(t, "root", "userns", "rt:runc-1.4")
	holder := nsHolder(t, specs.UserNamespace, specs.NetworkNamespace)
	b := newBundle(t)
	b.chown(100000, 100000)
	r := b.probe(func(s *specs.Spec) {
		setNS(s, specs.UserNamespace, nsPath(holder, specs.UserNamespace))
		setNS(s, specs.NetworkNamespace, nsPath(holder, specs.NetworkNamespace))
	})
	want(t, "user", r.NS["user"], nsID(t, holder, "user"))
	want(t, "net", r.NS["net"], nsID(t, holder, "net"))
}

func TestUserns_is_joined_with_a_network_namespace_that_it_does_not_own(t *testing.T) {
	t.Parallel()
	requires(t, "root", "userns", "rt:runc-1.4")
	user, net := nsHolder(t, specs.UserNamespace), nsHolder(t, specs.NetworkNamespace)
	b := newBundle(t)
	b.chown(100000, 100000)
	r := b.probe(func(s *specs.Spec) {
		setNS(s, specs.UserNamespace, nsPath(user, specs.UserNamespace))
		setNS(s, specs.NetworkNamespace, nsPath(net, specs.NetworkNamespace))
		bindSys(s)
	})
	want(t, "user", r.NS["user"], nsID(t, user, "user"))
	want(t, "net", r.NS["net"], nsID(t, net, "net"))
}

func TestUserns_a_new_one_with_a_joined_network_namespace_of_the_host(t *testing.T) {
	t.Parallel()
	requires(t, "root", "userns", "rt:runc-1.4")
	net := nsHolder(t, specs.NetworkNamespace)
	r := userBundle(t).probe(func(s *specs.Spec) {
		setNS(s, specs.NetworkNamespace, nsPath(net, specs.NetworkNamespace))
		bindSys(s)
	})
	want(t, "net", r.NS["net"], nsID(t, net, "net"))
	want(t, "uid_map", fields(r.UIDMap), "0 100000 65536")
}

func TestUserns_the_root_mount_and_masks_hold(t *testing.T) {
	t.Parallel()
	b := userBundle(t)
	r := b.probe(func(s *specs.Spec) { s.Root.Readonly = true }, "--create", "/x", "", "--read", "/proc/keys", "--open", "/proc/sys/kernel/hostname", "w", "--umount", "/proc/keys")
	wantErrno(t, r.action(t, 0), unix.EROFS)
	want(t, "/proc/keys", r.action(t, 1).Data, "")
	wantErrno(t, r.action(t, 2), unix.EROFS, unix.EACCES)
	wantErrno(t, r.action(t, 3), unix.EPERM, unix.EINVAL)
}

// ---- as an ordinary user

// ordinaryUser is no user of the host.
const ordinaryUser = 47211

// rootlessBundle is a bundle that a made user (who owns the bundle, and has sub-ids) runs with the runtime. No user is
// added to the host: the runtime has a mount namespace with an /etc/passwd of its own.
func rootlessBundle(t *testing.T) *bundle {
	t.Helper()
	requires(t, "root", "userns")
	const uid = ordinaryUser
	b := newBundle(t)
	etc := filepath.Join(b.Dir, "etc")
	mkdir(t, etc, 0o755)
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, etc+"/passwd", string(passwd)+"rungtester:x:47211:47211::/nonexistent:/bin/sh\n")
	writeFile(t, etc+"/subuid", "rungtester:700000:65536\n")
	writeFile(t, etc+"/subgid", "rungtester:800000:65536\n")
	runtimeDir := filepath.Join(b.Dir, "xdg")
	mkdir(t, runtimeDir, 0o700)
	for _, dir := range []string{b.Dir, b.Root, runtimeDir} {
		if err := os.Chown(dir, uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	b.chown(uid, uid)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b.Wrap = []string{self}
	b.Env = []string{stageEnv + "=as-user", "RUNG_TEST_ETC=" + etc, "RUNG_TEST_UID=" + strconv.Itoa(uid), "XDG_RUNTIME_DIR=" + runtimeDir, "HOME=/nonexistent"}
	b.Spec.Linux.CgroupsPath = ""
	b.Spec.Linux.Resources = nil
	withoutNS(b.Spec, specs.CgroupNamespace)
	setNS(b.Spec, specs.UserNamespace, "")
	b.Spec.Linux.UIDMappings = mapping(0, uid, 1)
	b.Spec.Linux.GIDMappings = mapping(0, uid, 1)
	for i, m := range b.Spec.Mounts {
		if m.Type == "devpts" { // group 5 is not mapped
			b.Spec.Mounts[i].Options = []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}
		}
	}
	return b
}

// asUser is the stage of rootlessBundle: it becomes the user and the command.
func asUser() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	for _, f := range []string{"passwd", "subuid", "subgid"} {
		if _, err := os.Stat("/etc/" + f); err != nil {
			continue // without subuid there is no newuidmap either
		}
		if err := unix.Mount(os.Getenv("RUNG_TEST_ETC")+"/"+f, "/etc/"+f, "", unix.MS_BIND, ""); err != nil {
			return err
		}
	}
	if group := os.Getenv("RUNG_TEST_CGROUP"); group != "" {
		if err := os.WriteFile(group+"/cgroup.procs", []byte("0"), 0); err != nil {
			return err
		}
	}
	uid, err := strconv.Atoi(os.Getenv("RUNG_TEST_UID"))
	if err != nil {
		return err
	}
	if err := unix.Setgroups(nil); err != nil {
		return err
	}
	if err := unix.Setresgid(uid, uid, uid); err != nil {
		return err
	}
	if err := unix.Setresuid(uid, uid, uid); err != nil {
		return err
	}
	for _, name := range []string{stageEnv, "RUNG_TEST_ETC", "RUNG_TEST_UID", "RUNG_TEST_CGROUP"} {
		if err := os.Unsetenv(name); err != nil {
			return err
		}
	}
	path, err := exec.LookPath(os.Args[1])
	if err != nil {
		return err
	}
	return unix.Exec(path, os.Args[1:], os.Environ())
}

func TestRootless_an_ordinary_user_runs_a_container(t *testing.T) {
	t.Parallel()
	b := rootlessBundle(t)
	r := b.probe(nil, "--create", "/made", "x")
	want(t, "uid", r.UID[0], 0)
	want(t, "uid_map", fields(r.UIDMap), "0 47211 1")
	want(t, "gid_map", fields(r.GIDMap), "0 47211 1")
	want(t, "setgroups", r.Setgroups, "deny")
	wantErrno(t, r.action(t, 0), 0)
}

func TestRootless_newuidmap_maps_sub_ids(t *testing.T) {
	t.Parallel()
	b := rootlessBundle(t)
	requires(t, "newuidmap")
	b.Spec.Linux.UIDMappings = append(b.Spec.Linux.UIDMappings, specs.LinuxIDMapping{ContainerID: 1, HostID: 700000, Size: 65536})
	b.Spec.Linux.GIDMappings = append(b.Spec.Linux.GIDMappings, specs.LinuxIDMapping{ContainerID: 1, HostID: 800000, Size: 65536})
	r := b.probe(func(s *specs.Spec) {
		s.Process.User = specs.User{UID: 1000, GID: 1000}
		if runtimeName != "runc" { // "cannot set any additional groups in a rootless container"
			s.Process.User.AdditionalGids = []uint32{100}
		}
	})
	want(t, "uid", r.UID[0], 1000)
	want(t, "uid_map", fields(r.UIDMap), "0 47211 1 1 700000 65536")
	want(t, "gid_map", fields(r.GIDMap), "0 47211 1 1 800000 65536")
	wantSlice(t, "groups", r.Groups, b.Spec.Process.User.AdditionalGids)
}

func TestRootless_create_start_kill_delete(t *testing.T) {
	t.Parallel()
	b := rootlessBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	c := b.create()
	b.wantStatus("created")
	c.start()
	c.next("waiting")
	b.wantStatus("running")
	b.must("kill", b.ID, "TERM")
	want(t, "signal", c.next("signal").Signal, unix.SIGTERM)
	c.wait()
	b.wantStatus("stopped")
	b.must("delete", b.ID)
}

func TestRootless_sub_ids_of_another_user_are_refused(t *testing.T) {
	t.Parallel()
	b := rootlessBundle(t)
	requires(t, "newuidmap")
	b.Spec.Linux.UIDMappings = append(b.Spec.Linux.UIDMappings, specs.LinuxIDMapping{ContainerID: 1, HostID: 900000, Size: 10})
	b.Spec.Process.Args = []string{"/probe", "--echo", "it-started"}
	wantFailure(t, b.run())
}

func TestRootless_without_a_user_namespace_is_refused(t *testing.T) {
	t.Parallel()
	b := rootlessBundle(t)
	withoutNS(b.Spec, specs.UserNamespace)
	b.Spec.Linux.UIDMappings, b.Spec.Linux.GIDMappings = nil, nil
	b.Spec.Process.Args = []string{"/probe", "--echo", "it-started"}
	wantFailure(t, b.run())
}

func TestRootless_the_default_root_is_in_XDG_RUNTIME_DIR(t *testing.T) {
	t.Parallel()
	b := rootlessBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--sleep"}
	b.NoRoot = true
	c := b.create()
	want(t, "state in XDG_RUNTIME_DIR", exists(filepath.Join(b.Dir, "xdg", runtimeName, b.ID)), true)
	b.must("delete", "--force", b.ID)
	c.wait()
}

// Engines without privileges make a user namespace for themselves, and are root in it when they call the runtime.
func TestRootless_root_of_a_user_namespace(t *testing.T) {
	t.Parallel()
	requires(t, "root", "userns", "command:unshare", "rt:rung")
	nested := func(t *testing.T) *bundle {
		b := newBundle(t)
		b.Wrap = []string{"unshare", "--user", "--map-root-user", "--mount"}
		b.Spec.Linux.CgroupsPath = ""
		b.Spec.Linux.Resources = nil
		withoutNS(b.Spec, specs.CgroupNamespace)
		for i, m := range b.Spec.Mounts {
			if m.Type == "devpts" { // group 5 is not mapped
				b.Spec.Mounts[i].Options = []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}
			}
		}
		return b
	}
	t.Run("its own is enough", func(t *testing.T) {
		t.Parallel()
		r := nested(t).probe(nil)
		want(t, "user", r.UID[0], 0)
		want(t, "process id", r.Pid, 1)
	})
	t.Run("another one below", func(t *testing.T) {
		t.Parallel()
		b := nested(t)
		setNS(b.Spec, specs.UserNamespace, "")
		b.Spec.Linux.UIDMappings, b.Spec.Linux.GIDMappings = mapping(0, 0, 1), mapping(0, 0, 1)
		want(t, "user", b.probe(nil).UID[0], 0)
	})
	t.Run("the default root is the user's", func(t *testing.T) {
		t.Parallel()
		b := nested(t)
		dir := filepath.Join(b.Dir, "xdg")
		mkdir(t, dir, 0o700)
		b.NoRoot = true
		b.Env = []string{"XDG_RUNTIME_DIR=" + dir, "USER=somebody"}
		b.Spec.Process.Args = []string{"/probe", "--until-term"}
		b.create()
		want(t, "state", exists(filepath.Join(dir, "rung", b.ID, "state.json")), true)
		b.must("delete", "--force", b.ID)
	})
}

// What spec --rootless writes runs as it is, by the user who wrote it.
func TestRootless_its_own_specification_runs(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := rootlessBundle(t)
	b.must("spec", "--rootless", "--bundle", b.Dir)
	config := readFile(t, b.Dir+"/config.json")
	config = strings.Replace(config, `"terminal": true`, `"terminal": false`, 1)
	config = strings.Replace(config, `"sh"`, `"/probe"`, 1)
	writeFile(t, b.Dir+"/config.json", config)
	b.NoConfig = true
	res := b.run()
	if res.Exit != 0 {
		t.Fatalf("run: %s", res.Stderr)
	}
	want(t, "uid_map", fields(parseProbe(t, res.Stdout).UIDMap), "0 47211 1")
}

// A sysfs shows the network namespace, and the kernel lets only the user namespace that owns that one mount it. With the
// host's network the host's /sys is bound: read-only, with what is mounted below, and masked as any.
func TestUserns_sysfs_with_the_network_of_the_host(t *testing.T) {
	t.Parallel()
	requires(t, "root", "rt:rung", "userns")
	b := userBundle(t)
	r := b.probe(func(s *specs.Spec) {
		withoutNS(s, specs.NetworkNamespace)
		s.Linux.MaskedPaths = append(s.Linux.MaskedPaths, "/sys/firmware")
	}, "--create", "/sys/x", "", "--stat", "/sys/class/net/lo")
	wantOptions(t, r.mount(t, "/sys"), "ro nosuid nodev noexec")
	if e := r.action(t, 0).Errno; e == 0 {
		t.Error("a file was made in the host's /sys")
	}
	wantErrno(t, r.action(t, 1), 0)
	for _, m := range r.Mounts {
		if strings.HasPrefix(m.Target, "/sys") && !m.has("ro") {
			t.Errorf("%s is writable: %s", m.Target, m.Options)
		}
	}
}
