package integration

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// report is what probe --report says.
type report struct {
	UID, GID, Groups []uint32
	Caps             capSets
	NoNewPrivs       int
	Seccomp          int
	Securebits       int
	Keepcaps         int
	Dumpable         int
	Subreaper        int
	Pdeathsig        int
	Umask            uint32
	Cwd              string
	Argv, Env        []string
	Rlimits          [][2]uint64
	Hostname         string
	Domainname       string
	Machine          string
	Pid, Ppid        int
	Sid, Pgid        int
	Fds              []fdInfo
	Mounts           []mountInfo
	Cgroup           []string
	NS               map[string]string
	Sched            schedInfo
	Ioprio           struct{ Class, Priority int }
	Affinity         []int
	Personality      uint32
	OOMScoreAdj      string
	TimensOffsets    string
	Clocks           struct{ Monotonic, Boottime int64 }
	Mempolicy        struct {
		Errno, Mode, Flags int
		Nodes              uint64
	}
	Keyring        string
	KeyringID      int64
	LSM            string
	Status         string
	UIDMap, GIDMap string
	Setgroups      string
	Exe            string
	Interfaces     []netInterface
	Devices        []fileInfo
	Root           fileInfo

	actions []action // those done besides
}

type netInterface struct {
	Name, Addr, Mac string
	Flags, MTU      int
	Up              bool
}

type capSets struct{ Effective, Permitted, Inheritable, Bounding, Ambient uint64 }

func (c capSets) String() string {
	return fmt.Sprintf("inheritable %x permitted %x effective %x bounding %x ambient %x", c.Inheritable, c.Permitted, c.Effective, c.Bounding, c.Ambient)
}

type schedInfo struct {
	Policy, Nice, Priority           int
	Flags, Runtime, Deadline, Period uint64
}

type fdInfo struct {
	fileInfo
	FD         int
	TTY        bool
	Rows, Cols int
	Sid, Tpgid int
	Flags      int
}

type fileInfo struct {
	Name, Target string
	Type         string
	Mode         uint32
	UID, GID     uint32
	Size         int64
	Ino, Dev, FS uint64
	Nlink        int
	Major, Minor uint32
}

type mountInfo struct {
	ID, Parent     int
	Device         string
	Root, Target   string
	Options, Super string
	Optional       []string
	Fstype, Source string
}

func (m mountInfo) has(option string) bool {
	return slices.Contains(strings.Split(m.Options, ","), option)
}

func (m mountInfo) String() string {
	return fmt.Sprintf("%s on %s type %s (%s; %s) %v root %s", m.Source, m.Target, m.Fstype, m.Options, m.Super, m.Optional, m.Root)
}

// action is what the probe says of one of its other actions. Which members are set depends on the action.
type action struct {
	fileInfo
	Op, Path, Data string
	Errno          unix.Errno
	Error          string
	Count          int
	Pid, Sender    int
	Signal         unix.Signal
	NR, Ret        int64
	Rows, Cols     int
	Entries        []fileInfo
	FD             int
}

// parseProbe reads the probe's output. Lines that are not objects are somebody else's.
func parseProbe(t *testing.T, out string) report {
	t.Helper()
	var r report
	seen := false
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, `{"op":`) {
			continue
		}
		if strings.HasPrefix(line, `{"op":"report"`) {
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatalf("the probe's report: %v\n%s", err, line)
			}
			seen = true
			continue
		}
		r.actions = append(r.actions, parseAction(t, line))
	}
	if !seen {
		t.Fatalf("no report of the probe in its output: %q", out)
	}
	return r
}

func parseAction(t *testing.T, line string) action {
	t.Helper()
	var a action
	if err := json.Unmarshal([]byte(line), &a); err != nil {
		t.Fatalf("the probe's output: %v\n%s", err, line)
	}
	return a
}

// probe runs a container made of the default bundle and edit, with the probe as its process: the actions, then a
// report.
func probe(t *testing.T, edit func(*specs.Spec), actions ...string) report {
	t.Helper()
	b := newBundle(t)
	return b.probe(edit, actions...)
}

func (b *bundle) probe(edit func(*specs.Spec), actions ...string) report {
	b.t.Helper()
	b.Spec.Process.Args = append(append([]string{"/probe"}, actions...), "--report")
	if edit != nil {
		edit(b.Spec)
	}
	res := b.run()
	if res.Exit != 0 {
		b.t.Fatalf("run: exit status %d\n%s%s", res.Exit, brief(res.Stdout), brief(res.Stderr))
	}
	if res.Stderr != "" {
		b.t.Errorf("run wrote to standard error: %q", res.Stderr)
	}
	return parseProbe(b.t, res.Stdout)
}

