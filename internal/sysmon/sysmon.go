// Package sysmon keeps the Go runtime's monitor thread from waking every 20 µs.
//
// The monitor (runtime.sysmon) looks after goroutines that are long in a system call, and so it does all the time that a
// command of a few milliseconds lasts: fifty times in `run`. Where it shares a processor with the command, as on a virtual
// machine whose idle processors count as taken, each time is two context switches in line. A timer slack (timer_slack in
// proc(5), Linux 4.6) of 10 ms on that thread alone lets its sleeps end together: `run` is 5 to 9 % quicker. What it
// looks for is then found up to 10 ms later, which is as late as it gets by itself once a program is idle.
//
// It takes CAP_SYS_NICE; without it, or without /proc, all is as Go has it. Only the rung binary does so: a program that
// uses libcontainer keeps its own ways.
package sysmon

import (
	"runtime"
	"strconv"
	"syscall"
)

const slack = "10000000" // ns

// own is the process's timer slack in ns, 0 when Calm has changed nothing.
var own uintptr

// Calm gives the monitor its slack.
func Calm() {
	now, _, _ := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_GET_TIMERSLACK, 0, 0)
	if now == 0 || now > 1<<30 { // a thread of a real-time class has none
		return
	}
	// The monitor is the first thread that Go's runtime starts. If it is another one, that one sleeps longer.
	const tries = 4
	pid := syscall.Getpid()
	for tid := pid + 1; tid <= pid+tries; tid++ {
		name := strconv.Itoa(tid)
		if syscall.Access("/proc/self/task/"+name, 0) != nil {
			continue
		}
		fd, err := syscall.Open("/proc/"+name+"/timerslack_ns", syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
		if err != nil {
			return
		}
		own = now
		_, _ = syscall.Write(fd, []byte(slack))
		_ = syscall.Close(fd)
		return
	}
}

// Forking is to be called before a process is started, and what it returns
// afterwards, by the same goroutine: a slack is inherited, by threads that the
// monitor starts and by the processes that those start (prctl(2), PR_SET_TIMERSLACK).
func Forking() (done func()) {
	if own == 0 {
		return func() {}
	}
	runtime.LockOSThread()
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_TIMERSLACK, own, 0)
	return runtime.UnlockOSThread
}
