// Package wire is the control channel between the runtime and an init: one
// datagram a message, in the machine's byte order, at most one descriptor with
// it. The kinds of message are plan.Msg; nsenter/init.h has the same layout.
package wire

import (
	"encoding/binary"
	"io"

	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

const (
	headerSize = 24
	detailMax  = 512
)

// Message is one message. Op, Err, Step and Detail belong to MsgFail and
// MsgWarn; Arg to the others.
type Message struct {
	Type   plan.Msg
	Op     int // index into the init program
	Err    unix.Errno
	Step   plan.InitStep
	Arg    int64
	Detail string
	FD     int // received or to be sent; -1 for none
	Pid    int // received: who sent it, where the socket passes credentials
}

// Conn is one end of a channel.
type Conn struct {
	fd  int
	buf [headerSize + detailMax]byte
}

// NewConn takes over a socket.
func NewConn(fd int) *Conn { return &Conn{fd: fd} }

// FD is the socket, for poll(2).
func (c *Conn) FD() int { return c.fd }

// Close closes the socket: an init that waits on the other end, ends.
func (c *Conn) Close() {
	sys.Close(c.fd)
	c.fd = -1
}

// Receive waits for one message. io.EOF is the end of the channel: the other
// side is gone, or has become the container's process.
func (c *Conn) Receive() (Message, error) {
	n, fd, pid, err := sys.ReceiveFrom(c.fd, c.buf[:])
	if err != nil {
		return Message{FD: -1}, err
	}
	if n < headerSize {
		sys.Close(fd)
		if n == 0 {
			return Message{FD: -1}, io.EOF
		}
		return Message{FD: -1}, io.ErrUnexpectedEOF
	}
	b := c.buf[:n]
	return Message{
		Type:   plan.Msg(binary.NativeEndian.Uint32(b[0:])),
		Op:     int(binary.NativeEndian.Uint32(b[4:])),
		Err:    unix.Errno(binary.NativeEndian.Uint32(b[8:])),
		Step:   plan.InitStep(binary.NativeEndian.Uint32(b[12:])),
		Arg:    int64(binary.NativeEndian.Uint64(b[16:])),
		Detail: string(b[headerSize:]),
		FD:     fd,
		Pid:    pid,
	}, nil
}

// Send writes one message.
func (c *Conn) Send(m Message) error {
	var b [headerSize]byte
	binary.NativeEndian.PutUint32(b[0:], uint32(m.Type))
	binary.NativeEndian.PutUint32(b[4:], uint32(m.Op))
	binary.NativeEndian.PutUint32(b[8:], uint32(m.Err))
	binary.NativeEndian.PutUint32(b[12:], uint32(m.Step))
	binary.NativeEndian.PutUint64(b[16:], uint64(m.Arg))
	return sys.Send(c.fd, b[:], m.FD)
}

// Go lets the other side go on.
func (c *Conn) Go() error { return c.Send(Message{Type: plan.MsgGo, FD: -1}) }
