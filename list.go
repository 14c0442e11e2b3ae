package main

import (
	"errors"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/rung-oci/rung/libcontainer"
)

func (g *globals) listCommand() *command {
	var (
		format string
		quiet  bool
	)
	return &command{
		Command: cli.Command{
			Name:  "list",
			Usage: "list the containers",
			Description: `Lists the containers whose state is in the directory that the global option --root names.

EXAMPLE:
    # rung list
    # rung --root /run/containerd/runc/k8s.io list --format json | jq -r '.[].id'`,
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "format", Aliases: []string{"f"}, Destination: &format, Value: "table", Usage: "table or json"},
				&cli.BoolFlag{Name: "quiet", DisableDefaultText: true, Aliases: []string{"q"}, Destination: &quiet, Usage: "print ids only"},
			},
		},
		action: func(_ []string) error {
			if err := g.begin(); err != nil {
				return err
			}
			if format != "table" && format != "json" {
				return usageError{"list", badValue("format", errors.New(strconv.Quote(format)+" is not table or json"))}
			}
			states, err := g.list()
			if err != nil {
				return err
			}
			switch {
			case quiet:
				return g.print(appendIDs(nil, states))
			case format == "json":
				return g.printJSON(appendListJSON(nil, states))
			default:
				return g.print(appendTable(nil, states))
			}
		},
	}
}

// list is every container of the root. A default root that does not exist only means that there has been no container
// yet; one that was named is a mistake.
func (g *globals) list() ([]libcontainer.State, error) {
	states, err := libcontainer.List(g.root, g.warn)
	if err != nil && !g.rootGiven && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return states, err
}

// match is the ids of the containers that a regular expression matches, somewhere in the id.
func (g *globals) match(pattern string) ([]string, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, errors.New(strconv.Quote(pattern) + " is not a regular expression: " + strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	states, err := g.list()
	if err != nil {
		return nil, err
	}
	var ids []string
	for i := range states {
		if re.MatchString(states[i].ID) {
			ids = append(ids, states[i].ID)
		}
	}
	return ids, nil
}

func appendIDs(b []byte, states []libcontainer.State) []byte {
	for i := range states {
		b = append(append(b, states[i].ID...), '\n')
	}
	return b
}

func appendListJSON(b []byte, states []libcontainer.State) []byte {
	b = append(b, '[')
	for i := range states {
		if i > 0 {
			b = append(b, ',')
		}
		b = states[i].AppendJSON(b, false)
	}
	return append(b, "]\n"...)
}

// appendTable appends a line for each container under a heading, in columns at least 12 wide and three blanks apart.
func appendTable(b []byte, states []libcontainer.State) []byte {
	rows := [][6]string{{"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}}
	for i := range states {
		s := &states[i]
		rows = append(rows, [6]string{s.ID, strconv.Itoa(s.Pid), s.Status, printable(s.Bundle), s.Created.Format(time.RFC3339Nano), printable(s.Owner)})
	}
	var widths [6]int
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len(cell)+3, 12)
		}
	}
	for _, row := range rows {
		for i, cell := range row {
			b = append(b, cell...)
			if i == len(row)-1 {
				break
			}
			for range widths[i] - len(cell) {
				b = append(b, ' ')
			}
		}
		b = append(b, '\n')
	}
	return b
}
