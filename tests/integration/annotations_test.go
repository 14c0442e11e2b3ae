package integration

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// annotate adds annotations: pairs of a name and a value.
func annotate(pairs ...string) func(*specs.Spec) {
	return func(s *specs.Spec) {
		if s.Annotations == nil {
			s.Annotations = map[string]string{}
		}
		for i := 0; i < len(pairs); i += 2 {
			s.Annotations[pairs[i]] = pairs[i+1]
		}
	}
}

func TestAnnotations_hooks_write_to_files(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	dir := filepath.Join(b.Dir, "logs")
	mkdir(t, dir, 0o755)
	annotate("run.oci.hooks.stdout", dir+"/out", "run.oci.hooks.stderr", "logs/err")(b.Spec) // relative to the bundle
	for _, kind := range hookKinds {
		h := b.probeHook(kind, kind+".out")
		h.Args = []string{"hook", "--echo", kind, "--stderr", kind + " complains"}
		addHook(b.Spec, kind, h)
	}
	b.Spec.Process.Args = []string{"/probe", "--exit", "0"}
	b.create().start().wait()
	b.must("delete", b.ID)
	want(t, "standard output", readFile(t, dir+"/out"), strings.Join(hookKinds, "\n"))
	want(t, "standard error", fields(readFile(t, dir+"/err")), strings.Join(hookKinds, " complains ")+" complains")
}

func TestAnnotations_hooks_whose_file_cannot_be_opened(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	mustFail(t, edits(annotate("run.oci.hooks.stdout", "/nonexistent/out"), func(s *specs.Spec) {
		addHook(s, "createRuntime", specs.Hook{Path: "/bin/true"})
	}), "/nonexistent/out", "createRuntime")
}

func TestAnnotations_pidfd_receiver(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := waiting(t)
	path, l := b.listen("pidfd.sock")
	received := expectFD(t, l)
	annotate("run.oci.pidfd_receiver", path)(b.Spec)
	c := b.create()
	_, pidfd := received()
	defer pidfd.Close()
	c.start().next("waiting")
	if err := unix.PidfdSendSignal(int(pidfd.Fd()), unix.SIGTERM, nil, 0); err != nil {
		t.Fatal(err)
	}
	want(t, "signal", c.next("signal").Signal, unix.SIGTERM)
	c.wait()
}

// groupsOf runs the container by a caller who is in the group 4242 beside his own.
func groupsOf(t *testing.T, b *bundle) []uint32 {
	t.Helper()
	b.Spec.Process.Args = []string{"/probe", "--report"}
	b.writeConfig()
	cmd := b.command("run", "--bundle", b.Dir, b.ID)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Groups: []uint32{4242}}}
	stdout := tempFile(t, b.Dir)
	defer stdout.Close()
	cmd.Stdout, cmd.Stderr = stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	want(t, "exit status", waitFor(t, cmd).Exit, 0)
	return parseProbe(t, contents(t, stdout)).Groups
}

func TestAnnotations_keep_original_groups(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "cap:CAP_SETGID")
	for _, c := range []struct {
		name       string
		make       func(*testing.T) *bundle
		kept, none []uint32
	}{
		{"no user namespace", newBundle, []uint32{4242}, nil},
		{"a user namespace that does not map it", userBundle, []uint32{overflowID}, nil},
		{"a joined user namespace", func(t *testing.T) *bundle {
			first := userBundle(t)
			first.Spec.Process.Args = []string{"/probe", "--until-term"}
			pid := first.create().start().Pid
			b := userBundle(t)
			setNS(b.Spec, specs.UserNamespace, nsPath(pid, "user"))
			b.Spec.Linux.UIDMappings, b.Spec.Linux.GIDMappings = nil, nil
			return b
		}, []uint32{overflowID}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := c.make(t)
			annotate("run.oci.keep_original_groups", "1")(b.Spec)
			b.Spec.Process.User.AdditionalGids = []uint32{7}
			if got := groupsOf(t, b); !slices.Equal(got, c.kept) {
				t.Errorf("groups %v, want the caller's, %v", got, c.kept)
			}
			delete(b.Spec.Annotations, "run.oci.keep_original_groups")
			b.Spec.Process.User.AdditionalGids = nil
			if got := groupsOf(t, b); len(got) > 0 {
				t.Errorf("without the annotation: groups %v", got)
			}
		})
	}
}

func TestAnnotations_seccomp_receiver(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	a := b.newAgent(func(int) unix.Errno { return unix.ENOMEDIUM })
	r := b.probe(func(s *specs.Spec) {
		s.Linux.Seccomp = filter(rule(specs.ActNotify, "mkdir", "mkdirat"))
		annotate("run.oci.seccomp.receiver", a.path)(s)
	}, "--mkdir", "/tmp/x")
	wantErrno(t, r.action(t, 0), unix.ENOMEDIUM)
	want(t, "id", (<-a.state).State.ID, b.ID)
}

func TestAnnotations_seccomp_fail_unknown_syscall(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	unknown := func(s *specs.Spec) { s.Linux.Seccomp = filter(rule(specs.ActErrno, "mkdir", "no_such_call")) }
	res := tryProbe(t, unknown, "--echo", "it-started")
	if res.Exit != 0 || !strings.Contains(res.Stderr, `warning: linux.seccomp.syscalls[0].names[1]: the rule for "no_such_call" is not applied`) {
		t.Errorf("exit status %d: %s", res.Exit, res.output())
	}
	mustFail(t, edits(unknown, annotate("run.oci.seccomp_fail_unknown_syscall", "1")), "linux.seccomp.syscalls[0].names[1]", "no_such_call")
}

