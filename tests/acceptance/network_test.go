package acceptance

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// veth is what an engine's network hook does in small: it learns the pid from the state on standard input, and puts one
// end of a pair of devices into the network namespace of that process.
const veth = `#!/bin/sh
set -eu
pid=$(tr -d ' \n\t' | sed 's/.*"pid":\([0-9]*\).*/\1/')
ip link add rungveth type veth peer name eth0 netns "$pid"
ip address add 10.88.0.1/24 dev rungveth
ip link set rungveth up
nsenter --target "$pid" --net sh -ec '
	ip address add 10.88.0.2/24 dev eth0
	ip link set eth0 up
	ip link set lo up'
`

// A server in a container answers over a network that a createRuntime hook has made, and is gone when it is killed.
func TestNetwork_server(t *testing.T) {
	needRoot(t)
	needCommand(t, "ip", "nsenter")
	// The hook's end of the network lives in a namespace of this thread's own, which ends with the test. Runtime and
	// hook are started from this thread, so they are in there too.
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatalf("unshare: %v", err)
	}
	c := newContainer(t, "python3", "-u", "-m", "http.server", "--directory", "/srv", "80")
	hook := filepath.Join(c.dir, "veth")
	if err := os.WriteFile(hook, []byte(veth), 0o755); err != nil {
		t.Fatal(err)
	}
	path := "PATH=" + os.Getenv("PATH")
	c.spec.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: hook, Env: []string{path}}}}
	if err := os.MkdirAll(filepath.Join(c.dir, "rootfs/srv"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.dir, "rootfs/srv/hello"), []byte("from the inside\n"), 0o644); err != nil {
		t.Fatal(err)
	}

	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	pid := c.create(w)
	w.Close()
	if err := r.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	// Nothing runs before start, but the network is there.
	if out, err := exec.Command("ip", "-brief", "address", "show", "rungveth").CombinedOutput(); err != nil || !strings.Contains(string(out), "10.88.0.1/24") {
		t.Errorf("the hook's device: %v\n%s", err, out)
	}
	c.must("start", c.id)
	if line, err := bufio.NewReader(r).ReadString('\n'); err != nil || !strings.HasPrefix(line, "Serving HTTP") {
		t.Fatalf("the server says %q, %v", line, err)
	}
	if got, err := get("10.88.0.2:80", "/hello"); err != nil || !strings.HasPrefix(got, "HTTP/1.0 200") || !strings.HasSuffix(got, "from the inside\n") {
		t.Errorf("the server answers %q, %v", got, err)
	}
	c.must("kill", c.id, "KILL")
	var status unix.WaitStatus
	if _, err := unix.Wait4(pid, &status, 0, nil); err != nil || status.Signal() != unix.SIGKILL {
		t.Errorf("wait for the init: status %#x, %v", int(status), err)
	}
	c.must("delete", c.id)
	if got, err := get("10.88.0.2:80", "/hello"); err == nil {
		t.Errorf("the server answers after its death: %q", got)
	}
}

// get asks a server for a path. It is written out for the calling thread, and no other, to make the socket: the thread
// is in a network namespace of its own.
func get(address, path string) (string, error) {
	tcp, err := net.ResolveTCPAddr("tcp4", address)
	if err != nil {
		return "", err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	f := os.NewFile(uintptr(fd), address)
	defer f.Close()
	limit := unix.Timeval{Sec: 3}
	for _, option := range []int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, option, &limit); err != nil {
			return "", err
		}
	}
	to := &unix.SockaddrInet4{Port: tcp.Port, Addr: [4]byte(tcp.IP.To4())}
	if err := unix.Connect(fd, to); err != nil {
		return "", fmt.Errorf("connect %s: %w", address, err)
	}
	if _, err := fmt.Fprintf(f, "GET %s HTTP/1.0\r\n\r\n", path); err != nil {
		return "", err
	}
	b, err := io.ReadAll(f)
	return string(b), err
}
