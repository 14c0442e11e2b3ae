package cgroup

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// procs lists the processes of one group, without those of groups below it.
func procs(dir string) ([]int, error) {
	text, err := readFile(dir + "/cgroup.procs")
	if errors.Is(err, unix.EOPNOTSUPP) {
		// threads of a threaded group: their processes show in the group at the top of it
		text, err = readFile(dir + "/cgroup.threads")
	}
	if err != nil || text == "" {
		return nil, err
	}
	list := make([]int, 0, strings.Count(text, "\n")+1)
	for line := range strings.Lines(text) {
		// 0 is a process of a pid namespace that cannot be seen from here
		if pid, err := strconv.Atoi(strings.TrimSuffix(line, "\n")); err == nil && pid > 0 {
			list = append(list, pid)
		}
	}
	return list, nil
}

// members are the directories whose trees tell who is in the container. Every
// process is in every hierarchy, so that one would do, had nobody been moved by
// others than the runtime: on a hybrid host one of each version is asked.
func (g *Group) members() (dirs []string) {
	if d := g.v2(); d != nil {
		dirs = append(dirs, d.Path)
	}
	for _, c := range [...]string{"freezer", "pids", "devices"} {
		if d := g.v1(c); d != nil {
			return append(dirs, d.Path)
		}
	}
	if len(dirs) == 0 && len(g.dirs) > 0 {
		dirs = append(dirs, g.dirs[0].Path)
	}
	return dirs
}

// Pids lists the processes of the container, those in groups below its own too,
// in ascending order. A container without groups left has none.
func (g *Group) Pids() ([]int, error) { return pidsIn(g.members()) }

// anyPids also lists those that are in some of the groups only: an init whose
// runtime was killed while it was joining them.
func (g *Group) anyPids() ([]int, error) {
	dirs := make([]string, len(g.dirs))
	for i := range g.dirs {
		dirs[i] = g.dirs[i].Path
	}
	return pidsIn(dirs)
}

func pidsIn(dirs []string) ([]int, error) {
	var all []int
	for _, dir := range dirs {
		list, err := procsBelow(dir)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

func procsBelow(dir string) ([]int, error) {
	list, err := procs(dir)
	if err != nil {
		if gone(err) {
			err = nil
		}
		return nil, err
	}
	below, err := children(dir)
	if err != nil && !gone(err) {
		return list, err
	}
	for _, child := range below {
		more, err := procsBelow(child)
		if err != nil {
			return list, err
		}
		list = append(list, more...)
	}
	return list, nil
}

// gone: a file of a removed group that was open answers ENODEV.
func gone(err error) bool { return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) }
