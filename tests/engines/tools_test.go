package engines

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long anything that the tests wait for may take on a busy machine.
const patience = time.Minute

// need skips the test unless it runs as root and these programs are installed.
func need(t *testing.T, names ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%v (make deps-engines installs it)", err)
		}
	}
}

// client is a program that the tests give commands to: docker, ctr, podman.
type client struct {
	command []string // the program and its first arguments
	env     []string // besides the tests' own
	dir     string   // where it is started: the tests' scratch directory, if it is empty
	user    bool     // as the ordinary user
	stdin   *os.File // of follow
}

func (c *client) cmd(ctx context.Context, arg []string) *exec.Cmd {
	all := append(append([]string{}, c.command...), arg...)
	cmd := exec.CommandContext(ctx, all[0], all[1:]...)
	cmd.Env = append(os.Environ(), c.env...)
	// conmon leaves an empty file "oom" where Podman was started, when a container's memory runs out.
	cmd.Dir = cmp.Or(c.dir, scratch)
	cmd.WaitDelay = 2 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if c.user {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: userID, Gid: userID}
		cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "USER=" + userName}, c.env...)
	}
	return cmd
}

// try runs a command, and returns all it wrote and its exit status.
func (c *client) try(t *testing.T, stdin io.Reader, arg ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := c.cmd(ctx, arg)
	cmd.Stdin = stdin
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		t.Fatalf("%s: %v", strings.Join(cmd.Args, " "), err)
	}
	if ctx.Err() != nil {
		t.Fatalf("%s: takes more than %v: %s", strings.Join(cmd.Args, " "), patience, tail(string(out), 20))
	}
	return string(out), exitStatus(cmd.ProcessState)
}

// must runs a command that has to succeed, and returns what it wrote to standard output, without the blanks around it.
func (c *client) must(t *testing.T, arg ...string) string {
	t.Helper()
	return c.mustRead(t, nil, arg...)
}

func (c *client) mustRead(t *testing.T, stdin io.Reader, arg ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := c.cmd(ctx, arg)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &errs
	if err := cmd.Run(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		t.Fatalf("%s: %v\n%s%s", strings.Join(cmd.Args, " "), err, tail(out.String(), 20), tail(errs.String(), 20))
	}
	return strings.TrimSpace(out.String())
}

// follow starts a command that goes on, docker logs -f say, and gives the channel of its lines. It ends with the test.
func (c *client) follow(t *testing.T, arg ...string) <-chan string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := c.cmd(ctx, arg)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	if c.stdin != nil {
		cmd.Stdin = c.stdin
	}
	err = cmd.Start()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 1000)
	go func() {
		for in := bufio.NewScanner(r); in.Scan(); {
			select {
			case lines <- in.Text():
			case <-ctx.Done():
				return
			}
		}
		close(lines)
	}()
	t.Cleanup(func() { cancel(); _ = cmd.Wait(); r.Close() })
	return lines
}

// await reads lines until one has this part.
func await(t *testing.T, lines <-chan string, part string) {
	t.Helper()
	var seen []string
	for limit := time.After(patience); ; {
		select {
		case line, ok := <-lines:
			if !ok {
				t.Fatalf("the output ends without %q:\n%s", part, tail(strings.Join(seen, "\n"), 20))
			}
			if seen = append(seen, line); strings.Contains(line, part) {
				return
			}
		case <-limit:
			t.Fatalf("no %q in %v:\n%s", part, patience, tail(strings.Join(seen, "\n"), 20))
		}
	}
}

// until asks again after each line of a stream of events until the answer is yes.
func until(t *testing.T, events <-chan string, what string, yes func() bool) {
	t.Helper()
	for limit := time.After(patience); !yes(); {
		select {
		case _, ok := <-events:
			for more := ok; more; { // several may have come at once
				select {
				case _, more = <-events:
				default:
					more = false
				}
			}
			if !ok {
				t.Fatalf("the events end before %s", what)
			}
		case <-limit:
			t.Fatalf("%s: not in %v", what, patience)
		}
	}
}

// daemon is an engine's process that listens somewhere.
type daemon struct {
	cmd  *exec.Cmd
	name string
	log  syncBuffer
	done chan struct{}
}

type syncBuffer struct {
	sync.Mutex
	strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.Lock()
	defer b.Unlock()
	return b.Builder.Write(p)
}

func (b *syncBuffer) String() string {
	b.Lock()
	defer b.Unlock()
	return b.Builder.String()
}

// startDaemon starts a process and waits for the line that says that it listens.
func startDaemon(listens string, env []string, command ...string) (*daemon, error) {
	d := &daemon{cmd: exec.Command(command[0], command[1:]...), name: filepath.Base(command[0]), done: make(chan struct{})}
	d.cmd.Env = append(append(os.Environ(), "TMPDIR="+filepath.Join(scratch, "tmp")), env...)
	d.cmd.Dir = scratch
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	d.cmd.Stdout, d.cmd.Stderr = w, w
	err = d.cmd.Start()
	w.Close()
	if err != nil {
		return nil, err
	}
	ready := make(chan struct{})
	go func() {
		waiting := true
		for in := bufio.NewScanner(r); in.Scan(); {
			fmt.Fprintln(&d.log, in.Text())
			if waiting && strings.Contains(in.Text(), listens) {
				waiting = false
				close(ready)
			}
		}
	}()
	go func() { _ = d.cmd.Wait(); close(d.done) }()
	select {
	case <-ready:
		return d, nil
	case <-d.done:
		return nil, fmt.Errorf("%s has ended: %v\n%s", d.name, d.cmd.ProcessState, tail(d.log.String(), 25))
	case <-time.After(patience):
		_ = d.cmd.Process.Kill()
		return nil, fmt.Errorf("%s does not listen\n%s", d.name, tail(d.log.String(), 25))
	}
}

// stop ends the daemon with this signal, and kills it when it does not end.
func (d *daemon) stop(signal os.Signal) error {
	_ = d.cmd.Process.Signal(signal)
	select {
	case <-d.done:
		return nil
	case <-time.After(patience):
		_ = d.cmd.Process.Kill()
		<-d.done
		return fmt.Errorf("%s does not end\n%s", d.name, tail(d.log.String(), 25))
	}
}

// shared is what is started once for several tests; stopShared ends it.
var shared struct {
	sync.Mutex
	stops []func() error
}

func atEnd(stop func() error) {
	shared.Lock()
	defer shared.Unlock()
	shared.stops = append(shared.stops, stop)
}

func stopShared() error {
	var all []error
	for i := len(shared.stops) - 1; i >= 0; i-- {
		all = append(all, shared.stops[i]())
	}
	return errors.Join(all...)
}

var serial atomic.Int64

// newName makes a name that nothing else has.
func newName(kind string) string { return fmt.Sprintf("%s%d", kind, serial.Add(1)) }

// newDir makes a directory below the scratch directory.
func newDir(t *testing.T, kind string) string {
	t.Helper()
	dir := filepath.Join(scratch, newName(kind))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// get asks a web server that is there.
func get(url string) (string, error) {
	c := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

// tail is the last n lines.
func tail(s string, n int) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func wantParts(t *testing.T, what, got string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(got, p) {
			t.Errorf("%s: no %q in: %s", what, p, tail(got, 20))
		}
	}
}

func wantEqual(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}
