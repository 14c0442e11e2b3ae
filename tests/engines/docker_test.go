package engines

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// docker is the Docker that most tests share. Its configuration is the file of contrib.
type docker struct {
	client
	daemon *daemon
	args   []string
}

// The programs of Debian's packages; one of these names elsewhere in PATH may be another version's client.
const (
	dockerd      = "/usr/sbin/dockerd"
	dockerClient = "/usr/bin/docker"
)

var dockerOnce = sync.OnceValues(func() (*docker, error) {
	d, err := startDocker("docker", "--live-restore", "--experimental")
	if err == nil {
		atEnd(func() error { return d.daemon.stop(unix.SIGTERM) })
	}
	return d, err
})

func sharedDocker(t *testing.T) *docker {
	t.Helper()
	need(t, dockerd, dockerClient, "containerd", "iptables", "busybox")
	d, err := dockerOnce()
	if err != nil {
		t.Fatal(err)
	}
	d.importImage(t)
	return d
}

// startSecond starts a daemon beside the shared one. It has a network namespace of its own: daemons take each other's
// bridge away.
func startSecond(t *testing.T, name string, arg ...string) *docker {
	t.Helper()
	sharedDocker(t)
	d := newDocker(name, arg...)
	d.args = append([]string{"unshare", "--net", "sh", "-c", `ip link set lo up && exec "$@"`, "sh"}, d.args...)
	if err := d.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.daemon.stop(unix.SIGTERM); err != nil {
			t.Error(err)
		}
	})
	d.importImage(t)
	return d
}

// startDocker starts a daemon whose files are kept apart by name, with these further arguments.
func startDocker(name string, arg ...string) (*docker, error) {
	if err := configure("Docker"); err != nil {
		return nil, err
	}
	d := newDocker(name, arg...)
	return d, d.start()
}

func newDocker(name string, arg ...string) *docker {
	socket := "unix:///run/" + name + ".sock"
	d := &docker{client: client{command: []string{dockerClient, "--host=" + socket}}}
	d.args = append([]string{
		dockerd, "--host=" + socket, "--data-root=/var/lib/" + name, "--exec-root=/run/" + name, "--pidfile=/run/" + name + ".pid",
	}, arg...)
	return d
}

func (d *docker) start() (err error) {
	// BuildKit knows no runtime but the one of this name.
	dir := filepath.Join(scratch, "runc")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.Symlink(runtimePath, filepath.Join(dir, "runc")); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	d.daemon, err = startDaemon("API listen on", []string{"PATH=" + dir + ":" + os.Getenv("PATH")}, d.args...)
	return err
}

