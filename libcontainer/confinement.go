package libcontainer

import (
	"errors"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// confinement is the label that AppArmor or SELinux has for a process
// (/proc/<pid>/attr/current, proc_pid_attr(5)); "" where no module has labels.
func confinement(pid int) (string, error) {
	raw, err := sys.ReadFile(procPath(pid, "attr/current"))
	if errors.Is(err, unix.EINVAL) {
		return "", nil
	}
	return strings.TrimRight(string(raw), "\x00\n"), err
}

// confined: the config asks for a label.
func confined(s *specs.Spec) bool {
	return s.Process != nil && (s.Process.SelinuxLabel != "" || s.Process.ApparmorProfile != "")
}

// sameConfinement wants a restored init to have the label that was dumped. A criu
// that was built without libselinux (Debian's, up to 4.2) leaves SELinux's out
// without a word: what it restores runs with its caller's. That one is killed
// before it has run; criu sets a label that is given to it, or fails.
func (x *restoration) sameConfinement() error {
	was := x.extra.Label
	if was == "" || x.opt.LSMProfile != "" {
		return nil
	}
	is, err := confinement(x.state.Pid)
	switch {
	case err == nil && is == was:
		return nil
	case err == nil && is == "":
		err = withCode(CodeLSM, errors.New("the label "+strconv.Quote(was)+" of the images cannot be applied: this host has neither AppArmor nor SELinux enabled"))
	case err == nil:
		err = withCode(CodeLSM, errors.New("criu has restored the process with the label "+strconv.Quote(is)+", and it had "+strconv.Quote(was)+
			": this criu knows nothing of the host's security module"))
	}
	return errors.Join(err, sys.PidfdSignal(x.pidfd, unix.SIGKILL))
}
