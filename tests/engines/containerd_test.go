package engines

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// containerdOnce starts containerd with Debian's configuration, the file of contrib appended to it.
var containerdOnce = sync.OnceValues(func() (*daemon, error) {
	if err := configure("containerd and Kubernetes"); err != nil {
		return nil, err
	}
	// A pod's first process gets a lower score than the tests' own, which wants CAP_SYS_RESOURCE.
	b, err := os.ReadFile("/etc/containerd/config.toml")
	if err != nil {
		return nil, err
	}
	const section = "[plugins.\"io.containerd.grpc.v1.cri\"]\n"
	head, rest, found := strings.Cut(string(b), section)
	if !found {
		return nil, errors.New("/etc/containerd/config.toml is not Debian's")
	}
	if err := os.WriteFile("/etc/containerd/config.toml", []byte(head+section+"restrict_oom_score_adj = true\n"+rest), 0o644); err != nil {
		return nil, err
	}
	// Containerd would make them 0700, which no user namespace can pass.
	if err := errors.Join(os.MkdirAll("/var/lib/containerd", 0o755), os.MkdirAll("/run/containerd", 0o755)); err != nil {
		return nil, err
	}
	// A pod's network: one bridge, no way out.
	if err := os.MkdirAll("/etc/cni/net.d", 0o755); err != nil {
		return nil, err
	}
	network := `{"cniVersion":"0.4.0","name":"pods","plugins":[{"type":"bridge","bridge":"pods0","isGateway":true,"ipam":{"type":"host-local","ranges":[[{"subnet":"10.99.0.0/24"}]]}},{"type":"portmap","capabilities":{"portMappings":true}}]}`
	if err := os.WriteFile("/etc/cni/net.d/00-pods.conflist", []byte(network), 0o644); err != nil {
		return nil, err
	}
	d, err := startDaemon("containerd successfully booted", nil, "containerd")
	if err != nil {
		return nil, err
	}
	atEnd(func() error { return d.stop(unix.SIGTERM) })
	return d, nil
})

type containerd struct{ client }

func newContainerd(t *testing.T, namespace string) *containerd {
	t.Helper()
	need(t, "containerd", "ctr", "busybox")
	d, err := containerdOnce()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(tail(d.log.String(), 40))
		}
	})
	c := &containerd{client{command: []string{"ctr", "--namespace=" + namespace}}}
	for name, command := range map[string]string{imageName: "server", pauseImage: "sleep 1000000"} {
		if !strings.Contains(c.must(t, "images", "ls", "-q"), name) {
			c.must(t, "images", "import", archive(t, name, strings.Fields(command)))
		}
	}
	return c
}

const (
	imageName  = "localhost/t:latest"
	pauseImage = "registry.k8s.io/pause:3.6" // what containerd 1.6 makes the first container of a pod from
)

