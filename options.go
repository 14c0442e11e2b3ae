package main

import (
	"errors"
	"flag"
	"strconv"
	"strings"

	"github.com/rung-oci/rung/internal/misspelt"
	"github.com/urfave/cli/v2"
)

// listFlag is an option that may be repeated. Each value is one: a comma does not part them, and bytes that are not UTF-8
// stay, which the library's own kind for this sends through JSON.
type listFlag struct{ *cli.GenericFlag }

func listOption(name, alias string, list *[]string, usage string) *listFlag {
	f := &cli.GenericFlag{Name: name, Value: words{list}, Usage: usage}
	if alias != "" {
		f.Aliases = []string{alias}
	}
	return &listFlag{f}
}

// given is an option that the command line has, as the library is handed it: by the one name that arrange writes. The
// library's own flags match a regular expression on each name each time they are asked for it, 0.05 ms in a whole start.
type given struct{ cli.Flag }

func (f given) Names() []string {
	name, _ := namesOf(f.Flag)
	return []string{name}
}

func (f given) Apply(set *flag.FlagSet) error {
	switch f := f.Flag.(type) {
	case *cli.BoolFlag:
		set.BoolVar(f.Destination, f.Name, false, "")
	case *cli.StringFlag:
		set.StringVar(f.Destination, f.Name, f.Value, "")
	case *cli.IntFlag:
		set.IntVar(f.Destination, f.Name, f.Value, "")
	case *cli.DurationFlag:
		set.DurationVar(f.Destination, f.Name, f.Value, "")
	case *listFlag:
		set.Var(f.Value, f.Name, "")
	default:
		return f.Apply(set)
	}
	return nil
}

// helpFlag is the library's option for help, while it does not know that.
var helpFlag cli.Flag

// knowHelp has the library know its option for help, or not: it asks each command line for all names of that.
func knowHelp(known bool) {
	if cli.HelpFlag != nil {
		helpFlag, cli.HelpFlag = cli.HelpFlag, nil
	}
	if known {
		cli.HelpFlag = helpFlag
	}
}

type words struct{ list *[]string }

func (w words) Set(value string) error { *w.list = append(*w.list, value); return nil }
func (w words) String() string         { return "" }

// badValue is the error for a value that an option cannot have.
func badValue(name string, err error) error { return &valueError{name, err} }

type valueError struct {
	name string
	err  error
}

func (e *valueError) Error() string { return "option --" + e.name + ": " + e.err.Error() }
func (e *valueError) Unwrap() error { return e.err }

// inWords puts the library's error for a value, `invalid value "x" for flag -name: parse error`, into words that say
// what the value has to be.
func inWords(err error, flags []cli.Flag) error {
	rest, ok := strings.CutPrefix(err.Error(), "invalid ")
	rest = strings.TrimPrefix(rest, "boolean ")
	rest = strings.TrimPrefix(rest, "value ")
	value, unquoted := strconv.QuotedPrefix(rest)
	_, name, dashed := strings.Cut(rest[len(value):], "-")
	name, _, _ = strings.Cut(name, ":")
	f := lookup(flags, name)
	if !ok || unquoted != nil || !dashed || f == nil {
		return err
	}
	want := ""
	switch f.(given).Flag.(type) {
	case *cli.BoolFlag:
		want = "true or false"
	case *cli.IntFlag:
		want = "a number"
	case *cli.DurationFlag:
		want = "a duration like 100ms or 5s"
	default:
		return err
	}
	return badValue(name, errors.New(value+" is not "+want))
}

// nearestOption is what the library suggests in place of an unknown option, if that could be a misspelling of it.
func nearestOption(name string, flags []cli.Flag) string {
	knowHelp(true)
	near := cli.SuggestFlag(flags, name, false)
	if len(name) < 3 || name[0] == '-' || misspelt.Nearest(name, []string{strings.TrimLeft(near, "-")}) == "" {
		return ""
	}
	return ": did you mean " + near + "?"
}

// nearestCommand is what the library suggests in place of an unknown command, of those that could be meant.
func nearestCommand(name string) string {
	var near []*cli.Command
	for _, c := range append(commandNames[:len(commandNames):len(commandNames)], "help") {
		if misspelt.Nearest(name, []string{c}) != "" {
			near = append(near, &cli.Command{Name: c})
		}
	}
	if near == nil {
		return ""
	}
	cli.SuggestDidYouMeanTemplate = ": did you mean %s?"
	return cli.SuggestCommand(near, name)
}
