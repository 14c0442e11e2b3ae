package check

import (
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/host"
	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
	"github.com/rung-oci/rung/libcontainer/internal/seccomp"
	"github.com/rung-oci/rung/libcontainer/internal/spec"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// devices: a node is made with any number, so it is only unlikely to be meant when
// the kernel has no driver of it; where nodes cannot be made, the host's is
// bound and has to exist. In a user namespace a runtime with privileges makes the
// node, and mounts it.
func (c *checker) devices() {
	const source = "mknod(2)"
	bound := c.opt.Rootless || !c.has(unix.CAP_MKNOD) || c.userNS() && len(c.linux.UIDMappings)+len(c.linux.GIDMappings) == 0
	for i := range c.linux.Devices {
		d := &c.linux.Devices[i]
		at := index("linux.devices", i)
		if d.Type == "p" || !path.IsAbs(d.Path) {
			continue
		}
		if c.view != nil {
			f := c.view.find(d.Path)
			f.close()
			if f.err == unix.ENOTDIR { //nolint:errorlint // a bare errno
				c.fatal(at+".path", source, d.Path+" in the container: "+f.path+" is not in a directory", "choose another path")
			}
			if kind := f.mode & unix.S_IFMT; f.err == nil && !f.unknown && kind != unix.S_IFCHR && kind != unix.S_IFBLK && !((bound || c.userNS()) && kind == unix.S_IFREG) {
				c.fatal(at+".path", source, d.Path+" in the container is there already, and is no device: file exists", "choose another path, or take it out of the image")
			}
		}
		if bound {
			var st unix.Stat_t
			if err := sys.Stat(d.Path, &st); err != nil {
				c.fatal(at+".path", source, d.Path+" on the host: "+err.Error()+"; it is bound, since nodes cannot be made here", "make the device on the host")
			}
			continue
		}
		if d.Major >= 0 && !hasDriver(d.Type, d.Major) {
			c.note(at+".major", "/proc/devices", "the kernel has no driver for device "+d.Type+" "+strconv.FormatInt(d.Major, 10)+":"+strconv.FormatInt(d.Minor, 10), "load its module, or correct the number")
		}
	}
}

// hasDriver looks a major number up in /proc/devices (proc(5)); true if that cannot
// be read.
func hasDriver(kind string, major int64) bool {
	text, err := host.ReadSmall("/proc/devices")
	if err != nil {
		return true
	}
	characters, blocks, ok := strings.Cut(text, "Block devices:")
	if !ok {
		return true
	}
	list := characters
	if kind == "b" {
		list = blocks
	}
	want := strconv.FormatInt(major, 10)
	for line := range strings.Lines(list) {
		if n, _, _ := strings.Cut(strings.TrimSpace(line), " "); n == want {
			return true
		}
	}
	return false
}

func (c *checker) netDevices() {
	for _, name := range jsonscan.SortedKeys(c.linux.NetDevices) {
		if name == "" || name == "." || name == ".." || strings.Contains(name, "/") {
			continue
		}
		if !exists("/sys/class/net/" + name) {
			c.fatal(member("linux.netDevices", name), "config-linux.md#network-devices", "the host has no network device "+strconv.Quote(name), "make it, or look at ip link")
		}
	}
}

// resources is what can be told of limits besides their controllers.
func (c *checker) resources() {
	r := c.linux.Resources
	if r == nil {
		return
	}
	// One page is the least that the kernel counts, and the init needs several.
	if m := r.Memory; m != nil && m.Limit != nil && *m.Limit > 0 && *m.Limit <= 64<<10 {
		c.fatal("linux.resources.memory.limit", "cgroups(7)", strconv.FormatInt(*m.Limit, 10)+" bytes are not enough to start a process", "give the limit in bytes: 512 MiB are 536870912")
	}
	if p := r.CPU; p != nil {
		c.list("linux.resources.cpu.cpus", p.Cpus, "/sys/devices/system/cpu/possible", "CPUs")
		c.list("linux.resources.cpu.mems", p.Mems, "/sys/devices/system/node/possible", "memory nodes")
		if p.Idle != nil && *p.Idle != 0 {
			c.newer("linux.resources.cpu.idle", "cpu.idle", 5, 15)
		}
	}
	for i, h := range r.HugepageLimits {
		if pages := hugePages(); !slices.Contains(pages, h.Pagesize) && h.Pagesize != "" {
			c.fatal(index("linux.resources.hugepageLimits", i)+".pageSize", "/sys/kernel/mm/hugepages", "the kernel has no huge pages of "+strconv.Quote(h.Pagesize)+", only "+strings.Join(pages, ", "), "name one of these sizes")
		}
	}
	if b := r.BlockIO; b != nil {
		for i, d := range b.WeightDevice {
			c.blockDevice(index("linux.resources.blockIO.weightDevice", i), d.Major, d.Minor)
		}
		for _, l := range [...]struct {
			name string
			list []specs.LinuxThrottleDevice
		}{
			{"throttleReadBpsDevice", b.ThrottleReadBpsDevice}, {"throttleWriteBpsDevice", b.ThrottleWriteBpsDevice},
			{"throttleReadIOPSDevice", b.ThrottleReadIOPSDevice}, {"throttleWriteIOPSDevice", b.ThrottleWriteIOPSDevice},
		} {
			for i, d := range l.list {
				c.blockDevice(index("linux.resources.blockIO."+l.name, i), d.Major, d.Minor)
			}
		}
	}
}

func (c *checker) blockDevice(at string, major, minor int64) {
	number := strconv.FormatInt(major, 10) + ":" + strconv.FormatInt(minor, 10)
	if !exists("/sys/dev/block/" + number) {
		c.fatal(at, "cgroups(7)", "the host has no block device "+number, "look at lsblk")
	}
}

// list sees that the host has each CPU or node that is named.
func (c *checker) list(at, list, file, what string) {
	have := readFile(file)
	if list == "" || have == "" {
		return
	}
	last := 0
	for _, r := range numbers(have) {
		last = max(last, r[1])
	}
	for _, r := range numbers(list) {
		if r[1] > last {
			c.fatal(at, file, strconv.Quote(list)+" names more "+what+" than the host has: "+have, "name those within "+have)
			return
		}
	}
}

// numbers reads a list such as 0-3,7; what is none of it is left out.
func numbers(list string) (ranges [][2]int) {
	for entry := range strings.SplitSeq(list, ",") {
		entry, _, _ = strings.Cut(strings.TrimSpace(entry), ":")
		first, last, isRange := strings.Cut(entry, "-")
		if !isRange {
			last = first
		}
		a, err1 := strconv.Atoi(first)
		b, err2 := strconv.Atoi(last)
		if err1 == nil && err2 == nil {
			ranges = append(ranges, [2]int{a, b})
		}
	}
	return ranges
}

// hugePages lists the sizes of huge pages in the form of the config: 2MB, 1GB.
func hugePages() (sizes []string) {
	for kb := uint64(4); kb <= 1<<34; kb *= 2 {
		if !exists("/sys/kernel/mm/hugepages/hugepages-" + strconv.FormatUint(kb, 10) + "kB") {
			continue
		}
		n, unit := kb, "KB"
		switch {
		case kb >= 1<<20:
			n, unit = kb>>20, "GB"
		case kb >= 1<<10:
			n, unit = kb>>10, "MB"
		}
		sizes = append(sizes, strconv.FormatUint(n, 10)+unit)
	}
	return sizes
}

func (c *checker) memoryPolicy() {
	p := c.linux.MemoryPolicy
	if p == nil {
		return
	}
	if !exists("/proc/self/numa_maps") {
		c.fatal("linux.memoryPolicy", "set_mempolicy(2)", "the kernel is built without NUMA policies", "leave the policy out")
		return
	}
	switch p.Mode {
	case specs.MpolPreferredMany:
		c.newer("linux.memoryPolicy.mode", string(p.Mode), 5, 15)
	case specs.MpolWeightedInterleave:
		c.newer("linux.memoryPolicy.mode", string(p.Mode), 6, 9)
	}
	have := readFile("/sys/devices/system/node/has_memory")
	if have == "" || strings.TrimSpace(p.Nodes) == "" {
		return
	}
	for _, want := range numbers(p.Nodes) {
		for _, h := range numbers(have) {
			if want[0] <= h[1] && h[0] <= want[1] {
				return
			}
		}
	}
	for _, f := range p.Flags {
		if f == specs.MpolFRelativeNodes {
			return // counted among those that there are
		}
	}
	c.fatal("linux.memoryPolicy.nodes", "set_mempolicy(2)", "none of the nodes "+p.Nodes+" has memory: the host has "+have, "name nodes within "+have)
}

// sysctls: what is in a namespace is there on the host too, but for what comes with
// a network device.
func (c *checker) sysctls() {
	for _, name := range jsonscan.SortedKeys(c.linux.Sysctl) {
		file, ok := spec.SysctlPath(name)
		if !ok || ofDevice(file) {
			continue
		}
		if exists("/proc/sys/" + file) {
			if value := c.linux.Sysctl[name]; allNumbers(readFile("/proc/sys/"+file)) && !allNumbers(value) {
				c.fatal(member("linux.sysctl", name), "proc_sys(5)", strconv.Quote(value)+" is not a number, as "+name+" is", "give a number")
			}
			continue
		}
		f := Finding{
			Path: member("linux.sysctl", name), Source: "proc_sys(5)", Fatal: c.made&unix.CLONE_NEWNET != 0 || !strings.HasPrefix(file, "net/"),
			Message: "the kernel has no parameter " + name + ": /proc/sys/" + file + " does not exist", Hint: "load the module that has it, or correct the name",
		}
		c.add(f)
	}
}

// allNumbers reports whether a text has nothing but numbers, as the kernel reads those of a parameter.
func allNumbers(text string) bool {
	words := strings.Fields(text)
	return len(words) > 0 && !slices.ContainsFunc(words, func(w string) bool {
		_, err := strconv.ParseInt(w, 0, 64)
		if errors.Is(err, strconv.ErrRange) {
			return false
		}
		return err != nil
	})
}

// ofDevice says that a parameter belongs to a network device, which the container may
// come to have: net/ipv4/conf/eth0/forwarding.
func ofDevice(file string) bool {
	part := strings.Split(file, "/")
	return len(part) > 4 && part[0] == "net" && (part[2] == "conf" || part[2] == "neigh") && part[3] != "all" && part[3] != "default"
}

func (c *checker) seccomp() {
	p := c.linux.Seccomp
	if p == nil {
		return
	}
	const at, source = "linux.seccomp", "seccomp(2)"
	for i, f := range p.Flags {
		if bits, err := seccomp.FlagBits(string(f)); err == nil && !host.SeccompFlags(bits) {
			c.fatal(index(at+".flags", i), source, "the kernel does not know "+string(f), "leave the flag out, or use a newer kernel")
		}
	}
	notify := false
	for i := range p.Syscalls {
		s := &p.Syscalls[i]
		notify = notify || s.Action == specs.ActNotify
		for j, name := range s.Names {
			if name != "" && !seccomp.Known(name) {
				c.add(Finding{
					Path: index(index(at+".syscalls", i)+".names", j), Source: source, Fatal: c.failsUnknown(),
					Message: strconv.Quote(name) + " is no system call that is known here: the rule has no effect", Hint: "correct the name, or leave it for newer kernels",
				})
			}
		}
	}
	if !notify || p.ListenerPath == "" {
		return
	}
	var st unix.Stat_t
	if err := sys.Stat(p.ListenerPath, &st); err != nil {
		c.fatal(at+".listenerPath", "config-linux.md#seccomp", p.ListenerPath+": "+err.Error(), "start the agent that listens there first")
	} else if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		c.fatal(at+".listenerPath", "config-linux.md#seccomp", p.ListenerPath+" is no socket", "name the socket that the agent listens on")
	}
}
