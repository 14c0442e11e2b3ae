package main

import (
	"github.com/urfave/cli/v2"

	"github.com/rung-oci/rung/libcontainer"
)

func (g *globals) createCommand() *command {
	var (
		opts creation
		dry  bool
	)
	return &command{
		Command: cli.Command{
			Name:      "create",
			Usage:     "create a container",
			ArgsUsage: "<container-id>",
			Description: `Makes a container from a bundle, up to the point where only its process is missing: "rung start"
then starts that. The container id must be unique on this host.

EXAMPLE:
    # rung create --bundle /srv/web --pid-file web.pid web
    # rung start web`,
			Flags: append(opts.flags(), dryRunFlag(&dry)),
		},
		minArgs: 1,
		maxArgs: 1,
		action: func(args []string) error {
			o, err := opts.options(g, args[0])
			if err != nil {
				return err
			}
			if dry {
				return g.dryRun(libcontainer.RunOptions{CreateOptions: o}, false)
			}
			_, err = libcontainer.Create(o)
			return err
		},
	}
}
