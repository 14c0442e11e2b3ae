package spec

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const chapterDevices = "config-linux.md#devices"

// The kernel's dev_t: 12 bits of major, 20 bits of minor number.
const (
	maxMajor = 1<<12 - 1
	maxMinor = 1<<20 - 1
)

// devices checks the device nodes. Entries that repeat a default device, or each
// other, are common.
func (c *checker) devices() {
	list := c.linux.Devices
	for i := range list {
		d := &list[i]
		numbered := false
		switch d.Type {
		case "c", "b", "u":
			numbered = true
		case "p":
		default:
			c.must(chapterDevices, quote(d.Type)+" is not a device type; "+oneOf("c", "b", "u", "p"), "linux.devices", i, "type")
		}
		switch {
		case d.Path == "":
			c.must(chapterDevices, "is required", "linux.devices", i, "path")
		case hasNUL(d.Path):
			c.must(chapterDevices, nulMessage, "linux.devices", i, "path")
		case !isAbs(d.Path):
			c.should(chapterDevices, quote(d.Path)+" should be a full path; taken as relative to /", "linux.devices", i, "path")
		}
		if numbered && (d.Major < 0 || d.Major > maxMajor) {
			c.must(chapterDevices, "major number "+itoa(d.Major)+" is out of range, want 0 to 4095", "linux.devices", i, "major")
		}
		if numbered && (d.Minor < 0 || d.Minor > maxMinor) {
			c.must(chapterDevices, "minor number "+itoa(d.Minor)+" is out of range, want 0 to 1048575", "linux.devices", i, "minor")
		}
		// Engines leave stat(2)'s file type in.
		if d.FileMode != nil && *d.FileMode&^0o170000 > 0o7777 {
			c.warn(chapterDevices, "only the permission bits (07777, decimal 4095) of "+utoa(uint64(*d.FileMode))+" count", "linux.devices", i, "fileMode")
		}
		c.deviceTwice(list, i, numbered)
	}
}

// deviceTwice enforces "The same type, major and minor SHOULD NOT be used for
// multiple devices", and that no path is asked to be two things. A privileged
// container lists every device of the host: the comparison is kept cheap.
func (c *checker) deviceTwice(list []specs.LinuxDevice, i int, numbered bool) {
	d := &list[i]
	path, number := false, false
	for j := range list[:i] {
		o := &list[j]
		same := o.Major == d.Major && o.Minor == d.Minor && o.Type == d.Type
		if !path && len(o.Path) == len(d.Path) && o.Path == d.Path {
			path = true
			if same || !numbered && o.Type == d.Type {
				c.warn(chapterDevices, "the same as entry "+itoa(int64(j)), "linux.devices", i)
				return
			}
			c.should(chapterDevices, quote(d.Path)+" is a different device in entry "+itoa(int64(j)), "linux.devices", i, "path")
		}
		if !number && same && numbered && o.Path != d.Path {
			number = true
			c.should(chapterDevices, "device "+d.Type+" "+itoa(d.Major)+":"+itoa(d.Minor)+" is in entry "+itoa(int64(j))+" too", "linux.devices", i, "major")
		}
	}
}
