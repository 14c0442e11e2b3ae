package libcontainer

import (
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/rung-oci/rung/libcontainer/internal/state"
)

// A container without control groups: its init, here this process, and what comes of it.
func TestFamily(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-c", "exec 3<&0; cat <&3 & echo $!; wait")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 16)
	if _, err := out.Read(line); err != nil { // now there is a grandchild
		t.Fatal(err)
	}
	c := &Container{state: &state.State{Pid: os.Getpid()}}
	pids, err := c.family()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted(pids) || !slices.Contains(pids, os.Getpid()) || !slices.Contains(pids, cmd.Process.Pid) || slices.Contains(pids, 1) || len(pids) < 3 {
		t.Errorf("got %v, want %d, %d and its child", pids, os.Getpid(), cmd.Process.Pid)
	}
	in.Close()
	_ = cmd.Wait()
	c.state.OwnPidSpace = true // that of this process: all is in it
	if pids, err = c.family(); err != nil || !slices.Contains(pids, os.Getppid()) {
		t.Errorf("of the pid namespace: %v, %v", pids, err)
	}
}
