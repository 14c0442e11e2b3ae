package acceptance

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// engine is a Docker of the test's own, whose default runtime is the one under test. It has no network.
type engine struct {
	t      *testing.T
	socket string
	group  string // parent of the containers' cgroups
}

// dockerd is Debian's; another one in PATH may be a client alone.
const dockerd, docker = "/usr/sbin/dockerd", "/usr/bin/docker"

func newEngine(t *testing.T) *engine {
	t.Helper()
	needRoot(t)
	needCommand(t, dockerd, docker, "containerd", "busybox")
	dir, err := os.MkdirTemp(scratch, "e-")
	if err != nil {
		t.Fatal(err)
	}
	// The shims' sockets have a fixed place.
	if err := os.MkdirAll("/run/containerd", 0o711); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("shims", "/run/containerd", "tmpfs", 0, "mode=711"); err != nil {
		t.Fatalf("mount tmpfs at /run/containerd: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount("/run/containerd", unix.MNT_DETACH) })
	e := &engine{t: t, socket: filepath.Join(dir, "docker.sock"), group: "rung-acceptance-" + filepath.Base(dir)}
	cmd := exec.Command(dockerd, "--host=unix://"+e.socket, "--data-root="+filepath.Join(dir, "data"), "--exec-root="+filepath.Join(dir, "exec"),
		"--pidfile="+filepath.Join(dir, "pid"), "--add-runtime=tested="+runtimePath, "--default-runtime=tested", "--cgroup-parent=/"+e.group,
		"--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false")
	cmd.Dir = dir
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = w
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	said := make(chan bool, 1)
	var log strings.Builder
	var logs sync.WaitGroup
	logs.Go(func() {
		for s := bufio.NewScanner(r); s.Scan(); {
			fmt.Fprintln(&log, s.Text())
			if strings.Contains(s.Text(), "API listen on") {
				said <- true
			}
		}
		close(said)
	})
	t.Cleanup(func() {
		_ = cmd.Process.Signal(unix.SIGTERM)
		limit := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		err := cmd.Wait()
		limit.Stop()
		// Its descendants may still hold the pipe.
		_ = r.SetReadDeadline(time.Now().Add(time.Second))
		logs.Wait()
		r.Close()
		if err != nil || t.Failed() {
			t.Logf("dockerd: %v\n%s", err, tail(log.String(), 25))
		}
		e.removeGroups()
	})
	select {
	case ok := <-said:
		if !ok {
			t.Fatal("dockerd ended before it listened")
		}
	case <-time.After(patience):
		t.Fatal("dockerd does not listen")
	}
	e.importImage()
	return e
}

// importImage makes the image t from busybox.
func (e *engine) importImage() {
	e.t.Helper()
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		e.t.Fatal(err)
	}
	program, err := os.ReadFile(busybox)
	if err != nil {
		e.t.Fatal(err)
	}
	var image bytes.Buffer
	w := tar.NewWriter(&image)
	put := func(h tar.Header, content string) {
		h.Size = int64(len(content))
		if err := w.WriteHeader(&h); err != nil {
			e.t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			e.t.Fatal(err)
		}
	}
	for _, d := range []string{"bin", "etc", "data", "proc", "sys", "dev"} {
		put(tar.Header{Typeflag: tar.TypeDir, Name: d + "/", Mode: 0o755}, "")
	}
	put(tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777}, "")
	put(tar.Header{Typeflag: tar.TypeReg, Name: "bin/busybox", Mode: 0o755}, string(program))
	put(tar.Header{Typeflag: tar.TypeReg, Name: "etc/passwd", Mode: 0o644}, "root:x:0:0:root:/:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n")
	put(tar.Header{Typeflag: tar.TypeReg, Name: "etc/group", Mode: 0o644}, "root:x:0:\nuser:x:1000:\nextra:x:2000:user\n")
	applets, err := exec.Command(busybox, "--list").Output()
	if err != nil {
		e.t.Fatal(err)
	}
	for a := range strings.FieldsSeq(string(applets)) {
		if a != "busybox" {
			put(tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + a, Linkname: "busybox"}, "")
		}
	}
	if err := w.Close(); err != nil {
		e.t.Fatal(err)
	}
	if out, status := e.docker(&image, "import", "-", "t"); status != 0 {
		e.t.Fatalf("docker import: %s", out)
	}
}

