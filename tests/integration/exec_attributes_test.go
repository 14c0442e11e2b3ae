package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestExec_capabilities(t *testing.T) {
	t.Parallel()
	none := capSets{}
	all := func(names ...string) capSets {
		m := capMask(names...)
		return capSets{Effective: m, Permitted: m, Bounding: m}
	}
	kept := &specs.LinuxCapabilities{
		Inheritable: []string{"CAP_CHOWN", "CAP_SYSLOG"}, Permitted: []string{"CAP_KILL", "CAP_CHOWN"}, Effective: []string{"CAP_KILL"},
		Bounding: []string{"CAP_KILL", "CAP_CHOWN", "CAP_SYSLOG"}, Ambient: []string{"CAP_CHOWN"},
	}
	// The values are what execve makes of the sets for a process of root: P'(permitted) = P(inheritable) | P(bounding).
	for _, tc := range []struct {
		name    string
		needs   string
		config  *specs.LinuxCapabilities
		options []string
		want    capSets
	}{
		{"as configured", "", &specs.LinuxCapabilities{Bounding: []string{"CAP_KILL"}, Effective: []string{"CAP_KILL"}, Permitted: []string{"CAP_KILL"}}, nil, all("CAP_KILL")},
		{"none", "", &specs.LinuxCapabilities{}, nil, none},
		{"added to none", "", &specs.LinuxCapabilities{}, []string{"--cap", "CAP_KILL", "--cap", "CAP_AUDIT_WRITE"}, all("CAP_KILL", "CAP_AUDIT_WRITE")},
		{"added to some", "", &specs.LinuxCapabilities{Bounding: []string{"CAP_KILL"}, Effective: []string{"CAP_KILL"}, Permitted: []string{"CAP_KILL"}}, []string{"-c", "CAP_SYS_ADMIN"}, all("CAP_KILL", "CAP_SYS_ADMIN")},
		{"ambient ones", "CAP_SYSLOG", kept, []string{"--user", "1000"}, capSets{
			Inheritable: capMask("CAP_CHOWN", "CAP_SYSLOG"), Permitted: capMask("CAP_CHOWN"), Effective: capMask("CAP_CHOWN"),
			Bounding: capMask("CAP_KILL", "CAP_CHOWN", "CAP_SYSLOG"), Ambient: capMask("CAP_CHOWN"),
		}},
		{"added where it is inheritable", "CAP_SYSLOG", kept, []string{"--user", "1000", "--cap", "CAP_SYSLOG"}, capSets{
			Inheritable: capMask("CAP_CHOWN", "CAP_SYSLOG"), Permitted: capMask("CAP_CHOWN", "CAP_SYSLOG"), Effective: capMask("CAP_CHOWN", "CAP_SYSLOG"),
			Bounding: capMask("CAP_KILL", "CAP_CHOWN", "CAP_SYSLOG"), Ambient: capMask("CAP_CHOWN", "CAP_SYSLOG"),
		}},
		{"added for a user where nothing is inheritable", "", &specs.LinuxCapabilities{}, []string{"--user", "1000", "--cap", "CAP_KILL"}, capSets{Bounding: capMask("CAP_KILL")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if tc.needs != "" {
				requires(t, "cap:"+tc.needs)
			}
			b := newBundle(t)
			if err := os.Chmod(b.Rootfs+"/probe", 0o755); err != nil {
				t.Fatal(err)
			}
			c := b.running(func(s *specs.Spec) { s.Process.Capabilities = tc.config })
			want(t, "capabilities", c.execProbe(tc.options).Caps, tc.want)
		})
	}
}

