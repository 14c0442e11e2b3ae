package cgroup

import (
	"fmt"
	"strconv"
	"strings"

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
		if text := WaitsFor(pid); text != "" {
			list = append(list, text)
		}
	}
	hidden := ""
	if len(visible(pids)) < len(pids) {
		hidden = ", and processes of another PID namespace, which cannot be seen from here"
	}
	return fmt.Sprintf("%d are left (%s)%s", len(visible(pids)), strings.Join(list, "; "), hidden)
}

// WaitsFor names a process that was killed and has not ended, and says what it
// waits for, as far as proc(5) tells: a tracer, a call in the kernel, a frozen
// cgroup. It is empty for a process that is gone.
func WaitsFor(pid int) string {
	proc := "/proc/" + strconv.Itoa(pid)
	status, err := readFile(proc + "/status")
	if err != nil {
		return ""
	}
	text := "process " + strconv.Itoa(pid) + " " + strconv.Quote(statusField(status, "Name"))
	state := statusField(status, "State")
	call, _ := readFile(proc + "/wchan") // "0" for a process that does not wait, and for who may not know
	tracer := statusField(status, "TracerPid")
	switch {
	case strings.HasPrefix(state, "t") && tracer != "0":
		return text + " is stopped by its tracer, process " + tracer
	case call == "__refrigerator":
		return text + " is frozen by a control group above the container's"
	case strings.HasPrefix(state, "D") && call != "" && call != "0":
		return text + " is in uninterruptible sleep in the kernel (" + call + ")"
	}
	return text + " is in state " + state
}

func statusField(status, key string) string {
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, key+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
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
