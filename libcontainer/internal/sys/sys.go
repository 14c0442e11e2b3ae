// Package sys is the home of raw system calls in Go. Each is wrapped once:
// EINTR is retried where the call can be restarted, descriptors are made with
// CLOEXEC, and errors keep their errno under an *os.PathError or
// *os.SyscallError that says what was attempted on what.
package sys

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// retry repeats f while it is interrupted by a signal.
func retry(f func() error) error {
	for {
		if err := f(); err != unix.EINTR {
			return err
		}
	}
}

func wrap(call string, err error) error {
	if err == nil {
		return nil
	}
	return &os.SyscallError{Syscall: call, Err: err}
}

func wrapPath(op, path string, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: op, Path: path, Err: err}
}

// Open is open(2) with O_CLOEXEC.
func Open(path string, flags int) (int, error) {
	var fd int
	err := retry(func() (err error) {
		fd, err = unix.Open(path, flags|unix.O_CLOEXEC, 0)
		return err
	})
	return fd, wrapPath("open", path, err)
}

// Close closes a descriptor; errors have no use for the caller of a
// descriptor that was only read or passed on.
func Close(fd int) {
	if fd >= 0 {
		_ = unix.Close(fd)
	}
}

// CloseOnExecFrom sets CLOEXEC on every descriptor from first on
// (close_range(2), Linux 5.11).
func CloseOnExecFrom(first int) error {
	return wrap("close_range", unix.CloseRange(uint(first), ^uint(0)>>1&0x7fffffff, unix.CLOSE_RANGE_CLOEXEC))
}

// SealedMemfd makes a memfd with the given content that nobody can change any
// more (memfd_create(2), F_ADD_SEALS).
func SealedMemfd(name string, data []byte) (int, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return -1, wrap("memfd_create", err)
	}
	for rest := data; len(rest) > 0; {
		n, err := unix.Write(fd, rest)
		if err != nil && err != unix.EINTR {
			Close(fd)
			return -1, wrap("write to memfd", err)
		}
		rest = rest[max(n, 0):]
	}
	if err := seal(fd); err != nil {
		Close(fd)
		return -1, err
	}
	return fd, nil
}

func seal(fd int) error {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
	return wrap("fcntl F_ADD_SEALS", err)
}

// SealedExecutable gives a descriptor of the running executable through which
// it cannot be written (CVE-2019-5736). A read-only, detached clone of its
// mount costs a twentieth of a millisecond; once the descriptor is closed the
// mount belongs to no namespace, so that nobody can make it writable again. Where the
// caller may not clone mounts, a sealed copy in memory does the same for some
// milliseconds.
func SealedExecutable() (fd int, err error) {
	const self = "/proc/self/exe"
	fd, err = unix.OpenTree(unix.AT_FDCWD, self, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err == nil {
		attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
		if err = unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &attr); err == nil {
			return fd, nil
		}
		Close(fd)
	}
	return copyExecutable(self)
}

func copyExecutable(self string) (int, error) {
	src, err := Open(self, unix.O_RDONLY)
	if err != nil {
		return -1, err
	}
	defer Close(src)
	// MFD_EXEC (Linux 6.3) is asked for by name, for hosts with vm.memfd_noexec=1; older kernels refuse the bit
	fd, err := unix.MemfdCreate("rung", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_EXEC)
	if err == unix.EINVAL {
		fd, err = unix.MemfdCreate("rung", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return -1, wrap("memfd_create", err)
	}
	for {
		n, err := unix.Sendfile(fd, src, nil, 1<<30)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			Close(fd)
			return -1, wrap("copy of the executable: sendfile", err)
		}
		if n == 0 {
			break
		}
	}
	if err := seal(fd); err != nil {
		Close(fd)
		return -1, err
	}
	return fd, nil
}

// SocketPair makes a connected pair of SOCK_SEQPACKET sockets.
func SocketPair() (ours, theirs int, err error) {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	return p[0], p[1], wrap("socketpair", err)
}

// Send writes one message, with a descriptor unless fd is negative.
func Send(sock int, data []byte, fd int) error {
	var oob []byte
	if fd >= 0 {
		oob = unix.UnixRights(fd)
	}
	return wrap("sendmsg", retry(func() error { return unix.Sendmsg(sock, data, oob, nil, unix.MSG_NOSIGNAL) }))
}

