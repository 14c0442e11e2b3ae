package sys

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// inMemory makes a directory where thousands of entries take no time.
func inMemory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "rung-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// Far deeper than a path can name, and than there may be descriptors.
func TestEmpty_deep(t *testing.T) {
	dir := inMemory(t)
	fd, err := Open(dir, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		t.Fatal(err)
	}
	defer Close(fd)
	at, err := Open(dir, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5000 {
		if err := unix.Mkdirat(at, "d", 0o755); err != nil {
			t.Fatal(err)
		}
		if i%100 == 0 {
			if err := errors.Join(unix.Mkdirat(at, "side", 0o755), unix.Mkdirat(at, "side/x", 0o755), unix.Symlinkat("/etc", at, "side/link")); err != nil {
				t.Fatal(err)
			}
		}
		next, err := unix.Openat(at, "d", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		Close(at)
		at = next
	}
	Close(at)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	// what is open now, and three more: the file of the numbers is one of those that are counted
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	highest := 0
	for _, e := range open {
		n, _ := strconv.Atoi(e.Name())
		highest = max(highest, n)
	}
	few := unix.Rlimit{Cur: uint64(highest + 3), Max: limit.Max}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	err = Empty(fd)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}

func TestEmpty_wide(t *testing.T) {
	dir, outside := inMemory(t), t.TempDir()
	kept := filepath.Join(outside, "kept")
	if err := os.WriteFile(kept, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range 1500 {
		d := filepath.Join(dir, strconv.Itoa(i%7), strconv.Itoa(i))
		if err := errors.Join(os.MkdirAll(d, 0o755), os.WriteFile(d+"/file", nil, 0o000), os.Symlink(outside, d+"/out"), unix.Mkfifo(d+"/pipe", 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	// names that are those of its own
	if err := errors.Join(os.MkdirAll(dir+"/.removed-1/a/b", 0o755), os.MkdirAll(dir+"/.removed-3/c/d", 0o755)); err != nil {
		t.Fatal(err)
	}
	fd, err := Open(dir, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		t.Fatal(err)
	}
	defer Close(fd)
	if err := Empty(fd); err != nil {
		t.Fatal(err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Error("a link was followed: ", err)
	}
}
