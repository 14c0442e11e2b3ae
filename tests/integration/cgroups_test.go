package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// cgroupDir is where the container's cgroup of a controller is on the host; on v2 it is one for all.
func (b *bundle) cgroupDir(controller string) string {
	if cgroupKind() == "v2" {
		return filepath.Join("/sys/fs/cgroup", b.Spec.Linux.CgroupsPath)
	}
	return filepath.Join("/sys/fs/cgroup", controller, b.Spec.Linux.CgroupsPath)
}

// inCgroup is a started container that waits, so that its cgroup can be looked at.
func (b *bundle) inCgroup(edit func(*specs.Spec)) *container {
	b.t.Helper()
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	edits(edit)(b.Spec)
	return b.create()
}

func resources(edit func(r *specs.LinuxResources)) func(*specs.Spec) {
	return func(s *specs.Spec) { edit(s.Linux.Resources) }
}

func TestCgroups_the_container_is_in_all_of_them(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	c := b.inCgroup(nil)
	r := report{Cgroup: strings.Split(readFile(t, fmt.Sprintf("/proc/%d/cgroup", c.Pid)), "\n")}
	for _, line := range r.cgroupLines() {
		if strings.HasPrefix(line, "0::") && cgroupKind() == "hybrid" {
			continue // has a test of its own
		}
		if !strings.HasSuffix(line, ":/"+b.ID) {
			t.Errorf("/proc/%d/cgroup: %s", c.Pid, line)
		}
	}
}

func TestCgroups_hybrid_the_unified_one_is_joined(t *testing.T) {
	t.Parallel()
	requires(t, "hybrid")
	b := newBundle(t)
	c := b.inCgroup(nil)
	if data := readFile(t, fmt.Sprintf("/proc/%d/cgroup", c.Pid)); !strings.Contains(data, "0::/"+b.ID) {
		t.Errorf("/proc/%d/cgroup: %s", c.Pid, data)
	}
}

func TestCgroups_path_with_parents(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Linux.CgroupsPath = "/rit-parent-" + b.ID + "/below/" + b.ID
	t.Cleanup(func() { // parents made on the way stay: they may be shared
		for _, top := range topCgroups() {
			_ = os.Remove(filepath.Join(top, "rit-parent-"+b.ID, "below"))
			_ = os.Remove(filepath.Join(top, "rit-parent-"+b.ID))
		}
	})
	c := b.inCgroup(nil)
	r := report{Cgroup: strings.Split(strings.TrimSpace(readFile(t, fmt.Sprintf("/proc/%d/cgroup", c.Pid))), "\n")}
	for _, line := range r.cgroupLines() {
		if cgroupKind() == "v2" != strings.HasPrefix(line, "0::") {
			continue
		}
		if !strings.HasSuffix(line, b.Spec.Linux.CgroupsPath) {
			t.Errorf("/proc/%d/cgroup: %s", c.Pid, line)
		}
	}
	b.must("delete", "--force", b.ID)
	wantSlice(t, "cgroups", cgroupsOf(b.ID), nil)
}

func topCgroups() (dirs []string) {
	if cgroupKind() == "v2" {
		return []string{"/sys/fs/cgroup"}
	}
	entries, err := os.ReadDir("/sys/fs/cgroup")
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		dirs = append(dirs, filepath.Join("/sys/fs/cgroup", e.Name()))
	}
	return dirs
}

func TestCgroups_without_a_path_the_last_part_is_the_id(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	c := b.inCgroup(func(s *specs.Spec) { s.Linux.CgroupsPath = "" })
	r := report{Cgroup: strings.Split(readFile(t, fmt.Sprintf("/proc/%d/cgroup", c.Pid)), "\n")}
	for _, line := range r.cgroupLines() {
		if strings.HasPrefix(line, "0::") && cgroupKind() == "hybrid" {
			continue
		}
		want(t, "last part", filepath.Base(line), b.ID)
	}
}

func TestCgroups_a_path_that_leaves_the_hierarchy_does_not(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Linux.CgroupsPath = "/../../../" + b.ID
	b.Spec.Process.Args = []string{"/probe"}
	b.run() // refused, or cleaned
	want(t, "made outside", exists("/"+b.ID) || exists("/sys/"+b.ID), false)
}

// ---- values

type value struct{ controller, file, want string }

