// Package landlock reads the annotations that ask for Landlock rules
// (docs/annotations.md), and says what of them a kernel can enforce. It is pure:
// no system call, no file. Rights are the kernel's bits
// (Documentation/userspace-api/landlock.rst).
package landlock

import "strings"

// Right is one right of Landlock.
type Right struct {
	Name string // as annotations and plans have it
	Bit  uint64
	ABI  int // the first version of Landlock that knows it
}

// FS are the rights that a rule gives on a file, or on all that is below a
// directory (LANDLOCK_ACCESS_FS_*), by their bits.
var FS = [...]Right{
	{"execute", 1 << 0, 1},
	{"write_file", 1 << 1, 1},
	{"read_file", 1 << 2, 1},
	{"read_dir", 1 << 3, 1},
	{"remove_dir", 1 << 4, 1},
	{"remove_file", 1 << 5, 1},
	{"make_char", 1 << 6, 1},
	{"make_dir", 1 << 7, 1},
	{"make_reg", 1 << 8, 1},
	{"make_sock", 1 << 9, 1},
	{"make_fifo", 1 << 10, 1},
	{"make_block", 1 << 11, 1},
	{"make_sym", 1 << 12, 1},
	{"refer", 1 << 13, 2},     // Linux 5.19
	{"truncate", 1 << 14, 3},  // Linux 6.2
	{"ioctl_dev", 1 << 15, 5}, // Linux 6.10
}

// Net are the rights that a rule gives on a TCP port (LANDLOCK_ACCESS_NET_*,
// Linux 6.7).
var Net = [...]Right{
	{"bind", 1 << 0, 4},
	{"connect", 1 << 1, 4},
}

// Scope is what a process is cut off from that is outside its domain
// (LANDLOCK_SCOPE_*, Linux 6.12).
var Scope = [...]Right{
	{"abstract-unix-socket", 1 << 0, 6},
	{"signal", 1 << 1, 6},
}

// Newest is the newest version of Landlock's ABI whose rights are known here.
// Those after it log, and confine no more.
const Newest = 6

// FileRights are those of FS that a rule about a file, rather than a
// directory, may give: the kernel refuses the others there.
const FileRights = 1<<0 | 1<<1 | 1<<2 | 1<<14 | 1<<15

// The groups that annotations have names for.
const (
	readOnly  = 1<<2 | 1<<3
	readWrite = readOnly | 1<<1 | 1<<4 | 1<<5 | 1<<7 | 1<<8 | 1<<9 | 1<<10 | 1<<12 | 1<<13 | 1<<14
)

// group is the rights of a name that stands for several; 0 for none. Device
// nodes and ioctls on devices are in "all" alone.
func group(name string) uint64 {
	switch name {
	case "ro":
		return readOnly
	case "rx":
		return readOnly | 1<<0
	case "rw":
		return readWrite
	case "rwx":
		return readWrite | 1<<0
	case "all":
		return upTo(FS[:], Newest)
	}
	return 0
}

// refer needs no kernel that knows it to be denied: ABI 1 denies it always.
const refer = 1 << 13

// upTo is every right that a version knows.
func upTo(rights []Right, abi int) (bits uint64) {
	for i := range rights {
		if rights[i].ABI <= abi {
			bits |= rights[i].Bit
		}
	}
	return bits
}

func find(rights []Right, name string) *Right {
	for i := range rights {
		if rights[i].Name == name {
			return &rights[i]
		}
	}
	return nil
}

// Names lists the rights that are set in bits, joined by "|".
func Names(rights []Right, bits uint64) string {
	var b strings.Builder
	for i := range rights {
		if bits&rights[i].Bit == 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('|')
		}
		b.WriteString(rights[i].Name)
	}
	return b.String()
}

// oneOf lists the names for a message.
func oneOf(rights []Right, more ...string) string {
	names := more
	for i := range rights {
		names = append(names, rights[i].Name)
	}
	return "want one of " + strings.Join(names, ", ")
}
