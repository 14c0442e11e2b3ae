package main

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"github.com/rung-oci/rung/internal/cli"
	"github.com/rung-oci/rung/internal/misspelt"
	"github.com/rung-oci/rung/libcontainer"
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
	plain            int                       // after that many all the rest is positional; 0: options may stand anywhere
	verbatim         bool                      // all that follows the first positional argument is positional
	failure          int                       // exit status when it fails; 0 is 1
	action           func(args []string) error // with that many
}

const noLimit = 1 << 30

// checkArguments sees that there are as many positional arguments as the command takes.
func (c *command) checkArguments(args []string) error {
	switch {
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

// parse reads the command line, and returns what it asks for. It changes nothing but g: no file is opened, and
// nothing is printed.
func (g *globals) parse(args []string) (act func() error, err error) {
	name := "rung"
	if len(args) > 0 {
		name, args = filepath.Base(args[0]), args[1:]
	}
	flags := g.flags()
	opts, rest, err := cli.Parse(args, flags, 0)
	for _, e := range [...]error{cli.Assign(flags, opts), g.settleLog()} { // a mistake is logged, too, if it can be
		if err == nil {
			err = e
		}
	}
	if err != nil {
		return nil, usageError{err: err}
	}
	g.rootGiven = opts.Has("root")
	switch {
	case g.version:
		return func() error { return g.print(appendVersion(nil)) }, nil
	case opts.Help() || len(rest) == 0 || rest[0] == "help" || rest[0] == "h":
		return func() error { return g.help(name, flags, rest) }, nil
	}

	if err := g.settle(); err != nil {
		return nil, err
	}
	cmd := g.command(rest[0])
	if cmd == nil {
		return nil, noCommand(rest[0])
	}
	if cmd.failure != 0 {
		g.failure = cmd.failure
	}
	plain := -1
	switch {
	case cmd.verbatim:
		plain = 0
	case cmd.plain > 0:
		plain = cmd.plain
	}
	opts, rest, err = cli.Parse(rest[1:], cmd.Flags, plain)
	if opts.Help() {
		return func() error { return g.help(name, flags, []string{"help", cmd.Name}) }, nil
	}
	if err == nil {
		err = cli.Assign(cmd.Flags, opts)
	}
	if err == nil {
		err = cmd.checkArguments(rest)
	}
	if err != nil {
		return nil, usageError{cmd.Name, err}
	}
	return func() error {
		g.startTrace(cmd.Name, rest)
		return inCommand(cmd.Name, cmd.action(rest))
	}, nil
}

// help prints the help: for the program, or for the command that follows the word help.
func (g *globals) help(name string, flags []cli.Flag, words []string) error {
	if len(words) > 1 && (words[0] == "help" || words[0] == "h") {
		cmd := g.command(words[1])
		if cmd == nil {
			return noCommand(words[1])
		}
		return g.print([]byte(cmd.Help(name)))
	}
	p := cli.Program{Name: name, Usage: "Open Container Initiative runtime", Description: description, Flags: flags}
	for _, name := range commandNames {
		p.Commands = append(p.Commands, g.command(name).Command)
	}
	return g.print([]byte(p.Help()))
}

func noCommand(name string) error {
	text := "No help topic for '" + name + "'" // scripts match this text
	if near := misspelt.Nearest(name, commandNames[:]); near != "" {
		text += ": did you mean " + near + "?"
	}
	return errors.New(text)
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
