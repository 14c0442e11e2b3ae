package integration

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

type idRange = syscall.SysProcIDMap

// patience is how long a runtime command, or something waited for, may take: RUNG_TESTS_PATIENCE, for slow hosts.
var patience = readPatience()

func readPatience() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("RUNG_TESTS_PATIENCE")); err == nil {
		return d
	}
	return time.Minute
}

// bundle is a container to be: its bundle's directory, its id, and the runtime's --root, which is its own.
type bundle struct {
	t      *testing.T
	Dir    string // the bundle
	Rootfs string
	Root   string // --root
	ID     string
	Spec   *specs.Spec // written to config.json by each command that makes a container

	Globals  []string // further global options
	Env      []string // further environment of the runtime
	Stdin    *os.File
	Cwd      string     // the runtime's; default: the tests'
	Extra    []*os.File // descriptors from 3 on
	NoConfig bool       // leave config.json as it is
	NoRoot   bool       // leave --root out
	Wrap     []string   // a program, with its arguments, that runs the runtime
	Runtime  string     // a runtime other than the one under test, a copy of it say

	ids []string // containers that may exist under Root
}

// newBundle makes a bundle whose root file system holds the probe and what a container needs to be mounted on. At the
// end of the test its container is deleted by force, and nothing of it may be left.
func newBundle(t *testing.T) *bundle {
	t.Helper()
	requires(t, "root")
	b := &bundle{t: t, ID: newID()}
	b.Dir = filepath.Join(base, b.ID)
	b.Rootfs = filepath.Join(b.Dir, "rootfs")
	b.Root = filepath.Join(b.Dir, "state")
	b.ids = []string{b.ID}
	makeRootfs(t, b.Rootfs)
	if err := os.Mkdir(b.Root, 0o700); err != nil {
		t.Fatal(err)
	}
	b.Spec = defaultSpec(b.ID)
	t.Cleanup(b.cleanUp)
	return b
}

// another is a second container beside b: same runtime root, own bundle.
func (b *bundle) another() *bundle {
	b.t.Helper()
	n := newBundle(b.t)
	n.Root = b.Root
	return n
}

func makeRootfs(t *testing.T, dir string) {
	t.Helper()
	for _, d := range []string{"proc", "sys", "dev", "tmp", "etc", "run", "root", "bin", "mnt", "home"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "tmp"), 0o1777); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\ntester:x:1000:1000::/home/tester:/bin/sh\n1234:x:0:0:a name of digits:/digits:/bin/sh\n")
	writeFile(t, filepath.Join(dir, "etc/group"), "root:x:0:\ntester:x:1000:\n")
	copyFile(t, probePath, filepath.Join(dir, "probe"), 0o755)
	if err := os.Symlink("../probe", filepath.Join(dir, "bin/probe")); err != nil {
		t.Fatal(err)
	}
}

// defaultSpec resembles what engines write.
func defaultSpec(id string) *specs.Spec {
	caps := []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_NET_BIND_SERVICE", "CAP_MKNOD", "CAP_SYS_CHROOT", "CAP_AUDIT_WRITE"}
	s := &specs.Spec{
		Version: "1.0.2",
		Process: &specs.Process{
			Args: []string{"/probe"},
			Env:  []string{"PATH=/bin:/usr/bin", "TERM=xterm", "RUNG_TEST=" + id},
			Cwd:  "/",
			Capabilities: &specs.LinuxCapabilities{
				Bounding: caps, Effective: caps, Permitted: caps,
			},
			NoNewPrivileges: true,
		},
		Root: &specs.Root{Path: "rootfs"},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
			{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
			{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
			{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
		},
		Linux: &specs.Linux{
			CgroupsPath: "/" + id,
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.PIDNamespace}, {Type: specs.NetworkNamespace}, {Type: specs.IPCNamespace},
				{Type: specs.UTSNamespace}, {Type: specs.MountNamespace}, {Type: specs.CgroupNamespace},
			},
			Resources:     &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}},
			MaskedPaths:   []string{"/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"},
			ReadonlyPaths: []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	}
	return s
}

