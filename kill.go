package main

import (
	"errors"

	"github.com/urfave/cli/v2"
)

func (g *globals) killCommand() *command {
	var all, regex bool
	return &command{
		Command: cli.Command{
			Name:      "kill",
			Usage:     "send a signal to a container",
			ArgsUsage: "<container-id> [signal]",
			Description: `Sends a signal, SIGTERM if none is given, to the container's first process. The signal is a number or a
name, with or without SIG.

EXAMPLE:
    # rung kill web HUP
    # rung kill web RTMIN+3
    # rung kill --all web KILL`,
			Flags: []cli.Flag{
				&cli.BoolFlag{Name: "all", DisableDefaultText: true, Aliases: []string{"a"}, Destination: &all, Usage: "send the signal to all processes of the container"},
				&cli.BoolFlag{Name: "regex", DisableDefaultText: true, Aliases: []string{"r"}, Destination: &regex, Usage: "the id is a regular expression: signal every container it matches"},
			},
		},
		minArgs: 1,
		maxArgs: 2,
		action: func(args []string) error {
			name := "TERM"
			if len(args) == 2 {
				name = args[1]
			}
			sig, err := parseSignal(name)
			if err != nil {
				return usageError{"kill", err}
			}
			if err := g.begin(); err != nil {
				return err
			}
			ids := args[:1]
			if regex {
				if ids, err = g.match(args[0]); err != nil {
					return err
				}
			}
			var errs []error
			for _, id := range ids {
				errs = append(errs, g.find(id).Kill(sig, all))
			}
			return errors.Join(errs...)
		},
	}
}
