package integration

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// tally counts harm of one kind, for the line at the end of the tests.
type tally struct{ survived, done atomic.Int64 }

// add counts one more, unless the command ended before the harm was done.
func (c *tally) add(done, survived bool) {
	if done {
		c.done.Add(1)
		if survived {
			c.survived.Add(1)
		}
	}
}

// What the tests named TestFaults_… have been through.
var faults struct{ kills, failures, accidents tally }

// reportFaults prints it; nothing of what was not tried.
func reportFaults() {
	for _, c := range []struct {
		n    *tally
		text string
	}{
		{&faults.kills, "kill points"}, {&faults.failures, "failing system calls"}, {&faults.accidents, "accidents"},
	} {
		if n := c.n.done.Load(); n > 0 {
			fmt.Printf("%d of %d %s survived on %s\n", c.n.survived.Load(), n, c.text, cgroupKind())
		}
	}
}

// stride is which of the calls are tried: each first one after a step of the plan, and every n-th of the others.
// RUNG_FAULTS_STRIDE=1 tries all of them; RUNG_FAULTS_OFFSET is where the others begin.
func stride(t *testing.T) (n, offset int) {
	t.Helper()
	n = 9
	for name, to := range map[string]*int{"RUNG_FAULTS_STRIDE": &n, "RUNG_FAULTS_OFFSET": &offset} {
		if text := os.Getenv(name); text != "" {
			v, err := strconv.Atoi(text)
			if err != nil || v < 0 || v == 0 && to == &n {
				t.Fatalf("%s=%s", name, text)
			}
			*to = v
		}
	}
	return n, offset % n
}

// scene is a command that is harmed.
type scene struct {
	name     string
	needs    []string
	spec     func(*specs.Spec)
	before   func(b *bundle)          // what is there already; nil: nothing
	traced   []string                 // a command before, traced too, for what it leaves runs on
	command  []string                 // ID is the container's id
	survives func(b *bundle) []string // what holds after the command was killed, before the container is deleted
	calls    []namedCall              // that are looked at; nil: changingCalls
	changes  func(c *stop) bool       // which of them matter; nil: those that change something
}

const idWord = "ID"

func (s *scene) args(b *bundle, line []string) []string {
	out := slices.Clone(line)
	for i, w := range out {
		if w == idWord {
			out[i] = b.ID
		}
		out[i] = strings.ReplaceAll(out[i], "BUNDLE", b.Dir)
	}
	return out
}

func (s *scene) commands(b *bundle) [][]string {
	var list [][]string
	if s.traced != nil {
		list = append(list, s.args(b, s.traced))
	}
	return append(list, s.args(b, s.command))
}

// bundle makes the bundle for all turns of the scene, and its one config.
func (s *scene) bundle(t *testing.T) *bundle {
	requires(t, append([]string{"rt:rung"}, s.needs...)...)
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	b.Globals = []string{"--debug"}
	if s.spec != nil {
		s.spec(b.Spec)
	}
	b.writeConfig()
	writeFile(t, filepath.Join(b.Dir, "limits.json"), `{"devices": [{"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"}], "unified": {}}`)
	return b
}

var createLine = []string{"create", "--bundle", "BUNDLE", "--pid-file", "BUNDLE/pid", idWord}

// running makes the container, and starts it.
func running(b *bundle) {
	b.t.Helper()
	stdout := tempFile(b.t, base)
	defer stdout.Close()
	cmd := b.command("run", "--detach", "--bundle", b.Dir, b.ID)
	cmd.Stdout, cmd.Stderr = stdout, stdout
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	if res := waitFor(b.t, cmd); res.Exit != 0 {
		b.t.Fatalf("run: exit status %d: %s", res.Exit, contents(b.t, stdout))
	}
}

// is says what is wrong when the container is in none of these states.
func is(status ...string) func(*bundle) []string {
	return func(b *bundle) []string {
		b.t.Helper()
		res := b.runtime("state", b.ID)
		for _, s := range status {
			if res.Exit == 0 && strings.Contains(res.Stdout, `"status": "`+s+`"`) {
				return nil
			}
		}
		return []string{fmt.Sprintf("state: %d, %s%s; want %q", res.Exit, res.Stdout, res.Stderr, status)}
	}
}

