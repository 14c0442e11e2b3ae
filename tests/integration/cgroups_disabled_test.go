package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestCgroups_disabled_makes_none(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	b.Globals = append(b.Globals, "--cgroup-manager", "disabled")
	b.Spec.Linux.CgroupsPath, b.Spec.Linux.Resources = "", nil
	outside(b.Spec)
	c := b.running()
	wantSlice(t, "cgroups", cgroupsOf(b.ID), nil)
	own := readFile(t, "/proc/self/cgroup")
	want(t, "cgroups of the container", readFile(t, "/proc/"+itoa(c.Pid)+"/cgroup"), own)
	for _, line := range c.execProbe(nil).cgroupLines() {
		if !strings.Contains("\n"+own+"\n", "\n"+line+"\n") {
			t.Errorf("exec is in %s, which is no cgroup of the caller", line)
		}
	}
	b.wantStatus("running")
	b.must("kill", b.ID, "KILL")
	c.wait()
	b.must("delete", b.ID)
}

func TestCgroups_disabled_refuses_limits_and_warns_of_the_rest(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	b.Globals = append(b.Globals, "--cgroup-manager=disabled")
	b.Spec.Process.Args = []string{"/probe", "--echo", "it-started"}
	b.Spec.Linux.Resources.Pids = &specs.LinuxPids{Limit: ptr[int64](5)}
	wantFailure(t, b.run(), "linux.resources: limits need a cgroup")
	wantFailure(t, b.runtime("check", "--bundle", b.Dir), "linux.resources: limits need a cgroup")
	b.Spec.Linux.Resources.Pids = nil // rules for devices and a path are left
	res := b.run()
	want(t, "output", res.Stdout, "it-started\n")
	for _, field := range []string{"linux.resources.devices: ", "linux.cgroupsPath: "} {
		if !strings.Contains(res.Stderr, field) {
			t.Errorf("%q has no warning of %s", res.Stderr, field)
		}
	}
}

func TestCgroups_check_warns_of_a_path_of_the_other_driver(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	b.Spec.Linux.CgroupsPath = "rung-test.slice:p:" + b.ID
	b.writeConfig()
	res := b.runtime("check", "--bundle", b.Dir)
	want(t, "exit status", res.Exit, 0)
	if !strings.Contains(res.output(), "linux.cgroupsPath: \"rung-test.slice:p:"+b.ID+"\" is the form of the systemd cgroup driver") {
		t.Errorf("check says nothing of the form: %s", res.output())
	}
}

func TestCgroups_class_0_needs_no_controller(t *testing.T) {
	t.Parallel()
	mustRun := resources(func(r *specs.LinuxResources) { r.Network = &specs.LinuxNetwork{ClassID: ptr[uint32](0)} })
	newBundle(t).probe(mustRun)
}

func TestUserns_mappings_without_one_are_ignored(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Linux.UIDMappings, b.Spec.Linux.GIDMappings = mapping(0, 100000, 10), mapping(0, 100000, 10)
	b.Spec.Process.User = specs.User{UID: 1000, GID: 1000}
	r := b.probe(nil)
	want(t, "uid", r.UID[0], 1000)
	if runtimeName != "rung" {
		return
	}
	res := b.runtime("check", "--bundle", b.Dir)
	for _, field := range []string{"linux.uidMappings: ", "linux.gidMappings: "} {
		if !strings.Contains(res.output(), field+"has no effect without a user namespace") {
			t.Errorf("check says nothing of %s: %s", field, res.output())
		}
	}
}

func TestProcess_a_directory_in_PATH_is_not_found(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	if err := os.MkdirAll(filepath.Join(b.Rootfs, "opt/program"), 0o755); err != nil {
		t.Fatal(err)
	}
	b.Spec.Process.Args = []string{"program"}
	for _, path := range []string{"/opt", "/none:/opt", "/opt:/none", "/opt:/tmp"} {
		b.Spec.Process.Env = []string{"PATH=" + path}
		wantFailure(t, b.run(), `exec: "program": executable file not found in $PATH`)
	}
	b.Spec.Process.Args = []string{"/opt/program"}
	wantFailure(t, b.run(), "is a directory")
}
