package integration

import (
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// filter makes a profile that allows all but what the rules say.
func filter(rules ...specs.LinuxSyscall) *specs.LinuxSeccomp {
	return &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: rules}
}

func rule(action specs.LinuxSeccompAction, names ...string) specs.LinuxSyscall {
	return specs.LinuxSyscall{Names: names, Action: action}
}

func withFilter(f *specs.LinuxSeccomp) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Linux.Seccomp = f }
}

// call is the probe's action for a system call.
func call(nr int, args ...int) []string {
	s := itoa(nr)
	for _, a := range args {
		s += "," + itoa(a)
	}
	return []string{"--syscall", s}
}

// theUsual is what the probe and any runtime's own tail call; the tests add to it what they are about.
var theUsual = []string{
	"accept", "accept4", "access", "arch_prctl", "bind", "brk", "capget", "capset", "chdir", "chmod", "clock_gettime", "clock_nanosleep",
	"clone", "clone3", "close", "close_range", "connect", "dup", "dup2", "dup3", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_wait",
	"eventfd2", "execve", "execveat", "exit", "exit_group", "faccessat", "faccessat2", "fchmod", "fchown", "fcntl", "fstat", "fstatfs", "fsync",
	"futex", "getcwd", "getdents64", "getegid", "geteuid", "getgid", "getgroups", "getpgrp", "getpid", "getppid", "getpriority",
	"getrandom", "getresgid", "getresuid", "getsid", "getsockname", "getsockopt", "gettid", "getuid", "get_mempolicy", "ioctl", "ioprio_get", "ioprio_set", "keyctl",
	"kill", "lchown", "listen", "lseek", "lstat", "madvise", "mmap", "mprotect", "mremap", "munmap", "nanosleep", "newfstatat", "open",
	"openat", "openat2", "pause", "pidfd_open", "pidfd_send_signal", "pipe", "pipe2", "poll", "ppoll", "prctl", "pread64", "prlimit64",
	"pwrite64", "read", "readlink", "readlinkat", "readv", "recvfrom", "recvmsg", "restart_syscall", "rseq", "rt_sigaction", "rt_sigprocmask",
	"rt_sigreturn", "rt_sigtimedwait", "sched_getaffinity", "sched_getattr", "sched_getparam", "sched_getscheduler", "sched_setaffinity",
	"sched_yield", "seccomp", "select", "pselect6", "sendmsg", "sendto", "set_robust_list", "set_tid_address", "setgid", "setgroups",
	"setresgid", "setresuid", "setsid", "setuid", "sigaltstack", "socket", "socketpair", "stat", "statfs", "statx", "sysinfo", "tgkill",
	"umask", "uname", "unlink", "unlinkat", "wait4", "waitid", "write", "writev",
}

func TestSeccomp_errno(t *testing.T) {
	t.Parallel()
	r := probe(t, withFilter(filter(
		rule(specs.ActErrno, "mkdir", "mkdirat"),
		specs.LinuxSyscall{Names: []string{"chown", "fchownat"}, Action: specs.ActErrno, ErrnoRet: ptr(uint(unix.ENXIO))},
		specs.LinuxSyscall{Names: []string{"getpriority"}, Action: specs.ActErrno, ErrnoRet: ptr(uint(0))},
		rule(specs.ActAllow, "setpriority"), // equal to the default
		rule(specs.ActLog, "sethostname"),
	)), "--mkdir", "/tmp/x", "--chown", "/tmp", "1", "1", "--syscall", itoa(unix.SYS_GETPRIORITY), "--sethostname", "x")
	wantErrno(t, r.action(t, 0), unix.EPERM)
	wantErrno(t, r.action(t, 1), unix.ENXIO)
	wantErrno(t, r.action(t, 2), 0)
	want(t, "what getpriority returns", r.action(t, 2).Ret, 0)
	wantErrno(t, r.action(t, 3), unix.EPERM) // no CAP_SYS_ADMIN: it was let through
	want(t, "mode", r.Seccomp, 2)
}

func TestSeccomp_none_without_a_profile(t *testing.T) {
	t.Parallel()
	want(t, "mode", probe(t, nil).Seccomp, 0)
}

func TestSeccomp_deny_by_default(t *testing.T) {
	t.Parallel()
	f := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{rule(specs.ActAllow, theUsual...)}}
	r := probe(t, withFilter(f), "--mkdir", "/tmp/x", "--unshare", "0", "--read", "/etc/passwd")
	wantErrno(t, r.action(t, 0), unix.EPERM)
	wantErrno(t, r.action(t, 1), unix.EPERM)
	wantErrno(t, r.action(t, 2), 0)
}

