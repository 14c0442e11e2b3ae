package integration

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// event is a line of events, as their readers decode it.
type event struct {
	Type string
	ID   string
	Data *struct {
		CPU struct {
			Usage struct {
				Total, Kernel, User uint64
				Percpu              []uint64
			}
			Throttling struct{ Periods, ThrottledPeriods, ThrottledTime uint64 }
			PSI        *struct{ Some, Full map[string]float64 }
		}
		Cpuset struct{ Cpus, Mems []uint16 }
		Memory struct {
			Cache               uint64
			Usage, Swap, Kernel struct{ Limit, Usage, Max, Failcnt uint64 }
			KernelTCP           struct{ Limit, Failcnt uint64 }
			Raw                 map[string]uint64
		}
		Pids  struct{ Current, Limit uint64 }
		Blkio struct {
			IoServiceBytesRecursive []struct {
				Major, Minor, Value uint64
				Op                  string
			}
		}
		Hugetlb           map[string]struct{ Usage, Max, Failcnt uint64 }
		IntelRdt          *struct{}        `json:"intel_rdt"`
		NetworkInterfaces []map[string]any `json:"network_interfaces"`
	}
}

func parseEvent(t *testing.T, line string) event {
	t.Helper()
	var e event
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	return e
}

// events is an `events` that goes on.
type events struct {
	t    *testing.T
	file *os.File
	in   *bufio.Reader
	pid  int
	done chan Result
}

// events starts it, with standard output in a file, as engines and scripts have it.
func (b *bundle) events(options ...string) *events {
	b.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := b.command(append(append([]string{"events"}, options...), b.ID)...)
	cmd.Stdout = w
	stderr := tempFile(b.t, b.Dir)
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	w.Close()
	e := &events{t: b.t, file: r, in: bufio.NewReader(r), pid: cmd.Process.Pid, done: make(chan Result, 1)}
	b.t.Cleanup(func() { r.Close(); stderr.Close() })
	go func() {
		_ = cmd.Wait()
		e.done <- Result{Exit: cmd.ProcessState.ExitCode(), Stderr: stderr.Name()}
	}()
	b.t.Cleanup(func() { _ = cmd.Process.Kill() })
	return e
}

// line is the next line; "" at the end.
func (e *events) line() string {
	e.t.Helper()
	if err := e.file.SetReadDeadline(time.Now().Add(patience)); err != nil {
		e.t.Fatal(err)
	}
	line, err := e.in.ReadString('\n')
	if err != nil && err != io.EOF {
		e.t.Fatal(err)
	}
	return line
}

// until gives the first line of a type.
func (e *events) until(kind string) string {
	e.t.Helper()
	for {
		line := e.line()
		if line == "" {
			e.t.Fatalf("no event %q came", kind)
		}
		if strings.HasPrefix(line, `{"type":"`+kind+`",`) {
			return line
		}
	}
}

// end waits for its end.
func (e *events) end() {
	e.t.Helper()
	for e.line() != "" {
	}
	select {
	case r := <-e.done:
		if r.Exit != 0 {
			text, _ := os.ReadFile(r.Stderr)
			e.t.Errorf("events: exit status %d: %s", r.Exit, text)
		}
	case <-time.After(patience):
		e.t.Error("events does not end")
	}
}

func TestEvents_stats_once(t *testing.T) {
	t.Parallel()
	b := waiting(t)
	c := b.runDetached()
	c.next("waiting")
	out := b.must("events", "--stats", b.ID).Stdout
	if !strings.HasPrefix(out, `{"type":"stats","id":"`+b.ID+`","data":{"cpu":{"usage":{`) || strings.Count(out, "\n") != 1 {
		t.Errorf("got %s", out)
	}
	e := parseEvent(t, out)
	want(t, "type", e.Type, "stats")
	want(t, "id", e.ID, b.ID)
	want(t, "a place for resctrl", e.Data.IntelRdt != nil, true)
	want(t, "a place for huge pages", e.Data.Hugetlb != nil, true)
	if e.Data.Pids.Current == 0 && lacking("rt:rung") == nil {
		t.Error("no processes")
	}
	if lacking("ctrl:memory") == nil && (e.Data.Memory.Usage.Usage == 0 || e.Data.Memory.Usage.Limit == 0 || len(e.Data.Memory.Raw) == 0) {
		t.Errorf("memory: %+v", e.Data.Memory)
	}
	if lacking("ctrl:cpuset") == nil && lacking("cgroupv1") == nil && len(e.Data.Cpuset.Cpus) == 0 {
		t.Error("no processors")
	}
}

// Names of members, in runc's order, whatever their values are.
func TestEvents_stats_has_the_members_that_readers_know(t *testing.T) {
	t.Parallel()
	b := waiting(t)
	b.runDetached().next("waiting")
	var e struct{ Data json.RawMessage }
	if err := json.Unmarshal([]byte(b.must("events", "--stats", b.ID).Stdout), &e); err != nil {
		t.Fatal(err)
	}
	in := json.NewDecoder(strings.NewReader(string(e.Data)))
	var names []string
	if _, err := in.Token(); err != nil {
		t.Fatal(err)
	}
	for in.More() {
		name, err := in.Token()
		if err != nil {
			t.Fatal(err)
		}
		var skip json.RawMessage
		if err := in.Decode(&skip); err != nil {
			t.Fatal(err)
		}
		if name != "rdma" {
			names = append(names, name.(string))
		}
	}
	wantSlice(t, "members", names, []string{"cpu", "cpuset", "memory", "pids", "blkio", "hugetlb", "intel_rdt", "network_interfaces"})
}

