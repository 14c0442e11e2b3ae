package criu

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"slices"
	"strconv"

	"github.com/rung-oci/rung/libcontainer/internal/mountinfo"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
)

// Mounts reads the mounts of a process.
func Mounts(pid int) ([]mountinfo.Mount, error) {
	raw, err := sys.ReadFile("/proc/" + strconv.Itoa(pid) + "/mountinfo")
	return slices.Collect(mountinfo.All(string(raw))), err
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
