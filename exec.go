package main

import (
	"errors"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/rung-oci/rung/libcontainer"
)

// execFailed is the exit status of exec when it is not the process's own.
const execFailed = 255

// execution is the options of exec.
type execution struct {
	libcontainer.ExecOptions
	user       string
	gids       []string
	cgroups    []string
	cwd        string
	noSubreap  bool
	preserve   int
	process    string
	console    string
	pidFile    string
	pidfd      string
	env        []string
	capability []string
}

func (g *globals) execCommand() *command {
	var o execution
	return &command{
		Command: cli.Command{
			Name:      "exec",
			Usage:     "run a further process in a container",
			ArgsUsage: "<container-id> <command> [argument...]",
			Description: `Runs a command in a container that is created or running, under all that confines its first process. The
exit status is the command's; 255 says that it could not be run. All that follows the container id is the command.

EXAMPLE:
    # rung exec web ps -ef
    # rung exec --tty --user 1000:1000 --env TERM=xterm web sh
    # rung exec --process process.json --detach --pid-file job.pid web`,
			Flags: o.flags(),
		},
		minArgs: 1,
		maxArgs: noLimit,
		permute: aroundID,
		failure: execFailed,
		action: func(args []string) (err error) {
			if err := o.settle(args[1:]); err != nil {
				return usageError{"exec", err}
			}
			if err := checkFDs(o.preserve); err != nil {
				return err
			}
			if err := g.begin(); err != nil {
				return err
			}
			o.Warn, o.CatchSignals = g.warn, true
			if g.log.level >= levelDebug {
				o.Debug = g.note
			}
			g.status, err = g.find(args[0]).Exec(o.ExecOptions)
			return err
		},
	}
}

func (o *execution) flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "process", Aliases: []string{"p"}, Destination: &o.process, Usage: "`file` with the process as JSON, in place of a command"},
		&cli.BoolFlag{Name: "tty", DisableDefaultText: true, Aliases: []string{"t"}, Destination: &o.Terminal, Usage: "give the process a terminal"},
		&cli.BoolFlag{Name: "detach", DisableDefaultText: true, Aliases: []string{"d"}, Destination: &o.Detach, Usage: "leave the process running in the background"},
		&cli.StringFlag{Name: "user", Aliases: []string{"u"}, Destination: &o.user, Usage: "numeric user, `UID[:GID]`"},
		listOption("additional-gids", "g", &o.gids, "a further `GID` of the process; may be repeated"),
		&cli.StringFlag{Name: "cwd", Destination: &o.cwd, Usage: "working `directory` in the container"},
		listOption("env", "e", &o.env, "`NAME=VALUE` for the environment; may be repeated"),
		listOption("cap", "c", &o.capability, "a `capability` that the process has besides; may be repeated"),
		&cli.BoolFlag{Name: "no-new-privs", DisableDefaultText: true, Destination: &o.NoNewPrivs, Usage: "let the process gain no privileges by what it executes"},
		&cli.StringFlag{Name: "process-label", Destination: &o.ProcessLabel, Usage: "SELinux `label` of the process"},
		&cli.StringFlag{Name: "apparmor", Destination: &o.Apparmor, Usage: "AppArmor `profile` of the process"},
		listOption("cgroup", "", &o.cgroups, "control group below the container's, `[CONTROLLER[,CONTROLLER]:]PATH`; may be repeated"),
		&cli.BoolFlag{Name: "ignore-paused", DisableDefaultText: true, Destination: &o.IgnorePaused, Usage: "in a paused container, wait until it is resumed"},
		&cli.StringFlag{Name: "console-socket", Destination: &o.console, Usage: "AF_UNIX `socket` to which the master of the process's terminal is sent"},
		&cli.StringFlag{Name: "pid-file", Destination: &o.pidFile, Usage: "`file` to write the process id to"},
		&cli.StringFlag{Name: "pidfd-socket", Destination: &o.pidfd, Usage: "AF_UNIX `socket` to which a pidfd of the process is sent"},
		&cli.IntFlag{Name: "preserve-fds", Destination: &o.preserve, Usage: "hand over `N` further file descriptors, 3 and up"},
		&cli.BoolFlag{Name: "no-subreaper", DisableDefaultText: true, Hidden: true, Destination: &o.noSubreap, Usage: "accepted, and without effect: exec is none"},
	}
}

// settle turns the command line's words into the library's options.
func (o *execution) settle(args []string) (err error) {
	o.Args, o.Env, o.Capabilities, o.PreserveFDs, o.Cwd = args, o.env, o.capability, o.preserve, o.cwd
	if o.process == "" && len(args) == 0 {
		return errors.New("a command is needed, or --process")
	}
	if o.preserve < 0 {
		return badValue("preserve-fds", errors.New(strconv.Itoa(o.preserve)+" is negative"))
	}
	if o.user != "" {
		if o.UID, o.GID, err = parseUser(o.user); err != nil {
			return badValue("user", err)
		}
	}
	for _, text := range o.gids {
		gid, err := parseID(text)
		if err != nil {
			return badValue("additional-gids", err)
		}
		o.AdditionalGids = append(o.AdditionalGids, gid)
	}
	for _, text := range o.env {
		if name, _, _ := strings.Cut(text, "="); name == "" {
			return badValue("env", errors.New(strconv.Quote(text)+" has no name"))
		}
	}
	for _, text := range o.cgroups {
		o.SubGroups = append(o.SubGroups, subGroup(text))
	}
	for _, p := range [...]struct {
		to   *string
		path string
	}{
		{&o.ProcessFile, o.process}, {&o.ConsoleSocket, o.console}, {&o.PidFile, o.pidFile}, {&o.PidfdSocket, o.pidfd},
	} {
		if *p.to, err = absolute(p.path); err != nil {
			return err
		}
	}
	return nil
}

func subGroup(text string) libcontainer.SubGroup {
	controllers, path, ok := strings.Cut(text, ":")
	if !ok {
		return libcontainer.SubGroup{Path: text}
	}
	return libcontainer.SubGroup{Controllers: strings.Split(controllers, ","), Path: path}
}

// parseUser reads UID[:GID]. Numbers alone: a name would be looked up in a file
// of the image, and what is no number must not become 0 (CVE-2016-3697,
// CVE-2026-30892).
func parseUser(text string) (uid, gid *uint32, err error) {
	user, group, both := strings.Cut(text, ":")
	u, err := parseID(user)
	if err != nil {
		return nil, nil, err
	}
	if !both {
		return &u, nil, nil
	}
	n, err := parseID(group)
	if err != nil {
		return nil, nil, err
	}
	return &u, &n, nil
}

var errID = errors.New("is not a numeric id from 0 to 4294967294")

type idError struct{ text string }

func (e *idError) Error() string { return strconv.Quote(e.text) + " " + errID.Error() }
func (e *idError) Unwrap() error { return errID }

func parseID(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 1<<32-1 || text[0] == '+' {
		return 0, &idError{text}
	}
	return uint32(n), nil
}
