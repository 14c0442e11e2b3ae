package netdev

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"syscall"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// conn is a socket of rtnetlink(7). It belongs to the network namespace that
// its thread was in when it was opened, wherever it is used from later.
type conn map[int]*nl.SocketHandle

// dial opens a socket in the network namespace of the calling thread.
func dial() (conn, error) {
	s, err := nl.GetNetlinkSocketAt(-1, -1, unix.NETLINK_ROUTE) // from no namespace to none: where the thread is
	if err != nil {
		return nil, os.NewSyscallError("socket AF_NETLINK", err)
	}
	// Dumps of one device alone (older than Linux 5.14). Dumps are filtered here as well.
	_ = sys.SetsockoptInt(s.GetFd(), unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1)
	return conn{unix.NETLINK_ROUTE: {Socket: s}}, nil
}

func (c conn) close() {
	if s := c[unix.NETLINK_ROUTE]; s != nil {
		s.Close()
	}
}

// dialIn opens a socket in the namespace behind the descriptor, and gives a
// descriptor of the caller's own one. A thread goes there for a moment: setns(2)
// with a network namespace is allowed to one thread of many, and waits for
// nobody. The library would let a thread that cannot come back run other code.
func dialIn(netns int) (c conn, own int, err error) {
	own = -1
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if own, err = sys.Open("/proc/thread-self/ns/net", unix.O_RDONLY); err != nil {
			runtime.UnlockOSThread()
			return
		}
		if err = sys.Setns(netns, unix.CLONE_NEWNET); err != nil {
			err = os.NewSyscallError("setns", err)
			runtime.UnlockOSThread()
			return
		}
		c, err = dial()
		// a thread that is not home again stays locked: it ends with this function, and nothing else runs on it
		if sys.Setns(own, unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
	}()
	<-done
	return c, own, err
}

// kernelError is an errno with the kernel's own words for it, if it had any.
type kernelError struct {
	errno unix.Errno
	words string
}

func (e *kernelError) Error() string {
	if e.words != "" {
		return e.words + ": " + e.errno.Error()
	}
	return e.errno.Error()
}

// Unwrap gives the errno.
func (e *kernelError) Unwrap() error { return e.errno }

// asKernelError finds the words that the library puts behind the errno.
func asKernelError(err error) error {
	var errno unix.Errno
	if !errors.As(err, &errno) {
		return err
	}
	return &kernelError{errno, strings.TrimPrefix(strings.TrimPrefix(err.Error(), errno.Error()), ": ")}
}

// send makes a request and gives the bodies of the messages that answer it.
func (c conn) send(kind, flags int, header nl.NetlinkRequestData, attrs ...*nl.RtAttr) ([][]byte, error) {
	r := nl.NewNetlinkRequest(kind, flags)
	r.Sockets = c
	r.AddData(header)
	for _, a := range attrs {
		r.AddData(a)
	}
	// The kernel's own words beside an errno (older than Linux 5.14); without them errors are shorter. The words of a dump's
	// error would make the library panic: it skips a copy of the request, which the end of a dump does not have.
	_ = c[unix.NETLINK_ROUTE].Socket.SetExtAck(flags&unix.NLM_F_DUMP != unix.NLM_F_DUMP)
	for range 10 {
		bodies, err := r.Execute(unix.NETLINK_ROUTE, 0)
		if err == nil {
			return bodies, nil
		}
		if err != nl.ErrDumpInterrupted { // else the list has changed while the kernel wrote it
			return nil, asKernelError(err)
		}
	}
	return nil, os.NewSyscallError("netlink dump", unix.EINTR)
}

func u32(kind int, v uint32) *nl.RtAttr { return nl.NewRtAttr(kind, nl.Uint32Attr(v)) }

func text(kind int, s string) *nl.RtAttr { return nl.NewRtAttr(kind, nl.ZeroTerminated(s)) }

// attributes lists those of a body behind its header of some size; none where
// they are cut short.
func attributes(body []byte, header int) []syscall.NetlinkRouteAttr {
	body = append(body[header:len(body):len(body)], make([]byte, -len(body)&3)...) // the library expects the padding of the last one
	list, _ := nl.ParseRouteAttr(body)
	for i := range list {
		list[i].Attr.Type &^= unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER
	}
	return list
}
