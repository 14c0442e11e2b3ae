package libcontainer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/internal/outfile"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup"
	limits "github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
	"github.com/rung-oci/rung/libcontainer/internal/compile"
	"github.com/rung-oci/rung/libcontainer/internal/console"
	"github.com/rung-oci/rung/libcontainer/internal/hooks"
	"github.com/rung-oci/rung/libcontainer/internal/notify"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/runtime"
	"github.com/rung-oci/rung/libcontainer/internal/state"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"github.com/rung-oci/rung/libcontainer/internal/trace"
	"golang.org/x/sys/unix"
)

// Create makes a container from its bundle, up to the point where only the
// start is missing (runtime.md, Create). On an error nothing is left of it.
func Create(o CreateOptions) (*Container, error) {
	p, err := prepare(&o, false)
	if err == nil {
		defer p.close()
		err = checkTerminal(p.spec.Process.Terminal, true, o.ConsoleSocket)
	}
	if err == nil {
		p.signals, err = catchFor(true, o.CatchSignals)
	}
	if err != nil {
		return nil, opError("create", o.ID, err)
	}
	m, err := p.make()
	if err != nil {
		return nil, opError("create", o.ID, err)
	}
	m.init.Close()
	m.entry.Close()
	if m.notify != nil {
		m.notify.Close() // start listens anew, in the directory that is mounted
	}
	return &Container{root: o.Root, id: o.ID, state: m.state}, nil
}

var (
	errNoSocket = errors.New("process.terminal needs a console socket: the runtime does not stay to hold the terminal")
	errSocket   = errors.New("a console socket is given, and process.terminal is false")
)

// checkTerminal: whoever stays holds the terminal, or a socket takes it.
func checkTerminal(terminal, detached bool, socket string) error {
	switch {
	case terminal && detached && socket == "":
		return withCode(CodeTerminal, errNoSocket)
	case !terminal && socket != "":
		return withCode(CodeTerminal, errSocket)
	}
	return nil
}

// made is a container that this process has just made, still locked.
type made struct {
	*prepared
	entry    *state.Entry
	state    *state.State
	init     *runtime.Init
	kills    uint64            // of the container's processes, for its memory limit, when it could not be made
	notify   *notify.Proxy     // of sd_notify(3), or nil
	terminal *console.Terminal // where this process holds it; or nil
}

// make carries the plan out.
func (p *prepared) make() (_ *made, err error) {
	record := p.opt.Trace.Begin("make the state directory", trace.Own)
	entry, err := state.Store{Root: p.opt.Root}.Create(p.opt.ID)
	record.End(err)
	if err != nil {
		return nil, translate(err)
	}
	m := &made{prepared: p, entry: entry}
	defer func() {
		if err != nil {
			err = errors.Join(err, entry.Remove())
			entry.Close()
			if m.terminal != nil {
				m.terminal.Close()
			}
		}
	}()
	sealing := p.opt.Trace.Begin("seal the init program", trace.Own)
	exe, err := runtime.OpenExecutable(p.opt.Trace, p.signals)
	sealing.End(err)
	if err != nil {
		return nil, err
	}
	defer exe.Close()
	m.state = m.newState()
	m.init, err = runtime.Create(p.plan, exe, m.side(exe))
	var died *runtime.DiedError
	if m.kills > 0 && errors.As(err, &died) {
		err = fmt.Errorf("%w: its memory limit (linux.resources.memory) was reached", err)
	}
	return m, err
}

// limitError puts a limit that was refused into the words of the config.
func limitError(err error) error {
	var e *cgroup.Error
	if !errors.As(err, &e) {
		return err
	}
	step := &runtime.StepError{Origin: e.Origin, Step: plan.LabelOf(plan.CgroupWrite{}), What: "write " + strconv.Quote(e.Value) + " to " + e.File, Err: e.Err}
	if e.File == "" {
		step.What = "the " + e.Controller + " controller is not available to the container"
		return step // the reason says where it was not handed on
	}
	if errors.As(e.Err, &step.Errno) {
		step.Err = nil
	}
	return step
}

