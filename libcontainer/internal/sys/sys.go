// Package sys is the home of raw system calls in Go. Each is wrapped once:
// EINTR is retried where the call can be restarted, and descriptors are made
// with CLOEXEC. The errors of calls.go are bare errnos; those of the other files
// keep their errno under an *os.PathError or *os.SyscallError that says what was
// attempted on what. script/lint holds the rest of the library to it.
package sys

import (
	"bytes"
	"os"
	"strconv"
	"time"
	"unsafe"

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
	return fillAndSeal(fd, data)
}

// fillAndSeal takes over the descriptor of a new memfd.
func fillAndSeal(fd int, data []byte) (int, error) {
	err := wrap("write to memfd", WriteAll(fd, data))
	if err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
		err = wrap("fcntl F_ADD_SEALS", err)
	}
	if err != nil {
		Close(fd)
		return -1, err
	}
	return fd, nil
}

// WriteAll writes all of data; its error is the bare errno.
func WriteAll(fd int, data []byte) error {
	for len(data) > 0 {
		n, err := unix.Write(fd, data)
		if err != nil && err != unix.EINTR {
			return err
		}
		data = data[max(n, 0):]
	}
	return nil
}

// SealedProgram makes an executable file of the given content that nobody can
// change any more, in memory (memfd_create(2)), or, where the sysctl
// vm.memfd_noexec forbids that (2, Linux 6.3), on a file system of its own that
// nobody else can reach. EACCES comes back where neither may be made.
func SealedProgram(name string, data []byte) (int, error) {
	// MFD_EXEC (Linux 6.3) is asked for by name, for hosts with vm.memfd_noexec=1; older kernels refuse the bit
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_EXEC)
	if err == unix.EINVAL {
		fd, err = unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err == unix.EACCES {
		if fd, err := privateProgram(name, data); err == nil {
			return fd, nil
		}
	}
	if err != nil {
		return -1, wrap("memfd_create", err)
	}
	return fillAndSeal(fd, data)
}

// privateProgram writes a file to a new tmpfs, and gives a descriptor that
// cannot be written. The file system is mounted nowhere and goes with it.
func privateProgram(name string, data []byte) (int, error) {
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, wrap("fsopen tmpfs", err)
	}
	defer Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return -1, wrap("fsconfig tmpfs", err)
	}
	mount, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV)
	if err != nil {
		return -1, wrap("fsmount tmpfs", err)
	}
	defer Close(mount)
	fd, err := unix.Openat(mount, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o500)
	if err != nil {
		return -1, wrap("open "+name, err)
	}
	err = WriteAll(fd, data)
	Close(fd)
	if err != nil {
		return -1, wrap("write "+name, err)
	}
	// whoever opens it anew through /proc/PID/exe finds a file system that cannot be written
	if err := unix.MountSetattr(mount, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
		return -1, wrap("mount_setattr read-only", err)
	}
	fd, err = unix.Openat(mount, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	return fd, wrap("open "+name, err)
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
	n, fd, _, err = ReceiveFrom(sock, buf)
	return n, fd, err
}

// ReceiveFrom is Receive. pid is the process that called sendmsg(2), as this
// process sees it, or 0 unless PassCredentials was called.
func ReceiveFrom(sock int, buf []byte) (n, fd, pid int, err error) {
	var oob [64]byte // a descriptor, or two where alignment asks for it, and credentials
	var oobn int
	err = retry(func() (err error) {
		n, oobn, _, _, err = unix.Recvmsg(sock, buf, oob[:], unix.MSG_CMSG_CLOEXEC)
		return err
	})
	if err != nil {
		return 0, -1, 0, wrap("recvmsg", err)
	}
	fd = -1
	if oobn > 0 {
		msgs, err := unix.ParseSocketControlMessage(oob[:oobn])
		for i := range msgs {
			if cred, err := unix.ParseUnixCredentials(&msgs[i]); err == nil {
				pid = int(cred.Pid)
			}
			if fds, err := unix.ParseUnixRights(&msgs[i]); err == nil {
				for _, f := range fds {
					if fd >= 0 {
						Close(f)
					} else {
						fd = f
					}
				}
			}
		}
		if err != nil {
			Close(fd)
			return 0, -1, 0, wrap("recvmsg", err)
		}
	}
	return n, fd, pid, nil
}