// writeConfig puts the spec into the bundle.
func (b *bundle) writeConfig() {
	b.t.Helper()
	if b.NoConfig {
		return
	}
	data, err := json.MarshalIndent(b.Spec, "", "\t")
	if err != nil {
		b.t.Fatal(err)
	}
	writeFile(b.t, filepath.Join(b.Dir, "config.json"), string(data))
}

// Result is how a command of the runtime went.
type Result struct {
	Stdout, Stderr string
	Exit           int // 128 + N if the runtime itself was killed by signal N
}

func (r Result) output() string { return r.Stdout + r.Stderr }

// command prepares a command of the runtime, `create` and the like with its arguments.
func (b *bundle) command(args ...string) *exec.Cmd {
	line := append(slices.Clone(b.Wrap), cmp.Or(b.Runtime, runtimePath))
	if !b.NoRoot {
		line = append(line, "--root", b.Root)
	}
	line = append(append(line, b.Globals...), args...)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = append(os.Environ(), "RUNG_TEST="+b.ID)
	cmd.Env = append(cmd.Env, b.Env...)
	cmd.Dir = b.Cwd
	cmd.ExtraFiles = b.Extra
	if b.Stdin != nil {
		cmd.Stdin = b.Stdin
	}
	return cmd
}

// runtime runs a command of the runtime to its end.
func (b *bundle) runtime(args ...string) Result {
	b.t.Helper()
	cmd := b.command(args...)
	// Files, not pipes: what the command leaves running may keep them open.
	stdout, stderr := tempFile(b.t, b.Dir), tempFile(b.t, b.Dir)
	defer stdout.Close()
	defer stderr.Close()
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	r := waitFor(b.t, cmd)
	r.Stdout, r.Stderr = contents(b.t, stdout), contents(b.t, stderr)
	return r
}

// must is runtime where failure ends the test.
func (b *bundle) must(args ...string) Result {
	b.t.Helper()
	r := b.runtime(args...)
	if r.Exit != 0 {
		b.t.Fatalf("%v: exit status %d\n%s%s", args, r.Exit, r.Stdout, r.Stderr)
	}
	return r
}

// run is `run` in the foreground, with further options.
func (b *bundle) run(options ...string) Result {
	b.t.Helper()
	b.writeConfig()
	return b.runtime(append(append([]string{"run", "--bundle", b.Dir}, options...), b.ID)...)
}

// waitFor waits for a started command for as long as patience goes. One that hangs is asked first where it hangs: Go's
// runtime answers SIGABRT with the stacks of all goroutines, on standard error.
func waitFor(t *testing.T, cmd *exec.Cmd) (r Result) {
	t.Helper()
	kill := time.AfterFunc(time.Hour, func() { _ = cmd.Process.Kill() })
	kill.Stop()
	timer := time.AfterFunc(patience, func() {
		t.Errorf("%v: still runs after %v; killed", cmd.Args, patience)
		kernel, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stack", cmd.Process.Pid))
		t.Logf("in the kernel:\n%s", kernel)
		_ = cmd.Process.Signal(unix.SIGABRT)
		kill.Reset(patience / 10)
	})
	defer timer.Stop()
	err := cmd.Wait()
	kill.Stop()
	var ee *exec.ExitError
	if err != nil && !errors.As(err, &ee) {
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	ws := cmd.ProcessState.Sys().(syscall.WaitStatus) //nolint:forcetypeassert // what it is on Linux
	if ws.Exited() {
		r.Exit = ws.ExitStatus()
	} else {
		r.Exit = 128 + int(ws.Signal())
	}
	return r
}

// container is one that was created and may be started; its process's output comes in line by line.
type container struct {
	*bundle
	Pid int

	out    *os.File // our end of its standard output
	buf    []byte
	report Result // of the create
}

// create creates the container; its process's standard output is read with next.
func (b *bundle) create(options ...string) *container {
	b.t.Helper()
	return b.detached("create", options...)
}

// runDetached is `run --detach`.
func (b *bundle) runDetached(options ...string) *container {
	b.t.Helper()
	return b.detached("run", append([]string{"--detach"}, options...)...)
}

func (b *bundle) detached(verb string, options ...string) *container {
	b.t.Helper()
	b.writeConfig()
	r, w, err := os.Pipe()
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { r.Close() })
	pidFile := filepath.Join(b.Dir, "init.pid")
	args := append([]string{verb, "--bundle", b.Dir, "--pid-file", pidFile}, options...)
	cmd := b.command(append(args, b.ID)...)
	stderr := tempFile(b.t, b.Dir)
	defer stderr.Close()
	cmd.Stdout, cmd.Stderr = w, stderr
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	w.Close()
	res := waitFor(b.t, cmd)
	res.Stderr = contents(b.t, stderr)
	if res.Exit != 0 {
		b.t.Fatalf("%s: exit status %d\n%s", verb, res.Exit, res.Stderr)
	}
	pid, err := strconv.Atoi(readFile(b.t, pidFile))
	if err != nil {
		b.t.Fatalf("%s: the pid file: %v", verb, err)
	}
	return &container{bundle: b, Pid: pid, out: r, report: res}
}

