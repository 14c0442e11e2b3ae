package main

import (
	"errors"
	"strings"

	"github.com/urfave/cli/v2"
)

// options is what arrange found before, between and after the positional arguments.
type options struct {
	argv  []string // each as --name=value, with the flag's first name
	names []string // the flags' first names, in the order given
}

func (o options) has(name string) bool {
	for _, n := range o.names {
		if n == name {
			return true
		}
	}
	return false
}

// arrange parts args into options and positional arguments by the flag table, so that options may stand anywhere, as
// engines write them (`kill web KILL --all`), although the flag parser stops at the first positional argument. After
// the first `plain` positional arguments all the rest is positional, whatever it looks like (for a command line to be
// run in the container); a negative plain means never. An argument "--" ends the options.
//
// Options come back in one spelling, --name=value with the flag's first name: two spellings of one option are then a
// repetition, whose last value counts, and not a conflict. The flags -h and --help, which every command has, are known
// without being in the table.
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
		name, value, hasValue := cutOption(arg)
		f, ok := lookup(flags, name)
		if !ok && arg[1] != '-' && !hasValue {
			// -dq is -d -q; the last of such a cluster may be one with a value, which is the next argument.
			for j := range len(name) {
				if f, ok = lookup(flags, name[j:j+1]); !ok || f.takesValue && j < len(name)-1 {
					ok = false
					break
				}
				if j < len(name)-1 {
					opts.add(f.name, "true")
				}
			}
		}
		if !ok {
			written, _, _ := strings.Cut(arg, "=")
			return opts, nil, errors.New("unknown option " + written)
		}
		switch {
		case hasValue:
		case !f.takesValue:
			value = "true"
		case i+1 < len(args):
			i++
			value = args[i]
		default:
			return opts, nil, errors.New("option " + arg + " needs a value")
		}
		opts.add(f.name, value)
	}
	return opts, positional, nil
}

func (o *options) add(name, value string) {
	o.names = append(o.names, name)
	o.argv = append(o.argv, "--"+name+"="+value)
}

// cutOption splits -name=value and --name=value.
func cutOption(arg string) (name, value string, hasValue bool) {
	return strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
}

type flagEntry struct {
	name       string
	takesValue bool
}

// lookup finds the flag that has the name. The kinds are listed because cli.Flag's Names method runs a regular
// expression over each name, and every invocation comes through here.
func lookup(flags []cli.Flag, name string) (flagEntry, bool) {
	for _, f := range flags {
		var e flagEntry
		var aliases []string
		switch f := f.(type) {
		case *cli.BoolFlag:
			e, aliases = flagEntry{name: f.Name}, f.Aliases
		case *cli.StringFlag:
			e, aliases = flagEntry{name: f.Name, takesValue: true}, f.Aliases
		case *cli.IntFlag:
			e, aliases = flagEntry{name: f.Name, takesValue: true}, f.Aliases
		case *cli.StringSliceFlag:
			e, aliases = flagEntry{name: f.Name, takesValue: true}, f.Aliases
		case *cli.DurationFlag:
			e, aliases = flagEntry{name: f.Name, takesValue: true}, f.Aliases
		default:
			panic("bug: a kind of flag that arrange does not know: " + f.String())
		}
		if e.name == name {
			return e, true
		}
		for _, a := range aliases {
			if a == name {
				return e, true
			}
		}
	}
	if name == "h" || name == "help" {
		return flagEntry{name: "help"}, true
	}
	return flagEntry{}, false
}
