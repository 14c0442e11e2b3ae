package cgroup

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/cgroup/stats"
	"golang.org/x/sys/unix"
)

// Stats reads what the container's groups have counted, each controller where the
// host has it. What only cgroup v2 measures, pressure, is read there on a hybrid
// host too. ENOENT: the groups are gone.
func (g *Group) Stats() (*stats.Stats, error) {
	if len(g.dirs) == 0 || !exists(g.dirs[0].Path) {
		return nil, &os.PathError{Op: "read statistics of", Path: g.path, Err: unix.ENOENT}
	}
	s := &stats.Stats{}
	var errs []error
	// of gives a controller's directory. On a host where v1 has it not, v2 has it, or nobody.
	of := func(controller string) (*stats.Dir, bool) {
		if d := g.v1(controller); d != nil {
			return &stats.Dir{Path: d.Path}, true
		}
		return g.unifiedDir(), false
	}
	read := func(controller string, v1, v2 func(*stats.Dir)) {
		d, isV1 := of(controller)
		if isV1 {
			v1(d)
		} else {
			v2(d)
		}
		errs = append(errs, d.Err())
	}
	read("cpuacct", func(d *stats.Dir) {
		cpu, _ := of("cpu")
		s.CPU = stats.CPUV1(d, cpu)
		errs = append(errs, cpu.Err())
	}, func(d *stats.Dir) { s.CPU = stats.CPUV2(d) })
	read("cpuset", func(d *stats.Dir) { s.Cpuset = stats.CpusetV1(d) }, func(d *stats.Dir) { s.Cpuset = stats.CpusetV2(d) })
	read("memory", func(d *stats.Dir) { s.Memory = stats.MemoryV1(d) }, func(d *stats.Dir) { s.Memory = stats.MemoryV2(d) })
	read("pids", func(d *stats.Dir) { s.Pids = stats.PidsOf(d) }, func(d *stats.Dir) { s.Pids = stats.PidsOf(d) })
	read("blkio", func(d *stats.Dir) { s.IO = stats.IOV1(d) }, func(d *stats.Dir) { s.IO = stats.IOV2(d) })
	read("hugetlb", func(d *stats.Dir) { s.Hugetlb = stats.HugetlbV1(d, hugepageSizes()) }, func(d *stats.Dir) { s.Hugetlb = stats.HugetlbV2(d, hugepageSizes()) })
	read("rdma", func(d *stats.Dir) { s.RDMA = stats.RDMAOf(d) }, func(d *stats.Dir) { s.RDMA = stats.RDMAOf(d) })
	if d := g.unifiedDir(); d.Path != "" && !g.onlyV2() {
		s.CPU.PSI, s.Memory.PSI, s.IO.PSI = d.Pressure("cpu"), d.Pressure("memory"), d.Pressure("io")
	}
	return s, errors.Join(errs...)
}

func (g *Group) unifiedDir() *stats.Dir {
	if d := g.v2(); d != nil {
		return &stats.Dir{Path: d.Path}
	}
	return &stats.Dir{}
}

// hugepageSizes lists the sizes that the host's memory has pages of, in the form
// of hugetlb's files, smallest first.
func hugepageSizes() []string {
	dirs, err := children("/sys/kernel/mm/hugepages")
	if err != nil {
		return nil
	}
	var kib []uint64
	for _, d := range dirs {
		_, name, _ := strings.Cut(d, "hugepages-")
		if n, err := strconv.ParseUint(strings.TrimSuffix(name, "kB"), 10, 64); err == nil {
			kib = append(kib, n)
		}
	}
	slices.Sort(kib)
	var sizes []string
	for _, n := range kib {
		sizes = append(sizes, hugepageName(n))
	}
	return sizes
}

// hugepageName is the kernel's: the largest unit that leaves a whole number.
func hugepageName(kib uint64) string {
	switch {
	case kib >= 1<<20:
		return strconv.FormatUint(kib>>20, 10) + "GB"
	case kib >= 1<<10:
		return strconv.FormatUint(kib>>10, 10) + "MB"
	}
	return strconv.FormatUint(kib, 10) + "KB"
}
