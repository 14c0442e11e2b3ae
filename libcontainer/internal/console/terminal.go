package console

import (
	"os"
	"sync"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// Terminal is a container's terminal in the foreground.
type Terminal struct {
	master  int // non-blocking
	in, out int // the caller's standard input and output
	caller  int // the caller's terminal; -1: none
	opened  bool
	shown   bool // out is a terminal
	saved   *unix.Termios
	stop    int // eventfd: readable when the container's process has ended
	halt    sync.Once
	copying sync.WaitGroup
	typing  sync.WaitGroup // the part of copying that writes to the master
}

// Open takes a terminal's master over: Close closes it. The caller's terminal,
// standard input or else /dev/tty, becomes raw and gives the container's its
// size; without one only bytes are copied. When Open fails master is the
// caller's still.
func Open(master int) (*Terminal, error) { return open(master, 0, 1, "/dev/tty") }

func open(master, in, out int, tty string) (*Terminal, error) {
	stop, err := sys.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return nil, &os.SyscallError{Syscall: "eventfd", Err: err}
	}
	if err := sys.SetNonblock(master, true); err != nil {
		sys.Close(stop)
		return nil, &os.SyscallError{Syscall: "fcntl O_NONBLOCK", Err: err}
	}
	t := &Terminal{master: master, in: in, out: out, caller: -1, stop: stop}
	if _, err := sys.IoctlGetTermios(out, unix.TCGETS); err != nil {
		t.plainLines()
	} else {
		t.shown = true
	}
	if now, err := sys.IoctlGetTermios(in, unix.TCGETS); err == nil {
		t.caller = in
		t.raw(now, true)
	} else if fd, err := sys.Openat(unix.AT_FDCWD, tty, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0); err == nil {
		t.caller, t.opened = fd, true
		if now, err := sys.IoctlGetTermios(fd, unix.TCGETS); err == nil {
			t.raw(now, false)
		}
	}
	t.Resize()
	return t, nil
}

// raw lets the container's terminal alone interpret what passes (cfmakeraw in
// termios(3)). Of a terminal whose keys do not go to the container, input stays
// as it is: Ctrl-C there is for the runtime.
func (t *Terminal) raw(now *unix.Termios, input bool) {
	r := *now
	r.Oflag &^= unix.OPOST
	if input {
		r.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
		r.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
		r.Cflag = r.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
		r.Cc[unix.VMIN], r.Cc[unix.VTIME] = 1, 0
	}
	if sys.IoctlSetTermios(t.caller, unix.TCSETS, &r) == nil {
		t.saved = now
	}
}

// plainLines lets lines end as the container writes them: what reads them is no
// terminal, which would need the carriage returns.
func (t *Terminal) plainLines() {
	if now, err := sys.IoctlGetTermios(t.master, unix.TCGETS); err == nil {
		now.Oflag &^= unix.ONLCR
		_ = sys.IoctlSetTermios(t.master, unix.TCSETS, now)
	}
}

// Resize gives the container's terminal the size of the caller's. A size of
// nothing, as of a terminal nobody has measured, is not copied.
func (t *Terminal) Resize() {
	if t.caller < 0 {
		return
	}
	if ws, err := sys.IoctlGetWinsize(t.caller, unix.TIOCGWINSZ); err == nil && ws.Row > 0 && ws.Col > 0 {
		_ = sys.IoctlSetWinsize(t.master, unix.TIOCSWINSZ, ws)
	}
}

// Start begins to copy both ways.
func (t *Terminal) Start() {
	t.copying.Add(2)
	t.typing.Add(1)
	go func() { defer t.copying.Done(); defer t.typing.Done(); t.input() }()
	go func() { defer t.copying.Done(); t.output() }()
}

// Drain ends the copying once all that was written to the terminal has come
// out. It does not wait for processes that keep the terminal open after the
// container's.
func (t *Terminal) Drain() {
	t.end()
	t.copying.Wait()
}

func (t *Terminal) end() {
	t.halt.Do(func() { _, _ = sys.Write(t.stop, []byte{1, 0, 0, 0, 0, 0, 0, 0}) })
}

