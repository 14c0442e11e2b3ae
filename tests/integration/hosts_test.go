package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// The same container under each kind of host that people run: who calls the runtime, and who makes the groups. What
// docs/hosts.md says of them is what this test holds; see hostsdoc_test.go.

// hostKind is one of them, and a column of the table.
type hostKind struct {
	name   string // of the test
	title  string // of the column
	needs  []string
	bundle func(t *testing.T) *bundle
	reload []string // has systemd read its units anew; nil where it has no part in it
	user   bool     // the runtime is called by an ordinary user
	groups bool     // the container has groups of its own
}

func hostKinds() []hostKind {
	return []hostKind{
		{name: "root", title: "root", bundle: newBundle, groups: true},
		{name: "root-systemd", title: "root, systemd", needs: []string{"systemd"}, bundle: rootUnit, reload: []string{"systemctl", "daemon-reload"}, groups: true},
		{name: "user", title: "user, delegated group", needs: []string{"userns"}, bundle: delegatedUser, user: true, groups: true},
		{name: "user-systemd", title: "user, own systemd", needs: []string{"userns", "user-manager"}, bundle: userUnit, reload: []string{"systemctl", "--user", "daemon-reload"}, user: true, groups: true},
		{name: "user-alone", title: "user, nothing delegated", needs: []string{"userns"}, bundle: rootlessBundle, user: true},
	}
}

func rootUnit(t *testing.T) *bundle {
	t.Helper()
	b := newBundle(t)
	b.Globals = []string{"--systemd-cgroup"}
	b.Spec.Linux.CgroupsPath = "rit-hosts.slice:rit:" + b.ID
	return b
}

// delegatedUser is a user to whom root has given a group, with every controller, as cgroup-v2.rst has it (Delegation).
// The runtime is called in a group below that one.
func delegatedUser(t *testing.T) *bundle {
	t.Helper()
	top := "/sys/fs/cgroup/" + newID() + "-user"
	own := top + "/runtime"
	t.Cleanup(func() { removeCgroup(top) })
	b := rootlessBundle(t)
	for _, dir := range []string{top, own} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	handDown(t, "/sys/fs/cgroup", top)
	for _, dir := range []string{top, own} {
		for _, file := range []string{"", "/cgroup.procs", "/cgroup.threads", "/cgroup.subtree_control"} {
			if err := os.Chown(dir+file, ordinaryUser, ordinaryUser); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.Env = append(b.Env, "RUNG_TEST_CGROUP="+own)
	b.Spec.Linux.CgroupsPath = strings.TrimPrefix(top, "/sys/fs/cgroup") + "/" + b.ID
	setNS(b.Spec, specs.CgroupNamespace, "")
	b.Spec.Linux.Resources = &specs.LinuxResources{}
	return b
}

// handDown turns on every controller for groups.
func handDown(t *testing.T, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		for _, c := range words(readFile(t, dir+"/cgroup.controllers")) {
			writeGroup(t, dir, "cgroup.subtree_control", "+"+c)
		}
	}
}

// userUnit is a user of the host with a manager of his own. The runtime is called outside of that one's groups, as in
// a login session.
func userUnit(t *testing.T) *bundle {
	t.Helper()
	b := rootlessBundle(t)
	uid, err := managedUser()
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{b.Dir, b.Root} {
		if err := os.Chown(dir, uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	b.chown(uint32(uid), uint32(uid))
	b.Env = append(b.Env, "RUNG_TEST_UID="+strconv.Itoa(uid), "XDG_RUNTIME_DIR=/run/user/"+strconv.Itoa(uid))
	b.Spec.Linux.UIDMappings, b.Spec.Linux.GIDMappings = mapping(0, uint32(uid), 1), mapping(0, uint32(uid), 1)
	b.Globals = []string{"--systemd-cgroup"}
	b.Spec.Linux.CgroupsPath = ":rit:" + b.ID
	setNS(b.Spec, specs.CgroupNamespace, "")
	b.Spec.Linux.Resources = &specs.LinuxResources{}
	return b
}

// managedUser is the first ordinary user of the host, whose manager it starts.
func managedUser() (uid int, err error) {
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(passwd)) {
		f := strings.Split(line, ":")
		if len(f) < 4 {
			continue
		}
		if n, err := strconv.Atoi(f[2]); err == nil && n >= 1000 && n < 60000 {
			out, err := exec.Command("systemctl", "start", "user@"+f[2]).CombinedOutput()
			if err != nil {
				return 0, fmt.Errorf("systemctl start user@%d: %w %s", n, err, out)
			}
			return n, nil
		}
	}
	return 0, fmt.Errorf("no ordinary user")
}

// host is the container of one kind.
type host struct {
	hostKind
	*bundle
	c     *container
	dir   string     // its group
	whole *testing.T // of the kind; the bundle's is that of the row
}

func TestHosts(t *testing.T) {
	t.Parallel()
	requires(t, "root", "cgroupv2", "v2:memory", "v2:cpu", "v2:cpuset", "v2:io", "v2:pids", "rt:rung")
	for i, k := range hostKinds() {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			requires(t, k.needs...)
			h := &host{hostKind: k, bundle: k.bundle(t), whole: t}
			for _, r := range hostRows() {
				cell := r.cells[i]
				if cell == notHere {
					continue
				}
				t.Run(r.name, func(t *testing.T) {
					requires(t, r.needs...)
					h.bundle.t = t
					defer func() { h.bundle.t = h.whole }()
					if cell == works {
						r.test(t, h)
						return
					}
					wantFailure(t, r.try(h), cell)
				})
			}
		})
	}
}

