package engines

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What the stack's containers run, all from Debian's packages: PostgreSQL, an application in Python that stores a number
// for each request, nginx in front of two of these, and a client that asks until each number has been stored.
const (
	stackDB = `#!/bin/sh
set -e
cd /var/lib/postgresql
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
[ -d stack ] || {
	initdb -D making --auth=trust >/dev/null
	echo "host all all 0.0.0.0/0 trust" >>making/pg_hba.conf
	mv making stack
}
exec postgres -D stack -c listen_addresses='*' -c unix_socket_directories=/tmp
`
	stackApp = `import http.server, os, psycopg2, queue
idle = queue.LifoQueue()
def store(n):
    try:
        c = idle.get_nowait()
    except queue.Empty:
        c = psycopg2.connect(host="db", user="postgres", dbname="postgres", connect_timeout=5)
        with c, c.cursor() as q:
            q.execute("select pg_advisory_xact_lock(1); create table if not exists served (n integer primary key, word text)")
    with c, c.cursor() as q:
        q.execute("insert into served values (%s, %s) on conflict do nothing", (n, os.environ["WORD"]))
    idle.put(c)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        try:
            store(int(self.path[1:]))
            status, text = 200, "stored " + self.path[1:]
        except psycopg2.Error as e:
            status, text = 503, str(e)
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())
    def log_message(self, *a):
        pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 100
    daemon_threads = True
Server(("", 8000), Handler).serve_forever()
`
	stackWeb = `daemon off;
pid /tmp/nginx.pid;
error_log stderr error;
worker_processes 2;
events { worker_connections 512; }
http {
	access_log off;
	upstream app { server 10.66.0.11:8000; server 10.66.0.12:8000; }
	server {
		listen 80;
		location / {
			proxy_pass http://app;
			proxy_connect_timeout 2s;
			proxy_next_upstream error timeout http_503 non_idempotent;
		}
	}
}
`
	stackClient = `import http.client, itertools, threading, time
numbers, lock, again, done = itertools.count(1), threading.Lock(), [0], [0]
def work():
    while True:
        with lock:
            n = next(numbers)
        if n > 10000:
            return
        while True:
            try:
                c = http.client.HTTPConnection("127.0.0.1", 18200, timeout=30)
                c.request("POST", "/%d" % n)
                r = c.getresponse()
                text = r.read().decode()
                c.close()
                if r.status == 200 and text == "stored %d" % n:
                    break
            except (OSError, http.client.HTTPException):
                pass
            with lock:
                again[0] += 1
            time.sleep(.05)
        with lock:
            done[0] += 1
            if done[0] % 1000 == 0:
                print("served", done[0], flush=True)
all = [threading.Thread(target=work) for _ in range(8)]
[t.start() for t in all]
[t.join() for t in all]
print("asked again", again[0], "times", flush=True)
`
	stackCompose = `version: "2.4"
services:
  db:
    image: stack
    command: sh /stack/db
    user: postgres
    stop_signal: SIGINT
    stop_grace_period: 60s
    volumes: ["data:/var/lib/postgresql", "%[1]s:/stack:ro"]
    mem_limit: 512m
    healthcheck: {test: ["CMD", "psql", "-h", "127.0.0.1", "-U", "postgres", "-c", "select 1"], interval: 1s, retries: 60}
    networks: {inner: {ipv4_address: 10.66.0.10}}
  app1: &app
    image: stack
    command: python3 /stack/app
    user: nobody
    environment: ["WORD=%[2]s"]
    restart: always
    init: true
    read_only: true
    cap_drop: [ALL]
    volumes: ["%[1]s:/stack:ro"]
    depends_on: {db: {condition: service_healthy}}
    networks: {inner: {ipv4_address: 10.66.0.11}}
  app2:
    <<: *app
    networks: {inner: {ipv4_address: 10.66.0.12}}
  web:
    image: stack
    command: nginx -c /stack/nginx.conf
    volumes: ["%[1]s:/stack:ro"]
    ports: ["127.0.0.1:18200:80"]
    stop_signal: SIGQUIT
    depends_on: [app1, app2]
    networks: {inner: {ipv4_address: 10.66.0.13}}
networks:
  inner: {ipam: {config: [{subnet: 10.66.0.0/24}]}}
volumes: {data: {}}
`
)

