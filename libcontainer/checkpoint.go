package libcontainer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/checkpoint-restore/go-criu/v8/rpc"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/criu"
	"github.com/rung-oci/rung/libcontainer/internal/host"
	"github.com/rung-oci/rung/libcontainer/internal/state"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"github.com/rung-oci/rung/libcontainer/internal/trace"
	"golang.org/x/sys/unix"
)

// ImageOptions is what Checkpoint and Restore have in common. Most of it is
// handed on to criu(8).
type ImageOptions struct {
	ImagePath   string // directory of the images, absolute; it is made if it is missing
	WorkPath    string // directory of criu's log; the images' if empty
	CgroupsMode string // soft (also ""), full, strict, ignore, props or none: criu(8), --manage-cgroups
	Established bool   // TCP connections are kept
	ExtUnixSk   bool   // so are connections to sockets of the host
	ShellJob    bool   // the container's process may be of the caller's session
	FileLocks   bool
	LinkRemap   bool // files without a name may get one for the time being
	AutoDedup   bool // pages that newer images have are punched out of the older ones
	LazyPages   bool // memory is fetched when it is used: userfaultfd(2)
	EmptyNS     []string
}

// CheckpointOptions says what is dumped, and what becomes of the container.
type CheckpointOptions struct {
	ImageOptions
	ParentPath   string // images of an earlier dump that hold what has not changed, relative to ImagePath
	PageServer   string // HOST:PORT of a page server that takes the memory
	StatusFD     int    // descriptor that gets a NUL byte when lazy pages can be had; negative: none
	LeaveRunning bool
	PreDump      bool // only the memory, and the container goes on
	SkipInFlight bool // TCP connections that are being made are left out

	Warn func(text string)
}

func (o *CheckpointOptions) warn(text string) {
	if o.Warn != nil {
		o.Warn(text)
	}
}

var (
	errCriuRootless = errors.New("checkpoint and restore need the host's root: criu cannot dump containers of an ordinary user")
	errNotStarted   = errors.New("only a container whose process was started can be checkpointed")
	errMemTrack     = errors.New("--pre-dump and --parent-path need a kernel that tracks dirty memory (CONFIG_MEM_SOFT_DIRTY)")
	errLazyPages    = errors.New("--lazy-pages needs a kernel and a criu with userfaultfd(2)")
)

// Checkpoint dumps the container's processes into images, from which Restore
// makes them anew, and removes the container, unless it is to be left running or
// it is a pre-dump. ErrNotRunning: it has ended.
func (c *Container) Checkpoint(o CheckpointOptions) error {
	return opError("checkpoint", c.id, c.checkpoint(&o))
}

func (c *Container) checkpoint(o *CheckpointOptions) error {
	e, err := c.lock()
	if err != nil {
		return err
	}
	defer e.Close()
	switch c.status(e) {
	case state.Stopped:
		return ErrNotRunning
	case state.Creating, state.Created:
		return errNotStarted
	}
	if c.state.Rootless || host.Rootless() {
		return errCriuRootless
	}
	pidfd, err := c.openInit(e)
	if err != nil {
		return err
	}
	defer sys.Close(pidfd)
	if _, err := c.config(e); err != nil { // before criu is told of its mounts
		return err
	}
	dirs, err := openImages(&o.ImageOptions, "dump.log", false)
	if err != nil {
		return err
	}
	defer dirs.close()
	deciding := c.Trace.Begin("decide", trace.Own)
	spawn := criu.Spawn{CgroupFD: -1}
	request, extra, err := c.dumpRequest(o, e, dirs, &spawn)
	deciding.End(err)
	if err != nil {
		return err
	}
	if err := c.catch(); err != nil {
		return err
	}
	spawn.Group, spawn.Signals = true, c.signals
	span := c.Trace.Begin("start criu", trace.Wait)
	p, err := startCriu(spawn)
	span.End(err)
	for _, f := range spawn.Files {
		f.Close()
	}
	if err != nil {
		return err
	}
	defer p.Close()
	if err := o.check(p); err != nil {
		return err
	}
	kind := criu.Dump
	if o.PreDump {
		kind = criu.PreDump
	} else {
		if err := dirs.save(extra); err != nil {
			return err
		}
		c.warnOfOthers(o)
	}
	hear := func(_ string, _, fd int) error {
		sys.Close(fd)
		return nil
	}
	span = c.Trace.Begin("criu dump", trace.Wait)
	keep := criu.KeepCgroup2()
	_, err = p.Do(kind, request, hear)
	span.End(err)
	if err := keep(); err != nil {
		o.warn(cgroup2Changed + err.Error())
	}
	if _, interrupted := InterruptedBy(err); interrupted {
		if c.thawAfter(e); o.PreDump || o.LeaveRunning || sys.WaitExit(pidfd, 0) != nil {
			return err // the container goes on
		}
		err = nil // it came too late: the container is in the images alone
	}
	if err != nil {
		return dirs.explain(err)
	}
	if o.PreDump || o.LeaveRunning {
		return nil
	}
	if err := c.awaitInit(pidfd, e); err != nil {
		return err
	}
	return c.destroy(e, true, o.warn)
}

