package cgroup

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// procs lists the processes of one group, without those of groups below it. 0
// stands for processes of a PID namespace that this process cannot see into.
func procs(dir string) ([]int, error) {
	text, err := readFile(dir + "/cgroup.procs")
	if errors.Is(err, unix.EOPNOTSUPP) {
		text, err = readFile(dir + "/cgroup.threads")
	}
	return pidList(text), err
}

// procsAt is procs for an open group. A threaded group has no cgroup.procs that
// can be read: its threads are listed, any of which stands for its process.
func procsAt(fd int) ([]int, error) {
	text, err := readAt(fd, "cgroup.procs")
	if err == unix.EOPNOTSUPP {
		text, err = readAt(fd, "cgroup.threads")
	}
	return pidList(text), err
}

func pidList(text string) []int {
	if text == "" {
		return nil
	}
	list := make([]int, 0, strings.Count(text, "\n")+1)
	for line := range strings.Lines(text) {
		if pid, err := strconv.Atoi(strings.TrimSuffix(line, "\n")); err == nil && pid >= 0 {
			list = append(list, pid)
		}
	}
	return list
}

// visible drops the 0 of processes that have no number here from a sorted list.
func visible(pids []int) []int {
	if len(pids) > 0 && pids[0] == 0 {
		return pids[1:]
	}
	return pids
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
func (g *Group) Pids() ([]int, error) {
	pids, err := pidsIn(g.members())
	return visible(pids), err
}

// anyPids also lists those that are in some of the groups only: an init whose
// runtime was killed while it was joining them. 0 is among them for processes
// that have no number in this PID namespace.
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

func procsBelow(dir string) (list []int, err error) {
	err = walk(dir, visitor{enter: func(fd int) error {
		pids, err := procsAt(fd)
		list = append(list, pids...)
		return err
	}})
	if gone(err) {
		err = nil
	}
	return list, err
}

// gone: a file of a removed group that was open answers ENODEV.
func gone(err error) bool { return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) }
