package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// hostOf makes namespaces of a process, in which nobody else is, the host's for the container: the runtime is called in
// them. So nothing of the machine is at stake when a rule fails.
func (b *bundle) hostOf(kinds ...specs.LinuxNamespaceType) (keeper int, enter []string) {
	b.t.Helper()
	keeper = nsHolder(b.t, kinds...)
	enter = []string{"nsenter"}
	for _, k := range kinds {
		option := map[specs.LinuxNamespaceType]string{specs.NetworkNamespace: "net", specs.IPCNamespace: "ipc", specs.UTSNamespace: "uts", specs.MountNamespace: "mount"}[k]
		enter = append(enter, "--"+option+"="+nsPath(keeper, k))
	}
	b.Wrap = enter
	return keeper, enter
}

// hostPaths are names of such a namespace: none of them looks like the others.
func (b *bundle) hostPaths(keeper int, kind specs.LinuxNamespaceType) map[string]string {
	b.t.Helper()
	paths := map[string]string{"the runtime's": "/proc/self/ns/" + kernelName(kind)}
	if kind == specs.UserNamespace {
		return paths
	}
	paths["another process's"], paths["by a link"] = nsPath(keeper, kind), filepath.Join(b.Dir, "link-"+string(kind))
	if err := os.Symlink(nsPath(keeper, kind), paths["by a link"]); err != nil {
		b.t.Fatal(err)
	}
	if kind != specs.MountNamespace { // which cannot be bound in itself
		pin := filepath.Join(b.Dir, "pinned-"+string(kind))
		writeFile(b.t, pin, "")
		b.mount(nsPath(keeper, kind), pin, "", unix.MS_BIND, "")
		paths["pinned"] = pin
	}
	return paths
}

// Whatever is refused because it would be done to the host is refused, too, when a path names the host's namespace.
func TestNamespaces_a_path_to_the_hosts_own_is_as_none(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	for _, c := range []struct {
		name string
		kind specs.LinuxNamespaceType
		edit func(*specs.Spec)
		path string // of the config
		kept string // a file of the host's that must not change
	}{
		{"net sysctl", specs.NetworkNamespace, withSysctl(map[string]string{"net.ipv4.ping_group_range": "7 7"}), "linux.sysctl", "/proc/sys/net/ipv4/ping_group_range"},
		{"ipc sysctl", specs.IPCNamespace, withSysctl(map[string]string{"kernel.msgmax": "7777"}), "linux.sysctl", "/proc/sys/kernel/msgmax"},
		{"mqueue sysctl", specs.IPCNamespace, withSysctl(map[string]string{"fs.mqueue.msg_max": "7"}), "linux.sysctl", "/proc/sys/fs/mqueue/msg_max"},
		{"uts sysctl", specs.UTSNamespace, withSysctl(map[string]string{"kernel.domainname": "rung.test"}), "linux.sysctl", "/proc/sys/kernel/domainname"},
		{"host name", specs.UTSNamespace, func(s *specs.Spec) { s.Hostname = "rung-test-host" }, "hostname", "/proc/sys/kernel/hostname"},
		{"domain name", specs.UTSNamespace, func(s *specs.Spec) { s.Domainname = "rung.test" }, "domainname", "/proc/sys/kernel/domainname"},
		{"network device", specs.NetworkNamespace, func(s *specs.Spec) { s.Linux.NetDevices = map[string]specs.LinuxNetDevice{"lo": {Name: "l1"}} }, "linux.netDevices", ""},
		{"masked path", specs.MountNamespace, func(s *specs.Spec) { s.Mounts, s.Linux.ReadonlyPaths = nil, nil }, "linux.maskedPaths", ""},
		{"read-only path", specs.MountNamespace, func(s *specs.Spec) { s.Mounts, s.Linux.MaskedPaths = nil, nil }, "linux.readonlyPaths", ""},
		{"user namespace", specs.UserNamespace, nil, "linux.namespaces[6].path", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			if c.edit != nil {
				c.edit(b.Spec)
			}
			b.Spec.Process.Args = []string{"/probe", "--echo", "it-started"}
			keeper, enter := 0, []string(nil)
			if c.kind != specs.UserNamespace {
				keeper, enter = b.hostOf(c.kind)
			}
			value := func() string {
				if c.kept == "" {
					return ""
				}
				out, err := exec.Command(enter[0], append(enter[1:], "cat", c.kept)...).Output()
				if err != nil {
					t.Fatal(err)
				}
				return string(out)
			}
			before := value()
			for name, path := range b.hostPaths(keeper, c.kind) {
				setNS(b.Spec, c.kind, path)
				res := b.run()
				wantFailure(t, res, c.path)
				if strings.Contains(res.Stdout, "it-started") {
					t.Errorf("%s: the process was started", name)
				}
				found, _ := b.check()
				fatal := false
				for _, f := range found.Findings {
					fatal = fatal || f.Fatal && strings.HasPrefix(f.Path, c.path)
				}
				want(t, name+": check says so", fatal, true)
			}
			want(t, c.kept, value(), before)
		})
	}
}

