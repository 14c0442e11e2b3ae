package main

import (
	"github.com/urfave/cli/v2"

	"github.com/rung-oci/rung/libcontainer"
)

func (g *globals) startCommand() *cli.Command {
	return &cli.Command{
		Name:      "start",
		Usage:     "start the process of a created container",
		ArgsUsage: "<container-id>",
		Description: `Lets the process of a container made by "rung create" begin.

EXAMPLE:
    # rung start web`,
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
			return ctr.Start()
		},
	}
}
