package stats

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"golang.org/x/sys/unix"
)

// dir is a directory with these files.
func dir(t *testing.T, files map[string]string) *Dir {
	t.Helper()
	d := &Dir{Path: t.TempDir()}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(d.Path, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

const pressure = "some avg10=1.50 avg60=0.25 avg300=0.00 total=1606134132\nfull avg10=0.00 avg60=100.00 avg300=3.91 total=7\n"

var pressed = &PSI{Some: Pressure{1.5, 0.25, 0, 1606134132}, Full: Pressure{0, 100, 3.91, 7}}

func check(t *testing.T, d *Dir, got, want any) {
	t.Helper()
	if err := d.Err(); err != nil {
		t.Error(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestCPU(t *testing.T) {
	acct := dir(t, map[string]string{
		"cpuacct.usage":        "3243569\n",
		"cpuacct.usage_percpu": "3073467 170102 \n",
		"cpuacct.stat":         "user 2\nsystem 3\n",
		"cpuacct.usage_all":    "cpu user system\n0 1000 2000\n1 0 5\n",
	})
	cpu := dir(t, map[string]string{"cpu.stat": "nr_periods 10\nnr_throttled 4\nthrottled_time 500000\nnr_bursts 2\nburst_time 77\n"})
	check(t, acct, CPUV1(acct, cpu), CPU{
		Total: 3243569, User: 20_000_000, Kernel: 30_000_000, Percpu: []uint64{3073467, 170102}, PercpuUser: []uint64{1000, 0}, PercpuKernel: []uint64{2000, 5},
		Periods: 10, Throttled: 4, ThrottledTime: 500000, Bursts: 2, BurstTime: 77,
	})
	d := dir(t, map[string]string{
		"cpu.stat":     "usage_usec 5000\nuser_usec 3000\nsystem_usec 2000\nnr_periods 10\nnr_throttled 4\nthrottled_usec 6\nnr_bursts 1\nburst_usec 9\ncore_sched.force_idle_usec 0\n",
		"cpu.pressure": pressure,
	})
	check(t, d, CPUV2(d), CPU{
		Total: 5_000_000, User: 3_000_000, Kernel: 2_000_000, Periods: 10, Throttled: 4, ThrottledTime: 6000, Bursts: 1, BurstTime: 9000, PSI: pressed,
	})
}

func TestCpuset(t *testing.T) {
	d := dir(t, map[string]string{
		"cpuset.cpus": "0-2,5\n", "cpuset.mems": "0\n", "cpuset.cpu_exclusive": "1\n", "cpuset.memory_migrate": "1\n",
		"cpuset.sched_load_balance": "1\n", "cpuset.sched_relax_domain_level": "-1\n",
	})
	check(t, d, CpusetV1(d), Cpuset{CPUs: []uint16{0, 1, 2, 5}, Mems: []uint16{0}, CPUExclusive: 1, MemoryMigrate: 1, SchedLoadBalance: 1, SchedRelaxDomainLevel: -1})
	d = dir(t, map[string]string{"cpuset.cpus": "\n", "cpuset.cpus.effective": "0-1\n", "cpuset.mems.effective": "0\n"})
	check(t, d, CpusetV2(d), Cpuset{CPUs: []uint16{0, 1}, Mems: []uint16{0}})
}

func TestMemory(t *testing.T) {
	d := dir(t, map[string]string{
		"memory.usage_in_bytes": "100\n", "memory.max_usage_in_bytes": "200\n", "memory.limit_in_bytes": "9223372036854771712\n", "memory.failcnt": "3\n",
		"memory.memsw.usage_in_bytes": "150\n", "memory.memsw.limit_in_bytes": "400\n",
		"memory.kmem.usage_in_bytes": "7\n", "memory.kmem.tcp.failcnt": "1\n", "memory.stat": "cache 11\nrss 12\n",
	})
	check(t, d, MemoryV1(d), Memory{
		Cache: 11, Usage: Usage{9223372036854771712, 100, 200, 3}, Swap: Usage{400, 150, 0, 0}, Kernel: Usage{Usage: 7}, KernelTCP: Usage{Failcnt: 1},
		Raw: []Entry{{"cache", 11}, {"rss", 12}},
	})
	d = dir(t, map[string]string{
		"memory.current": "100\n", "memory.max": "1000\n", "memory.peak": "200\n", "memory.events": "low 0\nhigh 1\nmax 5\noom 2\noom_kill 1\n",
		"memory.swap.current": "10\n", "memory.swap.max": "500\n", "memory.swap.events": "high 0\nmax 4\nfail 0\n",
		"memory.stat": "anon 1\nfile 40\n", "memory.pressure": pressure,
	})
	check(t, d, MemoryV2(d), Memory{Cache: 40, Usage: Usage{1000, 100, 200, 5}, Swap: Usage{1500, 110, 0, 4}, Raw: []Entry{{"anon", 1}, {"file", 40}}, PSI: pressed})
	d = dir(t, map[string]string{"memory.current": "100\n", "memory.max": "max\n", "memory.swap.max": "500\n", "memory.stat": "file 0\n"})
	check(t, d, MemoryV2(d), Memory{Usage: Usage{Limit: NoLimit, Usage: 100}, Swap: Usage{Limit: NoLimit, Usage: 100}, Raw: []Entry{{"file", 0}}})
	d = dir(t, map[string]string{"memory.pressure": pressure}) // of a group without the controller
	check(t, d, MemoryV2(d), Memory{PSI: pressed})
}

func TestPids(t *testing.T) {
	d := dir(t, map[string]string{"pids.current": "3\n", "pids.max": "max\n"})
	check(t, d, PidsOf(d), Pids{Current: 3})
	d = dir(t, map[string]string{"pids.current": "3\n", "pids.max": "20\n"})
	check(t, d, PidsOf(d), Pids{3, 20})
	d = dir(t, map[string]string{"cgroup.threads": "1\n2\n"})
	check(t, d, PidsOf(d), Pids{Current: 2})
}

func TestIO(t *testing.T) {
	d := dir(t, map[string]string{
		"blkio.bfq.io_serviced_recursive":           "Total 0\n",
		"blkio.throttle.io_service_bytes_recursive": "254:0 Read 10\n254:0 Total 10\nTotal 10\n",
		"blkio.throttle.io_serviced_recursive":      "254:0 Write 1\nTotal 1\n",
	})
	check(t, d, IOV1(d), IO{Bytes: []IOEntry{{254, 0, "Read", 10}, {254, 0, "Total", 10}}, Serviced: []IOEntry{{254, 0, "Write", 1}}})
	d = dir(t, map[string]string{
		"blkio.bfq.io_serviced_recursive": "8:0 Read 1\n", "blkio.bfq.io_service_bytes_recursive": "8:0 Read 512\n",
		"blkio.bfq.sectors_recursive": "8:0 1\n", "blkio.bfq.time_recursive": "8:0 9\n", "blkio.throttle.io_serviced_recursive": "8:0 Read 99\n",
	})
	check(t, d, IOV1(d), IO{
		Bytes: []IOEntry{{8, 0, "Read", 512}}, Serviced: []IOEntry{{8, 0, "Read", 1}}, Time: []IOEntry{{8, 0, "", 9}}, Sectors: []IOEntry{{8, 0, "", 1}},
	})
	d = dir(t, map[string]string{"io.stat": "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6 cost.usage=7\n7:0 \n", "io.pressure": pressure})
	check(t, d, IOV2(d), IO{
		Bytes:    []IOEntry{{8, 0, "Read", 1}, {8, 0, "Write", 2}, {8, 0, "Discard", 5}},
		Serviced: []IOEntry{{8, 0, "Read", 3}, {8, 0, "Write", 4}, {8, 0, "Discard", 6}},
		PSI:      pressed,
	})
}

func TestHugetlb(t *testing.T) {
	sizes := []string{"2MB", "1GB"}
	d := dir(t, map[string]string{
		"hugetlb.2MB.rsvd.usage_in_bytes": "4\n", "hugetlb.2MB.rsvd.max_usage_in_bytes": "8\n", "hugetlb.2MB.rsvd.failcnt": "1\n", "hugetlb.2MB.usage_in_bytes": "2\n",
		"hugetlb.1GB.usage_in_bytes": "0\n",
	})
	check(t, d, HugetlbV1(d, sizes), []Hugetlb{{"2MB", 4, 8, 1}, {Size: "1GB"}})
	d = dir(t, map[string]string{"hugetlb.2MB.current": "2\n", "hugetlb.2MB.rsvd.current": "6\n", "hugetlb.2MB.events": "max 9\n"})
	check(t, d, HugetlbV2(d, sizes), []Hugetlb{{Size: "2MB", Usage: 6, Failcnt: 9}})
}

func TestRDMA(t *testing.T) {
	d := dir(t, map[string]string{"rdma.max": "mlx4_0 hca_handle=2 hca_object=max\nx hca_handle=1 hca_object=2\n", "rdma.current": "mlx4_0 hca_handle=1 hca_object=20\n"})
	check(t, d, RDMAOf(d), RDMA{
		Limit: []RDMAEntry{{"mlx4_0", 2, 1<<32 - 1}, {"x", 1, 2}}, Current: []RDMAEntry{{"mlx4_0", 1, 20}},
	})
}

// A group without any of the files counts nothing, and that is no error.
func TestNothing(t *testing.T) {
	for _, d := range []*Dir{{}, dir(t, nil)} {
		s := Stats{CPU: CPUV2(d), Cpuset: CpusetV2(d), Memory: MemoryV2(d), Pids: PidsOf(d), IO: IOV2(d), Hugetlb: HugetlbV2(d, nil), RDMA: RDMAOf(d)}
		check(t, d, s, Stats{})
		s.CPU, s.Memory, s.IO = CPUV1(d, d), MemoryV1(d), IOV1(d)
		check(t, d, s, Stats{})
	}
}

func TestErr(t *testing.T) {
	d := dir(t, nil)
	if err := os.Mkdir(filepath.Join(d.Path, "pids.current"), 0o700); err != nil {
		t.Fatal(err)
	}
	PidsOf(d)
	if err := d.Err(); !errors.Is(err, unix.EISDIR) {
		t.Errorf("got %v", err)
	}
}

// Names, order and what is left out are what readers rely on.
func TestAppendJSON(t *testing.T) {
	for _, c := range []struct {
		name string
		s    Stats
		want string
	}{
		{
			"nothing", Stats{},
			`{"cpu":{"usage":{"kernel":0,"user":0},"throttling":{}},` +
				`"cpuset":{"cpu_exclusive":0,"mem_hardwall":0,"mem_exclusive":0,"memory_migrate":0,"memory_spread_page":0,"memory_spread_slab":0,"memory_pressure":0,"sched_load_balance":0,"sched_relax_domain_level":0},` +
				`"memory":{"usage":{"limit":0,"failcnt":0},"swap":{"limit":0,"failcnt":0},"kernel":{"limit":0,"failcnt":0},"kernelTCP":{"limit":0,"failcnt":0}},` +
				`"pids":{},"blkio":{},"hugetlb":{}}`,
		},
		{
			"all", Stats{
				CPU:    CPU{Total: 1, Kernel: 2, User: 3, Percpu: []uint64{4, 5}, PercpuKernel: []uint64{6}, PercpuUser: []uint64{7}, Periods: 8, Throttled: 9, ThrottledTime: 10, PSI: pressed},
				Cpuset: Cpuset{CPUs: []uint16{0, 1}, Mems: []uint16{0}, CPUExclusive: 1, MemHardwall: 2, MemExclusive: 3, MemoryMigrate: 4, MemorySpreadPage: 5, SpreadSlab: 6, MemoryPressure: 7, SchedLoadBalance: 8, SchedRelaxDomainLevel: -1},
				Memory: Memory{Cache: 1, Usage: Usage{NoLimit, 2, 3, 4}, Swap: Usage{5, 6, 7, 8}, Kernel: Usage{9, 10, 11, 12}, KernelTCP: Usage{13, 14, 15, 16}, Raw: []Entry{{"b", 1}, {"a", 2}}},
				Pids:   Pids{3, 20},
				IO: IO{
					Bytes: []IOEntry{{8, 0, "Read", 1}, {8, 16, "Write", 0}}, Serviced: []IOEntry{{8, 0, "Read", 2}}, Queued: []IOEntry{{8, 0, "Read", 3}},
					Service: []IOEntry{{8, 0, "Read", 4}}, Wait: []IOEntry{{8, 0, "Read", 5}}, Merged: []IOEntry{{8, 0, "Read", 6}},
					Time: []IOEntry{{8, 0, "", 7}}, Sectors: []IOEntry{{8, 0, "", 8}},
				},
				Hugetlb: []Hugetlb{{"2MB", 1, 2, 3}, {Size: "1GB"}},
				RDMA:    RDMA{Limit: []RDMAEntry{{"x", 1, 2}}, Current: []RDMAEntry{{"x", 0, 1}}},
			},
			`{"cpu":{"usage":{"total":1,"percpu":[4,5],"percpu_kernel":[6],"percpu_user":[7],"kernel":2,"user":3},"throttling":{"periods":8,"throttledPeriods":9,"throttledTime":10},` +
				`"psi":{"some":{"avg10":1.5,"avg60":0.25,"avg300":0,"total":1606134132},"full":{"avg10":0,"avg60":100,"avg300":3.91,"total":7}}},` +
				`"cpuset":{"cpus":[0,1],"cpu_exclusive":1,"mems":[0],"mem_hardwall":2,"mem_exclusive":3,"memory_migrate":4,"memory_spread_page":5,"memory_spread_slab":6,"memory_pressure":7,"sched_load_balance":8,"sched_relax_domain_level":-1},` +
				`"memory":{"cache":1,"usage":{"limit":18446744073709551615,"usage":2,"max":3,"failcnt":4},"swap":{"limit":5,"usage":6,"max":7,"failcnt":8},"kernel":{"limit":9,"usage":10,"max":11,"failcnt":12},"kernelTCP":{"limit":13,"usage":14,"max":15,"failcnt":16},"raw":{"a":2,"b":1}},` +
				`"pids":{"current":3,"limit":20},` +
				`"blkio":{"ioServiceBytesRecursive":[{"major":8,"op":"Read","value":1},{"major":8,"minor":16,"op":"Write"}],"ioServicedRecursive":[{"major":8,"op":"Read","value":2}],"ioQueueRecursive":[{"major":8,"op":"Read","value":3}],` +
				`"ioServiceTimeRecursive":[{"major":8,"op":"Read","value":4}],"ioWaitTimeRecursive":[{"major":8,"op":"Read","value":5}],"ioMergedRecursive":[{"major":8,"op":"Read","value":6}],"ioTimeRecursive":[{"major":8,"value":7}],"sectorsRecursive":[{"major":8,"value":8}]},` +
				`"hugetlb":{"2MB":{"usage":1,"max":2,"failcnt":3},"1GB":{"failcnt":0}},` +
				`"rdma":{"rdma_limit":[{"device":"x","hca_handles":1,"hca_objects":2}],"rdma_current":[{"device":"x","hca_objects":1}]}}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := string(c.s.AppendJSON([]byte{'{'})) + "}"
			if !json.Valid([]byte(got)) {
				t.Error("no JSON")
			}
			if got != c.want {
				at := 0
				for at < min(len(got), len(c.want)) && got[at] == c.want[at] {
					at++
				}
				t.Errorf("got  …%s\nwant …%s", got[at:], c.want[at:])
			}
		})
	}
}