// read is a control file of the container.
func (h *host) read(file string) string {
	h.t.Helper()
	return readFile(h.t, filepath.Join(h.dir, file))
}

// wantFile holds a control file against what it should have: all of it, or one of its lines.
func (h *host) wantFile(file, wanted string) {
	h.t.Helper()
	got := h.read(file)
	if got != wanted && !slices.Contains(strings.Split(got, "\n"), wanted) {
		h.t.Errorf("%s: %q, want %q", file, got, wanted)
	}
}

// actions runs the probe by exec and gives what it did.
func (h *host) actions(actions ...string) (list []action) {
	h.t.Helper()
	res := h.must(append([]string{"exec", h.ID, "/probe"}, actions...)...)
	for line := range strings.Lines(res.Stdout) {
		list = append(list, parseAction(h.t, line))
	}
	return list
}

// cgroup2Of is the group of a process, below where cgroup2 is mounted.
func cgroup2Of(t *testing.T, pid int) string {
	t.Helper()
	return strings.TrimPrefix(readFile(t, fmt.Sprintf("/proc/%d/cgroup", pid)), "0::")
}

func hostRun(t *testing.T, h *host) {
	h.Spec.Process.Args = []string{"/probe", "--until-term"}
	if h.groups {
		withMount(cgroupMount("rw"))(h.Spec)
	}
	if !h.user {
		addCaps("CAP_SYSLOG")(h.Spec)
		h.Spec.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/kmsg", Type: "c", Major: 1, Minor: 11, FileMode: ptr(os.FileMode(0o666))}}
	}
	h.bundle.t = h.whole
	h.c = h.runDetached()
	h.c.next("waiting")
	h.wantStatus("running")
	own := cgroup2Of(t, h.c.Pid)
	h.dir = "/sys/fs/cgroup" + own
	switch {
	case !h.groups:
		want(t, "group", own, cgroup2Of(t, os.Getpid()))
	case h.reload == nil:
		want(t, "group", own, h.Spec.Linux.CgroupsPath)
	case !h.user:
		want(t, "group", own, "/rit.slice/rit-hosts.slice/rit-"+h.ID+".scope")
	case !strings.HasSuffix(own, ".service/user.slice/rit-"+h.ID+".scope"):
		t.Errorf("group %s", own)
	}
}

