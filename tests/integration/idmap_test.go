package integration

import (
	"fmt"
	"os"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// idmapped maps the ids of a mount: owner `from` in the file system shows as owner `to`.
func idmapped(m specs.Mount, from, to, size uint32) specs.Mount {
	m.UIDMappings, m.GIDMappings = mapping(from, to, size), mapping(from, to, size)
	return m
}

// owned is a volume with files of the owners 0, 1 and 1000.
func (b *bundle) owned(name string) string {
	b.t.Helper()
	dir := b.volume(name)
	b.fillOwned(dir)
	return dir
}

func (b *bundle) fillOwned(dir string) {
	b.t.Helper()
	for _, id := range []int{0, 1, 1000} {
		file := fmt.Sprintf("%s/of-%d", dir, id)
		writeFile(b.t, file, "")
		if err := os.Chown(file, id, id); err != nil {
			b.t.Fatal(err)
		}
	}
}

func wantOwner(t *testing.T, a action, id uint32) {
	t.Helper()
	wantErrno(t, a, 0)
	want(t, a.Path+": uid", a.UID, id)
	want(t, a.Path+": gid", a.GID, id)
}

const overflowID = 65534

func TestIDMap_of_a_bind_mount(t *testing.T) {
	t.Parallel()
	requires(t, "rt:idmap", "idmap")
	b := newBundle(t)
	r := b.probe(withMount(idmapped(bind(b.owned("v"), "/mnt", "bind"), 0, 100000, 10)),
		"--stat", "/mnt/of-0", "--stat", "/mnt/of-1", "--stat", "/mnt/of-1000")
	wantOwner(t, r.action(t, 0), 100000)
	wantOwner(t, r.action(t, 1), 100001)
	wantOwner(t, r.action(t, 2), overflowID)
}

func TestIDMap_of_several_extents_and_several_mounts(t *testing.T) {
	t.Parallel()
	requires(t, "rt:idmap", "idmap")
	b := newBundle(t)
	v := b.owned("v")
	one := bind(v, "/one", "bind")
	one.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 5000, Size: 1}, {ContainerID: 1, HostID: 77, Size: 1}, {ContainerID: 1000, HostID: 0, Size: 1}}
	one.GIDMappings = mapping(0, 6000, 2000)
	r := b.probe(withMount(one, idmapped(bind(v, "/two", "bind"), 1000, 1, 1)),
		"--stat", "/one/of-0", "--stat", "/one/of-1", "--stat", "/one/of-1000", "--stat", "/two/of-1000", "--stat", "/two/of-0")
	for i, id := range [][2]uint32{{5000, 6000}, {77, 6001}, {0, 7000}, {1, 1}, {overflowID, overflowID}} {
		want(t, "uid of "+r.action(t, i).Path, r.action(t, i).UID, id[0])
		want(t, "gid of "+r.action(t, i).Path, r.action(t, i).GID, id[1])
	}
}

func TestIDMap_writes_go_to_the_mapped_owner(t *testing.T) {
	t.Parallel()
	requires(t, "rt:idmap", "idmap")
	b := newBundle(t)
	v := b.owned("v")
	mkdir(t, v, 0o777)
	if err := os.Chown(v, 1000, 1000); err != nil { // a directory of nobody's is closed to all
		t.Fatal(err)
	}
	r := b.probe(withMount(idmapped(bind(v, "/mnt", "bind"), 1000, 0, 1)), "--create", "/mnt/new", "x", "--setuid", "5", "--create", "/mnt/other", "")
	wantErrno(t, r.action(t, 0), 0)
	wantErrno(t, r.action(t, 2), unix.EOVERFLOW) // user 5 is nobody here
	var st unix.Stat_t
	if err := unix.Stat(v+"/new", &st); err != nil {
		t.Fatal(err)
	}
	want(t, "owner on the host", st.Uid, 1000)
}

func TestIDMap_idmap_is_the_top_ridmap_the_tree(t *testing.T) {
	t.Parallel()
	requires(t, "rt:idmap", "idmap", "kernel:6.3") // the tree has a tmpfs
	b := newBundle(t)
	v := b.tree("v")
	b.fillOwned(v)
	b.fillOwned(v + "/sub")
	r := b.probe(withMount(
		idmapped(bind(v, "/top", "rbind", "idmap"), 0, 100000, 10),
		idmapped(bind(v, "/all", "rbind", "ridmap"), 0, 100000, 10),
		idmapped(bind(v, "/plain", "rbind"), 0, 100000, 10),
	), "--stat", "/top/of-1", "--stat", "/top/sub/of-1", "--stat", "/all/of-1", "--stat", "/all/sub/of-1", "--stat", "/plain/of-1", "--stat", "/plain/sub/of-1")
	for i, id := range []uint32{100001, 1, 100001, 100001, 100001, 1} {
		wantOwner(t, r.action(t, i), id)
	}
}

