package integration

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// waiting is a bundle whose process says that it waits, and then waits for SIGTERM.
func waiting(t *testing.T) *bundle {
	t.Helper()
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	return b
}

func TestLifecycle_created_started_stopped_deleted(t *testing.T) {
	t.Parallel()
	b := waiting(t)
	c := b.create()
	b.wantStatus("created")
	if exe := readlink(t, fmt.Sprintf("/proc/%d/exe", c.Pid)); strings.HasSuffix(exe, "/probe") {
		t.Error("the process runs before start")
	}
	c.start()
	want(t, "pid inside", c.next("waiting").Pid, 1)
	b.wantStatus("running")
	b.must("kill", b.ID, "TERM")
	c.next("signal")
	want(t, "exit status", c.wait(), 0)
	b.wantStatus("stopped")
	b.must("delete", b.ID)
	wantFailure(t, b.runtime("state", b.ID), "does not exist")
}

func TestLifecycle_a_zombie_is_stopped(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--exit", "7"}
	c := b.create().start()
	waitExit(t, c.Pid, patience) // its parent, which we are, has not waited for it yet
	b.wantStatus("stopped")
	want(t, "exit status", c.wait(), 7)
	b.wantStatus("stopped")
}

// The init ends only when all in its pid namespace have been reaped (pid_namespaces(7)); who came in by exec is reaped by
// a process outside, if at all.
func TestLifecycle_delete_does_not_wait_for_somebody_elses_zombie(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := waiting(t)
	c := b.runDetached()
	c.next("waiting")
	file := filepath.Join(b.Dir, "exec.pid")
	b.must("exec", "--detach", "--pid-file", file, b.ID, "/probe")
	pid, err := strconv.Atoi(readFile(t, file))
	if err != nil {
		t.Fatal(err)
	}
	waitExit(t, pid, patience) // a child of the tests now, which wait for it later
	b.must("delete", "--force", b.ID)
	if _, err := unix.Wait4(pid, nil, 0, nil); err != nil {
		t.Error(err)
	}
	c.wait()
	want(t, "groups", strings.Join(cgroupDirsOf(b.ID), " "), "")
}

func TestLifecycle_state_has_what_engines_read(t *testing.T) {
	t.Parallel()
	b := waiting(t)
	b.Spec.Annotations = map[string]string{"org.example.key": "a value"}
	before := time.Now().Add(-time.Second)
	c := b.create()
	var s struct {
		OCIVersion  string            `json:"ociVersion"`
		ID          string            `json:"id"`
		Pid         int               `json:"pid"`
		Status      string            `json:"status"`
		Bundle      string            `json:"bundle"`
		Rootfs      string            `json:"rootfs"`
		Created     time.Time         `json:"created"`
		Annotations map[string]string `json:"annotations"`
		Owner       *string           `json:"owner"`
	}
	out := b.must("state", b.ID).Stdout
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want(t, "id", s.ID, b.ID)
	want(t, "pid", s.Pid, c.Pid)
	want(t, "status", s.Status, "created")
	want(t, "bundle", s.Bundle, b.Dir)
	want(t, "rootfs", s.Rootfs, b.Rootfs)
	want(t, "annotation", s.Annotations["org.example.key"], "a value")
	want(t, "owner", s.Owner != nil, true)
	if s.OCIVersion == "" || s.Created.Before(before) || s.Created.After(time.Now().Add(time.Second)) {
		t.Errorf("state: %s", out)
	}
	if !strings.Contains(out, "\n  \"ociVersion\": ") {
		t.Errorf("state is not indented by two:\n%s", out)
	}
	b.must("kill", b.ID, "KILL")
	c.wait()
	want(t, "pid of a stopped one", b.state().Pid, 0)
}

func TestLifecycle_run_in_the_foreground_removes_the_container(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.probe(nil)
	want(t, "state is left", exists(filepath.Join(b.Root, b.ID)), false)
	wantSlice(t, "cgroups", cgroupsOf(b.ID), nil)
	wantFailure(t, b.runtime("state", b.ID))
}

