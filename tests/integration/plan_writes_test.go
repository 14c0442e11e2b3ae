package integration

import (
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// limitsOf is a config's limits, and where they can be set.
type limitsOf struct {
	needs []string
	set   func(*specs.LinuxResources)
}

// Each has what this host has: on cgroup v1 and v2 the same limit is written to other files.
var plannedLimits = map[string]limitsOf{
	"none":          {nil, func(*specs.LinuxResources) {}},
	"memory":        {[]string{"ctrl:memory"}, func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Limit: ptr(int64(64 << 20))} }},
	"a reservation": {[]string{"ctrl:memory"}, func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Reservation: ptr(int64(32 << 20))} }},
	"memory and its reservation": {[]string{"ctrl:memory"}, func(r *specs.LinuxResources) {
		r.Memory = &specs.LinuxMemory{Limit: ptr(int64(64 << 20)), Reservation: ptr(int64(32 << 20))}
	}},
	"pids":             {[]string{"ctrl:pids"}, func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr(int64(33))} }},
	"no limit of pids": {[]string{"ctrl:pids"}, func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr(int64(-1))} }},
	"pids of none": { // in a config of that version it is no limit
		[]string{"ctrl:pids"}, func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr(int64(0))} }},
	"shares":     {[]string{"ctrl:cpu"}, func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Shares: ptr(uint64(300))} }},
	"few shares": {[]string{"ctrl:cpu"}, func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Shares: ptr(uint64(2))} }},
	"a quota":    {[]string{"ctrl:cpu"}, func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Quota: ptr(int64(50000))} }},
	"a quota and its period": {[]string{"ctrl:cpu"}, func(r *specs.LinuxResources) {
		r.CPU = &specs.LinuxCPU{Quota: ptr(int64(12345)), Period: ptr(uint64(50000))}
	}},
	"no quota": {[]string{"ctrl:cpu"}, func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Quota: ptr(int64(-1))} }},
	"a quota with a burst": {[]string{"ctrl:cpu"}, func(r *specs.LinuxResources) {
		r.CPU = &specs.LinuxCPU{Quota: ptr(int64(50000)), Period: ptr(uint64(100000)), Burst: ptr(uint64(20000))}
	}},
	"shares and a quota": {[]string{"ctrl:cpu"}, func(r *specs.LinuxResources) {
		r.CPU = &specs.LinuxCPU{Shares: ptr(uint64(2048)), Quota: ptr(int64(200000)), Period: ptr(uint64(100000))}
	}},
	"a set of CPUs":         {[]string{"ctrl:cpuset"}, func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Cpus: "0"} }},
	"CPUs and memory nodes": {[]string{"ctrl:cpuset"}, func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Cpus: "0", Mems: "0"} }},
	"devices": {nil, func(r *specs.LinuxResources) {
		r.Devices = append(r.Devices, specs.LinuxDeviceCgroup{Allow: true, Type: "c", Major: ptr(int64(10)), Minor: ptr(int64(229)), Access: "rw"})
	}},
	"memory and pids": {[]string{"ctrl:memory", "ctrl:pids"}, func(r *specs.LinuxResources) {
		r.Memory, r.Pids = &specs.LinuxMemory{Limit: ptr(int64(128 << 20))}, &specs.LinuxPids{Limit: ptr(int64(100))}
	}},
	"all that Docker sets": {[]string{"ctrl:memory", "ctrl:pids", "ctrl:cpu", "ctrl:cpuset"}, func(r *specs.LinuxResources) {
		r.Memory, r.Pids = &specs.LinuxMemory{Limit: ptr(int64(128 << 20)), DisableOOMKiller: ptr(false)}, &specs.LinuxPids{Limit: ptr(int64(100))}
		r.CPU = &specs.LinuxCPU{Shares: ptr(uint64(512)), Quota: ptr(int64(150000)), Period: ptr(uint64(100000)), Cpus: "0", Mems: "0"}
	}},
	"files of cgroup v2": {[]string{"cgroupv2", "v2:memory", "v2:pids"}, func(r *specs.LinuxResources) {
		r.Unified = map[string]string{"memory.high": "80000000", "pids.max": "50", "cgroup.max.depth": "5"}
	}},
	"a class of packets": {[]string{"v1:net_cls"}, func(r *specs.LinuxResources) { r.Network = &specs.LinuxNetwork{ClassID: ptr(uint32(0x100001))} }},
}

