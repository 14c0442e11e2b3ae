package state

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

func TestValidID(t *testing.T) {
	for _, tt := range []struct {
		id string
		ok bool
	}{
		{"a", true},
		{"Web_1.b-c+d", true},
		{"-a", true},
		{".a", true},
		{"...", true},
		{strings.Repeat("a", 255), true},
		{"", false},
		{".", false},
		{"..", false},
		{"a/b", false},
		{"../a", false},
		{"a b", false},
		{"a\n", false},
		{"a\x00", false},
		{"é", false},
		{"a:b", false},
		{"a@b", false},
		{strings.Repeat("a", 256), false},
		{strings.Repeat("/", 100000), false},
	} {
		err := ValidID(tt.id)
		if (err == nil) != tt.ok {
			t.Errorf("%.40q: %v", tt.id, err)
		}
		if err != nil && len(err.Error()) > 1000 {
			t.Errorf("%.40q: an error of %d bytes", tt.id, len(err.Error()))
		}
		for _, f := range []func(string) (*Entry, error){Store{t.TempDir()}.Create, Store{t.TempDir()}.Open} {
			e, err := f(tt.id)
			if !tt.ok && err == nil {
				t.Errorf("%.40q was accepted", tt.id)
			}
			if err == nil {
				e.Close()
			}
		}
	}
}

func TestValidID_text(t *testing.T) {
	for id, want := range map[string]string{
		"":                       "container id cannot be empty",
		"..":                     `invalid container id "..": no directory can have that name`,
		"a/\x00b":                `invalid container id "a/\x00b": only letters, digits and _ - + . are allowed`,
		strings.Repeat("a", 300): `invalid container id "` + strings.Repeat("a", 64) + `"…: longer than 255 bytes`,
	} {
		if err := ValidID(id); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// of is a record that can be the entry's.
func of(e *Entry) *State {
	s := full()
	s.ID, s.Dir, s.Bundle, s.Unit = e.id, e.dir, "/b", ""
	s.RdtClass, s.RdtMonitor = "/sys/fs/resctrl/"+e.id, "/sys/fs/resctrl/"+e.id+"/mon_groups/"+e.id
	return s
}

func mustCreate(t *testing.T, s Store, id string) *Entry {
	t.Helper()
	e, err := s.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

func TestStore(t *testing.T) {
	s := Store{filepath.Join(t.TempDir(), "new", "root")}
	if _, err := s.Open("web"); !errors.Is(err, ErrNotExist) || err.Error() != "container does not exist: web" {
		t.Error(err)
	}
	if _, err := s.List(); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	e := mustCreate(t, s, "web")
	if _, err := s.Create("web"); !errors.Is(err, ErrExist) || err.Error() != "container with given ID already exists: web" {
		t.Error(err)
	}
	if _, err := e.Load(); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	want := of(e)
	if err := e.Save(want); err != nil {
		t.Fatal(err)
	}
	if err := e.SaveConfig([]byte("{long}")); err != nil {
		t.Fatal(err)
	}
	if err := e.SaveConfig([]byte("{}")); err != nil {
		t.Fatal(err)
	}

	o, err := s.Open("web")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if got, err := o.Load(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if c, err := o.Config(); err != nil || string(c) != "{}" {
		t.Errorf("%q, %v", c, err)
	}
	for _, name := range []string{stateFile, configFile} {
		if st, err := os.Stat(filepath.Join(o.Dir(), name)); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, st.Mode(), err)
		}
	}

	if st, err := os.Stat(s.Root); err != nil || st.Mode() != fs.ModeDir|fs.ModeSticky|0o700 {
		t.Errorf("%s: %v, %v", s.Root, st.Mode(), err)
	}
	mustCreate(t, s, "a.b")
	mustCreate(t, s, "B")
	if err := errors.Join(os.WriteFile(filepath.Join(s.Root, "file"), nil, 0o600), os.Mkdir(filepath.Join(s.Root, "no id"), 0o700)); err != nil {
		t.Fatal(err)
	}
	if ids, err := s.List(); err != nil || !reflect.DeepEqual(ids, []string{"B", "a.b", "web"}) {
		t.Errorf("%q, %v", ids, err)
	}

	if err := os.MkdirAll(filepath.Join(e.Dir(), "notify", "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if o.Gone() {
		t.Error("gone before it was removed")
	}
	if err := e.Remove(); err != nil {
		t.Error(err)
	}
	next := mustCreate(t, s, "web")
	if err := e.Remove(); err != nil || next.Gone() {
		t.Errorf("the second Remove took the next container of that id: %v", err)
	}
	if err := next.Remove(); err != nil {
		t.Error(err)
	}
	if !o.Gone() {
		t.Error("not gone")
	}
	if _, err := s.Open("web"); !errors.Is(err, ErrNotExist) {
		t.Error(err)
	}
	if err := o.Save(want); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("saved what is gone: %v", err)
	}
}

func TestStore_notADirectory(t *testing.T) {
	s := Store{t.TempDir()}
	other := t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(s.Root, "file"), nil, 0o600), os.Symlink(other, filepath.Join(s.Root, "link"))); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"file", "link"} {
		if _, err := s.Open(id); err == nil || errors.Is(err, ErrNotExist) {
			t.Errorf("%s: %v", id, err)
		}
		if _, err := s.Create(id); !errors.Is(err, ErrExist) {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// A record names what to kill and to remove: one from a stranger is not read.
func TestStore_owner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to give files away")
	}
	for _, tt := range []struct {
		name        string
		root, entry int
		ok          bool
	}{
		{"own", 0, 0, true},
		{"root's among a user's", 1001, 0, false},
		{"a user's own", 1001, 1001, false},
		{"a user's among root's", 0, 1001, false},
		{"of two users", 1001, 1002, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := Store{t.TempDir()}
			e := mustCreate(t, s, "c")
			if err := errors.Join(os.Chown(s.Root, tt.root, -1), os.Chown(e.Dir(), tt.entry, -1)); err != nil {
				t.Fatal(err)
			}
			o, err := s.Open("c")
			if err == nil {
				o.Close()
			}
			if (err == nil) != tt.ok || err != nil && !errors.Is(err, fs.ErrPermission) {
				t.Error(err)
			}
		})
	}
}

