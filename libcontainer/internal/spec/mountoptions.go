package spec

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/rung-oci/rung/internal/misspelt"
)

// MountOptionLength returns the length of the first option in a comma-separated list.
// Commas within quotes (SELinux contexts) and behind a backslash (overlay's
// directories) are part of a value.
func MountOptionLength(list string) int {
	quoted := false
	for i := 0; i < len(list); i++ {
		switch list[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case ',':
			if !quoted {
				return i
			}
		}
	}
	return len(list)
}

// IDMapOption splits crun's option of an id-mapped bind mount, "idmap=uids=0-1000-1;gids=0-1000-1". tree is for
// "ridmap=", which is for the mounts below, too. ok is false for any other option, idmap without a value among them.
func IDMapOption(option string) (value string, tree, ok bool) {
	if value, ok = strings.CutPrefix(option, "idmap="); ok {
		return value, false, true
	}
	value, ok = strings.CutPrefix(option, "ridmap=")
	return value, true, ok
}

// ParseIDMap reads the value of an idmap option: "uids=" and "gids=", divided by a semicolon, each with ranges divided
// by "#". A range is FILESYSTEM-HOST-SIZE: ids of the file system from FILESYSTEM on show as ids of the host from HOST
// on. With "@" before it HOST is an id in the container, which userUIDs and userGIDs, the mappings of the container's
// user namespace, translate (crun(1), "idmap mount options").
func ParseIDMap(value string, userUIDs, userGIDs []specs.LinuxIDMapping) (uids, gids []specs.LinuxIDMapping, err error) {
	for part := range strings.SplitSeq(value, ";") {
		name, ranges, _ := strings.Cut(part, "=")
		list, user := &uids, userUIDs
		switch name {
		case "uids":
		case "gids":
			list, user = &gids, userGIDs
		default:
			return nil, nil, errors.New(quote(part) + " is neither uids=… nor gids=…")
		}
		if *list != nil {
			return nil, nil, errors.New(name + " is given twice")
		}
		for text := range strings.SplitSeq(ranges, "#") {
			m, relative, err := parseIDRange(text)
			if err != nil {
				return nil, nil, errors.New(name + ": " + err.Error())
			}
			if !relative {
				*list = append(*list, m)
			} else if *list, err = appendOnHost(*list, m, user); err != nil {
				return nil, nil, errors.New(name + ": " + quote(text) + ": " + err.Error())
			}
		}
	}
	if uids == nil || gids == nil {
		return nil, nil, errors.New("both uids=… and gids=… are needed")
	}
	return uids, gids, nil
}

func parseIDRange(text string) (m specs.LinuxIDMapping, relative bool, err error) {
	wrong := errors.New(quote(text) + " is not a range FILESYSTEM-HOST-SIZE of ids")
	numbers, relative := strings.CutPrefix(text, "@")
	fields := strings.Split(numbers, "-")
	if len(fields) != 3 {
		return m, false, wrong
	}
	for i, to := range [...]*uint32{&m.ContainerID, &m.HostID, &m.Size} {
		n, err := strconv.ParseUint(fields[i], 10, 32)
		if err != nil {
			return m, false, wrong
		}
		*to = uint32(n)
	}
	if m.Size == 0 {
		return m, false, errors.New(quote(text) + " maps no ids")
	}
	return m, relative, nil
}

// appendOnHost appends a range whose second part is in the container, with the ids of the host in place of it. It is
// divided where neighbours in the container are none on the host.
func appendOnHost(list []specs.LinuxIDMapping, m specs.LinuxIDMapping, user []specs.LinuxIDMapping) ([]specs.LinuxIDMapping, error) {
	for {
		i := slices.IndexFunc(user, func(u specs.LinuxIDMapping) bool {
			return m.HostID >= u.ContainerID && m.HostID-u.ContainerID < u.Size
		})
		if i < 0 {
			return nil, errors.New("id " + utoa(uint64(m.HostID)) + " is not mapped in the container's user namespace")
		}
		into := m.HostID - user[i].ContainerID
		n := min(m.Size, user[i].Size-into)
		list = append(list, specs.LinuxIDMapping{ContainerID: m.ContainerID, HostID: user[i].HostID + into, Size: n})
		if n == m.Size {
			return list, nil
		}
		m.ContainerID, m.HostID, m.Size = m.ContainerID+n, m.HostID+n, m.Size-n
	}
}

