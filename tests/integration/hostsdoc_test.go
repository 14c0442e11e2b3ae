package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// hostRow is something that a runtime does, and a row of the table in docs/hosts.md.
type hostRow struct {
	name  string // of the test, below TestHosts/KIND
	title string
	needs []string
	cells [5]string // for each of hostKinds: works, notHere, or the words by which it is refused
	test  func(t *testing.T, h *host)
	try   func(h *host) Result // what is refused
}

const (
	works   = "works"
	notHere = "" // what this is about does not exist there
	noGroup = "no control group of its own"
)

// hostRows are in the order in which they are tested: one container goes through them.
func hostRows() []hostRow {
	everywhere := [5]string{works, works, works, works, works}
	grouped := [5]string{works, works, works, works, noGroup}
	command := func(args ...string) func(h *host) Result {
		return func(h *host) Result { return h.runtime(append(args, h.ID)...) }
	}
	update := func(name, title string, u hostUpdate) hostRow {
		return hostRow{name: "update-" + name, title: "`update`: " + title, cells: grouped, test: func(t *testing.T, h *host) { u.run(t, h) }, try: u.try}
	}
	set := func(text, file, want string) hostUpdate { return hostUpdate{json: text, file: file, want: want} }

	hugetlb := update("huge-pages", "huge pages", set(`{"hugepageLimits":[{"pageSize":"2MB","limit":4194304}]}`, "hugetlb.2MB.max", "4194304"))
	hugetlb.needs = []string{"v2:hugetlb"}
	hugetlb.cells[3] = "linux.resources.hugepageLimits[0]: the hugetlb controller is not available" // systemd delegates none
	return []hostRow{
		{name: "run", title: "`run`, `state`", cells: everywhere, test: hostRun},
		{name: "exec", title: "`exec`, in the container's group; `ps`", cells: everywhere, test: hostExec},
		{name: "stats", title: "`events --stats`, with pressure", cells: grouped, test: hostStats, try: command("events", "--stats")},
		{name: "pause", title: "`pause`, `resume`", cells: grouped, test: hostPause, try: command("pause")},
		{
			name: "limits", title: "`create` with limits",
			cells: [5]string{works, works, works, works, "linux.resources: rootless needs no limits"}, test: hostLimits, try: (*host).tryLimits,
		},
		update("processes", "number of processes", update1("pids.max", "40", "--pids-limit", "40")),
		update("memory", "memory", update1("memory.max", "67108864", "--memory", "64M")),
		update("swap", "swap", update1("memory.swap.max", "33554432", "--memory", "64M", "--memory-swap", "96M")),
		update("reservation", "memory reservation", update1("memory.low", "33554432", "--memory-reservation", "32M")),
		update("shares", "share of the processors", update1("cpu.weight", "29", "--cpu-share", "200")),
		update("quota", "processor quota and period", update1("cpu.max", "60000 200000", "--cpu-quota", "60000", "--cpu-period", "200000")),
		update("burst", "processor burst", update1("cpu.max.burst", "10000", "--cpu-burst", "10000")),
		update("idle", "idle priority", update1("cpu.idle", "1", "--cpu-idle", "1")),
		update("not-idle", "ordinary priority again", update1("cpu.idle", "0", "--cpu-idle", "0")),
		update("cpus", "processors", update1("cpuset.cpus", "0", "--cpuset-cpus", "0")),
		update("mems", "memory nodes", update1("cpuset.mems", "0", "--cpuset-mems", "0")),
		{
			name: "update-disk-weight", title: "`update`: weight at the disk", cells: grouped,
			test: func(t *testing.T, h *host) {
				file, v := "io.weight", "default 7475"
				h.must("update", "--blkio-weight", "750", h.ID)
				if exists(filepath.Join(h.dir, "io.bfq.weight")) {
					file, v = "io.bfq.weight", "default 750"
				}
				h.wantFile(file, v)
			},
			try: command("update", "--blkio-weight", "750"),
		},
		hugetlb,
		update("unified", "files of cgroup v2 by their names", set(`{"unified":{"memory.high":"41943040","memory.oom.group":"1","cgroup.max.depth":"7"}}`, "memory.high", "41943040")),
		{
			name: "refused-value", title: "a value that the kernel refuses leaves all others as they were",
			cells: [5]string{works, works, works, works, notHere}, test: hostRefused,
		},
		{
			name: "refused-by-systemd", title: "so does one that systemd refuses, devices included",
			cells: [5]string{notHere, works, notHere, works, notHere}, test: hostRefusedUnit,
		},
		{
			name: "reload", title: "limits outlast `systemctl daemon-reload`",
			cells: [5]string{notHere, works, notHere, works, notHere}, test: hostReload,
		},
		{
			name: "throttled", title: "a quota slows a busy process down",
			cells: [5]string{works, works, works, works, notHere}, test: hostThrottled,
		},
		{
			name: "no-more-processes", title: "a limit of processes refuses the next one",
			cells: [5]string{works, works, works, works, notHere}, test: hostNoMoreProcesses,
		},
		{
			name: "slow-disk", title: "a limit of the disk slows writes down", needs: []string{"disk"},
			cells: [5]string{works, works, works, works, notHere}, test: hostSlowDisk,
		},
		{
			name: "oom", title: "memory that runs out ends the process, and `events` tells",
			cells: [5]string{works, works, works, works, notHere}, test: hostOOM,
		},
		{
			name: "devices", title: "a device is denied, and allowed and denied again by `update`",
			cells: [5]string{works, works, notHere, notHere, notHere}, test: hostNoDevice,
		},
		{
			name: "own-groups", title: "groups made in the container, threaded ones too; its own limits it cannot lift",
			cells: [5]string{works, works, works, works, notHere}, test: hostOwnGroups,
		},
		{
			name: "checkpoint", title: "`checkpoint`",
			cells: [5]string{notHere, notHere, "need the host's root", "need the host's root", "need the host's root"}, try: command("checkpoint", "--image-path", "/nonexistent"),
		},
		{name: "kill", title: "`kill`", cells: everywhere, test: hostKill},
		{name: "delete", title: "`delete`, with nothing left", cells: everywhere, test: hostDelete},
	}
}