// PassCredentials has the kernel say with each message who sent it (SO_PASSCRED,
// unix(7)).
func PassCredentials(sock int) error {
	return wrap("setsockopt SO_PASSCRED", unix.SetsockoptInt(sock, unix.SOL_SOCKET, unix.SO_PASSCRED, 1))
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

// PidfdOpenThread is pidfd_open(2) of a thread that leads no process (PIDFD_THREAD, Linux 6.9).
func PidfdOpenThread(tid int) (int, error) { return unix.PidfdOpen(tid, unix.O_EXCL) }

// PidOfPidfd gives the pid of the process behind a pidfd, from fdinfo
// (pidfd_open(2)); 0 when it is no pidfd, or the process was reaped.
func PidOfPidfd(fd int) int {
	b, err := ReadFile("/proc/self/fdinfo/" + strconv.Itoa(fd))
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(b, []byte("\nPid:"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	pid, err := strconv.Atoi(string(bytes.TrimSpace(line)))
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}

// NewFile makes a file that has all of its content from the start, and of which
// nothing is left when the process is killed meanwhile: one without a name
// (O_TMPFILE, open(2)), in the directory dir, that is linked as path when it is
// complete. Both are below at, as with openat. EEXIST: path is taken; EOPNOTSUPP
// or EISDIR: the file system has no such files.
func NewFile(at int, dir, path string, data []byte, mode uint32) error {
	var fd int
	err := retry(func() (err error) {
		fd, err = unix.Openat(at, dir, unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, mode)
		return err
	})
	if err != nil {
		return &os.PathError{Op: "open O_TMPFILE in", Path: dir, Err: err}
	}
	defer Close(fd)
	if err := WriteAll(fd, data); err != nil {
		return &os.PathError{Op: "write", Path: path, Err: err}
	}
	if err := unix.Linkat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(fd), at, path, unix.AT_SYMLINK_FOLLOW); err != nil {
		return &os.PathError{Op: "link", Path: path, Err: err}
	}
	return nil
}

// PidfdSignal is pidfd_send_signal(2).
func PidfdSignal(pidfd int, sig unix.Signal) error {
	return wrap("pidfd_send_signal", unix.PidfdSendSignal(pidfd, sig, nil, 0))
}

// Dup duplicates a descriptor, close-on-exec.
func Dup(fd int) (int, error) {
	n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1, &os.SyscallError{Syscall: "fcntl(F_DUPFD_CLOEXEC)", Err: err}
	}
	return n, nil
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

// IsSubreaper says whether orphans below this process become its children
// (PR_GET_CHILD_SUBREAPER, prctl(2)).
func IsSubreaper() bool {
	var on int32
	_, _, errno := unix.RawSyscall(unix.SYS_PRCTL, unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&on)), 0)
	return errno == 0 && on != 0
}

// IsChild tells whether a process is a child of this one that was not reaped. What
// says how it is named: unix.P_PID or unix.P_PIDFD (waitid(2), WNOWAIT).
func IsChild(what, id int) bool {
	return retry(func() error { return unix.Waitid(what, id, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT|unix.WALL, nil) }) == nil
}

// Reap waits for a child and gives its status.
func Reap(pid int) (unix.WaitStatus, error) {
	var ws unix.WaitStatus
	err := retry(func() error { _, err := unix.Wait4(pid, &ws, 0, nil); return err })
	return ws, wrap("wait4", err)
}

// ReadFile reads a small file whole, with a system call for each part: os.ReadFile
// would start the poller of the Go runtime for one of procfs. A FIFO in its place is
// not waited for.
func ReadFile(path string) ([]byte, error) {
	fd, err := Open(path, unix.O_RDONLY|unix.O_NONBLOCK)
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

// SchedSetaffinity sets the CPUs of another process: a bit for each, the lowest of the first byte for
// CPU 0 (sched_setaffinity(2)).
func SchedSetaffinity(pid int, mask []byte) error {
	if len(mask) == 0 {
		return wrap("sched_setaffinity", unix.EINVAL)
	}
	_, _, errno := unix.RawSyscall(unix.SYS_SCHED_SETAFFINITY, uintptr(pid), uintptr(len(mask)), uintptr(unsafe.Pointer(&mask[0])))
	if errno != 0 {
		return wrap("sched_setaffinity", errno)
	}
	return nil
}
