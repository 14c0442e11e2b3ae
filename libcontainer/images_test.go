package libcontainer

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/checkpoint-restore/go-criu/v8/rpc"
	"github.com/rung-oci/rung/libcontainer/internal/criu"
	"golang.org/x/sys/unix"
)

func TestImageExtra(t *testing.T) {
	x := &imageExtra{
		Notify: true,
		Label:  "system_u:system_r:container_t:s0:c1,c2",
		Stdio:  [3]string{"pipe:[1]", "", "file[1a:2b]"},
		Points: []mountPoint{{Key: "k", Path: "a/b \"c", Dir: true}, {Key: "l", In: "k", Path: "d"}},
	}
	got, err := parseExtra(string(x.append(nil)))
	if err != nil || !reflect.DeepEqual(got, x) {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = parseExtra(`{"new": 1, "stdio": ["a", "b", "c", "d"], "mounts": [{"key": "k", "other": []}]}`)
	if err != nil || got.Stdio != [3]string{"a", "b", "c"} || len(got.Points) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"", "[]", `{"mounts": [1]}`, `{"stdio"`} {
		if _, err := parseExtra(bad); err == nil {
			t.Errorf("%q is let through", bad)
		}
	}
}

func TestMakePoint(t *testing.T) {
	dir := t.TempDir()
	for link, to := range map[string]string{"link": "/etc", "inside": "real"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "real"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rel string
		dir bool
		is  error
	}{
		{"a/b/c", true, nil},
		{"a/b/c", true, nil}, // there already
		{"a/f", false, nil},
		{"real/f", false, nil},
		{"link", true, unix.ELOOP},
		{"link/x", true, unix.ELOOP},
		{"inside/x", true, unix.ELOOP},
		{"a/f/x", true, unix.ENOTDIR},
		{"../x", true, unix.EXDEV},
	} {
		err := makePoint(dir, c.rel, c.dir)
		if !errors.Is(err, c.is) || (err == nil) != (c.is == nil) {
			t.Errorf("%s: %v, want %v", c.rel, err, c.is)
			continue
		}
		if err != nil {
			continue
		}
		if info, err := os.Lstat(filepath.Join(dir, c.rel)); err != nil || info.IsDir() != c.dir {
			t.Errorf("%s: %v, %v", c.rel, info, err)
		}
	}
}

func TestPageServer(t *testing.T) {
	for text, want := range map[string]*rpc.CriuPageServerInfo{
		"10.0.0.1:27": {Address: new("10.0.0.1"), Port: new(int32(27))}, "[::1]:9": {Address: new("::1"), Port: new(int32(9))}, "host:1": {Address: new("host"), Port: new(int32(1))},
		"": nil, "host": nil, ":1": nil, "host:": nil, "host:70000": nil,
	} {
		got, err := pageServer(text)
		if (err == nil) != (want != nil) || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestImageOptions_refused(t *testing.T) {
	for _, o := range []ImageOptions{{CgroupsMode: "hard"}, {EmptyNS: []string{"pid"}}} {
		dirs, err := openImages(&ImageOptions{ImagePath: filepath.Join(t.TempDir(), "new/images")}, "log", false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.request(dirs); err == nil {
			t.Errorf("%+v is let through", o)
		}
		dirs.close()
	}
}

// What criu's log says first is the reason.
func TestImageDirs_explain(t *testing.T) {
	dirs, err := openImages(&ImageOptions{ImagePath: t.TempDir()}, "dump.log", false)
	if err != nil {
		t.Fatal(err)
	}
	defer dirs.close()
	failure := &criu.Error{Request: criu.Dump}
	if got := dirs.explain(failure); got != error(failure) {
		t.Errorf("without a log: %v", got)
	}
	log := filepath.Join(dirs.work.Name(), "dump.log")
	if err := os.WriteFile(log, []byte("(0) Error (a.c:1): no way\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := dirs.explain(failure)
	if !errors.Is(got, failure) || got.Error() != "criu could not carry out the dump: no way (log: "+log+")" {
		t.Errorf("%v", got)
	}
}

func TestCheckpointOptions_parent(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "images"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "first"), 0o755); err != nil {
		t.Fatal(err)
	}
	for parent, ok := range map[string]bool{"": true, "../first": true, "../none": false, dir: false} {
		o := CheckpointOptions{ImageOptions: ImageOptions{ImagePath: filepath.Join(dir, "images")}, ParentPath: parent}
		if _, err := o.parent(); (err == nil) != ok {
			t.Errorf("%q: %v", parent, err)
		}
	}
}

// A restored process gets the null device again that it had; a pipe is no file.
func TestStdioFile(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for _, c := range []struct {
		key  string
		null bool
		name string // "": refused
	}{
		{"pipe:[1]", false, "stdio"},
		{"file[1:2]", true, "/dev/null"},
		{"file[1:2]", false, ""},
		{"tty[8800:16]", false, "stdio"},
	} {
		f, err := stdioFile(int(r.Fd()), c.key, c.null)
		if (err == nil) != (c.name != "") {
			t.Errorf("%s: %v", c.key, err)
		}
		if err == nil {
			if f.Name() != c.name {
				t.Errorf("%s: %s, want %s", c.key, f.Name(), c.name)
			}
			f.Close()
		}
	}
}

func TestExternalFile(t *testing.T) {
	for want, st := range map[string]unix.Stat_t{
		"file[1f:2a]":  {Mode: unix.S_IFREG, Ino: 42},
		"file[1f:4]":   {Mode: unix.S_IFCHR, Ino: 4, Rdev: unix.Mkdev(1, 3)},
		"tty[8803:16]": {Mode: unix.S_IFCHR, Ino: 6, Rdev: unix.Mkdev(136, 3), Dev: 0x16},
		"tty[401:5]":   {Mode: unix.S_IFCHR, Ino: 6, Rdev: unix.Mkdev(4, 1), Dev: 5},
	} {
		if got := externalFile(31, &st); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// criu follows the links that another user puts where it writes.
func TestOpenImages_directories_of_other_users(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: a directory of another user")
	}
	own, foreign := t.TempDir(), t.TempDir()
	for _, dir := range []string{own, foreign} {
		if err := os.WriteFile(filepath.Join(dir, extraFile), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(foreign, 65533, 65533); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		images, work     string
		restore, refused bool
	}{
		{own, "", false, false}, {own, own, true, false}, {foreign, "", false, true}, {own, foreign, false, true}, {foreign, own, false, true},
		{foreign, "", true, true}, {own, foreign, true, true}, {foreign, own, true, false},
	} {
		d, err := openImages(&ImageOptions{ImagePath: c.images, WorkPath: c.work}, "log", c.restore)
		if errors.Is(err, unix.EPERM) != c.refused || err != nil && !c.refused {
			t.Errorf("%+v: %v", c, err)
		}
		if err == nil {
			d.close()
		}
	}
}
