package libcontainer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/checkpoint-restore/go-criu/v8/rpc"
	"github.com/rung-oci/rung/internal/outfile"
	"github.com/rung-oci/rung/libcontainer/internal/criu"
	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
	"github.com/rung-oci/rung/libcontainer/internal/mountinfo"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// imageDirs are the directories that criu writes to, held open.
type imageDirs struct {
	images, work *os.File
	log          string // name in work
}

// openImages opens the directories, and makes those that are missing; with restore, that of the images has to be there,
// with images in it.
func openImages(o *ImageOptions, log string, restore bool) (*imageDirs, error) {
	if o.ImagePath == "" {
		return nil, errors.New("--image-path is empty")
	}
	if o.WorkPath == "" {
		o.WorkPath = o.ImagePath
	}
	var d imageDirs
	d.log = log
	var err error
	if restore {
		// A mistyped path must not become a directory.
		if err := sys.Access(filepath.Join(o.ImagePath, extraFile), unix.F_OK); err != nil {
			return nil, &os.PathError{Op: "open", Path: filepath.Join(o.ImagePath, extraFile), Err: err}
		}
	}
	if d.images, err = openDir(o.ImagePath); err != nil {
		return nil, err
	}
	if d.work, err = openDir(o.WorkPath); err != nil {
		d.images.Close()
		return nil, err
	}
	// criu, as root, writes images and its log to names that it finds there, and follows links. At a restore it
	// writes the log alone, to the work directory.
	for _, dir := range [...]*os.File{d.work, d.images} {
		if restore && dir == d.images {
			continue
		}
		if err := outfile.Closed(int(dir.Fd())); err != nil {
			d.close()
			return nil, &os.PathError{Op: "let criu write to", Path: dir.Name(), Err: err}
		}
	}
	return &d, nil
}