// Who may write to a store, or to a container's directory, can exchange its records.
func TestStore_writers(t *testing.T) {
	const sticky = os.ModeSticky
	other := os.Getegid() + 77
	for _, tt := range []struct {
		root, entry fs.FileMode
		gid         int
		ok          bool
	}{
		{0o711 | sticky, 0o711, -1, true}, {0o777 | sticky, 0o700, -1, true}, {0o775, 0o700, -1, true},
		{0o777, 0o700, -1, false}, {0o700, 0o777, -1, false}, {0o775, 0o700, other, false}, {0o770 | sticky, 0o770, other, false},
	} {
		s := Store{t.TempDir()}
		e := mustCreate(t, s, "c")
		if tt.gid >= 0 && errors.Join(os.Chown(s.Root, -1, tt.gid), os.Chown(e.Dir(), -1, tt.gid)) != nil {
			continue // an ordinary user
		}
		if err := errors.Join(os.Chmod(s.Root, tt.root), os.Chmod(e.Dir(), tt.entry)); err != nil {
			t.Fatal(err)
		}
		o, err := s.Open("c")
		if err == nil {
			o.Close()
		}
		if (err == nil) != tt.ok || err != nil && !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%v and %v of group %d: %v", tt.root, tt.entry, tt.gid, err)
		}
	}
}

