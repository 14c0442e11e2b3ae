package integration

import "golang.org/x/sys/unix"

// failCall makes the call that a thread is about to make fail (ptrace(2), PTRACE_EVENT_SECCOMP: a call whose number is
// -1 is skipped, and what the register of the result holds is its result).
func failCall(tid int, errno unix.Errno) error {
	var r unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &r); err != nil {
		return err
	}
	r.Orig_rax, r.Rax = ^uint64(0), uint64(-int64(errno))
	return unix.PtraceSetRegs(tid, &r)
}
