package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// sample is one measured command.
type sample struct {
	wall   float64 // milliseconds, from before exec to after exit
	cpu    float64 // milliseconds, user and system, of the command and of what it waited for
	maxrss float64 // KiB, the most that one process of the command had
	faults float64 // page faults without reading, of the command and of what it waited for
}

// opNames is what is measured, in the order of the tables.
var opNames = []string{"run", "create", "start", "exec", "state", "kill", "delete", "create+start+delete", cycleOp}

// cycleOp is create, start, the end of the process and delete, from before the first to after the last.
const cycleOp = "the same, one wall"

// bench measures one runtime in one view with one config.
type bench struct {
	rt       *contender
	meter    string
	stdin    *os.File
	stderr   *os.File
	quick    string // bundle whose process ends at once
	waiting  string // bundle whose process waits
	root     string // the runtime's own state directory
	n        int
	samples  map[string][]sample
	pss      []float64 // KiB, of the init that waits for start
	together []sample  // of many runs at once
	row      []sample  // of rowRuns one after the other
	floor    []string  // arguments of the floor program, which this is then
	broken   error
}

// command measures `runtime --root ROOT ARG…`.
func (b *bench) command(arg ...string) (sample, error) { return b.commands(1, arg...) }

// commands measures n of them at once, -n one after the other; @ in an argument becomes the number of each.
func (b *bench) commands(n int, arg ...string) (s sample, err error) {
	return b.measure(n, append([]string{b.rt.Path, "--root", b.root}, arg...))
}

func (b *bench) measure(n int, argv []string) (s sample, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return s, err
	}
	defer r.Close()
	if err := b.stderr.Truncate(0); err != nil {
		w.Close()
		return s, err
	}
	cmd := exec.Command(b.meter, append([]string{strconv.Itoa(n)}, argv...)...)
	// Not /dev/null: crun 1.8.1 gives what it has for standard input to the container's user, on the host too.
	cmd.Stdin, cmd.Stdout, cmd.Stderr = b.stdin, b.stderr, b.stderr
	cmd.ExtraFiles = []*os.File{w}
	err = cmd.Run()
	w.Close()
	if err != nil {
		return s, fmt.Errorf("meter: %w", err)
	}
	var wall, user, sys, rss, faults, status int64
	if _, err := fmt.Fscan(r, &wall, &user, &sys, &rss, &faults, &status); err != nil {
		return s, fmt.Errorf("meter: %w", err)
	}
	if status != 0 {
		said, _ := os.ReadFile(b.stderr.Name())
		line, _, _ := bytes.Cut(bytes.TrimSpace(said), []byte("\n"))
		return s, fmt.Errorf("%s %s: wait status %#x: %s", b.rt.Name, argv[len(argv)-1], status, line)
	}
	return sample{float64(wall) / 1e6, float64(user+sys) / 1e3, float64(rss), float64(faults)}, nil
}

func (b *bench) keep(op string, s sample) { b.samples[op] = append(b.samples[op], s) }

// round measures each operation once.
func (b *bench) round() error {
	b.n++
	if b.floor != nil {
		s, err := b.measure(1, append([]string{b.rt.Path}, b.floor...))
		b.keep("run", s)
		return err
	}
	id := fmt.Sprintf("bench-%s-%d", b.rt.Name, b.n)
	s, err := b.command("run", "--bundle", b.quick, id)
	if err != nil {
		return err
	}
	b.keep("run", s)

	pidFile := filepath.Join(b.waiting, "pid")
	created, err := b.command("create", "--bundle", b.waiting, "--pid-file", pidFile, id)
	if err != nil {
		return err
	}
	b.keep("create", created)
	pid, err := readPID(pidFile)
	if err != nil {
		return err
	}
	if kib, err := pss(pid); err == nil {
		b.pss = append(b.pss, kib)
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("pidfd_open %d: %w", pid, err)
	}
	defer unix.Close(fd)
	if s, err = b.command("state", id); err != nil {
		return err
	}
	b.keep("state", s)
	started, err := b.command("start", id)
	if err != nil {
		return err
	}
	b.keep("start", started)
	if s, err = b.command("exec", id, "/payload"); err != nil {
		return err
	}
	b.keep("exec", s)
	if s, err = b.command("kill", id, "KILL"); err != nil {
		return err
	}
	b.keep("kill", s)
	if err := reap(pid, fd); err != nil {
		return err
	}
	deleted, err := b.command("delete", id)
	if err != nil {
		return err
	}
	b.keep("delete", deleted)
	b.keep("create+start+delete", sample{
		created.wall + started.wall + deleted.wall, created.cpu + started.cpu + deleted.cpu,
		max(created.maxrss, started.maxrss, deleted.maxrss), created.faults + started.faults + deleted.faults,
	})
	return b.cycle(id)
}

// atOnce measures n runs at once.
func (b *bench) atOnce(n int) error {
	b.n++
	s, err := b.commands(n, "run", "--bundle", b.quick, fmt.Sprintf("bench-%s-%d-@", b.rt.Name, b.n))
	if err != nil {
		return err
	}
	b.together = append(b.together, s)
	return nil
}

// rowRuns is how many runs follow one another in the row of that name.
const rowRuns = 100

// inARow measures rowRuns runs, one after the other.
func (b *bench) inARow() error {
	b.n++
	s, err := b.commands(-rowRuns, "run", "--bundle", b.quick, fmt.Sprintf("bench-%s-%d-@", b.rt.Name, b.n))
	if err != nil {
		return err
	}
	b.row = append(b.row, s)
	return nil
}

// tailPrefix begins the name of the row of runs that are there for the slowest of them.
const tailPrefix = "run, one of "

func tailOp(n int) string { return tailPrefix + strconv.Itoa(n) }

// tail is one of many runs.
func (b *bench) tail(op string) error {
	b.n++
	s, err := b.command("run", "--bundle", b.quick, fmt.Sprintf("bench-%s-%d", b.rt.Name, b.n))
	b.keep(op, s)
	return err
}

// sweep deletes whatever a failure left.
func (b *bench) sweep() {
	entries, _ := os.ReadDir(b.root)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "bench-") {
			_ = exec.Command(b.rt.Path, "--root", b.root, "delete", "--force", e.Name()).Run()
		}
	}
}

func readPID(file string) (int, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(b)))
}

// pss is the memory that would be free if the process were not there, in KiB: pages shared with others count in part.
func pss(pid int) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "Pss:" {
			return strconv.ParseFloat(f[1], 64)
		}
	}
	return 0, errors.New("smaps_rollup has no Pss")
}

// reap waits for a container's init, which is this process's since the runtime that made it has ended.
func reap(pid, fd int) error {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10_000)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return fmt.Errorf("poll: %w", err)
		case n == 0:
			return fmt.Errorf("process %d is there 10 s after it was killed", pid)
		}
		break
	}
	var status unix.WaitStatus
	if _, err := unix.Wait4(pid, &status, 0, nil); err != nil && err != unix.ECHILD {
		return fmt.Errorf("wait for %d: %w", pid, err)
	}
	return nil
}
