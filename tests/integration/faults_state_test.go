package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// stateFile is the record of the container.
func (b *bundle) stateFile() string { return filepath.Join(b.Root, b.ID, "state.json") }

// damage is what may have become of a record.
type damage struct {
	name  string
	edit  func(record string) string
	error string // of commands
}

var damages = []damage{
	{"empty", func(string) string { return "" }, "state.json is damaged"},
	{"cut short", func(r string) string { return r[:len(r)/2] }, "state.json is damaged"},
	{"cut short before the pid", func(r string) string { return r[:strings.Index(r, `"init_process_pid"`)] }, "state.json is damaged"},
	{"zeros", func(r string) string { return strings.Repeat("\x00", len(r)) }, "state.json is damaged"},
	{"no JSON", func(string) string { return "lorem ipsum" }, "state.json is damaged"},
	{"no record", func(string) string { return "{}" }, "it has no schema or id"},
	{"a flipped bit", func(r string) string { return strings.Replace(r, `"schema":`, `"schema";`, 1) }, "state.json is damaged"},
	{"newer", func(r string) string { return strings.Replace(r, `"schema":2`, `"schema":99`, 1) }, "was written by a newer rung (schema 99, this one knows 2)"},
	{"typed over", func(r string) string { return strings.Replace(r, `"phase":"created"`, `"phase":"Created"`, 1) }, "its checksum does not match"},
	{"spliced", func(r string) string { return cutAt(r, `"cgroups"`) + r[strings.Index(r, `"unit"`):] }, "state.json is damaged"},
	{"of an older form", func(r string) string { return strings.Replace(r, `"schema":2`, `"schema":1`, 1) }, "its checksum does not match"},
	{"another pid", func(r string) string {
		return strings.Replace(cutAt(r, "creator_pid"), `"init_process_pid":`, `"init_process_pid":1`, 1)
	}, "state.json is damaged"},
}

func cutAt(text, word string) string { return text[:strings.Index(text, word)] }

// A record that cannot be understood stops every command, with a text that says so; `delete --force` takes the
// container away all the same, and nothing of anybody else's.
func TestFaults_unreadable_record(t *testing.T) {
	for _, spec := range []struct {
		name string
		edit func(*specs.Spec)
	}{
		{"default", nil},
		{"group by default", func(s *specs.Spec) { s.Linux.CgroupsPath = "" }},
		{"host's pids", func(s *specs.Spec) { withoutNS(s, specs.PIDNamespace) }},
	} {
		for _, d := range damages {
			t.Run(spec.name+"/"+d.name, func(t *testing.T) {
				requires(t, "rt:rung")
				b := waiting(t)
				other := b.another()
				other.Spec.Process.Args = b.Spec.Process.Args
				o := other.runDetached()
				o.next("waiting")
				if spec.edit != nil {
					spec.edit(b.Spec)
				}
				c := b.runDetached()
				c.next("waiting")
				writeFile(t, b.stateFile(), d.edit(readFile(t, b.stateFile())))
				for i, line := range [][]string{
					{"state", b.ID}, {"start", b.ID}, {"kill", b.ID}, {"exec", b.ID, "/probe"}, {"delete", b.ID}, {"pause", b.ID},
					{"update", "--pids-limit", "9", b.ID}, {"ps", b.ID},
				} {
					if spec.edit != nil && i > 0 {
						break // they read the record in one place
					}
					res := b.runtime(line...)
					if res.Exit == 0 || !strings.Contains(res.Stderr, d.error) {
						t.Errorf("%v: %d, %s; want %q", line, res.Exit, res.output(), d.error)
					}
				}
				res := b.must("list", "-q")
				want(t, "listed", res.Stdout, other.ID+"\n")
				if !strings.Contains(res.Stderr, d.error) {
					t.Errorf("list: %s", res.Stderr)
				}
				res = b.must("delete", "--force", b.ID)
				if !strings.Contains(res.Stderr, d.error) {
					t.Errorf("delete --force: %s; want a warning", res.Stderr)
				}
				if !waitExit(t, c.Pid, patience) {
					t.Error("the container's process is left")
				}
				for _, w := range b.left(nil, slices.DeleteFunc(b.files(), func(n string) bool { return strings.HasPrefix(n, "state/"+b.ID) })) {
					t.Error(w)
				}
				want(t, "the other container", string(other.state().Status), "running")
			})
		}
	}
}

// Without a config either, the mark of its cgroups tells which processes are the container's. Where no cgroup has a mark,
// what is in the group that the container has by default may be anybody's.
func TestFaults_unreadable_record_and_no_config(t *testing.T) {
	requires(t, "rt:rung")
	b := waiting(t)
	b.Spec.Linux.CgroupsPath = "" // which is /ID
	c := b.runDetached()
	c.next("waiting")
	record := readFile(t, b.stateFile())
	writeFile(t, b.stateFile(), "")
	if err := os.Remove(filepath.Join(b.Root, b.ID, "config.json")); err != nil {
		t.Fatal(err)
	}
	marks := b.unmark()
	res := b.runtime("delete", "--force", b.ID)
	wantFailure(t, res, "state.json is damaged", "nothing else tells whose the 1 processes in control group /"+b.ID+" are ("+fmt.Sprint(c.Pid)+" among them)")
	if waitExit(t, c.Pid, 0) {
		t.Error("the process was killed, and might have been somebody else's")
	}
	// the init is known, and in there: it is the container's
	writeFile(t, b.stateFile(), record[:strings.Index(record, `"creator_pid"`)])
	b.must("delete", "--force", b.ID)
	if !waitExit(t, c.Pid, patience) {
		t.Error("the container's process is left")
	}

	c = b.runDetached()
	c.next("waiting")
	for _, name := range []string{"state.json", "config.json"} {
		writeFile(t, filepath.Join(b.Root, b.ID, name), "")
	}
	b.must("delete", "--force", b.ID)
	if !waitExit(t, c.Pid, patience) {
		t.Errorf("the process of a container with the marks %v is left", marks)
	}
}

// The pid of an init that has ended is another process's: nobody is signalled.
func TestFaults_reused_pid(t *testing.T) {
	requires(t, "rt:rung")
	b := waiting(t)
	c := b.create()
	bystander := lingering(t)
	b.forge(`"init_process_pid":\d+,"init_process_start":\d+`, fmt.Sprintf(`"init_process_pid":%d,"init_process_start":%d`, bystander, startTime(t, bystander)-1))
	b.wantStatus("stopped")
	wantFailure(t, b.runtime("kill", b.ID, "KILL"), "container not running")
	wantFailure(t, b.runtime("exec", b.ID, "/probe"), "cannot exec in a stopped container")
	wantFailure(t, b.runtime("start", b.ID))
	b.must("delete", b.ID)
	if waitExit(t, bystander, 0) {
		t.Error("the process that has the pid now was killed")
	}
	if !waitExit(t, c.Pid, patience) {
		t.Error("the container's process is left")
	}
}

// startTime is field 22 of proc_pid_stat(5).
func startTime(t *testing.T, pid int) int {
	t.Helper()
	stat := readFile(t, fmt.Sprintf("/proc/%d/stat", pid))
	n, err := strconv.Atoi(strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])[19])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// lingering is a process of the tests' own that stays until the test ends.
func lingering(t *testing.T) (pid int) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p, err := os.StartProcess(lookPath(t, "cat"), []string{"cat"}, &os.ProcAttr{Files: []*os.File{r, os.Stderr, os.Stderr}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.Close()
		_ = unix.Kill(p.Pid, unix.SIGKILL)
		_, _ = p.Wait()
	})
	return p.Pid
}
