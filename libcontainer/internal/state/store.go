package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// What a Store answers; found with errors.Is.
var (
	ErrNotExist  = errors.New("container does not exist")
	ErrExist     = errors.New("container with given ID already exists")
	ErrInvalidID = errors.New("invalid container id")
)

// Files of a container's directory.
const (
	stateFile  = "state.json"
	configFile = "config.json"
	gateFile   = "gate"
	tempFile   = ".state.json"
)

// Store is a directory of containers.
type Store struct{ Root string }

// dirMode is the mode of a store and of each container's directory: what lies below, the gate and
// the socket for sd_notify(3) among it, is for the store's owner alone. A container reaches what it is
// given through mounts and descriptors, which do not go by this way.
const dirMode = 0o700

// Entry is a container's directory, held open.
type Entry struct {
	id  string
	dir string
	fd  int
	ino string // device and inode of the directory
}

// maxID is what a file name holds (NAME_MAX).
const maxID = 255

// ValidID says what is wrong with an id: it becomes a file name here and in
// every control group hierarchy.
func ValidID(id string) error {
	switch {
	case id == "":
		return errors.New("container id cannot be empty")
	case id == "." || id == "..":
		return fmt.Errorf("%w %q: no directory can have that name", ErrInvalidID, id)
	case len(id) > maxID:
		return fmt.Errorf("%w %q…: longer than %d bytes", ErrInvalidID, id[:64], maxID)
	}
	for i := 0; i < len(id); i++ {
		switch c := id[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-', c == '.', c == '+':
		default:
			return fmt.Errorf("%w %q: only letters, digits and _ - + . are allowed", ErrInvalidID, id)
		}
	}
	return nil
}

// Create makes the directory of a new container and locks it. ErrExist: the id
// is taken.
func (s Store) Create(id string) (*Entry, error) {
	if err := ValidID(id); err != nil {
		return nil, err
	}
	for {
		e, err := s.make(id)
		if errors.Is(err, ErrNotExist) {
			continue // a forced delete came between mkdir and open
		}
		if err != nil {
			return nil, err
		}
		err = e.Lock()
		recorded := false
		if err == nil {
			recorded, err = e.hasRecord()
		}
		switch {
		case e.Gone(): // or before the lock
			e.Close()
		case err != nil:
			_ = sys.Rmdir(e.dir) // one with a record in it stays
			e.Close()
			return nil, err
		case recorded:
			// another creator's: its mkdir came after that forced delete, and before
			// this open
			e.Close()
			return nil, fmt.Errorf("%w: %s", ErrExist, id)
		default:
			return e, nil
		}
	}
}

// Free looks whether Create could take the id, as far as can be told without doing
// it. ErrExist: it is taken.
func (s Store) Free(id string) error {
	e, err := s.Open(id)
	if errors.Is(err, ErrNotExist) {
		return nil
	}
	if err == nil {
		e.Close()
		err = fmt.Errorf("%w: %s", ErrExist, id)
	}
	return err
}

func (e *Entry) hasRecord() (bool, error) {
	var st unix.Stat_t
	err := sys.Fstatat(e.fd, stateFile, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == nil || err == unix.ENOENT {
		return err == nil, nil
	}
	return false, &os.PathError{Op: "stat", Path: filepath.Join(e.dir, stateFile), Err: err}
}

func (s Store) make(id string) (*Entry, error) {
	dir := filepath.Join(s.Root, id)
	err := sys.Mkdir(dir, dirMode)
	if err == unix.ENOENT {
		// sticky: what is below $XDG_RUNTIME_DIR may be cleaned up otherwise (XDG
		// Base Directory Specification)
		if err := os.MkdirAll(s.Root, dirMode|os.ModeSticky); err != nil {
			return nil, err
		}
		err = sys.Mkdir(dir, dirMode)
	}
	if err == unix.EEXIST {
		return nil, fmt.Errorf("%w: %s", ErrExist, id)
	}
	if err != nil {
		return nil, &os.PathError{Op: "mkdir", Path: dir, Err: err}
	}
	e, err := s.open(id, dir)
	if err != nil && !errors.Is(err, ErrNotExist) { // then it may be somebody else's already
		_ = sys.Rmdir(dir) // out of descriptors, say
	}
	return e, err
}

// Open opens the directory of a container that is there. ErrNotExist: there is
// none. It does not lock: who only looks need not wait.
func (s Store) Open(id string) (*Entry, error) {
	if err := ValidID(id); err != nil {
		return nil, err
	}
	return s.open(id, filepath.Join(s.Root, id))
}

func (s Store) open(id, dir string) (*Entry, error) {
	fd, err := sys.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return nil, fmt.Errorf("%w: %s", ErrNotExist, id)
	}
	if err != nil {
		return nil, err
	}
	st, err := s.trust(fd, dir)
	if err != nil {
		sys.Close(fd)
		return nil, err
	}
	ino := strconv.FormatUint(st.Dev, 10) + ":" + strconv.FormatUint(st.Ino, 10)
	return &Entry{id: id, dir: dir, fd: fd, ino: ino}, nil
}

