package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestResources_network_classes_and_priorities(t *testing.T) {
	t.Parallel()
	requires(t, "v1:net_cls", "v1:net_prio")
	b := newBundle(t)
	r := b.probe(edits(withMount(cgroupMount("ro")), func(s *specs.Spec) { withoutNS(s, specs.NetworkNamespace); bindSys(s) }, resources(func(r *specs.LinuxResources) {
		r.Network = &specs.LinuxNetwork{ClassID: ptr[uint32](0x100001), Priorities: []specs.LinuxInterfacePriority{{Name: "lo", Priority: 5}}}
	})), "--read", "/sys/fs/cgroup/net_cls/net_cls.classid", "--read", "/sys/fs/cgroup/net_prio/net_prio.ifpriomap")
	want(t, "class", strings.TrimSpace(r.action(t, 0).Data), fmt.Sprint(0x100001))
	// the file shows the interfaces of its reader's network namespace, and the config names those of the runtime's
	want(t, "priorities", slices.Contains(strings.Split(r.action(t, 1).Data, "\n"), "lo 5"), true)
}

func TestResources_a_priority_of_an_unknown_interface_is_refused(t *testing.T) {
	t.Parallel()
	requires(t, "v1:net_cls", "v1:net_prio")
	b := newBundle(t)
	b.Spec.Linux.Resources.Network = &specs.LinuxNetwork{Priorities: []specs.LinuxInterfacePriority{{Name: "nope7", Priority: 5}}}
	wantFailure(t, b.run(), "linux.resources.network.priorities[0]", "nope7")
}

func TestResources_rdma_of_an_unknown_device_is_refused(t *testing.T) {
	t.Parallel()
	mustFail(t, resources(func(r *specs.LinuxResources) {
		r.Rdma = map[string]specs.LinuxRdma{"mlx7_0": {HcaHandles: ptr[uint32](3)}}
	}), "linux.resources.rdma")
}

func TestResources_huge_pages_are_limited_when_reserved_and_when_used(t *testing.T) {
	t.Parallel()
	requires(t, "cgroupv2", "v2:hugetlb")
	r := probe(t, edits(withMount(cgroupMount("ro")), resources(func(r *specs.LinuxResources) {
		r.HugepageLimits = []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 4 << 20}}
	})), "--read", "/sys/fs/cgroup/hugetlb.2MB.rsvd.max", "--read", "/sys/fs/cgroup/hugetlb.2MB.max")
	for i, what := range []string{"reserved", "used"} {
		want(t, what, strings.TrimSpace(r.action(t, i).Data), "4194304")
	}
}

func TestResources_v2_limits_of_block_devices(t *testing.T) {
	t.Parallel()
	requires(t, "cgroupv2", "v2:io")
	blk := blockDevice(t)
	d := specs.LinuxThrottleDevice{Rate: 102400}
	d.Major, d.Minor = blk[0], blk[1]
	r := probe(t, edits(withMount(cgroupMount("ro")), resources(func(r *specs.LinuxResources) {
		r.BlockIO = &specs.LinuxBlockIO{
			Weight: ptr[uint16](500), ThrottleReadBpsDevice: []specs.LinuxThrottleDevice{d}, ThrottleWriteIOPSDevice: []specs.LinuxThrottleDevice{d},
		}
	})), "--read", "/sys/fs/cgroup/io.max")
	want(t, "io.max", strings.TrimSpace(r.action(t, 0).Data), fmt.Sprintf("%d:%d rbps=102400 wbps=max riops=max wiops=102400", blk[0], blk[1]))
}

func TestResources_v2_burst_and_idle(t *testing.T) {
	t.Parallel()
	requires(t, "cgroupv2", "v2:cpu")
	r := probe(t, edits(withMount(cgroupMount("ro")), resources(func(r *specs.LinuxResources) {
		r.CPU = &specs.LinuxCPU{Quota: ptr[int64](50000), Period: ptr[uint64](100000), Burst: ptr[uint64](10000), Idle: ptr[int64](1)}
	})), "--read", "/sys/fs/cgroup/cpu.max.burst", "--read", "/sys/fs/cgroup/cpu.idle")
	want(t, "burst", strings.TrimSpace(r.action(t, 0).Data), "10000")
	want(t, "idle", strings.TrimSpace(r.action(t, 1).Data), "1")
}

