package integration

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

var endingSignals = []unix.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGHUP}

// wantNothing checks that nothing is left of the container, though nobody has deleted it.
func (b *bundle) wantNothing() {
	b.t.Helper()
	if exists(filepath.Join(b.Root, b.ID)) {
		b.t.Error("the state directory is left")
	}
	for _, pid := range processesOf(b.ID) { // not reap: other tests wait for children of theirs
		_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
	}
	want(b.t, "processes", fmt.Sprint(processesOf(b.ID)), "[]")
	want(b.t, "cgroups", fmt.Sprint(cgroupsOf(b.ID)), "[]")
}

// wantInterrupted ends a command by a signal, and checks that it obeys at once.
func (f *foreground) wantInterrupted(sig unix.Signal) {
	f.t.Helper()
	if err := f.cmd.Process.Signal(sig); err != nil {
		f.t.Fatal(err)
	}
	res := f.exit()
	want(f.t, "exit status", res.Exit, 128+int(sig))
	if !strings.Contains(res.Stderr, "interrupted by "+unix.SignalName(sig)) {
		f.t.Errorf("standard error: %q, want the signal's name", res.Stderr)
	}
}

// A signal ends the runtime while a hook of each kind hangs, and everything is undone.
func TestEnds_by_a_signal_while_a_hook_hangs(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	for i, kind := range hookKinds {
		verbs := []string{"run", "run --detach"}
		if kind == "poststop" {
			verbs = []string{"delete --force"}
		}
		for _, verb := range verbs {
			t.Run(kind+", "+verb, func(t *testing.T) {
				b := newBundle(t)
				var line []string
				if verb == "run" {
					line = []string{"run", "--bundle", b.Dir, b.ID}
				}
				f, hook := b.hang(kind, line...)()
				f.wantInterrupted(endingSignals[i%len(endingSignals)])
				if !waitExit(t, hook, patience) {
					t.Error("the hook goes on")
				}
				b.wantNothing()
			})
		}
	}
	for _, kind := range []string{"prestart", "createRuntime", "createContainer"} {
		t.Run(kind+", create", func(t *testing.T) {
			b := newBundle(t)
			f, hook := b.hang(kind, "create", "--bundle", b.Dir, b.ID)()
			f.wantInterrupted(unix.SIGTERM)
			waitExit(t, hook, patience)
			b.wantNothing()
		})
	}
	t.Run("startContainer, start", func(t *testing.T) {
		b := newBundle(t)
		start := b.hang("startContainer", "start", b.ID)
		b.must("create", "--bundle", b.Dir, b.ID)
		f, hook := start()
		f.wantInterrupted(unix.SIGTERM)
		waitExit(t, hook, patience)
		b.must("delete", b.ID) // it has stopped
	})
}

// waitSleeping waits until a thread of the process sleeps in one of these calls.
func waitSleeping(t *testing.T, pid int, calls ...int) {
	t.Helper()
	for range 4000 {
		for _, nr := range calls {
			if sleepsIn(pid, nr) {
				return
			}
		}
		// Nothing reports that a process sleeps.
		if _, err := unix.Poll(nil, 5); err != nil && err != unix.EINTR {
			t.Fatal(err)
		}
	}
	t.Fatalf("process %d does not sleep: %s", pid, waitsIn(pid))
}

// An init that is stopped does not answer start, and start ends by a signal. The container does not run later.
func TestEnds_by_a_signal_while_the_init_is_stopped(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "file:/proc/self/syscall")
	for _, sig := range endingSignals {
		t.Run(unix.SignalName(sig), func(t *testing.T) {
			b := newBundle(t)
			b.Spec.Process.Args = []string{"/probe", "--sleep"}
			c := b.create()
			if err := unix.Kill(c.Pid, unix.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			f := b.foreground("start", b.ID)
			waitSleeping(t, f.cmd.Process.Pid, unix.SYS_PPOLL, 7) // poll(2) of amd64
			f.wantInterrupted(sig)
			if !waitExit(t, c.Pid, patience) {
				t.Error("the init goes on")
			}
			b.must("delete", b.ID)
		})
	}
}

