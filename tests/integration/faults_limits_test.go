package integration

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// shell has the runtime run by a shell, after these commands.
func (b *bundle) shell(script string) {
	b.Wrap = []string{lookPath(b.t, "sh"), "-c", script + `; exec "$@"`, "sh"}
}

// The runtime may have three descriptors, or four, and so on until they are enough: whatever it cannot open, it ends, and
// what it had made is gone; a container that was there goes on.
func TestFaults_few_descriptors(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(b *bundle)
		line   []string
	}{
		{"create", nil, createLine},
		{"run", nil, []string{"run", "--detach", "--bundle", "BUNDLE", idWord}},
		{"exec", running, []string{"exec", idWord, "/probe", "--exit", "0"}},
		{"delete", running, []string{"delete", "--force", idWord}},
	} {
		t.Run(c.name, func(t *testing.T) {
			requires(t, "rt:rung", "command:sh")
			b := newBundle(t)
			likeDocker(b.Spec)
			b.Spec.Process.Rlimits = nil
			b.Spec.Process.Args = []string{"/probe", "--until-term"}
			b.writeConfig()
			s := scene{before: c.before}
			line := s.args(b, c.line)
			if c.before != nil {
				c.before(b)
			}
			few, _ := stride(t)
			for n := 3; ; n++ {
				if n > 12 && n < 100 && n%few != 0 { // the init's own have numbers from 100 on
					continue
				}
				b.shell("ulimit -n " + strconv.Itoa(n))
				res := b.runtime(line...)
				b.Wrap = nil
				if res.Exit != 0 && c.before != nil {
					wrong := goesOn(b)
					for _, w := range wrong {
						t.Errorf("with %d descriptors: %s", n, w)
					}
					faults.accidents.add(true, wrong == nil)
					continue
				}
				b.accident(func() {
					if res.Exit == 0 {
						return
					}
					for _, w := range s.leftByFailure(b) {
						t.Errorf("with %d descriptors: %s", n, w)
					}
					if n > 16 && !strings.Contains(res.Stderr, "rung: ") { // fewer, and Go itself does not start
						t.Errorf("with %d descriptors: %d, %q", n, res.Exit, res.Stderr)
					}
				})
				if res.Exit == 0 {
					t.Logf("%d descriptors are enough", n)
					return
				}
				if n > 512 || t.Failed() {
					t.Fatalf("with %d descriptors: %d, %s", n, res.Exit, res.Stderr)
				}
			}
		})
	}
}

// The runtime may use this much memory, or twice as much, and so on until it is enough: killed at whichever page, or
// refused one, it leaves nothing that cannot be deleted.
func TestFaults_little_memory(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(b *bundle)
		line   []string
	}{
		{"create", nil, createLine},
		{"run", nil, []string{"run", "--detach", "--bundle", "BUNDLE", idWord}},
		{"exec", running, []string{"exec", idWord, "/probe", "--exit", "0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			requires(t, "rt:rung", "v1:memory", "command:sh")
			b := newBundle(t)
			likeDocker(b.Spec)
			b.Spec.Process.Args = []string{"/probe", "--until-term"}
			b.writeConfig()
			dir := "/sys/fs/cgroup/memory/caller-" + b.ID
			mkdir(t, dir, 0o755)
			defer os.Remove(dir)
			s := scene{before: c.before}
			for limit := 128 << 10; ; limit += limit / 4 &^ 4095 {
				res := Result{}
				b.accident(func() {
					if c.before != nil {
						c.before(b)
					}
					writeFile(t, filepath.Join(dir, "memory.limit_in_bytes"), strconv.Itoa(limit))
					b.shell("echo 0 >" + dir + "/cgroup.procs")
					res = b.runtime(s.args(b, c.line)...)
					b.Wrap = nil
					if c.before != nil {
						for _, w := range goesOn(b) {
							t.Errorf("with %d bytes: %s", limit, w)
						}
					}
				})
				if res.Exit == 0 {
					t.Logf("%d KiB are enough", limit>>10)
					return
				}
				if limit > 256<<20 || t.Failed() {
					t.Fatalf("with %d bytes: %d, %s", limit, res.Exit, res.Stderr)
				}
			}
		})
	}
}
