package runtime

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
	"github.com/rung-oci/rung/libcontainer/internal/console"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"github.com/rung-oci/rung/libcontainer/internal/trace"
	"github.com/rung-oci/rung/libcontainer/internal/undo"
	"github.com/rung-oci/rung/libcontainer/internal/wire"
	"golang.org/x/sys/unix"
)

// Side is what the caller brings to the steps that touch its own state: the
// state directory, the control groups, the terminal, hooks. A nil function is
// a step that the plan does not have.
type Side struct {
	Stdio          [3]int
	Namespaces     []Namespace // those that the plan's OpenNamespace steps are about
	Intent         func() error
	CgroupCreate   func(plan.CgroupCreate) error
	CgroupWrite    func([]limit.Write) error // those that stand together in the plan
	CgroupDevices  func([]plan.DeviceRule) error
	UnitLeave      func()
	CgroupDelegate func(uid int) error
	CgroupFD       func() (int, error)              // for clone3(2) on cgroup v2; -1 for none
	CgroupBusy     func() (int, error)              // the one to take when that takes no processes (EBUSY); may be nil
	CgroupJoin     func(pid int, v2Only bool) error // moves a process into the container's cgroups
	CgroupClean    func() error
	ListenGate     func() (int, error)
	Terminal       func(master int) error
	RunHooks       func(h plan.RunHooks, i *Init) error
	KeepConfig     func() error
	Save           func(pid int) error
	PidFile        func(path string, pid int) error
	Pidfd          func(socket string, pidfd int) error
	Notify         func(listener int, n plan.Notify, pid int) error
	Warn           func(text string)
	Debug          func(text string) // may be nil
	Trace          *trace.Trace      // may be nil
	Signals        *console.Signals  // of StartAtGate; the Executable has those of what it starts; may be nil

	// Release lets an init end that was killed while a v1 freezer holds it; may be nil.
	Release func(pid int)
	// Stalled says why an init that has been silent for some time will not answer, or,
	// with 0, why one that joins by CgroupBusy will not; nil, or an error of nil: it may.
	Stalled func(pid int) error
	// Held says that the cgroup may be frozen while the init starts.
	Held bool
	// TerminalLast keeps the terminal's master until the init waits for its start: Exec may yet fail
	// with ErrNoRoom, and be called again.
	TerminalLast bool
}

// Init is a container's init that this process has started.
type Init struct {
	Pid   int
	exe   *Executable
	child *child
	held  []HeldNamespace // those that it has handed over
}

// Pidfd is the init's pidfd; it stays the Init's.
func (i *Init) Pidfd() int { return i.child.pidfd }

// Namespaces are the namespaces that the init has handed over, because this process may not join
// those of a process that is not dumpable; nil: it may. They stay the Init's, and are closed when
// Create or Exec returns.
func (i *Init) Namespaces() []HeldNamespace { return i.held }

// Close lets go of the channel and the pidfd.
func (i *Init) Close() { i.child.close() }

type executor struct {
	plan    *plan.Plan
	exe     *Executable
	side    *Side
	files   map[plan.FD]int
	init    *Init
	serve   plan.Serve // the maps, for whenever the init asks
	waiting bool       // the init stands at a sync point
	notify  *plan.Notify
	undo    undo.Stack
	devices movedDevices
	master  int // the terminal's, with TerminalLast; 0: none
}

// Create carries the plan out, step after step. After an error nothing of the
// container is left but what Side made and undoes itself.
func Create(p *plan.Plan, exe *Executable, side *Side) (*Init, error) {
	return Exec(p, exe, side, map[plan.FD]int{})
}

