package main

import (
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/rung-oci/rung/libcontainer"
	"github.com/urfave/cli/v2"
)

// completeFlag is what the library knows a request for completion by.
const completeFlag = "--generate-bash-completion"

// completes says whether the command line asks what the word before its last one can be completed with. The scripts of
// contrib/completion set the variable: the argument alone could be meant for a program in a container.
func completes(args []string) bool {
	return len(args) > 1 && args[len(args)-1] == completeFlag && os.Getenv("RUNG_COMPLETE") != ""
}

// complete has the library find the command, and prints what its arguments, of which the last is being written, can be
// completed with: a candidate in each line, with a tab and its description; or the line ":file" or ":directory", and the
// shell knows those.
func (g *globals) complete(app *cli.App, args []string) error {
	words, word := args[:len(args)-2], args[len(args)-2]
	app.EnableBashCompletion = true
	app.Flags = g.flags()
	before, err := arrange(words, app.Flags, 0)
	g.rootGiven = before.has("root")
	argv := append([]string{app.Name}, before.options...)
	app.BashComplete = func(*cli.Context) {
		g.candidates(app, nil, before, word, err)
	}
	if len(before.positional) > 0 {
		if cmd := g.command(before.positional[0]); cmd != nil {
			argv = append(argv, cmd.Name)
			setDefaults(cmd.Flags)
			a, err := arrange(before.positional[1:], cmd.Flags, cmd.plain())
			cmd.BashComplete = func(*cli.Context) { g.candidates(app, cmd, a, word, err) }
			cmd.HideHelp = true
			app.Commands = []*cli.Command{&cmd.Command}
		}
	}
	return app.Run(append(argv, completeFlag))
}

// candidates prints what the word can be completed with, after the arguments of the command, or of rung if cmd is nil.
func (g *globals) candidates(app *cli.App, cmd *command, a arranged, word string, mistake error) {
	say := func(word, description string) {
		if description != "" {
			word += "\t" + description
		}
		_, _ = app.Writer.Write([]byte(word + "\n"))
	}
	flags := app.Flags
	if cmd != nil {
		flags = cmd.Flags
	}
	var missing *valueMissing
	name, _, hasValue := strings.Cut(word, "=")
	switch {
	case errors.As(mistake, &missing):
		completeValue(say, missing.flag, "")
	case mistake != nil:
	case strings.HasPrefix(word, "-") && hasValue && !a.ended:
		if f := lookup(flags, strings.TrimLeft(name, "-")); f != nil && !isToggle(f) {
			completeValue(say, f, name+"=")
		}
	case strings.HasPrefix(word, "-") && !a.ended:
		knowHelp(true)
		for _, f := range append(flags[:len(flags):len(flags)], cli.HelpFlag) {
			_, repeats := f.(*listFlag)
			again := slices.Contains(a.flags, cli.Flag(given{f})) && !repeats
			f := f.(documented)
			if again || !f.IsVisible() {
				continue
			}
			_, usage := placeholder(f)
			for _, name := range f.Names() {
				say(dashed(name), usage)
			}
		}
	case cmd != nil:
		g.completeArgument(say, cmd, len(a.positional))
	case len(a.positional) == 0 || a.positional[0] == "help" && len(a.positional) == 1:
		for _, name := range commandNames {
			say(name, g.command(name).Usage)
		}
		if len(a.positional) == 0 {
			say("help", "print the help of a command")
		}
	}
}

// completeArgument completes a positional argument, of which there are n before it.
func (g *globals) completeArgument(say func(word, description string), cmd *command, n int) {
	switch takes, _, _ := strings.Cut(cmd.ArgsUsage, " "); {
	case n == 0 && takes == "<file>":
		say(":file", "")
	case n == 0 && takes == "<container-id>" && !slices.Contains([]string{"create", "run", "restore"}, cmd.Name): // those want a new one
		if g.settle() != nil {
			return
		}
		states, _ := libcontainer.List(g.root, func(string) {})
		for i := range states {
			say(states[i].ID, states[i].Status)
		}
	case n == 1 && cmd.Name == "kill":
		for _, signal := range [...]string{"HUP", "INT", "QUIT", "KILL", "USR1", "USR2", "TERM", "CONT", "STOP", "WINCH"} {
			say(signal, "")
		}
	}
}

// completeValue completes the value of an option, which begins after the prefix.
func completeValue(say func(word, description string), f cli.Flag, prefix string) {
	value, usage := placeholder(f.(documented))
	switch value {
	case "directory":
		say(":directory", "")
		return
	case "file", "socket":
		say(":file", "")
		return
	}
	for _, choice := range choices(usage) {
		say(prefix+choice, "")
	}
}

// documented is what all kinds of options have besides those of cli.Flag.
type documented interface {
	cli.DocGenerationFlag
	cli.VisibleFlag
}

// placeholder is what stands for the flag's value in the help, empty if it takes none, and the flag's usage without the
// marks around that.
func placeholder(f documented) (value, usage string) {
	usage = f.GetUsage()
	if !f.TakesValue() {
		return "", usage
	}
	if parts := strings.Split(usage, "`"); len(parts) == 3 {
		return parts[1], strings.Join(parts, "")
	}
	return "value", usage
}

// choices is the values that a usage text says are all: "form of log records, text or json".
func choices(usage string) []string {
	usage, _, _ = strings.Cut(usage, ";")
	if _, after, ok := strings.Cut(usage, ": "); ok {
		usage = after
	}
	before, last, ok := strings.Cut(usage, " or ")
	all := append(strings.Split(before, ", "), last)
	if ok && strings.Contains(all[0], " ") {
		all = all[1:]
	}
	for _, choice := range all {
		if !ok || strings.Trim(choice, "abcdefghijklmnopqrstuvwxyz") != "" {
			return nil
		}
	}
	return all
}

// dashed is the name as it is written on a command line.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}
