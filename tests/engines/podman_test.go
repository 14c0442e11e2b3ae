package engines

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// podman is Podman as root, or as an ordinary user.
type podman struct{ client }

// What the tests' Podman is told besides the file of contrib: there is no systemd here, and nothing to be fetched.
const (
	podmanConf = `[containers]
apparmor_profile = ""
log_driver = "k8s-file"
%s[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
`
	policy = `{"default":[{"type":"insecureAcceptAnything"}]}`
)

var podmanOnce = sync.OnceValue(func() error {
	limits := ""
	if len(hierarchiesWith("pids")) == 0 {
		limits = "pids_limit = 0\n" // else root's containers get one of 2048, whether the host can limit processes or not
	}
	for path, content := range map[string]string{
		"/etc/containers/containers.conf.d/00-tests.conf": fmt.Sprintf(podmanConf, limits), "/etc/containers/policy.json": policy,
		// Layers are mounted natively where the kernel lets users, else by fuse-overlayfs.
		"/etc/containers/storage.conf": "[storage]\ndriver = \"overlay\"\nrunroot = \"/run/containers/storage\"\ngraphroot = \"/var/lib/containers/storage\"\n",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	if err := configure("Podman and Buildah"); err != nil {
		return err
	}
	run := fmt.Sprintf("/run/user/%d", userID)
	if err := os.Mkdir(run, 0o700); err != nil {
		return err
	}
	return os.Chown(run, userID, userID)
})

func rootPodman(t *testing.T) *podman {
	t.Helper()
	need(t, "podman", "conmon", "busybox")
	if err := podmanOnce(); err != nil {
		t.Fatal(err)
	}
	p := &podman{client{command: []string{"podman"}, env: []string{"HOME=/root", "TMPDIR=" + filepath.Join(scratch, "tmp")}}}
	p.importImage(t)
	return p
}

// ordinaryPodman is Podman as the ordinary user.
func ordinaryPodman(t *testing.T) *podman {
	t.Helper()
	need(t, "podman", "conmon", "busybox", "newuidmap", "slirp4netns")
	if err := podmanOnce(); err != nil {
		t.Fatal(err)
	}
	for _, node := range []string{"/dev/net/tun", "/dev/fuse"} {
		if _, err := os.Stat(node); err != nil {
			t.Skip(err)
		}
	}
	home := filepath.Join(scratch, "home")
	p := &podman{client{command: []string{"podman"}, user: true, dir: home, env: []string{
		"HOME=" + home, fmt.Sprintf("XDG_RUNTIME_DIR=/run/user/%d", userID), "TERM=xterm",
	}}}
	p.importImage(t)
	return p
}

// importImage makes the image localhost/t, unless it is there.
func (p *podman) importImage(t *testing.T) {
	t.Helper()
	if _, status := p.try(t, nil, "image", "exists", "localhost/t"); status == 0 {
		return
	}
	p.must(t, "import", "-q", "-c", `CMD ["server"]`, "-c", "ENV PATH=/bin", imageTar(t), "localhost/t")
}

// run starts a container in the background, which ends with the test at the latest.
func (p *podman) run(t *testing.T, name string, arg ...string) string {
	t.Helper()
	id := p.must(t, append([]string{"run", "-d", "--name=" + name}, arg...)...)
	t.Cleanup(func() { p.try(t, nil, "rm", "-f", "-v", "-t", "0", name) })
	return id
}

func (p *podman) inspect(t *testing.T, name, format string) string {
	t.Helper()
	return p.must(t, "inspect", "-f", format, name)
}

const (
	t1         = "localhost/t"
	waitAndSay = "trap 'echo bye; exit 5' TERM; trap 'echo again' HUP; echo started; while :; do sleep 1000 & wait; done"
)

// runs is podman run in the foreground, with what root and others have in common.
func (p *podman) runs(t *testing.T) {
	for _, c := range []struct {
		name   string
		args   []string
		stdin  string
		status int
		want   []string
	}{
		{name: "output", args: []string{t1, "sh", "-c", "echo out; echo err >&2"}, want: []string{"out\n", "err\n"}},
		{name: "input", args: []string{"-i", t1, "cat"}, stdin: "in and out", want: []string{"in and out"}},
		{name: "exit status", args: []string{t1, "sh", "-c", "exit 42"}, status: 42},
		{name: "no such command", args: []string{t1, "/no/such"}, status: 127},
		{name: "not in PATH", args: []string{t1, "nosuch"}, status: 127},
		{name: "no program", args: []string{t1, "/etc/issue"}, status: 126},
		{name: "user", args: []string{"-u=1000:1000", "--group-add=2000", t1, "id", "-G"}, want: []string{"1000 2000"}},
		{name: "read-only", args: []string{"--read-only", "--tmpfs=/mnt:size=4m", t1, "sh", "-c", "touch /x; touch /mnt/y; grep ' /mnt ' /proc/mounts"}, want: []string{"Read-only file system", "size=4096k"}},
		{name: "capabilities", args: []string{"--cap-drop=all", "--cap-add=net_admin", t1, "grep", "CapEff", "/proc/self/status"}, want: []string{"CapEff:\t0000000000001000"}},
		{name: "seccomp", args: []string{t1, "sh", "-c", "grep Seccomp: /proc/self/status; unshare -m true; true"}, want: []string{"Seccomp:\t2", "Operation not permitted"}},
		{name: "device", args: []string{"--device=/dev/fuse", t1, "sh", "-c", "exec 3<>/dev/fuse && echo open"}, want: []string{"open\n"}},
		{name: "limits and sysctls", args: []string{"--ulimit=nofile=100:200", "--ulimit=nproc=500:500", "--sysctl=kernel.msgmax=9000", "--shm-size=8m", t1, "sh", "-c", "ulimit -n; cat /proc/sys/kernel/msgmax; grep ' /dev/shm ' /proc/mounts"}, want: []string{"100\n9000\n", "size=8"}},
		{name: "names", args: []string{"--hostname=ladder", "--add-host=there:192.0.2.9", t1, "sh", "-c", "hostname; cat /etc/hosts"}, want: []string{"ladder\n", "192.0.2.9"}},
		{name: "no network", args: []string{"--network=none", t1, "ls", "/sys/class/net"}, want: []string{"lo\n"}},
		{name: "the host's network", args: []string{"--network=host", t1, "ls", "/sys/class/net"}, want: []string{"lo\n"}},
		{name: "init", args: []string{"--init", t1, "cat", "/proc/1/cmdline"}, want: []string{"init\x00"}},
		{name: "privileged", args: []string{"--privileged", t1, "sh", "-c", "mount -t tmpfs t /mnt && echo mounted"}, want: []string{"mounted"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, status := p.try(t, strings.NewReader(c.stdin), append([]string{"run", "--rm"}, c.args...)...)
			if status != c.status {
				t.Errorf("exit status %d, want %d: %s", status, c.status, out)
			}
			wantParts(t, "output", out, c.want...)
		})
	}
	t.Run("terminal", func(t *testing.T) { p.talk(t, "run", "--rm", "-it", t1, "sh", "-c", askBack) })
}

// life follows one container.
func (p *podman) life(t *testing.T) {
	name := newName("life")
	id := p.run(t, name, t1, "sh", "-c", waitAndSay)
	log := p.follow(t, "logs", "-f", name)
	await(t, log, "started")
	pid := p.inspect(t, name, "{{.State.Pid}}")
	if b, err := os.ReadFile("/proc/" + pid + "/cmdline"); err != nil || !strings.Contains(string(b), "trap") {
		t.Errorf("process %s: %q, %v", pid, b, err)
	}
	wantEqual(t, "runtime", p.inspect(t, name, "{{.OCIRuntime}}"), "rung")
	wantEqual(t, "exec", p.must(t, "exec", "-u=1000:2000", "-e=A=b", "-w=/tmp", name, "sh", "-c", "echo $(id -u):$(id -g) $A $PWD"), "1000:2000 b /tmp")
	for command, want := range map[string]int{"exit 9": 9, "exec /no/such": 127} {
		if out, status := p.try(t, nil, "exec", name, "sh", "-c", command); status != want {
			t.Errorf("exec %q: exit status %d, want %d: %s", command, status, want, out)
		}
	}
	if out, status := p.try(t, nil, "exec", name, "/no/such"); status != 127 {
		t.Errorf("exec of what is not there: exit status %d, want 127: %s", status, out)
	}
	p.talk(t, "exec", "-it", name, "sh", "-c", askBack)
	wantParts(t, "top", p.must(t, "top", name, "pid", "args"), "sleep 1000")
	in := write(t, filepath.Join(newDir(t, "cp"), "in"), "a file\n")
	p.must(t, "cp", in, name+":/tmp/in")
	wantEqual(t, "cp", p.must(t, "exec", name, "cat", "/tmp/in"), "a file")
	p.must(t, "kill", "-s", "HUP", name)
	await(t, log, "again")
	p.must(t, "stop", "-t", "30", name)
	wantEqual(t, "state", p.inspect(t, name, "{{.State.Status}} {{.State.ExitCode}}"), "exited 5")
	wantParts(t, "logs", p.must(t, "logs", name), "bye")
	p.must(t, "start", name)
	p.must(t, "restart", "-t", "0", name)
	p.must(t, "exec", name, "test", "-e", "/tmp/in")
	p.must(t, "kill", name)
	wantEqual(t, "exit status", p.must(t, "wait", name), "137")
	p.must(t, "rm", name)
	if left := containerGroups(); strings.Contains(strings.Join(left, "\n"), id) {
		t.Errorf("cgroups are left: %s", strings.Join(left, " "))
	}
}

func TestPodman_run(t *testing.T)  { rootPodman(t).runs(t) }
func TestPodman_life(t *testing.T) { rootPodman(t).life(t) }

// TestPodman_root is what only root has: limits, bridges, any ids.
func TestPodman_root(t *testing.T) {
	p := rootPodman(t)
	t.Run("limits", func(t *testing.T) {
		if len(hierarchiesWith("memory")) == 0 {
			t.Skip("this host has no limits")
		}
		id := p.run(t, "limited", "--network=none", "--memory=64m", "--memory-swap=96m", "--cpus=0.5", "--cpu-shares=512", "--cpuset-cpus=0", "--pids-limit=44", t1, "sleep", "1000")
		wantValues(t, id, []readBack{
			{"memory", "memory.limit_in_bytes", "67108864", "memory.max", "67108864"},
			{"memory", "memory.memsw.limit_in_bytes", "100663296", "memory.swap.max", "33554432"},
			{"cpu", "cpu.cfs_quota_us", "50000", "cpu.max", "50000 100000"},
			{"cpu", "cpu.shares", "512", "cpu.weight", "20"},
			{"cpuset", "cpuset.cpus", "0", "cpuset.cpus", "0"},
			{"pids", "pids.max", "44", "pids.max", "44"},
		})
		p.must(t, "update", "--memory=80m", "--memory-swap=160m", "--cpus=1.5", "limited")
		wantValues(t, id, []readBack{
			{"memory", "memory.limit_in_bytes", "83886080", "memory.max", "83886080"},
			{"cpu", "cpu.cfs_quota_us", "150000", "cpu.max", "150000 100000"},
		})
		got := strings.Fields(p.must(t, "stats", "--no-stream", "--no-reset", "--format={{.Name}} {{.PIDs}}", "limited"))
		if len(got) != 2 || got[1] != "1" {
			t.Errorf("stats: %q, want 1 process", got)
		}
		p.must(t, "pause", "limited")
		wantEqual(t, "status", p.inspect(t, "limited", "{{.State.Status}}"), "paused")
		p.must(t, "unpause", "limited")
		p.must(t, "exec", "limited", "true")
		p.must(t, "rm", "-f", "-t", "0", "limited")
	})
	t.Run("as many processes as it wants", func(t *testing.T) { // Podman 4.3 writes a limit of 0 for it
		wantEqual(t, "output", p.must(t, "run", "--rm", "--network=none", "--pids-limit=-1", t1, "sh", "-c", "echo one | cat"), "one")
	})
	t.Run("limits of disks", func(t *testing.T) {
		disk, number := anyDisk(t)
		if len(hierarchiesWith("blkio"))+len(hierarchiesWith("io")) == 0 {
			t.Skip("this host cannot slow a disk down")
		}
		id := p.run(t, "slow", "--network=none", "--blkio-weight=300", "--device-read-bps="+disk+":1mb", "--device-write-bps="+disk+":2mb", "--device-read-iops="+disk+":300", "--device-write-iops="+disk+":400", t1, "sleep", "1000")
		wantValues(t, id, []readBack{
			{"blkio", "blkio.throttle.read_bps_device", number + " 1048576", "io.max", number + " rbps=1048576 wbps=2097152 riops=300 wiops=400"},
			{"blkio", "blkio.throttle.write_bps_device", number + " 2097152", "", ""},
			{"blkio", "blkio.throttle.read_iops_device", number + " 300", "", ""},
			{"blkio", "blkio.throttle.write_iops_device", number + " 400", "", ""},
		})
		p.must(t, "update", "--blkio-weight=200", "--device-read-bps="+disk+":3mb", "--device-write-iops="+disk+":500", "slow")
		wantValues(t, id, []readBack{
			{"blkio", "blkio.throttle.read_bps_device", number + " 3145728", "io.max", number + " rbps=3145728 wbps=2097152 riops=300 wiops=500"},
			{"blkio", "blkio.throttle.write_iops_device", number + " 500", "", ""},
			{"blkio", "blkio.bfq.weight", "200", "", ""},
		})
		p.must(t, "rm", "-f", "-t", "0", "slow")
	})
	t.Run("realtime", func(t *testing.T) {
		realtimeGroup(t, "/podman")
		id := p.run(t, "realtime", "--network=none", "--cgroup-parent=/podman", "--cpu-rt-period=500000", "--cpu-rt-runtime=10000", t1, "sleep", "1000")
		wantValues(t, id, []readBack{{"cpu", "cpu.rt_period_us", "500000", "", ""}, {"cpu", "cpu.rt_runtime_us", "10000", "", ""}})
		p.must(t, "update", "--cpu-rt-period=600000", "--cpu-rt-runtime=6000", "realtime")
		wantValues(t, id, []readBack{{"cpu", "cpu.rt_period_us", "600000", "", ""}, {"cpu", "cpu.rt_runtime_us", "6000", "", ""}})
		p.must(t, "rm", "-f", "-t", "0", "realtime")
	})
	t.Run("published", func(t *testing.T) {
		need(t, "iptables")
		p.run(t, "published", "-p=127.0.0.1:18090:80", t1, "server", "-say=podman")
		await(t, p.follow(t, "logs", "-f", "published"), "listening")
		if got, err := get("http://127.0.0.1:18090/x"); err != nil || !strings.HasPrefix(got, "podman from ") {
			t.Errorf("%q, %v", got, err)
		}
		wantParts(t, "joined", p.must(t, "run", "--rm", "--network=container:published", t1, "server", "-get=http://127.0.0.1/joined"), "/joined")
		p.must(t, "rm", "-f", "-t", "0", "published")
	})
	t.Run("ids", func(t *testing.T) {
		for _, c := range [][2]string{{"--userns=auto", "0 500000 1024"}, {"--uidmap=0:200000:65536", "0 200000 65536"}} {
			wantEqual(t, c[0], strings.Join(strings.Fields(p.must(t, "run", "--rm", "--network=none", c[0], t1, "cat", "/proc/self/uid_map")), " "), c[1])
		}
	})
	t.Run("descriptors", func(t *testing.T) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		cmd := exec.Command("podman", "run", "--rm", "--network=none", "--preserve-fds=1", t1, "sh", "-c", "cat <&3")
		cmd.ExtraFiles = []*os.File{r}
		if _, err := w.WriteString("third"); err != nil {
			t.Fatal(err)
		}
		w.Close()
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != "third" {
			t.Errorf("%q, %v", out, err)
		}
	})
	t.Run("health", func(t *testing.T) {
		p.run(t, "health", "--network=none", "--health-cmd=test -e /tmp/well", "--health-interval=disable", t1, "sleep", "1000")
		if _, status := p.try(t, nil, "healthcheck", "run", "health"); status == 0 {
			t.Error("well before it is")
		}
		p.must(t, "exec", "health", "touch", "/tmp/well")
		p.must(t, "healthcheck", "run", "health")
		p.must(t, "rm", "-f", "-t", "0", "health")
	})
	t.Run("init and start", func(t *testing.T) {
		p.must(t, "create", "--name=made", "--network=none", t1, "sh", "-c", "echo inited; exit 3")
		t.Cleanup(func() { p.must(t, "rm", "-f", "made") })
		p.must(t, "init", "made")
		wantEqual(t, "status", p.inspect(t, "made", "{{.State.Status}}"), "initialized")
		if out, status := p.try(t, nil, "start", "-a", "made"); status != 3 || out != "inited\n" {
			t.Errorf("exit status %d, want 3: %q", status, out)
		}
	})
	t.Run("a directory for its root", func(t *testing.T) {
		dir := newDir(t, "rootfs")
		if out, err := exec.Command("tar", "-C", dir, "-xf", imageTar(t)).CombinedOutput(); err != nil {
			t.Fatalf("tar: %v: %s", err, out)
		}
		wantEqual(t, "output", p.must(t, "run", "--rm", "--network=none", "--rootfs", dir, "cat", "/etc/issue"), "the tests' image")
	})
	t.Run("hooks", func(t *testing.T) {
		dir := newDir(t, "hooks")
		hook := write(t, filepath.Join(dir, "hook"), "#!/bin/sh\ncat >"+dir+"/state\n")
		if err := os.Chmod(hook, 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "hook.json"), fmt.Sprintf(`{"version":"1.0.0","hook":{"path":%q},"when":{"always":true},"stages":["createRuntime"]}`, hook))
		p.must(t, "--hooks-dir="+dir, "run", "--rm", "--network=none", t1, "true")
		b, err := os.ReadFile(filepath.Join(dir, "state"))
		if err != nil {
			t.Fatal(err)
		}
		wantParts(t, "state", string(b), `"ociVersion"`, `"pid"`)
	})
	wantNoGroups(t)
}

