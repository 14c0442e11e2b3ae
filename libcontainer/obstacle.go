package libcontainer

import (
	"errors"
	"fmt"

	"github.com/rung-oci/rung/libcontainer/internal/host"
	"golang.org/x/sys/unix"
)

// Hints for what lies outside of the config.
const (
	hintOldKernel = "run a newer kernel"
	hintDenied    = "allow the call in the filter: that of the engine whose container rung runs in, or SystemCallFilter= and RestrictNamespaces= of systemd"
)

// obstacle adds to an error what every container on this host fails for: a kernel that is too old, or a
// seccomp filter above rung that denies a call. It is asked only after the kernel has refused a
// call in a way that such a kernel, or filter, does.
func obstacle(err error) (hint string, with error) {
	old := false
	for _, errno := range [...]unix.Errno{unix.ENOSYS, unix.EINVAL, unix.EOPNOTSUPP, unix.EPERM} {
		old = old || errors.Is(err, errno)
	}
	if !old {
		return "", err
	}
	if text := host.TooOld(); text != "" {
		return hintOldKernel, fmt.Errorf("%s: %w", text, err)
	}
	if !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EPERM) {
		return "", err
	}
	if call := host.DeniedCall(); call != "" {
		return hintDenied, fmt.Errorf("%w: a seccomp filter above rung denies %s(2)", err, call)
	}
	return "", err
}