func TestLifecycle_run_keep_leaves_it_stopped(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--exit", "3"}
	want(t, "exit status", b.run("--keep").Exit, 3)
	b.wantStatus("stopped")
	want(t, "its cgroup is there", len(cgroupsOf(b.ID)) > 0, true)
	b.must("delete", b.ID)
}

func TestLifecycle_run_detached(t *testing.T) {
	t.Parallel()
	b := waiting(t)
	c := b.runDetached()
	c.next("waiting")
	b.wantStatus("running")
	want(t, "standard error", c.report.Stderr, "")
}

func TestLifecycle_a_killed_process_gives_128_and_the_signal(t *testing.T) {
	t.Parallel()
	b := waiting(t)
	f := b.runForeground()
	f.next("waiting")
	b.must("kill", b.ID, "KILL")
	want(t, "exit status", f.exit().Exit, 128+int(unix.SIGKILL))
}

func TestLifecycle_run_passes_signals_on(t *testing.T) {
	t.Parallel()
	b := waiting(t)
	f := b.runForeground()
	f.next("waiting")
	for _, sig := range []unix.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGCONT, unix.SIGTERM} {
		if err := f.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		want(t, "signal", f.next("signal").Signal, sig)
		if sig != unix.SIGTERM {
			f.next("waiting")
		}
	}
	want(t, "exit status", f.exit().Exit, 0)
}

// ---- paths

func TestLifecycle_the_bundle_is_the_current_directory_by_default(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe"}
	b.writeConfig()
	b.Cwd = b.Dir
	parseProbe(t, b.must("run", b.ID).Stdout)
}

func TestLifecycle_paths_are_relative_to_the_caller(t *testing.T) {
	t.Parallel()
	b := waiting(t)
	b.writeConfig()
	b.Cwd = base
	dir := filepath.Base(b.Dir)
	pidFile := b.ID + ".pid"
	res := b.runtime("create", "--bundle", dir, "--pid-file", pidFile, b.ID)
	want(t, "exit status", res.Exit, 0)
	t.Cleanup(func() { os.Remove(filepath.Join(base, pidFile)) })
	s := b.state()
	want(t, "pid file", readFile(t, filepath.Join(base, pidFile)), strconv.Itoa(s.Pid))
	want(t, "bundle", s.Bundle, b.Dir)
}

func TestLifecycle_the_pid_file_of_a_foreground_run(t *testing.T) {
	t.Parallel()
	b := waiting(t)
	f := b.runForeground("--pid-file", b.Dir+"/pid")
	f.next("waiting")
	pid := b.state().Pid
	b.must("kill", b.ID, "TERM")
	f.exit()
	want(t, "pid", readFile(t, b.Dir+"/pid"), strconv.Itoa(pid))
}

func TestLifecycle_a_pid_file_that_cannot_be_written_ends_it_all(t *testing.T) {
	t.Parallel()
	b := waiting(t)
	b.writeConfig()
	wantFailure(t, b.runtime("create", "--bundle", b.Dir, "--pid-file", "/nonexistent/pid", b.ID), "no such file or directory")
	wantSlice(t, "processes", processesOf(b.ID), nil)
}

func TestLifecycle_two_roots_are_two_worlds(t *testing.T) {
	t.Parallel()
	a, b := waiting(t), newBundle(t)
	a.create()
	wantFailure(t, b.runtime("state", a.ID), "does not exist")
	want(t, "list", b.must("list", "-q").Stdout, "")
	b.must("delete", "--force", a.ID)
	a.wantStatus("created")
}

func TestLifecycle_the_callers_directory_may_be_gone(t *testing.T) {
	t.Parallel()
	requires(t, "command:sh", "rt:rung")
	b := newBundle(t)
	mkdir(t, b.Dir+"/gone", 0o755)
	b.Cwd = b.Dir + "/gone"
	b.Wrap = []string{lookPath(t, "sh"), "-c", `rmdir "$PWD" && exec "$@"`, "sh"}
	b.probe(nil)
}