const kube = `apiVersion: v1
kind: Pod
metadata: {name: kube}
spec:
  containers:
  - name: web
    image: localhost/t:latest
    imagePullPolicy: Never
    args: [server, -say=kube]
    resources: {%s}
    securityContext: {capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}, readOnlyRootFilesystem: true}
    volumeMounts: [{name: shared, mountPath: /data}]
    livenessProbe: {exec: {command: ["true"]}}
  - name: ask
    image: localhost/t:latest
    imagePullPolicy: Never
    args: [sleep, "1000"]
    volumeMounts: [{name: shared, mountPath: /data}]
  volumes: [{name: shared, emptyDir: {}}]
`

// pods is containers that share namespaces, by hand and from a manifest.
func (p *podman) pods(t *testing.T) {
	t.Run("pod", func(t *testing.T) {
		name := newName("pod")
		p.must(t, "pod", "create", "--name="+name, "--share=net,ipc,uts,pid")
		t.Cleanup(func() { p.must(t, "pod", "rm", "-f", "-t", "0", name) })
		web := newName("web")
		p.run(t, web, "--pod="+name, t1, "server", "-say=pod")
		await(t, p.follow(t, "logs", "-f", web), "listening")
		out := p.must(t, "run", "--rm", "--pod="+name, t1, "sh", "-c", "ps; server -get=http://127.0.0.1/in/pod")
		wantParts(t, "another one in the pod", out, "server -say=pod", "pod from "+name+" /in/pod")
		// With one pid namespace for all, the end of the pod's first container would kill this one.
		p.must(t, "stop", "-t", "20", web)
		p.must(t, "pod", "stop", "-t", "0", name)
		wantParts(t, "logs", p.must(t, "logs", web), "ended in order")
	})
	t.Run("manifest", func(t *testing.T) {
		limits := "limits: {memory: 64Mi, cpu: 500m}"
		if p.user || len(hierarchiesWith("memory")) == 0 {
			limits = "" // of cgroup v1 nothing can be given to an ordinary user
		}
		file := write(t, filepath.Join(newDir(t, "kube"), "kube.yaml"), fmt.Sprintf(kube, limits))
		p.must(t, "play", "kube", file)
		t.Cleanup(func() {
			p.must(t, "play", "kube", "--down", file)
			p.must(t, "volume", "prune", "-f")
		})
		wantParts(t, "answer", p.must(t, "exec", "kube-ask", "server", "-get=http://127.0.0.1/x"), "kube from kube /x")
		p.must(t, "exec", "kube-ask", "sh", "-c", "echo shared >/data/file")
		wantEqual(t, "volume", p.must(t, "exec", "kube-web", "cat", "/data/file"), "shared")
		wantParts(t, "capabilities", p.must(t, "exec", "kube-web", "grep", "CapEff", "/proc/1/status"), "0000000000000400")
		wantParts(t, "generated", p.must(t, "generate", "kube", "kube"), "kind: Pod", "localhost/t")
	})
}

