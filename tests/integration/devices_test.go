package integration

import (
	"os"
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestDevices_the_default_ones_are_there(t *testing.T) {
	t.Parallel()
	r := probe(t, nil)
	for name, number := range map[string][2]uint32{"null": {1, 3}, "zero": {1, 5}, "full": {1, 7}, "random": {1, 8}, "urandom": {1, 9}, "tty": {5, 0}} {
		d, ok := r.device(name)
		if !ok {
			t.Errorf("no /dev/%s", name)
			continue
		}
		want(t, name+": type", d.Type, "char")
		want(t, name+": number", [2]uint32{d.Major, d.Minor}, number)
		want(t, name+": mode", d.Mode, 0o666)
		want(t, name+": owner", [2]uint32{d.UID, d.GID}, [2]uint32{})
	}
}

func TestDevices_the_links_are_there(t *testing.T) {
	t.Parallel()
	r := probe(t, nil, "--stat", "/dev/ptmx", "--lstat", "/dev/core")
	for name, target := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2", "ptmx": "pts/ptmx"} {
		d, _ := r.device(name)
		want(t, name, d.Target, target)
	}
	ptmx := r.action(t, 0)
	want(t, "number of ptmx", [2]uint32{ptmx.Major, ptmx.Minor}, [2]uint32{5, 2})
	want(t, "mode of ptmx", ptmx.Mode, 0o666)
	if exists("/proc/kcore") {
		want(t, "core", r.action(t, 1).Target, "/proc/kcore")
	}
}

func TestDevices_nothing_else_is_there(t *testing.T) {
	t.Parallel()
	r := probe(t, nil)
	known := []string{"null", "zero", "full", "random", "urandom", "tty", "fd", "stdin", "stdout", "stderr", "ptmx", "core", "pts", "shm", "mqueue"}
	for _, d := range r.Devices {
		if !slices.Contains(known, d.Name) {
			t.Errorf("/dev/%s (%s)", d.Name, d.Type)
		}
	}
}

func TestDevices_the_default_ones_work_although_all_is_denied(t *testing.T) {
	t.Parallel()
	r := probe(t, nil, "--open", "/dev/null", "rw", "--open", "/dev/zero", "r", "--write", "/dev/full", "x", "--open", "/dev/urandom", "r", "--open", "/dev/ptmx", "rw", "--mknod", "/dev/other", "c", "1", "3")
	for i, errno := range []unix.Errno{0, 0, unix.ENOSPC, 0, 0, 0} {
		wantErrno(t, r.action(t, i), errno)
	}
}

func device(path, typ string, major, minor int64) specs.LinuxDevice {
	return specs.LinuxDevice{Path: path, Type: typ, Major: major, Minor: minor, FileMode: ptr(os.FileMode(0o640)), UID: ptr[uint32](7), GID: ptr[uint32](8)}
}

func TestDevices_configured_ones_are_made(t *testing.T) {
	t.Parallel()
	r := probe(t, func(s *specs.Spec) {
		s.Linux.Devices = []specs.LinuxDevice{
			device("/dev/mine", "c", 1, 11), device("/dev/deep/er/block", "b", 7, 200), device("/dev/fifo", "p", 0, 0),
			device("/srv/elsewhere", "u", 1, 5), {Path: "/dev/plain", Type: "c", Major: 1, Minor: 3},
		}
		s.Process.User.Umask = ptr[uint32](0o077) // the process's, not the set-up's
	}, "--stat", "/dev/mine", "--stat", "/dev/deep/er/block", "--stat", "/dev/fifo", "--stat", "/srv/elsewhere", "--stat", "/dev/plain")
	for i, c := range []struct {
		typ          string
		major, minor uint32
	}{{"char", 1, 11}, {"block", 7, 200}, {"fifo", 0, 0}, {"char", 1, 5}} {
		a := r.action(t, i)
		want(t, a.Path+": type", a.Type, c.typ)
		want(t, a.Path+": number", [2]uint32{a.Major, a.Minor}, [2]uint32{c.major, c.minor})
		want(t, a.Path+": mode", a.Mode, 0o640)
		want(t, a.Path+": owner", [2]uint32{a.UID, a.GID}, [2]uint32{7, 8})
	}
	want(t, "owner by default", r.action(t, 4).UID, 0)
}

