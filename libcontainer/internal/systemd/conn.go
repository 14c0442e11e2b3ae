package systemd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
	"github.com/moby/sys/user"
	"golang.org/x/sys/unix"
)

// ErrNotRunning: the host's service manager is not systemd.
var ErrNotRunning = errors.New("systemd is not running on this host")

var errEnded = errors.New("the connection ended")

// Running says whether systemd is the host's service manager (sd_booted(3)).
func Running() bool {
	info, err := os.Lstat("/run/systemd/system")
	return err == nil && info.IsDir()
}

// Property is a property of a unit, as StartTransientUnit and SetUnitProperties
// take it (org.freedesktop.systemd1(5)).
type Property = systemd.Property

// Conn is a connection to a manager.
type Conn struct {
	manager *systemd.Conn
	bus     *dbus.Conn
	raw     net.Conn
	limit   time.Duration // of a call, and of the job that it queues
	version int
}

// callLimit is for a manager that is stopped, or busy for that long: an error of
// this command, which without a limit would wait for ever.
const callLimit = 30 * time.Second

// Connect connects to the system's manager or the caller's own, over the private
// socket that each has: no bus has to run, and there is nobody in between.
func Connect(user bool) (*Conn, error) {
	socket := "/run/systemd/private"
	if user {
		dir := os.Getenv("XDG_RUNTIME_DIR")
		if dir == "" {
			dir = "/run/user/" + strconv.Itoa(hostUID())
		}
		socket = dir + "/systemd/private"
	} else if !Running() {
		return nil, fmt.Errorf("%w: --systemd-cgroup cannot be obeyed", ErrNotRunning)
	}
	c, err := dial(socket, callLimit)
	if err != nil {
		return nil, fmt.Errorf("connect to systemd at %s: %w", socket, err)
	}
	return c, nil
}

// dial connects to a manager's socket and authenticates.
func dial(socket string, limit time.Duration) (*Conn, error) {
	raw, err := net.DialTimeout("unix", socket, limit)
	if err != nil {
		return nil, err
	}
	bus, err := dbus.NewConn(&earlyBegin{Conn: raw})
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	c := &Conn{bus: bus, raw: raw, limit: limit}
	// a manager that is stopped takes connections and answers none
	err = c.limited("the authentication", func(context.Context) error {
		err := bus.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(hostUID()))})
		if err == nil {
			// The library wants a connection for calls and another one for signals. Both are this one: signals are read
			// in a goroutine of their own, and a second connection would cost each command the time of the first.
			c.manager, err = systemd.NewConnection(func() (*dbus.Conn, error) { return bus, nil })
		}
		if err == nil && bus.Context().Err() != nil { // the library does not look at the answer to its request for signals
			err = errEnded
		}
		return err
	})
	if err != nil {
		return nil, errors.Join(err, bus.Close())
	}
	return c, nil
}

// earlyBegin sends the last line of the authentication with the line before it. BEGIN has no answer, so a client that
// sends it last does not know when it was read. When systemd (seen in 252) reads it together with the first call, it
// takes the call for read, waits for more to arrive, and answers only after that: never. Its own clients (sd-bus) send
// BEGIN before they have the answer OK, as is done here: with that answer it was read.
type earlyBegin struct {
	net.Conn
	sent, begun bool
}

func (c *earlyBegin) Write(p []byte) (int, error) {
	const begin = "BEGIN\r\n"
	switch {
	case c.begun:
	case !c.sent && string(p) == "DATA\r\n": // what AUTH EXTERNAL is answered by, without the id: the kernel tells that
		if _, err := c.Conn.Write(append(p[:len(p):len(p)], begin...)); err != nil {
			return 0, err
		}
		c.sent = true
		return len(p), nil
	case string(p) == begin:
		c.begun = true
		if c.sent {
			return len(p), nil
		}
	}
	return c.Conn.Write(p)
}

// hostUID is the caller's id as systemd sees it: outside the user namespace in
// which an engine without privileges has made itself root.
func hostUID() int {
	uid := os.Geteuid()
	if maps, err := user.CurrentProcessUIDMap(); err == nil {
		if outside, _, err := (user.IdentityMapping{UIDMaps: maps}).ToHost(uid, 0); err == nil {
			return outside
		}
	}
	return uid
}

// Close ends the connection.
func (c *Conn) Close() { c.manager.Close() }

// limited calls f, which asks the manager once. Not every function of the library
// takes a context, so the connection has the time limit: it ends with the limit.
func (c *Conn) limited(what string, f func(context.Context) error) error {
	start := time.Now()
	err := c.raw.SetDeadline(start.Add(c.limit))
	if err == nil {
		err = f(context.Background())
	}
	if err != nil && time.Since(start) >= c.limit {
		return fmt.Errorf("no answer to %s in %v: %w", what, c.limit, unix.ETIMEDOUT)
	}
	_ = c.raw.SetDeadline(time.Time{})
	return err
}

