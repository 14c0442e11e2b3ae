// Package runtime carries out the runtime half of a plan: it starts the init,
// answers it, and reports what failed in the words of the config. It decides
// nothing that the plan does not say.
package runtime

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rung-oci/rung/internal/sysmon"
	"github.com/rung-oci/rung/libcontainer/internal/console"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/state"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"github.com/rung-oci/rung/libcontainer/internal/trace"
	"github.com/rung-oci/rung/libcontainer/internal/wire"
	"github.com/rung-oci/rung/nsenter/elf"
	"golang.org/x/sys/unix"
)

// Executable is a sealed descriptor of the init program, from which inits are
// started. It is opened once for a command; Close it before the container runs.
type Executable struct {
	fd      int
	trace   *trace.Trace     // of whatever is started; or nil
	signals *console.Signals // that end the wait for what is started; or nil
}

// OpenExecutable seals a copy of the init program: it is what processes of the
// container find behind /proc/PID/exe, and no file of the host (CVE-2019-5736).
// Its inits tell t, unless that is nil, when each of their ops ended. Signals that
// ask for an end interrupt the wait for an init, with a *console.Interrupt.
func OpenExecutable(t *trace.Trace, signals *console.Signals) (*Executable, error) {
	program, err := elf.Program()
	if err != nil {
		return nil, err
	}
	fd, err := sys.SealedProgram("rung-init", program)
	if err != nil {
		return nil, err
	}
	return &Executable{fd: fd, trace: t, signals: signals}, nil
}

// Close lets go of the executable.
func (x *Executable) Close() {
	if x != nil {
		sys.Close(x.fd)
		x.fd = -1
	}
}

// child is a process started from the executable, and the channel to it.
type child struct {
	pid     int
	pidfd   int
	conn    *wire.Conn
	forking bool            // the process that was spawned will name the one that goes on
	fork    int             // the index of its Fork; -1: there is none
	watched bool            // a tracer may take its channel: messages say who sent them, and its pidfd when it is gone
	early   []wire.Message  // what that one said before it was named
	family  bool            // it forks, or is the first of its pid namespace: see reapUnnamed
	others  map[plan.FD]int // what it got; pidfds of other processes among them
	peer    uint64          // the inode of its end of the channel
	times   *times          // nil: nobody asked
	ours    bool            // this process started it
	signals *console.Signals
	// interrupt is the signal that came while the process was started: the wait for it ends before it begins.
	interrupt error
	release   func(pid int)       // lets a killed process end that a v1 freezer holds; or nil
	stalled   func(pid int) error // why a process that does not answer never will; or nil
}

type spawnOptions struct {
	program  plan.Program
	clone    uint64
	cgroupFD int             // -1: stay in the runtime's own
	files    map[plan.FD]int // inherited at these numbers
	stdio    [3]int
	preserve int // descriptors from 3 on that keep their numbers
	// watch: it enters a pid namespace where it may be traced; see child.watched
	watch bool
	held  bool // its cgroup may be frozen: see forkExec
}

