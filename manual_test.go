//go:build !urfave_cli_no_docs

package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

//go:generate go test -run ^TestManual$ . -update

var update = flag.Bool("update", false, "write the man pages anew")

// The man pages in the tree are what the library's generator makes of the command tables. The released rung is built
// without it.
func TestManual(t *testing.T) {
	files := manPages(t)
	there, err := filepath.Glob("man/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range there {
		if files[name] == nil {
			if *update {
				err = os.Remove(name)
			}
			if !*update || err != nil {
				t.Errorf("%s is of no command: make generate (%v)", name, err)
			}
		}
	}
	for name, want := range files {
		if *update {
			if err := os.WriteFile(name, want, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := os.ReadFile(name)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is stale: make generate (%v)", name, err)
		}
	}
}

// manTemplate is a page in Markdown, from which the library makes one in man(7). Metadata has what the tables do not.
const manTemplate = `% {{ .App.Metadata.title }}

# NAME

{{ .App.Name }} - {{ .App.Usage }}

# SYNOPSIS

{{ .App.UsageText }}

# DESCRIPTION

{{ .App.Description }}
{{ with .App.VisibleCommands }}
# COMMANDS

{{ range . }}**rung-{{ .Name }}**(8)
: {{ call $.App.Metadata.sentence .Usage }}

{{ end }}{{ end }}
# {{ if .App.Commands }}GLOBAL {{ end }}OPTIONS

{{ if .App.Commands }}They stand before the command.

{{ end }}{{ range .App.VisibleFlags }}{{ call $.App.Metadata.option . }}

{{ end }}{{ range .App.Metadata.sections }}{{ if .Name }}# {{ .Name }}

{{ end }}{{ .Text }}

{{ end }}`

type manSection struct{ Name, Text string }

// manPages is the page of the program and those of its commands, by file.
func manPages(t *testing.T) map[string][]byte {
	t.Helper()
	cli.MarkdownDocTemplate = manTemplate
	release := releaseOfManual(t)
	knowHelp(true)
	g := &globals{}
	pages := map[string][]byte{}
	write := func(name string, app *cli.App, sections ...manSection) {
		app.Name = name
		app.Flags = append(app.Flags, cli.HelpFlag)
		app.Metadata = map[string]any{
			"title":    strings.ToUpper(name) + " 8 " + release + ` "System Administration"`,
			"sentence": sentence, "option": manOption, "sections": sections,
		}
		text, err := app.ToManWithSection(8)
		if err != nil {
			t.Fatal(err)
		}
		pages["man/"+name+".8"] = finishPage(text)
	}

	program := &cli.App{
		Usage: usage, UsageText: "**rung** [*global option*]... *command* [*option*]... [*argument*]...",
		Description: markdown(description), Flags: g.flags(),
	}
	for _, name := range commandNames {
		c := g.command(name)
		program.Commands = append(program.Commands, &c.Command)
		synopsis := "**rung " + name + "**"
		if len(c.Flags) > 0 {
			synopsis += " [*option*]..."
		}
		if args := strings.TrimSpace(c.ArgsUsage); args != "" {
			synopsis += " " + regexp.MustCompile(`<([^>]*)>`).ReplaceAllString(args, "*$1*")
		}
		text, examples, _ := strings.Cut(c.Description, "\nEXAMPLE:\n")
		sections := []manSection{{"", "Global options, which stand before the command, are in **rung**(8)."}}
		if examples != "" {
			sections = append(sections, manSection{"EXAMPLES", markdown(examples)})
		}
		see := "**rung**(8)"
		for _, other := range relatedCommands(name) {
			see += ", **rung-" + other + "**(8)"
		}
		write("rung-"+name, &cli.App{Usage: c.Usage, UsageText: synopsis, Description: markdown(text), Flags: c.Flags},
			append(sections, manSection{"EXIT STATUS", exitStatus(c)}, manSection{"SEE ALSO", see})...)
	}
	write("rung", program, programSections...)
	return pages
}

var programSections = []manSection{
	{"ENVIRONMENT", `**XDG_RUNTIME_DIR**
: Where the state of containers is kept, in rung below it, by a caller who is not root.

**LISTEN_FDS, LISTEN_PID**
: Descriptors handed on to the container's process, as in sd_listen_fds(3), if they are meant for rung.

**NOTIFY_SOCKET**
: Socket that is told when the container's process says that it is ready, as in sd_notify(3).

**RUNG_TRACE**
: File of the global option --trace.`},
	{"FILES", `*config.json*
: The specification of the container, in the bundle.

*/run/rung/ID/state.json*
: The record of a container.

*/run/rung-filters*
: Compiled seccomp filters; safe to remove.`},
	{"EXIT STATUS", "0 when it has been done, 1 when not. **rung-run**(8), **rung-exec**(8) and **rung-restore**(8) have that of the process."},
	{"SEE ALSO", `**namespaces**(7), **cgroups**(7), **capabilities**(7), **seccomp**(2), **user_namespaces**(7)

The Open Container Initiative runtime specification, https://github.com/opencontainers/runtime-spec`},
}

func exitStatus(c *command) string {
	switch c.Name {
	case "run", "restore":
		return "That of the container's process, or 128 and the number of the signal that ended it; 0 with **--detach**. 1: the container could not be made."
	case "exec":
		return "That of the process, or 128 and the number of the signal that ended it; 0 with **--detach**. 255: the process could not be run."
	case "check":
		return "0 when the container would come to run, 1 when not."
	case "plan":
		return "0 when it has been done, 1 when not. With **--diff** 0 when the plans are the same, 1 when not, 2 for an error."
	}
	return "0 when it has been done, 1 when not: standard error, or the log, has the reason in one line."
}

// relatedCommands is those that a reader of a command's page looks for next.
func relatedCommands(command string) []string {
	return strings.Fields(map[string]string{
		"create": "start run spec plan delete", "start": "create state", "run": "create exec delete spec", "exec": "run ps",
		"delete": "kill list", "kill": "delete ps", "state": "list ps events", "list": "state", "ps": "state list",
		"events": "state list", "pause": "resume", "resume": "pause", "checkpoint": "restore", "restore": "checkpoint",
		"check": "plan features spec", "plan": "check create", "features": "check", "spec": "check run", "update": "events",
		"trace": "run exec",
	}[command])
}

// manOption is an option as an entry of a list of definitions.
func manOption(f documented) string {
	value, text := placeholder(f)
	var names []string
	for _, name := range f.Names() {
		names = append(names, "**"+dashed(name)+"**")
	}
	entry := strings.Join(names, ", ")
	if value != "" {
		entry += " *" + markdown(value) + "*"
		if standard := f.GetDefaultText(); standard != "" {
			text += " (default: " + standard + ")"
		}
	}
	return entry + "\n: " + sentence(text)
}

func sentence(s string) string { return markdown(strings.ToUpper(s[:1]) + s[1:] + ".") }

// markdown escapes plain text, whose indented lines stay as they are, indented.
func markdown(text string) string {
	special := strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", `\<`, ">", `\>`, "&", `\&`, "|", `\|`)
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "    ") {
			b.WriteString("    " + line) // a block of code, which md2man does not indent
		} else {
			b.WriteString(special.Replace(line))
		}
	}
	return b.String()
}

