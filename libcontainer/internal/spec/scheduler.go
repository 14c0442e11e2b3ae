package spec

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// scheduler checks what sched_setattr(2) would refuse with EINVAL.
func (c *checker) scheduler(s *specs.Scheduler) {
	if s == nil {
		return
	}
	const path = "process.scheduler"
	switch s.Policy {
	case specs.SchedOther, specs.SchedBatch, specs.SchedIdle:
	case specs.SchedFIFO, specs.SchedRR:
		if s.Priority < 1 || s.Priority > 99 {
			c.must(chapterLinuxProcess, "priority "+itoa(int64(s.Priority))+" is out of range for "+string(s.Policy)+", want 1 to 99", path, "priority")
		}
	case specs.SchedDeadline:
		c.deadline(s)
	case specs.SchedISO:
		c.must(chapterLinuxProcess, "SCHED_ISO is reserved: Linux does not implement it", path, "policy")
	case "":
		c.must(chapterLinuxProcess, "is required", path, "policy")
	default:
		c.must(chapterLinuxProcess, quote(string(s.Policy))+" is not a scheduling policy; "+
			oneOf("SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_IDLE", "SCHED_DEADLINE"), path, "policy")
	}
	if s.Nice < -20 || s.Nice > 19 {
		c.must(chapterLinuxProcess, "nice value "+itoa(int64(s.Nice))+" is out of range, want -20 to 19", path, "nice")
	}
	if s.Priority != 0 && s.Policy != specs.SchedFIFO && s.Policy != specs.SchedRR {
		c.must(chapterLinuxProcess, "is for SCHED_FIFO and SCHED_RR only", path, "priority")
	}
	if s.Policy != specs.SchedDeadline {
		for _, f := range [...]struct {
			name  string
			value uint64
		}{{"runtime", s.Runtime}, {"deadline", s.Deadline}, {"period", s.Period}} {
			if f.value != 0 {
				c.must(chapterLinuxProcess, "is for SCHED_DEADLINE only", path, f.name)
			}
		}
	}
	for i, f := range s.Flags {
		switch f {
		case specs.SchedFlagResetOnFork, specs.SchedFlagReclaim, specs.SchedFlagDLOverrun,
			specs.SchedFlagKeepPolicy, specs.SchedFlagKeepParams,
			specs.SchedFlagUtilClampMin, specs.SchedFlagUtilClampMax:
		default:
			c.must(chapterLinuxProcess, quote(string(f))+" is not a scheduling flag, as SCHED_FLAG_RESET_ON_FORK is", path, "flags", i)
		}
	}
}

// deadline checks sched(7)'s rule: 1024 ns <= runtime <= deadline <= period,
// where a period of 0 stands for the deadline.
func (c *checker) deadline(s *specs.Scheduler) {
	const path = "process.scheduler"
	if s.Runtime < 1024 {
		c.must(chapterLinuxProcess, "runtime of "+utoa(s.Runtime)+" ns is below the 1024 ns that SCHED_DEADLINE needs", path, "runtime")
	}
	if s.Runtime > s.Deadline {
		c.must(chapterLinuxProcess, "deadline of "+utoa(s.Deadline)+" ns is below the runtime of "+utoa(s.Runtime)+" ns", path, "deadline")
	}
	if s.Period != 0 && s.Deadline > s.Period {
		c.must(chapterLinuxProcess, "period of "+utoa(s.Period)+" ns is below the deadline of "+utoa(s.Deadline)+" ns", path, "period")
	}
	if max(s.Deadline, s.Period) >= 1<<63 {
		c.must(chapterLinuxProcess, "deadline and period must be below 2^63 ns", path)
	}
}

// ioPriority checks what ioprio_set(2) takes.
func (c *checker) ioPriority(p *specs.LinuxIOPriority) {
	if p == nil {
		return
	}
	switch p.Class {
	case specs.IOPRIO_CLASS_RT, specs.IOPRIO_CLASS_BE, specs.IOPRIO_CLASS_IDLE:
	default:
		c.must(chapterLinuxProcess, quote(string(p.Class))+" is not an I/O scheduling class; "+
			oneOf("IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"), "process.ioPriority.class")
	}
	if p.Priority < 0 || p.Priority > 7 {
		c.must(chapterLinuxProcess, "priority "+itoa(int64(p.Priority))+" is out of range, want 0 to 7", "process.ioPriority.priority")
	}
}
