package libcontainer

import (
	"os/exec"
	"strings"
	"testing"
)

// Which package may not see which, and why. A package that is named here and
// does not exist fails the test: a rule about nothing holds nothing.
func TestImports(t *testing.T) {
	const module = "github.com/rung-oci/rung/"
	const internal = module + "libcontainer/internal/"
	for _, rule := range []struct {
		pkg    string
		banned []string
		why    string
	}{
		{internal + "compile", []string{internal + "sys", internal + "cgroup", internal + "state", internal + "host", internal + "runtime", internal + "seccomp", "os/exec"}, "compile is pure: config, options and facts in, a plan out"},
		{internal + "plan", []string{internal + "sys", internal + "spec", "github.com/opencontainers/runtime-spec/specs-go"}, "a plan is data in the kernel's terms"},
		{internal + "runtime", []string{internal + "spec", internal + "compile", "github.com/opencontainers/runtime-spec/specs-go"}, "what carries a plan out cannot decide again"},
		{internal + "cgroup", []string{internal + "spec", internal + "compile", internal + "cgroup/v1", internal + "cgroup/v2", "github.com/opencontainers/runtime-spec/specs-go"}, "what carries a plan out cannot decide again"},
		{internal + "cgroup/v1", []string{internal + "sys", internal + "cgroup", internal + "host"}, "what to write is decided without a look at the host"},
		{internal + "cgroup/v2", []string{internal + "sys", internal + "cgroup", internal + "host"}, "what to write is decided without a look at the host"},
		{internal + "cgroup/property", []string{internal + "sys", internal + "cgroup", internal + "systemd"}, "what to write is decided without a look at the host"},
		{internal + "check", []string{internal + "runtime", internal + "state", internal + "cgroup", internal + "undo"}, "a check reads, and changes nothing"},
		{internal + "spec", []string{internal + "sys", internal + "plan", "encoding/json", "regexp"}, "every command would pay for reflection and tables at its start"},
		{module + "libcontainer", []string{"encoding/json", "net/http", "regexp", "text/template", "log/slog", "github.com/urfave/cli/v2"}, "every command would pay for their start"},
	} {
		out, err := exec.Command("go", "list", "-deps", rule.pkg).Output()
		if err != nil {
			t.Fatalf("go list %s: %v", rule.pkg, err)
		}
		deps := strings.Fields(string(out))
		for _, d := range deps {
			for _, b := range rule.banned {
				if d == b {
					t.Errorf("%s imports %s: %s", rule.pkg, b, rule.why)
				}
			}
		}
	}
	// commands know the library only
	out, err := exec.Command("go", "list", "-f", `{{join .Imports "\n"}}`, module).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range strings.Fields(string(out)) {
		if strings.HasPrefix(i, internal) {
			t.Errorf("a command imports %s: commands are flags, one library call and output", i)
		}
	}
}