// finishPage has every dash be the one that is typed, no empty line where text is filled, and no word hyphenated, as an
// option's name would be.
func finishPage(text string) []byte {
	var b strings.Builder
	b.WriteString(`.\" Written from the command tables by "make generate"; do not edit.` + "\n")
	literal, heading := false, false
	for line := range strings.Lines(text) {
		switch {
		case line == ".nh\n", line == "\n" && !literal:
			continue
		case strings.HasPrefix(line, ".TH "):
			b.WriteString(line + ".nh\n.ad l\n")
			continue
		case line == ".EX\n":
			literal = true
			if !heading {
				b.WriteString(".PP\n")
			}
		case line == ".EE\n":
			literal = false
		}
		heading = strings.HasPrefix(line, ".SH ")
		b.WriteString(strings.ReplaceAll(strings.ReplaceAll(line, `\-`, "-"), "-", `\-`))
	}
	return []byte(b.String())
}

// releaseOfManual is the date and the name of the release, as the title of a page has them.
func releaseOfManual(t *testing.T) string {
	t.Helper()
	changes, err := os.ReadFile("CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	release := regexp.MustCompile(`(?m)^## (\S+) \((\d{4}-\d\d-\d\d)\)$`).FindSubmatch(changes)
	number, err := os.ReadFile("VERSION")
	if err != nil || release == nil || strings.TrimSpace(string(number)) != string(release[1]) {
		t.Fatalf("the first release in CHANGELOG.md, %q, is not that of VERSION, %q (%v)", release, number, err)
	}
	return string(release[2]) + ` "rung ` + string(release[1]) + `"`
}
