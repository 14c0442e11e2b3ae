package integration

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Programs log to /dev/stdout and /dev/stderr, and so open a pipe again that its maker, root of the host, owns. The
// user namespace does not map that owner.
func TestUserns_pipes_are_the_users(t *testing.T) {
	t.Parallel()
	requires(t, "root", "userns", "rt:rung") // runc gives pipes away for run alone
	actions := []string{"/probe", "--append", "/dev/stdout", "again\n", "--until-term"}
	for name, edit := range map[string]func(*specs.Spec){
		"root": func(*specs.Spec) {},
		"user": func(s *specs.Spec) { s.Process.User = specs.User{UID: 7, GID: 8} },
	} {
		t.Run("create, "+name, func(t *testing.T) {
			t.Parallel()
			b := userBundle(t)
			edit(b.Spec)
			b.Spec.Process.Args = actions
			c := b.create().start()
			line, _ := c.line()
			want(t, "written through /dev/stdout", line, "again")
			wantErrno(t, c.next("append"), 0)
		})
		t.Run("run, "+name, func(t *testing.T) {
			t.Parallel()
			b := userBundle(t)
			edit(b.Spec)
			b.Spec.Process.Args = actions
			f := b.runForeground()
			line, _ := f.line()
			want(t, "written through /dev/stdout", line, "again")
			wantErrno(t, f.next("append"), 0)
			f.next("waiting")
			b.must("kill", b.ID, "TERM")
			f.exit()
		})
	}
	t.Run("exec", func(t *testing.T) {
		t.Parallel()
		c := userBundle(t).running()
		g := c.execBackground([]string{"--user", "7:8"}, "--append", "/dev/stdout", "again\n", "--exit", "0")
		line, _ := g.line()
		want(t, "written through /dev/stdout", line, "again")
		wantErrno(t, g.next("append"), 0)
		want(t, "exit status", g.exit().Exit, 0)
	})
	t.Run("joined", func(t *testing.T) {
		t.Parallel()
		c := userBundle(t).running()
		b := userBundle(t)
		setNS(b.Spec, specs.UserNamespace, "/proc/"+itoa(c.Pid)+"/ns/user")
		b.Spec.Process.Args = actions
		f := b.runForeground()
		line, _ := f.line()
		want(t, "written through /dev/stdout", line, "again")
		wantErrno(t, f.next("append"), 0)
		f.next("waiting")
		b.must("kill", b.ID, "TERM")
		f.exit()
	})
}

// Files and sockets of the caller stay the caller's: only pipes are given to the container's user.
func TestUserns_files_as_streams_keep_their_owner(t *testing.T) {
	t.Parallel()
	b := userBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--exit", "0"}
	b.writeConfig()
	file, err := os.Create(filepath.Join(b.Dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	socket := os.NewFile(uintptr(pair[0]), "socket")
	defer socket.Close()
	defer unix.Close(pair[1])
	cmd := b.command("run", "--bundle", b.Dir, b.ID)
	cmd.Stdout, cmd.Stderr = file, socket
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	for _, f := range []*os.File{file, socket} {
		var st unix.Stat_t
		if err := unix.Fstat(int(f.Fd()), &st); err != nil {
			t.Fatal(err)
		}
		want(t, "owner of the "+f.Name(), st.Uid, 0)
	}
}