// property reads a text among the manager's properties. The library gives it quoted.
func (c *Conn) property(name string) (text string, err error) {
	err = c.limited("GetProperty", func(context.Context) error {
		text, err = c.manager.GetManagerProperty(name)
		return err
	})
	if err == nil {
		text, err = strconv.Unquote(text)
	}
	return text, err
}

// Version is the number of systemd's release, 252 say; 0 when it does not tell.
func (c *Conn) Version() int {
	if c.version == 0 {
		if text, err := c.property("Version"); err == nil {
			c.version = leadingNumber(strings.TrimPrefix(text, "v"))
		}
	}
	return c.version
}

func leadingNumber(s string) (n int) {
	for _, r := range s {
		if r < '0' || r > '9' {
			break
		}
		n = n*10 + int(r-'0')
	}
	return n
}

// Root is the manager's own control group, below which its units' are: "" for
// the system's.
func (c *Conn) Root() (string, error) {
	root, err := c.property("ControlGroup")
	if err != nil {
		return "", fmt.Errorf("ask systemd for its control group: %w", err)
	}
	return root, nil
}

// Start makes a transient unit and waits until it is there. A failed one of the
// name that was left behind is forgotten first.
func (c *Conn) Start(name string, properties []Property) error {
	start := func(ctx context.Context, done chan<- string) (int, error) {
		return c.manager.StartTransientUnitContext(ctx, name, "replace", properties, done)
	}
	err := c.job("StartTransientUnit", start)
	if isError(err, "org.freedesktop.systemd1.UnitExists") {
		if c.ResetFailed(name) == nil {
			err = c.job("StartTransientUnit", start)
		}
	}
	if err != nil {
		return fmt.Errorf("systemd: start %s: %w", name, err)
	}
	return nil
}

// Stop ends a unit with what is left in it, and waits for that; one that is gone
// already is no error.
func (c *Conn) Stop(name string) error {
	err := c.job("StopUnit", func(ctx context.Context, done chan<- string) (int, error) {
		return c.manager.StopUnitContext(ctx, name, "replace", done)
	})
	if err != nil && !isError(err, "org.freedesktop.systemd1.NoSuchUnit") {
		return fmt.Errorf("systemd: stop %s: %w", name, err)
	}
	return nil
}

// UnitGroup is the cgroup of a scope or slice, from the root of the hierarchy; "" when the unit is not loaded
// or not active.
func (c *Conn) UnitGroup(name string) (string, error) {
	kind := "Scope"
	if (&Unit{Name: name}).IsSlice() {
		kind = "Slice"
	}
	var p *systemd.Property
	err := c.limited("GetProperty", func(ctx context.Context) (err error) {
		p, err = c.manager.GetUnitTypePropertyContext(ctx, name, kind, "ControlGroup")
		return err
	})
	if isError(err, "org.freedesktop.systemd1.NoSuchUnit") {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("systemd: ask for the cgroup of %s: %w", name, err)
	}
	group, _ := p.Value.Value().(string)
	return group, nil
}

// ResetFailed forgets that a unit has failed.
func (c *Conn) ResetFailed(name string) error {
	err := c.limited("ResetFailedUnit", func(ctx context.Context) error { return c.manager.ResetFailedUnitContext(ctx, name) })
	if err != nil && !isError(err, "org.freedesktop.systemd1.NoSuchUnit") {
		return fmt.Errorf("systemd: reset %s: %w", name, err)
	}
	return nil
}

// Set changes properties of a unit until the next boot.
func (c *Conn) Set(name string, properties []Property) error {
	if len(properties) == 0 {
		return nil
	}
	err := c.limited("SetUnitProperties", func(ctx context.Context) error {
		return c.manager.SetUnitPropertiesContext(ctx, name, true, properties...)
	})
	if err != nil {
		return fmt.Errorf("systemd: set properties of %s: %w", name, err)
	}
	return nil
}

// job calls a method that queues a job, and waits until that is done.
func (c *Conn) job(what string, queue func(context.Context, chan<- string) (int, error)) error {
	done := make(chan string, 1)
	err := c.limited(what, func(ctx context.Context) error {
		_, err := queue(ctx, done)
		return err
	})
	if err != nil {
		return err
	}
	timer := time.NewTimer(c.limit)
	defer timer.Stop()
	select {
	case result := <-done:
		if result != "done" {
			return fmt.Errorf("the job ended as %q", result)
		}
		return nil
	case <-c.bus.Context().Done():
		return errEnded
	case <-timer.C:
		return fmt.Errorf("the job took more than %v", c.limit)
	}
}

func isError(err error, name string) bool {
	var e dbus.Error
	return errors.As(err, &e) && e.Name == name
}
