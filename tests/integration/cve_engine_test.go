package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// CVE-2023-25809: without a cgroup namespace a container of an ordinary user's sees the host's groups, and can write to
// those that are the user's. Both configs ask for read-only mounts.
func TestCVE_groups_of_the_host_are_read_only(t *testing.T) {
	t.Parallel()
	cve(t, "CVE-2023-25809")
	for _, kind := range []string{"cgroup mount", "as spec --rootless has it", "in a user namespace"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := rootlessBundle(t)
			owner := 47211
			switch kind {
			case "cgroup mount":
				withMount(cgroupMount("ro", "nosuid", "noexec", "nodev"))(b.Spec)
			case "in a user namespace":
				owner = 100000
				b = newBundle(t).mapped(mapping(0, 100000, 65536), mapping(0, 100000, 65536))
				withoutNS(b.Spec, specs.CgroupNamespace)
				b.Spec.Linux.CgroupsPath = ""
				withMount(cgroupMount("ro", "nosuid", "noexec", "nodev"))(b.Spec)
			default:
				cmd := exec.Command(runtimePath, "spec", "--rootless")
				cmd.Dir = t.TempDir()
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("spec --rootless: %v\n%s", err, out)
				}
				var s specs.Spec
				if err := json.Unmarshal([]byte(readFile(t, cmd.Dir+"/config.json")), &s); err != nil {
					t.Fatal(err)
				}
				s.Process.Terminal = false
				s.Linux.UIDMappings, s.Linux.GIDMappings = b.Spec.Linux.UIDMappings, b.Spec.Linux.GIDMappings
				s.Process.Rlimits, s.Linux.Resources = nil, nil
				withoutNS(&s, specs.CgroupNamespace)
				*b.Spec = s
			}
			b.Spec.Process.Args = []string{"/probe"}
			var made []string
			for _, top := range topCgroups() {
				dir := filepath.Join(top, "of-the-user-"+b.ID)
				if err := os.Mkdir(dir, 0o755); err != nil {
					continue // a link, or a hierarchy that is not to be written to
				}
				t.Cleanup(func() {
					_ = unix.Rmdir(dir + "/by-the-container")
					if err := unix.Rmdir(dir); err != nil {
						t.Errorf("rmdir %s: %v", dir, err)
					}
				})
				if err := os.Chown(dir, owner, owner); err != nil {
					t.Fatal(err)
				}
				made = append(made, dir)
				b.Spec.Process.Args = append(b.Spec.Process.Args, "--mkdir", dir+"/by-the-container")
			}
			b.Spec.Process.Args = append(b.Spec.Process.Args, "--report")
			res := b.run()
			for _, dir := range made {
				if exists(dir + "/by-the-container") {
					t.Errorf("the container has made a group in %s", dir)
				}
			}
			if res.Exit != 0 {
				t.Fatal(brief(res.output()))
			}
		})
	}
}

// CVE-2025-24965: crun's handler for krun writes a file that the image has made a link. CVE-2026-84042: it runs a helper
// by a name that the image's PATH resolves. rung has no handlers: an annotation, and what an image holds, starts none.
func TestCVE_annotations_start_no_handler(t *testing.T) {
	t.Parallel()
	cve(t, "CVE-2025-24965", "CVE-2026-84042")
	for _, handler := range []string{"krun", "wasm", "dotnet"} {
		b := newBundle(t)
		p := b.prey()
		for _, name := range []string{"/.krun_config.json", "/.krun_vm.json", "/krun-sev.json"} {
			b.bait(name, p.Dir+"/made")
		}
		for _, name := range []string{"passt", "passt.avx2", "pasta", "gvproxy", "newuidmap", "newgidmap", "criu", "slirp4netns"} {
			for _, dir := range []string{"/bin/", "/usr/bin/", "/usr/sbin/", "/"} {
				mkdir(t, b.Rootfs+dir, 0o755)
				writeFile(t, b.Rootfs+dir+name, "#!/bin/sh\n: >"+p.Dir+"/"+name+"\n")
				if err := os.Chmod(b.Rootfs+dir+name, 0o755); err != nil {
					t.Fatal(err)
				}
			}
		}
		b.Cwd = b.Rootfs
		b.Spec.Annotations = map[string]string{
			"run.oci.handler": handler, "krun.cpus": "1", "krun.ram_mib": "64", "krun.use_passt": "1", "krun.network": "passt",
			"module.wasm.image/variant": "compat",
		}
		b.Spec.Process.Env = []string{"PATH=/bin:/usr/bin:/"}
		b.Spec.Process.Args = []string{"/probe", "--exit", "0"}
		b.run()
		p.wantUntouched()
	}
}

