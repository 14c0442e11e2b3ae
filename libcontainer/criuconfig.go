package libcontainer

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/checkpoint-restore/go-criu/v8/rpc"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/annotation"
	"github.com/rung-oci/rung/libcontainer/internal/compile"
	"github.com/rung-oci/rung/libcontainer/internal/criu"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// criuGlobal are the host's own files of criu's options, for containers without the annotation: the first that is there.
// The guides of engines tell people to write runc's.
var criuGlobal = [...]string{"/etc/criu/rung.conf", "/etc/criu/runc.conf"}

// criuOptions are the options of criu that the file of an annotation may have, sorted. Each says
// what is dumped or restored, and how. All others are refused: criu runs as root of the host,
// and its options name programs, libraries, files to write and addresses to connect to
// (action-script, exec-cmd, libdir, log-file, pidfile, page-server, root, external …).
var criuOptions = [...]string{
	"allow-uprobes", "auto-dedup", "cpu-cap", "display-stats", "enable-external-masters", "enable-external-sharing", "enable-fs", "evasive-devices",
	"ext-unix-sk", "file-locks", "file-validation", "force-irmap", "ghost-fiemap", "ghost-limit", "link-remap", "manage-cgroups", "mntns-compat-mode",
	"network-lock", "no-mntns-compat-mode", "shell-job", "skip-file-rwx-check", "skip-in-flight", "tcp-close", "tcp-established", "timeout", "track-mem",
	"verbosity", "weak-sysctls",
}

// criuConfig gives criu a file with more of its options, which win over those of the request:
// the annotation's, or the host's own. Whoever writes annotations is not trusted with the
// options, nor is the container with the file: criu gets a sealed copy of what was judged.
func (o *ImageOptions) criuConfig(r *rpc.CriuOpts, s *criu.Spawn, p *prepared) error {
	file, ok := p.spec.Annotations[annotation.CriuConfig]
	var text string
	var err error
	switch {
	case !ok:
		for _, file := range criuGlobal {
			if text, err = readCriuConfig(file, nil); !errors.Is(err, unix.ENOENT) {
				if err != nil {
					return fmt.Errorf("options of criu (%s): %w", file, err)
				}
				break
			}
		}
		if err != nil {
			return nil // there is none
		}
	case file == "":
		return nil
	default:
		if text, err = readCriuConfig(file, p); err == nil {
			text, err = harmlessOptions(text)
		}
		if err != nil {
			return fmt.Errorf("annotations[%s] (%s): %w", annotation.CriuConfig, file, err)
		}
	}
	fd, err := sys.SealedMemfd("criu.conf", []byte(text))
	if err != nil {
		return err
	}
	s.Files = append(s.Files, os.NewFile(uintptr(fd), "criu.conf"))
	r.ConfigFile = new("/proc/self/fd/" + strconv.Itoa(criu.InheritFD(len(s.Files)-1)))
	return nil
}

var (
	errNotRoots    = errors.New("want a regular file of root's that nobody else can write to")
	errContainers  = errors.New("the file is within what the container can reach: want one outside of the bundle, the root file system and its mounts")
	errNotAbsolute = errors.New("want an absolute path")
)

// readCriuConfig reads a file that only root of the host can have written. With p the file's name is somebody else's, and
// may not lead into what that container can reach.
func readCriuConfig(file string, p *prepared) (string, error) {
	if !path.IsAbs(file) {
		return "", errNotAbsolute
	}
	flags := unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY
	if p != nil {
		flags |= unix.O_NOFOLLOW
	}
	fd, err := sys.Open(file, flags)
	if err != nil {
		return "", err
	}
	defer sys.Close(fd)
	var st unix.Stat_t
	if err := sys.Fstat(fd, &st); err != nil {
		return "", err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Uid != 0 || st.Mode&0o022 != 0 || st.Nlink != 1 {
		return "", errNotRoots
	}
	if p != nil {
		within, err := withinContainer(fd, p.spec, p.opt.Bundle, p.plan.Rootfs)
		if err != nil {
			return "", err
		}
		if within {
			return "", errContainers
		}
	}
	text, err := sys.ReadAll(fd)
	return string(text), err
}

// withinContainer tells whether an open file is below a directory that the container may write
// to: its root, its bundle, or the source of a bind mount. It compares the directories above
// the file by device and inode, so that no link or other mount point hides one.
func withinContainer(fd int, s *specs.Spec, bundle, rootfs string) (bool, error) {
	type id struct{ dev, ino uint64 }
	var reach []id
	add := func(dir string) {
		var st unix.Stat_t
		if sys.Stat(dir, &st) == nil {
			reach = append(reach, id{st.Dev, st.Ino})
		}
	}
	add(bundle)
	add(rootfs)
	for i := range s.Mounts {
		if o, err := compile.ParseMount(&s.Mounts[i]); err == nil && o.Bind && s.Mounts[i].Source != "" {
			source := s.Mounts[i].Source
			if !path.IsAbs(source) {
				source = path.Join(bundle, source)
			}
			add(source)
		}
	}
	at, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil {
		return false, err
	}
	var st unix.Stat_t
	if err := sys.Fstat(fd, &st); err != nil {
		return false, err
	}
	if slices.Contains(reach, id{st.Dev, st.Ino}) {
		return true, nil
	}
	dir, err := sys.Open(path.Dir(at), unix.O_PATH|unix.O_DIRECTORY)
	for {
		if err != nil {
			return false, err
		}
		var up unix.Stat_t
		if err := sys.Fstat(dir, &up); err != nil {
			sys.Close(dir)
			return false, err
		}
		if slices.Contains(reach, id{up.Dev, up.Ino}) {
			sys.Close(dir)
			return true, nil
		}
		if up.Dev == st.Dev && up.Ino == st.Ino {
			sys.Close(dir)
			return false, nil // the root is above itself
		}
		st = up
		above, next := sys.Openat(dir, "..", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		sys.Close(dir)
		dir, err = above, next
	}
}

// harmlessOptions judges the lines of a file of options (criu(8), Configuration files), and
// returns them as criu will see them: nothing else of the file reaches criu.
func harmlessOptions(text string) (string, error) {
	var out strings.Builder
	n := 0
	for line := range strings.Lines(text) {
		n++
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		end := strings.IndexAny(line, " \t=")
		name, value := line, ""
		if end >= 0 {
			name, value = line[:end], strings.TrimSpace(line[end+1:])
		}
		if !slices.Contains(criuOptions[:], name) {
			return "", fmt.Errorf("line %d: %.40q is not an option that an annotation may set: want one of %s", n, name, strings.Join(criuOptions[:], ", "))
		}
		for _, c := range []byte(value) {
			if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-_.,:", rune(c)) {
				return "", fmt.Errorf("line %d: invalid value of %s: it may have letters, digits, and any of -_.,: only", n, name)
			}
		}
		out.WriteString(name)
		if value != "" {
			out.WriteString(line[end:end+1] + value)
		}
		out.WriteByte('\n')
	}
	return out.String(), nil
}
