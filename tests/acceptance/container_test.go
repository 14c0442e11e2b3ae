package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// patience is how long something may take before a test gives up.
const patience = time.Minute

// container is a bundle with an overlay of the Debian root file system, and the name of its container.
type container struct {
	t     *testing.T
	id    string
	dir   string
	lower string // the Debian root file system
	upper string // where writes go
	spec  *specs.Spec
}

// newContainer makes the bundle. At the end of the test the container is deleted by force.
func newContainer(t *testing.T, args ...string) *container {
	t.Helper()
	needRoot(t)
	needCommand(t, "debootstrap")
	lower, err := debianRoot()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(scratch, "c-")
	if err != nil {
		t.Fatal(err)
	}
	c := &container{t: t, id: "acceptance-" + filepath.Base(dir), dir: dir, lower: lower, upper: filepath.Join(dir, "upper")}
	for _, d := range []string{"upper", "work", "rootfs", "state"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	root := filepath.Join(dir, "rootfs")
	data := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", lower, c.upper, filepath.Join(dir, "work"))
	if err := unix.Mount("overlay", root, "overlay", 0, data); err != nil {
		t.Fatalf("mount overlay (%s): %v", data, err)
	}
	t.Cleanup(func() {
		if out, err := c.command("delete", "--force", c.id).CombinedOutput(); err != nil {
			t.Errorf("delete --force: %v\n%s", err, out)
		}
		if err := unix.Unmount(root, 0); err != nil {
			t.Errorf("umount the root file system: %v; the container still holds it", err)
			_ = unix.Unmount(root, unix.MNT_DETACH)
		}
	})
	c.spec = c.defaultSpec(args)
	return c
}

// defaultSpec is what the runtime's spec command writes, with the command put in, no terminal, a root that can be
// written, and the capabilities that Docker gives.
func (c *container) defaultSpec(args []string) *specs.Spec {
	c.t.Helper()
	cmd := exec.Command(runtimePath, "spec")
	cmd.Dir = c.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		c.t.Fatalf("spec: %v\n%s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(c.dir, "config.json"))
	if err != nil {
		c.t.Fatal(err)
	}
	s := new(specs.Spec)
	if err := json.Unmarshal(b, s); err != nil {
		c.t.Fatal(err)
	}
	s.Process.Terminal = false
	s.Process.Args = args
	s.Process.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"}
	s.Root.Readonly = false
	caps := []string{
		"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID",
		"CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
	}
	s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}
	s.Process.Rlimits = nil
	return s
}

func (c *container) writeConfig() {
	c.t.Helper()
	b, err := json.Marshal(c.spec)
	if err == nil {
		err = os.WriteFile(filepath.Join(c.dir, "config.json"), b, 0o644)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// command is a command of the runtime, which is killed when it takes too long.
func (c *container) command(arg ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	c.t.Cleanup(cancel)
	return exec.CommandContext(ctx, runtimePath, append([]string{"--root", filepath.Join(c.dir, "state")}, arg...)...)
}

// run runs the container to its end, and returns what it wrote and its exit status.
func (c *container) run() (stdout string, status int) {
	c.t.Helper()
	c.writeConfig()
	cmd := c.command("run", "--bundle", c.dir, c.id)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = patience
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		c.t.Fatalf("run: %v", err)
	}
	if s := errs.String(); s != "" {
		c.t.Logf("stderr: %s", s)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// wantRun runs the container, which has to succeed and to print these lines among others.
func (c *container) wantRun(lines ...string) {
	c.t.Helper()
	out, status := c.run()
	if status != 0 {
		c.t.Fatalf("exit status %d, stdout %q", status, out)
	}
	for _, want := range lines {
		if !strings.Contains("\n"+out, "\n"+want+"\n") {
			c.t.Errorf("no line %q in\n%s", want, out)
		}
	}
}

// create creates and starts the container, with its output going to the file, and returns its pid.
func (c *container) create(output *os.File) int {
	c.t.Helper()
	c.writeConfig()
	pidFile := filepath.Join(c.dir, "pid")
	cmd := c.command("create", "--bundle", c.dir, "--pid-file", pidFile, c.id)
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Run(); err != nil {
		c.t.Fatalf("create: %v", err)
	}
	b, err := os.ReadFile(pidFile)
	if err != nil {
		c.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		c.t.Fatal(err)
	}
	return pid
}

// must runs a command of the runtime that has to succeed.
func (c *container) must(arg ...string) {
	c.t.Helper()
	if out, err := c.command(arg...).CombinedOutput(); err != nil {
		c.t.Fatalf("%s: %v\n%s", strings.Join(arg, " "), err, out)
	}
}
