package check

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// tree makes files: "name/" a directory, "name" a file, "name>target" a link.
func tree(t *testing.T, files ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, f := range files {
		name, to, link := f, "", false
		for i := range f {
			if f[i] == '>' {
				name, to, link = f[:i], f[i+1:], true
			}
		}
		at := filepath.Join(root, name)
		err := os.MkdirAll(filepath.Dir(at), 0o755)
		switch {
		case err != nil:
		case link:
			err = os.Symlink(to, at)
		case name[len(name)-1] == '/':
			err = os.MkdirAll(at, 0o755)
		default:
			err = os.WriteFile(at, []byte("#!\n"), 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func newView(t *testing.T, root string, mounts ...viewMount) *view {
	t.Helper()
	fd, err := open(unix.AT_FDCWD, root, 0)
	if err != nil {
		t.Fatal(err)
	}
	v := &view{root: fd, mounts: mounts}
	t.Cleanup(v.close)
	return v
}

func TestView_find(t *testing.T) {
	outside := tree(t, "secret", "dir/prog", "dir/up>../../../etc/passwd")
	root := tree(t, "etc/passwd", "usr/bin/sh", "bin>usr/bin", "lib>/usr/lib", "usr/lib/x", "loop>loop", "a>b", "b>a", "out>../../../../../etc/passwd",
		"abs>"+outside+"/secret", "deep/er/file", "deep/link>er/../../etc/passwd", "mnt/", "file", "volatile/", "to-mount>/mnt/prog", "x/y/", "l>x/y")
	v := newView(t, root, viewMount{at: "/mnt", source: filepath.Join(outside, "dir")}, viewMount{at: "/volatile"}, viewMount{at: "/new/one", source: filepath.Join(outside, "secret")})
	for _, c := range []struct {
		name, want string
		err        error
		unknown    bool
		linked     bool
	}{
		{name: "/", want: "/"},
		{name: "/etc/passwd", want: "/etc/passwd"},
		{name: "etc//./passwd", want: "/etc/passwd"},
		{name: "/bin/sh", want: "/usr/bin/sh", linked: true},
		{name: "/lib/x", want: "/usr/lib/x", linked: true},
		{name: "/loop", err: unix.ELOOP, linked: true},
		{name: "/a", err: unix.ELOOP, linked: true},
		{name: "/out", want: "/etc/passwd", linked: true},
		{name: "/../../etc/passwd", want: "/etc/passwd"},
		{name: "/l/../y", want: "/x/y", linked: true},
		{name: "/abs", err: unix.ENOENT, linked: true},
		{name: "/deep/link", want: "/etc/passwd", linked: true},
		{name: "/file/x", err: unix.ENOTDIR},
		{name: "/none/such", err: unix.ENOENT},
		{name: "/mnt/prog", want: "/mnt/prog"},
		{name: "/to-mount", want: "/mnt/prog", linked: true},
		{name: "/mnt/up", want: "/etc/passwd", linked: true},
		{name: "/mnt/..", want: "/"},
		{name: "/mnt/secret", err: unix.ENOENT},
		{name: "/volatile/anything", unknown: true},
		{name: "/new/one", unknown: true},
		{name: "/new/other", unknown: true},
		{name: "/newer", err: unix.ENOENT},
	} {
		p := v.find(c.name)
		got := p.path
		if p.fd < 0 {
			got = ""
		}
		if got != c.want || !errors.Is(p.err, c.err) || p.unknown != c.unknown || p.linked != c.linked {
			t.Errorf("%s: %+v, want %+v", c.name, p, c)
		}
		p.close()
	}
}

// A link of /proc leads anywhere, and is not followed.
func TestView_magicLink(t *testing.T) {
	v := newView(t, "/")
	p := v.find("/proc/self/root/etc")
	defer p.close()
	if p.fd >= 0 && p.path != "/etc" {
		t.Errorf("%+v", p)
	}
}

func TestInterpreter(t *testing.T) {
	self, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	name, foreign := interpreter(self[:min(len(self), 4096)])
	if foreign || name != "" && name[0] != '/' {
		t.Errorf("/bin/sh: %q, %v", name, foreign)
	}
	for text, want := range map[string]string{
		"#!/bin/sh\n":                "/bin/sh",
		"#! /usr/bin/env -S x y\nrm": "/usr/bin/env",
		"#!":                         "",
		"#!\n/bin/sh":                "",
		"":                           "",
		"\x7fELF":                    "",
		"text":                       "",
	} {
		if got, foreign := interpreter([]byte(text)); got != want || foreign {
			t.Errorf("%q: %q, %v", text, got, foreign)
		}
	}
}

func FuzzInterpreter(f *testing.F) {
	self, _ := os.ReadFile("/proc/self/exe")
	f.Add(self[:min(len(self), 4096)])
	f.Add([]byte("#!/bin/sh\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if name, _ := interpreter(text); len(name) > len(text) {
			t.Error(name)
		}
	})
}

func TestWithin(t *testing.T) {
	list := []idRange{{0, 1}, {1, 10}, {100, 5}}
	for _, c := range []struct {
		r    idRange
		want bool
	}{
		{idRange{0, 11}, true}, {idRange{0, 12}, false}, {idRange{5, 1}, true}, {idRange{99, 2}, false}, {idRange{100, 5}, true}, {idRange{104, 2}, false}, {idRange{1 << 32, 1}, false},
	} {
		if got := within(c.r, list); got != c.want {
			t.Errorf("%v: %v", c.r, got)
		}
	}
}

func TestNumbers(t *testing.T) {
	got := numbers("0-3, 7,x,9-8:1/2,")
	if len(got) != 3 || got[0] != [2]int{0, 3} || got[1] != [2]int{7, 7} || got[2] != [2]int{9, 8} {
		t.Error(got)
	}
}

func TestFileSystem(t *testing.T) {
	for name, want := range map[string]bool{"proc": true, "tmpfs": true, "nosuchfs": false} {
		if known, block := fileSystem(name); known != want || block {
			t.Errorf("%s: known %v, block %v", name, known, block)
		}
	}
}

func TestOfDevice(t *testing.T) {
	for file, want := range map[string]bool{
		"net/ipv4/conf/eth0/forwarding": true, "net/ipv4/conf/all/forwarding": false, "net/ipv6/neigh/eth0/x": true, "net/ipv4/ip_forward": false, "kernel/sem": false,
	} {
		if got := ofDevice(file); got != want {
			t.Errorf("%s: %v", file, got)
		}
	}
}
