package netdev

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// link is what must be known of a device to have it the same elsewhere.
type link struct {
	index   uint32
	name    string
	flags   uint32 // IFF_*
	mtu     uint32
	address []byte // of the link layer
	master  uint32 // index of the bridge or bond that it is a port of, or 0
}

func linkHeader(index, flags, change uint32) []byte {
	h := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(h[4:], index)
	binary.NativeEndian.PutUint32(h[8:], flags)
	binary.NativeEndian.PutUint32(h[12:], change)
	return h
}

func parseLink(b []byte) (l link, ok bool) {
	if len(b) < unix.SizeofIfInfomsg {
		return l, false
	}
	l.index, l.flags = binary.NativeEndian.Uint32(b[4:]), binary.NativeEndian.Uint32(b[8:])
	attributes(b[unix.SizeofIfInfomsg:], func(kind uint16, v []byte) {
		switch {
		case kind == unix.IFLA_IFNAME:
			l.name = cString(v)
		case kind == unix.IFLA_ADDRESS:
			l.address = bytes.Clone(v)
		case kind == unix.IFLA_MTU && len(v) == 4:
			l.mtu = binary.NativeEndian.Uint32(v)
		case kind == unix.IFLA_MASTER && len(v) == 4:
			l.master = binary.NativeEndian.Uint32(v)
		}
	})
	return l, l.index != 0
}

const skipStatistics = 1 << 3 // RTEXT_FILTER_SKIP_STATS

func (c *conn) linkByName(name string) (link, error) {
	b, err := c.get(newMessage(unix.RTM_GETLINK, 0, linkHeader(0, 0, 0)).text(unix.IFLA_IFNAME, name).u32(unix.IFLA_EXT_MASK, skipStatistics))
	return answered(b, err)
}

func (c *conn) linkByIndex(index uint32) (link, error) {
	b, err := c.get(newMessage(unix.RTM_GETLINK, 0, linkHeader(index, 0, 0)).u32(unix.IFLA_EXT_MASK, skipStatistics))
	return answered(b, err)
}

func answered(b []byte, err error) (link, error) {
	if err != nil {
		return link{}, err
	}
	l, ok := parseLink(b)
	if !ok {
		return link{}, &kernelError{errno: unix.EBADMSG}
	}
	return l, nil
}

func (c *conn) links() ([]link, error) {
	bodies, err := c.dump(newMessage(unix.RTM_GETLINK, 0, linkHeader(0, 0, 0)).u32(unix.IFLA_EXT_MASK, skipStatistics))
	var list []link
	for _, b := range bodies {
		if l, ok := parseLink(b); ok {
			list = append(list, l)
		}
	}
	return list, err
}

// transfer gives the device to another namespace, under an index that is free
// there; with a name, under that name.
func (c *conn) transfer(index uint32, netns int, name string, newIndex uint32) error {
	m := newMessage(unix.RTM_NEWLINK, 0, linkHeader(index, 0, 0)).u32(unix.IFLA_NET_NS_FD, uint32(netns))
	if newIndex != 0 {
		m = m.u32(unix.IFLA_NEW_IFINDEX, newIndex) // Linux 5.13
	}
	if name != "" {
		m = m.text(unix.IFLA_IFNAME, name)
	}
	return c.do(m)
}

func (c *conn) rename(index uint32, name string) error {
	return c.do(newMessage(unix.RTM_NEWLINK, 0, linkHeader(index, 0, 0)).text(unix.IFLA_IFNAME, name))
}

func (c *conn) up(index uint32) error {
	return c.do(newMessage(unix.RTM_NEWLINK, 0, linkHeader(index, unix.IFF_UP, unix.IFF_UP)))
}

func (c *conn) enslave(index, master uint32) error {
	return c.do(newMessage(unix.RTM_NEWLINK, 0, linkHeader(index, 0, 0)).u32(unix.IFLA_MASTER, master))
}

// settle gives the device at index the MTU and link-layer address of was.
// Drivers may reset them on a move; most do not.
func (c *conn) settle(index uint32, was *link) error {
	now, err := c.linkByIndex(index)
	if err != nil {
		return err
	}
	m := newMessage(unix.RTM_NEWLINK, 0, linkHeader(index, 0, 0))
	changed := false
	if now.mtu != was.mtu {
		m, changed = m.u32(unix.IFLA_MTU, was.mtu), true
	}
	if len(was.address) > 0 && !bytes.Equal(now.address, was.address) {
		m, changed = m.attr(unix.IFLA_ADDRESS, was.address), true
	}
	if !changed {
		return nil
	}
	return c.do(m)
}
