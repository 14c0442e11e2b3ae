package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// hasNS reports whether the container has a namespace of its own.
func (b *bundle) hasNS(typ specs.LinuxNamespaceType) bool {
	return slices.ContainsFunc(b.Spec.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == typ && n.Path == "" })
}

// withRange maps the user itself as root, and a range of IDs behind it.
func withRange(t *testing.T, b *bundle) *bundle {
	t.Helper()
	requires(t, "newuidmap")
	b.Spec.Linux.UIDMappings = append(mapping(0, ordinaryUser, 1), specs.LinuxIDMapping{ContainerID: 1, HostID: 700000, Size: 65536})
	b.Spec.Linux.GIDMappings = append(mapping(0, ordinaryUser, 1), specs.LinuxIDMapping{ContainerID: 1, HostID: 800000, Size: 65536})
	return b
}

// delegatedV1 is a user to whom root has given a group in each v1 hierarchy, with its cgroup.procs and tasks; and none
// of the cgroup v2 that a hybrid host has beside them.
func delegatedV1(t *testing.T) *bundle {
	t.Helper()
	requires(t, "cgroupv1")
	b := rootlessBundle(t)
	b.Spec.Linux.CgroupsPath = "/" + b.ID + "-user/" + b.ID
	for name, top := range v1Tops(t) {
		group := top + "/" + b.ID + "-user"
		if err := os.Mkdir(group, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { removeCgroup(group) })
		if strings.Contains(name, "cpuset") {
			for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
				writeGroup(t, group, file, readFile(t, top+"/"+file))
			}
		}
		for _, file := range []string{"", "/cgroup.procs", "/tasks"} {
			if err := os.Chown(group+file, ordinaryUser, ordinaryUser); err != nil {
				t.Fatal(err)
			}
		}
	}
	return b
}

// v1Tops has the mount of each v1 hierarchy, by its controllers.
func v1Tops(t *testing.T) map[string]string {
	t.Helper()
	tops := map[string]string{}
	for line := range strings.Lines(readFile(t, "/proc/self/cgroup")) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 || f[1] == "" {
			continue
		}
		name := strings.TrimPrefix(f[1], "name=")
		if dir := "/sys/fs/cgroup/" + name; isCgroupFS(dir) {
			tops[name] = dir
		}
	}
	return tops
}

// untracing is root without CAP_SYS_PTRACE, as in many containers of engines: what the kernel asks for when a process
// looks into one that is not dumpable.
func untracing(t *testing.T) *bundle {
	t.Helper()
	requires(t, "root", "command:setpriv")
	b := newBundle(t)
	b.Wrap = []string{"setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"}
	return b
}

// withoutTracing are the runtimes that the kernel denies the namespaces and descriptors of a waiting init.
func withoutTracing() map[string]func(t *testing.T) *bundle {
	return map[string]func(t *testing.T) *bundle{
		"one ID":    rootlessBundle,
		"a range":   func(t *testing.T) *bundle { return withRange(t, rootlessBundle(t)) },
		"delegated": delegated,
		"root":      untracing,
		"mapped root": func(t *testing.T) *bundle {
			b := untracing(t).mapped(mapping(0, 100000, 65536), mapping(0, 100000, 65536))
			if err := os.Chmod(b.Dir, 0o777); err != nil { // for the output of hooks
				t.Fatal(err)
			}
			return b
		},
		"root, mounts of the host": func(t *testing.T) *bundle {
			b := untracing(t)
			drop := b.Wrap
			b.hostOf(specs.MountNamespace)
			b.Wrap = append(b.Wrap, drop...)
			setNS(b.Spec, specs.MountNamespace, "/proc/self/ns/mnt")
			withoutNS(b.Spec, specs.CgroupNamespace)
			b.Spec.Mounts, b.Spec.Linux.MaskedPaths, b.Spec.Linux.ReadonlyPaths = nil, nil, nil
			return b
		},
	}
}

// delegated is a user with groups of his own, of the kind that this host has.
func delegated(t *testing.T) *bundle {
	t.Helper()
	if cgroupKind() == "v2" {
		return delegatedUser(t)
	}
	return delegatedV1(t)
}

func forEachWithoutTracing(t *testing.T, do func(t *testing.T, b *bundle)) {
	t.Helper()
	requires(t, "rt:rung")
	for name, kind := range withoutTracing() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			do(t, kind(t))
		})
	}
}

