package main

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/rung-oci/rung/libcontainer"
)

// creation is the options that create, run and plan share.
type creation struct {
	bundle, config                      string
	consoleSocket, pidFile, pidfdSocket string
	noPivot, noNewKeyring               bool
	preserveFDs                         int
}

func (c *creation) flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "bundle", Aliases: []string{"b"}, Destination: &c.bundle, DefaultText: "the current directory", Usage: "the bundle's `directory`"},
		&cli.StringFlag{Name: "config", Aliases: []string{"f"}, Destination: &c.config, DefaultText: "config.json in the bundle", Usage: "the specification `file`"},
		&cli.StringFlag{Name: "console-socket", Destination: &c.consoleSocket, Usage: "AF_UNIX `socket` to which the master of the container's terminal is sent"},
		&cli.StringFlag{Name: "pid-file", Destination: &c.pidFile, Usage: "`file` to write the process id of the container's init to"},
		&cli.StringFlag{Name: "pidfd-socket", Destination: &c.pidfdSocket, Usage: "AF_UNIX `socket` to which a pidfd of the container's init is sent"},
		&cli.BoolFlag{Name: "no-pivot", DisableDefaultText: true, Destination: &c.noPivot, Usage: "do not use pivot_root(2), for a root filesystem on an initramfs"},
		&cli.BoolFlag{Name: "no-new-keyring", DisableDefaultText: true, Destination: &c.noNewKeyring, Usage: "leave the container in the caller's session keyring"},
		&cli.IntFlag{Name: "preserve-fds", Destination: &c.preserveFDs, Usage: "hand over `N` further file descriptors, 3 and up, after those of $LISTEN_FDS"},
	}
}

// options makes the library's options of the command line's and the environment's, and opens the log in between: after
// the handed-over descriptors were seen to be there.
func (c *creation) options(g *globals, id string) (o libcontainer.CreateOptions, err error) {
	listen := listenFDs(os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS"))
	if c.preserveFDs < 0 {
		return o, badValue("preserve-fds", errors.New(strconv.Itoa(c.preserveFDs)+" is negative"))
	}
	if err := checkFDs(listen + c.preserveFDs); err != nil {
		return o, err
	}
	if err := g.begin(); err != nil {
		return o, err
	}
	o = libcontainer.CreateOptions{
		Root: g.root, ID: id,
		NoPivot: c.noPivot, NoNewKeyring: c.noNewKeyring, SystemdCgroup: g.systemdCgroup, NoCgroups: g.noCgroups, Rootless: g.rootless,
		PreserveFDs: c.preserveFDs, ListenFDs: listen, NotifySocket: os.Getenv("NOTIFY_SOCKET"),
		Warn: g.warn, Trace: g.trace, CatchSignals: true,
	}
	if g.log.level >= levelDebug {
		o.Debug = g.note
	}
	bundle := c.bundle
	if bundle == "" {
		bundle = "."
	}
	for _, p := range [...]struct {
		to   *string
		path string
	}{
		{&o.Bundle, bundle}, {&o.ConfigFile, c.config},
		{&o.ConsoleSocket, c.consoleSocket}, {&o.PidFile, c.pidFile}, {&o.PidfdSocket, c.pidfdSocket},
	} {
		if *p.to, err = absolute(p.path); err != nil {
			return o, err
		}
	}
	return o, nil
}

// listenFDs is the number of sockets handed over by socket activation, given the two variables of sd_listen_fds(3). They
// are for the process that LISTEN_PID names only.
func listenFDs(pid, fds string) int {
	if pid == "" || pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	n, err := strconv.Atoi(fds)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// checkFDs sees that the descriptors from 3 on are open. If one is not, something of ours would take its number, and be
// handed to the container.
func checkFDs(n int) error {
	for fd := 3; fd < 3+n; fd++ {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
			return &os.PathError{Op: "hand over " + strconv.Itoa(n) + " file descriptors: use", Path: "fd " + strconv.Itoa(fd), Err: err}
		}
	}
	return nil
}

// bundleName is the last part of the bundle's path.
func bundleName(o libcontainer.CreateOptions) string { return filepath.Base(o.Bundle) }