// docker runs a docker command, and returns all it wrote and its exit status.
func (e *engine) docker(stdin *bytes.Buffer, arg ...string) (string, int) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, docker, append([]string{"--host=unix://" + e.socket}, arg...)...)
	if stdin != nil {
		cmd.Stdin = stdin
	}
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		e.t.Fatalf("docker %s: %v", strings.Join(arg, " "), err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// groups is the containers' cgroups, in all hierarchies.
func (e *engine) groups() []string {
	var found []string
	for _, top := range []string{"/sys/fs/cgroup/", "/sys/fs/cgroup/*/"} {
		list, _ := filepath.Glob(top + e.group + "/*")
		for _, dir := range list {
			if st, err := os.Stat(dir); err == nil && st.IsDir() {
				found = append(found, dir)
			}
		}
	}
	return found
}

// removeGroups removes what no runtime does: the parent that the engine has named.
func (e *engine) removeGroups() {
	for _, top := range []string{"/sys/fs/cgroup/", "/sys/fs/cgroup/*/"} {
		list, _ := filepath.Glob(top + e.group)
		for _, dir := range list {
			_ = os.Remove(dir)
		}
	}
}

func TestEngine(t *testing.T) {
	e := newEngine(t)
	shared := filepath.Join(filepath.Dir(e.socket), "shared")
	if err := os.Mkdir(shared, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(shared, "greeting"), []byte("from outside\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		args   []string // of docker run
		stdin  string
		status int
		want   []string // parts of the output
	}{
		{name: "echo", args: []string{"t", "echo", "hello"}, want: []string{"hello\n"}},
		{name: "exit status", args: []string{"t", "sh", "-c", "exit 42"}, status: 42},
		{name: "killed", args: []string{"t", "sh", "-c", "sh -c 'kill -9 $$'; exit $?"}, status: 137},
		{name: "no such command", args: []string{"t", "/no/such"}, status: 127, want: []string{"no such file or directory"}},
		{name: "no such command in PATH", args: []string{"t", "nosuch"}, status: 127, want: []string{"executable file not found in $PATH"}},
		{name: "not executable", args: []string{"t", "/etc/passwd"}, status: 126, want: []string{"permission denied"}},
		{name: "a directory", args: []string{"t", "/etc"}, status: 126, want: []string{"is a directory: permission denied"}},
		{name: "stdin", args: []string{"-i", "t", "cat"}, stdin: "in and out", want: []string{"in and out"}},
		{name: "terminal", args: []string{"-t", "t", "sh", "-c", "tty; [ -c /dev/console ] && echo console"}, want: []string{"/dev/pts/0", "console"}},
		{name: "user", args: []string{"-u", "user", "--group-add", "2000", "t", "id"}, want: []string{"uid=1000(user) gid=1000(user)", "2000(extra)"}},
		{name: "environment", args: []string{"-e", "A=b c", "-w", "/data", "-h", "ladder", "t", "sh", "-c", `echo "$A $PWD $(hostname)"`}, want: []string{"b c /data ladder\n"}},
		{name: "volume", args: []string{"-v", shared + ":/mnt", "t", "sh", "-c", "cat /mnt/greeting; echo back >/mnt/answer"}, want: []string{"from outside\n"}},
		{name: "read-only volume", args: []string{"-v", shared + ":/mnt:ro", "t", "sh", "-c", "touch /mnt/x 2>&1; cat /mnt/answer"}, want: []string{"Read-only file system", "back\n"}},
		{name: "read-only root", args: []string{"--read-only", "--tmpfs", "/scratch", "t", "sh", "-c", "touch /x 2>&1; touch /scratch/x && echo fine"}, want: []string{"Read-only file system", "fine"}},
		{name: "no capabilities", args: []string{"--cap-drop=ALL", "--security-opt=no-new-privileges", "t", "grep", "-E", "CapEff|NoNewPrivs", "/proc/self/status"}, want: []string{"CapEff:\t0000000000000000", "NoNewPrivs:\t1"}},
		{name: "seccomp", args: []string{"t", "sh", "-c", "grep Seccomp: /proc/self/status; unshare -m true 2>&1; true"}, want: []string{"Seccomp:\t2", "Operation not permitted"}},
		{name: "unconfined", args: []string{"--security-opt=seccomp=unconfined", "t", "grep", "Seccomp:", "/proc/self/status"}, want: []string{"Seccomp:\t0"}},
		{name: "sysctl", args: []string{"--sysctl=net.ipv4.ip_unprivileged_port_start=77", "t", "cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start"}, want: []string{"77\n"}},
		{name: "device", args: []string{"--device=/dev/kmsg:/dev/k:w", "t", "sh", "-c", "true >/dev/k && echo open; true </dev/k"}, status: 1, want: []string{"open\n", "can't open /dev/k"}},
		{name: "shared memory", args: []string{"--shm-size=3m", "t", "sh", "-c", "df -k /dev/shm | tail -1"}, want: []string{" 3072 "}},
		{name: "the host's processes", args: []string{"--pid=host", "t", "sh", "-c", "[ $$ -gt 1 ] && echo outside"}, want: []string{"outside\n"}},
		{name: "the host's names", args: []string{"--uts=host", "--ipc=host", "t", "true"}},
		{name: "limited", args: []string{"--memory=64m", "--pids-limit=40", "--cpus=0.5", "t", "true"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "limited" && len(e.controllers()) < 3 {
				t.Skip("this host cannot limit memory, processes and processor time")
			}
			var stdin *bytes.Buffer
			if c.stdin != "" {
				stdin = bytes.NewBufferString(c.stdin)
			}
			out, status := e.docker(stdin, append([]string{"run", "--rm", "--network=none"}, c.args...)...)
			if status != c.status {
				t.Errorf("exit status %d, want %d", status, c.status)
			}
			for _, want := range c.want {
				if !strings.Contains(out, want) {
					t.Errorf("no %q", want)
				}
			}
			if t.Failed() {
				t.Logf("output: %s", out)
			}
		})
	}
	t.Run("limits", e.limits)
	t.Run("detached", e.detached)
	t.Run("joined namespaces", e.joined)
	t.Run("ten at once", e.atOnce)
	if left := e.groups(); len(left) > 0 {
		t.Errorf("cgroups are left: %s", strings.Join(left, " "))
	}
}

// controllers is which of memory, pids and cpu the host's cgroup hierarchies have.
func (e *engine) controllers() (have []string) {
	v2, _ := os.ReadFile("/sys/fs/cgroup/cgroup.controllers")
	for _, c := range []string{"memory", "pids", "cpu"} {
		_, err := os.Stat("/sys/fs/cgroup/" + c + "/cgroup.procs")
		if err == nil || strings.Contains(" "+string(v2)+" ", " "+c) {
			have = append(have, c)
		}
	}
	return have
}

// limits looks at the files of the container's group from outside.
func (e *engine) limits(t *testing.T) {
	if len(e.controllers()) < 3 {
		t.Skip("this host cannot limit memory, processes and processor time")
	}
	id, status := e.docker(nil, "run", "-d", "--network=none", "--memory=64m", "--pids-limit=40", "--cpus=0.5", "t", "sleep", "1000")
	if status != 0 {
		t.Fatal(id)
	}
	id = strings.TrimSpace(id)
	defer e.docker(nil, "rm", "-f", id)
	for _, want := range [][3]string{
		{"memory/", "memory.limit_in_bytes", "67108864"}, {"", "memory.max", "67108864"}, {"pids/", "pids.max", "40"}, {"", "pids.max", "40"},
		{"cpu/", "cpu.cfs_quota_us", "50000"}, {"", "cpu.max", "50000 100000"},
	} {
		if _, err := os.Stat("/sys/fs/cgroup/" + want[0] + "cgroup.procs"); err != nil {
			continue // that is how the other kind of hierarchy has it
		}
		file := filepath.Join("/sys/fs/cgroup", want[0], e.group, id, want[1])
		if b, err := os.ReadFile(file); err != nil || strings.TrimSpace(string(b)) != want[2] {
			t.Errorf("%s: %q, %v; want %s", file, b, err, want[2])
		}
	}
}

// detached follows one container through its life.
func (e *engine) detached(t *testing.T) {
	must := func(arg ...string) string {
		t.Helper()
		out, status := e.docker(nil, arg...)
		if status != 0 {
			t.Fatalf("docker %s: exit status %d: %s", strings.Join(arg, " "), status, out)
		}
		return strings.TrimSpace(out)
	}
	// The pipe is how the test knows that the trap is set.
	dir := filepath.Dir(e.socket)
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o666); err != nil {
		t.Fatal(err)
	}
	must("run", "-d", "--name=long", "--network=none", "-v", fifo+":/fifo", "t", "sh", "-c", "trap 'echo bye; exit 5' TERM; echo started; echo >/fifo; while :; do sleep 1000 & wait; done")
	f, err := os.OpenFile(fifo, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}, int(patience.Milliseconds())); n != 1 {
		t.Fatalf("the container does not start: %v", err)
	}
	if got := must("inspect", "-f", "{{.State.Status}} {{.State.Pid}}", "long"); !strings.HasPrefix(got, "running ") || strings.HasSuffix(got, " 0") {
		t.Errorf("inspect: %s", got)
	}
	must("stop", "-t", "20", "long")
	if got := must("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "long"); got != "exited 5" {
		t.Errorf("after stop: %s", got)
	}
	if got := must("logs", "long"); got != "started\nbye" {
		t.Errorf("logs: %q", got)
	}
	must("start", "long")
	must("kill", "long")
	if got := must("wait", "long"); got != "137" {
		t.Errorf("after kill: exit status %s", got)
	}
	must("rm", "long")
}