// ---- start, delete

func TestLifecycle_start_is_once(t *testing.T) {
	t.Parallel()
	b := waiting(t)
	c := b.create().start()
	c.next("waiting")
	wantFailure(t, b.runtime("start", b.ID))
	b.wantStatus("running")
	b.must("kill", b.ID, "KILL")
	c.wait()
	wantFailure(t, b.runtime("start", b.ID))
}

func TestLifecycle_unknown_ids_are_refused(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	for _, cmd := range [][]string{{"start"}, {"state"}, {"kill"}, {"delete"}} {
		res := b.runtime(append(cmd, b.ID)...)
		wantFailure(t, res, "does not exist")
		want(t, cmd[0]+": exit status", res.Exit, 1)
	}
	b.must("delete", "--force", b.ID)
}

func TestLifecycle_an_id_is_used_once(t *testing.T) {
	t.Parallel()
	b := waiting(t)
	c := b.create()
	second := b.another()
	second.writeConfig()
	wantFailure(t, second.runtime("create", "--bundle", second.Dir, b.ID), "exist")
	b.wantStatus("created")
	// The first one is unharmed.
	c.start()
	c.next("waiting")
}

func TestLifecycle_bad_ids_are_refused(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.writeConfig()
	for _, id := range []string{"..", ".", "../x", "a/b", "/abs", "a b", "ü", "a\nb", ""} {
		res := b.runtime("create", "--bundle", b.Dir, id)
		if res.Exit == 0 {
			t.Errorf("id %q is accepted", id)
			b.runtime("delete", "--force", id)
		}
	}
	entries, err := os.ReadDir(b.Root)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "left in the root", len(entries), 0)
}

func TestLifecycle_ids_of_every_legal_letter(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	id := b.ID + "_A.z+-0"
	b.own(id)
	b.Spec.Process.Args = []string{"/probe"}
	b.writeConfig()
	want(t, "exit status", b.runtime("run", "--bundle", b.Dir, id).Exit, 0)
}

func TestLifecycle_a_running_container_is_deleted_by_force_only(t *testing.T) {
	t.Parallel()
	b := waiting(t)
	c := b.create().start()
	c.next("waiting")
	wantFailure(t, b.runtime("delete", b.ID), "not stopped")
	b.wantStatus("running")
	b.must("delete", "--force", b.ID)
	want(t, "end", c.wait(), 128+9)
	wantSlice(t, "cgroups", cgroupsOf(b.ID), nil)
}

func TestLifecycle_a_created_container_can_be_deleted(t *testing.T) {
	t.Parallel()
	b := waiting(t)
	c := b.create()
	b.must("delete", b.ID)
	c.wait()
}

func TestLifecycle_delete_force_ends_every_process(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*specs.Spec){
		"own pid namespace": nil,
		"the host's":        func(s *specs.Spec) { withoutNS(s, specs.PIDNamespace) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			b.Spec.Process.Args = []string{"/probe", "--child", "--child", "--daemon", "--wait-signal"}
			edits(edit)(b.Spec)
			c := b.create().start()
			for range 3 {
				c.next("child")
			}
			c.next("waiting")
			want(t, "processes", len(processesOf(b.ID)), 4)
			b.must("delete", "--force", b.ID)
			for _, p := range processesOf(b.ID) {
				if !waitExit(t, p, patience) {
					t.Errorf("process %d is left", p)
				}
			}
		})
	}
}

// Without a pid namespace the others outlive init.
func TestLifecycle_delete_ends_what_outlived_init(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"delete"}, {"delete", "--force"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			requires(t, "rt:runc-1.4")
			b := newBundle(t)
			withoutNS(b.Spec, specs.PIDNamespace)
			b.Spec.Process.Args = []string{"/probe", "--child", "--daemon", "--exit", "0"}
			c := b.create().start()
			c.wait()
			b.wantStatus("stopped")
			left := processesOf(b.ID)
			want(t, "processes", len(left), 2)
			b.must(append(args, b.ID)...)
			for _, p := range left {
				if !waitExit(t, p, patience) {
					t.Errorf("process %d is left", p)
				}
			}
			wantSlice(t, "cgroups", cgroupsOf(b.ID), nil)
		})
	}
}

