package integration

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestProcess_user_and_groups_are_exactly_those_configured(t *testing.T) {
	t.Parallel()
	for name, u := range map[string]specs.User{
		"root":           {},
		"a user":         {UID: 1000, GID: 1001},
		"groups":         {UID: 1000, GID: 1000, AdditionalGids: []uint32{100, 65534, 7}},
		"root in groups": {UID: 0, GID: 5, AdditionalGids: []uint32{0, 20}},
		"no such user":   {UID: 2000000000, GID: 2000000001},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := probe(t, func(s *specs.Spec) { s.Process.User = u })
			wantSlice(t, "uids", r.UID, []uint32{u.UID, u.UID, u.UID})
			wantSlice(t, "gids", r.GID, []uint32{u.GID, u.GID, u.GID})
			wantSlice(t, "groups", slices.Sorted(slices.Values(r.Groups)), slices.Sorted(slices.Values(u.AdditionalGids)))
		})
	}
}

func TestProcess_umask(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		given *uint32
		want  uint32
	}{"default": {nil, 0o022}, "0077": {ptr[uint32](63), 0o077}, "0": {ptr[uint32](0), 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := probe(t, func(s *specs.Spec) { s.Process.User.Umask = c.given })
			want(t, "umask", r.Umask, c.want)
		})
	}
}

// The runtime changes its own, of one thread; prctl(2) has processes inherit it.
func TestProcess_timer_slack_is_the_callers(t *testing.T) {
	t.Parallel()
	const file = "/proc/self/timerslack_ns"
	mine := strings.TrimSpace(readFile(t, file))
	b := waiting(t)
	addHook(b.Spec, "createRuntime", b.probeHook("createRuntime", "hook.out", "--read", file))
	b.Spec.Process.Args = append([]string{"/probe", "--read", file}, b.Spec.Process.Args[1:]...)
	c := b.runDetached()
	want(t, "of the first process", strings.TrimSpace(c.next("read").Data), mine)
	c.next("waiting")
	want(t, "of a hook", strings.TrimSpace(parseAction(t, firstLine(readFile(t, filepath.Join(b.Dir, "hook.out")))).Data), mine)
	for range 10 {
		want(t, "by exec", strings.TrimSpace(parseAction(t, firstLine(c.exec(nil, "--read", file).Stdout)).Data), mine)
	}
}

func TestProcess_arguments_arrive_as_they_are(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	args := []string{"/probe", "--echo", "", "--echo", "two words", "--echo", "new\nline", "--echo", `"quotes' \ $HOME`, "--echo", "ünïcödé"}
	r := b.probe(nil, args[1:]...)
	wantSlice(t, "argv", r.Argv, append(args, "--report"))
}

func TestProcess_the_command_is_looked_up_in_PATH_of_the_container(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	if err := os.MkdirAll(filepath.Join(b.Rootfs, "opt/own"), 0o755); err != nil {
		t.Fatal(err)
	}
	copyFile(t, probePath, filepath.Join(b.Rootfs, "opt/own/a-name-of-its-own"), 0o755)
	r := b.probe(func(s *specs.Spec) {
		s.Process.Args[0] = "a-name-of-its-own"
		s.Process.Env = []string{"PATH=/nowhere:/opt/own:/bin"}
	})
	want(t, "argv[0]", r.Argv[0], "a-name-of-its-own")
	want(t, "exe", r.Exe, "/opt/own/a-name-of-its-own")
}

func TestProcess_a_relative_command_is_found_from_cwd(t *testing.T) {
	t.Parallel()
	r := probe(t, func(s *specs.Spec) {
		s.Process.Args[0] = "./probe"
		s.Process.Cwd = "/bin"
	})
	want(t, "exe", r.Exe, "/probe")
}

