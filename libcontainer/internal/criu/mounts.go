package criu

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"strconv"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
)

// Mount is a line of mountinfo (proc_pid_mountinfo(5)).
type Mount struct {
	ID     int
	Parent int    // ID of the mount that it is in
	Point  string // as the process sees it
	FSType string
}

// Mounts reads the mounts of a process.
func Mounts(pid int) ([]Mount, error) {
	raw, err := sys.ReadFile("/proc/" + strconv.Itoa(pid) + "/mountinfo")
	if err != nil {
		return nil, err
	}
	return parseMounts(string(raw)), nil
}

func parseMounts(text string) (list []Mount) {
	for line := range strings.Lines(text) {
		head, tail, ok := strings.Cut(line, " - ")
		f := strings.Fields(head)
		if !ok || len(f) < 6 {
			continue
		}
		id, err := strconv.Atoi(f[0])
		parent, parentErr := strconv.Atoi(f[1])
		if err != nil || parentErr != nil {
			continue
		}
		fs, _, _ := strings.Cut(tail, " ")
		list = append(list, Mount{ID: id, Parent: parent, Point: unescape(f[4]), FSType: fs})
	}
	return list
}

// unescape undoes the octal escapes of blanks and such.
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

// Key is the name by which an image knows an external mount, made of the
// destination in the config. It is opaque: no text of a path reaches the
// images, where criu would take it for more than a name (CVE-2026-119101).
func Key(destination string) string {
	sum := sha256.Sum256([]byte(destination))
	return "rung-" + hex.EncodeToString(sum[:12])
}

var errMountPoint = errors.New("its name has characters that criu takes for its own: one of []:, or a control character")

// ExternalMount names a mount that is not dumped: criu finds it by its mount
// point. That name may come from the image, whose symbolic links lead to it, and
// is refused if it could be read as anything else.
func ExternalMount(point, key string) (string, error) {
	for i := range len(point) {
		switch c := point[i]; {
		case c == '[', c == ']', c == ':', c == ',', c < ' ', c == 0x7f:
			return "", &os.PathError{Op: "checkpoint the mount at", Path: strconv.Quote(point), Err: errMountPoint}
		}
	}
	return "mnt[" + point + "]:" + key, nil
}

// RestoredMount says what is bound in the place of an external mount.
func RestoredMount(key, source string) string { return "mnt[" + key + "]:" + source }