// Exec carries out a plan whose init comes into a running container, with files
// at the numbers that its program knows. They are closed.
func Exec(p *plan.Plan, exe *Executable, side *Side, files map[plan.FD]int) (i *Init, err error) {
	x := &executor{plan: p, exe: exe, side: side, files: files}
	defer func() {
		for _, fd := range x.files {
			sys.Close(fd)
		}
		if x.master > 0 {
			sys.Close(x.master)
		}
		if x.init != nil {
			CloseHeld(x.init.held)
			x.init.held = nil
		}
		if err != nil {
			err = errors.Join(err, x.undo.Run())
		}
		x.devices.close()
	}()
	if n, ok := plan.Find[plan.Notify](p); ok {
		x.notify = &n
	}
	for at := 0; at < len(p.Runtime); at++ {
		s := p.Runtime[at]
		if side.Debug != nil {
			side.Debug("step: " + plan.ActionLine(s.Do))
		}
		span := x.begin(s)
		var err error
		if _, ok := s.Do.(plan.CgroupWrite); ok {
			at, err = x.cgroupWrites(at)
		} else {
			err = x.do(s.Do)
		}
		span.End(err)
		if err != nil {
			var step *StepError
			label := plan.LabelOf(s.Do)
			if s.Origin == "" && label.Code == "system" || errors.As(err, &step) {
				return nil, err
			}
			e := &StepError{Origin: s.Origin, Step: label, Err: err}
			if _, bare := err.(unix.Errno); bare { //nolint:errorlint // what is wrapped says what was attempted
				e.What = e.Step.Name
			}
			return nil, e
		}
	}
	return x.init, nil
}

func (x *executor) do(a plan.Action) error {
	switch a := a.(type) {
	case plan.Intent:
		return x.side.Intent()
	case plan.OpenNamespace:
		return x.openNamespace(a)
	case plan.MakeUserNamespace:
		fd, err := makeUserNamespace(x.exe, a.UIDs, a.GIDs)
		x.files[a.FD] = fd
		return err
	case plan.CgroupCreate:
		x.undo.Push("control groups", x.side.CgroupClean)
		return x.side.CgroupCreate(a)
	case plan.CgroupDevices:
		return x.side.CgroupDevices(a.Rules)
	case plan.UnitLeave:
		x.side.UnitLeave()
		return nil
	case plan.CgroupJoin:
		return x.cgroupJoin(a)
	case plan.CgroupDelegate:
		return x.side.CgroupDelegate(int(a.UID))
	case plan.GateListen:
		fd, err := x.side.ListenGate()
		x.files[a.FD] = fd
		return err
	case plan.Spawn:
		return x.spawn(a)
	case plan.Serve:
		if len(a.UIDs) > 0 {
			x.serve = a
		}
		return x.serveUntil(a.Until)
	case plan.CheckMaps:
		return checkMaps(x.init.Pid, a)
	case plan.RdtGroup:
		return x.rdtGroup(a)
	case plan.MoveDevices:
		return x.moveDevices(a)
	case plan.RunHooks:
		return x.side.RunHooks(a, x.init)
	case plan.Attributes:
		return setAttributes(x.init.Pid, a)
	case plan.KeepConfig:
		return x.side.KeepConfig()
	case plan.SaveState:
		return x.side.Save(x.init.Pid)
	case plan.WritePidFile:
		return x.side.PidFile(a.Path, x.init.Pid)
	case plan.SendPidfd:
		return x.side.Pidfd(a.Socket, x.init.Pidfd())
	case plan.Release:
		x.exe.Close() // nothing is started from it any more; see Executable.Close
		return x.init.child.conn.Go()
	case plan.Start:
		return x.start()
	case plan.Notify:
		return nil // answered when the init asks
	}
	return fmt.Errorf("plan: unknown step %T", a)
}

// ownPipes gives the pipes among standard streams to a user of the host. Sockets
// cannot be opened by a name, and files and devices are the host's, not the
// container's (CVE-2026-88265).
func ownPipes(stdio [3]int, uid int) error {
	for _, fd := range stdio {
		var st unix.Stat_t
		if sys.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO || int(st.Uid) == uid {
			continue // a closed stream among them
		}
		// the streams work as they are: a FIFO of a read-only or foreign file system, or no CAP_CHOWN
		if err := sys.Fchown(fd, uid, -1); err != nil && err != unix.EPERM && err != unix.EROFS {
			return &os.SyscallError{Syscall: "change the owner of a standard stream: fchown", Err: err}
		}
	}
	return nil
}

