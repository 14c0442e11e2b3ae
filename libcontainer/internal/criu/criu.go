package criu

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/checkpoint-restore/go-criu/v8/rpc"
	"github.com/rung-oci/rung/internal/sysmon"
	"github.com/rung-oci/rung/libcontainer/internal/console"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// MinVersion is the oldest criu that knows all that is asked of it here:
// external pid namespaces, cgroup v2's freezer and orphaned terminals.
const MinVersion = 31500

// ErrMissing: there is no criu.
var ErrMissing = errors.New("criu is not installed: no such program in PATH")

// firstFile is the number in criu of the first of its further descriptors; 3 is
// the socket.
const firstFile = 4

// Process is a criu that waits for requests.
type Process struct {
	sock    int
	proc    *os.Process
	reaped  bool
	signals *console.Signals
}

// Spawn is how criu is started.
type Spawn struct {
	Stdio    [3]*os.File
	Files    []*os.File // what InheritFd of the options names: the first is descriptor InheritFD(0) there
	CgroupFD int        // cgroup v2 directory to start in, or -1
	// Group gives criu a process group of its own: a Ctrl-C at the caller's terminal reaches this process, which
	// has criu undo what it has begun, and not criu, which would die of it. What criu restores is in its group.
	Group   bool
	Signals *console.Signals // that end the wait for criu: see Do; may be nil
}

// InheritFD is the number that Files[i] of Spawn has in criu.
func InheritFD(i int) int { return firstFile + i }

// Start starts criu, from the thread that calls: in its mount namespace. ErrMissing:
// there is none.
func Start(s Spawn) (*Process, error) {
	path, err := exec.LookPath("criu")
	if err != nil {
		return nil, ErrMissing
	}
	ours, theirs, err := sys.SocketPair()
	if err != nil {
		return nil, err
	}
	end := os.NewFile(uintptr(theirs), "criu")
	defer end.Close()
	attr := &os.ProcAttr{
		Files: append([]*os.File{s.Stdio[0], s.Stdio[1], s.Stdio[2], end}, s.Files...),
		Sys:   &syscall.SysProcAttr{Setpgid: s.Group},
	}
	if s.CgroupFD >= 0 {
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, s.CgroupFD
	}
	done := sysmon.Forking()
	proc, err := os.StartProcess(path, []string{"criu", "swrk", "3"}, attr)
	done()
	if err != nil {
		sys.Close(ours)
		return nil, err
	}
	return &Process{sock: ours, proc: proc, signals: s.Signals}, nil
}

// Pid is criu's own.
func (p *Process) Pid() int { return p.proc.Pid }

// Close ends criu, and reaps it.
func (p *Process) Close() {
	sys.Close(p.sock) // it ends when there is nobody to ask
	p.sock = -1
	if !p.reaped {
		p.reaped = true
		_, _ = p.proc.Wait()
	}
}

// Version asks for the version: 31701 is 3.17.1.
func (p *Process) Version() (int, error) {
	r, err := p.ask(version)
	return versionOf(r), err
}

// Features asks for what the kernel and criu can do together.
func (p *Process) Features() (*rpc.CriuFeatures, error) {
	r, err := p.ask(feature)
	return r.GetFeatures(), err
}

// ask makes a request with which criu begins nothing: an interrupt kills it.
func (p *Process) ask(t Request) (*rpc.CriuResp, error) {
	if err := p.send(question(t)); err != nil {
		return nil, err
	}
	r, fd, err := p.await(time.Time{}, true)
	sys.Close(fd)
	if err != nil {
		p.kill()
	}
	if err == nil && !r.GetSuccess() {
		err = failure(t, r)
	}
	return r, err
}

func failure(t Request, r *rpc.CriuResp) error {
	return &Error{Request: t, Errno: unix.Errno(r.GetCrErrno()), Text: r.GetCrErrmsg()}
}

// kill ends criu. A process that criu is dumping goes on: the kernel detaches it from its tracer, and the code
// that criu has put into it takes itself out when its socket closes.
func (p *Process) kill() { _ = p.proc.Kill() }

// undoLimit is how long criu may take to undo a request that was interrupted.
const undoLimit = 10 * time.Second

