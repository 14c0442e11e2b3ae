package integration

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// ipIn runs ip(8) in the network namespace of a process.
func ipIn(t *testing.T, pid int, args ...string) string {
	t.Helper()
	out, err := exec.Command("nsenter", append([]string{"--net=" + nsPath(pid, specs.NetworkNamespace), "ip"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func ipLines(t *testing.T, pid int, lines ...string) {
	t.Helper()
	for _, l := range lines {
		ipIn(t, pid, strings.Fields(l)...)
	}
}

// inHostNet makes a bundle whose runtime lives in a network namespace of the test's own, with a device d0 that has all
// sorts of addresses and routes.
func inHostNet(t *testing.T) (b *bundle, host int) {
	t.Helper()
	requires(t, "root", "command:ip", "command:nsenter", "rt:rung")
	b = newBundle(t)
	host = nsHolder(t, specs.NetworkNamespace)
	b.Wrap = []string{"nsenter", "--net=" + nsPath(host, specs.NetworkNamespace)}
	ipLines(t, host,
		"link add d0 type veth peer name p0", "link set p0 up", "link set d0 address 02:00:5e:10:20:30 mtu 1300 up",
		"addr add 192.0.2.7/24 dev d0", "addr add 192.0.2.8/24 dev d0 label d0:web",
		"addr add 169.254.169.77/32 dev d0 scope global", "addr add 198.51.100.1/24 dev d0 scope link",
		"-6 addr add 2001:db8::7/64 dev d0 nodad", "addr add 203.0.113.5/24 dev d0 valid_lft 1000 preferred_lft 1000",
		"route add 10.1.0.0/16 via 192.0.2.1", "route add default via 192.0.2.254 metric 50",
		"route add 10.9.9.1/32 dev d0 scope link", "route add 10.10.0.0/16 via 10.9.9.1 table 77",
		"-6 route add 2001:db8:1::/48 via 2001:db8::1")
	return b, host
}

func netDev(s *specs.Spec, pairs ...string) {
	s.Linux.NetDevices = map[string]specs.LinuxNetDevice{}
	for i := 0; i < len(pairs); i += 2 {
		s.Linux.NetDevices[pairs[i]] = specs.LinuxNetDevice{Name: pairs[i+1]}
	}
}

// inet6 lists the addresses of a device in /proc/net/if_inet6: "address/length scope".
func inet6(data, dev string) (list []string) {
	for l := range strings.Lines(data) {
		f := strings.Fields(l)
		if len(f) != 6 || f[5] != dev {
			continue
		}
		var groups []string
		for i := 0; i < 32; i += 4 {
			groups = append(groups, f[0][i:i+4])
		}
		a := netip.MustParseAddr(strings.Join(groups, ":"))
		n, _ := strconv.ParseUint(f[2], 16, 8)
		flags, _ := strconv.ParseUint(f[4], 16, 32)
		list = append(list, fmt.Sprintf("%s/%d scope %s flags %x", a, n, f[3], flags))
	}
	return list
}

// ipv4Routes lists /proc/net/route: "device destination/length gateway metric".
func ipv4Routes(data string) (list []string) {
	hex := func(s string) netip.Addr {
		n, _ := strconv.ParseUint(s, 16, 32)
		var b [4]byte
		binary.NativeEndian.PutUint32(b[:], uint32(n))
		return netip.AddrFrom4(b)
	}
	for l := range strings.Lines(data) {
		f := strings.Fields(l)
		if len(f) < 8 || f[0] == "Iface" {
			continue
		}
		mask := hex(f[7]).As4()
		ones := 0
		for _, m := range mask {
			for ; m != 0; m <<= 1 {
				ones++
			}
		}
		list = append(list, fmt.Sprintf("%s %s/%d %s %s", f[0], hex(f[1]), ones, hex(f[2]), f[6]))
	}
	slices.Sort(list)
	return list
}

// v4Local lists the local addresses in /proc/net/fib_trie.
func v4Local(data string) (list []string) {
	last := ""
	for l := range strings.Lines(data) {
		f := strings.Fields(l)
		switch {
		case len(f) == 2 && f[0] == "|--":
			last = f[1]
		case len(f) >= 3 && strings.HasSuffix(f[1], "host") && f[2] == "LOCAL" && !strings.HasPrefix(last, "127."):
			if !slices.Contains(list, last) {
				list = append(list, last)
			}
		}
	}
	slices.Sort(list)
	return list
}

func TestNetDevices_one_is_moved_with_its_addresses_and_routes(t *testing.T) {
	t.Parallel()
	for _, user := range []bool{false, true} {
		t.Run(fmt.Sprintf("user=%v", user), func(t *testing.T) {
			t.Parallel()
			b, host := inHostNet(t)
			if user {
				b.mapped(mapping(0, 100000, 65536), mapping(0, 100000, 65536)).chown(100000, 100000)
			}
			r := b.probe(func(s *specs.Spec) { netDev(s, "d0", "eth0") },
				"--read", "/proc/net/fib_trie", "--read", "/proc/net/route", "--read", "/proc/net/if_inet6")
			i := slices.IndexFunc(r.Interfaces, func(i netInterface) bool { return i.Name == "eth0" })
			if i < 0 {
				t.Fatalf("interfaces %+v, want eth0", r.Interfaces)
			}
			d := r.Interfaces[i]
			want(t, "eth0 is up", d.Up, true)
			want(t, "MTU", d.MTU, 1300)
			want(t, "hardware address", d.Mac, "02:00:5e:10:20:30")
			wantSlice(t, "IPv4 addresses", v4Local(r.action(t, 0).Data), []string{"169.254.169.77", "192.0.2.7", "192.0.2.8"})
			wantSlice(t, "IPv4 routes", ipv4Routes(r.action(t, 1).Data), []string{
				"eth0 0.0.0.0/0 192.0.2.254 50", "eth0 10.1.0.0/16 192.0.2.1 0", "eth0 10.9.9.1/32 0.0.0.0 0", "eth0 192.0.2.0/24 0.0.0.0 0",
			})
			v6 := slices.DeleteFunc(inet6(r.action(t, 2).Data, "eth0"), func(s string) bool { return strings.HasPrefix(s, "fe80:") })
			wantSlice(t, "IPv6 addresses", v6, []string{"2001:db8::7/64 scope 00 flags 82"}) // permanent, and not tried again
			if out := ipIn(t, host, "link"); strings.Contains(out, ": d0@") || strings.Contains(out, ": eth0@") {
				t.Errorf("after the container a device is in the runtime's namespace:\n%s", out)
			}
		})
	}
}

func TestNetDevices_in_a_joined_namespace_they_stay(t *testing.T) {
	t.Parallel()
	b, host := inHostNet(t)
	target := nsHolder(t, specs.NetworkNamespace)
	ipLines(t, target, "link add eth0 type veth peer name p2")
	ipLines(t, host, "link add d1 type veth peer name p1", "link set d0 txqueuelen 77 alias uplink")
	r := b.probe(func(s *specs.Spec) {
		setNS(s, specs.NetworkNamespace, nsPath(target, specs.NetworkNamespace))
		netDev(s, "d0", "eth%d", "d1", "")
		s.Linux.Sysctl = map[string]string{"net.ipv4.conf.d1.forwarding": "1", "net.ipv4.conf.eth1.arp_ignore": "2"}
	}, "--read", "/proc/sys/net/ipv4/conf/d1/forwarding", "--read", "/proc/sys/net/ipv4/conf/eth1/arp_ignore")
	want(t, "sysctl of a moved device", strings.TrimSpace(r.action(t, 0).Data), "1")
	want(t, "sysctl of a renamed device", strings.TrimSpace(r.action(t, 1).Data), "2")
	var names []string
	for _, i := range r.Interfaces {
		names = append(names, fmt.Sprintf("%s %v", i.Name, i.Up))
	}
	slices.Sort(names)
	wantSlice(t, "interfaces", names, []string{"d1 true", "eth0 false", "eth1 true", "lo false", "p2 false"})
	out := ipIn(t, target, "-d", "addr", "show", "eth1")
	for _, word := range []string{"qlen 77", "alias uplink", "mtu 1300", "02:00:5e:10:20:30", "scope global secondary eth1:web", "169.254.169.77/32 scope global"} {
		if !strings.Contains(out, word) {
			t.Errorf("ip addr show eth1: no %q in\n%s", word, out)
		}
	}
	for _, word := range []string{"198.51.100", "203.0.113"} {
		if strings.Contains(out, word) {
			t.Errorf("ip addr show eth1: %q in\n%s", word, out)
		}
	}
	if out := ipIn(t, target, "route", "show", "table", "77"); !strings.Contains(out, "10.10.0.0/16 via 10.9.9.1 dev eth1") {
		t.Errorf("table 77 is %q", out)
	}
	if out := ipIn(t, target, "-6", "route"); !strings.Contains(out, "2001:db8:1::/48 via 2001:db8::1 dev eth1") {
		t.Errorf("IPv6 routes are %q", out)
	}
}

func TestNetDevices_names_change_places(t *testing.T) {
	t.Parallel()
	b, host := inHostNet(t)
	ipLines(t, host, "link add d1 type veth peer name p1", "link set d1 mtu 1234")
	r := b.probe(func(s *specs.Spec) { netDev(s, "d0", "d1", "d1", "d0") })
	mtu := map[string]int{}
	for _, i := range r.Interfaces {
		mtu[i.Name] = i.MTU
	}
	want(t, "MTU of what is d1 now", mtu["d1"], 1300)
	want(t, "MTU of what is d0 now", mtu["d0"], 1234)
}

func TestNetDevices_what_fails_leaves_them_where_they_were(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		edit func(b *bundle, target int)
		want string
	}{
		{"a device that is not there", func(b *bundle, _ int) { netDev(b.Spec, "d0", "", "nope", "") }, "linux.netDevices.nope: find it in the runtime's network namespace: no such device (ENODEV)"},
		{"a name that is taken", func(b *bundle, target int) {
			ipLines(b.t, target, "link add d1 type veth peer name p1")
			netDev(b.Spec, "d0", "d1")
		}, "linux.netDevices.d0: move it as d1: the container's network namespace has a device of that name: file exists (EEXIST)"},
		{"a loopback device", func(b *bundle, _ int) { netDev(b.Spec, "lo", "d7") }, "linux.netDevices.lo: move it: a loopback device stays in its namespace: invalid argument (EINVAL)"},
		{"a second device that stays in its namespace", func(b *bundle, _ int) { netDev(b.Spec, "d0", "", "z", "") }, "linux.netDevices.z: move it as z: "},
		{"an address that is not taken", func(b *bundle, target int) {
			if out, err := exec.Command("nsenter", "--net="+nsPath(target, specs.NetworkNamespace), "sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6").CombinedOutput(); err != nil {
				b.t.Fatalf("%v %s", err, out)
			}
			netDev(b.Spec, "d0", "web0")
		}, "linux.netDevices.d0: keep its address 2001:db8:0:0:0:0:0:7/64: "},
		{"a later step", func(b *bundle, _ int) {
			netDev(b.Spec, "d0", "web0")
			b.Spec.Process.Args = []string{"/nothing"}
		}, "no such file or directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, host := inHostNet(t)
			target := nsHolder(t, specs.NetworkNamespace)
			setNS(b.Spec, specs.NetworkNamespace, nsPath(target, specs.NetworkNamespace))
			c.edit(b, target)
			ipLines(t, host, "link add z type bridge", "link set d0 master z") // a bridge cannot leave its namespace
			before := ipIn(t, host, "addr", "show", "d0") + ipIn(t, host, "route", "show", "table", "all")
			res := b.run()
			if res.Exit == 0 || !strings.Contains(res.Stderr, c.want) {
				t.Errorf("run: exit status %d, error %q, want %q in it", res.Exit, res.Stderr, c.want)
			}
			after := ipIn(t, host, "addr", "show", "d0") + ipIn(t, host, "route", "show", "table", "all")
			want(t, "d0 after the failure", lifetimes(after), lifetimes(before))
		})
	}
}

// lifetimes leaves out what changes with time.
func lifetimes(s string) string {
	var out []string
	for l := range strings.Lines(s) {
		if strings.Contains(l, "valid_lft") || strings.Contains(l, "fe80:") || strings.Contains(l, "ff00:") || strings.HasPrefix(l, "local 2001:") {
			continue // the kernel makes the local route of an IPv6 address in its own time
		}
		out = append(out, strings.TrimSpace(l))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

func TestNetDevices_hooks_find_them(t *testing.T) {
	t.Parallel()
	b, _ := inHostNet(t)
	netDev(b.Spec, "d0", "eth0")
	b.Spec.Hooks = &specs.Hooks{CreateContainer: []specs.Hook{b.probeHook("createContainer", "hook", "--report")}}
	if res := b.run(); res.Exit != 0 {
		t.Fatalf("run: %s", res.Stderr)
	}
	r := parseProbe(t, readFile(t, filepath.Join(b.Dir, "hook")))
	if !slices.ContainsFunc(r.Interfaces, func(i netInterface) bool { return i.Name == "eth0" && i.Up }) {
		t.Errorf("a createContainer hook sees the interfaces %+v, want eth0", r.Interfaces)
	}
}

func TestNetDevices_a_killed_runtime_leaves_none_behind(t *testing.T) {
	t.Parallel()
	b, host := inHostNet(t)
	netDev(b.Spec, "d0", "eth0")
	c := b.create()
	if err := unix.Kill(c.Pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	c.wait()
	b.must("delete", "--force", b.ID)
	if out := ipIn(t, host, "link"); strings.Contains(out, ": d0@") {
		t.Errorf("a virtual device outlives the namespace it was in:\n%s", out)
	}
}

func TestNetDevices_the_runtimes_own_namespace_is_refused(t *testing.T) {
	t.Parallel()
	b, host := inHostNet(t)
	netDev(b.Spec, "d0", "eth0")
	setNS(b.Spec, specs.NetworkNamespace, nsPath(host, specs.NetworkNamespace))
	bindSys(b.Spec)
	res := b.run()
	if res.Exit == 0 || !strings.Contains(res.Stderr, "linux.netDevices: needs a network namespace in linux.namespaces to move devices to") {
		t.Errorf("run: exit status %d, %q", res.Exit, res.Stderr)
	}
}

func TestNetDevices_rootless_is_refused(t *testing.T) {
	t.Parallel()
	b := rootlessBundle(t)
	netDev(b.Spec, "lo", "eth0")
	res := b.run()
	if res.Exit == 0 || !strings.Contains(res.Stderr, "linux.netDevices: network devices cannot be moved by a rootless runtime") {
		t.Errorf("run: exit status %d, %q", res.Exit, res.Stderr)
	}
}

// What ip(8) shows of a device's addresses and routes is the same after the move, for every kind of them that goes along.
func TestNetDevices_addresses_and_routes_of_every_kind(t *testing.T) {
	t.Parallel()
	requires(t, "root", "command:ip", "command:nsenter", "rt:rung")
	b := newBundle(t)
	host, target := nsHolder(t, specs.NetworkNamespace), nsHolder(t, specs.NetworkNamespace)
	b.Wrap = []string{"nsenter", "--net=" + nsPath(host, specs.NetworkNamespace)}
	ipLines(t, host,
		"link set lo up", "link add d0 type veth peer name p0", "link set p0 up", "link set d0 up",
		"link add d1 type veth peer name p1", "link set p1 up", "link set d1 up", "addr add 10.7.0.1/24 dev d1",
		"addr add 10.0.0.1 peer 10.0.0.2/32 dev d0", "addr add 10.1.0.1/24 dev d0 noprefixroute", "addr add 10.2.0.1/24 dev d0 metric 77",
		"addr add 10.3.0.1/24 brd 10.3.0.99 dev d0", "-6 addr add 2001:db8:a::1/64 dev d0 nodad noprefixroute",
		"-6 addr add 2001:db8:b::1/64 dev d0 nodad preferred_lft 0",
		"route add 10.20.0.0/16 nexthop via 10.2.0.5 weight 3 nexthop via 10.3.0.5 weight 1", "route add 10.21.0.0/16 via 192.0.2.1 dev d0 onlink",
		"route add 10.22.0.0/16 via 10.2.0.5 src 10.3.0.1 mtu 1200 proto static", "route add 10.23.0.0/16 via inet6 fe80::7 dev d0",
		"route add 10.24.0.0/16 via 10.2.0.5 tos 0x10 metric 9 realm 3", "route add 10.25.0.0/16 dev d0 scope link src 10.1.0.1",
		"-6 route add 2001:db8:c::/48 nexthop via 2001:db8:b::5 nexthop via fe80::9 dev d0", "-6 route add 2001:db8:d::/48 dev d0 metric 5 pref high",
		// not the device's alone, or not to be had on the other side
		"route add 10.30.0.0/16 nexthop via 10.2.0.5 nexthop via 10.7.0.5", "addr add 192.0.2.99/32 dev lo", "route add 10.31.0.0/16 via 10.2.0.5 src 192.0.2.99",
		"nexthop add id 5 via 10.2.0.5 dev d0", "route add 10.32.0.0/16 nhid 5")
	show := func(pid int) string {
		var lines []string
		for _, args := range []string{"addr show dev d0 scope global", "route show table all dev d0", "-6 route show table all dev d0", "route show root 10.20.0.0/16", "-6 route show root 2001:db8:c::/48"} {
			for l := range strings.Lines(ipIn(t, pid, strings.Fields(args)...)) {
				l = strings.Join(strings.Fields(l), " ")
				for _, skip := range []string{"fe80::", "ff00::", "link/", "multicast", "anycast", "local fe80:", "local 2001:", "10.30.", "10.31.", "10.32."} {
					if strings.HasPrefix(l, skip) || strings.Contains(l, ": d0@") {
						l = ""
					}
				}
				if l != "" {
					lines = append(lines, l)
				}
			}
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
	before := show(host)
	for _, l := range []string{"10.0.0.1 peer 10.0.0.2/32", "deprecated", "10.23.0.0/16 via inet6 fe80::7", "10.25.0.0/16", "pref high"} {
		if !strings.Contains(before, l) {
			t.Fatalf("no %q in\n%s", l, before)
		}
	}
	netDev(b.Spec, "d0", "")
	setNS(b.Spec, specs.NetworkNamespace, nsPath(target, specs.NetworkNamespace))
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	c := b.create()
	want(t, "addresses and routes in the container's namespace", show(target), before)
	if want := "linux.netDevices.d0: the route 10.31.0.0/16 via 10.2.0.5 is not kept: "; !strings.Contains(c.report.Stderr, want) {
		t.Errorf("warnings %q, want %q", c.report.Stderr, want)
	}
	b.must("delete", "--force", b.ID) // while the namespaces are held
}