func TestAnnotations_of_another_runtime_are_a_warning(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	annotate("run.oci.handler", "krun", "krun.cpus", "2", "com.example.note", "x")(b.Spec)
	res := b.run()
	want(t, "exit status", res.Exit, 0)
	for _, k := range []string{"run.oci.handler", "krun.cpus"} {
		want(t, k+" in a warning", strings.Contains(res.Stderr, k), true)
	}
	want(t, "com.example.note in a warning", strings.Contains(res.Stderr, "com.example.note"), false)
}

// ---- core scheduling

// The cookie is the container's alone, and that of every process in it; a host without core scheduling refuses it.
func TestAnnotations_core_scheduling(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	annotate("org.rung-oci.core-scheduling", "true")(b.Spec)
	b.Spec.Process.Args = []string{"/probe", "--core-cookie", "--until-term"}
	if err := coreScheduling(); err == unix.EINVAL {
		wantFailure(t, b.run(), "org.rung-oci.core-scheduling", "CONFIG_SCHED_CORE")
		return
	}
	addHook(b.Spec, "startContainer", b.probeHook("startContainer", "hook.out", "--core-cookie"))
	c := b.create().start()
	first := c.next("core-cookie")
	other := newBundle(t)
	annotate("org.rung-oci.core-scheduling", "true")(other.Spec)
	neighbour := other.probe(nil, "--core-cookie").action(t, 0)
	inside := parseProbe(t, c.must("exec", c.ID, "/probe", "--core-cookie", "--report").Stdout).action(t, 0)
	hook := parseAction(t, readFile(t, b.Dir+"/hook.out"))
	want(t, "cookie of what is executed", inside.Data, first.Data)
	want(t, "cookie of the hook", hook.Data, first.Data)
	if coreScheduling() == unix.ENODEV {
		want(t, "the warning", strings.Contains(c.report.Stderr, "SMT"), true)
		return
	}
	if first.Data == "0" || first.Data == neighbour.Data {
		t.Errorf("cookie %s, that of another container %s", first.Data, neighbour.Data)
	}
}

// Where no core is shared there is nothing to keep others from: one warning. The kernel's answer is forced here.
func TestAnnotations_core_scheduling_without_SMT(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b := waiting(t)
	b.Wrap, b.Env = []string{self}, []string{stageEnv + "=no-smt"}
	annotate("org.rung-oci.core-scheduling", "true")(b.Spec)
	c := b.create()
	want(t, "SMT in the warning", strings.Contains(c.report.Stderr, "SMT"), true)
	c.start().next("waiting")
	res := c.must("exec", c.ID, "/probe", "--exit", "0")
	want(t, "warnings of exec", res.Stderr, "")
}

// withoutSMT runs a command for which prctl(PR_SCHED_CORE) is ENODEV.
func withoutSMT() error {
	const data, nr, arg0 = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, 0, 16
	low := uint32(arg0)
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		low += 4
	}
	filter := []unix.SockFilter{
		{Code: data, K: nr},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 3, K: unix.SYS_PRCTL},
		{Code: data, K: low},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: unix.PR_SCHED_CORE},
		{Code: unix.BPF_RET | unix.BPF_K, K: seccompRetErrno | uint32(unix.ENODEV)},
		{Code: unix.BPF_RET | unix.BPF_K, K: seccompRetAllow},
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0); err != nil {
		return err
	}
	return unix.Exec(os.Args[1], os.Args[1:], os.Environ())
}

const seccompRetErrno, seccompRetAllow = 0x00050000, 0x7fff0000 // linux/seccomp.h

// coreScheduling asks for this thread's own cookie.
func coreScheduling() error {
	var cookie uint64
	return unix.Prctl(unix.PR_SCHED_CORE, unix.PR_SCHED_CORE_GET, 0, unix.PR_SCHED_CORE_SCOPE_THREAD, uintptr(unsafe.Pointer(&cookie)))
}

// The kernel tells it in the status of a process: of the container's first, and of those that exec brings in.
func TestAnnotations_no_transparent_huge_pages(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	for _, c := range []struct{ value, enabled string }{{"true", "THP_enabled:\t0"}, {"false", "THP_enabled:\t1"}} {
		b := waiting(t)
		annotate("org.rung-oci.no-transparent-huge-pages", c.value)(b.Spec)
		ctr := b.create().start()
		ctr.next("waiting")
		want(t, c.enabled+" of the first process", strings.Contains(readFile(t, fmt.Sprintf("/proc/%d/status", ctr.state().Pid)), c.enabled), true)
		status := parseAction(t, firstLine(ctr.must("exec", ctr.ID, "/probe", "--read", "/proc/self/status").Stdout)).Data
		want(t, c.enabled+" of what is executed", strings.Contains(status, c.enabled), true)
	}
}

func TestAnnotations_of_our_own_are_checked(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	for _, c := range []struct{ key, value, word string }{
		{"org.rung-oci.core-scheduling", "yes", "true or false"},
		{"org.rung-oci.core-schedulling", "true", "unknown annotation"},
		{"org.rung-oci.no-transparent-huge-pages", "never", "true or false"},
	} {
		mustFail(t, annotate(c.key, c.value), c.key, c.word)
	}
}
