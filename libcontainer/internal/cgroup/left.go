package cgroup

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/state"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
)

// left names processes that outlive SIGKILL, and what they wait for: the first few.
func (g *Group) left(pids []int) string {
	const most = 3
	var list []string
	for _, pid := range visible(pids) {
		if len(list) == most {
			break
		}
		if text := state.WaitsFor(pid); text != "" {
			list = append(list, text)
		}
	}
	hidden := ""
	if len(visible(pids)) < len(pids) {
		hidden = ", and processes of another PID namespace, which cannot be seen from here"
	}
	return fmt.Sprintf("%d are left (%s)%s", len(visible(pids)), strings.Join(list, "; "), hidden)
}

// ReleaseFrozen moves a process that was killed out of a frozen v1 cgroup, where it
// could not end, without thawing the others: a process that is moved to a cgroup
// that is not frozen goes on (cgroups(7)). The process must be the caller's own.
func (j *Join) ReleaseFrozen(pid int) {
	for i := range j.dirs {
		d := &j.dirs[i]
		if d.V2 || !d.has("freezer") {
			continue
		}
		if state, err := readFile(d.Path + "/freezer.state"); err == nil && state == "THAWED" {
			continue
		}
		_ = sys.WriteFile(d.Mount+"/cgroup.procs", strconv.Itoa(pid))
	}
}

// Frozen says whether the processes of the cgroups that a process joins stand
// still: with its pid, those that it is in by now.
func (j *Join) Frozen(pid int) bool {
	list, err := readFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return false
	}
	for i := range j.dirs {
		d := &j.dirs[i]
		if d.V2 {
			if at, ok := unifiedPath(list); ok {
				events, err := readFile(d.Mount + at + "/cgroup.events")
				if err == nil && flatKey(events, "frozen") == "1" {
					return true
				}
			}
		} else if frozen(d) {
			return true
		}
	}
	return false
}

// unifiedPath gives the cgroup v2 path in /proc/PID/cgroup.
func unifiedPath(list string) (string, bool) {
	for line := range strings.Lines(list) {
		if at, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); ok {
			return at, true
		}
	}
	return "", false
}
