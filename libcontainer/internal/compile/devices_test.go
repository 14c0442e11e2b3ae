package compile

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"golang.org/x/sys/unix"
)

func lines(ops []plan.InitOp) (list []string) {
	for _, o := range ops {
		list = append(list, o.Origin+": "+plan.Line(o.Op))
	}
	return list
}

func TestDeviceOps_defaults(t *testing.T) {
	for _, bind := range []bool{false, true} {
		ops := deviceOps(nil, bind)
		if len(ops) != 6 {
			t.Fatalf("%d devices: %q", len(ops), lines(ops))
		}
		for _, o := range ops {
			d, ok := o.Op.(*plan.Mknod)
			if !ok {
				t.Fatalf("%s", plan.Line(o.Op))
			}
			flags := plan.NodeBindOnDenied
			if bind {
				flags = plan.NodeBind
			}
			if d.Mode != unix.S_IFCHR|0o666 || d.UID != 0 || d.GID != 0 || d.Flags != flags || o.Origin != "linux.devices" {
				t.Errorf("bind %v: %s: %s", bind, o.Origin, plan.Line(d))
			}
			var sb unix.Stat_t
			if err := unix.Stat(d.Path, &sb); err != nil {
				t.Logf("%s: %v", d.Path, err)
			} else if uint64(unix.Major(sb.Rdev)) != d.Major || uint64(unix.Minor(sb.Rdev)) != d.Minor {
				t.Errorf("%s is %d:%d here, %d:%d in the plan", d.Path, unix.Major(sb.Rdev), unix.Minor(sb.Rdev), d.Major, d.Minor)
			}
		}
	}
}

func TestDeviceOps_configured(t *testing.T) {
	mode := func(m os.FileMode) *os.FileMode { return &m }
	id := func(n uint32) *uint32 { return &n }
	for _, c := range []struct {
		name string
		dev  specs.LinuxDevice
		want plan.Mknod
	}{
		{"character", specs.LinuxDevice{Path: "/dev/fuse", Type: "c", Major: 10, Minor: 229, FileMode: mode(438), UID: id(1), GID: id(2)}, plan.Mknod{Path: "/dev/fuse", Mode: unix.S_IFCHR | 0o666, Major: 10, Minor: 229, UID: 1, GID: 2}},
		{"unbuffered", specs.LinuxDevice{Path: "/dev/u", Type: "u", Major: 4095, Minor: 1048575}, plan.Mknod{Path: "/dev/u", Mode: unix.S_IFCHR | 0o666, Major: 4095, Minor: 1048575}},
		{"block", specs.LinuxDevice{Path: "/dev/sda", Type: "b", Major: 8, FileMode: mode(0o660)}, plan.Mknod{Path: "/dev/sda", Mode: unix.S_IFBLK | 0o660, Major: 8}},
		{"fifo", specs.LinuxDevice{Path: "/run/p", Type: "p", Major: 1, Minor: 2, FileMode: mode(0o600)}, plan.Mknod{Path: "/run/p", Mode: unix.S_IFIFO | 0o600}},
		{"no permissions", specs.LinuxDevice{Path: "/dev/x", Type: "c", Major: 1, Minor: 3, FileMode: mode(0)}, plan.Mknod{Path: "/dev/x", Mode: unix.S_IFCHR, Major: 1, Minor: 3}},
		{"file type in the mode", specs.LinuxDevice{Path: "/dev/x", Type: "c", Major: 1, Minor: 3, FileMode: mode(unix.S_IFBLK | 0o4755)}, plan.Mknod{Path: "/dev/x", Mode: unix.S_IFCHR | 0o4755, Major: 1, Minor: 3}},
		{"relative, not clean", specs.LinuxDevice{Path: "dev//../../dev/x/", Type: "c", Major: 1, Minor: 3}, plan.Mknod{Path: "/dev/x", Mode: unix.S_IFCHR | 0o666, Major: 1, Minor: 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, bind := range []bool{false, true} {
				ops := deviceOps([]specs.LinuxDevice{c.dev}, bind)
				last := ops[len(ops)-1]
				want := c.want
				want.Flags = plan.NodeBindOnDenied
				if bind {
					want.Flags = plan.NodeBind
				}
				if len(ops) != 7 || last.Origin != "linux.devices[0]" || *last.Op.(*plan.Mknod) != want {
					t.Errorf("%q, want %s", lines(ops), plan.Line(&want))
				}
			}
		})
	}
}

