package libcontainer

import (
	"errors"
	"fmt"
	"os"
	"path"
	goruntime "runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/checkpoint-restore/go-criu/v8/rpc"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup"
	"github.com/rung-oci/rung/libcontainer/internal/compile"
	"github.com/rung-oci/rung/libcontainer/internal/criu"
	"github.com/rung-oci/rung/libcontainer/internal/hooks"
	"github.com/rung-oci/rung/libcontainer/internal/host"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/state"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"github.com/rung-oci/rung/libcontainer/internal/trace"
	"golang.org/x/sys/unix"
)

// RestoreOptions is CreateOptions with what only restore knows. The bundle may
// be another one than that of the container that was dumped, with the same
// mounts and an equal root file system.
type RestoreOptions struct {
	CreateOptions
	ImageOptions
	Detach      bool
	NoSubreaper bool
	CloseTCP    bool   // connections are restored closed
	LSMProfile  string // TYPE:LABEL in place of the label that was dumped
	LSMMount    string // the context in place of that of mounts that were dumped
}

// Restore makes a container from images that Checkpoint has written, and gives
// the exit status of its process, or 128 and the signal's number; with Detach it
// returns 0 as soon as the container runs.
func Restore(o RestoreOptions) (status int, err error) {
	status, err = restore(&o)
	return status, opError("restore", o.ID, err)
}

func restore(o *RestoreOptions) (status int, err error) {
	if host.Rootless() {
		return -1, errCriuRootless
	}
	if e, err := (state.Store{Root: o.Root}).Open(o.ID); err == nil {
		e.Close()
		return -1, fmt.Errorf("%w: %s", ErrExist, o.ID)
	}
	dirs, err := openImages(&o.ImageOptions, "restore.log", true)
	if err != nil {
		return -1, err
	}
	defer dirs.close()
	extra, err := dirs.load()
	if err != nil {
		return -1, err
	}
	if o.NotifySocket = ""; extra.Notify {
		o.NotifySocket = "@" // it has told that it is ready; the mount is still wanted
	}
	p, err := prepare(&o.CreateOptions, false)
	if err == nil {
		defer p.close()
		err = checkTerminal(p.spec.Process.Terminal, o.Detach, o.ConsoleSocket)
	}
	if err == nil {
		err = unrestorable(p.plan)
	}
	if err != nil {
		return -1, err
	}
	if !o.Detach {
		if !o.NoSubreaper {
			if err := sys.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
				return -1, &os.SyscallError{Syscall: "prctl PR_SET_CHILD_SUBREAPER", Err: err}
			}
		}
	}
	signals, err := catchFor(o.Detach, o.CatchSignals)
	if err != nil {
		return -1, err
	}
	p.signals = signals
	x := &restoration{opt: o, dirs: dirs, extra: extra}
	if err := x.make(p); err != nil {
		return -1, err
	}
	defer x.entry.Close()
	defer sys.Close(x.pidfd)
	if o.Detach {
		return 0, nil
	}
	c := &Container{root: o.Root, id: o.ID, state: x.state, Trace: o.Trace, signals: signals}
	c.flush(o.warn)
	x.entry.Unlock()
	status, err = stay(x.state.Pid, x.pidfd, x.terminal, signals)
	signals.Forget()
	if lockErr := signals.Do(x.entry.Lock); lockErr != nil {
		return status, errors.Join(err, lockErr)
	}
	if !x.entry.Gone() {
		err = errors.Join(err, c.destroy(x.entry, true, o.warn))
	}
	return status, err
}

// unrestorable refuses what criu knows nothing of, and rung does at a create alone.
func unrestorable(p *plan.Plan) error {
	for _, s := range p.Runtime {
		if _, ok := s.Do.(plan.RdtGroup); ok {
			return errors.New(s.Origin + ": a restored process cannot be given its class of service")
		}
	}
	return nil
}

// restoration is a restore that is under way.
type restoration struct {
	made
	opt   *RestoreOptions
	dirs  *imageDirs
	extra *imageExtra
	pidfd int // of the init; -1: there is none yet
	early int // pid of an init that criu is still restoring, a child of this process; 0: there is none yet
}

