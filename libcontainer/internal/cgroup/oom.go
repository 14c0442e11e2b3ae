package cgroup

import "strconv"

// OOMKills is how many processes of the container the kernel has killed because
// its memory limit was reached (memory.events; memory.oom_control, Linux 4.13).
// 0 where it cannot be known.
func (g *Group) OOMKills() uint64 {
	var file string
	if d := g.v1("memory"); d != nil {
		file = d.Path + "/memory.oom_control"
	} else if d := g.v2(); d != nil {
		file = d.Path + "/memory.events"
	}
	text, err := readFile(file)
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseUint(flatKey(text, "oom_kill"), 10, 64)
	return n
}
