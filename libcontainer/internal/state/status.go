package state

import (
	"bytes"
	"errors"
	"os"
	"strconv"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// Status words of the runtime-spec (runtime.md, State), and paused.
const (
	Creating = "creating"
	Created  = "created"
	Running  = "running"
	Paused   = "paused"
	Stopped  = "stopped"
)

// InitName is the name of a process that has not yet become the container's.
const InitName = "rung:[init]"

// Process is what /proc/<pid>/stat tells.
type Process struct {
	Name    string
	State   byte
	Parent  int // 0: a process of another pid namespace
	Threads int
	Start   uint64 // clock ticks since boot: with the pid it names one process for ever
	Exit    unix.WaitStatus
	Ended   bool // it is a zombie, and Exit says how it ended: to whoever may trace it (ptrace(2)), others read 0
	Exiting bool // of its own will or not, it has begun to end: PF_EXITING, sched.h
}

// ReadProcess looks a process up. ok is false when there is none.
func ReadProcess(pid int) (p Process, ok bool) {
	if pid <= 0 {
		return p, false
	}
	raw, err := sys.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return p, false
	}
	return parseStat(raw)
}

const exiting = 0x4 // PF_EXITING, include/linux/sched.h; field 9 of proc_pid_stat(5)

// parseStat reads proc_pid_stat(5): the name is in parentheses and may hold
// parentheses and blanks itself.
func parseStat(raw []byte) (p Process, ok bool) {
	from, to := bytes.IndexByte(raw, '('), bytes.LastIndexByte(raw, ')')
	if from < 0 || to < from {
		return p, false
	}
	fields := bytes.Fields(raw[to+1:])
	if len(fields) < 20 || len(fields[0]) != 1 {
		return p, false
	}
	parent, err := strconv.Atoi(string(fields[1]))
	if err != nil {
		return p, false
	}
	threads, err := strconv.Atoi(string(fields[17]))
	if err != nil {
		return p, false
	}
	flags, err := strconv.ParseUint(string(fields[6]), 10, 32)
	if err != nil {
		return p, false
	}
	start, err := strconv.ParseUint(string(fields[19]), 10, 64)
	if err != nil {
		return p, false
	}
	p = Process{Name: string(raw[from+1 : to]), State: fields[0][0], Parent: parent, Threads: threads, Exiting: flags&exiting != 0, Start: start}
	const exit = 52 - 3 // exit_code: the fields are counted from 1, and behind the name comes the third
	if p.State == 'Z' && len(fields) > exit {
		if code, err := strconv.Atoi(string(fields[exit])); err == nil {
			p.Exit, p.Ended = unix.WaitStatus(code), true
		}
	}
	return p, true
}

// alive says that the process is the recorded one and has not ended. A zombie
// with other threads is one whose first thread has ended, as pthread_exit in
// main does: the process goes on.
func alive(p Process, ok bool, start uint64) bool {
	return ok && p.Start == start && (p.State != 'Z' || p.Threads > 1) && p.State != 'X'
}

// Status computes the status from facts. frozen is asked only for a process
// that lives.
func (s *State) Status(e *Entry, frozen func() bool) string {
	p, ok := ReadProcess(s.Pid)
	if s.Phase != PhaseCreated {
		if creator, ok := ReadProcess(s.CreatorPid); alive(creator, ok, s.CreatorStart) {
			return Creating
		}
		return Stopped
	}
	switch {
	case !alive(p, ok, s.StartTime):
		return Stopped
	case frozen != nil && frozen():
		return Paused
	case p.Name == InitName && e.HasGate():
		return Created
	}
	return Running
}

// Pidfd opens the init, and is sure that it is the recorded one. ESRCH: it has
// ended.
func (s *State) Pidfd() (int, error) {
	if s.Pid <= 0 {
		return -1, unix.ESRCH
	}
	fd, err := sys.PidfdOpen(s.Pid)
	if err != nil {
		// A seccomp filter above the runtime may deny the call. It is not needed for an init that has ended.
		if errors.Is(err, unix.ESRCH) {
			return -1, err
		}
		if p, ok := ReadProcess(s.Pid); !ok || p.Start != s.StartTime {
			err = &os.SyscallError{Syscall: "pidfd_open", Err: unix.ESRCH}
		}
		return -1, err
	}
	// the pid cannot be used again while the pidfd is open
	if p, ok := ReadProcess(s.Pid); !ok || p.Start != s.StartTime {
		sys.Close(fd)
		return -1, &os.SyscallError{Syscall: "pidfd_open", Err: unix.ESRCH}
	}
	return fd, nil
}
