package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// The scope of a container, as systemd knows it and as the kernel has it.

// scoped is a bundle whose groups systemd makes, and the name of its unit.
func scoped(t *testing.T, edit ...func(*specs.Spec)) (b *bundle, unit string) {
	t.Helper()
	requires(t, "systemd", "rt:runc")
	b = newBundle(t)
	b.Globals = []string{"--systemd-cgroup"}
	b.Spec.Linux.CgroupsPath = "machine.slice:rit:" + b.ID
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	edits(edit...)(b.Spec)
	return b, "rit-" + b.ID + ".scope"
}

// unitProperties is what systemd says of a unit.
func unitProperties(t *testing.T, unit string, names ...string) map[string]string {
	t.Helper()
	out, err := exec.Command("systemctl", "show", unit, "-p", strings.Join(names, ",")).Output()
	if err != nil {
		t.Fatalf("systemctl show %s: %v", unit, err)
	}
	m := map[string]string{}
	for line := range strings.Lines(string(out)) {
		k, v, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		m[k] = v
	}
	return m
}

func wantProperties(t *testing.T, unit string, wanted map[string]string) {
	t.Helper()
	var names []string
	for name := range wanted {
		names = append(names, name)
	}
	got := unitProperties(t, unit, names...)
	for name, v := range wanted {
		want(t, unit+" "+name, got[name], v)
	}
}

// known says whether systemd has the unit (systemctl(1), exit status 4).
func known(unit string) bool {
	err := exec.Command("systemctl", "status", unit).Run()
	ee, ok := err.(*exec.ExitError) //nolint:errorlint // what Run returns
	return !ok || ee.ExitCode() != 4
}

func TestSystemd_the_scope_is_made_and_goes(t *testing.T) {
	t.Parallel()
	b, unit := scoped(t)
	c := b.runDetached()
	c.next("waiting")
	wantProperties(t, unit, map[string]string{"ActiveState": "active", "Delegate": "yes", "Slice": "machine.slice", "ControlGroup": "/machine.slice/" + unit, "NeedDaemonReload": "no", "Transient": "yes"})
	data := readFile(t, fmt.Sprintf("/proc/%d/cgroup", c.Pid))
	want(t, "cgroup", strings.TrimSpace(data), "0::/machine.slice/"+unit)
	want(t, "processes", strings.TrimSpace(readFile(t, "/sys/fs/cgroup/machine.slice/"+unit+"/cgroup.procs")), itoa(c.Pid))
	b.must("delete", "--force", b.ID)
	want(t, "the unit is known", known(unit), false)
	want(t, "the group is there", exists("/sys/fs/cgroup/machine.slice/"+unit), false)
}

func TestSystemd_default_path(t *testing.T) {
	t.Parallel()
	b, _ := scoped(t)
	b.Spec.Linux.CgroupsPath = ""
	b.create()
	wantProperties(t, "rung-"+b.ID+".scope", map[string]string{"ActiveState": "active", "Slice": "system.slice"})
}

func TestSystemd_a_slice(t *testing.T) {
	t.Parallel()
	b, _ := scoped(t)
	unit := "machine-" + strings.ReplaceAll(b.ID, "-", "_") + ".slice"
	b.Spec.Linux.CgroupsPath = "machine.slice::" + unit
	c := b.create()
	want(t, "cgroup", strings.TrimSpace(readFile(t, fmt.Sprintf("/proc/%d/cgroup", c.Pid))), "0::/machine.slice/"+unit)
	b.must("delete", "--force", b.ID)
	want(t, "active", unitProperties(t, unit, "ActiveState")["ActiveState"], "inactive")
}

func TestSystemd_limits_are_properties_and_files(t *testing.T) {
	t.Parallel()
	requires(t, "cpus:2")
	const mib = 1 << 20
	b, unit := scoped(t, resources(func(r *specs.LinuxResources) {
		r.Memory = &specs.LinuxMemory{Limit: ptr(int64(100 * mib)), Reservation: ptr(int64(50 * mib)), Swap: ptr(int64(150 * mib))}
		r.CPU = &specs.LinuxCPU{Shares: ptr(uint64(500)), Quota: ptr(int64(12345)), Period: ptr(uint64(100000)), Cpus: "0-1", Mems: "0"}
		r.Pids = &specs.LinuxPids{Limit: ptr(int64(33))}
		r.Unified = map[string]string{"memory.high": "90000000"}
	}))
	b.create()
	properties := map[string]string{
		"MemoryMax": "104857600", "MemoryLow": "52428800", "MemorySwapMax": "52428800", "MemoryHigh": "89997312",
		"CPUWeight": "58", "CPUQuotaPerSecUSec": "130ms", "CPUQuotaPeriodUSec": "100ms", "AllowedCPUs": "0-1", "AllowedMemoryNodes": "0", "TasksMax": "33",
		"NeedDaemonReload": "no",
	}
	properties["MemoryHigh"] = "90000000"
	files := map[string]string{
		"memory.max": "104857600", "memory.low": "52428800", "memory.swap.max": "52428800", "memory.high": "89997312",
		"cpu.weight": "58", "cpu.max": "13000 100000", "cpuset.cpus": "0-1", "pids.max": "33",
	}
	check := func(when string) {
		wantProperties(t, unit, properties)
		for file, v := range files {
			want(t, when+": "+file, strings.TrimSpace(readFile(t, "/sys/fs/cgroup/machine.slice/"+unit+"/"+file)), v)
		}
	}
	check("at first")
	if err := exec.Command("systemctl", "daemon-reload").Run(); err != nil {
		t.Fatal(err)
	}
	check("after a reload")
}