// goesOn: the container runs, and another command is not held up.
func goesOn(b *bundle) []string {
	b.t.Helper()
	wrong := is("running")(b)
	if res := b.runtime("exec", b.ID, "/probe", "--exit", "7"); res.Exit != 7 {
		wrong = append(wrong, fmt.Sprintf("exec into the container that is left: %d, %s", res.Exit, res.Stderr))
	}
	return wrong
}

// canBeUpdated: it also takes new limits, and its record is whole.
func canBeUpdated(b *bundle) []string {
	b.t.Helper()
	wrong := goesOn(b)
	line := []string{"update", "--resources", filepath.Join(b.Dir, "limits.json"), b.ID}
	if lacking("ctrl:pids") == nil {
		line = append([]string{"update", "--pids-limit", "60"}, line[1:]...)
	}
	if res := b.runtime(line...); res.Exit != 0 {
		wrong = append(wrong, fmt.Sprintf("update: %d, %s", res.Exit, res.Stderr))
	}
	if lacking("ctrl:pids") == nil {
		if now := strings.TrimSpace(readFile(b.t, b.cgroupDir("pids")+"/pids.max")); now != "60" {
			wrong = append(wrong, "pids.max is "+now+", want 60")
		}
	}
	entries, err := os.ReadDir(filepath.Join(b.Root, b.ID))
	for _, e := range entries {
		if !slices.Contains([]string{"state.json", "config.json"}, e.Name()) {
			wrong = append(wrong, e.Name()+" beside the record")
		}
	}
	if err != nil {
		wrong = append(wrong, err.Error())
	}
	return append(wrong, goesOn(b)...)
}

func killScenes() []scene {
	return []scene{
		{name: "create", command: createLine},
		{name: "create, like Docker", spec: likeDocker, command: createLine},
		{name: "create, user namespace", needs: []string{"userns"}, spec: mappedRoot, command: createLine},
		{name: "run", spec: endsAtOnce, command: []string{"run", "--bundle", "BUNDLE", idWord}},
		{name: "run detached, like Docker", spec: likeDocker, command: []string{"run", "--detach", "--bundle", "BUNDLE", idWord}},
		{name: "start", traced: createLine, command: []string{"start", idWord}, survives: is("created", "running", "stopped")},
		{name: "start, like Docker", spec: likeDocker, traced: createLine, command: []string{"start", idWord}, survives: is("created", "running", "stopped")},
		{name: "exec", before: running, command: []string{"exec", idWord, "/probe", "--exit", "0"}, survives: goesOn},
		{name: "exec, user namespace", needs: []string{"userns"}, spec: mappedRoot, before: running, command: []string{"exec", "--detach", idWord, "/probe", "--sleep"}, survives: goesOn},
		{name: "update", needs: []string{"ctrl:pids"}, spec: likeDocker, before: running, command: []string{"update", "--pids-limit", "50", idWord}, survives: canBeUpdated},
		{name: "update, devices", spec: likeDocker, before: running, command: []string{"update", "--resources", "BUNDLE/limits.json", idWord}, survives: canBeUpdated},
		{name: "pause", before: running, command: []string{"pause", idWord}, survives: is("running", "paused")},
		{name: "resume", before: func(b *bundle) { running(b); b.must("pause", b.ID) }, command: []string{"resume", idWord}, survives: is("running", "paused")},
		{name: "kill", before: running, command: []string{"kill", idWord, "KILL"}, survives: is("running", "stopped")},
		{name: "delete", spec: likeDocker, before: func(b *bundle) { running(b); b.must("kill", b.ID, "KILL"); b.awaitStatus("stopped") }, command: []string{"delete", idWord}},
		{name: "delete by force", spec: likeDocker, before: running, command: []string{"delete", "--force", idWord}},
	}
}

