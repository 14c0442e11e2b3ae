package engines

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// readBack is a value that a flag puts into a file of the container's cgroup.
type readBack struct {
	controller string // of cgroup v1, and of v2
	v1, want1  string
	v2, want2  string
}

// noLimit is what memory of v1 has for no limit: all pages that a counter can count.
const noLimit = "9223372036854771712"

// TestDocker_resources gives each flag of docker run and docker update that limits something, and reads the cgroup.
func TestDocker_resources(t *testing.T) {
	d := sharedDocker(t)
	disk, number := anyDisk(t)
	// Docker looks for blkio.weight, which went with CFQ (Linux 5.0): on v1 it never asks the runtime for weights.
	weight, weightOfDisk := "300", number+" 400"
	if _, err := os.Stat(filepath.Join(groupsTop, "blkio", "blkio.weight")); err != nil {
		weight, weightOfDisk = "100", "" // the kernel's own
	}
	for _, c := range []struct {
		name  string
		flags []string
		want  []readBack
	}{
		{"memory", []string{"--memory=64m", "--memory-swap=96m", "--memory-reservation=48m"}, []readBack{
			{"memory", "memory.limit_in_bytes", "67108864", "memory.max", "67108864"},
			{"memory", "memory.memsw.limit_in_bytes", "100663296", "memory.swap.max", "33554432"},
			{"memory", "memory.soft_limit_in_bytes", "50331648", "memory.low", "50331648"},
		}},
		{"memory without swap", []string{"--memory=64m", "--memory-swap=64m", "--memory-swappiness=17"}, []readBack{
			{"memory", "memory.memsw.limit_in_bytes", "67108864", "memory.swap.max", "0"},
			{"memory", "memory.swappiness", "17", "", ""},
		}},
		{"memory and any swap", []string{"--memory=64m", "--memory-swap=-1"}, []readBack{
			{"memory", "memory.limit_in_bytes", "67108864", "memory.max", "67108864"},
			{"memory", "memory.memsw.limit_in_bytes", noLimit, "memory.swap.max", "max"},
		}},
		{"the kernel's memory", []string{"--memory=64m", "--kernel-memory=32m"}, []readBack{
			{"memory", "memory.limit_in_bytes", "67108864", "memory.max", "67108864"},
			{"memory", "memory.kmem.limit_in_bytes", noLimit, "", ""}, // kernels since 5.16 have it in name only
		}},
		{"no killer", []string{"--memory=64m", "--oom-kill-disable"}, []readBack{{"memory", "memory.oom_control", "oom_kill_disable 1\nunder_oom 0\noom_kill 0", "", ""}}},
		{"cpus", []string{"--cpus=0.5"}, []readBack{ // refused where the host cannot, all else is left out then
			{"cpu", "cpu.cfs_quota_us", "50000", "cpu.max", "50000 100000"},
		}},
		{"cpu period, quota, shares", []string{"--cpu-period=50000", "--cpu-quota=20000", "--cpu-shares=512"}, []readBack{
			{"cpu", "cpu.cfs_period_us", "50000", "cpu.max", "20000 50000"},
			{"cpu", "cpu.cfs_quota_us", "20000", "cpu.max", "20000 50000"},
			{"cpu", "cpu.shares", "512", "cpu.weight", "20"},
		}},
		{"processors", []string{"--cpuset-cpus=0", "--cpuset-mems=0"}, []readBack{
			{"cpuset", "cpuset.cpus", "0", "cpuset.cpus", "0"},
			{"cpuset", "cpuset.mems", "0", "cpuset.mems", "0"},
		}},
		{"processes", []string{"--pids-limit=44"}, []readBack{{"pids", "pids.max", "44", "pids.max", "44"}}},
		{"any number of processes", []string{"--pids-limit=-1"}, []readBack{{"pids", "pids.max", "max", "pids.max", "max"}}},
		{"disk", []string{"--device-read-bps=" + disk + ":1mb", "--device-write-bps=" + disk + ":2mb", "--device-read-iops=" + disk + ":300", "--device-write-iops=" + disk + ":400"}, []readBack{
			{"blkio", "blkio.throttle.read_bps_device", number + " 1048576", "io.max", number + " rbps=1048576 wbps=2097152 riops=300 wiops=400"},
			{"blkio", "blkio.throttle.write_bps_device", number + " 2097152", "", ""},
			{"blkio", "blkio.throttle.read_iops_device", number + " 300", "", ""},
			{"blkio", "blkio.throttle.write_iops_device", number + " 400", "", ""},
		}},
		{"weight of the disk", []string{"--blkio-weight=300", "--blkio-weight-device=" + disk + ":400"}, []readBack{
			{"blkio", "blkio.bfq.weight", weight, "", ""},
			{"blkio", "blkio.bfq.weight_device", strings.TrimSpace("default " + weight + "\n" + weightOfDisk), "", ""},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "cpus" && len(hierarchiesWith("cpu")) == 0 {
				t.Skip("this host cannot limit processors")
			}
			name := newName("limited")
			id := d.run(t, name, append(append([]string{"--network=none"}, c.flags...), "t", "sleep", "1000")...)
			wantValues(t, id, c.want)
			d.must(t, "rm", "-f", name)
		})
	}
	t.Run("update", func(t *testing.T) {
		if len(hierarchiesWith("pids")) == 0 {
			t.Skip("this host cannot limit processes")
		}
		id := d.run(t, "updated", "--network=none", "--memory=64m", "--memory-swap=128m", "--cpus=0.5", "--pids-limit=50", "t", "sleep", "1000")
		d.must(t, "update", "--memory=80m", "--memory-swap=160m", "--memory-reservation=32m", "updated")
		d.must(t, "update", "--cpus=1.5", "--cpu-shares=256", "--cpuset-cpus=0", "updated")
		d.must(t, "update", "--pids-limit=77", "updated")
		d.must(t, "update", "--cpuset-mems=0", "--blkio-weight=300", "updated")
		want := []readBack{
			{"memory", "memory.limit_in_bytes", "83886080", "memory.max", "83886080"},
			{"memory", "memory.memsw.limit_in_bytes", "167772160", "memory.swap.max", "83886080"},
			{"memory", "memory.soft_limit_in_bytes", "33554432", "memory.low", "33554432"},
			{"cpu", "cpu.cfs_quota_us", "150000", "cpu.max", "150000 100000"},
			{"cpu", "cpu.shares", "256", "cpu.weight", "10"},
			{"cpuset", "cpuset.cpus", "0", "cpuset.cpus", "0"},
			{"cpuset", "cpuset.mems", "0", "cpuset.mems", "0"},
			{"pids", "pids.max", "77", "pids.max", "77"},
			{"blkio", "blkio.bfq.weight", weight, "", ""},
		}
		wantValues(t, id, want)
		// They hold when it is started again.
		d.must(t, "restart", "-t", "0", "updated")
		wantValues(t, id, want)
	})
	t.Run("update by other flags", func(t *testing.T) {
		if len(hierarchiesWith("pids")) == 0 {
			t.Skip("this host cannot limit processes")
		}
		id := d.run(t, "lifted", "--network=none", "--memory=64m", "--memory-swap=128m", "--cpu-quota=20000", "--pids-limit=50", "t", "sleep", "1000")
		d.must(t, "update", "--memory=80m", "--memory-swap=-1", "--kernel-memory=32m", "lifted")
		d.must(t, "update", "--cpu-period=50000", "--cpu-quota=30000", "lifted")
		d.must(t, "update", "--pids-limit=-1", "lifted")
		wantValues(t, id, []readBack{
			{"memory", "memory.limit_in_bytes", "83886080", "memory.max", "83886080"},
			{"cpu", "cpu.cfs_period_us", "50000", "cpu.max", "30000 50000"},
			{"cpu", "cpu.cfs_quota_us", "30000", "cpu.max", "30000 50000"},
			{"pids", "pids.max", "max", "pids.max", "max"},
		})
		// That any swap will do, Docker 20.10 tells no runtime until then.
		d.must(t, "restart", "-t", "0", "lifted")
		wantValues(t, id, []readBack{{"memory", "memory.memsw.limit_in_bytes", noLimit, "memory.swap.max", "max"}})
	})
	t.Run("realtime", func(t *testing.T) { d.realtime(t) })
	t.Run("below a group", func(t *testing.T) {
		id := d.run(t, "below", "--network=none", "--cgroup-parent=/engines/deep", "t", "sleep", "1000")
		b, err := os.ReadFile("/proc/" + d.inspect(t, "below", "{{.State.Pid}}") + "/cgroup")
		if err != nil {
			t.Fatal(err)
		}
		wantParts(t, "groups", string(b), ":/engines/deep/"+id)
	})
	t.Run("out of memory", func(t *testing.T) {
		name := newName("hungry")
		id := d.must(t, "create", "--name="+name, "--network=none", "--memory=16m", "--memory-swap=16m", "t", "sh", "-c", "mkfifo /tmp/go; cat /tmp/go; x=a; while :; do x=$x$x; done")
		t.Cleanup(func() { d.try(t, nil, "rm", "-f", name) })
		if len(hierarchiesWith("memory")) == 0 {
			t.Skip("this host cannot limit memory")
		}
		events := d.events(t, "container="+id)
		d.must(t, "start", name)
		// Containerd's shim listens for this when start is done, too late for a container that ends at once.
		d.must(t, "exec", name, "sh", "-c", "until [ -p /tmp/go ]; do :; done; : >/tmp/go")
		await(t, events, "container oom")
		await(t, events, "container die")
		wantEqual(t, "state", d.inspect(t, name, "{{.State.ExitCode}} {{.State.OOMKilled}}"), "137 true")
	})
	t.Run("too many processes", func(t *testing.T) {
		if len(hierarchiesWith("pids")) == 0 {
			t.Skip("this host cannot limit processes")
		}
		out, _ := d.try(t, nil, "run", "--rm", "--network=none", "--pids-limit=5", "t", "sh", "-c", "for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done")
		wantParts(t, "output", out, "can't fork")
	})
	wantNoGroups(t)
}