// joined shares the namespaces of another container.
func (e *engine) joined(t *testing.T) {
	if out, status := e.docker(nil, "run", "-d", "--name=first", "--ipc=shareable", "--network=none", "t", "sleep", "1000"); status != 0 {
		t.Fatal(out)
	}
	defer e.docker(nil, "rm", "-f", "first")
	out, status := e.docker(nil, "run", "--rm", "--network=container:first", "--pid=container:first", "--ipc=container:first", "t", "sh", "-c",
		"tr '\\0' ' ' </proc/1/cmdline; echo; for n in net ipc pid; do [ $(readlink /proc/1/ns/$n) = $(readlink /proc/self/ns/$n) ] && echo same $n; done; true")
	for _, want := range []string{"sleep 1000", "same net", "same ipc", "same pid"} {
		if status != 0 || !strings.Contains(out, want) {
			t.Errorf("no %q: exit status %d: %s", want, status, out)
		}
	}
}

// atOnce runs several containers at the same time.
func (e *engine) atOnce(t *testing.T) {
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			word := fmt.Sprintf("number-%d", i)
			if out, status := e.docker(nil, "run", "--rm", "--network=none", "t", "echo", word); status != 0 || out != word+"\n" {
				t.Errorf("exit status %d: %s", status, out)
			}
		})
	}
	all.Wait()
}
