package libcontainer

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	goruntime "runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup"
	"github.com/rung-oci/rung/libcontainer/internal/console"
	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
	"github.com/rung-oci/rung/libcontainer/internal/notify"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/runtime"
	"github.com/rung-oci/rung/libcontainer/internal/spec"
	"github.com/rung-oci/rung/libcontainer/internal/state"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"github.com/rung-oci/rung/libcontainer/internal/systemd"
	"github.com/rung-oci/rung/libcontainer/internal/trace"
	"golang.org/x/sys/unix"
)

// Container is a container that was created, by this process or an earlier one.
type Container struct {
	// NotifySocket is the host's NOTIFY_SOCKET (sd_notify(3)). Where the container was created with one, Start tells
	// it that the container is ready, and waits until it is.
	NotifySocket string
	// Trace gets what is done to the container; may be nil.
	Trace *Trace
	// CatchSignals has SIGTERM, SIGINT and SIGHUP end Start, Kill, Delete, Pause, Update and Checkpoint in an orderly way, with an
	// error that InterruptedBy knows, in place of this process. They stay caught.
	CatchSignals bool

	root, id string
	state    *state.State
	inside   []string         // the init's cgroups, when openInit looked at them
	signals  *console.Signals // that were caught; or nil
}

// State is the state of a container (runtime.md, State), and what list shows.
type State struct {
	OCIVersion  string
	ID          string
	Pid         int // of the init in the runtime's pid namespace; 0 when stopped
	Status      string
	Bundle      string
	Rootfs      string
	Created     time.Time
	Annotations map[string]string
	Owner       string // user name, or number
}

// Load finds a container. ErrNotExist: there is none of that id.
func Load(root, id string) (*Container, error) {
	c := &Container{root: root, id: id}
	e, err := c.open()
	if err != nil {
		return nil, opError("load", id, err)
	}
	e.Close()
	return c, nil
}

// Find is a handle on a container of that id, if there is one: the first
// operation on it says whether there is.
func Find(root, id string) *Container { return &Container{root: root, id: id} }

// open reads the record, without its lock.
func (c *Container) open() (*state.Entry, error) {
	e, err := state.Store{Root: c.root}.Open(c.id)
	if err != nil {
		return nil, translate(err)
	}
	if c.state, err = e.Load(); err != nil {
		e.Close()
		if errors.Is(err, unix.ENOENT) {
			return nil, fmt.Errorf("%w: %s has no state yet", ErrNotExist, c.id)
		}
		return nil, err
	}
	return e, nil
}

