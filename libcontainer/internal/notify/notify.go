// Package notify hands on what processes of a container tell their supervisors:
// sd_notify(3) to the service manager, system calls to a seccomp agent.
package notify

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

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
	sock  int // -1: nothing more is read
	at    int // the directory
	dir   string
	stop  int // eventfd
	close sync.Once
	mu    sync.Mutex // held while Forward uses the descriptors
}

// Listen makes dir, if it is not there, and in it a socket that every user may
// write to: the container's ids are not known to it. The directory above dir is
// what keeps the host's other users away: the caller makes it for its owner alone.
// A socket that is left over is replaced.
func Listen(dir string) (*Proxy, error) {
	fail := func(op string, err error) (*Proxy, error) {
		return nil, &os.PathError{Op: op, Path: filepath.Join(dir, SocketName), Err: err}
	}
	if err := sys.Mkdir(dir, 0o755); err != nil && err != unix.EEXIST {
		return nil, &os.PathError{Op: "mkdir", Path: dir, Err: err}
	}
	d, err := sys.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW)
	if err != nil {
		return nil, err
	}
	// whatever the umask: the container's users have to get to the socket
	if err := chmod(d, 0o755); err != nil {
		sys.Close(d)
		return fail("chmod the directory of", err)
	}
	sock, err := sys.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		sys.Close(d)
		return fail("socket for", err)
	}
	stop, err := sys.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		sys.Close(d)
		sys.Close(sock)
		return nil, &os.SyscallError{Syscall: "eventfd", Err: err}
	}
	err = bind(sock, d)
	if err != nil {
		sys.Close(d)
		sys.Close(sock)
		sys.Close(stop)
		return fail("listen on", err)
	}
	return &Proxy{sock: sock, at: d, dir: dir, stop: stop}, nil
}

func bind(sock, dir int) error {
	if err := sys.Unlinkat(dir, SocketName, 0); err != nil && err != unix.ENOENT {
		return err
	}
	// through the descriptor: a socket's address is short
	name := "/proc/self/fd/" + strconv.Itoa(dir) + "/" + SocketName
	if err := sys.Bind(sock, &unix.SockaddrUnix{Name: name}); err != nil {
		return err
	}
	return open(dir)
}

// open lets everybody write to the socket in dir. The container of an older rung
// may write to the directory, so what stands there now need not be the socket:
// neither symbolic links nor other files are touched.
func open(dir int) error {
	fd, err := sys.Openat(dir, SocketName, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer sys.Close(fd)
	var st unix.Stat_t
	if err := sys.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return unix.ENOTSOCK
	}
	return chmod(fd, 0o666)
}

// chmod changes the mode of the file behind fd, which is O_PATH.
func chmod(fd int, mode uint32) error {
	return sys.Chmod("/proc/self/fd/"+strconv.Itoa(fd), mode)
}

