package main

import (
	"github.com/urfave/cli/v2"

	"github.com/rung-oci/rung/libcontainer"
)

func (g *globals) stateCommand() *cli.Command {
	return &cli.Command{
		Name:      "state",
		Usage:     "print the state of a container",
		ArgsUsage: "<container-id>",
		Description: `Prints the container's state as JSON, in the form of the runtime-spec with a few fields more.

EXAMPLE:
    # rung state web | jq -r .status
    running`,
		HideHelpCommand: true,
		Action: func(c *cli.Context) error {
			id, err := containerID(c)
			if err != nil {
				return err
			}
			if err := g.begin(); err != nil {
				return err
			}
			ctr, err := libcontainer.Load(g.root, id)
			if err != nil {
				return err
			}
			return g.print(append(ctr.State().AppendJSON(nil, true), '\n'))
		},
	}
}
