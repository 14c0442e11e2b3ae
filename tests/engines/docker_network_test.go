package engines

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestDocker_networks is containers that talk to each other, and to the host, in each way that Docker has.
func TestDocker_networks(t *testing.T) {
	d := sharedDocker(t)
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("none", func(t *testing.T) {
		wantEqual(t, "devices", d.must(t, "run", "--rm", "--network=none", "t", "ls", "/sys/class/net"), "lo")
	})
	t.Run("host", func(t *testing.T) {
		wantEqual(t, "namespace", d.must(t, "run", "--rm", "--network=host", "t", "readlink", "/proc/self/ns/net"), own)
		d.run(t, "onhost", "--network=host", "t", "server", "-listen=127.0.0.1:18081", "-say=host")
		await(t, d.follow(t, "logs", "-f", "onhost"), "listening")
		if got, err := get("http://127.0.0.1:18081/x"); err != nil || !strings.HasPrefix(got, "host from ") {
			t.Errorf("%q, %v", got, err)
		}
	})
	t.Run("container", func(t *testing.T) {
		d.run(t, "first", "--ipc=shareable", "t", "server", "-say=first")
		out := d.must(t, "run", "--rm", "--network=container:first", "--pid=container:first", "--ipc=container:first", "t", "sh", "-c",
			"for n in net ipc pid; do [ $(readlink /proc/1/ns/$n) = $(readlink /proc/self/ns/$n) ] && echo same $n; done; server -get http://127.0.0.1/joined")
		wantParts(t, "namespaces and answer", out, "same net", "same ipc", "same pid", "first from", "/joined")
	})
	t.Run("bridge", func(t *testing.T) {
		id := d.run(t, "published", "-p", "127.0.0.1:18080:80", "-p", "127.0.0.1::81", "t", "server", "-say=bridge")
		await(t, d.follow(t, "logs", "-f", "published"), "listening")
		for _, at := range []string{"127.0.0.1:18080", d.inspect(t, "published", "{{.NetworkSettings.IPAddress}}") + ":80"} {
			if got, err := get("http://" + at + "/x"); err != nil || got != fmt.Sprintf("bridge from %s /x\n", id[:12]) {
				t.Errorf("%s: %q, %v", at, got, err)
			}
		}
		wantParts(t, "port", d.must(t, "port", "published"), "80/tcp -> 127.0.0.1:18080", "81/tcp -> 127.0.0.1:")
		// The address goes with the container, and comes back with it.
		d.must(t, "stop", "published")
		wantParts(t, "logs", d.must(t, "logs", "published"), "ended in order")
		if got, err := get("http://127.0.0.1:18080/"); err == nil {
			t.Errorf("a stopped container answers %q", got)
		}
		d.must(t, "start", "published")
		await(t, d.follow(t, "logs", "-f", "--tail=1", "published"), "listening")
		if got, err := get("http://127.0.0.1:18080/again"); err != nil || !strings.HasSuffix(got, "/again\n") {
			t.Errorf("after start: %q, %v", got, err)
		}
	})
	t.Run("of one's own", func(t *testing.T) {
		d.must(t, "network", "create", "--subnet=10.77.0.0/24", "mesh")
		t.Cleanup(func() { d.must(t, "network", "rm", "mesh") })
		d.run(t, "named", "--network=mesh", "--ip=10.77.0.9", "--network-alias=alias", "t", "server", "-say=mesh")
		for _, name := range []string{"named", "alias", "10.77.0.9"} {
			wantParts(t, name, d.must(t, "run", "--rm", "--network=mesh", "t", "server", "-get=http://"+name+"/"+name), "mesh from", "/"+name)
		}
		// A running container gets another device, and loses it.
		d.run(t, "joins", "t", "sleep", "1000")
		d.must(t, "network", "connect", "mesh", "joins")
		wantParts(t, "answer", d.must(t, "exec", "joins", "server", "-get=http://named/"), "mesh from")
		d.must(t, "network", "disconnect", "mesh", "joins")
		wantEqual(t, "devices", d.must(t, "exec", "joins", "ls", "/sys/class/net"), "eth0\nlo")
		d.must(t, "rm", "-f", "joins", "named")
	})
}
