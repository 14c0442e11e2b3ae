package cgroup

import (
	"errors"
	"github.com/opencontainers/runtime-spec/specs-go"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// refused is a limit that no kernel takes, and that is written after those of cpu and memory.
var refused = &specs.LinuxBlockIO{ThrottleReadBpsDevice: []specs.LinuxThrottleDevice{{LinuxBlockIODevice: specs.LinuxBlockIODevice{Major: 250, Minor: 250}, Rate: 1}}}

// The kernel changes the weight of a group that becomes idle.
func TestUpdate_putsTheWeightOfAnIdleGroupBack(t *testing.T) {
	g := testGroup(t)
	needsV1(t, g, "cpu", "blkio")
	must(t, g.Create())
	must(t, apply(g, &specs.LinuxResources{CPU: &specs.LinuxCPU{Shares: ptr(uint64(300))}}))
	cpu := g.v1("cpu").Path
	if !exists(cpu + "/cpu.idle") {
		t.Skip("no cpu.idle before Linux 5.15")
	}
	if err := update(g, &specs.LinuxResources{CPU: &specs.LinuxCPU{Idle: ptr(int64(1))}, BlockIO: refused}); !errors.Is(err, unix.ENODEV) {
		t.Errorf("got %v", err)
	}
	wantFile(t, cpu+"/cpu.idle", "0")
	wantFile(t, cpu+"/cpu.shares", "300")
}

// Both limits of memory are back, whichever of them must be first.
func TestUpdate_putsBothLimitsOfMemoryBack(t *testing.T) {
	for name, c := range map[string]struct{ before, after [2]int64 }{
		"raised":  {[2]int64{30 << 20, 50 << 20}, [2]int64{60 << 20, 80 << 20}},
		"lowered": {[2]int64{60 << 20, 80 << 20}, [2]int64{30 << 20, 50 << 20}},
		"lifted":  {[2]int64{60 << 20, 80 << 20}, [2]int64{-1, -1}},
	} {
		t.Run(name, func(t *testing.T) {
			g := testGroup(t)
			needsV1(t, g, "memory", "blkio")
			if !exists(g.v1("memory").Mount + "/memory.memsw.limit_in_bytes") {
				t.Skip("swap is not counted")
			}
			must(t, g.Create())
			set := func(v [2]int64) *specs.LinuxMemory { return &specs.LinuxMemory{Limit: &v[0], Swap: &v[1]} }
			must(t, update(g, &specs.LinuxResources{Memory: set(c.before)}))
			if err := update(g, &specs.LinuxResources{Memory: set(c.after), BlockIO: refused}); !errors.Is(err, unix.ENODEV) {
				t.Errorf("got %v", err)
			}
			dir := g.v1("memory").Path
			wantFile(t, dir+"/memory.limit_in_bytes", limit.Int(c.before[0]))
			wantFile(t, dir+"/memory.memsw.limit_in_bytes", limit.Int(c.before[1]))
			must(t, update(g, &specs.LinuxResources{Memory: set(c.after)}))
		})
	}
}

// Realtime limits in any direction; their order depends on what is there.
func TestUpdate_realtimeOrder(t *testing.T) {
	g := testGroup(t)
	needsV1(t, g, "cpu")
	must(t, g.Create())
	cpu := g.v1("cpu").Path
	above := path.Dir(cpu)
	if !exists(cpu + "/cpu.rt_period_us") {
		t.Skip("no realtime limits (CONFIG_RT_GROUP_SCHED)")
	}
	if err := sys.WriteFile(above+"/cpu.rt_runtime_us", "700000"); err != nil {
		t.Skip("no realtime time is left: ", err)
	}
	for _, v := range []struct {
		period  uint64
		runtime int64
	}{{900001, 600001}, {10000, 3000}, {100000, 20000}} {
		must(t, update(g, &specs.LinuxResources{CPU: &specs.LinuxCPU{RealtimePeriod: &v.period, RealtimeRuntime: &v.runtime}}))
		wantFile(t, cpu+"/cpu.rt_period_us", limit.Uint(v.period))
		wantFile(t, cpu+"/cpu.rt_runtime_us", limit.Int(v.runtime))
	}
	// one value that is refused leaves both
	err := update(g, &specs.LinuxResources{CPU: &specs.LinuxCPU{RealtimePeriod: ptr(uint64(10000)), RealtimeRuntime: ptr(int64(30000))}})
	if !errors.Is(err, unix.EINVAL) {
		t.Errorf("more time than there is: %v", err)
	}
	wantFile(t, cpu+"/cpu.rt_period_us", "100000")
	wantFile(t, cpu+"/cpu.rt_runtime_us", "20000")
}

// What cannot be put back does not keep the rest from it.
func TestUndo_goesOn(t *testing.T) {
	dir := t.TempDir()
	file := dir + "/a"
	fd, err := unix.Open(file, unix.O_CREAT|unix.O_WRONLY, 0o600)
	must(t, err)
	sys.Close(fd)
	p := &performer{back: []placed{
		{limit.Write{File: "a", Value: "old"}, dir}, {limit.Write{File: "gone", Value: "1", Origin: "x.y"}, dir},
	}}
	if err := p.undo(); !errors.Is(err, unix.ENOENT) || !strings.Contains(err.Error(), "x.y") {
		t.Errorf("got %v", err)
	}
	wantFile(t, file, "old")
}

func TestRestore(t *testing.T) {
	for _, c := range []struct {
		name      string
		w         limit.Write
		old, want string
	}{
		{"plain", limit.Write{File: "pids.max", Value: "5"}, "max", "max"},
		{"an empty list", limit.Write{File: "cpuset.cpus", Value: "0"}, "", "\n"},
		{"weights of devices", limit.Write{File: "io.weight", Value: "50"}, "default 100\n8:0 200", "default 100"},
		{"a device", limit.Write{File: "io.max", Value: "8:0 rbps=1", Key: "8:0", Reset: "8:0 rbps=max"}, "7:0 rbps=2\n8:0 rbps=3 wbps=4", "8:0 rbps=3 wbps=4"},
		{"a device without a line", limit.Write{File: "io.max", Value: "8:0 rbps=1", Key: "8:0", Reset: "8:0 rbps=max"}, "7:0 rbps=2", "8:0 rbps=max"},
	} {
		if got := c.w.Restore(c.old); got.Value != c.want || got.File != c.w.File {
			t.Errorf("%s: %q, want %q", c.name, got.Value, c.want)
		}
	}
}

// Swap alone, on v2, where its file does not count memory.
func TestWithLimit(t *testing.T) {
	dir := t.TempDir()
	g := &Group{dirs: []Dir{{Path: dir, V2: true}}}
	set := func(text string) {
		t.Helper()
		fd, err := unix.Open(dir+"/memory.max", unix.O_CREAT|unix.O_WRONLY|unix.O_TRUNC, 0o600)
		must(t, err)
		defer sys.Close(fd)
		_, err = unix.Write(fd, []byte(text))
		must(t, err)
	}
	r := &specs.LinuxResources{Memory: &specs.LinuxMemory{Swap: ptr(int64(50))}}
	set("30\n")
	c, err := controls(g, r)
	must(t, err)
	if got := c.Early; len(got) != 2 || got[0].File != "memory.swap.max" || got[0].Value != "20" || got[1].Value != "30" || r.Memory.Limit != nil {
		t.Errorf("got %+v", got)
	}
	set("max\n")
	if _, err := controls(g, r); err == nil {
		t.Error("without a limit of memory: no error")
	}
}

func TestStats(t *testing.T) {
	for _, where := range []string{"host", "v2"} {
		t.Run(where, func(t *testing.T) {
			if where == "v2" {
				onlyV2(t)
			}
			g := testGroup(t)
			if _, err := g.Stats(); !errors.Is(err, unix.ENOENT) {
				t.Errorf("before it is made: %v", err)
			}
			must(t, g.Create())
			cmd, _ := start(t, g, "i=0; while test $i -lt 20000; do i=$((i+1)); done; echo done; cat")
			defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
			for end := time.Now().Add(time.Minute); ; { // the loop has used time when it is counted
				s, err := g.Stats()
				must(t, err)
				if s.Pids.Current == 0 || s.Pids.Limit != 0 {
					t.Fatalf("pids: %+v", s.Pids)
				}
				if g.v2() != nil && (s.CPU.PSI == nil || s.Memory.PSI == nil || s.IO.PSI == nil) && exists(g.v2().Path+"/cpu.pressure") {
					t.Fatal("no pressure")
				}
				if g.v1("memory") != nil && (s.Memory.Usage.Usage == 0 || s.Memory.Usage.Limit == 0 || len(s.Memory.Raw) == 0) {
					t.Fatalf("memory: %+v", s.Memory)
				}
				if s.CPU.Total > 0 {
					return
				}
				if time.Now().After(end) {
					t.Fatalf("no time was used: %+v", s.CPU)
				}
			}
		})
	}
}

func TestWatchOOM(t *testing.T) {
	g := testGroup(t)
	needsV1(t, g, "memory")
	must(t, g.Create())
	must(t, apply(g, &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(8 << 20))}}))
	w, err := g.WatchOOM()
	must(t, err)
	defer w.Close()
	if oom, gone := w.Happened(); oom || gone {
		t.Errorf("at first: %v, %v", oom, gone)
	}
	ready := func() {
		t.Helper()
		fds := []unix.PollFd{w.Poll()}
		for {
			n, err := unix.Poll(fds, 10000)
			if err == unix.EINTR {
				continue
			}
			if n != 1 {
				t.Fatalf("nothing is told: %v", err)
			}
			return
		}
	}
	cmd, _ := start(t, g, "exec head -c 200000000 /dev/zero | tail")
	ready()
	if oom, gone := w.Happened(); !oom || gone {
		t.Errorf("after it: %v, %v", oom, gone)
	}
	_ = cmd.Wait()
	must(t, g.Kill(unix.SIGKILL))
	for { // a memory hog may have met its limit more than once
		if oom, _ := w.Happened(); !oom {
			break
		}
	}
	must(t, g.Delete())
	ready()
	if _, gone := w.Happened(); !gone {
		t.Error("its removal is not noticed")
	}
}