// Receive reads one message and the descriptor that came with it, or -1. n is
// 0 at the end of the channel.
func Receive(sock int, buf []byte) (n, fd int, err error) {
	var oob [32]byte
	var oobn int
	err = retry(func() (err error) {
		n, oobn, _, _, err = unix.Recvmsg(sock, buf, oob[:], unix.MSG_CMSG_CLOEXEC)
		return err
	})
	if err != nil {
		return 0, -1, wrap("recvmsg", err)
	}
	fd = -1
	if oobn > 0 {
		if msgs, err := unix.ParseSocketControlMessage(oob[:oobn]); err == nil && len(msgs) == 1 {
			if fds, err := unix.ParseUnixRights(&msgs[0]); err == nil && len(fds) > 0 {
				fd = fds[0]
				for _, extra := range fds[1:] {
					Close(extra)
				}
			}
		}
	}
	return n, fd, nil
}

// PidfdOpen is pidfd_open(2). ESRCH: there is no such process. Of one that is
// gone while its number lives on as that of a session or process group older
// kernels, 6.1 for one, say EINVAL.
func PidfdOpen(pid int) (int, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err == unix.EINVAL && pid > 0 {
		err = unix.ESRCH
	}
	return fd, wrap("pidfd_open", err)
}

// PidfdSignal is pidfd_send_signal(2).
func PidfdSignal(pidfd int, sig unix.Signal) error {
	return wrap("pidfd_send_signal", unix.PidfdSendSignal(pidfd, sig, nil, 0))
}

// PidfdGetfd takes a descriptor from another process (pidfd_getfd(2)).
func PidfdGetfd(pidfd, fd int) (int, error) {
	n, err := unix.PidfdGetfd(pidfd, fd, 0)
	return n, wrap("pidfd_getfd", err)
}

// WaitExit waits until the process behind pidfd has ended, at most for the limit:
// ETIMEDOUT. It does not reap.
func WaitExit(pidfd int, limit time.Duration) error {
	p := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	for end := time.Now().Add(limit); ; {
		n, err := unix.Poll(p, int(max(time.Until(end), 0).Milliseconds())+1)
		switch {
		case n > 0:
			return nil
		case err != nil && err != unix.EINTR:
			return wrap("poll", err)
		case !time.Now().Before(end):
			return unix.ETIMEDOUT
		}
	}
}

// Reap waits for a child and gives its status.
func Reap(pid int) (unix.WaitStatus, error) {
	var ws unix.WaitStatus
	err := retry(func() error { _, err := unix.Wait4(pid, &ws, 0, nil); return err })
	return ws, wrap("wait4", err)
}

// ReadFile reads a small file whole, with a system call for each part: os.ReadFile
// would start the poller of the Go runtime for one of procfs.
func ReadFile(path string) ([]byte, error) {
	fd, err := Open(path, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer Close(fd)
	b, err := ReadAll(fd)
	return b, wrapPath("read", path, err)
}

// ReadAll reads a descriptor to its end.
func ReadAll(fd int) ([]byte, error) {
	b := make([]byte, 0, 2048)
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := unix.Read(fd, b[len(b):cap(b)])
		switch {
		case err == unix.EINTR:
		case err != nil:
			return nil, err
		case n == 0:
			return b, nil
		default:
			b = b[:len(b)+n]
		}
	}
}

// WriteFile opens path O_WRONLY and writes data with one call, as files of
// procfs and cgroupfs want it.
func WriteFile(path, data string) error {
	fd, err := Open(path, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer Close(fd)
	return wrapPath("write", path, retry(func() error { _, err := unix.Write(fd, []byte(data)); return err }))
}

// Prlimit sets a resource limit of another process (prlimit(2)).
func Prlimit(pid int, resource int, soft, hard uint64) error {
	return wrap("prlimit", unix.Prlimit(pid, resource, &unix.Rlimit{Cur: soft, Max: hard}, nil))
}

// SchedSetattr is sched_setattr(2).
func SchedSetattr(pid int, a *unix.SchedAttr) error {
	return wrap("sched_setattr", unix.SchedSetAttr(pid, a, 0))
}
