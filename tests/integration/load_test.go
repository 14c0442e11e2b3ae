package integration

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// The tests named TestLoad_… make many containers: held, at once, and in a churn. At their end everything is as it was.
// How long the commands took is reported, and never a reason to fail. The environment that matters:
//
//	RUNG_LOAD         long: 1,000 containers held, and everything else at the size of make test-long
//	RUNG_LOAD_CHURN   how long the churn goes on: 30m, say
//	RUNG_LOAD_SEED    its seed
//	RUNG_LOAD_REPORT  a file that the figures are appended to

func longLoad() bool { return os.Getenv("RUNG_LOAD") == "long" }

// load is the containers of one test, and how long their commands took.
type load struct {
	*bundle
	group string // the control group that all of them are below
	start loadWorld

	mu    sync.Mutex
	times map[string][]time.Duration // by command

	background sync.WaitGroup // for processes that were executed in the background
}

// loadWorld is what has to be at the end what it was at the start.
type loadWorld struct {
	processes, children, mounts, cgroups, states, descriptors int
}

// newLoad makes the bundle, and the groups above those of the containers by a first container.
func newLoad(t *testing.T) *load {
	t.Helper()
	l := &load{bundle: newBundle(t), times: map[string][]time.Duration{}}
	l.group = "/" + l.ID + "-load"
	l.Spec.Process.Args = []string{"/probe", "--until-term"}
	// Below the group's name, each in a group named after its id.
	t.Cleanup(func() {
		for _, top := range hierarchies() {
			removeCgroup(top + l.group)
			if exists(top + l.group) {
				t.Errorf("cannot be removed: %s%s", top, l.group)
			}
		}
	})
	reap(t)
	id := l.id(0)
	for range 3 { // what is made once only, by the kernel or in the bundle, is there before the count
		for _, err := range []error{l.create(id), l.do("start", "start", id), l.remove(id)} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	l.times = map[string][]time.Duration{}
	l.start = l.world(t)
	return l
}

func (l *load) id(i int) string { return fmt.Sprintf("%s-%04d", l.ID, i) }

func (l *load) world(t *testing.T) (w loadWorld) {
	t.Helper()
	w.processes = l.processes(t)
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	for _, list := range lists {
		b, _ := os.ReadFile(list)
		w.children += len(strings.Fields(string(b)))
	}
	w.mounts = len(mountsBelow(t, base))
	for _, top := range hierarchies() {
		entries, _ := os.ReadDir(top + l.group)
		for _, e := range entries {
			if e.IsDir() {
				w.cgroups++
			}
		}
	}
	entries, err := os.ReadDir(l.Root)
	if err != nil {
		t.Fatal(err)
	}
	w.states, w.descriptors = len(entries), openFDs(t)
	return w
}

// processes counts those in the containers' control groups.
func (l *load) processes(t *testing.T) (n int) {
	t.Helper()
	lists, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		if b, _ := os.ReadFile(list); strings.Contains(string(b), l.group+"/") {
			n++
		}
	}
	return n
}

// end sees that everything is as it was at the start.
func (l *load) end(t *testing.T) {
	t.Helper()
	var now loadWorld
	for deadline := time.Now().Add(patience); ; {
		if now = l.world(t); now == l.start || time.Now().After(deadline) {
			break
		}
		// Nothing reports that the kernel has taken a group down.
		_, _ = unix.Poll(nil, 50)
	}
	if now != l.start {
		t.Errorf("left behind: now %+v, before %+v", now, l.start)
	}
}