func TestSeccomp_default_errno(t *testing.T) {
	t.Parallel()
	f := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, DefaultErrnoRet: ptr(uint(unix.ENXIO)), Syscalls: []specs.LinuxSyscall{rule(specs.ActAllow, theUsual...)}}
	r := probe(t, withFilter(f), "--mkdir", "/tmp/x", "--chdir", "/tmp", "--unshare", "0")
	wantErrno(t, r.action(t, 0), unix.ENXIO)
	wantErrno(t, r.action(t, 1), 0)
	wantErrno(t, r.action(t, 2), unix.ENXIO)
}

// Programs try a new system call and fall back when it is not there: EPERM would stop them.
func TestSeccomp_calls_newer_than_the_profile_do_not_exist(t *testing.T) {
	t.Parallel()
	requires(t, "rt:runc-1.4")
	f := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{rule(specs.ActAllow, theUsual...)}}
	r := probe(t, withFilter(f), slices.Concat(call(1000), call(unix.SYS_SETNS), call(unix.SYS_UNSHARE))...)
	wantErrno(t, r.action(t, 0), unix.ENOSYS)
	wantErrno(t, r.action(t, 1), unix.EPERM)
	wantErrno(t, r.action(t, 2), unix.EPERM)
}

func arg(index uint, op specs.LinuxSeccompOperator, value uint64, two ...uint64) specs.LinuxSeccompArg {
	a := specs.LinuxSeccompArg{Index: index, Op: op, Value: value}
	if two != nil {
		a.ValueTwo = two[0]
	}
	return a
}

// personality(2) has one argument, and does nothing when it is 0xffffffff; getpriority(2) has two.
func TestSeccomp_arguments(t *testing.T) {
	t.Parallel()
	const big = 1 << 40
	for name, c := range map[string]struct {
		args    []specs.LinuxSeccompArg
		denied  [][]int
		allowed [][]int
	}{
		"EQ":                  {[]specs.LinuxSeccompArg{arg(0, specs.OpEqualTo, 7)}, [][]int{{7}}, [][]int{{6}, {8}, {big + 7}}},
		"NE":                  {[]specs.LinuxSeccompArg{arg(0, specs.OpNotEqual, 7)}, [][]int{{6}, {big + 7}}, [][]int{{7}}},
		"LT":                  {[]specs.LinuxSeccompArg{arg(0, specs.OpLessThan, big)}, [][]int{{0}, {big - 1}}, [][]int{{big}, {big + 1}}},
		"LE":                  {[]specs.LinuxSeccompArg{arg(0, specs.OpLessEqual, big)}, [][]int{{0}, {big}}, [][]int{{big + 1}}},
		"GT":                  {[]specs.LinuxSeccompArg{arg(0, specs.OpGreaterThan, big)}, [][]int{{big + 1}, {2 * big}}, [][]int{{big}, {5}}},
		"GE":                  {[]specs.LinuxSeccompArg{arg(0, specs.OpGreaterEqual, big)}, [][]int{{big}}, [][]int{{big - 1}}},
		"MASKED_EQ":           {[]specs.LinuxSeccompArg{arg(0, specs.OpMaskedEqual, 0xf0, 0x30)}, [][]int{{0x30}, {0x3f}, {0x1035}}, [][]int{{0x40}, {0x70}, {0}}},
		"two arguments: and":  {[]specs.LinuxSeccompArg{arg(0, specs.OpEqualTo, 1), arg(1, specs.OpEqualTo, 2)}, [][]int{{1, 2}}, [][]int{{1, 3}, {2, 2}}},
		"one argument: or":    {[]specs.LinuxSeccompArg{arg(0, specs.OpEqualTo, 1), arg(0, specs.OpEqualTo, 3)}, [][]int{{1}, {3}}, [][]int{{2}}},
		"the sixth argument":  {[]specs.LinuxSeccompArg{arg(5, specs.OpEqualTo, 9)}, [][]int{{0, 0, 0, 0, 0, 9}}, [][]int{{9, 9, 9, 9, 9, 0}}},
		"the highest bit set": {[]specs.LinuxSeccompArg{arg(0, specs.OpGreaterThan, 1<<63)}, [][]int{{-1}}, [][]int{{5}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var actions []string
			for _, a := range slices.Concat(c.denied, c.allowed) {
				actions = append(actions, call(unix.SYS_GETPID, a...)...)
			}
			r := probe(t, withFilter(filter(specs.LinuxSyscall{Names: []string{"getpid"}, Action: specs.ActErrno, ErrnoRet: ptr(uint(unix.EDOM)), Args: c.args})), actions...)
			for i, a := range slices.Concat(c.denied, c.allowed) {
				if i < len(c.denied) {
					if r.action(t, i).Errno != unix.EDOM {
						t.Errorf("%v is allowed", a)
					}
				} else if r.action(t, i).Errno != 0 {
					t.Errorf("%v is denied: %v", a, r.action(t, i).Errno)
				}
			}
		})
	}
}

