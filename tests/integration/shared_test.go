package integration

import (
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// withUmask has the runtime's commands run with that umask.
func (b *bundle) withUmask(mask string) {
	b.Wrap = []string{"sh", "-c", "umask " + mask + ` && exec "$@"`, "sh"}
}

// manager listens as a service manager does, and gives the value of NOTIFY_SOCKET. It takes what it is told, with the
// descriptors of BARRIER=1, so that nobody waits for it.
func manager(t *testing.T, dir string) (told <-chan string, socket string) {
	t.Helper()
	socket = filepath.Join(dir, "manager.sock")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	all := make(chan string, 100)
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := l.Read(b)
			if err != nil {
				return
			}
			all <- string(b[:n])
		}
	}()
	return all, socket
}

// wantReady waits for what the manager is told first.
func wantReady(t *testing.T, told <-chan string) {
	t.Helper()
	select {
	case got := <-told:
		if !strings.Contains(got, "READY=1") {
			t.Errorf("the manager was told %q", got)
		}
	case <-time.After(patience):
		t.Error("the manager was told nothing")
	}
}

// inOpenDirectory moves the store to where every user of the host may look, and has rung make it.
func (b *bundle) inOpenDirectory() {
	b.t.Helper()
	open := filepath.Join(b.Dir, "open")
	mkdir(b.t, open, 0o755)
	b.Root = filepath.Join(open, "made", "store")
}

// sharedRow is a row of the table in docs/security.md.
type sharedRow struct{ text, owner, mode, flags string }

func sharedTable(t *testing.T) map[string]sharedRow {
	t.Helper()
	_, section, ok := strings.Cut(readFile(t, filepath.Join(repository, "docs/security.md")), "## What a container shares with the host\n")
	if !ok {
		t.Fatal("docs/security.md has no such section")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	rows := map[string]sharedRow{}
	name := regexp.MustCompile("^`?([a-z.]+)`?")
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 7 || strings.HasPrefix(cells[1], "-") || strings.TrimSpace(cells[1]) == "object" {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows[name.FindStringSubmatch(cells[1])[1]] = sharedRow{cells[2], cells[3], cells[4], cells[5]}
	}
	return rows
}

// mount is a line of mountinfo (proc(5)).
type mountLine struct{ device, root, point, flags string }

func mountsOf(t *testing.T, pid string) (list []mountLine) {
	t.Helper()
	for line := range strings.Lines(readFile(t, "/proc/"+pid+"/mountinfo")) {
		f := strings.Fields(line)
		list = append(list, mountLine{f[2], f[3], f[4], f[5]})
	}
	return list
}

// wantFlags compares the flags of a mount with a row's: all of those, and none of nosuid, nodev, noexec and ro besides
// unless more is allowed.
func wantFlags(t *testing.T, what, got, row string) {
	t.Helper()
	have := strings.Split(got, ",")
	for _, f := range strings.Fields(row) {
		if !slices.Contains(have, f) {
			t.Errorf("%s is mounted with %s, want %s", what, got, row)
		}
	}
}

// wantObject compares a file of the caller's with a row.
func wantObject(t *testing.T, path string, row sharedRow) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		t.Error(err)
		return
	}
	mode, _, _ := strings.Cut(row.mode, ",")
	n, err := strconv.ParseUint(mode, 8, 32)
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode&0o7777 != uint32(n) {
		t.Errorf("%s has the mode %04o, docs/security.md says %04o", path, st.Mode&0o7777, n)
	}
	if row.owner != "caller" || st.Uid != uint32(os.Geteuid()) {
		t.Errorf("%s belongs to user %d, docs/security.md says %q", path, st.Uid, row.owner)
	}
}

