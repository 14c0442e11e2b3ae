package compile

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"golang.org/x/sys/unix"
)

// schedFlags is every flag by its bit (sched_setattr(2)).
var schedFlags = [...]specs.LinuxSchedulerFlag{
	specs.SchedFlagResetOnFork, specs.SchedFlagReclaim, specs.SchedFlagDLOverrun, specs.SchedFlagKeepPolicy, specs.SchedFlagKeepParams,
	specs.SchedFlagUtilClampMin, specs.SchedFlagUtilClampMax,
}

// scheduler gives the attributes of sched_setattr(2).
func scheduler(s *specs.Scheduler) (*plan.Scheduler, error) {
	op := &plan.Scheduler{Nice: int64(s.Nice), Priority: uint64(s.Priority), Runtime: s.Runtime, Deadline: s.Deadline, Period: s.Period}
	if s.Priority < 0 {
		return nil, fmt.Errorf("process.scheduler.priority: %d is below 0", s.Priority)
	}
	switch s.Policy {
	case specs.SchedOther:
		op.Policy = unix.SCHED_NORMAL
	case specs.SchedFIFO:
		op.Policy = unix.SCHED_FIFO
	case specs.SchedRR:
		op.Policy = unix.SCHED_RR
	case specs.SchedBatch:
		op.Policy = unix.SCHED_BATCH
	case specs.SchedIdle:
		op.Policy = unix.SCHED_IDLE
	case specs.SchedDeadline:
		op.Policy = unix.SCHED_DEADLINE
	default: // SCHED_ISO too: Linux reserves the name and has no such policy
		return nil, fmt.Errorf("process.scheduler.policy: unknown policy %q", s.Policy)
	}
next:
	for i, f := range s.Flags {
		for bit, name := range schedFlags {
			if name == f {
				op.Flags |= 1 << bit
				continue next
			}
		}
		return nil, fmt.Errorf("process.scheduler.flags[%d]: unknown flag %q", i, f)
	}
	return op, nil
}

// ioPriority gives the value of ioprio_set(2): the class above bit 13, the
// level, which the idle class ignores, below.
func ioPriority(p *specs.LinuxIOPriority) (*plan.IOPriority, error) {
	var class uint64 // linux/ioprio.h
	switch p.Class {
	case specs.IOPRIO_CLASS_RT:
		class = 1
	case specs.IOPRIO_CLASS_BE:
		class = 2
	case specs.IOPRIO_CLASS_IDLE:
		class = 3
	default:
		return nil, fmt.Errorf("process.ioPriority.class: unknown class %q", p.Class)
	}
	if p.Priority < 0 || p.Priority > 7 {
		return nil, fmt.Errorf("process.ioPriority.priority: %d is not within 0 to 7", p.Priority)
	}
	return &plan.IOPriority{Value: class<<13 | uint64(p.Priority)}, nil
}
