package cgroup

import (
	"encoding/binary"
	"errors"
	"os"
	"strconv"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// OOMWatch notices that the container's memory limit made the kernel look for a
// process to kill.
type OOMWatch struct {
	fd      int    // memory.events, or an eventfd of v1
	control int    // v1: memory.oom_control, for as long as the watch is
	kills   uint64 // v2: so far
}

// WatchOOM starts to watch, on v1 by an eventfd (cgroup-v1/memory.rst, OOM
// Control), on v2 by memory.events, whose changes poll(2) tells. nil: the
// container's memory is not controlled.
func (g *Group) WatchOOM() (*OOMWatch, error) {
	if d := g.v1("memory"); d != nil {
		return watchV1(d.Path)
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
	w := &OOMWatch{fd: fd, control: -1}
	w.kills, _ = w.count()
	return w, nil
}

func watchV1(dir string) (*OOMWatch, error) {
	control, err := sys.Open(dir+"/memory.oom_control", unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		sys.Close(control)
		return nil, &os.SyscallError{Syscall: "eventfd", Err: err}
	}
	w := &OOMWatch{fd: fd, control: control}
	if err := sys.WriteFile(dir+"/cgroup.event_control", strconv.Itoa(fd)+" "+strconv.Itoa(control)); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// Close ends the watch.
func (w *OOMWatch) Close() {
	sys.Close(w.fd)
	sys.Close(w.control)
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
		oom = ok && n > w.kills
		w.kills = max(n, w.kills)
		return oom, !ok
	}
	var events [8]byte
	if n, err := unix.Read(w.fd, events[:]); err != nil || n != len(events) {
		return false, false // EAGAIN: nothing was told
	}
	// the removal of the group is told in the same way, and its files are dead then
	var b [1]byte
	if _, err := unix.Pread(w.control, b[:], 0); err != nil {
		return false, true
	}
	return binary.NativeEndian.Uint64(events[:]) > 0, false
}

// count is how many processes were killed so far (memory.events, oom_kill).
// Reading the file is what poll counts changes from.
func (w *OOMWatch) count() (uint64, bool) {
	var buf [512]byte
	for {
		n, err := unix.Pread(w.fd, buf[:], 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, false
		}
		kills, _ := strconv.ParseUint(flatKey(string(buf[:n]), "oom_kill"), 10, 64)
		return kills, true
	}
}
