package spec

import "strings"

const chapterNetDevices = "config-linux.md#network-devices"

// netDevices checks the names: they go to the kernel, which refuses what
// devNameProblem finds.
func (c *checker) netDevices() {
	devs := c.linux.NetDevices
	if len(devs) == 0 {
		return
	}
	if c.ns[nsNetwork] == nsHost {
		c.must(chapterNetDevices, "needs a network namespace in linux.namespaces to move devices to", "linux.netDevices")
	}
	n := len(c.out)
	for host, d := range devs {
		if bad := devNameProblem(host, false); bad != "" {
			c.must(chapterNetDevices, quote(host)+" "+bad, "linux.netDevices", key(host))
		}
		if d.Name != "" {
			if bad := devNameProblem(d.Name, true); bad != "" {
				c.must(chapterNetDevices, quote(d.Name)+" "+bad, "linux.netDevices", key(host), "name")
			}
		}
		// Each pair once, by the later of the two in byte order.
		for other, o := range devs {
			if other < host && netDeviceName(other, o.Name) == netDeviceName(host, d.Name) &&
				!strings.Contains(d.Name, "%d") {
				c.must(chapterNetDevices, "gets the same name in the container as "+quote(other), "linux.netDevices", key(host), "name")
				break
			}
		}
	}
	c.sortFrom(n)
}

func netDeviceName(host, name string) string {
	if name == "" {
		return host
	}
	return name
}

// devNameProblem says why the kernel (dev_valid_name) would not take an
// interface name, "" if it would. A template is a name in which the kernel puts
// a number for %d.
func devNameProblem(name string, template bool) string {
	switch {
	case name == "":
		return "is not an interface name: it is empty"
	case len(name) > 15:
		return "is not an interface name: it is longer than 15 bytes"
	case name == "." || name == "..":
		return "is not an interface name"
	}
	for i := range len(name) {
		switch c := name[i]; {
		case c == '/' || c == ':' || c == 0 || c == ' ' || '\t' <= c && c <= '\r' || c == 0xa0:
			return "is not an interface name: it must not contain " + quote(name[i:i+1])
		case c == '%' && (!template || i+1 >= len(name) || name[i+1] != 'd' || strings.Count(name, "%") > 1):
			return "is not an interface name: '%' may only stand once, as %d, in the name that it gets"
		}
	}
	return ""
}
