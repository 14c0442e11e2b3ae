package cgroup

import (
	"errors"
	"os"
	"runtime"
	"unsafe"

	"github.com/rung-oci/rung/libcontainer/internal/cgroup/devices"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
	"github.com/rung-oci/rung/libcontainer/internal/host"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// ControlsDevices tells whether one of the container's hierarchies can have device rules.
func (g *Group) ControlsDevices() bool { return g.v1("devices") != nil || g.v2() != nil }

// applyDevices puts the rules in force: through the v1 controller where there is
// one, by a BPF program on the v2 group otherwise. nil changes nothing. A host with neither
// refuses rules that deny something. In a user namespace devices cannot be controlled, nor be
// made: that is no error, and the plan warns of it.
func (g *Group) applyDevices(rules []plan.DeviceRule) error {
	if rules == nil {
		return nil
	}
	t := devices.Of(rules)
	var err error
	if d := g.v1("devices"); d != nil {
		err = g.devicesV1(d, &t)
	} else if d := g.v2(); d != nil {
		err = g.devicesV2(d, &t)
	} else {
		err = g.uncontrolled(&t)
	}
	if errors.Is(err, unix.EPERM) && host.Rootless() {
		return nil
	}
	return err
}

// uncontrolled is the error of rules on a host without a hierarchy for them.
func (g *Group) uncontrolled(t *devices.Table) error {
	if t.AllowsAll() || host.Rootless() {
		return nil
	}
	return &Error{Origin: limit.Resources + "devices", Controller: "devices", Err: errNoDevices}
}

// errNoDevices keeps the words that people look for.
var errNoDevices = errors.New("mountpoint for devices not found: neither the devices hierarchy of cgroup v1 nor cgroup v2 is mounted")

// fresh says that this process has made the directory, so that nobody has
// controlled anything in it.
func (g *Group) fresh(dir string) bool {
	for _, m := range g.made {
		if m == dir {
			return true
		}
	}
	return false
}

func (g *Group) devicesV1(d *Dir, t *devices.Table) error {
	x, err := t.V1()
	if err != nil {
		return err
	}
	if g.fresh(d.Path) {
		return writeDevices(d.Path, x.Fresh())
	}
	list, err := readFile(d.Path + "/devices.list")
	if err != nil {
		return err
	}
	return writeDevices(d.Path, x.From(list))
}

// writeDevices keeps a file open as long as its writes go on.
func writeDevices(dir string, list []limit.Write) error {
	fd, file := -1, ""
	defer func() { sys.Close(fd) }()
	for i := range list {
		w := &list[i]
		var err error
		if w.File != file {
			sys.Close(fd)
			fd, err = sys.Open(dir+"/"+w.File, unix.O_WRONLY)
			file = w.File
		}
		if err == nil {
			_, err = sys.Write(fd, []byte(w.Value))
		}
		if err != nil {
			return &Error{Origin: w.Origin, Controller: w.Controller, File: dir + "/" + w.File, Value: w.Value, Err: reason(err)}
		}
	}
	return nil
}

// Parts of union bpf_attr (linux/bpf.h). The kernel is told their size; bytes that
// it does not know must be zero.
type bpfLoad struct {
	kind, count    uint32
	code, license  uint64
	logLevel       uint32
	logSize        uint32
	log            uint64
	kernel, flags  uint32
	name           [16]byte
	ifindex, about uint32
}

type bpfAttach struct {
	target, program, kind, flags, replace uint32
	_                                     uint32
}

// bpfQuery is longer than what the kernel is told: Linux 6.17 to 7.1 write the
// revision field that came after it, whatever the size.
type bpfQuery struct {
	target, kind, flags, attachFlags uint32
	programs                         uint64
	count                            uint32
	_                                uint32
	_                                [160]byte
}

const bpfQuerySize = 32

type bpfID struct{ id, next, flags uint32 }

type bpfAbout struct {
	fd, size uint32
	info     uint64
}

// bpfInfo is the beginning of struct bpf_prog_info.
type bpfInfo struct {
	_    [64]byte
	name [16]byte
}

// programName is what bpftool(8) shows.
const programName = "rung_devices"

const (
	devicePrograms = 15 // BPF_PROG_TYPE_CGROUP_DEVICE, Linux 4.15
	deviceHook     = 6  // BPF_CGROUP_DEVICE
	maxAttached    = 64 // BPF_CGROUP_MAX_PROGS
)

func bpf(command int, attr unsafe.Pointer, size uintptr) (int, error) {
	for {
		n, _, errno := sys.Call(unix.SYS_BPF, uintptr(command), uintptr(attr), size)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR, unix.EAGAIN: // the verifier gives way to signals
		default:
			return -1, errno
		}
	}
}

