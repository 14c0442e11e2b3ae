package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// A file of options that an annotation names is followed: without its option criu does not dump a lock.
func TestCheckpoint_config_by_annotation(t *testing.T) {
	t.Parallel()
	b := dumpableBundle(t, "--fd-open", "10", "/tmp/locked", "--fd-lock", "10", "--line", "--line")
	conf := filepath.Join(t.TempDir(), "criu.conf")
	writeFile(t, conf, "# of locks\n\n")
	annotate("org.criu.config", conf)(b.Spec)
	c := b.untilReady()
	c.wantOK("fd-open")
	c.wantOK("fd-lock")
	c.wantRefused("file locks")
	writeFile(t, conf, "  file-locks # they are dumped\n")
	c.dump()
	c.restore()
	c.say("go on")
	c.next("line")
	c.end()
}

// criu runs as root of the host: of a file that an annotation names no option is taken that runs or loads something,
// or writes a file, and no file that somebody else than root of the host may have written.
func TestCheckpoint_config_is_judged(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	outside := t.TempDir()
	conf := filepath.Join(outside, "criu.conf")
	b := newBundle(t)
	volume := t.TempDir()
	mkdir(t, filepath.Join(volume, "sub"), 0o755)
	withMount(specs.Mount{Destination: "/mnt", Type: "bind", Source: volume, Options: []string{"bind"}})(b.Spec)
	attempt := func(b *bundle) Result {
		t.Helper()
		return b.runtime("checkpoint", "--image-path", filepath.Join(b.Dir, "images"), b.ID)
	}
	running := func(file string) *bundle {
		t.Helper()
		n := b.another()
		n.Spec = b.Spec
		n.Spec.Linux.CgroupsPath = "/" + n.ID
		n.Spec.Root.Path = n.Rootfs
		annotate("org.criu.config", strings.NewReplacer("BUNDLE", n.Dir, "ROOTFS", n.Rootfs).Replace(file))(n.Spec)
		n.Spec.Process.Args = []string{"/probe", "--until-term"}
		n.runDetached().next("waiting")
		return n
	}
	n := running(conf)
	for _, text := range []string{
		"libdir /tmp", "libdir=/tmp", "tcp-established\n  libdir /tmp", "action-script /bin/sh", "exec-cmd", "log-file /etc/passwd", "pidfile /etc/passwd", "root /", "work-dir /",
		"page-server", "address 1.2.3.4", "external mnt[]:m", "inherit-fd fd[1]:x", "lsm-profile apparmor:unconfined", "--libdir /tmp", "libd /tmp", "config /tmp/other", "unprivileged",
		"ghost-limit 1M\x00libdir /tmp", "enable-fs \"a\nlibdir /tmp\"", "ghost-limit 1 --libdir /tmp", "ghost-limit $(x)", "network-lock /x", "tcp-established # x\nlibdir /tmp",
	} {
		writeFile(t, conf, text+"\n")
		res := attempt(n)
		if !strings.Contains(res.Stderr, "annotations[org.criu.config]") {
			t.Errorf("%q is taken: exit status %d, %s", text, res.Exit, res.Stderr)
		}
	}
	// what is allowed comes to criu, which may be missing here, or unable
	writeFile(t, conf, "tcp-established\nghost-limit 1M\nnetwork-lock=nftables\n")
	if res := attempt(n); strings.Contains(res.Stderr, "annotations[") {
		t.Errorf("allowed options are refused: %s", res.Stderr)
	}

	for name, file := range map[string]func() string{
		"a relative path": func() string { return "criu.conf" },
		"in the root":     func() string { return "ROOTFS/criu.conf" },
		"in the bundle":   func() string { return "BUNDLE/criu.conf" },
		"in a volume":     func() string { return filepath.Join(volume, "sub/criu.conf") },
		"in a volume by another mount point": func() string {
			other := filepath.Join(b.Dir, "other")
			mkdir(t, other, 0o755)
			b.mount(volume, other, "", unix.MS_BIND, "")
			return filepath.Join(other, "sub/criu.conf")
		},
		"a link": func() string {
			link := filepath.Join(outside, "link")
			if err := os.Symlink(conf, link); err != nil {
				t.Fatal(err)
			}
			return link
		},
		"behind a link": func() string {
			link := filepath.Join(outside, "dir")
			if err := os.Symlink(volume, link); err != nil {
				t.Fatal(err)
			}
			return filepath.Join(link, "sub/criu.conf")
		},
		"a second name": func() string {
			name := filepath.Join(outside, "second")
			writeFile(t, filepath.Join(outside, "first"), "tcp-established\n")
			if err := os.Link(filepath.Join(outside, "first"), name); err != nil {
				t.Fatal(err)
			}
			return name
		},
		"of another user": func() string {
			name := filepath.Join(outside, "theirs")
			writeFile(t, name, "tcp-established\n")
			if err := os.Chown(name, ordinaryUser, ordinaryUser); err != nil {
				t.Fatal(err)
			}
			return name
		},
		"that others may write": func() string {
			name := filepath.Join(outside, "open")
			writeFile(t, name, "tcp-established\n")
			if err := os.Chmod(name, 0o666); err != nil {
				t.Fatal(err)
			}
			return name
		},
		"a FIFO": func() string {
			name := filepath.Join(outside, "fifo")
			if err := unix.Mkfifo(name, 0o600); err != nil {
				t.Fatal(err)
			}
			return name
		},
		"a directory": func() string { return outside },
		"no file":     func() string { return filepath.Join(outside, "nothing") },
	} {
		writeFile(t, filepath.Join(volume, "sub/criu.conf"), "tcp-established\n")
		n := running(file())
		for _, dir := range []string{n.Rootfs, n.Dir} {
			writeFile(t, filepath.Join(dir, "criu.conf"), "tcp-established\n")
		}
		if res := attempt(n); !strings.Contains(res.Stderr, "annotations[org.criu.config]") {
			t.Errorf("%s is taken: exit status %d, %s", name, res.Exit, res.Stderr)
		}
	}
}