func hostExec(t *testing.T, h *host) {
	c := h.c.execBackground([]string{"--pid-file", filepath.Join(h.Dir, "exec.pid")}, "--until-term")
	c.next("waiting")
	pid, err := strconv.Atoi(readFile(t, filepath.Join(h.Dir, "exec.pid")))
	if err != nil {
		t.Fatal(err)
	}
	want(t, "group", cgroup2Of(t, pid), cgroup2Of(t, h.c.Pid))
	list := h.pids()
	if !slices.Contains(list, pid) || !slices.Contains(list, h.c.Pid) {
		t.Errorf("ps: %v, want %d and %d among them", list, h.c.Pid, pid)
	}
	if err := unix.Kill(pid, unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	want(t, "exit status", c.exit().Exit, 0)
}

func hostStats(t *testing.T, h *host) {
	e := parseEvent(t, h.must("events", "--stats", h.ID).Stdout)
	want(t, "processes", e.Data.Pids.Current, 1)
	want(t, "memory in use", e.Data.Memory.Usage.Usage > 0, true)
	want(t, "processor time", e.Data.CPU.Usage.Total > 0, true)
	want(t, "pressure", e.Data.CPU.PSI != nil, true)
}

func hostPause(t *testing.T, h *host) {
	h.must("pause", h.ID)
	h.wantStatus("paused")
	want(t, "frozen", strings.Contains(h.read("cgroup.events"), "frozen 1"), true)
	h.must("resume", h.ID)
	h.wantStatus("running")
}

// hostUpdate sets one thing and reads it back.
type hostUpdate struct {
	options []string // or
	json    string
	file    string
	want    string
}

func (u hostUpdate) try(h *host) Result {
	if u.json != "" {
		return h.tryUpdateJSON(u.json)
	}
	return h.runtime(append([]string{"update", h.ID}, u.options...)...)
}

func (u hostUpdate) run(t *testing.T, h *host) {
	if res := u.try(h); res.Exit != 0 {
		t.Fatalf("update: %s", res.output())
	}
	h.wantFile(u.file, u.want)
}

const mib = 1 << 20

func update1(file, want string, options ...string) hostUpdate {
	return hostUpdate{options: options, file: file, want: want}
}

// diskUpdate limits the disk that the bundle is on.
func diskUpdate(h *host, rate int) (json, line string) {
	dev := diskOf(h.t, h.Dir)
	major, minor, _ := strings.Cut(dev, ":")
	return fmt.Sprintf(`{"blockIO":{"throttleWriteBpsDevice":[{"major":%s,"minor":%s,"rate":%d}]}}`, major, minor, rate),
		fmt.Sprintf("%s rbps=max wbps=%d riops=max wiops=max", dev, rate)
}

// diskOf is the number of the whole disk that a file is on; requires disk.
func diskOf(t *testing.T, path string) string {
	t.Helper()
	dev, err := wholeDisk(path)
	if err != nil {
		t.Fatal(err)
	}
	return dev
}

func wholeDisk(path string) (string, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return "", err
	}
	dir := fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))
	if exists(dir + "/partition") {
		dir += "/.."
	}
	dev, err := os.ReadFile(dir + "/dev")
	return strings.TrimSpace(string(dev)), err
}

// hostRefused: a value that the kernel refuses leaves all others, and so does one that systemd refuses.
func hostRefused(t *testing.T, h *host) {
	before := h.values()
	wantFailure(t, h.tryUpdateJSON(`{"pids":{"limit":9},"memory":{"limit":33554432},"cpu":{"shares":9,"quota":70000,"period":90000},"unified":{"memory.high":"1000000","memory.none":"1"}}`), "memory.none")
	want(t, "values", h.values(), before)
}

func hostRefusedUnit(t *testing.T, h *host) {
	before := h.values()
	rules := ""
	if !h.user {
		rules = `,"devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":1,"minor":11,"access":"rw"}]`
	}
	// the kernel takes a limit of no processes, systemd does not
	wantFailure(t, h.tryUpdateJSON(`{"memory":{"limit":33554432},"cpu":{"shares":9,"quota":70000,"period":90000,"cpus":"1"},"unified":{"pids.max":"0"}`+rules+`}`), "rit-"+h.ID+".scope")
	want(t, "values", h.values(), before)
	if !h.user {
		wantErrno(t, h.actions("--open", "/dev/kmsg", "r")[0], unix.EPERM)
	}
	hostReload(t, h)
}

// values is what the limits that the tests set are now.
func (h *host) values() string {
	h.t.Helper()
	var b strings.Builder
	for _, file := range []string{"pids.max", "memory.max", "memory.low", "memory.high", "memory.swap.max", "cpu.weight", "cpu.idle", "cpu.max", "cpu.max.burst", "cpuset.cpus", "io.max", "hugetlb.2MB.max"} {
		if exists(filepath.Join(h.dir, file)) {
			fmt.Fprintf(&b, "%s %s\n", file, h.read(file))
		}
	}
	return b.String()
}

