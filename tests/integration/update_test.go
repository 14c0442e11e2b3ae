package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// updating is a started container that waits, with these resources.
func updating(t *testing.T, edit func(r *specs.LinuxResources)) *bundle {
	t.Helper()
	b := waiting(t)
	if edit != nil {
		resources(edit)(b.Spec)
	}
	b.runDetached().next("waiting")
	return b
}

// has holds a control file against what it should have: all of it, or one of its lines.
func (b *bundle) has(controller, file, wanted string) {
	b.t.Helper()
	got := readFile(b.t, filepath.Join(b.cgroupDir(controller), file))
	if got != wanted && !slices.Contains(strings.Split(got, "\n"), wanted) {
		b.t.Errorf("%s: %q, want %q", file, got, wanted)
	}
}

// update runs it with options, and then looks at files.
type update struct {
	options  []string // or
	json     string   // for --resources -
	want     []value
	needs    []string
	before   func(r *specs.LinuxResources)
	sequence []update // after this one
}

func (u *update) run(t *testing.T, b *bundle) {
	t.Helper()
	if u.json != "" {
		b.updateJSON(u.json)
	} else {
		b.must(append([]string{"update", b.ID}, u.options...)...)
	}
	for _, v := range u.want {
		b.has(v.controller, v.file, v.want)
	}
	for i := range u.sequence {
		u.sequence[i].run(t, b)
	}
}

func (b *bundle) updateJSON(text string) {
	b.t.Helper()
	if res := b.tryUpdateJSON(text); res.Exit != 0 {
		b.t.Fatalf("update: %d, %s", res.Exit, res.output())
	}
}

func (b *bundle) tryUpdateJSON(text string) Result {
	b.t.Helper()
	file := filepath.Join(b.Dir, "resources.json")
	writeFile(b.t, file, text)
	in, err := os.Open(file)
	if err != nil {
		b.t.Fatal(err)
	}
	defer in.Close()
	b.Stdin = in
	defer func() { b.Stdin = nil }()
	return b.runtime("update", "--resources", "-", b.ID)
}

