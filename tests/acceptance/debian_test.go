package acceptance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestDebian(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		edit func(*specs.Spec)
		want []string
	}{
		{"a login shell", []string{"bash", "-lc", `shopt -q login_shell && echo login; echo "$(id -un) $PWD $$"; . /etc/os-release; echo "$ID"`}, nil, []string{"login", "root / 1", "debian"}},
		{"python", []string{"python3", "-c", "import json, os, subprocess\nprint(json.dumps({'pid': os.getpid(), 'sum': sum(range(10))}))\nprint(subprocess.check_output(['uname', '-n'], text=True).strip())"},
			func(s *specs.Spec) { s.Hostname = "ladder" },
			[]string{`{"pid": 1, "sum": 45}`, "ladder"}},
		{"apt", []string{"sh", "-c", "apt-get --version | cut -d' ' -f1 | head -1; dpkg --audit && echo sound"}, nil, []string{"apt", "sound"}},
		{"an ordinary user", []string{"bash", "-c", `id -u; id -G; touch /etc/x 2>/dev/null || echo refused; touch ~/x && echo "$HOME"`},
			func(s *specs.Spec) {
				s.Process.User = specs.User{UID: 1000, GID: 1000, AdditionalGids: []uint32{2000}}
				s.Process.Env = append(s.Process.Env, "HOME=/tmp")
			},
			[]string{"1000", "1000 2000", "refused", "/tmp"}},
		{"another user by setuid", []string{"setpriv", "--reuid=nobody", "--clear-groups", "id", "-un"}, nil, []string{"nobody"}},
		{"a pipeline of many processes", []string{"bash", "-c", `set -o pipefail; seq 100000 | sort -R | sort -n | tail -1; ls /proc/self/fd | wc -l`}, nil, []string{"100000"}},
		{"a read-only root", []string{"sh", "-c", "touch /x 2>&1; cd /dev/shm && echo y >f && cat f"}, func(s *specs.Spec) { s.Root.Readonly = true },
			[]string{"touch: cannot touch '/x': Read-only file system", "y"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newContainer(t, c.args...)
			if c.edit != nil {
				c.edit(k.spec)
			}
			k.wantRun(c.want...)
		})
	}
}

func TestDebian_exitStatus(t *testing.T) {
	for _, c := range []struct {
		name, script string
		want         int
	}{
		{"its own", "exit 42", 42},
		{"killed by a signal", "sh -c 'kill -TERM $$'", 128 + int(unix.SIGTERM)},
		{"not there", "/no/such", 127},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, got := newContainer(t, "sh", "-c", c.script).run(); got != c.want {
				t.Errorf("exit status %d, want %d", got, c.want)
			}
		})
	}
}

// What a container writes, replaces and removes goes to the upper layer; the lower stays as it was.
func TestDebian_overlay(t *testing.T) {
	c := newContainer(t, "sh", "-ec", "echo new >/etc/motd.new; echo changed >>/etc/passwd; rm /etc/debian_version; mkdir -p /srv/a/b; chown 7:7 /srv/a")
	before := sizes(t, filepath.Join(c.lower, "etc"))
	c.wantRun()
	for path, want := range map[string]string{"etc/motd.new": "new\n", "etc/passwd": "changed\n"} {
		b, err := os.ReadFile(filepath.Join(c.upper, path))
		if err != nil || !strings.HasSuffix(string(b), want) {
			t.Errorf("upper %s: %q, %v", path, b, err)
		}
	}
	var st unix.Stat_t
	if err := unix.Lstat(filepath.Join(c.upper, "etc/debian_version"), &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != 0 {
		t.Errorf("upper etc/debian_version is no whiteout: mode %#o, %v", st.Mode, err)
	}
	if err := unix.Lstat(filepath.Join(c.upper, "srv/a"), &st); err != nil || st.Uid != 7 {
		t.Errorf("upper srv/a: owner %d, %v", st.Uid, err)
	}
	after := sizes(t, filepath.Join(c.lower, "etc"))
	for name, size := range before {
		if after[name] != size {
			t.Errorf("lower etc/%s: size %d before, %d after", name, size, after[name])
		}
	}
	if len(after) != len(before) {
		t.Errorf("lower etc: %d files before, %d after", len(before), len(after))
	}
	// Nor do the places that the runtime makes for mounts, devices and masks.
	for _, dir := range []string{"dev/shm", "dev/mqueue"} {
		if _, err := os.Lstat(filepath.Join(c.upper, dir)); err == nil {
			t.Errorf("upper %s: made below a mount", dir)
		}
	}
}

func sizes(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]int64{}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			m[e.Name()] = info.Size()
		}
	}
	return m
}