func TestCgroups_v1_values(t *testing.T) {
	t.Parallel()
	requires(t, "cgroupv1")
	blk := blockDevice(t)
	for name, c := range map[string]struct {
		edit func(r *specs.LinuxResources)
		want []value
	}{
		"pids":           {func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr[int64](42)} }, []value{{"pids", "pids.max", "42"}}},
		"pids unlimited": {func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr[int64](-1)} }, []value{{"pids", "pids.max", "max"}}},
		"memory": {func(r *specs.LinuxResources) {
			r.Memory = &specs.LinuxMemory{Limit: ptr[int64](50 << 20), Reservation: ptr[int64](30 << 20)}
		}, []value{{"memory", "memory.limit_in_bytes", "52428800"}, {"memory", "memory.soft_limit_in_bytes", "31457280"}}},
		"memory swappiness": {func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Swappiness: ptr[uint64](60)} }, []value{{"memory", "memory.swappiness", "60"}}},
		"memory oom": {func(r *specs.LinuxResources) {
			r.Memory = &specs.LinuxMemory{Limit: ptr[int64](50 << 20), DisableOOMKiller: ptr(true)}
		}, []value{{"memory", "memory.oom_control", "oom_kill_disable 1"}}},
		"cpu shares": {func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Shares: ptr[uint64](333)} }, []value{{"cpu", "cpu.shares", "333"}}},
		"cpu quota": {func(r *specs.LinuxResources) {
			r.CPU = &specs.LinuxCPU{Quota: ptr[int64](50000), Period: ptr[uint64](200000)}
		}, []value{{"cpu", "cpu.cfs_quota_us", "50000"}, {"cpu", "cpu.cfs_period_us", "200000"}}},
		"cpu quota alone":  {func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Quota: ptr[int64](50000)} }, []value{{"cpu", "cpu.cfs_quota_us", "50000"}, {"cpu", "cpu.cfs_period_us", "100000"}}},
		"cpu period alone": {func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Period: ptr[uint64](50000)} }, []value{{"cpu", "cpu.cfs_quota_us", "-1"}, {"cpu", "cpu.cfs_period_us", "50000"}}},
		"cpu real time": {func(r *specs.LinuxResources) {
			r.CPU = &specs.LinuxCPU{RealtimePeriod: ptr[uint64](500000), RealtimeRuntime: ptr[int64](1000)}
		}, []value{{"cpu", "cpu.rt_period_us", "500000"}, {"cpu", "cpu.rt_runtime_us", "1000"}}},
		"cpu idle": {func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Idle: ptr[int64](1)} }, []value{{"cpu", "cpu.idle", "1"}}},
		"cpu burst": {func(r *specs.LinuxResources) {
			r.CPU = &specs.LinuxCPU{Quota: ptr[int64](50000), Burst: ptr[uint64](10000)}
		}, []value{{"cpu", "cpu.cfs_burst_us", "10000"}}},
		"cpuset":      {func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Cpus: "0", Mems: "0"} }, []value{{"cpuset", "cpuset.cpus", "0"}, {"cpuset", "cpuset.mems", "0"}}},
		"cpuset none": {func(r *specs.LinuxResources) {}, []value{{"cpuset", "cpuset.mems", "0"}}},
		"blkio throttle": {func(r *specs.LinuxResources) {
			d := specs.LinuxThrottleDevice{Rate: 102400}
			d.Major, d.Minor = blk[0], blk[1]
			r.BlockIO = &specs.LinuxBlockIO{ThrottleReadBpsDevice: []specs.LinuxThrottleDevice{d}, ThrottleWriteBpsDevice: []specs.LinuxThrottleDevice{d, d}, ThrottleReadIOPSDevice: []specs.LinuxThrottleDevice{d}}
		}, []value{
			{"blkio", "blkio.throttle.read_bps_device", fmt.Sprintf("%d:%d 102400", blk[0], blk[1])},
			{"blkio", "blkio.throttle.write_bps_device", fmt.Sprintf("%d:%d 102400", blk[0], blk[1])},
			{"blkio", "blkio.throttle.read_iops_device", fmt.Sprintf("%d:%d 102400", blk[0], blk[1])},
		}},
		"devices": {func(r *specs.LinuxResources) {
			r.Devices = append(r.Devices, allow("c", 10, 229, "rw"), allow("b", 7, -1, "r"))
		}, []value{{"devices", "devices.list", "c 10:229 rw"}, {"devices", "devices.list", "b 7:* r"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, v := range c.want {
				requires(t, "v1:"+v.controller)
				if !exists(filepath.Join("/sys/fs/cgroup", v.controller, v.file)) && !strings.HasPrefix(v.file, "devices") && v.file != "pids.max" && v.file != "cpu.idle" {
					requires(t, "file:"+filepath.Join("/sys/fs/cgroup", v.controller, v.file))
				}
			}
			switch name {
			case "cpu burst", "cpu idle":
				requires(t, "rt:runc-1.4")
			}
			b := newBundle(t)
			b.inCgroup(resources(c.edit))
			for _, v := range c.want {
				data := readFile(t, filepath.Join(b.cgroupDir(v.controller), v.file))
				if !slices.Contains(strings.Split(data, "\n"), v.want) {
					t.Errorf("%s: %q, want %q", v.file, data, v.want)
				}
			}
		})
	}
}

