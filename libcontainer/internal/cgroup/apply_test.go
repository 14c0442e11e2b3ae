package cgroup

import (
	"errors"
	"github.com/opencontainers/runtime-spec/specs-go"
	"io"
	"os"
	"path"
	"runtime"
	"strings"
	"testing"

	"github.com/rung-oci/rung/libcontainer/internal/host"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// onlyV2 puts this test where the host's cgroup v2 is all there is: its thread
// has a mount namespace of its own, and ends with the test.
func onlyV2(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mount namespaces are root's")
	}
	l, err := host.Cgroups()
	if err != nil {
		t.Fatal(err)
	}
	switch l.Mode {
	case host.V2:
		return
	case host.Hybrid:
	default:
		t.Skip("no cgroup v2 here")
	}
	runtime.LockOSThread() // and never unlocked
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		t.Skip("no mount namespace to be had: ", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(l.Root+"/unified", l.Root, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	if l, err := host.Cgroups(); err != nil || l.Mode != host.V2 {
		t.Fatalf("the layout is %+v, %v", l, err)
	}
}

// inside runs a script in the group and gives what it writes.
func inside(t *testing.T, g *Group, script string) string {
	t.Helper()
	cmd, out := start(t, g, script)
	text, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	return string(text)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantFile(t *testing.T, file, want string) {
	t.Helper()
	if got, err := readFile(file); err != nil || got != want {
		t.Errorf("%s: %q, %v, want %q", file, got, err, want)
	}
}

func needsV1(t *testing.T, g *Group, controllers ...string) {
	t.Helper()
	for _, c := range controllers {
		if g.v1(c) == nil {
			t.Skip("no v1 controller " + c)
		}
	}
}

func TestApply_v1(t *testing.T) {
	g := testGroup(t)
	needsV1(t, g, "memory", "cpu", "cpuset", "pids")
	must(t, g.Create())
	r := &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: ptr(int64(32 << 20)), Reservation: ptr(int64(16 << 20))},
		CPU:    &specs.LinuxCPU{Shares: ptr(uint64(512)), Quota: ptr(int64(50000)), Period: ptr(uint64(200000)), Cpus: "0"},
		Pids:   &specs.LinuxPids{Limit: ptr(int64(20))},
	}
	must(t, apply(g, r))
	memory, cpu, pids := g.v1("memory").Path, g.v1("cpu").Path, g.v1("pids").Path
	wantFile(t, memory+"/memory.limit_in_bytes", "33554432")
	wantFile(t, memory+"/memory.soft_limit_in_bytes", "16777216")
	wantFile(t, cpu+"/cpu.shares", "512")
	wantFile(t, cpu+"/cpu.cfs_quota_us", "50000")
	wantFile(t, cpu+"/cpu.cfs_period_us", "200000")
	wantFile(t, g.v1("cpuset").Path+"/cpuset.cpus", "0")
	wantFile(t, pids+"/pids.max", "max")
	must(t, applyLate(g, r))
	wantFile(t, pids+"/pids.max", "20")
	must(t, update(g, &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(-1))}, Memory: &specs.LinuxMemory{Limit: ptr(int64(64 << 20))}}))
	wantFile(t, pids+"/pids.max", "max")
	wantFile(t, memory+"/memory.limit_in_bytes", "67108864")
	must(t, update(g, &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(-1))}}))
	wantFile(t, cpu+"/cpu.shares", "512")
}

// A quota and a period that each by itself go over the parent's share.
func TestUpdate_bandwidthOrder(t *testing.T) {
	g := testGroup(t)
	needsV1(t, g, "cpu")
	must(t, g.Create())
	cpu := g.v1("cpu").Path
	must(t, sys.WriteFile(path.Dir(cpu)+"/cpu.cfs_quota_us", "50000"))
	set := func(quota int64, period uint64) *specs.LinuxResources {
		return &specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: &quota, Period: &period}}
	}
	for _, c := range []struct {
		quota  int64
		period uint64
	}{{500000, 1000000}, {3000, 10000}, {500000, 1000000}, {5000, 10000}, {50000, 100000}} {
		must(t, update(g, set(c.quota, c.period)))
	}
	err := update(g, set(60000, 100000))
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, unix.EINVAL) || e.Origin != "linux.resources.cpu.quota" || e.Value != "60000" {
		t.Errorf("more than the parent has: %v", err)
	}
	wantFile(t, cpu+"/cpu.cfs_quota_us", "50000")
}