// A failing execve ends run with status 1. Docker makes 126 and 127 of it by the text.
func TestProcess_exec_errors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		arg       string
		fragments []string
	}{
		"missing path":        {"/nonexistent", []string{"no such file or directory"}},
		"missing in PATH":     {"nonexistent", []string{"executable file not found in $PATH"}},
		"not executable":      {"/etc/passwd", []string{"permission denied"}},
		"directory":           {"/etc", []string{}},
		"component no folder": {"/etc/passwd/x", []string{"not a directory"}},
		"empty":               {"/empty", []string{"exec format error"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			if err := os.WriteFile(filepath.Join(b.Rootfs, "empty"), nil, 0o755); err != nil {
				t.Fatal(err)
			}
			b.Spec.Process.Args = []string{c.arg}
			res := b.run()
			wantFailure(t, res, c.fragments...)
			if name == "directory" && !strings.Contains(res.Stderr, "is a directory") && !strings.Contains(res.Stderr, "permission denied") {
				t.Errorf("error %q, want \"is a directory\" or \"permission denied\" in it", res.Stderr)
			}
			if runtimeName == "rung" { // runc 1.4 returns 255 for an execve that fails late
				want(t, "exit status", res.Exit, 1)
			}
			if n := strings.Count(res.Stderr, "\n"); n != 1 {
				t.Errorf("%d lines on standard error: %q", n, res.Stderr)
			}
		})
	}
}

func TestProcess_a_missing_interpreter_is_one_line(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	if err := os.WriteFile(filepath.Join(b.Rootfs, "run.sh"), []byte("#!/bin/no-such-shell\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	b.Spec.Process.Args = []string{"/run.sh"}
	res := b.run()
	want(t, "exit status", res.Exit, 1)
	want(t, "output", res.output(), "exec /run.sh: no such file or directory\n") // as scripts know it
}

func TestProcess_execution_needs_permission_of_the_final_user(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	if err := os.Chmod(filepath.Join(b.Rootfs, "probe"), 0o700); err != nil {
		t.Fatal(err)
	}
	b.Spec.Process.User.UID = 1000
	setCaps(b.Spec, "CAP_KILL") // DAC_OVERRIDE, effective until the execve, would do
	b.Spec.Process.Args = []string{"/probe"}
	wantFailure(t, b.run(), "permission denied")
}

func TestProcess_execution_by_an_ordinary_user_with_DAC_OVERRIDE(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	if err := os.Chmod(filepath.Join(b.Rootfs, "probe"), 0o100); err != nil {
		t.Fatal(err)
	}
	caps := []string{"CAP_DAC_OVERRIDE"}
	r := b.probe(func(s *specs.Spec) {
		s.Process.User.UID = 1000
		s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps, Inheritable: caps, Ambient: caps}
	})
	want(t, "uid", r.UID[0], 1000)
	want(t, "effective", r.Caps.Effective, capMask(caps...))
}

func TestProcess_exit_status_is_runs(t *testing.T) {
	t.Parallel()
	for _, n := range []string{"0", "1", "42", "255"} {
		t.Run(n, func(t *testing.T) {
			t.Parallel()
			res := tryProbe(t, nil, "--exit", n)
			want(t, "exit status", itoa(res.Exit), n)
			want(t, "output", res.output(), "")
		})
	}
}

// ---- environment

func TestProcess_environment(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env  []string
		uid  uint32
		want []string
	}{
		"order is kept, HOME added":   {env: []string{"B=1", "A=2", "PATH=/bin"}, want: []string{"B=1", "A=2", "PATH=/bin", "HOME=/root"}},
		"last value wins":             {env: []string{"A=1", "HOME=/h", "A=2", "B=3", "A=4"}, want: []string{"HOME=/h", "B=3", "A=4"}},
		"HOME is kept":                {env: []string{"HOME=/h"}, want: []string{"HOME=/h"}},
		"empty HOME is looked up":     {env: []string{"HOME=", "A=1"}, want: []string{"A=1", "HOME=/root"}},
		"last HOME counts, empty":     {env: []string{"HOME=/x", "HOME="}, want: []string{"HOME=/root"}},
		"last HOME counts, not empty": {env: []string{"HOME=", "HOME=/x"}, want: []string{"HOME=/x"}},
		"HOME of a known user":        {uid: 1000, env: []string{"A=1"}, want: []string{"A=1", "HOME=/home/tester"}},
		"HOME of an unknown user":     {uid: 4321, env: []string{"A=1"}, want: []string{"A=1", "HOME=/"}},
		// The passwd file has a user *named* 1234, who is root: names are nobody's business (CVE-2016-3697).
		"HOME of a user named by number": {uid: 1234, env: []string{"A=1"}, want: []string{"A=1", "HOME=/"}},
		"values with newlines and =":     {env: []string{"HOME=/", "A=a\nb=c", "B==="}, want: []string{"HOME=/", "A=a\nb=c", "B==="}},
		"an empty value":                 {env: []string{"HOME=/", "A="}, want: []string{"HOME=/", "A="}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := probe(t, func(s *specs.Spec) {
				s.Process.Env = c.env
				s.Process.User.UID = c.uid
			})
			// Only the order of what was given is anybody's business.
			got, wanted := slices.Clone(r.Env), slices.Clone(c.want)
			slices.Sort(got)
			slices.Sort(wanted)
			wantSlice(t, "environment", got, wanted)
			if name == "order is kept, HOME added" {
				wantSlice(t, "order", slices.DeleteFunc(r.Env, func(e string) bool { return strings.HasPrefix(e, "HOME=") }), c.env)
			}
		})
	}
}