// spawn starts an init with its program in a sealed memfd.
func (x *Executable) spawn(o spawnOptions) (*child, error) {
	var code []byte
	if x.trace == nil {
		code = o.program.Encode()
	} else {
		code = o.program.EncodeTimed()
	}
	program, err := sys.SealedMemfd("rung-program", code)
	if err != nil {
		return nil, err
	}
	defer sys.Close(program)
	ours, theirs, err := sys.SocketPair()
	if err != nil {
		return nil, err
	}
	defer sys.Close(theirs)
	if o.watch {
		if err := sys.PassCredentials(ours); err != nil {
			sys.Close(ours)
			return nil, err
		}
	}

	// What the caller of the runtime left open would be a path to the host, /proc/self/fd/N, for whatever names the
	// container's program, until execve closes it. The new process gets what files has, and nothing else.
	if err := sys.CloseOnExecFrom(3); err != nil {
		sys.Close(ours)
		return nil, err
	}
	last := plan.FDExecutable
	for fd := range o.files {
		last = max(last, fd)
	}
	if 3+o.preserve > int(plan.FDControl) {
		sys.Close(ours)
		return nil, fmt.Errorf("preserve %d descriptors: at most %d can be handed on", o.preserve, int(plan.FDControl)-3)
	}
	files := make([]uintptr, last+1)
	for i := range files {
		files[i] = ^uintptr(0) // closed in the child
	}
	for i, fd := range o.stdio {
		files[i] = uintptr(fd)
	}
	for i := 3; i < 3+o.preserve; i++ {
		if _, err := sys.FcntlInt(uintptr(i), unix.F_GETFD, 0); err != nil {
			sys.Close(ours)
			return nil, fmt.Errorf("preserve descriptor %d: %w", i, err)
		}
		files[i] = uintptr(i)
	}
	files[plan.FDControl] = uintptr(theirs)
	files[plan.FDProgram] = uintptr(program)
	files[plan.FDExecutable] = uintptr(x.fd)
	for fd, have := range o.files {
		files[fd] = uintptr(have)
	}
	pidfd := -1
	attr := &syscall.ProcAttr{
		Env:   []string{},
		Files: files,
		Sys:   &syscall.SysProcAttr{Cloneflags: uintptr(o.clone), PidFD: &pidfd},
	}
	if o.cgroupFD >= 0 {
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, o.cgroupFD
	}
	span := x.trace.Begin("clone3, execve", trace.Call)
	done := sysmon.Forking()
	pid, interrupt, err := x.forkExec(o.held, func() (int, error) {
		return syscall.ForkExec("/proc/self/fd/"+strconv.Itoa(int(plan.FDExecutable)), []string{"rung:[init]"}, attr)
	})
	done()
	span.End(err)
	if err != nil {
		sys.Close(ours)
		what := "start the init (clone3, execve)"
		var limit unix.Rlimit
		if need := descriptors(files); err == syscall.EBADF && sys.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil && limit.Cur < need {
			what = "start the init: RLIMIT_NOFILE of the runtime is " + strconv.FormatUint(limit.Cur, 10) + "; " + strconv.FormatUint(need, 10) + " is enough"
		}
		if err == syscall.EACCES && o.cgroupFD >= 0 { // cgroup-v2.rst, Delegation Containment
			what = "start the init in its control group (clone3): the runtime has to be called in a group that is delegated to the same user"
		}
		if err == syscall.EAGAIN {
			return nil, &noRoomError{&os.SyscallError{Syscall: what + noRoom, Err: err}}
		}
		return nil, &os.SyscallError{Syscall: what, Err: err}
	}
	c := &child{pid: pid, pidfd: pidfd, conn: wire.NewConn(ours), fork: forkOf(o.program), watched: o.watch, others: o.files, ours: true, signals: x.signals, interrupt: interrupt}
	c.forking = c.fork >= 0
	c.family = c.forking || o.clone&unix.CLONE_NEWPID != 0
	if c.forking {
		var st unix.Stat_t
		if sys.Fstat(theirs, &st) == nil {
			c.peer = st.Ino
		}
	}
	if x.trace != nil {
		c.times = newTimes(x.trace, pid, o.program)
	}
	return c, nil
}

// descriptors is the RLIMIT_NOFILE with which a process gets files: their numbers, and behind those one for
// each of them and one for the pipe of the fork, since it moves those that are in the way.
func descriptors(files []uintptr) uint64 {
	n := len(files) + 1
	for _, fd := range files {
		if fd != ^uintptr(0) {
			n++
		}
	}
	return uint64(n)
}

// forkOf returns the index of the program's Fork, or -1.
func forkOf(p plan.Program) int {
	return slices.IndexFunc(p, func(o plan.InitOp) bool { _, ok := o.Op.(*plan.Fork); return ok })
}

// receive gives the next message. The process that the init forks may be quicker
// than its parent is in naming it: what it says, its failure above all, is heard
// once it is known who says it, or nobody would end it and its control group
// could not be removed. What comes before the fork is the parent's.
func (c *child) receive() (wire.Message, error) {
	for c.forking || len(c.early) == 0 {
		switch spoke, err := c.await(); {
		case err != nil:
			return wire.Message{FD: -1}, err
		case !spoke:
			if c.forking {
				c.reapUnnamed()
			}
			return c.lastWords()
		}
		m, err := c.conn.Receive()
		if err == nil && m.FD >= 0 && !carries(m.Type) {
			sys.Close(m.FD) // none that belongs to the message
			m.FD = -1
		}
		if err == nil && c.watched && !c.forking && m.Pid != c.pid {
			sys.Close(m.FD) // the tracer's own words
			return wire.Message{FD: -1}, unexpected(m)
		}
		if c.times != nil && err == nil && c.times.take(m) {
			continue
		}
		switch {
		case err != nil && len(c.early) > 0:
			c.forking = false // it was the parent that spoke, and failed
		case err != nil:
			return m, err
		case m.Type == plan.MsgForked:
			if err := c.adopt(m); err != nil {
				return wire.Message{FD: -1}, err
			}
		case c.forking && m.Op > c.fork:
			if len(c.early) == maxEarly {
				sys.Close(m.FD)
				return wire.Message{FD: -1}, unexpected(m)
			}
			c.early = append(c.early, m)
		case !c.forking && m.Op <= c.fork && m.Type != plan.MsgFail && m.Type != plan.MsgWarn:
			// the one that may be traced asks for what only the one before it may
			sys.Close(m.FD)
			return wire.Message{FD: -1}, unexpected(m)
		default:
			return m, nil
		}
	}
	m := c.early[0]
	c.early = c.early[1:]
	if c.watched && m.Pid != c.pid {
		sys.Close(m.FD)
		return wire.Message{FD: -1}, unexpected(m)
	}
	return m, nil
}