// The table of runc's suite, as the kernel shows it for a process of root.
func TestExec_capabilities_of_root_with_inheritable_ones(t *testing.T) {
	t.Parallel()
	requires(t, "cap:CAP_SYSLOG")
	c := newBundle(t).running(func(s *specs.Spec) {
		s.Process.Capabilities = &specs.LinuxCapabilities{
			Inheritable: []string{"CAP_CHOWN", "CAP_SYSLOG"}, Permitted: []string{"CAP_KILL", "CAP_CHOWN"}, Effective: []string{"CAP_KILL"},
			Bounding: []string{"CAP_KILL", "CAP_CHOWN", "CAP_SYSLOG"}, Ambient: []string{"CAP_CHOWN"},
		}
	})
	// no_new_privs keeps execve from raising: P' = P of before for what is not ambient
	r := c.execProbe([]string{"--cap", "CAP_SYSLOG"})
	want(t, "inheritable", r.Caps.Inheritable, capMask("CAP_CHOWN", "CAP_SYSLOG"))
	want(t, "bounding", r.Caps.Bounding, capMask("CAP_KILL", "CAP_CHOWN", "CAP_SYSLOG"))
	want(t, "permitted", r.Caps.Permitted, capMask("CAP_KILL", "CAP_CHOWN", "CAP_SYSLOG"))
	want(t, "effective", r.Caps.Effective, r.Caps.Permitted)
	want(t, "ambient", r.Caps.Ambient, capMask("CAP_CHOWN", "CAP_SYSLOG"))
}

func TestExec_a_capability_nobody_has_is_named(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running()
	res := c.exec([]string{"--cap", "CAP_NONSENSE"}, "--echo", "ran")
	want(t, "exit status", res.Exit, 0)
	if !strings.Contains(res.Stderr, "CAP_NONSENSE") {
		t.Errorf("no word of it: %q", res.Stderr)
	}
}

func TestExec_an_executable_of_another_user_is_judged_as_the_user(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	copyFile(t, probePath, b.Rootfs+"/roots", 0o700)
	c := b.running(func(s *specs.Spec) { setCaps(s, "CAP_KILL") })
	res := c.runtime("exec", "--user", "1000", c.ID, "/roots", "--echo", "it-started")
	wantFailure(t, res, "permission denied")
	want(t, "exit status", res.Exit, 255)
	want(t, "as root", c.runtime("exec", c.ID, "/roots", "--exit", "4").Exit, 4)
}

func TestExec_no_new_privs(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running(func(s *specs.Spec) { s.Process.NoNewPrivileges = false })
	want(t, "no_new_privs", c.execProbe(nil).NoNewPrivs, 0)
	want(t, "no_new_privs", c.execProbe([]string{"--no-new-privs"}).NoNewPrivs, 1)
}

func TestExec_umask_rlimits_personality_and_oom_score(t *testing.T) {
	t.Parallel()
	requires(t, "rt:personality")
	for _, user := range []bool{false, true} {
		t.Run(fmt.Sprintf("user namespace %v", user), func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			if user {
				b.mapped(mapping(0, 100000, 65536), mapping(0, 100000, 65536))
			}
			c := b.running(func(s *specs.Spec) {
				s.Process.User.Umask = ptr(uint32(63))
				s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 100, Hard: 200}, {Type: "RLIMIT_CORE", Soft: 0, Hard: 0}}
				s.Linux.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux32}
				s.Process.OOMScoreAdj = ptr(77)
			})
			r := c.execProbe(nil)
			want(t, "umask", r.Umask, 0o077)
			want(t, "descriptors", r.Rlimits[unix.RLIMIT_NOFILE], [2]uint64{100, 200})
			want(t, "core", r.Rlimits[unix.RLIMIT_CORE], [2]uint64{0, 0})
			want(t, "personality", r.Personality, 8)
			want(t, "oom_score_adj", r.OOMScoreAdj, "77")
			if runtime.GOARCH == "amd64" {
				want(t, "machine", r.Machine, "i686")
			}
		})
	}
}

