package main

import (
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/rung-oci/rung/libcontainer"
)

func (g *globals) deleteCommand() *command {
	var force, regex bool
	return &command{
		Command: cli.Command{
			Name:      "delete",
			Usage:     "delete a container that has stopped",
			ArgsUsage: "<container-id>",
			Description: `Removes what is left of a container whose process has ended, and its name.

EXAMPLE:
    # rung delete web
    # rung delete --force web`,
			Flags: []cli.Flag{
				&cli.BoolFlag{Name: "force", DisableDefaultText: true, Aliases: []string{"f"}, Destination: &force, Usage: "kill the container first (SIGKILL); one that does not exist is no error"},
				&cli.BoolFlag{Name: "regex", DisableDefaultText: true, Aliases: []string{"r"}, Destination: &regex, Usage: "the id is a regular expression: delete every container it matches"},
			},
		},
		minArgs: 1,
		maxArgs: 1,
		action: func(args []string) error {
			if err := g.begin(); err != nil {
				return err
			}
			ids := args
			if regex {
				var err error
				if ids, err = g.match(args[0]); err != nil {
					return err
				}
			}
			var errs []error
			for _, id := range ids {
				errs = append(errs, g.delete(id, force))
			}
			return errors.Join(errs...)
		},
	}
}

func (g *globals) delete(id string, force bool) error {
	err := g.find(id).Delete(force, g.warn)
	if force && errors.Is(err, libcontainer.ErrNotExist) {
		return nil
	}
	return err
}