// carries reports whether a descriptor may belong to a message.
func carries(m plan.Msg) bool {
	switch m {
	case plan.MsgForked, plan.MsgConsole, plan.MsgFD, plan.MsgNotify, plan.MsgNamespace:
		return true
	}
	return false
}

// stallCheck is how long an init may be silent before it is looked at.
const stallCheck = 500 * time.Millisecond

// await waits until there is a message, or the end of the channel. spoke is false
// when the process that should name the one it forks was killed before it did. That
// one, if there is one, holds the channel open, and waits as we do: it ends with it.
// The error is a *console.Interrupt, or what stalled says of an init that is silent.
func (c *child) await() (spoke bool, err error) {
	if c.interrupt != nil {
		return false, c.interrupt
	}
	for {
		p := [3]unix.PollFd{{Fd: int32(c.conn.FD()), Events: unix.POLLIN}, {Fd: int32(c.signals.FD()), Events: unix.POLLIN}, {Fd: -1, Events: unix.POLLIN}}
		if c.forking || c.watched {
			p[2].Fd = int32(c.pidfd)
		}
		n, err := sys.Poll(p[:], int(stallCheck.Milliseconds()))
		switch {
		case err == unix.EINTR:
		case err != nil || p[0].Revents != 0: // what it said before it ended comes first
			return true, nil
		case p[2].Revents != 0:
			return false, nil
		case p[1].Revents != 0:
			if err := c.signals.Interrupted(); err != nil {
				return false, err
			}
		case n == 0:
			if err := c.stir(); err != nil {
				return false, err
			}
		}
	}
}

// awaitEnd waits for the end of an init that has nothing left to do. A v1 freezer can hold it on its way, as long as the
// container or its owner likes. The error is that of await.
func (c *child) awaitEnd() error {
	for c.pidfd >= 0 {
		p := [2]unix.PollFd{{Fd: int32(c.pidfd), Events: unix.POLLIN}, {Fd: int32(c.signals.FD()), Events: unix.POLLIN}}
		n, err := sys.Poll(p[:], int(stallCheck.Milliseconds()))
		switch {
		case err == unix.EINTR:
		case err != nil || p[0].Revents != 0:
			return nil
		case p[1].Revents != 0:
			if err := c.signals.Interrupted(); err != nil {
				return err
			}
		case n == 0:
			if err := c.stir(); err != nil {
				return err
			}
		}
	}
	return nil
}

// stir continues an init that a process of the container has stopped: from the op
// fork of exec on they see it, and may signal it with CAP_KILL. Nobody else may: an
// init that this process did not start waits at its gate, and whoever stopped that
// can continue it. A program that runs already is left alone: execve closes the
// channel, and a stopped process does not get there in between.
func (c *child) stir() error {
	if c.stalled != nil {
		if err := c.stalled(c.pid); err != nil {
			return err
		}
	}
	if !c.ours {
		return nil
	}
	if p, ok := state.ReadProcess(c.pid); !ok || p.State != 'T' {
		return nil
	}
	closed := []unix.PollFd{{Fd: int32(c.conn.FD()), Events: unix.POLLIN}}
	if n, err := sys.Poll(closed, 0); err == nil && n == 0 && c.pidfd >= 0 {
		_ = sys.PidfdSignal(c.pidfd, unix.SIGCONT)
	}
	return nil
}

