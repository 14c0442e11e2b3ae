package integration

import (
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// landlock gives the container annotations below org.rung-oci.landlock: pairs of a name and a value.
func landlock(pairs ...string) func(*specs.Spec) {
	pairs = slices.Clone(pairs)
	for i := 0; i < len(pairs); i += 2 {
		pairs[i] = "org.rung-oci.landlock." + pairs[i]
	}
	return annotate(pairs...)
}

// landlockBase is what the probe needs to run and to report.
const landlockBase = "rx /probe; ro /proc; ro /sys; "

func TestLandlock_what_no_rule_allows_is_denied(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "landlock:5")
	b := newBundle(t)
	writeFile(t, b.Rootfs+"/root/file", "x")
	writeFile(t, b.Rootfs+"/home/file", "x")
	r := b.probe(landlock("fs", landlockBase+"rw /tmp\nro /home; rw,execute /mnt"),
		"--read", "/root/file", "--read", "/home/file", "--create", "/home/new", "x", "--create", "/tmp/new", "y", "--read", "/tmp/new", "--unlink", "/tmp/new", "--mkdir", "/etc/d", "--ls", "/home")
	for i, e := range []unix.Errno{unix.EACCES, 0, unix.EACCES, 0, 0, 0, unix.EACCES, 0} {
		wantErrno(t, r.action(t, i), e)
	}
}

func TestLandlock_truncate_and_refer(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "landlock:5")
	b := newBundle(t)
	writeFile(t, b.Rootfs+"/home/file", "x")
	r := b.probe(landlock("fs", landlockBase+"read_file,write_file /home"), "--open", "/home/file", "rw", "--create", "/home/new", "x", "--ls", "/home")
	for i, e := range []unix.Errno{0, unix.EACCES, 0} {
		wantErrno(t, r.action(t, i), e)
	}
}

func TestLandlock_execute(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "landlock:5")
	b := newBundle(t)
	copyFile(t, probePath, b.Rootfs+"/home/probe", 0o755)
	landlock("fs", landlockBase+"ro /home")(b.Spec)
	b.Spec.Process.Args = []string{"/probe", "--exec", "/home/probe", "--echo", "ran"}
	res := b.run()
	want(t, "exit status", res.Exit, 126)
	if strings.Contains(res.Stdout, "ran") {
		t.Error("it was executed")
	}
}

// The program of the container itself is judged too, and then it is the start that says so.
func TestLandlock_a_program_that_may_not_be_executed_is_an_error_of_start(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "landlock:5")
	b := newBundle(t)
	landlock("fs", "ro /probe")(b.Spec)
	c := b.create()
	wantFailure(t, c.runtime("start", c.ID), "permission denied", "/probe")
}

func TestLandlock_rules_for_files(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "landlock:5")
	b := newBundle(t)
	writeFile(t, b.Rootfs+"/home/one", "1")
	writeFile(t, b.Rootfs+"/home/two", "2")
	r := b.probe(landlock("fs", landlockBase+"rw /home/one; rw /dev/null"), "--read", "/home/one", "--write", "/home/one", "x", "--read", "/home/two", "--write", "/dev/null", "x", "--unlink", "/home/one")
	for i, e := range []unix.Errno{0, 0, unix.EACCES, 0, unix.EACCES} {
		wantErrno(t, r.action(t, i), e)
	}
}

func TestLandlock_ports(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "landlock:4")
	r := probe(t, landlock("net", "bind 8080, 8081; connect 443"), "--bind", "8080", "--bind", "8081", "--bind", "8082", "--connect", "443", "--connect", "80")
	for i, e := range []unix.Errno{0, 0, unix.EACCES, unix.ECONNREFUSED, unix.EACCES} {
		wantErrno(t, r.action(t, i), e)
	}
	r = probe(t, landlock("net", "bind *"), "--bind", "8082", "--connect", "80")
	wantErrno(t, r.action(t, 0), 0)
	wantErrno(t, r.action(t, 1), unix.EACCES)
}

func TestLandlock_scope(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "landlock:6")
	l, err := net.Listen("unix", "@"+newID())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	name, self := l.Addr().String()[1:], strconv.Itoa(os.Getpid())
	shared := func(s *specs.Spec) { withoutNS(s, specs.PIDNamespace, specs.NetworkNamespace) }
	r := probe(t, shared, "--kill", self, "0", "--abstract", name)
	wantErrno(t, r.action(t, 0), 0)
	wantErrno(t, r.action(t, 1), 0)
	r = probe(t, edits(shared, landlock("scope", "signal, abstract-unix-socket")), "--kill", self, "0", "--abstract", name)
	wantErrno(t, r.action(t, 0), unix.EPERM)
	wantErrno(t, r.action(t, 1), unix.EPERM)
}

