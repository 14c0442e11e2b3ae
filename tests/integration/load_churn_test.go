package integration

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// slot is one container of a churn: a name, and what is known of it. It belongs to one worker at a time.
type slot struct {
	id     string
	status string // "" when there is none
}

// move is something that can be done with a container in a status, and the status after it.
type move struct {
	name string
	from []string
	to   string
	do   func(l *load, id string, r *rand.Rand) error
}

func command(name string, args ...string) func(*load, string, *rand.Rand) error {
	return func(l *load, id string, _ *rand.Rand) error {
		return l.do(name, append([]string{name, id}, args...)...)
	}
}

// refusedCommand is one that must fail in the status, and change nothing of it.
func refusedCommand(name string, args ...string) func(*load, string, *rand.Rand) error {
	return func(l *load, id string, _ *rand.Rand) error {
		if err := l.do(name+", refused", append([]string{name, id}, args...)...); err == nil {
			return fmt.Errorf("%s %s: not refused", name, id)
		}
		return nil
	}
}

// moves is what a churn does. "same" leaves the status as it is.
var moves = []move{
	{"create", []string{""}, "created", func(l *load, id string, _ *rand.Rand) error { return l.create(id) }},
	{"run", []string{""}, "running", func(l *load, id string, _ *rand.Rand) error { return l.run(id) }},
	{"start", []string{"created"}, "running", command("start")},
	{"exec", []string{"created", "running"}, "same", command("exec", "/probe", "--exit", "0")},
	{"exec detached", []string{"running"}, "same", func(l *load, id string, _ *rand.Rand) error {
		file := l.dir(id) + "/exec-pid"
		if err := l.do("exec --detach", "exec", "--detach", "--pid-file", file, id, "/probe", "--until-term"); err != nil {
			return err
		}
		pid, err := readPid(file)
		if err == nil {
			// The first process of a pid namespace ends when all others were waited for.
			l.background.Go(func() { _ = awaitEnd(pid) })
		}
		return err
	}},
	{"update", []string{"created", "running", "paused"}, "same", func(l *load, id string, r *rand.Rand) error {
		return l.do("update", "update", "--pids-limit", strconv.Itoa(100+r.IntN(1000)), "--memory", strconv.Itoa(64+r.IntN(64))+"M", id)
	}},
	{"state", []string{"created", "running", "paused", "stopped"}, "same", command("state")},
	{"pause", []string{"running"}, "paused", command("pause")},
	{"resume", []string{"paused"}, "running", command("resume")},
	{"kill", []string{"created", "running"}, "stopped", func(l *load, id string, _ *rand.Rand) error {
		if err := l.do("kill", "kill", id, "KILL"); err != nil {
			return err
		}
		return l.ended(id)
	}},
	{"delete", []string{"stopped"}, "", func(l *load, id string, _ *rand.Rand) error {
		return cmp.Or(l.do("delete", "delete", id), os.RemoveAll(l.dir(id)))
	}},
	{"delete by force", []string{"created", "running", "paused"}, "", func(l *load, id string, _ *rand.Rand) error { return l.remove(id) }},
	{"start too late", []string{"running", "paused", "stopped", ""}, "same", refusedCommand("start")},
	{"delete too early", []string{"running", "paused"}, "same", refusedCommand("delete")},
	{"exec too late", []string{"paused", "stopped"}, "same", refusedCommand("exec", "/probe", "--exit", "0")},
	{"kill too late", []string{"stopped"}, "same", refusedCommand("kill", "KILL")},
}

// TestLoad_churn does at random what can be done with containers, several at a time.
func TestLoad_churn(t *testing.T) {
	l := newLoad(t)
	lasts, err := time.ParseDuration(cmp.Or(os.Getenv("RUNG_LOAD_CHURN"), "12s"))
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("RUNG_LOAD_SEED"); text != "" {
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	tell(t, fmt.Sprintf("load: churn of %v, RUNG_LOAD_SEED=%d\n", lasts, seed))
	limits := lacking("ctrl:pids") == nil && lacking("ctrl:memory") == nil
	charged, counted := l.memory()
	const workers, slots = 4, 6
	stop := time.Now().Add(lasts)
	var wg sync.WaitGroup
	errs := make(chan error, workers)
	counts := make([]int, workers)
	for w := range workers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(w)))
			mine := make([]slot, slots)
			for i := range mine {
				mine[i].id = l.id(w*slots + i)
			}
			for time.Now().Before(stop) {
				if err := mine[r.IntN(slots)].step(l, r, limits); err != nil {
					errs <- fmt.Errorf("after %d steps: %w", counts[w], err)
					break
				}
				counts[w]++
			}
			for _, s := range mine {
				if s.status != "" {
					err := l.do("delete --force", "delete", "--force", s.id)
					if s.status != "stopped" {
						err = cmp.Or(err, l.ended(s.id))
					}
					if err = cmp.Or(err, os.RemoveAll(l.dir(s.id))); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	l.background.Wait()
	l.end(t)
	steps := 0
	for _, n := range counts {
		steps += n
	}
	text := figures("churn", l.times) + fmt.Sprintf("load: churn: %d steps\n", steps)
	if counted {
		after, _ := l.memory()
		text += fmt.Sprintf("load: memory charged to the groups before the churn: %d KiB, after it: %d KiB\n", charged>>10, after>>10)
		if after > charged+16<<20 {
			t.Errorf("%d bytes are charged to the groups after the churn, %d were before", after, charged)
		}
	}
	tell(t, text)
}

// step does one of the moves that the slot's status allows.
func (s *slot) step(l *load, r *rand.Rand, limits bool) error {
	var can []*move
	for i := range moves {
		m := &moves[i]
		for _, from := range m.from {
			if from == s.status && (limits || m.name != "update") {
				can = append(can, m)
			}
		}
	}
	if can == nil {
		return errors.New("no move from " + s.status)
	}
	m := can[r.IntN(len(can))]
	if err := m.do(l, s.id, r); err != nil {
		return fmt.Errorf("%s of a container that is %q: %w", m.name, s.status, err)
	}
	if m.to != "same" {
		s.status = m.to
	}
	return nil
}
