package main

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rung-oci/rung/libcontainer"
	"github.com/urfave/cli/v2"
)

// TestMain runs the program itself, for the tests that need a process of its own.
func TestMain(m *testing.M) {
	if os.Getenv("RUNG_TEST_AS_RUNG") != "" {
		os.Exit(run(os.Args, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// testGlobals is an invocation whose outputs are files; the functions return what was written.
func testGlobals(t *testing.T) (g *globals, stdout, stderr func() string) {
	t.Helper()
	open := func() (*os.File, func() string) {
		f, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f, func() string {
			t.Helper()
			b, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<20))
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
	}
	g = &globals{}
	g.stdout, stdout = open()
	g.stderr, stderr = open()
	g.log = logger{out: g.stderr, level: levelWarning}
	return g, stdout, stderr
}

// rung runs the program with the arguments.
func rung(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	g, out, err := testGlobals(t)
	status = run(append([]string{"/usr/bin/rung"}, args...), g.stdout, g.stderr)
	return status, out(), err()
}

func TestVersion(t *testing.T) {
	for _, arg := range []string{"-v", "--version", "-version"} {
		status, stdout, stderr := rung(t, arg)
		lines := strings.Split(stdout, "\n")
		if status != 0 || stderr != "" || len(lines) < 6 {
			t.Fatalf("%s: status %d, %q, %q", arg, status, stdout, stderr)
		}
		for i, want := range []string{
			`^rung version [0-9]+\.[0-9]+\.[0-9]+(-\S+)?$`, `^commit: \S+$`, `^spec: 1\.3\.0$`, `^go: go1\.`,
			`^libseccomp: [0-9]+\.[0-9]+\.[0-9]+$`, `^seccomp: ` + libcontainer.SeccompCompiler + `$`,
		} {
			if !regexp.MustCompile(want).MatchString(lines[i]) {
				t.Errorf("%s: line %d is %q, want %s", arg, i+1, lines[i], want)
			}
		}
	}
}

func TestHelp(t *testing.T) {
	second := "   rung - Open Container Initiative runtime"
	for _, args := range [][]string{nil, {"-h"}, {"--help"}, {"help"}, {"-h", "run"}} {
		status, stdout, stderr := rung(t, args...)
		lines := strings.Split(stdout, "\n")
		if status != 0 || stderr != "" || len(lines) < 2 || lines[0] != "NAME:" || lines[1] != second {
			t.Errorf("%q: status %d, %q, %q", args, status, stdout, stderr)
		}
		for _, name := range commandNames {
			if !strings.Contains(stdout, "\n   "+name+" ") {
				t.Errorf("%q: no %s in %s", args, name, stdout)
			}
		}
	}
}

// No two options of a command have one name, and none is the help's.
func TestNamesOfFlags(t *testing.T) {
	g := &globals{}
	check := func(command string, flags []cli.Flag) {
		seen := map[string]bool{"help": true, "h": true}
		for _, f := range flags {
			for _, name := range f.Names() {
				if seen[name] {
					t.Errorf("%s: two options are called %s", command, name)
				}
				seen[name] = true
			}
		}
	}
	check("rung", g.flags())
	for _, name := range commandNames {
		check(name, g.command(name).Flags)
	}
}

func TestHelpOfCommands(t *testing.T) {
	if !slices.IsSorted(commandNames[:]) {
		t.Error("the commands are not in order")
	}
	for _, name := range commandNames {
		for _, args := range [][]string{{name, "-h"}, {name, "--help"}, {name, "web", "-h"}, {"help", name}} {
			if name == "ps" && args[1] == "web" {
				continue // ps(1) gets it
			}
			status, stdout, stderr := rung(t, args...)
			lines := strings.Split(stdout, "\n")
			if status != 0 || stderr != "" || len(lines) < 2 || lines[0] != "NAME:" || !strings.HasPrefix(lines[1], "   rung "+name+" - ") {
				t.Errorf("%q: status %d, %q, %q", args, status, stdout, stderr)
			}
			for _, part := range []string{"\nUSAGE:\n   rung " + name, "\nDESCRIPTION:\n", "EXAMPLE:\n"} {
				if !strings.Contains(stdout, part) {
					t.Errorf("%q: no %q in %s", args, part, stdout)
				}
			}
		}
	}
}

func TestMistakes(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for _, tc := range []struct {
		name string
		args []string
		want string // the whole of standard error, without "rung: "
	}{
		{"misspelt command", []string{"rnu"}, "No help topic for 'rnu': did you mean run?"},
		{"unknown command", []string{"foo"}, "No help topic for 'foo'"},
		{"unknown command's help", []string{"foo", "-h"}, "No help topic for 'foo'"},
		{"help for an unknown command", []string{"help", "foo"}, "No help topic for 'foo'"},
		{"unknown global option", []string{"--frob", "list"}, "unknown option --frob"},
		{"unknown option", []string{"kill", "web", "--frob"}, "kill: unknown option --frob"},
		{"no id", []string{"create"}, "create: a container id is needed"},
		{"too many", []string{"start", "a", "b"}, `start: unexpected argument "b"`},
		{"arguments for list", []string{"list", "a"}, `list: unexpected argument "a"`},
		{"unknown signal", []string{"kill", "web", "FOO"}, `kill: unknown signal "FOO"`},
		{"not a number", []string{"run", "web", "--preserve-fds=x"}, `run: option --preserve-fds: "x" is not a number`},
		{"not a bool", []string{"list", "-q=x"}, `list: option --quiet: "x" is not true or false`},
		{"negative count", []string{"run", "web", "--preserve-fds", "-1"}, "run: option --preserve-fds: -1 is negative"},
		{"missing value", []string{"run", "web", "-b"}, "run: option -b needs a value"},
		{"empty root", []string{"--root", "", "list"}, "option --root: is empty"},
		{"log format", []string{"--log-format", "xml", "list"}, `option --log-format: "xml" is not text or json`},
		{"log level", []string{"--log-level", "loud", "list"}, `option --log-level: unknown level "loud"`},
		{"rootless", []string{"--rootless", "no", "list"}, `option --rootless: "no" is not true, false or auto`},
		{"cgroup manager", []string{"--cgroup-manager", "x", "list"}, `option --cgroup-manager: "x" is not cgroupfs, systemd or disabled`},
		{"list format", []string{"list", "-f", "xml"}, `list: option --format: "xml" is not table or json`},
		{"log in a missing directory", []string{"--log", missing + "/log", "list"}, "list: option --log: open " + missing + "/log: no such file or directory"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, stdout, stderr := rung(t, tc.args...)
			if status != 1 || stdout != "" || stderr != "rung: "+tc.want+"\n" {
				t.Errorf("status %d, %q, %q, want %q", status, stdout, stderr, tc.want)
			}
		})
	}
}

// A mistake in a command's options must be in the log, although the log's options come after it in no order but the
// command line's: containerd looks nowhere else.
func TestMistakesAreLogged(t *testing.T) {
	for _, args := range [][]string{{"foo"}, {"--frob"}, {"create", "--frob"}, {"create"}, {"run", "web", "--preserve-fds=x"}} {
		log := filepath.Join(t.TempDir(), "log")
		status, _, stderr := rung(t, append([]string{"--log", log, "--log-format=json"}, args...)...)
		text, err := os.ReadFile(log)
		if status != 1 || err != nil || !strings.HasPrefix(string(text), `{"level":"error","msg":`) || !strings.HasPrefix(stderr, "rung: ") {
			t.Errorf("%q: status %d, log %q %v, standard error %q", args, status, text, err, stderr)
		}
	}
}

func TestListRoot(t *testing.T) {
	status, stdout, stderr := rung(t, "--root", filepath.Join(t.TempDir(), "missing"), "list")
	if status != 1 || stdout != "" || !strings.Contains(stderr, "no such file or directory") {
		t.Errorf("a root that does not exist: status %d, %q, %q", status, stdout, stderr)
	}
	dir := t.TempDir()
	for _, tc := range []struct{ format, want string }{
		{"--format=table", "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n"},
		{"--format=json", "[]\n"},
		{"-q", ""},
	} {
		status, stdout, stderr = rung(t, "--root", dir, "list", tc.format)
		if status != 0 || stdout != tc.want || stderr != "" {
			t.Errorf("%s of an empty root: status %d, %q, %q", tc.format, status, stdout, stderr)
		}
	}
}

// Called with standard descriptors closed, nothing may be opened in their place: the log would get what is printed.
func TestClosedStandardDescriptors(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, closed := range []string{"2>&-", ">&- 2>&-", "<&- >&- 2>&-", "<&- 2>&-"} {
		log := filepath.Join(t.TempDir(), "log")
		cmd := exec.Command("/bin/sh", "-c", `exec "$0" --log "$1" --log-format json foo `+closed, exe, log)
		cmd.Env = append(os.Environ(), "RUNG_TEST_AS_RUNG=1")
		if err := cmd.Run(); cmd.ProcessState.ExitCode() != 1 {
			t.Errorf("%s: %v", closed, err)
		}
		text, err := os.ReadFile(log)
		if err != nil || !json.Valid(text) {
			t.Errorf("%s: the log is %q, %v", closed, text, err)
		}
	}
}