// blockDevice is one the host has; 0:0 if none.
func blockDevice(t *testing.T) [2]int64 {
	t.Helper()
	entries, _ := os.ReadDir("/sys/block")
	for _, e := range entries {
		major, minor, ok := strings.Cut(readFile(t, "/sys/block/"+e.Name()+"/dev"), ":")
		if !ok {
			continue
		}
		ma, _ := strconv.ParseInt(major, 10, 64)
		mi, _ := strconv.ParseInt(minor, 10, 64)
		return [2]int64{ma, mi}
	}
	return [2]int64{}
}

func TestCgroups_v1_memory_and_swap(t *testing.T) {
	t.Parallel()
	requires(t, "v1:memory", "file:/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes")
	b := newBundle(t)
	b.inCgroup(resources(func(r *specs.LinuxResources) {
		r.Memory = &specs.LinuxMemory{Limit: ptr[int64](30 << 20), Swap: ptr[int64](50 << 20)}
	}))
	want(t, "memsw", readFile(t, b.cgroupDir("memory")+"/memory.memsw.limit_in_bytes"), "52428800")
}

func TestCgroups_v1_hugetlb_and_network(t *testing.T) {
	t.Parallel()
	requires(t, "v1:net_cls", "v1:net_prio")
	b := newBundle(t)
	b.inCgroup(resources(func(r *specs.LinuxResources) {
		r.Network = &specs.LinuxNetwork{ClassID: ptr[uint32](0x100001), Priorities: []specs.LinuxInterfacePriority{{Name: "lo", Priority: 5}}}
	}))
	want(t, "class", readFile(t, b.cgroupDir("net_cls")+"/net_cls.classid"), strconv.Itoa(0x100001))
}

func TestCgroups_v2_values(t *testing.T) {
	t.Parallel()
	requires(t, "cgroupv2")
	for name, c := range map[string]struct {
		edit func(r *specs.LinuxResources)
		want []value
	}{
		"pids": {func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr[int64](42)} }, []value{{"pids", "pids.max", "42"}}},
		"memory": {func(r *specs.LinuxResources) {
			r.Memory = &specs.LinuxMemory{Limit: ptr[int64](50 << 20), Reservation: ptr[int64](30 << 20), Swap: ptr[int64](80 << 20)}
		}, []value{{"memory", "memory.max", "52428800"}, {"memory", "memory.low", "31457280"}, {"memory", "memory.swap.max", "31457280"}}},
		"no swap": {func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Swap: ptr[int64](0)} }, []value{{"memory", "memory.swap.max", "0"}, {"memory", "memory.max", "max"}}},
		"no limits": {func(r *specs.LinuxResources) {
			r.Memory = &specs.LinuxMemory{Limit: ptr[int64](0), Swap: ptr[int64](0)}
		}, []value{{"memory", "memory.swap.max", "max"}}},
		"cpu": {func(r *specs.LinuxResources) {
			r.CPU = &specs.LinuxCPU{Shares: ptr[uint64](100), Quota: ptr[int64](50000), Period: ptr[uint64](200000)}
		}, []value{{"cpu", "cpu.weight", "17"}, {"cpu", "cpu.max", "50000 200000"}}},
		"cpu period alone": {func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Period: ptr[uint64](50000)} }, []value{{"cpu", "cpu.max", "max 50000"}}},
		"cpuset":           {func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Cpus: "0", Mems: "0"} }, []value{{"cpuset", "cpuset.cpus", "0"}, {"cpuset", "cpuset.mems", "0"}}},
		"unified": {func(r *specs.LinuxResources) {
			r.Pids = &specs.LinuxPids{Limit: ptr[int64](42)}
			r.Unified = map[string]string{"pids.max": "99", "memory.high": "40000000"}
		}, []value{{"pids", "pids.max", "99"}, {"memory", "memory.high", "39997440"}}},
		"unified core": {func(r *specs.LinuxResources) {
			r.Unified = map[string]string{"cgroup.max.depth": "5", "cgroup.max.descendants": "7"}
		},
			[]value{{"", "cgroup.max.depth", "5"}, {"", "cgroup.max.descendants", "7"}}},
		"hugetlb": {func(r *specs.LinuxResources) {
			r.HugepageLimits = []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 4 << 20}}
		}, []value{{"hugetlb", "hugetlb.2MB.max", "4194304"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, v := range c.want {
				if v.controller != "" {
					requires(t, "v2:"+v.controller)
				}
			}
			b := newBundle(t)
			b.inCgroup(resources(c.edit))
			for _, v := range c.want {
				want(t, v.file, readFile(t, filepath.Join(b.cgroupDir(""), v.file)), v.want)
			}
		})
	}
}

