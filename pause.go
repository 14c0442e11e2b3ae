package main

import (
	"github.com/urfave/cli/v2"

	"github.com/rung-oci/rung/libcontainer"
)

func (g *globals) pauseCommand() *command {
	return &command{
		Command: cli.Command{
			Name:      "pause",
			Usage:     "stop all processes of a running container",
			ArgsUsage: "<container-id>",
			Description: `Freezes every process of the container, and returns when they stand. They do not notice, but for the time that
has passed when they are resumed.

EXAMPLE:
    # rung pause web
    # rung state web | jq -r .status
    paused`,
		},
		minArgs: 1,
		maxArgs: 1,
		action: func(args []string) error {
			return g.on(args[0], (*libcontainer.Container).Pause)
		},
	}
}

// find is a handle on the container of that id.
func (g *globals) find(id string) *libcontainer.Container {
	c := libcontainer.Find(g.root, id)
	c.Trace, c.CatchSignals = g.trace, true
	return c
}

// on does something with the container of that id.
func (g *globals) on(id string, do func(*libcontainer.Container) error) error {
	if err := g.begin(); err != nil {
		return err
	}
	return do(g.find(id))
}
