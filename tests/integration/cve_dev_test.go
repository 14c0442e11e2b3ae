package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// GHSA-g54h-m393-cpwq: a config without device rules was read as one that allows all.
func TestCVE_devices_are_denied_by_default(t *testing.T) {
	t.Parallel()
	cve(t, "GHSA-g54h-m393-cpwq")
	for name, rules := range map[string][]specs.LinuxDeviceCgroup{"none": nil, "an empty list": {}, "one that allows": {allow("c", 10, 200, "rwm")}} {
		for _, cgroups := range []string{"own cgroup", "no resources"} {
			t.Run(name+", "+cgroups, func(t *testing.T) {
				t.Parallel()
				b := newBundle(t)
				addCaps("CAP_MKNOD", "CAP_SYSLOG", "CAP_SYS_RAWIO")(b.Spec)
				b.Spec.Linux.Resources.Devices = rules
				if cgroups == "no resources" && rules == nil {
					b.Spec.Linux.Resources = nil
				}
				b.Spec.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/kmsg", Type: "c", Major: 1, Minor: 11}, {Path: "/dev/loop", Type: "b", Major: 7, Minor: 0}}
				b.Spec.Process.Args = []string{"/probe", "--open", "/dev/kmsg", "r", "--open", "/dev/loop", "r", "--open", "/dev/kmsg", "w", "--open", "/dev/null", "rw", "--report"}
				res := b.run()
				if res.Exit != 0 {
					t.Fatal(res.output())
				}
				r := parseProbe(t, res.Stdout)
				for i := range 3 {
					wantErrno(t, r.action(t, i), unix.EPERM)
				}
				wantErrno(t, r.action(t, 3), 0)
			})
		}
	}
}

// CVE-2026-41579, CVE-2026-47766: /dev of the image is a link, and nodes and links are made, or removed, on the host.
func TestCVE_dev_is_a_link(t *testing.T) {
	t.Parallel()
	cve(t, "CVE-2026-41579", "CVE-2026-47766")
	for _, tc := range []struct {
		name string
		bait func(b *bundle, dir string)
		edit func(b *bundle)
	}{
		{"as it is", func(b *bundle, dir string) { b.bait("/dev", dir) }, func(*bundle) {}},
		{"without mounts", func(b *bundle, dir string) { b.bait("/dev", dir) }, func(b *bundle) { b.withoutMounts("/dev") }},
		{"climbing", func(b *bundle, dir string) { b.bait("/dev", "../../../../../../../../../.."+dir) }, func(b *bundle) { b.withoutMounts("/dev") }},
		{"by two links", func(b *bundle, dir string) { b.bait("/d", dir); b.bait("/dev", "/d") }, func(b *bundle) { b.withoutMounts("/dev") }},
		{"a directory of it", func(b *bundle, dir string) { b.bait("/dev/pts", dir); b.bait("/dev/net", dir) }, func(b *bundle) {
			b.withoutMounts("/dev")
			b.Spec.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/net/tun", Type: "c", Major: 10, Minor: 200}}
		}},
		{"its entries", func(b *bundle, dir string) {
			for _, name := range []string{"null", "zero", "ptmx", "fd", "stdin", "core", "console", "shm", "mqueue"} {
				b.bait("/dev/"+name, dir+"/"+name)
			}
		}, func(b *bundle) { b.withoutMounts("/dev") }},
	} {
		for _, terminal := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, terminal %v", tc.name, terminal), func(t *testing.T) {
				t.Parallel()
				b := newBundle(t)
				p := b.prey()
				for _, name := range []string{"ptmx", "null", "core", "stdin"} {
					writeFile(t, p.Dir+"/"+name, "the host's")
				}
				p.settle()
				tc.bait(b, p.Dir)
				tc.edit(b)
				b.Spec.Process.Args = []string{"/probe", "--exit", "0"}
				b.runMaybeOnTerminal(terminal)
				p.wantUntouched()
			})
		}
	}
}

// runMaybeOnTerminal is run; with terminal, the runtime's standard streams are one, and so are the process's.
func (b *bundle) runMaybeOnTerminal(terminal bool) {
	b.t.Helper()
	if !terminal {
		b.run()
		return
	}
	b.Spec.Process.Terminal = true
	b.writeConfig()
	m, tty := openPTY(b.t)
	defer tty.Close()
	go func() { // what is not read would block the process
		buf := make([]byte, 4096)
		for {
			if _, err := m.f.Read(buf); err != nil {
				return
			}
		}
	}()
	cmd := b.runOn(tty)
	if cmd.Process == nil {
		if err := cmd.Start(); err != nil {
			b.t.Fatal(err)
		}
	}
	waitFor(b.t, cmd)
}

