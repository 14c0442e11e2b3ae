package integration

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// requires skips the test when the host, or the runtime under test, lacks something. The words:
//
//	root              user id 0
//	cgroupv1          v1 hierarchies at /sys/fs/cgroup, alone or beside cgroup2
//	cgroupv2          cgroup2 alone at /sys/fs/cgroup
//	hybrid            both
//	v1:NAME, v2:NAME  that controller in a hierarchy of that kind
//	ctrl:NAME         that controller in either
//	cap:NAME          that capability, CAP_SYS_RESOURCE say
//	apparmor          AppArmor in force, and apparmor_parser(8)
//	selinux           SELinux, enforcing or permissive
//	selinux-enforcing SELinux, enforcing
//	systemd           systemd as the service manager; no-systemd the contrary
//	user-manager      a systemd of an ordinary user of the host
//	disk              the bundles are on a disk, whose writes can be limited
//	userns, timens    these namespaces can be made
//	overlay           overlayfs can be mounted
//	idmap             id-mapped mounts of the file system that bundles are on
//	newuidmap         newuidmap(1) and newgidmap(1)
//	numa              memory policies
//	resctrl           resource director technology, with /sys/fs/resctrl mounted; no-resctrl the contrary
//	rtsched           real-time scheduling policies
//	cpus:N            at least N processors
//	kernel:VERSION    that version of Linux or a newer one
//	criu, criu:NAME   a criu that works with this kernel; that feature of criu check
//	criu-before:N     a criu older than version N
//	command:NAME      that program in PATH
//	file:PATH         that file
//	without:WORD      the contrary of another word
//	rt:NAME           something that rung can and an oracle cannot; rt:rung is rung alone, rt:runc is rung and any
//	                  runc, rt:runc-1.4 is rung and runc 1.4
func requires(t *testing.T, needs ...string) {
	t.Helper()
	for _, word := range needs {
		missing := lacking(word)
		if missing == nil {
			continue
		}
		if slices.Contains(words(os.Getenv("RUNG_TESTS_MUST")), word) {
			t.Fatalf("%s is required by RUNG_TESTS_MUST, and is missing: %v", word, missing)
		}
		recordSkip(t.Name(), word, missing)
		t.Skipf("%s: %v", word, missing)
	}
}

// oracles are released runtimes that these tests were checked with, each with what it does not do, or does in another
// way than rung: words of requires after "rt:".
var oracles = []struct {
	version string // what the first line of its --version begins with
	lacks   []string
}{
	{"runc version 1.1.", []string{
		"timens", "idmap", "scheduler", "ioprio", "domainname", "mempolicy", "personality", "nosymfollow", "pidfd-socket",
		"affinity", "mount-flags", "rootfs-propagation", "runc-1.4", "rung",
	}},
	{"runc version 1.", []string{"rung"}},
	{"crun version 1.", []string{
		"timens", "scheduler", "ioprio", "domainname", "mempolicy", "personality", "nosymfollow", "pidfd-socket",
		"affinity", "mount-flags", "rootfs-propagation", "runc", "runc-1.4", "rung",
	}},
}

var facts sync.Map // word → error or nil

// lacking says why the host has not what word names; nil if it has.
func lacking(word string) error {
	if v, ok := facts.Load(word); ok {
		err, _ := v.(error)
		return err
	}
	err := look(word)
	facts.Store(word, err)
	return err
}

