// Rung is an OCI runtime: it creates and runs containers from bundles, for container engines and for people.
//
// Every command is a process of its own, so what happens before a command's action is a cost that each `docker exec`
// pays: the settings below keep the Go runtime from reading cgroup files for a GOMAXPROCS nobody needs, and only
// the command named on the command line is built.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0
package main

import (
	"os"

	"github.com/rung-oci/rung/internal/sysmon"
)

func main() {
	sysmon.Calm()
	os.Exit(run(os.Args, os.Stdout, os.Stderr))
}

// commandNames is every command, in the order the help lists them.
var commandNames = [...]string{
	"check", "checkpoint", "create", "delete", "events", "exec", "features", "kill", "list", "pause", "plan", "ps", "restore", "resume", "run", "spec", "start", "state", "trace", "update",
}

// command builds the command of that name, nil if there is none. A switch and not a table: only one command's flags
// are ever allocated.
func (g *globals) command(name string) *command {
	switch name {
	case "check":
		return g.checkCommand()
	case "checkpoint":
		return g.checkpointCommand()
	case "create":
		return g.createCommand()
	case "delete":
		return g.deleteCommand()
	case "events":
		return g.eventsCommand()
	case "exec":
		return g.execCommand()
	case "features":
		return g.featuresCommand()
	case "kill":
		return g.killCommand()
	case "list":
		return g.listCommand()
	case "pause":
		return g.pauseCommand()
	case "plan":
		return g.planCommand()
	case "ps":
		return g.psCommand()
	case "restore":
		return g.restoreCommand()
	case "resume":
		return g.resumeCommand()
	case "run":
		return g.runCommand()
	case "spec":
		return g.specCommand()
	case "start":
		return g.startCommand()
	case "state":
		return g.stateCommand()
	case "trace":
		return g.traceCommand()
	case "update":
		return g.updateCommand()
	}
	return nil
}
