package runtime

import (
	"os"
	goruntime "runtime"
	"runtime/debug"
	"strconv"

	"github.com/rung-oci/rung/libcontainer/internal/state"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// forkExec calls fork, which starts an init. A process that is made inside a frozen
// cgroup v2 (CLONE_INTO_CGROUP) stands still before it executes anything, and its
// parent waits for it in vfork(2), where no signal reaches it. So with held the call
// is made on a thread of its own, and a signal that asks for an end kills the new
// process: in a frozen cgroup v2 a killed process ends.
//
// The signal may come when the process has just executed the init program. It runs then, and may be in a frozen cgroup v1,
// where a killed process does not end: interrupt is the reason for which the caller has to end it, as at any later moment.
func (x *Executable) forkExec(held bool, fork func() (int, error)) (pid int, interrupt, err error) {
	if !held || x.signals == nil {
		pid, err = fork()
		return pid, nil, err
	}
	// A thread in vfork(2) keeps its P, and Go's garbage collector would wait for it.
	if goruntime.GOMAXPROCS(0) < 2 {
		goruntime.GOMAXPROCS(2)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	done := make(chan struct{})
	go func() {
		defer close(done)
		pid, err = fork()
	}()
	const look = 20 // milliseconds
	for {
		select {
		case <-done:
			return pid, nil, err
		default:
		}
		// without an allocation, for the same reason
		wake := [1]unix.PollFd{{Fd: int32(x.signals.FD()), Events: unix.POLLIN}}
		if n, _ := sys.Poll(wake[:], look); n <= 0 {
			continue
		}
		if interrupt = x.signals.Interrupted(); interrupt != nil {
			killUnborn()
			<-done
			return pid, interrupt, err
		}
	}
}

// killUnborn kills the children of this process that have not executed a program yet.
func killUnborn() {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if p, ok := state.ReadProcess(pid); !ok || p.Parent != os.Getpid() {
			continue
		}
		// a child of ours that is not reaped: the pid is its
		if exe, err := os.Readlink("/proc/" + e.Name() + "/exe"); err == nil && exe == self {
			_ = sys.Kill(pid, unix.SIGKILL)
		}
	}
}