func (m *made) newState() *state.State {
	s, o := m.spec, m.opt
	self, _ := state.ReadProcess(os.Getpid())
	st := &state.State{
		OCIVersion: specs.Version, ID: o.ID, Bundle: o.Bundle, Rootfs: m.plan.Rootfs, Phase: state.PhaseIntent,
		Created: time.Now().UTC().Format(time.RFC3339Nano), Owner: strconv.Itoa(os.Geteuid()), Annotations: s.Annotations,
		CreatorPid: os.Getpid(), CreatorStart: self.Start, Rootless: m.facts.Rootless, NoNewKeyring: o.NoNewKeyring,
		Dir: m.entry.Dir(), ConfigSum: state.Sum(m.raw),
		Notify: m.copts.Filter != nil && m.copts.Filter.Notify,
	}
	if m.group != nil {
		st.Cgroups = stateCgroups(m.group)
		m.group.SetMark(markFor(st, m.entry))
		if u := m.group.Unit(); u != nil {
			st.CgroupDriver, st.Unit, st.UserUnit = "systemd", u.Name, u.User
		}
	}
	if h := s.Hooks; h != nil {
		st.Poststart, st.Poststop, st.StartHooks = len(h.Poststart) > 0, len(h.Poststop) > 0, len(h.StartContainer) > 0
	}
	if s.Linux != nil {
		for _, n := range s.Linux.Namespaces {
			st.OwnPidSpace = st.OwnPidSpace || n.Type == specs.PIDNamespace && n.Path == ""
		}
	}
	rdtRecord(st, m.plan)
	st.Keyring = m.nameKeyring()
	return st
}

// nameKeyring completes the name of the session keyring by what nobody can know
// before, and returns it. Of a keyring that is there already by that name, and may
// be searched, the kernel makes no second one: an ordinary user of the host, or a
// container that shares the user namespace, would own or hold the container's.
// exec finds the name in the record.
func (m *made) nameKeyring() string {
	for i := range m.plan.Init {
		if k, ok := m.plan.Init[i].Op.(*plan.Keyring); ok {
			k.Name += "." + strconv.FormatUint(rand.Uint64(), 36) // of the kernel's randomness: getauxval(3), AT_RANDOM
			return k.Name
		}
	}
	return ""
}

func stateCgroups(g *cgroup.Group) []state.Cgroup {
	var list []state.Cgroup
	for _, d := range g.Dirs() {
		list = append(list, state.Cgroup{Name: d.Name, Path: d.Path, V2: d.V2})
	}
	return list
}

// side is what the plan's steps need of this package.
func (m *made) side(exe *runtime.Executable) *runtime.Side {
	s := &runtime.Side{
		Stdio:      stdio(m.opt.Stdin, m.opt.Stdout, m.opt.Stderr),
		Namespaces: m.namespaces,
		Intent:     m.intent,
		ListenGate: m.entry.ListenGate,
		KeepConfig: func() error { return m.entry.SaveConfig(m.raw) },
		Terminal:   m.takeTerminal,
		RunHooks:   func(h plan.RunHooks, i *runtime.Init) error { return m.runHooks(exe, h, i) },
		Save:       m.save,
		PidFile:    writePidFile,
		Pidfd: func(path string, pidfd int) error {
			return m.signals.Do(func() error { return sendPidfd(path, pidfd) })
		},
		Notify: m.sendListener,
		Warn:   m.opt.warn,
		Debug:  m.opt.Debug,
		Trace:  m.opt.Trace,
	}
	if g := m.group; g != nil {
		made := false
		s.CgroupCreate = func(c plan.CgroupCreate) error {
			err := m.newGroups(c)
			made = err == nil // nobody was in there
			return err
		}
		s.CgroupWrite = func(w []limits.Write) error { return limitError(g.Apply(w)) }
		s.CgroupDevices = g.Devices
		s.UnitLeave = g.Leave
		s.CgroupDelegate = g.Delegate
		s.CgroupFD = func() (int, error) { return g.SpawnFD(), nil }
		s.Release = func(int) { _ = g.Thaw() }
		s.CgroupClean = func() error {
			m.kills = g.OOMKills()
			err := g.Delete()
			if made && errors.Is(err, cgroup.ErrNotEmpty) { // a process that its parent was killed before naming
				if err = g.Kill(unix.SIGKILL); err == nil {
					err = g.Delete()
				}
			}
			return err
		}
	}
	return s
}

// newGroups makes the container's groups, and sees that each limit of the plan has its controller: one that cannot be had
// is told before the first is written, those of the end included.
func (m *made) newGroups(c plan.CgroupCreate) error {
	if err := m.group.Create(c.Properties...); err != nil {
		return err
	}
	early, late := m.plan.CgroupWrites()
	return limitError(m.group.Available(append(early, late...)))
}

// intent saves the record, and makes what a mount of the plan will need.
func (m *made) intent() (err error) {
	if err := m.entry.Save(m.state); err != nil {
		return err
	}
	if m.opt.NotifySocket != "" {
		m.notify, err = notify.Listen(notifyDir(m.opt.Root, m.opt.ID))
	}
	return err
}

