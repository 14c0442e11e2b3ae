package netdev

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/vishvananda/netlink/nl"
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
		a.header.Family, a.header.Scope = c.family, c.scope
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
	body := func(protocol, scope, kind byte, flags uint32, attrs ...*nl.RtAttr) []byte {
		return message(&nl.RtMsg{RtMsg: unix.RtMsg{Family: unix.AF_INET, Table: unix.RT_TABLE_MAIN, Protocol: protocol, Scope: scope, Type: kind, Flags: flags}}, attrs...)
	}
	out := u32(unix.RTA_OIF, 7)
	hops := func(indexes ...uint32) *nl.RtAttr {
		var v []byte
		for _, i := range indexes {
			v = append(v, hop(i)...)
		}
		return nl.NewRtAttr(unix.RTA_MULTIPATH, v)
	}
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
		{"of another device", body(unix.RTPROT_STATIC, 0, unix.RTN_UNICAST, 0, u32(unix.RTA_OIF, 8)), false},
		{"of the local table", body(unix.RTPROT_STATIC, 0, unix.RTN_UNICAST, 0, out, u32(unix.RTA_TABLE, unix.RT_TABLE_LOCAL)), false},
		{"of a nexthop object", body(unix.RTPROT_STATIC, 0, unix.RTN_UNICAST, 0, out, u32(nexthopObject, 3)), false},
		{"two hops, both here", body(unix.RTPROT_STATIC, 0, unix.RTN_UNICAST, 0, hops(7, 7)), true},
		{"two hops, one elsewhere", body(unix.RTPROT_STATIC, 0, unix.RTN_UNICAST, 0, hops(7, 8)), false},
	} {
		if _, ok := parseRoute(c.body, 7); ok != c.want {
			t.Errorf("%s: %v, want %v", c.name, ok, c.want)
		}
	}
	r, _ := parseRoute(body(unix.RTPROT_STATIC, 0, unix.RTN_UNICAST, 0, hops(7, 7)), 7)
	for _, a := range r.renew(9) {
		if a.Type == unix.RTA_OIF {
			t.Error("a route of two hops got a device of its own")
		}
		if a.Type == unix.RTA_MULTIPATH && !eachHop(a.Data, func(h []byte) bool { return binary.NativeEndian.Uint32(h[4:]) == 9 }) {
			t.Error("the hops do not go by the device's new index")
		}
	}
}

// The library puts the kernel's words behind the errno; rung's errors have them before it, and by themselves.
func TestAsKernelError(t *testing.T) {
	for _, c := range []struct{ given, want, words string }{
		{"", "file exists", ""},
		{"no room", "no room: file exists", "no room"},
	} {
		var err error = unix.EEXIST
		if c.given != "" {
			err = fmt.Errorf("%w: %s", err, c.given)
		}
		err = asKernelError(err)
		var k *kernelError
		if !errors.As(err, &k) || k.words != c.words || !errors.Is(err, unix.EEXIST) || err.Error() != c.want {
			t.Errorf("%q becomes %q, want %q, EEXIST and %q", c.given, err, c.want, c.words)
		}
	}
	if err := asKernelError(io.EOF); err != io.EOF {
		t.Errorf("an error without an errno becomes %v", err)
	}
}

// The kernel tells why it refuses, and its words arrive. Any user may ask for a device.
func TestSend_the_kernels_own_words(t *testing.T) {
	c, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	_, err = c.linkByName("nothing-of-it")
	if !errors.Is(err, unix.ENODEV) || err.Error() != unix.ENODEV.Error() {
		t.Errorf("a device that is not there: %v, want ENODEV alone", err)
	}
	header := &nl.IfInfomsg{IfInfomsg: unix.IfInfomsg{Type: 1}}
	_, err = c.send(unix.RTM_GETLINK, 0, header)
	var k *kernelError
	if !errors.As(err, &k) || k.words == "" || k.errno != unix.EINVAL {
		t.Errorf("a request with a type of device: %v, want EINVAL and the reason", err)
	}
	if _, err = c.send(unix.RTM_GETLINK, unix.NLM_F_DUMP, header); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a dump with a type of device: %v, want EINVAL", err)
	}
	l, err := c.linkByName("lo")
	if err != nil || l.name != "lo" || l.flags&unix.IFF_LOOPBACK == 0 || l.mtu == 0 {
		t.Errorf("lo after an error: %+v, %v", l, err)
	}
	list, err := c.links()
	if err != nil || !slices.ContainsFunc(list, func(o link) bool { return o.index == l.index && o.name == l.name }) {
		t.Errorf("no lo in %+v, %v", list, err)
	}
}

// What the kernel sends is trusted to be the kernel's, not to be of the form
// that this version knows.
func FuzzParse(f *testing.F) {
	f.Add(message(&nl.RtMsg{}, u32(unix.RTA_OIF, 7), nl.NewRtAttr(unix.RTA_MULTIPATH, make([]byte, 8)), text(1, "x")))
	f.Add(make([]byte, 17)) // an attribute that is cut short
	f.Fuzz(func(t *testing.T, b []byte) {
		parseLink(b)
		if a, ok := parseAddress(b); ok {
			_ = a.renew("a", "b")
			_ = a.String()
		}
		if r, ok := parseRoute(b, 7); ok {
			again, ok := parseRoute(message(&r.header, r.renew(7)...), 7)
			if !ok || again.String() != r.String() {
				t.Errorf("%q comes back as %q (%v)", r.String(), again.String(), ok)
			}
		}
	})
}

// message is the body of one: a header and attributes.
func message(header nl.NetlinkRequestData, attrs ...*nl.RtAttr) []byte {
	b := header.Serialize()
	b = b[:len(b):len(b)]
	for _, a := range attrs {
		b = append(b, a.Serialize()...)
	}
	return b
}