func TestUpdate_v1(t *testing.T) {
	t.Parallel()
	requires(t, "cgroupv1")
	blk := blockDevice(t)
	dev := fmt.Sprintf("%d:%d", blk[0], blk[1])
	memsw := "file:/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes"
	for name, u := range map[string]update{
		"pids": {options: []string{"--pids-limit", "42"}, want: []value{{"pids", "pids.max", "42"}}, sequence: []update{
			{options: []string{"--pids-limit", "0"}, want: []value{{"pids", "pids.max", "1"}}},
			{options: []string{"--pids-limit", "-1"}, want: []value{{"pids", "pids.max", "max"}}},
		}},
		"memory": {options: []string{"--memory", "50M"}, want: []value{{"memory", "memory.limit_in_bytes", "52428800"}}},
		"memory and swap": {
			needs: []string{memsw}, options: []string{"--memory", "30M", "--memory-swap", "50M"},
			want: []value{{"memory", "memory.limit_in_bytes", "31457280"}, {"memory", "memory.memsw.limit_in_bytes", "52428800"}},
			sequence: []update{
				{options: []string{"--memory", "60M", "--memory-swap", "80M"}, want: []value{{"memory", "memory.limit_in_bytes", "62914560"}, {"memory", "memory.memsw.limit_in_bytes", "83886080"}}},
				{options: []string{"--memory", "20M", "--memory-swap", "25M"}, want: []value{{"memory", "memory.limit_in_bytes", "20971520"}, {"memory", "memory.memsw.limit_in_bytes", "26214400"}}},
				{options: []string{"--memory-swap", "-1"}, want: []value{{"memory", "memory.limit_in_bytes", "20971520"}, {"memory", "memory.memsw.limit_in_bytes", "9223372036854771712"}}},
				{options: []string{"--memory", "20M", "--memory-swap", "25M"}},
				{options: []string{"--memory", "-1"}, want: []value{{"memory", "memory.limit_in_bytes", "9223372036854771712"}, {"memory", "memory.memsw.limit_in_bytes", "9223372036854771712"}}},
			},
		},
		"reservation": {options: []string{"--memory-reservation", "30M"}, want: []value{{"memory", "memory.soft_limit_in_bytes", "31457280"}}},
		"tcp":         {needs: []string{"rt:rung", "file:/sys/fs/cgroup/memory/memory.kmem.tcp.limit_in_bytes"}, options: []string{"--kernel-memory-tcp", "10M"}, want: []value{{"memory", "memory.kmem.tcp.limit_in_bytes", "10485760"}}},
		"kernel":      {options: []string{"--kernel-memory", "10M", "--pids-limit", "7"}, want: []value{{"pids", "pids.max", "7"}}},
		"cpu share":   {options: []string{"--cpu-share", "200"}, want: []value{{"cpu", "cpu.shares", "200"}}},
		"cpu quota and period": {
			options: []string{"--cpu-quota", "500000", "--cpu-period", "1000000"}, want: []value{{"cpu", "cpu.cfs_quota_us", "500000"}, {"cpu", "cpu.cfs_period_us", "1000000"}},
			sequence: []update{
				{options: []string{"--cpu-quota", "30000"}, want: []value{{"cpu", "cpu.cfs_quota_us", "30000"}, {"cpu", "cpu.cfs_period_us", "1000000"}}},
				{options: []string{"--cpu-period", "100000"}, want: []value{{"cpu", "cpu.cfs_quota_us", "30000"}, {"cpu", "cpu.cfs_period_us", "100000"}}},
				{options: []string{"--cpu-quota", "-1"}, want: []value{{"cpu", "cpu.cfs_quota_us", "-1"}, {"cpu", "cpu.cfs_period_us", "100000"}}},
			},
		},
		"cpu burst": {
			needs: []string{"rt:runc-1.4", "file:/sys/fs/cgroup/cpu/cpu.cfs_burst_us"}, options: []string{"--cpu-quota", "50000", "--cpu-burst", "10000"}, want: []value{{"cpu", "cpu.cfs_burst_us", "10000"}},
			sequence: []update{
				{options: []string{"--pids-limit", "50"}, want: []value{{"cpu", "cpu.cfs_burst_us", "10000"}}},
				{options: []string{"--cpu-burst", "0"}, want: []value{{"cpu", "cpu.cfs_burst_us", "0"}}},
			},
		},
		"cpu idle": {
			needs: []string{"rt:runc-1.4", "file:/sys/fs/cgroup/cpu/cpu.idle"}, options: []string{"--cpu-idle", "1"}, want: []value{{"cpu", "cpu.idle", "1"}},
			sequence: []update{
				{options: []string{"--pids-limit", "50"}, want: []value{{"cpu", "cpu.idle", "1"}}},
				{options: []string{"--cpu-idle", "0"}, want: []value{{"cpu", "cpu.idle", "0"}}},
			},
		},
		"realtime": {
			needs: []string{"file:/sys/fs/cgroup/cpu/cpu.rt_period_us"}, options: []string{"--cpu-rt-period", "900001", "--cpu-rt-runtime", "601"},
			want: []value{{"cpu", "cpu.rt_period_us", "900001"}, {"cpu", "cpu.rt_runtime_us", "601"}},
			sequence: []update{
				{options: []string{"--cpu-rt-period", "10000", "--cpu-rt-runtime", "3"}, want: []value{{"cpu", "cpu.rt_period_us", "10000"}, {"cpu", "cpu.rt_runtime_us", "3"}}},
				{json: `{"cpu":{"realtimePeriod":100000,"realtimeRuntime":20}}`, want: []value{{"cpu", "cpu.rt_period_us", "100000"}, {"cpu", "cpu.rt_runtime_us", "20"}}},
				{json: `{"cpu":{"realtimeRuntime":10}}`, want: []value{{"cpu", "cpu.rt_period_us", "100000"}, {"cpu", "cpu.rt_runtime_us", "10"}}},
			},
		},
		"cpuset": {
			needs: []string{"cpus:2"}, options: []string{"--cpuset-cpus", "1", "--cpuset-mems", "0"}, want: []value{{"cpuset", "cpuset.cpus", "1"}, {"cpuset", "cpuset.mems", "0"}},
			sequence: []update{{json: `{"CPU":{"Cpus":"0"}}`, want: []value{{"cpuset", "cpuset.cpus", "0"}}}},
		},
		"json": {
			json: `{"memory":{"limit":33554432,"reservation":25165824},"cpu":{"shares":100,"quota":20000,"period":50000},"pids":{"limit":10}}`,
			want: []value{
				{"memory", "memory.limit_in_bytes", "33554432"}, {"memory", "memory.soft_limit_in_bytes", "25165824"}, {"cpu", "cpu.shares", "100"},
				{"cpu", "cpu.cfs_quota_us", "20000"}, {"cpu", "cpu.cfs_period_us", "50000"}, {"pids", "pids.max", "10"},
			},
		},
		"throttle": {
			json: fmt.Sprintf(`{"blockIO":{"throttleReadBpsDevice":[{"major":%d,"minor":%d,"rate":485760}],"throttleWriteBpsDevice":[{"major":%[1]d,"minor":%[2]d,"rate":485760}],"throttleReadIOPSDevice":[{"major":%[1]d,"minor":%[2]d,"rate":485}],"throttleWriteIOPSDevice":[{"major":%[1]d,"minor":%[2]d,"rate":485}]}}`, blk[0], blk[1]),
			want: []value{
				{"blkio", "blkio.throttle.read_bps_device", dev + " 485760"}, {"blkio", "blkio.throttle.write_bps_device", dev + " 485760"},
				{"blkio", "blkio.throttle.read_iops_device", dev + " 485"}, {"blkio", "blkio.throttle.write_iops_device", dev + " 485"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, v := range u.want {
				requires(t, "v1:"+v.controller)
			}
			requires(t, u.needs...)
			u.run(t, updating(t, u.before))
		})
	}
}

func TestUpdate_v2(t *testing.T) {
	t.Parallel()
	requires(t, "cgroupv2")
	for name, u := range map[string]update{
		"pids": {needs: []string{"v2:pids"}, options: []string{"--pids-limit", "42"}, want: []value{{"", "pids.max", "42"}}, sequence: []update{
			{options: []string{"--pids-limit", "0"}, want: []value{{"", "pids.max", "1"}}},
			{options: []string{"--pids-limit", "-1"}, want: []value{{"", "pids.max", "max"}}},
			{json: `{"pids":{"limit":30},"unified":{"pids.max":"20"}}`, want: []value{{"", "pids.max", "20"}}},
		}},
		"memory": {
			needs: []string{"v2:memory"}, options: []string{"--memory", "50M", "--memory-swap", "80M", "--memory-reservation", "30M"},
			want: []value{{"", "memory.max", "52428800"}, {"", "memory.swap.max", "31457280"}, {"", "memory.low", "31457280"}},
			sequence: []update{
				{options: []string{"--memory-swap", "60M"}, want: []value{{"", "memory.max", "52428800"}, {"", "memory.swap.max", "10485760"}}},
				{options: []string{"--memory-swap", "-1"}, want: []value{{"", "memory.max", "52428800"}, {"", "memory.swap.max", "max"}}},
				{options: []string{"--memory", "30M", "--memory-swap", "30M"}, want: []value{{"", "memory.max", "31457280"}, {"", "memory.swap.max", "0"}}},
				{options: []string{"--memory", "-1"}, want: []value{{"", "memory.max", "max"}, {"", "memory.swap.max", "max"}}},
			},
		},
		"cpu": {
			needs: []string{"v2:cpu"}, options: []string{"--cpu-quota", "50000", "--cpu-share", "200"}, want: []value{{"", "cpu.max", "50000 100000"}, {"", "cpu.weight", "29"}},
			sequence: []update{
				{options: []string{"--cpu-period", "200000"}, want: []value{{"", "cpu.max", "50000 200000"}}},
				{options: []string{"--cpu-burst", "10000"}, want: []value{{"", "cpu.max.burst", "10000"}}},
				{options: []string{"--memory", "100M"}, want: []value{{"", "cpu.max.burst", "10000"}}},
				{options: []string{"--cpu-burst", "0"}, want: []value{{"", "cpu.max.burst", "0"}}},
				{options: []string{"--cpu-quota", "-1"}, want: []value{{"", "cpu.max", "max 200000"}}},
				{options: []string{"--cpu-idle", "1"}, want: []value{{"", "cpu.idle", "1"}}},
				{options: []string{"--cpu-idle", "0"}, want: []value{{"", "cpu.idle", "0"}}},
				{json: `{"unified":{"cpu.max":"5000 50000","cpu.weight":"42"}}`, want: []value{{"", "cpu.max", "5000 50000"}, {"", "cpu.weight", "42"}}},
			},
		},
		"cpuset": {needs: []string{"v2:cpuset", "cpus:2"}, options: []string{"--cpuset-cpus", "1"}, want: []value{{"", "cpuset.cpus", "1"}}, sequence: []update{{json: `{"CPU":{"Cpus":"0"}}`, want: []value{{"", "cpuset.cpus", "0"}}}}},
		"huge pages": {
			needs: []string{"v2:hugetlb", "file:/sys/kernel/mm/hugepages/hugepages-2048kB"}, json: `{"hugepageLimits":[{"pageSize":"2MB","limit":4194304}]}`,
			want:     []value{{"", "hugetlb.2MB.max", "4194304"}, {"", "hugetlb.2MB.rsvd.max", "4194304"}},
			sequence: []update{{json: `{"unified":{"hugetlb.2MB.max":"8388608"}}`, want: []value{{"", "hugetlb.2MB.max", "8388608"}}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requires(t, u.needs...)
			u.run(t, updating(t, u.before))
		})
	}
}

func TestUpdate_a_refused_value_leaves_all(t *testing.T) {
	t.Parallel()
	requires(t, "v1:cpuset", "v1:cpu", "v1:memory", "v1:pids")
	b := updating(t, func(r *specs.LinuxResources) {
		r.Pids = &specs.LinuxPids{Limit: ptr[int64](50)}
		r.Memory = &specs.LinuxMemory{Limit: ptr[int64](64 << 20)}
		r.CPU = &specs.LinuxCPU{Shares: ptr[uint64](300), Quota: ptr[int64](50000), Period: ptr[uint64](100000), Cpus: "0"}
	})
	before := readFile(t, filepath.Join(b.Root, b.ID, "config.json"))
	for name, text := range map[string]string{
		"a processor that is not there": `{"pids":{"limit":9},"memory":{"limit":33554432},"cpu":{"shares":9,"quota":7000,"period":9000,"cpus":"4000"}}`,
		"a device that is not there":    `{"pids":{"limit":9},"memory":{"limit":33554432},"cpu":{"shares":9,"quota":7000,"period":9000,"cpus":"0"},"blockIO":{"throttleReadBpsDevice":[{"major":250,"minor":250,"rate":1}]}}`,
		"a file of v2":                  `{"pids":{"limit":9},"unified":{"pids.max":"4"}}`,
		"a value out of range":          `{"pids":{"limit":9},"cpu":{"idle":3}}`,
		"a size of pages":               `{"pids":{"limit":9},"hugepageLimits":[{"pageSize":"3MB","limit":1}]}`,
		"no JSON":                       `{"pids":{"limit":9}`,
		"nothing at all":                ``,
	} {
		wantFailure(t, b.tryUpdateJSON(text))
		for _, v := range []value{
			{"pids", "pids.max", "50"}, {"memory", "memory.limit_in_bytes", "67108864"}, {"cpu", "cpu.shares", "300"},
			{"cpu", "cpu.cfs_quota_us", "50000"}, {"cpu", "cpu.cfs_period_us", "100000"}, {"cpuset", "cpuset.cpus", "0"},
		} {
			b.has(v.controller, v.file, v.want)
		}
		if t.Failed() {
			t.Fatal("after", name)
		}
	}
	want(t, "the config that is kept", readFile(t, filepath.Join(b.Root, b.ID, "config.json")), before)
}

func TestUpdate_v2_a_refused_value_leaves_all(t *testing.T) {
	t.Parallel()
	requires(t, "cgroupv2", "v2:cpu", "v2:memory", "v2:pids")
	b := updating(t, func(r *specs.LinuxResources) {
		r.Pids = &specs.LinuxPids{Limit: ptr[int64](50)}
		r.Memory = &specs.LinuxMemory{Limit: ptr[int64](64 << 20), Swap: ptr[int64](80 << 20)}
		r.CPU = &specs.LinuxCPU{Shares: ptr[uint64](200), Quota: ptr[int64](50000), Period: ptr[uint64](100000)}
	})
	for name, text := range map[string]string{
		"a device that is not there": `{"memory":{"limit":33554432,"swap":-1},"cpu":{"idle":1,"quota":7000,"period":9000,"cpus":"0"},"blockIO":{"throttleReadBpsDevice":[{"major":250,"minor":250,"rate":1}]}}`,
		"a file that is not there":   `{"pids":{"limit":9},"cpu":{"shares":9,"quota":-1},"unified":{"memory.high":"1G","memory.none":"1"}}`,
		"swap below memory":          `{"pids":{"limit":9},"memory":{"swap":1048576}}`,
		"what is v1's":               `{"pids":{"limit":9},"cpu":{"realtimeRuntime":5}}`,
	} {
		wantFailure(t, b.tryUpdateJSON(text))
		for _, v := range []value{
			{"", "pids.max", "50"}, {"", "memory.max", "67108864"}, {"", "memory.swap.max", "16777216"}, {"", "memory.high", "max"},
			{"", "cpu.max", "50000 100000"}, {"", "cpu.weight", "29"}, {"", "cpu.idle", "0"},
		} {
			b.has(v.controller, v.file, v.want)
		}
		if t.Failed() {
			t.Fatal("after", name)
		}
	}
}

func TestUpdate_v2_weight_of_block_devices(t *testing.T) {
	t.Parallel()
	requires(t, "cgroupv2", "v2:io")
	b := updating(t, func(r *specs.LinuxResources) { r.BlockIO = &specs.LinuxBlockIO{Weight: ptr[uint16](10)} })
	b.must("update", "--blkio-weight", "750", b.ID)
	if exists(filepath.Join(b.cgroupDir(""), "io.bfq.weight")) {
		b.has("", "io.bfq.weight", "default 750")
	} else {
		b.has("", "io.weight", "default 7475")
	}
}

func TestUpdate_options_that_cannot_be(t *testing.T) {
	t.Parallel()
	b := updating(t, nil)
	for _, o := range [][]string{
		{"--cpu-idle", "-1"}, {"--cpu-idle", "2"}, {"--memory", "x"}, {"--memory", "-5"}, {"--cpu-period", "-1"}, {"--cpu-period", "100"}, {"--blkio-weight", "2000"},
		{"--cpuset-cpus", "a-b"}, {"--pids-limit", "many"}, {"--resources", "/nonexistent"}, {"--no-such-option"}, {"--l3-cache-schema", "L3:0=f"}, {"--mem-bw-schema", "MB:0=20"},
	} {
		wantFailure(t, b.runtime(append([]string{"update", b.ID}, o...)...))
	}
	b.must("update", b.ID) // nothing is asked for
}

func TestUpdate_resources_from_a_file(t *testing.T) {
	t.Parallel()
	requires(t, "ctrl:pids")
	b := updating(t, nil)
	file := filepath.Join(b.Dir, "r.json")
	writeFile(t, file, `{"Pids":{"LIMIT":17}}`)
	b.must("update", "-r", file, b.ID)
	b.has("pids", "pids.max", "17")
	if lacking("rt:rung") == nil {
		b.must("update", "-r", file, "--pids-limit=18", b.ID)
		b.has("pids", "pids.max", "18")
	}
}

func TestUpdate_what_is_created_paused_or_stopped(t *testing.T) {
	t.Parallel()
	requires(t, "ctrl:pids")
	needsFreezer(t)
	b := waiting(t)
	wantFailure(t, b.runtime("update", "--pids-limit", "20", b.ID), "does not exist")
	c := b.create()
	b.must("update", "--pids-limit", "20", b.ID)
	b.has("pids", "pids.max", "20")
	b.wantStatus("created")
	c.start().next("waiting")
	b.must("pause", b.ID)
	b.must("update", "--pids-limit", "30", b.ID)
	b.has("pids", "pids.max", "30")
	b.wantStatus("paused")
	b.must("resume", b.ID)
	b.must("kill", b.ID, "KILL")
	c.wait()
	if lacking("rt:rung") == nil {
		wantFailure(t, b.runtime("update", "--pids-limit", "40", b.ID), "not running")
	}
}

// The kept config is what commands read that come later.
func TestUpdate_the_kept_config_says_it(t *testing.T) {
	t.Parallel()
	requires(t, "ctrl:pids", "rt:rung")
	b := updating(t, func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr[int64](50)} })
	b.must("update", "--pids-limit", "60", b.ID)
	if text := readFile(t, filepath.Join(b.Root, b.ID, "config.json")); !strings.Contains(text, `"pids":{"limit":60}`) {
		t.Error(text)
	}
	b.must("delete", "--force", b.ID)
}