// lock opens the record under its lock.
func (c *Container) lock() (*state.Entry, error) {
	e, err := state.Store{Root: c.root}.Open(c.id)
	if err != nil {
		return nil, translate(err)
	}
	if err := e.Lock(); err != nil {
		e.Close()
		return nil, err
	}
	c.state, err = e.Load()
	if e.Gone() || errors.Is(err, unix.ENOENT) {
		e.Close()
		return nil, fmt.Errorf("%w: %s", ErrNotExist, c.id)
	}
	if err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// translate puts the store's sentinels into this package's.
func translate(err error) error {
	switch {
	case errors.Is(err, state.ErrNotExist):
		return &aliasError{err, ErrNotExist}
	case errors.Is(err, state.ErrExist):
		return &aliasError{err, ErrExist}
	}
	return err
}

// aliasError has the text of one error and is another as well.
type aliasError struct {
	error
	is error
}

func (e *aliasError) Is(target error) bool { return target == e.is }
func (e *aliasError) Unwrap() error        { return e.error }

// group is the cgroups that the record names, to read from: those that are below a mounted hierarchy. What
// changes a cgroup, or a process in one, asks claim.
func (c *Container) group() *cgroup.Group {
	g := c.recorded()
	if g != nil {
		g.DropElsewhere()
	}
	return g
}

// recorded is the cgroups as the record names them.
func (c *Container) recorded() *cgroup.Group {
	if len(c.state.Cgroups) == 0 {
		return nil
	}
	dirs := make([]cgroup.Dir, len(c.state.Cgroups))
	for i, g := range c.state.Cgroups {
		dirs[i] = cgroup.Dir{Name: g.Name, Path: g.Path, V2: g.V2}
	}
	g := cgroup.Open(dirs)
	g.Interrupted = c.signals.Interrupted
	if c.state.Unit != "" {
		g.SetUnit(systemd.Unit{Name: c.state.Unit, User: c.state.UserUnit})
	}
	return g
}

func (c *Container) status(e *state.Entry) string {
	return c.state.Status(e, func() bool {
		g := c.group()
		return g != nil && g.Frozen()
	})
}

// State computes the container's state from facts.
func (c *Container) State() State {
	e, err := c.open()
	if err != nil {
		return State{ID: c.id, Status: state.Stopped}
	}
	defer e.Close()
	return c.stateFrom(e)
}

func (c *Container) stateFrom(e *state.Entry) State {
	s := c.state
	st := State{
		OCIVersion: s.OCIVersion, ID: s.ID, Pid: s.Pid, Status: c.status(e), Bundle: s.Bundle, Rootfs: s.Rootfs, Annotations: s.Annotations, Owner: ownerName(s.Owner),
	}
	if st.Status == state.Stopped {
		st.Pid = 0
	}
	st.Created, _ = time.Parse(time.RFC3339Nano, s.Created)
	return st
}

func ownerName(uid string) string {
	if uid == "0" {
		return "root"
	}
	if u, err := user.LookupId(uid); err == nil {
		return u.Username
	}
	return uid
}

// AppendJSON appends the state as the state command prints it; indent asks for
// two blanks a level.
func (s State) AppendJSON(dst []byte, indent bool) []byte {
	b := []byte{'{'}
	text := func(name, v string) {
		b = jsonscan.AppendKey(b, name)
		b = jsonscan.AppendString(b, v)
	}
	text("ociVersion", s.OCIVersion)
	text("id", s.ID)
	b = jsonscan.AppendInt(jsonscan.AppendKey(b, "pid"), int64(s.Pid))
	text("status", s.Status)
	text("bundle", s.Bundle)
	text("rootfs", s.Rootfs)
	text("created", s.Created.Format(time.RFC3339Nano))
	if len(s.Annotations) > 0 {
		b = jsonscan.AppendStringMap(jsonscan.AppendKey(b, "annotations"), s.Annotations)
	}
	text("owner", s.Owner)
	b = append(b, '}')
	if !indent {
		return append(dst, b...)
	}
	return jsonscan.AppendIndent(dst, string(b), "", "  ")
}

// List gives the state of every container below root, by id; warn, if it is not
// nil, is told of those whose record cannot be read. fs.ErrNotExist: there is no
// such directory.
func List(root string, warn func(text string)) ([]State, error) {
	ids, err := state.Store{Root: root}.List()
	if err != nil {
		return nil, err
	}
	found := make([]*State, len(ids))
	words := make([]error, len(ids))
	look := func(i int) {
		c := &Container{root: root, id: ids[i]}
		e, err := c.open()
		if err == nil {
			st := c.stateFrom(e)
			found[i] = &st
			e.Close()
		} else if !errors.Is(err, ErrNotExist) { // gone meanwhile, or not yet there
			words[i] = opError("list", ids[i], err)
		}
	}
	const few = 32 // a thread more costs as much as that
	if n := min(len(ids)/few, goruntime.GOMAXPROCS(0)); n > 1 {
		var next atomic.Int64
		var all sync.WaitGroup
		for range n {
			all.Go(func() {
				for i := next.Add(1) - 1; int(i) < len(ids); i = next.Add(1) - 1 {
					look(int(i))
				}
			})
		}
		all.Wait()
	} else {
		for i := range ids {
			look(i)
		}
	}
	list := make([]State, 0, len(ids))
	for i := range ids {
		if found[i] != nil {
			list = append(list, *found[i])
		}
		if words[i] != nil && warn != nil {
			warn(words[i].Error())
		}
	}
	return list, nil
}

// Start runs the container's process (runtime.md, Start).
func (c *Container) Start() error { return opError("start", c.id, c.start()) }

func (c *Container) start() error {
	var e *state.Entry
	err := c.Trace.Do("read the state, under its lock", func() (err error) { e, err = c.lock(); return err })
	if err != nil {
		return err
	}
	defer e.Close()
	switch status := c.status(e); status {
	case state.Created:
	case state.Stopped:
		err := fmt.Errorf("cannot start a container that has stopped%s: %w", c.ending(), ErrNotRunning)
		if e.HasGate() {
			err = withCode(CodeDied, err) // it was never started
		}
		return err
	default:
		return fmt.Errorf("cannot start a container in the %s state: %w", status, ErrRunning)
	}
	pidfd, err := c.openInit(e)
	if err != nil {
		return err
	}
	defer sys.Close(pidfd)
	if err := c.catch(); err != nil {
		return err
	}
	var s *specs.Spec
	if c.state.StartHooks || c.state.Poststart || c.state.Notify {
		if s, err = c.config(e); err != nil {
			return err
		}
	}
	if c.state.StartHooks {
		if err := c.startHooks(e, s, pidfd); err != nil {
			return c.undoFailed(e, err)
		}
	}
	var ready *notify.Proxy
	if dir := notifyDir(c.root, c.id); c.NotifySocket != "" && isDir(dir) {
		if ready, err = notify.Listen(dir); err != nil {
			return err
		}
		defer ready.Close()
	}
	gate, err := e.DialGate(c.state.CreatorPid)
	if err != nil {
		return err
	}
	defer sys.Close(gate)
	var n *plan.Notify
	if c.state.Notify {
		if s.Linux.Seccomp == nil {
			return fmt.Errorf("%s/config.json is damaged: linux.seccomp is missing, and the record has a filter that notifies", e.Dir())
		}
		n = &plan.Notify{Path: s.Linux.Seccomp.ListenerPath, Metadata: s.Linux.Seccomp.ListenerMetadata}
	}
	side := &runtime.Side{
		Notify: func(fd int, n plan.Notify, pid int) error {
			return c.signals.Do(func() error { return sendListener(c.state, state.Creating, fd, n, pid) })
		},
		Warn:    func(string) {},
		Trace:   c.Trace,
		Signals: c.signals,
	}
	if err := runtime.StartAtGate(gate, pidfd, c.state.Pid, n, side); err != nil {
		if _, ok := InterruptedBy(err); ok {
			c.endFailed(e) // it has its order: an init that is stopped would carry it out later
		}
		return err
	}
	if err := c.Trace.Do("remove the gate", e.RemoveGate); err != nil {
		c.endFailed(e)
		return err
	}
	if c.state.Poststart {
		if err := c.poststart(s); err != nil {
			return c.undoFailed(e, err)
		}
	}
	if ready != nil {
		err = c.signals.Do(func() error {
			_, err := ready.Forward(c.NotifySocket, c.state.Pid)
			return err
		})
	}
	return err
}

// endFailed kills the container: a start that fails leaves nothing running.
func (c *Container) endFailed(e *state.Entry) {
	c.signals.Forget()
	_ = c.kill(unix.SIGKILL, true, e)
}

func isDir(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir()
}

// config is the config as it was at create. One that the record does not know is refused: it names
// programs to run.
func (c *Container) config(e *state.Entry) (*specs.Spec, error) {
	raw, err := e.Config()
	if err != nil {
		return nil, err
	}
	if !c.state.HasConfig(raw) {
		return nil, fmt.Errorf("%s/config.json is damaged: the record has another checksum of it", e.Dir())
	}
	l, err := spec.Parse(raw)
	if err != nil {
		return nil, err
	}
	interpret(l.Spec)
	// A record and a config that somebody has written may not fit each other. What reads them finds something everywhere.
	if l.Spec.Linux == nil {
		l.Spec.Linux = &specs.Linux{}
	}
	if l.Spec.Hooks == nil {
		l.Spec.Hooks = &specs.Hooks{}
	}
	return l.Spec, nil
}

// Kill sends a signal to the container's process, or with all to every process
// of the container (runtime.md, Kill). ErrNotRunning: it has ended.
func (c *Container) Kill(sig syscall.Signal, all bool) error {
	e, err := c.open()
	if err != nil {
		return opError("kill", c.id, err)
	}
	defer e.Close()
	return opError("kill", c.id, c.kill(sig, all, e))
}

func (c *Container) kill(sig unix.Signal, all bool, e *state.Entry) error {
	if err := c.catch(); err != nil {
		return err
	}
	stopped := c.state.Status(e, nil) == state.Stopped
	if all || (sig == unix.SIGKILL && !c.state.OwnPidSpace) {
		// without a pid namespace of its own the container's processes outlive its init
		claim, err := c.claim(e)
		if err == nil && all && !claim.Marked {
			_, err = c.search(e, &claim)
		}
		if err != nil {
			return err
		}
		if err := c.Trace.Do("signal all processes", func() error { return claim.Own.Kill(sig) }); err != nil && !stopped {
			return err
		}
		if err := unclaimed(claim.Others); err != nil && all {
			return err
		}
		if stopped && (all || !c.state.OwnPidSpace) {
			return nil
		}
	}
	if stopped {
		return ErrNotRunning
	}
	pidfd, err := c.openInit(e)
	if err == nil {
		err = c.Trace.Do("signal the init", func() error { return sys.PidfdSignal(pidfd, sig) })
		if err == nil && sig == unix.SIGKILL {
			if g := c.group(); g != nil && g.Frozen() {
				var claim cgroup.Claim
				if claim, err = c.claim(e); err == nil {
					err = claim.Own.Thaw() // a frozen process of v1 does not die
				}
			}
			if err == nil {
				err = c.Trace.Do("wait for the end of the init", func() error { return c.awaitInit(pidfd, e) })
			}
		}
		sys.Close(pidfd)
	}
	if errors.Is(err, unix.ESRCH) {
		if all {
			return nil
		}
		return ErrNotRunning
	}
	return err
}

// Delete removes a stopped or merely created container; with force any, and a
// half-made one. What is gone already is no error. A poststop hook that fails is
// none either: warn, if it is not nil, is told.
func (c *Container) Delete(force bool, warn func(text string)) error {
	return opError("delete", c.id, c.remove(force, warn))
}

func (c *Container) remove(force bool, warn func(string)) error {
	e, err := state.Store{Root: c.root}.Open(c.id)
	if err != nil {
		return translate(err)
	}
	defer e.Close()
	if err := c.Trace.Do("wait for the lock", e.Lock); err != nil {
		return err
	}
	if e.Gone() {
		return fmt.Errorf("%w: %s", ErrNotExist, c.id)
	}
	c.state, err = e.Load()
	switch {
	case err == nil:
	case !force:
		return err
	case errors.Is(err, unix.ENOENT) && !lost(e):
		// killed before its intent was written, and there is nothing but the directory; or somebody has emptied it
		c.state = e.Salvage()
		var claim cgroup.Claim
		if found, err := c.search(e, &claim); err != nil || !found {
			if err == nil {
				err = e.Remove()
			}
			return err
		}
		if warn != nil {
			warn("container " + c.id + " has no record: it is deleted by the mark of its cgroups, without its poststop hooks")
		}
	case errors.Is(err, state.ErrUnreadable), errors.Is(err, unix.ENOENT):
		unreadable := err
		if c.state, err = c.salvage(e); err != nil {
			return fmt.Errorf("%w; %w", unreadable, err)
		}
		if warn != nil {
			warn(unreadable.Error() + "; container " + c.id + " is deleted by what else tells of it, without its poststop hooks")
		}
	default:
		return err
	}
	if status := c.status(e); !force && status != state.Stopped && status != state.Created {
		return fmt.Errorf("cannot delete container %s that is not stopped: %s: %w", c.id, status, ErrRunning)
	}
	if err := c.catch(); err != nil {
		return err
	}
	return c.destroy(e, force, warn)
}

// initDeadline bounds the wait for a killed init.
const initDeadline = 10 * time.Second

// awaitInit waits for the end of an init that was sent SIGKILL. A process of the
// container can hold it on its way out: as its tracer (PTRACE_O_TRACEEXIT), or, in
// a frozen v1 cgroup, as one that the kernel waits for at the end of a PID
// namespace. So rest kills the other processes when it does not end soon. dying may
// report early that nothing is left of the container but an init to be reaped.
func awaitInit(pid, pidfd int, dying func() bool, rest func() error, signals *console.Signals) error {
	const look = 50 * time.Millisecond // mostly it takes less, and the descriptor tells
	var killed error
	for deadline := time.Now().Add(initDeadline); ; {
		err := sys.WaitExit(pidfd, look)
		if !errors.Is(err, unix.ETIMEDOUT) {
			return err
		}
		if dying() {
			return nil
		}
		if err := signals.Interrupted(); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			err = fmt.Errorf("wait for the end of the container's init, which was killed: %w", err)
			if text := state.WaitsFor(pid); text != "" {
				err = fmt.Errorf("%w: %s", err, text)
			}
			return errors.Join(err, killed)
		}
		killed = rest()
	}
}

