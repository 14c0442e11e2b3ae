package netdev

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// nexthopObject is RTA_NH_ID (Linux 5.3).
const nexthopObject = 30

// route is one that goes out by a device, as the kernel told it.
type route struct {
	header [unix.SizeofRtMsg]byte
	attrs  []attribute
}

// routes lists what leads out by one device and did not come of itself: the
// kernel makes those of addresses, and hears those of routers, again.
func (c *conn) routes(index uint32) ([]route, error) {
	var list []route
	for _, family := range [...]byte{unix.AF_INET, unix.AF_INET6} {
		h := make([]byte, unix.SizeofRtMsg)
		h[0] = family
		bodies, err := c.dump(newMessage(unix.RTM_GETROUTE, 0, h).u32(unix.RTA_OIF, index))
		if err != nil {
			return nil, err
		}
		for _, b := range bodies {
			if r, ok := parseRoute(b, index); ok && r.header[0] == family {
				list = append(list, r)
			}
		}
	}
	// a gateway has to be reachable when its route is added
	slices.SortStableFunc(list, func(a, b route) int { return a.hops() - b.hops() })
	return list, nil
}

// parseRoute gives ok for routes that belong to the device at index alone and
// can be made anew.
func parseRoute(b []byte, index uint32) (r route, ok bool) {
	if len(b) < unix.SizeofRtMsg {
		return r, false
	}
	copy(r.header[:], b)
	own, table := true, uint32(r.header[4])
	out := uint32(0)
	attributes(b[unix.SizeofRtMsg:], func(kind uint16, v []byte) {
		switch {
		case kind == unix.RTA_OIF && len(v) == 4:
			out = binary.NativeEndian.Uint32(v)
			return
		case kind == unix.RTA_TABLE && len(v) == 4:
			table = binary.NativeEndian.Uint32(v)
		case kind == unix.RTA_MULTIPATH:
			out = index
			own = own && eachHop(v, func(hop []byte) bool { return binary.NativeEndian.Uint32(hop[4:]) == index })
		case kind == nexthopObject:
			own = false // a nexthop object stays in its namespace
		case kind == unix.RTA_CACHEINFO || kind == unix.RTA_EXPIRES:
			return
		}
		r.attrs = append(r.attrs, attribute{kind, bytes.Clone(v)})
	})
	if out != index || !own || table == unix.RT_TABLE_LOCAL {
		return r, false
	}
	if binary.NativeEndian.Uint32(r.header[8:])&unix.RTM_F_CLONED != 0 {
		return r, false
	}
	switch r.header[5] { // who made it
	case unix.RTPROT_KERNEL, unix.RTPROT_REDIRECT, unix.RTPROT_RA:
		return r, false
	}
	return r, r.header[7] == unix.RTN_UNICAST && r.header[6] <= unix.RT_SCOPE_LINK
}

// eachHop says whether f is true of every hop of an RTA_MULTIPATH.
func eachHop(b []byte, f func(hop []byte) bool) bool {
	for len(b) >= unix.SizeofRtNexthop {
		size := int(binary.NativeEndian.Uint16(b))
		if size < unix.SizeofRtNexthop || size > len(b) || !f(b[:size]) {
			return false
		}
		b = b[min((size+3)&^3, len(b)):]
	}
	return true
}

// hops is 0 for what is on the link, 1 behind a gateway.
func (r *route) hops() int {
	for _, a := range r.attrs {
		if a.kind == unix.RTA_GATEWAY || a.kind == unix.RTA_VIA || a.kind == unix.RTA_MULTIPATH {
			return 1
		}
	}
	return 0
}

// request adds the route by way of the device at index.
func (r *route) request(index uint32) message {
	h := r.header
	binary.NativeEndian.PutUint32(h[8:], binary.NativeEndian.Uint32(h[8:])&unix.RTNH_F_ONLINK)
	m := newMessage(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_APPEND, h[:])
	several := false
	for _, a := range r.attrs {
		if a.kind == unix.RTA_MULTIPATH {
			several = true
			v := bytes.Clone(a.value)
			eachHop(v, func(hop []byte) bool {
				hop[2] &= unix.RTNH_F_ONLINK
				binary.NativeEndian.PutUint32(hop[4:], index)
				return true
			})
			a.value = v
		}
		m = m.attr(a.kind, a.value)
	}
	if !several {
		m = m.u32(unix.RTA_OIF, index)
	}
	return m
}

// String is like "192.0.2.0/24 via 198.51.100.1".
func (r *route) String() string {
	to, via := "", ""
	for _, a := range r.attrs {
		switch a.kind {
		case unix.RTA_DST:
			to = ipText(a.value) + "/" + strconv.Itoa(int(r.header[1]))
		case unix.RTA_GATEWAY:
			via = " via " + ipText(a.value)
		}
	}
	if to == "" {
		to = "default"
	}
	return to + via
}

// ipText is for people; zeros of IPv6 are not left out.
func ipText(b []byte) string {
	var out []byte
	switch len(b) {
	case 4:
		for i, c := range b {
			if i > 0 {
				out = append(out, '.')
			}
			out = strconv.AppendUint(out, uint64(c), 10)
		}
	case 16:
		for i := 0; i < len(b); i += 2 {
			if i > 0 {
				out = append(out, ':')
			}
			out = strconv.AppendUint(out, uint64(b[i])<<8|uint64(b[i+1]), 16)
		}
	default:
		return "?"
	}
	return string(out)
}
