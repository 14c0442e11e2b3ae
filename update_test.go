package main

import (
	"strings"
	"testing"
)

func TestParseSize(t *testing.T) {
	for in, want := range map[string]int64{
		"0": 0, "1": 1, "-1": -1, "1048576": 1 << 20, "10b": 10, "10B": 10, "32k": 32 << 10, "32K": 32 << 10, "50M": 50 << 20, "50MB": 50 << 20, "50MiB": 50 << 20, "50mb": 50 << 20,
		"1G": 1 << 30, "2t": 2 << 40, "1P": 1 << 50, "1.5g": 3 << 29, "0.5M": 1 << 19, ".5k": 512, "32 K": 32 << 10, "9223372036854775807": 1<<63 - 1,
	} {
		if got, ok := parseSize(in); !ok || got != want {
			t.Errorf("%q: %d, %v, want %d", in, got, ok, want)
		}
	}
	for _, in := range []string{"", "-2", "-1M", "x", "1x", "1Mx", "1KB2", "1e3", "0x10", "Inf", "NaN", "1.2.3", "+1", "9223372036854775808", "8192P", "1i", "k", "1 2", "١"} {
		if got, ok := parseSize(in); ok {
			t.Errorf("%q is %d", in, got)
		}
	}
}

func TestUpdateOptions(t *testing.T) {
	l := limits{
		memory: "50M", reservation: "1k", swap: "-1", kernelTCP: "2M", period: "100000", quota: "-1", burst: "0", shares: "7", idle: "0",
		rtPeriod: "9", rtRuntime: "-1", cpus: "0-1", mems: "0", weight: "500", pids: "0", l3: "L3:0=f", bandwidth: "MB:0=20",
	}
	o, err := l.options()
	if err != nil {
		t.Fatal(err)
	}
	for name, ok := range map[string]bool{
		"memory": *o.Memory == 50<<20, "reservation": *o.MemoryReservation == 1024, "swap": *o.MemorySwap == -1, "tcp": *o.KernelMemoryTCP == 2<<20,
		"period": *o.CPUPeriod == 100000, "quota": *o.CPUQuota == -1, "burst": *o.CPUBurst == 0, "shares": *o.CPUShares == 7, "idle": *o.CPUIdle == 0,
		"rt period": *o.CPURealtimePeriod == 9, "rt runtime": *o.CPURealtimeRuntime == -1, "cpus": o.CpusetCpus == "0-1", "mems": o.CpusetMems == "0",
		"weight": *o.BlkioWeight == 500, "pids": *o.PidsLimit == 0, "l3": o.L3CacheSchema == "L3:0=f", "bandwidth": o.MemBwSchema == "MB:0=20",
	} {
		if !ok {
			t.Errorf("%s: %+v", name, o)
		}
	}
	// not given is not 0
	if o, err = (&limits{}).options(); err != nil || o.PidsLimit != nil || o.CPUBurst != nil || o.CPUIdle != nil || o.Memory != nil || o.BlkioWeight != nil {
		t.Errorf("nothing given: %+v, %v", o, err)
	}
	for want, l := range map[string]limits{
		"--memory": {memory: "x"}, "--cpu-period": {period: "-1"}, "--cpu-share": {shares: "-1"}, "--cpu-burst": {burst: "1.5"}, "--cpu-quota": {quota: "1M"},
		"--blkio-weight": {weight: "65536"}, "--pids-limit": {pids: "max"}, "--cpu-idle": {idle: "yes"},
	} {
		if _, err := l.options(); err == nil || !strings.Contains(err.Error(), want+":") {
			t.Errorf("%+v: %v, want %s", l, err, want)
		}
	}
}

func TestRowsOf(t *testing.T) {
	const table = "UID        PID  PPID CMD\nroot         1     0 init\nroot        17     1 sh -c 1 17\nroot       170     1 x\n"
	for name, c := range map[string]struct {
		table string
		pids  []int
		want  string
	}{
		"some":             {table, []int{1, 17}, "UID        PID  PPID CMD\nroot         1     0 init\nroot        17     1 sh -c 1 17\n"},
		"none":             {table, nil, "UID        PID  PPID CMD\n"},
		"pid comes first":  {"  PID CMD\n   17 a\n  170 b\n", []int{170}, "  PID CMD\n  170 b\n"},
		"only one column":  {"PID\n1\n17\n", []int{17}, "PID\n17\n"},
		"no last new line": {"PID\n17", []int{17}, "PID\n17\n"},
	} {
		if got, err := rowsOf(c.table, c.pids); err != nil || got != c.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for _, table := range []string{"", "USER COMMAND\na b\n", "PPID\n1\n"} {
		if got, err := rowsOf(table, []int{1}); err == nil {
			t.Errorf("%q: %q", table, got)
		}
	}
}

func TestAppendPids(t *testing.T) {
	for want, pids := range map[string][]int{"[]\n": nil, "[7]\n": {7}, "[7,8]\n": {7, 8}} {
		if got := string(appendPids(nil, pids)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
