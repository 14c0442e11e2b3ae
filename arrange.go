package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// arranged is a command line in the order that the library takes: options, then positional arguments.
type arranged struct {
	options    []string   // each as --name or --name=value, the name that flags are described by
	flags      []cli.Flag // those that options name, each once, as the library takes them
	positional []string
	help       bool // -h or --help was given
	ended      bool // nothing that follows is an option
}

// arrange parts args by the flags, so that options may stand anywhere, as engines write them (`kill web KILL --all`). After
// the first `plain` positional arguments all the rest is positional, whatever it looks like, as the command line of exec
// is; a negative plain means never. An argument "--" ends the options. What came before a mistake is returned with it.
func arrange(args []string, flags []cli.Flag, plain int) (a arranged, err error) {
	for len(args) > 0 {
		arg := args[0]
		if len(arg) < 2 || arg[0] != '-' {
			if plain == 0 {
				a.ended = true
				break
			}
			plain--
			a.positional, args = append(a.positional, arg), args[1:]
			continue
		}
		args = args[1:]
		if arg == "--" {
			a.ended = true
			break
		}
		name, value, hasValue := strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
		if cluster := splitCluster(name, flags); arg[1] != '-' && !hasValue && len(cluster) > 1 {
			args = append(cluster, args...)
			continue
		}
		switch f := lookup(flags, name); {
		case f != nil && !hasValue && isToggle(f):
			a.add(f, "")
		case f != nil && hasValue:
			a.add(f, "="+value)
		case f != nil && len(args) > 0:
			a.add(f, "="+args[0])
			args = args[1:]
		case f != nil:
			return a, &valueMissing{f, arg}
		case name == "h" || name == "help":
			a.help = a.help || !hasValue || value == "true"
		default:
			written, _, _ := strings.Cut(arg, "=")
			return a, errors.New("unknown option " + written + nearestOption(name, flags))
		}
	}
	a.positional = append(a.positional, args...)
	return a, nil
}

func (a *arranged) add(f cli.Flag, value string) {
	name, _ := namesOf(f)
	a.options = append(a.options, "--"+name+value)
	if !slices.Contains(a.flags, cli.Flag(given{f})) {
		a.flags = append(a.flags, given{f})
	}
}

// has says whether the option of that name was given with a value.
func (a *arranged) has(name string) bool {
	return slices.ContainsFunc(a.options, func(o string) bool {
		return strings.HasPrefix(o, "--") && strings.HasPrefix(o[2:], name) && strings.HasPrefix(o[2+len(name):], "=")
	})
}

// splitCluster makes -d -q of "dq", where each letter is an option and none but the last takes a value.
func splitCluster(letters string, flags []cli.Flag) (options []string) {
	if lookup(flags, letters) != nil || letters == "help" {
		return nil
	}
	for i := range len(letters) {
		f := lookup(flags, letters[i:i+1])
		if f == nil && letters[i] != 'h' || f != nil && !isToggle(f) && i < len(letters)-1 {
			return nil
		}
		options = append(options, "-"+letters[i:i+1])
	}
	return options
}

func lookup(flags []cli.Flag, name string) cli.Flag {
	for _, f := range flags {
		if own, aliases := namesOf(f); own == name || slices.Contains(aliases, name) {
			return f
		}
	}
	return nil
}

// namesOf is Flag.Names without the regular expression that this matches on every name.
func namesOf(f cli.Flag) (name string, aliases []string) {
	switch f := f.(type) {
	case given:
		return namesOf(f.Flag)
	case *cli.BoolFlag:
		return f.Name, f.Aliases
	case *cli.StringFlag:
		return f.Name, f.Aliases
	case *cli.IntFlag:
		return f.Name, f.Aliases
	case *cli.DurationFlag:
		return f.Name, f.Aliases
	case *listFlag:
		return f.Name, f.Aliases
	}
	names := f.Names()
	return names[0], names[1:]
}

// setDefaults gives the flags' destinations their defaults. The library does that for the flags that it is handed.
func setDefaults(flags []cli.Flag) {
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
}

func isToggle(f cli.Flag) bool { _, ok := f.(*cli.BoolFlag); return ok }

// valueMissing is the mistake that an option without its value is the last argument.
type valueMissing struct {
	flag    cli.Flag
	written string
}

func (e *valueMissing) Error() string { return "option " + e.written + " needs a value" }
