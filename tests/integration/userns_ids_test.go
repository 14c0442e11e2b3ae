package integration

import (
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

const groupsAreNotSet = "warning: process.user.additionalGids: not set"

// Engines write additionalGids for most images, and setgroups(2) is denied in a user namespace that a user makes with
// one ID: the container starts, and a warning says which field has no effect.
func TestUserns_groups_where_setgroups_is_denied(t *testing.T) {
	t.Parallel()
	requires(t, "root", "userns", "command:unshare", "rt:rung")
	unprivileged := func(t *testing.T) *bundle { return rootlessBundle(t) }
	nested := func(t *testing.T) *bundle {
		b := rootlessBundle(t)
		b.Wrap = append(b.Wrap, "unshare", "--user", "--map-root-user", "--mount", "--propagation", "slave")
		withoutNS(b.Spec, specs.UserNamespace)
		b.Spec.Linux.UIDMappings, b.Spec.Linux.GIDMappings = nil, nil
		return b
	}
	for name, make := range map[string]func(*testing.T) *bundle{"a user": unprivileged, "root of a namespace": nested} {
		for _, groups := range [][]uint32{{0}, {0, 27, 1000}} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				b := make(t)
				b.Spec.Process.User.AdditionalGids = groups
				b.Spec.Process.Args = []string{"/probe", "--echo", "it-started"}
				res := b.run()
				want(t, "exit status of run", res.Exit, 0)
				want(t, "output", strings.TrimSpace(res.Stdout), "it-started")
				want(t, "warnings in "+res.Stderr, strings.Count(res.Stderr, groupsAreNotSet), 1)
			})
		}
	}
	t.Run("exec", func(t *testing.T) {
		t.Parallel()
		b := rootlessBundle(t)
		b.Spec.Process.Args = []string{"/probe", "--until-term"}
		b.runDetached()
		res := b.must("exec", "--additional-gids", "27", b.ID, "/probe", "--echo", "it-started")
		want(t, "output", strings.TrimSpace(res.Stdout), "it-started")
		want(t, "warnings in "+res.Stderr, strings.Count(res.Stderr, groupsAreNotSet), 1)
	})
	t.Run("nothing is said without groups", func(t *testing.T) {
		t.Parallel()
		for _, b := range []*bundle{unprivileged(t), nested(t)} {
			b.Spec.Process.Args = []string{"/probe", "--echo", "it-started"}
			res := b.run()
			want(t, "exit status of run", res.Exit, 0)
			want(t, "warnings in "+res.Stderr, strings.Contains(res.Stderr, "additionalGids"), false)
		}
	})
}

// Where setgroups(2) is not denied no group is left out.
func TestUserns_groups_are_set_where_they_can_be(t *testing.T) {
	t.Parallel()
	b := userBundle(t)
	r := b.probe(func(s *specs.Spec) { s.Process.User.AdditionalGids = []uint32{27, 1000} })
	want(t, "number of groups", len(r.Groups), 2)
	b = userBundle(t)
	b.Spec.Process.User.AdditionalGids = []uint32{65536}
	b.Spec.Process.Args = []string{"/probe", "--echo", "it-started"}
	wantFailure(t, b.run(), "process.user")
}

// A user namespace need not map ID 0 (podman run --uidmap 999:0:1 --user 999).
func TestUserns_without_id_0(t *testing.T) {
	t.Parallel()
	requires(t, "root", "userns", "rt:rung") // runc refuses it
	without0 := func(t *testing.T) *bundle {
		b := newBundle(t).mapped(mapping(999, 100000, 1), mapping(998, 100001, 1))
		b.Spec.Process.User.UID, b.Spec.Process.User.GID = 999, 998
		for i, m := range b.Spec.Mounts {
			if m.Type == "devpts" { // group 5 is not mapped
				b.Spec.Mounts[i].Options = []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}
			}
		}
		return b
	}
	t.Run("run", func(t *testing.T) {
		t.Parallel()
		r := without0(t).probe(func(s *specs.Spec) { setCaps(s, "CAP_CHOWN", "CAP_SETUID") },
			"--create", "/dev/shm/made", "x", "--open", "/dev/null", "rw", "--write", "/dev/full", "x")
		for n := range r.UID {
			want(t, "uid", r.UID[n], 999)
			want(t, "gid", r.GID[n], 998)
		}
		want(t, "uid_map", fields(r.UIDMap), "999 100000 1")
		want(t, "bounding", r.Caps.Bounding, capMask("CAP_CHOWN", "CAP_SETUID"))
		wantErrno(t, r.action(t, 0), 0)
		wantErrno(t, r.action(t, 1), 0)
		wantErrno(t, r.action(t, 2), unix.ENOSPC)
	})
	t.Run("exec and hooks", func(t *testing.T) {
		t.Parallel()
		b := without0(t)
		hook := []specs.Hook{{Path: lookPath(t, "true")}}
		b.Spec.Hooks = &specs.Hooks{CreateRuntime: hook, CreateContainer: hook, StartContainer: []specs.Hook{{Path: "/probe", Args: []string{"/probe", "--exit", "0"}}}}
		b.Spec.Process.Args = []string{"/probe", "--until-term"}
		c := b.create().start()
		r := c.execProbe(nil)
		want(t, "uid", r.UID[0], 999)
		want(t, "gid", r.GID[0], 998)
	})
	t.Run("joined", func(t *testing.T) {
		t.Parallel()
		b := without0(t)
		b.Spec.Process.Args = []string{"/probe", "--until-term"}
		c := b.runDetached()
		o := b.another()
		setNS(o.Spec, specs.UserNamespace, "/proc/"+itoa(c.Pid)+"/ns/user")
		o.Spec.Process.User = b.Spec.Process.User
		o.Spec.Mounts = b.Spec.Mounts
		o.chown(100000, 100001)
		want(t, "uid", o.probe(nil).UID[0], 999)
	})
}
