package integration

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Every command with every kind of damaged, foreign and forged record, in a PID namespace, a mount namespace and below a
// cgroup of its own: no process, cgroup or file that is not the container's is touched, and no command hangs or panics.
// RUNG_RECORDS is how many records are tried, RUNG_RECORDS_TIME after how long no further one is, RUNG_RECORDS_SEED the
// seed that repeats a run.
func TestRecords_fuzz(t *testing.T) {
	tryRecords(t, cmp.Or(os.Getenv("RUNG_RECORDS"), "3000"))
}

// A record with the checksum that belongs to it, or of an earlier rung that had none, names a bystander: no command does
// anything to it.
func TestRecords_name_bystanders(t *testing.T) { tryRecords(t, "cases") }

// tryRecords runs the fuzzer in namespaces of its own.
func tryRecords(t *testing.T, n string) {
	t.Helper()
	requires(t, "root", "rt:rung")
	seed := cmp.Or(os.Getenv("RUNG_RECORDS_SEED"), strconv.FormatInt(time.Now().UnixNano(), 10))
	dir, err := os.MkdirTemp(base, "records-")
	if err != nil {
		t.Fatal(err)
	}
	tops, err := fuzzGroups("rit-" + strconv.Itoa(os.Getpid()) + "-records")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		for _, top := range tops {
			removeCgroup(top)
			if exists(top) {
				t.Errorf("left: %s", top)
			}
		}
	}()
	out := tempFile(t, dir)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), stageEnv+"=records", "RUNG_RECORDS="+n, "RUNG_RECORDS_SEED="+seed,
		"RUNG="+runtimePath, "PROBE="+probePath, "DIR="+dir, "TOPS="+strings.Join(tops, ":"))
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWIPC, Pdeathsig: unix.SIGKILL}
	start := time.Now()
	err = cmd.Run()
	t.Logf("seed %s, %v\n%s", seed, time.Since(start).Round(time.Second), contents(t, out))
	if err != nil {
		t.Errorf("RUNG_RECORDS=%s RUNG_RECORDS_SEED=%s: %v", n, seed, err)
	}
}

// fuzzGroups makes a cgroup in every hierarchy that is mounted.
func fuzzGroups(name string) (tops []string, err error) {
	mounts := []string{"/sys/fs/cgroup"}
	if cgroupKind() != "v2" {
		entries, err := os.ReadDir("/sys/fs/cgroup")
		if err != nil {
			return nil, err
		}
		mounts = nil
		for _, e := range entries {
			if e.IsDir() {
				mounts = append(mounts, filepath.Join("/sys/fs/cgroup", e.Name()))
			}
		}
	}
	for _, m := range mounts {
		if !exists(m + "/cgroup.procs") {
			continue
		}
		top := filepath.Join(m, name)
		if err := makeGroup(top); err != nil {
			return tops, err
		}
		tops = append(tops, top)
	}
	return tops, nil
}