func TestRootless_hooks_in_the_container(t *testing.T) {
	t.Parallel()
	forEachWithoutTracing(t, func(t *testing.T, b *bundle) {
		if b.hasNS(specs.MountNamespace) {
			b.allHooks("--report")
		} else {
			h := b.probeHook("createContainer", "createContainer.out", "--report")
			addHook(b.Spec, "createContainer", h)
			addHook(b.Spec, "startContainer", specs.Hook{Path: "/probe", Args: []string{"hook", "--create", "/ran", ""}})
		}
		b.Spec.Process.Args = []string{"/probe", "--until-term"}
		c := b.create()
		namespaces := []string{"ipc", "net", "uts"}
		if b.hasNS(specs.MountNamespace) {
			namespaces = append(namespaces, "mnt", "pid")
		}
		if b.hasNS(specs.UserNamespace) {
			namespaces = append(namespaces, "user")
		}
		of := map[string]string{}
		for _, ns := range namespaces {
			of[ns] = nsID(t, c.Pid, ns)
		}
		c.start().next("waiting")
		kinds := []string{"createContainer", "startContainer"}
		if !b.hasNS(specs.MountNamespace) {
			kinds = kinds[:1]
			want(t, "the startContainer hook ran", exists(b.Rootfs+"/ran"), true)
		}
		for _, kind := range kinds {
			r := b.hookReport(kind)
			for ns, id := range of {
				want(t, kind+": "+ns, r.NS[ns], id)
			}
		}
		b.must("delete", "--force", b.ID)
		c.wait()
	})
}

func TestRootless_hooks_in_the_container_of_run(t *testing.T) {
	t.Parallel()
	forEachWithoutTracing(t, func(t *testing.T, b *bundle) {
		if !b.hasNS(specs.MountNamespace) {
			return // its startContainer hook cannot have the bundle bound
		}
		b.allHooks("--report")
		r := b.probe(nil)
		for _, kind := range []string{"createContainer", "startContainer"} {
			want(t, kind+": net", b.hookReport(kind).NS["net"], r.NS["net"])
		}
	})
}

func TestRootless_exec_into_a_created_container(t *testing.T) {
	t.Parallel()
	forEachWithoutTracing(t, func(t *testing.T, b *bundle) {
		b.Spec.Process.Args = []string{"/probe", "--until-term"}
		c := b.create()
		r := parseProbe(t, b.must("exec", b.ID, "/probe", "--create", "/made", "x", "--report").Stdout)
		wantErrno(t, r.action(t, 0), 0)
		want(t, "made in the container's root", exists(b.Rootfs+"/made"), true)
		for _, ns := range []string{"ipc", "net", "uts", "pid"} {
			if !b.hasNS(specs.MountNamespace) {
				break // no procfs to look at
			}
			want(t, ns, r.NS[ns], nsID(t, c.Pid, ns))
		}
		b.wantStatus("created")
		c.start().next("waiting")
		want(t, "net", parseProbe(t, b.must("exec", b.ID, "/probe").Stdout).NS["net"], r.NS["net"])
		b.must("delete", "--force", b.ID)
		c.wait()
	})
}

func TestRootless_seccomp_agent(t *testing.T) {
	t.Parallel()
	forEachWithoutTracing(t, func(t *testing.T, b *bundle) {
		a := b.newAgent(func(nr int) unix.Errno {
			if nr == unix.SYS_MKDIR || nr == unix.SYS_MKDIRAT {
				return unix.ENOMEDIUM
			}
			return 0
		})
		if err := os.Chmod(a.path, 0o666); err != nil {
			t.Fatal(err)
		}
		b.Spec.Linux.Seccomp = filter(rule(specs.ActNotify, "mkdir", "mkdirat", "read", "close"))
		b.Spec.Linux.Seccomp.ListenerPath = a.path
		b.Spec.Process.Args = []string{"/probe", "--mkdir", "/tmp/x", "--until-term"}
		c := b.create().start()
		wantErrno(t, c.next("mkdir"), unix.ENOMEDIUM)
		c.next("waiting")
		want(t, "id", (<-a.state).State.ID, b.ID)
		b.must("delete", "--force", b.ID)
		c.wait()
	})
}