func (x *restoration) make(p *prepared) (err error) {
	if err := x.mayMake(p.group); err != nil {
		return err
	}
	entry, err := state.Store{Root: p.opt.Root}.Create(p.opt.ID)
	if err != nil {
		return translate(err)
	}
	x.made, x.pidfd = made{prepared: p, entry: entry}, -1
	defer func() {
		if err != nil {
			err = errors.Join(err, x.undo())
		}
	}()
	if err := entry.Lock(); err != nil {
		return err
	}
	x.state = x.newState()
	x.state.StartHooks, x.state.Notify = false, false // the process has started long ago
	if err := x.intent(); err != nil {
		return err
	}
	if err := entry.SaveConfig(p.raw); err != nil {
		return err
	}
	early, late := p.plan.CgroupWrites()
	if g := p.group; g != nil {
		made, _ := plan.Find[plan.CgroupCreate](p.plan)
		devices, _ := plan.Find[plan.CgroupDevices](p.plan)
		if err := x.opt.Trace.Do("make the control groups", func() error { return x.made.newGroups(made) }); err != nil {
			return err
		}
		if err := errors.Join(limitError(g.Apply(early)), g.Devices(devices.Rules)); err != nil {
			return err
		}
	}
	if x.notify != nil {
		x.notify.Close()
	}
	if err := x.opt.Trace.Do("make the mount points", x.mountPoints); err != nil {
		return err
	}
	if err := x.processes(); err != nil {
		return err
	}
	if g := p.group; g != nil {
		g.Leave()
		if err := g.Apply(late); err != nil {
			return limitError(err)
		}
	}
	if s := p.copts.PidfdSocket; s != "" {
		if err := sendPidfd(s, x.pidfd); err != nil {
			return err
		}
	}
	if p.opt.PidFile != "" {
		return writePidFile(p.opt.PidFile, x.state.Pid)
	}
	return nil
}

// mayMake holds --manage-cgroups-mode strict, where no control group may be
// there yet: criu itself would find those that are made for it.
func (x *restoration) mayMake(g *cgroup.Group) error {
	if x.opt.CgroupsMode != "strict" || g == nil {
		return nil
	}
	for _, d := range g.Dirs() {
		if sys.Access(d.Path, unix.F_OK) == nil {
			return fmt.Errorf("--manage-cgroups-mode strict: the control group %s: %w", d.Path, unix.EEXIST)
		}
	}
	return nil
}

// undo takes away what there is of the container.
func (x *restoration) undo() error {
	var errs []error
	if x.pidfd >= 0 {
		if err := sys.PidfdSignal(x.pidfd, unix.SIGKILL); err == nil {
			rest := func() error {
				if x.group == nil {
					return nil
				}
				return x.group.Kill(unix.SIGKILL)
			}
			errs = append(errs, awaitInit(x.state.Pid, x.pidfd, func() bool { return false }, rest, nil))
		}
		sys.Close(x.pidfd)
	}
	if x.terminal != nil {
		x.terminal.Close()
	}
	if x.group != nil {
		err := x.group.Delete()
		if errors.Is(err, cgroup.ErrNotEmpty) { // what criu was restoring when it was killed
			err = errors.Join(x.group.Kill(unix.SIGKILL), x.group.Delete())
		}
		errs = append(errs, err)
	}
	errs = append(errs, x.entry.Remove())
	x.entry.Close()
	return errors.Join(errs...)
}

// processes has criu make them.
func (x *restoration) processes() error {
	r, err := x.ImageOptions().request(x.dirs)
	if err != nil {
		return err
	}
	r.Root, r.RstSibling = &x.plan.Rootfs, new(true) // what is restored becomes a child of this process
	r.TcpClose, r.LsmProfile, r.LsmMountContext = criu.Given(x.opt.CloseTCP), criu.Given(x.opt.LSMProfile), criu.Given(x.opt.LSMMount)
	for _, m := range externalMounts(x.plan) {
		r.External = append(r.External, criu.RestoredMount(criu.Key(m.target), m.source))
	}
	spawn := criu.Spawn{CgroupFD: -1, Stdio: [3]*os.File{os.Stdin, os.Stdout, os.Stderr}, Signals: x.signals, Group: !x.ImageOptions().ShellJob}
	err = x.inherit(r, &spawn)
	if err == nil {
		err = x.ImageOptions().criuConfig(r, &spawn, x.prepared)
	}
	if err != nil {
		return err
	}
	x.cgroupRoots(r)
	mode := r.GetManageCgroupsMode()
	if mode == rpc.CriuCgMode_STRICT {
		r.ManageCgroupsMode = new(rpc.CriuCgMode_FULL) // see newGroups
	}
	if g := x.group; g != nil && mode == rpc.CriuCgMode_IGNORE {
		spawn.CgroupFD = g.SpawnFD() // what is restored stays where criu is
	}
	p, err := startCriuAt(x.plan.Rootfs, spawn, x.dirs)
	for _, f := range spawn.Files {
		f.Close()
	}
	if err != nil {
		return err
	}
	defer p.Close()
	if x.group != nil && mode == rpc.CriuCgMode_IGNORE {
		for _, d := range x.group.Dirs() {
			if !d.V2 {
				if err := sys.WriteFile(d.Path+"/cgroup.procs", utoa(uint64(p.Pid()))); err != nil {
					return err
				}
			}
		}
	}
	r.ImagesDirFd, r.WorkDirFd = new(int32(x.dirs.images.Fd())), new(int32(x.dirs.work.Fd()))
	span := x.opt.Trace.Begin("criu restore", trace.Wait)
	keep := criu.KeepCgroup2()
	pid, err := p.Do(criu.Restore, r, x.hear)
	span.End(err)
	if err := keep(); err != nil {
		x.opt.warn(cgroup2Changed + err.Error())
	}
	if _, interrupted := InterruptedBy(err); interrupted {
		return errors.Join(err, x.adopt())
	}
	if err != nil {
		return x.dirs.explain(err)
	}
	return x.found(pid)
}

