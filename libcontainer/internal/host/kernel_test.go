package host

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSeccompFlags(t *testing.T) {
	const specAllow, listener, wait = 1 << 2, 1 << 3, 1 << 5 // Linux 4.17, 5.0, 5.19
	for _, c := range []struct {
		name string
		bits uint32
		want bool
	}{
		{"none", 0, true},
		{"spec allow", specAllow, true},
		{"a listener", listener, true},
		{"waiting for nobody", wait, false},
		{"no such flag", 1 << 30, false},
	} {
		if got := SeccompFlags(c.bits); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	// nothing was installed by asking
	status, err := os.ReadFile("/proc/thread-self/status")
	if err != nil || strings.Contains(string(status), "Seccomp:\t2\n") && !strings.Contains(string(status), "NoNewPrivs:\t1\n") {
		t.Errorf("%v\n%s", err, status)
	}
}

func TestSeccompAction(t *testing.T) {
	if !SeccompAction(0x7fc00000) || SeccompAction(0x12340000) {
		t.Error("SECCOMP_RET_USER_NOTIF is not known, or an action that is none is")
	}
}

func TestFileSystem(t *testing.T) {
	for name, want := range map[string]bool{"proc": true, "tmpfs": true, "pro": false, "nodev": false, "": false} {
		if got, err := FileSystem(name); err != nil || got != want {
			t.Errorf("%q: %v, %v", name, got, err)
		}
	}
}

func TestLandlockABI(t *testing.T) {
	n, err := LandlockABI()
	if n < 1 && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EOPNOTSUPP) {
		t.Errorf("%d, %v", n, err)
	}
}

func TestLastCapability(t *testing.T) {
	if n := LastCapability(); n < unix.CAP_CHECKPOINT_RESTORE || n > 63 {
		t.Error(n)
	}
}

func TestControllers(t *testing.T) {
	l, err := Cgroups()
	if err != nil {
		t.Fatal(err)
	}
	v1, v2 := l.Controllers()
	if (len(v1) > 0) != (l.Mode == V1 || l.Mode == Hybrid) {
		t.Errorf("%s: v1 controllers %q", l.Mode, v1)
	}
	for _, c := range v2 {
		if slices.Contains(v1, c) {
			t.Errorf("%s is in both", c)
		}
	}
}

func TestReadNumber(t *testing.T) {
	for text, want := range map[string]int{"0\n": 0, "40\n": 40, "": -1, "-1\n": -1, "1 2\n": -1, "99999999999\n": -1} {
		path := t.TempDir() + "/n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		n, ok := readNumber(path)
		if !ok {
			n = -1
		}
		if n != want {
			t.Errorf("%q: %d, want %d", text, n, want)
		}
	}
}

func TestAtLeast(t *testing.T) {
	for _, c := range []struct {
		release      string
		major, minor int
		want         bool
	}{
		{"5.14.0-427.el9.x86_64", 5, 14, true}, {"5.13.19", 5, 14, false}, {"6.1.0-rc3", 5, 14, true}, {"4.18.0", 5, 2, false},
		{"6.18", 6, 18, true}, {"6.9-rc1", 6, 10, false}, {"10.0", 6, 18, true}, {"6", 6, 0, true},
	} {
		if got := atLeast(c.release, c.major, c.minor); got != c.want {
			t.Errorf("%s at least %d.%d: %v", c.release, c.major, c.minor, got)
		}
	}
}
