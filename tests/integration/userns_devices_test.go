package integration

import (
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// A device of the config has the numbers, the owner and the mode of the config in a container with a user namespace
// (podman --userns=auto --device, hostUsers: false with a device plugin), and the host may lack its path.
func TestUserns_devices_are_made_by_their_numbers(t *testing.T) {
	t.Parallel()
	requires(t, "root", "userns", "rt:rung") // runc binds the host's node of that name
	owned := func(d specs.LinuxDevice, uid, gid uint32, mode os.FileMode) specs.LinuxDevice {
		d.UID, d.GID, d.FileMode = &uid, &gid, &mode
		return d
	}
	devices := func(s *specs.Spec) {
		s.Linux.Devices = []specs.LinuxDevice{
			owned(device("/dev/rung-by-number", "c", 1, 5), 5, 7, 0o660),
			owned(device("/dev/sub/dir/full", "u", 1, 7), 0, 0, 0o600),
			owned(device("/dev/rung-disk", "b", 7, 3), 0, 6, 0o640),
			owned(device("/dev/null", "c", 1, 3), 3, 4, 0o620),
			{Path: "/dev/rung-plain", Type: "c", Major: 1, Minor: 3},
			owned(device("/dev/rung-fifo", "p", 0, 0), 0, 0, 0o600),
		}
		s.Linux.Resources = &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}, allow("c", 1, 5, "r"), allow("c", 1, 7, "w")}}
	}
	check := func(t *testing.T, r report) {
		t.Helper()
		for i, w := range []struct {
			uid, gid, mode, major, minor uint32
		}{{5, 7, 0o660, 1, 5}, {0, 0, 0o600, 1, 7}, {0, 6, 0o640, 7, 3}, {3, 4, 0o620, 1, 3}, {0, 0, 0o666, 1, 3}} {
			a := r.action(t, i)
			wantErrno(t, a, 0)
			want(t, a.Path+": owner", [2]uint32{a.UID, a.GID}, [2]uint32{w.uid, w.gid})
			want(t, a.Path+": mode", uint32(a.Mode)&0o7777, w.mode)
			want(t, a.Path+": number", [2]uint32{a.Major, a.Minor}, [2]uint32{w.major, w.minor})
		}
	}
	stats := []string{
		"--stat", "/dev/rung-by-number", "--stat", "/dev/sub/dir/full", "--stat", "/dev/rung-disk", "--stat", "/dev/null", "--stat", "/dev/rung-plain",
	}
	t.Run("new", func(t *testing.T) {
		t.Parallel()
		r := userBundle(t).probe(devices, append(stats, "--open", "/dev/rung-by-number", "r", "--write", "/dev/sub/dir/full", "x", "--open", "/dev/rung-disk", "r")...)
		check(t, r)
		wantErrno(t, r.action(t, 5), 0)
		wantErrno(t, r.action(t, 6), unix.ENOSPC)
		wantErrno(t, r.action(t, 7), unix.EPERM) // a node is no permission
	})
	t.Run("joined", func(t *testing.T) {
		t.Parallel()
		c := userBundle(t).running()
		b := userBundle(t)
		setNS(b.Spec, specs.UserNamespace, "/proc/"+itoa(c.Pid)+"/ns/user")
		check(t, b.probe(devices, stats...))
	})
	t.Run("read-only /dev", func(t *testing.T) {
		t.Parallel()
		b := userBundle(t)
		b.Spec.Mounts[1].Options = append(b.Spec.Mounts[1].Options, "ro")
		check(t, b.probe(devices, stats...))
	})
	t.Run("an owner that is not mapped", func(t *testing.T) {
		t.Parallel()
		b := userBundle(t)
		b.Spec.Linux.Devices = []specs.LinuxDevice{owned(device("/dev/rung-by-number", "c", 1, 5), 65536, 65537, 0o666)}
		b.Spec.Process.Args = []string{"/probe", "--exit", "0"}
		res := b.run()
		want(t, "exit status", res.Exit, 0)
		for _, field := range []string{"linux.devices[0].uid: not set", "linux.devices[0].gid: not set"} {
			want(t, field+" in "+res.Stderr, strings.Contains(res.Stderr, field), true)
		}
	})
	t.Run("nothing stays on the host", func(t *testing.T) {
		t.Parallel()
		b := userBundle(t)
		b.probe(devices)
		for _, path := range []string{"/dev/rung-by-number", "/node", "/dev/sub"} {
			want(t, path+" on the host", exists(path), false)
		}
	})
}