// update changes the limits in the kept config and leaves the rest of it, what rung does not know included.
func TestUpdate_the_kept_config_has_all_else(t *testing.T) {
	t.Parallel()
	requires(t, "ctrl:pids", "rt:rung")
	b := waiting(t)
	b.Spec.Linux.Resources = &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr[int64](50)}}
	b.writeConfig()
	extra := `"windows": {"layerFolders": ["C:\\layer"]}, "laterSection": {"a": [1, {"b": null}]},`
	config := readFile(t, b.Dir+"/config.json")
	writeFile(t, b.Dir+"/config.json", "{"+extra+strings.TrimPrefix(strings.TrimSpace(config), "{"))
	b.NoConfig = true
	b.runDetached().next("waiting")
	kept := filepath.Join(b.Root, b.ID, "config.json")
	decode := func() (all map[string]any) {
		if err := json.Unmarshal([]byte(readFile(t, kept)), &all); err != nil {
			t.Fatal(err)
		}
		return all
	}
	expected := decode()
	b.must("update", "--pids-limit", "60", b.ID)
	resources := expected["linux"].(map[string]any)["resources"].(map[string]any)
	resources["pids"] = map[string]any{"limit": 60.0}
	if got := decode(); !reflect.DeepEqual(got, expected) {
		t.Errorf("got  %v\nwant %v", got, expected)
	}
	b.must("update", "--pids-limit", "61", b.ID)
	b.must("delete", "--force", b.ID)
}

