package libcontainer

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"
)

//go:generate go test -run ^TestCodes_page$ . -update

var update = flag.Bool("update", false, "write docs/errors.md anew")

// Every constant is in the catalogue, and every entry says all that it should.
func TestCodes(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if ok && strings.HasPrefix(v.Names[0].Name, "Code") && len(v.Values) == 1 {
			text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil || declared[text] {
				t.Errorf("%s = %s, which is there already (%v)", v.Names[0].Name, text, err)
			}
			declared[text] = true
		}
		return true
	})
	for _, c := range Codes() {
		if !declared[c.Code] {
			t.Errorf("%s is no constant, or is there twice", c.Code)
		}
		delete(declared, c.Code)
		if remedy(c.Code) != c.Remedy {
			t.Errorf("%s: its remedy is not found", c.Code)
		}
		for _, text := range []string{c.Meaning, c.Cause, c.Remedy} {
			if text == "" || strings.HasSuffix(text, ".") || strings.ContainsAny(text, "\n|") {
				t.Errorf("%s: %q is no sentence without its full stop", c.Code, text)
			}
		}
		if !strings.HasPrefix(c.Example, "rung: ") || strings.Contains(c.Example, "\n") {
			t.Errorf("%s: the example %q", c.Code, c.Example)
		}
	}
	for code := range declared {
		t.Errorf("%s is not in the catalogue", code)
	}
}

const pageHead = `<!-- Written from the table in libcontainer/codes.go by "make generate"; do not edit. -->
# Errors

An error is one line on standard error, the last, because that is what engines show:

    rung: create web: mounts[6] (/mnt): file system type of mount nonsensefs: no such device (ENODEV)

What was attempted, on which container, the field of the config that it comes from, what the kernel was asked, and why it refused. A person at a terminal gets a second line with a hint.
Of a program that cannot be executed by ` + "`start`, `run` or `exec`" + ` the line is what the program's own loader would print, as scripts know it from runc.

` + "`--log-format json`" + ` has the same as data, for programs:

    {"level":"error","msg":"create web: mounts[6] (/mnt): …","op":"create","id":"web","code":"mount","step":"mount-fs","path":"mounts[6]","errno":"ENODEV","hint":"…","time":"…"}

| member | what it is |
|---|---|
| ` + "`code`" + ` | one of those below. They are stable: none changes its meaning, and none goes |
| ` + "`op`, `id`" + ` | the command and the container, where there is one |
| ` + "`step`" + ` | the step of the plan that failed, as ` + "`rung plan`" + ` names it |
| ` + "`path`" + ` | the field of config.json |
| ` + "`errno`" + ` | the name of the error number, where the kernel gave one |
| ` + "`hint`" + ` | what to do about it |

The exit status is 1; ` + "`exec`" + ` has 255, so that it is not taken for the process's. [Tracing](tracing.md) shows what came before.

`

// The page is written from the table.
func TestCodes_page(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(pageHead + "| code | meaning |\n|---|---|\n")
	for _, c := range Codes() {
		b.WriteString("| [`" + c.Code + "`](#" + c.Code + ") | " + c.Meaning + " |\n")
	}
	for _, c := range Codes() {
		b.WriteString("\n## `" + c.Code + "`\n\n" + c.Meaning + ".\n\n    " + c.Example + "\n\n- *Cause:* " + c.Cause + ".\n- *Remedy:* " + c.Remedy + ".\n")
	}
	const page = "../docs/errors.md"
	if *update {
		if err := os.WriteFile(page, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if have, err := os.ReadFile(page); err != nil || string(have) != b.String() {
		t.Errorf("docs/errors.md is stale: make generate (%v)", err)
	}
}