func TestPodman_pods(t *testing.T) { rootPodman(t).pods(t); wantNoGroups(t) }

// builds is an image made by Podman, and one made by Buildah.
func (p *podman) builds(t *testing.T) {
	dir := newDir(t, "build")
	write(t, filepath.Join(dir, "greeting"), "from the build\n")
	write(t, filepath.Join(dir, "Dockerfile"), "FROM localhost/t\nCOPY greeting /greeting\nRUN cat /greeting >/built && id -u >>/built\nUSER 1000\nRUN ! touch /x\nCMD [\"cat\",\"/built\"]\n")
	for _, command := range []string{"podman", "buildah"} {
		t.Run(command, func(t *testing.T) {
			need(t, command)
			b := p.client
			b.command = []string{command}
			// Buildah asks for no runtime by name where it may do without: rung is asked for.
			b.must(t, "build", "--runtime="+runtimePath, "--isolation=oci", "--network=none", "-q", "-t", "localhost/"+command, dir)
			wantEqual(t, "image", p.must(t, "run", "--rm", "--network=none", "localhost/"+command), "from the build\n0")
			if out, status := b.try(t, nil, "build", "--runtime="+runtimePath, "--isolation=oci", "--network=none", "-f", write(t, filepath.Join(dir, "Broken"), "FROM localhost/t\nRUN exit 9\n"), dir); status == 0 || !strings.Contains(out, "9") {
				t.Errorf("a step that fails: exit status %d: %s", status, out)
			}
		})
	}
	t.Run("buildah run", func(t *testing.T) {
		need(t, "buildah")
		b := p.client
		b.command = []string{"buildah"}
		c := b.must(t, "from", "--pull-never", "localhost/t")
		t.Cleanup(func() { b.must(t, "rm", c) })
		arg := []string{"run", "--runtime=" + runtimePath, "--isolation=oci", "--network=none", c}
		wantEqual(t, "output", b.must(t, append(arg, "cat", "/etc/issue")...), "the tests' image")
		if out, status := b.try(t, nil, append(arg, "sh", "-c", "exit 8")...); status != 8 {
			t.Errorf("exit status %d, want 8: %s", status, out)
		}
	})
}

