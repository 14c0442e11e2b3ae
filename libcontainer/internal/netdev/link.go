package netdev

import (
	"bytes"

	"github.com/vishvananda/netlink/nl"
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

func linkHeader(index, flags uint32) *nl.IfInfomsg {
	return &nl.IfInfomsg{IfInfomsg: unix.IfInfomsg{Index: int32(index), Flags: flags, Change: flags}}
}

func parseLink(b []byte) (l link, ok bool) {
	if len(b) < unix.SizeofIfInfomsg {
		return l, false
	}
	h := nl.DeserializeIfInfomsg(b)
	l.index, l.flags = uint32(h.Index), h.Flags
	for _, a := range attributes(b, unix.SizeofIfInfomsg) {
		switch kind := a.Attr.Type; {
		case kind == unix.IFLA_IFNAME:
			l.name = unix.ByteSliceToString(a.Value)
		case kind == unix.IFLA_ADDRESS:
			l.address = a.Value
		case kind == unix.IFLA_MTU && len(a.Value) == 4:
			l.mtu = nl.NativeEndian().Uint32(a.Value)
		case kind == unix.IFLA_MASTER && len(a.Value) == 4:
			l.master = nl.NativeEndian().Uint32(a.Value)
		}
	}
	return l, l.index != 0
}

const skipStatistics = 1 << 3 // RTEXT_FILTER_SKIP_STATS

func (c conn) links() ([]link, error) { return c.getLinks(unix.NLM_F_DUMP, 0) }

func (c conn) linkByName(name string) (link, error) {
	return one(c.getLinks(0, 0, text(unix.IFLA_IFNAME, name)))
}

func (c conn) linkByIndex(index uint32) (link, error) { return one(c.getLinks(0, index)) }

func (c conn) getLinks(flags int, index uint32, attrs ...*nl.RtAttr) (list []link, err error) {
	bodies, err := c.send(unix.RTM_GETLINK, flags, linkHeader(index, 0), append(attrs, u32(unix.IFLA_EXT_MASK, skipStatistics))...)
	for _, b := range bodies {
		if l, ok := parseLink(b); ok {
			list = append(list, l)
		}
	}
	return list, err
}

func one(list []link, err error) (link, error) {
	if err == nil && len(list) != 1 {
		err = &kernelError{errno: unix.EBADMSG}
	}
	if err != nil {
		return link{}, err
	}
	return list[0], nil
}

func (c conn) setLink(index, flags uint32, attrs ...*nl.RtAttr) error {
	_, err := c.send(unix.RTM_NEWLINK, unix.NLM_F_ACK, linkHeader(index, flags), attrs...)
	return err
}

// transfer gives the device to another namespace, under an index that is free
// there; with a name, under that name.
func (c conn) transfer(index uint32, netns int, name string, newIndex uint32) error {
	attrs := []*nl.RtAttr{u32(unix.IFLA_NET_NS_FD, uint32(netns))}
	if newIndex != 0 {
		attrs = append(attrs, u32(unix.IFLA_NEW_IFINDEX, newIndex)) // Linux 5.13
	}
	if name != "" {
		attrs = append(attrs, text(unix.IFLA_IFNAME, name))
	}
	return c.setLink(index, 0, attrs...)
}

// settle gives the device at index the MTU and link-layer address of was.
// Drivers may reset them on a move; most do not.
func (c conn) settle(index uint32, was *link) error {
	now, err := c.linkByIndex(index)
	if err != nil {
		return err
	}
	var attrs []*nl.RtAttr
	if now.mtu != was.mtu {
		attrs = append(attrs, u32(unix.IFLA_MTU, was.mtu))
	}
	if len(was.address) > 0 && !bytes.Equal(now.address, was.address) {
		attrs = append(attrs, nl.NewRtAttr(unix.IFLA_ADDRESS, was.address))
	}
	if attrs == nil {
		return nil
	}
	return c.setLink(index, 0, attrs...)
}