// Without no_new_privs it takes CAP_SYS_ADMIN, which the process must not have afterwards; with a filter and without.
func TestLandlock_without_no_new_privileges(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "landlock:5")
	for _, c := range []struct {
		name string
		edit func(*specs.Spec)
	}{
		{"alone", func(*specs.Spec) {}},
		{"with a filter", func(s *specs.Spec) {
			s.Linux.Seccomp = &specs.LinuxSeccomp{
				DefaultAction: specs.ActAllow,
				Syscalls:      []specs.LinuxSyscall{{Names: []string{"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "prctl"}, Action: specs.ActErrno}},
			}
		}},
		{"as a user", func(s *specs.Spec) { s.Process.User.UID = 1000 }},
		{"no capability at all", func(s *specs.Spec) { s.Process.Capabilities = &specs.LinuxCapabilities{} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := probe(t, edits(landlock("fs", landlockBase), c.edit, func(s *specs.Spec) { s.Process.NoNewPrivileges = false }), "--read", "/etc/passwd")
			wantErrno(t, r.action(t, 0), unix.EACCES)
			for name, set := range map[string]uint64{"effective": r.Caps.Effective, "permitted": r.Caps.Permitted, "inheritable": r.Caps.Inheritable, "bounding": r.Caps.Bounding} {
				if set>>unix.CAP_SYS_ADMIN&1 != 0 {
					t.Errorf("CAP_SYS_ADMIN is in the %s set", name)
				}
			}
		})
	}
}

func TestLandlock_in_a_user_namespace(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "landlock:5")
	for _, nnp := range []bool{true, false} {
		b := userBundle(t)
		r := b.probe(edits(landlock("fs", landlockBase+"rw /tmp"), func(s *specs.Spec) { s.Process.NoNewPrivileges = nnp }), "--read", "/etc/passwd", "--create", "/tmp/x", "x")
		wantErrno(t, r.action(t, 0), unix.EACCES)
		wantErrno(t, r.action(t, 1), 0)
	}
}

func TestLandlock_confines_what_is_executed_in_the_container(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "landlock:5")
	b := newBundle(t)
	landlock("fs", landlockBase)(b.Spec)
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	c := b.create().start()
	res := c.must("exec", c.ID, "/probe", "--read", "/etc/passwd", "--report")
	wantErrno(t, parseProbe(t, res.Stdout).action(t, 0), unix.EACCES)
}

// An image must not decide what is allowed: a path that it makes a symlink of is none.
func TestLandlock_a_rule_follows_no_symlink(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "landlock:5")
	for _, p := range []string{"/way", "/way/passwd", "/proc/self/root"} {
		t.Run(p, func(t *testing.T) {
			t.Parallel()
			for _, to := range []string{"/", "etc"} {
				b := newBundle(t)
				b.rootLink("way", to)
				landlock("fs", landlockBase+"ro "+p)(b.Spec)
				wantFailure(t, b.run(), "org.rung-oci.landlock.fs", p, "symlink")

				landlock("mode", "best-effort")(b.Spec)
				b.Spec.Process.Args = []string{"/probe", "--read", "/etc/passwd", "--report"}
				res := b.run()
				wantErrno(t, parseProbe(t, res.Stdout).action(t, 0), unix.EACCES)
				if !strings.Contains(res.Stderr, p) {
					t.Errorf("no warning about %s: %q", p, res.Stderr)
				}
			}
		})
	}
}

func TestLandlock_what_cannot_be_is_refused(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "landlock:6")
	for _, c := range []struct {
		name  string
		pairs []string
		words []string
	}{
		{"unknown right", []string{"fs", "ro /; rz /etc"}, []string{"annotations", "org.rung-oci.landlock.fs", "rule 2", "rz"}},
		{"relative path", []string{"fs", "ro etc"}, []string{"org.rung-oci.landlock.fs", "absolute"}},
		{"no path", []string{"fs", "ro"}, []string{"org.rung-oci.landlock.fs", "path"}},
		{"missing path", []string{"fs", landlockBase + "ro /nonexistent"}, []string{"org.rung-oci.landlock.fs", "/nonexistent", "no such file"}},
		{"a directory's right on a file", []string{"fs", landlockBase + "make_reg /etc/passwd"}, []string{"/etc/passwd", "directory"}},
		{"port", []string{"net", "bind 65536"}, []string{"org.rung-oci.landlock.net", "65536"}},
		{"scope", []string{"scope", "signals"}, []string{"org.rung-oci.landlock.scope", "signals"}},
		{"mode", []string{"fs", "ro /", "mode", "lenient"}, []string{"org.rung-oci.landlock.mode", "best-effort"}},
		{"abi", []string{"fs", "ro /", "abi", "0"}, []string{"org.rung-oci.landlock.abi"}},
		{"a right of a later abi", []string{"fs", "ioctl_dev /dev", "abi", "4"}, []string{"org.rung-oci.landlock.fs", "ioctl_dev", "ABI 5"}},
		{"misspelt", []string{"f", "ro /"}, []string{"org.rung-oci.landlock.f", "unknown annotation"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			mustFail(t, landlock(c.pairs...), c.words...)
		})
	}
}