// What a plan says of limits is what is written: nothing less, nothing else.
func TestPlan_has_each_write_to_a_cgroup(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "command:strace")
	eachPlannedLimit(t, func(*bundle) {})
}

func TestSystemd_a_plan_has_each_write_to_a_cgroup(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "systemd", "command:strace")
	eachPlannedLimit(t, func(b *bundle) {
		b.Globals = []string{"--systemd-cgroup"}
		b.Spec.Linux.CgroupsPath = "machine.slice:rit:" + b.ID
	})
}

func eachPlannedLimit(t *testing.T, edit func(*bundle)) {
	t.Helper()
	for name, l := range plannedLimits {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requires(t, l.needs...)
			b := newBundle(t)
			edit(b)
			l.set(b.Spec.Linux.Resources)
			b.writeConfig()
			planned := plannedWrites(b.must("plan", "--bundle", b.Dir, b.ID).Stdout)
			log := filepath.Join(b.Dir, "strace")
			b.Wrap = []string{"strace", "-f", "-y", "-s", "200", "-o", log, "-e", "trace=write"}
			if r := b.run(); r.Exit != 0 { // and not create: strace(1) ends with the last process
				t.Fatalf("run: exit status %d\n%s", r.Exit, r.Stderr)
			}
			written := limitWrites(readFile(t, log), b.ID, planned)
			if !maps.Equal(planned, written) {
				t.Errorf("planned %v\nwritten %v", sortedWrites(planned), sortedWrites(written))
			}
			if (len(planned) == 0) != (name == "none" || name == "devices" || name == "pids of none") {
				t.Errorf("planned: %v", planned)
			}
		})
	}
}

var plannedWrite = regexp.MustCompile(`(?m)^ +\d+  cgroup-write (\S+?)=("[^"]*"|\S+)`)

// plannedWrites is FILE=VALUE of each cgroup-write; the file with the directory of its hierarchy.
func plannedWrites(text string) map[string]bool {
	list := map[string]bool{}
	for _, m := range plannedWrite.FindAllStringSubmatch(text, -1) {
		value := m[2]
		if unquoted, err := strconv.Unquote(value); err == nil {
			value = unquoted
		}
		list[m[1]+"="+value] = true
	}
	return list
}

// write(7</sys/fs/cgroup/memory/rit-1/memory.limit_in_bytes>, "67108864", 8) = 8
var straceWrite = regexp.MustCompile(`write\(\d+</sys/fs/cgroup/(.*?)>, "(.*?)", \d+\) += \d`)

// limitWrites is the same of what was written. What is no limit is left out: who is in a cgroup, what its children have, and
// on v1 devices and the CPUs that a cgroup has to have before anybody can join it.
func limitWrites(text, id string, planned map[string]bool) map[string]bool {
	list := map[string]bool{}
	for _, m := range straceWrite.FindAllStringSubmatch(text, -1) {
		dir, file := filepath.Split(m[1])
		if !strings.Contains(filepath.Base(dir), id) {
			continue // a cgroup above
		}
		switch file {
		case "tasks", "cgroup.procs", "cgroup.subtree_control", "cgroup.freeze", "cgroup.kill", "freezer.state", "devices.allow", "devices.deny":
			continue
		}
		hierarchy, _, _ := strings.Cut(dir, "/")
		key := hierarchy + "/" + file + "=" + m[2]
		if cgroupKind() == "v2" {
			key = file + "=" + m[2]
		}
		switch {
		case planned[key]:
		case cgroupKind() != "v2" && (file == "cpuset.cpus" || file == "cpuset.mems"):
			continue
		case file == "pids.max" && m[2] == "max":
			continue // systemd has set the limit: until the init is one process there is none
		}
		list[key] = true
	}
	return list
}

func sortedWrites(list map[string]bool) []string { return slices.Sorted(maps.Keys(list)) }
