package main

import (
	"github.com/urfave/cli/v2"

	"github.com/rung-oci/rung/libcontainer"
)

func (g *globals) resumeCommand() *command {
	return &command{
		Command: cli.Command{
			Name:      "resume",
			Usage:     "let the processes of a paused container go on",
			ArgsUsage: "<container-id>",
			Description: `Undoes what pause has done.

EXAMPLE:
    # rung resume web`,
		},
		minArgs: 1,
		maxArgs: 1,
		action: func(args []string) error {
			return g.on(args[0], (*libcontainer.Container).Resume)
		},
	}
}
