package stats

import "strings"

// Pids counts processes and threads.
type Pids struct {
	Current uint64
	Limit   uint64 // 0 if there is none
}

// PidsOf reads the controller, the same on v1 and v2. A group without it has its
// threads counted, but no limit.
func PidsOf(d *Dir) Pids {
	p := Pids{Current: d.number("pids.current"), Limit: d.number("pids.max")}
	if p.Limit == NoLimit {
		p.Limit = 0
	}
	if p.Current == 0 {
		p.Current = uint64(strings.Count(d.read("cgroup.threads"), "\n"))
	}
	return p
}
