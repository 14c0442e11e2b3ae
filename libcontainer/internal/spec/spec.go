// Package spec loads a bundle's config.json and judges it by the OCI
// runtime-spec, version 1.3.0.
//
// Loading does not use encoding/json, whose reflection tables cost a short-lived
// process more than everything else it does with the file; the decoders in
// decode_gen.go are generated from the types of specs-go and behave the same,
// see [Parse].
//
// [Validate] is a pure function of the configuration: it opens no file and asks
// nothing of the host. There is one file for each chapter of config.md and
// config-linux.md, and each problem names the chapter of the sentence it breaks.
//
// # Levels
//
// [Must] makes create fail, so it is kept for what the kernel is bound to refuse,
// for what would reach out of the container (a name with a slash where a file
// name belongs, a parameter of the host's kernel), and for the specification's
// MUSTs that runtimes enforce. Some of its MUSTs have never been enforced by the
// runtimes in use, and configurations rely on that; these are [Should]: a missing
// ociVersion or one that is no SemVer, relative mount destinations, empty
// annotation keys, weightDevice and rdma entries without a value, seccomp rules
// without names, listenerMetadata without listenerPath, two devices for one path.
// Beyond the specification, 0 counts as unset for limits of memory and cpu, the
// recursive forms of rootfsPropagation are known, and a device's file type bits
// in fileMode are not mentioned.
//
// What only the host can tell is not judged here: whether files exist, which
// controllers, system calls, architectures, LSMs and kernel features there are,
// whether a joined namespace is of its type or is the host's own.
package spec

//go:generate go run ./gen decode_gen.go

import (
	"errors"
	"fmt"
	"io/fs"
	"unsafe"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
)

// MaxSize is how large a configuration file may be, in bytes.
const MaxSize = 64 << 20

// ErrTooLarge is returned, wrapped, for files of more than [MaxSize] bytes.
var ErrTooLarge = errors.New("larger than 64 MiB")

// Loaded is a configuration as read.
type Loaded struct {
	// Spec is the decoded configuration.
	Spec *specs.Spec
	// Raw is the file, byte for byte. Spec's strings share its memory: it must
	// not be changed.
	Raw []byte
	// Unknown has a WARN for each property that the runtime-spec does not have
	// (config.md#extensibility: they are ignored), nil if there are none. At
	// most 100 are listed.
	Unknown Problems
}

// Load reads config.json in the directory bundle. The file may be a symbolic
// link; it must be a regular file or a pipe of at most [MaxSize] bytes. Errors
// name the file and wrap the errno (a missing file is fs.ErrNotExist) or, for a
// text that is no JSON, the [*jsonscan.Error] with line, column and JSON path. If
// it is JSON with values of a wrong type, the error is [Problems] with every one
// of them, and Loaded is there too, without those values.
func Load(bundle string) (*Loaded, error) {
	if bundle == "" {
		bundle = "."
	}
	return LoadFile(bundle + "/config.json")
}

// LoadFile is [Load] for a file of any name.
func LoadFile(path string) (*Loaded, error) {
	raw, err := ReadFile(path)
	if err != nil {
		return nil, err
	}
	l, err := Parse(raw)
	if err == nil {
		return l, nil
	}
	if l, wrong, err := ParseAll(raw); err == nil && wrong != nil {
		return l, wrong
	}
	return nil, fmt.Errorf("parse %s: %w", path, err)
}

// ReadFile reads a regular file or a pipe of at most [MaxSize] bytes, once and
// front to back, as config.json, and the files of exec --process and update
// --resources, are read. A pipe without a writer is waited for.
func ReadFile(path string) ([]byte, error) {
	// Without os.File: its poller would be started for this one file.
	fd, err := openRetry(path)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	size := int64(0)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		size = st.Size
	case unix.S_IFIFO:
	case unix.S_IFDIR:
		return nil, &fs.PathError{Op: "read", Path: path, Err: unix.EISDIR}
	default:
		return nil, fmt.Errorf("read %s: neither a regular file nor a pipe", path)
	}
	raw, err := readAll(fd, size)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return raw, nil
}

func openRetry(path string) (int, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
		if err != unix.EINTR { //nolint:errorlint // a bare errno
			return fd, err
		}
	}
}

// readAll reads fd to its end; size is how much is expected.
func readAll(fd int, size int64) ([]byte, error) {
	if size > MaxSize {
		return nil, ErrTooLarge
	}
	// One byte more than expected, so that the end is seen without growing.
	buf := make([]byte, 0, max(size+1, 4096))
	for {
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		switch {
		case err == unix.EINTR: //nolint:errorlint // a bare errno
			continue
		case err != nil:
			return nil, err
		case n == 0:
			return buf, nil
		}
		if buf = buf[:len(buf)+n]; len(buf) > MaxSize {
			return nil, ErrTooLarge
		}
		if len(buf) == cap(buf) {
			buf = append(make([]byte, 0, 2*cap(buf)), buf...)
		}
	}
}

// Parse decodes a config.json. The result is the one of encoding/json's
// Unmarshal into a zero specs.Spec, down to names that differ in case only,
// repeated members, null, invalid UTF-8 and the depth limit, and it fails on the
// same texts; a fuzz test holds it to that. It differs in three things: errors
// are [*jsonscan.Error] and there is no result with them; slice capacities; the
// strings of the result share memory with raw, which is kept in the result and
// must not be changed any more.
func Parse(raw []byte) (*Loaded, error) {
	s := jsonscan.New(text(raw))
	v := new(specs.Spec)
	decodeSpec(&s, v)
	if err := s.End(); err != nil {
		return nil, err
	}
	return &Loaded{Spec: v, Raw: raw, Unknown: unknownFields(text(raw), s.Unknowns())}, nil
}

// text is raw as a string, without the copy: 20 µs of page faults for 30 KB.
func text(raw []byte) string { return unsafe.String(unsafe.SliceData(raw), len(raw)) }

// ParseProcess decodes the JSON of a process, as exec --process takes it; see
// [Parse].
func ParseProcess(raw []byte) (*specs.Process, Problems, error) {
	return parse(raw, decodeProcess)
}

// ParseResources decodes the JSON of resources, as update --resources takes it;
// see [Parse].
func ParseResources(raw []byte) (*specs.LinuxResources, Problems, error) {
	return parse(raw, decodeLinuxResources)
}

func parse[T any](raw []byte, decode func(*jsonscan.Scanner, *T)) (*T, Problems, error) {
	s := jsonscan.New(text(raw))
	v := new(T)
	decode(&s, v)
	if err := s.End(); err != nil {
		return nil, nil, err
	}
	return v, unknownFields(text(raw), s.Unknowns()), nil
}