// The runtime may be in a namespace of the engine's: that of process 1 is the host's all the same. Process 1 is a shell
// here, in namespaces of its own: that of the machine may not be looked at.
func TestNamespaces_the_hosts_own_from_another_one(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	b.Wrap = []string{"unshare", "--net", "--pid", "--fork", "--mount-proc", "sh", "-c", `unshare --net "$@"; exit $?`, "sh"}
	withSysctl(map[string]string{"net.ipv4.ping_group_range": "7 7"})(b.Spec)
	for _, path := range []string{"/proc/1/ns/net", "/proc/self/ns/net"} {
		setNS(b.Spec, specs.NetworkNamespace, path)
		wantFailure(t, b.run(), "linux.sysctl", "would be set on the host")
	}
}

// A namespace that is joined and is somebody else's is set up as before.
func TestNamespaces_sysctls_of_a_joined_one_are_set(t *testing.T) {
	t.Parallel()
	holder := nsHolder(t, specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace)
	r := probe(t, func(s *specs.Spec) {
		for _, ns := range []specs.LinuxNamespaceType{specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace} {
			setNS(s, ns, nsPath(holder, ns))
		}
		s.Hostname = "joined"
		withSysctl(map[string]string{"net.ipv4.ping_group_range": "7 7", "kernel.msgmax": "7777"})(s)
	}, "--read", "/proc/sys/net/ipv4/ping_group_range", "--read", "/proc/sys/kernel/msgmax", "--read", "/proc/sys/kernel/hostname")
	for i, value := range []string{"7 7", "7777", "joined"} {
		want(t, r.action(t, i).Path, fields(r.action(t, i).Data), value)
	}
}

// Engines join the host's namespaces by path for containers that share them, and may name the node's own host name.
func TestNamespaces_the_hosts_own_are_shared(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	kinds := []specs.LinuxNamespaceType{specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.CgroupNamespace}
	r := probe(t, func(s *specs.Spec) {
		for _, ns := range kinds {
			setNS(s, ns, nsPath(os.Getpid(), ns))
		}
		s.Hostname = name
		bindSys(s)
	})
	for _, ns := range kinds {
		want(t, string(ns), r.NS[kernelName(ns)], nsID(t, 0, kernelName(ns)))
	}
}

// The host's mount namespace, joined by a path, keeps its root: the container's is entered as without one, by exec and
// by hooks too.
func TestNamespaces_the_hosts_mounts_are_not_pivoted(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	keeper, _ := b.hostOf(specs.MountNamespace)
	setNS(b.Spec, specs.MountNamespace, nsPath(keeper, specs.MountNamespace))
	b.Spec.Mounts, b.Spec.Linux.MaskedPaths, b.Spec.Linux.ReadonlyPaths = nil, nil, nil
	withoutNS(b.Spec, specs.CgroupNamespace)
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	writeFile(t, b.Rootfs+"/inside", "")
	root := func() uint64 {
		var st unix.Stat_t
		if err := unix.Stat("/proc/"+strconv.Itoa(keeper)+"/root", &st); err != nil {
			t.Fatal(err)
		}
		return st.Ino
	}
	before := root()
	b.Spec.Hooks = nil
	addHook(b.Spec, "startContainer", specs.Hook{Path: "/probe", Args: []string{"probe", "--read", "/inside"}})
	c := b.create()
	c.start()
	c.next("waiting")
	want(t, "the root of the host's mount namespace", root(), before)
	a := parseAction(t, firstLine(b.must("exec", b.ID, "/probe", "--read", "/inside").Stdout))
	wantErrno(t, a, 0)
	b.must("kill", b.ID, "KILL")
	c.wait()
	b.must("delete", b.ID)
}
