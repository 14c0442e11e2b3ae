package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// hostDev makes a directory like a host's /dev, whose console is a device of its own: one that discards what it gets.
func (b *bundle) hostDev(console bool) string {
	b.t.Helper()
	dir := b.volume("hostdev")
	for _, sub := range []string{"pts", "shm", "mqueue"} {
		mkdir(b.t, filepath.Join(dir, sub), 0o755)
	}
	nodes := map[string]uint64{"null": unix.Mkdev(1, 3), "tty": unix.Mkdev(5, 0), "ptmx": unix.Mkdev(5, 2)}
	if console {
		nodes["console"] = unix.Mkdev(1, 3)
	}
	for name, dev := range nodes {
		if err := unix.Mknod(filepath.Join(dir, name), unix.S_IFCHR|0o666, int(dev)); err != nil {
			b.t.Fatal(err)
		}
	}
	return dir
}

// With the host's /dev in the container (docker run -it --privileged -v /dev:/dev) /dev/console is the container's
// terminal all the same (config-linux.md, Default Devices), and the host's directory stays as it is.
func TestTerminal_console_in_a_bound_dev(t *testing.T) {
	t.Parallel()
	requires(t, "root", "rt:rung") // runc makes a file for a console that is missing
	plain := func(t *testing.T) *bundle { t.Helper(); return newBundle(t) }
	for name, c := range map[string]struct {
		bundle  func(*testing.T) *bundle
		options []string
	}{
		"rbind":                  {plain, []string{"rbind"}},
		"rprivate":               {plain, []string{"rbind", "rprivate"}},
		"rshared":                {plain, []string{"rbind", "rshared"}},
		"read-only":              {plain, []string{"rbind", "ro"}},
		"in a user namespace":    {userBundle, []string{"rbind", "rprivate"}},
		"without propagation":    {plain, []string{"bind"}},
		"slave of a shared root": {func(t *testing.T) *bundle { b := plain(t); b.Spec.Linux.RootfsPropagation = "shared"; return b }, []string{"rbind", "rslave"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := c.bundle(t)
			dir := b.hostDev(true)
			b.Spec.Mounts[1] = bind(dir, "/dev", c.options...)
			b.Spec.Process.Args = []string{"/probe", "--report", "--stat", "/dev/console", "--until-term"}
			_, m := b.withConsole("run", "--detach")
			fd, _ := m.report().fd(0)
			console := m.next("stat")
			want(t, "/dev/console is the terminal", [2]uint32{console.Major, console.Minor}, [2]uint32{fd.Major, fd.Minor})
			var st unix.Stat_t
			if err := unix.Stat(dir+"/console", &st); err != nil {
				t.Fatal(err)
			}
			want(t, "the host's console", st.Rdev, unix.Mkdev(1, 3))
		})
	}
	t.Run("missing", func(t *testing.T) {
		t.Parallel()
		b := plain(t)
		dir := b.hostDev(false)
		b.Spec.Mounts[1] = bind(dir, "/dev", "rbind")
		b.Spec.Process.Args = []string{"/probe", "--stat", "/dev/console", "--until-term"}
		_, m := b.withConsole("run", "--detach")
		wantErrno(t, m.next("stat"), unix.ENOENT)
		want(t, "a console on the host", exists(dir+"/console"), false)
	})
	t.Run("symlink", func(t *testing.T) {
		t.Parallel()
		b := plain(t)
		dir := b.hostDev(false)
		if err := os.Symlink("null", dir+"/console"); err != nil {
			t.Fatal(err)
		}
		b.Spec.Mounts[1] = bind(dir, "/dev", "rbind")
		b.Spec.Process.Args = []string{"/probe", "--stat", "/dev/null", "--until-term"}
		_, m := b.withConsole("run", "--detach")
		null := m.next("stat")
		want(t, "what the link leads to", [2]uint32{null.Major, null.Minor}, [2]uint32{1, 3})
	})
}

// Through a shared mount the terminal would become the console of the host: a warning says that it is not mounted.
func TestTerminal_console_does_not_reach_a_shared_dev(t *testing.T) {
	t.Parallel()
	requires(t, "root", "rt:rung")
	b := newBundle(t)
	dir := b.hostDev(true)
	if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	if err := unix.Mount("", dir, "", unix.MS_SHARED, ""); err != nil {
		t.Fatal(err)
	}
	b.Spec.Linux.RootfsPropagation = "shared"
	b.Spec.Mounts[1] = specs.Mount{Destination: "/dev", Type: "bind", Source: dir, Options: []string{"rbind", "rshared"}}
	b.Spec.Mounts = append(b.Spec.Mounts[:2], devptsElsewhere(b.Spec.Mounts[2:])...)
	b.Spec.Process.Args = []string{"/probe", "--stat", "/dev/console", "--until-term"}
	c, m := b.withConsole("run", "--detach")
	console := m.next("stat")
	want(t, "/dev/console", [2]uint32{console.Major, console.Minor}, [2]uint32{1, 3})
	want(t, "a warning in "+c.report.Stderr, strings.Contains(c.report.Stderr, "warning: process.terminal: /dev/console is not the terminal"), true)
	var st unix.Stat_t
	if err := unix.Stat(dir+"/console", &st); err != nil {
		t.Fatal(err)
	}
	want(t, "the host's console", st.Rdev, unix.Mkdev(1, 3))
}

// devptsElsewhere keeps mounts other than those below /dev, but for the devpts that the terminal comes from.
func devptsElsewhere(mounts []specs.Mount) (kept []specs.Mount) {
	for _, m := range mounts {
		if m.Type == "devpts" || !strings.HasPrefix(m.Destination, "/dev/") {
			kept = append(kept, m)
		}
	}
	return kept
}