// tryProbe is probe where the run may fail.
func tryProbe(t *testing.T, edit func(*specs.Spec), actions ...string) Result {
	t.Helper()
	b := newBundle(t)
	b.Spec.Process.Args = append([]string{"/probe"}, actions...)
	if edit != nil {
		edit(b.Spec)
	}
	return b.run()
}

// mustFail runs what must not start, and returns what was said.
func mustFail(t *testing.T, edit func(*specs.Spec), fragments ...string) Result {
	t.Helper()
	res := tryProbe(t, edit, "--echo", "it-started")
	wantFailure(t, res, fragments...)
	if strings.Contains(res.Stdout, "it-started") {
		t.Error("the process was started")
	}
	return res
}

func wantFailure(t *testing.T, res Result, fragments ...string) {
	t.Helper()
	if res.Exit == 0 {
		t.Errorf("exit status 0, want a failure\n%s%s", brief(res.Stdout), brief(res.Stderr))
	}
	for _, f := range fragments {
		if !strings.Contains(res.Stdout+res.Stderr, f) {
			t.Errorf("want %q in the output, got %q", f, brief(res.Stdout+res.Stderr))
		}
	}
}

// action returns the nth action's result.
func (r report) action(t *testing.T, n int) action {
	t.Helper()
	if n >= len(r.actions) {
		t.Fatalf("the probe did %d actions, want a result of number %d: %+v", len(r.actions), n, r.actions)
	}
	return r.actions[n]
}

// mount returns the top mount on target; it fails the test if there is none.
func (r report) mount(t *testing.T, target string) mountInfo {
	t.Helper()
	for _, m := range slices.Backward(r.Mounts) {
		if m.Target == target {
			return m
		}
	}
	t.Fatalf("nothing is mounted on %s:\n%s", target, r.mountTable())
	return mountInfo{}
}

func (r report) mountsOn(target string) (n int) {
	for _, m := range r.Mounts {
		if m.Target == target {
			n++
		}
	}
	return n
}

func (r report) mountTable() string {
	var b strings.Builder
	for _, m := range r.Mounts {
		fmt.Fprintln(&b, m)
	}
	return b.String()
}

// status is a field of /proc/self/status.
func (r report) status(field string) string {
	for line := range strings.Lines(r.Status) {
		if v, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func (r report) fd(n int) (fdInfo, bool) {
	for _, f := range r.Fds {
		if f.FD == n {
			return f, true
		}
	}
	return fdInfo{}, false
}

func (r report) env(name string) (string, bool) {
	for _, e := range r.Env {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v, true
		}
	}
	return "", false
}

func (r report) device(name string) (fileInfo, bool) {
	for _, d := range r.Devices {
		if d.Name == name {
			return d, true
		}
	}
	return fileInfo{}, false
}

// nsID is a namespace of this process, or of another's, as the kernel names it: "net:[4026531840]".
func nsID(t *testing.T, pid int, ns string) string {
	t.Helper()
	who := "self"
	if pid != 0 {
		who = strconv.Itoa(pid)
	}
	return readlink(t, "/proc/"+who+"/ns/"+ns)
}

// want compares, and says what it is about when it differs.
func want[T comparable](t *testing.T, what string, got, wanted T) {
	t.Helper()
	if got != wanted {
		t.Errorf("%s: got %v, want %v", what, got, wanted)
	}
}

func wantSlice[T comparable](t *testing.T, what string, got, wanted []T) {
	t.Helper()
	if !slices.Equal(got, wanted) {
		t.Errorf("%s: got %v, want %v", what, got, wanted)
	}
}

// wantErrno checks how an action went; 0 is success.
func wantErrno(t *testing.T, a action, errnos ...unix.Errno) {
	t.Helper()
	if !slices.Contains(errnos, a.Errno) {
		t.Errorf("%s %s: errno %d (%s), want one of %v", a.Op, a.Path, a.Errno, a.Error, errnos)
	}
}

// brief shortens the probe's reports in messages.
func brief(out string) string {
	const most = 600
	if len(out) <= most {
		return out
	}
	return out[:most] + "…"
}
