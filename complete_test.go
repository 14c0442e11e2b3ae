package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// What can be counted, the usage text of an option counts, and its default is among that.
func TestChoices(t *testing.T) {
	for usage, want := range map[string]string{
		"table or json": "table json", "table or json; json has the ids alone": "table json", "form of records, text or json": "text json",
		"least level: error, warning or info": "error warning info", "`name` of an example: shell or network": "shell network",
		"time between statistics, like 100ms or 1m": "", "the bundle's directory": "", "a or B": "", "": "",
	} {
		if got := strings.Join(choices(usage), " "); got != want {
			t.Errorf("%q: %q, want %q", usage, got, want)
		}
	}
	g := &globals{}
	flags := g.flags()
	for _, name := range commandNames {
		flags = append(flags, g.command(name).Flags...)
	}
	for _, f := range flags {
		if f, ok := f.(*cli.StringFlag); ok && f.Value != "" {
			if all := choices(f.Usage); all != nil && !slices.Contains(all, f.Value) {
				t.Errorf("--%s: the default %q is not among %q", f.Name, f.Value, all)
			}
		}
	}
}

// The argument alone is no request for completion: it could be meant for a program in a container.
func TestCompletes(t *testing.T) {
	args := []string{"--root", t.TempDir(), "exec", "web", "sh", completeFlag}
	status, stdout, stderr := rung(t, args...)
	if status != execFailed || stdout != "" || !strings.Contains(stderr, "does not exist") {
		t.Errorf("without the variable: %d, %q, %q", status, stdout, stderr)
	}
	t.Setenv("RUNG_COMPLETE", "bash")
	if status, stdout, stderr := rung(t, args...); status != 0 || stdout != "" || stderr != "" {
		t.Errorf("with it: %d, %q, %q", status, stdout, stderr)
	}
	if status, stdout, stderr := rung(t, "kill", "--a", completeFlag); status != 0 || !strings.HasPrefix(stdout, "--all\tsend") || stderr != "" {
		t.Errorf("options: %d, %q, %q", status, stdout, stderr)
	}
	if status, stdout, stderr := rung(t, "kill", "--", "--a", completeFlag); status != 0 || strings.Contains(stdout, "--all") || stderr != "" {
		t.Errorf("after --: %d, %q, %q", status, stdout, stderr)
	}
	if status, stdout, _ := rung(t, "exec", "-e", "A=b", "-", completeFlag); status != 0 || !strings.Contains(stdout, "--env\t") || !strings.Contains(stdout, "--tty\t") {
		t.Errorf("an option that may be repeated is left out after its first time: %q", stdout)
	}
	if status, stdout, _ := rung(t, "exec", "-t", "-", completeFlag); status != 0 || strings.Contains(stdout, "--tty\t") {
		t.Errorf("an option is offered twice: %q", stdout)
	}
}

// FuzzComplete asks for the completion of every line: it ends without a mistake, and changes nothing.
func FuzzComplete(f *testing.F) {
	if err := os.Setenv("RUNG_COMPLETE", "bash"); err != nil {
		f.Fatal(err)
	}
	root := f.TempDir()
	for _, line := range []string{"", "-", "--root=", "kill\x00", "kill\x00x\x00", "exec\x00-e\x00", "run\x00--bundle=", "help\x00x", "--\x00--\x00-", "--log-level\x00"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := append([]string{"rung", "--root", root}, strings.Split(line, "\x00")...)
		g := &globals{failure: 1}
		if act, err := g.parse(append(args, completeFlag)); act == nil || err != nil {
			t.Errorf("%q: %v", args, err)
		}
	})
}