// CVE-2024-3154: an engine passed a pod's annotations on, and systemd did as they said: to start other units, to stop
// some, to power the host off. Only those that are known to stay within the container's own scope are passed on.
func TestCVE_annotations_are_no_orders_to_systemd(t *testing.T) {
	t.Parallel()
	cve(t, "CVE-2024-3154")
	requires(t, "rt:rung")
	for property, value := range map[string]string{
		"SuccessAction": "'exit-force'", "FailureAction": "'reboot-force'", "JobTimeoutAction": "'poweroff'", "StartLimitAction": "'reboot'", "RebootArgument": "'x'",
		"ExecStart": "['/bin/sh']", "ExecStopPost": "['/bin/sh']", "OnFailure": "['rescue.target']", "OnSuccess": "['poweroff.target']", "OnFailureJobMode": "'replace'",
		"Conflicts": "['sshd.service']", "PropagatesStopTo": "['sshd.service']", "Requires": "['poweroff.target']", "Wants": "['poweroff.target']", "BindsTo": "['poweroff.target']", "Upholds": "['poweroff.target']",
		"Requisite": "['x.target']", "PIDs": "[uint32 1]", "Slice": "'system.slice'", "User": "'root'", "Group": "'root'", "DevicePolicy": "'auto'", "DeviceAllow": "[('/dev/sda', 'rwm')]", "BPFProgram": "[('x', 'y')]",
		"RequiresMountsFor": "['/home']", "PartOf": "['sshd.service']", "StopPropagatedFrom": "['sshd.service']", "KillMode": "'none'", "SendSIGKILL": "false",
		"DisableControllers": "['memory']", "ManagedOOMSwap": "'kill'", "ManagedOOMPreference": "'omit'", "OOMPolicy": "'continue'", "StartupMemoryMax": "uint64 18446744073709551615",
		"IOReadBandwidthMax": "[('/dev/sda', uint64 18446744073709551615)]", "Before": "['shutdown.target']", "After": "['systemd-poweroff.service']", "Delegate": "false",
		"TimeoutStopUSec": "uint64 18446744073709551615", "NoSuchThing": "true",
	} {
		b := newBundle(t)
		b.Globals = []string{"--systemd-cgroup"}
		b.Spec.Linux.CgroupsPath = "system.slice:rung:" + b.ID
		b.Spec.Annotations = map[string]string{"org.systemd.property." + property: value}
		b.Spec.Process.Args = []string{"/probe", "--echo", "it-started"}
		res := b.run()
		if strings.Contains(res.Stdout, "it-started") {
			t.Errorf("%s=%s: the container was started", property, value)
		}
		wantFailure(t, res, "annotations", property)
	}
}

// CVE-2026-119101, CVE-2026-115520, CVE-2026-119614: text that an image makes up, in the names that its links lead to,
// is in the keys by which criu knows mounts of the host's; one that reads as another key has any directory bound when
// the container is restored.
func TestCVE_restored_mounts_are_the_configs(t *testing.T) {
	t.Parallel()
	cve(t, "CVE-2026-119101", "CVE-2026-115520", "CVE-2026-119614")
	requires(t, "rt:rung", "criu") // runc 1.1.5 checkpoints no mount on a link at all, crun 1.8.1 of Debian nothing
	for _, tc := range []struct {
		name string
		odd  func(p *prey) string
	}{
		{"plain", func(*prey) string { return "plain" }},
		{"the end of a key", func(p *prey) string { return "x]:" + p.Dir + "/dir" }},
		{"a key", func(p *prey) string { return "mnt[" + p.Dir + "]:" + p.Dir }},
		{"a key for the root", func(*prey) string { return "]:/" }},
		{"a value", func(p *prey) string { return "a:" + p.Dir }},
		{"a further option", func(p *prey) string { return "b\n--external\nmnt[c]:" + p.Dir }},
		{"lists", func(*prey) string { return "c,d=e" }},
		{"quotes", func(*prey) string { return `d"e\f'` }},
		{"brackets", func(*prey) string { return "[g]" }},
		{"an option", func(*prey) string { return "--f" }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBundle(t)
			p := b.prey()
			odd := tc.odd(p)
			mkdir(t, b.Rootfs+"/odd/"+odd, 0o755)
			b.bait("/way", "/odd/"+odd)
			withMount(bind(b.volume("volume"), "/way", "bind", "rw"))(b.Spec)
			c := b.running()
			before := mountRoots(t, c.Pid)
			images, pidFile := filepath.Join(b.Dir, "images"), filepath.Join(b.Dir, "restored.pid")
			res := b.runtime("checkpoint", "--image-path", images, b.ID)
			if res.Exit == 0 {
				reap(t)
				res = b.runtime("restore", "--detach", "--image-path", images, "--bundle", b.Dir, "--pid-file", pidFile, b.ID)
			}
			p.wantUntouched()
			if res.Exit != 0 {
				t.Logf("refused: %s", res.Stderr)
				want(t, "a plain name is refused", tc.name == "plain", false)
				return
			}
			after := mountRoots(t, atoi(t, readFile(t, pidFile)))
			for target, root := range after {
				if was, ok := before[target]; !ok || was != root {
					t.Errorf("on %q is %q, was %q", target, root, was)
				}
			}
			want(t, "number of mounts", len(after), len(before))
		})
	}
}

// mountRoots is what a process has mounted: target → the directory of its file system that is there.
func mountRoots(t *testing.T, pid int) map[string]string {
	t.Helper()
	list := map[string]string{}
	for line := range strings.Lines(readFile(t, "/proc/"+itoa(pid)+"/mountinfo")) {
		if f := strings.Fields(line); len(f) > 5 {
			list[f[4]] = f[3]
		}
	}
	return list
}