func TestExec_limits_of_descriptors_are_the_callers_without_rlimits(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running()
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		t.Fatal(err)
	}
	l.Cur = min(l.Max, 777)
	c.Wrap = []string{lookPath(t, "prlimit"), fmt.Sprintf("--nofile=%d:%d", l.Cur, l.Max)}
	want(t, "descriptors", c.execProbe(nil).Rlimits[unix.RLIMIT_NOFILE], [2]uint64{l.Cur, l.Max})
}

func TestExec_scheduler_and_io_priority(t *testing.T) {
	t.Parallel()
	requires(t, "rt:scheduler", "rt:ioprio")
	for _, user := range []bool{false, true} {
		t.Run(fmt.Sprintf("user namespace %v", user), func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			if user {
				b.mapped(mapping(0, 100000, 65536), mapping(0, 100000, 65536))
			}
			c := b.running(func(s *specs.Spec) {
				s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedBatch, Nice: 19}
				s.Process.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 4}
			})
			r := c.execProbe(nil)
			want(t, "policy", r.Sched.Policy, 3)
			want(t, "nice", r.Sched.Nice, 19)
			want(t, "class", r.Ioprio.Class, 2)
			want(t, "priority", r.Ioprio.Priority, 4)
			r = c.execProcess(&specs.Process{
				Args: []string{"/probe"}, Cwd: "/", IOPriority: &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_IDLE}, Scheduler: &specs.Scheduler{Policy: specs.SchedOther, Nice: 5},
			})
			want(t, "policy of the file", r.Sched.Policy, 0)
			want(t, "nice of the file", r.Sched.Nice, 5)
			want(t, "class of the file", r.Ioprio.Class, 3)
		})
	}
}

func TestExec_deadline_scheduler_of_the_file(t *testing.T) {
	t.Parallel()
	requires(t, "rt:scheduler", "rtsched")
	c := newBundle(t).running()
	r := c.execProcess(&specs.Process{Args: []string{"/probe"}, Cwd: "/", Scheduler: &specs.Scheduler{
		Policy: specs.SchedDeadline, Flags: []specs.LinuxSchedulerFlag{specs.SchedFlagResetOnFork}, Runtime: 42000, Deadline: 1000000, Period: 1000000,
	}})
	want(t, "scheduler", r.Sched, schedInfo{Policy: 6, Flags: 1, Runtime: 42000, Deadline: 1000000, Period: 1000000})
}

func TestExec_cpu_affinity(t *testing.T) {
	t.Parallel()
	requires(t, "cpus:2", "rt:affinity")
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	cpu := firstCPU(&set)
	c := newBundle(t).running(func(s *specs.Spec) {
		s.Process.ExecCPUAffinity = &specs.CPUAffinity{Initial: itoa(cpu), Final: itoa(cpu)}
	})
	wantSlice(t, "affinity", c.execProbe(nil).Affinity, []int{cpu})
	minimal := specs.Process{Args: []string{"/probe"}, Cwd: "/"}
	wantSlice(t, "affinity with a file that says nothing", c.execProcess(&minimal).Affinity, []int{cpu})
	minimal.ExecCPUAffinity = &specs.CPUAffinity{Final: fmt.Sprintf("0-%d", set.Count()+cpu)}
	if r := c.execProcess(&minimal); len(r.Affinity) < 2 {
		t.Errorf("affinity of the file: %v", r.Affinity)
	}
	// Initial is for the way in; the process gets all that there are.
	minimal.ExecCPUAffinity = &specs.CPUAffinity{Initial: itoa(cpu)}
	if r := c.execProcess(&minimal); len(r.Affinity) < 2 {
		t.Errorf("affinity with initial alone: %v", r.Affinity)
	}
	minimal.ExecCPUAffinity = &specs.CPUAffinity{Final: "x"}
	res := c.runtime("exec", "--process", c.processFile(&minimal), c.ID)
	wantFailure(t, res, "execCPUAffinity")
	want(t, "exit status", res.Exit, 255)
	c.Wrap = []string{lookPath(t, "taskset"), "--cpu-list", itoa(cpu)}
	if r := newBundleBeside(c).execProbe(nil); len(r.Affinity) < 2 {
		t.Errorf("affinity under taskset: %v", r.Affinity)
	}
}