func TestIDMap_of_a_symlinked_source_and_a_file(t *testing.T) {
	t.Parallel()
	requires(t, "rt:idmap", "idmap")
	b := newBundle(t)
	v := b.owned("v")
	if err := os.Symlink(v, b.Dir+"/link"); err != nil {
		t.Fatal(err)
	}
	r := b.probe(withMount(idmapped(bind(b.Dir+"/link", "/mnt", "bind"), 0, 100000, 10), idmapped(bind(v+"/of-1", "/run/file", "bind"), 1, 33, 1)),
		"--stat", "/mnt/of-0", "--stat", "/run/file")
	wantOwner(t, r.action(t, 0), 100000)
	wantOwner(t, r.action(t, 1), 33)
}

// In a user namespace the mount's mapping comes first, the namespace's second.
func TestIDMap_in_a_user_namespace(t *testing.T) {
	t.Parallel()
	requires(t, "rt:idmap", "idmap")
	b := userBundle(t)
	v := b.owned("v")
	r := b.probe(withMount(idmapped(bind(v, "/mnt", "bind"), 0, 100000, 65536), bind(v, "/plain", "bind")), "--stat", "/mnt/of-0", "--stat", "/mnt/of-1000", "--stat", "/plain/of-1", "--create", "/mnt/new", "")
	wantOwner(t, r.action(t, 0), 0)
	wantOwner(t, r.action(t, 1), 1000)
	wantOwner(t, r.action(t, 2), overflowID)
	wantErrno(t, r.action(t, 3), 0)
	var st unix.Stat_t
	if err := unix.Stat(v+"/new", &st); err != nil {
		t.Fatal(err)
	}
	want(t, "owner on the host", st.Uid, 0)
}

func TestIDMap_without_mappings_the_user_namespaces_are_used(t *testing.T) {
	t.Parallel()
	requires(t, "rt:idmap", "idmap")
	b := userBundle(t)
	r := b.probe(withMount(bind(b.owned("v"), "/mnt", "rbind", "idmap")), "--stat", "/mnt/of-0", "--stat", "/mnt/of-1000")
	wantOwner(t, r.action(t, 0), 0)
	wantOwner(t, r.action(t, 1), 1000)
}

func TestIDMap_without_mappings_of_a_joined_user_namespace(t *testing.T) {
	t.Parallel()
	requires(t, "root", "rt:idmap", "idmap", "userns")
	holder := nsHolder(t, specs.UserNamespace)
	b := newBundle(t)
	b.chown(100000, 100000)
	r := b.probe(func(s *specs.Spec) {
		setNS(s, specs.UserNamespace, nsPath(holder, specs.UserNamespace))
		s.Mounts = append(s.Mounts, bind(b.owned("v"), "/mnt", "bind", "idmap"))
	}, "--stat", "/mnt/of-0", "--stat", "/mnt/of-1")
	wantOwner(t, r.action(t, 0), 0)
	wantOwner(t, r.action(t, 1), 1)
}

func TestIDMap_of_a_tmpfs(t *testing.T) {
	t.Parallel()
	requires(t, "rt:idmap", "idmap", "kernel:6.3", "rt:rung") // runc maps bind mounts alone
	b := newBundle(t)
	r := b.probe(withMount(idmapped(specs.Mount{Destination: "/mnt", Type: "tmpfs", Source: "tmpfs", Options: []string{"mode=0777"}}, 0, 0, 1000)),
		"--create", "/mnt/x", "", "--stat", "/mnt/x")
	wantErrno(t, r.action(t, 0), 0)
	wantOwner(t, r.action(t, 1), 0)
}

func TestIDMap_keeps_flags_and_propagation(t *testing.T) {
	t.Parallel()
	requires(t, "rt:idmap", "idmap")
	b := newBundle(t)
	r := b.probe(withMount(idmapped(bind(b.owned("v"), "/mnt", "bind", "ro", "nosuid", "shared"), 0, 100000, 10)), "--create", "/mnt/x", "", "--stat", "/mnt/of-0")
	wantErrno(t, r.action(t, 0), unix.EROFS)
	wantOwner(t, r.action(t, 1), 100000)
	m := r.mount(t, "/mnt")
	wantOptions(t, m, "ro nosuid")
	want(t, "shared", len(m.Optional) > 0, true)
}

// The limits are the process's, not the set-up's.
func TestIDMap_twenty_mounts_with_a_low_limit_of_files(t *testing.T) {
	t.Parallel()
	requires(t, "rt:idmap", "idmap")
	b := newBundle(t)
	v := b.owned("v")
	r := b.probe(func(s *specs.Spec) {
		s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 20, Hard: 20}}
		for i := range 20 {
			s.Mounts = append(s.Mounts, idmapped(bind(v, fmt.Sprintf("/m/%02d", i), "bind"), 0, uint32(1000+i), 1))
		}
	}, "--stat", "/m/00/of-0", "--stat", "/m/19/of-0")
	wantOwner(t, r.action(t, 0), 1000)
	wantOwner(t, r.action(t, 1), 1019)
	want(t, "descriptors", len(r.Fds), 3)
}