func TestProcess_a_rootfs_without_passwd_has_HOME_of_slash(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	if err := os.RemoveAll(filepath.Join(b.Rootfs, "etc")); err != nil {
		t.Fatal(err)
	}
	r := b.probe(nil)
	if home, _ := r.env("HOME"); home != "/" && home != "/root" {
		t.Errorf("HOME=%s, want /", home)
	}
}

func TestProcess_the_callers_environment_stays_outside(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Env = []string{"SECRET_OF_THE_CALLER=1", "LD_PRELOAD=", "NOTIFY_SOCKET="}
	r := b.probe(nil)
	if _, ok := r.env("SECRET_OF_THE_CALLER"); ok {
		t.Errorf("environment: %q", r.Env)
	}
	want(t, "variables", len(r.Env), len(b.Spec.Process.Env)+1)
}

// ---- cwd

func TestProcess_cwd_is_as_configured(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"/", "/tmp", "/proc", "/made/for/it"} {
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			r := probe(t, func(s *specs.Spec) { s.Process.Cwd = dir })
			want(t, "cwd", r.Cwd, dir)
		})
	}
}

func TestProcess_cwd_that_only_the_user_may_enter(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	dir := filepath.Join(b.Rootfs, "private")
	mkdir(t, dir, 0o700)
	if err := os.Chown(dir, 42, 42); err != nil {
		t.Fatal(err)
	}
	r := b.probe(func(s *specs.Spec) {
		s.Process.Cwd = "/private"
		s.Process.User = specs.User{UID: 42, GID: 42}
		setCaps(s, "CAP_KILL")
	})
	want(t, "cwd", r.Cwd, "/private")
}

func TestProcess_cwd_that_only_the_runtime_may_enter(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	mkdir(t, filepath.Join(b.Rootfs, "private"), 0o700)
	r := b.probe(func(s *specs.Spec) {
		s.Process.Cwd = "/private"
		s.Process.User = specs.User{UID: 42, GID: 42}
		setCaps(s, "CAP_KILL")
	})
	want(t, "cwd", r.Cwd, "/private")
}

func TestProcess_cwd_that_is_a_file_is_refused(t *testing.T) {
	t.Parallel()
	mustFail(t, func(s *specs.Spec) { s.Process.Cwd = "/etc/passwd" }, "not a directory")
}

func TestProcess_cwd_must_be_absolute(t *testing.T) {
	t.Parallel()
	mustFail(t, func(s *specs.Spec) { s.Process.Cwd = "tmp" }, "absolute")
}

// ---- capabilities

