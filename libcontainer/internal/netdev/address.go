package netdev

import (
	"bytes"
	"math"
	"net"
	"strconv"
	"strings"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// address is one address of a device. Its attributes are given back as the
// kernel told them: the library's Addr has no metric, and makes up a broadcast
// address where there is none.
type address struct {
	header nl.IfAddrmsg
	flags  uint32 // IFA_F_*
	attrs  []syscall.NetlinkRouteAttr
}

// addresses lists those of one device, in the order in which they were added.
func (c conn) addresses(index uint32) (list []address, err error) {
	bodies, err := c.send(unix.RTM_GETADDR, unix.NLM_F_DUMP, &nl.IfAddrmsg{IfAddrmsg: unix.IfAddrmsg{Index: index}})
	for _, b := range bodies {
		if a, ok := parseAddress(b); ok && a.header.Index == index {
			list = append(list, a)
		}
	}
	return list, err
}

func parseAddress(b []byte) (a address, ok bool) {
	if len(b) < unix.SizeofIfAddrmsg {
		return a, false
	}
	a.header = *nl.DeserializeIfAddrmsg(b)
	a.flags = uint32(a.header.Flags)
	for _, at := range attributes(b, unix.SizeofIfAddrmsg) {
		if at.Attr.Type == unix.IFA_FLAGS && len(at.Value) == 4 {
			a.flags = nl.NativeEndian().Uint32(at.Value)
		} else {
			a.attrs = append(a.attrs, at)
		}
	}
	return a, true
}

// kept says whether the address goes along: permanent, and of global scope
// (config-linux.md, Network Devices).
func (a *address) kept() bool {
	return a.flags&unix.IFA_F_PERMANENT != 0 && a.header.Scope == unix.RT_SCOPE_UNIVERSE && !a.temporary()
}

// temporary says that the kernel made the address, for privacy (RFC 8981). To
// IPv4 the same bit means a second address of its network.
func (a *address) temporary() bool {
	return a.header.Family == unix.AF_INET6 && a.flags&unix.IFA_F_TEMPORARY != 0
}

// add gives the address to the device at index, which was called oldName and is
// newName now.
func (c conn) add(a *address, index uint32, oldName, newName string) error {
	h := a.header
	h.Flags, h.Index = 0, index
	_, err := c.send(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK, &h, a.renew(oldName, newName)...)
	return err
}

// renew gives the attributes of a request that adds the address.
func (a *address) renew(oldName, newName string) []*nl.RtAttr {
	flags := a.flags & (unix.IFA_F_NODAD | unix.IFA_F_HOMEADDRESS | unix.IFA_F_MANAGETEMPADDR | unix.IFA_F_NOPREFIXROUTE | unix.IFA_F_MCAUTOJOIN)
	if a.header.Family == unix.AF_INET6 && a.flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) == 0 {
		// nobody else has had it on this link: it does not have to be tried for a second once more
		flags |= unix.IFA_F_NODAD
	}
	attrs := []*nl.RtAttr{u32(unix.IFA_FLAGS, flags)}
	for _, at := range a.attrs {
		v := at.Value
		switch kind := at.Attr.Type; {
		case kind == unix.IFA_LABEL:
			label := relabel(unix.ByteSliceToString(v), oldName, newName)
			if label == "" {
				continue
			}
			v = nl.ZeroTerminated(label)
		case kind == unix.IFA_CACHEINFO && a.flags&unix.IFA_F_PERMANENT != 0 && len(v) >= 8:
			// one that lasts for ever may still be deprecated: a preferred lifetime of 0
			v = bytes.Clone(v)
			nl.NativeEndian().PutUint32(v[4:], math.MaxUint32)
		}
		attrs = append(attrs, nl.NewRtAttr(int(at.Attr.Type), v))
	}
	return attrs
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
		if at.Attr.Type == unix.IFA_LOCAL || at.Attr.Type == unix.IFA_ADDRESS && local == nil {
			local = at.Value
		}
	}
	return ipText(local) + "/" + strconv.Itoa(int(a.header.Prefixlen))
}

// ipText is for people; zeros of IPv6 are not left out.
func ipText(b []byte) string {
	if len(b) != net.IPv6len {
		return net.IP(b).String()
	}
	var out []byte
	for i := 0; i < len(b); i += 2 {
		out = append(strconv.AppendUint(out, uint64(b[i])<<8|uint64(b[i+1]), 16), ':')
	}
	return string(out[:len(out)-1])
}
