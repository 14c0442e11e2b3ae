package check

import (
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/compile"
	"github.com/rung-oci/rung/libcontainer/internal/spec"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// contextual are the file systems of which the kernel judges each option by itself, when it is set in a context that
// nothing is made of yet (fsopen(2)). Others judge all of them together, when they are made, or ask a server.
var contextual = [...]string{"cgroup2", "devpts", "mqueue", "proc", "ramfs", "sysfs", "tmpfs"}

// fileSystemOptions asks the kernel about the options of a new file system, one by one: a misspelt one, a number that
// is none. It takes the privilege to mount; without it nothing is said.
func (c *checker) fileSystemOptions(at string, m *specs.Mount) {
	if !slices.Contains(contextual[:], m.Type) {
		return
	}
	for i, entry := range m.Options {
		for entry != "" {
			n := spec.MountOptionLength(entry)
			option := entry[:n]
			entry = strings.TrimPrefix(entry[n:], ",")
			o, err := compile.ParseMount(&specs.Mount{Type: m.Type, Options: []string{option}})
			if err != nil || len(o.Data) == 0 {
				continue
			}
			reason := refusedOption(m.Type, o.Data[0])
			if reason == "" {
				continue
			}
			hint := "correct the option"
			if near := spec.NearestMountOption(option); near != "" {
				hint += ": did you mean " + near + "?"
			}
			c.fatal(index(at+".options", i), "fsconfig(2)", strconv.Quote(option)+" is not an option that "+m.Type+" takes: "+reason, hint)
		}
	}
}

// refusedOption returns why the kernel refuses an option of a file system, in its own words if it has any, or "".
func refusedOption(kind, option string) string {
	key, value, hasValue := strings.Cut(option, "=")
	if len(key) > 255 || len(value) > 255 {
		return "" // for mount(2)
	}
	fs, err := sys.Fsopen(kind, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return ""
	}
	defer sys.Close(fs)
	if hasValue {
		err = sys.FsconfigSetString(fs, key, value)
	} else {
		err = sys.FsconfigSetFlag(fs, key)
	}
	if err != unix.EINVAL && err != unix.ERANGE { //nolint:errorlint // bare errnos
		return ""
	}
	// Messages wait in the context, one for each read, each after a letter for its level.
	buf := make([]byte, 512)
	if n, rerr := sys.Read(fs, buf); rerr == nil && n > 2 {
		return strings.TrimSpace(string(buf[2:n]))
	}
	return err.Error()
}
