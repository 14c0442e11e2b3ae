package integration

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// kernelName is how /proc/PID/ns calls a namespace of the spec.
func kernelName(t specs.LinuxNamespaceType) string {
	switch t {
	case specs.NetworkNamespace:
		return "net"
	case specs.MountNamespace:
		return "mnt"
	}
	return string(t)
}

var allNamespaces = []specs.LinuxNamespaceType{
	specs.PIDNamespace, specs.NetworkNamespace, specs.MountNamespace, specs.IPCNamespace, specs.UTSNamespace,
	specs.UserNamespace, specs.CgroupNamespace, specs.TimeNamespace,
}

var cloneFlags = map[specs.LinuxNamespaceType]uintptr{
	specs.PIDNamespace: unix.CLONE_NEWPID, specs.NetworkNamespace: unix.CLONE_NEWNET, specs.MountNamespace: unix.CLONE_NEWNS,
	specs.IPCNamespace: unix.CLONE_NEWIPC, specs.UTSNamespace: unix.CLONE_NEWUTS, specs.UserNamespace: unix.CLONE_NEWUSER,
	specs.CgroupNamespace: unix.CLONE_NEWCGROUP, specs.TimeNamespace: unix.CLONE_NEWTIME,
}

func TestNamespaces_configured_ones_are_new(t *testing.T) {
	t.Parallel()
	r := probe(t, nil)
	for _, ns := range []string{"pid", "net", "ipc", "uts", "mnt", "cgroup"} {
		if r.NS[ns] == nsID(t, 0, ns) || r.NS[ns] == "" {
			t.Errorf("%s: %q is the host's", ns, r.NS[ns])
		}
	}
	want(t, "user namespace", r.NS["user"], nsID(t, 0, "user"))
	want(t, "pid", r.Pid, 1)
	want(t, "parent's pid", r.Ppid, 0)
}

func TestNamespaces_one_left_out_is_the_hosts(t *testing.T) {
	t.Parallel()
	for _, ns := range []specs.LinuxNamespaceType{specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.CgroupNamespace} {
		t.Run(string(ns), func(t *testing.T) {
			t.Parallel()
			r := probe(t, func(s *specs.Spec) {
				withoutNS(s, ns)
				s.Hostname = ""
				bindSys(s)
			})
			for _, other := range []specs.LinuxNamespaceType{specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.CgroupNamespace} {
				name := kernelName(other)
				if (r.NS[name] == nsID(t, 0, name)) != (other == ns) {
					t.Errorf("%s: %s; the host's is %s", name, r.NS[name], nsID(t, 0, name))
				}
			}
		})
	}
}

// bindSys replaces the sysfs mount by a bind of the host's: one of its own needs a network namespace of its own.
func bindSys(s *specs.Spec) {
	for i, m := range s.Mounts {
		if m.Type == "sysfs" {
			s.Mounts[i] = specs.Mount{Destination: "/sys", Type: "bind", Source: "/sys", Options: []string{"rbind", "nosuid", "noexec", "nodev", "ro"}}
		}
	}
}

// nsHolder is a process that stops before it does anything, in new namespaces of these kinds.
func nsHolder(t *testing.T, kinds ...specs.LinuxNamespaceType) (pid int) {
	t.Helper()
	cmd := exec.Command(probePath, "--wait-signal")
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	for _, k := range kinds {
		cmd.SysProcAttr.Cloneflags |= cloneFlags[k]
		if k == specs.UserNamespace {
			cmd.SysProcAttr.UidMappings = []idRange{{ContainerID: 0, HostID: 100000, Size: 65536}}
			cmd.SysProcAttr.GidMappings = []idRange{{ContainerID: 0, HostID: 100000, Size: 65536}}
			cmd.SysProcAttr.Credential = nil
		}
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	// It has said so when it waits.
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatalf("the holder of namespaces: %v", err)
	}
	return cmd.Process.Pid
}

func nsPath(pid int, ns specs.LinuxNamespaceType) string {
	return fmt.Sprintf("/proc/%d/ns/%s", pid, kernelName(ns))
}

func TestNamespaces_one_is_joined_by_path(t *testing.T) {
	t.Parallel()
	for _, ns := range []specs.LinuxNamespaceType{specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.CgroupNamespace} {
		t.Run(string(ns), func(t *testing.T) {
			t.Parallel()
			requires(t, "root")
			if ns == specs.CgroupNamespace {
				requires(t)
			}
			holder := nsHolder(t, ns)
			r := probe(t, func(s *specs.Spec) { setNS(s, ns, nsPath(holder, ns)) })
			name := kernelName(ns)
			want(t, name, r.NS[name], nsID(t, holder, name))
		})
	}
}