func TestSystemd_one_process_is_enough(t *testing.T) {
	t.Parallel()
	b, unit := scoped(t, resources(func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr(int64(0))} }))
	b.Spec.Version = "1.3.0" // before that 0 is no limit
	b.runDetached().next("waiting")
	want(t, "pids.max", strings.TrimSpace(readFile(t, "/sys/fs/cgroup/machine.slice/"+unit+"/pids.max")), "1")
	want(t, "TasksMax", unitProperties(t, unit, "TasksMax")["TasksMax"], "1")
}

func TestSystemd_devices_are_denied_before_and_after_a_reload(t *testing.T) {
	t.Parallel()
	b, _ := scoped(t, resources(func(r *specs.LinuxResources) {
		r.Devices = []specs.LinuxDeviceCgroup{
			{Allow: false, Access: "rwm"},
			{Allow: true, Type: "c", Major: ptr(int64(1)), Access: "rwm"},
			{Allow: false, Type: "c", Major: ptr(int64(1)), Minor: ptr(int64(11)), Access: "rw"}, // systemd cannot say this
		}
	}))
	b.Spec.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/kmsg", Type: "c", Major: 1, Minor: 11, FileMode: ptr(os.FileMode(0o666))}}
	b.Spec.Process.Args = []string{"/probe", "--open", "/dev/kmsg", "r", "--open", "/dev/null", "w", "--line", "--open", "/dev/kmsg", "r", "--open", "/dev/null", "w"}
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	b.Stdin = in
	c := b.runDetached()
	in.Close()
	wantErrno(t, c.next("open"), unix.EPERM)
	wantErrno(t, c.next("open"), 0)
	if err := exec.Command("systemctl", "daemon-reload").Run(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.WriteString("on\n"); err != nil {
		t.Fatal(err)
	}
	c.next("line")
	wantErrno(t, c.next("open"), unix.EPERM)
	wantErrno(t, c.next("open"), 0)
}

func TestSystemd_annotations_are_properties(t *testing.T) {
	t.Parallel()
	b, unit := scoped(t)
	b.Spec.Annotations = map[string]string{
		"org.systemd.property.TimeoutStopUSec": "uint64 3000000", "org.systemd.property.RuntimeMaxSec": "900", "org.systemd.property.CollectMode": "'inactive-or-failed'",
	}
	b.create()
	wantProperties(t, unit, map[string]string{"TimeoutStopUSec": "3s", "RuntimeMaxUSec": "15min", "CollectMode": "inactive-or-failed"})
}

// A limit of the config holds whatever an annotation says, when the scope is made and when systemd writes what it knows
// again. One that the config does not have is the annotation's.
func TestSystemd_no_annotation_undoes_a_limit_of_the_config(t *testing.T) {
	t.Parallel()
	b, unit := scoped(t)
	none := "uint64 18446744073709551615"
	annotate(
		"org.systemd.property.MemoryMax", none, "org.systemd.property.TasksMax", none, "org.systemd.property.CPUWeight", "uint64 10000",
		"org.systemd.property.MemoryHigh", "uint64 50331648",
	)(b.Spec)
	b.Spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(64 << 20))}
	b.Spec.Linux.Resources.Pids = &specs.LinuxPids{Limit: ptr(int64(10))}
	b.Spec.Linux.Resources.CPU = &specs.LinuxCPU{Shares: ptr(uint64(200))}
	c := b.runDetached()
	c.next("waiting")
	for _, name := range []string{"MemoryMax", "TasksMax", "CPUWeight"} {
		if text := "org.systemd.property." + name + `"]: is not applied`; !strings.Contains(c.report.Stderr, text) {
			t.Errorf("want %q in %q", text, c.report.Stderr)
		}
	}
	dir := "/sys/fs/cgroup/machine.slice/" + unit
	hold := func(when string) {
		for file, value := range map[string]string{"memory.max": "67108864", "pids.max": "10", "cpu.weight": "29", "memory.high": "50331648"} {
			want(t, file+" "+when, strings.TrimSpace(readFile(t, dir+"/"+file)), value)
		}
	}
	hold("at once")
	if err := exec.Command("systemctl", "daemon-reload").Run(); err != nil {
		t.Fatal(err)
	}
	hold("after a reload")
	c.must("kill", b.ID, "KILL")
	c.wait()
}

