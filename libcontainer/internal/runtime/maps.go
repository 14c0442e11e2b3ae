package runtime

import (
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/rung-oci/rung/internal/sysmon"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// writeMaps fills the id maps of a user namespace that was just made
// (user_namespaces(7)). Without privileges only the single own id can be
// written directly; for more there are the set-user-id tools of shadow.
func writeMaps(pid int, s *plan.Serve) error {
	proc := "/proc/" + strconv.Itoa(pid)
	if s.DenySetgroups {
		if err := sys.WriteFile(proc+"/setgroups", "deny"); err != nil {
			return &StepError{Origin: "linux.gidMappings", Step: mapsLabel, What: "deny setgroups", Err: err}
		}
	}
	for _, m := range []struct {
		origin, file, tool string
		ids                plan.IDMap
	}{
		{"linux.gidMappings", "/gid_map", "newgidmap", s.GIDs},
		{"linux.uidMappings", "/uid_map", "newuidmap", s.UIDs},
	} {
		if len(m.ids) == 0 {
			continue
		}
		var err error
		if s.UseTools {
			err = runMapTool(m.tool, pid, m.ids)
		} else {
			err = sys.WriteFile(proc+m.file, m.ids.File())
		}
		if err != nil {
			return &StepError{Origin: m.origin, Step: mapsLabel, What: "map ids " + strings.TrimSpace(strings.ReplaceAll(m.ids.File(), "\n", ", ")), Err: err}
		}
	}
	return nil
}

func runMapTool(tool string, pid int, ids plan.IDMap) error {
	path, err := exec.LookPath(tool)
	if err != nil {
		return err
	}
	args := append([]string{strconv.Itoa(pid)}, strings.Fields(ids.File())...)
	cmd := exec.Command(path, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	defer sysmon.Forking()()
	if err := cmd.Run(); err != nil {
		return &toolError{tool: tool, output: strings.TrimSpace(out.String()), err: err}
	}
	return nil
}

type toolError struct {
	tool, output string
	err          error
}

func (e *toolError) Error() string {
	if e.output != "" {
		return e.tool + ": " + e.output
	}
	return e.tool + ": " + e.err.Error()
}

func (e *toolError) Unwrap() error { return e.err }

// makeUserNamespace makes a user namespace for the sake of its mapping. Its one
// process waits for the maps and is gone once the namespace is held open.
func makeUserNamespace(exe *Executable, uids, gids plan.IDMap) (int, error) {
	c, err := exe.spawn(spawnOptions{
		program:  plan.Program{{Op: &plan.Dumpable{Value: 0}}, {Op: &plan.Unshare{Flags: unix.CLONE_NEWUSER}}, {Op: &plan.SyncMaps{}}},
		cgroupFD: -1, stdio: [3]int{-1, -1, -1},
	})
	if err != nil {
		return -1, err
	}
	defer c.close()
	defer c.kill()
	m, err := c.receive()
	if err != nil {
		return -1, err
	}
	if m.Type != plan.MsgMaps {
		return -1, unexpected(m)
	}
	if err := writeMaps(c.pid, &plan.Serve{UIDs: uids, GIDs: gids}); err != nil {
		return -1, err
	}
	path := "/proc/" + strconv.Itoa(c.pid) + "/ns/user"
	fd, err := sys.Open(path, unix.O_RDONLY)
	if err != nil {
		return -1, &os.PathError{Op: "hold the user namespace", Path: path, Err: err}
	}
	return fd, nil
}