func TestProcess_capabilities(t *testing.T) {
	t.Parallel()
	three := []string{"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"}
	for name, c := range map[string]struct {
		caps specs.LinuxCapabilities
		uid  uint32
		want capSets
	}{
		"none": {},
		"bounding, effective and permitted": {
			caps: specs.LinuxCapabilities{Bounding: three, Effective: three, Permitted: three},
			want: capSets{Bounding: capMask(three...), Effective: capMask(three...), Permitted: capMask(three...)},
		},
		// The exec of root gains what the bounding set lets it.
		"a smaller bounding set": {
			caps: specs.LinuxCapabilities{Bounding: []string{"CAP_SYS_ADMIN"}, Permitted: append([]string{"CAP_SYS_ADMIN"}, three...), Effective: three},
			want: capSets{Bounding: 0x200000, Effective: 0x200000, Permitted: 0x200000},
		},
		"all five, root": {
			caps: specs.LinuxCapabilities{
				Inheritable: []string{"CAP_CHOWN", "CAP_SYSLOG"}, Permitted: []string{"CAP_KILL", "CAP_CHOWN"}, Effective: []string{"CAP_KILL"},
				Bounding: []string{"CAP_KILL", "CAP_CHOWN", "CAP_SYSLOG"}, Ambient: []string{"CAP_CHOWN"},
			},
			// Root execs with inheritable ∪ bounding. Ambient is not cleared: no setuid bit, no file capability.
			want: capSets{Inheritable: 0x400000001, Permitted: 0x400000021, Effective: 0x400000021, Bounding: 0x400000021, Ambient: 0x1},
		},
		"a user without ambient ones has none": {
			uid:  1000,
			caps: specs.LinuxCapabilities{Bounding: three, Effective: three, Permitted: three},
			want: capSets{Bounding: capMask(three...)},
		},
		"a user with ambient ones": {
			uid:  1000,
			caps: specs.LinuxCapabilities{Bounding: three, Effective: three, Permitted: three, Inheritable: []string{"CAP_KILL"}, Ambient: []string{"CAP_KILL"}},
			want: capSets{Bounding: capMask(three...), Effective: 0x20, Permitted: 0x20, Inheritable: 0x20, Ambient: 0x20},
		},
		"a user with inheritable ones only": {
			uid:  1000,
			caps: specs.LinuxCapabilities{Bounding: three, Effective: three, Permitted: three, Inheritable: three},
			want: capSets{Bounding: capMask(three...), Inheritable: capMask(three...)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := probe(t, func(s *specs.Spec) {
				s.Process.Capabilities = &c.caps
				s.Process.User.UID = c.uid
				s.Process.NoNewPrivileges = false
			})
			want(t, "capabilities", r.Caps, c.want)
		})
	}
}

func TestProcess_unknown_capabilities_are_ignored(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe"}
	b.Spec.Process.Capabilities = &specs.LinuxCapabilities{
		Bounding: []string{"CAP_KILL", "CAP_UNKNOWN"}, Permitted: []string{"UNKNOWN_CAP", "CAP_KILL"}, Effective: []string{"CAP_KILL", "CAP_UNKNOWN"},
	}
	res := b.run() // a warning is as good as none
	want(t, "exit status", res.Exit, 0)
	want(t, "capabilities", parseProbe(t, res.Stdout).Caps, capSets{Bounding: 0x20, Effective: 0x20, Permitted: 0x20})
}

func TestProcess_without_capabilities_in_the_config_the_callers_stay(t *testing.T) {
	t.Parallel()
	r := probe(t, func(s *specs.Spec) { s.Process.Capabilities = nil })
	want(t, "capabilities", r.Caps, capSets{Bounding: ownCaps(), Effective: ownCaps(), Permitted: ownCaps()})
}

func TestProcess_an_ambient_capability_that_is_not_inheritable_is_warned_of(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--report"}
	b.Spec.Process.Capabilities = &specs.LinuxCapabilities{
		Bounding: []string{"CAP_KILL", "CAP_CHOWN"}, Permitted: []string{"CAP_KILL", "CAP_CHOWN"}, Effective: []string{"CAP_KILL", "CAP_CHOWN"},
		Inheritable: []string{"CAP_KILL"}, Ambient: []string{"CAP_KILL", "CAP_CHOWN"},
	}
	res := b.run()
	want(t, "exit status", res.Exit, 0)
	if runtimeName == "rung" && !strings.Contains(res.Stderr, "can't raise ambient capability CAP_CHOWN: ") {
		t.Errorf("standard error: %q, want a warning", res.Stderr)
	}
	want(t, "ambient", parseProbe(t, res.Stdout).Caps.Ambient, 0x20)
}

