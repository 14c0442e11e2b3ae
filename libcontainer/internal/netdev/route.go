package netdev

import (
	"bytes"
	"slices"
	"strconv"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// nexthopObject is RTA_NH_ID (Linux 5.3).
const nexthopObject = 30

// route is one that goes out by a device. Its attributes are given back as the
// kernel told them: the library's Route has no preference of routers, and fewer
// metrics.
type route struct {
	header nl.RtMsg
	attrs  []syscall.NetlinkRouteAttr
}

// routes lists what leads out by one device and did not come of itself: the
// kernel makes those of addresses, and hears those of routers, again.
func (c conn) routes(index uint32) (list []route, err error) {
	for _, family := range [...]byte{unix.AF_INET, unix.AF_INET6} {
		bodies, err := c.send(unix.RTM_GETROUTE, unix.NLM_F_DUMP, &nl.RtMsg{RtMsg: unix.RtMsg{Family: family}}, u32(unix.RTA_OIF, index))
		if err != nil {
			return nil, err
		}
		for _, b := range bodies {
			if r, ok := parseRoute(b, index); ok && r.header.Family == family {
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
	r.header = *nl.DeserializeRtMsg(b)
	own, table, out := true, uint32(r.header.Table), uint32(0)
	for _, a := range attributes(b, unix.SizeofRtMsg) {
		switch kind := a.Attr.Type; {
		case kind == unix.RTA_OIF && len(a.Value) == 4:
			out = nl.NativeEndian().Uint32(a.Value)
			continue
		case kind == unix.RTA_TABLE && len(a.Value) == 4:
			table = nl.NativeEndian().Uint32(a.Value)
		case kind == unix.RTA_MULTIPATH:
			out = index
			own = own && eachHop(a.Value, func(hop []byte) bool { return nl.NativeEndian().Uint32(hop[4:]) == index })
		case kind == nexthopObject:
			own = false // a nexthop object stays in its namespace
		case kind == unix.RTA_CACHEINFO || kind == unix.RTA_EXPIRES:
			continue
		}
		r.attrs = append(r.attrs, a)
	}
	if out != index || !own || table == unix.RT_TABLE_LOCAL || r.header.Flags&unix.RTM_F_CLONED != 0 {
		return r, false
	}
	switch r.header.Protocol { // who made it
	case unix.RTPROT_KERNEL, unix.RTPROT_REDIRECT, unix.RTPROT_RA:
		return r, false
	}
	return r, r.header.Type == unix.RTN_UNICAST && r.header.Scope <= unix.RT_SCOPE_LINK
}

// eachHop says whether f is true of every hop of an RTA_MULTIPATH.
func eachHop(b []byte, f func(hop []byte) bool) bool {
	for len(b) >= unix.SizeofRtNexthop {
		size := int(nl.NativeEndian().Uint16(b))
		if size < unix.SizeofRtNexthop || size > len(b) || !f(b[:size]) {
			return false
		}
		b = b[min((size+3)&^3, len(b)):]
	}
	return true
}

// hops is 0 for what is on the link, 1 behind a gateway.
func (r *route) hops() int {
	if slices.ContainsFunc(r.attrs, func(a syscall.NetlinkRouteAttr) bool {
		return a.Attr.Type == unix.RTA_GATEWAY || a.Attr.Type == unix.RTA_VIA || a.Attr.Type == unix.RTA_MULTIPATH
	}) {
		return 1
	}
	return 0
}

// route adds the route by way of the device at index.
func (c conn) route(r *route, index uint32) error {
	h := r.header
	h.Flags &= unix.RTNH_F_ONLINK
	_, err := c.send(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_APPEND|unix.NLM_F_ACK, &h, r.renew(index)...)
	return err
}

// renew gives the attributes of a request that adds the route.
func (r *route) renew(index uint32) (attrs []*nl.RtAttr) {
	several := false
	for _, a := range r.attrs {
		v := a.Value
		if a.Attr.Type == unix.RTA_MULTIPATH {
			several, v = true, bytes.Clone(v)
			eachHop(v, func(hop []byte) bool {
				hop[2] &= unix.RTNH_F_ONLINK
				nl.NativeEndian().PutUint32(hop[4:], index)
				return true
			})
		}
		attrs = append(attrs, nl.NewRtAttr(int(a.Attr.Type), v))
	}
	if !several {
		attrs = append(attrs, u32(unix.RTA_OIF, index))
	}
	return attrs
}

// String is like "192.0.2.0/24 via 198.51.100.1".
func (r *route) String() string {
	to, via := "", ""
	for _, a := range r.attrs {
		switch a.Attr.Type {
		case unix.RTA_DST:
			to = ipText(a.Value) + "/" + strconv.Itoa(int(r.header.Dst_len))
		case unix.RTA_GATEWAY:
			via = " via " + ipText(a.Value)
		}
	}
	if to == "" {
		to = "default"
	}
	return to + via
}
