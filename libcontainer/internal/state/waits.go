package state

import (
	"strconv"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
)

// WaitsFor names a process that was killed and has not ended, and says what it
// waits for, as far as proc(5) tells: a tracer, a call in the kernel, a frozen
// cgroup. It is empty for a process that is gone.
func WaitsFor(pid int) string {
	proc := "/proc/" + strconv.Itoa(pid)
	raw, err := sys.ReadFile(proc + "/status")
	if err != nil {
		return ""
	}
	status := string(raw)
	text := "process " + strconv.Itoa(pid) + " " + strconv.Quote(statusField(status, "Name"))
	state := statusField(status, "State")
	wait, _ := sys.ReadFile(proc + "/wchan") // "0" for a process that does not wait, and for who may not know
	call := string(wait)
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
