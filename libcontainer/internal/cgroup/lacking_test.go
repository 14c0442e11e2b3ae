package cgroup

import (
	"errors"
	"github.com/opencontainers/runtime-spec/specs-go"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// lackingV2 is a group /a/b in a hierarchy made of ordinary files.
func lackingV2(t *testing.T, files map[string]string) *Group {
	t.Helper()
	top := t.TempDir()
	for name, text := range files {
		at := top + "/" + name
		if err := os.MkdirAll(at[:strings.LastIndexByte(at, '/')], 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return &Group{path: "/a/b", dirs: []Dir{{Path: top + "/a/b", Mount: top, V2: true}}, spawn: -1}
}

func TestLacking(t *testing.T) {
	limits := &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(1 << 20))}, Pids: &specs.LinuxPids{Limit: ptr(int64(5))}}
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string // origins that lack their controller
		errno error
	}{
		{"all is on", map[string]string{"cgroup.controllers": "memory pids", "cgroup.subtree_control": "memory pids"}, "", nil},
		{"can be turned on", map[string]string{"cgroup.controllers": "memory pids", "cgroup.subtree_control": ""}, "", nil},
		{"the kernel has one", map[string]string{"cgroup.controllers": "pids", "cgroup.subtree_control": ""}, "linux.resources.memory.limit", nil},
		{"a group above has processes", map[string]string{
			"cgroup.controllers": "memory pids", "cgroup.subtree_control": "memory pids", "a/cgroup.subtree_control": "pids", "a/cgroup.procs": "1\n",
		}, "linux.resources.memory.limit", unix.EBUSY},
		{"on in the group above", map[string]string{
			"cgroup.controllers": "memory pids", "cgroup.subtree_control": "memory pids", "a/cgroup.subtree_control": "memory pids", "a/cgroup.procs": "1\n",
		}, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := lackingV2(t, c.files)
			var got []string
			c2, err := controls(g, limits)
			must(t, err)
			for _, err := range g.Lacking(append(c2.Early, c2.Late...)) {
				var e *Error
				if !errors.As(err, &e) || c.errno != nil && !errors.Is(err, c.errno) {
					t.Errorf("%v", err)
					continue
				}
				got = append(got, e.Origin)
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("got %q, want %q", s, c.want)
			}
		})
	}
	if list := (&Group{}).Lacking(nil); list != nil {
		t.Error(list)
	}
}

func TestObstacles(t *testing.T) {
	free := lackingV2(t, map[string]string{"cgroup.controllers": ""})
	if list := free.Obstacles(); len(list) != 0 {
		t.Errorf("a free place: %v", list)
	}
	busy := lackingV2(t, map[string]string{"a/b/cgroup.procs": "1\n"})
	if list := busy.Obstacles(); len(list) != 1 || !errors.Is(list[0], ErrNotEmpty) {
		t.Errorf("a group in use: %v", list)
	}
}
