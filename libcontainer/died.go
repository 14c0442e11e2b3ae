package libcontainer

import (
	"strconv"

	"github.com/rung-oci/rung/libcontainer/internal/state"
	"golang.org/x/sys/unix"
)

// ending says how the container's process has ended, in parentheses, as far as
// that can still be told: whoever reaps it is told, and nobody else afterwards. A
// zombie has its exit code in /proc/PID/stat, and the memory control group counts
// whom the kernel has killed for its limit. Empty: neither says anything.
func (c *Container) ending() string {
	how := ""
	if p, ok := state.ReadProcess(c.state.Pid); ok && p.Start == c.state.StartTime && p.Ended {
		if p.Exit.Signaled() {
			how = "its process was killed by " + unix.SignalName(p.Exit.Signal())
		} else {
			how = "its process ended with status " + strconv.Itoa(p.Exit.ExitStatus())
		}
	}
	if g := c.group(); g != nil && g.OOMKills() > 0 {
		if how == "" {
			how = "its process has ended"
		}
		how += ", and its memory limit was reached"
	}
	if how == "" {
		return ""
	}
	return " (" + how + ")"
}