// Access to devices has no gap, neither way, while limits change.
func TestUpdate_devices_stay_as_they_are(t *testing.T) {
	t.Parallel()
	requires(t, "command:busybox", "file:/dev/fuse")
	b := newBundle(t)
	withMount(bind(lookPath(t, "busybox"), "/bin/sh", "bind", "ro"))(b.Spec)
	writeFile(t, b.Rootfs+"/bin/sh", "")
	resources(func(r *specs.LinuxResources) { r.Devices = append(r.Devices, allow("c", 10, 229, "m")) })(b.Spec)
	// it ends when one access is not as it was
	b.Spec.Process.Args = []string{"/bin/sh", "-c", `mknod /dev/fuse c 10 229; /probe --echo '{"op":"begun"}'
		while echo x >/dev/null && ! (exec 3</dev/fuse) 2>/dev/null; do :; done; /probe --echo '{"op":"gap"}'; exit 9`}
	c := b.runDetached()
	c.next("begun")
	options := []string{"update", "--pids-limit", "30", b.ID}
	if cgroupKind() == "v2" && lacking("v2:pids") != nil {
		options = []string{"update", "--pids-limit", "-1", b.ID}
	}
	rules := func(access, more string) string {
		return `{"devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":10,"minor":229,"access":"` + access + `"}` + more + `]}`
	}
	for i := range 15 {
		b.must(options...)
		b.updateJSON(rules("m", []string{"", `,{"allow":true,"type":"c","major":4,"minor":64,"access":"rw"}`}[i%2]))
	}
	b.wantStatus("running")
	if lacking("rt:rung") == nil {
		b.updateJSON(rules("rm", ""))
		c.next("gap")
		want(t, "exit status", c.wait(), 9)
		return
	}
	b.must("kill", b.ID, "KILL")
	c.wait()
}

