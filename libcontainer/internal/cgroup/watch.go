package cgroup

import (
	"encoding/binary"
	"errors"
	"os"
	"strconv"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// OOMWatch notices that the container's memory limit made the kernel look for a
// process to kill.
type OOMWatch struct {
	fd      int    // memory.events, or an eventfd of v1
	control int    // v1: memory.oom_control, for as long as the watch is
	kills   uint64 // v2: so far
	log     int    // the kernel's log, from when the watch began; -1 where it may not be read
	path    string // of the group, as the log has it
}

// WatchOOM starts to watch, on v1 by an eventfd (cgroup-v1/memory.rst, OOM
// Control), on v2 by memory.events, whose changes poll(2) tells. nil: the
// container's memory is not controlled.
func (g *Group) WatchOOM() (*OOMWatch, error) {
	if d := g.v1("memory"); d != nil {
		return watchV1(d)
	}
	d := g.v2()
	if d == nil {
		return nil, nil
	}
	fd, err := sys.Open(d.Path+"/memory.events", unix.O_RDONLY)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	w := newWatch(d, fd, -1)
	w.kills, _ = w.count()
	return w, nil
}

func newWatch(d *Dir, fd, control int) *OOMWatch {
	w := &OOMWatch{fd: fd, control: control, log: -1, path: strings.TrimPrefix(d.Path, d.Mount)}
	if log, err := sys.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK); err == nil {
		w.log = log
		_, _ = sys.Seek(log, 0, unix.SEEK_END)
	}
	return w
}

func watchV1(d *Dir) (*OOMWatch, error) {
	control, err := sys.Open(d.Path+"/memory.oom_control", unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	fd, err := sys.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		sys.Close(control)
		return nil, &os.SyscallError{Syscall: "eventfd", Err: err}
	}
	w := newWatch(d, fd, control)
	if err := sys.WriteFile(d.Path+"/cgroup.event_control", strconv.Itoa(fd)+" "+strconv.Itoa(control)); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// Close ends the watch.
func (w *OOMWatch) Close() {
	sys.Close(w.fd)
	sys.Close(w.control)
	sys.Close(w.log)
}

// Poll is what to wait for with poll(2): then ask Happened.
func (w *OOMWatch) Poll() unix.PollFd {
	if w.control >= 0 {
		return unix.PollFd{Fd: int32(w.fd), Events: unix.POLLIN}
	}
	return unix.PollFd{Fd: int32(w.fd), Events: unix.POLLPRI}
}

// Happened says whether memory ran out since it was asked last. gone: the group
// was removed, and there is nothing to wait for any more.
func (w *OOMWatch) Happened() (oom, gone bool) {
	if w.control < 0 {
		n, ok := w.count()
		if !ok {
			return w.logged(), true
		}
		oom = n > w.kills
		w.kills = max(n, w.kills)
		return oom, false
	}
	var events [8]byte
	if n, err := sys.Read(w.fd, events[:]); err != nil || n != len(events) {
		return false, false // EAGAIN: nothing was told
	}
	// the removal of the group is told in the same way, and its files are dead then
	var b [1]byte
	if _, err := sys.Pread(w.control, b[:], 0); err != nil {
		return w.logged(), true
	}
	return binary.NativeEndian.Uint64(events[:]) > 0, false
}

// logged says whether the kernel has logged that it killed a process of the
// group. It is for a group that was removed before its last counts were read:
// changes of memory.events are told at most every 10 ms, and systemd removes the
// groups of a scope at the end of its last process.
func (w *OOMWatch) logged() bool {
	if w.log < 0 {
		return false
	}
	var record [8192]byte // of dev-kmsg (Documentation/ABI/testing): one for each read
	for {
		n, err := sys.Read(w.log, record[:])
		if err == unix.EPIPE { // EPIPE: records that were not read yet have made place for others
			continue
		}
		if err != nil || n == 0 {
			return false
		}
		// the first one is the kernel's; behind it comes the name of the process, which is of its own choosing
		_, group, _ := strings.Cut(string(record[:n]), ",task_memcg=")
		if rest, ok := strings.CutPrefix(group, w.path); ok && (strings.HasPrefix(rest, ",") || strings.HasPrefix(rest, "/")) {
			return true
		}
	}
}

// count is how many processes were killed so far (memory.events, oom_kill).
// Reading the file is what poll counts changes from.
func (w *OOMWatch) count() (uint64, bool) {
	var buf [512]byte
	n, err := sys.Pread(w.fd, buf[:], 0)
	if err != nil {
		return 0, false
	}
	kills, _ := strconv.ParseUint(flatKey(string(buf[:n]), "oom_kill"), 10, 64)
	return kills, true
}
