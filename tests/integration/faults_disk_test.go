package integration

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// stateOn mounts a tmpfs with these options as the runtime's root.
func (b *bundle) stateOn(options string) {
	b.t.Helper()
	if err := unix.Mount("tmpfs", b.Root, "tmpfs", 0, options); err != nil {
		b.t.Fatalf("mount tmpfs (%s): %v", options, err)
	}
}

func (b *bundle) stateOff() {
	b.t.Helper()
	if err := unix.Unmount(b.Root, 0); err != nil {
		b.t.Errorf("unmount %s: %v", b.Root, err)
		_ = unix.Unmount(b.Root, unix.MNT_DETACH)
	}
}

// empty says what is in the runtime's root.
func (b *bundle) empty() {
	b.t.Helper()
	entries, err := os.ReadDir(b.Root)
	if err != nil || len(entries) > 0 {
		b.t.Errorf("left in the root: %v, %v", entries, err)
	}
	for _, dir := range cgroupsOf(b.ID) {
		b.t.Errorf("left: %s", dir)
	}
}

// A state directory that is full from the beginning, or after one file more, and so on until there is room enough: create
// fails with a word, and has taken everything back.
func TestFaults_full_state_directory(t *testing.T) {
	for _, room := range []struct {
		name, options string
		unit          int
	}{{"files", "size=1m,nr_inodes=%d", 1}, {"pages", "size=%d", os.Getpagesize()}} {
		t.Run(room.name, func(t *testing.T) {
			requires(t, "rt:rung")
			b := newBundle(t)
			likeDocker(b.Spec)
			b.writeConfig()
			for n := 1; ; n++ {
				b.stateOn(fmt.Sprintf(room.options, n*room.unit))
				res := Result{}
				b.accident(func() {
					if res = b.runtime(createLineOf(b)...); res.Exit != 0 {
						wantFailure(t, res, "no space left on device")
						b.empty()
					}
				})
				b.stateOff()
				if res.Exit == 0 && n > 1 {
					return
				}
				if n > 50 || t.Failed() {
					t.Fatalf("room for %d %s: %d, %s", n, room.name, res.Exit, res.Stderr)
				}
			}
		})
	}
}

func createLineOf(b *bundle) []string { s := scene{}; return s.args(b, createLine) }

// The directory is full when the container is there: what needs no room goes on, what does fails and changes nothing.
func TestFaults_state_directory_filled_later(t *testing.T) {
	requires(t, "rt:rung")
	b := newBundle(t)
	likeDocker(b.Spec)
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	b.writeConfig()
	b.stateOn("size=256k")
	defer b.stateOff()
	b.accident(func() {
		b.must(createLineOf(b)...)
		fill(t, filepath.Join(b.Root, "filler"))
		b.must("start", b.ID)
		wantStatusIn(b, "running")
		b.must("exec", b.ID, "/probe", "--exit", "0")
		before := readFile(t, b.stateFile())
		if lacking("ctrl:pids") == nil {
			if res := b.runtime("update", "--pids-limit", "50", b.ID); res.Exit != 0 {
				wantFailure(t, res, "no space left on device")
				want(t, "the record", readFile(t, b.stateFile()), before)
			}
		}
		b.must("pause", b.ID)
		b.must("resume", b.ID)
		other := b.another()
		other.writeConfig()
		wantFailure(t, other.runtime(createLineOf(other)...), "no space left on device")
		b.must("kill", b.ID, "KILL")
		b.awaitStatus("stopped")
		b.must("delete", b.ID)
		if err := os.Remove(filepath.Join(b.Root, "filler")); err != nil {
			t.Error(err)
		}
		b.empty()
	})
}

// fill takes all the room that a file system has.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for chunk := bytes.Repeat([]byte{1}, os.Getpagesize()); ; {
		if _, err := f.Write(chunk); errors.Is(err, unix.ENOSPC) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func wantStatusIn(b *bundle, status ...string) {
	b.t.Helper()
	for _, w := range is(status...)(b) {
		b.t.Error(w)
	}
}

// A state directory that can only be read: nothing is made, what is there can be seen, entered and killed, and can be
// deleted when it can be written to again.
func TestFaults_read_only_state_directory(t *testing.T) {
	requires(t, "rt:rung")
	b := newBundle(t)
	likeDocker(b.Spec)
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	b.writeConfig()
	b.stateOn("size=1m")
	defer b.stateOff()
	remount := func(flags uintptr) {
		if err := unix.Mount("", b.Root, "", unix.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	b.accident(func() {
		remount(unix.MS_RDONLY)
		wantFailure(t, b.runtime(createLineOf(b)...), "read-only file system")
		b.empty()
		remount(0)
		b.must(createLineOf(b)...)
		remount(unix.MS_RDONLY)
		wantStatusIn(b, "created")
		wantFailure(t, b.runtime("start", b.ID), "read-only file system")
		b.awaitStatus("stopped")
		remount(0)
		b.must("delete", b.ID)
		running(b)
		remount(unix.MS_RDONLY)
		wantStatusIn(b, "running")
		b.must("exec", b.ID, "/probe", "--exit", "0")
		b.must("kill", b.ID, "KILL")
		b.awaitStatus("stopped")
		wantFailure(t, b.runtime("delete", b.ID), "read-only file system")
		wantFailure(t, b.runtime("delete", "--force", b.ID), "read-only file system")
		remount(0)
	})
}
