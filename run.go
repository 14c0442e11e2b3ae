package main

import (
	"github.com/urfave/cli/v2"

	"github.com/rung-oci/rung/libcontainer"
)

func (g *globals) runCommand() *command {
	var (
		opts                      creation
		detach, keep, noSubreaper bool
		dry                       bool
	)
	return &command{
		Command: cli.Command{
			Name:      "run",
			Usage:     "create and start a container",
			ArgsUsage: "<container-id>",
			Description: `Makes a container from a bundle and starts its process, whose exit status is this command's. The
container id must be unique on this host.

EXAMPLE:
    # rung run --bundle /srv/web web
    # rung run --bundle /srv/web --detach --pid-file web.pid web`,
			Flags: append(opts.flags(), dryRunFlag(&dry),
				&cli.BoolFlag{Name: "detach", DisableDefaultText: true, Aliases: []string{"d"}, Destination: &detach, Usage: "leave the container running in the background"},
				&cli.BoolFlag{Name: "keep", DisableDefaultText: true, Destination: &keep, Usage: "keep the container when its process has ended"},
				&cli.BoolFlag{Name: "no-subreaper", DisableDefaultText: true, Destination: &noSubreaper, Usage: "do not become the parent of the container's orphans"},
			),
		},
		minArgs: 1,
		maxArgs: 1,
		action: func(args []string) error {
			o, err := opts.options(g, args[0])
			if err != nil {
				return err
			}
			ro := libcontainer.RunOptions{CreateOptions: o, Detach: detach, Keep: keep, NoSubreaper: noSubreaper}
			if dry {
				return g.dryRun(ro, true)
			}
			g.status, err = libcontainer.Run(ro)
			return err
		},
	}
}
