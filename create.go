package main

import (
	"github.com/urfave/cli/v2"

	"github.com/rung-oci/rung/libcontainer"
)

func (g *globals) createCommand() *cli.Command {
	var opts creation
	return &cli.Command{
		Name:      "create",
		Usage:     "create a container",
		ArgsUsage: "<container-id>",
		Description: `Makes a container from a bundle, up to the point where only its process is missing: "rung start"
then starts that. The container id must be unique on this host.

EXAMPLE:
    # rung create --bundle /srv/web --pid-file web.pid web
    # rung start web`,
		HideHelpCommand: true,
		Flags:           opts.flags(),
		Action: func(c *cli.Context) error {
			id, err := containerID(c)
			if err != nil {
				return err
			}
			o, err := opts.options(g, id)
			if err != nil {
				return err
			}
			_, err = libcontainer.Create(o)
			return err
		},
	}
}
