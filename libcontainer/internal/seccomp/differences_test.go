package seccomp

import (
	"errors"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Where a build with the tag "libseccomp" answers otherwise than the profile says, and than the built-in compiler. Every test
// that holds on one of the builds only names its entry here: differs.
const (
	newerThanLibrary = "a name that is newer than the library"
	sameConditions   = "the same conditions twice, with different actions"
	highWords        = "inequalities of one argument whose values differ in the high word"
	mixedArguments   = "conditions on several arguments that are not all equalities"
	maskedArgument   = "a masked comparison before others of the argument"
	x32WithoutName   = "x32, and a name that x86_64 lacks"
)

var libraryDiffers = map[string]string{
	newerThanLibrary: "is unknown: its rule is not applied",
	sameConditions:   "is an error (EEXIST); the built-in compiler takes the first rule",
	highWords:        "are mixed up: a value that no rule allows may pass, and one that a rule allows may not",
	mixedArguments:   "are mixed up; some make the library loop without end",
	maskedArgument:   "leaves the masked value to the comparisons that follow",
	x32WithoutName:   "compares the number of the call without having loaded it",
}

// libraryBuild: the filters of this build are libseccomp's.
const libraryBuild = Compiler == "libseccomp"

// differs reports whether the difference of that name is to be expected in this build.
func differs(t testing.TB, name string) bool {
	t.Helper()
	what, ok := libraryDiffers[name]
	if !ok {
		t.Fatalf("libraryDiffers does not list %q", name)
	}
	if libraryBuild {
		t.Logf("libseccomp %s: %s: %s", LibraryVersion(), name, what)
	}
	return libraryBuild
}

// unknown reports whether this build does not know the name because the library is older than the call.
func unknown(t testing.TB, name string) bool {
	t.Helper()
	return libraryBuild && !Known(name) && differs(t, newerThanLibrary)
}

// conflicts reports whether err is the library's for two rules with the same conditions.
func conflicts(t testing.TB, err error) bool {
	t.Helper()
	return errors.Is(err, syscall.EEXIST) && differs(t, sameConditions)
}

func TestCompile_same_conditions_with_different_actions(t *testing.T) {
	p := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{
		{Names: []string{"read", "mprotect"}, Action: specs.ActLog, Args: []specs.LinuxSeccompArg{{Index: 2, Op: specs.OpEqualTo, Value: 4}}},
		{Names: []string{"openat", "mprotect"}, Action: specs.ActTrap, Args: []specs.LinuxSeccompArg{{Index: 2, Op: specs.OpEqualTo, Value: 4}}},
	}}
	f, err := Compile(p)
	if differs(t, sameConditions) {
		const want = `syscalls[1].names[1]: libseccomp rejects the rule for "mprotect": another rule has its conditions and another action: file exists`
		if !errors.Is(err, syscall.EEXIST) || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		return
	}
	if err != nil || f == nil {
		t.Errorf("got %v, want a filter", err)
	}
}