func (m *made) takeTerminal(master int) (err error) {
	m.terminal, err = takeTerminal(m.opt.ConsoleSocket, master, m.signals)
	return err
}

// takeTerminal hands a terminal's master on to the socket, or holds it.
func takeTerminal(socket string, master int, signals *console.Signals) (*console.Terminal, error) {
	if socket == "" {
		// before the start: the process finds the size of the caller's terminal
		t, err := console.Open(master)
		if err != nil {
			sys.Close(master)
		}
		return t, err
	}
	defer sys.Close(master)
	if err := signals.Do(func() error { return console.SendMaster(socket, master) }); err != nil {
		return nil, withCode(CodeTerminal, fmt.Errorf("hand over the terminal: %w", err))
	}
	return nil, nil
}

func (m *made) save(pid int) error {
	p, ok := state.ReadProcess(pid)
	if !ok {
		return unix.ESRCH
	}
	m.state.Pid, m.state.StartTime, m.state.Phase = pid, p.Start, state.PhaseCreated
	m.state.Marked = m.group != nil && m.group.Marked()
	return m.entry.Save(m.state)
}

func (m *made) sendListener(listener int, n plan.Notify, pid int) error {
	return m.signals.Do(func() error { return sendListener(m.state, state.Creating, listener, n, pid) })
}

func sendListener(s *state.State, status string, listener int, n plan.Notify, pid int) error {
	ctr := s.Pid // the container's state, whichever of its processes the filter is for
	if ctr == 0 {
		ctr = pid
	}
	st := hooks.StateJSON(s.OCIVersion, s.ID, status, ctr, s.Bundle, s.Annotations)
	return notify.SendListener(n.Path, listener, notify.ContainerProcessState(s.OCIVersion, pid, n.Metadata, st))
}

// runHooks runs hooks of one kind in the namespaces that the plan names. To those
// of create the container is "created": that is its status "after step 2 in the
// lifecycle" (runtime.md, State), and the first of them are step 3. rung state
// says "creating" until create has ended.
func (m *made) runHooks(exe *runtime.Executable, h plan.RunHooks, i *runtime.Init) error {
	status := state.Created
	if h.Kind == "poststart" {
		status = state.Running
	}
	st := hooks.StateJSON(m.state.OCIVersion, m.state.ID, status, i.Pid, m.state.Bundle, m.state.Annotations)
	o := hooks.Options{Dir: h.Dir, Env: os.Environ(), Stdout: h.Stdout, Stderr: h.Stderr, Trace: m.opt.Trace, Signals: m.signals}
	switch {
	case h.Kind == "startContainer":
		return runStartHooks(m.prepared, m.group, m.state, h.Hooks, i.Pidfd(), i.Namespaces())
	case h.Enter != 0:
		files := map[plan.FD]int{plan.FDFirst: i.Pidfd()}
		held := handedOver(files, i.Namespaces())
		o.Spawn = spawnIn(exe, files, func(hook plan.Hook) (plan.Program, error) {
			return compile.HostHook(m.prepared.spec, held, hook, h.Enter, h.Dir), nil
		})
	}
	_, err := hooks.Run(h.Kind, h.Hooks, st, o)
	return err
}

// spawnIn starts hooks that find files as descriptors, those of the namespaces to enter among them.
func spawnIn(exe *runtime.Executable, files map[plan.FD]int, program func(plan.Hook) (plan.Program, error)) func(plan.Hook, [3]*os.File) (hooks.Spawned, error) {
	return func(h plan.Hook, stdio [3]*os.File) (hooks.Spawned, error) {
		prog, err := program(h)
		if err != nil {
			return hooks.Spawned{}, err
		}
		p, err := runtime.Enter(exe, prog, files, -1, stdio, nil)
		if err != nil {
			return hooks.Spawned{}, err
		}
		return hooks.Spawned{Wait: p.Wait, Kill: p.Kill, Pidfd: p.Pidfd()}, nil
	}
}

// writePidFile puts the pid at path in one step: a reader never sees half of it,
// and who is killed on the way leaves nothing.
func writePidFile(path string, pid int) error {
	err := outfile.Replace(path, strconv.AppendInt(nil, int64(pid), 10), 0o644)
	var e *os.PathError
	if errors.As(err, &e) {
		e.Op = "write the pid file"
	}
	return err
}

func sendPidfd(path string, pidfd int) error {
	if err := console.SendPidfd(path, pidfd); err != nil {
		return fmt.Errorf("hand over the pidfd: %w", err)
	}
	return nil
}

func notifyDir(root, id string) string { return filepath.Join(root, id, "notify") }