// What is no file of the caller's or root's stops every command, and none waits for it.
func TestEntry_noFile(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"a directory": func(p string) error { return os.Mkdir(p, 0o700) },
		"a FIFO":      func(p string) error { return unix.Mkfifo(p, 0o600) },
		"a socket": func(p string) error {
			fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
			if err != nil {
				return err
			}
			defer sys.Close(fd)
			return unix.Bind(fd, &unix.SockaddrUnix{Name: p})
		},
		"a symbolic link": func(p string) error { return os.Symlink("/dev/zero", p) },
		"a huge file": func(p string) error {
			return errors.Join(os.WriteFile(p, nil, 0o600), os.Truncate(p, 1<<40))
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := mustCreate(t, Store{t.TempDir()}, "c")
			for _, file := range []string{stateFile, configFile} {
				if err := make(filepath.Join(e.Dir(), file)); err != nil {
					t.Skip(err)
				}
			}
			if s, err := e.Load(); !errors.Is(err, ErrUnreadable) {
				t.Errorf("%+v, %v", s, err)
			}
			if _, err := e.Config(); !errors.Is(err, ErrUnreadable) {
				t.Error(err)
			}
		})
	}
}

// A record that was copied from another directory is not this container's.
func TestEntry_copied(t *testing.T) {
	s := Store{t.TempDir()}
	e := mustCreate(t, s, "c")
	copied := mustCreate(t, Store{t.TempDir()}, "c")
	rec := of(e)
	if err := errors.Join(e.Save(rec), copied.Save(rec)); err != nil {
		t.Fatal(err)
	}
	if _, err := copied.Load(); !errors.Is(err, ErrUnreadable) || !strings.Contains(err.Error(), "was made in another directory, "+e.Dir()) {
		t.Error(err)
	}
	// by another name of the store it is
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(s.Root, link); err != nil {
		t.Fatal(err)
	}
	o, err := Store{link}.Open("c")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if _, err := o.Load(); err != nil {
		t.Error(err)
	}
	// and where the name is unknown, as in another mount namespace, or after the store was moved
	moved := s.Root + "-moved"
	if err := os.Rename(s.Root, moved); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(moved)
	m, err := Store{moved}.Open("c")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := m.Load(); err != nil {
		t.Error(err)
	}
}

// A connection to somebody else's socket is no gate: nobody waits for an answer from it.
func TestGate_ofAnother(t *testing.T) {
	e := mustCreate(t, Store{t.TempDir()}, "c")
	l, err := e.ListenGate()
	if err != nil {
		t.Fatal(err)
	}
	defer sys.Close(l)
	if _, err := e.DialGate(os.Getpid() + 1); !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "this is not the container's gate") {
		t.Error(err)
	}
	for range 20 { // more than wait to be accepted
		if fd, err := e.DialGate(os.Getpid()); err == nil {
			defer sys.Close(fd)
		} else if !errors.Is(err, unix.EAGAIN) {
			t.Error(err)
		}
	}
}