// reapUnnamed ends and reaps the inits that were forked for this container and not
// named. Nobody else could: and a process that joined the container's pid namespace,
// and is not reaped, keeps the first one in there from ending (pid_namespaces(7)). For
// the same reason what has ended and came to this process, as the subreaper that it then
// is, is reaped. A program that uses the library may have other children, and the inits of
// other containers among them: an init of this one holds the other end of the channel, and is not
// older than the first.
func (c *child) reapUnnamed() {
	keep := []int{c.pid}
	for _, fd := range c.others {
		keep = append(keep, sys.PidOfPidfd(fd))
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return
	}
	first, _ := state.ReadProcess(c.pid)
	channel := "socket:[" + strconv.FormatUint(c.peer, 10) + "]"
	control := "/fd/" + strconv.Itoa(int(plan.FDControl))
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || slices.Contains(keep, pid) {
			continue
		}
		p, ok := state.ReadProcess(pid)
		if !ok || p.Parent != os.Getpid() {
			continue
		}
		// a child of ours that is not reaped: the pid is its
		if p.Name != state.InitName {
			// one that executed its hook before its name was told has ended with its namespace
			if p.State == 'Z' && (sys.IsSubreaper() || p.Start >= first.Start && inNestedNamespace(pid)) {
				_, _ = sys.Reap(pid)
			}
			continue
		}
		holds, err := os.Readlink("/proc/" + e.Name() + control)
		switch {
		case err == nil && holds == channel:
		case err != nil && p.Start >= first.Start && (p.State == 'Z' || !errors.Is(err, unix.ENOENT)):
			// who has ended holds nothing, and an ordinary user may not look
		default:
			continue
		}
		c.end(pid)
	}
}

// end kills and reaps a child that has no pidfd here. One that does not end soon, as
// in a frozen v1 cgroup that it cannot be taken out of, is left for another round.
func (c *child) end(pid int) {
	_ = sys.Kill(pid, unix.SIGKILL)
	if c.release != nil {
		c.release(pid)
	}
	fd, err := sys.PidfdOpen(pid)
	if err != nil {
		return
	}
	defer sys.Close(fd)
	if sys.WaitExit(fd, time.Second) == nil {
		_, _ = sys.Reap(pid)
	}
}

// inNestedNamespace says whether a process has a pid in a namespace below this
// process's: NSpid of proc_pid_status(5), which is told of ended ones too.
func inNestedNamespace(pid int) bool {
	status, _ := sys.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	_, line, _ := strings.Cut(string(status), "\nNSpid:")
	line, _, _ = strings.Cut(line, "\n")
	return len(strings.Fields(line)) > 1
}

// lastWords is a failure that was told before nobody was left to be named.
func (c *child) lastWords() (wire.Message, error) {
	for _, m := range c.early {
		if m.Type == plan.MsgFail {
			return m, nil
		}
	}
	return wire.Message{FD: -1}, io.EOF
}

// killPatience is how long a killed child is waited for: a process that traces it,
// or a call in the kernel, can hold it for ever.
const killPatience = 5 * time.Second

// kill ends a child that is of no more use, and reaps it.
func (c *child) kill() error {
	if c.pid <= 0 {
		return nil
	}
	if c.pidfd < 0 || sys.PidfdSignal(c.pidfd, unix.SIGKILL) != nil {
		_ = sys.Kill(c.pid, unix.SIGKILL)
	}
	for end := time.Now().Add(killPatience); c.pidfd >= 0 && sys.WaitExit(c.pidfd, 50*time.Millisecond) != nil; {
		if c.family {
			c.reapUnnamed() // it may wait for one that nobody knows of
		} // another is only slow, as one that held a scope may be, and the container's init is beside it
		if c.release != nil {
			c.release(c.pid)
		}
		if time.Now().After(end) {
			return fmt.Errorf("wait for the end of the init, which was killed: %w: %s", unix.ETIMEDOUT, state.WaitsFor(c.pid))
		}
	}
	if c.forking {
		c.reapUnnamed() // it went on after what it said last, and may have forked
	}
	_, _ = sys.Reap(c.pid)
	c.pid = 0
	return nil
}

func (c *child) close() {
	for _, m := range c.early {
		sys.Close(m.FD)
	}
	c.conn.Close()
	sys.Close(c.pidfd)
	c.pidfd = -1
}

// maxEarly bounds what is kept of a process that is not named yet: it says no more
// than a warning, a failure, or that it waits, and waits.
const maxEarly = 16

// adopt makes the process that the init forked the child that we talk of. The
// first one has ended by itself. Whoever speaks names it once, and it is a child of
// this process (CLONE_PARENT): a process of the container that traces an init
// (CAP_SYS_PTRACE) must not have the runtime's privileges act on one of its choice.
func (c *child) adopt(m wire.Message) error {
	if !c.forking || m.Arg <= 0 || m.Arg > math.MaxInt32 || !sys.IsChild(unix.P_PIDFD, m.FD) || !sys.IsChild(unix.P_PID, int(m.Arg)) {
		sys.Close(m.FD)
		return unexpected(m)
	}
	if err := c.awaitEnd(); err != nil {
		sys.Close(m.FD) // kill finds the process without it
		return err
	}
	_, _ = sys.Reap(c.pid)
	sys.Close(c.pidfd)
	c.pid, c.pidfd, c.forking = int(m.Arg), m.FD, false
	if c.times != nil {
		c.times.adopted(c.pid)
	}
	return nil
}

