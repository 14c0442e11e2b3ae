package check

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/spec"
)

// The findings are the host's alone: a config with nothing in it asks for nothing.
func TestHost_empty(t *testing.T) {
	if got := Host(&specs.Spec{}, Options{Bundle: "/nowhere"}); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func paths(list []Finding) (out []string) {
	for _, f := range list {
		mark := " note"
		switch {
		case f.Fatal:
			mark = " fatal"
		case f.Info:
			mark = " info"
		}
		out = append(out, f.Path+mark)
	}
	return out
}

// What a runtime without any privilege cannot do.
func TestHost_withoutCapabilities(t *testing.T) {
	score := -1000
	root := tree(t, "bin/sh")
	s := &specs.Spec{
		Root: &specs.Root{Path: root},
		Process: &specs.Process{
			Args: []string{"/bin/sh"}, Cwd: "/", OOMScoreAdj: &score,
			Capabilities: &specs.LinuxCapabilities{Permitted: []string{"CAP_KILL"}, Effective: []string{"CAP_KILL"}},
			Rlimits:      []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 1 << 62, Soft: 1}, {Type: "RLIMIT_CORE"}},
			Scheduler:    &specs.Scheduler{Policy: specs.SchedFIFO, Nice: -1, Priority: 1},
			IOPriority:   &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_RT},
		},
		Linux: &specs.Linux{
			Namespaces: []specs.LinuxNamespace{{Type: specs.MountNamespace}},
			Devices:    []specs.LinuxDevice{{Path: "/dev/no-such-device", Type: "c", Major: 1, Minor: 3}, {Path: "/dev/null", Type: "c", Major: 1, Minor: 3}},
		},
	}
	got := paths(Host(s, Options{Bundle: root}))
	want := []string{
		"process.capabilities.permitted[0] note", "process.rlimits[0].hard fatal", "process.oomScoreAdj fatal", "process.scheduler.policy fatal", "process.scheduler.nice fatal",
		"process.ioPriority.class fatal", "linux.namespaces[0] fatal", "linux.devices[0].path fatal",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := paths(Host(s, Options{Bundle: root, Capabilities: 1<<41 - 1})); slices.Contains(got, "process.scheduler.policy fatal") || slices.Contains(got, "linux.namespaces[0] fatal") {
		t.Errorf("with all capabilities: %q", got)
	}
}

// Programs that come with a mount, or by way of one, are not missing.
func TestHost_programsInMounts(t *testing.T) {
	bundle := tree(t, "rootfs/etc/", "rootfs/usr/", "rootfs/bin>/usr/bin", "tools/sh", "tools/ld", "init")
	script := filepath.Join(bundle, "tools/script")
	if err := os.WriteFile(script, []byte("#!/bin/ld\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		want string
	}{
		{"/bin/sh", ""}, {"sh", ""}, {"/usr/bin/sh", ""}, {"/dev/init", ""}, {"/sbin/init", ""}, {"/bin/script", ""}, {"/volatile/x", "process.args[0] fatal"}, {"/unknown/x", ""},
		{"/bin/nosuch", "process.args[0] fatal"}, {"nosuch", "process.args[0] fatal"}, {"/etc", "process.args[0] fatal"},
	} {
		s := &specs.Spec{
			Root:    &specs.Root{Path: "rootfs"},
			Process: &specs.Process{Args: []string{c.args}, Cwd: "/", Env: []string{"PATH=/bin"}},
			Mounts: []specs.Mount{
				{Destination: "/dev", Type: "tmpfs"}, {Destination: "/dev/init", Source: "init", Options: []string{"bind"}}, {Destination: "/volatile", Type: "tmpfs"}, {Destination: "/unknown", Type: "tmpfs", Options: []string{"tmpcopyup"}},
				{Destination: "/usr/bin", Source: "tools", Options: []string{"rbind", "ro"}}, {Destination: "/sbin/init", Source: "init", Options: []string{"bind"}},
			},
		}
		if got := strings.Join(paths(Host(s, Options{Bundle: bundle})), " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.args, got, c.want)
		}
	}
}

// Whatever a config holds, it is judged without a crash, and nothing is left open.
func FuzzHost(f *testing.F) {
	for _, text := range []string{
		`{"root":{"path":"/"},"process":{"args":["sh"],"cwd":"/x/../..","user":{"uid":7}},"mounts":[{"destination":"/a","source":"/etc","options":["rbind"]},{"destination":"/","type":"x"}]}`,
		`{"linux":{"namespaces":[{"type":"user"},{"type":"network","path":"/proc/self/ns/net"}],"uidMappings":[{"containerID":0,"hostID":0,"size":9}],"sysctl":{"net.x":"1","a/b.c":""}}}`,
		`{"hooks":{"prestart":[{"path":"/bin/sh"}],"startContainer":[{"path":"../x"}]},"linux":{"devices":[{"path":"/dev/null","type":"c","major":1}],"netDevices":{"eth0":{}}}}`,
		`{"linux":{"resources":{"cpu":{"cpus":"0-"},"hugepageLimits":[{"pageSize":"2MB"}],"blockIO":{"weightDevice":[{"major":-1}]}},"memoryPolicy":{"mode":"MPOL_BIND","nodes":"x-"},"seccomp":{"syscalls":[{"names":["a",""]}],"flags":["x"]}}}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, _, err := spec.ParseAll(raw)
		if err != nil {
			return
		}
		for _, found := range Host(l.Spec, Options{Bundle: "/nowhere"}) {
			if found.Message == "" || found.Source == "" {
				t.Errorf("%+v", found)
			}
		}
	})
}