// The record is not followed to where it might point, and not written there.
func TestEntry_links(t *testing.T) {
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	e := mustCreate(t, Store{t.TempDir()}, "c")
	for _, name := range []string{stateFile, configFile, tempFile} {
		if err := os.Symlink(victim, filepath.Join(e.Dir(), name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := e.Load(); !errors.Is(err, unix.ELOOP) {
		t.Error(err)
	}
	if err := e.Save(full()); !errors.Is(err, unix.ELOOP) {
		t.Error(err)
	}
	if err := e.SaveConfig([]byte("x")); !errors.Is(err, unix.ELOOP) {
		t.Error(err)
	}
	if raw, _ := os.ReadFile(victim); string(raw) != "mine" {
		t.Errorf("%q", raw)
	}
}

// A record that cannot be written leaves the old one and no rest.
func TestSave_full(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount a small file system")
	}
	root := t.TempDir()
	if err := unix.Mount("tmpfs", root, "tmpfs", 0, "size=64k"); err != nil {
		t.Skip("mount:", err)
	}
	defer func() { _ = unix.Unmount(root, unix.MNT_DETACH) }()
	e := mustCreate(t, Store{root}, "c")
	if err := e.Save(of(e)); err != nil {
		t.Fatal(err)
	}
	big := of(e)
	big.Annotations["big"] = strings.Repeat("x", 100_000)
	err := e.Save(big)
	if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "/c/state.json") {
		t.Error(err)
	}
	if err := e.SaveConfig([]byte(strings.Repeat("x", 100_000))); !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "/c/config.json") {
		t.Error(err)
	}
	if _, err := e.Config(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a part of the config is left: %v", err)
	}
	if got, err := e.Load(); err != nil || !reflect.DeepEqual(got, of(e)) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := os.Lstat(filepath.Join(e.Dir(), tempFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// locked says whether somebody else holds the lock.
func locked(t *testing.T, dir string) bool {
	t.Helper()
	fd, err := sys.Open(dir, unix.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	defer sys.Close(fd)
	return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) == unix.EWOULDBLOCK
}

func TestLock(t *testing.T) {
	s := Store{t.TempDir()}
	e := mustCreate(t, s, "c")
	if !locked(t, e.Dir()) {
		t.Error("Create does not lock")
	}
	if err := e.Lock(); err != nil { // again, by the same holder
		t.Fatal(err)
	}
	e.Unlock()
	if locked(t, e.Dir()) {
		t.Error("Unlock does not unlock")
	}
	o, err := s.Open("c")
	if err != nil {
		t.Fatal(err)
	}
	if locked(t, e.Dir()) {
		t.Error("Open locks")
	}
	if err := o.Lock(); err != nil {
		t.Fatal(err)
	}
	got := make(chan bool)
	go func() {
		err := e.Lock()
		got <- err == nil && e.Gone()
	}()
	if !locked(t, e.Dir()) {
		t.Error("Lock does not lock")
	}
	if err := o.Remove(); err != nil {
		t.Fatal(err)
	}
	o.Close()
	if !<-got {
		t.Error("the waiter does not see that the container is gone")
	}
}

// A lock ends with its holder, however that ends.
func TestLock_holderKilled(t *testing.T) {
	s := Store{t.TempDir()}
	e := mustCreate(t, s, "c")
	e.Unlock()
	c := exec.Command("flock", "-x", "-o", e.Dir(), "sh", "-c", "echo locked; read x")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Skip("flock(1):", err)
	}
	if _, err := out.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	if !locked(t, e.Dir()) {
		t.Fatal("not locked")
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := e.Lock(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	_ = c.Wait()
}

// Creators and removers of one id at once: every creator that succeeds has an
// entry that is there, locked by it alone.
func TestCreate_contended(t *testing.T) {
	s := Store{t.TempDir()}
	var mu sync.Mutex // what the lock stands for
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				e, err := s.Create("c")
				if errors.Is(err, ErrExist) {
					if e, err = s.Open("c"); errors.Is(err, ErrNotExist) {
						continue
					}
					if err == nil {
						err = e.Lock()
					}
				}
				if err != nil {
					t.Error(err)
					return
				}
				if !e.Gone() {
					if mu.TryLock() {
						if err := e.Save(&State{ID: "c", Bundle: "/b", Rootfs: "/r", Phase: PhaseIntent}); err != nil {
							t.Error(err)
						}
						if _, err := e.Load(); err != nil {
							t.Error(err)
						}
						mu.Unlock()
					} else {
						t.Error("two hold the lock")
					}
					if err := e.Remove(); err != nil {
						t.Error(err)
					}
				}
				e.Close()
			}
		})
	}
	wg.Wait()
}

