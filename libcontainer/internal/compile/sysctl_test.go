package compile

import (
	"slices"
	"testing"

	"github.com/rung-oci/rung/libcontainer/internal/plan"
)

func TestSysctlOps(t *testing.T) {
	ops := sysctlOps(map[string]string{
		"net.ipv4.ip_forward":         "1",
		"net.core.somaxconn":          "256",
		"kernel.shmmax":               "",
		"net/ipv4/conf/eth0.1/mtu":    "a",
		"net.ipv4.conf.eth0/1.mtu":    "b",
		"net.ipv4.ping_group_range":   "0 0",
		"kernel":                      "x",
		"net/../../../etc/passwd":     "x",
		"net.ipv4..ip_forward":        "x",
		"/net/ipv4/ip_forward":        "x",
		"net.ipv4.conf.//.mtu":        "x",
		"fs.mqueue.msg_max":           "10",
		"net.ipv4.\x00":               "x",
		"net.ipv4.ip_local_reserved.": "x",
	})
	type write struct{ origin, path, data string }
	want := []write{
		{`linux.sysctl["fs.mqueue.msg_max"]`, "sys/fs/mqueue/msg_max", "10"},
		{`linux.sysctl["kernel.shmmax"]`, "sys/kernel/shmmax", ""},
		{`linux.sysctl["net.core.somaxconn"]`, "sys/net/core/somaxconn", "256"},
		{`linux.sysctl["net.ipv4.conf.eth0/1.mtu"]`, "sys/net/ipv4/conf/eth0.1/mtu", "b"},
		{`linux.sysctl["net.ipv4.ip_forward"]`, "sys/net/ipv4/ip_forward", "1"},
		{`linux.sysctl["net.ipv4.ping_group_range"]`, "sys/net/ipv4/ping_group_range", "0 0"},
		{`linux.sysctl["net/ipv4/conf/eth0.1/mtu"]`, "sys/net/ipv4/conf/eth0.1/mtu", "a"},
	}
	var got []write
	for _, o := range ops {
		w, ok := o.Op.(*plan.ProcWrite)
		if !ok || w.Flags != 0 {
			t.Fatalf("%s: %s", o.Origin, plan.Line(o.Op))
		}
		got = append(got, write{o.Origin, w.Path, w.Data})
	}
	for _, w := range got {
		if !slices.Contains(want, w) {
			t.Errorf("not wanted: %q", w)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if ops := sysctlOps(nil); len(ops) != 0 {
		t.Errorf("without parameters: %v", ops)
	}
}
