package main

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/rung-oci/rung/libcontainer"
)

// globals is one invocation: the global options, where its output goes, and its exit status.
type globals struct {
	root          string // absolute after settle
	rootGiven     bool
	version       bool
	criu          string // accepted, not used
	debug         bool
	logFormat     string
	logLevel      string
	systemdCgroup bool
	noCgroups     bool
	cgroupManager string
	rootless      string // auto, true or false
	tracePath     string

	log            logger
	trace          *libcontainer.Trace // nil: nobody asked for one
	stdout, stderr *os.File
	status         int // what the process of run or exec ended with
	failure        int // exit status for an error
}

func (g *globals) flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "root", Destination: &g.root, DefaultText: "/run/rung, or $XDG_RUNTIME_DIR/rung when rootless", Usage: "`directory` for the state of containers (should be on a tmpfs)"},
		&cli.BoolFlag{Name: "debug", DisableDefaultText: true, Destination: &g.debug, Usage: "log at level debug"},
		&cli.StringFlag{Name: "log", Destination: &g.log.path, DefaultText: "standard error", Usage: "append log records to this `file`"},
		&cli.StringFlag{Name: "log-format", Destination: &g.logFormat, Value: "text", Usage: "form of log records, text or json"},
		&cli.StringFlag{Name: "log-level", Destination: &g.logLevel, Value: "warning", Usage: "least level to log: error, warning, info or debug"},
		&cli.BoolFlag{Name: "systemd-cgroup", DisableDefaultText: true, Destination: &g.systemdCgroup, Usage: "let systemd make the cgroups; cgroupsPath then has the form \"slice:prefix:name\""},
		&cli.StringFlag{Name: "cgroup-manager", Destination: &g.cgroupManager, Usage: "who makes the cgroups: cgroupfs, systemd or disabled", DefaultText: "cgroupfs"},
		&cli.StringFlag{Name: "rootless", Destination: &g.rootless, Value: "auto", Usage: "tolerate missing permissions on cgroups: true, false or auto"},
		&cli.StringFlag{Name: "criu", Destination: &g.criu, Hidden: true, Usage: "accepted for compatibility; criu is looked up in PATH"},
		&cli.StringFlag{Name: "trace", Destination: &g.tracePath, DefaultText: "$RUNG_TRACE", Usage: "add what is done, and how long it takes, to this `file`: trace events for rung trace, Chrome and Perfetto"},
		&cli.BoolFlag{Name: "version", DisableDefaultText: true, Aliases: []string{"v"}, Destination: &g.version, Usage: "print the version"},
	}
}

// settleLog checks the options of the log, and sets it up.
func (g *globals) settleLog() error {
	switch g.logFormat {
	case "text":
	case "json":
		g.log.json = true
	default:
		return badValue("log-format", errors.New(strconv.Quote(g.logFormat)+" is not text or json"))
	}
	level, ok := parseLevel(g.logLevel)
	if !ok {
		return badValue("log-level", errors.New("unknown level "+strconv.Quote(g.logLevel)))
	}
	g.log.level = level
	if g.debug {
		g.log.level = levelDebug
	}
	return nil
}

// settle checks the other global options, and completes them.
func (g *globals) settle() error {
	switch g.rootless {
	case "auto", "true", "false":
	default:
		return usageError{err: badValue("rootless", errors.New(strconv.Quote(g.rootless)+" is not true, false or auto"))}
	}
	switch g.cgroupManager {
	case "":
	case "cgroupfs":
		g.systemdCgroup = false
	case "systemd":
		g.systemdCgroup = true
	case "disabled":
		g.systemdCgroup, g.noCgroups = false, true
	default:
		return usageError{err: badValue("cgroup-manager", errors.New(strconv.Quote(g.cgroupManager)+" is not cgroupfs, systemd or disabled"))}
	}
	if err := g.settleTrace(); err != nil {
		return err
	}
	if !g.rootGiven {
		g.root = libcontainer.DefaultRoot()
		return nil
	}
	if g.root == "" {
		// The caller's variable is unset, most likely. The default could be somebody else's containers.
		return usageError{err: badValue("root", errors.New("is empty"))}
	}
	var err error
	g.root, err = absolute(g.root)
	return err
}

// settleTrace begins the trace, where one is asked for.
func (g *globals) settleTrace() (err error) {
	if g.tracePath == "" {
		g.tracePath = os.Getenv("RUNG_TRACE")
	}
	if g.tracePath == "" {
		return nil
	}
	// the command may change its directory, and the file is written at its end
	g.tracePath, err = absolute(g.tracePath)
	return err
}

// startTrace begins the trace of a command.
func (g *globals) startTrace(command string, args []string) {
	if g.tracePath == "" || command == "trace" {
		return
	}
	if len(args) > 0 {
		command += " " + args[0]
	}
	g.trace = libcontainer.NewTrace(g.tracePath, command, os.Getenv("TRACEPARENT"), os.Getenv("TRACESTATE"))
}

// absolute completes a path given on the command line, which is relative to the caller's directory: to nobody else's,
// however often directories are changed on the way.
func absolute(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	if path[0] != '/' {
		// Not os.Getwd, whose answer depends on $PWD.
		dir, err := syscall.Getwd()
		if err != nil {
			return "", &os.PathError{Op: "getcwd, which " + strconv.Quote(path) + " is relative to", Path: ".", Err: err}
		}
		path = dir + "/" + path
	}
	if strings.Contains(path, "/..") {
		// "link/.." is not ".": only the kernel can resolve it.
		return path, nil
	}
	return filepath.Clean(path), nil
}

// print writes text to standard output in one go, with what is not printable escaped. Output that got lost, on a full
// disk say, is an error.
func (g *globals) print(text []byte) error {
	_, err := g.stdout.Write(appendText(make([]byte, 0, len(text)+64), string(text), true))
	return err
}

// printJSON is print for JSON.
func (g *globals) printJSON(text []byte) error {
	_, err := g.stdout.Write(appendPrintableJSON(make([]byte, 0, len(text)+64), string(text)))
	return err
}