func TestSeccomp_several_rules_for_one_call_are_alternatives(t *testing.T) {
	t.Parallel()
	one := specs.LinuxSyscall{Names: []string{"getpid"}, Action: specs.ActErrno, ErrnoRet: ptr(uint(unix.EDOM)), Args: []specs.LinuxSeccompArg{arg(0, specs.OpEqualTo, 1)}}
	two := specs.LinuxSyscall{Names: []string{"getpid"}, Action: specs.ActErrno, ErrnoRet: ptr(uint(unix.EXDEV)), Args: []specs.LinuxSeccompArg{arg(0, specs.OpEqualTo, 2)}}
	r := probe(t, withFilter(filter(one, two)), slices.Concat(call(unix.SYS_GETPID, 1), call(unix.SYS_GETPID, 2), call(unix.SYS_GETPID, 3))...)
	wantErrno(t, r.action(t, 0), unix.EDOM)
	wantErrno(t, r.action(t, 1), unix.EXDEV)
	wantErrno(t, r.action(t, 2), 0)
}

func TestSeccomp_kill(t *testing.T) {
	t.Parallel()
	for _, action := range []specs.LinuxSeccompAction{specs.ActKill, specs.ActKillThread, specs.ActKillProcess} {
		t.Run(string(action), func(t *testing.T) {
			t.Parallel()
			res := tryProbe(t, withFilter(filter(rule(action, "mkdir", "mkdirat"))), "--echo", "before", "--mkdir", "/tmp/x", "--echo", "after")
			want(t, "exit status", res.Exit, 128+int(unix.SIGSYS))
			want(t, "output", res.Stdout, "before\n")
		})
	}
}

func TestSeccomp_trap(t *testing.T) {
	t.Parallel()
	res := tryProbe(t, withFilter(filter(rule(specs.ActTrap, "mkdir", "mkdirat"))), "--mkdir", "/tmp/x")
	want(t, "exit status", res.Exit, 128+int(unix.SIGSYS))
}

func TestSeccomp_trace_without_a_tracer_does_not_exist(t *testing.T) {
	t.Parallel()
	r := probe(t, withFilter(filter(rule(specs.ActTrace, "mkdir", "mkdirat"))), "--mkdir", "/tmp/x")
	wantErrno(t, r.action(t, 0), unix.ENOSYS)
}

func TestSeccomp_without_noNewPrivileges(t *testing.T) {
	t.Parallel()
	for _, uid := range []uint32{0, 1000} {
		r := probe(t, func(s *specs.Spec) {
			s.Linux.Seccomp = filter(rule(specs.ActErrno, "mkdir", "mkdirat"))
			s.Process.NoNewPrivileges = false
			s.Process.User.UID = uid
		}, "--mkdir", "/tmp/x")
		wantErrno(t, r.action(t, 0), unix.EPERM)
		want(t, "no_new_privs", r.NoNewPrivs, 0)
	}
}

func TestSeccomp_denying_what_the_set_up_uses_is_no_hindrance(t *testing.T) {
	t.Parallel()
	requires(t, "rt:runc-1.4")
	r := probe(t, func(s *specs.Spec) {
		s.Process.NoNewPrivileges = false
		s.Linux.Seccomp = filter(specs.LinuxSyscall{
			Names:  []string{"close_range", "fsopen", "fsconfig", "fspick", "openat2", "open_tree", "move_mount", "mount_setattr", "personality", "mount", "umount2", "pivot_root", "setns", "unshare"},
			Action: specs.ActErrno, ErrnoRet: ptr(uint(unix.ENOSYS)),
		})
		s.Linux.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux}
	}, "--unshare", "0")
	wantErrno(t, r.action(t, 0), unix.ENOSYS)
}