func (c *container) start() *container {
	c.t.Helper()
	c.must("start", c.ID)
	return c
}

// line is the next line of the container's output; ok is false at its end.
func (c *container) line() (line string, ok bool) {
	c.t.Helper()
	if err := c.out.SetReadDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	chunk := make([]byte, 32<<10)
	for {
		if i := bytes.IndexByte(c.buf, '\n'); i >= 0 {
			line, c.buf = string(c.buf[:i]), c.buf[i+1:]
			return line, true
		}
		n, err := c.out.Read(chunk)
		c.buf = append(c.buf, chunk[:n]...)
		if err == io.EOF {
			line, c.buf = string(c.buf), nil
			return line, line != ""
		}
		if err != nil {
			c.t.Fatalf("read the container's output: %v; so far: %q; its standard error: %q", err, c.buf, c.report.Stderr)
		}
	}
}

// next waits for the probe's next action, and wants it to be op.
func (c *container) next(op string) action {
	c.t.Helper()
	line, ok := c.line()
	if !ok {
		c.t.Fatalf("the container's output ended, want %q of the probe", op)
	}
	a := parseAction(c.t, line)
	if a.Op != op {
		c.t.Fatalf("the probe's output: %s, want %q", line, op)
	}
	return a
}

// nextReport waits for the probe's report.
func (c *container) nextReport() report {
	c.t.Helper()
	line, _ := c.line()
	return parseProbe(c.t, line+"\n")
}

// wait waits for the container's init, a child of ours since its creator has ended, and returns its exit status;
// 128+N if signal N killed it.
func (c *container) wait() int {
	c.t.Helper()
	return waitChild(c.t, c.Pid)
}

func waitChild(t *testing.T, pid int) int {
	t.Helper()
	if !waitExit(t, pid, patience) {
		t.Fatalf("process %d still runs after %v", pid, patience)
	}
	var ws unix.WaitStatus
	if _, err := unix.Wait4(pid, &ws, 0, nil); err != nil {
		t.Fatalf("wait for process %d: %v", pid, err)
	}
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}

// waitExit waits until a process has ended (it may still be a zombie); false when it did not for so long.
func waitExit(t *testing.T, pid int, atMost time.Duration) bool {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err == unix.ESRCH || err == unix.EINVAL { // EINVAL: it is being reaped, and leads no thread group any more
		return true
	}
	if err != nil {
		t.Fatalf("pidfd_open %d: %v", pid, err)
	}
	defer unix.Close(fd)
	return waitReadable(t, fd, atMost)
}

func waitReadable(t *testing.T, fd int, atMost time.Duration) bool {
	t.Helper()
	for deadline := time.Now().Add(atMost); ; {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(max(0, time.Until(deadline).Milliseconds())))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			t.Fatalf("poll: %v", err)
		}
		return n > 0
	}
}

// foreground is a command, `run` say, that goes on while the test does.
type foreground struct {
	*container
	cmd    *exec.Cmd
	stderr *os.File
}

// runForeground starts `run` and leaves it running.
func (b *bundle) runForeground(options ...string) *foreground {
	b.t.Helper()
	b.writeConfig()
	return b.foreground(append(append([]string{"run", "--bundle", b.Dir}, options...), b.ID)...)
}

