package main

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

// option is an option as it was given.
type option struct {
	flag  cli.Flag // nil for --help
	value string
}

// options is what arrange found before, between and after the positional arguments.
type options []option

// has says whether the option of that (first) name was given.
func (o options) has(name string) bool {
	for _, opt := range o {
		if opt.flag == nil {
			continue
		}
		if first, _ := names(opt.flag); first == name {
			return true
		}
	}
	return false
}

// help says whether -h or --help was given.
func (o options) help() bool {
	for _, opt := range o {
		if opt.flag == nil && opt.value == "true" {
			return true
		}
	}
	return false
}

// setFlags gives each flag's destination its default, and then those of the options given their values, in the order of
// the command line: of an option that is repeated the last value counts, unless its kind collects them.
func setFlags(flags []cli.Flag, o options) error {
	for _, f := range flags {
		switch f := f.(type) {
		case *cli.StringFlag:
			*f.Destination = f.Value
		case *cli.IntFlag:
			*f.Destination = f.Value
		case *cli.DurationFlag:
			*f.Destination = f.Value
		}
	}
	for _, opt := range o {
		if opt.flag == nil {
			continue
		}
		if err := set(opt.flag, opt.value); err != nil {
			return err
		}
	}
	return nil
}

// arrange parts args into options and positional arguments by the flag table, so that options may stand anywhere, as
// engines write them (`kill web KILL --all`). After the first `plain` positional arguments all the rest is positional,
// whatever it looks like (for a command line to be run in the container); a negative plain means never. An argument
// "--" ends the options. The flags -h and --help, which every command has, are known without being in the table.
//
// The flags are described in urfave/cli's types, and its help is printed, but it does not parse: it stops at the first
// positional argument, and takes a twentieth of the time of a short command for it.
func arrange(args []string, flags []cli.Flag, plain int) (opts options, positional []string, err error) {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if len(arg) < 2 || arg[0] != '-' {
			if plain == 0 {
				return opts, append(positional, args[i:]...), nil
			}
			plain--
			positional = append(positional, arg)
			continue
		}
		if arg == "--" {
			return opts, append(positional, args[i+1:]...), nil
		}
		name, value, hasValue := strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
		f, ok := lookup(flags, name)
		if !ok && arg[1] != '-' && !hasValue {
			// -dq is -d -q; the last of such a cluster may be one with a value, which is the next argument.
			for j := range len(name) {
				if f, ok = lookup(flags, name[j:j+1]); !ok || takesValue(f) && j < len(name)-1 {
					ok = false
					break
				}
				if j < len(name)-1 {
					opts = append(opts, option{f, "true"})
				}
			}
		}
		if !ok {
			written, _, _ := strings.Cut(arg, "=")
			return opts, nil, errors.New("unknown option " + written)
		}
		switch {
		case hasValue:
		case !takesValue(f):
			value = "true"
		case i+1 < len(args):
			i++
			value = args[i]
		default:
			return opts, nil, errors.New("option " + arg + " needs a value")
		}
		opts = append(opts, option{f, value})
	}
	return opts, positional, nil
}

// lookup finds the flag that has the name; the flag for help is nil.
func lookup(flags []cli.Flag, name string) (f cli.Flag, ok bool) {
	for _, f := range flags {
		first, aliases := names(f)
		if first == name {
			return f, true
		}
		for _, a := range aliases {
			if a == name {
				return f, true
			}
		}
	}
	return nil, name == "h" || name == "help"
}

// The functions below list the kinds of flags that commands may have. There is no StringSliceFlag among them, since its
// values split at commas: what can be repeated is a GenericFlag.

// names is the flag's names. Its own method Names would run a regular expression over each.
func names(f cli.Flag) (first string, aliases []string) {
	switch f := f.(type) {
	case *cli.BoolFlag:
		return f.Name, f.Aliases
	case *cli.StringFlag:
		return f.Name, f.Aliases
	case *cli.IntFlag:
		return f.Name, f.Aliases
	case *cli.DurationFlag:
		return f.Name, f.Aliases
	case *cli.GenericFlag:
		return f.Name, f.Aliases
	}
	panic("bug: a kind of flag that is not known: " + f.String())
}

func takesValue(f cli.Flag) bool {
	if f == nil {
		return false
	}
	_, isBool := f.(*cli.BoolFlag)
	return !isBool
}

// set parses the value into the flag's destination.
func set(f cli.Flag, value string) error {
	var err error
	var want string
	switch f := f.(type) {
	case *cli.BoolFlag:
		want = "true or false"
		*f.Destination, err = strconv.ParseBool(value)
	case *cli.StringFlag:
		*f.Destination = value
	case *cli.IntFlag:
		want = "a number"
		*f.Destination, err = strconv.Atoi(value)
	case *cli.DurationFlag:
		want = "a duration like 100ms or 5s"
		*f.Destination, err = time.ParseDuration(value)
	case *cli.GenericFlag:
		if err := f.Value.Set(value); err != nil {
			return badValue(f.Name, err)
		}
	}
	if err != nil {
		name, _ := names(f)
		return badValue(name, errors.New(strconv.Quote(value)+" is not "+want))
	}
	return nil
}

// badValue is the error for a value that an option cannot have.
func badValue(name string, err error) error {
	return errors.New("option --" + name + ": " + err.Error())
}

// words collects the values of an option that may be repeated. A comma does not part them.
type words struct{ list *[]string }

func (w words) Set(value string) error { *w.list = append(*w.list, value); return nil }
func (w words) String() string         { return "" }

func listFlag(name, alias string, list *[]string, usage string) *cli.GenericFlag {
	f := &cli.GenericFlag{Name: name, Value: words{list}, Usage: usage}
	if alias != "" {
		f.Aliases = []string{alias}
	}
	return f
}