func TestLifecycle_delete_twice(t *testing.T) {
	t.Parallel()
	b := waiting(t)
	b.create()
	b.must("delete", "--force", b.ID)
	wantFailure(t, b.runtime("delete", b.ID), "does not exist")
	b.must("delete", "--force", b.ID)
}

func TestLifecycle_delete_when_the_bundle_is_gone(t *testing.T) {
	t.Parallel()
	b := waiting(t)
	c := b.create().start()
	c.next("waiting")
	if err := os.Rename(b.Dir+"/config.json", b.Dir+"/elsewhere"); err != nil {
		t.Fatal(err)
	}
	b.must("kill", b.ID, "KILL")
	c.wait()
	b.must("delete", b.ID)
}

// ---- kill

func TestLifecycle_kill_takes_names_and_numbers(t *testing.T) {
	t.Parallel()
	b := waiting(t)
	c := b.create().start()
	for _, k := range []struct {
		name string
		sig  unix.Signal
	}{{"USR1", unix.SIGUSR1}, {"SIGUSR2", unix.SIGUSR2}, {"10", unix.SIGUSR1}, {"hup", unix.SIGHUP}, {"sigint", unix.SIGINT}, {"", unix.SIGTERM}} {
		c.next("waiting")
		args := []string{"kill", b.ID}
		if k.name != "" {
			args = append(args, k.name)
		}
		b.must(args...)
		want(t, "kill "+k.name, c.next("signal").Signal, k.sig)
	}
}

func TestLifecycle_kill_0_only_looks(t *testing.T) {
	t.Parallel()
	requires(t, "rt:runc-1.4")
	b := waiting(t)
	c := b.create().start()
	c.next("waiting")
	b.must("kill", b.ID, "0")
	b.wantStatus("running")
	b.must("kill", b.ID, "TERM")
	want(t, "first signal", c.next("signal").Signal, unix.SIGTERM)
}

func TestLifecycle_kill_refuses_unknown_signals(t *testing.T) {
	t.Parallel()
	b := waiting(t)
	c := b.create().start()
	c.next("waiting")
	for _, s := range []string{"NONSENSE", "SIGNONSENSE", "-1", "9999", "TERM "} {
		wantFailure(t, b.runtime("kill", b.ID, s))
	}
	b.wantStatus("running")
}

func TestLifecycle_kill_of_a_stopped_container_is_refused(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--exit", "0"}
	b.create().start().wait()
	wantFailure(t, b.runtime("kill", b.ID, "TERM"), "container not running")
	b.must("kill", "--all", b.ID, "KILL")
}

func TestLifecycle_kill_all_reaches_everyone(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	withoutNS(b.Spec, specs.PIDNamespace)
	b.Spec.Process.Args = []string{"/probe", "--child", "--daemon", "--wait-signal"}
	c := b.create().start()
	c.next("child")
	c.next("child")
	c.next("waiting")
	all := processesOf(b.ID)
	want(t, "processes", len(all), 3)
	b.must("kill", "-a", b.ID, "KILL")
	for _, p := range all {
		if !waitExit(t, p, patience) {
			t.Errorf("process %d is left", p)
		}
	}
	c.wait()
	b.wantStatus("stopped")
}

func TestLifecycle_KILL_of_a_container_in_the_hosts_pid_namespace_ends_all_of_it(t *testing.T) {
	t.Parallel()
	requires(t, "rt:runc-1.4")
	b := newBundle(t)
	withoutNS(b.Spec, specs.PIDNamespace)
	b.Spec.Process.Args = []string{"/probe", "--child", "--daemon", "--wait-signal"}
	c := b.create().start()
	c.next("child")
	c.next("child")
	c.next("waiting")
	all := processesOf(b.ID)
	b.must("kill", b.ID, "KILL")
	for _, p := range all {
		if !waitExit(t, p, patience) {
			t.Errorf("process %d is left", p)
		}
	}
}