func TestCgroups_unified_resources_are_refused_on_v1(t *testing.T) {
	t.Parallel()
	requires(t, "cgroupv1")
	mustFail(t, resources(func(r *specs.LinuxResources) { r.Unified = map[string]string{"memory.max": "1000000"} }))
}

func TestCgroups_a_value_the_kernel_refuses_is_named(t *testing.T) {
	t.Parallel()
	requires(t, "v1:cpuset")
	res := mustFail(t, resources(func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Cpus: "1023"} }))
	if !strings.Contains(res.Stderr, "cpuset.cpus") || !strings.Contains(res.Stderr, "1023") {
		t.Errorf("error %q does not name the file and the value", res.Stderr)
	}
}

func TestCgroups_a_period_the_kernel_would_refuse_is_refused(t *testing.T) {
	t.Parallel()
	requires(t, "ctrl:cpu")
	mustFail(t, resources(func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Period: ptr[uint64](100)} }))
}

func TestCgroups_a_limit_of_a_missing_controller_is_refused(t *testing.T) {
	t.Parallel()
	requires(t, "cgroupv2")
	if lacking("v2:pids") == nil {
		t.Skip("the host has all controllers")
	}
	mustFail(t, resources(func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr[int64](42)} }), "pids")
}

func TestCgroups_seen_from_inside(t *testing.T) {
	t.Parallel()
	requires(t, "ctrl:pids")
	file := "/sys/fs/cgroup/pids/pids.max"
	if cgroupKind() == "v2" {
		file = "/sys/fs/cgroup/pids.max"
	}
	r := probe(t, edits(withMount(cgroupMount("ro")), resources(func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr[int64](77)} })), "--read", file)
	want(t, "pids.max", strings.TrimSpace(r.action(t, 0).Data), "77")
}

// ---- limits in force

func TestCgroups_memory_limit_kills(t *testing.T) {
	t.Parallel()
	requires(t, "ctrl:memory")
	limit := resources(func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Limit: ptr[int64](16 << 20)} })
	res := tryProbe(t, limit, "--fill-memory", "8000000", "--fill-memory", "64000000", "--echo", "after")
	want(t, "exit status", res.Exit, 128+int(unix.SIGKILL))
	want(t, "filled below the limit", strings.Contains(res.Stdout, `"bytes":8000000,"errno":0`), true)
	want(t, "went on", strings.Contains(res.Stdout, "after"), false)
}

func TestCgroups_memory_of_a_mebibyte_is_enough(t *testing.T) {
	t.Parallel()
	requires(t, "ctrl:memory", "rt:rung") // a runtime whose init is a Go program needs ten times as much
	r := probe(t, resources(func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Limit: ptr[int64](1 << 20)} }))
	want(t, "pid", r.Pid, 1)
}

func TestCgroups_memory_of_half_a_mebibyte_is_enough(t *testing.T) {
	t.Parallel()
	requires(t, "ctrl:memory", "rt:rung")
	tryWith := resources(func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Limit: ptr[int64](512 << 10)} })
	want(t, "output", tryProbe(t, tryWith, "--echo", "alive").Stdout, "alive\n")
}

