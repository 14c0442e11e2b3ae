package integration

import (
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func withSysctl(values map[string]string) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Linux.Sysctl = values }
}

func TestSysctl_values_of_the_containers_namespaces_are_set(t *testing.T) {
	t.Parallel()
	host := readFile(t, "/proc/sys/kernel/msgmax")
	r := probe(t, withSysctl(map[string]string{
		"net.ipv4.ip_forward": "1", "net.ipv4.ip_local_port_range": "20000 30000", "kernel.msgmax": "7777", "kernel.shmmni": "99",
		"fs.mqueue.msg_max": "33", "net/ipv4/ip_unprivileged_port_start": "80",
	}), "--read", "/proc/sys/net/ipv4/ip_forward", "--read", "/proc/sys/net/ipv4/ip_local_port_range", "--read", "/proc/sys/kernel/msgmax",
		"--read", "/proc/sys/kernel/shmmni", "--read", "/proc/sys/fs/mqueue/msg_max", "--read", "/proc/sys/net/ipv4/ip_unprivileged_port_start")
	for i, value := range []string{"1", "20000 30000", "7777", "99", "33", "80"} {
		want(t, r.action(t, i).Path, fields(r.action(t, i).Data), value)
	}
	want(t, "the host's kernel.msgmax", readFile(t, "/proc/sys/kernel/msgmax"), host)
}

// An interface's name may have a dot, which the other way of writing keeps.
func TestSysctl_names_with_slashes(t *testing.T) {
	t.Parallel()
	r := probe(t, withSysctl(map[string]string{"net/ipv4/conf/lo/rp_filter": "2", "net.ipv4.conf.lo.log_martians": "1"}),
		"--read", "/proc/sys/net/ipv4/conf/lo/rp_filter", "--read", "/proc/sys/net/ipv4/conf/lo/log_martians")
	want(t, "slashes", strings.TrimSpace(r.action(t, 0).Data), "2")
	want(t, "dots", strings.TrimSpace(r.action(t, 1).Data), "1")
}

func TestSysctl_in_a_user_namespace(t *testing.T) {
	t.Parallel()
	r := userBundle(t).probe(withSysctl(map[string]string{"net.ipv4.ip_unprivileged_port_start": "0"}), "--read", "/proc/sys/net/ipv4/ip_unprivileged_port_start")
	want(t, "value", strings.TrimSpace(r.action(t, 0).Data), "0")
}

func TestSysctl_of_the_host_are_refused(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*specs.Spec){
		"of no namespace":               withSysctl(map[string]string{"vm.swappiness": "10"}),
		"of the host's network":         edits(withSysctl(map[string]string{"net.ipv4.ip_forward": "1"}), func(s *specs.Spec) { withoutNS(s, specs.NetworkNamespace); bindSys(s) }),
		"of the host's ipc":             edits(withSysctl(map[string]string{"kernel.msgmax": "7777"}), func(s *specs.Spec) { withoutNS(s, specs.IPCNamespace) }),
		"hostname without a namespace":  edits(withSysctl(map[string]string{"kernel.domainname": "x"}), func(s *specs.Spec) { withoutNS(s, specs.UTSNamespace) }),
		"hostname, which has its place": withSysctl(map[string]string{"kernel.hostname": "x"}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mustFail(t, edit, "sysctl")
		})
	}
}

func TestSysctl_unknown_names_and_bad_values_are_refused(t *testing.T) {
	t.Parallel()
	mustFail(t, withSysctl(map[string]string{"net.ipv4.no_such_thing": "1"}), "no such file or directory")
	mustFail(t, withSysctl(map[string]string{"net.ipv4.ip_forward": "many"}), "invalid argument")
}

func TestSysctl_a_name_that_leaves_the_directory_is_refused(t *testing.T) {
	t.Parallel()
	mustFail(t, withSysctl(map[string]string{"net/../vm/swappiness": "10"}))
	mustFail(t, withSysctl(map[string]string{"net.ipv4/../../kernel/core_pattern": "x"}))
}
