package main

import (
	"bytes"

	"github.com/urfave/cli/v2"

	"github.com/rung-oci/rung/libcontainer"
)

func (g *globals) traceCommand() *command {
	var (
		html bool
		top  int
	)
	return &command{
		Command: cli.Command{
			Name:      "trace",
			Usage:     "show what commands did, and where their time went",
			ArgsUsage: "<file>",
			Description: `Reads a file that commands have written with the global option --trace, or $RUNG_TRACE, and prints for each
of them whose the time was, and its steps, the slowest first. A step that failed comes before all others.

EXAMPLE:
    # rung --trace web.trace run web
    # rung trace web.trace
    # rung trace --html web.trace >web.html`,
			Flags: []cli.Flag{
				&cli.BoolFlag{Name: "html", DisableDefaultText: true, Destination: &html, Usage: "write a timeline instead, as one HTML page, to standard output"},
				&cli.IntFlag{Name: "top", Destination: &top, Usage: "print the `N` slowest steps of each command; 0 for all"},
			},
		},
		minArgs: 1,
		maxArgs: 1,
		action: func(args []string) error {
			if err := g.begin(); err != nil {
				return err
			}
			var out bytes.Buffer
			var err error
			if html {
				err = libcontainer.TracePage(args[0], &out)
			} else {
				err = libcontainer.TraceSummary(args[0], top, &out)
			}
			if err != nil {
				return err
			}
			if html {
				return g.printJSON(out.Bytes()) // a page with data as JSON in it
			}
			return g.print(out.Bytes())
		},
	}
}
