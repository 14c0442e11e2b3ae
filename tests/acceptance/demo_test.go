package acceptance

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The demo is the first thing that a newcomer types.
func TestDemo(t *testing.T) {
	needRoot(t)
	needCommand(t, "make")
	before, _ := filepath.Glob("/tmp/rung-demo.*")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute) // it builds first
	defer cancel()
	cmd := exec.CommandContext(ctx, "make", "--no-print-directory", "demo")
	cmd.Dir = repository
	cmd.WaitDelay = patience
	b, err := cmd.CombinedOutput()
	out := string(b)
	if err != nil {
		t.Fatalf("make demo: %v\n%s", err, out)
	}
	for _, want := range []string{"uid=0(root)", "hostname", "Read-only file system", "hello from pid 1", "exit status 7"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in the output", want)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
	if after, _ := filepath.Glob("/tmp/rung-demo.*"); len(after) > len(before) {
		t.Errorf("the demo leaves %v", after)
	}
}