// ImageOptions are those of the command.
func (x *restoration) ImageOptions() *ImageOptions { return &x.opt.ImageOptions }

// adopt has undo end an init that criu has left half restored. Its pid stays its own until this process waits for it.
func (x *restoration) adopt() (err error) {
	if x.pidfd >= 0 || x.early == 0 {
		return nil
	}
	x.state.Pid = x.early
	if x.pidfd, err = sys.PidfdOpen(x.early); err != nil {
		x.pidfd = -1
	}
	if errors.Is(err, unix.ESRCH) { // criu has ended it
		err = nil
	}
	return err
}

// hear answers criu's notifications.
func (x *restoration) hear(script string, pid, fd int) error {
	if pid > 0 {
		x.early = pid
	}
	switch {
	case script == "orphan-pts-master" && fd >= 0:
		return x.takeTerminal(fd)
	case fd >= 0:
		sys.Close(fd)
	}
	switch script {
	case "setup-namespaces":
		return x.earlyHooks(pid)
	case "post-restore":
		return x.found(pid) // before any of it runs
	case "pre-resume":
		return x.sameConfinement() // credentials come after post-restore
	}
	return nil
}

// earlyHooks are those of the runtime's namespaces: they may fill the network
// namespace. What hooks of the container's would change is in the images.
func (x *restoration) earlyHooks(pid int) error {
	h := x.spec.Hooks
	if h == nil {
		return nil
	}
	st := hooks.StateJSON(x.state.OCIVersion, x.state.ID, state.Creating, pid, x.state.Bundle, x.state.Annotations)
	stdout, stderr := compile.HookOutput(x.state.Annotations, x.state.Bundle)
	o := hooks.Options{Dir: x.state.Bundle, Env: os.Environ(), Stdout: stdout, Stderr: stderr, Trace: x.made.opt.Trace, Signals: x.signals}
	_, err := hooks.Run("prestart", compile.Hooks(h.Prestart), st, o) //nolint:staticcheck // deprecated, and still what some engines write
	if err == nil {
		_, err = hooks.Run("createRuntime", compile.Hooks(h.CreateRuntime), st, o)
	}
	return err
}

// found records the init.
func (x *restoration) found(pid int) (err error) {
	if x.pidfd >= 0 {
		return nil
	}
	if x.pidfd, err = sys.PidfdOpen(pid); err != nil {
		x.pidfd = -1
		return err
	}
	x.state.TimeSpace = x.newTimeNamespace(pid)
	return x.save(pid)
}

// newTimeNamespace reports whether criu has made a time namespace, in which the clocks go on as they did when the container
// was dumped. Whatever comes into the container later has to join it: of two time namespaces criu restores none.
func (x *restoration) newTimeNamespace(pid int) bool {
	if l := x.spec.Linux; l != nil && slices.ContainsFunc(l.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.TimeNamespace }) {
		return false // exec joins that of the config
	}
	own, err := os.Readlink("/proc/self/ns/time")
	if err != nil {
		return false
	}
	its, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/ns/time")
	return err == nil && its != own
}

// inherit names the descriptors that take the place of what was not dumped.
func (x *restoration) inherit(r *rpc.CriuOpts, s *criu.Spawn) error {
	give := func(key string, f *os.File) {
		r.InheritFd = append(r.InheritFd, &rpc.InheritFd{Key: &key, Fd: new(int32(criu.InheritFD(len(s.Files))))})
		s.Files = append(s.Files, f)
	}
	for _, n := range joinedNamespaces(x.spec) {
		fd, err := x.namespace(n.kind)
		if err != nil {
			return err
		}
		give(n.key, os.NewFile(uintptr(fd), n.path))
	}
	given := map[string]bool{}
	for i, key := range x.extra.Stdio {
		if key == "" || given[key] {
			continue
		}
		given[key] = true
		f, err := stdioFile(i, key, slices.Contains(x.extra.Null, key))
		if err != nil {
			return err
		}
		give(key, f)
	}
	for _, key := range x.extra.Null {
		if given[key] {
			continue
		}
		f, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
		if err != nil {
			return err
		}
		give(key, f)
	}
	return nil
}