func TestLifecycle_SIGTERM_ends_a_created_container(t *testing.T) {
	t.Parallel()
	requires(t, "rt:runc-1.4")
	b := waiting(t)
	c := b.create()
	b.must("kill", b.ID, "TERM")
	c.wait()
	b.wantStatus("stopped")
	b.must("delete", b.ID)
}

func TestLifecycle_SIGKILL_ends_a_created_container(t *testing.T) {
	t.Parallel()
	b := waiting(t)
	c := b.create()
	b.must("kill", b.ID, "KILL")
	want(t, "end", c.wait(), 128+9)
	b.wantStatus("stopped")
	wantFailure(t, b.runtime("start", b.ID))
}

// ---- descriptors handed over

func TestLifecycle_preserve_fds(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	for i := range 3 {
		f := tempFile(t, b.Dir)
		defer f.Close()
		if _, err := fmt.Fprintf(f, "fd %d", 3+i); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Seek(0, 0); err != nil {
			t.Fatal(err)
		}
		b.Extra = append(b.Extra, f)
	}
	b.Spec.Process.Args = []string{"/probe", "--read-fd", "3", "--read-fd", "4", "--read-fd", "5", "--report"}
	res := b.run("--preserve-fds", "2")
	want(t, "exit status", res.Exit, 0)
	r := parseProbe(t, res.Stdout)
	want(t, "3", r.action(t, 0).Data, "fd 3")
	want(t, "4", r.action(t, 1).Data, "fd 4")
	wantErrno(t, r.action(t, 2), unix.EBADF)
	want(t, "descriptors", len(r.Fds), 5)
	if v, ok := r.env("LISTEN_FDS"); ok {
		t.Errorf("LISTEN_FDS=%s", v)
	}
}

func TestLifecycle_preserve_fds_that_are_not_open_is_refused(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe"}
	wantFailure(t, b.run("--preserve-fds=3"))
}

func TestLifecycle_socket_activation(t *testing.T) {
	t.Parallel()
	requires(t, "command:sh")
	b := newBundle(t)
	f := tempFile(t, b.Dir)
	defer f.Close()
	b.Extra = []*os.File{f, f}
	b.Wrap = []string{lookPath(t, "sh"), "-c", `LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"`, "sh"}
	b.Spec.Process.Args = []string{"/probe"}
	res := b.run("--preserve-fds=1")
	want(t, "exit status", res.Exit, 0)
	r := parseProbe(t, res.Stdout)
	for name, value := range map[string]string{"LISTEN_FDS": "1", "LISTEN_PID": "1"} {
		v, _ := r.env(name)
		want(t, name, v, value)
	}
	want(t, "descriptors", len(r.Fds), 5)
}

func TestLifecycle_socket_activation_meant_for_another_process(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung") // runc looks at LISTEN_FDS alone
	b := newBundle(t)
	f := tempFile(t, b.Dir)
	defer f.Close()
	b.Extra = []*os.File{f}
	b.Env = []string{"LISTEN_FDS=1", "LISTEN_PID=1"}
	r := b.probe(nil)
	want(t, "descriptors", len(r.Fds), 3)
}

func TestLifecycle_readiness_is_told_to_NOTIFY_SOCKET(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	path := filepath.Join(b.Dir, "notify.sock")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b.Env = []string{"NOTIFY_SOCKET=" + path}
	b.Spec.Process.Args = []string{"/probe", "--notify", "READY=1", "--until-term"}
	f := b.runForeground()
	n := f.next("notify")
	wantErrno(t, n, 0)
	f.next("waiting")
	if err := l.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var got string
	buf := make([]byte, 4096)
	for !strings.Contains(got, "READY=1") || !strings.Contains(got, "MAINPID=") {
		n, err := l.Read(buf)
		if err != nil {
			t.Fatalf("%v; so far %q", err, got)
		}
		got += string(buf[:n]) + "\n"
	}
	if !strings.Contains(got, fmt.Sprintf("MAINPID=%d", b.state().Pid)) && !strings.Contains(got, fmt.Sprintf("MAINPID=%d", f.cmd.Process.Pid)) {
		t.Errorf("told %q, want the pid of the container's init (%d)", got, b.state().Pid)
	}
	b.must("kill", b.ID, "TERM")
	f.exit()
}

