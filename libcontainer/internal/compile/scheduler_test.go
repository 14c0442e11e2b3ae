package compile

import (
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
)

func TestScheduler(t *testing.T) {
	for _, c := range []struct {
		name string
		in   specs.Scheduler
		want plan.Scheduler
	}{
		{"other", specs.Scheduler{Policy: specs.SchedOther, Nice: -20}, plan.Scheduler{Policy: 0, Nice: -20}},
		{"fifo", specs.Scheduler{Policy: specs.SchedFIFO, Priority: 99}, plan.Scheduler{Policy: 1, Priority: 99}},
		{"rr", specs.Scheduler{Policy: specs.SchedRR, Priority: 1}, plan.Scheduler{Policy: 2, Priority: 1}},
		{"batch", specs.Scheduler{Policy: specs.SchedBatch, Nice: 19}, plan.Scheduler{Policy: 3, Nice: 19}},
		{"idle", specs.Scheduler{Policy: specs.SchedIdle}, plan.Scheduler{Policy: 5}},
		{
			"deadline",
			specs.Scheduler{Policy: specs.SchedDeadline, Flags: []specs.LinuxSchedulerFlag{specs.SchedFlagResetOnFork}, Runtime: 42000, Deadline: 1000000, Period: 1000001},
			plan.Scheduler{Policy: 6, Flags: 1, Runtime: 42000, Deadline: 1000000, Period: 1000001},
		},
		{
			"every flag",
			specs.Scheduler{Policy: specs.SchedOther, Flags: []specs.LinuxSchedulerFlag{
				specs.SchedFlagUtilClampMax, specs.SchedFlagUtilClampMin, specs.SchedFlagKeepParams, specs.SchedFlagKeepPolicy,
				specs.SchedFlagDLOverrun, specs.SchedFlagReclaim, specs.SchedFlagResetOnFork,
			}},
			plan.Scheduler{Flags: 0x7f},
		},
		{"keep policy", specs.Scheduler{Policy: specs.SchedOther, Flags: []specs.LinuxSchedulerFlag{specs.SchedFlagKeepPolicy}}, plan.Scheduler{Flags: 8}},
		{"overrun, twice", specs.Scheduler{Policy: specs.SchedOther, Flags: []specs.LinuxSchedulerFlag{specs.SchedFlagDLOverrun, specs.SchedFlagDLOverrun}}, plan.Scheduler{Flags: 4}},
	} {
		got, err := scheduler(&c.in)
		if err != nil || *got != c.want {
			t.Errorf("%s: %+v %v, want %+v", c.name, got, err, c.want)
		}
	}
}

func TestScheduler_invalid(t *testing.T) {
	for _, c := range []struct {
		in   specs.Scheduler
		want string
	}{
		{specs.Scheduler{}, `process.scheduler.policy: unknown policy ""`},
		{specs.Scheduler{Policy: "SCHED_FOO"}, "unknown policy"},
		{specs.Scheduler{Policy: specs.SchedISO}, "unknown policy"},
		{specs.Scheduler{Policy: specs.SchedOther, Flags: []specs.LinuxSchedulerFlag{specs.SchedFlagReclaim, "SCHED_FLAG_X"}}, `process.scheduler.flags[1]: unknown flag "SCHED_FLAG_X"`},
		{specs.Scheduler{Policy: specs.SchedFIFO, Priority: -1}, "process.scheduler.priority: -1"},
	} {
		if _, err := scheduler(&c.in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.in, err, c.want)
		}
	}
}

func TestIOPriority(t *testing.T) {
	for _, c := range []struct {
		in   specs.LinuxIOPriority
		want uint64
	}{
		{specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_RT, Priority: 0}, 0x2000},
		{specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_RT, Priority: 7}, 0x2007},
		{specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 4}, 0x4004},
		{specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_IDLE, Priority: 0}, 0x6000},
	} {
		if got, err := ioPriority(&c.in); err != nil || got.Value != c.want {
			t.Errorf("%+v: %+v %v, want %#x", c.in, got, err, c.want)
		}
	}
	for _, c := range []struct {
		in   specs.LinuxIOPriority
		want string
	}{
		{specs.LinuxIOPriority{}, "process.ioPriority.class"},
		{specs.LinuxIOPriority{Class: "IOPRIO_CLASS_NONE"}, "process.ioPriority.class"},
		{specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 8}, "process.ioPriority.priority: 8"},
		{specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: -1}, "process.ioPriority.priority: -1"},
	} {
		if _, err := ioPriority(&c.in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.in, err, c.want)
		}
	}
}
