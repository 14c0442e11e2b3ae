package netdev

import (
	"encoding/binary"
	"os"
	"runtime"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// conn is a socket of rtnetlink(7). It belongs to the network namespace that
// its thread was in when it was opened, wherever it is used from later.
type conn struct {
	fd  int
	seq uint32
	buf []byte
}

// dial opens a socket in the network namespace of the calling thread.
func dial() (*conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, os.NewSyscallError("socket AF_NETLINK", err)
	}
	if err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		sys.Close(fd)
		return nil, os.NewSyscallError("bind AF_NETLINK", err)
	}
	// The kernel's own words beside an errno, and dumps of one device alone (both older than Linux 5.14). Without them
	// errors are shorter, and dumps are filtered here as well.
	_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_EXT_ACK, 1)
	_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1)
	return &conn{fd: fd}, nil
}

func (c *conn) close() {
	if c != nil {
		sys.Close(c.fd)
	}
}

// dialIn opens a socket in the namespace behind the descriptor, and gives a
// descriptor of the caller's own one. A thread goes there for a moment: setns(2)
// with a network namespace is allowed to one thread of many, and waits for
// nobody.
func dialIn(netns int) (c *conn, own int, err error) {
	own = -1
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if own, err = sys.Open("/proc/thread-self/ns/net", unix.O_RDONLY); err != nil {
			runtime.UnlockOSThread()
			return
		}
		if err = unix.Setns(netns, unix.CLONE_NEWNET); err != nil {
			err = os.NewSyscallError("setns", err)
			runtime.UnlockOSThread()
			return
		}
		c, err = dial()
		// a thread that is not home again stays locked: it ends with this function, and nothing else runs on it
		if unix.Setns(own, unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
	}()
	<-done
	return c, own, err
}

// message is a request of rtnetlink(7): header, family header, attributes.
type message []byte

const headerLen = unix.SizeofNlMsghdr

func newMessage(kind, flags uint16, family []byte) message {
	m := make(message, headerLen, 128)
	binary.NativeEndian.PutUint16(m[4:], kind)
	binary.NativeEndian.PutUint16(m[6:], flags|unix.NLM_F_REQUEST)
	return append(m, family...)
}

func (m message) attr(kind uint16, value []byte) message {
	m = binary.NativeEndian.AppendUint16(m, uint16(unix.SizeofRtAttr+len(value)))
	m = binary.NativeEndian.AppendUint16(m, kind)
	m = append(m, value...)
	for len(m)%unix.NLMSG_ALIGNTO != 0 {
		m = append(m, 0)
	}
	return m
}

func (m message) u32(kind uint16, v uint32) message {
	return m.attr(kind, binary.NativeEndian.AppendUint32(nil, v))
}

func (m message) text(kind uint16, s string) message { return m.attr(kind, append([]byte(s), 0)) }

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

// errInterrupted says that what a dump lists has changed meanwhile.
var errInterrupted = os.NewSyscallError("netlink dump", unix.EINTR)

// do sends a request and waits for its acknowledgement.
func (c *conn) do(m message) error {
	return c.exchange(m, unix.NLM_F_ACK, func([]byte) {})
}

// get sends a request that one message answers.
func (c *conn) get(m message) (body []byte, err error) {
	err = c.exchange(m, unix.NLM_F_ACK, func(b []byte) { body = append([]byte(nil), b...) })
	return body, err
}

// dump asks for a list, and starts over when it changes under the kernel's
// hands.
func (c *conn) dump(m message) (list [][]byte, err error) {
	for range 10 {
		list = list[:0]
		err = c.exchange(m, unix.NLM_F_DUMP, func(b []byte) { list = append(list, append([]byte(nil), b...)) })
		if err != errInterrupted {
			break
		}
	}
	return list, err
}

func (c *conn) exchange(m message, flags uint16, each func(body []byte)) error {
	c.seq++
	binary.NativeEndian.PutUint32(m, uint32(len(m)))
	binary.NativeEndian.PutUint16(m[6:], binary.NativeEndian.Uint16(m[6:])|flags)
	binary.NativeEndian.PutUint32(m[8:], c.seq)
	for {
		err := unix.Sendto(c.fd, m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		if err == nil {
			break
		}
		if err != unix.EINTR {
			return os.NewSyscallError("netlink sendto", err)
		}
	}
	if c.buf == nil {
		c.buf = make([]byte, 64<<10) // the kernel makes no longer ones
	}
	interrupted := false
	for {
		n, from, err := unix.Recvfrom(c.fd, c.buf, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return os.NewSyscallError("netlink recvfrom", err)
		}
		if a, ok := from.(*unix.SockaddrNetlink); !ok || a.Pid != 0 {
			continue // not the kernel's
		}
		for rest := c.buf[:n]; len(rest) >= headerLen; {
			size := int(binary.NativeEndian.Uint32(rest))
			if size < headerLen || size > len(rest) {
				return os.NewSyscallError("netlink recvfrom", unix.EBADMSG)
			}
			kind, mflags, seq := binary.NativeEndian.Uint16(rest[4:]), binary.NativeEndian.Uint16(rest[6:]), binary.NativeEndian.Uint32(rest[8:])
			body := rest[headerLen:size]
			rest = rest[min((size+3)&^3, len(rest)):]
			if seq != c.seq {
				continue
			}
			interrupted = interrupted || mflags&unix.NLM_F_DUMP_INTR != 0
			switch kind {
			case unix.NLMSG_DONE, unix.NLMSG_ERROR:
				if err := verdict(body, mflags, kind); err != nil {
					return err
				}
				if interrupted {
					return errInterrupted
				}
				return nil
			case unix.NLMSG_NOOP:
			default:
				each(body)
			}
		}
	}
}

// verdict is the error in an acknowledgement, or at the end of a dump.
func verdict(body []byte, flags, kind uint16) error {
	if len(body) < 4 {
		return nil
	}
	n := int32(binary.NativeEndian.Uint32(body))
	if n >= 0 {
		return nil
	}
	e := &kernelError{errno: unix.Errno(-n)}
	const acknowledgementTLVs = 0x200 // NLM_F_ACK_TLVS
	if flags&acknowledgementTLVs == 0 {
		return e
	}
	rest := body[4:]
	if kind == unix.NLMSG_ERROR && len(rest) >= headerLen {
		skip := headerLen // the request's header, and all of it unless it is capped
		if flags&0x100 == 0 {
			skip = int(binary.NativeEndian.Uint32(rest))
		}
		rest = rest[min((skip+3)&^3, len(rest)):]
	}
	attributes(rest, func(kind uint16, value []byte) {
		if kind == 1 { // NLMSGERR_ATTR_MSG
			e.words = cString(value)
		}
	})
	return e
}

// attributes calls f with each attribute; what is cut short is left out.
func attributes(b []byte, f func(kind uint16, value []byte)) {
	for len(b) >= unix.SizeofRtAttr {
		size := int(binary.NativeEndian.Uint16(b))
		if size < unix.SizeofRtAttr || size > len(b) {
			return
		}
		f(binary.NativeEndian.Uint16(b[2:])&^uint16(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER), b[unix.SizeofRtAttr:size])
		b = b[min((size+3)&^3, len(b)):]
	}
}

func cString(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}