// foreground starts a command of the runtime and leaves it running.
func (b *bundle) foreground(args ...string) *foreground {
	b.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := b.command(args...)
	stderr := tempFile(b.t, b.Dir)
	cmd.Stdout, cmd.Stderr = w, stderr
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	w.Close()
	b.t.Cleanup(func() {
		r.Close()
		stderr.Close()
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return &foreground{container: &container{bundle: b, out: r}, cmd: cmd, stderr: stderr}
}

// exit waits for the runtime, and returns how it ended.
func (f *foreground) exit() Result {
	f.t.Helper()
	r := waitFor(f.t, f.cmd)
	r.Stderr = contents(f.t, f.stderr)
	return r
}

// state is what `state` prints of the container.
func (b *bundle) state() specs.State {
	b.t.Helper()
	res := b.must("state", b.ID)
	var s specs.State
	if err := json.Unmarshal([]byte(res.Stdout), &s); err != nil {
		b.t.Fatalf("state: %v\n%s", err, res.Stdout)
	}
	return s
}

func (b *bundle) wantStatus(status string) {
	b.t.Helper()
	if s := b.state(); string(s.Status) != status {
		b.t.Errorf("status: got %s, want %s", s.Status, status)
	}
}

// ---- small things

func writeFile(t *testing.T, path, data string) {
	t.Helper()
	create(t, path, []byte(data), 0o644)
}

// create writes a file while no other goroutine starts a process: its child would have the file open for writing until it
// executes its program, and a file that is, cannot be executed (ETXTBSY).
func create(t *testing.T, path string, data []byte, mode os.FileMode) {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, data, mode); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func readlink(t *testing.T, path string) string {
	t.Helper()
	l, err := os.Readlink(path)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func mkdir(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string, mode os.FileMode) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	create(t, to, b, mode)
}

// exists tells whether there is something of that name, be it a dangling link.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// tempFile is an unnamed file.
func tempFile(t *testing.T, dir string) *os.File {
	t.Helper()
	f, err := os.CreateTemp(dir, "out")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(f.Name()); err != nil {
		t.Fatal(err)
	}
	return f
}

func contents(t *testing.T, f *os.File) string {
	t.Helper()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, st.Size())
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return string(b)
}

func ptr[T any](v T) *T { return &v }

// withoutNS takes namespaces out of the spec: the container shares the host's.
func withoutNS(s *specs.Spec, types ...specs.LinuxNamespaceType) {
	s.Linux.Namespaces = slices.DeleteFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool {
		return slices.Contains(types, n.Type)
	})
}

// setNS adds a namespace, or gives it a path.
func setNS(s *specs.Spec, typ specs.LinuxNamespaceType, path string) {
	withoutNS(s, typ)
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: typ, Path: path})
}

// withMount adds mounts at the end.
func withMount(mounts ...specs.Mount) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Mounts = append(s.Mounts, mounts...) }
}

// edits makes one edit of several.
func edits(list ...func(*specs.Spec)) func(*specs.Spec) {
	return func(s *specs.Spec) {
		for _, e := range list {
			if e != nil {
				e(s)
			}
		}
	}
}

// setCaps puts the names into the bounding, effective and permitted sets.
func setCaps(s *specs.Spec, names ...string) {
	s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: names, Effective: names, Permitted: names}
}

// addCaps adds to those three.
func addCaps(names ...string) func(*specs.Spec) {
	return func(s *specs.Spec) {
		setCaps(s, append(slices.Clone(s.Process.Capabilities.Bounding), names...)...)
	}
}

var capNames = [...]string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
	"CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
	"CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE",
	"CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
	"CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
}

func capNumber(name string) (int, bool) {
	i := slices.Index(capNames[:], name)
	return i, i >= 0
}

// capMask is the set of these capabilities as the kernel prints it.
func capMask(names ...string) (m uint64) {
	for _, n := range names {
		i, ok := capNumber(n)
		if !ok {
			panic(fmt.Sprintf("unknown capability %s", n))
		}
		m |= 1 << i
	}
	return m
}

func itoa(n int) string { return strconv.Itoa(n) }

func lookPath(t *testing.T, name string) string {
	t.Helper()
	p, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