// newBundleBeside starts a plain container whose commands run as c's do.
func newBundleBeside(c *container) *container {
	b := c.another()
	n := b.running()
	n.Wrap = c.Wrap
	return n
}

func TestExec_memory_policy(t *testing.T) {
	t.Parallel()
	requires(t, "numa", "rt:mempolicy")
	c := newBundle(t).running(func(s *specs.Spec) {
		s.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolPreferred, Nodes: "0", Flags: []specs.MemoryPolicyFlagType{specs.MpolFRelativeNodes}}
	})
	m := c.execProbe(nil).Mempolicy
	want(t, "errno", m.Errno, 0)
	want(t, "mode", m.Mode, 1)
	want(t, "flags", m.Flags, 1<<14)
	want(t, "nodes", m.Nodes, 1)
}

func TestExec_time_namespace(t *testing.T) {
	t.Parallel()
	requires(t, "rt:timens", "timens")
	for _, user := range []bool{false, true} {
		t.Run(fmt.Sprintf("user namespace %v", user), func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			if user {
				b.mapped(mapping(0, 100000, 65536), mapping(0, 100000, 65536))
			}
			c := b.running(withOffsets(someOffsets))
			r := c.execProbe(nil)
			want(t, "time namespace", r.NS["time"], nsID(t, c.Pid, "time"))
			wantSlice(t, "timens_offsets", offsetLines(r), []string{"monotonic 7881 2718281", "boottime 1337 3141519"})
		})
	}
}

func TestExec_keyring(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--report", "--until-term"}
	c := b.create().start()
	own := c.nextReport()
	c.next("waiting")
	r := c.execProbe(nil)
	if !namedKeyring(r, b.ID) {
		t.Errorf("session keyring %q", r.Keyring)
	}
	want(t, "session keyring", r.KeyringID, own.KeyringID)
}

func TestExec_no_keyring_of_its_own(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	c := b.create("--no-new-keyring").start()
	c.next("waiting")
	if r := c.execProbe(nil); namedKeyring(r, b.ID) {
		t.Errorf("session keyring %q", r.Keyring)
	}
}

// ---- seccomp

func TestExec_seccomp(t *testing.T) {
	t.Parallel()
	for _, nnp := range []bool{true, false} {
		t.Run(fmt.Sprintf("noNewPrivileges %v", nnp), func(t *testing.T) {
			t.Parallel()
			c := newBundle(t).running(withFilter(filter(rule(specs.ActErrno, "mkdir", "mkdirat"))), func(s *specs.Spec) { s.Process.NoNewPrivileges = nnp })
			r := c.execProbe(nil, "--mkdir", "/tmp/x")
			want(t, "seccomp", r.Seccomp, 2)
			want(t, "filters", r.status("Seccomp_filters"), "1")
			want(t, "capabilities", r.Caps.Effective, capMask(c.Spec.Process.Capabilities.Effective...))
			wantErrno(t, r.action(t, 0), unix.EPERM)
		})
	}
}