// An agent that would have to answer sendmsg(2) before it has the listener gets none: that is said, and nothing is left.
func TestRootless_seccomp_agent_of_sendmsg_is_refused(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := rootlessBundle(t)
	b.Spec.Linux.Seccomp = filter(rule(specs.ActNotify, "sendmsg"))
	b.Spec.Linux.Seccomp.ListenerPath = "/nonexistent/agent.sock"
	b.Spec.Process.Args = []string{"/probe", "--echo", "it-started"}
	wantFailure(t, b.run(), "linux.seccomp", "sendmsg(2)", "CAP_SYS_PTRACE")
}

// The init hands its namespaces over, and does not become dumpable for it: what is executed in a container that waits
// for its start neither traces the init, which has no filter yet, nor reaches its descriptors.
func TestRootless_the_waiting_init_is_out_of_reach(t *testing.T) {
	t.Parallel()
	forEachWithoutTracing(t, func(t *testing.T, b *bundle) {
		if !b.hasNS(specs.MountNamespace) {
			return // no procfs of its own
		}
		addCaps("CAP_SYS_PTRACE", "CAP_SYS_ADMIN")(b.Spec)
		if !b.hasNS(specs.UserNamespace) {
			b.Spec.Process.Capabilities = &specs.LinuxCapabilities{} // rung has no CAP_SYS_PTRACE to grant
		}
		addHook(b.Spec, "startContainer", b.probeHook("startContainer", "hook.out", "--open", "/proc/1/mem", "r"))
		b.Spec.Process.Args = []string{"/probe", "--until-term"}
		c := b.create()
		r := parseProbe(t, b.must("exec", b.ID, "/probe", "--open", "/proc/1/mem", "r", "--open", "/proc/1/root/probe", "r", "--open", "/proc/1/ns/net", "r",
			"--open", "/proc/1/fd/0", "r", "--report").Stdout)
		for n := range 4 {
			wantErrno(t, r.action(t, n), unix.EACCES, unix.EPERM)
		}
		c.start().next("waiting")
		if out := readFile(t, filepath.Join(b.Dir, "hook.out")); !strings.Contains(out, fmt.Sprintf(`"errno":%d`, unix.EACCES)) {
			t.Errorf("a startContainer hook and the init's memory: %s", out)
		}
		b.must("delete", "--force", b.ID)
		c.wait()
	})
}

// On a hybrid host nobody hands out groups of cgroup v2, where no controllers are.
func TestRootless_delegated_groups_of_v1(t *testing.T) {
	t.Parallel()
	requires(t, "root", "userns", "rt:rung", "v1:pids")
	b := delegatedV1(t)
	b.Spec.Linux.Resources = &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr[int64](100)}}
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	c := b.create().start()
	c.next("waiting")
	group := "/sys/fs/cgroup/pids" + b.Spec.Linux.CgroupsPath
	want(t, "pids.max", readFile(t, group+"/pids.max"), "100")
	b.must("update", "--pids-limit", "50", b.ID)
	want(t, "pids.max", readFile(t, group+"/pids.max"), "50")
	b.must("pause", b.ID)
	b.wantStatus("paused")
	b.must("resume", b.ID)
	want(t, "pids", strings.Contains(b.must("ps", "--format", "json", b.ID).Stdout, itoa(c.Pid)), true)
	b.must("events", "--stats", b.ID)
	b.must("delete", "--force", b.ID)
	c.wait()
	want(t, "the group is there", exists(group), false)
}

// A limit of a hierarchy whose group was not handed out is refused; without such a limit that hierarchy is left alone.
func TestRootless_some_groups_of_v1_are_delegated(t *testing.T) {
	t.Parallel()
	requires(t, "root", "userns", "rt:rung", "v1:pids", "v1:memory")
	b := delegatedV1(t)
	removeCgroup("/sys/fs/cgroup/memory/" + b.ID + "-user")
	b.Spec.Process.Args = []string{"/probe", "--echo", "it-started"}
	b.Spec.Linux.Resources = &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr[int64](100)}}
	if res := b.run(); res.Exit != 0 {
		t.Errorf("a limit of pids: %s", res.Stderr)
	}
	b.Spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr[int64](64 * mib)}
	wantFailure(t, b.run(), "linux.resources.memory.limit", "not delegated", "/sys/fs/cgroup/memory")
}