func TestEvents_stats_are_those_of_the_limits(t *testing.T) {
	t.Parallel()
	requires(t, "ctrl:pids")
	b := waiting(t)
	resources(func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr[int64](42)} })(b.Spec)
	b.runDetached().next("waiting")
	e := parseEvent(t, b.must("events", "--stats", b.ID).Stdout)
	want(t, "limit", e.Data.Pids.Limit, 42)
	want(t, "processes", e.Data.Pids.Current, 1)
}

func TestEvents_stats_have_pressure_where_the_kernel_measures_it(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	if unifiedTop() == "" {
		requires(t, "cgroupv2")
	}
	requires(t, "file:"+unifiedTop()+"/cpu.pressure")
	b := waiting(t)
	b.runDetached().next("waiting")
	psi := parseEvent(t, b.must("events", "--stats", b.ID).Stdout).Data.CPU.PSI
	if psi == nil {
		t.Fatal("none")
	}
	for _, key := range []string{"avg10", "avg60", "avg300", "total"} {
		_, some := psi.Some[key]
		_, full := psi.Full[key]
		if !some || !full {
			t.Errorf("%s: %+v", key, psi)
		}
	}
}

func TestEvents_go_on_until_the_container_ends(t *testing.T) {
	t.Parallel()
	b := waiting(t)
	c := b.runDetached()
	c.next("waiting")
	e := b.events("--interval", "20ms")
	for range 3 {
		want(t, "id", parseEvent(t, e.until("stats")).ID, b.ID)
	}
	b.must("kill", b.ID, "KILL")
	c.wait()
	e.end()
}

func TestEvents_end_when_the_container_is_deleted(t *testing.T) {
	t.Parallel()
	b := waiting(t)
	c := b.runDetached()
	c.next("waiting")
	e := b.events("--interval", "1h") // by itself, not by looking again
	e.until("stats")
	b.must("delete", "--force", b.ID)
	c.wait()
	e.end()
}

func TestEvents_tell_that_memory_ran_out(t *testing.T) {
	t.Parallel()
	b, c, fill := filling(t)
	e := b.events("--interval", "1h")
	e.until("stats") // it watches, when it has told the first
	fill()
	want(t, "the line", e.until("oom"), `{"type":"oom","id":"`+b.ID+`"}`+"\n")
	c.wait()
	e.end()
}

// A reader that comes late: the kernel tells changes of memory.events at most every 10 ms, and whoever has the group
// removed need not wait for that. systemd does not.
func TestEvents_tell_that_memory_ran_out_in_a_group_that_is_gone(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b, c, fill := filling(t)
	e := b.events("--interval", "1h")
	e.until("stats")
	if err := unix.Kill(e.pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	fill()
	c.wait()
	b.must("delete", b.ID)
	if err := unix.Kill(e.pid, unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	want(t, "the line", e.until("oom"), `{"type":"oom","id":"`+b.ID+`"}`+"\n")
	e.end()
}

// filling is a container that uses more memory than it may, once told to.
func filling(t *testing.T) (b *bundle, c *container, fill func()) {
	t.Helper()
	requires(t, "ctrl:memory")
	b = newBundle(t)
	limit := int64(32 << 20)
	resources(func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Limit: &limit} })(b.Spec)
	b.Spec.Process.Args = []string{"/probe", "--line", "--fill-memory", "100000000", "--echo", "after"}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	b.Stdin = r
	c = b.runDetached()
	r.Close()
	return b, c, func() {
		t.Helper()
		if _, err := w.WriteString("go\n"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEvents_of_what_does_not_run(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	wantFailure(t, b.runtime("events", "--stats", b.ID), "does not exist")
	b.Spec.Process.Args = []string{"/probe"}
	b.create().start().wait()
	b.wantStatus("stopped")
	wantFailure(t, b.runtime("events", "--stats", b.ID))
	wantFailure(t, b.runtime("events", b.ID))
}

func TestEvents_interval_has_to_be_a_time(t *testing.T) {
	t.Parallel()
	b := waiting(t)
	b.runDetached().next("waiting")
	for _, v := range []string{"0", "0s", "-1s", "5", "soon", ""} {
		wantFailure(t, b.runtime("events", "--interval", v, b.ID))
	}
}

func TestEvents_of_a_paused_container(t *testing.T) {
	t.Parallel()
	needsFreezer(t)
	b := waiting(t)
	b.runDetached().next("waiting")
	b.must("pause", b.ID)
	want(t, "type", parseEvent(t, b.must("events", "--stats", b.ID).Stdout).Type, "stats")
	b.wantStatus("paused")
}

func TestEvents_interfaces_of_the_container(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := waiting(t)
	withoutNS(b.Spec, specs.NetworkNamespace)
	b.runDetached().next("waiting")
	want(t, "those of the host", len(parseEvent(t, b.must("events", "--stats", b.ID).Stdout).Data.NetworkInterfaces), 0)
}
