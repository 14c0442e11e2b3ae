//go:build amd64 || arm64

package console

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// handlers gives the addresses of the signal handler, which writes to fd, and of
// the code that leaves it, 0 where the kernel has that itself.
func handlers(fd int) (handOn, sigreturn uintptr)

// handOver has the signals written to fd, a byte each: the number. fd is not
// blocking. os/signal would do it by hand-overs to a thread of its own, two a signal: for
// some sixty signals that is 120 switches between threads, a millisecond of the four that
// a short exec takes.
func handOver(fd int, signals []unix.Signal) error {
	const (
		restart  = 0x10000000 // SA_RESTART
		onStack  = 0x08000000 // SA_ONSTACK
		restorer = 0x04000000 // SA_RESTORER, x86 only
	)
	// struct kernel_sigaction (rt_sigaction(2))
	var act struct {
		handler  uintptr
		flags    uint64
		restorer uintptr
		mask     uint64
	}
	act.handler, act.restorer = handlers(fd)
	act.flags, act.mask = restart|onStack, ^uint64(0)
	if act.restorer != 0 {
		act.flags |= restorer
	}
	for _, n := range signals {
		if _, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(n), uintptr(unsafe.Pointer(&act)), 0, unsafe.Sizeof(act.mask), 0, 0); errno != 0 {
			return &os.SyscallError{Syscall: "rt_sigaction", Err: errno}
		}
	}
	return nil
}
