package integration

import (
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"
)

// sumOf is the checksum at the end of a record, as docs/ARCHITECTURE.md describes it.
func sumOf(b []byte) string {
	const odd = 0x9e3779b97f4a7c15
	h := uint64(len(b)) * odd
	padded := append([]byte(nil), b...)
	padded = append(padded, make([]byte, 8-len(b)%8)...)
	for words := append(padded, make([]byte, 8)...); len(words) > 0; words = words[8:] {
		h = (h ^ binary.LittleEndian.Uint64(words)) * odd
		h ^= h >> 32
	}
	return fmt.Sprintf("%016x", h)
}

// signed is a record with the checksum that belongs to it: what somebody writes who can write to the store.
func signed(record string) string {
	head, _, _ := strings.Cut(record, `,"sum":"`)
	return head + `,"sum":"` + sumOf([]byte(head)) + "\"}\n"
}

// unsigned is a record as an earlier rung has written it, with nothing that tells of damage.
func unsigned(record string) string {
	head, _, _ := strings.Cut(record, `,"directory":`)
	return strings.Replace(head, `"schema":2`, `"schema":1`, 1) + "}\n"
}

// forge replaces something in the record, and gives it the checksum that belongs to it.
func (b *bundle) forge(pattern, with string) {
	b.t.Helper()
	record := readFile(b.t, b.stateFile())
	forged := signed(regexp.MustCompile(pattern).ReplaceAllLiteralString(record, with))
	if forged == record {
		b.t.Fatalf("no %s in %s", pattern, record)
	}
	writeFile(b.t, b.stateFile(), forged)
}

const markName = "trusted.rung.container"

// unmark takes the marks of the container's cgroups away, as if an earlier rung had made them. It returns them.
func (b *bundle) unmark() (marks []string) {
	b.t.Helper()
	for _, dir := range cgroupsOf(b.ID) {
		var buf [5000]byte
		n, err := unix.Lgetxattr(dir, markName, buf[:])
		if err == nil {
			marks = append(marks, string(buf[:n]))
			err = unix.Lremovexattr(dir, markName)
		}
		if err != nil && !errors.Is(err, unix.ENODATA) {
			b.t.Fatal(dir, err)
		}
	}
	if len(marks) == 0 {
		b.t.Fatal("no cgroup of the container has a mark")
	}
	return marks
}