// Every object that a container shares with the host has a row in docs/security.md, and is as that says.
func TestShared_objects_are_as_documented(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	for _, umask := range []string{"0000", "0022", "0077"} {
		t.Run("umask "+umask, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			b.withUmask(umask)
			b.inOpenDirectory()
			_, socket := manager(t, b.Dir)
			b.Env = []string{"NOTIFY_SOCKET=" + socket}
			mkdir(t, b.Dir+"/volume", 0o755)
			withMount(
				specs.Mount{Destination: "/mnt", Type: "bind", Source: b.Dir + "/volume", Options: []string{"bind", "nosuid", "nodev"}},
				specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "nodev", "noexec", "ro"}},
			)(b.Spec)
			withFilter(&specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: []string{"kcmp"}, Action: specs.ActErrno}}})(b.Spec)
			b.Spec.Linux.MaskedPaths = []string{"/proc/kcore", "/proc/keys", "/sys/firmware"}
			b.Spec.Process.User = specs.User{UID: 1000, GID: 1000}
			b.Spec.Process.Args = []string{"/probe", "--report", "--notify", "READY=1", "--until-term"}
			c := b.create()
			rows := sharedTable(t)
			seen := map[string]bool{}
			row := func(name string) sharedRow {
				t.Helper()
				seen[name] = true
				r, ok := rows[name]
				if !ok {
					t.Errorf("docs/security.md has no row for %q", name)
				}
				return r
			}
			// ---- what is kept on the host
			wantObject(t, b.Root, row("store"))
			wantObject(t, filepath.Join(b.Root, b.ID), row("container"))
			entries, err := os.ReadDir(filepath.Join(b.Root, b.ID))
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				wantObject(t, filepath.Join(b.Root, b.ID, e.Name()), row(e.Name()))
			}
			wantObject(t, "/run/rung-filters", row("filters"))
			// ---- mounts of file systems that the host has mounted as well
			hosts := map[string]bool{}
			for _, m := range mountsOf(t, "self") {
				hosts[m.device] = true
			}
			rootfs := c.rootDevice()
			for _, m := range mountsOf(t, itoa(c.Pid)) {
				name := ""
				switch {
				case !hosts[m.device]:
					continue // the container's own
				case m.point == "/":
					name = "rootfs"
				case m.point == "/run/notify":
					name = "notify"
				case m.point == "/mnt":
					name = "bind"
				case strings.HasPrefix(m.point, "/sys/fs/cgroup"):
					name = "cgroup"
				case strings.HasSuffix(m.root, "/null"):
					name = "mask"
				case m.device == rootfs:
					t.Errorf("%s of the host's %s is mounted on %s", m.root, m.device, m.point)
					continue
				default:
					// another process of this machine may have mounted the file system, but not a part of it here
					if m.root != "/" {
						t.Errorf("%s of the host's %s is mounted on %s", m.root, m.device, m.point)
					}
					continue
				}
				wantFlags(t, m.point, m.flags, map[bool]string{true: row(name).flags}[!strings.HasPrefix(row(name).flags, "those of")])
			}
			row("device") // TestShared_device_nodes_of_the_host_cannot_be_changed
			// ---- descriptors of the init that waits
			fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", c.Pid))
			if err != nil {
				t.Fatal(err)
			}
			sockets := 0
			for _, e := range fds {
				n, _ := strconv.Atoi(e.Name())
				target := readlink(t, fmt.Sprintf("/proc/%d/fd/%s", c.Pid, e.Name()))
				switch {
				case n < 3:
					row("stdio")
					var st unix.Stat_t
					if err := unix.Stat(fmt.Sprintf("/proc/%d/fd/%d", c.Pid, n), &st); err != nil {
						t.Fatal(err)
					}
					if st.Mode&unix.S_IFMT == unix.S_IFIFO && st.Uid != 1000 {
						t.Errorf("descriptor %d belongs to user %d", n, st.Uid)
					}
				case strings.HasPrefix(target, "socket:"):
					sockets++
				case target == "/":
					row("rootfs")
				default:
					t.Errorf("the init has %s open, which docs/security.md does not name", target)
				}
			}
			if sockets > 2 {
				t.Errorf("the init has %d sockets open, want the gate and the channel", sockets)
			}
			row("channel")
			row("program")
			exe, err := os.Open(fmt.Sprintf("/proc/%d/exe", c.Pid))
			if err != nil {
				t.Fatal(err)
			}
			defer exe.Close()
			seals, err := unix.FcntlInt(exe.Fd(), unix.F_GET_SEALS, 0)
			if all := unix.F_SEAL_WRITE | unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_SEAL; err != nil || seals&all != all {
				t.Errorf("seals of the init program: %#x, %v", seals, err)
			}
			// ---- and as the container sees it
			started := make(chan Result, 1)
			go func() { started <- b.runtime("start", b.ID) }() // it stays until the container is ready
			r := c.nextReport()
			row("keyring")
			if !strings.HasPrefix(r.Keyring, "keyring;0;0;3f0b0000;") && !strings.HasPrefix(r.Keyring, "keyring;0;0;3f1b0000;") {
				t.Errorf("keyring %q, want one of root's", r.Keyring)
			}
			wantErrno(t, c.next("notify"), 0)
			wantObject(t, filepath.Join(b.Root, b.ID, "notify"), row("notify"))
			row("notify.sock")
			if res := <-started; res.Exit != 0 {
				t.Errorf("start: %s", res.Stderr)
			}
			for name := range maps.Keys(rows) {
				if !seen[name] {
					t.Errorf("docs/security.md has a row for %q, which this test has not seen", name)
				}
			}
		})
	}
}

