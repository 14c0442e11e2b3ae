package main

import (
	"errors"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/rung-oci/rung/libcontainer"
)

func (g *globals) checkCommand() *command {
	var bundle, config, format string
	return &command{
		Command: cli.Command{
			Name:      "check",
			Usage:     "say all that is wrong with a bundle on this host",
			ArgsUsage: " ",
			Description: `Judges the config by the runtime-spec, and this host by what the config asks of it: files, namespaces, controllers,
security modules, privileges. Everything is said at once, each with its place in the config, the rule or
the kernel's source of it, and what to do; nothing is changed. The levels:

    MUST    the specification forbids it, or no kernel takes it
    SHOULD  the specification says otherwise, and every runtime puts up with it
    WARN    it has no effect, or is surely not meant
    HOST    this host lacks something
    INFO    nothing is wrong

The exit status is 1 if the container would not come to run, else 0.

EXAMPLE:
    # rung check --bundle /srv/web
    # rung check --format json | jq -r '.findings[] | select(.fatal) | .path'`,
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "bundle", Aliases: []string{"b"}, Destination: &bundle, DefaultText: "the current directory", Usage: "the bundle's `directory`"},
				&cli.StringFlag{Name: "config", Aliases: []string{"f"}, Destination: &config, DefaultText: "config.json in the bundle", Usage: "the specification `file`"},
				&cli.StringFlag{Name: "format", Destination: &format, Value: "text", Usage: "text or json"},
			},
		},
		action: func(_ []string) error {
			if format != "text" && format != "json" {
				return usageError{"check", badValue("format", errors.New(strconv.Quote(format)+" is not text or json"))}
			}
			if err := g.begin(); err != nil {
				return err
			}
			if bundle == "" {
				bundle = "."
			}
			o := libcontainer.CheckOptions{Rootless: g.rootless, SystemdCgroup: g.systemdCgroup, NoCgroups: g.noCgroups}
			var err error
			if o.Bundle, err = absolute(bundle); err != nil {
				return err
			}
			if o.ConfigFile, err = absolute(config); err != nil {
				return err
			}
			findings, err := libcontainer.Check(o)
			if err != nil {
				return err
			}
			if findings.Fatal() {
				g.status = 1
			}
			if format == "json" {
				return g.printJSON(findings.AppendJSON(nil))
			}
			return g.print(findings.AppendText(nil))
		},
	}
}
