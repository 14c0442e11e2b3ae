package main

import (
	"os"

	"github.com/urfave/cli/v2"
)

func (g *globals) startCommand() *command {
	return &command{
		Command: cli.Command{
			Name:      "start",
			Usage:     "start the process of a created container",
			ArgsUsage: "<container-id>",
			Description: `Lets the process of a container made by "rung create" begin.

EXAMPLE:
    # rung start web`,
		},
		minArgs: 1,
		maxArgs: 1,
		action: func(args []string) error {
			if err := g.begin(); err != nil {
				return err
			}
			ctr := g.find(args[0])
			ctr.NotifySocket = os.Getenv("NOTIFY_SOCKET")
			return ctr.Start()
		},
	}
}
