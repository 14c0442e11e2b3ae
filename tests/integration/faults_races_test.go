package integration

import (
	"strings"
	"testing"
)

// atOnce runs the command n times at once.
func (b *bundle) atOnce(n int, line ...string) (results []Result) {
	b.t.Helper()
	var list []*foreground
	for range n {
		list = append(list, b.foreground(line...))
	}
	for _, f := range list {
		results = append(results, f.exit())
	}
	return results
}

// one wants one of the results to be success, and the others to say one of texts.
func one(t *testing.T, what string, results []Result, texts ...string) {
	t.Helper()
	succeeded := 0
	for _, r := range results {
		switch {
		case r.Exit == 0:
			succeeded++
		case r.Exit != 1 || !anyIn(r.Stderr, texts):
			t.Errorf("%s: %d, %s", what, r.Exit, r.Stderr)
		}
	}
	want(t, what+" succeeded", succeeded, 1)
}

func anyIn(text string, words []string) bool {
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// Commands with one id at once: one of them does it, and the others say that it is done.
func TestFaults_at_once(t *testing.T) {
	requires(t, "rt:rung")
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	b.writeConfig()
	for range 5 {
		b.accident(func() {
			one(t, "create", b.atOnce(4, "create", "--bundle", b.Dir, b.ID), "container with given ID already exists")
			wantStatusIn(b, "created")
			one(t, "start", b.atOnce(4, "start", b.ID), "cannot start a container in the running state")
			wantStatusIn(b, "running")
			for _, r := range b.atOnce(4, "kill", b.ID, "KILL") {
				if r.Exit != 0 && !strings.Contains(r.Stderr, "container not running") {
					t.Errorf("kill: %d, %s", r.Exit, r.Stderr)
				}
			}
			b.awaitStatus("stopped")
			one(t, "delete", b.atOnce(4, "delete", b.ID), "container does not exist")
			running(b)
			for _, r := range b.atOnce(4, "delete", "--force", b.ID) {
				want(t, "delete --force: exit status", r.Exit, 0)
			}
		})
	}
}

// Creators and deleters of one id, all at once and again and again: whoever comes too late says so, and in the end the id
// is free.
func TestFaults_create_against_delete(t *testing.T) {
	requires(t, "rt:rung")
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	b.writeConfig()
	b.accident(func() {
		for range 10 {
			var list []*foreground
			for range 3 {
				list = append(list, b.foreground("run", "--detach", "--bundle", b.Dir, b.ID), b.foreground("delete", "--force", b.ID), b.foreground("start", b.ID))
			}
			for i, f := range list {
				r := f.exit()
				switch {
				case r.Exit == 0 || i%3 == 2:
				case i%3 == 1:
					t.Errorf("delete --force: %d, %s", r.Exit, r.Stderr)
				case !anyIn(r.Stderr, []string{"already exists", "was deleted", "the init died", "killed"}):
					t.Errorf("run: %d, %s", r.Exit, r.Stderr)
				}
			}
			b.must("delete", "--force", b.ID)
			b.empty()
		}
	})
}

// A frozen container, by pause or by hand, dies when it is killed, and can be deleted by force.
func TestFaults_frozen(t *testing.T) {
	needsFreezer(t)
	requires(t, "rt:rung")
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	b.writeConfig()
	pause := func() { b.must("pause", b.ID) }
	byHand := func() {
		if lacking("v1:freezer") == nil {
			writeFile(t, b.cgroupDir("freezer")+"/freezer.state", "FROZEN")
			return
		}
		writeFile(t, b.cgroupDir("")+"/cgroup.freeze", "1")
	}
	for _, c := range []struct {
		name   string
		freeze func()
		end    func()
	}{
		{"delete of a paused one", pause, func() {}},
		{"delete of one frozen by hand", byHand, func() {}},
		{"kill of a paused one", pause, func() { b.must("kill", b.ID, "KILL"); b.awaitStatus("stopped"); b.must("delete", b.ID) }},
		{"kill of one frozen by hand", byHand, func() { b.must("kill", b.ID, "KILL"); b.awaitStatus("stopped"); b.must("delete", b.ID) }},
		{"kill of all", byHand, func() { b.must("kill", "--all", b.ID, "KILL"); b.awaitStatus("stopped"); b.must("delete", b.ID) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			outer := b.t
			b.t = t
			defer func() { b.t = outer }()
			b.accident(func() {
				running(b)
				c.freeze()
				wantStatusIn(b, "paused")
				c.end()
			})
		})
	}
	t.Run("delete of a created one", func(t *testing.T) {
		outer := b.t
		b.t = t
		defer func() { b.t = outer }()
		b.accident(func() { b.must(createLineOf(b)...); byHand() })
	})
}
