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
// keepIgnored leaves those alone that the caller has this process ignore.
func handOver(fd int, signals []unix.Signal, keepIgnored bool) error {
	const (
		restart  = 0x10000000 // SA_RESTART
		onStack  = 0x08000000 // SA_ONSTACK
		restorer = 0x04000000 // SA_RESTORER, x86 only
	)
	var act, old sigaction
	act.handler, act.restorer = handlers(fd)
	act.flags, act.mask = restart|onStack, ^uint64(0)
	if act.restorer != 0 {
		act.flags |= restorer
	}
	for _, n := range signals {
		if err := setAction(n, &act, &old); err != nil {
			return err
		}
		if keepIgnored && old.handler == ignore {
			if err := setAction(n, &old, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// sigaction is struct kernel_sigaction (rt_sigaction(2)).
type sigaction struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

const ignore = 1 // SIG_IGN; 0 is SIG_DFL

func setAction(n unix.Signal, act, old *sigaction) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(n), uintptr(unsafe.Pointer(act)), uintptr(unsafe.Pointer(old)), unsafe.Sizeof(act.mask), 0, 0)
	if errno != 0 {
		return &os.SyscallError{Syscall: "rt_sigaction", Err: errno}
	}
	return nil
}

// resetHandler has the kernel do with a signal what it does by default.
func resetHandler(n unix.Signal) error { return setAction(n, &sigaction{}, nil) }
