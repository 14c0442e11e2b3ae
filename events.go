package main

import (
	"errors"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/rung-oci/rung/libcontainer"
)

func (g *globals) eventsCommand() *command {
	var (
		once     bool
		interval time.Duration
	)
	return &command{
		Command: cli.Command{
			Name:      "events",
			Usage:     "tell what a container uses, and when it runs out of memory",
			ArgsUsage: "<container-id>",
			Description: `Prints a line of JSON with the container's statistics at once and at every interval, and one each time that
its memory limit makes the kernel look for a process to kill. It ends when the container does.

EXAMPLE:
    # rung events --stats web | jq .data.memory.usage.usage
    1789952
    # rung events --interval 1s web
    {"type":"stats","id":"web","data":{"cpu":{"usage":{...},...},...}}
    {"type":"oom","id":"web"}`,
			Flags: []cli.Flag{
				&cli.BoolFlag{Name: "stats", DisableDefaultText: true, Destination: &once, Usage: "print the statistics once, and end"},
				&cli.DurationFlag{Name: "interval", Destination: &interval, Value: 5 * time.Second, Usage: "`time` between statistics, like 100ms or 1m"},
			},
		},
		minArgs: 1,
		maxArgs: 1,
		action: func(args []string) error {
			if interval <= 0 {
				return usageError{"events", badValue("interval", errors.New(interval.String()+" is no time to wait"))}
			}
			return g.on(args[0], func(ctr *libcontainer.Container) error {
				var line []byte
				tell := func(e *libcontainer.Event) error {
					line = append(e.AppendJSON(line[:0]), '\n')
					return g.printJSON(line)
				}
				if !once {
					return ctr.Watch(interval, tell)
				}
				s, err := ctr.Stats()
				if err != nil {
					return err
				}
				return tell(&libcontainer.Event{Type: libcontainer.EventStats, ID: args[0], Data: s})
			})
		},
	}
}