// makeGroup makes a cgroup that takes processes: a v1 cpuset does only with CPUs and memory nodes.
func makeGroup(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		if b, err := os.ReadFile(filepath.Join(filepath.Dir(dir), file)); err == nil && exists(dir+"/cgroup.clone_children") {
			if err := os.WriteFile(filepath.Join(dir, file), b, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// records is the fuzzer: what stands by, and a container whose record is spoiled.
type records struct {
	r        *rand.Rand
	dir      string
	mounts   []string // of the hierarchies, which show nothing but what is below TOPS
	runtime  string
	env      []string
	by       bystanders
	victim   *victim
	n, known int // records; those that rung still took for its own
	counts   map[string]int
	outcome  map[string]int
	log      []string // of the last records
}

// fuzzRecords is the stage: the first process of a PID namespace, or its child, the fuzzer.
func fuzzRecords() (err error) {
	n, err := strconv.Atoi(os.Getenv("RUNG_RECORDS"))
	cases := os.Getenv("RUNG_RECORDS") == "cases"
	if err != nil && !cases {
		return err
	}
	seed, err := strconv.ParseInt(os.Getenv("RUNG_RECORDS_SEED"), 10, 64)
	if err != nil {
		return err
	}
	f := &records{
		r: rand.New(rand.NewPCG(uint64(seed), 0)), dir: os.Getenv("DIR"), runtime: os.Getenv("RUNG"),
		counts: map[string]int{}, outcome: map[string]int{}, env: []string{"PATH=" + os.Getenv("PATH"), "LISTEN_FDS=", "XDG_RUNTIME_DIR="},
	}
	if os.Getpid() == 1 {
		return f.firstProcess()
	}
	for _, top := range strings.Split(os.Getenv("TOPS"), ":") {
		f.mounts = append(f.mounts, filepath.Dir(top))
	}
	if err := f.standBy(); err != nil {
		return fmt.Errorf("set up bystanders: %w", err)
	}
	if cases {
		return f.cases()
	}
	var enough time.Time
	if limit, err := time.ParseDuration(os.Getenv("RUNG_RECORDS_TIME")); err == nil {
		enough = time.Now().Add(limit)
	}
	for f.n = 0; f.n < n && (enough.IsZero() || time.Now().Before(enough)); f.n++ {
		if err := f.one(); err != nil {
			return fmt.Errorf("record %d: %w\n%s", f.n, err, strings.Join(f.log, "\n"))
		}
	}
	if err := f.by.intact(true); err != nil {
		return err
	}
	fmt.Printf("%d records; by kind: %v; by outcome: %v\n", f.n, f.counts, f.outcome)
	return nil
}

// firstProcess is the first process of the namespaces: it starts the fuzzer, and waits for all who lose their parents.
func (f *records) firstProcess() error {
	tops := os.Getenv("TOPS")
	if err := f.confine(strings.Split(tops, ":")); err != nil {
		return fmt.Errorf("set up: %w", err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	for {
		var ws unix.WaitStatus
		pid, err := unix.Wait4(-1, &ws, 0, nil)
		if err != nil && err != unix.EINTR {
			return err
		}
		if pid == cmd.Process.Pid {
			if ws != 0 {
				return fmt.Errorf("the fuzzer ended with status %d, signal %d", ws.ExitStatus(), ws.Signal())
			}
			return nil
		}
	}
}

// confine shows the hierarchies from the test's own cgroup down, in a cgroup namespace that begins there.
func (f *records) confine(tops []string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return err
	}
	for _, top := range tops {
		if err := os.WriteFile(top+"/cgroup.procs", []byte("0"), 0); err != nil {
			return err
		}
	}
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return err
	}
	for _, top := range tops {
		mount := filepath.Dir(top)
		if err := unix.Mount(top, mount, "", unix.MS_BIND, ""); err != nil {
			return err
		}
	}
	return nil
}

// command runs rung, and says what is wrong with how it ended.
func (f *records) command(args ...string) (status int, err error) {
	cmd := exec.Command(f.runtime, args...)
	cmd.Env, cmd.Dir = f.env, "/"
	// a file, which what the command leaves running may keep open
	out, err := os.Create(filepath.Join(f.dir, "out"))
	if err != nil {
		return 0, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Signal(unix.SIGQUIT) })
	err = cmd.Wait()
	hung := !timer.Stop()
	text := make([]byte, 1<<14)
	size, _ := out.ReadAt(text, 0)
	said := string(text[:size])
	f.note("  %s: %v %q", strings.Join(args[2:], " "), err, said)
	var ended *exec.ExitError
	switch {
	case hung:
		return 0, fmt.Errorf("%q hangs", args)
	case errors.As(err, &ended) && ended.ExitCode() < 0:
		return 0, fmt.Errorf("%q: %w", args, err)
	case strings.Contains(said, "goroutine ") || strings.Contains(said, "panic:"):
		return 0, fmt.Errorf("%q panics", args)
	case errors.As(err, &ended):
		return ended.ExitCode(), nil
	}
	return 0, err
}

func (f *records) note(format string, args ...any) {
	f.log = append(f.log, fmt.Sprintf(format, args...))
	if len(f.log) > 24 {
		f.log = slices.Delete(f.log, 0, len(f.log)-24)
	}
}

// cases forges records one by one, and does with each what changes something.
func (f *records) cases() error {
	pid := func(pid int) func(string) string {
		return func(s string) string {
			return started.ReplaceAllString(s, fmt.Sprintf(`"init_process_pid":%d,"init_process_start":%d`, pid, startOf(pid)))
		}
	}
	group := func(at string) func(string) string {
		return func(s string) string { return groups.ReplaceAllString(s, "${1}"+at+`"`) }
	}
	outside := func(at string) func(string) string {
		return func(s string) string { return paths.ReplaceAllString(s, `"path":"`+at+`"`) }
	}
	both := func(a, b func(string) string) func(string) string { return func(s string) string { return b(a(s)) } }
	by := &f.by
	for _, forgery := range []struct {
		name string
		edit func(string) string
	}{
		{"a process", pid(by.pids[1])},
		{"a process in a cgroup", both(pid(by.pids[0]), group("/by"))},
		{"rung's parent", pid(os.Getpid())},
		{"the first process", both(pid(1), group(""))},
		{"another container", both(pid(by.other.pid), group("/c/other"))},
		{"another container's init", pid(by.other.pid)},
		{"the root of every hierarchy", group("")},
		{"a slash", group("/")},
		{"a way up", group("/by/..")},
		{"a cgroup", group("/by")},
		{"an empty cgroup", group("/empty")},
		{"a cgroup that holds the container's", group("/c")},
		{"another container's cgroup", group("/c/other")},
		{"an ordinary directory", outside(by.files)},
		{"a directory with a FIFO", outside(by.files + "/a/b")},
		{"all of the host", outside("/")},
	} {
		for kind, sign := range map[string]func(string) string{"signed": signed, "unsigned": unsigned} {
			for _, args := range [][]string{
				{"kill", "ID", "KILL"}, {"kill", "--all", "ID", "KILL"}, {"pause", "ID"}, {"update", "--pids-limit", "7", "ID"}, {"exec", "--detach", "ID", "/probe", "--sleep"},
				{"delete", "ID"}, {"delete", "--force", "ID"},
			} {
				f.n++
				v, err := f.makeVictim("v"+itoa(f.n), true)
				if err != nil {
					return err
				}
				f.note("%s, %s", forgery.name, kind)
				if err := os.WriteFile(filepath.Join(v.entry, "state.json"), []byte(sign(forgery.edit(v.state))), 0o600); err != nil {
					return err
				}
				line := []string{"--root", v.root}
				for _, a := range args {
					line = append(line, strings.ReplaceAll(a, "ID", v.id))
				}
				if _, err := f.command(line...); err != nil {
					return err
				}
				err = f.by.intact(true)
				if e := v.remove(f); err == nil {
					err = e
				}
				if err != nil {
					return fmt.Errorf("%s, %s, %v: %w\n%s", forgery.name, kind, args, err, strings.Join(f.log, "\n"))
				}
			}
		}
	}
	return nil
}

// commands are what is done with a spoiled record; ID stands for the container.
var recordCommands = [][]string{
	{"delete", "ID"}, {"delete", "--force", "ID"}, {"delete", "--force", "ID"}, {"kill", "ID", "TERM"}, {"kill", "ID", "KILL"}, {"kill", "--all", "ID", "KILL"},
	{"kill", "--all", "ID", "USR1"}, {"start", "ID"}, {"state", "ID"}, {"exec", "ID", "/probe", "--exit", "0"}, {"exec", "--detach", "ID", "/probe", "--sleep"},
	{"pause", "ID"}, {"resume", "ID"}, {"update", "--pids-limit", "77", "ID"}, {"update", "--memory", "64M", "ID"}, {"ps", "ID"}, {"events", "--stats", "ID"},
	{"list"}, {"kill", "--regex", ".", "KILL"}, {"delete", "--regex", "--force", "."}, {"create", "--bundle", "BUNDLE", "ID"}, {"run", "--detach", "--bundle", "BUNDLE", "ID"},
	{"checkpoint", "--image-path", "DIR/images", "ID"}, {"restore", "--detach", "--image-path", "DIR/images", "--bundle", "BUNDLE", "ID"},
}

// one spoils one record, runs a command or two, and looks after everybody.
func (f *records) one() error {
	if f.victim == nil {
		if err := f.newVictim(); err != nil {
			return fmt.Errorf("make a container: %w", err)
		}
	}
	v := f.victim
	kinds, err := v.spoil(f)
	if err != nil {
		return fmt.Errorf("spoil %v: %w", kinds, err)
	}
	f.note("%d: %s", f.n, strings.Join(kinds, ", "))
	for _, k := range kinds {
		f.counts[strings.SplitN(k, " ", 2)[0]]++
	}
	for range 1 + f.r.IntN(2) {
		line := []string{"--root", v.root}
		choice := recordCommands[f.r.IntN(len(recordCommands))]
		for _, word := range choice {
			word = strings.ReplaceAll(word, "BUNDLE", v.bundle)
			line = append(line, strings.ReplaceAll(strings.ReplaceAll(word, "DIR", f.dir), "ID", v.id))
		}
		status, err := f.command(line...)
		if err != nil {
			return err
		}
		f.outcome[choice[0]+" "+strconv.Itoa(min(status, 1))]++
		if choice[0] == "delete" && status == 0 && !slices.Contains(choice, "--regex") {
			if err := v.deleted(); err != nil {
				return err
			}
		}
		if err := f.by.intact(f.n%256 == 0); err != nil {
			return err
		}
	}
	if v.restored(f) {
		f.known++
		return nil
	}
	f.victim = nil
	if err := v.remove(f); err != nil {
		return fmt.Errorf("remove the container: %w", err)
	}
	return f.by.intact(false)
}