// expectFD waits for a descriptor while the test goes on; what it returns gives that descriptor.
func expectFD(t *testing.T, l *net.UnixListener) func() (name string, file *os.File) {
	t.Helper()
	type message struct {
		name string
		file *os.File
	}
	got := make(chan message, 1)
	go func() {
		defer close(got)
		name, f := receiveFD(t, l)
		got <- message{name, f}
	}()
	return func() (string, *os.File) {
		t.Helper()
		m := <-got
		if m.file == nil {
			t.Fatal("no descriptor came")
		}
		return m.name, m.file
	}
}

// receiveFD takes one message with one descriptor from an AF_UNIX stream socket.
func receiveFD(t *testing.T, l *net.UnixListener) (name string, file *os.File) {
	t.Helper()
	if err := l.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	conn, err := l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buf, oob := make([]byte, 4096), make([]byte, 4096)
	n, oobn, _, _, err := conn.ReadMsgUnix(buf, oob)
	if err != nil {
		t.Fatal(err)
	}
	if n == 0 || n == len(buf) {
		t.Errorf("the message has %d bytes", n)
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(msgs) != 1 {
		t.Fatalf("control messages: %v, %v", msgs, err)
	}
	fds, err := unix.ParseUnixRights(&msgs[0])
	if err != nil || len(fds) != 1 {
		t.Fatalf("descriptors: %v, %v", fds, err)
	}
	unix.CloseOnExec(fds[0])
	return string(buf[:n]), os.NewFile(uintptr(fds[0]), "received")
}

func (b *bundle) listen(name string) (path string, l *net.UnixListener) {
	b.t.Helper()
	path = filepath.Join(b.Dir, name)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { l.Close() })
	return path, l
}

func TestLifecycle_pidfd_socket(t *testing.T) {
	t.Parallel()
	requires(t, "rt:pidfd-socket")
	b := waiting(t)
	path, l := b.listen("pidfd.sock")
	received := expectFD(t, l)
	c := b.create("--pidfd-socket", path)
	_, pidfd := received()
	defer pidfd.Close()
	c.start()
	c.next("waiting")
	if err := unix.PidfdSendSignal(int(pidfd.Fd()), unix.SIGTERM, nil, 0); err != nil {
		t.Fatal(err)
	}
	want(t, "signal", c.next("signal").Signal, unix.SIGTERM)
	c.wait()
	b.wantStatus("stopped")
}

// ---- list

func TestLifecycle_list(t *testing.T) {
	t.Parallel()
	a := waiting(t)
	b, c := a.another(), a.another()
	b.Spec.Process.Args = []string{"/probe", "--exit", "0"}
	c.Spec.Process.Args = []string{"/probe", "--until-term"}
	a.create()
	b.create().start().wait()
	c.create().start().next("waiting")

	ids := []string{a.ID, b.ID, c.ID}
	slices.Sort(ids)
	want(t, "list -q", a.must("list", "-q").Stdout, strings.Join(ids, "\n")+"\n")
	want(t, "list --quiet", a.must("list", "--quiet").Stdout, strings.Join(ids, "\n")+"\n")

	table := a.must("list").Stdout
	lines := strings.Split(strings.TrimRight(table, "\n"), "\n")
	want(t, "lines", len(lines), 4)
	wantSlice(t, "head", strings.Fields(lines[0])[:5], []string{"ID", "PID", "STATUS", "BUNDLE", "CREATED"})
	for i, id := range ids {
		want(t, "order", strings.Fields(lines[i+1])[0], id)
	}
	for _, x := range []struct {
		b      *bundle
		status string
	}{{a, "created"}, {b, "stopped"}, {c, "running"}} {
		i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, x.b.ID+" ") })
		f := strings.Fields(lines[i])
		want(t, "status in the table", f[2], x.status)
		want(t, "bundle in the table", f[3], x.b.Dir)
	}

	out := a.must("list", "--format", "json").Stdout
	var list []struct {
		specs.State
		Rootfs, Created, Owner string
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want(t, "length", len(list), 3)
	want(t, "json lines", strings.Count(strings.TrimSpace(out), "\n"), 0)
	for i, id := range ids {
		want(t, "json order", list[i].ID, id)
	}
	if !strings.HasPrefix(out, `[{"ociVersion":"`) {
		t.Errorf("json: %s", out)
	}
	wantFailure(t, a.runtime("list", "--format", "poem"))
}

