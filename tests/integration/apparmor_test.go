package integration

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// confine loads a profile under a name of its own, with these rules, and takes it away at the end of the test.
func confine(t *testing.T, b *bundle, rules string) (name string) {
	t.Helper()
	return confineAs(t, b, "", rules)
}

// confineAs is confine for one of several profiles.
func confineAs(t *testing.T, b *bundle, which, rules string) (name string) {
	t.Helper()
	name = "rung-test-" + b.ID + which
	file := filepath.Join(b.Dir, name)
	writeFile(t, file, "profile "+name+" flags=(attach_disconnected,mediate_deleted) {\n  file,\n  capability,\n  network,\n  signal,\n  ptrace,\n  unix,\n"+rules+"}\n")
	load := func(option string) error { return exec.Command("apparmor_parser", option, "-K", file).Run() }
	if err := load("-r"); err != nil {
		t.Fatalf("apparmor_parser -r: %v", err)
	}
	t.Cleanup(func() {
		if err := load("-R"); err != nil {
			t.Errorf("apparmor_parser -R: %v", err)
		}
	})
	return name
}

func TestAppArmor_the_profile_is_in_force(t *testing.T) {
	t.Parallel()
	requires(t, "apparmor")
	for _, c := range []struct {
		name string
		edit func(*specs.Spec)
	}{
		{"plain", nil},
		{"without no_new_privs", func(s *specs.Spec) { s.Process.NoNewPrivileges = false }},
		{"as a user", func(s *specs.Spec) { s.Process.User = specs.User{UID: 1000, GID: 1000} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			writeFile(t, b.Rootfs+"/secret", "s")
			b.Spec.Process.ApparmorProfile = confine(t, b, "  deny /secret rw,\n")
			r := b.probe(c.edit, "--read", "/proc/self/attr/current", "--read", "/secret", "--read", "/etc/passwd")
			want(t, "profile", strings.TrimSpace(r.action(t, 0).Data), b.Spec.Process.ApparmorProfile+" (enforce)")
			wantErrno(t, r.action(t, 1), unix.EACCES)
			wantErrno(t, r.action(t, 2), 0)
		})
	}
}

func TestAppArmor_in_a_user_namespace(t *testing.T) {
	t.Parallel()
	requires(t, "apparmor", "userns")
	b := userBundle(t)
	writeFile(t, b.Rootfs+"/secret", "s")
	b.Spec.Process.ApparmorProfile = confine(t, b, "  deny /secret rw,\n")
	r := b.probe(nil, "--read", "/proc/self/attr/current", "--read", "/secret")
	want(t, "profile", strings.TrimSpace(r.action(t, 0).Data), b.Spec.Process.ApparmorProfile+" (enforce)")
	wantErrno(t, r.action(t, 1), unix.EACCES)
}

// A process of exec is confined like the first one, or as it is asked for.
func TestAppArmor_of_exec(t *testing.T) {
	t.Parallel()
	requires(t, "apparmor", "rt:runc")
	b := newBundle(t)
	writeFile(t, b.Rootfs+"/secret", "s")
	one := confine(t, b, "  deny /secret rw,\n")
	b.Spec.Process.ApparmorProfile = one
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	b.runDetached().next("waiting")
	a := parseAction(t, firstLine(b.must("exec", b.ID, "/probe", "--read", "/proc/self/attr/current").Stdout))
	want(t, "profile", strings.TrimSpace(a.Data), one+" (enforce)")
	a = parseAction(t, firstLine(b.must("exec", b.ID, "/probe", "--read", "/secret").Stdout))
	wantErrno(t, a, unix.EACCES)
	a = parseAction(t, firstLine(b.must("exec", "--apparmor", "unconfined", b.ID, "/probe", "--read", "/secret").Stdout))
	wantErrno(t, a, 0)
}

func TestAppArmor_a_profile_that_is_not_loaded_is_refused(t *testing.T) {
	t.Parallel()
	requires(t, "apparmor")
	mustFail(t, func(s *specs.Spec) { s.Process.ApparmorProfile = "no-such-profile" }, "process.apparmorProfile", "no-such-profile")
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
