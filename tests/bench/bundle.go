package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// groupParent is the cgroup that the containers' cgroups are made in.
const groupParent = "rung-bench"

// newSpec is the config of that name.
func newSpec(o *options, name, view, dir string) (*specs.Spec, error) {
	if name == "docker" {
		return dockerSpec(o, view, dir)
	}
	s, err := defaultSpec(o, dir)
	if err != nil {
		return nil, err
	}
	switch name {
	case "default":
	case "mounts": // as Kubernetes' volumes, secrets and config maps come
		for i := range 40 {
			source := filepath.Join(dir, "volumes", strconv.Itoa(i))
			if err := os.MkdirAll(source, 0o755); err != nil {
				return nil, err
			}
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/tmp/" + strconv.Itoa(i), Type: "bind", Source: source, Options: []string{"rbind", "ro"}})
		}
		s.Root.Readonly = false // the mount points are made
	case "userns":
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
		ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
		s.Linux.UIDMappings, s.Linux.GIDMappings = ids, ids
	case "nonet":
		s.Linux.Namespaces = slices.DeleteFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.NetworkNamespace })
		s.Mounts = slices.DeleteFunc(s.Mounts, func(m specs.Mount) bool { return m.Type == "sysfs" })
	default:
		return nil, fmt.Errorf("no config is called %q", name)
	}
	return s, nil
}

// defaultSpec is what the spec command of the first runtime writes, all runtimes write about the same, without the
// terminal.
func defaultSpec(o *options, dir string) (*specs.Spec, error) {
	cmd := exec.Command(o.runtimes[0].Path, "spec")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s spec: %w: %s", o.runtimes[0].Path, err, out)
	}
	file := filepath.Join(dir, "config.json")
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	s := new(specs.Spec)
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	s.Version = "1.0.2" // the peers may be old
	s.Process.Terminal = false
	return s, os.Remove(file)
}

// dockerSpec is what Docker writes for `docker run` with limits, without the hook for its network.
func dockerSpec(o *options, view, dir string) (*specs.Spec, error) {
	profile, err := os.ReadFile(o.seccomp)
	if err != nil {
		return nil, fmt.Errorf("%w (-seccomp names the profile)", err)
	}
	seccomp := new(specs.LinuxSeccomp)
	if err := json.Unmarshal(profile, seccomp); err != nil {
		return nil, fmt.Errorf("%s: %w", o.seccomp, err)
	}
	caps := []string{
		"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID",
		"CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
	}
	hidden := []string{"nosuid", "noexec", "nodev"}
	s := &specs.Spec{
		Version: "1.0.2",
		Process: &specs.Process{
			Env:          []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=8c1e5cf4d5bb"},
			Cwd:          "/",
			User:         specs.User{AdditionalGids: []uint32{0}},
			Capabilities: &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps},
			OOMScoreAdj:  ptr(0),
		},
		Root:     &specs.Root{Path: "rootfs"},
		Hostname: "8c1e5cf4d5bb",
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc", Options: hidden},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
			{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
			{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: append([]string{"ro"}, hidden...)},
			{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: append([]string{"ro"}, hidden...)},
			{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: hidden},
			{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: append([]string{"mode=1777", "size=67108864"}, hidden...)},
		},
		Linux: &specs.Linux{
			Sysctl:    map[string]string{"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"},
			Resources: limits(view),
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.MountNamespace}, {Type: specs.NetworkNamespace}, {Type: specs.UTSNamespace}, {Type: specs.PIDNamespace}, {Type: specs.IPCNamespace},
			},
			Seccomp: seccomp,
			MaskedPaths: []string{
				"/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
				"/proc/sched_debug", "/proc/scsi", "/sys/firmware",
			},
			ReadonlyPaths: []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	}
	for _, name := range []string{"resolv.conf", "hostname", "hosts"} {
		source := filepath.Join(dir, name)
		if err := os.WriteFile(source, []byte("# "+name+"\n"), 0o644); err != nil {
			return nil, err
		}
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/etc/" + name, Type: "bind", Source: source, Options: []string{"rbind", "rprivate"}})
	}
	if view == "v2" { // Docker's default there
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	}
	return s, nil
}

// limits is Docker's device rules, and a limit of each kind that the view has.
func limits(view string) *specs.LinuxResources {
	device := func(major, minor int64, allow bool) specs.LinuxDeviceCgroup {
		return specs.LinuxDeviceCgroup{Allow: allow, Type: "c", Major: ptr(major), Minor: ptr(minor), Access: "rwm"}
	}
	r := &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{
		{Allow: false, Access: "rwm"}, device(1, 5, true), device(1, 3, true), device(1, 9, true), device(1, 8, true), device(5, 0, true),
		device(5, 1, true), device(10, 229, false),
	}}
	have := controllers(view)
	if have["memory"] {
		r.Memory = &specs.LinuxMemory{Limit: ptr(int64(256 << 20))}
	}
	if have["pids"] {
		r.Pids = &specs.LinuxPids{Limit: ptr(int64(100))}
	}
	if have["cpu"] {
		r.CPU = &specs.LinuxCPU{Shares: ptr(uint64(512)), Quota: ptr(int64(50000)), Period: ptr(uint64(100000))}
	}
	return r
}

// makeBundle writes a bundle whose process ends at once, or, when it waits, is there until it is killed.
func makeBundle(dir, payload string, s *specs.Spec, waits bool) error {
	root := filepath.Join(dir, "rootfs")
	for _, d := range []string{"proc", "dev", "sys", "etc", "tmp"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			return err
		}
	}
	b, err := os.ReadFile(payload)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(root, "payload"), b, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"resolv.conf", "hostname", "hosts"} {
		if err := os.WriteFile(filepath.Join(root, "etc", name), nil, 0o644); err != nil {
			return err
		}
	}
	config := *s
	process := *s.Process
	config.Process = &process
	process.Args = []string{"/payload"}
	if waits {
		process.Args = []string{"/payload", "wait"}
	}
	if b, err = json.MarshalIndent(&config, "", "\t"); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.json"), b, 0o644)
}

func ptr[T any](v T) *T { return &v }
