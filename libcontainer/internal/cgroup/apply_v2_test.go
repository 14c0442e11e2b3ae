package cgroup

import (
	"errors"
	"github.com/opencontainers/runtime-spec/specs-go"
	"path"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// needsV2 skips where cgroup v2 does not have the controllers.
func needsV2(t *testing.T, controllers ...string) *Group {
	t.Helper()
	onlyV2(t)
	g := testGroup(t)
	have, _ := readFile(g.v2().Mount + "/cgroup.controllers")
	for _, c := range controllers {
		if !hasWord(have, c) {
			t.Skip("no v2 controller " + c)
		}
	}
	return g
}

func TestApply_v2(t *testing.T) {
	g := needsV2(t, "memory", "cpu", "pids", "cpuset")
	must(t, g.Create())
	dir := g.v2().Path
	r := &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: ptr(int64(32 << 20)), Swap: ptr(int64(40 << 20)), Reservation: ptr(int64(16 << 20))},
		CPU:    &specs.LinuxCPU{Shares: ptr(uint64(100)), Quota: ptr(int64(50000)), Period: ptr(uint64(200000)), Cpus: "0"},
		Pids:   &specs.LinuxPids{Limit: ptr(int64(20))},
	}
	must(t, apply(g, r))
	all, err := readFile(g.v2().Mount + "/cgroup.controllers")
	must(t, err)
	wantFile(t, dir+"/cgroup.controllers", all)
	wantFile(t, dir+"/memory.max", "33554432")
	wantFile(t, dir+"/memory.low", "16777216")
	wantFile(t, dir+"/memory.swap.max", "8388608")
	wantFile(t, dir+"/cpu.weight", "17")
	wantFile(t, dir+"/cpu.max", "50000 200000")
	wantFile(t, dir+"/cpuset.cpus", "0")
	wantFile(t, dir+"/pids.max", "max")
	must(t, applyLate(g, r))
	wantFile(t, dir+"/pids.max", "20")

	other := Open(g.Dirs())
	must(t, update(other, &specs.LinuxResources{CPU: &specs.LinuxCPU{Period: ptr(uint64(100000))}}))
	wantFile(t, dir+"/cpu.max", "50000 100000")
	must(t, update(other, &specs.LinuxResources{CPU: &specs.LinuxCPU{Burst: ptr(uint64(20000)), Quota: ptr(int64(60000))}}))
	must(t, update(other, &specs.LinuxResources{CPU: &specs.LinuxCPU{Burst: ptr(uint64(1000)), Quota: ptr(int64(2000)), Period: ptr(uint64(10000))}}))
	wantFile(t, dir+"/cpu.max", "2000 10000")
	wantFile(t, dir+"/cpu.max.burst", "1000")
	must(t, update(other, &specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: ptr(int64(-1)), Burst: ptr(uint64(0))}}))
	wantFile(t, dir+"/cpu.max", "max 10000")
	must(t, update(other, &specs.LinuxResources{CPU: &specs.LinuxCPU{Idle: ptr(int64(1)), Shares: ptr(uint64(1024))}}))
	wantFile(t, dir+"/cpu.idle", "1")
	must(t, update(other, &specs.LinuxResources{CPU: &specs.LinuxCPU{Idle: ptr(int64(0)), Shares: ptr(uint64(200))}}))
	wantFile(t, dir+"/cpu.weight", "29")
	for _, bad := range []int64{-1, 2, 3} {
		if err := update(other, &specs.LinuxResources{CPU: &specs.LinuxCPU{Idle: &bad}}); err == nil {
			t.Errorf("cpu.idle %d was taken", bad)
		}
	}
	must(t, update(other, &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(-1))}}))
	wantFile(t, dir+"/memory.max", "max")
	wantFile(t, dir+"/memory.swap.max", "max")
	must(t, update(other, &specs.LinuxResources{
		Memory:  &specs.LinuxMemory{Limit: ptr(int64(64 << 20))},
		Unified: map[string]string{"memory.max": "67104768", "pids.max": "42"},
	}))
	wantFile(t, dir+"/memory.max", "67104768")
	wantFile(t, dir+"/pids.max", "42")
}

