package hooks

import (
	"errors"
	"io"
	"os"

	"github.com/rung-oci/rung/internal/outfile"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// keep is how much of a hook's output is remembered: its end, where the reason
// of a failure stands.
const keep = 16 << 10

// pipe makes the hook's standard output. Only our end is non-blocking: programs
// do not expect EAGAIN.
func pipe() (r, w *os.File, err error) {
	var p [2]int
	if err := sys.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, &os.SyscallError{Syscall: "pipe2", Err: err}
	}
	_ = sys.SetNonblock(p[0], true)
	return os.NewFile(uintptr(p[0]), "output"), os.NewFile(uintptr(p[1]), "output"), nil
}

// tail remembers the last keep bytes of what is written to it, and hands
// everything on to also.
type tail struct {
	buf     []byte
	dropped int64
	also    io.Writer // nil: nobody
}

func (t *tail) write(p []byte) {
	if t.also != nil {
		if _, err := t.also.Write(p); err != nil {
			t.also = nil // a log that cannot be written must not fail a hook
		}
	}
	t.buf = append(t.buf, p...)
	// cut at twice the size, so that long output is not moved for every read
	if len(t.buf) > 2*keep {
		t.cut()
	}
}

func (t *tail) cut() {
	if over := len(t.buf) - keep; over > 0 {
		t.dropped += int64(over)
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
}

// collect reads r until its end or until its deadline passes. The deadline is
// set when the hook has ended: what the hook wrote is then in the pipe, and
// drain takes it. A child that the hook left behind may keep the pipe open, and
// even write to it for ever; neither is waited for.
func (t *tail) collect(r *os.File) {
	buf := make([]byte, 4<<10)
	for {
		n, err := r.Read(buf)
		t.write(buf[:n])
		if err == nil {
			continue
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.drain(r, buf)
		}
		break
	}
	t.cut()
}

// drain takes as much as is in the pipe now (FIONREAD, whose other name is
// TIOCINQ), and no more.
func (t *tail) drain(r *os.File, buf []byte) {
	raw, err := r.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		left, err := sys.IoctlGetInt(int(fd), unix.TIOCINQ)
		for err == nil && left > 0 {
			var n int
			n, err = sys.Read(int(fd), buf[:min(left, len(buf))])
			if n <= 0 {
				return
			}
			t.write(buf[:n])
			left -= n
		}
	})
}

// outputTo opens a file to append to; w for no path.
func outputTo(path string, w *os.File) (*os.File, error) {
	if path == "" {
		return w, nil
	}
	return outfile.Append(path, 0o600)
}