func (c *Container) awaitInit(pidfd int, e *state.Entry) error {
	return awaitInit(c.state.Pid, pidfd, c.dying, func() error { return c.killRest(e) }, c.signals)
}

// killRest kills every process that is shown to be the container's.
func (c *Container) killRest(e *state.Entry) error {
	if c.group() == nil {
		return c.killFamily()
	}
	claim, err := c.claim(e)
	if err != nil {
		return err
	}
	return claim.Own.Kill(unix.SIGKILL)
}

// dying says that the init ends and nobody else of the container runs. The first
// process of a pid namespace ends only when all others there have been reaped,
// and who came in by exec is the child of somebody outside, who may never do that
// (pid_namespaces(7)). It has given everything back by then but its number.
func (c *Container) dying() bool {
	p, ok := state.ReadProcess(c.state.Pid)
	if !ok || p.Start != c.state.StartTime || !p.Exiting {
		return false
	}
	g := c.group()
	if g == nil {
		return false
	}
	pids, err := g.Pids()
	return err == nil && len(pids) == 0
}

// destroy takes everything of the container away: what its record names, or, where no cgroup of the record
// bears the container's mark, the cgroups of the host that do. A cgroup that the record names and that is
// another container's is left, and warn is told. Processes that may or may not be the container's make it
// fail, and without force processes that the record does not know.
func (c *Container) destroy(e *state.Entry, force bool, warn func(string)) error {
	claim, err := c.claim(e)
	found := false
	if err == nil && !claim.Marked {
		found, err = c.search(e, &claim)
	}
	if err != nil {
		return err
	}
	if found {
		if pids, err := claim.Own.Pids(); !force && (err != nil || len(pids) > 0) {
			return fmt.Errorf("cannot delete container %s that is not stopped: its record does not name cgroup %s, which bears its mark and has %d processes: %w",
				c.id, c.state.Cgroups[0].Path, len(pids), errors.Join(err, ErrRunning))
		}
		c.state.Poststop = false // a record that is wrong about the cgroups does not decide which programs run
		if warn != nil {
			warn("the record of container " + c.id + " names none of the cgroups that bear the container's mark: it is deleted by its mark, without its poststop hooks")
		}
	}
	others, unknown := c.doubtful(claim.Others)
	if err := unclaimed(unknown); err != nil {
		return err
	}
	pidfd, err := c.openInit(e)
	if err == nil {
		err = c.Trace.Do("kill the init", func() error { return sys.PidfdSignal(pidfd, unix.SIGKILL) })
		_ = claim.Own.Thaw() // a frozen process of v1 does not die
		if err == nil {
			span := c.Trace.Begin("wait for the end of the init", trace.Wait)
			err = c.awaitInit(pidfd, e)
			span.End(err)
		}
		sys.Close(pidfd)
	}
	if found && errors.Is(err, ErrNotShown) {
		err = nil // the container's processes are those in its cgroups
	}
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	if warn != nil {
		tellOthers(others, warn)
	}
	if err := c.Trace.Do("remove the control groups", claim.Own.Delete); err != nil {
		if err := claim.Own.Kill(unix.SIGKILL); err != nil {
			return err
		}
		if err := claim.Own.Delete(); err != nil {
			return err
		}
	}
	if err := c.removeRdt(); err != nil {
		return err
	}
	var interrupted error
	if c.state.Poststop {
		err := c.poststop(e)
		if _, ok := InterruptedBy(err); ok {
			interrupted = err
		} else if err != nil && warn != nil {
			warn(err.Error())
		}
	}
	return errors.Join(c.Trace.Do("remove the state", e.Remove), interrupted)
}
