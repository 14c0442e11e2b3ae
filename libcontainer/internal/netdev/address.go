package netdev

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// address is one address of a device, as the kernel told it.
type address struct {
	header [unix.SizeofIfAddrmsg]byte
	flags  uint32 // IFA_F_*
	attrs  []attribute
}

type attribute struct {
	kind  uint16
	value []byte
}

// addresses lists those of one device, in the order in which they were added.
func (c *conn) addresses(index uint32) ([]address, error) {
	h := make([]byte, unix.SizeofIfAddrmsg)
	binary.NativeEndian.PutUint32(h[4:], index)
	bodies, err := c.dump(newMessage(unix.RTM_GETADDR, 0, h))
	var list []address
	for _, b := range bodies {
		if len(b) >= unix.SizeofIfAddrmsg && binary.NativeEndian.Uint32(b[4:]) == index {
			list = append(list, parseAddress(b))
		}
	}
	return list, err
}

func parseAddress(b []byte) (a address) {
	copy(a.header[:], b)
	a.flags = uint32(a.header[2])
	attributes(b[unix.SizeofIfAddrmsg:], func(kind uint16, v []byte) {
		if kind == unix.IFA_FLAGS && len(v) == 4 {
			a.flags = binary.NativeEndian.Uint32(v)
			return
		}
		a.attrs = append(a.attrs, attribute{kind, bytes.Clone(v)})
	})
	return a
}

func (a *address) family() byte { return a.header[0] }

// kept says whether the address goes along: permanent, and of global scope
// (config-linux.md, Network Devices).
func (a *address) kept() bool {
	return a.flags&unix.IFA_F_PERMANENT != 0 && a.header[3] == unix.RT_SCOPE_UNIVERSE && !a.temporary()
}

// temporary says that the kernel made the address, for privacy (RFC 8981). To
// IPv4 the same bit means a second address of its network.
func (a *address) temporary() bool {
	return a.family() == unix.AF_INET6 && a.flags&unix.IFA_F_TEMPORARY != 0
}

// request adds the address to the device at index, which was called oldName
// and is newName now.
func (a *address) request(index uint32, oldName, newName string) message {
	h := a.header
	h[2] = 0
	binary.NativeEndian.PutUint32(h[4:], index)
	m := newMessage(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, h[:])
	flags := a.flags & (unix.IFA_F_NODAD | unix.IFA_F_HOMEADDRESS | unix.IFA_F_MANAGETEMPADDR | unix.IFA_F_NOPREFIXROUTE | unix.IFA_F_MCAUTOJOIN)
	if a.family() == unix.AF_INET6 && a.flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) == 0 {
		// nobody else has had it on this link: it does not have to be tried for a second once more
		flags |= unix.IFA_F_NODAD
	}
	m = m.u32(unix.IFA_FLAGS, flags)
	for _, at := range a.attrs {
		switch {
		case at.kind == unix.IFA_LABEL:
			if label := relabel(cString(at.value), oldName, newName); label != "" {
				m = m.text(at.kind, label)
			}
		case at.kind == unix.IFA_CACHEINFO && a.flags&unix.IFA_F_PERMANENT != 0 && len(at.value) >= 8:
			// one that lasts for ever may still be deprecated: a preferred lifetime of 0
			v := bytes.Clone(at.value)
			binary.NativeEndian.PutUint32(v[4:], math.MaxUint32)
			m = m.attr(at.kind, v)
		default:
			m = m.attr(at.kind, at.value)
		}
	}
	return m
}

// relabel keeps the end of a label like eth0:web behind the device's new name.
func relabel(label, oldName, newName string) string {
	rest, ok := strings.CutPrefix(label, oldName)
	switch {
	case !ok:
		return label
	case rest == "" || len(newName)+len(rest) >= unix.IFNAMSIZ:
		return newName
	}
	return newName + rest
}

// String is like 192.0.2.7/24.
func (a *address) String() string {
	var local []byte
	for _, at := range a.attrs {
		if at.kind == unix.IFA_LOCAL || at.kind == unix.IFA_ADDRESS && local == nil {
			local = at.value
		}
	}
	return ipText(local) + "/" + strconv.Itoa(int(a.header[1]))
}