// config.md, process.capabilities: what cannot be granted is a warning, not a failure. Older runtimes refuse.
func TestProcess_a_capability_the_caller_does_not_have_is_left_out_with_a_warning(t *testing.T) {
	t.Parallel()
	requires(t, "root")
	if lacking("cap:CAP_SYS_RESOURCE") == nil {
		t.Log("the caller has them all")
		return
	}
	b := newBundle(t)
	addCaps("CAP_SYS_RESOURCE")(b.Spec)
	b.Spec.Process.Args = []string{"/probe"}
	r := b.run()
	want(t, "exit status", r.Exit, 0)
	if !strings.Contains(r.Stderr, "CAP_SYS_RESOURCE cannot be granted") {
		t.Errorf("no warning: %q", r.Stderr)
	}
}

func TestProcess_secure_bits_and_other_leftovers_of_setup_are_cleared(t *testing.T) {
	t.Parallel()
	r := probe(t, func(s *specs.Spec) { s.Process.User = specs.User{UID: 1000, GID: 1000} })
	want(t, "securebits", r.Securebits, 0)
	want(t, "keepcaps", r.Keepcaps, 0)
	want(t, "pdeathsig", r.Pdeathsig, 0)
	want(t, "dumpable", r.Dumpable, 1)
	want(t, "subreaper", r.Subreaper, 0)
	want(t, "blocked signals", r.status("SigBlk"), "0000000000000000")
	want(t, "ignored signals", r.status("SigIgn"), "0000000000000000")
	want(t, "threads", r.status("Threads"), "1")
	want(t, "session", r.Sid, 1)
	want(t, "process group", r.Pgid, 1)
}

func TestProcess_noNewPrivileges(t *testing.T) {
	t.Parallel()
	for _, on := range []bool{true, false} {
		r := probe(t, func(s *specs.Spec) { s.Process.NoNewPrivileges = on })
		want(t, "no_new_privs", r.NoNewPrivs == 1, on)
	}
}

// ---- limits

var rlimitNames = [...]string{
	"RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_CORE", "RLIMIT_RSS", "RLIMIT_NPROC", "RLIMIT_NOFILE",
	"RLIMIT_MEMLOCK", "RLIMIT_AS", "RLIMIT_LOCKS", "RLIMIT_SIGPENDING", "RLIMIT_MSGQUEUE", "RLIMIT_NICE", "RLIMIT_RTPRIO", "RLIMIT_RTTIME",
}

func TestProcess_every_rlimit_is_set_exactly(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	var rlimits []specs.POSIXRlimit
	var wanted [len(rlimitNames)][2]uint64
	for i, name := range rlimitNames {
		var now unix.Rlimit
		if err := unix.Getrlimit(i, &now); err != nil {
			t.Fatal(err)
		}
		// Lower what can be lowered without harm to the probe; keep the rest.
		hard := now.Max
		switch {
		case name == "RLIMIT_NOFILE":
			hard = 1234
		case name == "RLIMIT_CORE", name == "RLIMIT_MSGQUEUE", name == "RLIMIT_SIGPENDING", name == "RLIMIT_LOCKS":
			hard = min(hard, 4000)
		case hard == unix.RLIM_INFINITY:
			hard = 1 << 40
		}
		soft := min(hard, max(hard/2, 1<<22))
		rlimits = append(rlimits, specs.POSIXRlimit{Type: name, Soft: soft, Hard: hard})
		wanted[i] = [2]uint64{soft, hard}
	}
	r := b.probe(func(s *specs.Spec) { s.Process.Rlimits = rlimits })
	for i, name := range rlimitNames {
		want(t, name, r.Rlimits[i], wanted[i])
	}
}

func TestProcess_an_rlimit_not_configured_is_the_callers(t *testing.T) {
	t.Parallel()
	r := probe(t, nil)
	for i, name := range rlimitNames {
		if i == unix.RLIMIT_NOFILE {
			continue // Go raised the tests' own
		}
		var now unix.Rlimit
		if err := unix.Getrlimit(i, &now); err != nil {
			t.Fatal(err)
		}
		want(t, name, r.Rlimits[i], [2]uint64{now.Cur, now.Max})
	}
}

