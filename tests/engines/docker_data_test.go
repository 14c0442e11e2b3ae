package engines

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestDocker_volumes is what is mounted into containers.
func TestDocker_volumes(t *testing.T) {
	d := sharedDocker(t)
	dir := newDir(t, "volume")
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	run := func(t *testing.T, mount, script string) string {
		t.Helper()
		return d.must(t, "run", "--rm", "--network=none", mount, "t", "sh", "-c", script)
	}
	t.Run("directory", func(t *testing.T) {
		run(t, "-v="+dir+":/mnt", "echo back >/mnt/answer")
		wantEqual(t, "read-only", run(t, "-v="+dir+":/mnt:ro", "touch /mnt/x 2>&1 | grep -o 'Read-only file system'; cat /mnt/answer"), "Read-only file system\nback")
	})
	t.Run("file", func(t *testing.T) {
		wantEqual(t, "file", run(t, "--mount=type=bind,source="+filepath.Join(dir, "answer")+",target=/etc/one,readonly", "cat /etc/one"), "back")
	})
	t.Run("named", func(t *testing.T) {
		d.must(t, "volume", "create", "kept")
		t.Cleanup(func() { d.must(t, "volume", "rm", "kept") })
		run(t, "-v=kept:/data", "echo kept >/data/f")
		wantEqual(t, "volume", run(t, "-v=kept:/data", "cat /data/f"), "kept")
	})
	t.Run("another container's", func(t *testing.T) {
		d.run(t, "owner", "--network=none", "-v=/data", "t", "sleep", "1000")
		d.must(t, "exec", "owner", "touch", "/data/mine")
		wantEqual(t, "volume", d.must(t, "run", "--rm", "--volumes-from=owner", "t", "ls", "/data"), "mine")
		d.must(t, "rm", "-f", "-v", "owner")
	})
	t.Run("mounts that come later", func(t *testing.T) {
		at := filepath.Join(newDir(t, "slave"), "m")
		top := filepath.Dir(at)
		for _, err := range []error{os.Mkdir(at, 0o755), unix.Mount(top, top, "", unix.MS_BIND, ""), unix.Mount("", top, "", unix.MS_SHARED, "")} {
			if err != nil {
				t.Fatal(err)
			}
		}
		t.Cleanup(func() { _ = unix.Unmount(top, unix.MNT_DETACH) })
		d.run(t, "sees", "--network=none", "-v="+top+":/s:rslave", "t", "sleep", "1000")
		if err := unix.Mount("late", at, "tmpfs", 0, ""); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(at, "late"), "")
		wantEqual(t, "mount", d.must(t, "exec", "sees", "ls", "/s/m"), "late")
		d.must(t, "rm", "-f", "sees")
	})
}

// TestDocker_images is what makes images of containers, and containers of images.
func TestDocker_images(t *testing.T) {
	d := sharedDocker(t)
	t.Run("commit, save and load", func(t *testing.T) {
		d.run(t, "changed", "--network=none", "t", "sh", "-c", "echo changed >/etc/issue; exec sleep 1000")
		await(t, d.follow(t, "exec", "changed", "sh", "-c", "until grep changed /etc/issue; do :; done"), "changed")
		d.must(t, "commit", "-c", "USER 1000", "changed", "committed")
		file := filepath.Join(newDir(t, "save"), "image.tar")
		d.must(t, "save", "-o", file, "committed")
		d.must(t, "rmi", "committed")
		d.must(t, "load", "-i", file)
		wantEqual(t, "image", d.must(t, "run", "--rm", "committed", "sh", "-c", "cat /etc/issue; id -u"), "changed\n1000")
		d.must(t, "rm", "-f", "changed")
		d.must(t, "rmi", "committed")
	})
	t.Run("export", func(t *testing.T) {
		d.must(t, "create", "--name=exported", "t", "true")
		t.Cleanup(func() { d.must(t, "rm", "exported") })
		cmd := exec.Command("tar", "-t")
		cmd.Stdin = strings.NewReader(d.must(t, "export", "exported"))
		if out, err := cmd.Output(); err != nil || !strings.Contains(string(out), "bin/server\n") {
			t.Errorf("%v: %s", err, tail(string(out), 5))
		}
	})
	dir := newDir(t, "build")
	write(t, filepath.Join(dir, "greeting"), "from the build\n")
	write(t, filepath.Join(dir, "Dockerfile"), `FROM t
ARG WORD=none
COPY greeting /greeting
RUN cat /greeting >/built && echo $WORD >>/built && id -u >>/built
RUN ["sh", "-c", "grep Seccomp: /proc/self/status >/seccomp"]
USER 1000
WORKDIR /home/deep
RUN ! touch /greeting
CMD ["cat", "/built"]
`)
	for name, env := range map[string]string{"build": "DOCKER_BUILDKIT=0", "buildkit": "DOCKER_BUILDKIT=1"} {
		t.Run(name, func(t *testing.T) {
			b := d.client
			b.env = []string{env}
			b.must(t, "build", "-q", "--build-arg=WORD="+name, "--network=none", "-t", name, dir)
			wantEqual(t, "image", d.must(t, "run", "--rm", name), "from the build\n"+name+"\n0")
			write(t, filepath.Join(dir, "Broken"), "FROM t\nRUN exit 9\n")
			if out, status := b.try(t, nil, "build", "--network=none", "-f", filepath.Join(dir, "Broken"), dir); status == 0 || !strings.Contains(out, "9") {
				t.Errorf("a step that fails: exit status %d: %s", status, out)
			}
			d.must(t, "rmi", name)
		})
	}
	d.must(t, "container", "prune", "-f")
	wantNoGroups(t)
}

