package netdev

import (
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRelabel(t *testing.T) {
	for _, c := range []struct{ label, oldName, newName, want string }{
		{"eth0", "eth0", "web0", "web0"},
		{"eth0:a", "eth0", "web0", "web0:a"},
		{"own", "eth0", "web0", "own"},
		{"eth0:abc", "eth0", "abcdefghijklmn", "abcdefghijklmn"}, // no room
		{"e:abcdefghij", "e", "abcd", "abcd:abcdefghij"},         // 15 bytes
	} {
		if got := relabel(c.label, c.oldName, c.newName); got != c.want {
			t.Errorf("relabel(%q, %q, %q) = %q, want %q", c.label, c.oldName, c.newName, got, c.want)
		}
	}
}

func TestAddress_kept(t *testing.T) {
	for _, c := range []struct {
		name          string
		family, scope byte
		flags         uint32
		want          bool
	}{
		{"permanent and global", unix.AF_INET, unix.RT_SCOPE_UNIVERSE, unix.IFA_F_PERMANENT, true},
		{"a second one of its network", unix.AF_INET, unix.RT_SCOPE_UNIVERSE, unix.IFA_F_PERMANENT | unix.IFA_F_SECONDARY, true},
		{"temporary, for privacy", unix.AF_INET6, unix.RT_SCOPE_UNIVERSE, unix.IFA_F_PERMANENT | unix.IFA_F_TEMPORARY, false},
		{"leased", unix.AF_INET, unix.RT_SCOPE_UNIVERSE, 0, false},
		{"of the link", unix.AF_INET6, unix.RT_SCOPE_LINK, unix.IFA_F_PERMANENT, false},
		{"of the host", unix.AF_INET, unix.RT_SCOPE_HOST, unix.IFA_F_PERMANENT, false},
	} {
		a := address{flags: c.flags}
		a.header[0], a.header[3] = c.family, c.scope
		if a.kept() != c.want {
			t.Errorf("%s: kept is %v, want %v", c.name, a.kept(), c.want)
		}
	}
}

func TestRoute_whose_it_is(t *testing.T) {
	hop := func(index uint32) []byte {
		b := make([]byte, unix.SizeofRtNexthop)
		binary.NativeEndian.PutUint16(b, unix.SizeofRtNexthop)
		binary.NativeEndian.PutUint32(b[4:], index)
		return b
	}
	body := func(protocol, scope, kind byte, flags uint32, attrs func(message) message) []byte {
		h := make([]byte, unix.SizeofRtMsg)
		h[0], h[4], h[5], h[6], h[7] = unix.AF_INET, unix.RT_TABLE_MAIN, protocol, scope, kind
		binary.NativeEndian.PutUint32(h[8:], flags)
		return attrs(newMessage(unix.RTM_NEWROUTE, 0, h))[headerLen:]
	}
	out := func(m message) message { return m.u32(unix.RTA_OIF, 7) }
	for _, c := range []struct {
		name string
		body []byte
		want bool
	}{
		{"static", body(unix.RTPROT_STATIC, 0, unix.RTN_UNICAST, 0, out), true},
		{"of the link", body(unix.RTPROT_BOOT, unix.RT_SCOPE_LINK, unix.RTN_UNICAST, 0, out), true},
		{"the kernel's", body(unix.RTPROT_KERNEL, 0, unix.RTN_UNICAST, 0, out), false},
		{"a router's", body(unix.RTPROT_RA, 0, unix.RTN_UNICAST, 0, out), false},
		{"cached", body(unix.RTPROT_STATIC, 0, unix.RTN_UNICAST, unix.RTM_F_CLONED, out), false},
		{"unreachable", body(unix.RTPROT_STATIC, 0, unix.RTN_UNREACHABLE, 0, out), false},
		{"of another device", body(unix.RTPROT_STATIC, 0, unix.RTN_UNICAST, 0, func(m message) message { return m.u32(unix.RTA_OIF, 8) }), false},
		{"of the local table", body(unix.RTPROT_STATIC, 0, unix.RTN_UNICAST, 0, func(m message) message { return out(m).u32(unix.RTA_TABLE, unix.RT_TABLE_LOCAL) }), false},
		{"of a nexthop object", body(unix.RTPROT_STATIC, 0, unix.RTN_UNICAST, 0, func(m message) message { return out(m).u32(nexthopObject, 3) }), false},
		{"two hops, both here", body(unix.RTPROT_STATIC, 0, unix.RTN_UNICAST, 0, func(m message) message { return m.attr(unix.RTA_MULTIPATH, append(hop(7), hop(7)...)) }), true},
		{"two hops, one elsewhere", body(unix.RTPROT_STATIC, 0, unix.RTN_UNICAST, 0, func(m message) message { return m.attr(unix.RTA_MULTIPATH, append(hop(7), hop(8)...)) }), false},
	} {
		if _, ok := parseRoute(c.body, 7); ok != c.want {
			t.Errorf("%s: %v, want %v", c.name, ok, c.want)
		}
	}
	r, _ := parseRoute(body(unix.RTPROT_STATIC, 0, unix.RTN_UNICAST, 0, func(m message) message { return m.attr(unix.RTA_MULTIPATH, append(hop(7), hop(7)...)) }), 7)
	attributes(r.request(9)[headerLen+unix.SizeofRtMsg:], func(kind uint16, v []byte) {
		if kind == unix.RTA_OIF {
			t.Error("a route of two hops got a device of its own")
		}
		if kind == unix.RTA_MULTIPATH && !eachHop(v, func(h []byte) bool { return binary.NativeEndian.Uint32(h[4:]) == 9 }) {
			t.Error("the hops do not go by the device's new index")
		}
	})
}

func TestVerdict(t *testing.T) {
	minus := func(e unix.Errno) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(-int32(e))) }
	request := newMessage(unix.RTM_NEWLINK, 0, make([]byte, 16))
	binary.NativeEndian.PutUint32(request, uint32(len(request)))
	whole := message(append(minus(unix.EEXIST), request...)).text(1, "no room")
	capped := message(append(minus(unix.EEXIST), request[:headerLen]...)).text(1, "no room")
	for _, c := range []struct {
		name  string
		body  []byte
		flags uint16
		words string
	}{
		{"plain", append(minus(unix.EEXIST), request...), 0, ""},
		{"words behind the request", whole, 0x200, "no room"},
		{"words behind its header", capped, 0x300, "no room"},
		{"cut short", minus(unix.EEXIST), 0x200, ""},
	} {
		err := verdict(c.body, c.flags, unix.NLMSG_ERROR)
		var k *kernelError
		if !errors.As(err, &k) || k.words != c.words || !errors.Is(err, unix.EEXIST) {
			t.Errorf("%s: %v, want EEXIST and %q", c.name, err, c.words)
		}
	}
	if err := verdict(minus(0), 0, unix.NLMSG_ERROR); err != nil {
		t.Errorf("an acknowledgement: %v", err)
	}
}

// What the kernel sends is trusted to be the kernel's, not to be of the form
// that this version knows.
func FuzzParse(f *testing.F) {
	f.Add([]byte(newMessage(unix.RTM_NEWROUTE, 0, make([]byte, 12)).u32(unix.RTA_OIF, 7).attr(unix.RTA_MULTIPATH, make([]byte, 8)).text(1, "x")[headerLen:]))
	f.Fuzz(func(t *testing.T, b []byte) {
		parseLink(b)
		if len(b) >= unix.SizeofIfAddrmsg {
			a := parseAddress(b)
			_ = a.request(2, "a", "b")
			_ = a.String()
		}
		if r, ok := parseRoute(b, 7); ok {
			again, ok := parseRoute(r.request(7)[headerLen:], 7)
			if !ok || again.String() != r.String() {
				t.Errorf("%q comes back as %q (%v)", r.String(), again.String(), ok)
			}
		}
		_ = verdict(b, 0x200, unix.NLMSG_ERROR)
		_ = verdict(b, 0x300, unix.NLMSG_DONE)
	})
}