// A Go program raises its own soft limit of files. The container has to get the one the caller had.
func TestProcess_the_soft_limit_of_files_is_the_callers_not_the_runtimes(t *testing.T) {
	t.Parallel()
	requires(t, "command:prlimit", "rt:runc-1.4")
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe"}
	b.writeConfig()
	cmd := b.command("run", "--bundle", b.Dir, b.ID)
	cmd.Args = append([]string{"prlimit", "--nofile=512:4096"}, append([]string{runtimePath}, cmd.Args[1:]...)...)
	cmd.Path = lookPath(t, "prlimit")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	want(t, "RLIMIT_NOFILE", parseProbe(t, string(out)).Rlimits[unix.RLIMIT_NOFILE], [2]uint64{512, 4096})
}

func TestProcess_bad_rlimits_are_refused(t *testing.T) {
	t.Parallel()
	for name, l := range map[string][]specs.POSIXRlimit{
		"unknown type": {{Type: "RLIMIT_PATIENCE", Soft: 1, Hard: 1}},
		"twice":        {{Type: "RLIMIT_CORE", Soft: 1, Hard: 1}, {Type: "RLIMIT_CORE", Soft: 2, Hard: 2}},
		"soft > hard":  {{Type: "RLIMIT_CORE", Soft: 2, Hard: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "twice" {
				requires(t, "rt:runc-1.4")
			}
			mustFail(t, func(s *specs.Spec) { s.Process.Rlimits = l })
		})
	}
}

// ---- scheduling

func TestProcess_oomScoreAdj(t *testing.T) {
	t.Parallel()
	r := probe(t, func(s *specs.Spec) { s.Process.OOMScoreAdj = ptr(432) })
	want(t, "oom_score_adj", r.OOMScoreAdj, "432")
}

func TestProcess_oomScoreAdj_unset_is_the_callers(t *testing.T) {
	t.Parallel()
	r := probe(t, nil)
	want(t, "oom_score_adj", r.OOMScoreAdj, readFile(t, "/proc/self/oom_score_adj"))
}

// nice is the tests' own.
func nice(t *testing.T) int {
	t.Helper()
	n, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	return 20 - n // as the system call has it
}

func TestProcess_scheduler(t *testing.T) {
	t.Parallel()
	requires(t, "rt:scheduler", "cap:CAP_SYS_NICE")
	for name, c := range map[string]struct {
		given specs.Scheduler
		want  schedInfo
	}{
		"batch, nice":     {specs.Scheduler{Policy: specs.SchedBatch, Nice: 19}, schedInfo{Policy: unix.SCHED_BATCH, Nice: 19}},
		"other, nice":     {specs.Scheduler{Policy: specs.SchedOther, Nice: -5}, schedInfo{Policy: unix.SCHED_NORMAL, Nice: -5}},
		"idle":            {specs.Scheduler{Policy: specs.SchedIdle}, schedInfo{Policy: unix.SCHED_IDLE, Nice: nice(t)}}, // sched_setattr(2) leaves it alone
		"batch, flag":     {specs.Scheduler{Policy: specs.SchedBatch, Flags: []specs.LinuxSchedulerFlag{specs.SchedFlagResetOnFork}}, schedInfo{Policy: unix.SCHED_BATCH, Flags: unix.SCHED_FLAG_RESET_ON_FORK}},
		"fifo, priority":  {specs.Scheduler{Policy: specs.SchedFIFO, Priority: 7}, schedInfo{Policy: unix.SCHED_FIFO, Priority: 7}},
		"round robin, 99": {specs.Scheduler{Policy: specs.SchedRR, Priority: 99}, schedInfo{Policy: unix.SCHED_RR, Priority: 99}},
		"deadline": {
			specs.Scheduler{Policy: specs.SchedDeadline, Flags: []specs.LinuxSchedulerFlag{specs.SchedFlagResetOnFork}, Runtime: 42000, Deadline: 1000000, Period: 1000000},
			schedInfo{Policy: unix.SCHED_DEADLINE, Flags: unix.SCHED_FLAG_RESET_ON_FORK, Runtime: 42000, Deadline: 1000000, Period: 1000000},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if rt := c.want.Policy; rt == unix.SCHED_FIFO || rt == unix.SCHED_RR {
				requires(t, "rtsched")
			}
			r := probe(t, func(s *specs.Spec) {
				s.Process.Scheduler = &c.given
				if exists("/sys/fs/cgroup/cpu/cpu.rt_runtime_us") { // a new cgroup has none
					s.Linux.Resources.CPU = &specs.LinuxCPU{RealtimePeriod: ptr[uint64](1000000), RealtimeRuntime: ptr[int64](1000)}
				}
			})
			got := r.Sched
			if got.Policy != unix.SCHED_DEADLINE {
				got.Runtime, got.Deadline, got.Period = 0, 0, 0 // newer kernels report the slice
			}
			want(t, "scheduler", got, c.want)
		})
	}
}