// TestDocker_stack serves 10,000 requests over a published port while its containers are restarted, updated, killed,
// paused and entered. Each request is answered in the end, each answer is in the database, and nothing is left behind.
func TestDocker_stack(t *testing.T) {
	if os.Getenv("RUNG_LONG") == "" {
		t.Skip("make test-long has it: a whole Debian is installed for it")
	}
	d := sharedDocker(t)
	need(t, "docker-compose", "debootstrap")
	tar := exec.Command("tar", "-C", stackRoot(), "--numeric-owner", "-c", ".")
	image, err := tar.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tar.Start(); err != nil {
		t.Fatal(err)
	}
	d.mustRead(t, image, "import", "-", "stack")
	if err := tar.Wait(); err != nil {
		t.Fatal(err)
	}
	dir := newDir(t, "stack")
	for name, content := range map[string]string{"db": stackDB, "app": stackApp, "nginx.conf": stackWeb, "client": stackClient} {
		write(t, filepath.Join(dir, name), content)
	}
	plan := func(word string) {
		write(t, filepath.Join(dir, "docker-compose.yml"), fmt.Sprintf(stackCompose, dir, word))
	}
	plan("before")
	c := client{command: []string{"docker-compose", "--no-ansi", "-p", "stack"}, dir: dir, env: []string{"DOCKER_HOST=" + strings.TrimPrefix(d.command[1], "--host=")}}
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := c.try(t, nil, "logs", "--tail=20")
			t.Log(out)
		}
		c.try(t, nil, "down", "-v", "-t", "0")
		d.try(t, nil, "rmi", "stack")
	})
	c.must(t, "up", "-d")
	query := func(q string) string {
		return c.must(t, "exec", "-T", "db", "psql", "-h", "127.0.0.1", "-U", "postgres", "-Atc", q)
	}
	d.run(t, "stackclient", "--network=host", "-v="+dir+":/stack:ro", "stack", "python3", "-u", "/stack/client")
	log := d.follow(t, "logs", "-f", "stackclient")
	for i, step := range []func(){
		func() { query("select count(*) from served") },
		func() { c.must(t, "restart", "-t", "1", "app1") },
		func() { d.must(t, "update", "--memory=256m", "--memory-swap=256m", "--cpus=1.5", "stack_app2_1") },
		func() { c.must(t, "restart", "web") },
		func() { c.must(t, "restart", "-t", "60", "db") },
		func() { d.must(t, "kill", "stack_app2_1"); d.must(t, "start", "stack_app2_1") },
		func() { plan("after"); c.must(t, "up", "-d", "-t", "1") },
		func() {
			for range 10 {
				c.must(t, "exec", "-T", "app1", "true")
			}
		},
		func() { c.must(t, "pause", "db"); c.must(t, "unpause", "db") },
	} {
		await(t, log, fmt.Sprintf("served %d", (i+1)*1000))
		step()
	}
	await(t, log, "asked again")
	wantEqual(t, "the client's exit status", d.must(t, "wait", "stackclient"), "0")
	t.Log(d.must(t, "logs", "--tail=1", "stackclient"))
	wantEqual(t, "numbers in the database", query("select count(*), min(n), max(n) from served"), "10000|1|10000")
	if n := query("select count(*) from served where word = 'after'"); n == "0" {
		t.Error("the updated containers have served nothing")
	}
	d.must(t, "rm", "stackclient")
	c.must(t, "down", "-v", "-t", "60")
	if got, err := get("http://127.0.0.1:18200/"); err == nil {
		t.Errorf("answers after its end: %q", got)
	}
	wantNoGroups(t)
	if left, _ := filepath.Glob("/run/docker/runtime-*/moby/*"); len(left) > 0 {
		t.Errorf("the runtime's state is left: %s", strings.Join(left, " "))
	}
	if b, err := os.ReadFile("/proc/mounts"); err != nil || strings.Contains(string(b), "/docker/overlay2/") {
		t.Errorf("mounts are left: %v", err)
	}
}

// stackRoot is a Debian with what the stack needs. makeStackRoot makes it, before the tests go where no network is.
func stackRoot() string {
	cache := os.Getenv("RUNG_TESTS_CACHE")
	if cache == "" {
		cache = "/var/cache/rung-tests"
	}
	return filepath.Join(cache, stackName)
}

const stackName = "debian-bookworm-stack"

func makeStackRoot() error {
	if os.Getenv("RUNG_LONG") == "" {
		return nil
	}
	out, err := exec.Command("../../script/debian-root", stackName, "bookworm", "postgresql,nginx-light,python3-psycopg2").CombinedOutput()
	if err != nil {
		return fmt.Errorf("debian-root %s: %w\n%s", stackName, err, out)
	}
	return nil
}