// rootDevice is the number of the file system that the root is on, as mountinfo prints it.
func (c *container) rootDevice() string {
	var st unix.Stat_t
	if err := unix.Stat(c.Rootfs, &st); err != nil {
		c.t.Fatal(err)
	}
	return fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))
}

// The directory of the sd_notify socket is in the runtime's state: root of the container leaves nothing in it.
func TestShared_root_of_the_container_cannot_write_to_the_notify_directory(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	for _, users := range []bool{false, true} {
		t.Run(fmt.Sprintf("user namespace %v", users), func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			if users {
				b = newBundle(t).mapped(mapping(0, 0, 65536), mapping(0, 0, 65536)) // root of the host's
			}
			told, socket := manager(t, b.Dir)
			b.Env = []string{"NOTIFY_SOCKET=" + socket}
			addCaps("CAP_SYS_ADMIN")(b.Spec)
			b.Spec.Process.Args = []string{
				"/probe", "--create", "/run/notify/file", "x", "--mkdir", "/run/notify/dir", "--mknod", "/run/notify/disk", "b", "8", "0",
				"--chmod", "/run/notify", "0777", "--chmod", "/run/notify/notify.sock", "04777", "--chown", "/run/notify/notify.sock", "1", "1",
				"--unlink", "/run/notify/notify.sock", "--notify", "READY=1", "--until-term",
			}
			f := b.runForeground()
			for _, op := range []string{"create", "mkdir", "mknod", "chmod", "chmod", "chown", "unlink"} {
				wantErrno(t, f.next(op), unix.EROFS)
			}
			wantErrno(t, f.next("notify"), 0)
			f.next("waiting")
			for _, m := range mountsOf(t, itoa(b.state().Pid)) {
				if m.point == "/run/notify" {
					wantFlags(t, m.point, m.flags, "ro nosuid nodev noexec")
				}
			}
			entries, err := os.ReadDir(filepath.Join(b.Root, b.ID, "notify"))
			for _, e := range entries {
				if e.Name() != "notify.sock" {
					t.Errorf("the container left %s", e.Name())
				}
			}
			if err != nil {
				t.Error(err)
			}
			wantReady(t, told)
			b.must("kill", b.ID, "TERM")
			f.exit()
		})
	}
}

