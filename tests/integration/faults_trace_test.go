package integration

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Fault tests stop a command, and every process that descends from it, before each system call that changes something,
// with ptrace(2) and a seccomp filter (tests/cmd/traced). At one of these calls they do harm. Between two such calls
// nothing changes, so that what holds at each of them holds at every moment.

// stop is a system call that a process is about to make.
type stop struct {
	pid  int // of the process, whichever its thread
	tid  int
	nr   uint64
	args [6]uint64
	own  bool   // the command's own process makes it; else an init, a hook or the container
	step string // the step of the plan that the command is about to log
}

// String is the call as errors of the tests show it.
func (c *stop) String() string {
	who := "init"
	if c.own {
		who = "command"
	}
	s := who + ": " + callName(c.nr)
	if c.step != "" {
		s += " (" + c.step + ")"
	}
	return s
}

// harm is what becomes of a call.
type harm struct {
	killCommand bool
	killCaller  bool
	errno       unix.Errno  // the call is not made, and fails so
	signal      unix.Signal // is sent to the command before the call
}

// tree is a traced command with all that descends from it.
type tree struct {
	t      *testing.T
	decide func(*stop) harm

	ended  chan unix.WaitStatus // of the command
	gone   chan struct{}        // closed when no process is left
	quiet  bool                 // only the tracer: nothing is asked; harm is done, or the command has ended
	counts bool                 // only the tracer: the last command is to be executed

	mu   sync.Mutex
	live map[int]int  // thread → process
	all  map[int]bool // processes, and threads, that are not known to be reaped
	seen map[int]bool // threads that have reported
	main int
}

// traceCommands runs commands of the runtime, one after the other, on a thread that traces them. decide is asked at each
// call of the last one that a filter for calls stops; the processes that the others left are asked for too.
func (b *bundle) traceCommands(calls []uint64, decide func(*stop) harm, commands ...[]string) (*tree, Result) {
	b.t.Helper()
	tr := &tree{
		t: b.t, decide: decide, quiet: true, live: map[int]int{}, all: map[int]bool{}, seen: map[int]bool{},
		ended: make(chan unix.WaitStatus), gone: make(chan struct{}),
	}
	numbers := make([]string, len(calls))
	for i, nr := range calls {
		numbers[i] = strconv.FormatUint(nr, 10)
	}
	wrap := b.Wrap
	b.Wrap = append([]string{filepath.Join(repository, "tests/bin/traced"), strings.Join(numbers, ",")}, wrap...)
	defer func() { b.Wrap = wrap }()
	stdout, stderr := tempFile(b.t, base), tempFile(b.t, base)
	defer stdout.Close()
	defer stderr.Close()
	cmds := make([]*exec.Cmd, len(commands))
	for i, args := range commands {
		cmds[i] = b.command(args...)
		cmds[i].Stdout, cmds[i].Stderr = stdout, stderr
		cmds[i].SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	}
	go tr.trace(cmds)
	var r Result
	for i := range cmds {
		timer := time.AfterFunc(patience, func() {
			b.t.Errorf("%v: still runs after %v; killed", args0(cmds[i].Args), patience)
			for _, pid := range tr.left() {
				b.t.Errorf("process %d, %q: state %c, in %s", pid, cmdline(pid), processState(pid), waitsIn(pid))
			}
			tr.mu.Lock()
			defer tr.mu.Unlock()
			_ = unix.Kill(tr.main, unix.SIGKILL)
		})
		ws := <-tr.ended
		timer.Stop()
		r.Exit = ws.ExitStatus()
		if ws.Signaled() {
			r.Exit = 128 + int(ws.Signal())
		}
		if i < len(cmds)-1 && r.Exit != 0 {
			b.t.Fatalf("%v: exit status %d: %s", cmds[i].Args, r.Exit, contents(b.t, stderr))
		}
	}
	r.Stdout, r.Stderr = contents(b.t, stdout), contents(b.t, stderr)
	return tr, r
}

// args0 is a command line without what goes before the runtime.
func args0(args []string) []string { return args[min(2, len(args)):] }

// waitsIn is the system calls in which the threads of a process are.
func waitsIn(pid int) string {
	var calls []string
	dirs, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/syscall")
	for _, d := range dirs {
		b, _ := os.ReadFile(d)
		calls = append(calls, strings.TrimSpace(string(b)))
	}
	return strings.Join(calls, "; ")
}

const traceOptions = unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEEXEC |
	unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_EXITKILL

