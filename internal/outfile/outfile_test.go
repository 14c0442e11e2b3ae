package outfile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const other = 65533 // an ordinary user

// places makes a directory of the caller's, and as root one of another user's in it.
func places(t *testing.T) (own, foreign string) {
	t.Helper()
	own = t.TempDir()
	if os.Geteuid() != 0 {
		t.Skip("needs root: a directory of another user")
	}
	foreign = filepath.Join(own, "foreign")
	if err := errors.Join(os.Chmod(own, 0o755), os.Mkdir(foreign, 0o755), os.Chown(foreign, other, other)); err != nil {
		t.Fatal(err)
	}
	return own, foreign
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// ways are the functions, each writing "new" to path.
var ways = map[string]func(path string) error{
	"append": func(path string) error {
		f, err := Append(path, 0o644)
		if err == nil {
			_, err = f.WriteString("new")
			f.Close()
		}
		return err
	},
	"update": func(path string) error {
		fd, err := Update(path, 0o644)
		if err == nil {
			_, err = unix.Pwrite(fd, []byte("new"), 0)
			unix.Close(fd)
		}
		return err
	},
	"create":  func(path string) error { return Create(path, []byte("new"), 0o644) },
	"replace": func(path string) error { return Replace(path, []byte("new"), 0o644) },
}

func each(t *testing.T, f func(t *testing.T, name string, write func(string) error)) {
	t.Helper()
	for name, write := range ways {
		t.Run(name, func(t *testing.T) { f(t, name, write) })
	}
}

func TestNew(t *testing.T) {
	each(t, func(t *testing.T, _ string, write func(string) error) {
		dir := t.TempDir()
		path := filepath.Join(dir, "f")
		must(t, write(path))
		if b, err := os.ReadFile(path); err != nil || string(b) != "new" {
			t.Errorf("%q, %v", b, err)
		}
		if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
			t.Errorf("%v, %v", list, err)
		}
	})
}

func TestExisting(t *testing.T) {
	for name, want := range map[string]string{"append": "oldnew", "update": "new", "create": "old", "replace": "new"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "f")
			must(t, os.WriteFile(path, []byte("old"), 0o644))
			err := ways[name](path)
			if name == "create" != errors.Is(err, fs.ErrExist) || name != "create" && err != nil {
				t.Error(err)
			}
			if b, err := os.ReadFile(path); err != nil || string(b) != want {
				t.Errorf("%q, %v", b, err)
			}
			if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
				t.Errorf("%v, %v", list, err)
			}
		})
	}
}

// The link's owner and place make no difference at the end of a path.
func TestLinkAtTheEnd(t *testing.T) {
	each(t, func(t *testing.T, _ string, write func(string) error) {
		dir := t.TempDir()
		victim := filepath.Join(dir, "victim")
		must(t, os.WriteFile(victim, []byte("old"), 0o600))
		for name, to := range map[string]string{"link": victim, "dangling": filepath.Join(dir, "made")} {
			path := filepath.Join(dir, name)
			must(t, os.Symlink(to, path))
			if err := write(path); err == nil || !errors.Is(err, unix.ELOOP) && !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: %v", name, err)
			}
			if l, err := os.Readlink(path); err != nil || l != to {
				t.Errorf("%q, %v", l, err)
			}
		}
		if b, _ := os.ReadFile(victim); string(b) != "old" {
			t.Errorf("%q", b)
		}
		if _, err := os.Lstat(filepath.Join(dir, "made")); err == nil {
			t.Error("a file was made through the link")
		}
	})
}