// isFrom tells whether the op that a message names has such a message to send. It
// holds for every init that is what it should be; one that a process of the
// container traces (CAP_SYS_PTRACE) gets nothing out of turn.
func isFrom(p plan.Program, m wire.Message) bool {
	switch {
	case m.Type == plan.MsgFail || m.Type == plan.MsgWarn:
		return true // they are only told
	case len(p) == 0:
		return m.Type == plan.MsgNotify // from behind the gate
	case m.Op < 0 || m.Op >= len(p):
		return false
	}
	const delegate = plan.MountDelegate | plan.MountDelegateOnDenied
	inside := m.Type == plan.MsgDelegate && m.Arg == int64(plan.DelegateInside)
	outside := m.Type == plan.MsgDelegate && m.Arg == int64(plan.DelegateOutside)
	switch o := p[m.Op].Op.(type) {
	case *plan.SyncMaps:
		return m.Type == plan.MsgMaps
	case *plan.MountBind:
		return inside && o.Flags&delegate != 0 || outside && o.Flags&plan.MountOutside != 0
	case *plan.RootOpen:
		return inside && o.Flags&delegate != 0
	case *plan.Mknod:
		return inside && o.Flags&plan.NodeDelegate != 0
	case *plan.MountFS:
		return inside && o.PidnsFD != plan.NoFD
	case *plan.Listener:
		return m.Type == plan.MsgNotify
	case *plan.HoldNamespaces:
		return m.Type == plan.MsgNamespace && o.Flags&plan.HoldTell != 0 && o.Types&uint64(m.Arg) != 0
	case *plan.Console:
		return m.Type == plan.MsgConsole
	case *plan.Seccomp:
		return m.Type == plan.MsgNotify && o.Flags&plan.SeccompNotify != 0
	case *plan.Sync:
		return m.Type == plan.MsgSync && m.Arg == int64(o.Point)
	case *plan.Gate:
		return m.Type == plan.MsgReady
	case *plan.ExecHost:
		return m.Type == plan.MsgExec
	}
	return false
}

// died tells what became of an init that closed its channel.
func (c *child) died() error {
	if c.pid <= 0 {
		return io.ErrUnexpectedEOF
	}
	ws, err := sys.Reap(c.pid)
	c.pid = 0
	if err != nil {
		return errors.Join(io.ErrUnexpectedEOF, err)
	}
	return &DiedError{Status: ws}
}

// unheard tells why a message could not be sent: the child is gone, or it lives and
// waits, and must not be waited for.
func (c *child) unheard(err error) error {
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		return c.died()
	}
	return err
}

// DiedError says that an init ended without a word.
type DiedError struct{ Status unix.WaitStatus }

func (e *DiedError) Error() string {
	if e.Status.Signaled() {
		return "the init was killed by signal " + unix.SignalName(e.Status.Signal())
	}
	return "the init ended with status " + strconv.Itoa(e.Status.ExitStatus())
}

// oneShot runs a program to its MsgFD and gives that descriptor.
func (x *Executable) oneShot(o spawnOptions) (int, error) {
	c, err := x.spawn(o)
	if err != nil {
		return -1, err
	}
	defer c.close()
	defer func() { _ = c.kill() }()
	for {
		m, err := c.receive()
		switch {
		case errors.Is(err, io.EOF):
			return -1, c.died()
		case err != nil:
			return -1, err
		}
		switch m.Type {
		case plan.MsgFD:
			return m.FD, nil
		case plan.MsgFail:
			return -1, stepError(o.program, m)
		default:
			return -1, unexpected(m)
		}
	}
}

func unexpected(m wire.Message) error {
	return fmt.Errorf("control channel: message %s is out of turn", m.Type)
}

// Occupy starts a process that does nothing but be there, until leave is called
// or this process ends.
func Occupy(exe *Executable) (pid int, leave func(), err error) {
	c, err := exe.spawn(spawnOptions{
		program:  plan.Program{{Op: &plan.Dumpable{Value: 0}}, {Op: &plan.Sync{}}},
		cgroupFD: -1, stdio: [3]int{-1, -1, -1},
	})
	if err != nil {
		return 0, nil, err
	}
	return c.pid, func() { _ = c.kill(); c.close() }, nil
}
