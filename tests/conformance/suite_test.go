package conformance

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// timeLimit is for one program; the slowest takes some 20 s on a machine with nothing else to do.
const timeLimit = 5 * time.Minute

// TestPrograms runs each program, and holds its result against the file expected.
func TestPrograms(t *testing.T) {
	if err := buildSuite(); err != nil {
		t.Fatal(err)
	}
	expected, err := readExpected(filepath.Join(repository, "tests/conformance/expected"))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, p := range programs {
		known[p] = true
		if _, ok := expected[p]; !ok {
			t.Errorf("%s is not in the file expected", p)
		}
	}
	for p := range expected {
		if !known[p] {
			t.Errorf("the file expected has %s, which the suite has not", p)
		}
	}
	for _, program := range programs {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			out, status := run(t, program)
			got := verdict(out, status)
			if os.Getenv("RUNG_CONFORMANCE") == "show" {
				t.Logf("%s: exit status %d\n%s", got, status, out)
			}
			e := expected[program]
			want, err := e.wanted()
			switch {
			case err != nil:
				t.Error(err)
			case e.races:
			case want && got != "ok":
				t.Errorf("not ok, and stands as ok in the file expected: %s\n%s", got, out)
			case !want && got == "ok":
				t.Errorf("ok, and stands as not ok in the file expected (%s): say ok there", e.reason)
			}
		})
	}
}

// run runs one program in a stage of its own.
func run(t *testing.T, program string) (string, int) {
	group := filepath.Join(ownGroup(), program)
	if err := makeGroups(group); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, group, filepath.Join(suiteDir, program))
	cmd.Dir = suiteDir
	cmd.Env = []string{stageEnv + "=program", "RUNTIME=" + runtimePath, "TMPDIR=" + bundles, "PATH=" + os.Getenv("PATH"), "HOME=/root"}
	cmd.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID, Pdeathsig: unix.SIGKILL}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = 5 * time.Second
	start := time.Now()
	err = cmd.Run()
	if ctx.Err() != nil {
		fmt.Fprintf(&out, "\nstopped after %v\n", timeLimit)
	} else if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if os.Getenv("RUNG_CONFORMANCE") == "show" {
		t.Logf("%v", time.Since(start))
	}
	if err := removeGroups(group); err != nil {
		t.Errorf("left behind: %v", err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// verdict is "ok", or why it is not. A program is ok that ends with 0 and whose every result is ok. Some have no results:
// they print what is wrong as a diagnostic that belongs to none (behind a result, it is the error that was wanted).
func verdict(out string, status int) string {
	results := 0
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "not ok"):
			return line
		case strings.HasPrefix(line, "ok "):
			results++
		case results == 0 && strings.HasPrefix(line, `"error":`):
			return line
		}
	}
	if status != 0 {
		return fmt.Sprintf("exit status %d", status)
	}
	return "ok"
}
