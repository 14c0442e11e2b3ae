package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What a command asks of the kernel, and what runs before its first line, for one bundle, may only fall: tests/budget has
// the most of each. Where it rises for a reason, the new number goes there, with the reason in the commit. No clock takes
// part, so that a busy machine changes nothing.
func TestBudget(t *testing.T) {
	requires(t, "rt:rung", "cgroupv2", "no-systemd") // the one view in which all hosts are alike: no controller, one hierarchy
	if controllers := strings.Fields(readFile(t, "/sys/fs/cgroup/cgroup.controllers")); slices.Contains(controllers, "memory") {
		recordSkip(t.Name(), "without:v2:memory", unix.EBUSY)
		t.Skip("the numbers are those of a hierarchy without controllers")
	}
	limits := readBudget(t)
	got := map[string]int{}
	b := newBundle(t)
	// the counts of bytes read have the id in them
	b.ID = "budget"
	b.ids = []string{b.ID}
	b.Spec.Hostname, b.Spec.Linux.CgroupsPath = b.ID, "/"+newID()
	b.Spec.Process.Args = []string{"/probe", "--exit", "0"}
	count := func(name string, args ...string) {
		t.Helper()
		file := filepath.Join(b.Dir, "count")
		b.Wrap = []string{filepath.Join(repository, "tests/bin/count"), file}
		defer func() { b.Wrap = nil }()
		b.must(args...)
		for line := range strings.Lines(readFile(t, file)) {
			f := strings.Fields(line)
			n, err := strconv.Atoi(f[1])
			if err != nil {
				t.Fatal(err)
			}
			got[name+" "+f[0]] = n
		}
	}
	b.writeConfig()
	count("run", "run", "--bundle", b.Dir, b.ID)
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	b.writeConfig()
	count("create", "create", "--bundle", b.Dir, b.ID)
	count("state", "state", b.ID)
	count("start", "start", b.ID)
	count("exec", "exec", b.ID, "/probe", "--exit", "0")
	pid := b.state().Pid
	count("kill", "kill", b.ID, "KILL")
	waitExit(t, pid, patience)
	count("delete", "delete", b.ID)

	b.Env = []string{"GODEBUG=inittrace=1"}
	for line := range strings.Lines(b.runtime("--version").Stderr) {
		// init PACKAGE @0.1 ms, 0.01 ms clock, 16 bytes, 1 allocs
		if f := strings.Fields(line); len(f) == 11 && f[0] == "init" {
			allocs, err := strconv.Atoi(f[9])
			if err != nil {
				t.Fatal(err)
			}
			got["start inits"]++
			got["start allocs"] += allocs
		}
	}

	var below []string
	for name, most := range limits {
		switch n, ok := got[name]; {
		case !ok:
			t.Errorf("tests/budget: nothing counts %q", name)
		case n > most:
			t.Errorf("%s: %d, tests/budget allows %d", name, n, most)
		case n < most-most/20:
			below = append(below, fmt.Sprintf("%s %d (%d)", name, n, most))
		}
	}
	for name, n := range got {
		if _, ok := limits[name]; !ok {
			t.Errorf("tests/budget has no line %s %d", name, n)
		}
	}
	if len(below) > 0 {
		t.Logf("tests/budget may be lowered: %s", strings.Join(below, ", "))
	}
}

func readBudget(t *testing.T) map[string]int {
	t.Helper()
	limits := map[string]int{}
	text, err := os.ReadFile(filepath.Join(repository, "tests/budget"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		n, err := strconv.Atoi(f[len(f)-1])
		if err != nil || len(f) != 3 {
			t.Fatalf("tests/budget: %q: want COMMAND COUNTER NUMBER", line)
		}
		limits[f[0]+" "+f[1]] = n
	}
	return limits
}