// restart kills the daemon, and starts it again.
func (d *docker) restart(t *testing.T) {
	t.Helper()
	if err := d.daemon.stop(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove("/run/docker.pid"); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if err := d.start(); err != nil {
		t.Fatal(err)
	}
}

// importImage makes the image t, unless it is there.
func (d *docker) importImage(t *testing.T) {
	t.Helper()
	if d.must(t, "images", "-q", "t") != "" {
		return
	}
	d.must(t, "import", "-c", `CMD ["server"]`, "-c", "ENV PATH=/bin", imageTar(t), "t")
}

// run starts a container in the background, which ends with the test at the latest. It gives the id.
func (d *docker) run(t *testing.T, name string, arg ...string) string {
	t.Helper()
	id := d.must(t, append([]string{"run", "-d", "--name=" + name}, arg...)...)
	t.Cleanup(func() { d.try(t, nil, "rm", "-f", "-v", name) })
	return id
}

// events is the stream of what happens from now on.
func (d *docker) events(t *testing.T, filters ...string) <-chan string {
	t.Helper()
	// From a time before now on, so that what happens while the command starts is in it.
	arg := []string{"events", "--since=" + d.must(t, "info", "-f", "{{.SystemTime}}")}
	for _, f := range filters {
		arg = append(arg, "--filter="+f)
	}
	return d.follow(t, arg...)
}

func (d *docker) inspect(t *testing.T, name, format string) string {
	t.Helper()
	return d.must(t, "inspect", "-f", format, name)
}

// TestDocker_run is docker run in the foreground.
func TestDocker_run(t *testing.T) {
	d := sharedDocker(t)
	wantEqual(t, "the default runtime", d.must(t, "info", "-f", "{{.DefaultRuntime}}"), "rung")
	for _, c := range []struct {
		name   string
		args   []string // of docker run
		stdin  string
		status int
		want   []string // parts of the output
	}{
		{name: "output", args: []string{"t", "sh", "-c", "echo out; echo err >&2"}, want: []string{"out\n", "err\n"}},
		{name: "input", args: []string{"-i", "t", "cat"}, stdin: "in and out", want: []string{"in and out"}},
		{name: "exit status", args: []string{"t", "sh", "-c", "exit 42"}, status: 42},
		{name: "no such command", args: []string{"t", "/no/such"}, status: 127},
		{name: "not in PATH", args: []string{"t", "nosuch"}, status: 127},
		{name: "no program", args: []string{"t", "/etc/issue"}, status: 126},
		{name: "a directory", args: []string{"t", "/etc"}, status: 126},
		{name: "no such directory to work in", args: []string{"-w", "/new/deep", "t", "pwd"}, want: []string{"/new/deep"}},
		{name: "init", args: []string{"--init", "t", "sh", "-c", "cat /proc/1/comm; (sleep 0 &); true"}, want: []string{"docker-init"}},
		{name: "user", args: []string{"-u", "user", "--group-add=2000", "t", "id"}, want: []string{"uid=1000(user) gid=1000(user) groups=1000(user),2000(extra)"}},
		{name: "ulimits", args: []string{"--ulimit=nofile=100:200", "--ulimit=core=0", "t", "sh", "-c", "ulimit -n; ulimit -Hn; ulimit -c"}, want: []string{"100\n200\n0\n"}},
		{name: "oom score", args: []string{"--oom-score-adj=321", "t", "cat", "/proc/self/oom_score_adj"}, want: []string{"321\n"}},
		{name: "shared memory", args: []string{"--shm-size=3m", "t", "grep", "/dev/shm", "/proc/mounts"}, want: []string{"size=3072k"}},
		{name: "sysctls", args: []string{"--sysctl=net.ipv4.ip_unprivileged_port_start=77", "--sysctl=kernel.msgmax=9000", "t", "cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start", "/proc/sys/kernel/msgmax"}, want: []string{"77\n9000\n"}},
		{name: "tmpfs", args: []string{"--read-only", "--tmpfs=/scratch:size=4m,mode=1777,noexec", "t", "sh", "-c", "touch /x; touch /scratch/y; grep /scratch /proc/mounts"}, want: []string{"Read-only file system", "noexec", "size=4096k"}},
		{name: "device", args: []string{"--device=/dev/kmsg:/dev/k:w", "t", "sh", "-c", "true >/dev/k && echo open; true </dev/k"}, status: 1, want: []string{"open\n", "can't open /dev/k"}},
		{name: "device rule", args: []string{"--cap-add=MKNOD", "--device-cgroup-rule=c 1:11 rwm", "t", "sh", "-c", "mknod /tmp/k c 1 11 && true >/tmp/k && echo open"}, want: []string{"open\n"}},
		{name: "capabilities", args: []string{"--cap-drop=ALL", "--cap-add=NET_ADMIN", "--security-opt=no-new-privileges", "t", "grep", "-E", "CapEff|NoNewPrivs", "/proc/self/status"}, want: []string{"CapEff:\t0000000000001000", "NoNewPrivs:\t1"}},
		{name: "seccomp", args: []string{"t", "sh", "-c", "grep Seccomp: /proc/self/status; unshare -m true; true"}, want: []string{"Seccomp:\t2", "Operation not permitted"}},
		{name: "names", args: []string{"--hostname=ladder", "--domainname=example.org", "--add-host=there:192.0.2.9", "--dns=192.0.2.53", "t", "sh", "-c", "hostname; cat /proc/sys/kernel/domainname /etc/hosts /etc/resolv.conf"}, want: []string{"ladder\n", "example.org\n", "192.0.2.9\tthere", "nameserver 192.0.2.53"}},
		{name: "privileged", args: []string{"--privileged", "t", "sh", "-c", "mount -t tmpfs t /mnt && [ -e /dev/kmsg ] && echo all"}, want: []string{"all\n"}},
		{name: "the host's pids", args: []string{"--pid=host", "--uts=host", "--ipc=host", "t", "sh", "-c", "[ $$ -gt 1 ] && echo outside"}, want: []string{"outside\n"}},
		{name: "cgroup namespace", args: []string{"--cgroupns=private", "t", "sh", "-c", "grep -c ':/$' /proc/self/cgroup"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stdin *strings.Reader
			if c.stdin != "" {
				stdin = strings.NewReader(c.stdin)
			}
			var out string
			var status int
			if stdin != nil {
				out, status = d.try(t, stdin, append([]string{"run", "--rm"}, c.args...)...)
			} else {
				out, status = d.try(t, nil, append([]string{"run", "--rm"}, c.args...)...)
			}
			if status != c.status {
				t.Errorf("exit status %d, want %d: %s", status, c.status, out)
			}
			wantParts(t, "output", out, c.want...)
		})
	}
	t.Run("terminal", func(t *testing.T) { d.talk(t, "run", "--rm", "-it", "t", "sh", "-c", askBack) })
	t.Run("interrupted", func(t *testing.T) {
		out, status := d.dialogue(t, []line{{"ready", "\x03"}}, "run", "--rm", "-it", "t", "sh", "-c", "trap 'exit 21' INT; echo ready; while :; do sleep 1000 & wait; done")
		if status != 21 {
			t.Errorf("exit status %d, want 21: %s", status, out)
		}
	})
	t.Run("much output", func(t *testing.T) {
		if n := len(d.must(t, "run", "--rm", "t", "sh", "-c", "head -c 20000000 /dev/zero; echo end")); n != 20000003 {
			t.Errorf("%d bytes", n)
		}
	})
	t.Run("ten at once", func(t *testing.T) {
		var all sync.WaitGroup
		for range 10 {
			word := newName("word")
			all.Go(func() {
				if out, status := d.try(t, nil, "run", "--rm", "t", "echo", word); status != 0 || out != word+"\n" {
					t.Errorf("exit status %d: %s", status, out)
				}
			})
		}
		all.Wait()
	})
	wantNoGroups(t)
}

// TestDocker_life follows one container through all that can be done to it.
func TestDocker_life(t *testing.T) {
	d := sharedDocker(t)
	const name = "life"
	id := d.run(t, name, "--hostname=life", "t", "sh", "-c", "trap 'echo bye; exit 5' TERM; trap 'echo again' HUP; echo started; while :; do sleep 1000 & wait; done")
	log := d.follow(t, "logs", "-f", name)
	await(t, log, "started")
	for _, step := range []struct {
		name string
		do   func(t *testing.T)
	}{
		{"ps", func(t *testing.T) {
			wantParts(t, "ps", d.must(t, "ps", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.Status}}"), id+" "+name+" Up")
		}},
		{"inspect", func(t *testing.T) {
			pid := d.inspect(t, name, "{{.State.Pid}}")
			b, err := os.ReadFile("/proc/" + pid + "/cmdline")
			if err != nil || !strings.Contains(string(b), "trap") {
				t.Errorf("process %s: %q, %v", pid, b, err)
			}
			wantEqual(t, "runtime", d.inspect(t, name, "{{.HostConfig.Runtime}}"), "rung")
		}},
		{"top", func(t *testing.T) { wantParts(t, "top", d.must(t, "top", name), "trap", "sleep 1000") }},
		{"exec", func(t *testing.T) {
			wantEqual(t, "exec", d.must(t, "exec", "-u", "1000:2000", "-e", "A=b", "-w", "/tmp", name, "sh", "-c", "echo $(id -u):$(id -g) $A $PWD"), "1000:2000 b /tmp")
			wantEqual(t, "input", d.mustRead(t, strings.NewReader("z"), "exec", "-i", name, "cat"), "z")
			if _, status := d.try(t, nil, "exec", name, "sh", "-c", "exit 9"); status != 9 {
				t.Errorf("exit status %d, want 9", status)
			}
			if _, status := d.try(t, nil, "exec", name, "nosuch"); status != 127 && status != 126 {
				t.Errorf("exit status %d for what is not there", status)
			}
		}},
		{"exec with a terminal", func(t *testing.T) { d.talk(t, "exec", "-it", name, "sh", "-c", askBack) }},
		{"exec in the background", func(t *testing.T) {
			d.must(t, "exec", name, "mkfifo", "/tmp/pipe")
			d.must(t, "exec", "-d", name, "sh", "-c", "echo behind >/tmp/pipe")
			wantEqual(t, "pipe", d.must(t, "exec", name, "cat", "/tmp/pipe"), "behind")
		}},
		{"cp", func(t *testing.T) {
			in := write(t, filepath.Join(newDir(t, "cp"), "in"), "a file\n")
			d.must(t, "cp", in, name+":/tmp/in")
			d.must(t, "cp", name+":/tmp/in", in+".back")
			if b, err := os.ReadFile(in + ".back"); err != nil || string(b) != "a file\n" {
				t.Errorf("%q, %v", b, err)
			}
			wantParts(t, "diff", d.must(t, "diff", name), "A /tmp/in")
		}},
		{"stats", func(t *testing.T) {
			if _, ok := groupFile(t, id, "pids", "pids.current", "pids.current"); !ok {
				t.Skip("no controller counts processes here")
			}
			got := strings.Fields(d.must(t, "stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}} {{.MemUsage}}", name))
			if len(got) < 3 || got[1] != "2" || got[2] == "0B" {
				t.Errorf("%q, want 2 processes that use memory", got)
			}
		}},
		{"pause", func(t *testing.T) {
			d.must(t, "pause", name)
			wantEqual(t, "status", d.inspect(t, name, "{{.State.Status}}"), "paused")
			if out, status := d.try(t, nil, "exec", name, "true"); status == 0 {
				t.Errorf("exec in a paused container: %s", out)
			}
			d.must(t, "unpause", name)
			d.must(t, "exec", name, "true")
		}},
		{"signal", func(t *testing.T) { d.must(t, "kill", "-s", "HUP", name); await(t, log, "again") }},
		{"the daemon is killed", func(t *testing.T) {
			pid := d.inspect(t, name, "{{.State.Pid}}")
			d.restart(t)
			wantEqual(t, "status", d.inspect(t, name, "{{.State.Status}} {{.State.Pid}}"), "running "+pid)
			wantEqual(t, "exec", d.must(t, "exec", name, "hostname"), "life")
		}},
		{"rename", func(t *testing.T) { d.must(t, "rename", name, "life2"); d.must(t, "rename", "life2", name) }},
		{"stop", func(t *testing.T) {
			d.must(t, "stop", "-t", "30", name)
			wantEqual(t, "status", d.inspect(t, name, "{{.State.Status}} {{.State.ExitCode}}"), "exited 5")
			wantParts(t, "logs", d.must(t, "logs", name), "started\nagain\nbye")
			wantNoGroups(t)
		}},
		{"start", func(t *testing.T) {
			d.must(t, "start", name)
			d.must(t, "exec", name, "test", "-e", "/tmp/in")
		}},
		{"restart", func(t *testing.T) {
			before := d.inspect(t, name, "{{.State.Pid}}")
			d.must(t, "restart", "-t", "1", name)
			if now := d.inspect(t, name, "{{.State.Pid}} {{.State.Running}}"); now == before+" true" || !strings.HasSuffix(now, " true") {
				t.Errorf("pid and running: %s, before: %s", now, before)
			}
		}},
		{"kill", func(t *testing.T) {
			d.must(t, "kill", name)
			wantEqual(t, "exit status", d.must(t, "wait", name), "137")
		}},
		{"rm", func(t *testing.T) {
			d.must(t, "rm", name)
			if out, status := d.try(t, nil, "inspect", name); status == 0 {
				t.Errorf("still there: %s", out)
			}
			wantNoGroups(t)
		}},
	} {
		if !t.Run(step.name, step.do) {
			break
		}
	}
}