func TestDevices_one_that_repeats_a_default_is_fine(t *testing.T) {
	t.Parallel()
	r := probe(t, func(s *specs.Spec) {
		s.Linux.Devices = []specs.LinuxDevice{
			{Path: "/dev/tty", Type: "c", Major: 5, Minor: 0, FileMode: ptr(os.FileMode(0o666))},
			{Path: "/dev/ptmx", Type: "c", Major: 5, Minor: 2, FileMode: ptr(os.FileMode(0o666))},
		}
	}, "--stat", "/dev/tty", "--stat", "/dev/ptmx", "--open", "/dev/ptmx", "rw")
	want(t, "tty", r.action(t, 0).Mode, 0o666)
	want(t, "ptmx", [2]uint32{r.action(t, 1).Major, r.action(t, 1).Minor}, [2]uint32{5, 2})
	wantErrno(t, r.action(t, 2), 0)
}

func TestDevices_a_node_is_no_permission(t *testing.T) {
	t.Parallel()
	r := probe(t, func(s *specs.Spec) {
		s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/kmsg", Type: "c", Major: 1, Minor: 11, FileMode: ptr(os.FileMode(0o666))}}
	}, "--open", "/dev/kmsg", "r", "--open", "/dev/kmsg", "w")
	wantErrno(t, r.action(t, 0), unix.EPERM)
	wantErrno(t, r.action(t, 1), unix.EPERM)
}

func allow(typ string, major, minor int64, access string) specs.LinuxDeviceCgroup {
	d := specs.LinuxDeviceCgroup{Allow: true, Type: typ, Access: access}
	if major >= 0 {
		d.Major = &major
	}
	if minor >= 0 {
		d.Minor = &minor
	}
	return d
}

func TestDevices_rules_allow(t *testing.T) {
	t.Parallel()
	requires(t, "cap:CAP_SYSLOG")
	addNode := func(s *specs.Spec) {
		addCaps("CAP_SYSLOG")(s) // to read it, where kernel.dmesg_restrict is set
		s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/kmsg", Type: "c", Major: 1, Minor: 11, FileMode: ptr(os.FileMode(0o666))}}
	}
	for name, c := range map[string]struct {
		rules       []specs.LinuxDeviceCgroup
		read, write unix.Errno
	}{
		"rw":              {[]specs.LinuxDeviceCgroup{allow("c", 1, 11, "rw")}, 0, 0},
		"r alone":         {[]specs.LinuxDeviceCgroup{allow("c", 1, 11, "r")}, 0, unix.EPERM},
		"w alone":         {[]specs.LinuxDeviceCgroup{allow("c", 1, 11, "w")}, unix.EPERM, 0},
		"r then w":        {[]specs.LinuxDeviceCgroup{allow("c", 1, 11, "r"), allow("c", 1, 11, "w")}, 0, 0},
		"every minor":     {[]specs.LinuxDeviceCgroup{allow("c", 1, -1, "rwm")}, 0, 0},
		"every c device":  {[]specs.LinuxDeviceCgroup{allow("c", -1, -1, "rwm")}, 0, 0},
		"every device":    {[]specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}, 0, 0},
		"another minor":   {[]specs.LinuxDeviceCgroup{allow("c", 1, 12, "rwm")}, unix.EPERM, unix.EPERM},
		"block, not char": {[]specs.LinuxDeviceCgroup{allow("b", 1, 11, "rwm")}, unix.EPERM, unix.EPERM},
		"denied later":    {[]specs.LinuxDeviceCgroup{allow("c", 1, 11, "rwm"), {Allow: false, Type: "c", Major: ptr[int64](1), Minor: ptr[int64](11), Access: "w"}}, 0, unix.EPERM},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := probe(t, func(s *specs.Spec) {
				addNode(s)
				s.Linux.Resources.Devices = append(s.Linux.Resources.Devices, c.rules...)
			}, "--open", "/dev/kmsg", "r", "--open", "/dev/kmsg", "w", "--open", "/dev/null", "rw")
			wantErrno(t, r.action(t, 0), c.read)
			wantErrno(t, r.action(t, 1), c.write)
			wantErrno(t, r.action(t, 2), 0)
		})
	}
}