// Readers do not lock: they see one whole record or another.
func TestSave_readers(t *testing.T) {
	e := mustCreate(t, Store{t.TempDir()}, "c")
	one, two := of(e), &State{ID: "c", Schema: Schema, Bundle: "/b", Rootfs: "/r", Phase: PhaseIntent}
	if err := e.Save(one); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 200 {
			s := *one // Save sets the schema
			if i%2 == 0 {
				s = *two
			}
			if err := e.Save(&s); err != nil {
				t.Error(err)
			}
		}
	}()
	for {
		got, err := e.Load()
		if err != nil || !reflect.DeepEqual(got, one) && !reflect.DeepEqual(got, two) {
			t.Fatalf("%+v, %v", got, err)
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

func TestGate(t *testing.T) {
	for name, root := range map[string]string{"short": t.TempDir(), "long": filepath.Join(t.TempDir(), strings.Repeat("x", 150))} {
		t.Run(name, func(t *testing.T) {
			s := Store{root}
			e := mustCreate(t, s, "c")
			if e.HasGate() {
				t.Error("a gate before there is one")
			}
			if _, err := e.DialGate(os.Getpid()); !errors.Is(err, fs.ErrNotExist) || !strings.HasSuffix(err.Error(), "/c/gate: no such file or directory") {
				t.Error(err)
			}
			l, err := e.ListenGate()
			if err != nil {
				t.Fatal(err)
			}
			if !e.HasGate() {
				t.Error("no gate")
			}
			if _, err := e.ListenGate(); !errors.Is(err, unix.EADDRINUSE) {
				t.Error(err)
			}
			o, err := s.Open("c")
			if err != nil {
				t.Fatal(err)
			}
			defer o.Close()
			c, err := o.DialGate(os.Getpid())
			if err != nil {
				t.Fatal(err)
			}
			defer sys.Close(c)
			conn, _, err := unix.Accept4(l, unix.SOCK_CLOEXEC)
			if err != nil {
				t.Fatal(err)
			}
			if err := sys.Send(c, []byte("go"), -1); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 8)
			if n, _, err := sys.Receive(conn, buf); string(buf[:n]) != "go" || err != nil {
				t.Errorf("%q, %v", buf[:n], err)
			}
			sys.Close(conn)
			sys.Close(l)
			if _, err := o.DialGate(os.Getpid()); !errors.Is(err, unix.ECONNREFUSED) { // the init has ended
				t.Error(err)
			}
			for range 2 {
				if err := o.RemoveGate(); err != nil {
					t.Error(err)
				}
			}
			if e.HasGate() {
				t.Error("still a gate")
			}
		})
	}
}

// Of a record that cannot be understood the init is believed, if it lives: nothing else.
func TestSalvage(t *testing.T) {
	self, ok := ReadProcess(os.Getpid())
	if !ok {
		t.Fatal("no process of our own")
	}
	rec := full()
	rec.ID = "c"
	rec.Pid, rec.StartTime = os.Getpid(), self.Start
	whole := string(rec.Append(nil))
	end := strings.Index(whole, `,"creator_pid"`)
	for _, tt := range []struct {
		name, record string
		pid          int
	}{
		{"cut short", whole[:end], rec.Pid},
		{"of a newer form", strings.Replace(whole, `"schema":2`, `"schema":77`, 1), rec.Pid},
		{"cut short in the start time", whole[:end-1], 0},
		{"cut short before it", whole[:strings.Index(whole, `"init_process_start"`)], 0},
		{"empty", "", 0},
		{"another container's", strings.Replace(whole, `"id":"c"`, `"id":"d"`, 1), 0},
		{"another process's pid", strings.Replace(whole[:end], `"init_process_pid":`, `"init_process_pid":1`, 1), 0},
	} {
		e := mustCreate(t, Store{t.TempDir()}, "c")
		if err := os.WriteFile(filepath.Join(e.Dir(), stateFile), []byte(tt.record), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Load(); !errors.Is(err, ErrUnreadable) {
			t.Errorf("%s: Load: %v", tt.name, err)
		}
		want := &State{ID: "c", Phase: PhaseCreated, Pid: tt.pid}
		if tt.pid != 0 {
			want.StartTime = self.Start
		}
		if got := e.Salvage(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", tt.name, got, want)
		}
	}
}