// thawAfter thaws what criu has frozen, if it was killed.
func (c *Container) thawAfter(e *state.Entry) {
	if claim, err := c.claim(e); err == nil && claim.Own.Frozen() {
		_ = claim.Own.Thaw()
	}
}

// others are the processes of the container's control groups besides its init.
func (c *Container) others() []int {
	g := c.group()
	if g == nil {
		return nil
	}
	pids, err := g.Pids()
	if err != nil {
		return nil // criu looks for itself
	}
	return slices.DeleteFunc(pids, func(pid int) bool { return pid == c.state.Pid })
}

// warnOfOthers names the processes that came in by exec: criu dumps the init's
// descendants, and passes over what others are in the container.
func (c *Container) warnOfOthers(o *CheckpointOptions) {
	pids := c.others()
	for _, pid := range pids {
		if parent, ok := parentOf(strconv.Itoa(pid)); ok && parent != c.state.Pid && !slices.Contains(pids, parent) {
			o.warn("process " + strconv.Itoa(pid) + " is not in the images: it came in by exec, and does not descend from the container's own")
		}
	}
}

const cgroup2Changed = "the options of the host's cgroup2, which criu has changed, cannot be put back: "

// startCriu starts criu, and refuses one that is too old.
func startCriu(s criu.Spawn) (*criu.Process, error) {
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	for i, f := range s.Stdio {
		if f == nil {
			s.Stdio[i] = null
		}
	}
	p, err := criu.Start(s)
	if err != nil {
		return nil, err
	}
	v, err := p.Version()
	if err == nil && v < criu.MinVersion {
		err = fmt.Errorf("criu %s is too old: %s or newer is needed", criu.FormatVersion(v), criu.FormatVersion(criu.MinVersion))
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// check asks whether the kernel can do what the options need.
func (o *CheckpointOptions) check(p *criu.Process) error {
	if !o.PreDump && o.ParentPath == "" && !o.LazyPages {
		return nil
	}
	f, err := p.Features()
	switch {
	case err != nil:
		return err
	case o.LazyPages && !f.GetLazyPages():
		return errLazyPages
	case (o.PreDump || o.ParentPath != "") && !f.GetMemTrack():
		return errMemTrack
	}
	return nil
}

// dumpRequest says what criu is to dump, and what rung itself has to know of it
// at the restore.
func (c *Container) dumpRequest(o *CheckpointOptions, e *state.Entry, dirs *imageDirs, spawn *criu.Spawn) (*rpc.CriuOpts, *imageExtra, error) {
	p, err := prepare(&CreateOptions{
		Root: c.root, ID: c.id, Bundle: c.state.Bundle, ConfigFile: filepath.Join(e.Dir(), "config.json"),
		SystemdCgroup: c.state.CgroupDriver == "systemd", NoNewKeyring: c.state.NoNewKeyring, NotifySocket: c.notifyWanted(),
	}, false)
	if err != nil {
		return nil, nil, err
	}
	defer p.close()
	r, err := o.ImageOptions.request(dirs)
	if err == nil {
		err = o.criuConfig(r, spawn, p)
	}
	if err != nil {
		return nil, nil, err
	}
	r.Pid, r.Root = new(int32(c.state.Pid)), &c.state.Rootfs
	r.LeaveRunning, r.TcpSkipInFlight = criu.Given(o.LeaveRunning), criu.Given(o.SkipInFlight)
	if o.StatusFD >= 0 {
		r.StatusFd = new(int32(o.StatusFD))
	}
	parent, err := o.parent()
	if err != nil {
		return nil, nil, err
	}
	r.ParentImg = criu.Given(parent)
	r.TrackMem = criu.Given(o.PreDump || o.ParentPath != "")
	if o.PageServer != "" {
		if r.Ps, err = pageServer(o.PageServer); err != nil {
			return nil, nil, err
		}
	}
	if g := c.group(); g != nil {
		r.FreezeCgroup = criu.Given(g.Freezer())
	}
	extra := &imageExtra{Notify: p.copts.NotifyDir != ""}
	if confined(p.spec) {
		if extra.Label, err = confinement(c.state.Pid); err != nil {
			return nil, nil, err
		}
	}
	if err := extra.mounts(r, c.state.Pid, p.plan); err != nil {
		return nil, nil, err
	}
	if err := extra.stdio(r, c.state.Pid, c.others()); err != nil {
		return nil, nil, err
	}
	return r, extra, externalNamespaces(r, c.state.Pid, p.spec)
}

// notifyWanted: a container that tells when it is ready has a mount more.
func (c *Container) notifyWanted() string {
	if isDir(notifyDir(c.root, c.id)) {
		return "@"
	}
	return ""
}

// parent checks the path of earlier images: criu makes a link of it.
func (o *CheckpointOptions) parent() (string, error) {
	if o.ParentPath == "" {
		return "", nil
	}
	if filepath.IsAbs(o.ParentPath) {
		return "", fmt.Errorf("--parent-path %s: has to be relative to --image-path", o.ParentPath)
	}
	if !isDir(filepath.Join(o.ImagePath, o.ParentPath)) {
		return "", fmt.Errorf("--parent-path %s: there is no such directory below %s: %w", o.ParentPath, o.ImagePath, unix.ENOENT)
	}
	return o.ParentPath, nil
}

// Keys of namespaces that are not the container's own.
const (
	keyNet = "rung-net"
	keyPid = "rung-pid"
)

// externalNamespaces keeps those that the config names by a path out of the
// images: they are joined again, and belong to somebody else.
func externalNamespaces(r *rpc.CriuOpts, pid int, s *specs.Spec) error {
	for _, n := range joinedNamespaces(s) {
		var st unix.Stat_t
		if err := sys.Stat(procPath(pid, "ns/"+n.file), &st); err != nil {
			return &os.PathError{Op: "stat", Path: procPath(pid, "ns/"+n.file), Err: err}
		}
		r.External = append(r.External, n.file+"["+utoa(st.Ino)+"]:"+n.key)
	}
	return nil
}

type joinedNamespace struct {
	file, key, path string
	kind            uint64 // CLONE_NEW* bit
}

// joinedNamespaces are those that criu can leave out.
func joinedNamespaces(s *specs.Spec) (list []joinedNamespace) {
	if s.Linux == nil {
		return nil
	}
	for _, n := range s.Linux.Namespaces {
		switch {
		case n.Path == "":
		case n.Type == specs.NetworkNamespace:
			list = append(list, joinedNamespace{"net", keyNet, n.Path, unix.CLONE_NEWNET})
		case n.Type == specs.PIDNamespace:
			list = append(list, joinedNamespace{"pid", keyPid, n.Path, unix.CLONE_NEWPID})
		}
	}
	return list
}

// request is what both directions have in common.
func (o *ImageOptions) request(dirs *imageDirs) (*rpc.CriuOpts, error) {
	mode, err := cgroupMode(o.CgroupsMode)
	if err != nil {
		return nil, err
	}
	r := &rpc.CriuOpts{
		ImagesDirFd: new(int32(dirs.images.Fd())), WorkDirFd: new(int32(dirs.work.Fd())), LogFile: &dirs.log, LogLevel: new(int32(4)),
		ManageCgroups: new(true), ManageCgroupsMode: &mode,
		TcpEstablished: criu.Given(o.Established), ExtUnixSk: criu.Given(o.ExtUnixSk), ShellJob: criu.Given(o.ShellJob),
		FileLocks: criu.Given(o.FileLocks), LinkRemap: criu.Given(o.LinkRemap),
		AutoDedup: criu.Given(o.AutoDedup), LazyPages: criu.Given(o.LazyPages),
		// volumes are slaves of the host's mounts, or share with them: package compile
		ExtMasters: new(true), ExtSharing: new(true),
		// the terminal's master is given back by a notification
		OrphanPtsMaster: new(true), NotifyScripts: new(true),
	}
	for _, name := range o.EmptyNS {
		if name != "network" {
			return nil, fmt.Errorf("--empty-ns %q: only network can be restored empty", name)
		}
		r.EmptyNs = new(uint32(unix.CLONE_NEWNET))
	}
	return r, nil
}

func cgroupMode(name string) (rpc.CriuCgMode, error) {
	switch name {
	case "", "soft":
		return rpc.CriuCgMode_SOFT, nil
	case "full":
		return rpc.CriuCgMode_FULL, nil
	case "strict":
		return rpc.CriuCgMode_STRICT, nil
	case "ignore":
		return rpc.CriuCgMode_IGNORE, nil
	case "props":
		return rpc.CriuCgMode_PROPS, nil
	case "none":
		return rpc.CriuCgMode_CG_NONE, nil
	}
	return 0, fmt.Errorf("--manage-cgroups-mode %q: soft, full, strict, ignore, props or none", name)
}