func TestDeviceOps_replace(t *testing.T) {
	mode := os.FileMode(0o600)
	ops := deviceOps([]specs.LinuxDevice{
		{Path: "/dev/fuse", Type: "c", Major: 10, Minor: 229},
		{Path: "/dev/ptmx", Type: "c", Major: 5, Minor: 2},
		{Path: "/dev/../dev/null", Type: "c", Major: 1, Minor: 3, FileMode: &mode},
		{Path: "/dev/tty", Type: "c", Major: 5, Minor: 0},
	}, false)
	want := []string{
		"linux.devices[2]: mknod path=/dev/null mode=020600 major=1 minor=3 uid=0 gid=0 flags=bind-on-denied",
		"linux.devices: mknod path=/dev/zero mode=020666 major=1 minor=5 uid=0 gid=0 flags=bind-on-denied",
		"linux.devices: mknod path=/dev/full mode=020666 major=1 minor=7 uid=0 gid=0 flags=bind-on-denied",
		"linux.devices: mknod path=/dev/random mode=020666 major=1 minor=8 uid=0 gid=0 flags=bind-on-denied",
		"linux.devices: mknod path=/dev/urandom mode=020666 major=1 minor=9 uid=0 gid=0 flags=bind-on-denied",
		"linux.devices[3]: mknod path=/dev/tty mode=020666 major=5 minor=0 uid=0 gid=0 flags=bind-on-denied",
		"linux.devices[0]: mknod path=/dev/fuse mode=020666 major=10 minor=229 uid=0 gid=0 flags=bind-on-denied",
	}
	if got := lines(ops); !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

// In a user namespace the runtime makes nodes of the config, with the host's IDs of their owners.
func TestDelegateNodes(t *testing.T) {
	id := func(n uint32) *uint32 { return &n }
	devices := []specs.LinuxDevice{
		{Path: "/dev/kvm", Type: "c", Major: 10, Minor: 232, UID: id(5), GID: id(7)},
		{Path: "/dev/other", Type: "c", Major: 1, Minor: 3, UID: id(99)},
		{Path: "/dev/fifo", Type: "p"},
	}
	ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1000, Size: 10}}
	const uid, made = "linux.devices[0]: mknod path=/dev/kvm mode=020666 major=10 minor=232 uid=5 gid=7", " flags="
	for _, c := range []struct {
		name     string
		facts    Facts
		user     bool
		ids      []specs.LinuxIDMapping
		want     string
		warnings int
	}{
		{"root", Facts{}, true, ids, "linux.devices[0]: mknod path=/dev/kvm mode=020666 major=10 minor=232 uid=1005 gid=1007 flags=delegate", 1},
		{"SELinux", Facts{SELinux: true}, true, ids, "linux.devices[0]: mknod path=/dev/kvm mode=020666 major=10 minor=232 uid=1005 gid=1007 flags=delegate context=label", 1},
		{"no CAP_MKNOD", Facts{Capabilities: 1}, true, ids, uid + made + "bind", 0},
		{"rootless", Facts{Rootless: true}, true, ids, uid + made + "bind", 0},
		{"mapping is not known", Facts{}, true, nil, uid + made + "bind", 0},
		{"no user namespace", Facts{}, false, nil, uid + made + "bind-on-denied", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := &compiler{spec: &specs.Spec{Linux: &specs.Linux{UIDMappings: c.ids, GIDMappings: c.ids, MountLabel: "label"}}, facts: c.facts}
			if c.user {
				k.ns.created = unix.CLONE_NEWUSER
			}
			ops := lines(k.delegateNodes(deviceOps(devices, c.user)))
			if got := strings.ReplaceAll(ops[len(ops)-3], ` context=""`, ""); got != c.want {
				t.Errorf("%q\nwant %q", got, c.want)
			}
			if len(k.warnings) != c.warnings {
				t.Errorf("warnings: %q", k.warnings)
			}
			for _, line := range []string{ops[0], ops[len(ops)-1]} {
				if strings.Contains(line, "delegate") {
					t.Errorf("%s: not of the config, or not a device", line)
				}
			}
		})
	}
}

func TestDevLinks(t *testing.T) {
	want := []string{
		": symlink to=/proc/self/fd path=/dev/fd flags=exist-ok",
		": symlink to=/proc/self/fd/0 path=/dev/stdin flags=exist-ok",
		": symlink to=/proc/self/fd/1 path=/dev/stdout flags=exist-ok",
		": symlink to=/proc/self/fd/2 path=/dev/stderr flags=exist-ok",
		": symlink to=/proc/kcore path=/dev/core flags=exist-ok",
		": symlink to=pts/ptmx path=/dev/ptmx flags=replace",
	}
	if got := lines(devLinks()); !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}