func look(word string) error {
	kind, name, _ := strings.Cut(word, ":")
	switch kind {
	case "root":
		if os.Geteuid() != 0 {
			return errors.New("the tests run as an ordinary user")
		}
	case "cgroupv1":
		if cgroupKind() == "v2" {
			return errors.New("only cgroup2 is mounted")
		}
	case "cgroupv2", "hybrid":
		want := strings.TrimPrefix(kind, "cgroup")
		if k := cgroupKind(); k != want {
			return errors.New("the host is " + k)
		}
	case "v1":
		if cgroupKind() == "v2" {
			return errors.New("only cgroup2 is mounted")
		}
		if _, err := os.Stat("/sys/fs/cgroup/" + name + "/cgroup.procs"); err != nil {
			return err
		}
	case "v2":
		top := unifiedTop()
		if top == "" {
			return errors.New("no cgroup2 is mounted")
		}
		if name == "hugetlb" && cgroupKind() == "hybrid" {
			return errors.New("runtimes leave the cgroup2 controllers of a hybrid host alone")
		}
		b, err := os.ReadFile(top + "/cgroup.controllers")
		if err != nil {
			return err
		}
		if !slices.Contains(strings.Fields(string(b)), name) {
			return fmt.Errorf("cgroup2 has only the controllers %s", strings.TrimSpace(string(b)))
		}
	case "ctrl":
		if look("v1:"+name) != nil && (cgroupKind() != "v2" || look("v2:"+name) != nil) {
			return errors.New("no hierarchy has the controller " + name)
		}
	case "cap":
		n, ok := capNumber(name)
		if !ok {
			return errors.New("unknown capability")
		}
		if r, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(n), 0, 0, 0); err != nil || r != 1 || ownCaps()>>n&1 == 0 {
			return errors.New("the tests do not have " + name)
		}
	case "apparmor":
		if b, err := os.ReadFile("/sys/module/apparmor/parameters/enabled"); err != nil || len(b) == 0 || b[0] != 'Y' {
			return errors.New("the kernel has no AppArmor in force")
		}
		_, err := exec.LookPath("apparmor_parser")
		return err
	case "selinux":
		_, err := os.Stat("/sys/fs/selinux/enforce")
		return err
	case "selinux-enforcing":
		b, err := os.ReadFile("/sys/fs/selinux/enforce")
		if err == nil && string(b) != "1" {
			err = errors.New("SELinux is permissive")
		}
		return err
	case "systemd", "no-systemd":
		_, err := os.Stat("/run/systemd/system")
		if kind == "no-systemd" && err == nil {
			return errors.New("systemd runs")
		}
		if kind == "systemd" {
			return err
		}
	case "user-manager":
		if err := look("systemd"); err != nil {
			return err
		}
		_, err := managedUser()
		return err
	case "disk":
		_, err := wholeDisk(base)
		return err
	case "userns":
		return inStage("unshare-user")
	case "timens":
		return inStage("unshare-time")
	case "overlay":
		return inStage("mount-overlay")
	case "idmap":
		return lookIDMap()
	case "newuidmap":
		for _, p := range []string{"newuidmap", "newgidmap"} {
			if _, err := exec.LookPath(p); err != nil {
				return err
			}
		}
	case "cpus":
		n, _ := strconv.Atoi(name)
		var set unix.CPUSet
		if err := unix.SchedGetaffinity(0, &set); err != nil || set.Count() < n {
			return fmt.Errorf("%d processors", set.Count())
		}
	case "numa":
		if _, err := os.Stat("/sys/devices/system/node/node0"); err != nil {
			return err
		}
		if _, _, e := unix.Syscall6(unix.SYS_GET_MEMPOLICY, 0, 0, 0, 0, 0, 0); e != 0 {
			return fmt.Errorf("get_mempolicy: %w", e)
		}
	case "landlock":
		abi, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
		if e != 0 {
			return fmt.Errorf("landlock_create_ruleset: %w", e)
		}
		if n, _ := strconv.Atoi(name); int(abi) < n {
			return fmt.Errorf("version %d of Landlock's ABI", abi)
		}
	case "resctrl", "no-resctrl":
		_, err := os.Stat("/sys/fs/resctrl/schemata")
		if kind == "no-resctrl" && err == nil {
			return errors.New("resctrl is mounted")
		}
		if kind == "resctrl" {
			return err
		}
	case "rtsched":
		return inStage("sched-fifo")
	case "kernel":
		var uts unix.Utsname
		if err := unix.Uname(&uts); err != nil {
			return err
		}
		if release := unix.ByteSliceToString(uts.Release[:]); !newerKernel(release, name) {
			return errors.New("Linux " + release)
		}
	case "criu":
		findCriu()
		args := []string{"check"}
		if name != "" {
			args = append(args, "--feature", name)
		}
		if out, err := exec.Command("criu", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("criu check: %w %s", err, bytes.TrimSpace(out))
		}
	case "criu-before":
		findCriu()
		out, err := exec.Command("criu", "--version").Output()
		var has, limit int
		if _, scanErr := fmt.Sscanf(string(out), "Version: %d", &has); err != nil || scanErr != nil {
			return fmt.Errorf("criu --version: %w %s", errors.Join(err, scanErr), out)
		}
		if limit, err = strconv.Atoi(name); err != nil || has >= limit {
			return errors.Join(err, fmt.Errorf("criu %d", has))
		}
	case "file":
		_, err := os.Stat(name)
		return err
	case "command":
		_, err := exec.LookPath(name)
		return err
	case "without":
		if look(name) == nil {
			return errors.New("the host has it")
		}
	case "rt":
		for _, o := range oracles {
			if strings.HasPrefix(runtimeVersion, o.version) {
				if slices.Contains(o.lacks, name) {
					return fmt.Errorf("%s does not do it as rung does", runtimeVersion)
				}
				break
			}
		}
	default:
		panic("requires: unknown word " + word)
	}
	return nil
}