// hostTable is what the page has to have.
func hostTable() string {
	var b strings.Builder
	b.WriteString("| |")
	for _, k := range hostKinds() {
		b.WriteString(" " + k.title + " |")
	}
	b.WriteString(" `TestHosts/…/` |\n|---|")
	b.WriteString(strings.Repeat("---|", len(hostKinds())+1) + "\n")
	for _, r := range hostRows() {
		b.WriteString("| " + r.title + " |")
		for _, c := range r.cells {
			switch c {
			case works:
				b.WriteString(" yes |")
			case notHere:
				b.WriteString(" – |")
			default:
				b.WriteString(" refused |")
			}
		}
		b.WriteString(" " + r.name + " |\n")
	}
	return b.String()
}

// The page has this table, and names no test that there is not.
func TestHosts_the_page_says_what_is_tested(t *testing.T) {
	t.Parallel()
	file := filepath.Join(repository, "docs/hosts.md")
	page := readFile(t, file)
	if table := hostTable(); !strings.Contains(page, table) {
		t.Errorf("docs/hosts.md has to have this table:\n%s", table)
	}
	var tests []string
	sources, err := filepath.Glob(filepath.Join(repository, "tests/integration/*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sources {
		text, err := os.ReadFile(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(text), -1) {
			tests = append(tests, m[1])
		}
	}
	for _, name := range regexp.MustCompile(`\bTest\w+`).FindAllString(page, -1) {
		if !slices.Contains(tests, name) {
			t.Errorf("docs/hosts.md names %s, which is no test", name)
		}
	}
}