// stdioFile is a descriptor like this process's. One of /dev/null is made for
// both directions: it may stand for several of the container's.
func stdioFile(i int, key string, null bool) (*os.File, error) {
	var st unix.Stat_t
	if err := sys.Fstat(i, &st); err == nil && isNull(&st) || null {
		return os.OpenFile("/dev/null", os.O_RDWR, 0)
	}
	// criu sets the position that the file had
	if _, err := sys.Seek(i, 0, unix.SEEK_CUR); err == unix.ESPIPE && strings.HasPrefix(key, "file[") {
		return nil, errors.New("descriptor " + strconv.Itoa(i) + " was a file, whose place a pipe or terminal cannot take")
	}
	fd, err := sys.FcntlInt(uintptr(i), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, &os.SyscallError{Syscall: "fcntl F_DUPFD_CLOEXEC", Err: err}
	}
	return os.NewFile(uintptr(fd), "stdio"), nil
}

// cgroupRoots puts what is restored into the groups of the present config.
func (x *restoration) cgroupRoots(r *rpc.CriuOpts) {
	if x.group == nil {
		return
	}
	for _, d := range x.group.Dirs() {
		below := strings.TrimPrefix(d.Path, d.Mount)
		switch {
		case d.V2: // criu takes the one without a controller for every hierarchy that no other one names
			r.CgRoot = append(r.CgRoot, &rpc.CgroupRoot{Path: &below})
		case !d.V2:
			for _, c := range d.Controllers {
				r.CgRoot = append(r.CgRoot, &rpc.CgroupRoot{Ctrl: &c, Path: &below})
			}
		}
	}
}

// startCriuAt starts criu in a mount namespace of its own, in which the root
// file system is a mount, as pivot_root(2) wants it. Mounts of the host go on to
// arrive there. The images are opened anew: criu mounts below its directory, and
// one of another namespace's mounts is none to mount on.
func startCriuAt(rootfs string, s criu.Spawn, dirs *imageDirs) (*criu.Process, error) {
	type result struct {
		p   *criu.Process
		err error
	}
	done := make(chan result)
	go func() {
		goruntime.LockOSThread() // for good: the thread ends with this goroutine
		if err := sys.Unshare(unix.CLONE_NEWNS); err != nil {
			done <- result{nil, &os.SyscallError{Syscall: "unshare CLONE_NEWNS", Err: err}}
			return
		}
		if err := sys.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
			done <- result{nil, &os.PathError{Op: "make the mounts slaves below", Path: "/", Err: err}}
			return
		}
		if err := sys.Mount(rootfs, rootfs, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			done <- result{nil, &os.PathError{Op: "bind", Path: rootfs, Err: err}}
			return
		}
		if err := dirs.reopen(); err != nil {
			done <- result{nil, err}
			return
		}
		p, err := startCriu(s)
		done <- result{p, err}
	}()
	r := <-done
	return r.p, r.err
}

// mountPoints makes those of external mounts that are not there any more.
func (x *restoration) mountPoints() error {
	sources := map[string]string{}
	for _, m := range externalMounts(x.plan) {
		sources[criu.Key(m.target)] = m.source
	}
	for _, p := range x.extra.Points {
		base := x.plan.Rootfs
		if p.In != "" {
			base = sources[p.In]
		}
		if base == "" {
			continue // the config has it no longer; criu says so
		}
		if err := makePoint(base, p.Path, p.Dir); err != nil {
			return err
		}
	}
	return nil
}

// makePoint makes a file or directory below another. criu will mount there by
// its path: a symbolic link that has come in the way since is an error.
func makePoint(base, rel string, dir bool) error {
	at, err := sys.Open(base, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer func() { sys.Close(at) }()
	fail := func(err error) error {
		return &os.PathError{Op: "make the mount point", Path: path.Join(base, rel), Err: err}
	}
	names := strings.Split(rel, "/")
	for i, name := range names {
		isDir := dir || i < len(names)-1
		how := &unix.OpenHow{
			Flags:   unix.O_PATH | unix.O_CLOEXEC,
			Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
		}
		next, err := sys.Openat2(at, name, how)
		if err == unix.ENOENT {
			if err = makeNode(at, name, isDir); err != nil {
				return fail(err)
			}
			next, err = sys.Openat2(at, name, how)
		}
		if err != nil {
			return fail(err)
		}
		sys.Close(at)
		at = next
	}
	return nil
}

func makeNode(at int, name string, dir bool) error {
	if dir {
		return sys.Mkdirat(at, name, 0o755)
	}
	fd, err := sys.Openat(at, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
	sys.Close(fd)
	return err
}