func TestCgroups_pids_limit_refuses(t *testing.T) {
	t.Parallel()
	requires(t, "ctrl:pids")
	r := probe(t, resources(func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr[int64](20)} }), "--fork", "100")
	wantErrno(t, r.action(t, 0), unix.EAGAIN)
	want(t, "children", r.action(t, 0).Count, 19)
}

func TestCgroups_pids_of_one_is_enough(t *testing.T) {
	t.Parallel()
	requires(t, "ctrl:pids", "rt:rung") // a runtime whose init is a Go program has several threads
	r := probe(t, resources(func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr[int64](1)} }), "--fork", "1")
	wantErrno(t, r.action(t, 0), unix.EAGAIN)
}

func TestCgroups_pids_zero_is_one(t *testing.T) {
	t.Parallel()
	requires(t, "ctrl:pids", "rt:rung")
	b := newBundle(t)
	b.Spec.Version = "1.3.0"
	b.inCgroup(resources(func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr[int64](0)} }))
	want(t, "pids.max", readFile(t, b.cgroupDir("pids")+"/pids.max"), "1")
}

// Podman 4.3 writes a limit of 0 for --pids-limit -1 and for every container of its Docker API, on hosts without the controller too.
func TestCgroups_pids_zero_before_1_3_is_no_limit(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	for _, version := range []string{"1.0.2-dev", "1.2.1"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			r := probe(t, func(s *specs.Spec) {
				s.Version = version
				resources(func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr[int64](0)} })(s)
			}, "--fork", "9")
			wantErrno(t, r.action(t, 0), 0)
			want(t, "children", r.action(t, 0).Count, 9)
		})
	}
}

func TestCgroups_cpuset_binds_the_process(t *testing.T) {
	t.Parallel()
	requires(t, "ctrl:cpuset", "cpus:2")
	r := probe(t, resources(func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Cpus: "1"} }))
	wantSlice(t, "affinity", r.Affinity, []int{1})
}

// ---- what is there already

func TestCgroups_one_that_is_not_empty_is_refused(t *testing.T) {
	t.Parallel()
	a := newBundle(t)
	a.inCgroup(nil)
	b := newBundle(t)
	b.Spec.Linux.CgroupsPath = a.Spec.Linux.CgroupsPath
	b.Spec.Process.Args = []string{"/probe", "--echo", "it-started"}
	if lacking("rt:runc-1.4") != nil {
		t.Log("a warning with this runtime")
		b.run()
		return
	}
	wantFailure(t, b.run(), "container's cgroup is not empty")
	b.writeConfig()
	wantFailure(t, b.runtime("create", "--bundle", b.Dir, b.ID), "container's cgroup is not empty")
	a.wantStatus("created")
}

func TestCgroups_one_that_is_frozen_is_refused(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	dir, file, word := b.cgroupDir("freezer"), "freezer.state", "FROZEN"
	if cgroupKind() == "v2" {
		file, word = "cgroup.freeze", "1"
	} else {
		requires(t, "v1:freezer")
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(dir) })
	writeFile(t, filepath.Join(dir, file), word)
	b.Spec.Process.Args = []string{"/probe", "--echo", "it-started"}
	res := b.run()
	want(t, "exit status", res.Exit, 1)
	if lacking("rt:runc-1.4") == nil {
		wantFailure(t, res, "container's cgroup unexpectedly frozen")
	}
	if exists(dir) {
		if err := os.Remove(dir); err != nil {
			t.Errorf("something is left in it: %v", err)
		}
	}
}

func TestCgroups_an_empty_one_that_is_there_is_used(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	dir := b.cgroupDir("pids")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(dir) })
	b.probe(nil)
}