// memory is what the kernel has charged to the groups of the containers, in bytes, and to what they left behind when they
// were removed; ok is false where no hierarchy counts it.
func (l *load) memory() (bytes int64, ok bool) {
	for _, name := range []string{"/memory" + l.group + "/memory.usage_in_bytes", l.group + "/memory.current"} {
		if b, err := os.ReadFile("/sys/fs/cgroup" + name); err == nil {
			n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// do runs a command to its end, and notes under a name how long it took. It may be called in any goroutine.
func (l *load) do(name string, args ...string) error {
	cmd := l.command(args...)
	out, err := os.CreateTemp(l.Dir, "out")
	if err != nil {
		return err
	}
	defer out.Close()
	if err := os.Remove(out.Name()); err != nil {
		return err
	}
	cmd.Stderr = out // stdout is /dev/null
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	timer := time.AfterFunc(3*patience, func() { _ = cmd.Process.Kill() })
	err = cmd.Wait()
	timer.Stop()
	took := time.Since(begin)
	l.mu.Lock()
	l.times[name] = append(l.times[name], took)
	l.mu.Unlock()
	if err != nil {
		text := make([]byte, 1000)
		n, _ := out.ReadAt(text, 0)
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, text[:n])
	}
	return nil
}

// create makes a container from a bundle of its own, as its control group has its name. They share a root file system.
func (l *load) create(id string) error { return l.fromBundle(id, "create", "create") }

func (l *load) run(id string) error {
	return l.fromBundle(id, "run --detach", "run", "--detach")
}

func (l *load) fromBundle(id, name string, args ...string) error {
	spec, linux := *l.Spec, *l.Spec.Linux
	linux.CgroupsPath = l.group + "/" + id
	spec.Linux, spec.Root = &linux, &specs.Root{Path: l.Rootfs}
	if err := os.Mkdir(l.dir(id), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(l.dir(id)+"/config.json", marshal(&spec), 0o644); err != nil {
		return err
	}
	return l.do(name, append(args, "--bundle", l.dir(id), "--pid-file", l.dir(id)+"/pid", id)...)
}

func (l *load) dir(id string) string { return filepath.Join(l.Dir, id) }

func readPid(file string) (int, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(b)))
}

// ended waits for the container's init, which is a child of the tests, to end.
func (l *load) ended(id string) error {
	pid, err := readPid(l.dir(id) + "/pid")
	if err != nil {
		return err
	}
	return awaitEnd(pid)
}

// awaitEnd is wait4(2) for a child, which does not take for ever.
func awaitEnd(pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("pidfd_open %d: %w", pid, err)
	}
	defer unix.Close(fd)
	for deadline := time.Now().Add(3 * patience); ; {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(max(0, time.Until(deadline).Milliseconds())))
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return fmt.Errorf("process %d has not ended after %v: %w", pid, 3*patience, cmp.Or(err, error(unix.ETIMEDOUT)))
		}
		break
	}
	for {
		if _, err := unix.Wait4(pid, nil, 0, nil); err != unix.EINTR {
			return err
		}
	}
}

// remove deletes by force a container whose process has not been waited for.
func (l *load) remove(id string) error {
	err := l.do("delete --force", "delete", "--force", id)
	if err == nil {
		err = l.ended(id)
	}
	return cmp.Or(err, os.RemoveAll(l.dir(id)))
}