func (x *executor) spawn(a plan.Spawn) error {
	o := spawnOptions{program: x.plan.Init, clone: a.Clone, cgroupFD: -1, files: x.files, stdio: x.side.Stdio, preserve: a.PreserveFDs, held: x.side.Held}
	_, o.watch = x.joined(unix.CLONE_NEWPID)
	if a.PipesOwner != 0 {
		if err := ownPipes(x.side.Stdio, int(a.PipesOwner)); err != nil {
			return err
		}
	}
	var err error
	if a.IntoCgroup {
		if o.cgroupFD, err = x.side.CgroupFD(); err != nil {
			return err
		}
	}
	c, err := x.exe.spawn(o)
	if errors.Is(err, unix.EBUSY) && o.cgroupFD >= 0 && x.side.CgroupBusy != nil {
		if o.cgroupFD, err = x.side.CgroupBusy(); err != nil {
			return err
		}
		o.held = true
		if x.side.Stalled != nil {
			if err := x.side.Stalled(0); err != nil {
				return err
			}
		}
		c, err = x.exe.spawn(o)
	}
	if err != nil {
		return err
	}
	c.release, c.stalled = x.side.Release, x.side.Stalled
	x.init = &Init{Pid: c.pid, exe: x.exe, child: c}
	x.undo.Push("init", func() error {
		err := c.kill()
		c.close()
		return err
	})
	return nil
}

// cgroupWrites does the writes that stand together from a step on, and gives the last of them.
func (x *executor) cgroupWrites(at int) (last int, err error) {
	var list []limit.Write
	for ; at < len(x.plan.Runtime); at++ {
		w, ok := x.plan.Runtime[at].Do.(plan.CgroupWrite)
		if !ok {
			break
		}
		if len(list) > 0 && x.side.Debug != nil {
			x.side.Debug("step: " + plan.ActionLine(w))
		}
		list = append(list, w.Write)
	}
	return at - 1, x.side.CgroupWrite(list)
}

func (x *executor) cgroupJoin(a plan.CgroupJoin) error {
	if err := x.side.CgroupJoin(x.init.Pid, a.V2Only); err != nil || len(a.CPUs) == 0 {
		return err
	}
	return sys.SchedSetaffinity(x.init.Pid, a.CPUs)
}

// serveUntil answers the init until it stands at the point.
func (x *executor) serveUntil(until plan.Point) error {
	c := x.init.child
	if x.waiting {
		x.waiting = false
		if err := c.conn.Go(); err != nil {
			return c.unheard(err)
		}
	}
	for {
		m, err := c.receive()
		x.init.Pid = c.pid
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) {
				return c.died()
			}
			return err
		}
		done, err := x.answer(m, until)
		if err != nil || done {
			return err
		}
	}
}