// What engines write for every container: Podman, CRI-O.
func TestSystemd_properties_of_engines_are_taken(t *testing.T) {
	t.Parallel()
	b, unit := scoped(t)
	annotate(
		"org.systemd.property.KillSignal", "37", "org.systemd.property.TimeoutStopUSec", "uint64 10000000", "org.systemd.property.CollectMode", "'inactive-or-failed'",
		"org.systemd.property.DefaultDependencies", "true", "org.systemd.property.After", "['crio.service']", "org.systemd.property.Delegate", "true",
	)(b.Spec)
	b.create()
	wantProperties(t, unit, map[string]string{"TimeoutStopUSec": "10s", "KillSignal": "37", "CollectMode": "inactive-or-failed", "DefaultDependencies": "yes", "Delegate": "yes"})
	out, err := exec.Command("systemctl", "show", "--value", "-p", "After", unit).Output()
	if err != nil || !strings.Contains(string(out), "crio.service") {
		t.Errorf("After is %s (%v)", out, err)
	}
}

func TestSystemd_a_stopped_scope_is_a_stopped_container(t *testing.T) {
	t.Parallel()
	b, unit := scoped(t)
	c := b.runDetached()
	c.next("waiting")
	if err := exec.Command("systemctl", "stop", unit).Run(); err != nil {
		t.Fatal(err)
	}
	c.wait()
	b.wantStatus("stopped")
	b.must("delete", b.ID)
}

func TestSystemd_a_failed_unit_is_forgotten_by_delete(t *testing.T) {
	t.Parallel()
	b, unit := scoped(t)
	b.Spec.Annotations = map[string]string{"org.systemd.property.RuntimeMaxSec": "1"}
	b.Spec.Process.Args = []string{"/probe", "--sleep"}
	c := b.runDetached()
	c.wait() // systemd ends it
	b.wantStatus("stopped")
	b.must("delete", b.ID)
	want(t, "the unit is known", known(unit), false)
}

// The unit of another is left alone, whatever becomes of the one that wanted its name.
func TestSystemd_a_name_that_is_taken_is_refused(t *testing.T) {
	t.Parallel()
	a, unit := scoped(t)
	c := a.runDetached()
	c.next("waiting")
	b := a.another()
	b.Globals = a.Globals
	b.Spec.Linux.CgroupsPath = a.Spec.Linux.CgroupsPath
	wantFailure(t, b.run(), "linux.cgroupsPath", unit)
	wantProperties(t, unit, map[string]string{"ActiveState": "active"})
	a.wantStatus("running")
}

func TestSystemd_bad_paths_and_properties_are_refused(t *testing.T) {
	t.Parallel()
	requires(t, "systemd")
	for _, c := range []struct{ name, path, fragment string }{
		{"two parts", "a:b", "slice:prefix:name"}, {"a path", "/a/b", "slice:prefix:name"}, {"a slice's name", "x:a:b", "no name of a slice"}, {"no name", "::", "no name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, _ := scoped(t)
			b.Spec.Linux.CgroupsPath = c.path
			wantFailure(t, b.run(), "linux.cgroupsPath", c.fragment)
		})
	}
	t.Run("unknown property", func(t *testing.T) {
		t.Parallel()
		b, unit := scoped(t)
		b.Spec.Annotations = map[string]string{"org.systemd.property.NoSuchThing": "true"}
		wantFailure(t, b.run(), "NoSuchThing")
		want(t, "the unit is known", known(unit), false)
	})
	t.Run("no value", func(t *testing.T) {
		t.Parallel()
		b, _ := scoped(t)
		b.Spec.Annotations = map[string]string{"org.systemd.property.TasksMax": "x y"}
		wantFailure(t, b.run(), "annotations[org.systemd.property.TasksMax]")
	})
}

func TestSystemd_is_needed_for_its_driver(t *testing.T) {
	t.Parallel()
	requires(t, "rt:runc")
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		requires(t, "no-systemd")
	}
	b := newBundle(t)
	b.Globals = []string{"--systemd-cgroup"}
	b.Spec.Linux.CgroupsPath = "machine.slice:rit:" + b.ID
	wantFailure(t, b.run(), "systemd is not running")
	want(t, "state", exists(filepath.Join(b.Root, b.ID)), false)
}

func TestSystemd_slices_are_below_each_other(t *testing.T) {
	t.Parallel()
	requires(t, "systemd")
	for name, c := range map[string]struct{ path, group string }{
		"three deep":        {"rit-a-b.slice:p:ID", "/rit.slice/rit-a.slice/rit-a-b.slice/p-ID.scope"},
		"no slice":          {":p:ID", "/system.slice/p-ID.scope"},
		"no prefix":         {"rit-c.slice::ID", "/rit.slice/rit-c.slice/ID.scope"},
		"the manager's own": {"-.slice:p:ID", "/p-ID.scope"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, _ := scoped(t)
			b.Spec.Linux.CgroupsPath = strings.ReplaceAll(c.path, "ID", b.ID)
			p := b.create()
			want(t, "group", cgroup2Of(t, p.Pid), strings.ReplaceAll(c.group, "ID", b.ID))
			b.must("delete", "--force", b.ID)
			want(t, "the group is there", exists("/sys/fs/cgroup"+strings.ReplaceAll(c.group, "ID", b.ID)), false)
		})
	}
}
