package notify

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

func TestContainerProcessState(t *testing.T) {
	for _, tt := range []struct {
		name, metadata string
	}{
		{"metadata", "a \"b\"\n\x00é"},
		{"none", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := specs.ContainerProcessState{
				Version: "1.2.0", Fds: []string{specs.SeccompFdName}, Pid: 77, Metadata: tt.metadata,
				State: specs.State{Version: "1.2.0", ID: "x", Status: "creating", Pid: 77, Bundle: "/b", Annotations: map[string]string{"a": "b"}},
			}
			st, err := json.Marshal(want.State)
			if err != nil {
				t.Fatal(err)
			}
			raw := ContainerProcessState(want.Version, want.Pid, want.Metadata, st)
			var got specs.ContainerProcessState
			if err := json.Unmarshal(raw, &got); err != nil {
				t.Fatalf("%s: %v", raw, err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%+v\nwant %+v", got, want)
			}
			if strings.Contains(string(raw), "metadata") != (tt.metadata != "") {
				t.Errorf("%s", raw)
			}
		})
	}
}

func TestSendListener(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent")
	l, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Bind(l, &unix.SockaddrUnix{Name: path})
	}
	if err == nil {
		err = unix.Listen(l, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer sys.Close(l)
	listener, err := sys.SealedMemfd("listener", []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	defer sys.Close(listener)
	state := ContainerProcessState("1.2.0", 1, strings.Repeat("m", 3000), []byte("{}"))
	if err := SendListener(path, listener, state); err != nil {
		t.Fatal(err)
	}
	conn, _, err := unix.Accept(l)
	if err != nil {
		t.Fatal(err)
	}
	defer sys.Close(conn)
	buf := make([]byte, 4096)
	n, fd, err := sys.Receive(conn, buf)
	if err != nil || string(buf[:n]) != string(state) || fd < 0 {
		t.Errorf("%d bytes, descriptor %d, %v", n, fd, err)
	}
	defer sys.Close(fd)
	var got, want unix.Stat_t
	if err := unix.Fstat(fd, &got); err != nil {
		t.Fatal(err)
	}
	if err := unix.Fstat(listener, &want); err != nil || got.Ino != want.Ino {
		t.Error("another descriptor")
	}
}
