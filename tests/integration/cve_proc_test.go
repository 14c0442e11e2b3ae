package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// CVE-2019-16884: a volume over /proc swallows what the runtime writes there, a label above all, and the container runs
// without.
func TestCVE_fake_proc_swallows_nothing(t *testing.T) {
	t.Parallel()
	cve(t, "CVE-2019-16884")
	b := newBundle(t)
	fake := b.volume("fake")
	for _, dir := range []string{"self", "thread-self", "1"} {
		for _, file := range []string{"attr/exec", "attr/current", "attr/keycreate", "attr/apparmor/exec", "task/1/attr/exec", "oom_score_adj", "setgroups", "uid_map"} {
			mkdir(t, filepath.Join(fake, dir, filepath.Dir(file)), 0o777)
			writeFile(t, filepath.Join(fake, dir, file), "untouched")
		}
	}
	for _, file := range []string{"net/ipv4/ip_forward", "kernel/sem", "kernel/hostname"} {
		mkdir(t, filepath.Join(fake, "sys", filepath.Dir(file)), 0o777)
		writeFile(t, filepath.Join(fake, "sys", file), "untouched")
	}
	before := snapshot(t, fake)
	b.Spec.Mounts[0] = bind(fake, "/proc", "bind", "rw")
	b.Spec.Linux.MaskedPaths, b.Spec.Linux.ReadonlyPaths = nil, nil
	b.Spec.Linux.Sysctl = map[string]string{"kernel.sem": "251 32000 32 128"}
	b.Spec.Process.OOMScoreAdj = ptr(500)
	if modules := securityModules(); strings.Contains(modules, "apparmor") {
		b.Spec.Process.ApparmorProfile = "unconfined"
	} else if strings.Contains(modules, "selinux") {
		b.Spec.Process.SelinuxLabel = "system_u:system_r:container_t:s0"
	}
	b.Spec.Process.Args = []string{"/probe", "--mkdir", "/real", "--mount", "proc", "/real", "proc", "0", "--read", "/real/sys/kernel/sem", "--read", "/real/self/oom_score_adj", "--report"}
	addCaps("CAP_SYS_ADMIN")(b.Spec)
	res := b.run()
	if snapshot(t, fake) != before {
		t.Errorf("the volume over /proc has been written to: now\n%s", snapshot(t, fake))
	}
	if res.Exit != 0 {
		return // refused
	}
	r := parseProbe(t, res.Stdout)
	wantErrno(t, r.action(t, 1), 0)
	want(t, "kernel.sem", fields(r.action(t, 2).Data), "251 32000 32 128")
	want(t, "oom_score_adj", fields(r.action(t, 3).Data), "500")
}

func securityModules() string {
	b, _ := os.ReadFile("/sys/kernel/security/lsm")
	return string(b)
}

// CVE-2019-19921, with its return as CVE-2023-27561, and CVE-2023-28642; CVE-2025-54867: /proc or /sys of the image is a
// link, the mount lands elsewhere, and masked paths and labels miss.
func TestCVE_proc_and_sys_are_no_links(t *testing.T) {
	t.Parallel()
	cve(t, "CVE-2019-19921", "CVE-2023-27561", "CVE-2023-28642", "CVE-2025-54867")
	for _, dir := range []string{"/proc", "/sys"} {
		for _, to := range []string{"/evil", "evil", "/", ".", "/evil/link", "/../../../../../../tmp", "/proc/self/cwd"} {
			t.Run(dir[1:]+" to "+to, func(t *testing.T) {
				t.Parallel()
				b := newBundle(t)
				p := b.prey()
				mkdir(t, b.Rootfs+"/evil", 0o755)
				b.bait("/evil/link", p.Dir)
				b.bait(dir, to)
				b.Spec.Linux.MaskedPaths = []string{"/proc/keys", "/sys/firmware"}
				b.Spec.Process.Args = []string{"/probe", "--stat", dir, "--report"}
				res := b.run()
				p.wantUntouched()
				if res.Exit != 0 {
					return // refused
				}
				// What runs has its file system where the config says, and not under a name of the image's choice.
				r := parseProbe(t, res.Stdout)
				for _, m := range r.Mounts {
					if (m.Fstype == "proc" || m.Fstype == "sysfs") && !strings.HasPrefix(m.Target, "/proc") && !strings.HasPrefix(m.Target, "/sys") {
						t.Errorf("the container runs, with %s", m)
					}
				}
			})
		}
	}
}

