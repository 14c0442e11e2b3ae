package spec

import "strings"

const (
	chapterCgroupsPath   = "config-linux.md#cgroups-path"
	chapterMaskedPaths   = "config-linux.md#masked-paths"
	chapterReadonlyPaths = "config-linux.md#readonly-paths"
	chapterPropagation   = "config-linux.md#rootfs-mount-propagation"
	chapterMountLabel    = "config-linux.md#mount-label"
	chapterPersonality   = "config-linux.md#personality"
)

// cgroupsPath refuses paths that climb: "Runtimes MAY consider certain
// cgroupsPath values to be invalid, and MUST generate an error if this is the
// case."
func (c *checker) cgroupsPath() {
	p := c.linux.CgroupsPath
	if hasElement(p, "..") {
		c.must(chapterCgroupsPath, quote(p)+" must not contain ..", "linux.cgroupsPath")
	}
	if strings.ContainsAny(p, "\x00\n") {
		c.must(chapterCgroupsPath, "must not contain NUL bytes or newlines", "linux.cgroupsPath")
	}
}

// rootfsPropagation checks the value; the recursive forms are not in the
// specification, and in use.
func (c *checker) rootfsPropagation() {
	switch c.linux.RootfsPropagation {
	case "", "shared", "slave", "private", "unbindable",
		"rshared", "rslave", "rprivate", "runbindable":
	default:
		c.must(chapterPropagation, quote(c.linux.RootfsPropagation)+" is not a mount propagation; "+
			oneOf("shared", "slave", "private", "unbindable"), "linux.rootfsPropagation")
	}
}

// paths checks maskedPaths, readonlyPaths ("The values MUST be absolute paths in
// the container namespace") and mountLabel.
func (c *checker) paths() {
	c.pathList(chapterMaskedPaths, "linux.maskedPaths", c.linux.MaskedPaths)
	c.pathList(chapterReadonlyPaths, "linux.readonlyPaths", c.linux.ReadonlyPaths)
	if hasNUL(c.linux.MountLabel) {
		c.must(chapterMountLabel, nulMessage, "linux.mountLabel")
	}
}

func (c *checker) pathList(chapter, field string, list []string) {
	if len(list) > 0 && c.ns[nsMount] == nsHost {
		c.must(chapter, "needs a mount namespace in linux.namespaces: the host's own paths would be covered", field)
	}
	for i, p := range list {
		if !isAbs(p) {
			c.must(chapter, quote(p)+" must be an absolute path", field, i)
		}
		if hasNUL(p) {
			c.must(chapter, nulMessage, field, i)
		}
	}
}

// personality checks the domain; "Currently no flag values are supported."
func (c *checker) personality() {
	p := c.linux.Personality
	if p == nil {
		return
	}
	if p.Domain != "LINUX" && p.Domain != "LINUX32" {
		c.must(chapterPersonality, quote(string(p.Domain))+" is not a personality domain; "+oneOf("LINUX", "LINUX32"), "linux.personality.domain")
	}
	for i, f := range p.Flags {
		c.must(chapterPersonality, quote(string(f))+": no personality flags are supported", "linux.personality.flags", i)
	}
}