// trust refuses a store, or a directory in it, that somebody other than the caller and root owns, or can
// exchange the records of: a record names processes to kill, directories to remove and hooks to run.
// Who may write to a directory can exchange what is in it, unless the directory is sticky. The store is
// looked at through its own entry (".."), so that it is the one that was opened.
func (s Store) trust(fd int, dir string) (entry unix.Stat_t, err error) {
	var root unix.Stat_t
	if err := sys.Fstat(fd, &entry); err != nil {
		return entry, &os.PathError{Op: "stat", Path: dir, Err: err}
	}
	if err := sys.Fstatat(fd, "..", &root, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return entry, &os.PathError{Op: "stat", Path: s.Root, Err: err}
	}
	if err := trusted(s.Root, &root); err != nil {
		return entry, err
	}
	return entry, trusted(dir, &entry)
}

// trusted reports who other than the caller and root could have written what is at name.
func trusted(name string, st *unix.Stat_t) error {
	const group, others = 0o020, 0o002
	switch {
	case st.Uid != 0 && st.Uid != uint32(unix.Geteuid()):
		return fmt.Errorf("%s belongs to user %d, neither to root nor to the caller: %w", name, st.Uid, unix.EPERM)
	case st.Mode&unix.S_ISVTX != 0:
		return nil
	case st.Mode&others != 0:
		return fmt.Errorf("%s can be written by every user: %w", name, unix.EPERM)
	case st.Mode&group != 0 && st.Gid != 0 && st.Gid != uint32(unix.Getegid()):
		return fmt.Errorf("%s can be written by group %d: %w", name, st.Gid, unix.EPERM)
	}
	return nil
}

// Lock waits for the container's lock. It is the kernel's (flock(2)) and ends
// with the process that holds it.
func (e *Entry) Lock() error {
	if err := sys.Flock(e.fd, unix.LOCK_EX); err != nil {
		return &os.PathError{Op: "lock", Path: e.dir, Err: err}
	}
	return nil
}

// Unlock lets others at the record, while this process stays with the container.
func (e *Entry) Unlock() { _ = sys.Flock(e.fd, unix.LOCK_UN) }

// Gone says that the directory was removed while the lock was waited for.
func (e *Entry) Gone() bool {
	var st unix.Stat_t
	return sys.Fstat(e.fd, &st) == nil && st.Nlink == 0
}

// Close lets go of the directory and its lock.
func (e *Entry) Close() {
	sys.Close(e.fd)
	e.fd = -1
}

// Inode names the container's directory whatever its path: device and inode, as DEVICE:INODE. Stores of
// two mount namespaces can have the same path.
func (e *Entry) Inode() string { return e.ino }

// Dir is the path of the container's directory.
func (e *Entry) Dir() string { return e.dir }

// Save replaces the record: whoever reads sees the old or the new one, whole.
func (e *Entry) Save(s *State) error {
	s.Schema = Schema
	return e.replace(stateFile, s.Append(nil))
}