func TestUpdate_leavesWhatWasThere(t *testing.T) {
	g := testGroup(t)
	needsV1(t, g, "memory", "cpu", "blkio")
	must(t, g.Create())
	must(t, apply(g, &specs.LinuxResources{
		CPU:    &specs.LinuxCPU{Shares: ptr(uint64(512)), Quota: ptr(int64(50000)), Period: ptr(uint64(200000))},
		Memory: &specs.LinuxMemory{Limit: ptr(int64(32 << 20))},
	}))
	err := update(g, &specs.LinuxResources{
		CPU:     &specs.LinuxCPU{Shares: ptr(uint64(100)), Quota: ptr(int64(1000)), Period: ptr(uint64(1000))},
		Memory:  &specs.LinuxMemory{Limit: ptr(int64(64 << 20))},
		BlockIO: &specs.LinuxBlockIO{ThrottleReadBpsDevice: []specs.LinuxThrottleDevice{{LinuxBlockIODevice: specs.LinuxBlockIODevice{Major: 250, Minor: 250}, Rate: 1}}},
	})
	if !errors.Is(err, unix.ENODEV) || !strings.Contains(err.Error(), `linux.resources.blockIO.throttleReadBpsDevice[0]: write "250:250 1" to `) {
		t.Errorf("a device that is not there: %v", err)
	}
	cpu := g.v1("cpu").Path
	wantFile(t, cpu+"/cpu.shares", "512")
	wantFile(t, cpu+"/cpu.cfs_quota_us", "50000")
	wantFile(t, cpu+"/cpu.cfs_period_us", "200000")
	wantFile(t, g.v1("memory").Path+"/memory.limit_in_bytes", "33554432")
}

func TestApply_unifiedOnV1(t *testing.T) {
	g := testGroup(t)
	needsV1(t, g, "memory")
	must(t, g.Create())
	if err := apply(g, &specs.LinuxResources{Unified: map[string]string{"memory.high": "1"}}); err == nil || !strings.Contains(err.Error(), "invalid configuration") {
		t.Errorf("got %v", err)
	}
}

func TestApply_noController(t *testing.T) {
	g := testGroup(t)
	must(t, g.Create())
	err := apply(g, &specs.LinuxResources{Rdma: map[string]specs.LinuxRdma{"x": {HcaHandles: ptr(uint32(1))}}})
	have := ""
	if d := g.v2(); d != nil {
		have, _ = readFile(d.Mount + "/cgroup.controllers")
	}
	if g.v1("rdma") == nil && !hasWord(have, "rdma") && (err == nil || !strings.HasPrefix(err.Error(), "linux.resources.rdma.x: the rdma controller is not available")) {
		t.Errorf("rdma: %v", err)
	}
	err = apply(g, &specs.LinuxResources{Network: &specs.LinuxNetwork{ClassID: ptr(uint32(1))}})
	if g.v1("net_cls") == nil && (err == nil || !strings.HasPrefix(err.Error(), "linux.resources.network.classID: the net_cls controller is not available")) {
		t.Errorf("net_cls: %v", err)
	}
	none := &specs.LinuxResources{Network: &specs.LinuxNetwork{ClassID: ptr(uint32(0))}}
	must(t, apply(g, none))
	c, err := controls(g, none)
	must(t, err)
	if list := g.Lacking(c.Early); len(list) > 0 {
		t.Errorf("class 0: %v", list)
	}
}

// No limit is no matter for a controller.
func TestApply_noLimits(t *testing.T) {
	onlyV2(t)
	g := testGroup(t)
	must(t, g.Create())
	r := &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: ptr(int64(-1)), Swap: ptr(int64(-1))}, CPU: &specs.LinuxCPU{Quota: ptr(int64(-1))}, Pids: &specs.LinuxPids{Limit: ptr(int64(-1))},
	}
	must(t, apply(g, r))
	must(t, applyLate(g, r))
	must(t, update(g, r))
}

// A controller that a hybrid host has in its cgroup v2.
func TestApply_controllerOfEither(t *testing.T) {
	for _, where := range []string{"host", "v2"} {
		t.Run(where, func(t *testing.T) {
			if where == "v2" {
				onlyV2(t)
			}
			g := testGroup(t)
			d := g.v2()
			if d == nil || g.v1("hugetlb") != nil {
				t.Skip("huge pages are v1's here")
			}
			if list, _ := readFile(d.Mount + "/cgroup.controllers"); !hasWord(list, "hugetlb") || !exists("/sys/kernel/mm/hugepages/hugepages-2048kB") {
				t.Skip("no huge pages")
			}
			must(t, g.Create())
			must(t, apply(g, &specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 4 << 20}}}))
			wantFile(t, d.Path+"/hugetlb.2MB.max", "4194304")
			wantFile(t, d.Path+"/hugetlb.2MB.rsvd.max", "4194304")
			if where == "v2" {
				must(t, update(g, &specs.LinuxResources{Unified: map[string]string{"hugetlb.2MB.max": "max"}}))
				wantFile(t, d.Path+"/hugetlb.2MB.max", "max")
				err := update(g, &specs.LinuxResources{Unified: map[string]string{"hugetlb.2MB.max": "0", "hugetlb.2MB.none": "1"}})
				if !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.EPERM) {
					t.Errorf("a file that is not there: %v", err)
				}
				wantFile(t, d.Path+"/hugetlb.2MB.max", "max")
			}
		})
	}
}