func endsAtOnce(s *specs.Spec) { s.Process.Args = []string{"/probe", "--exit", "0"} }

// likeDocker adds what engines use besides: limits, a filter, hooks of every kind.
func likeDocker(s *specs.Spec) {
	if lacking("ctrl:pids") == nil {
		s.Linux.Resources.Pids = &specs.LinuxPids{Limit: ptr(int64(100))}
	}
	s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{
		{Names: []string{"swapon", "reboot"}, Action: specs.ActErrno},
	}}
	s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 1024, Soft: 512}}
	hook := specs.Hook{Path: probePath, Args: []string{"probe", "--exit", "0"}}
	for _, kind := range []string{"prestart", "createRuntime", "createContainer", "poststart", "poststop"} {
		addHook(s, kind, hook)
	}
	inside := hook
	inside.Path = "/probe"
	addHook(s, "startContainer", inside)
}

func mappedRoot(s *specs.Spec) {
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	s.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
	s.Linux.GIDMappings = s.Linux.UIDMappings
}

func (b *bundle) awaitStatus(status string) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		res := b.must("state", b.ID)
		if strings.Contains(res.Stdout, `"status": "`+status+`"`) {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("not %s: %s", status, res.Stdout)
		}
	}
}

// Whatever a command is about to do when it is killed, `delete --force` takes all of the container away.
func TestFaults_kill(t *testing.T) {
	for _, s := range killScenes() {
		t.Run(s.name, func(t *testing.T) {
			b := s.bundle(t)
			points := s.rehearse(b)
			n, offset := stride(t)
			seen := map[string]bool{}
			for i, p := range points {
				if p.step == "" && i%n != offset {
					continue
				}
				turns := []harm{{killCommand: true}}
				if !p.own {
					turns = append(turns, harm{killCaller: true})
					if n == 1 {
						turns = append(turns, harm{killCommand: true, killCaller: true})
					}
				}
				for _, h := range turns {
					s.kill(b, i, h)
				}
				seen[p.step] = true
			}
			t.Logf("%d calls, %d steps", len(points), len(seen))
		})
	}
}

// rehearse makes the command as it is, and lists the calls that matter.
func (s *scene) rehearse(b *bundle) (points []stop) {
	b.t.Helper()
	if s.before != nil {
		s.before(b)
	}
	tr, res := b.traceCommands(numbersOf(s.traces()), func(c *stop) harm {
		if s.matters(c) {
			points = append(points, *c)
		}
		return harm{}
	}, s.commands(b)...)
	if res.Exit != 0 || len(points) == 0 {
		b.t.Fatalf("%v: exit status %d, %d calls: %s", s.command, res.Exit, len(points), res.Stderr)
	}
	for _, w := range s.end(b, tr, b.files()) {
		b.t.Fatal(w)
	}
	return points
}

// traces is the calls that are looked at.
func (s *scene) traces() []namedCall {
	if s.calls != nil {
		return s.calls
	}
	return changingCalls
}

func (s *scene) matters(c *stop) bool {
	if s.changes != nil {
		return s.changes(c)
	}
	return c.changes()
}

// kill does harm at call number n.
func (s *scene) kill(b *bundle, n int, h harm) {
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
		if i++; i <= n || h.killCaller && !h.killCommand && c.own {
			return harm{}
		}
		at = c.String()
		return h
	}, s.commands(b)...)
	var wrong []string
	if s.survives != nil && h.killCommand {
		wrong = append(wrong, s.survives(b)...)
	}
	if !h.killCommand && res.Exit != 0 {
		wrong = append(wrong, s.leftByFailure(b)...)
	}
	wrong = append(wrong, s.end(b, tr, files)...)
	if wrong != nil {
		b.t.Errorf("killed (%+v) at call %d: %s; the command ended with %d: %s\n%s", h, n, at, res.Exit, last(res.Stderr), strings.Join(wrong, "\n"))
	}
	faults.kills.add(at != "", wrong == nil)
}

