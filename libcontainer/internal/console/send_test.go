package console

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

func itoa(n int) string { return strconv.Itoa(n) }

// listen makes a socket at dir/name, however long the path.
func listen(t *testing.T, dir, name string) int {
	t.Helper()
	d, err := sys.Open(dir, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		t.Fatal(err)
	}
	defer sys.Close(d)
	l, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Bind(l, &unix.SockaddrUnix{Name: "/proc/self/fd/" + itoa(d) + "/" + name})
	}
	if err == nil {
		err = unix.Listen(l, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sys.Close(l) })
	return l
}

func TestSend(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("d", 100), strings.Repeat("e", 100))
	if err := os.MkdirAll(long, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tests := []struct {
		name, dir string
		send      func(string, int) error
		text      string
	}{
		{"master", t.TempDir(), SendMaster, "/dev/pts/ptmx"},
		{"pidfd", t.TempDir(), SendPidfd, "pidfd"},
		{"long path", long, SendMaster, "/dev/pts/ptmx"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := listen(t, tt.dir, "s")
			if err := tt.send(filepath.Join(tt.dir, "s"), int(f.Fd())); err != nil {
				t.Fatal(err)
			}
			conn, _, err := unix.Accept(l)
			if err != nil {
				t.Fatal(err)
			}
			defer sys.Close(conn)
			buf := make([]byte, 100)
			n, fd, err := sys.Receive(conn, buf)
			if err != nil || string(buf[:n]) != tt.text {
				t.Errorf("%q, %v", buf[:n], err)
			}
			defer sys.Close(fd)
			var got, want unix.Stat_t
			if err := errors.Join(unix.Fstat(fd, &got), unix.Fstat(int(f.Fd()), &want)); err != nil || got.Ino != want.Ino {
				t.Errorf("descriptor %d: %v", fd, err)
			}
			if n, _, err := sys.Receive(conn, buf); n != 0 || err != nil {
				t.Errorf("more: %q, %v", buf[:n], err)
			}
		})
	}
}

func TestSend_errors(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, path string
		is         error
	}{
		{"absent", filepath.Join(dir, "absent"), fs.ErrNotExist},
		{"long and absent", filepath.Join(dir, strings.Repeat("x", 200)), fs.ErrNotExist},
		{"no socket", plain, unix.ECONNREFUSED},
		{"empty path", "", unix.ECONNREFUSED},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := SendMaster(tt.path, 0)
			var pe *fs.PathError
			if !errors.As(err, &pe) || pe.Path != tt.path || tt.path != "" && !errors.Is(err, tt.is) {
				t.Errorf("%v, want %v", err, tt.is)
			}
		})
	}
}