// all does something with n containers, some at a time.
func (l *load) all(t *testing.T, n, atOnce int, do func(id string) error) {
	t.Helper()
	errs := make(chan error, n)
	tickets := make(chan struct{}, atOnce)
	for i := range n {
		go func() {
			tickets <- struct{}{}
			errs <- do(l.id(i))
			<-tickets
		}()
	}
	for range n {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// quantile of times in order.
func quantile(times []time.Duration, q float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	return times[min(len(times)-1, int(q*float64(len(times))))]
}

// figures are the lines about how long commands took.
func figures(what string, times map[string][]time.Duration) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(times)) {
		list := slices.Sorted(slices.Values(times[name]))
		fmt.Fprintf(&b, "load: %-24s %-28s %6d times, ms: p50 %7.1f  p95 %7.1f  p99 %7.1f\n", what, name, len(list),
			ms(quantile(list, .5)), ms(quantile(list, .95)), ms(quantile(list, .99)))
	}
	return b.String()
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// tell reports figures: on standard output, and to a file if one is named.
func tell(t *testing.T, text string) {
	t.Helper()
	fmt.Print(text)
	name := os.Getenv("RUNG_LOAD_REPORT")
	if name == "" {
		return
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err != nil {
		t.Error(err)
	}
	f.Close()
}

func TestLoad_containers_held(t *testing.T) {
	l := newLoad(t)
	n := 100
	if longLoad() {
		n = 1000
	}
	// One after the other, so that it can be seen whether the last takes longer than the first.
	for i := range n {
		if err := l.create(l.id(i)); err != nil {
			t.Fatal(err)
		}
	}
	held, counted := l.memory()
	want(t, "processes held", l.processes(t), n)
	creates := l.times["create"]
	for range 10 {
		if err := l.do("list", "list"); err != nil {
			t.Error(err)
		}
		if err := l.do("state", "state", l.id(n/2)); err != nil {
			t.Error(err)
		}
	}
	want(t, "containers listed", strings.Count(l.must("list", "-q").Stdout, "\n"), n)
	l.all(t, n, 4, func(id string) error { return l.do("start", "start", id) })
	l.all(t, n, 4, l.remove)
	want(t, "containers listed", l.must("list", "-q").Stdout, "")
	l.end(t)
	text := figures(fmt.Sprintf("%d held", n), l.times)
	tenth := n / 10
	first, last := slices.Sorted(slices.Values(creates[:tenth])), slices.Sorted(slices.Values(creates[n-tenth:]))
	text += fmt.Sprintf("load: create, median of the first %d: %.1f ms, of the last %d: %.1f ms\n", tenth, ms(quantile(first, .5)), tenth, ms(quantile(last, .5)))
	if counted {
		after, _ := l.memory()
		text += fmt.Sprintf("load: memory of %d containers held: %d KiB each; when they were deleted: %d KiB in all\n", n, held/int64(n)>>10, after>>10)
		if after > held/10+8<<20 {
			t.Errorf("%d bytes are charged still after all was deleted; while they were held it was %d", after, held)
		}
	}
	tell(t, text)
}

func TestLoad_64_at_once(t *testing.T) {
	l := newLoad(t)
	rounds := 1
	if longLoad() {
		rounds = 20
	}
	const n = 64
	for range rounds {
		l.all(t, n, n, l.run)
		want(t, "containers listed", strings.Count(l.must("list", "-q").Stdout, "\n"), n)
		l.all(t, n, n, l.remove)
	}
	l.end(t)
	tell(t, figures("64 at once", l.times))
}

// TestLoad_beside_others runs the same life of a container with rung, runc and crun in turn.
func TestLoad_beside_others(t *testing.T) {
	rounds := 15
	if longLoad() {
		rounds = 200
	}
	type contender struct {
		name string
		*load
	}
	contenders := []contender{{runtimeVersion, newLoad(t)}}
	for _, name := range []string{"runc", "crun"} {
		path, err := exec.LookPath(name)
		if err != nil {
			tell(t, "load: "+name+" is not installed\n")
			continue
		}
		version, _ := exec.Command(path, "--version").Output()
		l := &load{bundle: newBundle(t), times: map[string][]time.Duration{}}
		l.group, l.Runtime = "/"+l.ID+"-load", path
		l.Spec.Process.Args = []string{"/probe", "--until-term"}
		t.Cleanup(func() {
			for _, top := range hierarchies() {
				var fs unix.Statfs_t
				if unix.Statfs(top, &fs) == nil && fs.Type == unix.TMPFS_MAGIC {
					// Debian's runc makes directories for hierarchies that are not mounted, too.
					_ = os.RemoveAll(top + l.group)
					_ = os.Remove(top)
					continue
				}
				removeCgroup(top + l.group)
			}
		})
		if err := l.life(l.id(0)); err != nil {
			tell(t, "load: "+name+" does not work here: "+strings.TrimSpace(strings.ReplaceAll(brief(err.Error()), "\n", " "))+"\n")
			_ = l.do("", "delete", "--force", l.id(0))
			continue
		}
		l.times = map[string][]time.Duration{}
		contenders = append(contenders, contender{strings.SplitN(string(version), "\n", 2)[0], l})
	}
	for i := range rounds {
		rand.Shuffle(len(contenders), func(a, b int) { contenders[a], contenders[b] = contenders[b], contenders[a] })
		for _, c := range contenders {
			if err := c.life(c.id(i)); err != nil {
				if c.Runtime == "" {
					t.Fatal(err)
				}
				t.Logf("%s: %v", c.name, err)
			}
		}
	}
	slices.SortFunc(contenders, func(a, b contender) int { return strings.Compare(b.name, a.name) })
	for _, c := range contenders {
		if c.Runtime == "" {
			c.end(t)
		}
		tell(t, figures(strings.Replace(c.name, " version", "", 1), c.times))
	}
}

// life is every command once, as far as the host lets all the runtimes do it.
func (l *load) life(id string) error {
	err := l.create(id)
	if err != nil {
		return err
	}
	for _, line := range [][]string{{"start", id}, {"state", id}, {"list"}, {"exec", id, "/probe", "--exit", "0"}, {"pause", id}, {"resume", id}, {"kill", id, "KILL"}} {
		if err == nil {
			err = l.do(line[0], line...)
		}
	}
	if err == nil {
		err = l.ended(id)
	}
	if err == nil {
		err = l.do("delete", "delete", id)
	}
	return cmp.Or(err, os.RemoveAll(l.dir(id)))
}

func marshal(s *specs.Spec) []byte {
	data, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return data
}