// trace is the tracer: one thread starts, and waits for, all of them.
func (tr *tree) trace(cmds []*exec.Cmd) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(tr.gone)
	for i, cmd := range cmds {
		if err := cmd.Start(); err != nil {
			tr.t.Errorf("%v: %v", cmd.Args, err)
			tr.ended <- 1 << 8
			continue
		}
		pid := cmd.Process.Pid
		tr.add(pid, pid)
		tr.mu.Lock()
		tr.main = pid
		tr.mu.Unlock()
		var ws unix.WaitStatus
		if _, err := unix.Wait4(pid, &ws, unix.WALL, nil); err != nil || !ws.Stopped() {
			tr.t.Errorf("%v: is not traced: %v, %#x", cmd.Args, err, ws)
		}
		if err := unix.PtraceSetOptions(pid, traceOptions); err != nil {
			tr.t.Errorf("trace %v: %v", cmd.Args, err)
		}
		tr.quiet, tr.counts = true, i == len(cmds)-1 // until the runtime itself is executed
		_ = unix.PtraceCont(pid, 0)
		tr.follow(func() bool { return tr.living(pid) })
	}
	tr.follow(func() bool {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		return len(tr.live) > 0
	})
}

func (tr *tree) add(tid, pid int) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.live[tid], tr.all[pid], tr.seen[tid] = pid, true, true
}

func (tr *tree) living(tid int) bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	_, ok := tr.live[tid]
	return ok
}

