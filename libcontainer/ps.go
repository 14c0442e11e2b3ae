package libcontainer

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/state"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// Pids lists the processes of the container, those in control groups below its
// own too, by their ids in the caller's pid namespace, in ascending order. A
// container that has stopped may still have some if it shares its pid namespace
// with others.
func (c *Container) Pids() ([]int, error) {
	pids, err := c.pids()
	return pids, opError("ps", c.id, err)
}

func (c *Container) pids() ([]int, error) {
	e, err := c.open()
	if err != nil {
		return nil, err
	}
	defer e.Close()
	if g := c.group(); g != nil {
		return g.Pids()
	}
	if c.status(e) == state.Stopped {
		return nil, nil
	}
	return c.family()
}

// family is the processes of a container without control groups: those that are
// in the init's pid namespace, if that is the container's own, and those that
// come of its init.
func (c *Container) family() ([]int, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	space := ""
	if c.state.OwnPidSpace {
		space, _ = os.Readlink("/proc/" + strconv.Itoa(c.state.Pid) + "/ns/pid")
	}
	list := []int{c.state.Pid}
	parents := map[int]int{}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == c.state.Pid {
			continue
		}
		if own, err := os.Readlink("/proc/" + name + "/ns/pid"); err == nil && own == space {
			list = append(list, pid)
		} else if parent, ok := parentOf(name); ok {
			parents[pid] = parent
		}
	}
	for found := true; found; { // children may have lower numbers than their parents
		found = false
		for pid, parent := range parents {
			if slices.Contains(list, parent) {
				list = append(list, pid)
				delete(parents, pid)
				found = true
			}
		}
	}
	slices.Sort(list)
	return list, nil
}

// killFamily kills the processes of a container without cgroups. A pidfd is opened
// before the process is found in the family again, so that its number was not given
// to another process meanwhile.
func (c *Container) killFamily() error {
	first, err := c.family()
	if err != nil {
		return err
	}
	fds := make(map[int]int, len(first))
	defer func() {
		for _, fd := range fds {
			sys.Close(fd)
		}
	}()
	for _, pid := range first {
		if fd, err := sys.PidfdOpen(pid); err == nil {
			fds[pid] = fd
		}
	}
	again, err := c.family()
	if err != nil {
		return err
	}
	var errs []error
	for _, pid := range again {
		if fd, ok := fds[pid]; ok {
			if err := sys.PidfdSignal(fd, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
				errs = append(errs, fmt.Errorf("kill process %d: %w", pid, err))
			}
		}
	}
	return errors.Join(errs...)
}

// parentOf reads field 4 of /proc/<pid>/stat, the second after the name, which
// may hold parentheses itself.
func parentOf(pid string) (int, bool) {
	raw, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	if len(fields) < 2 {
		return 0, false
	}
	n, err := strconv.Atoi(fields[1])
	return n, err == nil
}
