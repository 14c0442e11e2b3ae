package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// accident makes an accident, deletes the container by force, and then nothing may be left of it.
func (b *bundle) accident(harm func()) {
	b.t.Helper()
	files := b.files()
	before := b.t.Failed()
	harm()
	s := scene{}
	for _, w := range s.end(b, nil, files) {
		b.t.Error(w)
	}
	faults.accidents.add(true, before || !b.t.Failed())
}

// hang adds a hook of that kind that never ends, and gives what starts the command that runs it and waits until it does.
// line is that command, where it is not run --detach, or delete --force for a poststop hook.
func (b *bundle) hang(kind string, line ...string) (start func() (f *foreground, hook int)) {
	b.t.Helper()
	fifo := filepath.Join(b.Dir, "hook.fifo")
	if err := unix.Mkfifo(fifo, 0o666); err != nil {
		b.t.Fatal(err)
	}
	out, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { out.Close() })
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	mkdir(b.t, b.Rootfs+b.Dir, 0o755) // where a startContainer hook finds the bundle
	h := b.probeHook(kind, "hook.fifo", "--until-term")
	h.Env = []string{"RUNG_TEST=" + b.ID}
	if line == nil {
		line = []string{"run", "--detach", "--bundle", b.Dir, b.ID}
	}
	if kind == "poststop" {
		h.Path = filepath.Join(b.Dir, "hook")
		copyFile(b.t, probePath, h.Path, 0o755)
		line = []string{"delete", "--force", b.ID}
	}
	addHook(b.Spec, kind, h)
	b.writeConfig()
	return func() (*foreground, int) {
		b.t.Helper()
		if kind == "poststop" {
			running(b)
		}
		f := b.foreground(line...)
		(&container{bundle: b, out: out}).next("waiting")
		for _, pid := range processesOf(b.ID) {
			if strings.HasPrefix(cmdline(pid), "hook-") {
				return f, pid
			}
		}
		b.t.Fatal("the hook is not among the container's processes")
		return nil, 0
	}
}

// The runtime is killed while a hook of each kind hangs: the hook ends with it, and the container can be deleted.
func TestFaults_killed_while_a_hook_hangs(t *testing.T) {
	for _, kind := range append(hookKinds, "createContainer, host's pids") {
		t.Run(kind, func(t *testing.T) {
			requires(t, "rt:rung")
			b := newBundle(t)
			kind, host := strings.CutSuffix(kind, ", host's pids")
			if host {
				withoutNS(b.Spec, specs.PIDNamespace)
			}
			start := b.hang(kind)
			b.accident(func() {
				f, hook := start()
				_ = unix.Kill(f.cmd.Process.Pid, unix.SIGKILL)
				f.exit()
				if !waitExit(t, hook, patience/4) {
					t.Error("the hook goes on after the runtime was killed")
				}
				reap(t)                 // a hook in the container's pid namespace keeps its first process from ending
				if kind == "poststop" { // the next delete runs it again
					copyFile(t, lookPath(t, "true"), filepath.Join(b.Dir, "hook"), 0o755)
				}
			})
		})
	}
}
