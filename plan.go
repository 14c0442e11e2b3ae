package main

import (
	"bytes"
	"errors"
	"strconv"

	"github.com/rung-oci/rung/internal/cli"

	"github.com/rung-oci/rung/libcontainer"
)

func (g *globals) planCommand() *command {
	var (
		opts   creation
		format string
	)
	return &command{
		Command: cli.Command{
			Name:      "plan",
			Usage:     "print what create and start would do",
			ArgsUsage: "[container-id]",
			Description: `Prints, step by step, what "rung create" and "rung start" would carry out for the bundle on this host, and
does nothing of it. The container id, which some paths depend on, is by default the name of the
bundle's directory.

EXAMPLE:
    # rung plan --bundle /srv/web`,
			Flags: append(opts.flags(),
				&cli.StringFlag{Name: "format", Destination: &format, Value: "text", Usage: "text or json"},
			),
		},
		maxArgs: 1,
		action: func(args []string) error {
			if format != "text" && format != "json" {
				return usageError{"plan", cli.BadValue("format", errors.New(strconv.Quote(format)+" is not text or json"))}
			}
			var id string
			if len(args) == 1 {
				id = args[0]
			}
			o, err := opts.options(g, id)
			if err != nil {
				return err
			}
			if id == "" {
				o.ID = bundleName(o)
			}
			var out bytes.Buffer
			if err := libcontainer.PlanText(o, format, &out); err != nil {
				return err
			}
			return g.print(out.Bytes())
		},
	}
}
