package seccomp

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// Cache keeps compiled filters in a directory, named by what they were compiled
// from, so that the containers of one profile share the work.
//
// A filter from the cache is as binding as one just compiled, so an entry is used
// only if nobody but this user could have written it (owner and mode of the
// directory and of the file, no symbolic link, regular file) and it is whole
// (length and checksum). Anything else is treated as missing. Nothing that goes
// wrong with the cache is an error: the filter is compiled then. At most maxEntries
// are kept, those used last.
type Cache struct {
	// Dir is the directory. It is made with mode 0700 if it is missing; its
	// parent must exist, and must be one that only this user can write to.
	// Empty means no cache.
	Dir string
}

// Compile is [Compile] with the cache asked first.
func (c Cache) Compile(p *specs.LinuxSeccomp) (*Filter, error) {
	if c.Dir == "" || p == nil || len(p.Syscalls) == 0 {
		return Compile(p)
	}
	dir, ok := c.open()
	if !ok {
		return Compile(p)
	}
	defer sys.Close(dir)
	k := keyOf(p)
	if f := load(dir, k); f != nil {
		return f, nil
	}
	f, err := Compile(p)
	if err == nil && f != nil {
		store(dir, k, f)
		prune(dir, time.Now())
	}
	return f, err
}

// open returns a descriptor of the directory if it can be trusted.
func (c Cache) open() (fd int, ok bool) {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := sys.Openat(unix.AT_FDCWD, c.Dir, flags, 0)
	if err == unix.ENOENT && sys.Mkdir(c.Dir, 0o700) == nil {
		fd, err = sys.Openat(unix.AT_FDCWD, c.Dir, flags, 0)
	}
	if err != nil {
		return -1, false
	}
	var st unix.Stat_t
	if sys.Fstat(fd, &st) != nil || !ours(&st) {
		sys.Close(fd)
		return -1, false
	}
	return fd, true
}

// ours reports whether only this user can have written to what st describes.
func ours(st *unix.Stat_t) bool {
	return int(st.Uid) == unix.Geteuid() && st.Mode&0o022 == 0
}

// An entry is: magic, the key, flags, 1 if it notifies, the program's length in
// bytes (four bytes each, native order), the program, and the SHA-256 of all that.
const (
	entryMagic  = "rung-bpf"
	entryHead   = len(entryMagic) + sha256.Size + 12
	entryMaxLen = entryHead + 8*maxInstructions + sha256.Size
)

func encode(k key, f *Filter) []byte {
	b := make([]byte, 0, entryHead+len(f.Instructions)+sha256.Size)
	b = append(b, entryMagic...)
	b = append(b, k[:]...)
	b = binary.NativeEndian.AppendUint32(b, f.Flags)
	notify := uint32(0)
	if f.Notify {
		notify = 1
	}
	b = binary.NativeEndian.AppendUint32(b, notify)
	b = binary.NativeEndian.AppendUint32(b, uint32(len(f.Instructions)))
	b = append(b, f.Instructions...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// decodeEntry returns the filter in b, or nil unless b is exactly what encode
// made for k.
func decodeEntry(k key, b []byte) *Filter {
	if len(b) < entryHead+8+sha256.Size || len(b) > entryMaxLen {
		return nil
	}
	head, body := b[:entryHead], b[entryHead:len(b)-sha256.Size]
	numbers := head[len(entryMagic)+len(k):]
	if string(head[:len(entryMagic)]) != entryMagic || !bytes.Equal(head[len(entryMagic):][:len(k)], k[:]) ||
		binary.NativeEndian.Uint32(numbers[8:]) != uint32(len(body)) || len(body)%8 != 0 {
		return nil
	}
	whole := len(b) - sha256.Size
	if sum := sha256.Sum256(b[:whole]); !bytes.Equal(sum[:], b[whole:]) {
		return nil
	}
	return &Filter{
		Instructions: body,
		Flags:        binary.NativeEndian.Uint32(numbers),
		Notify:       binary.NativeEndian.Uint32(numbers[4:]) != 0,
	}
}

// load returns the entry for k, or nil.
func load(dir int, k key) *Filter {
	// O_NONBLOCK: opening a FIFO that someone put there must not wait.
	fd, err := sys.Openat(dir, hex.EncodeToString(k[:]), unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer sys.Close(fd)
	var st unix.Stat_t
	if sys.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || !ours(&st) || st.Size > int64(entryMaxLen) {
		return nil
	}
	b := make([]byte, st.Size)
	for at := 0; at < len(b); {
		n, err := sys.Read(fd, b[at:])
		if err != nil || n == 0 {
			return nil
		}
		at += n
	}
	return decodeEntry(k, b)
}

// store writes the entry for k in one step, so that a reader sees all of it or
// nothing: without a name at first, or where the file system knows no such files
// under one of its own. It is not synced: a lost or torn entry is found out by its
// checksum.
func store(dir int, k key, f *Filter) {
	name := hex.EncodeToString(k[:])
	b := encode(k, f)
	err := sys.NewFile(dir, ".", name, b, 0o600)
	if errors.Is(err, unix.EEXIST) { // and is no good, or another's by now
		sys.Unlinkat(dir, name, 0)
		err = sys.NewFile(dir, ".", name, b, 0o600)
	}
	if err == nil {
		return
	}
	temp := tempPrefix + strconv.Itoa(unix.Getpid()) + "-" + name
	fd, err := sys.Openat(dir, temp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err == unix.EEXIST {
		// Left by a process of the same number that died here.
		sys.Unlinkat(dir, temp, 0)
		return
	}
	if err != nil {
		return
	}
	err = sys.WriteAll(fd, b)
	sys.Close(fd)
	if err == nil {
		err = sys.Renameat(dir, temp, dir, name)
	}
	if err != nil {
		sys.Unlinkat(dir, temp, 0)
	}
}

// maxEntries is how many filters are kept. Docker's is 3 KB, the longest 33 KB, and they lie in memory: /run is a
// tmpfs.
const maxEntries = 256

// prune removes the filters that were not used for the longest time when there are more than maxEntries, down to three
// quarters, so that it is not done again for the next one; and what writers that were killed have left. It is called
// when an entry was added, which is after a compilation: a filter that is found costs nothing more. Processes may prune
// and read at the same time. An entry that is open can be read to its end, and one that is gone is compiled again.
func prune(dir int, now time.Time) {
	self, err := sys.Openat(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	d := os.NewFile(uintptr(self), "filters")
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil || len(names) <= maxEntries {
		return
	}
	type entry struct {
		name string
		used int64
	}
	entries := make([]entry, 0, len(names))
	for _, name := range names {
		var st unix.Stat_t
		if sys.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
			continue // pruned by another process
		}
		// the time of access where the file system keeps it: once after the file was made, and once a day
		// (mount(8), relatime)
		used := max(st.Atim.Nano(), st.Mtim.Nano())
		switch {
		case st.Mode&unix.S_IFMT == unix.S_IFREG && len(name) == hex.EncodedLen(len(key{})):
			entries = append(entries, entry{name, used})
		case strings.HasPrefix(name, tempPrefix) && now.UnixNano()-used > int64(time.Hour):
			sys.Unlinkat(dir, name, 0)
		}
	}
	if len(entries) <= maxEntries {
		return
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.used, b.used) })
	for _, e := range entries[:len(entries)-maxEntries*3/4] {
		sys.Unlinkat(dir, e.name, 0)
	}
}

// tempPrefix begins the name of a file that is being written.
const tempPrefix = ".tmp-"