// realtimeGroup makes a group that has a share of the processor for realtime scheduling, which is cgroup v1's alone.
// What is above a container has to have it first: dockerd would see to it with --cpu-rt-runtime.
func realtimeGroup(t *testing.T, name string) {
	t.Helper()
	top := filepath.Join(groupsTop, "cpu")
	if _, err := os.Stat(filepath.Join(top, "cpu.rt_runtime_us")); err != nil {
		t.Skip("this host has no realtime scheduling of groups")
	}
	if err := os.Mkdir(filepath.Join(top, name), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, g := range [][2]string{{top, "60000"}, {filepath.Join(top, name), "20000"}} {
		if err := os.WriteFile(filepath.Join(g[0], "cpu.rt_runtime_us"), []byte(g[1]), 0); err != nil {
			t.Skipf("nothing to be had of this host's realtime scheduling: %v", err)
		}
	}
}

func (d *docker) realtime(t *testing.T) {
	realtimeGroup(t, "/realtime")
	const name = "realtime"
	id := d.run(t, name, "--network=none", "--cgroup-parent=/realtime", "--cap-add=SYS_NICE", "--cpu-rt-period=500000", "--cpu-rt-runtime=10000", "t", "sleep", "1000")
	wantValues(t, id, []readBack{{"cpu", "cpu.rt_period_us", "500000", "", ""}, {"cpu", "cpu.rt_runtime_us", "10000", "", ""}})
	wantEqual(t, "exec", d.must(t, "exec", name, "server", "-realtime"), "realtime")
	// Docker 20.10 keeps new values for itself until the container is started again.
	d.must(t, "update", "--cpu-rt-period=600000", "--cpu-rt-runtime=6000", name)
	d.must(t, "restart", "-t", "0", name)
	wantValues(t, id, []readBack{{"cpu", "cpu.rt_period_us", "600000", "", ""}, {"cpu", "cpu.rt_runtime_us", "6000", "", ""}})
	d.must(t, "rm", "-f", name)
}

// hierarchiesWith is where this controller can be used.
func hierarchiesWith(controller string) (list []string) {
	for _, top := range hierarchies() {
		b, err := os.ReadFile(filepath.Join(top, "cgroup.controllers"))
		if filepath.Base(top) == controller || err == nil && top == groupsTop && strings.Contains(" "+strings.TrimSpace(string(b))+" ", " "+controller+" ") {
			list = append(list, top)
		}
	}
	return list
}

func wantValues(t *testing.T, id string, want []readBack) {
	t.Helper()
	seen := 0
	for _, w := range want {
		got, ok := groupFile(t, id, w.controller, w.v1, w.v2)
		if !ok {
			continue
		}
		seen++
		// cgroup2 is recognised by the file at its top.
		value := w.want1
		if _, err := os.Stat(groupsTop + "/cgroup.procs"); err == nil {
			value = w.want2
		}
		wantEqual(t, w.controller+": "+w.v1+" or "+w.v2, got, value)
	}
	if seen == 0 {
		t.Skip("this host has none of these limits")
	}
}

// anyDisk is some disk of this machine: its device, and the numbers of it.
func anyDisk(t *testing.T) (path, number string) {
	t.Helper()
	list, err := filepath.Glob("/sys/block/*/dev")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range list {
		name := filepath.Base(filepath.Dir(file))
		if _, err := os.Stat("/dev/" + name); err != nil || strings.HasPrefix(name, "loop") || strings.HasPrefix(name, "ram") {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return "/dev/" + name, strings.TrimSpace(string(b))
	}
	t.Skip("no disk whose node is in /dev")
	return "", ""
}
