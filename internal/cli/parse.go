package cli

import (
	"errors"
	"strings"
)

// Option is an option as it was given.
type Option struct {
	flag  Flag // nil for --help
	value string
}

// Options is what Parse found before, between and after the positional arguments.
type Options []Option

// Has says whether the option of that (first) name was given.
func (o Options) Has(name string) bool {
	for _, opt := range o {
		if opt.flag != nil && opt.flag.describe().name == name {
			return true
		}
	}
	return false
}

// Help says whether -h or --help was given.
func (o Options) Help() bool {
	for _, opt := range o {
		if opt.flag == nil && opt.value == "true" {
			return true
		}
	}
	return false
}

// Assign gives each flag's destination its default, and then those of the options given their values, in the order of
// the command line: of an option that is repeated the last value counts, unless its kind collects them.
func Assign(flags []Flag, o Options) error {
	for _, f := range flags {
		f.reset()
	}
	for _, opt := range o {
		if opt.flag == nil {
			continue
		}
		if err := opt.flag.set(opt.value); err != nil {
			return err
		}
	}
	return nil
}

// Parse parts args into options and positional arguments by the flag table, so that options may stand anywhere, as
// engines write them (`kill web KILL --all`). After the first `plain` positional arguments all the rest is positional,
// whatever it looks like (for a command line to be run in the container); a negative plain means never. An argument
// "--" ends the options. The flags -h and --help, which every command has, are known without being in the table.
func Parse(args []string, flags []Flag, plain int) (opts Options, positional []string, err error) {
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
					opts = append(opts, Option{f, "true"})
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
		opts = append(opts, Option{f, value})
	}
	return opts, positional, nil
}

// lookup finds the flag that has the name; the flag for help is nil.
func lookup(flags []Flag, name string) (f Flag, ok bool) {
	for _, f := range flags {
		d := f.describe()
		if d.name == name {
			return f, true
		}
		for _, a := range d.aliases {
			if a == name {
				return f, true
			}
		}
	}
	return nil, name == "h" || name == "help"
}

func takesValue(f Flag) bool { return f != nil && f.describe().value }