func TestLinkOnTheWay(t *testing.T) {
	each(t, func(t *testing.T, _ string, write func(string) error) {
		own, foreign := places(t)
		must(t, os.Mkdir(filepath.Join(own, "to"), 0o700))
		to := filepath.Join(own, "to")
		sticky := filepath.Join(own, "sticky")
		must(t, os.Mkdir(sticky, 0o700), os.Chmod(sticky, fs.ModeSticky|0o777))
		for _, c := range []struct {
			link, text string
			owner      int
			followed   bool
		}{
			{own + "/absolute", to, 0, true},
			{own + "/relative", "to", 0, true},
			{own + "/chain", "absolute/../relative/.", 0, true},
			{own + "/users", to, other, true}, // in a directory in which its owner cannot exchange it
			{foreign + "/users", to, other, false},
			{foreign + "/roots", to, 0, false}, // its directory's owner may have moved it there
			{sticky + "/roots", to, 0, true},
			{sticky + "/users", to, other, false},
			{own + "/self", "self", 0, false}, // for ever
		} {
			must(t, os.Symlink(c.text, c.link), os.Lchown(c.link, c.owner, c.owner))
			err := write(c.link + "/f")
			if _, made := os.Lstat(to + "/f"); (made == nil) != c.followed || (err == nil) != c.followed {
				t.Errorf("%s: %v, %v", c.link, err, made)
			}
			if !c.followed && !errors.Is(err, unix.ELOOP) {
				t.Error(err)
			}
			os.Remove(to + "/f")
		}
		// through procfs, as the kernel goes
		d, err := os.Open(to)
		must(t, err)
		defer d.Close()
		must(t, write("/proc/self/fd/"+strconv.Itoa(int(d.Fd()))+"/f"))
		if _, err := os.Lstat(to + "/f"); err != nil {
			t.Error(err)
		}
		t.Chdir(own)
		for _, path := range []string{"new", "./relative/new", "../" + filepath.Base(own) + "/to/../newer"} {
			if err := write(path); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	})
}

// What is no regular file stays what it is, and nobody is waited for.
func TestIrregular(t *testing.T) {
	each(t, func(t *testing.T, name string, write func(string) error) {
		own, foreign := places(t)
		for _, dir := range []string{own, foreign} {
			for kind, mode := range map[string]uint32{"pipe": unix.S_IFIFO, "null": unix.S_IFCHR, "socket": unix.S_IFSOCK, "directory": unix.S_IFDIR} {
				path := filepath.Join(dir, kind)
				if mode == unix.S_IFDIR {
					must(t, os.Mkdir(path, 0o755))
				} else {
					must(t, unix.Mknod(path, mode|0o666, int(unix.Mkdev(1, 3))))
				}
				err := write(path)
				if taken := name == "append" && kind == "null" && dir == own; (err == nil) != taken {
					t.Errorf("%s: %v", path, err)
				}
				if err != nil && !strings.Contains(err.Error(), path) {
					t.Error(err)
				}
				var st unix.Stat_t
				if err := unix.Lstat(path, &st); err != nil || st.Mode&unix.S_IFMT != mode {
					t.Errorf("%s: %o, %v", path, st.Mode, err)
				}
			}
		}
	})
}

func TestAppend_pipe(t *testing.T) {
	own, foreign := places(t)
	for _, dir := range []string{own, foreign} {
		path := filepath.Join(dir, "pipe")
		must(t, unix.Mkfifo(path, 0o666))
		r, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK, 0)
		must(t, err)
		defer unix.Close(r)
		err = ways["append"](path)
		b := make([]byte, 8)
		n, _ := unix.Read(r, b)
		if dir == own && (err != nil || string(b[:n]) != "new") || dir == foreign && !errors.Is(err, unix.EPERM) {
			t.Errorf("%s: %v, %q", dir, err, b[:max(n, 0)])
		}
	}
}

