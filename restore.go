package main

import (
	"github.com/urfave/cli/v2"

	"github.com/rung-oci/rung/libcontainer"
)

func (g *globals) restoreCommand() *command {
	var (
		opts creation
		imgs images
		o    libcontainer.RestoreOptions
	)
	return &command{
		Command: cli.Command{
			Name:      "restore",
			Usage:     "make a container from the images of a checkpoint",
			ArgsUsage: "<container-id>",
			Description: `Has criu(8) make the processes that "rung checkpoint" has written, in a container of the bundle. The exit
status is that of the container's process.

EXAMPLE:
    # rung restore --detach --image-path /srv/web.images --bundle /srv/web web`,
			Flags: append(append(opts.flags(), imgs.flags()...),
				&cli.BoolFlag{Name: "detach", DisableDefaultText: true, Aliases: []string{"d"}, Destination: &o.Detach, Usage: "leave the container running in the background"},
				&cli.BoolFlag{Name: "no-subreaper", DisableDefaultText: true, Destination: &o.NoSubreaper, Usage: "do not become the parent of the container's orphans"},
				&cli.BoolFlag{Name: "tcp-close", DisableDefaultText: true, Destination: &o.CloseTCP, Usage: "restore TCP connections closed"},
				&cli.StringFlag{Name: "lsm-profile", Destination: &o.LSMProfile, Usage: "`TYPE:LABEL` of the processes in place of the one they had"},
				&cli.StringFlag{Name: "lsm-mount-context", Destination: &o.LSMMount, Usage: "`context` of the mounts in place of the one they had"},
			),
		},
		minArgs: 1,
		maxArgs: 1,
		action: func(args []string) (err error) {
			if o.ImageOptions, err = imgs.options(); err != nil {
				return err
			}
			if o.CreateOptions, err = opts.options(g, args[0]); err != nil {
				return err
			}
			g.status, err = libcontainer.Restore(o)
			return err
		},
	}
}