func TestExec_seccomp_notify(t *testing.T) {
	t.Parallel()
	for _, nnp := range []bool{true, false} {
		t.Run(fmt.Sprintf("noNewPrivileges %v", nnp), func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			initAgent := b.newAgent(func(int) unix.Errno { return unix.EIO })
			c := b.running(func(s *specs.Spec) {
				s.Process.NoNewPrivileges = nnp
				s.Linux.Seccomp = filter(rule(specs.ActNotify, "mkdir", "mkdirat"))
				s.Linux.Seccomp.ListenerPath, s.Linux.Seccomp.ListenerMetadata = initAgent.path, "meta"
			})
			_, ok := <-initAgent.state
			want(t, "the init's agent was asked", ok, true)
			initAgent.l.Close()
			execAgent := b.newAgent(func(int) unix.Errno { return unix.ENOMEDIUM })
			r := c.execProbe(nil, "--mkdir", "/tmp/x")
			wantErrno(t, r.action(t, 0), unix.ENOMEDIUM)
			s, ok := <-execAgent.state
			want(t, "the agent was asked", ok, true)
			want(t, "metadata", s.Metadata, "meta")
			want(t, "id", s.State.ID, b.ID)
			want(t, "status", s.State.Status, specs.StateRunning)
			want(t, "pid of the container", s.State.Pid, c.Pid)
			if s.Pid == c.Pid || s.Pid <= 0 {
				t.Errorf("pid %d, the init's is %d", s.Pid, c.Pid)
			}
		})
	}
}

func TestExec_without_its_seccomp_agent_is_refused(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	a := b.newAgent(func(int) unix.Errno { return 0 })
	c := b.running(func(s *specs.Spec) {
		s.Linux.Seccomp = filter(rule(specs.ActNotify, "mkdir", "mkdirat"))
		s.Linux.Seccomp.ListenerPath = a.path
	})
	<-a.state
	a.l.Close()
	res := c.exec(nil, "--echo", "it-started")
	wantFailure(t, res, "failed to connect with seccomp agent")
	want(t, "exit status", res.Exit, 255)
	want(t, "processes", len(processesOf(b.ID)), 1)
}

// ---- namespaces

func TestExec_in_a_user_namespace(t *testing.T) {
	t.Parallel()
	b := userBundle(t)
	b.Spec.Process.User.AdditionalGids = []uint32{10}
	c := b.running()
	r := c.execProbe(nil, "--create", "/made", "x")
	want(t, "user namespace", r.NS["user"], nsID(t, c.Pid, "user"))
	want(t, "uid", r.UID[0], 0)
	wantSlice(t, "groups", r.Groups, []uint32{10})
	wantErrno(t, r.action(t, 0), 0)
	want(t, "capabilities", r.Caps.Effective, capMask(b.Spec.Process.Capabilities.Effective...))
	r = c.execProbe([]string{"--user", "1000:1000", "--cap", "CAP_SYS_ADMIN"})
	want(t, "uid", r.UID[0], 1000)
	want(t, "bounding", r.Caps.Bounding, capMask(append([]string{"CAP_SYS_ADMIN"}, b.Spec.Process.Capabilities.Bounding...)...))
	// 65536 is not mapped
	want(t, "exit status", c.exec([]string{"--user", "65536"}, "--echo", "x").Exit, 255)
}

func TestExec_in_joined_namespaces(t *testing.T) {
	t.Parallel()
	requires(t, "root", "userns", "rt:runc-1.4")
	t.Run("of the host's", func(t *testing.T) {
		t.Parallel()
		kinds := []specs.LinuxNamespaceType{specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace}
		holder := nsHolder(t, kinds...)
		c := newBundle(t).running(func(s *specs.Spec) {
			for _, k := range kinds {
				setNS(s, k, nsPath(holder, k))
			}
		})
		r := c.execProbe(nil)
		for _, k := range kinds {
			want(t, string(k), r.NS[kernelName(k)], nsID(t, holder, kernelName(k)))
		}
	})
	t.Run("a user namespace and a network namespace that it does not own", func(t *testing.T) {
		t.Parallel()
		user, network := nsHolder(t, specs.UserNamespace), nsHolder(t, specs.NetworkNamespace)
		b := newBundle(t)
		b.chown(100000, 100000)
		c := b.running(func(s *specs.Spec) {
			setNS(s, specs.UserNamespace, nsPath(user, specs.UserNamespace))
			setNS(s, specs.NetworkNamespace, nsPath(network, specs.NetworkNamespace))
			bindSys(s)
		})
		r := c.execProbe(nil)
		want(t, "user", r.NS["user"], nsID(t, user, "user"))
		want(t, "net", r.NS["net"], nsID(t, network, "net"))
		want(t, "uid", r.UID[0], 0)
	})
	t.Run("the pid namespace of another container", func(t *testing.T) {
		t.Parallel()
		first := newBundle(t).running()
		b := newBundle(t)
		c := b.running(func(s *specs.Spec) { setNS(s, specs.PIDNamespace, nsPath(first.Pid, specs.PIDNamespace)) })
		r := c.execProbe(nil, "--ls", "/proc")
		want(t, "pid", r.NS["pid"], nsID(t, first.Pid, "pid"))
		// it is in the other's namespace, which cannot end before we have seen its end
		b.must("delete", "--force", b.ID)
		c.wait()
	})
}