// openDir makes the directory if it is missing. The images in it, which hold
// memory, are for their owner alone; that there is none of some kind is what the
// root of a user namespace has to see, too.
func openDir(path string) (*os.File, error) {
	if err := os.MkdirAll(path, 0o711); err != nil {
		return nil, err
	}
	fd, err := sys.Open(path, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// reopen opens them in the mount namespace of the calling thread.
func (d *imageDirs) reopen() error {
	for _, f := range [...]**os.File{&d.images, &d.work} {
		again, err := openDir((*f).Name())
		if err != nil {
			return err
		}
		(*f).Close()
		*f = again
	}
	return nil
}

func (d *imageDirs) close() {
	d.images.Close()
	d.work.Close()
}

// explain adds what criu's log says to its failure.
func (d *imageDirs) explain(err error) error {
	var e *criu.Error
	if !errors.As(err, &e) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	path := filepath.Join(d.work.Name(), d.log)
	raw, readErr := sys.ReadFile(path)
	if readErr != nil {
		return err
	}
	text := criu.Reason(string(raw))
	if e == nil && text != "" {
		return fmt.Errorf("%w: %s (log: %s)", err, text, path)
	}
	if text != "" {
		e.Text = text // its own is the first error, whatever that is about
	}
	return fmt.Errorf("%w (log: %s)", err, path)
}

// extraFile is rung's own file among the images.
const extraFile = "rung.json"

// imageExtra is what a restore has to know besides criu's images.
type imageExtra struct {
	// Stdio are the keys of the descriptors 0, 1 and 2 that lead out of the container; empty: it has the other end.
	Stdio [3]string
	// Null are keys of the null device, of these and of other processes, which a restored one gets again: a pipe cannot
	// take the place of a file that has a position.
	Null   []string
	Notify bool // one of them is the directory of the sd_notify(3) socket
	// Label is what AppArmor or SELinux confined the init to, if the config asked for it.
	Label string
	// Points are the mount points of external mounts, those above others first.
	Points []mountPoint
}

// mountPoint is where an external mount was.
type mountPoint struct {
	Key  string
	In   string // key of the external mount that it is in; empty: the root file system
	Path string // from there, without symbolic links
	Dir  bool
}

func (x *imageExtra) append(b []byte) []byte {
	b = jsonscan.AppendStrings(jsonscan.AppendKey(append(b, '{'), "stdio"), x.Stdio[:])
	if x.Null != nil {
		b = jsonscan.AppendStrings(jsonscan.AppendKey(b, "null"), x.Null)
	}
	b = jsonscan.AppendBool(jsonscan.AppendKey(b, "notify"), x.Notify)
	if x.Label != "" {
		b = jsonscan.AppendString(jsonscan.AppendKey(b, "label"), x.Label)
	}
	b = append(jsonscan.AppendKey(b, "mounts"), '[')
	for _, p := range x.Points {
		b = append(jsonscan.AppendComma(b), '{')
		b = jsonscan.AppendString(jsonscan.AppendKey(b, "key"), p.Key)
		b = jsonscan.AppendString(jsonscan.AppendKey(b, "in"), p.In)
		b = jsonscan.AppendString(jsonscan.AppendKey(b, "path"), p.Path)
		b = jsonscan.AppendBool(jsonscan.AppendKey(b, "directory"), p.Dir)
		b = append(b, '}')
	}
	return append(b, "]}\n"...)
}

func parseExtra(raw string) (*imageExtra, error) {
	x := &imageExtra{}
	sc := jsonscan.New(raw)
	if sc.Object() {
		for sc.Member() {
			switch sc.Name() {
			case "stdio":
				list, _ := sc.Strings()
				copy(x.Stdio[:], list)
			case "null":
				x.Null, _ = sc.Strings()
			case "notify":
				x.Notify, _ = sc.Bool()
			case "label":
				x.Label, _ = sc.String()
			case "mounts":
				if sc.Array() {
					for sc.Element() {
						x.Points = append(x.Points, parsePoint(&sc))
					}
				}
			default:
				sc.Skip()
			}
		}
	}
	return x, sc.End()
}

func parsePoint(sc *jsonscan.Scanner) (p mountPoint) {
	if !sc.Object() {
		return p
	}
	for sc.Member() {
		switch sc.Name() {
		case "key":
			p.Key, _ = sc.String()
		case "in":
			p.In, _ = sc.String()
		case "path":
			p.Path, _ = sc.String()
		case "directory":
			p.Dir, _ = sc.Bool()
		default:
			sc.Skip()
		}
	}
	return p
}

func (d *imageDirs) save(x *imageExtra) error {
	err := outfile.ReplaceAt(int(d.images.Fd()), extraFile, x.append(nil), 0o600)
	var e *os.PathError
	if errors.As(err, &e) {
		e.Path = filepath.Join(d.images.Name(), extraFile)
	}
	return err
}

func (d *imageDirs) load() (*imageExtra, error) {
	path := filepath.Join(d.images.Name(), extraFile)
	fd, err := sys.Openat(int(d.images.Fd()), extraFile, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer sys.Close(fd)
	raw, err := sys.ReadAll(fd)
	if err != nil {
		return nil, &os.PathError{Op: "read", Path: path, Err: err}
	}
	x, err := parseExtra(string(raw))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return x, nil
}

func procPath(pid int, file string) string { return "/proc/" + strconv.Itoa(pid) + "/" + file }

func utoa(n uint64) string { return strconv.FormatUint(n, 10) }

// stdio finds the descriptors of the init that lead out of the container: pipes,
// and files that none of its mounts shows. Those of others, which exec has left
// behind in the background, are let out when they are the null device.
func (x *imageExtra) stdio(r *rpc.CriuOpts, pid int, others []int) error {
	mounts, err := criu.Mounts(pid)
	if err != nil {
		return err
	}
	known := map[int]bool{}
	for _, m := range mounts {
		known[m.ID] = true
	}
	for i := range x.Stdio {
		key, null, err := leadsOut(pid, strconv.Itoa(i), known)
		if err != nil {
			return err
		}
		x.Stdio[i] = key
		if null {
			x.addNull(key)
		}
		if key != "" && !strings.HasPrefix(key, "pipe:") {
			r.External = append(r.External, key)
		}
	}
	for _, other := range others {
		for i := range x.Stdio {
			// it may end at any time
			if key, null, err := leadsOut(other, strconv.Itoa(i), known); err == nil && null && x.addNull(key) {
				r.External = append(r.External, key)
			}
		}
	}
	return nil
}

// addNull notes another key of the null device; false: it was there.
func (x *imageExtra) addNull(key string) bool {
	if slices.Contains(x.Null, key) {
		return false
	}
	x.Null = append(x.Null, key)
	return true
}

// leadsOut gives the key of a process's descriptor that leads out of the
// container, "" if it is closed or does not, and whether it is the null device.
func leadsOut(pid int, n string, known map[int]bool) (key string, null bool, err error) {
	link, err := os.Readlink(procPath(pid, "fd/"+n))
	switch {
	case errors.Is(err, unix.ENOENT):
		return "", false, nil
	case err != nil:
		return "", false, err
	case strings.HasPrefix(link, "pipe:["):
		return link, false, nil
	case !strings.HasPrefix(link, "/"):
		return "", false, nil
	}
	var st unix.Stat_t
	if err := sys.Stat(procPath(pid, "fd/"+n), &st); err != nil {
		return "", false, &os.PathError{Op: "stat", Path: procPath(pid, "fd/"+n), Err: err}
	}
	id, err := fdMount(pid, n)
	if err != nil || st.Mode&unix.S_IFMT == unix.S_IFDIR || known[id] {
		return "", false, err
	}
	return externalFile(id, &st), isNull(&st), nil
}

func isNull(st *unix.Stat_t) bool {
	return st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == unix.Mkdev(1, 3)
}

// externalFile is the key by which criu knows a file that is not dumped: mount and inode, and of a terminal
// its numbers, in hexadecimal (criu, External files; External TTYs).
func externalFile(mount int, st *unix.Stat_t) string {
	hex := func(n uint64) string { return strconv.FormatUint(n, 16) }
	major := unix.Major(st.Rdev) // 4, 5, and 136 to 143 are terminals: admin-guide/devices.rst
	if st.Mode&unix.S_IFMT == unix.S_IFCHR && (major == 4 || major == 5 || major >= 136 && major <= 143) {
		return "tty[" + hex(st.Rdev) + ":" + hex(st.Dev) + "]"
	}
	return "file[" + hex(uint64(mount)) + ":" + hex(st.Ino) + "]"
}

// fdMount reads the mount of another process's descriptor
// (/proc/<pid>/fdinfo/<n>, proc(5)).
func fdMount(pid int, n string) (int, error) {
	path := procPath(pid, "fdinfo/"+n)
	raw, err := sys.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(raw)) {
		if v, ok := strings.CutPrefix(line, "mnt_id:"); ok {
			return strconv.Atoi(strings.TrimSpace(v))
		}
	}
	return 0, &os.PathError{Op: "find mnt_id in", Path: path, Err: unix.EINVAL}
}

// externalMount is a mount of the plan that criu is to bind and not to dump.
type externalMount struct{ target, source string }

// externalMounts are those whose contents are the host's.
func externalMounts(p *plan.Plan) (list []externalMount) {
	for _, op := range p.Init {
		switch o := op.Op.(type) {
		case *plan.MountBind:
			list = append(list, externalMount{o.Target, o.Source})
		case *plan.Mknod: // in a user namespace it is the host's, bound
			list = append(list, externalMount{o.Path, o.Path})
		case *plan.Mask: // of a file; a directory's is a tmpfs of the container's
			list = append(list, externalMount{o.Path, "/dev/null"})
		}
	}
	return list
}

// mounts finds each external mount among those that the container has now. It
// goes by the kernel's numbers: a path in the container is no name for a mount.
func (x *imageExtra) mounts(r *rpc.CriuOpts, pid int, p *plan.Plan) error {
	mounts, err := criu.Mounts(pid)
	if err != nil {
		return err
	}
	byID := map[int]*mountinfo.Mount{}
	for i := range mounts {
		byID[mounts[i].ID] = &mounts[i]
	}
	root, err := sys.Open(procPath(pid, "root"), unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer sys.Close(root)
	keys := map[int]string{}
	for _, e := range externalMounts(p) {
		id, dir, ok, err := mountAt(root, e.target)
		if err != nil {
			return err
		}
		m := byID[id]
		if !ok || m == nil || m.Point == "/" || dir && e.source == "/dev/null" || keys[id] != "" {
			continue // it is not there, any more
		}
		key := criu.Key(e.target)
		name, err := criu.ExternalMount(m.Point, key)
		if err != nil {
			return err
		}
		r.External = append(r.External, name)
		keys[id] = key
		x.point(byID, keys, m, dir)
	}
	return nil
}

// point notes where the mount is, if the place is in a file system that is not
// dumped: criu makes the others itself.
func (x *imageExtra) point(byID map[int]*mountinfo.Mount, keys map[int]string, m *mountinfo.Mount, dir bool) {
	in := byID[m.Parent]
	if in == nil || in.Point != "/" && keys[m.Parent] == "" {
		return
	}
	path := strings.TrimPrefix(strings.TrimPrefix(m.Point, in.Point), "/")
	if path != "" {
		x.Points = append(x.Points, mountPoint{Key: keys[m.ID], In: keys[m.Parent], Path: path, Dir: dir})
	}
}

// mountAt finds the mount whose root is at a path of the container.
func mountAt(root int, target string) (id int, dir, ok bool, err error) {
	fd, err := sys.Openat2(root, target, &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return 0, false, false, nil // the container may have unmounted it
	}
	defer sys.Close(fd)
	var st unix.Statx_t
	if err := sys.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID|unix.STATX_TYPE, &st); err != nil {
		return 0, false, false, &os.PathError{Op: "statx", Path: target, Err: err}
	}
	return int(st.Mnt_id), st.Mode&unix.S_IFMT == unix.S_IFDIR, st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0, nil
}

// pageServer reads HOST:PORT.
func pageServer(text string) (*rpc.CriuPageServerInfo, error) {
	i := strings.LastIndexByte(text, ':')
	port, err := strconv.ParseUint(text[i+1:], 10, 16)
	if i <= 0 || err != nil {
		return nil, fmt.Errorf("--page-server %q: ADDRESS:PORT is wanted", text)
	}
	return &rpc.CriuPageServerInfo{Address: new(strings.Trim(text[:i], "[]")), Port: new(int32(port))}, nil
}
