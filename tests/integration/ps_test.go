package integration

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// pids is what `ps --format json` prints.
func (b *bundle) pids() (list []int) {
	b.t.Helper()
	out := b.must("ps", "--format", "json", b.ID).Stdout
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		b.t.Fatalf("%v: %s", err, out)
	}
	return list
}

func TestPs_lists_the_processes_of_the_container_alone(t *testing.T) {
	t.Parallel()
	requires(t, "command:ps")
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--daemon", "--until-term"}
	c := b.runDetached()
	wantErrno(t, c.next("child"), 0)
	c.next("waiting")
	pids := b.pids()
	if len(pids) != 2 || !slices.Contains(pids, c.Pid) || !slices.IsSorted(pids) {
		t.Errorf("pids: %v, init is %d", pids, c.Pid)
	}
	lines := strings.Split(strings.TrimSuffix(b.must("ps", b.ID).Stdout, "\n"), "\n")
	wantSlice(t, "heading", strings.Fields(lines[0]), []string{"UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"})
	want(t, "rows", len(lines)-1, 2)
	for _, line := range lines[1:] {
		f := strings.Fields(line)
		if f[0] != "root" || !slices.Contains([]string{itoa(pids[0]), itoa(pids[1])}, f[1]) || !strings.Contains(line, "/probe") {
			t.Errorf("row: %s", line)
		}
	}
}

func TestPs_passes_options_on(t *testing.T) {
	t.Parallel()
	requires(t, "command:ps")
	b := waiting(t)
	c := b.runDetached()
	c.next("waiting")
	lines := strings.Split(strings.TrimSuffix(b.must("ps", b.ID, "-e", "-x").Stdout, "\n"), "\n")
	wantSlice(t, "heading", strings.Fields(lines[0]), []string{"PID", "TTY", "STAT", "TIME", "COMMAND"})
	want(t, "rows", len(lines)-1, 1)
	wantSlice(t, "the pid alone", strings.Fields(b.must("ps", b.ID, "-eo", "pid").Stdout), []string{"PID", itoa(c.Pid)})
	wantFailure(t, b.runtime("ps", b.ID, "--no-such-option"))
	if lacking("rt:rung") == nil {
		wantFailure(t, b.runtime("ps", b.ID, "-eo", "args"), "PID")
		wantFailure(t, b.runtime("ps", "--format", "xml", b.ID), "xml")
	}
}

func TestPs_of_a_stopped_container_is_empty(t *testing.T) {
	t.Parallel()
	requires(t, "command:ps")
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe"}
	b.create().start().wait()
	b.wantStatus("stopped")
	want(t, "lines", strings.Count(b.must("ps", b.ID).Stdout, "\n"), 1)
	want(t, "pids", len(b.pids()), 0)
}

func TestPs_of_no_container(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	wantFailure(t, b.runtime("ps", b.ID), "does not exist")
}

func TestPs_in_groups_below(t *testing.T) {
	t.Parallel()
	group := "/sys/fs/cgroup/below"
	if cgroupKind() != "v2" {
		requires(t, "v1:freezer")
		group = "/sys/fs/cgroup/freezer/below"
	}
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--mkdir", group, "--cgroup-child", group, "--until-term"}
	c := b.inGroups(withMount(cgroupMount("rw")))
	wantErrno(t, c.next("mkdir"), 0)
	wantErrno(t, c.next("cgroup-child"), 0)
	c.next("waiting")
	want(t, "processes", len(b.pids()), 2)
}

// inGroups starts it.
func (b *bundle) inGroups(edit func(*specs.Spec)) *container {
	b.t.Helper()
	edit(b.Spec)
	return b.create().start()
}