const denied, granted = "no\n", "yes\n"

func opens(dev, how string) string {
	return "(exec 3" + how + dev + ") 2>/dev/null && echo yes || echo no"
}

func TestApply_devices(t *testing.T) {
	device := func(minor int64, access plan.DeviceAccess) plan.DeviceRule {
		return plan.DeviceRule{Allow: true, Type: 'c', Major: 1, Minor: minor, Access: access}
	}
	zero, null := device(5, plan.DeviceAll), device(3, plan.DeviceAll)
	for _, where := range []string{"host", "v2"} {
		t.Run(where, func(t *testing.T) {
			if where == "v2" {
				onlyV2(t)
			}
			g := testGroup(t)
			must(t, g.Create())
			must(t, g.Devices([]plan.DeviceRule{null, zero}))
			for script, want := range map[string]string{
				opens("/dev/zero", "<"): granted, opens("/dev/null", "<>"): granted, opens("/dev/full", "<"): denied,
			} {
				if got := inside(t, g, script); got != want {
					t.Errorf("at first: %s: %s", script, got)
				}
			}
			// by another process, which knows no more than the record
			other := Open(g.Dirs())
			must(t, other.Update(nil, []plan.DeviceRule{null, device(5, plan.DeviceRead), device(7, plan.DeviceAll)}, nil))
			for script, want := range map[string]string{
				opens("/dev/zero", "<"): granted, opens("/dev/zero", "<>"): denied, opens("/dev/full", "<>"): granted,
			} {
				if got := inside(t, g, script); got != want {
					t.Errorf("updated: %s: %s", script, got)
				}
			}
			must(t, other.Update(nil, []plan.DeviceRule{{Allow: true, Type: 'a'}}, nil))
			if got := inside(t, g, opens("/dev/random", "<>")); got != granted {
				t.Errorf("all: %s", got)
			}
		})
	}
}

// One program takes the other's place, whoever attached it.
func TestApply_devicesReplaced(t *testing.T) {
	onlyV2(t)
	g := testGroup(t)
	must(t, g.Create())
	dir, err := sys.Open(g.v2().Path, unix.O_RDONLY|unix.O_DIRECTORY)
	must(t, err)
	defer sys.Close(dir)
	for range 5 {
		must(t, Open(g.Dirs()).Devices([]plan.DeviceRule{}))
		fds, err := attached(dir, false)
		must(t, err)
		for _, fd := range fds {
			sys.Close(fd)
		}
		if len(fds) != 1 {
			t.Errorf("%d programs", len(fds))
		}
	}
}

func TestGroup_onlyV2(t *testing.T) {
	onlyV2(t)
	g := testGroup(t)
	if dirs := g.Dirs(); len(dirs) != 1 || !dirs[0].V2 || dirs[0].Name != "" || dirs[0].Mount != mountRoot {
		t.Fatalf("%+v", dirs)
	}
	must(t, g.Create())
	cmd, _ := start(t, g, "sleep 1000 & wait")
	must(t, g.Freeze())
	if !g.Frozen() {
		t.Error("not frozen")
	}
	go func() { _ = cmd.Wait() }()
	must(t, g.Kill(unix.SIGKILL))
	if pids, err := g.Pids(); len(pids) != 0 || err != nil {
		t.Errorf("left: %v, %v", pids, err)
	}
	must(t, g.Delete())
	if exists(path.Dir(g.v2().Path)) {
		t.Error("what Create made is left")
	}
}

func TestOOMKills(t *testing.T) {
	g := testGroup(t)
	needsV1(t, g, "memory")
	must(t, g.Create())
	must(t, apply(g, &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(8 << 20))}}))
	if n := g.OOMKills(); n != 0 {
		t.Errorf("at first: %d", n)
	}
	cmd, _ := start(t, g, "exec head -c 200000000 /dev/zero | tail")
	_ = cmd.Wait()
	if n := g.OOMKills(); n == 0 {
		t.Error("nothing was killed")
	}
}