// replace puts a file with the given content in the place of name, under the
// lock, for which tempFile is one name. It is not synced: what the record names
// does not outlive the kernel that would lose it (docs/adr/0008).
func (e *Entry) replace(name string, data []byte) error {
	fail := func(op string, err error) error {
		return &os.PathError{Op: op, Path: filepath.Join(e.dir, name), Err: err}
	}
	fd, err := sys.Openat(e.fd, tempFile, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fail("create", err)
	}
	op := "write"
	err = sys.WriteAll(fd, data)
	sys.Close(fd)
	if err == nil {
		op, err = "rename", sys.Renameat(e.fd, tempFile, e.fd, name)
	}
	if err != nil {
		_ = sys.Unlinkat(e.fd, tempFile, 0) // a full disk gets its room back
		return fail(op, err)
	}
	return nil
}

// Load reads the record. fs.ErrNotExist: there is none yet. ErrUnreadable: there is something else in its
// place, or it is damaged, of a newer form, or the record of another container.
func (e *Entry) Load() (*State, error) {
	raw, err := e.read(stateFile)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(e.dir, stateFile)
	st, err := Parse(file, raw)
	if err != nil {
		return nil, err
	}
	if err := st.check(e.id); err != nil {
		return nil, &recordError{fmt.Errorf("%s is damaged: %w", file, err)}
	}
	if !e.here(st.Dir) {
		return nil, &recordError{fmt.Errorf("%s was made in another directory, %s: it is the record of another container", file, st.Dir)}
	}
	return st, nil
}

// Salvage gives what may be true of a record that Load finds unreadable: the init, if its pid and its
// start time are both there and one living process has them. Whether that process is the container's has
// to be shown by its cgroup. Paths that a damaged record names are not for removing.
func (e *Entry) Salvage() *State {
	s := &State{ID: e.id, Phase: PhaseCreated}
	raw, err := e.read(stateFile)
	if err != nil {
		return s
	}
	was, _ := parse(raw)
	if was.ID != "" && was.ID != e.id {
		return s // another container's
	}
	if fd, err := was.Pidfd(); err == nil {
		sys.Close(fd)
		s.Pid, s.StartTime = was.Pid, was.StartTime
	}
	return s
}

// SaveConfig keeps the config as it was at create: the bundle's may change. A
// create that is killed on the way leaves the whole of it or nothing.
func (e *Entry) SaveConfig(raw []byte) error { return e.replace(configFile, raw) }

// Config reads what SaveConfig kept.
func (e *Entry) Config() ([]byte, error) { return e.read(configFile) }

// maxFile bounds what is read of a record or a config: more is not one.
const maxFile = 64 << 20

// read reads a file of the container's. What is no regular file of the caller's or root's is
// ErrUnreadable: a symbolic link, a directory, a FIFO, which is opened without waiting for a writer.
func (e *Entry) read(name string) ([]byte, error) {
	file := filepath.Join(e.dir, name)
	fd, err := sys.Openat(e.fd, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	switch err {
	case nil:
	case unix.ELOOP, unix.ENXIO: // a symbolic link; a socket
		return nil, &recordError{&os.PathError{Op: "open", Path: file, Err: err}}
	default:
		return nil, &os.PathError{Op: "open", Path: file, Err: err}
	}
	defer sys.Close(fd)
	var st unix.Stat_t
	if err := sys.Fstat(fd, &st); err != nil {
		return nil, &os.PathError{Op: "stat", Path: file, Err: err}
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return nil, &recordError{fmt.Errorf("%s is damaged: not a regular file", file)}
	case st.Size > maxFile:
		return nil, &recordError{fmt.Errorf("%s is damaged: it has %d bytes", file, st.Size)}
	case st.Uid != 0 && st.Uid != uint32(unix.Geteuid()):
		return nil, &recordError{fmt.Errorf("%s belongs to user %d, neither to root nor to the caller: %w", file, st.Uid, unix.EPERM)}
	}
	b, err := sys.ReadAll(fd)
	if err != nil {
		return nil, &os.PathError{Op: "read", Path: file, Err: err}
	}
	return b, nil
}

// ListenGate makes the socket that start connects to, and gives it, listening.
// The directory's descriptor stands for its path, which may be longer than a
// socket's address.
func (e *Entry) ListenGate() (int, error) {
	fd, err := sys.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, &os.SyscallError{Syscall: "socket", Err: err}
	}
	// Whoever may write to the gate starts the container. Its file gets the mode of the socket,
	// less the umask, which may be 0 (unix(7) is silent; net/unix/af_unix.c, unix_bind_bsd).
	if err = sys.Fchmod(fd, 0o600); err == nil {
		err = sys.Bind(fd, e.gateAddr())
	}
	if err == nil {
		err = sys.Listen(fd, 8)
	}
	if err != nil {
		sys.Close(fd)
		return -1, &os.PathError{Op: "listen", Path: filepath.Join(e.dir, gateFile), Err: err}
	}
	return fd, nil
}