func TestNamespaces_the_pid_namespace_of_another_container_is_joined_by_path(t *testing.T) {
	t.Parallel()
	a := newBundle(t)
	a.Spec.Process.Args = []string{"/probe", "--wait-signal"}
	ca := a.create().start()
	ca.next("waiting")
	r := probe(t, func(s *specs.Spec) { setNS(s, specs.PIDNamespace, nsPath(ca.Pid, specs.PIDNamespace)) }, "--ls", "/proc")
	want(t, "pid", r.NS["pid"], nsID(t, ca.Pid, "pid"))
	if r.Pid == 1 {
		t.Error("the second container's process is pid 1 too")
	}
	want(t, "first container's init in /proc", slices.ContainsFunc(r.action(t, 0).Entries, func(f fileInfo) bool { return f.Name == "1" }), true)
}

func TestNamespaces_all_of_another_container_but_mount_are_joined(t *testing.T) {
	t.Parallel()
	requires(t)
	a := newBundle(t)
	a.Spec.Process.Args = []string{"/probe", "--wait-signal"}
	ca := a.create().start()
	ca.next("waiting")
	joined := []specs.LinuxNamespaceType{specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.CgroupNamespace}
	r := probe(t, func(s *specs.Spec) {
		for _, ns := range joined {
			setNS(s, ns, nsPath(ca.Pid, ns))
		}
	})
	for _, ns := range joined {
		want(t, string(ns), r.NS[kernelName(ns)], nsID(t, ca.Pid, kernelName(ns)))
	}
}

func TestNamespaces_a_bind_mounted_one_is_joined(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	holder := nsHolder(t, specs.NetworkNamespace)
	id := nsID(t, holder, "net")
	pin := b.Dir + "/netns"
	writeFile(t, pin, "")
	if err := unix.Mount(nsPath(holder, specs.NetworkNamespace), pin, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(pin, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	r := b.probe(func(s *specs.Spec) { setNS(s, specs.NetworkNamespace, pin) })
	want(t, "net", r.NS["net"], id)
}

// TestNamespaces_mixes runs many mixes of new, joined and absent namespaces.
func TestNamespaces_mixes(t *testing.T) {
	t.Parallel()
	requires(t, "root")
	kinds := []specs.LinuxNamespaceType{specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace}
	holder := nsHolder(t, specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace)
	const isNew, isJoined, isHost = 0, 1, 2
	for mix := range 3 * 3 * 3 * 2 {
		how := map[specs.LinuxNamespaceType]int{}
		var name []string
		m := mix
		for _, k := range kinds[1:] {
			how[k] = m % 3
			m /= 3
		}
		how[specs.PIDNamespace] = 2 * m
		for _, k := range kinds {
			name = append(name, string(k)+"="+[...]string{"new", "joined", "host"}[how[k]])
		}
		if mix%4 != 0 { // a quarter of them, in which each pair occurs
			continue
		}
		t.Run(strings.Join(name, ","), func(t *testing.T) {
			t.Parallel()
			r := probe(t, func(s *specs.Spec) {
				for _, k := range kinds {
					switch how[k] {
					case isJoined:
						setNS(s, k, nsPath(holder, k))
					case isHost:
						withoutNS(s, k)
					}
				}
				if how[specs.IPCNamespace] != isNew {
					s.Mounts = slices.DeleteFunc(s.Mounts, func(m specs.Mount) bool { return m.Type == "mqueue" })
				}
				bindSys(s)
			})
			for _, k := range kinds {
				got, host := r.NS[kernelName(k)], nsID(t, 0, kernelName(k))
				switch how[k] {
				case isJoined:
					want(t, string(k), got, nsID(t, holder, kernelName(k)))
				case isHost:
					want(t, string(k), got, host)
				case isNew:
					if got == host || got == nsID(t, holder, kernelName(k)) {
						t.Errorf("%s is not new: %s", k, got)
					}
				}
			}
		})
	}
}

func TestNamespaces_a_path_of_the_wrong_kind_is_refused(t *testing.T) {
	t.Parallel()
	mustFail(t, func(s *specs.Spec) { setNS(s, specs.NetworkNamespace, "/proc/self/ns/uts") })
}

func TestNamespaces_a_missing_path_is_refused(t *testing.T) {
	t.Parallel()
	mustFail(t, func(s *specs.Spec) { setNS(s, specs.NetworkNamespace, "/nonexistent/netns") }, "no such file or directory")
}

func TestNamespaces_a_file_that_is_none_is_refused(t *testing.T) {
	t.Parallel()
	mustFail(t, func(s *specs.Spec) { setNS(s, specs.IPCNamespace, os.DevNull) })
}

func TestNamespaces_a_repeated_type_is_refused(t *testing.T) {
	t.Parallel()
	mustFail(t, func(s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UTSNamespace})
	}, "uts")
}