// A process of the container that stops what exec brings in does not hold exec, and one that does so again and again does
// not keep it from ending by a signal.
func TestEnds_exec_whose_process_is_stopped(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	if alone(t) {
		return
	}
	t.Run("once", func(t *testing.T) {
		c := newBundle(t).resisting("stops")
		for range 10 {
			want(t, "exit status", c.exec(nil, "--exit", "7").Exit, 7)
		}
		t.Logf("%d of 10 were stopped on their way in", strings.Count(readFile(t, c.Rootfs+"/stopped"), "\n"))
	})
	t.Run("again and again", func(t *testing.T) {
		c := newBundle(t).resisting("keeps-stopping")
		for range 5 {
			f := c.bundle.foreground("exec", c.ID, "/probe", "--exit", "7")
			_ = f.cmd.Process.Signal(unix.SIGTERM)
			if res := f.exit(); res.Exit != 7 && res.Exit != 128+int(unix.SIGTERM) {
				t.Errorf("exit status %d: %s", res.Exit, res.Stderr)
			}
		}
	})
}

// exec into a cgroup that stands still ends by a signal, and what stands there goes on standing.
func TestEnds_exec_into_a_frozen_cgroup(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	c := b.running()
	dir, file, frozen, thawed := b.freezer()
	writeGroup(t, dir, file, frozen)
	t.Cleanup(func() {
		if exists(dir) {
			writeGroup(t, dir, file, thawed)
		}
	})
	for _, sig := range endingSignals {
		f := b.foreground("exec", "--ignore-paused", c.ID, "/probe", "--exit", "0")
		waitInGroup(t, dir, 2)
		f.wantInterrupted(sig)
		want(t, "processes in the cgroup", len(strings.Fields(readFile(t, dir+"/cgroup.procs"))), 1)
		want(t, "state", strings.TrimSpace(readFile(t, filepath.Join(dir, file))), frozen)
	}
}

// A container that moves its init to a cgroup below its own, and freezes that, does not hold exec.
func TestEnds_exec_beside_an_init_that_has_frozen_itself(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "cgroupv2", "v2:hugetlb")
	if alone(t) {
		return
	}
	b := newBundle(t)
	c := b.resisting("self=/sys/fs/cgroup")
	writeGroup(t, b.cgroupDir(""), "cgroup.subtree_control", "+hugetlb") // no process may be here any more
	for !strings.Contains(readFile(t, b.cgroupDir("")+"/self/cgroup.events"), "frozen 1") {
		if _, err := unix.Poll(nil, 5); err != nil && err != unix.EINTR {
			t.Fatal(err)
		}
	}
	res := c.exec(nil, "--exit", "0")
	wantFailure(t, res, "cannot exec in a paused container")
	f := b.foreground("exec", "--ignore-paused", c.ID, "/probe", "--exit", "0")
	waitInGroup(t, b.cgroupDir("")+"/self", 2)
	f.wantInterrupted(unix.SIGTERM)
	want(t, "processes", len(processesOf(b.ID)), 1)
	b.must("delete", "--force", b.ID)
}

// SIGTERM before each call that changes something: the command ends by it with everything undone, or is done.
func TestEnds_by_a_signal_at_every_call(t *testing.T) {
	for _, s := range killScenes() {
		if s.command[0] == "kill" || s.command[0] == "delete" {
			continue // nothing to undo
		}
		t.Run(s.name, func(t *testing.T) {
			b := s.bundle(t)
			points := s.rehearse(b)
			n, offset := stride(t)
			ended := 0
			for i, p := range points {
				if p.step == "" && i%n != offset {
					continue
				}
				if s.signal(b, i) {
					ended++
				}
			}
			t.Logf("%d calls, %d of those that were tried ended the command", len(points), ended)
		})
	}
}

// signal sends SIGTERM at call number n, and says whether it has ended the command.
func (s *scene) signal(b *bundle, n int) (ended bool) {
	b.t.Helper()
	files := b.files()
	if s.before != nil {
		s.before(b)
	}
	at, i := "", 0
	tr, res := b.traceCommands(numbersOf(s.traces()), func(c *stop) harm {
		if !s.matters(c) {
			return harm{}
		}
		if i++; i <= n {
			return harm{}
		}
		at = c.String()
		return harm{signal: unix.SIGTERM}
	}, s.commands(b)...)
	var wrong []string
	ended = res.Exit == 128+int(unix.SIGTERM)
	switch {
	case ended:
		wrong = s.leftByFailure(b)
		if s.before == nil && s.traced == nil {
			wrong = append(wrong, b.left(tr, files)...)
		}
	case res.Exit != 0:
		wrong = append(wrong, fmt.Sprintf("exit status %d", res.Exit))
	}
	if s.survives != nil && s.command[0] != "start" {
		wrong = append(wrong, s.survives(b)...)
	}
	wrong = append(wrong, s.end(b, tr, files)...)
	if wrong != nil {
		b.t.Errorf("SIGTERM at call %d: %s; the command ended with %d: %s\n%s", n, at, res.Exit, last(res.Stderr), strings.Join(wrong, "\n"))
	}
	return ended
}