// DialGate connects to the gate that the process creator has made. EPERM: another process listens there.
func (e *Entry) DialGate(creator int) (int, error) {
	fail := func(op string, err error) (int, error) {
		return -1, &os.PathError{Op: op, Path: filepath.Join(e.dir, gateFile), Err: err}
	}
	// who listens and accepts nothing must not make this wait (EAGAIN)
	fd, err := sys.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, &os.SyscallError{Syscall: "socket", Err: err}
	}
	if err := sys.Connect(fd, e.gateAddr()); err != nil {
		sys.Close(fd)
		return fail("connect", err)
	}
	// the credentials are those of the process that called listen(2), ended or not
	cred, err := sys.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err == nil && int(cred.Pid) != creator {
		err = unix.EPERM
	}
	if err != nil {
		sys.Close(fd)
		return fail("this is not the container's gate: connect", err)
	}
	if err := sys.SetNonblock(fd, false); err != nil {
		sys.Close(fd)
		return fail("connect", err)
	}
	return fd, nil
}

func (e *Entry) gateAddr() unix.Sockaddr {
	return &unix.SockaddrUnix{Name: "/proc/self/fd/" + strconv.Itoa(e.fd) + "/" + gateFile}
}

// HasGate says that the container was not started yet.
func (e *Entry) HasGate() bool {
	var st unix.Stat_t
	return sys.Fstatat(e.fd, gateFile, &st, unix.AT_SYMLINK_NOFOLLOW) == nil
}

// RemoveGate marks the container as started.
func (e *Entry) RemoveGate() error {
	if err := sys.Unlinkat(e.fd, gateFile, 0); err != nil && err != unix.ENOENT {
		return &os.PathError{Op: "unlink", Path: filepath.Join(e.dir, gateFile), Err: err}
	}
	return nil
}

// Remove takes the directory away. What is gone already is no error: its path
// may be another container's by now. The caller holds the lock.
func (e *Entry) Remove() error {
	if e.Gone() {
		return nil
	}
	for _, name := range [...]string{gateFile, configFile, tempFile, stateFile} {
		if err := sys.Unlinkat(e.fd, name, 0); err != nil && err != unix.ENOENT && err != unix.EISDIR {
			return &os.PathError{Op: "unlink", Path: filepath.Join(e.dir, name), Err: err}
		}
	}
	err := sys.Rmdir(e.dir)
	if err == unix.ENOTEMPTY || err == unix.EEXIST {
		// the notify socket's directory, or what others put here
		if err := sys.Empty(e.fd); err != nil {
			return fmt.Errorf("%s: %w", e.dir, err)
		}
		err = sys.Rmdir(e.dir)
	}
	if err != nil && err != unix.ENOENT {
		return &os.PathError{Op: "rmdir", Path: e.dir, Err: err}
	}
	return nil
}

// List gives the ids of all containers, sorted.
func (s Store) List() ([]string, error) {
	dir, err := os.ReadDir(s.Root)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, d := range dir {
		if d.IsDir() && ValidID(d.Name()) == nil {
			ids = append(ids, d.Name())
		}
	}
	slices.Sort(ids)
	return ids, nil
}