func TestSeccomp_architectures(t *testing.T) {
	t.Parallel()
	f := filter(rule(specs.ActErrno, "mkdir", "mkdirat"))
	f.Architectures = []specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32, specs.ArchAARCH64}
	r := probe(t, withFilter(f), "--mkdir", "/tmp/x")
	wantErrno(t, r.action(t, 0), unix.EPERM)
}

func TestSeccomp_flags(t *testing.T) {
	t.Parallel()
	for _, flags := range [][]specs.LinuxSeccompFlag{
		{}, {specs.LinuxSeccompFlagLog}, {specs.LinuxSeccompFlagSpecAllow}, {"SECCOMP_FILTER_FLAG_TSYNC"},
		{specs.LinuxSeccompFlagLog, specs.LinuxSeccompFlagSpecAllow, "SECCOMP_FILTER_FLAG_TSYNC"},
	} {
		t.Run(fmt.Sprint(flags), func(t *testing.T) {
			t.Parallel()
			if len(flags) > 0 {
				requires(t, "rt:runc-1.4")
			}
			f := filter(rule(specs.ActErrno, "mkdir", "mkdirat"))
			f.Flags = flags
			r := probe(t, withFilter(f), "--mkdir", "/tmp/x")
			wantErrno(t, r.action(t, 0), unix.EPERM)
		})
	}
}

func TestSeccomp_bad_profiles_are_refused(t *testing.T) {
	t.Parallel()
	flagged := filter(rule(specs.ActErrno, "mkdir"))
	flagged.Flags = []specs.LinuxSeccompFlag{"SECCOMP_FILTER_FLAG_WHIM"}
	arched := filter(rule(specs.ActErrno, "mkdir"))
	arched.Architectures = []specs.Arch{"SCMP_ARCH_PDP11"}
	for name, f := range map[string]*specs.LinuxSeccomp{
		"action":         filter(rule("SCMP_ACT_WHIM", "mkdir")),
		"default action": {DefaultAction: "SCMP_ACT_WHIM"},
		"operator":       filter(specs.LinuxSyscall{Names: []string{"mkdir"}, Action: specs.ActErrno, Args: []specs.LinuxSeccompArg{arg(0, "SCMP_CMP_WHIM", 1)}}),
		"index":          filter(specs.LinuxSyscall{Names: []string{"mkdir"}, Action: specs.ActErrno, Args: []specs.LinuxSeccompArg{arg(6, specs.OpEqualTo, 1)}}),
		"flag":           flagged,
		"architecture":   arched,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mustFail(t, withFilter(f))
		})
	}
}

func TestSeccomp_startContainer_hooks_are_under_the_filter(t *testing.T) {
	t.Parallel()
	requires(t, "rt:runc-1.4")
	b := newBundle(t)
	addHook(b.Spec, "startContainer", b.probeHook("startContainer", "out", "--mkdir", "/tmp/x"))
	b.Spec.Linux.Seccomp = filter(rule(specs.ActKillProcess, "mkdir", "mkdirat"))
	b.Spec.Process.Args = []string{"/probe"}
	wantFailure(t, b.run(), "error running startContainer hook", "bad system call")
}

// ---- notify

// agent is a seccomp agent: it answers what the container asks.
type agent struct {
	path  string
	l     *net.UnixListener
	state chan specs.ContainerProcessState // closed at the end
}

type seccompNotif struct {
	ID    uint64
	Pid   uint32
	Flags uint32
	Data  struct {
		NR   int32
		Arch uint32
		IP   uint64
		Args [6]uint64
	}
}

type seccompResp struct {
	ID    uint64
	Val   int64
	Error int32
	Flags uint32
}

const respContinue = 1 // SECCOMP_USER_NOTIF_FLAG_CONTINUE

// newAgent listens, and answers each notification with answer: an errno, or 0 to let the call go on.
func (b *bundle) newAgent(answer func(nr int) unix.Errno) *agent {
	b.t.Helper()
	a := &agent{state: make(chan specs.ContainerProcessState, 1)}
	a.path, a.l = b.listen("agent.sock")
	go func() {
		defer close(a.state)
		_ = a.l.SetDeadline(time.Now().Add(patience))
		conn, err := a.l.AcceptUnix()
		if err != nil {
			return
		}
		defer conn.Close()
		buf, oob := make([]byte, 4096), make([]byte, 4096)
		n, oobn, _, _, err := conn.ReadMsgUnix(buf, oob)
		if err != nil {
			return
		}
		var s specs.ContainerProcessState
		if err := json.Unmarshal(buf[:n], &s); err != nil {
			b.t.Errorf("message to the agent: %v: %q", err, buf[:n])
		}
		msgs, err := unix.ParseSocketControlMessage(oob[:oobn])
		if err != nil || len(msgs) != 1 {
			b.t.Errorf("control messages to the agent: %v, %v", msgs, err)
			return
		}
		fds, err := unix.ParseUnixRights(&msgs[0])
		if err != nil || len(fds) != 1 {
			b.t.Errorf("descriptors for the agent: %v, %v", fds, err)
			return
		}
		a.state <- s
		defer unix.Close(fds[0])
		serveNotifications(fds[0], answer)
	}()
	return a
}