func TestProcess_a_scheduler_that_does_not_exist_is_refused(t *testing.T) {
	t.Parallel()
	requires(t, "rt:scheduler")
	mustFail(t, func(s *specs.Spec) { s.Process.Scheduler = &specs.Scheduler{Policy: "SCHED_WHIM"} }, "SCHED_WHIM")
}

func TestProcess_ioPriority(t *testing.T) {
	t.Parallel()
	requires(t, "rt:ioprio")
	for name, c := range map[string]struct {
		given       specs.LinuxIOPriority
		class, prio int
	}{
		"best effort 4": {specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 4}, 2, 4},
		"best effort 0": {specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 0}, 2, 0},
		"idle":          {specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_IDLE}, 3, 0},
		"real time 1":   {specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_RT, Priority: 1}, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := probe(t, func(s *specs.Spec) { s.Process.IOPriority = &c.given })
			want(t, "class", r.Ioprio.Class, c.class)
			if c.class != 3 {
				want(t, "priority", r.Ioprio.Priority, c.prio)
			}
		})
	}
}

func TestProcess_the_callers_affinity_does_not_bind_the_container(t *testing.T) {
	t.Parallel()
	requires(t, "cpus:2", "rt:affinity")
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe"}
	b.writeConfig()
	cmd := b.command("run", "--bundle", b.Dir, b.ID)
	out := tempFile(t, b.Dir)
	defer out.Close()
	cmd.Stdout = out
	func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var all, one unix.CPUSet
		if err := unix.SchedGetaffinity(0, &all); err != nil {
			t.Fatal(err)
		}
		one.Set(firstCPU(&all))
		if err := unix.SchedSetaffinity(0, &one); err != nil {
			t.Fatal(err)
		}
		err := cmd.Start()
		if err2 := unix.SchedSetaffinity(0, &all); err2 != nil {
			t.Fatal(err2)
		}
		if err != nil {
			t.Fatal(err)
		}
	}()
	waitFor(t, cmd)
	r := parseProbe(t, contents(t, out))
	if len(r.Affinity) < 2 {
		t.Errorf("affinity %v, want all processors", r.Affinity)
	}
}

func firstCPU(set *unix.CPUSet) int {
	for i := 0; ; i++ {
		if set.IsSet(i) {
			return i
		}
	}
}

// ---- personality, memory policy, keyring, descriptors

func TestProcess_personality(t *testing.T) {
	t.Parallel()
	requires(t, "rt:personality")
	for domain, machine := range map[specs.LinuxPersonalityDomain]string{specs.PerLinux: "x86_64", specs.PerLinux32: "i686"} {
		t.Run(string(domain), func(t *testing.T) {
			t.Parallel()
			if runtime.GOARCH != "amd64" {
				machine = ""
			}
			r := probe(t, func(s *specs.Spec) { s.Linux.Personality = &specs.LinuxPersonality{Domain: domain} })
			want(t, "personality", r.Personality, map[specs.LinuxPersonalityDomain]uint32{specs.PerLinux: 0, specs.PerLinux32: 8}[domain])
			if machine != "" {
				want(t, "machine", r.Machine, machine)
			}
		})
	}
}

func TestProcess_an_unknown_personality_is_refused(t *testing.T) {
	t.Parallel()
	requires(t, "rt:personality")
	mustFail(t, func(s *specs.Spec) { s.Linux.Personality = &specs.LinuxPersonality{Domain: "SPLIT"} }, "SPLIT")
}

