// Package mountinfo reads the kernel's list of mounts (proc_pid_mountinfo(5)).
package mountinfo

import (
	"iter"
	"strconv"
	"strings"
)

// Mount is one line of mountinfo.
type Mount struct {
	ID      int    // of the mount
	Parent  int    // ID of the mount that this one is in
	Device  string // of the file system, "major:minor"
	Root    string // directory of the file system that is mounted
	Point   string // where it is mounted, as the process sees it
	Escaped bool   // Point has a blank, a line end or a backslash, which the kernel escapes
	Type    string // of the file system, "ext4" or "fuse.sshfs"
	Options string // of the file system, which all its mounts share; as the kernel escapes them
}

// All gives the mounts of a mountinfo, in its order: a mount covers those before
// it at the same place. Lines that are damaged are left out. A line may be of any
// length: the options of an overlay name all its layers.
func All(text string) iter.Seq[Mount] {
	return func(yield func(Mount) bool) {
		for line := range strings.Lines(text) {
			// blanks in names are escaped: the lone dash ends the fields whose number varies
			head, tail, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
			id, head, _ := strings.Cut(head, " ")
			parent, head, _ := strings.Cut(head, " ")
			device, head, _ := strings.Cut(head, " ")
			root, head, _ := strings.Cut(head, " ")
			point, _, more := strings.Cut(head, " ")
			kind, tail, typed := strings.Cut(tail, " ")
			m := Mount{Device: device, Root: unescape(root), Point: unescape(point), Escaped: strings.Contains(point, `\`), Type: kind}
			_, m.Options, _ = strings.Cut(tail, " ")
			var noID, noParent error
			m.ID, noID = strconv.Atoi(id)
			m.Parent, noParent = strconv.Atoi(parent)
			if !ok || !more || !typed || noID != nil || noParent != nil {
				continue
			}
			if !yield(m) {
				return
			}
		}
	}
}

// unescape undoes \040 and its like: the kernel writes blanks, tabs, line ends
// and backslashes as three octal digits.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
