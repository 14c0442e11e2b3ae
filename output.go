package main

import (
	"errors"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/rung-oci/rung/libcontainer"
)

// begin opens the log. Each command's action calls it first; create and run have checked the descriptors that the
// caller hands over by then.
func (g *globals) begin() error {
	if err := g.log.open(); err != nil {
		return badValue("log", err)
	}
	return nil
}

// report tells of the error that ends the command, once: on standard error, in one line, because that is what engines
// show their users; and in the log if there is one. A person at a terminal gets the hint in a second line.
func (g *globals) report(err error) {
	msg := strings.ReplaceAll(err.Error(), "\n", "; ")
	hint := hintOf(err)
	// An error that came before the log was opened should be in it, too: containerd reads nothing else.
	if openErr := g.log.open(); openErr == nil && g.log.file || g.log.json {
		g.log.write(levelError, msg, errorFields(err, hint)...)
		if !g.log.file {
			return // standard error is the log, and whoever reads it wants JSON
		}
	}
	line := "rung: " + printable(msg) + "\n"
	var le *libcontainer.Error
	if errors.As(err, &le) && le.Bare() != "" {
		line = printable(le.Bare()) + "\n"
	}
	if hint != "" && isTerminal(g.stderr.Fd()) {
		line += "hint: " + printable(hint) + "\n"
	}
	tell(g.stderr, []byte(line))
}

// warn tells of something that is not as asked for, but does not stop the command.
func (g *globals) warn(msg string) {
	if g.log.file || g.log.json {
		g.log.write(levelWarning, msg)
	} else if g.log.level >= levelWarning {
		tell(g.stderr, []byte("rung: warning: "+printable(msg)+"\n"))
	}
}

// tell writes what no command depends on. File.Write would end the program by SIGPIPE where nobody reads standard error
// any more (os/signal), with a container half made.
func tell(f *os.File, text []byte) {
	fd := int(f.Fd())
	for len(text) > 0 {
		n, err := unix.Write(fd, text)
		switch err {
		case nil:
			text = text[n:]
		case unix.EINTR:
		case unix.EAGAIN: // the caller's pipe is full, and does not block
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, -1)
		default:
			return
		}
	}
}

// note writes a debug record.
func (g *globals) note(msg string) { g.log.write(levelDebug, msg) }

func hintOf(err error) string {
	var le *libcontainer.Error
	if errors.As(err, &le) {
		return le.Hint
	}
	var ue usageError
	if errors.As(err, &ue) {
		return ue.hint()
	}
	return ""
}

// codeOf is the code of an error that is no container's operation.
func codeOf(err error) string {
	var ue usageError
	switch {
	case errors.As(err, &ue):
		return libcontainer.CodeUsage
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return libcontainer.CodePermission
	}
	return libcontainer.CodeSystem
}

// errorFields is what the log holds of an error besides its message.
func errorFields(err error, hint string) []field {
	var fields []field
	add := func(key, value string) {
		if value != "" {
			fields = append(fields, field{key, value})
		}
	}
	var le *libcontainer.Error
	if errors.As(err, &le) {
		add("op", le.Op)
		add("id", le.ID)
		add("code", le.Code)
		add("step", le.Step)
		add("path", le.Path)
	} else {
		add("code", codeOf(err))
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		add("errno", unix.ErrnoName(errno))
	}
	add("hint", hint)
	return fields
}

func isTerminal(fd uintptr) bool {
	_, err := unix.IoctlGetTermios(int(fd), unix.TCGETS)
	return err == nil
}