// The kernel's v1 controller, and with it other runtimes, takes such a rule as every access to every device.
func TestDevices_a_rule_for_both_types_is_for_its_numbers(t *testing.T) {
	t.Parallel()
	requires(t, "cap:CAP_SYSLOG", "rt:rung")
	deny := func(d specs.LinuxDeviceCgroup) specs.LinuxDeviceCgroup {
		d.Allow = false
		return d
	}
	for name, c := range map[string]struct {
		rules       []specs.LinuxDeviceCgroup
		read, write unix.Errno
	}{
		"another minor":     {[]specs.LinuxDeviceCgroup{allow("a", 1, 12, "rwm")}, unix.EPERM, unix.EPERM},
		"another major":     {[]specs.LinuxDeviceCgroup{allow("", 7, -1, "rwm")}, unix.EPERM, unix.EPERM},
		"its number":        {[]specs.LinuxDeviceCgroup{allow("a", 1, 11, "rw")}, 0, 0},
		"its number, r":     {[]specs.LinuxDeviceCgroup{allow("", 1, 11, "r")}, 0, unix.EPERM},
		"every number, w":   {[]specs.LinuxDeviceCgroup{allow("a", -1, -1, "w")}, unix.EPERM, 0},
		"another is denied": {[]specs.LinuxDeviceCgroup{allow("c", 1, 11, "rw"), deny(allow("a", 10, 229, "rwm"))}, 0, 0},
		"it is denied":      {[]specs.LinuxDeviceCgroup{allow("c", 1, 11, "rw"), deny(allow("a", 1, 11, "w"))}, 0, unix.EPERM},
		"all is denied":     {[]specs.LinuxDeviceCgroup{allow("c", 1, 11, "rw"), deny(allow("a", -1, -1, ""))}, unix.EPERM, unix.EPERM},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := probe(t, func(s *specs.Spec) {
				addCaps("CAP_SYSLOG")(s)
				s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/kmsg", Type: "c", Major: 1, Minor: 11, FileMode: ptr(os.FileMode(0o666))}}
				s.Linux.Resources.Devices = append(s.Linux.Resources.Devices, c.rules...)
			}, "--open", "/dev/kmsg", "r", "--open", "/dev/kmsg", "w", "--open", "/dev/null", "rw")
			wantErrno(t, r.action(t, 0), c.read)
			wantErrno(t, r.action(t, 1), c.write)
			wantErrno(t, r.action(t, 2), 0)
		})
	}
}

func TestDevices_mknod_of_a_node_is_allowed_by_default(t *testing.T) {
	t.Parallel()
	r := probe(t, nil, "--mknod", "/dev/k", "c", "1", "11", "--open", "/dev/k", "r", "--mknod", "/dev/b", "b", "7", "0")
	wantErrno(t, r.action(t, 0), 0)
	wantErrno(t, r.action(t, 1), unix.EPERM)
	wantErrno(t, r.action(t, 2), 0)
}

func TestDevices_a_bound_dev_is_left_as_it_is(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	v := b.volume("v")
	mkdir(t, v+"/pts", 0o755)
	mkdir(t, v+"/shm", 0o755)
	mkdir(t, v+"/mqueue", 0o755)
	if err := unix.Mknod(v+"/null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))); err != nil {
		t.Fatal(err)
	}
	r := b.probe(func(s *specs.Spec) { s.Mounts[1] = bind(v, "/dev", "rbind") })
	if _, ok := r.device("zero"); ok {
		t.Errorf("devices: %+v", r.Devices)
	}
	want(t, "on the host", exists(v+"/zero") || exists(v+"/ptmx"), false)
}

func TestDevices_bad_ones_are_refused(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]specs.LinuxDevice{
		"unknown type": {Path: "/dev/x", Type: "z", Major: 1, Minor: 1},
		"no path":      {Type: "c", Major: 1, Minor: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "no path" {
				requires(t, "rt:rung")
			}
			mustFail(t, func(s *specs.Spec) { s.Linux.Devices = []specs.LinuxDevice{d} })
		})
	}
}