// left lists the processes that have not ended.
func (tr *tree) left() (pids []int) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for _, pid := range tr.live {
		if !slices.Contains(pids, pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// follow handles what the threads report.
func (tr *tree) follow(more func() bool) {
	for more() {
		var ws unix.WaitStatus
		tid, err := unix.Wait4(-1, &ws, unix.WALL|unix.WNOTHREAD, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			tr.t.Errorf("wait for traced processes: %v; %v are left", err, tr.left())
			return
		case ws.Exited() || ws.Signaled():
			tr.remove(tid, ws)
		case ws.Stopped():
			tr.stopped(tid, ws)
		}
	}
}

// remove: the tracer has seen a thread's end. Whose parent has ended is a child of the tests, which take it at once:
// the first process of a pid namespace ends only when all others were taken.
func (tr *tree) remove(tid int, ws unix.WaitStatus) {
	tr.mu.Lock()
	delete(tr.live, tid)
	tr.seen[tid] = true
	tr.all[tid] = true // one that was killed before its first report, perhaps
	main := tr.main
	var ended []int
	for pid := range tr.all {
		if _, ok := tr.live[pid]; !ok && pid != main {
			ended = append(ended, pid)
		}
	}
	tr.mu.Unlock()
	for _, pid := range ended {
		if got, err := unix.Wait4(pid, nil, unix.WNOHANG|unix.WALL, nil); err == nil && got == pid {
			tr.mu.Lock()
			delete(tr.all, pid)
			tr.mu.Unlock()
		}
	}
	if tid == main {
		tr.quiet = true
		tr.ended <- ws
	}
}

func (tr *tree) stopped(tid int, ws unix.WaitStatus) {
	if !tr.living(tid) || ws.StopSignal() == unix.SIGSTOP && ws>>16 == 0 {
		tr.add(tid, groupOf(tid)) // a new one, which may report before the one that made it
		_ = unix.PtraceCont(tid, 0)
		return
	}
	switch event := int(ws) >> 16; {
	case event == unix.PTRACE_EVENT_SECCOMP:
		tr.atCall(tid)
	case event != 0:
		switch event {
		case unix.PTRACE_EVENT_EXEC:
			tr.exec(tid)
			if tr.counts && tid == tr.main {
				tr.quiet, tr.counts = false, false
			}
		case unix.PTRACE_EVENT_FORK, unix.PTRACE_EVENT_VFORK, unix.PTRACE_EVENT_CLONE:
			tr.expect(tid)
		}
		_ = unix.PtraceCont(tid, 0)
	default:
		sig := ws.StopSignal()
		if sig == unix.SIGSTOP || sig == unix.SIGTRAP {
			sig = 0
		}
		_ = unix.PtraceCont(tid, int(sig))
	}
}

// expect awaits the one that a thread has just made, whether or not the maker ends before that reports.
func (tr *tree) expect(maker int) {
	tid, err := unix.PtraceGetEventMsg(maker)
	if err != nil {
		return // killed meanwhile; the new one reports all the same
	}
	tr.mu.Lock()
	seen := tr.seen[int(tid)]
	tr.mu.Unlock()
	if !seen {
		tr.add(int(tid), groupOf(int(tid)))
	}
}

// exec: the other threads of the process are gone, one of them perhaps without a report.
func (tr *tree) exec(pid int) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for tid, p := range tr.live {
		if p == pid && tid != pid {
			delete(tr.live, tid)
		}
	}
}

func groupOf(tid int) int {
	b, _ := os.ReadFile("/proc/" + strconv.Itoa(tid) + "/status")
	for line := range strings.Lines(string(b)) {
		if text, ok := strings.CutPrefix(line, "Tgid:"); ok {
			if pid, err := strconv.Atoi(strings.TrimSpace(text)); err == nil {
				return pid
			}
		}
	}
	return tid
}

func (tr *tree) atCall(tid int) {
	if tr.quiet {
		_ = unix.PtraceCont(tid, 0)
		return
	}
	c := &stop{tid: tid}
	tr.mu.Lock()
	c.pid = tr.live[tid]
	c.own = c.pid == tr.main
	tr.mu.Unlock()
	if !c.read() {
		_ = unix.PtraceCont(tid, 0) // killed meanwhile
		return
	}
	h := tr.decide(c)
	if h.errno != 0 {
		if err := failCall(tid, h.errno); err != nil {
			tr.t.Errorf("%v: make it fail: %v", c, err)
		}
		tr.quiet = true
	}
	if h.signal != 0 {
		_ = unix.Kill(tr.main, h.signal)
		tr.quiet = true
	}
	if h.killCommand {
		_ = unix.Kill(tr.main, unix.SIGKILL)
		tr.quiet = true
	}
	if h.killCaller {
		_ = unix.Kill(c.pid, unix.SIGKILL)
		tr.quiet = true
	}
	_ = unix.PtraceCont(tid, 0)
}

// read asks for the call's number and arguments (PTRACE_GET_SYSCALL_INFO, Linux 5.3).
func (c *stop) read() bool {
	var info struct { // struct ptrace_syscall_info, of a seccomp stop
		op   uint8
		_    [3]uint8
		arch uint32
		ip   uint64
		sp   uint64
		nr   uint64
		args [6]uint64
		data uint32
		_    uint32
	}
	const getSyscallInfo, opSeccomp = 0x420e, 3
	_, _, e := unix.RawSyscall6(unix.SYS_PTRACE, getSyscallInfo, uintptr(c.tid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if e != 0 || info.op != opSeccomp {
		return false
	}
	c.nr, c.args = info.nr, info.args
	if c.nr == unix.SYS_WRITE && c.own {
		text := string(c.memory(c.args[1], min(c.args[2], 400)))
		if _, step, ok := strings.Cut(text, "step: "); ok {
			c.step, _, _ = strings.Cut(strings.TrimSpace(step), " ")
			c.step = strings.TrimRight(c.step, `"`)
		}
	}
	return true
}

// memory reads the caller's.
func (c *stop) memory(at, n uint64) []byte {
	b := make([]byte, n)
	got, err := unix.PtracePeekData(c.tid, uintptr(at), b)
	if err != nil {
		return nil
	}
	return b[:got]
}

// opens is the flags with which the call opens a file; ok is false when it opens none.
func (c *stop) opens() (flags uint64, ok bool) {
	switch c.nr {
	case unix.SYS_OPENAT:
		return c.args[2], true
	case unix.SYS_OPENAT2:
		if b := c.memory(c.args[2], 8); len(b) == 8 {
			return binary.NativeEndian.Uint64(b), true // struct open_how begins with them
		}
	}
	return 0, false
}

// changes says whether the call does more than to look.
func (c *stop) changes() bool {
	flags, opens := c.opens()
	return !opens || flags&(unix.O_CREAT|unix.O_WRONLY|unix.O_RDWR) != 0
}

func callName(nr uint64) string {
	for _, c := range slices.Concat(changingCalls, lookingCalls) {
		if c.nr == nr {
			return c.name
		}
	}
	return fmt.Sprint("call ", nr)
}

func numbersOf(calls []namedCall) []uint64 {
	list := make([]uint64, len(calls))
	for i, c := range calls {
		list[i] = c.nr
	}
	return list
}

type namedCall struct {
	name string
	nr   uint64
}

// changingCalls are the system calls that change something that another process can see, or that wait for one.
var changingCalls = []namedCall{
	{"openat", unix.SYS_OPENAT}, {"openat2", unix.SYS_OPENAT2}, {"write", unix.SYS_WRITE}, {"ftruncate", unix.SYS_FTRUNCATE},
	{"mkdirat", unix.SYS_MKDIRAT}, {"unlinkat", unix.SYS_UNLINKAT}, {"renameat", unix.SYS_RENAMEAT}, {"renameat2", unix.SYS_RENAMEAT2},
	{"symlinkat", unix.SYS_SYMLINKAT}, {"linkat", unix.SYS_LINKAT}, {"mknodat", unix.SYS_MKNODAT},
	{"fchmod", unix.SYS_FCHMOD}, {"fchmodat", unix.SYS_FCHMODAT}, {"fchown", unix.SYS_FCHOWN}, {"fchownat", unix.SYS_FCHOWNAT},
	{"mount", unix.SYS_MOUNT}, {"umount2", unix.SYS_UMOUNT2}, {"move_mount", unix.SYS_MOVE_MOUNT}, {"open_tree", unix.SYS_OPEN_TREE},
	{"fsopen", unix.SYS_FSOPEN}, {"fsconfig", unix.SYS_FSCONFIG}, {"fsmount", unix.SYS_FSMOUNT}, {"mount_setattr", unix.SYS_MOUNT_SETATTR},
	{"pivot_root", unix.SYS_PIVOT_ROOT}, {"chroot", unix.SYS_CHROOT}, {"chdir", unix.SYS_CHDIR}, {"fchdir", unix.SYS_FCHDIR},
	{"unshare", unix.SYS_UNSHARE}, {"setns", unix.SYS_SETNS}, {"clone3", unix.SYS_CLONE3}, {"clone", unix.SYS_CLONE},
	{"execve", unix.SYS_EXECVE}, {"exit_group", unix.SYS_EXIT_GROUP}, {"wait4", unix.SYS_WAIT4}, {"waitid", unix.SYS_WAITID},
	{"kill", unix.SYS_KILL}, {"pidfd_send_signal", unix.SYS_PIDFD_SEND_SIGNAL},
	{"socket", unix.SYS_SOCKET}, {"socketpair", unix.SYS_SOCKETPAIR}, {"bind", unix.SYS_BIND}, {"listen", unix.SYS_LISTEN},
	{"connect", unix.SYS_CONNECT}, {"accept4", unix.SYS_ACCEPT4}, {"sendto", unix.SYS_SENDTO}, {"sendmsg", unix.SYS_SENDMSG},
	{"recvmsg", unix.SYS_RECVMSG}, {"recvfrom", unix.SYS_RECVFROM}, {"memfd_create", unix.SYS_MEMFD_CREATE}, {"pipe2", unix.SYS_PIPE2},
	{"pidfd_open", unix.SYS_PIDFD_OPEN}, {"flock", unix.SYS_FLOCK}, {"prctl", unix.SYS_PRCTL}, {"capset", unix.SYS_CAPSET},
	{"setgroups", unix.SYS_SETGROUPS}, {"setresuid", unix.SYS_SETRESUID}, {"setresgid", unix.SYS_SETRESGID}, {"setsid", unix.SYS_SETSID},
	{"seccomp", unix.SYS_SECCOMP}, {"keyctl", unix.SYS_KEYCTL}, {"sethostname", unix.SYS_SETHOSTNAME}, {"setdomainname", unix.SYS_SETDOMAINNAME},
	{"sched_setaffinity", unix.SYS_SCHED_SETAFFINITY}, {"sched_setattr", unix.SYS_SCHED_SETATTR}, {"bpf", unix.SYS_BPF}, {"close_range", unix.SYS_CLOSE_RANGE},
}

// lookingCalls are those that say something and change nothing.
var lookingCalls = []namedCall{
	{"openat", unix.SYS_OPENAT}, {"openat2", unix.SYS_OPENAT2}, {"read", unix.SYS_READ}, {"pread64", unix.SYS_PREAD64}, {"getdents64", unix.SYS_GETDENTS64},
	{"readlinkat", unix.SYS_READLINKAT}, {"fstat", unix.SYS_FSTAT}, {"newfstatat", unix.SYS_NEWFSTATAT}, {"statx", unix.SYS_STATX}, {"statfs", unix.SYS_STATFS},
	{"fstatfs", unix.SYS_FSTATFS}, {"faccessat", unix.SYS_FACCESSAT}, {"faccessat2", unix.SYS_FACCESSAT2}, {"getxattr", unix.SYS_GETXATTR}, {"fgetxattr", unix.SYS_FGETXATTR},
}