// A second name of a file of root's, where fs.protected_hardlinks is 0.
func TestSecondName(t *testing.T) {
	own, foreign := places(t)
	victim := filepath.Join(own, "victim")
	must(t, os.WriteFile(victim, []byte("old"), 0o600), os.Link(victim, foreign+"/name"), os.Link(victim, own+"/name"))
	for _, name := range []string{"append", "update"} {
		if err := ways[name](foreign + "/name"); !errors.Is(err, unix.EMLINK) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, ways["replace"](foreign+"/name")) // that name alone
	if b, _ := os.ReadFile(victim); string(b) != "old" {
		t.Errorf("%q", b)
	}
	must(t, ways["append"](own+"/name"))
	if b, _ := os.ReadFile(victim); string(b) != "oldnew" {
		t.Errorf("%q", b)
	}
}

// Names that earlier versions, and other programs, use on the way.
func TestReplace_temporaryNames(t *testing.T) {
	own, foreign := places(t)
	victim := filepath.Join(own, "victim")
	must(t, os.WriteFile(victim, []byte("old"), 0o600))
	must(t, os.WriteFile(foreign+"/f", []byte("1"), 0o644))
	for _, name := range []string{".f", "f.tmp", ".f.tmp", "f~"} {
		must(t, os.Symlink(victim, filepath.Join(foreign, name)))
	}
	must(t, Replace(foreign+"/f", []byte("2"), 0o644))
	if b, _ := os.ReadFile(foreign + "/f"); string(b) != "2" {
		t.Errorf("%q", b)
	}
	if b, _ := os.ReadFile(victim); string(b) != "old" {
		t.Errorf("%q", b)
	}
	if list, _ := os.ReadDir(foreign); len(list) != 5 {
		t.Errorf("%v", list)
	}
}

// Where there is no O_TMPFILE.
func TestWriteNamed(t *testing.T) {
	dir := t.TempDir()
	d, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY, 0)
	must(t, err)
	defer unix.Close(d)
	must(t, writeNamed(d, "f", []byte("1"), 0o644, true), writeNamed(d, "f", []byte("2"), 0o644, true))
	if err := writeNamed(d, "f", []byte("3"), 0o644, false); err != unix.EEXIST { //nolint:errorlint // bare
		t.Error(err)
	}
	must(t, os.Symlink("f", dir+"/l"))
	if err := writeNamed(d, "l", []byte("3"), 0o644, true); !errors.Is(err, unix.ELOOP) {
		t.Error(err)
	}
	must(t, writeNamed(d, "g", []byte("4"), 0o644, false))
	if b, _ := os.ReadFile(dir + "/f"); string(b) != "2" {
		t.Errorf("%q", b)
	}
	if list, _ := os.ReadDir(dir); len(list) != 3 {
		t.Errorf("%v", list)
	}
}

func TestAppend_descriptor(t *testing.T) {
	r, w, err := os.Pipe()
	must(t, err)
	defer r.Close()
	for _, path := range []string{"/dev/fd/", "/proc/self/fd/"} {
		must(t, ways["append"](path+strconv.Itoa(int(w.Fd()))))
	}
	w.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(r); err != nil || b.String() != "newnew" {
		t.Errorf("%q, %v", b.String(), err)
	}
	if _, err := Append("/dev/fd/987654", 0); !errors.Is(err, unix.EBADF) {
		t.Error(err)
	}
}

func TestPaths(t *testing.T) {
	each(t, func(t *testing.T, _ string, write func(string) error) {
		dir := t.TempDir()
		for path, want := range map[string]error{
			"": unix.ENOENT, dir + "/": unix.EISDIR, dir + "/..": unix.EISDIR, dir: unix.EISDIR, dir + "/none/f": unix.ENOENT, "/proc/self/exe/f": unix.ENOTDIR,
		} {
			if err := write(path); err == nil || !errors.Is(err, want) && !errors.Is(err, fs.ErrExist) {
				t.Errorf("%q: %v, want %v", path, err, want)
			}
		}
	})
}

func TestClosed(t *testing.T) {
	own, foreign := places(t)
	for path, want := range map[string]error{own: nil, foreign: unix.EPERM} {
		d, err := os.Open(path)
		must(t, err)
		defer d.Close()
		if err := Closed(int(d.Fd())); !errors.Is(err, want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
