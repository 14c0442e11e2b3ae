package main

import (
	"bytes"
	"errors"
	"os"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/rung-oci/rung/libcontainer"
)

func (g *globals) planCommand() *command {
	var (
		opts   creation
		format string
		diff   bool
	)
	return &command{
		Command: cli.Command{
			Name:      "plan",
			Usage:     "print what create and start would do",
			ArgsUsage: "[container-id] | --diff <bundle or config> <bundle or config>",
			Description: `Prints, step by step, what "rung create" and "rung start" would carry out for the bundle on this host, and
does nothing of it. The container id, which some paths depend on, is by default the name of the
bundle's directory.

With --diff it prints how the second plan differs from the first, in the form of diff(1): of two bundles, or two
config files of the bundle. The exit status is then 0 when they are the same, 1 when not, 2 for an error.

EXAMPLE:
    # rung plan --bundle /srv/web`,
			Flags: append(opts.flags(),
				&cli.StringFlag{Name: "format", Destination: &format, Value: "text", Usage: "text or json"},
				&cli.BoolFlag{Name: "diff", DisableDefaultText: true, Destination: &diff, Usage: "compare the plans of two bundles, or of two config files"},
			),
		},
		maxArgs: 2,
		action: func(args []string) error {
			if format != "text" && format != "json" {
				return usageError{"plan", badValue("format", errors.New(strconv.Quote(format)+" is not text or json"))}
			}
			if diff {
				return g.planDiff(&opts, args)
			}
			var id string
			if len(args) > 1 {
				return usageError{"plan", errors.New("unexpected argument " + strconv.Quote(args[1]))}
			}
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
			if format == "json" {
				return g.printJSON(out.Bytes())
			}
			return g.print(out.Bytes())
		},
	}
}

// planDiff compares the plans of two bundles or config files. They are given the same id, so that nothing differs for
// its sake.
func (g *globals) planDiff(opts *creation, args []string) error {
	g.failure = 2
	if len(args) != 2 {
		return usageError{"plan", errors.New("--diff takes two bundles, or two config files")}
	}
	var both [2]libcontainer.CreateOptions
	for i, path := range args {
		one := *opts
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			one.bundle, one.config = path, ""
		} else {
			one.config = path
		}
		var err error
		if both[i], err = one.options(g, ""); err != nil {
			return err
		}
		both[i].ID = bundleName(both[0])
	}
	var out bytes.Buffer
	same, err := libcontainer.PlanDiff(both[0], both[1], &out)
	if err != nil {
		return err
	}
	if !same {
		g.status = 1
	}
	return g.print(out.Bytes())
}

func dryRunFlag(dry *bool) cli.Flag {
	return &cli.BoolFlag{Name: "dry-run", DisableDefaultText: true, Destination: dry, Usage: "do all that comes before the first change, print the plan, and end"}
}

// dryRun is create, or with start run, without doing it.
func (g *globals) dryRun(o libcontainer.RunOptions, start bool) error {
	var out bytes.Buffer
	if err := libcontainer.DryRun(o, start, &out); err != nil {
		return err
	}
	return g.print(out.Bytes())
}
