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

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// ErrNotRunning: the host's service manager is not systemd.
var ErrNotRunning = errors.New("systemd is not running on this host")

// Running says whether systemd is the host's service manager (sd_booted(3)).
func Running() bool {
	info, err := os.Lstat("/run/systemd/system")
	return err == nil && info.IsDir()
}

// Property is a property of a unit, as StartTransientUnit and SetUnitProperties
// take it (org.freedesktop.systemd1(5)).
type Property struct {
	Name  string
	Value dbus.Variant
}

// Conn is a connection to a manager.
type Conn struct {
	bus     *dbus.Conn
	removed chan *dbus.Signal
	version int
}

const (
	busName   = "org.freedesktop.systemd1"
	busPath   = "/org/freedesktop/systemd1"
	managerOf = busName + ".Manager."
	// How long a call, and the job that it queues, may take. A manager that is stopped, or busy for that long, is an
	// error of this command; without a limit the command would wait for ever.
	callLimit = 30 * time.Second
)

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
	bus, err := dial(socket)
	if err != nil {
		return nil, fmt.Errorf("connect to systemd at %s: %w", socket, err)
	}
	c := &Conn{bus: bus, removed: make(chan *dbus.Signal, 64)}
	bus.Signal(c.removed)
	return c, nil
}

// dial connects to a manager's socket and authenticates.
func dial(socket string) (*dbus.Conn, error) {
	raw, err := net.DialTimeout("unix", socket, callLimit)
	if err != nil {
		return nil, err
	}
	// a manager that is stopped takes connections and answers none
	if err := raw.SetDeadline(time.Now().Add(callLimit)); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	bus, err := dbus.NewConn(&earlyBegin{Conn: raw})
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	err = bus.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(hostUID()))})
	if err == nil {
		err = raw.SetDeadline(time.Time{})
	}
	if err != nil {
		return nil, errors.Join(err, bus.Close())
	}
	return bus, nil
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
	raw, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return uid
	}
	for line := range strings.Lines(string(raw)) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		inside, err1 := strconv.Atoi(f[0])
		outside, err2 := strconv.Atoi(f[1])
		size, err3 := strconv.Atoi(f[2])
		if errors.Join(err1, err2, err3) == nil && uid >= inside && uid < inside+size {
			return outside + uid - inside
		}
	}
	return uid
}

// Close ends the connection.
func (c *Conn) Close() { _ = c.bus.Close() }

// call calls a method of the manager; the answer is stored in out, unless that is nil.
func (c *Conn) call(out any, method string, args ...any) error {
	return store(out, busPath, c, managerOf+method, args...)
}

func store(out any, at dbus.ObjectPath, c *Conn, method string, args ...any) error {
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	call := c.bus.Object(busName, at).CallWithContext(ctx, method, 0, args...)
	if errors.Is(call.Err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer to %s in %v: %w", method, callLimit, unix.ETIMEDOUT)
	}
	if call.Err != nil || out == nil {
		return call.Err
	}
	return call.Store(out)
}

// property reads a property of an object of the manager's.
func (c *Conn) property(at dbus.ObjectPath, of, name string) (string, error) {
	var v dbus.Variant
	if err := store(&v, at, c, "org.freedesktop.DBus.Properties.Get", of, name); err != nil {
		return "", err
	}
	text, _ := v.Value().(string)
	return text, nil
}

// Version is the number of systemd's release, 252 say; 0 when it does not tell.
func (c *Conn) Version() int {
	if c.version == 0 {
		if text, err := c.property(busPath, busName+".Manager", "Version"); err == nil {
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
	root, err := c.property(busPath, busName+".Manager", "ControlGroup")
	if err != nil {
		return "", fmt.Errorf("ask systemd for its control group: %w", err)
	}
	return root, nil
}

// aux is a unit that StartTransientUnit would make besides; none is.
type aux struct {
	Name       string     //nolint:unused // of the D-Bus signature
	Properties []Property //nolint:unused // of the D-Bus signature
}

// Start makes a transient unit and waits until it is there. A failed one of the
// name that was left behind is forgotten first.
func (c *Conn) Start(name string, properties []Property) error {
	err := c.job("StartTransientUnit", name, "replace", properties, []aux(nil))
	if isError(err, "org.freedesktop.systemd1.UnitExists") {
		if c.ResetFailed(name) == nil {
			err = c.job("StartTransientUnit", name, "replace", properties, []aux(nil))
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
	err := c.job("StopUnit", name, "replace")
	if err != nil && !isError(err, "org.freedesktop.systemd1.NoSuchUnit") {
		return fmt.Errorf("systemd: stop %s: %w", name, err)
	}
	return nil
}

// UnitGroup is the cgroup of a scope or slice, from the root of the hierarchy; "" when the unit is not loaded
// or not active.
func (c *Conn) UnitGroup(name string) (string, error) {
	var at dbus.ObjectPath
	err := c.call(&at, "GetUnit", name)
	if isError(err, "org.freedesktop.systemd1.NoSuchUnit") {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("systemd: find %s: %w", name, err)
	}
	kind := "Scope"
	if (&Unit{Name: name}).IsSlice() {
		kind = "Slice"
	}
	group, err := c.property(at, busName+"."+kind, "ControlGroup")
	if err != nil {
		return "", fmt.Errorf("systemd: ask for the cgroup of %s: %w", name, err)
	}
	return group, nil
}

// ResetFailed forgets that a unit has failed.
func (c *Conn) ResetFailed(name string) error {
	err := c.call(nil, "ResetFailedUnit", name)
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
	if err := c.call(nil, "SetUnitProperties", name, true, properties); err != nil {
		return fmt.Errorf("systemd: set properties of %s: %w", name, err)
	}
	return nil
}

// job calls a method that queues a job, and waits until that is done.
func (c *Conn) job(method string, args ...any) error {
	var id dbus.ObjectPath
	if err := c.call(&id, method, args...); err != nil {
		return err
	}
	timer := time.NewTimer(callLimit)
	defer timer.Stop()
	for {
		select {
		case s, ok := <-c.removed:
			if !ok {
				return errors.New("the connection ended")
			}
			if s.Name != managerOf+"JobRemoved" || len(s.Body) < 4 || s.Body[1] != id {
				continue
			}
			if result, _ := s.Body[3].(string); result != "done" {
				return fmt.Errorf("the job ended as %q", result)
			}
			return nil
		case <-timer.C:
			return fmt.Errorf("the job took more than %v", callLimit)
		}
	}
}

func isError(err error, name string) bool {
	var e dbus.Error
	return errors.As(err, &e) && e.Name == name
}