// archive makes an image as docker save has it.
func archive(t *testing.T, name string, command []string) string {
	t.Helper()
	layer, err := os.Open(imageTar(t))
	if err != nil {
		t.Fatal(err)
	}
	defer layer.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, layer)
	if err != nil {
		t.Fatal(err)
	}
	type m = map[string]any
	config, err := json.Marshal(m{
		"architecture": "amd64", "os": "linux", "config": m{"Cmd": command, "Env": []string{"PATH=/bin"}},
		"rootfs": m{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sum.Sum(nil))}},
	})
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := json.Marshal([]m{{"Config": "config.json", "RepoTags": []string{name}, "Layers": []string{"layer.tar"}}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(newDir(t, "archive"), "image.tar")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(f)
	for name, content := range map[string][]byte{"config.json": config, "manifest.json": manifest} {
		err = errors.Join(err, w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}))
		_, e := w.Write(content)
		err = errors.Join(err, e)
	}
	_, e := layer.Seek(0, io.SeekStart)
	err = errors.Join(err, e, w.WriteHeader(&tar.Header{Name: "layer.tar", Mode: 0o644, Size: size}))
	_, e = io.Copy(w, layer)
	if err = errors.Join(err, e, w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// run is ctr run with rung and these flags.
func (c *containerd) run(flags []string, id string, command ...string) []string {
	arg := []string{"run", "--runc-binary=" + runtimePath, "--cgroup=/ctr/" + id}
	if len(hierarchiesWith("cpu")) == 0 {
		arg = append(arg, "--cpu-shares=0") // else there is always one of 1024
	}
	arg = append(arg, flags...)
	return append(append(arg, imageName, id), command...)
}

// held is try of a shell command in a container, which ends not before these parts of its output have been seen: what
// ends before ctr has opened the pipe for it, ctr never shows.
func (c *containerd) held(t *testing.T, parts []string, command string, arg ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out := &watched{parts: parts, seen: make(chan struct{})}
	_, _ = out.Write(nil)
	cmd := c.cmd(ctx, append(arg, "sh", "-c", "("+command+"); s=$?; read end; exit $s"))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = out, out, out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		t.Fatalf("%s: %v", strings.Join(cmd.Args, " "), err)
	}
	if ctx.Err() != nil {
		t.Fatalf("%s: takes more than %v: %s", strings.Join(cmd.Args, " "), patience, tail(out.String(), 20))
	}
	return out.String(), exitStatus(cmd.ProcessState)
}

// watched is what a command writes, and its input: one line, when these parts have been written.
type watched struct {
	syncBuffer
	parts []string
	seen  chan struct{}
	once  sync.Once
	said  bool
}

func (w *watched) Write(p []byte) (int, error) {
	n, err := w.syncBuffer.Write(p)
	all := w.String()
	if !slices.ContainsFunc(w.parts, func(part string) bool { return !strings.Contains(all, part) }) {
		w.once.Do(func() { close(w.seen) })
	}
	return n, err
}

func (w *watched) Read(p []byte) (int, error) {
	<-w.seen
	if w.said {
		return 0, io.EOF
	}
	w.said = true
	return copy(p, "\n"), nil
}