func TestNamespaces_an_unknown_type_is_refused(t *testing.T) {
	t.Parallel()
	mustFail(t, func(s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: "weather"})
	}, "weather")
}

func TestNamespaces_loopback_is_up_in_a_new_network_namespace(t *testing.T) {
	t.Parallel()
	r := probe(t, nil, "--connect", "1")
	if len(r.Interfaces) == 0 || r.Interfaces[0].Name != "lo" || !r.Interfaces[0].Up || r.Interfaces[0].Addr != "127.0.0.1" {
		t.Errorf("interfaces: %+v, want lo, up, with 127.0.0.1", r.Interfaces)
	}
	// The loopback answers: nobody listens there.
	wantErrno(t, r.action(t, 0), unix.ECONNREFUSED)
}

func TestNamespaces_loopback_of_a_joined_network_namespace_is_left_alone(t *testing.T) {
	t.Parallel()
	requires(t, "root")
	holder := nsHolder(t, specs.NetworkNamespace)
	r := probe(t, func(s *specs.Spec) { setNS(s, specs.NetworkNamespace, nsPath(holder, specs.NetworkNamespace)) })
	if len(r.Interfaces) == 0 || r.Interfaces[0].Name != "lo" || r.Interfaces[0].Up {
		t.Errorf("interfaces: %+v, want lo, down", r.Interfaces)
	}
}

func TestNamespaces_hostname_is_set(t *testing.T) {
	t.Parallel()
	r := probe(t, func(s *specs.Spec) { s.Hostname = "small-host.example" })
	want(t, "hostname", r.Hostname, "small-host.example")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if host == "small-host.example" {
		t.Error("the host's name was changed")
	}
}

func TestNamespaces_hostname_of_a_joined_uts_namespace_is_set(t *testing.T) {
	t.Parallel()
	requires(t, "root")
	holder := nsHolder(t, specs.UTSNamespace)
	r := probe(t, func(s *specs.Spec) {
		setNS(s, specs.UTSNamespace, nsPath(holder, specs.UTSNamespace))
		s.Hostname = "joined-host"
	})
	want(t, "hostname", r.Hostname, "joined-host")
}

func TestNamespaces_hostname_without_a_uts_namespace_is_refused(t *testing.T) {
	t.Parallel()
	before, _ := os.Hostname()
	mustFail(t, func(s *specs.Spec) {
		withoutNS(s, specs.UTSNamespace)
		s.Hostname = "gone-wrong"
	}, "hostname")
	after, _ := os.Hostname()
	want(t, "the host's name", after, before)
}

func TestNamespaces_domainname_is_set(t *testing.T) {
	t.Parallel()
	requires(t, "rt:domainname")
	r := probe(t, func(s *specs.Spec) { s.Domainname = "some.domain" }, "--read", "/proc/sys/kernel/domainname")
	want(t, "domainname", r.Domainname, "some.domain")
	want(t, "/proc/sys/kernel/domainname", r.action(t, 0).Data, "some.domain\n")
}

func TestNamespaces_domainname_without_a_uts_namespace_is_refused(t *testing.T) {
	t.Parallel()
	requires(t, "rt:domainname")
	mustFail(t, func(s *specs.Spec) {
		withoutNS(s, specs.UTSNamespace)
		s.Domainname = "gone.wrong"
	}, "domainname")
}

// cgroupLines are the lines of /proc/self/cgroup whose hierarchies are mounted in this view of the host.
func (r report) cgroupLines() (lines []string) {
	for _, line := range r.Cgroup {
		if unified := strings.HasPrefix(line, "0::"); unified && cgroupKind() == "v1" || !unified && cgroupKind() == "v2" {
			continue
		}
		if f := strings.SplitN(line, ":", 3); len(f) == 3 && f[1] != "" && !exists("/sys/fs/cgroup/"+strings.TrimPrefix(f[1], "name=")+"/cgroup.procs") {
			continue // mounted somewhere else alone, or about to go
		}
		lines = append(lines, line)
	}
	return lines
}

func TestNamespaces_the_cgroup_namespace_begins_at_the_containers_cgroup(t *testing.T) {
	t.Parallel()
	r := probe(t, nil)
	for _, line := range r.cgroupLines() {
		if !strings.HasSuffix(line, ":/") {
			t.Errorf("/proc/self/cgroup: %s, want a path of /", line)
		}
	}
}

func TestNamespaces_without_a_cgroup_namespace_the_hosts_path_shows(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	r := b.probe(func(s *specs.Spec) { withoutNS(s, specs.CgroupNamespace) })
	for _, line := range r.cgroupLines() {
		if !strings.HasSuffix(line, ":/"+b.ID) {
			t.Errorf("/proc/self/cgroup: %s, want /%s", line, b.ID)
		}
	}
}