func TestCgroups_those_made_inside_are_removed(t *testing.T) {
	t.Parallel()
	dirs := []string{"/sys/fs/cgroup/a", "/sys/fs/cgroup/a/b"}
	if cgroupKind() != "v2" {
		requires(t, "v1:memory", "v1:freezer")
		dirs = []string{"/sys/fs/cgroup/memory/a", "/sys/fs/cgroup/memory/a/b", "/sys/fs/cgroup/freezer/c"}
	}
	b := newBundle(t)
	withMount(cgroupMount("rw"))(b.Spec)
	b.Spec.Process.Args = []string{"/probe"}
	for _, d := range dirs {
		b.Spec.Process.Args = append(b.Spec.Process.Args, "--mkdir", d)
	}
	b.Spec.Process.Args = append(b.Spec.Process.Args, "--cgroup-child", dirs[1], "--wait-signal")
	c := b.create().start()
	for range dirs {
		wantErrno(t, c.next("mkdir"), 0)
	}
	wantErrno(t, c.next("cgroup-child"), 0)
	c.next("waiting")
	b.must("delete", "--force", b.ID)
	wantSlice(t, "cgroups", cgroupsOf(b.ID), nil)
}

func TestCgroups_v2_the_containers_root_owns_its_own(t *testing.T) {
	t.Parallel()
	requires(t, "cgroupv2")
	b := userBundle(t)
	c := b.inCgroup(withMount(cgroupMount("rw")))
	_ = c
	var st unix.Stat_t
	if err := unix.Stat(b.cgroupDir(""), &st); err != nil {
		t.Fatal(err)
	}
	want(t, "owner", st.Uid, 100000)
}

func TestCgroups_are_removed_when_create_fails(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe"}
	withMount(bind("/nonexistent", "/mnt", "bind"))(b.Spec)
	wantFailure(t, b.run())
	wantSlice(t, "cgroups", cgroupsOf(b.ID), nil)
}

// Every group on the way to the container's hands down what its limits need.
func TestCgroups_v2_controllers_are_handed_down(t *testing.T) {
	t.Parallel()
	requires(t, "cgroupv2", "v2:memory", "v2:pids", "v2:cpu")
	b := newBundle(t)
	top := "/" + b.ID + "-top"
	t.Cleanup(func() { removeCgroup("/sys/fs/cgroup" + top) })
	b.Spec.Linux.CgroupsPath = top + "/a/" + b.ID
	b.inCgroup(resources(func(r *specs.LinuxResources) {
		r.Memory = &specs.LinuxMemory{Limit: ptr[int64](64 << 20)}
	}))
	for _, dir := range []string{top, top + "/a"} {
		on := words(readFile(t, "/sys/fs/cgroup"+dir+"/cgroup.subtree_control"))
		for _, c := range []string{"memory", "pids", "cpu"} {
			want(t, c+" in "+dir, slices.Contains(on, c), true)
		}
	}
	want(t, "the container's own", readFile(t, b.cgroupDir("")+"/cgroup.subtree_control"), "")
	want(t, "limit", readFile(t, b.cgroupDir("")+"/memory.max"), "67108864")
}

// One that holds processes can hand nothing down, and is named.
func TestCgroups_v2_below_a_group_with_processes_limits_are_refused(t *testing.T) {
	t.Parallel()
	requires(t, "cgroupv2", "v2:memory", "rt:rung")
	a := newBundle(t)
	a.inCgroup(nil)
	b := newBundle(t)
	b.Spec.Linux.CgroupsPath = a.Spec.Linux.CgroupsPath + "/" + b.ID
	resources(func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Limit: ptr[int64](64 << 20)} })(b.Spec)
	b.Spec.Process.Args = []string{"/probe", "--echo", "it-started"}
	wantFailure(t, b.run(), "linux.resources.memory.limit", "the memory controller is not available", "/sys/fs/cgroup/"+a.ID+"/cgroup.subtree_control")
}

func TestCgroups_v2_delegated_files_are_those_the_kernel_lists(t *testing.T) {
	t.Parallel()
	requires(t, "cgroupv2", "v2:memory", "file:/sys/kernel/cgroup/delegate", "rt:rung")
	b := newBundle(t)
	resources(func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Limit: ptr[int64](64 << 20)} })(b.Spec)
	b.inCgroup(edits(withMount(cgroupMount("rw")), func(s *specs.Spec) { s.Process.User.UID = 1000 }))
	listed := words(readFile(t, "/sys/kernel/cgroup/delegate"))
	entries, err := os.ReadDir(b.cgroupDir(""))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		var st unix.Stat_t
		if err := unix.Stat(filepath.Join(b.cgroupDir(""), e.Name()), &st); err != nil {
			t.Fatal(err)
		}
		want(t, "owner of "+e.Name(), st.Uid == 1000, slices.Contains(listed, e.Name()))
	}
}
