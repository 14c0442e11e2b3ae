package seccomp

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// numbered is a profile that differs from others by its number.
func numbered(n int) *specs.LinuxSeccomp {
	ret := uint(n%4000 + 1)
	return &specs.LinuxSeccomp{
		DefaultAction: specs.ActAllow,
		Architectures: []specs.Arch{specs.ArchX86_64},
		Syscalls:      []specs.LinuxSyscall{{Names: []string{"kcmp"}, Action: specs.ActErrno, ErrnoRet: &ret}},
	}
}

func count(t *testing.T, dir string) int {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// Whoever makes containers with a new profile each, by annotations or on purpose, does not fill the memory that /run is in.
func TestCache_is_bounded(t *testing.T) {
	c := Cache{filepath.Join(t.TempDir(), "filters")}
	file := func(n int) string {
		k := keyOf(numbered(n))
		return filepath.Join(c.Dir, hex.EncodeToString(k[:]))
	}
	old := time.Now().Add(-48 * time.Hour)
	most := 0
	for i := range 3 * maxEntries {
		f, err := c.Compile(numbered(i))
		if err != nil || f == nil {
			t.Fatal(f, err)
		}
		if i == 0 {
			// what writers have left that were killed, of long ago and of now
			must(t, os.WriteFile(filepath.Join(c.Dir, ".tmp-1-x"), nil, 0o600))
			must(t, os.Chtimes(filepath.Join(c.Dir, ".tmp-1-x"), old, old))
			must(t, os.WriteFile(filepath.Join(c.Dir, ".tmp-2-x"), nil, 0o600))
		}
		// the first is in use; the others are older the earlier they were made
		used := old.Add(time.Duration(i) * time.Second)
		if i == 0 {
			used = time.Now()
		}
		must(t, os.Chtimes(file(i), used, old))
		most = max(most, count(t, c.Dir))
	}
	if most > maxEntries+2 || count(t, c.Dir) < maxEntries/2 {
		t.Errorf("the cache had %d entries at most, and has %d, want %d at most", most, count(t, c.Dir), maxEntries)
	}
	for _, n := range []int{0, 3*maxEntries - 1, 3*maxEntries - maxEntries/2} {
		if _, err := os.Stat(file(n)); err != nil {
			t.Errorf("one that was used lately is gone: %d: %v", n, err)
		}
	}
	for _, path := range []string{file(1), file(maxEntries), filepath.Join(c.Dir, ".tmp-1-x")} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s is left", path)
		}
	}
	if _, err := os.Stat(filepath.Join(c.Dir, ".tmp-2-x")); err != nil {
		t.Error("what another process writes was removed: ", err)
	}
}

// Containers are made at the same time, of profiles that are in the cache and of new ones, while it is full.
func TestCache_is_pruned_under_those_who_read_it(t *testing.T) {
	c := Cache{filepath.Join(t.TempDir(), "filters")}
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 150 {
				n := worker*500 + i
				if i%2 == 0 {
					n = i % 20 // everybody's
				}
				got, err := c.Compile(numbered(n))
				want, _ := Compile(numbered(n))
				if err != nil || !sameFilter(got, want) {
					t.Error(n, err, fmt.Sprint(got) == fmt.Sprint(want))
				}
			}
		})
	}
	all.Wait()
	// two may have added one before either looked
	if n := count(t, c.Dir); n > maxEntries+8 {
		t.Errorf("%d entries", n)
	}
}

// A filter that is found costs no look at the others.
func TestCache_is_not_searched_by_who_finds_an_entry(t *testing.T) {
	c := Cache{filepath.Join(t.TempDir(), "filters")}
	if _, err := c.Compile(numbered(0)); err != nil {
		t.Fatal(err)
	}
	for i := range maxEntries + 10 { // others, put there by hand
		name := hex.EncodeToString(bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 16))
		must(t, os.WriteFile(filepath.Join(c.Dir, name), nil, 0o600))
	}
	before := count(t, c.Dir)
	if _, err := c.Compile(numbered(0)); err != nil {
		t.Fatal(err)
	}
	if n := count(t, c.Dir); n != before {
		t.Errorf("%d entries of %d are left by one that was found", n, before)
	}
	dir, err := unix.Open(c.Dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	must(t, err)
	defer unix.Close(dir)
	prune(dir, time.Now())
	if n := count(t, c.Dir); n > maxEntries {
		t.Errorf("%d entries", n)
	}
}