// serveNotifications answers until the filter has no process any more.
func serveNotifications(fd int, answer func(nr int) unix.Errno) {
	const (
		notifRecv = 0xc0502100
		notifSend = 0xc0182101
	)
	for {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(p, int(patience.Milliseconds())); err == unix.EINTR {
			continue
		} else if err != nil || p[0].Revents&unix.POLLIN == 0 {
			return
		}
		var n seccompNotif
		if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), notifRecv, uintptr(unsafe.Pointer(&n))); e != 0 {
			if e == unix.ENOENT || e == unix.EINTR {
				continue
			}
			return
		}
		r := seccompResp{ID: n.ID}
		if e := answer(int(n.Data.NR)); e != 0 {
			r.Error = -int32(e)
		} else {
			r.Flags = respContinue
		}
		if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), notifSend, uintptr(unsafe.Pointer(&r))); e != 0 && e != unix.ENOENT {
			return
		}
	}
}

func TestSeccomp_notify(t *testing.T) {
	t.Parallel()
	for _, nnp := range []bool{true, false} {
		t.Run(fmt.Sprintf("noNewPrivileges %v", nnp), func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			a := b.newAgent(func(nr int) unix.Errno {
				if nr == unix.SYS_MKDIR || nr == unix.SYS_MKDIRAT {
					return unix.ENOMEDIUM
				}
				return 0
			})
			r := b.probe(func(s *specs.Spec) {
				s.Process.NoNewPrivileges = nnp
				s.Linux.Seccomp = filter(rule(specs.ActNotify, "mkdir", "mkdirat", "chdir", "sethostname"))
				s.Linux.Seccomp.ListenerPath = a.path
				s.Linux.Seccomp.ListenerMetadata = "some metadata"
			}, "--mkdir", "/tmp/x", "--chdir", "/tmp")
			wantErrno(t, r.action(t, 0), unix.ENOMEDIUM)
			wantErrno(t, r.action(t, 1), 0)
			want(t, "cwd", r.Cwd, "/tmp")
			s := <-a.state
			wantSlice(t, "fds", s.Fds, []string{specs.SeccompFdName})
			want(t, "metadata", s.Metadata, "some metadata")
			want(t, "id", s.State.ID, b.ID)
			want(t, "bundle", s.State.Bundle, b.Dir)
			want(t, "pid is there", s.Pid > 0, true)
			want(t, "status", s.State.Status, specs.StateCreating)
		})
	}
}

// A hook inside the container is under the same filter, and its listener comes to the agent too.
func TestSeccomp_notify_of_a_startContainer_hook(t *testing.T) {
	t.Parallel()
	requires(t, "rt:runc-1.4")
	b := newBundle(t)
	a := b.newAgent(func(nr int) unix.Errno {
		if nr == unix.SYS_MKDIR || nr == unix.SYS_MKDIRAT {
			return unix.ENOMEDIUM
		}
		return 0
	})
	addHook(b.Spec, "startContainer", b.probeHook("startContainer", "out", "--mkdir", "/tmp/x"))
	b.probe(func(s *specs.Spec) {
		s.Linux.Seccomp = filter(rule(specs.ActNotify, "mkdir", "mkdirat"))
		s.Linux.Seccomp.ListenerPath = a.path
	})
	out := readFile(t, filepath.Join(b.Dir, "out"))
	if !strings.Contains(out, fmt.Sprintf(`"errno":%d`, unix.ENOMEDIUM)) {
		t.Errorf("the hook's report: %s", brief(out))
	}
}

