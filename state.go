package main

import (
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/rung-oci/rung/libcontainer"
)

func (g *globals) stateCommand() *command {
	return &command{
		Command: cli.Command{
			Name:      "state",
			Usage:     "print the state of a container",
			ArgsUsage: "<container-id>",
			Description: `Prints the container's state as JSON, in the form of the runtime-spec with a few fields more.

EXAMPLE:
    # rung state web | jq -r .status
    running`,
		},
		minArgs: 1,
		maxArgs: 1,
		action: func(args []string) error {
			if err := g.begin(); err != nil {
				return err
			}
			ctr, err := libcontainer.Load(g.root, args[0])
			var e *libcontainer.Error
			if errors.As(err, &e) {
				e.Op = "state"
			}
			if err != nil {
				return err
			}
			return g.printJSON(append(ctr.State().AppendJSON(nil, true), '\n'))
		},
	}
}