// foreignOptions are options that mean nothing to a bind mount and yet are no mistake: those of mount(8) and fstab(5),
// of engines, which have done what they say before they hand them on, and crun's recursive forms of superblock flags.
var foreignOptions = [...]string{
	"O", "U", "Z", "_netdev", "auto", "cached", "consistent", "copy", "delegated", "group", "grpquota", "loop", "noauto", "nocopy", "nofail",
	"noquota", "notmpcopyup", "nouser", "owner", "quota", "rasync", "rdirsync", "rmand", "rnomand", "rsync", "user", "users", "usrquota",
	"volume-nocopy", "z",
}

// NoEffectOnBind reports whether an option that is not in the table of config.md is known to mean nothing to a bind
// mount. Any other such option would be dropped in silence, so that a misspelt nosuid would leave set-user-id programs.
func NoEffectOnBind(option string) bool {
	if option == "" || commentOption(option) {
		return true
	}
	_, found := slices.BinarySearch(foreignOptions[:], option)
	return found
}

// commentOption knows what fstab(5) has for other programs; mount(8) does not hand it to the kernel either.
func commentOption(option string) bool {
	return strings.HasPrefix(option, "x-") || strings.HasPrefix(option, "X-") || strings.HasPrefix(option, "comment=")
}

// hierarchyOptions are options of a cgroup hierarchy (Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/cgroups.rst).
// The host's hierarchy has them or has them not: a container is shown that one.
var hierarchyOptions = [...]string{
	"all", "blkio", "clone_children", "cpu", "cpuacct", "cpuset", "cpuset_v2_mode", "devices", "favordynmods", "freezer", "hugetlb", "memory",
	"memory_hugetlb_accounting", "memory_localevents", "memory_recursiveprot", "misc", "net_cls", "net_prio", "nofavordynmods", "none",
	"noprefix", "nsdelegate", "perf_event", "pids", "pids_localevents", "rdma", "xattr",
}

// NoEffectOnCgroup reports whether an option that is not in the table of config.md is known to mean nothing to a mount of
// cgroup or cgroup2 in a container.
func NoEffectOnCgroup(option string) bool {
	if NoEffectOnBind(option) || strings.HasPrefix(option, "name=") {
		return true
	}
	_, found := slices.BinarySearch(hierarchyOptions[:], option)
	return found
}

// fileSystemOption judges an option that is not in the table of config.md.
func (c *checker) fileSystemOption(i, j int, m *specs.Mount, o *mountSummary, option string) {
	fatal := ""
	switch {
	case o.bind || m.Type == "bind":
		if NoEffectOnBind(option) {
			c.warn(chapterMountOptions, quote(option)+" has no effect on a bind mount", "mounts", i, "options", j)
			return
		}
		fatal = "bind mounts cannot have any filesystem-specific options applied"
	case o.remount:
		if NoEffectOnBind(option) {
			return
		}
		fatal = "remount changes the flags of a mount, and not the options of its file system"
	case m.Type == "cgroup" || m.Type == "cgroup2":
		if NoEffectOnCgroup(option) {
			return
		}
		fatal = "a mount of " + m.Type + " cannot have any filesystem-specific options applied: it shows the host's hierarchy"
	default:
		return // the file system's to judge
	}
	message := quote(option) + ": " + fatal
	if near := NearestMountOption(option); near != "" {
		message += ": did you mean " + near + "?"
	}
	c.must(chapterMountOptions, message, "mounts", i, "options", j)
}

// standardOptions are the options of the table of config.md that a misspelt one may mean.
var standardOptions = [...]string{
	"async", "atime", "bind", "defaults", "dev", "diratime", "dirsync", "exec", "idmap", "iversion", "lazytime", "loud", "mand", "noatime", "nodev",
	"nodiratime", "noexec", "nofail", "noiversion", "nolazytime", "nomand", "norelatime", "nostrictatime", "nosuid", "nosymfollow", "private",
	"ratime", "rbind", "rdev", "rdiratime", "relatime", "remount", "rexec", "ridmap", "rnoatime", "rnodev", "rnodiratime", "rnoexec", "rnorelatime",
	"rnostrictatime", "rnosuid", "rnosymfollow", "ro", "rprivate", "rrelatime", "rro", "rrw", "rshared", "rslave", "rstrictatime", "rsuid",
	"rsymfollow", "runbindable", "rw", "shared", "silent", "slave", "strictatime", "suid", "symfollow", "sync", "tmpcopyup", "unbindable",
}

// NearestMountOption returns the option of the table of config.md that option is most likely a misspelling of, or "".
func NearestMountOption(option string) string { return misspelt.Nearest(option, standardOptions[:]) }

// StandardMountOptions lists the options that are proposed for a misspelt one.
func StandardMountOptions() []string { return standardOptions[:] } //nolint:unused // compile's test holds its own table against them