func TestExec_in_the_hosts_pid_namespace(t *testing.T) {
	t.Parallel()
	c := newBundle(t).running(func(s *specs.Spec) { withoutNS(s, specs.PIDNamespace) })
	pidFile := filepath.Join(c.Dir, "exec.pid")
	r := c.execProbe([]string{"--pid-file", pidFile})
	want(t, "pid", r.Pid, atoi(t, readFile(t, pidFile)))
	want(t, "exit status", c.exec(nil, "--exit", "7").Exit, 7)
}

func TestExec_in_the_hosts_mount_namespace(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	t.Cleanup(func() { _ = unix.Unmount(b.Rootfs, unix.MNT_DETACH) })
	c := b.running(func(s *specs.Spec) {
		withoutNS(s, specs.MountNamespace)
		s.Linux.MaskedPaths, s.Linux.ReadonlyPaths, s.Mounts = nil, nil, nil
	})
	r := c.execProbe([]string{"--cwd", "/tmp"}, "--stat", "/", "--create", "/tmp/here", "x")
	want(t, "mount namespace is the host's", exists(b.Rootfs+"/tmp/here"), true)
	var st unix.Stat_t
	if err := unix.Stat(b.Rootfs, &st); err != nil {
		t.Fatal(err)
	}
	want(t, "root", r.action(t, 0).Ino, st.Ino)
	home, _ := r.env("HOME")
	want(t, "HOME", home, "/root")
}

func TestExec_in_a_root_without_pivot(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	c := b.create("--no-pivot").start()
	c.next("waiting")
	var st unix.Stat_t
	if err := unix.Stat(b.Rootfs, &st); err != nil {
		t.Fatal(err)
	}
	r := c.execProbe(nil, "--stat", "/", "--ls", "/../../..")
	want(t, "root", r.action(t, 0).Ino, st.Ino)
	for _, e := range r.action(t, 1).Entries {
		if e.Name == filepath.Base(base) || e.Name == "lost+found" {
			t.Errorf("the host is in sight: %s", e.Name)
		}
	}
}

func TestExec_rootless(t *testing.T) {
	t.Parallel()
	b := rootlessBundle(t)
	c := b.running(func(s *specs.Spec) { s.Process.OOMScoreAdj = ptr(5) })
	r := c.execProbe(nil, "--create", "/made", "x")
	want(t, "oom_score_adj", r.OOMScoreAdj, "5")
	want(t, "uid", r.UID[0], 0)
	want(t, "user namespace", r.NS["user"], nsID(t, c.Pid, "user"))
	wantErrno(t, r.action(t, 0), 0)
	want(t, "exit status", c.exec(nil, "--exit", "6").Exit, 6)
	want(t, "exit status of an unknown id", c.exec([]string{"--user", "1000"}, "--echo", "x").Exit, 255)
	pidFile := filepath.Join(b.Dir, "xdg/exec.pid")
	c.must("exec", "-d", "--pid-file", pidFile, c.ID, "/probe", "--sleep")
	pid := atoi(t, readFile(t, pidFile))
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitChild(t, pid)
}