func TestUpdate_memory_check_before_update(t *testing.T) {
	t.Parallel()
	requires(t, "v2:memory", "cgroupv2")
	b := updating(t, func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Limit: ptr[int64](64 << 20)} })
	wantFailure(t, b.tryUpdateJSON(`{"memory":{"limit":4096,"checkBeforeUpdate":true}}`), "rejecting memory limit")
	wantFailure(t, b.tryUpdateJSON(`{"memory":{"limit":4096,"swap":4096,"checkBeforeUpdate":true}}`), "rejecting memory+swap limit")
	b.has("", "memory.max", "67108864")
}

func TestUpdate_the_cpuset_binds_a_process_that_runs(t *testing.T) {
	t.Parallel()
	requires(t, "ctrl:cpuset", "cpus:2")
	b := waiting(t)
	c := b.runDetached()
	c.next("waiting")
	for _, cpu := range []string{"1", "0", "0-1"} {
		b.must("update", "--cpuset-cpus", cpu, b.ID)
		status := readFile(t, fmt.Sprintf("/proc/%d/status", c.Pid))
		if !strings.Contains(status, "Cpus_allowed_list:\t"+cpu) {
			t.Errorf("%s: %s", cpu, status[strings.Index(status, "Cpus_allowed_list"):])
		}
	}
}