func hostReload(t *testing.T, h *host) {
	before := h.values()
	cmd := exec.Command(h.reload[0], h.reload[1:]...)
	if h.user {
		cmd = exec.Command(h.Wrap[0], h.reload...)
		cmd.Env = append(os.Environ(), h.Env...)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v %s", cmd.Args, err, out)
	}
	want(t, "values", h.values(), before)
}

func hostThrottled(t *testing.T, h *host) {
	h.must("update", "--cpu-quota", "10000", "--cpu-period", "100000", "--cpu-burst", "0", h.ID)
	h.actions("--burn", "100")
	want(t, "throttled", strings.Contains(h.read("cpu.stat")+"\n", "nr_throttled 0\n"), false)
	h.must("update", "--cpu-quota", "-1", h.ID)
}

func hostNoMoreProcesses(t *testing.T, h *host) {
	h.must("update", "--pids-limit", "10", h.ID)
	a := h.actions("--fork", "30")[0]
	wantErrno(t, a, unix.EAGAIN)
	want(t, "children beside the init and itself", a.Count, 8)
}

func hostNoDevice(t *testing.T, h *host) {
	wantErrno(t, h.actions("--open", "/dev/kmsg", "r")[0], unix.EPERM)
	h.updateJSON(`{"devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":1,"minor":11,"access":"rw"}]}`)
	wantErrno(t, h.actions("--open", "/dev/kmsg", "r")[0], 0)
	h.updateJSON(`{"devices":[{"allow":false,"access":"rwm"}]}`)
	wantErrno(t, h.actions("--open", "/dev/kmsg", "r")[0], unix.EPERM)
}

func hostSlowDisk(t *testing.T, h *host) {
	json, line := diskUpdate(h, 256<<10)
	h.updateJSON(json)
	h.wantFile("io.max", line)
	begin := time.Now()
	wantErrno(t, h.actions("--disk", "/written", "524288")[0], 0)
	if took := time.Since(begin); took < time.Second {
		t.Errorf("half a mebibyte at a quarter a second took %v", took)
	}
	json, _ = diskUpdate(h, 0)
	h.updateJSON(json)
	want(t, "io.max", h.read("io.max"), "")
}

// hostOwnGroups: the container makes groups, a threaded one among them, and cannot lift its own limits.
func hostOwnGroups(t *testing.T, h *host) {
	h.must("update", "--memory", "64M", h.ID)
	const top = "/sys/fs/cgroup"
	pidFile := filepath.Join(h.Dir, "threads.pid")
	c := h.c.execBackground([]string{"--pid-file", pidFile}, "--mkdir", top+"/threads", "--write", top+"/threads/cgroup.type", "threaded", "--write", top+"/threads/cgroup.threads", "0", "--until-term")
	for _, op := range []string{"mkdir", "write", "write"} {
		wantErrno(t, c.next(op), 0)
	}
	c.next("waiting")
	h.wantFile("cgroup.type", "domain threaded")
	pid, err := strconv.Atoi(readFile(t, pidFile))
	if err != nil {
		t.Fatal(err)
	}
	if list := h.pids(); len(list) != 2 || !slices.Contains(list, pid) {
		t.Errorf("processes %v, want %d and the init", list, pid)
	}
	if err := unix.Kill(pid, unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	want(t, "exit status", c.exit().Exit, 0)

	list := h.actions("--rmdir", top+"/threads", "--mkdir", top+"/below", "--cgroup-child", top+"/below", "--write", top+"/memory.max", "max")
	for _, a := range list[:3] {
		wantErrno(t, a, 0)
	}
	want(t, "processes", len(h.pids()), 2) // the child stays
	if !strings.Contains(cgroup2Options(t), "nsdelegate") {
		// Whoever mounts cgroup2 on the host without the option takes it from all (cgroups(7)); criu 3.17 does at each checkpoint, and rung puts it back after that.
		t.Log("cgroup2 is mounted without nsdelegate: a container in a group of its own may write its limits")
		return
	}
	wantErrno(t, list[3], unix.EPERM, unix.EACCES)
	h.wantFile("memory.max", strconv.Itoa(64*mib))
}

// cgroup2Options is the options that all mounts of cgroup2 share.
func cgroup2Options(t *testing.T) string {
	t.Helper()
	for line := range strings.Lines(readFile(t, "/proc/self/mountinfo")) {
		if _, fs, ok := strings.Cut(line, " - cgroup2 "); ok {
			return strings.TrimSpace(fs)
		}
	}
	return ""
}

func hostOOM(t *testing.T, h *host) {
	b := h.beside(t)
	resources(func(r *specs.LinuxResources) {
		r.Memory = &specs.LinuxMemory{Limit: ptr[int64](16 * mib), Swap: ptr[int64](16 * mib)}
	})(b.Spec)
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	c := b.runDetached()
	e := b.events("--interval", "1h")
	e.until("stats")
	// the container outlives it: systemd removes the groups of one that has ended, and what they counted with them
	want(t, "exit status", b.runtime("exec", b.ID, "/probe", "--fill-memory", "64000000", "--echo", "after").Exit, 128+int(unix.SIGKILL))
	e.until("oom")
	b.must("kill", b.ID, "KILL")
	c.wait()
	e.end()
}

// beside is another container of the same kind.
func (h *host) beside(t *testing.T) *bundle {
	t.Helper()
	return h.hostKind.bundle(t)
}

// hostLimits is a container that is made with limits.
func (h *host) tryLimits() Result {
	b := h.beside(h.t)
	b.Spec.Linux.Resources = &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr[int64](10)}}
	b.Spec.Process.Args = []string{"/probe", "--echo", "it-started"}
	return b.run()
}

