package libcontainer

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// DefaultRoot asks the process that calls it: this one, and one that is root of a user namespace alone. What follows
// from the answers is state.TestDefaultRoot's.
func TestDefaultRoot_asks_the_process(t *testing.T) {
	if os.Getenv("RUNG_TEST_PRINT_ROOT") != "" {
		fmt.Print("root=", DefaultRoot(), ".")
		return
	}
	t.Setenv("RUNG_TEST_PRINT_ROOT", "1")
	ask := func(t *testing.T, user string, inUserNS bool, want string) {
		t.Helper()
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestDefaultRoot_asks_the_process$")
		cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR=/run/user/7", "USER="+user)
		if inUserNS {
			cmd.SysProcAttr = &syscall.SysProcAttr{
				Cloneflags:  syscall.CLONE_NEWUSER,
				UidMappings: []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}},
				GidMappings: []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}},
			}
		}
		out, err := cmd.CombinedOutput()
		if inUserNS && err != nil && len(out) == 0 {
			t.Skip("no user namespace: ", err)
		}
		if err != nil || !strings.Contains(string(out), "root="+want+".") {
			t.Errorf("%q, %v, want %s", out, err, want)
		}
	}
	own := "/run/user/7/rung"
	if os.Geteuid() == 0 {
		own = "/run/rung"
	}
	ask(t, "alice", false, own)
	ask(t, "alice", true, "/run/user/7/rung")
	if os.Geteuid() == 0 {
		ask(t, "root", true, "/run/rung")
	}
}