func (x *executor) answer(m wire.Message, until plan.Point) (done bool, err error) {
	c := x.init.child
	if !isFrom(x.plan.Init, m) {
		sys.Close(m.FD)
		return false, unexpected(m)
	}
	switch m.Type {
	case plan.MsgMaps:
		if err := writeMaps(c.pid, &x.serve); err != nil {
			return false, err
		}
		return false, c.conn.Go()
	case plan.MsgDelegate:
		return false, x.delegate(m)
	case plan.MsgConsole:
		if m.FD < 0 {
			return false, unexpected(m)
		}
		if x.side.TerminalLast {
			if x.master > 0 {
				sys.Close(m.FD)
				return false, unexpected(m)
			}
			x.master = m.FD
			return false, nil
		}
		return false, x.side.Terminal(m.FD)
	case plan.MsgNotify:
		return false, x.handListener(m)
	case plan.MsgNamespace:
		if m.FD < 0 || len(x.init.held) == maxHeld {
			sys.Close(m.FD)
			return false, unexpected(m)
		}
		x.init.held = append(x.init.held, HeldNamespace{FD: m.FD, Bit: uint64(m.Arg)})
		return false, nil
	case plan.MsgSync:
		x.waiting = true
		switch plan.SyncPoint(m.Arg) {
		case plan.SyncHooks:
			return until == plan.UntilHooks, nil
		case plan.SyncNetwork:
			return until == plan.UntilNetwork, nil
		case plan.SyncCgroup:
			return until == plan.UntilCgroup, nil
		}
		return false, unexpected(m)
	case plan.MsgReady:
		if until != plan.UntilReady {
			return false, unexpected(m)
		}
		if master := x.master; master > 0 {
			x.master = 0
			return true, x.side.Terminal(master)
		}
		return true, nil
	case plan.MsgWarn:
		x.side.Warn(warning(x.plan.Init, m))
		return false, nil
	case plan.MsgFail:
		return false, stepError(x.plan.Init, m)
	}
	return false, unexpected(m)
}

// start gives the order, and waits until the process runs: execve closes the
// channel.
func (x *executor) start() error {
	if err := x.init.child.conn.Send(wire.Message{Type: plan.MsgStart, FD: -1}); err != nil {
		return x.init.child.unheard(err)
	}
	return x.awaitExec()
}

func (x *executor) awaitExec() (err error) {
	if x.side.Trace != nil {
		span := x.finishing()
		defer func() { span.End(err) }()
	}
	for {
		m, err := x.init.child.receive()
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) {
				return nil
			}
			return err
		}
		if _, err := x.answer(m, plan.UntilReady); err != nil {
			return err
		}
	}
}

// handListener takes the seccomp listener from the init and hands it on.
func (x *executor) handListener(m wire.Message) error {
	if x.notify == nil {
		sys.Close(m.FD)
		return unexpected(m)
	}
	return x.init.child.handListener(m, func(listener, pid int) error {
		if err := x.side.Notify(listener, *x.notify, x.init.Pid); err != nil {
			return &StepError{Origin: "linux.seccomp.listenerPath", Step: plan.LabelOf(plan.Notify{}), What: "failed to connect with seccomp agent " + x.notify.Path, Err: err}
		}
		return nil
	})
}

// handListener takes the listener out of the process, which nobody could wait
// for if it were to send it: its filter may notify of that. Only a runtime that may
// not take it gets it sent.
func (c *child) handListener(m wire.Message, hand func(listener, pid int) error) error {
	listener := m.FD
	if listener < 0 {
		var err error
		if listener, err = sys.PidfdGetfd(c.pidfd, int(m.Arg)); err != nil {
			return err
		}
	}
	defer sys.Close(listener)
	if err := hand(listener, c.pid); err != nil {
		return err
	}
	return c.conn.Go()
}

func setAttributes(pid int, a plan.Attributes) error {
	for _, r := range a.Rlimits {
		if err := sys.Prlimit(pid, int(r.Resource), r.Soft, r.Hard); err != nil {
			return &StepError{Origin: "process.rlimits", Step: plan.KindRlimit.Label(), What: "set the resource limit", Err: err}
		}
	}
	if s := a.Scheduler; s != nil {
		err := sys.SchedSetattr(pid, &unix.SchedAttr{
			Size: unix.SizeofSchedAttr, Policy: uint32(s.Policy), Flags: s.Flags, Nice: int32(s.Nice), Priority: uint32(s.Priority),
			Runtime: s.Runtime, Deadline: s.Deadline, Period: s.Period,
		})
		if err != nil {
			return &StepError{Origin: "process.scheduler", Step: plan.KindScheduler.Label(), What: "set the scheduler", Err: err}
		}
	}
	return nil
}