// The container is set up all the same when the agent has to be asked for what set-up and start themselves call.
func TestSeccomp_notify_on_what_everyone_calls(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"execve", "openat", "open", "read", "close", "fcntl"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "read" || name == "close" || name == "fcntl" {
				requires(t, "rt:runc-1.4")
			}
			b := newBundle(t)
			a := b.newAgent(func(int) unix.Errno { return 0 })
			b.probe(func(s *specs.Spec) {
				s.Linux.Seccomp = filter(rule(specs.ActNotify, name))
				s.Linux.Seccomp.ListenerPath = a.path
			})
		})
	}
}

func TestSeccomp_notify_without_an_agent_any_more(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	path, l := b.listen("agent.sock")
	received := expectFD(t, l)
	b.Spec.Linux.Seccomp = filter(rule(specs.ActNotify, "mkdir", "mkdirat"))
	b.Spec.Linux.Seccomp.ListenerPath = path
	b.Spec.Process.Args = []string{"/probe", "--mkdir", "/tmp/x"}
	c := b.create()
	c.start() // the filter is loaded behind the gate: the agent hears of it now
	_, notify := received()
	notify.Close()
	wantErrno(t, c.next("mkdir"), unix.ENOSYS)
}

func TestSeccomp_notify_is_refused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		path, call, fragment string
	}{
		"without a path":        {"", "mkdir", ""},
		"with nobody listening": {"/nonexistent/agent.sock", "mkdir", "failed to connect with seccomp agent"},
		"on write":              {"/nonexistent/agent.sock", "write", "SCMP_ACT_NOTIFY cannot be used for the write syscall"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mustFail(t, func(s *specs.Spec) {
				s.Linux.Seccomp = filter(rule(specs.ActNotify, c.call))
				s.Linux.Seccomp.ListenerPath = c.path
			}, c.fragment)
		})
	}
}

func TestSeccomp_a_listener_without_notify_is_not_told(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.probe(func(s *specs.Spec) {
		s.Linux.Seccomp = filter(rule(specs.ActErrno, "mkdir"))
		s.Linux.Seccomp.ListenerPath = filepath.Join(b.Dir, "nobody")
	})
}

// A profile of an engine's size, in force many times over.
func TestSeccomp_a_large_profile(t *testing.T) {
	t.Parallel()
	f := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Architectures: []specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32}}
	f.Syscalls = append(f.Syscalls, rule(specs.ActAllow, theUsual...))
	for i := range 200 {
		f.Syscalls = append(f.Syscalls, specs.LinuxSyscall{
			Names: []string{"personality"}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{arg(0, specs.OpEqualTo, uint64(i*3))},
		})
	}
	f.Syscalls = append(f.Syscalls, specs.LinuxSyscall{Names: []string{"personality"}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{arg(0, specs.OpEqualTo, 0xffffffff)}})
	b := newBundle(t)
	for range 2 {
		r := b.probe(withFilter(f), slices.Concat(call(unix.SYS_PERSONALITY, 0xffffffff), call(unix.SYS_PERSONALITY, 1), call(unix.SYS_PERSONALITY, 0))...)
		wantErrno(t, r.action(t, 0), 0)
		wantErrno(t, r.action(t, 1), unix.EPERM)
		wantErrno(t, r.action(t, 2), 0)
	}
	if n := strings.Count(fmt.Sprint(f), "personality"); n != 201 {
		t.Fatalf("the profile has %d rules for personality", n)
	}
}

func TestSeccomp_every_architecture_and_flag_of_the_specification(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	f := filter(rule(specs.ActErrno, "mkdir", "mkdirat"))
	for _, a := range strings.Fields(`X86 X86_64 X32 ARM AARCH64 MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PPC PPC64 PPC64LE S390 S390X
		PARISC PARISC64 RISCV64 LOONGARCH64 M68K SH SHEB`) {
		f.Architectures = append(f.Architectures, specs.Arch("SCMP_ARCH_"+a))
	}
	for _, flag := range strings.Fields("TSYNC LOG SPEC_ALLOW WAIT_KILLABLE_RECV") {
		f.Flags = append(f.Flags, specs.LinuxSeccompFlag("SECCOMP_FILTER_FLAG_"+flag))
	}
	r := probe(t, withFilter(f), "--mkdir", "/tmp/x")
	wantErrno(t, r.action(t, 0), unix.EPERM)
}

func TestSeccomp_an_errno_for_an_action_without_one_is_refused(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	f := filter(rule(specs.ActKillProcess, "mkdir"))
	f.Syscalls[len(f.Syscalls)-1].ErrnoRet = ptr[uint](5)
	mustFail(t, withFilter(f), "linux.seccomp.syscalls[", "errnoRet")
}