func TestUpdate_v2LeavesWhatWasThere(t *testing.T) {
	g := needsV2(t, "memory", "cpu", "io")
	must(t, g.Create())
	must(t, apply(g, &specs.LinuxResources{CPU: &specs.LinuxCPU{Shares: ptr(uint64(1024)), Quota: ptr(int64(50000)), Period: ptr(uint64(200000))}}))
	err := update(g, &specs.LinuxResources{
		CPU:     &specs.LinuxCPU{Shares: ptr(uint64(100)), Quota: ptr(int64(1000)), Period: ptr(uint64(1000))},
		Memory:  &specs.LinuxMemory{Limit: ptr(int64(64 << 20))},
		BlockIO: &specs.LinuxBlockIO{ThrottleReadBpsDevice: []specs.LinuxThrottleDevice{{LinuxBlockIODevice: specs.LinuxBlockIODevice{Major: 250, Minor: 250}, Rate: 1}}},
	})
	if !errors.Is(err, unix.ENODEV) {
		t.Errorf("a device that is not there: %v", err)
	}
	dir := g.v2().Path
	wantFile(t, dir+"/cpu.weight", "100")
	wantFile(t, dir+"/cpu.max", "50000 200000")
	wantFile(t, dir+"/memory.max", "max")
}

func TestUpdate_checkBeforeUpdate(t *testing.T) {
	g := needsV2(t, "memory")
	must(t, g.Create())
	must(t, apply(g, &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(64 << 20))}}))
	cmd, _ := start(t, g, "exec sleep 1000")
	err := update(g, &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(4096)), CheckBeforeUpdate: ptr(true)}})
	if err == nil || !strings.Contains(err.Error(), "rejecting memory limit 4096 < usage ") {
		t.Errorf("got %v", err)
	}
	wantFile(t, g.v2().Path+"/memory.max", "67108864")
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// A group with processes above the container's hands no controllers down: the
// error names the group.
func TestApply_v2InternalProcesses(t *testing.T) {
	g := needsV2(t, "memory")
	must(t, g.Create())
	above := path.Dir(g.v2().Path)
	busy := &Group{dirs: []Dir{{Path: above, Mount: g.v2().Mount, V2: true}}, spawn: -1}
	cmd, _ := start(t, busy, "exec sleep 1000")
	err := apply(g, &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(1 << 20))}})
	if !errors.Is(err, unix.EBUSY) || !strings.HasPrefix(err.Error(), "linux.resources.memory.limit: the memory controller is not available") || !strings.Contains(err.Error(), above+"/") {
		t.Errorf("got %v", err)
	}
	wantFile(t, above+"/cgroup.subtree_control", "")
	wantFile(t, g.v2().Path+"/cgroup.type", "domain")
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

func TestOOMKills_v2(t *testing.T) {
	g := needsV2(t, "memory")
	must(t, g.Create())
	must(t, apply(g, &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(8 << 20)), Swap: ptr(int64(8 << 20))}}))
	cmd, _ := start(t, g, "exec head -c 200000000 /dev/zero | tail")
	_ = cmd.Wait()
	if n := g.OOMKills(); n == 0 {
		t.Error("nothing was killed")
	}
}

func TestDelegate(t *testing.T) {
	onlyV2(t)
	g := testGroup(t)
	must(t, g.Create())
	must(t, g.Delegate(1234))
	for file, want := range map[string]uint32{"": 1234, "/cgroup.procs": 1234, "/cgroup.subtree_control": 1234, "/cgroup.freeze": 0, "/cgroup.events": 0} {
		var st unix.Stat_t
		must(t, unix.Stat(g.v2().Path+file, &st))
		if st.Uid != want {
			t.Errorf("%s belongs to %d", file, st.Uid)
		}
	}
}

// A subtree that the container made is killed and removed with it.
func TestKill_v2Subtree(t *testing.T) {
	onlyV2(t)
	g := testGroup(t)
	must(t, g.Create())
	dir := g.v2().Path
	cmd, _ := start(t, g, "mkdir "+dir+"/sub "+dir+"/sub/sub; sh -c 'echo $$ > "+dir+"/sub/sub/cgroup.procs; exec sleep 1000' & wait")
	for end := time.Now().Add(time.Minute); !exists(dir + "/sub/sub/cgroup.procs"); {
		if time.Now().After(end) {
			t.Fatal("no subgroup")
		}
	}
	go func() { _ = cmd.Wait() }()
	must(t, g.Kill(unix.SIGKILL))
	must(t, Open(g.Dirs()).Delete())
}
