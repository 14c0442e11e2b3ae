package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/internal/outfile"
	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"
)

func (g *globals) specCommand() *command {
	var (
		bundle, example string
		rootless        bool
	)
	return &command{
		Command: cli.Command{
			Name:  "spec",
			Usage: "write a specification file to start from",
			Description: `Writes a config.json that runs "sh" in a container with namespaces of its own, few capabilities, and the
directory "rootfs" of the bundle as a read-only root filesystem. It is meant to be edited. An existing
file is never overwritten. Without root privilege, write one for a user namespace with --rootless.

With --example there is one thing more in it, and a command that shows it. Each runs as it is, given a
root filesystem with busybox:

    shell     the same as without --example
    network   the host's network, and its resolv.conf
    limits    bounds of memory, processes, processor time and open files
    rootless  a user namespace, as with --rootless
    overlay   a root filesystem that can be written to: what changes is kept in "upper"
    hooks     a hook at each point of the container's life, writing to "hooks.log"

EXAMPLE:
    # mkdir -p hello/rootfs/bin && cd hello
    # cp /bin/busybox rootfs/bin/sh
    # rung spec
    # sed -i -e 's/"terminal": true/"terminal": false/' -e 's/"sh"/"sh", "-c", "echo hello"/' config.json
    # rung run hello
    hello
    # mkdir ../limits && ln -s ../hello/rootfs ../limits/rootfs
    # rung spec --bundle ../limits --example limits`,
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "bundle", Aliases: []string{"b"}, Destination: &bundle, DefaultText: "the current directory", Usage: "the bundle's `directory`"},
				&cli.StringFlag{Name: "example", Aliases: []string{"e"}, Destination: &example, Usage: "`name` of an example: shell, network, limits, rootless, overlay or hooks"},
				&cli.BoolFlag{Name: "rootless", DisableDefaultText: true, Destination: &rootless, Usage: "for a container run without root privilege"},
			},
		},
		action: func(_ []string) error {
			if err := g.begin(); err != nil {
				return err
			}
			spec := exampleSpec(unifiedCgroups())
			if rootless && example != "rootless" {
				makeRootless(spec, os.Geteuid(), os.Getegid())
			}
			if bundle == "" {
				bundle = "."
			}
			bundle = strings.TrimRight(bundle, "/")
			if example != "" {
				dir, err := absolute(bundle)
				if err == nil {
					err = applyExample(spec, example, dir)
				}
				if err != nil {
					return usageError{"spec", badValue("example", err)}
				}
			}
			return writeSpec(strings.TrimPrefix(bundle+"/config.json", "./"), spec)
		},
	}
}

func writeSpec(path string, spec *specs.Spec) error {
	text, err := json.MarshalIndent(spec, "", "\t")
	if err != nil {
		return err
	}
	err = outfile.Create(path, append(text, '\n'), 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: remove it first", err)
	}
	return err
}

// unifiedCgroups says whether cgroup v2 is all there is on this host.
func unifiedCgroups() bool {
	var st unix.Statfs_t
	return unix.Statfs("/sys/fs/cgroup", &st) == nil && st.Type == unix.CGROUP2_SUPER_MAGIC
}

// exampleSpec is the specification that the command writes. Scripts edit it by its structure, so that has to stay: each
// namespace an object with nothing but its type, "rootfs" in one place only.
func exampleSpec(cgroup2 bool) *specs.Spec {
	caps := []string{"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"}
	spec := &specs.Spec{
		Version: specs.Version,
		Process: &specs.Process{
			Terminal: true,
			Args:     []string{"sh"},
			Env: []string{
				"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
				"TERM=xterm",
			},
			Cwd: "/",
			// Neither inheritable nor ambient: those would survive the execve of a process that is not root.
			Capabilities:    &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps},
			Rlimits:         []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 1024, Soft: 1024}},
			NoNewPrivileges: true,
		},
		Root:     &specs.Root{Path: "rootfs", Readonly: true},
		Hostname: "rung",
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			{
				Destination: "/dev", Type: "tmpfs", Source: "tmpfs",
				Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"},
			},
			{
				Destination: "/dev/pts", Type: "devpts", Source: "devpts",
				Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"},
			},
			{
				Destination: "/dev/shm", Type: "tmpfs", Source: "shm",
				Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"},
			},
			{
				Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue",
				Options: []string{"nosuid", "noexec", "nodev"},
			},
			{
				Destination: "/sys", Type: "sysfs", Source: "sysfs",
				Options: []string{"nosuid", "noexec", "nodev", "ro"},
			},
			{
				Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup",
				Options: []string{"nosuid", "noexec", "nodev", "relatime", "ro"},
			},
		},
		Linux: &specs.Linux{
			Resources: &specs.LinuxResources{
				Devices: []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}},
			},
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.PIDNamespace},
				{Type: specs.NetworkNamespace},
				{Type: specs.IPCNamespace},
				{Type: specs.UTSNamespace},
				{Type: specs.MountNamespace},
			},
			MaskedPaths: []string{
				"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
				"/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi",
			},
			ReadonlyPaths: []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	}
	if cgroup2 {
		// On v1 such a namespace would hide from the container in which hierarchy it is where.
		spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	}
	return spec
}

// makeRootless changes the specification into one that a user without privileges can run: in a user namespace that maps
// the caller alone, without resource limits, and without what the kernel refuses there.
func makeRootless(spec *specs.Spec, uid, gid int) {
	for i := range spec.Mounts {
		m := &spec.Mounts[i]
		if m.Type == "sysfs" {
			// A new sysfs needs a network namespace of one's own: the host's is bound instead.
			m.Type, m.Source = "none", "/sys"
			m.Options = append([]string{"rbind"}, m.Options...)
		}
		// Ids other than the one that is mapped cannot own anything.
		m.Options = slices.DeleteFunc(m.Options, func(o string) bool {
			return strings.HasPrefix(o, "uid=") || strings.HasPrefix(o, "gid=")
		})
	}

	l := spec.Linux
	// Without privileges a network namespace could not be connected to anything.
	l.Namespaces = slices.DeleteFunc(l.Namespaces, func(ns specs.LinuxNamespace) bool {
		return ns.Type == specs.NetworkNamespace
	})
	l.Namespaces = append(l.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	l.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: uint32(uid), Size: 1}}
	l.GIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: uint32(gid), Size: 1}}
	l.Resources = nil
}