// hangUp closes the master while t has its descriptor: the kernel sends SIGHUP to
// the session on the other side, whose reads and writes fail from then on
// (tty_ioctl(4), "hangup"). The number stays t's, as an end of nothing: Resize may
// use it at the same time, and nothing else may get it.
func (t *Terminal) hangUp() error {
	t.end()
	t.typing.Wait() // a call of input that sleeps keeps the file open
	null, err := sys.Openat(unix.AT_FDCWD, "/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: "/dev/null", Err: err}
	}
	defer sys.Close(null)
	if err := sys.Dup3(null, t.master, unix.O_CLOEXEC); err != nil {
		return &os.SyscallError{Syscall: "dup3", Err: err}
	}
	return nil
}

// Close stops the copying, gives the caller's terminal its mode back and closes
// the master.
func (t *Terminal) Close() error {
	t.Drain()
	var err error
	if t.saved != nil {
		if err = sys.IoctlSetTermios(t.caller, unix.TCSETS, t.saved); err != nil {
			err = &os.SyscallError{Syscall: "restore the terminal: ioctl TCSETS", Err: err}
		}
		t.saved = nil
	}
	if t.opened {
		sys.Close(t.caller)
	}
	sys.Close(t.stop)
	sys.Close(t.master)
	t.master, t.stop, t.caller, t.opened = -1, -1, -1, false
	return err
}

// leftover bounds what is read after the process has ended: more than any
// terminal's buffers hold, less than what somebody who never stops writes.
const leftover = 1 << 20

// output copies from the master until the other side is closed (EIO). After
// the stop it takes what is there: the kernel flushes the terminal's buffers
// into a reader before it answers EAGAIN. When nobody reads any more (exec -t
// ID yes | head -1) it hangs up, or the container's process would go on for
// nobody. Another failure, as of a full disk, loses output and no process.
func (t *Terminal) output() {
	buf := make([]byte, 32<<10)
	broken, stopped := false, false
	for left := leftover; left > 0; {
		n, err := sys.Read(t.master, buf)
		switch {
		case err == unix.EAGAIN && stopped:
			return
		case err == unix.EAGAIN:
			stopped = t.wait(t.master, unix.POLLIN)
		case err != nil || n == 0:
			return
		default:
			if !broken {
				err = t.write(buf[:n])
				if t.nobodyReads(err) && !stopped && t.hangUp() == nil {
					return
				}
				broken = err != nil // go on all the same, or the container would stand still
			}
			if stopped {
				left -= n
			}
		}
	}
}

// nobodyReads tells the end of a reader from other errors of write(2): that of a
// pipe, of a socket, and of a terminal that was hung up itself.
func (t *Terminal) nobodyReads(err error) bool {
	return err == unix.EPIPE || err == unix.ECONNRESET || err == unix.EIO && t.shown
}

func (t *Terminal) write(p []byte) error {
	for len(p) > 0 {
		n, err := sys.Write(t.out, p)
		switch {
		case err == unix.EAGAIN: // others made it non-blocking
			fds := []unix.PollFd{{Fd: int32(t.out), Events: unix.POLLOUT}}
			_, _ = sys.Poll(fds, -1)
		case err != nil:
			return err
		default:
			p = p[n:]
		}
	}
	return nil
}

// input copies to the master until the end of input or the stop.
func (t *Terminal) input() {
	buf := make([]byte, 4<<10)
	for {
		if t.wait(t.in, unix.POLLIN) {
			return
		}
		n, err := sys.Read(t.in, buf)
		if err == unix.EAGAIN {
			continue
		}
		if err != nil || n == 0 {
			return
		}
		for p := buf[:n]; len(p) > 0; {
			n, err := sys.Write(t.master, p)
			switch {
			case err == unix.EAGAIN:
				if t.wait(t.master, unix.POLLOUT) {
					return
				}
			case err != nil:
				return
			default:
				p = p[n:]
			}
		}
	}
}

// wait waits until fd is ready, or ended is true: the stop.
func (t *Terminal) wait(fd int, events int16) (ended bool) {
	fds := []unix.PollFd{{Fd: int32(fd), Events: events}, {Fd: int32(t.stop), Events: unix.POLLIN}}
	for {
		if _, err := sys.Poll(fds, -1); err != unix.EINTR {
			return fds[1].Revents != 0
		}
	}
}
