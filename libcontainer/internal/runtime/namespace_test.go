package runtime

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"golang.org/x/sys/unix"
)

// The init joins the namespace that was judged, whatever its path leads to by then.
func TestOpenNamespace_is_opened_once(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ns")
	if err := os.Symlink("/proc/self/ns/uts", path); err != nil {
		t.Fatal(err)
	}
	n := OpenNamespace(path, unix.CLONE_NEWUTS)
	if n.Err != nil || !n.Host || n.FD < 0 {
		t.Fatalf("%+v", n)
	}
	missing := OpenNamespace(path+"-of-another", unix.CLONE_NEWIPC)
	if !errors.Is(missing.Err, unix.ENOENT) || missing.FD >= 0 {
		t.Errorf("%+v", missing)
	}
	if wrong := OpenNamespace(path, unix.CLONE_NEWNET); !errors.Is(wrong.Err, unix.EINVAL) {
		t.Errorf("of another kind: %+v", wrong)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/proc/self/ns/net", path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/proc/self/ns/ipc", path+"-of-another"); err != nil {
		t.Fatal(err)
	}
	x := &executor{side: &Side{Namespaces: []Namespace{n, missing}}, files: map[plan.FD]int{}}
	defer CloseNamespaces(x.side.Namespaces)
	if err := x.openNamespace(plan.OpenNamespace{FD: 104, Path: path, Type: unix.CLONE_NEWUTS}); err != nil || x.files[104] != n.FD {
		t.Errorf("%v, %v", err, x.files)
	}
	defer unix.Close(n.FD)
	if x.side.Namespaces[0].FD != -1 {
		t.Error("two have the descriptor")
	}
	if err := x.openNamespace(plan.OpenNamespace{FD: 105, Path: path + "-of-another", Type: unix.CLONE_NEWIPC}); !errors.Is(err, unix.ENOENT) || len(x.files) != 1 {
		t.Errorf("a namespace that was not judged is joined: %v, %v", err, x.files)
	}
	if err := x.openNamespace(plan.OpenNamespace{FD: 106, Path: "/proc/self/ns/mnt", Type: unix.CLONE_NEWNS}); err == nil {
		t.Error("one that nobody named is joined")
	}
}
