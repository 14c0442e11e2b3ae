// Package netdev moves network devices from the runtime's network namespace to
// a container's (config-linux.md, Network Devices), by rtnetlink(7). The kernel
// takes addresses and routes from a device that changes its namespace and sets
// it down; they are noted before and given back there.
package netdev

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// Device is one device to move.
type Device struct {
	Name string // in the runtime's namespace
	As   string // in the container's; a %d in it is a number that the kernel chooses
}

// Error is what could not be done with a device. Its cause is an errno.
type Error struct {
	Device string // its name in the runtime's namespace
	What   string // what was attempted
	Err    error
}

// Error is "linux.netDevices.eth0: move it as web0: file exists".
func (e *Error) Error() string {
	return e.Path() + ": " + e.What + ": " + e.Err.Error()
}

// Path is the JSON path of the device in the config.
func (e *Error) Path() string {
	return string(jsonscan.AppendPathName([]byte("linux.netDevices"), e.Device))
}

// Detail is the kernel's own words for the errno; empty if it had none.
func (e *Error) Detail() string {
	var k *kernelError
	if errors.As(e.Err, &k) {
		return k.words
	}
	return ""
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Moved is what Move has done, as long as it may have to be taken back.
type Moved struct {
	here, there conn
	own, netns  int // namespaces; netns is the caller's
	devices     []moved
}

type moved struct {
	was       link
	as        string // its name now
	index     uint32 // its index now
	addresses []address
	routes    []route
}

// Move moves devices into the network namespace behind the descriptor, which
// stays the caller's and open until Close. Permanent addresses of global scope go along, and
// routes that people or programs made, and every device is set up ("The runtime
// MUST set the network device state to up"). warn hears of
// routes that the other namespace does not take. After an error everything is
// where it was; the error is an *Error where it is about one device.
func Move(netns int, devices []Device, warn func(string)) (m *Moved, err error) {
	m = &Moved{own: -1, netns: netns}
	defer func() {
		if err != nil {
			if back := m.Back(); back != nil {
				err = errors.Join(err, back)
			}
			m.Close()
			m = nil
		}
	}()
	if m.there, m.own, err = dialIn(netns); err != nil {
		return m, err
	}
	if m.here, err = dial(); err != nil {
		return m, err
	}
	if same(m.own, netns) {
		return m, &Error{devices[0].Name, "move it: the container's network namespace is the runtime's own", unix.EINVAL}
	}
	// those with a name of their own before those that take any
	devices = slices.Clone(devices)
	slices.SortStableFunc(devices, func(a, b Device) int { return template(a.As) - template(b.As) })
	if err = m.check(devices); err != nil {
		return m, err
	}
	for i := range devices {
		if err = m.move(&devices[i], warn); err != nil {
			return m, err
		}
	}
	return m, nil
}

func template(name string) int {
	if strings.Contains(name, "%d") {
		return 1
	}
	return 0
}

func same(a, b int) bool {
	var x, y unix.Stat_t
	return sys.Fstat(a, &x) == nil && sys.Fstat(b, &y) == nil && x.Dev == y.Dev && x.Ino == y.Ino
}

// check refuses what can be seen to fail before anything is moved ("The runtime
// MUST check if moving the network interface to the container namespace is
// possible").
func (m *Moved) check(devices []Device) error {
	for _, d := range devices {
		l, err := m.here.linkByName(d.Name)
		if err != nil {
			return &Error{d.Name, "find it in the runtime's network namespace", err}
		}
		if l.flags&unix.IFF_LOOPBACK != 0 {
			return &Error{d.Name, "move it: a loopback device stays in its namespace", unix.EINVAL}
		}
		if template(d.As) != 0 {
			continue
		}
		if _, err := m.there.linkByName(d.As); err == nil {
			return &Error{d.Name, "move it as " + d.As + ": the container's network namespace has a device of that name", unix.EEXIST}
		}
	}
	return nil
}

func (m *Moved) move(d *Device, warn func(string)) error {
	fail := func(what string, err error) error { return &Error{d.Name, what, err} }
	was, err := m.here.linkByName(d.Name)
	if err != nil {
		return fail("find it in the runtime's network namespace", err)
	}
	n := moved{was: was}
	if n.addresses, err = m.here.addresses(was.index); err != nil {
		return fail("list its addresses", err)
	}
	if n.routes, err = m.here.routes(was.index); err != nil {
		return fail("list its routes", err)
	}
	if n.index, err = m.transfer(&was, d.As); err != nil {
		return fail("move it as "+d.As, err)
	}
	// from here on it is to be moved back
	m.devices = append(m.devices, n)
	last := &m.devices[len(m.devices)-1]
	if template(d.As) != 0 {
		if err := m.there.setLink(n.index, 0, text(unix.IFLA_IFNAME, d.As)); err != nil {
			return fail("name it "+d.As, err)
		}
	}
	now, err := m.there.linkByIndex(n.index)
	if err != nil {
		return fail("find it after the move", err)
	}
	last.as = now.name
	return last.restore(m.there, d.Name, func(a *address) bool { return a.kept() }, warn)
}

// transfer moves the device to an index that is free there, and gives it. With
// a template the name comes later: at the move it only has to be free.
func (m *Moved) transfer(was *link, as string) (index uint32, err error) {
	for range 10 {
		links, err := m.there.links()
		if err != nil {
			return 0, err
		}
		name, index := as, was.index
		if template(as) != 0 {
			name = ""
		}
		highest := index
		for _, l := range links {
			highest = max(highest, l.index)
			if l.index == was.index {
				index = 0
			}
			if template(as) != 0 && l.name == was.name {
				name = "rung%d"
			}
		}
		if index == 0 {
			index = highest + 1
		}
		err = m.here.transfer(was.index, m.netns, name, index)
		if err == nil {
			return index, nil
		}
		// the move and the naming are two things to the kernel: it may be there all the same
		if l, e := m.there.linkByIndex(index); e == nil && l.name == was.name {
			if _, e := m.here.linkByIndex(was.index); errors.Is(e, unix.ENODEV) {
				m.devices = append(m.devices, moved{was: *was, as: l.name, index: index})
				return 0, err
			}
		}
		if !errors.Is(err, unix.EBUSY) {
			return 0, err
		}
	}
	return 0, unix.EBUSY
}

// restore gives the device what it had before its move.
func (n *moved) restore(c conn, name string, keep func(*address) bool, warn func(string)) error {
	fail := func(what string, err error) error { return &Error{name, what, err} }
	if err := c.settle(n.index, &n.was); err != nil {
		return fail("keep its MTU ("+strconv.Itoa(int(n.was.mtu))+") and its hardware address", err)
	}
	if err := c.setLink(n.index, unix.IFF_UP); err != nil {
		return fail("set it up", err)
	}
	return n.readdress(c, name, keep, warn)
}

func (n *moved) readdress(c conn, name string, keep func(*address) bool, warn func(string)) error {
	for i := range n.addresses {
		a := &n.addresses[i]
		if !keep(a) {
			continue
		}
		if err := c.add(a, n.index, n.was.name, n.as); err != nil && !errors.Is(err, unix.EEXIST) {
			return &Error{name, "keep its address " + a.String(), err}
		}
	}
	for i := range n.routes {
		r := &n.routes[i]
		if err := c.route(r, n.index); err != nil && !errors.Is(err, unix.EEXIST) {
			warn((&Error{name, "the route " + r.String() + " is not kept", err}).Error())
		}
	}
	return nil
}

// Back moves everything back to where it was, with all that it had.
func (m *Moved) Back() error {
	var errs []error
	for len(m.devices) > 0 {
		n := m.devices[len(m.devices)-1]
		m.devices = m.devices[:len(m.devices)-1]
		if err := m.back(&n); err != nil {
			errs = append(errs, &Error{n.was.name, "put it back", err})
		}
	}
	return errors.Join(errs...)
}

func (m *Moved) back(n *moved) error {
	index := n.was.index
	err := m.there.transfer(n.index, m.own, n.was.name, index)
	if errors.Is(err, unix.EBUSY) || errors.Is(err, unix.EEXIST) {
		err = m.there.transfer(n.index, m.own, n.was.name, 0) // its index is somebody else's meanwhile
	}
	if err != nil {
		return err
	}
	l, err := m.here.linkByName(n.was.name)
	if err != nil {
		return err
	}
	n.index, n.as = l.index, l.name
	err = m.here.settle(n.index, &n.was)
	if n.was.master != 0 {
		err = errors.Join(err, m.here.setLink(n.index, 0, u32(unix.IFLA_MASTER, n.was.master)))
	}
	if n.was.flags&unix.IFF_UP != 0 {
		err = errors.Join(err, m.here.setLink(n.index, unix.IFF_UP))
	}
	kept := func(a *address) bool { return !a.temporary() }
	return errors.Join(err, n.readdress(m.here, n.was.name, kept, func(string) {}))
}

// Close forgets how to move back.
func (m *Moved) Close() {
	m.here.close()
	m.there.close()
	sys.Close(m.own)
	m.here, m.there, m.own = nil, nil, -1
}

// OfProcess opens the network namespace of a process.
func OfProcess(pid int) (int, error) {
	return sys.Open("/proc/"+strconv.Itoa(pid)+"/ns/net", unix.O_RDONLY)
}