func TestIDMap_idmap_without_any_mapping_is_refused(t *testing.T) {
	t.Parallel()
	requires(t, "rt:idmap")
	b := newBundle(t)
	withMount(bind(b.volume("v"), "/mnt", "bind", "idmap"))(b.Spec)
	wantFailure(t, b.run())
}

func TestIDMap_of_users_without_groups_is_refused(t *testing.T) {
	t.Parallel()
	requires(t, "rt:idmap")
	b := newBundle(t)
	m := bind(b.volume("v"), "/mnt", "bind")
	m.UIDMappings = mapping(0, 1, 1)
	withMount(m)(b.Spec)
	wantFailure(t, b.run())
}

func TestIDMap_with_options_that_take_it_away_is_refused(t *testing.T) {
	t.Parallel()
	requires(t, "idmap", "rt:rung")
	mustFail(t, withMount(specs.Mount{
		Destination: "/mnt", Type: "tmpfs", Source: "tmpfs", Options: []string{"iversion", "idmap"},
		UIDMappings: mapping(0, 1000, 10), GIDMappings: mapping(0, 1000, 10),
	}), "mounts[6] (/mnt): ", "cannot map ids")
}

// Podman hands mappings on as text: ids of the file system, and the ids of the host that they show as.
func TestIDMap_by_text(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "idmap", "kernel:6.3") // the tree has a tmpfs
	b := newBundle(t)
	v := b.tree("v")
	b.fillOwned(v)
	b.fillOwned(v + "/sub")
	const text = "uids=0-5000-1#1000-0-1;gids=0-6000-2000"
	r := b.probe(withMount(bind(v, "/top", "rbind", "idmap="+text), bind(v, "/all", "rbind,ridmap="+text)),
		"--stat", "/top/of-0", "--stat", "/top/of-1", "--stat", "/top/of-1000", "--stat", "/top/sub/of-0", "--stat", "/all/of-0", "--stat", "/all/sub/of-0")
	for i, id := range [][2]uint32{{5000, 6000}, {overflowID, 6001}, {0, 7000}, {0, 0}, {5000, 6000}, {5000, 6000}} {
		want(t, "uid of "+r.action(t, i).Path, r.action(t, i).UID, id[0])
		want(t, "gid of "+r.action(t, i).Path, r.action(t, i).GID, id[1])
	}
}

// With @ the second id is one of the container's, whose user namespace here maps in two pieces.
func TestIDMap_by_text_relative_to_the_user_namespace(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "idmap", "userns")
	b := userBundle(t)
	b.Spec.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 1}, {ContainerID: 1, HostID: 200000, Size: 65535}}
	b.Spec.Linux.GIDMappings = b.Spec.Linux.UIDMappings
	v := b.owned("v")
	r := b.probe(withMount(
		bind(v, "/relative", "bind", "idmap=uids=@0-0-1001;gids=@0-0-1001"),
		bind(v, "/absolute", "bind", "idmap=uids=1000-200006-1;gids=1000-100000-1"),
	), "--stat", "/relative/of-0", "--stat", "/relative/of-1", "--stat", "/relative/of-1000", "--stat", "/absolute/of-1000", "--stat", "/absolute/of-0")
	for i, id := range [][2]uint32{{0, 0}, {1, 1}, {1000, 1000}, {7, 0}, {overflowID, overflowID}} {
		want(t, "uid of "+r.action(t, i).Path, r.action(t, i).UID, id[0])
		want(t, "gid of "+r.action(t, i).Path, r.action(t, i).GID, id[1])
	}
}

func TestIDMap_of_what_has_no_ids_of_its_own_is_refused(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "idmap")
	for _, o := range [][]string{{"remount", "idmap=uids=0-1-1;gids=0-1-1"}, {"idmap=uids=0-1-1;gids=0-1-1"}} {
		mustFail(t, withMount(specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: o}), "mounts[6] (/sys/fs/cgroup): ", "cgroup mount")
	}
}

func TestIDMap_of_a_file_system_without_names_it(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "idmap", "userns")
	for _, b := range []*bundle{newBundle(t), userBundle(t)} {
		withMount(idmapped(bind("/sys", "/mnt", "rbind", "idmap"), 0, 100000, 10))(b.Spec)
		wantFailure(t, b.run(), "mounts[6] (/mnt): map the ids of bind /sys: sysfs cannot be id-mapped on Linux ", "(EINVAL)")
	}
}