// newerKernel compares two versions by their first two numbers.
func newerKernel(have, want string) bool {
	var a, b [2]int
	_, errA := fmt.Sscanf(have, "%d.%d", &a[0], &a[1])
	_, errB := fmt.Sscanf(want, "%d.%d", &b[0], &b[1])
	return errA == nil && errB == nil && slices.Compare(a[:], b[:]) >= 0
}

// unifiedTop is where cgroup2 is mounted; "" if nowhere.
func unifiedTop() string {
	switch cgroupKind() {
	case "v2":
		return "/sys/fs/cgroup"
	case "hybrid":
		return "/sys/fs/cgroup/unified"
	}
	return ""
}

// ownCaps is the test program's permitted set.
func ownCaps() uint64 {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return 0
	}
	return uint64(data[1].Permitted)<<32 | uint64(data[0].Permitted)
}

var skips struct {
	sync.Mutex
	count map[string]int // by word of requires
}

func recordSkip(test, word string, why error) {
	skips.Lock()
	defer skips.Unlock()
	if skips.count == nil {
		skips.count = map[string]int{}
	}
	skips.count[word]++
	name := os.Getenv("RUNG_SKIP_LOG")
	if name == "" {
		return
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(f, "%s: %s: %v\n", test, word, why)
	if err := f.Close(); err != nil {
		panic(err)
	}
}

// checkSkips holds what was skipped against the budget. A line of that file is "KIND WORD COUNT": KIND is v1, v2,
// hybrid, what RUNG_SKIP_KIND says in place of these, or any.
func checkSkips() error {
	name := os.Getenv("RUNG_SKIP_BUDGET")
	if name == "" {
		return nil
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	kind := os.Getenv("RUNG_SKIP_KIND")
	if kind == "" {
		kind = cgroupKind()
	}
	budget := map[string]int{}
	for in := bufio.NewScanner(f); in.Scan(); {
		line, _, _ := strings.Cut(in.Text(), "#")
		w := strings.Fields(line)
		if len(w) == 0 {
			continue
		}
		if len(w) != 3 {
			return fmt.Errorf("%s: %q is not KIND WORD COUNT", name, line)
		}
		n, err := strconv.Atoi(w[2])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if w[0] == kind || w[0] == "any" {
			budget[w[1]] += n
		}
	}
	var over []string
	total := 0
	for word, n := range skips.count {
		total += n
		if n > budget[word] {
			over = append(over, fmt.Sprintf("%s: %d skipped, %d allowed", word, n, budget[word]))
		}
	}
	fmt.Printf("%d tests skipped\n", total)
	if over != nil {
		slices.Sort(over)
		return fmt.Errorf("more was skipped than %s allows on a %s host:\n\t%s", name, kind, strings.Join(over, "\n\t"))
	}
	return nil
}

// findCriu puts the criu that script/criu has brought into PATH, where that of the machine does not work on its kernel.
// Only RUNG_TESTS_CRIU asks for it: on a host with cgroup v1 criu looks through the cgroups of all that run beside it, and
// makes them again below those that it restores.
var findCriu = sync.OnceFunc(func() {
	if os.Getenv("RUNG_TESTS_CRIU") == "" {
		return
	}
	cmd := exec.Command(filepath.Join(repository, "script/criu"))
	cmd.Env = append(os.Environ(), "RUNG_OFFLINE=1")
	out, err := cmd.Output()
	if dir := strings.TrimSpace(string(out)); err == nil && !slices.Contains(filepath.SplitList(os.Getenv("PATH")), dir) {
		os.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
})
