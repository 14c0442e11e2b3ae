package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"github.com/rung-oci/rung/libcontainer/internal/systemd"
	"golang.org/x/sys/unix"
)

// A record ends with a checksum of everything before it, from schema 2 on. It tells a damaged record
// from a whole one: two records that were spliced, a record that was cut or typed over. It is no
// signature. Whoever can write to the store can compute it, which is why what a whole record names is
// checked against the kernel all the same.
const (
	sumHead = `,"sum":"`
	sumTail = "\"}\n"
	sumLen  = len(sumHead) + 16 + len(sumTail)
)

// Sum returns a checksum of b in 16 hexadecimal digits. A change within eight aligned bytes is always
// noticed; any other goes unnoticed once in 2^64 times. It is faster than the checksums of the standard
// library where their tables would have to be built first.
func Sum(b []byte) string {
	const odd = 0x9e3779b97f4a7c15 // 2^64 / golden ratio
	h := uint64(len(b)) * odd
	mix := func(w uint64) {
		h = (h ^ w) * odd
		h ^= h >> 32
	}
	for ; len(b) >= 8; b = b[8:] {
		mix(binary.LittleEndian.Uint64(b))
	}
	var last [8]byte
	copy(last[:], b)
	mix(binary.LittleEndian.Uint64(last[:]))
	mix(0)
	const digits = "0123456789abcdef"
	var text [16]byte
	for i := range text {
		text[i] = digits[h>>(60-4*i)&15]
	}
	return string(text[:])
}

// appendSum closes a record, the object that begins at dst[start].
func appendSum(dst []byte, start int) []byte {
	sum := Sum(dst[start:])
	return append(append(append(dst, sumHead...), sum...), sumTail...)
}

var errNotWhole = errors.New("its checksum does not match: it was cut, spliced or written over")

// whole reports whether a record of schema 2 is as it was written.
func whole(raw []byte) error {
	n := len(raw) - sumLen
	if n < 0 || string(raw[n:]) != sumHead+Sum(raw[:n])+sumTail {
		return errNotWhole
	}
	return nil
}

// check reports what a record names that no record of this container can name. It makes no system
// calls: whether the kernel agrees is asked where the names are used.
func (s *State) check(id string) error {
	wrong := func(field string, value any, rule string) error {
		return fmt.Errorf("invalid %s %q: %s", field, fmt.Sprint(value), rule)
	}
	switch {
	case s.ID != id:
		return wrong("id", s.ID, "the record of another container is in the directory of "+id)
	case s.Phase != PhaseIntent && s.Phase != PhaseCreated:
		return wrong("phase", s.Phase, "not intent or created")
	case s.Pid < 0 || s.Phase == PhaseCreated && s.Pid < 1:
		return wrong("init_process_pid", s.Pid, "not the pid of a process")
	case s.CreatorPid < 0:
		return wrong("creator_pid", s.CreatorPid, "not the pid of a process")
	}
	for _, dir := range [...]struct{ field, value string }{{"bundle", s.Bundle}, {"rootfs", s.Rootfs}} {
		if !strings.HasPrefix(dir.value, "/") || strings.Contains(dir.value, "\x00") {
			return wrong(dir.field, dir.value, "not an absolute path")
		}
	}
	var names []string
	for _, g := range s.Cgroups {
		switch {
		case strings.ContainsAny(g.Name, "/\x00\n") || g.Name == "." || g.Name == "..":
			return wrong("cgroups[].name", g.Name, "not the name of a hierarchy")
		case slices.Contains(names, g.Name):
			return wrong("cgroups[].name", g.Name, "the hierarchy is named twice")
		case g.Name == "" && !g.V2:
			return wrong("cgroups[].name", g.Name, "a v1 hierarchy has a name")
		case canonical(g.Path) != nil:
			return wrong("cgroups[].path", g.Path, canonical(g.Path).Error())
		}
		names = append(names, g.Name)
	}
	if s.Unit != "" {
		if err := systemd.ValidName(s.Unit); err != nil {
			return wrong("unit", s.Unit, err.Error())
		}
		if s.CgroupDriver != "systemd" || len(s.Cgroups) == 0 {
			return wrong("unit", s.Unit, "the container has no cgroups of systemd")
		}
		for _, g := range s.Cgroups {
			if path.Base(g.Path) != s.Unit {
				return wrong("unit", s.Unit, "not the unit of the cgroup "+g.Path)
			}
		}
	}
	return s.checkRdt()
}

// checkRdt: rung makes a class of service with the container's id at the top of resctrl, or a
// monitoring group with that name in the class that the config names.
func (s *State) checkRdt() error {
	wrong := func(field, value, rule string) error { return fmt.Errorf("invalid %s %q: %s", field, value, rule) }
	if s.RdtClass != "" && canonical(s.RdtClass) != nil {
		return wrong("rdt_class", s.RdtClass, canonical(s.RdtClass).Error())
	}
	if s.RdtOwn && path.Base(s.RdtClass) != s.ID {
		return wrong("rdt_class", s.RdtClass, "the container's own class has another name")
	}
	if s.RdtMonitor != "" && s.RdtMonitor != path.Join(s.RdtClass, "mon_groups", s.ID) {
		return wrong("rdt_monitor", s.RdtMonitor, "not the container's monitoring group in its class")
	}
	return nil
}

// canonical reports why text is not a path that rung writes into a record.
func canonical(text string) error {
	switch {
	case !strings.HasPrefix(text, "/") || text == "/":
		return errors.New("not an absolute path of a directory below the root")
	case strings.ContainsAny(text, "\x00\n"):
		return errors.New("not a path: it has a NUL or a line feed")
	case path.Clean(text) != text:
		return errors.New("not canonical")
	}
	return nil
}

// here reports whether the record was made in this directory. The name that the directory had then may
// be another name of it, or name nothing in this mount namespace: both are accepted. What is refused is a
// name that leads to another directory, where the record is copied from.
func (e *Entry) here(dir string) bool {
	if dir == "" || dir == e.dir {
		return true
	}
	var there, own unix.Stat_t
	if sys.Stat(dir, &there) != nil || sys.Fstat(e.fd, &own) != nil {
		return true
	}
	return there.Dev == own.Dev && there.Ino == own.Ino
}

// Here is like here, for what was made with this container's directory as its owner.
func (e *Entry) Here(dir string) bool { return e.here(dir) }

// HasConfig reports whether raw is the config that the record was made with, or that the last update
// has written. Records of schema 1 do not tell.
func (s *State) HasConfig(raw []byte) bool {
	return s.Schema < 2 || slices.Contains(strings.Split(s.ConfigSum, ","), Sum(raw))
}

// appendNew appends the members that schema 2 has brought.
func (s *State) appendNew(dst []byte) []byte {
	for _, f := range [...]struct{ name, value string }{{"directory", s.Dir}, {"config_sum", s.ConfigSum}} {
		dst = jsonscan.AppendKey(dst, f.name)
		dst = jsonscan.AppendString(dst, f.value)
	}
	if s.Marked {
		dst = jsonscan.AppendKey(dst, "marked")
		dst = jsonscan.AppendBool(dst, true)
	}
	return dst
}