// Forward waits until a process of the container says that it is ready, and
// then tells the service manager at hostSocket, the value of NOTIFY_SOCKET: a
// path, or "@" and an abstract name. It is told READY=1 and MAINPID=pid, the
// container's process as the host sees it, and nothing else that the container
// says: the container is not trusted with the service. Forward then waits for
// the manager to take the message, for some seconds at most. ready is false,
// without an error, when pid has ended, or Close was called, before.
//
// It listens once: after it nobody reads what the container says, so the socket
// is gone, at READY=1 already. Whoever goes on, with WATCHDOG=1 say, or waits
// for a barrier (sd_notify_barrier(3)), gets an answer instead of a full queue.
func (p *Proxy) Forward(hostSocket string, pid int) (ready bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sock < 0 {
		return false, nil
	}
	defer p.unlisten()
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
			_, ended, stopped, err = p.wait(p.sock, unix.POLLIN, pidfd, -1)
			if err != nil || stopped {
				return false, err
			}
		}
		// no control data is taken: the kernel closes descriptors that came
		// along, which is what BARRIER=1 waits for
		n, _, err := sys.Recvfrom(p.sock, buf, unix.MSG_DONTWAIT)
		switch {
		case err == unix.EAGAIN && ended:
			return false, nil
		case err == unix.EAGAIN:
		case err != nil:
			return false, &os.PathError{Op: "receive from", Path: filepath.Join(p.dir, SocketName), Err: err}
		case saysReady(buf[:n]):
			p.unlisten()
			if err := p.tell(hostSocket, pid, pidfd); err != nil {
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

// wait waits for an event of fd, the end of the process behind pidfd (-1:
// none), or Close; for a time at most unless that is negative.
func (p *Proxy) wait(fd int, event int16, pidfd int, most time.Duration) (ready, ended, stopped bool, err error) {
	fds := []unix.PollFd{
		{Fd: int32(fd), Events: event},
		{Fd: int32(pidfd), Events: unix.POLLIN},
		{Fd: int32(p.stop), Events: unix.POLLIN},
	}
	ms := -1
	if most >= 0 {
		ms = int(most.Milliseconds())
	}
	if _, err := sys.Poll(fds, ms); err != nil && err != unix.EINTR {
		return false, false, false, &os.SyscallError{Syscall: "poll", Err: err}
	}
	return fds[0].Revents != 0, fds[1].Revents != 0, fds[2].Revents != 0, nil
}

func saysReady(message []byte) bool {
	for line := range bytes.SplitSeq(message, []byte{'\n'}) {
		if bytes.Equal(line, []byte("READY=1")) {
			return true
		}
	}
	return false
}

// patience is how long a service manager may take to read: what systemd-notify(1)
// gives it.
const patience = 5 * time.Second

func (p *Proxy) tell(hostSocket string, pid, pidfd int) error {
	fail := func(op string, err error) error { return &os.PathError{Op: op, Path: hostSocket, Err: err} }
	sock, err := sys.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fail("socket for", err)
	}
	defer sys.Close(sock)
	if err := console.Connect(sock, hostSocket); err != nil {
		return fail("connect", err)
	}
	until := time.Now().Add(patience)
	if err := p.send(sock, "READY=1\nMAINPID="+strconv.Itoa(pid), -1, until); err != nil {
		return fail("notify", err)
	}
	p.barrier(sock, pidfd, until)
	return nil
}

// send waits while the manager's queue is full: a few datagrams fill it.
func (p *Proxy) send(sock int, text string, fd int, until time.Time) error {
	for {
		err := sys.Send(sock, []byte(text), fd)
		left := time.Until(until)
		if !errors.Is(err, unix.EAGAIN) || left <= 0 {
			return err
		}
		if _, _, stopped, waitErr := p.wait(sock, unix.POLLOUT, -1, left); stopped || waitErr != nil {
			return err
		}
	}
}

// barrier waits until the manager has read what it was sent before. It finds
// out whose message it is by the sender's control group, so a runtime that
// ends at once, as start does, might be gone too early. The manager closes the
// pipe that comes with BARRIER=1 once it gets there (sd_notify_barrier(3),
// systemd 246; older ones and others close what they do not know). Readiness
// is told by then: that nobody answers is no error.
func (p *Proxy) barrier(sock, pidfd int, until time.Time) {
	var pipe [2]int
	if sys.Pipe2(pipe[:], unix.O_CLOEXEC) != nil {
		return
	}
	defer sys.Close(pipe[0])
	err := p.send(sock, "BARRIER=1", pipe[1], until)
	sys.Close(pipe[1])
	for err == nil {
		left := time.Until(until)
		if left <= 0 {
			return
		}
		var closed, ended, stopped bool
		if closed, ended, stopped, err = p.wait(pipe[0], 0, pidfd, left); closed || ended || stopped { // POLLHUP comes unasked
			return
		}
	}
}

// unlisten takes the socket away, by its directory's descriptor: after delete
// the path may be another container's.
func (p *Proxy) unlisten() {
	if p.sock < 0 {
		return
	}
	_ = sys.Unlinkat(p.at, SocketName, 0)
	sys.Close(p.sock)
	sys.Close(p.at)
	p.sock, p.at = -1, -1
}

// Close ends a Forward that waits, takes the socket away and leaves its
// directory. It may be called from any goroutine, more than once.
func (p *Proxy) Close() {
	p.close.Do(func() {
		_, _ = sys.Write(p.stop, []byte{1, 0, 0, 0, 0, 0, 0, 0})
		p.mu.Lock()
		defer p.mu.Unlock()
		p.unlisten()
		sys.Close(p.stop)
		p.stop = -1
	})
}
