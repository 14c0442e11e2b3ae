// Package console gives a container's terminal away, or stays with it in the
// foreground: the caller's terminal in raw mode, bytes copied both ways, signals
// handed on, the exit status waited for.
package console

import (
	"os"
	"strconv"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// SendMaster gives a terminal's master to who listens at socketPath: one message
// with the name of the file and the descriptor, as engines know it from runc's
// --console-socket. master stays the caller's.
func SendMaster(socketPath string, master int) error {
	return SendFD(socketPath, []byte("/dev/pts/ptmx"), master)
}

// SendPidfd gives a process to who listens at path: one message with a pidfd
// (--pidfd-socket). pidfd stays the caller's.
func SendPidfd(path string, pidfd int) error {
	return SendFD(path, []byte("pidfd"), pidfd)
}

// SendFD connects to the AF_UNIX stream socket at path and sends data, with fd
// attached to its first byte (unix(7), SCM_RIGHTS). The path may be longer than
// a socket's address. Errors name the path.
func SendFD(path string, data []byte, fd int) error {
	fail := func(op string, err error) error { return &os.PathError{Op: op, Path: path, Err: err} }
	sock, err := sys.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fail("socket for", err)
	}
	defer sys.Close(sock)
	if err := Connect(sock, path); err != nil {
		return fail("connect", err)
	}
	rights := unix.UnixRights(fd)
	for len(data) > 0 {
		n, err := sys.SendmsgN(sock, data, rights, nil, unix.MSG_NOSIGNAL)
		if err != nil {
			return fail("send a descriptor to", err)
		}
		data, rights = data[n:], nil // a signal may have cut the message
	}
	return nil
}

// maxSocketPath is what sockaddr_un holds, less the final NUL.
const maxSocketPath = 107

// Connect connects an AF_UNIX socket to a path of any length, or to an abstract
// name ("@name"). It retries EINTR: a connect that was interrupted has not begun.
// The error is the bare errno.
func Connect(sock int, path string) error {
	name := path
	if len(path) > maxSocketPath && path[0] != '@' {
		// connect(2) follows the magic link to the very socket
		fd, err := sys.Openat(unix.AT_FDCWD, path, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer sys.Close(fd)
		name = "/proc/self/fd/" + strconv.Itoa(fd)
	}
	for {
		err := sys.Connect(sock, &unix.SockaddrUnix{Name: name})
		if err != unix.EINTR {
			return err
		}
	}
}