// Do makes a request, and answers criu's notifications until it is done: script
// is the notification's name, pid the init where one is restored, fd a
// descriptor that came along, or -1; it is the callee's. Its first error is Do's.
// Do gives the pid that the init has in this process's pid namespace, after a
// restore. Descriptors of the options are those of this process, which criu opens
// through /proc, but for InheritFd.
//
// A signal that asks this process to end, an *console.Interrupt, is such an error: the
// next notification is refused, and criu undoes what it has done, so that a container
// that was to be dumped goes on. criu is killed when that takes more than undoLimit.
func (p *Process) Do(t Request, o *rpc.CriuOpts, hear func(script string, pid, fd int) error) (pid int, err error) {
	if err := p.send(&rpc.CriuReq{Type: (*rpc.CriuReqType)(&t), Opts: o}); err != nil {
		return 0, err
	}
	var refused error
	var limit time.Time
	for {
		r, fd, err := p.await(limit, limit.IsZero())
		var interrupt *console.Interrupt
		if limit.IsZero() && errors.As(err, &interrupt) {
			refused, limit = errors.Join(refused, interrupt), time.Now().Add(undoLimit)
			continue
		}
		if err != nil {
			p.kill()
			return 0, errors.Join(refused, err)
		}
		if r.GetType() != rpc.CriuReqType_NOTIFY {
			sys.Close(fd)
			if !r.GetSuccess() && refused == nil {
				return 0, failure(t, r)
			}
			return int(r.GetRestore().GetPid()), refused // what criu says then is "script error", or, of a late one, nothing
		}
		if limit.IsZero() {
			if err = hear(r.GetNotify().GetScript(), int(r.GetNotify().GetPid()), fd); err != nil && refused == nil {
				refused = err
			}
			if errors.As(err, &interrupt) { // while a hook ran
				limit = time.Now().Add(undoLimit)
			}
		} else {
			sys.Close(fd)
			err = refused
		}
		if err := p.send(notified(err == nil)); err != nil {
			return 0, errors.Join(refused, err)
		}
	}
}

func (p *Process) send(q *rpc.CriuReq) error {
	b, err := q.MarshalVT()
	if err != nil {
		return err
	}
	return sys.Send(p.sock, b, -1)
}

// await returns criu's next message. It fails with an *console.Interrupt for a caught signal, if those are looked at,
// with that as well where criu has died of the same signal, and with ETIMEDOUT at the limit unless that is zero.
func (p *Process) await(limit time.Time, look bool) (*rpc.CriuResp, int, error) {
	for {
		fds := [2]unix.PollFd{{Fd: int32(p.sock), Events: unix.POLLIN}, {Fd: -1, Events: unix.POLLIN}}
		if look {
			fds[1].Fd = int32(p.signals.FD())
		}
		timeout := -1
		if !limit.IsZero() {
			timeout = int(max(time.Until(limit), 0).Milliseconds()) + 1
		}
		n, err := sys.Poll(fds[:], timeout)
		switch {
		case err != nil && err != unix.EINTR:
			return nil, -1, &os.SyscallError{Syscall: "poll", Err: err}
		case n > 0 && fds[1].Revents != 0:
			if err := p.signals.Interrupted(); err != nil {
				return nil, -1, err
			}
		case n > 0:
			r, fd, err := p.receive()
			if err != nil && look {
				err = errors.Join(p.signals.Interrupted(), err)
			}
			return r, fd, err
		case err == nil && !limit.IsZero() && !time.Now().Before(limit):
			return nil, -1, fmt.Errorf("wait for criu to undo what it has begun: %w: it was killed", unix.ETIMEDOUT)
		}
	}
}

func (p *Process) receive() (*rpc.CriuResp, int, error) {
	buf := make([]byte, 32<<10)
	n, fd, err := sys.Receive(p.sock, buf)
	if err != nil {
		return nil, -1, err
	}
	if n == 0 {
		return nil, -1, fmt.Errorf("criu ended without an answer: %w", io.ErrUnexpectedEOF)
	}
	r, err := parseResponse(buf[:n])
	if err != nil {
		sys.Close(fd)
		return nil, -1, err
	}
	return r, fd, nil
}

// Error is a request that criu did not carry out.
type Error struct {
	Request Request
	Errno   unix.Errno // 0: criu does not tell
	Text    string     // what it says, may be empty
}

func (e *Error) Error() string {
	text := "criu could not carry out the " + e.Request.String()
	if said := Reason(e.Text); said != "" {
		text += ": " + said
	} else if e.Text != "" {
		text += ": " + e.Text
	}
	if e.Errno != 0 {
		text += ": " + e.Errno.Error()
	}
	return text
}

// Unwrap gives the errno, if there is one.
func (e *Error) Unwrap() error {
	if e.Errno == 0 {
		return nil
	}
	return e.Errno
}

// FormatVersion writes a version as people do.
func FormatVersion(v int) string {
	text := strconv.Itoa(v/10000) + "." + strconv.Itoa(v/100%100)
	if v%100 != 0 {
		text += "." + strconv.Itoa(v%100)
	}
	return text
}
