package integration

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func withMasks(paths ...string) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = paths, nil }
}

func TestMasked_a_file_reads_empty_and_a_directory_lists_empty(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	mkdir(t, b.Rootfs+"/secrets", 0o755)
	writeFile(t, b.Rootfs+"/secrets/key", "key")
	writeFile(t, b.Rootfs+"/password", "word")
	for _, readonly := range []bool{false, true} {
		r := b.probe(edits(withMasks("/secrets", "/password"), func(s *specs.Spec) { s.Root.Readonly = readonly }),
			"--ls", "/secrets", "--read", "/password", "--read", "/secrets/key", "--create", "/secrets/x", "", "--unlink", "/secrets/key")
		want(t, "entries", len(r.action(t, 0).Entries), 0)
		want(t, "file", r.action(t, 1).Data, "")
		wantErrno(t, r.action(t, 1), 0)
		wantErrno(t, r.action(t, 2), unix.ENOENT)
		wantErrno(t, r.action(t, 3), unix.EROFS)
		wantErrno(t, r.action(t, 4), unix.EROFS, unix.ENOENT)
	}
	want(t, "on the host", readFile(t, b.Rootfs+"/password"), "word")
}

func TestMasked_masks_cannot_be_taken_off(t *testing.T) {
	t.Parallel()
	r := probe(t, withMasks("/proc/keys", "/etc"), "--umount", "/etc", "--umount", "/proc/keys", "--unlink", "/proc/keys", "--rmdir", "/etc")
	wantErrno(t, r.action(t, 0), unix.EPERM)
	wantErrno(t, r.action(t, 1), unix.EPERM)
	wantErrno(t, r.action(t, 2), unix.EBUSY, unix.EPERM, unix.EROFS)
	wantErrno(t, r.action(t, 3), unix.EBUSY, unix.EPERM, unix.EROFS)
}

func TestMasked_paths_that_do_not_exist_are_passed_over(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.probe(withMasks("/nonexistent", "/etc/none/at/all", "/proc/asound"))
	want(t, "made", exists(b.Rootfs+"/nonexistent"), false)
}

func TestMasked_a_duplicate_is_one_mount(t *testing.T) {
	t.Parallel()
	requires(t, "rt:runc-1.4")
	b := newBundle(t)
	r := b.probe(withMasks("/home", "/home", "/etc/passwd", "/etc/passwd", "/home"))
	want(t, "mounts on /home", r.mountsOn("/home"), 1)
	want(t, "mounts on /etc/passwd", r.mountsOn("/etc/passwd"), 1)
}

func TestMasked_directories_share_one_file_system(t *testing.T) {
	t.Parallel()
	requires(t, "rt:runc-1.4")
	r := probe(t, withMasks("/home", "/mnt", "/etc"), "--stat", "/home", "--stat", "/mnt", "--stat", "/etc")
	want(t, "st_dev", r.action(t, 1).Dev, r.action(t, 0).Dev)
	want(t, "st_dev", r.action(t, 2).Dev, r.action(t, 0).Dev)
}

func TestMasked_what_is_masked_in_proc_stays_so_for_open_ways(t *testing.T) {
	t.Parallel()
	r := probe(t, nil, "--read", "/proc/keys", "--read", "/proc/timer_list", "--read", "/proc/self/root/proc/keys", "--ls", "/sys/firmware")
	for i := range 3 {
		want(t, r.action(t, i).Path, r.action(t, i).Data, "")
	}
	want(t, "/sys/firmware", len(r.action(t, 3).Entries), 0)
}

func TestReadonlyPaths_are_readonly_with_what_is_below(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	mkdir(t, b.Rootfs+"/data/sub", 0o755)
	writeFile(t, b.Rootfs+"/data/file", "d")
	r := b.probe(func(s *specs.Spec) {
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/data/sub", Type: "tmpfs", Source: "tmpfs"})
		s.Linux.ReadonlyPaths = []string{"/data", "/etc/passwd", "/nonexistent", "/proc/sys"}
	}, "--create", "/data/x", "", "--write", "/data/file", "x", "--read", "/data/file", "--write", "/etc/passwd", "x",
		"--write", "/proc/sys/kernel/domainname", "x", "--umount", "/data", "--create", "/x", "")
	wantErrno(t, r.action(t, 0), unix.EROFS)
	wantErrno(t, r.action(t, 1), unix.EROFS)
	want(t, "still readable", r.action(t, 2).Data, "d")
	wantErrno(t, r.action(t, 3), unix.EROFS)
	wantErrno(t, r.action(t, 4), unix.EROFS)
	wantErrno(t, r.action(t, 5), unix.EPERM)
	wantErrno(t, r.action(t, 6), 0)
}

func TestReadonlyPaths_keep_the_flags_of_the_mount(t *testing.T) {
	t.Parallel()
	r := probe(t, func(s *specs.Spec) { s.Mounts[0].Options = []string{"nosuid", "nodev", "noexec"} })
	wantOptions(t, r.mount(t, "/proc/sys"), "ro nosuid nodev noexec")
	wantOptions(t, r.mount(t, "/proc"), "rw nosuid nodev noexec")
}