func TestLifecycle_list_of_nothing(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	want(t, "-q", b.must("list", "-q").Stdout, "")
	want(t, "lines", strings.Count(b.must("list").Stdout, "\n"), 1)
	if out := strings.TrimSpace(b.must("list", "--format", "json").Stdout); out != "null" && out != "[]" {
		t.Errorf("json: %q", out)
	}
}

func TestLifecycle_list_of_a_root_that_does_not_exist_is_refused(t *testing.T) {
	t.Parallel()
	requires(t, "rt:runc-1.4")
	b := newBundle(t)
	b.Root += "/nonexistent"
	wantFailure(t, b.runtime("list"), "no such file or directory")
}

// ---- log

func TestLifecycle_log_files(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			log := filepath.Join(b.Dir, "log")
			writeFile(t, log, "was here\n")
			b.Globals = []string{"--log", log, "--log-format", format, "--debug"}
			b.Spec.Process.Args = []string{"/probe", "--echo", "out"}
			res := b.run()
			want(t, "output", res.output(), "out\n")
			text := readFile(t, log)
			if !strings.HasPrefix(text, "was here\n") {
				t.Error("the log is not appended to")
			}
			for i, line := range strings.Split(text, "\n")[1:] {
				if format == "json" {
					var e struct{ Level, Msg, Time string }
					if err := json.Unmarshal([]byte(line), &e); err != nil || e.Level == "" || e.Time == "" {
						t.Errorf("line %d: %s: %v", i, line, err)
					}
				} else if !strings.Contains(line, "level=") {
					t.Errorf("line %d: %s", i, line)
				}
			}
			if debug := map[string]string{"text": "level=debug", "json": `"level":"debug"`}[format]; !strings.Contains(text, debug) {
				t.Errorf("no %s in the log", debug)
			}
		})
	}
}

func TestLifecycle_debug_goes_to_standard_error_without_a_log(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Globals = []string{"--debug"}
	b.Spec.Process.Args = []string{"/probe", "--echo", "out"}
	res := b.run()
	want(t, "standard output", res.Stdout, "out\n")
	if !strings.Contains(res.Stderr, "level=debug") {
		t.Errorf("standard error: %q", brief(res.Stderr))
	}
}

func TestLifecycle_an_error_is_in_the_log_and_on_standard_error(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	log := filepath.Join(b.Dir, "log")
	b.Globals = []string{"--log", log, "--log-format", "json"}
	b.Spec.Process.Args = []string{"/nonexistent"}
	res := b.run()
	wantFailure(t, res, "no such file or directory")
	var e struct{ Level, Msg string }
	lines := strings.Split(readFile(t, log), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &e); err != nil {
		t.Fatal(err)
	}
	want(t, "level", e.Level, "error")
	if !strings.Contains(e.Msg, "no such file or directory") {
		t.Errorf("message %q", e.Msg)
	}
}

func TestLifecycle_version(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	for _, flag := range []string{"--version", "-v"} {
		lines := strings.Split(b.must(flag).Stdout, "\n")
		if !strings.HasPrefix(lines[0], runtimeName+" version ") || !strings.Contains(strings.Join(lines, "\n"), "\nspec: 1.") {
			t.Errorf("%s: %q", flag, lines)
		}
	}
}