// CVE-2025-31133, CVE-2025-62161: what masks a file is bound from the container's /dev/null, which is a link of the
// image, or one that a neighbour puts there.
func TestCVE_masks_are_the_null_device(t *testing.T) {
	cve(t, "CVE-2025-31133", "CVE-2025-62161")
	set := func(t *testing.T, b *bundle) {
		writeFile(t, b.Rootfs+"/masked", "to be hidden")
		b.Spec.Linux.MaskedPaths = []string{"/masked", "/proc/keys"}
		b.Spec.Process.Args = []string{"/probe", "--read", "/masked", "--write", "/masked", "by the container", "--stat", "/masked", "--read", "/proc/keys", "--report"}
	}
	check := func(t *testing.T, res Result, p *prey) {
		t.Helper()
		p.wantUntouched()
		p.wantUnread("the masked file", res.Stdout)
		if res.Exit != 0 {
			return // refused
		}
		r := parseProbe(t, res.Stdout)
		if a := r.action(t, 0); a.Data != "" {
			t.Errorf("the masked file reads %q", a.Data)
		}
		if a := r.action(t, 3); a.Data != "" {
			t.Errorf("/proc/keys reads %q", a.Data)
		}
	}
	for _, out := range []string{"prey", "climbing", "procfs"} {
		for _, volume := range []bool{false, true} {
			t.Run(fmt.Sprintf("link to %s, volume %v", out, volume), func(t *testing.T) {
				b := newBundle(t)
				p := b.prey()
				set(t, b)
				b.withoutMounts("/dev")
				to := map[string]string{"prey": p.Dir + "/file", "climbing": "../../../../../../../.." + p.Dir + "/file", "procfs": "/proc/version"}[out]
				if volume {
					dev := b.volume("dev")
					if err := os.Symlink(to, dev+"/null"); err != nil {
						t.Fatal(err)
					}
					withMount(bind(dev, "/dev", "rbind", "rw"))(b.Spec)
				} else {
					b.bait("/dev/null", to)
				}
				check(t, b.run(), p)
			})
		}
	}
	t.Run("a node that is exchanged", func(t *testing.T) {
		b := newBundle(t)
		p := b.prey()
		set(t, b)
		dev := b.volume("dev")
		if err := unix.Mknod(dev+"/null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("../proc/version", dev+"/link"); err != nil {
			t.Fatal(err)
		}
		b.withoutMounts("/dev")
		withMount(bind(dev, "/dev", "rbind", "rw"))(b.Spec)
		b.race(dev+"/null", dev+"/link", func() { check(t, b.run(), p) })
	})
}