func hostLimits(t *testing.T, h *host) {
	b := h.beside(t)
	resources(func(r *specs.LinuxResources) {
		r.Memory = &specs.LinuxMemory{Limit: ptr[int64](32 * mib), Reservation: ptr[int64](8 * mib)}
		r.CPU = &specs.LinuxCPU{Shares: ptr[uint64](200), Quota: ptr[int64](50000), Period: ptr[uint64](100000), Cpus: "0"}
		r.Pids = &specs.LinuxPids{Limit: ptr[int64](1)}
		r.Unified = map[string]string{"memory.oom.group": "1", "memory.high": "16777216"}
	})(b.Spec)
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	c := b.create()
	dir := "/sys/fs/cgroup" + cgroup2Of(t, c.Pid)
	for file, v := range map[string]string{
		"memory.max": "33554432", "memory.low": "8388608", "memory.high": "16777216", "memory.oom.group": "1", "cpu.weight": "29", "cpu.max": "50000 100000", "cpuset.cpus": "0", "pids.max": "1",
	} {
		want(t, file, readFile(t, filepath.Join(dir, file)), v)
	}
	c.start().next("waiting")
	b.must("delete", "--force", b.ID)
	c.wait()
}

func hostKill(t *testing.T, h *host) {
	h.must("kill", h.ID, "TERM")
	want(t, "signal", h.c.next("signal").Signal, unix.SIGTERM)
	want(t, "exit status", h.c.wait(), 0)
	h.wantStatus("stopped")
}

func hostDelete(t *testing.T, h *host) {
	h.must("delete", h.ID)
	if h.groups {
		want(t, "the group is there", exists(h.dir), false)
		wantSlice(t, "groups", cgroupsOf(h.ID), nil)
	}
	if h.reload != nil && !h.user {
		want(t, "the unit is known", known("rit-"+h.ID+".scope"), false)
	}
}

// The kernel lets a user start processes in a group of his only from another of his.
func TestRootless_outside_of_what_is_delegated_is_refused(t *testing.T) {
	t.Parallel()
	requires(t, "root", "cgroupv2", "userns", "rt:rung")
	b := delegatedUser(t)
	b.Env = append(b.Env, "RUNG_TEST_CGROUP=")
	b.Spec.Process.Args = []string{"/probe", "--echo", "it-started"}
	wantFailure(t, b.run(), "delegated to the same user", "permission denied")
	want(t, "group", exists("/sys/fs/cgroup"+b.Spec.Linux.CgroupsPath), false)
}
