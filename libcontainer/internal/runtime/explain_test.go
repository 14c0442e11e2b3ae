package runtime

import (
	"errors"
	"strings"
	"testing"

	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/wire"
	"golang.org/x/sys/unix"
)

func TestStepError_names_its_thing(t *testing.T) {
	for _, c := range []struct {
		op   plan.Op
		step plan.InitStep
		err  unix.Errno
		want string
	}{
		{&plan.Keyring{Name: "_ses.web"}, plan.StepKeyring, unix.EDQUOT, "join the session keyring _ses.web: the user has as many keys as the kernel allows (/proc/key-users): disk quota exceeded (EDQUOT)"},
		{&plan.Keyring{Name: "_ses.web"}, plan.StepKeyring, unix.EPERM, "join the session keyring _ses.web: operation not permitted (EPERM)"},
		{&plan.MountFS{Type: "mqueue", Target: "/m"}, plan.StepIdmap, unix.EINVAL, "o (/m): map the ids of mount mqueue: mqueue cannot be id-mapped on Linux "},
		{&plan.CloneSource{Path: "/proc"}, plan.StepIdmap, unix.EINVAL, "map the ids of bind /proc: proc cannot be id-mapped on Linux "},
		{&plan.CloneSource{Path: "/gone"}, plan.StepIdmap, unix.EINVAL, "its file system cannot be id-mapped on Linux "},
	} {
		err := stepError(plan.Program{{Origin: "o", Op: c.op}}, wire.Message{Type: plan.MsgFail, Step: c.step, Err: c.err, Detail: ""})
		if !strings.Contains(err.Error(), c.want) || !errors.Is(err, c.err) {
			t.Errorf("%T: %v, want %s", c.op, err, c.want)
		}
	}
}

// An op and its step may have one name, which is said once.
func TestStepError_says_nothing_twice(t *testing.T) {
	for step := plan.StepOp; step.String() != ""; step++ {
		for _, op := range []plan.Op{&plan.Keyring{Name: "k"}, &plan.Home{}, &plan.Signals{}, &plan.Umask{}, &plan.Setsid{}} {
			text := stepError(plan.Program{{Op: op}}, wire.Message{Type: plan.MsgFail, Step: step, Err: unix.EINVAL}).Error()
			if name, _ := plan.Describe(op); strings.HasPrefix(text, name+": "+name+":") {
				t.Errorf("%T, %v: %s", op, step, text)
			}
		}
		if step > 200 {
			break
		}
	}
}