// TestContainerd_ctr is containerd's own client, with the shim for runc.
func TestContainerd_ctr(t *testing.T) {
	c := newContainerd(t, "tests")
	for _, r := range []struct {
		name    string
		flags   []string
		command string
		stdin   string
		status  int
		want    []string
	}{
		{name: "output", command: "echo out; echo err >&2", want: []string{"out\n", "err\n"}},
		{name: "exit status", command: "exit 42", status: 42},
		{name: "its own network", command: "ls /sys/class/net", want: []string{"lo\n"}},
		{name: "read-only", flags: []string{"--read-only"}, command: "touch /x", status: 1, want: []string{"Read-only file system"}},
		{name: "capabilities", flags: []string{"--cap-drop=CAP_CHOWN", "--cap-add=CAP_NET_ADMIN"}, command: "grep CapEff /proc/self/status", want: []string{"00000000a80435fa"}},
		{name: "privileged", flags: []string{"--privileged"}, command: "mount -t tmpfs t /mnt && echo mounted", want: []string{"mounted"}},
		{name: "seccomp", flags: []string{"--seccomp"}, command: "grep Seccomp: /proc/self/status", want: []string{"Seccomp:\t2"}},
		{name: "mount", flags: []string{"--mount=type=tmpfs,src=t,dst=/mnt,options=size=1m"}, command: "grep /mnt /proc/mounts", want: []string{"size=1024k"}},
		{name: "device", flags: []string{"--device=/dev/fuse"}, command: "exec 3<>/dev/fuse && echo open", want: []string{"open\n"}},
		{name: "environment", flags: []string{"--env=Q=w", "--cwd=/var/tmp"}, command: "echo $Q $PWD", want: []string{"w /var/tmp\n"}},
		{name: "no pivot", flags: []string{"--no-pivot"}, command: "echo here", want: []string{"here\n"}},
		{name: "user namespace", flags: []string{"--uidmap=0:200000:65536", "--gidmap=0:200000:65536"}, command: "cat /proc/self/uid_map", want: []string{"200000"}},
	} {
		t.Run(r.name, func(t *testing.T) {
			out, status := c.held(t, r.want, r.command, c.run(append([]string{"--rm"}, r.flags...), newName("run"))...)
			if status != r.status {
				t.Errorf("exit status %d, want %d: %s", status, r.status, out)
			}
			wantParts(t, "output", out, r.want...)
		})
	}
	t.Run("terminal", func(t *testing.T) { c.talk(t, c.run([]string{"--rm", "-t"}, newName("run"), "sh", "-c", askBack)...) })
	t.Run("life", func(t *testing.T) {
		pidFile := filepath.Join(newDir(t, "ctr"), "pid")
		id := newName("task")
		events := c.follow(t, "events")
		log := filepath.Join(filepath.Dir(pidFile), "log")
		flags := []string{"-d", "--pid-file=" + pidFile, "--log-uri=file://" + log}
		if len(hierarchiesWith("memory")) > 0 {
			flags = append(flags, "--memory-limit=67108864", "--cpu-shares=512")
		}
		c.must(t, c.run(flags, id, "sh", "-c", "trap 'exit 5' TERM; "+"mkfifo /tmp/p; echo started >/tmp/p; while :; do sleep 1000 & wait; done")...)
		t.Cleanup(func() {
			c.try(t, nil, "task", "rm", "-f", id)
			c.try(t, nil, "container", "rm", id)
		})
		await(t, events, "/tasks/start")
		pid, err := os.ReadFile(pidFile)
		if err != nil {
			t.Fatal(err)
		}
		exec := func(command string, want ...string) (string, int) {
			return c.held(t, want, command, "task", "exec", "--exec-id="+newName("exec"), id)
		}
		// The pipe is there when the trap is.
		if out, status := exec("until [ -p /tmp/p ]; do :; done; cat /tmp/p", "started"); status != 0 || out != "started\n" {
			t.Errorf("exec: exit status %d: %s", status, out)
		}
		wantParts(t, "ls", c.must(t, "task", "ls"), id, string(pid), "RUNNING")
		wantParts(t, "ps", c.must(t, "task", "ps", id), string(pid))
		for _, w := range []readBack{{"memory", "memory.limit_in_bytes", "67108864", "memory.max", "67108864"}, {"cpu", "cpu.shares", "512", "cpu.weight", "20"}} {
			if got, ok := groupFile(t, id, w.controller, w.v1, w.v2); ok && got != w.want1 && got != w.want2 {
				t.Errorf("%s: %s", w.controller, got)
			}
		}
		wantParts(t, "metrics", c.must(t, "task", "metrics", id), id)
		if _, status := exec("exit 9"); status != 9 {
			t.Errorf("exec: exit status %d, want 9", status)
		}
		c.talk(t, "task", "exec", "-t", "--exec-id="+newName("exec"), id, "sh", "-c", askBack)
		c.must(t, "task", "pause", id)
		wantParts(t, "ls", c.must(t, "task", "ls"), "PAUSED")
		c.must(t, "task", "resume", id)
		if out, status := c.try(t, nil, "task", "rm", id); status == 0 {
			t.Errorf("a running task can be removed: %s", out)
		}
		c.must(t, "task", "kill", "-s", "TERM", id)
		await(t, events, `/tasks/exit {"container_id":"`+id+`","id":"`+id+`"`) // of the task: there are those of exec
		wantParts(t, "ls", c.must(t, "task", "ls"), "STOPPED")
		if out, _ := c.try(t, nil, "task", "rm", id); !strings.Contains(out, "exit code 5") {
			t.Errorf("rm: %s", out)
		}
		c.must(t, "container", "rm", id)
	})
	for _, top := range hierarchies() {
		if left, _ := filepath.Glob(filepath.Join(top, "ctr", "*", "cgroup.procs")); len(left) > 0 {
			t.Errorf("cgroups are left: %s", strings.Join(left, " "))
		}
	}
}

// criClient is tests/engines/cri, compiled.
var criOnce = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "cri")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", path, ".")
	build.Dir = filepath.Join(repository, "tests/engines/cri")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})
