package main

import (
	"errors"
	"os"
	"strconv"
	"syscall"
	"testing"
)

func TestListenFDs(t *testing.T) {
	me := strconv.Itoa(os.Getpid())
	for _, tc := range []struct {
		name, pid, fds string
		want           int
	}{
		{"ours", me, "2", 2},
		{"another's", "1", "2", 0},
		{"nobody's", "", "2", 0},
		{"not a number", me, "x", 0},
		{"negative", me, "-1", 0},
		{"empty", me, "", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := listenFDs(tc.pid, tc.fds); got != tc.want {
				t.Errorf("%d, want %d", got, tc.want)
			}
		})
	}
}

func TestCheckFDs(t *testing.T) {
	if err := checkFDs(0); err != nil {
		t.Error(err)
	}
	var lim syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim); err != nil || lim.Cur > 1<<20 {
		t.Skip("cannot tell a number that no descriptor has")
	}
	if err := checkFDs(int(lim.Cur)); !errors.Is(err, syscall.EBADF) {
		t.Errorf("with descriptors missing: %v", err)
	}
}

func TestAbsolute(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, tc := range []struct{ name, in, want string }{
		{"none", "", ""},
		{"absolute", "/a//b/./c/", "/a/b/c"},
		{"relative", "pid.txt", dir + "/pid.txt"},
		{"here", ".", dir},
		{"parent is left to the kernel", "link/../x", dir + "/link/../x"},
		{"parent of an absolute path", "/a/../b", "/a/../b"},
		{"dots in a name", "a..b", dir + "/a..b"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := absolute(tc.in)
			if err != nil || got != tc.want {
				t.Errorf("%q, %v, want %q", got, err, tc.want)
			}
		})
	}
}
