package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

func pair(t testing.TB) (*Conn, int) {
	t.Helper()
	ours, theirs, err := sys.SocketPair()
	if err != nil {
		t.Fatal(err)
	}
	c := NewConn(ours)
	t.Cleanup(func() { c.Close(); sys.Close(theirs) })
	return c, theirs
}

func TestConn_roundTrip(t *testing.T) {
	c, theirs := pair(t)
	other := NewConn(theirs)
	for _, m := range []Message{
		{Type: plan.MsgGo, FD: -1},
		{Type: plan.MsgFail, Op: 1<<31 + 7, Err: unix.ENOENT, Step: plan.StepMount, Arg: -1, FD: -1},
		{Type: plan.MsgForked, Arg: 1<<62 + 5, FD: -1},
	} {
		if err := other.Send(m); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Receive(); err != nil || got != m {
			t.Errorf("%+v, %v, want %+v", got, err, m)
		}
	}
}

// FuzzReceive is an init that sends what it likes: a message is what was sent, or
// an error, and of the descriptors that came along none is open but the one in it.
func FuzzReceive(f *testing.F) {
	whole := binary.NativeEndian.AppendUint32(nil, uint32(plan.MsgFail))
	whole = append(whole, make([]byte, headerSize-4)...)
	f.Add(whole, uint8(0))
	f.Add(append(whole[:headerSize:headerSize], bytes.Repeat([]byte("x"), detailMax)...), uint8(1))
	f.Add(append(whole[:headerSize:headerSize], bytes.Repeat([]byte("\xff"), detailMax+1)...), uint8(2))
	f.Add(whole[:headerSize-1], uint8(4))
	f.Add([]byte{0}, uint8(9))
	f.Fuzz(func(t *testing.T, raw []byte, descriptors uint8) {
		if len(raw) == 0 || len(raw) > 32<<10 {
			return
		}
		c, theirs := pair(t)
		var p [2]int
		if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
			t.Fatal(err)
		}
		defer unix.Close(p[0])
		var fds []int
		for range descriptors % 12 {
			fds = append(fds, p[1])
		}
		var rights []byte
		if len(fds) > 0 {
			rights = unix.UnixRights(fds...)
		}
		err := unix.Sendmsg(theirs, raw, rights, nil, 0)
		unix.Close(p[1])
		if err != nil {
			t.Fatal(err)
		}
		m, err := c.Receive()
		switch {
		case len(raw) < headerSize:
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%d bytes: %+v, %v", len(raw), m, err)
			}
		case err != nil:
			t.Errorf("%d bytes: %v", len(raw), err)
		default:
			u32 := binary.NativeEndian.Uint32
			if uint32(m.Type) != u32(raw) || uint32(m.Op) != u32(raw[4:]) || uint32(m.Err) != u32(raw[8:]) || uint32(m.Step) != u32(raw[12:]) ||
				uint64(m.Arg) != binary.NativeEndian.Uint64(raw[16:]) || m.Detail != string(raw[headerSize:min(len(raw), headerSize+detailMax)]) {
				t.Errorf("%+v of %q", m, raw)
			}
			if m.Op < 0 {
				t.Errorf("op %d", m.Op)
			}
		}
		if m.FD >= 0 && len(fds) == 0 {
			t.Errorf("descriptor %d out of nothing", m.FD)
		}
		sys.Close(m.FD)
		var b [1]byte
		if n, err := unix.Read(p[0], b[:]); n != 0 || err != nil {
			t.Errorf("of %d descriptors some are open: %d, %v", len(fds), n, err)
		}
	})
}
