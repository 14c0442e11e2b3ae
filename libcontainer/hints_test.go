package libcontainer

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/runtime"
	"golang.org/x/sys/unix"
)

// Every op and every action has a code of the catalogue; an op that serves several fields has the code of its field.
func TestLabels_have_codes(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, c := range Codes() {
		known[c.Code] = true
	}
	kinds := 0
	for k := plan.Kind(1); k.Label().Name != "none"; k++ {
		kinds++
		switch label := k.Label(); {
		case label.Code == "" && k != plan.KindProcWrite:
			t.Errorf("%s has no code", label.Name)
		case label.Code != "" && !known[label.Code]:
			t.Errorf("%s has the code %q, which is not in the catalogue", label.Name, label.Code)
		}
	}
	if kinds < 60 {
		t.Errorf("there are %d kinds of op", kinds)
	}
	var source []byte
	for _, file := range []string{"plan.go", "cgroup.go"} {
		text, err := os.ReadFile("internal/plan/" + file)
		if err != nil {
			t.Fatal(err)
		}
		source = append(source, text...)
	}
	actions := regexp.MustCompile(`return Label\{"([a-z-]+)", "([a-z]*)"\}`).FindAllStringSubmatch(string(source), -1)
	if len(actions) < 20 {
		t.Errorf("%d actions are found", len(actions))
	}
	for _, a := range actions {
		if !known[a[2]] {
			t.Errorf("%s has the code %q, which is not in the catalogue", a[1], a[2])
		}
	}
}

// A hint speaks of the situation: the same step gets another one for another errno, and none where nothing is known.
func TestHint_of_the_situation(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		step  plan.Label
		errno unix.Errno
		has   string // "" for the remedy of the code
	}{
		{plan.KindKeyring.Label(), unix.EPERM, "/proc/keys"},
		{plan.KindKeyring.Label(), unix.EDQUOT, "maxkeys"},
		{plan.KindKeyring.Label(), unix.ENOSYS, "CONFIG_KEYS"},
		{plan.KindRlimit.Label(), unix.EPERM, "CAP_SYS_RESOURCE"},
		{plan.KindScheduler.Label(), unix.EPERM, "CAP_SYS_NICE"},
		{plan.KindChdir.Label(), unix.ENOTDIR, "process.cwd has to be a directory"},
		{plan.KindChdir.Label(), unix.EACCES, "search permission"},
		{plan.KindUnshare.Label(), unix.EINVAL, "this kernel lacks"},
		{plan.LabelOf(plan.Spawn{}), unix.EINVAL, "this kernel lacks"},
		{plan.LabelOf(plan.Spawn{}), unix.EPERM, "forbids new user namespaces"},
		{plan.LabelOf(plan.Spawn{}), unix.ENOSPC, "max_*_namespaces"},
		{plan.LabelOf(plan.OpenNamespace{}), unix.ENOENT, "ended with its last process"},
		{plan.KindSetns.Label(), unix.EINVAL, "of the type that the entry names"},
		{plan.KindSetns.Label(), unix.EPERM, "CAP_SYS_ADMIN"},
		{plan.KindUmask.Label(), unix.EIO, ""},
	} {
		err := opError("create", "web", &runtime.StepError{Origin: "o", Step: c.step, What: "try", Errno: c.errno})
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("%v is no Error", err)
		}
		if c.has == "" && e.Hint != remedy(e.Code) || !strings.Contains(e.Hint, c.has) {
			t.Errorf("%s, %v: the hint %q has no %q", c.step.Name, c.errno, e.Hint, c.has)
		}
		for _, foreign := range [...]string{"CAP_SYS_RESOURCE", "lsns", "--detach"} {
			if c.has != foreign && strings.Contains(e.Hint, foreign) {
				t.Errorf("%s, %v: the hint %q speaks of another situation", c.step.Name, c.errno, e.Hint)
			}
		}
	}
}