// end deletes the container by force, and then says what is left.
func (s *scene) end(b *bundle, tr *tree, files []string) (wrong []string) {
	b.t.Helper()
	if res := b.runtime("delete", "--force", b.ID); res.Exit != 0 {
		wrong = append(wrong, fmt.Sprintf("delete --force: exit status %d: %s", res.Exit, res.Stderr))
		for _, pid := range processesOf(b.ID) {
			wrong = append(wrong, fmt.Sprintf("process %d, %q: state %c, in %s", pid, cmdline(pid), processState(pid), waitsIn(pid)))
		}
	}
	return append(wrong, b.left(tr, files)...)
}

// left lists what is there of a deleted container, and removes it: processes that descend from tr's, groups, mounts,
// and files of the bundle that are not among files.
func (b *bundle) left(tr *tree, files []string) (wrong []string) {
	b.t.Helper()
	note := func(format string, args ...any) { wrong = append(wrong, "left: "+fmt.Sprintf(format, args...)) }
	if tr != nil {
		select {
		case <-tr.gone:
		case <-time.After(patience):
			for _, pid := range tr.left() {
				note("process %d, %q", pid, cmdline(pid))
				_ = unix.Kill(pid, unix.SIGKILL)
			}
			<-tr.gone
		}
	}
	reap(b.t)
	for _, pid := range processesOf(b.ID) {
		note("process %d, %q", pid, cmdline(pid))
		_ = unix.Kill(pid, unix.SIGKILL)
	}
	for _, dir := range cgroupDirsOf(b.ID) {
		note("%s", dir)
		removeCgroup(dir)
	}
	if keyring := "_ses." + b.ID; hasKeyring(b.t, keyring) {
		note("keyring %s", keyring)
	}
	for _, m := range mountsBelow(b.t, b.Dir) {
		if m == b.Root {
			continue // the test's own
		}
		note("mount %s", m)
		_ = unix.Unmount(m, unix.MNT_DETACH)
	}
	for _, name := range b.files() {
		if name == "pid" { // the caller's, once it is complete
			_ = os.Remove(filepath.Join(b.Dir, name))
		} else if !slices.Contains(files, name) {
			note("%s in the bundle", name)
			_ = os.RemoveAll(filepath.Join(b.Dir, name))
		}
	}
	return wrong
}

// hasKeyring says whether proc_keys(5) shows a keyring of that name, and goes on to. The kernel takes them away in its own
// time, and tells nobody when.
func hasKeyring(t *testing.T, name string) bool {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		// rung adds to the name what nobody can know before
		if keys := readFile(t, "/proc/keys"); !strings.Contains(keys, name+":") && !strings.Contains(keys, name+".") {
			return false
		}
		reap(t) // a zombie has it, too
		if time.Now().After(deadline) {
			return true
		}
	}
}

// leftByFailure lists what a command that failed by itself, and should have taken everything back, has left.
func (s *scene) leftByFailure(b *bundle) (wrong []string) {
	if s.before != nil || s.traced != nil {
		return nil // the container was there before
	}
	if exists(filepath.Join(b.Root, b.ID)) {
		wrong = append(wrong, "the failing command has left its state")
	}
	for _, dir := range cgroupDirsOf(b.ID) {
		wrong = append(wrong, "the failing command has left "+dir)
	}
	return wrong
}

// files lists the files of the bundle, with its root file system and the runtime's state.
func (b *bundle) files() (names []string) {
	_ = filepath.WalkDir(b.Dir, func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			names = append(names, strings.TrimPrefix(path, b.Dir+"/"))
		}
		return nil
	})
	return names
}

// cgroupDirsOf lists the groups of a container whose cgroupsPath is /ID.
func cgroupDirsOf(id string) (dirs []string) {
	for _, pattern := range []string{"/sys/fs/cgroup/" + id, "/sys/fs/cgroup/*/" + id} {
		list, _ := filepath.Glob(pattern)
		dirs = append(dirs, list...)
	}
	return dirs
}

// last is the end of what a command has logged.
func last(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], "\n")
}
