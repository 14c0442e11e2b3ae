package main

import (
	"errors"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/rung-oci/rung/internal/sysmon"
	"github.com/urfave/cli/v2"

	"github.com/rung-oci/rung/libcontainer"
)

func (g *globals) psCommand() *command {
	var format string
	return &command{
		Command: cli.Command{
			Name:      "ps",
			Usage:     "list the processes of a container",
			ArgsUsage: "<container-id> [ps options]",
			Description: `Prints the rows of ps(1) that are of the container's processes, with their ids on the host. All that follows
the container id is given to ps, in place of -ef; its output must have a column PID.

EXAMPLE:
    # rung ps web
    # rung ps web -eo pid,stat,rss,args
    # rung ps --format json web
    [41020,41077]`,
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "format", Aliases: []string{"f"}, Destination: &format, Value: "table", Usage: "table or json; json has the process ids alone"},
			},
		},
		minArgs: 1,
		maxArgs: noLimit,
		permute: beforeID,
		action: func(args []string) error {
			if format != "table" && format != "json" {
				return usageError{"ps", badValue("format", errors.New(strconv.Quote(format)+" is not table or json"))}
			}
			return g.on(args[0], func(ctr *libcontainer.Container) error {
				pids, err := ctr.Pids()
				if err != nil {
					return err
				}
				if format == "json" {
					return g.printJSON(appendPids(nil, pids))
				}
				options := args[1:]
				if len(options) == 0 {
					options = []string{"-ef"}
				}
				table, err := g.processTable(options)
				if err == nil {
					table, err = rowsOf(table, pids)
				}
				if err != nil {
					return err
				}
				return g.print([]byte(table))
			})
		},
	}
}

func appendPids(b []byte, pids []int) []byte {
	b = append(b, '[')
	for i, pid := range pids {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(pid), 10)
	}
	return append(b, "]\n"...)
}

// processTable is what ps(1) prints. What it complains of goes to standard error as it is.
func (g *globals) processTable(options []string) (string, error) {
	cmd := exec.Command("ps", options...)
	cmd.Stderr = g.stderr
	defer sysmon.Forking()()
	out, err := cmd.Output()
	if err != nil {
		return "", errors.New("ps " + strings.Join(options, " ") + ": " + err.Error())
	}
	return string(out), nil
}

// rowsOf leaves of a table its heading and the rows of these processes. Columns are told apart by blanks, so that one
// which may hold some, a command line say, can come after PID only.
func rowsOf(table string, pids []int) (string, error) {
	heading, rest, _ := strings.Cut(table, "\n")
	column := slices.Index(strings.Fields(heading), "PID")
	if column < 0 {
		return "", errors.New("the output of ps has no column PID to know the container's processes by: " + strconv.Quote(heading))
	}
	var b strings.Builder
	b.WriteString(heading + "\n")
	for row := range strings.Lines(rest) {
		fields := strings.Fields(row)
		if len(fields) <= column {
			continue
		}
		pid, err := strconv.Atoi(fields[column])
		if err != nil {
			continue
		}
		if _, ours := slices.BinarySearch(pids, pid); ours {
			b.WriteString(strings.TrimSuffix(row, "\n") + "\n")
		}
	}
	return b.String(), nil
}
