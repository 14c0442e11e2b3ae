package main

import (
	"errors"
	"os"
	"strconv"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/rung-oci/rung/libcontainer"
)

// images is the options that checkpoint and restore share.
type images struct {
	libcontainer.ImageOptions
	imagePath, workPath string
	emptyNS             []string
}

func (i *images) flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "image-path", Destination: &i.imagePath, Value: "checkpoint", Usage: "`directory` of the images"},
		&cli.StringFlag{Name: "work-path", Destination: &i.workPath, DefaultText: "that of the images", Usage: "`directory` of criu's log"},
		&cli.BoolFlag{Name: "tcp-established", DisableDefaultText: true, Destination: &i.Established, Usage: "allow TCP connections"},
		&cli.BoolFlag{Name: "ext-unix-sk", DisableDefaultText: true, Destination: &i.ExtUnixSk, Usage: "allow UNIX sockets that are connected to the host's"},
		&cli.BoolFlag{Name: "shell-job", DisableDefaultText: true, Destination: &i.ShellJob, Usage: "allow a process that belongs to the caller's session and terminal"},
		&cli.BoolFlag{Name: "file-locks", DisableDefaultText: true, Destination: &i.FileLocks, Usage: "allow locks of files"},
		&cli.BoolFlag{Name: "link-remap", DisableDefaultText: true, Destination: &i.LinkRemap, Usage: "allow files that have lost their name; they get one for the time being"},
		&cli.StringFlag{Name: "manage-cgroups-mode", Destination: &i.CgroupsMode, Value: "soft", Usage: "what is done about control groups: soft, full, strict, ignore, props or none"},
		listOption("empty-ns", "", &i.emptyNS, "leave the contents of the `namespace` out; only network can be; may be repeated"),
		&cli.BoolFlag{Name: "auto-dedup", DisableDefaultText: true, Destination: &i.AutoDedup, Usage: "free the pages of older images that newer ones have as well"},
		&cli.BoolFlag{Name: "lazy-pages", DisableDefaultText: true, Destination: &i.LazyPages, Usage: "fetch memory when it is used, by userfaultfd(2)"},
	}
}

func (i *images) options() (o libcontainer.ImageOptions, err error) {
	o = i.ImageOptions
	o.EmptyNS = i.emptyNS
	switch i.CgroupsMode {
	case "", "soft", "full", "strict", "ignore", "props", "none":
	default:
		return o, badValue("manage-cgroups-mode", errors.New(strconv.Quote(i.CgroupsMode)+" is not soft, full, strict, ignore, props or none"))
	}
	if o.ImagePath, err = absolute(i.imagePath); err != nil {
		return o, err
	}
	o.WorkPath, err = absolute(i.workPath)
	return o, err
}

func (g *globals) checkpointCommand() *command {
	var (
		opts  images
		o     libcontainer.CheckpointOptions
		ready int
	)
	return &command{
		Command: cli.Command{
			Name:      "checkpoint",
			Usage:     "write a container's processes into images, and end it",
			ArgsUsage: "<container-id>",
			Description: `Has criu(8) dump the container's processes, from which "rung restore" makes them anew, and removes
the container.

EXAMPLE:
    # rung checkpoint --image-path /srv/web.images web
    # rung restore --detach --image-path /srv/web.images --bundle /srv/web web`,
			Flags: append(opts.flags(),
				&cli.StringFlag{Name: "parent-path", Destination: &o.ParentPath, Usage: "`directory` of earlier images, relative to --image-path: what they have is not dumped again"},
				&cli.BoolFlag{Name: "leave-running", DisableDefaultText: true, Destination: &o.LeaveRunning, Usage: "leave the container running"},
				&cli.BoolFlag{Name: "pre-dump", DisableDefaultText: true, Destination: &o.PreDump, Usage: "dump the memory alone, and leave the container running"},
				&cli.BoolFlag{Name: "tcp-skip-in-flight", DisableDefaultText: true, Destination: &o.SkipInFlight, Usage: "leave out TCP connections that are being made"},
				&cli.StringFlag{Name: "page-server", Destination: &o.PageServer, Usage: "send the memory to the page server at `ADDRESS:PORT`"},
				&cli.IntFlag{Name: "status-fd", Destination: &ready, Value: -1, Usage: "write a NUL byte to file descriptor `N` when lazy pages can be had"},
			),
		},
		minArgs: 1,
		maxArgs: 1,
		action: func(args []string) (err error) {
			if ready >= 0 {
				if err := checkWritable(ready); err != nil {
					return usageError{"checkpoint", badValue("status-fd", err)}
				}
			}
			if o.ImageOptions, err = opts.options(); err != nil {
				return err
			}
			if err := g.begin(); err != nil {
				return err
			}
			o.StatusFD, o.Warn = ready, g.warn
			return g.find(args[0]).Checkpoint(o)
		},
	}
}

// checkWritable sees that somebody can be told something there.
func checkWritable(fd int) error {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return &os.PathError{Op: "use", Path: "fd " + strconv.Itoa(fd), Err: err}
	}
	if flags&unix.O_ACCMODE == unix.O_RDONLY {
		return errors.New("fd " + strconv.Itoa(fd) + " is open for reading only")
	}
	return nil
}