// devicesV2 attaches the program. It stays as long as the group does. A program
// that is there already is replaced in one step, so that at no moment more or less
// is allowed than one of the two says.
func (g *Group) devicesV2(d *Dir, t *devices.Table) error {
	fresh := g.fresh(d.Path)
	if fresh && t.AllowsAll() {
		return nil
	}
	dir, err := sys.Open(d.Path, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer sys.Close(dir)
	var old []int
	defer func() {
		for _, fd := range old {
			sys.Close(fd)
		}
	}()
	if !fresh {
		if old, err = attached(dir, g.unit != nil); err != nil {
			return bpfError("query the device programs of", d.Path, err)
		}
	}
	if t.AllowsAll() {
		return detach(dir, old, d.Path)
	}
	code, err := t.Program()
	if err != nil {
		return err
	}
	program, err := loadProgram(devices.Encode(code))
	if err != nil {
		return bpfError("load the device program of", d.Path, err)
	}
	defer sys.Close(program)
	a := bpfAttach{target: uint32(dir), program: uint32(program), kind: deviceHook, flags: unix.BPF_F_ALLOW_MULTI}
	if len(old) == 1 {
		a.flags |= unix.BPF_F_REPLACE // Linux 5.6
		a.replace = uint32(old[0])
	}
	_, err = bpf(unix.BPF_PROG_ATTACH, unsafe.Pointer(&a), unsafe.Sizeof(a))
	if err != nil && len(old) == 1 {
		// one that was attached alone, without ALLOW_MULTI, cannot be replaced so; attaching in the same way does it
		a.flags, a.replace = 0, 0
		_, err = bpf(unix.BPF_PROG_ATTACH, unsafe.Pointer(&a), unsafe.Sizeof(a))
	}
	if err != nil {
		return bpfError("attach the device program to", d.Path, err)
	}
	if len(old) == 1 {
		return nil
	}
	return detach(dir, old, d.Path)
}

func loadProgram(code []byte) (int, error) {
	license := [...]byte{'A', 'p', 'a', 'c', 'h', 'e', 0}
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&code[0])
	pin.Pin(&license[0])
	l := bpfLoad{
		kind: devicePrograms, count: uint32(len(code) / 8),
		code: uint64(uintptr(unsafe.Pointer(&code[0]))), license: uint64(uintptr(unsafe.Pointer(&license[0]))),
	}
	copy(l.name[:], programName)
	return bpf(unix.BPF_PROG_LOAD, unsafe.Pointer(&l), unsafe.Sizeof(l))
}

// attached opens the programs that the group itself has, not those above it; with
// ours only those that are the runtime's: systemd puts its own beside them, and
// replaces them when it likes.
func attached(dir int, ours bool) (fds []int, err error) {
	ids := make([]uint32, maxAttached)
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&ids[0])
	q := bpfQuery{target: uint32(dir), kind: deviceHook, programs: uint64(uintptr(unsafe.Pointer(&ids[0]))), count: maxAttached}
	if _, err := bpf(unix.BPF_PROG_QUERY, unsafe.Pointer(&q), bpfQuerySize); err != nil {
		return nil, err
	}
	for _, id := range ids[:min(q.count, maxAttached)] {
		a := bpfID{id: id}
		fd, err := bpf(unix.BPF_PROG_GET_FD_BY_ID, unsafe.Pointer(&a), unsafe.Sizeof(a))
		if err == unix.ENOENT {
			continue // detached meanwhile
		}
		if err != nil {
			return fds, err
		}
		if ours && programOf(fd) != programName {
			sys.Close(fd)
			continue
		}
		fds = append(fds, fd)
	}
	return fds, nil
}

// programOf is the name that a program was loaded with; "" if it cannot be told.
func programOf(fd int) string {
	var info bpfInfo
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&info)
	a := bpfAbout{fd: uint32(fd), size: uint32(unsafe.Sizeof(info)), info: uint64(uintptr(unsafe.Pointer(&info)))}
	if _, err := bpf(unix.BPF_OBJ_GET_INFO_BY_FD, unsafe.Pointer(&a), unsafe.Sizeof(a)); err != nil {
		return ""
	}
	return unix.ByteSliceToString(info.name[:])
}

func detach(dir int, old []int, path string) error {
	for _, fd := range old {
		a := bpfAttach{target: uint32(dir), program: uint32(fd), kind: deviceHook}
		if _, err := bpf(unix.BPF_PROG_DETACH, unsafe.Pointer(&a), unsafe.Sizeof(a)); err != nil && err != unix.ENOENT {
			return bpfError("detach the former device program from", path, err)
		}
	}
	return nil
}

func bpfError(what, path string, err error) error {
	return &originError{limit.Resources + "devices", &os.PathError{Op: what, Path: path, Err: err}}
}

// originError is an error that is not about a file.
type originError struct {
	origin string
	err    error
}

func (e *originError) Error() string { return e.origin + ": " + e.err.Error() }
func (e *originError) Unwrap() error { return e.err }