func TestProcess_memoryPolicy(t *testing.T) {
	t.Parallel()
	requires(t, "rt:mempolicy", "numa")
	const (
		mpolDefault, mpolPreferred, mpolBind, mpolInterleave = 0, 1, 2, 3
		fStatic, fRelative                                   = 1 << 15, 1 << 14
	)
	for name, c := range map[string]struct {
		given       specs.LinuxMemoryPolicy
		mode, flags int
		nodes       uint64
	}{
		"interleave": {specs.LinuxMemoryPolicy{Mode: specs.MpolInterleave, Nodes: "0"}, mpolInterleave, 0, 1},
		"bind, static nodes": {
			specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "0", Flags: []specs.MemoryPolicyFlagType{specs.MpolFStaticNodes}}, mpolBind, fStatic, 1,
		},
		"preferred, relative nodes": {
			specs.LinuxMemoryPolicy{Mode: specs.MpolPreferred, Nodes: "0", Flags: []specs.MemoryPolicyFlagType{specs.MpolFRelativeNodes}}, mpolPreferred, fRelative, 1,
		},
		"default": {specs.LinuxMemoryPolicy{Mode: specs.MpolDefault}, mpolDefault, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := probe(t, func(s *specs.Spec) { s.Linux.MemoryPolicy = &c.given })
			want(t, "mode", r.Mempolicy.Mode, c.mode)
			want(t, "flags", r.Mempolicy.Flags, c.flags)
			want(t, "nodes", r.Mempolicy.Nodes, c.nodes)
		})
	}
}

func TestProcess_bad_memory_policies_are_refused(t *testing.T) {
	t.Parallel()
	requires(t, "rt:mempolicy")
	for name, c := range map[string]struct {
		given    specs.LinuxMemoryPolicy
		fragment string
	}{
		"empty":              {specs.LinuxMemoryPolicy{}, "invalid memory policy"},
		"unknown mode":       {specs.LinuxMemoryPolicy{Mode: "MPOL_WHIM", Nodes: "0"}, "invalid memory policy"},
		"no mode":            {specs.LinuxMemoryPolicy{Nodes: "0"}, "invalid memory policy mode"},
		"bad flag":           {specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "0", Flags: []specs.MemoryPolicyFlagType{"MPOL_F_WHIM"}}, "invalid memory policy flag"},
		"nodes out of range": {specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "0-9876543210"}, "invalid memory policy node"},
		"default with nodes": {specs.LinuxMemoryPolicy{Mode: specs.MpolDefault, Nodes: "0-7"}, "mode requires 0 nodes but got 8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mustFail(t, func(s *specs.Spec) { s.Linux.MemoryPolicy = &c.given }, c.fragment)
		})
	}
}

func TestProcess_has_a_session_keyring_of_its_own(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	r := b.probe(nil)
	if !namedKeyring(r, b.ID) {
		t.Errorf("session keyring %q, want _ses.%s", r.Keyring, b.ID)
	}
}

func TestProcess_no_new_keyring_leaves_the_callers(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe"}
	res := b.run("--no-new-keyring")
	want(t, "exit status", res.Exit, 0)
	if r := parseProbe(t, res.Stdout); strings.Contains(r.Keyring, b.ID) {
		t.Errorf("session keyring %q", r.Keyring)
	}
}

func TestProcess_standard_descriptors_are_the_callers_and_there_are_no_others(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("from outside"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	b.Stdin = r
	// What else the caller has open stays with it.
	leak, err := os.Open(b.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer leak.Close()
	b.Extra = []*os.File{leak, leak, leak}
	p := b.probe(nil, "--stdin")
	want(t, "standard input", p.action(t, 0).Data, "from outside")
	if len(p.Fds) != 3 {
		t.Errorf("descriptors: %+v, want 0, 1 and 2", p.Fds)
	}
	want(t, "type of standard input", p.Fds[0].Type, "fifo")
}

func TestProcess_missing_is_refused(t *testing.T) {
	t.Parallel()
	mustFail(t, func(s *specs.Spec) { s.Process.Args = nil }, "args")
	mustFail(t, func(s *specs.Spec) { s.Process = nil })
}