// What cgroup v2 has nothing for is an error, not left out.
func TestResources_v2_refuses_what_it_cannot_convert(t *testing.T) {
	t.Parallel()
	requires(t, "cgroupv2")
	for field, edit := range map[string]func(r *specs.LinuxResources){
		"memory.swappiness":       func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Swappiness: ptr[uint64](60)} },
		"memory.disableOOMKiller": func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{DisableOOMKiller: ptr(true)} },
		"memory.kernelTCP":        func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{KernelTCP: ptr[int64](1 << 20)} },
		"cpu.realtimeRuntime":     func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{RealtimeRuntime: ptr[int64](1000)} },
		"blockIO":                 func(r *specs.LinuxResources) { r.BlockIO = &specs.LinuxBlockIO{LeafWeight: ptr[uint16](100)} },
		"network.classID":         func(r *specs.LinuxResources) { r.Network = &specs.LinuxNetwork{ClassID: ptr[uint32](7)} },
	} {
		t.Run(field, func(t *testing.T) {
			t.Parallel()
			mustFail(t, resources(edit), "linux.resources."+field)
		})
	}
}

// The user that executes the process owns the group, and nothing of it that limits it.
func TestResources_v2_the_group_belongs_to_the_processes_user(t *testing.T) {
	t.Parallel()
	requires(t, "cgroupv2", "rt:rung")
	for _, c := range []struct {
		name  string
		edit  func(*bundle)
		owner uint32
	}{
		{"in the host's user namespace", func(b *bundle) { withMount(cgroupMount("rw"))(b.Spec) }, 1000},
		{"read-only", func(b *bundle) { withMount(cgroupMount("ro"))(b.Spec) }, 0},
		{"without a mount", func(*bundle) {}, 0},
		{"mounted elsewhere", func(b *bundle) {
			m := cgroupMount("rw")
			m.Destination = "/mnt"
			withMount(m)(b.Spec)
		}, 0},
		{"without a cgroup namespace", func(b *bundle) {
			withMount(cgroupMount("rw"))(b.Spec)
			withoutNS(b.Spec, specs.CgroupNamespace)
		}, 0},
		{"in a user namespace", func(b *bundle) {
			b.mapped(mapping(0, 100000, 65536), mapping(0, 100000, 65536)).chown(100000, 100000)
			withMount(cgroupMount("rw"))(b.Spec)
		}, 101000},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			c.edit(b)
			b.inCgroup(func(s *specs.Spec) { s.Process.User.UID, s.Process.User.GID = 1000, 1000 })
			for file, owner := range map[string]uint32{"": c.owner, "cgroup.procs": c.owner, "cgroup.freeze": 0} {
				var st unix.Stat_t
				if err := unix.Stat(filepath.Join(b.cgroupDir(""), file), &st); err != nil {
					t.Fatal(err)
				}
				want(t, "owner of "+file, st.Uid, owner)
			}
		})
	}
}

// A rule may take devices out of those that a wider one allows.
func TestDevices_holes_in_allowed_ones(t *testing.T) {
	t.Parallel()
	requires(t, "cap:CAP_SYSLOG")
	deny := func(d specs.LinuxDeviceCgroup) specs.LinuxDeviceCgroup {
		d.Allow = false
		return d
	}
	addNodes := func(s *specs.Spec) {
		addCaps("CAP_SYSLOG")(s)
		s.Linux.Devices = []specs.LinuxDevice{
			{Path: "/dev/kmsg", Type: "c", Major: 1, Minor: 11, FileMode: ptr(os.FileMode(0o666))},
			{Path: "/dev/loop9", Type: "b", Major: 7, Minor: 9, FileMode: ptr(os.FileMode(0o666))},
		}
	}
	for name, c := range map[string]struct {
		rules       []specs.LinuxDeviceCgroup
		read, write unix.Errno
		fails       bool // on v1, which cannot say it
	}{
		"all of its kind but one":        {[]specs.LinuxDeviceCgroup{allow("c", -1, -1, "rw"), deny(allow("c", 1, 11, "w"))}, 0, unix.EPERM, false},
		"all of its kind but a major":    {[]specs.LinuxDeviceCgroup{allow("c", -1, -1, "rw"), deny(allow("c", 1, -1, "rw"))}, unix.EPERM, unix.EPERM, true},
		"all of both kinds but one":      {[]specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}, deny(allow("c", 1, 11, "rw")), deny(allow("b", -1, -1, "rw"))}, unix.EPERM, unix.EPERM, false},
		"all minors of a major but one":  {[]specs.LinuxDeviceCgroup{allow("c", 1, -1, "rw"), deny(allow("c", 1, 11, "w"))}, 0, unix.EPERM, true},
		"taken out, and given once more": {[]specs.LinuxDeviceCgroup{allow("c", -1, -1, "rw"), deny(allow("c", 1, 11, "rw")), allow("c", 1, 11, "r")}, 0, unix.EPERM, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			edit := func(s *specs.Spec) {
				addNodes(s)
				s.Linux.Resources.Devices = append(s.Linux.Resources.Devices, c.rules...)
			}
			if c.fails && cgroupKind() != "v2" {
				mustFail(t, edit, "linux.resources.devices: cgroup v1 cannot ")
				return
			}
			r := probe(t, edit, "--open", "/dev/kmsg", "r", "--open", "/dev/kmsg", "w", "--open", "/dev/null", "rw", "--open", "/dev/loop9", "r")
			wantErrno(t, r.action(t, 0), c.read)
			wantErrno(t, r.action(t, 1), c.write)
			wantErrno(t, r.action(t, 2), 0)
			wantErrno(t, r.action(t, 3), unix.EPERM)
		})
	}
}

