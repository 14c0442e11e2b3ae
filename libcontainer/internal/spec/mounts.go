package spec

import (
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const (
	chapterMounts       = "config.md#mounts"
	chapterMountOptions = "config.md#linux-mount-options"
	chapterPOSIXMounts  = "config.md#posix-platform-mounts"
	chapterDefaultFS    = "config-linux.md#default-filesystems"
)

func (c *checker) mounts() {
	for i := range c.spec.Mounts {
		c.mount(i, &c.spec.Mounts[i])
	}
	c.defaultFilesystems()
}

// defaultFilesystems: "The following filesystems SHOULD be made available in each
// container's filesystem". Few programs live without them.
func (c *checker) defaultFilesystems() {
	if c.ns[nsMount] != nsNew || c.spec.Process == nil {
		return
	}
	for _, path := range [...]string{"/proc", "/sys", "/dev/pts", "/dev/shm"} {
		if !c.mountedAt(path) {
			c.warn(chapterDefaultFS, "nothing is mounted at "+path+", where programs on Linux expect a filesystem", "mounts")
		}
	}
}

func (c *checker) mountedAt(path string) bool {
	for i := range c.spec.Mounts {
		d := c.spec.Mounts[i].Destination
		if d == path || len(d) >= len(path)-1 && strings.Trim(d, "/") == path[1:] {
			return true
		}
	}
	return false
}

// mount checks one entry. What runtimes have always put up with, relative
// destinations above all, is no reason to refuse.
func (c *checker) mount(i int, m *specs.Mount) {
	switch d := m.Destination; {
	case d == "":
		c.must(chapterMounts, "is required", "mounts", i, "destination")
	case hasNUL(d):
		c.must(chapterMounts, nulMessage, "mounts", i, "destination")
	case !isAbs(d):
		c.should(chapterMounts, quote(d)+" should be an absolute path; taken as relative to /", "mounts", i, "destination")
	case c.belowHostRoot(d):
		c.warn(chapterMounts, quote(d)+" begins with the root's path on the host; taken as a path in the container, without it", "mounts", i, "destination")
	}
	if hasNUL(m.Source) {
		c.must(chapterMounts, nulMessage, "mounts", i, "source")
	}
	if hasNUL(m.Type) {
		c.must(chapterPOSIXMounts, nulMessage, "mounts", i, "type")
	}
	o := c.mountOptions(i, m.Options)
	switch {
	case o.bind:
		if m.Source == "" {
			c.should(chapterMounts, "a bind mount should have a source; taken as the bundle itself", "mounts", i, "source")
		}
	case o.remount:
	case m.Type == "bind":
		c.should(chapterMounts, "a bind mount should have the option bind or rbind", "mounts", i, "options")
	case m.Type == "":
		c.must(chapterPOSIXMounts, "is required unless options has bind or rbind", "mounts", i, "type")
	case m.Type == "none" && !slices.Contains(m.Options, "nofail"):
		c.must(chapterPOSIXMounts, "none is not a filesystem: options must have bind or rbind", "mounts", i, "type")
	}
	for _, d := range o.data {
		c.fileSystemOption(i, d.entry, m, &o, d.option)
	}
	c.mountMappings(i, m, &o)
	if c.opts.Rootless {
		c.mountOwner(i, m)
	}
}

// belowHostRoot says whether a destination repeats the host's path of the root.
func (c *checker) belowHostRoot(dest string) bool {
	if c.spec.Root == nil {
		return false
	}
	root := c.spec.Root.Path
	if !isAbs(root) {
		if c.opts.BundleAbs == "" || root == "" {
			return false
		}
		root = strings.TrimSuffix(c.opts.BundleAbs, "/") + "/" + root
	}
	root = strings.TrimRight(root, "/")
	return root != "" && strings.HasPrefix(dest, root) && (len(dest) == len(root) || dest[len(root)] == '/')
}

// mountOption is what an option of config.md#linux-mount-options acts on; an
// option of one class undoes, or is at odds with, others of the class.
type mountOption uint8

const (
	optData  mountOption = iota // not in the table: for the filesystem itself
	optAlone                    // cannot be at odds with another
	optRO                       // ro, rw …
	optSuid
	optDev
	optExec
	optSync
	optFollow
	optAtime
	optDiratime
	optMand
	optIversion
	optLazytime
	optSilent
	optRRO // … and their recursive forms
	optRSuid
	optRDev
	optRExec
	optRFollow
	optRAtime
	optRDiratime
	optPropagation
	optBind
	optIDMap
	optRemount
	optClasses
)

func mountOptionClass(o string) mountOption {
	switch o {
	case "defaults", "dirsync", "tmpcopyup", "copy-symlink", "src-nofollow", "dest-nofollow":
		return optAlone
	case "ro", "rw":
		return optRO
	case "suid", "nosuid":
		return optSuid
	case "dev", "nodev":
		return optDev
	case "exec", "noexec":
		return optExec
	case "sync", "async":
		return optSync
	case "symfollow", "nosymfollow":
		return optFollow
	case "atime", "noatime", "relatime", "norelatime", "strictatime", "nostrictatime":
		return optAtime
	case "diratime", "nodiratime":
		return optDiratime
	case "mand", "nomand":
		return optMand
	case "iversion", "noiversion":
		return optIversion
	case "lazytime", "nolazytime":
		return optLazytime
	case "silent", "loud":
		return optSilent
	case "rro", "rrw":
		return optRRO
	case "rsuid", "rnosuid":
		return optRSuid
	case "rdev", "rnodev":
		return optRDev
	case "rexec", "rnoexec":
		return optRExec
	case "rsymfollow", "rnosymfollow":
		return optRFollow
	case "ratime", "rnoatime", "rrelatime", "rnorelatime", "rstrictatime", "rnostrictatime":
		return optRAtime
	case "rdiratime", "rnodiratime":
		return optRDiratime
	case "private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable":
		return optPropagation
	case "bind", "rbind":
		return optBind
	case "idmap", "ridmap":
		return optIDMap
	case "remount":
		return optRemount
	}
	return optData
}

// mountSummary is what the options of a mount come to.
type mountSummary struct {
	bind, remount, idmap bool
	idmapText            string // the mappings of idmap=, or ridmap=
	idmapEntry           int    // and the entry that has them
	data                 []optionAt
}

// optionAt is a filesystem-specific option, and the entry of options that it is in.
type optionAt struct {
	option string
	entry  int
}

// mountOptions checks the list. Options at odds with each other are legal, the
// last one counts as in mount(8), and surely not meant.
func (c *checker) mountOptions(i int, options []string) mountSummary {
	var s mountSummary
	var seen [optClasses]string // the last of its class
	for j, entry := range options {
		if hasNUL(entry) {
			c.must(chapterMountOptions, nulMessage, "mounts", i, "options", j)
			continue
		}
		if entry == "" {
			c.warn(chapterMountOptions, "an empty option", "mounts", i, "options", j)
		}
		for entry != "" {
			n := MountOptionLength(entry)
			o := entry[:n]
			entry = strings.TrimPrefix(entry[n:], ",")
			class := mountOptionClass(o)
			switch class {
			case optData:
				if text, _, ok := IDMapOption(o); ok {
					s.idmap, s.idmapText, s.idmapEntry = true, text, j
					if text == "" {
						c.must(chapterMountOptions, quote(o)+" has no mappings", "mounts", i, "options", j)
					}
				} else if o != "" {
					s.data = append(s.data, optionAt{o, j})
				}
				continue
			case optAlone:
				continue
			case optBind:
				s.bind = true
			case optRemount:
				s.remount = true
			case optIDMap:
				s.idmap = true
			}
			if seen[class] != "" && atOdds(class, seen[class], o) {
				c.warn(chapterMountOptions, quote(o)+" is at odds with "+quote(seen[class])+" before it", "mounts", i, "options", j)
			}
			seen[class] = o
		}
	}
	return s
}

func atOdds(class mountOption, a, b string) bool {
	if class == optAtime || class == optRAtime {
		// nostrictatime, norelatime and atime take nothing away from the others.
		sets := func(o string) bool {
			o = strings.TrimPrefix(o, "r")
			return o == "noatime" || o == "elatime" || o == "relatime" || o == "strictatime"
		}
		return a != b && sets(a) && sets(b)
	}
	return a != b
}

// mountMappings checks idmapped mounts: "If specified, it MUST be specified along
// with gidMappings"; "If there are no uidMappings and gidMappings specified and
// the container isn't using user namespaces, an error MUST be returned."
func (c *checker) mountMappings(i int, m *specs.Mount, o *mountSummary) {
	uids, gids := len(m.UIDMappings) > 0, len(m.GIDMappings) > 0
	if o.idmapText != "" {
		if _, _, err := ParseIDMap(o.idmapText, c.linux.UIDMappings, c.linux.GIDMappings); err != nil {
			c.must(chapterMountOptions, "idmap: "+err.Error(), "mounts", i, "options", o.idmapEntry)
		}
		if uids || gids {
			c.must(chapterMountOptions, "idmap has mappings, and so has the mount: want one of them", "mounts", i, "options", o.idmapEntry)
		}
	}
	if !uids && !gids {
		if o.idmap && o.idmapText == "" && c.ns[nsUser] == nsHost {
			c.must(chapterMountOptions, "idmap and ridmap need uidMappings and gidMappings, or a user namespace whose mappings to use", "mounts", i, "options")
		}
		return
	}
	if !gids {
		c.must(chapterPOSIXMounts, "uidMappings must be specified along with gidMappings", "mounts", i, "gidMappings")
	}
	if !uids {
		c.must(chapterPOSIXMounts, "gidMappings must be specified along with uidMappings", "mounts", i, "uidMappings")
	}
	if !o.idmap {
		c.should(chapterPOSIXMounts, "mappings should come with the option idmap or ridmap: older runtimes ignore them without", "mounts", i, "options")
	}
	if !o.bind {
		c.should(chapterPOSIXMounts, "mappings are for bind mounts", "mounts", i, "uidMappings")
	}
	c.mappings(chapterPOSIXMounts, m.UIDMappings, "mounts", i, "uidMappings")
	c.mappings(chapterPOSIXMounts, m.GIDMappings, "mounts", i, "gidMappings")
}

// mountOwner checks uid= and gid= in a rootless container, where the kernel
// refuses ids that the user namespace does not map.
func (c *checker) mountOwner(i int, m *specs.Mount) {
	if c.ns[nsUser] != nsNew {
		return
	}
	for j, o := range m.Options {
		name, value, _ := strings.Cut(o, "=")
		maps := c.linux.UIDMappings
		switch name {
		case "uid":
		case "gid":
			maps = c.linux.GIDMappings
		default:
			continue
		}
		id, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			continue // the filesystem's to judge
		}
		if !mapped(maps, uint32(id)) {
			c.must(chapterMountOptions, quote(o)+" is an id that the rootless container's user namespace does not map", "mounts", i, "options", j)
		}
	}
}
