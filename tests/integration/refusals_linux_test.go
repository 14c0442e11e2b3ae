package integration

import (
	"strings"
	"testing"
)

func TestRefusals_of_a_linux_config(t *testing.T) { refuseConfigs(t, badLinuxConfigs) }

// withUser is the base's namespaces and a user namespace.
var withUser = list{object{"type": "mount"}, object{"type": "pid"}, object{"type": "network"}, object{"type": "ipc"}, object{"type": "uts"}, object{"type": "user"}}

func ids(container, host, size int64) object {
	return object{"containerID": container, "hostID": host, "size": size}
}

var badLinuxConfigs = []badConfig{
	// config-linux.md#namespaces
	{"namespace without type", values{"linux.namespaces[1]": object{}}, []string{`linux.namespaces[1].type: "" is not a namespace type; want one of pid, network, mount, ipc, uts, user, cgroup, time (config-linux.md#namespaces)`}},
	{"namespace by its short name", values{"linux.namespaces[1].type": "net"}, []string{`linux.namespaces[1].type: "net" is not a namespace type; want one of pid, network, mount, ipc, uts, user, cgroup, time (config-linux.md#namespaces)`}},
	{"namespace by a relative path", values{"linux.namespaces[1].path": "proc/1/ns/pid"}, []string{`linux.namespaces[1].path: "proc/1/ns/pid" must be an absolute path (config-linux.md#namespaces)`}},
	{"namespace path with NUL", values{"linux.namespaces[1].path": "/proc/1/ns\x00/pid"}, []string{`linux.namespaces[1].path: must not contain a NUL byte: the kernel's strings end there (config-linux.md#namespaces)`}},
	{"three of a kind", values{"linux.namespaces[1].type": "mount", "linux.namespaces[2].type": "mount"}, []string{`linux.namespaces[1].type: a second mount namespace; the first is entry 0 (config-linux.md#namespaces)`, `linux.namespaces[2].type: a second mount namespace; the first is entry 0 (config-linux.md#namespaces)`}},
	// config-linux.md#user-namespace-mappings
	{"user namespace without gid mappings", values{"linux.namespaces": withUser, "linux.uidMappings": list{ids(0, 1, 1)}}, []string{`linux.gidMappings: is required for a new user namespace: without, no id exists in it (config-linux.md#user-namespace-mappings)`}},
	{"mapping of nobody", values{"linux.namespaces": withUser, "linux.uidMappings": list{ids(0, 1, 0)}, "linux.gidMappings": list{ids(0, 1, 1)}}, []string{`process.user.uid: user id 0 is not mapped by linux.uidMappings (config.md#posix-platform-user)`, `linux.uidMappings[0].size: must be greater than zero (config-linux.md#user-namespace-mappings)`}},
	{"mapping past the last id", values{"linux.namespaces": withUser, "linux.uidMappings": list{ids(0, 4294967290, 100)}, "linux.gidMappings": list{ids(0, 1, 1)}}, []string{`linux.uidMappings[0].hostID: 4294967290 with size 100 runs past the largest id, 4294967294 (config-linux.md#user-namespace-mappings)`}},
	{"mapping past the last id inside", values{"linux.namespaces": withUser, "linux.uidMappings": list{ids(0, 1, 1)}, "linux.gidMappings": list{ids(0, 1, 1), ids(4294967290, 100, 100)}}, []string{`linux.gidMappings[1].containerID: 4294967290 with size 100 runs past the largest id, 4294967294 (config-linux.md#user-namespace-mappings)`}},
	{"mappings that overlap on the host", values{"linux.namespaces": withUser, "linux.uidMappings": list{ids(0, 1000, 10), ids(10, 1009, 10)}, "linux.gidMappings": list{ids(0, 1, 1)}}, []string{`linux.uidMappings[1].hostID: 1009 with size 10 overlaps with entry 0 (config-linux.md#user-namespace-mappings)`}},
	{"too many mappings", values{"linux.namespaces": withUser, "linux.uidMappings": times(341, ids(0, 1, 1)), "linux.gidMappings": list{ids(0, 1, 1)}}, []string{`linux.uidMappings: 341 entries are more than the 340 that Linux allows (config-linux.md#user-namespace-mappings)`}},
	{"user that is not mapped", values{"linux.namespaces": withUser, "process.user.uid": 7, "process.user.gid": 8, "linux.uidMappings": list{ids(0, 1, 1)}, "linux.gidMappings": list{ids(0, 1, 1)}}, []string{`process.user.uid: user id 7 is not mapped by linux.uidMappings (config.md#posix-platform-user)`, `process.user.gid: group id 8 is not mapped by linux.gidMappings (config.md#posix-platform-user)`}},
	// config-linux.md#offset-for-time-namespace
	{"time offsets without namespace", values{"linux.timeOffsets": object{"monotonic": object{"secs": 1}}}, []string{`linux.timeOffsets: needs a time namespace in linux.namespaces (config-linux.md#offset-for-time-namespace)`}},
	{"time offsets of a joined namespace", values{"linux.namespaces[1]": object{"type": "time", "path": "/proc/self/ns/time"}, "linux.timeOffsets": object{"monotonic": object{"secs": 1}}}, []string{`linux.timeOffsets: cannot be set for a time namespace that is joined by path (config-linux.md#offset-for-time-namespace)`}},
	{"a clock that cannot be moved", values{"linux.namespaces[1].type": "time", "linux.timeOffsets": object{"realtime": object{"secs": 1}}}, []string{`linux.timeOffsets.realtime: "realtime" is not a clock of time namespaces; want one of monotonic, boottime (config-linux.md#offset-for-time-namespace)`}},
	{"nanoseconds of more than a second", values{"linux.namespaces[1].type": "time", "linux.timeOffsets": object{"boottime": object{"nanosecs": 1000000000}}}, []string{`linux.timeOffsets.boottime.nanosecs: 1000000000 is out of range, want 0 to 999999999 (config-linux.md#offset-for-time-namespace)`}},
	// config-linux.md#devices
	{"device without path", values{"linux.devices": list{object{"type": "c", "major": 1, "minor": 3}}}, []string{`linux.devices[0].path: is required (config-linux.md#devices)`}},
	{"device path with NUL", values{"linux.devices": list{object{"path": "/dev/\x00", "type": "c", "major": 1, "minor": 3}}}, []string{`linux.devices[0].path: must not contain a NUL byte: the kernel's strings end there (config-linux.md#devices)`}},
	{"device without type", values{"linux.devices": list{object{"path": "/dev/x", "major": 1, "minor": 3}}}, []string{`linux.devices[0].type: "" is not a device type; want one of c, b, u, p (config-linux.md#devices)`}},
	{"device with a negative minor number", values{"linux.devices": list{object{"path": "/dev/x", "type": "b", "major": 1, "minor": -3}}}, []string{`linux.devices[0].minor: minor number -3 is out of range, want 0 to 1048575 (config-linux.md#devices)`}},
	{"device with a huge minor number", values{"linux.devices": list{object{"path": "/dev/x", "type": "u", "major": 1, "minor": 1048576}}}, []string{`linux.devices[0].minor: minor number 1048576 is out of range, want 0 to 1048575 (config-linux.md#devices)`}},
	// config-linux.md#network-devices
	{"network device without network namespace", values{"linux.namespaces": list{object{"type": "mount"}}, "linux.netDevices": object{"eth0": object{}}}, []string{`linux.netDevices: needs a network namespace in linux.namespaces to move devices to (config-linux.md#network-devices)`}},
	{"network device without name", values{"linux.netDevices": object{"": object{}}}, []string{`linux.netDevices[""]: "" is not an interface name: it is empty (config-linux.md#network-devices)`}},
	{"network device with a long name", values{"linux.netDevices": object{"e1234567890123456": object{}}}, []string{`linux.netDevices.e1234567890123456: "e1234567890123456" is not an interface name: it is longer than 15 bytes (config-linux.md#network-devices)`}},
	{"network device with a path for a name", values{"linux.netDevices": object{"eth0": object{"name": "../x"}}}, []string{`linux.netDevices.eth0.name: "../x" is not an interface name: it must not contain "/" (config-linux.md#network-devices)`}},
	{"network device with a template", values{"linux.netDevices": object{"eth0": object{"name": "%s"}}}, []string{`linux.netDevices.eth0.name: "%s" is not an interface name: '%' may only stand once, as %d, in the name that it gets (config-linux.md#network-devices)`}},
	{"network devices of one name", values{"linux.netDevices": object{"eth0": object{"name": "c0"}, "eth1": object{"name": "c0"}}}, []string{`linux.netDevices.eth1.name: gets the same name in the container as "eth0" (config-linux.md#network-devices)`}},
	// config-linux.md#cgroups-path
	{"cgroup path that climbs", values{"linux.cgroupsPath": "/{id}/../.."}, []string{`linux.cgroupsPath: "/{id}/../.." must not contain .. (config-linux.md#cgroups-path)`}},
	{"cgroup path with NUL", values{"linux.cgroupsPath": "/{id}\x00"}, []string{`linux.cgroupsPath: must not contain NUL bytes or newlines (config-linux.md#cgroups-path)`}},
	{"cgroup path of two lines", values{"linux.cgroupsPath": "/{id}\n/x"}, []string{`linux.cgroupsPath: must not contain NUL bytes or newlines (config-linux.md#cgroups-path)`}},
	// config-linux.md#intelrdt
	{"class of service with a slash", values{"linux.intelRdt": object{"closID": "a/b"}}, []string{`linux.intelRdt.closID: "a/b" must be / or a single file name (config-linux.md#intelrdt)`}},
	{"class of service above", values{"linux.intelRdt": object{"closID": ".."}}, []string{`linux.intelRdt.closID: ".." must be / or a single file name (config-linux.md#intelrdt)`}},
	{"class of service of resctrl itself", values{"linux.intelRdt": object{"closID": "mon_groups"}}, []string{`linux.intelRdt.closID: "mon_groups" is a directory of resctrl itself (config-linux.md#intelrdt)`}},
	{"bandwidth of the cache", values{"linux.intelRdt": object{"memBwSchema": "L3:0=f"}}, []string{`linux.intelRdt.memBwSchema: "L3:0=f" must start with MB: (config-linux.md#intelrdt)`}},
	{"bandwidth of two lines", values{"linux.intelRdt": object{"memBwSchema": "MB:0=20\nL3:0=f"}}, []string{`linux.intelRdt.memBwSchema: must not contain newlines (config-linux.md#intelrdt)`}},
	{"schema of two lines", values{"linux.intelRdt": object{"schemata": list{"MB:0=20", "L3:0=f\nL3:1=f"}}}, []string{`linux.intelRdt.schemata[1]: must not contain newlines (config-linux.md#intelrdt)`}},
	// config-linux.md#memory-policy
	{"memory policy without mode", values{"linux.memoryPolicy": object{"nodes": "0"}}, []string{`linux.memoryPolicy.mode: invalid memory policy mode "" (config-linux.md#memory-policy)`}},
	{"memory policy that wants no nodes", values{"linux.memoryPolicy": object{"mode": "MPOL_LOCAL", "nodes": "0-3"}}, []string{`linux.memoryPolicy.nodes: MPOL_LOCAL mode requires 0 nodes but got 4 (config-linux.md#memory-policy)`}},
	{"memory policy that wants nodes", values{"linux.memoryPolicy": object{"mode": "MPOL_INTERLEAVE"}}, []string{`linux.memoryPolicy.nodes: MPOL_INTERLEAVE mode requires at least 1 node but got 0 (config-linux.md#memory-policy)`}},
	{"memory policy beyond all nodes", values{"linux.memoryPolicy": object{"mode": "MPOL_BIND", "nodes": "0-9876543210"}}, []string{`linux.memoryPolicy.nodes: invalid memory policy node list "0-9876543210": 0-9876543210 is out of range, want below 1024 (config-linux.md#memory-policy)`}},
	{"memory policy flag", values{"linux.memoryPolicy": object{"mode": "MPOL_BIND", "nodes": "0", "flags": list{"MPOL_F_LAZY"}}}, []string{`linux.memoryPolicy.flags[0]: invalid memory policy flag "MPOL_F_LAZY" (config-linux.md#memory-policy)`}},
	{"memory policy flags at odds", values{"linux.memoryPolicy": object{"mode": "MPOL_BIND", "nodes": "0", "flags": list{"MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"}}}, []string{`linux.memoryPolicy.flags[1]: MPOL_F_RELATIVE_NODES and MPOL_F_STATIC_NODES exclude each other (config-linux.md#memory-policy)`}},
	{"balancing without binding", values{"linux.memoryPolicy": object{"mode": "MPOL_PREFERRED", "nodes": "0", "flags": list{"MPOL_F_NUMA_BALANCING"}}}, []string{`linux.memoryPolicy.flags[0]: MPOL_F_NUMA_BALANCING is for MPOL_BIND and MPOL_PREFERRED_MANY only (config-linux.md#memory-policy)`}},
	// config-linux.md#sysctl
	{"sysctl that is no name", values{"linux.sysctl": object{"hostname": "x"}}, []string{`linux.sysctl.hostname: "hostname" is not the name of a kernel parameter (config-linux.md#sysctl)`}},
	{"sysctl that climbs", values{"linux.sysctl": object{"net/../kernel/panic": "1"}}, []string{`linux.sysctl["net/../kernel/panic"]: "net/../kernel/panic" is not the name of a kernel parameter (config-linux.md#sysctl)`}},
	{"sysctl of the whole host", values{"linux.sysctl": object{"kernel.panic": "1", "vm.swappiness": "1"}}, []string{`linux.sysctl["kernel.panic"]: "kernel.panic" is not in a separate kernel namespace: it would be set on the host (config-linux.md#sysctl)`, `linux.sysctl["vm.swappiness"]: "vm.swappiness" is not in a separate kernel namespace: it would be set on the host (config-linux.md#sysctl)`}},
	{"sysctl of the ipc namespace without", values{"linux.namespaces": list{object{"type": "mount"}}, "linux.sysctl": object{"kernel.shmmax": "1"}}, []string{`linux.sysctl["kernel.shmmax"]: "kernel.shmmax" needs a namespace of type ipc in linux.namespaces: it would be set on the host (config-linux.md#sysctl)`}},
	{"sysctl of the hostname", values{"hostname": "a", "linux.sysctl": object{"kernel.hostname": "b"}}, []string{`linux.sysctl["kernel.hostname"]: "kernel.hostname" conflicts with hostname, which has a field of its own (config-linux.md#sysctl)`}},
	{"sysctl of the domainname", values{"domainname": "a", "linux.sysctl": object{"kernel.domainname": "b"}}, []string{`linux.sysctl["kernel.domainname"]: "kernel.domainname" conflicts with domainname (config-linux.md#sysctl)`}},
	{"sysctl with NUL", values{"linux.sysctl": object{"net.ipv4.ip_forward": "1\x00"}}, []string{`linux.sysctl["net.ipv4.ip_forward"]: must not contain a NUL byte: the kernel's strings end there (config-linux.md#sysctl)`}},
	// the rest
	{"masked path with NUL", values{"linux.maskedPaths": list{"/proc/\x00"}}, []string{`linux.maskedPaths[0]: must not contain a NUL byte: the kernel's strings end there (config-linux.md#masked-paths)`}},
	{"masked paths of the host", values{"linux.namespaces": list{object{"type": "pid"}}, "linux.maskedPaths": list{"/proc/kcore"}}, []string{`linux.maskedPaths: needs a mount namespace in linux.namespaces: the host's own paths would be covered (config-linux.md#masked-paths)`}},
	{"relative read-only path", values{"linux.readonlyPaths": list{"/proc/sys", "proc/bus"}}, []string{`linux.readonlyPaths[1]: "proc/bus" must be an absolute path (config-linux.md#readonly-paths)`}},
	{"read-only paths of the host", values{"linux.namespaces": list{object{"type": "pid"}}, "linux.readonlyPaths": list{"/proc/sys"}}, []string{`linux.readonlyPaths: needs a mount namespace in linux.namespaces: the host's own paths would be covered (config-linux.md#readonly-paths)`}},
	{"mount label with NUL", values{"linux.mountLabel": "a\x00"}, []string{`linux.mountLabel: must not contain a NUL byte: the kernel's strings end there (config-linux.md#mount-label)`}},
	{"personality without domain", values{"linux.personality": object{}}, []string{`linux.personality.domain: "" is not a personality domain; want one of LINUX, LINUX32 (config-linux.md#personality)`}},
	{"personality with flags", values{"linux.personality": object{"domain": "LINUX32", "flags": list{"ADDR_NO_RANDOMIZE"}}}, []string{`linux.personality.flags[0]: "ADDR_NO_RANDOMIZE": no personality flags are supported (config-linux.md#personality)`}},
	// config-linux.md#seccomp
	{"seccomp without default action", values{"linux.seccomp": object{"syscalls": list{object{"names": list{"read"}, "action": "SCMP_ACT_ALLOW"}}}}, []string{`linux.seccomp.defaultAction: is required (config-linux.md#seccomp)`}},
	{"seccomp that asks an agent about everything", values{"linux.seccomp": object{"defaultAction": "SCMP_ACT_NOTIFY", "listenerPath": "/run/x"}}, []string{`linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot be used as default action (config-linux.md#seccomp)`}},
	{"seccomp rule without action", values{"linux.seccomp": object{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": list{object{"names": list{"mount"}}}}}, []string{`linux.seccomp.syscalls[0].action: is required (config-linux.md#seccomp)`}},
	{"seccomp rule for no call", values{"linux.seccomp": object{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": list{object{"names": list{""}, "action": "SCMP_ACT_ERRNO"}}}}, []string{`linux.seccomp.syscalls[0].names[0]: an empty name (config-linux.md#seccomp)`}},
	{"seccomp rule with NUL", values{"linux.seccomp": object{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": list{object{"names": list{"mount\x00"}, "action": "SCMP_ACT_ERRNO"}}}}, []string{`linux.seccomp.syscalls[0].names[0]: must not contain a NUL byte: the kernel's strings end there (config-linux.md#seccomp)`}},
	{"seccomp errno of an allowed call", values{"linux.seccomp": object{"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1}}, []string{`linux.seccomp.defaultErrnoRet: action "SCMP_ACT_ALLOW" does not support an errno (config-linux.md#seccomp)`}},
	{"seccomp errno above all errnos", values{"linux.seccomp": object{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 4096}}, []string{`linux.seccomp.defaultErrnoRet: 4096 is above 4095, the largest errno (seccomp(2)) (config-linux.md#seccomp)`}},
	{"seccomp number for a tracer", values{"linux.seccomp": object{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": list{object{"names": list{"mount"}, "action": "SCMP_ACT_TRACE", "errnoRet": 65536}}}}, []string{`linux.seccomp.syscalls[0].errnoRet: 65536 is above 65535, the largest number for a tracer (seccomp(2)) (config-linux.md#seccomp)`}},
	{"seccomp errno of a killed call", values{"linux.seccomp": object{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": list{object{"names": list{"mount"}, "action": "SCMP_ACT_KILL", "errnoRet": 1}}}}, []string{`linux.seccomp.syscalls[0].errnoRet: action "SCMP_ACT_KILL" does not support an errno (config-linux.md#seccomp)`}},
	{"seccomp argument number six", values{"linux.seccomp": object{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": list{object{"names": list{"mount"}, "action": "SCMP_ACT_ERRNO", "args": list{object{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}}}}}}, []string{`linux.seccomp.syscalls[0].args[0].index: argument 6 is out of range, want 0 to 5 (config-linux.md#seccomp)`}},
	{"seccomp comparison", values{"linux.seccomp": object{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": list{object{"names": list{"mount"}, "action": "SCMP_ACT_ERRNO", "args": list{object{"index": 0, "value": 1, "op": "=="}}}}}}, []string{`linux.seccomp.syscalls[0].args[0].op: "==" is not a comparison, as SCMP_CMP_EQ is (config-linux.md#seccomp)`}},
	{"seccomp flag", values{"linux.seccomp": object{"defaultAction": "SCMP_ACT_ALLOW", "flags": list{"SECCOMP_FILTER_FLAG_FAST"}}}, []string{`linux.seccomp.flags[0]: "SECCOMP_FILTER_FLAG_FAST" is not a filter flag; want one of SECCOMP_FILTER_FLAG_TSYNC, SECCOMP_FILTER_FLAG_LOG, SECCOMP_FILTER_FLAG_SPEC_ALLOW, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (config-linux.md#seccomp)`}},
	{"seccomp agent that is told of write", values{"linux.seccomp": object{"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/x", "syscalls": list{object{"names": list{"write"}, "action": "SCMP_ACT_NOTIFY"}}}}, []string{`linux.seccomp.syscalls[0].action: SCMP_ACT_NOTIFY cannot be used for the write syscall (config-linux.md#seccomp)`}},
	{"seccomp agent with too long a path", values{"linux.seccomp": object{"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/" + strings.Repeat("x", 107), "syscalls": list{object{"names": list{"mount"}, "action": "SCMP_ACT_NOTIFY"}}}}, []string{`linux.seccomp.listenerPath: is longer than the 107 bytes that a socket's path may have (config-linux.md#seccomp)`}},
}