func TestPodman_builds(t *testing.T) { rootPodman(t).builds(t); wantNoGroups(t) }

// TestPodman_ordinary is all that an ordinary user can do.
func TestPodman_ordinary(t *testing.T) {
	p := ordinaryPodman(t)
	t.Cleanup(func() {
		// Its storage is mounted in a namespace that a process of the user's keeps.
		p.try(t, nil, "rm", "-fa", "-t", "0")
		p.try(t, nil, "system", "migrate")
	})
	t.Run("run", p.runs)
	t.Run("life", p.life)
	t.Run("pods", p.pods)
	t.Run("builds", p.builds)
	t.Run("ids", func(t *testing.T) {
		wantEqual(t, "map", strings.Join(strings.Fields(p.must(t, "run", "--rm", t1, "cat", "/proc/self/uid_map")), " "), fmt.Sprintf("0 %d 1 1 300000 65536", userID))
		wantEqual(t, "keep-id", p.must(t, "run", "--rm", "--userns=keep-id", t1, "id", "-u"), fmt.Sprint(userID))
	})
	t.Run("files", func(t *testing.T) {
		dir := filepath.Join(scratch, "home", "files")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(dir, userID, userID); err != nil {
			t.Fatal(err)
		}
		p.must(t, "run", "--rm", "-v="+dir+":/mnt", t1, "touch", "/mnt/mine")
		var st unix.Stat_t
		if err := unix.Stat(filepath.Join(dir, "mine"), &st); err != nil || st.Uid != userID {
			t.Errorf("owner %d, want %d: %v", st.Uid, userID, err)
		}
	})
	t.Run("published", func(t *testing.T) {
		p.run(t, "published", "-p=127.0.0.1:18091:80", t1, "server", "-say=ordinary")
		await(t, p.follow(t, "logs", "-f", "published"), "listening")
		if got, err := get("http://127.0.0.1:18091/x"); err != nil || !strings.HasPrefix(got, "ordinary from ") {
			t.Errorf("%q, %v", got, err)
		}
		p.must(t, "rm", "-f", "-t", "0", "published")
	})
}
