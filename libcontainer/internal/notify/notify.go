// Package notify hands on what processes of a container tell their supervisors:
// sd_notify(3) to the service manager, system calls to a seccomp agent.
package notify

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/rung-oci/rung/libcontainer/internal/console"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// SocketName is the name of the socket in its directory. The directory, not the
// socket, is what a container gets to see: the socket is made when the container
// starts, after its mounts.
const SocketName = "notify.sock"

// Proxy listens in the place of the service manager.
type Proxy struct {
	sock  int
	stop  int // eventfd
	dir   string
	close sync.Once
	mu    sync.Mutex // held while Forward uses the descriptors
}

// Listen makes dir, if it is not there, and in it a socket that every user may
// write to: the container's ids are not known to it. A socket that is left over
// is replaced.
func Listen(dir string) (*Proxy, error) {
	fail := func(op string, err error) (*Proxy, error) {
		return nil, &os.PathError{Op: op, Path: filepath.Join(dir, SocketName), Err: err}
	}
	if err := unix.Mkdir(dir, 0o755); err != nil && err != unix.EEXIST {
		return nil, &os.PathError{Op: "mkdir", Path: dir, Err: err}
	}
	d, err := sys.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW)
	if err != nil {
		return nil, err
	}
	defer sys.Close(d)
	sock, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fail("socket for", err)
	}
	stop, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		sys.Close(sock)
		return nil, &os.SyscallError{Syscall: "eventfd", Err: err}
	}
	err = bind(sock, d)
	if err != nil {
		sys.Close(sock)
		sys.Close(stop)
		return fail("listen on", err)
	}
	return &Proxy{sock: sock, stop: stop, dir: dir}, nil
}

func bind(sock, dir int) error {
	if err := unix.Unlinkat(dir, SocketName, 0); err != nil && err != unix.ENOENT {
		return err
	}
	// through the descriptor: a socket's address is short
	name := "/proc/self/fd/" + strconv.Itoa(dir) + "/" + SocketName
	if err := unix.Bind(sock, &unix.SockaddrUnix{Name: name}); err != nil {
		return err
	}
	return open(dir)
}

// open lets everybody write to the socket in dir. The directory is the
// container's too, so what stands there now need not be the socket: neither
// symbolic links nor other files are touched.
func open(dir int) error {
	fd, err := unix.Openat(dir, SocketName, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer sys.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return unix.ENOTSOCK
	}
	return unix.Chmod("/proc/self/fd/"+strconv.Itoa(fd), 0o777)
}

// Forward waits until a process of the container says that it is ready, and
// then tells the service manager at hostSocket, the value of NOTIFY_SOCKET: a
// path, or "@" and an abstract name. It is told READY=1 and MAINPID=pid, the
// container's process as the host sees it, and nothing else that the container
// says: the container is not trusted with the service. ready is false, without
// an error, when pid has ended, or Close was called, before.
func (p *Proxy) Forward(hostSocket string, pid int) (ready bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sock < 0 {
		return false, nil
	}
	pidfd, err := sys.PidfdOpen(pid)
	if err != nil {
		pidfd = -1 // it has ended: look at what it said before
	}
	defer sys.Close(pidfd)
	ended := pidfd < 0
	buf := make([]byte, 64<<10)
	// what was said before the end is in the queue; who goes on after it is
	// somebody else
	for left := queue; left > 0; {
		if ended {
			left--
		} else {
			// asked before every message: who sends without a pause must not
			// keep the runtime
			var stopped bool
			if ended, stopped, err = p.wait(pidfd); err != nil || stopped {
				return false, err
			}
		}
		// no control data is taken: the kernel closes descriptors that came
		// along, which is what BARRIER=1 waits for
		n, _, err := unix.Recvfrom(p.sock, buf, unix.MSG_DONTWAIT)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN && ended:
			return false, nil
		case err == unix.EAGAIN:
		case err != nil:
			return false, &os.PathError{Op: "receive from", Path: filepath.Join(p.dir, SocketName), Err: err}
		case saysReady(buf[:n]):
			if err := tell(hostSocket, pid); err != nil {
				return false, err
			}
			return true, nil
		}
	}
	return false, nil
}

// queue is more than the datagrams that the kernel keeps for one socket
// (net.unix.max_dgram_qlen, 10 or 512).
const queue = 4096

func (p *Proxy) wait(pidfd int) (ended, stopped bool, err error) {
	fds := []unix.PollFd{
		{Fd: int32(p.sock), Events: unix.POLLIN},
		{Fd: int32(pidfd), Events: unix.POLLIN},
		{Fd: int32(p.stop), Events: unix.POLLIN},
	}
	if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
		return false, false, &os.SyscallError{Syscall: "poll", Err: err}
	}
	return fds[1].Revents != 0, fds[2].Revents != 0, nil
}

func saysReady(message []byte) bool {
	for line := range bytes.SplitSeq(message, []byte{'\n'}) {
		if bytes.Equal(line, []byte("READY=1")) {
			return true
		}
	}
	return false
}

func tell(hostSocket string, pid int) error {
	fail := func(op string, err error) error { return &os.PathError{Op: op, Path: hostSocket, Err: err} }
	sock, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fail("socket for", err)
	}
	defer sys.Close(sock)
	if err := console.Connect(sock, hostSocket); err != nil {
		return fail("connect", err)
	}
	if err := sys.Send(sock, []byte("READY=1\nMAINPID="+strconv.Itoa(pid)), -1); err != nil {
		return fail("notify", err)
	}
	return nil
}

// Close ends a Forward that waits, takes the socket away and leaves its
// directory. It may be called from any goroutine, more than once.
func (p *Proxy) Close() {
	p.close.Do(func() {
		_, _ = unix.Write(p.stop, []byte{1, 0, 0, 0, 0, 0, 0, 0})
		p.mu.Lock()
		defer p.mu.Unlock()
		sys.Close(p.sock)
		sys.Close(p.stop)
		p.sock, p.stop = -1, -1
		_ = unix.Unlink(filepath.Join(p.dir, SocketName))
	})
}
