package cgroup

import (
	"os"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// readFile gives the content of a control group file without its last newline.
func readFile(path string) (string, error) {
	b, err := sys.ReadFile(path)
	return strings.TrimSuffix(string(b), "\n"), err
}

// flatKey gives the value of "key value" in a flat keyed file
// (cgroup-v2.rst, Format).
func flatKey(text, key string) string {
	for line := range strings.Lines(text) {
		if k, v, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " "); k == key {
			return v
		}
	}
	return ""
}

func exists(path string) bool { return sys.Access(path, unix.F_OK) == nil }

// children lists the groups directly below a directory.
func children(dir string) ([]string, error) {
	fd, err := sys.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), dir)
	defer f.Close()
	entries, err := f.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, e := range entries {
		if e.IsDir() {
			list = append(list, dir+"/"+e.Name())
		}
	}
	return list, nil
}

// writeValue is sys.WriteFile with the value in the error.
func writeValue(path, value string) error {
	if err := sys.WriteFile(path, value); err != nil {
		return &os.PathError{Op: "write " + value + " to", Path: path, Err: reason(err)}
	}
	return nil
}