// Found in rung itself, of the kind of CVE-2019-19921: a neighbour with the same root file system exchanges /proc, once
// procfs is mounted there, for another directory. What is to be masked is missing for a moment, which is no error, and in
// its place again in the end.
func TestCVE_masks_follow_the_mount(t *testing.T) {
	b := newBundle(t)
	b.Spec.Linux.MaskedPaths = []string{"/proc/version", "/proc/filesystems", "/proc/driver"}
	b.Spec.Linux.ReadonlyPaths = []string{"/proc/sys"}
	other := b.Rootfs + "/other"
	mkdir(t, other, 0o755)
	b.Spec.Process.Args = []string{"/probe"}
	for _, dir := range []string{"/proc", "/other"} {
		b.Spec.Process.Args = append(b.Spec.Process.Args, "--read", dir+"/version", "--read", dir+"/filesystems", "--open", dir+"/sys/kernel/sem", "w")
	}
	b.Spec.Process.Args = append(b.Spec.Process.Args, "--echo", "end")
	b.race(b.Rootfs+"/proc", other, func() {
		res := b.run()
		for line := range strings.Lines(res.Stdout) {
			if !strings.HasPrefix(line, "{") {
				continue
			}
			a := parseAction(t, line)
			switch a.Op {
			case "read":
				if a.Data != "" {
					t.Errorf("%s is not masked: %q", a.Path, brief(a.Data))
				}
			case "open":
				wantErrno(t, a, unix.EROFS, unix.ENOENT, unix.ENOTDIR)
			}
		}
	})
}

// CVE-2025-52881, CVE-2025-62596: what the runtime writes below /proc goes to another file there, since a mount of the
// container, sent astray by a link that a neighbour changes, covers it. Here a sysctl is meant for kernel.sem, and the
// file that is mounted in its place is the prey: with procfs's sysrq-trigger or core_pattern in its place it is the host.
func TestCVE_writes_below_proc_are_not_diverted(t *testing.T) {
	cve(t, "CVE-2025-52881", "CVE-2025-62596")
	set := func(t *testing.T) (*bundle, *prey) {
		b := newBundle(t)
		p := b.prey()
		b.Spec.Linux.Sysctl = map[string]string{"kernel.sem": "251 32000 32 128"}
		b.Spec.Process.OOMScoreAdj = ptr(500)
		b.Spec.Linux.MaskedPaths, b.Spec.Linux.ReadonlyPaths = nil, nil
		b.Spec.Process.Args = []string{"/probe", "--report"}
		return b, p
	}
	for _, tc := range []struct{ name, link, destination string }{
		{"directory", "/proc/sys/kernel", "/way/sem"},
		{"climbing", "../../../proc/sys/kernel", "/way/sem"},
		{"file", "/proc/sys/kernel/sem", "/way"},
		{"own attributes", "/proc/self", "/way/oom_score_adj"},
	} {
		t.Run("a link of the image, "+tc.name, func(t *testing.T) {
			b, p := set(t)
			b.bait("/way", tc.link)
			withMount(bind(p.Dir+"/file", tc.destination, "bind", "rw"))(b.Spec)
			b.run()
			p.wantUntouched()
		})
	}
	t.Run("a link that is changed", func(t *testing.T) {
		b, p := set(t)
		volume := b.volume("volume")
		mkdir(t, volume+"/way", 0o755)
		writeFile(t, volume+"/way/sem", "")
		if err := os.Symlink("/proc/sys/kernel", volume+"/link"); err != nil {
			t.Fatal(err)
		}
		withMount(bind(volume, "/volume", "bind", "rw"), bind(p.Dir+"/file", "/volume/way/sem", "bind", "rw"))(b.Spec)
		b.race(volume+"/way", volume+"/link", func() {
			b.run()
			p.wantUntouched()
		})
	})
}

// CVE-2026-115521: the last step, that makes a mount read-only, goes through the container's own /proc/self/fd, and so
// where the image says.
func TestCVE_read_only_is_not_diverted(t *testing.T) {
	t.Parallel()
	cve(t, "CVE-2026-115521")
	b := newBundle(t)
	b.withoutMounts("/proc", "/sys")
	b.Spec.Linux.MaskedPaths, b.Spec.Linux.ReadonlyPaths = nil, []string{"/etc"}
	mkdir(t, b.Rootfs+"/decoy", 0o755)
	for _, self := range []string{"/proc/self/fd/", "/proc/thread-self/fd/", "/proc/1/fd/"} {
		for fd := range 200 {
			b.bait(self+itoa(fd), "/decoy")
		}
	}
	b.Spec.Root.Readonly = true
	withMount(
		bind(b.volume("volume"), "/mnt", "bind", "ro"), bind(b.tree("tree"), "/home", "rbind", "rro"),
		specs.Mount{Destination: "/run", Type: "tmpfs", Source: "tmpfs", Options: []string{"ro"}},
		specs.Mount{Destination: "/decoy", Type: "tmpfs", Source: "tmpfs"},
	)(b.Spec)
	b.Spec.Process.Args = []string{"/probe", "--create", "/x", "", "--create", "/mnt/x", "", "--create", "/home/x", "", "--create", "/run/x", "", "--create", "/etc/x", "", "--report"}
	res := b.run()
	if res.Exit != 0 {
		return // refused
	}
	r := parseProbe(t, res.Stdout)
	for i := range 5 {
		wantErrno(t, r.action(t, i), unix.EROFS)
	}
}
