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

// TestDocker_resources gives each flag of docker run and docker update that limits something, and reads the cgroup.
func TestDocker_resources(t *testing.T) {
	d := sharedDocker(t)
	disk, number := anyDisk(t)
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
		{"no killer", []string{"--memory=64m", "--oom-kill-disable"}, []readBack{{"memory", "memory.oom_control", "oom_kill_disable 1\nunder_oom 0\noom_kill 0", "", ""}}},
		{"cpus", []string{"--cpus=0.5"}, []readBack{
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
		{"disk", []string{"--device-read-bps=" + disk + ":1mb", "--device-write-bps=" + disk + ":2mb", "--device-read-iops=" + disk + ":300", "--device-write-iops=" + disk + ":400"}, []readBack{
			{"blkio", "blkio.throttle.read_bps_device", number + " 1048576", "io.max", number + " rbps=1048576 wbps=2097152 riops=300 wiops=400"},
			{"blkio", "blkio.throttle.write_bps_device", number + " 2097152", "", ""},
			{"blkio", "blkio.throttle.read_iops_device", number + " 300", "", ""},
			{"blkio", "blkio.throttle.write_iops_device", number + " 400", "", ""},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := newName("limited")
			id := d.run(t, name, append(append([]string{"--network=none"}, c.flags...), "t", "sleep", "1000")...)
			wantValues(t, id, c.want)
			d.must(t, "rm", "-f", name)
		})
	}
	t.Run("update", func(t *testing.T) {
		id := d.run(t, "updated", "--network=none", "--memory=64m", "--memory-swap=128m", "--cpus=0.5", "--pids-limit=50", "t", "sleep", "1000")
		if _, ok := groupFile(t, id, "pids", "pids.max", "pids.max"); !ok {
			t.Skip("this host cannot limit processes")
		}
		d.must(t, "update", "--memory=80m", "--memory-swap=160m", "--memory-reservation=32m", "updated")
		d.must(t, "update", "--cpus=1.5", "--cpu-shares=256", "--cpuset-cpus=0", "updated")
		d.must(t, "update", "--pids-limit=77", "updated")
		want := []readBack{
			{"memory", "memory.limit_in_bytes", "83886080", "memory.max", "83886080"},
			{"memory", "memory.memsw.limit_in_bytes", "167772160", "memory.swap.max", "83886080"},
			{"memory", "memory.soft_limit_in_bytes", "33554432", "memory.low", "33554432"},
			{"cpu", "cpu.cfs_quota_us", "150000", "cpu.max", "150000 100000"},
			{"cpu", "cpu.shares", "256", "cpu.weight", "10"},
			{"cpuset", "cpuset.cpus", "0", "cpuset.cpus", "0"},
			{"pids", "pids.max", "77", "pids.max", "77"},
		}
		wantValues(t, id, want)
		// They hold when it is started again.
		d.must(t, "restart", "-t", "0", "updated")
		wantValues(t, id, want)
	})
	t.Run("out of memory", func(t *testing.T) {
		name := newName("hungry")
		id := d.must(t, "create", "--name="+name, "--network=none", "--memory=16m", "--memory-swap=16m", "t", "sh", "-c", "x=a; while :; do x=$x$x; done")
		t.Cleanup(func() { d.try(t, nil, "rm", "-f", name) })
		if len(hierarchiesWith("memory")) == 0 {
			t.Skip("this host cannot limit memory")
		}
		events := d.events(t, "container="+id)
		d.must(t, "start", name)
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
