package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func withOffsets(offsets map[string]specs.LinuxTimeOffset) func(*specs.Spec) {
	return func(s *specs.Spec) {
		setNS(s, specs.TimeNamespace, "")
		s.Linux.TimeOffsets = offsets
	}
}

func monotonic(t *testing.T, clock int32) int64 {
	t.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(clock, &ts); err != nil {
		t.Fatal(err)
	}
	return ts.Nano()
}

func offsetLines(r report) (lines []string) {
	for line := range strings.Lines(r.TimensOffsets) {
		lines = append(lines, fields(line))
	}
	return lines
}

var someOffsets = map[string]specs.LinuxTimeOffset{
	"monotonic": {Secs: 7881, Nanosecs: 2718281},
	"boottime":  {Secs: 1337, Nanosecs: 3141519},
}

func TestTimens_offsets_are_in_force(t *testing.T) {
	t.Parallel()
	requires(t, "rt:timens", "timens")
	before := monotonic(t, unix.CLOCK_MONOTONIC)
	boot := monotonic(t, unix.CLOCK_BOOTTIME)
	r := probe(t, withOffsets(someOffsets))
	wantSlice(t, "timens_offsets", offsetLines(r), []string{"monotonic 7881 2718281", "boottime 1337 3141519"})
	if d := time.Duration(r.Clocks.Monotonic - before); d < 7881*time.Second || d > 7881*time.Second+patience {
		t.Errorf("CLOCK_MONOTONIC is %v ahead, want 7881 s", d)
	}
	if d := time.Duration(r.Clocks.Boottime - boot); d < 1337*time.Second || d > 1337*time.Second+patience {
		t.Errorf("CLOCK_BOOTTIME is %v ahead, want 1337 s", d)
	}
	if r.NS["time"] == nsID(t, 0, "time") {
		t.Error("the time namespace is the host's")
	}
}

func TestTimens_negative_offsets(t *testing.T) {
	t.Parallel()
	requires(t, "rt:timens", "timens")
	r := probe(t, withOffsets(map[string]specs.LinuxTimeOffset{"boottime": {Secs: -20, Nanosecs: 5}}))
	wantSlice(t, "timens_offsets", offsetLines(r), []string{"monotonic 0 0", "boottime -20 5"})
}

func TestTimens_without_offsets_the_clocks_are_the_hosts(t *testing.T) {
	t.Parallel()
	requires(t, "rt:timens", "timens")
	r := probe(t, withOffsets(nil))
	wantSlice(t, "timens_offsets", offsetLines(r), []string{"monotonic 0 0", "boottime 0 0"})
	if r.NS["time"] == nsID(t, 0, "time") {
		t.Error("the time namespace is the host's")
	}
}

func TestTimens_in_a_user_namespace(t *testing.T) {
	t.Parallel()
	requires(t, "rt:timens", "timens")
	r := userBundle(t).probe(withOffsets(someOffsets))
	wantSlice(t, "timens_offsets", offsetLines(r), []string{"monotonic 7881 2718281", "boottime 1337 3141519"})
}

func TestTimens_is_joined_by_path(t *testing.T) {
	t.Parallel()
	requires(t, "rt:timens", "timens")
	a := newBundle(t)
	withOffsets(someOffsets)(a.Spec)
	a.Spec.Process.Args = []string{"/probe", "--wait-signal"}
	ca := a.create().start()
	ca.next("waiting")
	r := probe(t, func(s *specs.Spec) { setNS(s, specs.TimeNamespace, nsPath(ca.Pid, specs.TimeNamespace)) })
	want(t, "time", r.NS["time"], nsID(t, ca.Pid, "time"))
	wantSlice(t, "timens_offsets", offsetLines(r), []string{"monotonic 7881 2718281", "boottime 1337 3141519"})
}

func TestTimens_offsets_without_the_namespace_are_refused(t *testing.T) {
	t.Parallel()
	requires(t, "rt:timens")
	mustFail(t, func(s *specs.Spec) { s.Linux.TimeOffsets = someOffsets }, "time")
}

func TestTimens_unknown_clocks_are_refused(t *testing.T) {
	t.Parallel()
	requires(t, "rt:timens", "timens")
	res := mustFail(t, withOffsets(map[string]specs.LinuxTimeOffset{"sundial": {Secs: 1}}))
	if runtimeName == "rung" && !strings.Contains(res.Stderr, "sundial") {
		t.Errorf("error %q does not say which", res.Stderr)
	}
}