func TestDevices_a_file_of_the_image_in_the_place_of_a_device_is_refused(t *testing.T) {
	t.Parallel()
	mustFail(t, func(s *specs.Spec) {
		s.Linux.Devices = []specs.LinuxDevice{{Path: "/etc/passwd", Type: "c", Major: 10, Minor: 229}}
	}, "linux.devices[0]", "/etc/passwd")
}

// ---- the config as a whole

func TestConfig_versions(t *testing.T) {
	t.Parallel()
	for _, v := range []string{"1.0.0", "1.0.0-rc5", "1.0.2-dev", "1.1.0", "1.1.0+dev", "1.2.1", "1.3.0", "1.4.0"} {
		t.Run(v, func(t *testing.T) {
			t.Parallel()
			r := probe(t, func(s *specs.Spec) { s.Version = v })
			want(t, "pid", r.Pid, 1)
		})
	}
	t.Run("2.0.0", func(t *testing.T) {
		t.Parallel()
		requires(t, "rt:rung")
		mustFail(t, func(s *specs.Spec) { s.Version = "2.0.0" }, "ociVersion")
	})
}

// Sections for other platforms, and names of later versions, are no errors (config.md, Platform-specific configuration
// and Extensibility).
func TestConfig_what_is_for_others_is_passed_over(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--report"}
	b.writeConfig()
	config := readFile(t, b.Dir+"/config.json")
	extra := `"solaris": {"milestone": "svc:/milestone/container:default", "limitpriv": "default"},
	"windows": {"layerFolders": ["C:\\layer"], "resources": {"memory": {"limit": 100}}},
	"vm": {"hypervisor": {"path": "/bin/vmm", "parameters": ["a"]}, "kernel": {"path": "/k"}, "image": {"path": "/i", "format": "raw"},
		"hwConfig": {"deviceTree": "/dt", "vcpus": 2, "memory": 1024, "dtdevs": ["x"], "iomems": [{"firstGFN": 1, "firstMFN": 1, "nrMFNs": 1}], "irqs": [1]}},
	"zos": {"namespaces": [{"type": "pid"}]},
	"freebsd": {"devices": [{"path": "null", "mode": 438}], "jail": {"vnet": "new"}},
	"laterSection": {"a": [1, {"b": null}]},`
	writeFile(t, b.Dir+"/config.json", "{"+extra+strings.TrimPrefix(strings.TrimSpace(config), "{"))
	b.NoConfig = true
	res := b.run()
	if res.Exit != 0 {
		t.Fatalf("run: %s", res.Stderr)
	}
	want(t, "pid", parseProbe(t, res.Stdout).Pid, 1)
}

// A user that a runtime of Linux has no use for: names are Windows's.
func TestConfig_fields_of_windows_processes_are_passed_over(t *testing.T) {
	t.Parallel()
	r := probe(t, func(s *specs.Spec) { s.Process.User.Username, s.Process.CommandLine = "somebody", "probe --exit 3" })
	want(t, "user", r.UID[0], 0)
	want(t, "arguments", slices.Contains(r.Argv, "3"), false)
}
