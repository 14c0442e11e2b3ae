package main

import (
	"errors"
	"os"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// applyExample makes the example of that name of the specification that `rung spec` writes: one more thing about
// containers in each, and a command that shows it. dir is the bundle as an absolute path: some sources are below it.
func applyExample(spec *specs.Spec, name, dir string) error {
	show := func(script string) {
		spec.Process.Terminal = false
		spec.Process.Args = []string{"sh", "-c", script}
	}
	switch name {
	case "shell":
		// What is written without an example: sh on a terminal.
	case "network":
		hostNetwork(spec)
		show("ip -o address; cat /etc/resolv.conf")
	case "limits":
		limited(spec)
		show("grep . /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null\n" +
			"grep . /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null\necho open files: $(ulimit -n)")
	case "rootless":
		makeRootless(spec, os.Geteuid(), os.Getegid())
		show("id; cat /proc/self/uid_map")
	case "overlay":
		show("echo kept in upper >/hello; ls /")
		return overlaid(spec, dir)
	case "hooks":
		hooked(spec, dir+"/hooks.log")
		show("echo the hooks have written hooks.log in the bundle")
	default:
		return errors.New(strconv.Quote(name) + " is none of the examples")
	}
	return nil
}

// hostNetwork leaves the container in the host's network, with its names: what it can reach is what the host can.
func hostNetwork(spec *specs.Spec) {
	kept := spec.Linux.Namespaces[:0]
	for _, ns := range spec.Linux.Namespaces {
		if ns.Type != specs.NetworkNamespace {
			kept = append(kept, ns)
		}
	}
	spec.Linux.Namespaces = kept
	for _, file := range [...]string{"/etc/resolv.conf", "/etc/hosts"} {
		if _, err := os.Stat(file); err == nil {
			spec.Mounts = append(spec.Mounts, specs.Mount{
				Destination: file, Type: "bind", Source: file, Options: []string{"bind", "ro", "nosuid", "nodev", "noexec"},
			})
		}
	}
}

// limited bounds memory, processes, processor time and open files.
func limited(spec *specs.Spec) {
	memory, pids, quota, period := int64(64<<20), int64(64), int64(50_000), uint64(100_000)
	if spec.Linux.Resources == nil {
		spec.Linux.Resources = &specs.LinuxResources{}
	}
	r := spec.Linux.Resources
	r.Memory = &specs.LinuxMemory{Limit: &memory}
	r.Pids = &specs.LinuxPids{Limit: &pids}
	r.CPU = &specs.LinuxCPU{Quota: &quota, Period: &period} // half of one processor
	spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 256, Soft: 256}}
}

// overlaid makes the root file system a lower layer that stays as it is: what the container writes is in the directory
// upper beside it. Both directories are made.
func overlaid(spec *specs.Spec, dir string) error {
	for _, name := range [...]string{"/upper", "/work"} {
		if err := os.Mkdir(dir+name, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	spec.Root.Readonly = false
	spec.Mounts = append([]specs.Mount{{
		Destination: "/", Type: "overlay", Source: "overlay",
		Options: []string{"lowerdir=" + dir + "/rootfs", "upperdir=" + dir + "/upper", "workdir=" + dir + "/work"},
	}}, spec.Mounts...)
	return nil
}

// hooked has a hook at each point of a container's life append its name, and the state that it is given, to a file.
func hooked(spec *specs.Spec, log string) {
	hook := func(point string) []specs.Hook {
		return []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", `echo "$1 $(tr -d '\n')" >>"$2"`, "sh", point, log}}}
	}
	spec.Hooks = &specs.Hooks{
		// createContainer and startContainer run in the container's namespaces: the latter would not find the file.
		CreateRuntime:   hook("createRuntime"),
		CreateContainer: hook("createContainer"),
		Poststart:       hook("poststart"),
		Poststop:        hook("poststop"),
	}
}
