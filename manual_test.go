package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rung-oci/rung/internal/manual"
	"github.com/urfave/cli/v2"
)

//go:generate go test -run ^TestManual$ . -update

var update = flag.Bool("update", false, "write the man pages and completions anew")

// The man pages and the completions in the tree are what the command tables make.
func TestManual(t *testing.T) {
	p := program(t)
	files := map[string][]byte{
		"contrib/completion/rung.bash": manual.Bash(p),
		"contrib/completion/_rung":     manual.Zsh(p),
		"contrib/completion/rung.fish": manual.Fish(p),
	}
	for _, page := range manual.Pages(p) {
		files["man/"+page.File] = page.Text
	}
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
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				t.Fatal(err)
			}
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

// program is the command tables in the words of package manual.
func program(t *testing.T) *manual.Program {
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
	g := &globals{}
	p := &manual.Program{
		Name: "rung", Usage: "Open Container Initiative runtime", Description: description,
		Version: string(release[1]), Date: string(release[2]), Options: optionsOf(t, g.flags()),
	}
	for _, name := range commandNames {
		c := g.command(name)
		p.Commands = append(p.Commands, manual.Command{
			Name: name, Usage: c.Usage, Arguments: c.ArgsUsage, Description: c.Description,
			Options: optionsOf(t, c.Flags), Failure: c.failure,
		})
	}
	return p
}

func optionsOf(t *testing.T, flags []cli.Flag) (all []manual.Option) {
	t.Helper()
	for _, f := range flags {
		f := f.(interface {
			cli.DocGenerationFlag
			cli.VisibleFlag
		})
		if !f.IsVisible() {
			continue
		}
		o := manual.Option{Names: f.Names(), Text: f.GetUsage()}
		if f.TakesValue() {
			o.Value, o.Default = "value", f.GetDefaultText()
			if parts := strings.Split(o.Text, "`"); len(parts) == 3 {
				o.Value, o.Text = parts[1], strings.Join(parts, "")
			}
			o.Choices = manual.Choices(o.Text)
		}
		if f, ok := f.(*cli.StringFlag); ok && f.Value != "" && o.Choices != nil && !slices.Contains(o.Choices, f.Value) {
			t.Errorf("--%s: the default %q is not among %q", f.Name, f.Value, o.Choices)
		}
		all = append(all, o)
	}
	return all
}