// CVE-2025-52565: /dev/pts/N is changed for a link before it is bound to /dev/console; the container has a file of
// procfs, unmasked and writable, there.
func TestCVE_console_is_the_terminal(t *testing.T) {
	cve(t, "CVE-2025-52565")
	set := func(t *testing.T) (*bundle, *prey) {
		b := newBundle(t)
		p := b.prey()
		b.Spec.Process.Args = []string{"/probe", "--out", "/result", "--stat", "/dev/console", "--report"}
		return b, p
	}
	check := func(t *testing.T, b *bundle, p *prey) (started bool) {
		t.Helper()
		b.runMaybeOnTerminal(true)
		p.wantUntouched()
		out, err := os.ReadFile(b.Rootfs + "/result")
		_ = os.Remove(b.Rootfs + "/result")
		if err != nil {
			return false // refused
		}
		r := parseProbe(t, string(out))
		a := r.action(t, 0)
		if a.Errno == 0 && !(a.Type == "char" && (a.Major >= 136 && a.Major <= 143 || a.Major == 5)) && a.Size != 0 {
			t.Errorf("/dev/console is a %s, %d:%d, of %d bytes", a.Type, a.Major, a.Minor, a.Size)
		}
		for _, m := range r.Mounts {
			if m.Target == "/dev/console" && m.Fstype != "devpts" {
				t.Errorf("on /dev/console is %s", m)
			}
		}
		return true
	}
	for _, tc := range []struct {
		name string
		edit func(b *bundle, p *prey)
	}{
		{"links in place of terminals", func(b *bundle, p *prey) {
			b.withoutMounts("/dev")
			for n := range 40 {
				b.bait("/dev/pts/"+itoa(n), "/proc/version")
			}
		}},
		{"links in place of terminals, with the host's ptmx", func(b *bundle, p *prey) {
			b.withoutMounts("/dev")
			for n := range 40 {
				b.bait("/dev/pts/"+itoa(n), p.Dir+"/file")
			}
			for _, ptmx := range []string{"/dev/ptmx", "/dev/pts/ptmx"} {
				mkdir(b.t, filepath.Dir(b.Rootfs+ptmx), 0o755)
				if err := unix.Mknod(b.Rootfs+ptmx, unix.S_IFCHR|0o666, int(unix.Mkdev(5, 2))); err != nil {
					b.t.Fatal(err)
				}
			}
		}},
		{"files in place of ptmx", func(b *bundle, p *prey) {
			b.withoutMounts("/dev/pts")
			b.withoutMounts("/dev")
			writeFile(b.t, b.Rootfs+"/dev/ptmx", "")
			mkdir(b.t, b.Rootfs+"/dev/pts", 0o755)
			writeFile(b.t, b.Rootfs+"/dev/pts/ptmx", "")
		}},
		{"a pipe in place of ptmx", func(b *bundle, p *prey) {
			b.withoutMounts("/dev")
			mkdir(b.t, b.Rootfs+"/dev/pts", 0o755)
			for _, ptmx := range []string{"/dev/ptmx", "/dev/pts/ptmx"} {
				if err := unix.Mkfifo(b.Rootfs+ptmx, 0o666); err != nil {
					b.t.Fatal(err)
				}
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b, p := set(t)
			tc.edit(b, p)
			check(t, b, p)
		})
	}
	// Two containers have one root file system. What /dev/pts is, where devpts is mounted, changes places with a directory
	// that is full of links.
	t.Run("a directory that is exchanged", func(t *testing.T) {
		b, p := set(t)
		pts, links := b.Rootfs+"/dev/pts", b.Rootfs+"/dev/links"
		mkdir(t, pts, 0o755)
		mkdir(t, links, 0o755)
		for n := range 40 {
			if err := os.Symlink("/proc/version", filepath.Join(links, itoa(n))); err != nil {
				t.Fatal(err)
			}
		}
		mount := b.Spec.Mounts[2]
		b.withoutMounts("/dev")
		withMount(mount)(b.Spec)
		started := 0
		b.race(pts, links, func() {
			if check(t, b, p) {
				started++
			}
		})
		t.Logf("%d started", started)
	})
}

// CVE-2026-88264: /dev/console of the image is a link, and a file of root's is made where it points.
func TestCVE_console_is_a_link(t *testing.T) {
	t.Parallel()
	cve(t, "CVE-2026-88264")
	b := newBundle(t)
	p := b.prey()
	b.Spec.Process.Args = []string{"/probe", "--out", "/result", "--report"}
	b.withoutMounts("/dev")
	kept := b.Spec.Mounts
	for _, mounts := range [][]specs.Mount{kept, {kept[0], {Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"newinstance", "ptmxmode=0666"}}}} {
		for _, out := range append(waysOut(p.Dir+"/made"), waysOut(p.Dir+"/file")...) {
			b.bait("/dev/console", out)
			b.Spec.Mounts = mounts
			b.runMaybeOnTerminal(true)
			p.wantUntouched()
			if result, err := os.ReadFile(b.Rootfs + "/result"); err == nil {
				wantInside(t, Result{Stdout: string(result)}, filepath.Join("/", p.Dir, filepath.Base(out)))
			}
			_ = os.Remove(b.Rootfs + "/result")
		}
	}
}

// CVE-2026-88265: /dev/null of the image leads to a file of the host's, mounted in the container; the runtime opens it
// in place of standard streams that are the null device, and gives it to the container's user.
func TestCVE_null_is_a_link_to_a_mounted_file(t *testing.T) {
	t.Parallel()
	cve(t, "CVE-2026-88265")
	for _, way := range []string{"link", "mount"} {
		for _, stdio := range []string{"null", "pipes"} {
			t.Run(way+", "+stdio, func(t *testing.T) {
				t.Parallel()
				b := newBundle(t)
				p := b.prey()
				b.withoutMounts("/dev")
				target := "/data"
				if way == "link" {
					b.bait("/dev/null", "/data")
				} else {
					target = "/dev/null"
				}
				withMount(bind(p.Dir+"/file", target, "bind", "rw"))(b.Spec)
				b.Spec.Process.User = specs.User{UID: 1000, GID: 1000}
				b.Spec.Process.Args = []string{"/probe", "--stdin", "--echo", "written", "--stderr", "written"}
				b.writeConfig()
				cmd := b.command("run", "--bundle", b.Dir, b.ID)
				if stdio == "pipes" {
					cmd.Stdin = strings.NewReader("")
					var out strings.Builder
					cmd.Stdout, cmd.Stderr = &out, &out
				}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				waitFor(t, cmd)
				p.wantUntouched()
			})
		}
	}
}
