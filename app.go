package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/rung-oci/rung/libcontainer"
	"github.com/urfave/cli/v2"
)

const usage = "Open Container Initiative runtime"

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
	g.failure = 1
	err := g.dispatch(args)
	if g.trace != nil {
		if err := libcontainer.FinishTrace(g.trace, err); err != nil {
			g.warn(err.Error())
		}
	}
	if err != nil {
		g.report(err)
		if sig, ok := libcontainer.InterruptedBy(err); ok {
			libcontainer.EndBySignal(sig)
			return 128 + int(sig) // the first process of a PID namespace stays
		}
		return g.failure
	}
	return g.status
}

// command is one command: how it is described, and what it does.
type command struct {
	cli.Command
	minArgs, maxArgs int                       // how many positional arguments it takes; see noLimit
	permute          permutation               // where options may stand
	failure          int                       // exit status when it fails; 0 is 1
	action           func(args []string) error // with that many
}

const noLimit = 1 << 30

// permutation says where the options of a command may stand.
type permutation int

const (
	anywhere permutation = iota
	aroundID             // before and right after the container id: the rest is a command line
	beforeID             // the rest is another program's options
)

// plain is the number of positional arguments after which there are no options, as arrange takes it.
func (c *command) plain() int {
	switch c.permute {
	case aroundID:
		return 1
	case beforeID:
		return 0
	}
	return -1
}

// checkArguments sees that there are as many positional arguments as the command takes.
func (c *command) checkArguments(args []string) error {
	switch {
	case len(args) < c.minArgs && c.ArgsUsage == "<file>":
		return errors.New("a file is needed")
	case len(args) < c.minArgs:
		return errors.New("a container id is needed")
	case len(args) > c.maxArgs:
		return errors.New("unexpected argument " + strconv.Quote(args[c.maxArgs]))
	}
	return nil
}

// dispatch carries out the command that args name.
func (g *globals) dispatch(args []string) error {
	act, err := g.parse(args)
	if err != nil {
		return err
	}
	return act()
}

// parse has the library read the command line, and returns what that asks for. It changes nothing but g: no file is
// opened, and nothing is printed.
//
// Only what is named is built and handed to the library: one command, and the options that are given. Each one more costs
// every start time.
func (g *globals) parse(args []string) (act func() error, err error) {
	name := "rung"
	if len(args) > 0 {
		name, args = filepath.Base(args[0]), args[1:]
	}
	var text bytes.Buffer // what the library writes
	app := &cli.App{
		Name: name, HelpName: name, Usage: usage, Description: description,
		HideHelp: true, HideVersion: true,
		Writer: &text, ErrWriter: &text,
		Compiled:       time.Unix(1, 0), // or it is looked up
		ExitErrHandler: func(*cli.Context, error) {},
	}
	if completes(args) {
		return func() error { return g.print(text.Bytes()) }, g.complete(app, args)
	}
	flags := g.flags()
	setDefaults(flags)
	knowHelp(false)
	before, mistake := arrange(args, flags, 0)
	rest := before.positional
	app.Flags = before.flags
	argv := append(append([]string{name}, before.options...), "--")

	var cmd *command
	switch {
	case mistake != nil:
	case before.help || len(rest) == 0 || rest[0] == "help" || rest[0] == "h":
		topic := ""
		if !before.help && len(rest) > 1 {
			topic = rest[1]
		}
		g.describe(app, topic)
		argv = append(argv, "help", "--", topic)
	default:
		if cmd = g.command(rest[0]); cmd == nil {
			argv = append(argv, rest[0])
			break
		}
		app.Commands = []*cli.Command{&cmd.Command}
		argv = append(argv, cmd.arrange(rest, func(args []string) {
			act = func() error {
				g.startTrace(cmd.Name, args)
				return inCommand(cmd.Name, cmd.action(args))
			}
		})...)
	}

	app.OnUsageError = func(_ *cli.Context, err error, _ bool) error {
		_ = g.settleLog() // a mistake is logged, too, if it can be
		if mistake != nil {
			err = mistake
		}
		return usageError{err: inWords(err, before.flags)}
	}
	app.Before = func(c *cli.Context) error {
		if err := g.settleLog(); err != nil && mistake == nil {
			mistake = err
		}
		switch {
		case mistake != nil:
			return usageError{err: mistake}
		case g.version:
			c.Command.Subcommands = nil // --version goes before a command
			return nil
		case cmd == nil && !app.HideHelp:
			return nil
		}
		g.rootGiven = before.has("root")
		if err := g.settle(); err != nil {
			return err
		}
		if cmd != nil && cmd.failure != 0 {
			g.failure = cmd.failure
		}
		return nil
	}
	app.Action = func(c *cli.Context) error {
		if g.version {
			act = func() error { return g.print(appendVersion(nil)) }
			return nil
		}
		return cli.ShowCommandHelp(c, c.Args().First()) // which finds none, and calls CommandNotFound
	}
	var unknown error
	app.CommandNotFound = func(_ *cli.Context, name string) {
		unknown = errors.New("No help topic for '" + name + "'" + nearestCommand(name)) // scripts match this text
	}
	if err := app.Run(argv); err != nil {
		return nil, err
	}
	if text.Len() > 0 {
		act = func() error { return g.print(text.Bytes()) }
	}
	return act, unknown
}

// describe gives the application all that its help has in it: one command, if that is the topic, or else all of them.
func (g *globals) describe(app *cli.App, topic string) {
	knowHelp(true)
	app.HideHelp = false
	app.Flags = g.flags()
	for _, name := range commandNames {
		if topic == "" || topic == name {
			app.Commands = append(app.Commands, &g.command(name).Command)
		}
	}
	app.Setup()
	help := app.Command("help")
	help.HelpName, help.Usage = app.Name+" help", "show the list of commands, or the help for one"
}

// arrange prepares the command for the library, and returns the arguments that it is to be run with, its name first. do
// gets the positional ones if there is nothing wrong with the command line.
func (c *command) arrange(args []string, do func(args []string)) []string {
	setDefaults(c.Flags)
	a, err := arrange(args[1:], c.Flags, c.plain())
	knowHelp(a.help)
	c.HideHelp, c.HideHelpCommand = !a.help, true
	c.OnUsageError = func(_ *cli.Context, err error, _ bool) error {
		return usageError{c.Name, inWords(err, a.flags)}
	}
	c.Action = func(ctx *cli.Context) error {
		args := ctx.Args().Slice()
		if err == nil {
			err = c.checkArguments(args)
		}
		if err != nil {
			return usageError{c.Name, err}
		}
		do(args)
		return nil
	}
	switch {
	case a.help:
		return []string{c.Name, "--help"}
	case err != nil:
		c.Flags = nil
		return []string{c.Name}
	}
	c.Flags = a.flags
	return append(append(append([]string{c.Name}, a.options...), "--"), a.positional...)
}

// inCommand says which command failed, where the error does not yet.
func inCommand(name string, err error) error {
	var done *libcontainer.Error
	var usage usageError
	if err == nil || errors.As(err, &done) || errors.As(err, &usage) {
		return err
	}
	return commandError{name, err}
}

// commandError is a command that failed for a reason outside of containers: a file that cannot be read, say.
type commandError struct {
	command string
	err     error
}

func (e commandError) Error() string { return e.command + ": " + e.err.Error() }
func (e commandError) Unwrap() error { return e.err }

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