// An ordinary user of the host neither starts a container nor says that it is ready.
func TestShared_gate_and_notify_socket_are_closed_to_other_users(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	b.withUmask("0")
	b.inOpenDirectory()
	told, socket := manager(t, b.Dir)
	b.Env = []string{"NOTIFY_SOCKET=" + socket}
	b.Spec.Process.Args = []string{"/probe", "--echo", "started", "--line", "--notify", "READY=1", "--until-term"}
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	b.Stdin = in
	c := b.create()
	in.Close()
	dir := filepath.Join(b.Root, b.ID)
	asStranger := func(actions ...string) []action {
		t.Helper()
		cmd := exec.Command(filepath.Join(b.Rootfs, "probe"), actions...)
		cmd.Env = []string{"NOTIFY_SOCKET=" + dir + "/notify/notify.sock"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 54321, Gid: 54321}}
		text, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		var list []action
		for line := range strings.Lines(string(text)) {
			list = append(list, parseAction(t, line))
		}
		return list
	}
	wantErrno(t, asStranger("--access", dir+"/gate", "w")[0], unix.EACCES)
	// nor where the store was made by somebody who closed less
	if err := os.Chmod(b.Root, 0o755); err != nil {
		t.Fatal(err)
	}
	wantErrno(t, asStranger("--access", dir+"/gate", "w")[0], unix.EACCES)
	var st unix.Stat_t
	if err := unix.Stat(dir+"/gate", &st); err != nil || st.Mode&0o777 != 0o600 {
		t.Errorf("the gate's mode is %o, %v", st.Mode&0o777, err)
	}
	started := make(chan Result, 1)
	go func() { started <- b.runtime("start", b.ID) }()
	if line, _ := c.line(); line != "started" {
		t.Fatalf("%q", line)
	}
	for _, a := range asStranger("--notify", "READY=1", "--access", dir+"/notify", "x") {
		wantErrno(t, a, unix.EACCES)
	}
	select {
	case r := <-started:
		t.Errorf("start has ended before the container was ready: %+v", r)
	default:
	}
	fmt.Fprintln(out, "go")
	wantReady(t, told)
	if r := <-started; r.Exit != 0 {
		t.Errorf("start: %s", r.Stderr)
	}
}

// In a user namespace that maps root of the host, device nodes are the host's: they work, and stay as they are.
func TestShared_device_nodes_of_the_host_cannot_be_changed(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t).mapped(mapping(0, 0, 65536), mapping(0, 0, 65536))
	var before, after unix.Stat_t
	if err := unix.Stat("/dev/full", &before); err != nil {
		t.Fatal(err)
	}
	addCaps("CAP_FOWNER", "CAP_CHOWN")(b.Spec)
	row := sharedTable(t)["device"]
	// the very mode and owner that it has: nothing happens to the machine if it is not refused
	r := b.probe(nil,
		"--chmod", "/dev/full", fmt.Sprintf("0%o", before.Mode&0o7777), "--chown", "/dev/full", "0", "0", "--chmod", "/proc/keys", "0666",
		"--write", "/dev/null", "x", "--read", "/dev/full", "--write", "/proc/keys", "x")
	for i := range 3 {
		wantErrno(t, r.action(t, i), unix.EROFS)
	}
	wantErrno(t, r.action(t, 3), 0)
	if err := unix.Stat("/dev/full", &after); err != nil || after.Mode != before.Mode || after.Uid != before.Uid || after.Ctim != before.Ctim {
		t.Errorf("/dev/full was %+v, is %+v, %v", before, after, err)
	}
	b.Spec.Process.Args = []string{"/probe", "--sleep"}
	c := b.create()
	found := 0
	for _, m := range mountsOf(t, itoa(c.Pid)) {
		if m.point == "/dev/full" || m.point == "/dev/null" || m.point == "/dev/tty" {
			wantFlags(t, m.point, m.flags, row.flags)
			found++
		}
	}
	want(t, "nodes of the host", found, 3)
}

// What others put into a container's directory is removed with it: deeper than a path can name, and than there are
// descriptors.
func TestShared_deep_trees_in_the_state_directory_are_deleted(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	b.Root = inMemory(t)
	b.Spec.Process.Args = []string{"/probe", "--sleep"}
	b.create()
	at, err := unix.Open(filepath.Join(b.Root, b.ID), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 4000 {
		if err := unix.Mkdirat(at, "d", 0o755); err != nil {
			t.Fatal(err)
		}
		next, err := unix.Openat(at, "d", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(at)
		at = next
	}
	unix.Close(at)
	b.Wrap = []string{"sh", "-c", `ulimit -n 64 && exec "$@"`, "sh"}
	b.must("delete", "--force", b.ID)
	if exists(filepath.Join(b.Root, b.ID)) {
		t.Error("the container's directory is left")
	}
}

// inMemory is a directory where thousands of entries take no time.
func inMemory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "rung-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("rm", "-rf", dir).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	return dir
}
