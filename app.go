package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"
)

const description = `rung is a command line client for running applications packaged according to the
Open Container Initiative (OCI) format. It is called by container engines, and can be used by hand.

A container is made from a bundle: a directory with a specification file named "config.json"
and a root filesystem. To start a container from the bundle in the current directory:

    # rung run web

and from one elsewhere:

    # rung run --bundle /srv/web web

Options may stand before or after the container id.`

// run is the program: it returns the exit status.
func run(args []string, stdout, stderr *os.File) int {
	g := &globals{stdout: stdout, stderr: stderr, log: logger{out: stderr, level: levelWarning}}
	status, err := g.dispatch(args)
	if err != nil {
		g.report(err)
		if status == 0 {
			status = 1
		}
	}
	return status
}

// dispatch builds the command that args name, and runs it.
func (g *globals) dispatch(args []string) (status int, err error) {
	name := "rung"
	if len(args) > 0 {
		name, args = filepath.Base(args[0]), args[1:]
	}
	flags := g.flags()
	opts, rest, err := arrange(args, flags, 0)
	if err != nil {
		return 1, usageError{err: err}
	}
	if opts.has("version") {
		return 0, g.print(appendVersion(nil))
	}

	g.rootGiven = opts.has("root")
	app := &cli.App{
		Name:                      name,
		HelpName:                  name,
		Usage:                     "Open Container Initiative runtime",
		Description:               description,
		Flags:                     flags,
		HideVersion:               true,
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true,
		Writer:                    g.stdout,
		ErrWriter:                 g.stderr,
		ExitErrHandler:            func(*cli.Context, error) {}, // exit codes are run's business
		OnUsageError:              badValue,
	}
	argv := append([]string{name}, opts.argv...)

	// A mistake in the command's part is kept until the global options are in force: it belongs in the log they name.
	var usage error
	if len(rest) == 0 || opts.has("help") {
		app.Commands = g.allCommands()
	} else if rest[0] == "help" || rest[0] == "h" {
		app.Commands, app.HideHelpCommand = g.allCommands(), false
		argv = append(argv, rest...)
	} else if cmd := g.command(rest[0]); cmd != nil {
		copts, cargs, cerr := arrange(rest[1:], cmd.Flags, -1)
		if cerr != nil {
			usage = usageError{command: cmd.Name, err: cerr}
		}
		argv = append(append(argv, cmd.Name), copts.argv...)
		if !copts.has("help") {
			argv = append(append(argv, "--"), cargs...)
		}
		cmd.OnUsageError = badValue
		app.Commands = []*cli.Command{cmd}
	} else {
		usage = errors.New("No help topic for '" + rest[0] + "'") //nolint:staticcheck // text that scripts match
	}
	app.Before = func(*cli.Context) error {
		if err := g.settle(); err != nil {
			return err
		}
		return usage
	}
	err = app.Run(argv)
	return g.status, err
}

// badValue is called for the one mistake that arrange does not see: a value that is not of its option's kind.
func badValue(c *cli.Context, err error, isCommand bool) error {
	if isCommand {
		return usageError{c.Command.Name, err}
	}
	return usageError{err: err}
}

// allCommands builds every command, for the help.
func (g *globals) allCommands() []*cli.Command {
	all := make([]*cli.Command, len(commandNames))
	for i, name := range commandNames {
		all[i] = g.command(name)
	}
	return all
}

// usageError is a command line that cannot be understood.
type usageError struct {
	command string // "" when the mistake is in the global options
	err     error
}

func (e usageError) Error() string {
	if e.command == "" {
		return e.err.Error()
	}
	return e.command + ": " + e.err.Error()
}

func (e usageError) Unwrap() error { return e.err }

func (e usageError) hint() string {
	if e.command == "" {
		return "rung --help lists the global options and the commands"
	}
	return "rung " + e.command + " --help lists its options"
}
