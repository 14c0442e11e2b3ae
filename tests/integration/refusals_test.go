package integration

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// The tests named TestRefusals_… hand bad input to the runtime: configs, command lines, files, containers in another
// state than a command needs. What is wrong is told in one line, the whole of which stands in the tables; the exit status
// is 1, of exec 255; and nothing is changed: files, state, control groups with their limits, mounts and processes are
// compared before and after. The tables are in refusals_*_test.go, one a subject.
//
// They do not run beside other tests: a process that is left behind becomes a child of the tests, whichever made it.

// refused counts bad inputs, for the line that reportRefusals prints.
var refused struct {
	sync.Mutex
	held, tried int
	failed      []string
}

// countRefusal counts the test of one bad input when it ends.
func countRefusal(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		if t.Skipped() {
			return
		}
		refused.Lock()
		defer refused.Unlock()
		refused.tried++
		if t.Failed() {
			refused.failed = append(refused.failed, t.Name())
			return
		}
		refused.held++
	})
}

// reportRefusals prints how many bad inputs were refused as they should be; nothing, when none was tried.
func reportRefusals() {
	refused.Lock()
	defer refused.Unlock()
	if refused.tried == 0 {
		return
	}
	fmt.Printf("%d of %d bad inputs refused", refused.held, refused.tried)
	if refused.failed != nil {
		fmt.Printf("; not: %s", strings.Join(refused.failed, " "))
	}
	fmt.Println()
}

// refusal is a command line that must fail, and all that it may say.
type refusal struct {
	args []string
	want string // of standard error, less "rung: " and the newline; with the words of fill
	exit int    // 0 is 1

	naming string // in place of want: what the line has to name, below warnings
}

// ward is a bundle whose surroundings are watched.
type ward struct {
	*bundle
	words []string // further pairs for fill
}

// newWard makes one that serves many refusals, as none of them changes anything.
func newWard(t *testing.T) *ward {
	t.Helper()
	w := &ward{bundle: newBundle(t)}
	reap(t) // what earlier tests have left
	return w
}

// fill puts names in place of {id}, {bundle}, {above} (it), {root} and the ward's own words.
func (w *ward) fill(text string) string {
	pairs := append([]string{"{id}", w.ID, "{bundle}", w.Dir, "{root}", w.Root, "{above}", base}, w.words...)
	return strings.NewReplacer(pairs...).Replace(text)
}

// refuse runs what must be refused, and compares the world before and after.
func (w *ward) refuse(t *testing.T, r refusal) {
	t.Helper()
	countRefusal(t)
	defer func(outer *testing.T) { w.t = outer }(w.t)
	w.t = t
	args := make([]string, len(r.args))
	for i, a := range r.args {
		args[i] = w.fill(a)
	}
	duration := regexp.MustCompile(`after [0-9.]+(µs|ms|s)\b`) // how long a hook ran
	before := w.surroundings(t)
	res := w.runtime(args...)
	want(t, "exit status", res.Exit, max(r.exit, 1))
	want(t, "standard output", brief(res.Stdout), "")
	wanted := "rung: " + w.fill(r.want) + "\n"
	if r.naming != "" {
		last := res.Stderr[strings.LastIndexByte(strings.TrimSuffix(res.Stderr, "\n"), '\n')+1:]
		if warnings := strings.TrimSuffix(res.Stderr, last); strings.Count(warnings, "rung: warning: ") != strings.Count(warnings, "\n") {
			t.Errorf("more than one line, and no warnings: %q", res.Stderr)
		}
		if !strings.HasPrefix(last, w.fill("rung: run {id}: ")) && !strings.HasPrefix(last, r.naming) || !strings.Contains(last, r.naming) {
			t.Errorf("standard error: got %q, want it to name %s", last, r.naming)
		}
	} else if stderr := duration.ReplaceAllString(res.Stderr, "after {time}"); stderr != wanted {
		t.Errorf("standard error:\n got %q\nwant %q", brief(stderr), wanted)
	}
	if res.Exit == 0 && exists(filepath.Join(w.Root, w.ID)) {
		w.must("delete", "--force", w.ID)
	}
	after := w.surroundings(t)
	for _, line := range before {
		if !slices.Contains(after, line) {
			t.Errorf("no more: %s", line)
		}
	}
	for _, line := range after {
		if !slices.Contains(before, line) {
			t.Errorf("new: %s", line)
		}
	}
}

// surroundings is all that the command might have changed, one thing a line.
func (w *ward) surroundings(t *testing.T) (lines []string) {
	t.Helper()
	note := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	// The bundle, and with it the state.
	err := filepath.WalkDir(w.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t) //nolint:forcetypeassert // what it is on Linux
		if d.IsDir() {
			// The files of b.runtime come and go in it.
			note("directory %s: inode %d %v %d:%d", path, st.Ino, info.Mode(), st.Uid, st.Gid)
			return nil
		}
		note("file %s: inode %d %v %d:%d, %d bytes of %v", path, st.Ino, info.Mode(), st.Uid, st.Gid, st.Size, st.Mtim)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mountsBelow(t, base) {
		note("mount on %s", m)
	}
	// Orphans become children of the tests.
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil || lists == nil {
		t.Fatalf("no list of children: %v", err)
	}
	for _, list := range lists {
		for pid := range strings.FieldsSeq(readFile(t, list)) {
			note("process %s", pid)
		}
	}
	w.groups(note)
	// What a config must not reach without namespaces of the container's own.
	for _, name := range [...]string{"kernel/hostname", "kernel/domainname", "kernel/shmmax", "kernel/panic", "net/ipv4/ip_forward", "vm/swappiness"} {
		if b, err := os.ReadFile("/proc/sys/" + name); err == nil {
			note("sysctl %s = %s", name, b)
		}
	}
	return lines
}

// groups notes the control groups of these tests, which are at the top of each hierarchy, and what is set in them.
func (w *ward) groups(note func(string, ...any)) {
	mark := "rit-" + itoa(os.Getpid()) + "-"
	for _, top := range hierarchies() {
		entries, _ := os.ReadDir(top)
		for _, e := range entries {
			if !strings.Contains(e.Name(), mark) {
				continue
			}
			_ = filepath.WalkDir(filepath.Join(top, e.Name()), func(path string, d fs.DirEntry, err error) error {
				switch {
				case err != nil:
					return err
				case d.IsDir():
					note("cgroup %s", path)
				case setting(d.Name()):
					b, _ := os.ReadFile(path)
					note("%s = %s", path, b)
				}
				return nil
			})
		}
	}
}

// hierarchies are the directories that control groups are made in.
func hierarchies() []string {
	const top = "/sys/fs/cgroup"
	if cgroupKind() == "v2" {
		return []string{top}
	}
	var list []string
	entries, _ := os.ReadDir(top)
	for _, e := range entries {
		if e.IsDir() {
			list = append(list, filepath.Join(top, e.Name()))
		}
	}
	return list
}

// setting says whether a file of a control group holds what was set, and not what is used.
func setting(name string) bool {
	for _, suffix := range [...]string{
		".max", ".high", ".low", ".weight", ".shares", ".idle", ".burst", "limit_in_bytes", "_quota_us", "_period_us",
		"cpuset.cpus", "cpuset.mems", "devices.list", "swappiness", ".freeze", "freezer.state", "subtree_control",
	} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}