// TestDocker_compose is a service that another one waits for.
func TestDocker_compose(t *testing.T) {
	d := sharedDocker(t)
	need(t, "docker-compose")
	dir := newDir(t, "compose")
	write(t, filepath.Join(dir, "docker-compose.yml"), `version: "2.4"
services:
  web:
    image: t
    command: server -say=composed
    mem_limit: 64m
    init: true
    stop_grace_period: 20s
    healthcheck: {test: ["CMD", "server", "-get=http://127.0.0.1/"], interval: 1s}
    volumes: ["data:/data"]
  ask:
    image: t
    command: server -get=http://web/asked
    depends_on: {web: {condition: service_healthy}}
volumes: {data: {}}
`)
	c := client{command: []string{"docker-compose", "--no-ansi", "-p", "ladder"}, dir: dir, env: []string{"DOCKER_HOST=" + strings.TrimPrefix(d.command[1], "--host=")}}
	t.Cleanup(func() { c.must(t, "down", "-v", "-t", "20") })
	c.must(t, "up", "-d")
	wantEqual(t, "exit status", d.must(t, "wait", "ladder_ask_1"), "0")
	wantParts(t, "logs", c.must(t, "logs", "ask"), "composed from", "/asked")
	wantEqual(t, "exec", c.must(t, "exec", "-T", "web", "sh", "-c", "echo $((6*7))"), "42")
	c.must(t, "up", "-d", "--scale", "web=3", "--no-recreate")
	if ids := strings.Fields(c.must(t, "ps", "-q", "web")); len(ids) != 3 {
		t.Errorf("%d containers of web, want 3", len(ids))
	}
	c.must(t, "restart", "-t", "20", "web")
	wantParts(t, "logs", c.must(t, "logs", "web"), "ended in order")
}

// TestDocker_policies is what the daemon does by itself: health, restarts, removal, events.
func TestDocker_policies(t *testing.T) {
	d := sharedDocker(t)
	t.Run("health", func(t *testing.T) {
		id := d.must(t, "create", "--name=health", "--network=none", "--health-cmd=test -e /tmp/well", "--health-interval=200ms", "--health-retries=1", "t", "sleep", "1000")
		t.Cleanup(func() { d.try(t, nil, "rm", "-f", "health") })
		events := d.events(t, "container="+id)
		d.must(t, "start", "health")
		await(t, events, "health_status: unhealthy")
		d.must(t, "exec", "health", "touch", "/tmp/well")
		await(t, events, "health_status: healthy")
		d.must(t, "rm", "-f", "health")
	})
	t.Run("restarts", func(t *testing.T) {
		id := d.must(t, "create", "--name=fails", "--network=none", "--restart=on-failure:2", "t", "sh", "-c", "exit 3")
		t.Cleanup(func() { d.must(t, "rm", "-f", "fails") })
		events := d.events(t, "container="+id, "event=die")
		d.must(t, "start", "fails")
		for range 3 {
			await(t, events, "exitCode=3")
		}
		until(t, d.events(t), "the last restart is over", func() bool {
			return d.inspect(t, "fails", "{{.RestartCount}} {{.State.Status}}") == "2 exited"
		})
	})
	t.Run("after the daemon", func(t *testing.T) {
		d.run(t, "always", "--network=none", "--restart=always", "t", "sleep", "1000")
		pid := d.inspect(t, "always", "{{.State.Pid}}")
		events := d.events(t, "container=always", "event=start")
		if _, err := exec.Command("kill", "-KILL", pid).Output(); err != nil {
			t.Fatal(err)
		}
		await(t, events, "container start")
		if now := d.inspect(t, "always", "{{.State.Running}} {{.State.Pid}}"); now == "true "+pid || !strings.HasPrefix(now, "true ") {
			t.Errorf("running and pid: %s", now)
		}
		d.must(t, "rm", "-f", "always")
	})
	t.Run("events", func(t *testing.T) {
		events := d.events(t, "type=container")
		d.must(t, "run", "--rm", "--network=none", "--name=told", "t", "true")
		for _, e := range []string{"create", "attach", "start", "die", "destroy"} {
			await(t, events, "container "+e)
		}
	})
	wantNoGroups(t)
}

// TestDocker_users is a daemon whose containers have user namespaces.
func TestDocker_users(t *testing.T) {
	d := startSecond(t, "remapped", "--userns-remap=nobody:nogroup")
	wantEqual(t, "map", strings.Join(strings.Fields(d.must(t, "run", "--rm", "t", "cat", "/proc/self/uid_map")), " "), "0 200000 65536")
	wantEqual(t, "host", strings.Join(strings.Fields(d.must(t, "run", "--rm", "--userns=host", "t", "cat", "/proc/self/uid_map")), " "), "0 0 4294967295")
	id := d.run(t, "mapped", "--pids-limit=60", "-v=named:/data", "t", "sh", "-c", "trap 'exit 6' TERM; echo here; while :; do sleep 1000 & wait; done")
	await(t, d.follow(t, "logs", "-f", "mapped"), "here")
	wantParts(t, "top", d.must(t, "top", "mapped", "-o", "pid,uid,args"), "200000")
	wantEqual(t, "exec", d.must(t, "exec", "-u", "1000", "mapped", "id", "-u"), "1000")
	d.must(t, "exec", "mapped", "touch", "/data/file")
	d.talk(t, "exec", "-it", "mapped", "sh", "-c", askBack)
	if got, ok := groupFile(t, id, "pids", "pids.max", "pids.max"); ok {
		wantEqual(t, "pids.max", got, "60")
	}
	d.must(t, "stop", "-t", "30", "mapped")
	wantEqual(t, "exit status", d.inspect(t, "mapped", "{{.State.ExitCode}}"), "6")
	d.must(t, "rm", "-v", "mapped")
	wantNoGroups(t)
}
