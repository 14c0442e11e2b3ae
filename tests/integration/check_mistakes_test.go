package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mistake is one that people make in a config, applied to a config that an engine has written.
type mistake struct {
	name string
	set  map[string]any // by path; "mounts[+]" and alike append
	drop []string
	text func(string) string // of the whole file
}

func set(name, path string, v any) mistake { return mistake{name: name, set: map[string]any{path: v}} }

func without(name string, paths ...string) mistake { return mistake{name: name, drop: paths} }

func mounting(name string, m object) mistake { return set(name, "mounts[+]", m) }

func text(name string, change func(string) string) mistake { return mistake{name: name, text: change} }

var mistakes = slices.Concat(processMistakes, rootMistakes, mountMistakes, linuxMistakes, resourceMistakes, textMistakes)

var processMistakes = []mistake{
	set("a directory that is made", "process.cwd", "/nosuch/dir"), set("a relative directory", "process.cwd", "app"), set("no directory", "process.cwd", ""), without("cwd left out", "process.cwd"),
	set("a file for the directory", "process.cwd", "/etc/passwd"), set("dots in the directory", "process.cwd", "/../etc"),
	set("no arguments", "process.args", list{}), without("args left out", "process.args"), set("args of null", "process.args", nil), set("args in a string", "process.args", "/probe --exit 0"),
	set("a command line in one argument", "process.args", list{"/probe --exit 0"}), set("an unknown program", "process.args", list{"nosuch"}), set("an empty program", "process.args", list{""}),
	set("a program in the directory", "process.args", list{"./probe", "--exit", "0"}), set("a directory for a program", "process.args", list{"/etc"}), set("a file that is no program", "process.args", list{"/etc/passwd"}),
	set("quotes around the program", "process.args", list{`"/probe"`}), set("a variable in the program", "process.args", list{"$HOME/probe"}), set("a blank behind the program", "process.args", list{"/probe "}),
	set("a variable without a value", "process.env", list{"FOO"}), set("a value without a variable", "process.env", list{"=x"}), set("env as an object", "process.env", object{"A": "b"}), set("env without PATH", "process.env", list{"A=b"}),
	set("a number in env", "process.env", list{"A=b", 5}), set("a variable twice", "process.env", list{"A=b", "A=c"}), set("PATH without directories", "process.env", list{"PATH="}),
	set("a negative user", "process.user.uid", -1), set("a user in quotes", "process.user.uid", "1000"), set("the user by name", "process.user", object{"username": "nobody"}), set("user as a string", "process.user", "1000:1000"),
	set("too large a user", "process.user.uid", 4294967296), set("the user that is none", "process.user.uid", 4294967295), set("an unknown user", "process.user.uid", 54321), set("a mask in quotes", "process.user.umask", "022"), set("a mask in decimal", "process.user.umask", 22),
	set("a group by name", "process.user.additionalGids", list{"audio"}), without("user left out", "process.user"),
	set("lower case", "process.capabilities.bounding", list{"cap_net_raw"}), set("without CAP", "process.capabilities.effective", list{"NET_RAW"}), set("unknown capability", "process.capabilities.permitted", list{"CAP_FOO"}),
	set("a list of capabilities", "process.capabilities", list{"CAP_KILL"}), set("ALL", "process.capabilities.bounding", list{"ALL"}), set("ambient alone", "process.capabilities", object{"ambient": list{"CAP_KILL"}}),
	set("effective alone", "process.capabilities", object{"effective": list{"CAP_KILL"}}), without("no capabilities", "process.capabilities"),
	set("an rlimit without RLIMIT", "process.rlimits", list{object{"type": "nofile", "soft": 10, "hard": 10}}), set("soft above hard", "process.rlimits", list{object{"type": "RLIMIT_NOFILE", "soft": 20, "hard": 10}}),
	set("an rlimit twice", "process.rlimits", list{object{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}, object{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}}), set("a negative rlimit", "process.rlimits", list{object{"type": "RLIMIT_CORE", "soft": -1, "hard": -1}}),
	set("unlimited in words", "process.rlimits", list{object{"type": "RLIMIT_CORE", "soft": "unlimited", "hard": "unlimited"}}), set("rlimits as an object", "process.rlimits", object{"nofile": 5}),
	set("a switch in quotes", "process.noNewPrivileges", "true"), set("a terminal in quotes", "process.terminal", "false"), set("an oom score out of range", "process.oomScoreAdj", 2000), set("an oom score in quotes", "process.oomScoreAdj", "100"),
	set("a scheduler without SCHED", "process.scheduler", object{"policy": "FIFO", "priority": 1}), set("a nice value out of range", "process.scheduler", object{"policy": "SCHED_OTHER", "nice": 40}), set("a priority for SCHED_OTHER", "process.scheduler", object{"policy": "SCHED_OTHER", "priority": 5}),
	set("an io class in lower case", "process.ioPriority", object{"class": "idle", "priority": 0}), set("an io priority out of range", "process.ioPriority", object{"class": "IOPRIO_CLASS_BE", "priority": 9}),
	set("CPUs that are none", "process.execCPUAffinity", object{"initial": "a-b"}), set("a profile of AppArmor", "process.apparmorProfile", "docker-default"), set("a label of SELinux", "process.selinuxLabel", "system_u:system_r:container_t:s0"),
}

var rootMistakes = []mistake{
	set("another root", "root.path", "rootfs2"), set("no path", "root.path", ""), without("root left out", "root"), set("root as a string", "root", "rootfs"), set("a switch of yes", "root.readonly", "yes"), set("root is a file", "root.path", "config.json"),
	set("the host's root", "root.path", "/nosuch/rootfs"), set("a read-only root", "root.readonly", true),
	set("too long a hostname", "hostname", strings.Repeat("a", 65)), set("a hostname of a number", "hostname", 5), set("a hostname with a slash", "hostname", "a/b"), set("too long a domainname", "domainname", strings.Repeat("a", 65)),
	set("an image's version", "ociVersion", "latest"), set("the next version", "ociVersion", "2.0.0"), set("a version of a number", "ociVersion", 1.0), without("no version", "ociVersion"), set("a short version", "ociVersion", "1.0"), set("a version with v", "ociVersion", "v1.0.2"),
	set("a number in an annotation", "annotations", object{"a": 5}), set("a list of annotations", "annotations", list{"a=b"}), set("an empty key", "annotations", object{"": "b"}), set("annotations of null", "annotations", nil),
	set("a misspelt field", "proces", object{"args": list{"sh"}}), set("a field of docker", "Env", list{"A=b"}), set("a windows part", "windows", object{"layerFolders": list{"C:\\"}}),
	set("a hook by a relative path", "hooks", object{"prestart": list{object{"path": "bin/true"}}}), set("a hook that is missing", "hooks", object{"createRuntime": list{object{"path": "/nosuch/hook"}}}),
	set("a hook of a string", "hooks", object{"poststart": list{"/bin/true"}}), set("a hook without seconds", "hooks", object{"prestart": list{object{"path": "/bin/true", "timeout": 0}}}), set("a hook of a directory", "hooks", object{"createContainer": list{object{"path": "/etc"}}}),
	set("a hook's line", "hooks", object{"prestart": list{object{"path": "/bin/true --now"}}}), set("hooks of unknown kinds", "hooks", object{"preStart": list{object{"path": "/nosuch"}}}), set("one hook, no list", "hooks", object{"prestart": object{"path": "/bin/true"}}),
	set("a hook inside that the root lacks", "hooks", object{"startContainer": list{object{"path": "/nosuch"}}}), set("a hook's args without a name", "hooks", object{"prestart": list{object{"path": "/bin/true", "args": list{}}}}),
	set("a hook's env without values", "hooks", object{"prestart": list{object{"path": "/bin/true", "env": list{"A"}}}}), set("negative seconds", "hooks", object{"prestart": list{object{"path": "/bin/true", "timeout": -1}}}),
}

var mountMistakes = []mistake{
	mounting("a source that is missing", object{"destination": "/m", "type": "bind", "source": "/nosuch/source", "options": list{"rbind"}}), mounting("a relative source", object{"destination": "/m", "type": "bind", "source": "./nosuch", "options": list{"rbind"}}),
	mounting("no source", object{"destination": "/m", "type": "bind", "options": list{"rbind"}}), mounting("no bind", object{"destination": "/m", "type": "none", "source": "/etc"}), mounting("bind by type", object{"destination": "/m", "type": "bind", "source": "/etc"}),
	mounting("no type", object{"destination": "/m", "source": "tmpfs"}), mounting("no type, with bind", object{"destination": "/m", "source": "/etc", "options": list{"bind"}}), mounting("a relative destination", object{"destination": "m", "type": "tmpfs", "source": "tmpfs"}),
	mounting("no destination", object{"type": "tmpfs", "source": "tmpfs"}), mounting("an empty destination", object{"destination": "", "type": "tmpfs", "source": "tmpfs"}), mounting("dots in the destination", object{"destination": "/a/../../b", "type": "tmpfs", "source": "tmpfs"}),
	mounting("an unknown type", object{"destination": "/m", "type": "tmpfss", "source": "tmpfs"}), mounting("options in a string", object{"destination": "/m", "type": "tmpfs", "source": "tmpfs", "options": "nosuid,nodev"}),
	mounting("options in one string", object{"destination": "/m", "type": "tmpfs", "source": "tmpfs", "options": list{"nosuid,nodev,size=64k"}}), mounting("a size in words", object{"destination": "/m", "type": "tmpfs", "source": "tmpfs", "options": list{"size=64mb"}}),
	mounting("a mode in Python", object{"destination": "/m", "type": "tmpfs", "source": "tmpfs", "options": list{"mode=0o755"}}), mounting("an owner by name", object{"destination": "/m", "type": "tmpfs", "source": "tmpfs", "options": list{"uid=root"}}),
	mounting("a blank in an option", object{"destination": "/m", "type": "tmpfs", "source": "tmpfs", "options": list{"size = 64k"}}), mounting("options of another file system", object{"destination": "/m", "type": "tmpfs", "source": "tmpfs", "options": list{"errors=remount-ro"}}),
	mounting("hidepid", object{"destination": "/m", "type": "proc", "source": "proc", "options": list{"hidepid=9"}}), mounting("read-only in words", object{"destination": "/m", "type": "bind", "source": "/etc", "options": list{"bind", "readonly"}}),
	mounting("a size of a bind", object{"destination": "/m", "type": "bind", "source": "/etc", "options": list{"bind", "size=5"}}), mounting("a misspelt option", object{"destination": "/m", "type": "bind", "source": "/etc", "options": list{"rbind", "nosiud"}}),
	mounting("docker's options", object{"destination": "/m", "type": "bind", "source": "/etc", "options": list{"rbind", "z", "cached"}}), mounting("a volume's type", object{"destination": "/m", "type": "volume", "source": "data"}),
	mounting("a file on a directory", object{"destination": "/etc", "type": "bind", "source": "/etc/hosts", "options": list{"bind"}}), mounting("a directory on a file", object{"destination": "/etc/passwd", "type": "bind", "source": "/etc", "options": list{"bind"}}),
	mounting("below a file", object{"destination": "/etc/passwd/x", "type": "tmpfs", "source": "tmpfs"}), mounting("below proc", object{"destination": "/proc/nosuch", "type": "tmpfs", "source": "tmpfs"}), mounting("over proc's file", object{"destination": "/proc/uptime", "type": "bind", "source": "/proc/uptime", "options": list{"bind"}}),
	mounting("proc twice", object{"destination": "/proc", "type": "proc", "source": "proc"}), mounting("over the root", object{"destination": "/", "type": "tmpfs", "source": "tmpfs"}), mounting("over the program", object{"destination": "/bin", "type": "tmpfs", "source": "tmpfs"}),
	mounting("a path of Windows", object{"destination": "/m", "type": "bind", "source": "C:\\data", "options": list{"bind"}}), mounting("a home", object{"destination": "/m", "type": "bind", "source": "~/data", "options": list{"bind"}}), mounting("idmap without mappings", object{"destination": "/m", "type": "bind", "source": "/etc", "options": list{"bind", "idmap"}}),
	mounting("mappings of users alone", object{"destination": "/m", "type": "bind", "source": "/etc", "options": list{"bind"}, "uidMappings": list{object{"containerID": 0, "hostID": 5, "size": 1}}}), mounting("read-write and read-only", object{"destination": "/m", "type": "tmpfs", "source": "tmpfs", "options": list{"rw", "ro"}}),
	mounting("a propagation that is none", object{"destination": "/m", "type": "bind", "source": "/etc", "options": list{"bind", "rsharedd"}}), mounting("overlay without layers", object{"destination": "/m", "type": "overlay", "source": "overlay"}), mounting("overlay with missing layers", object{"destination": "/m", "type": "overlay", "source": "overlay", "options": list{"lowerdir=/nosuch"}}),
	mounting("a disk that is missing", object{"destination": "/m", "type": "ext4", "source": "/dev/nosuch"}), mounting("a remount of nothing", object{"destination": "/m", "options": list{"remount", "ro"}}), set("mounts of strings", "mounts", list{"/etc:/etc"}), set("mounts as an object", "mounts", object{"/m": "tmpfs"}), set("no mounts", "mounts", list{}),
	mounting("capital letters", object{"Destination": "/m", "Type": "tmpfs", "Source": "tmpfs"}), mounting("a number for a source", object{"destination": "/m", "type": "tmpfs", "source": 5}), mounting("devpts with a group by name", object{"destination": "/m", "type": "devpts", "source": "devpts", "options": list{"gid=tty"}}),
}

var linuxMistakes = []mistake{
	set("a namespace's short name", "linux.namespaces[+]", object{"type": "net"}), set("a namespace twice", "linux.namespaces[+]", object{"type": "mount"}), set("a namespace of another kind", "linux.namespaces[+]", object{"type": "cgroup", "path": "/proc/1/ns/mnt"}),
	set("a namespace that is missing", "linux.namespaces[+]", object{"type": "cgroup", "path": "/nosuch/ns"}), set("a relative namespace", "linux.namespaces[+]", object{"type": "cgroup", "path": "proc/self/ns/cgroup"}), set("namespaces of strings", "linux.namespaces", list{"pid", "mount"}),
	set("a user namespace without mappings", "linux.namespaces[+]", object{"type": "user"}), set("mappings without a user namespace", "linux.uidMappings", list{object{"containerID": 0, "hostID": 100000, "size": 65536}}),
	{"a mapping of size 0", map[string]any{"linux.namespaces[+]": object{"type": "user"}, "linux.uidMappings": list{object{"containerID": 0, "hostID": 100000, "size": 0}}, "linux.gidMappings": list{object{"containerID": 0, "hostID": 100000, "size": 65536}}}, nil, nil},
	{"mappings that overlap", map[string]any{"linux.namespaces[+]": object{"type": "user"}, "linux.uidMappings": list{object{"containerID": 0, "hostID": 100000, "size": 10}, object{"containerID": 5, "hostID": 200000, "size": 10}}, "linux.gidMappings": list{object{"containerID": 0, "hostID": 100000, "size": 65536}}}, nil, nil},
	{"mappings of users alone, in a user namespace", map[string]any{"linux.namespaces[+]": object{"type": "user"}, "linux.uidMappings": list{object{"containerID": 0, "hostID": 100000, "size": 65536}}}, nil, nil},
	set("offsets without a time namespace", "linux.timeOffsets", object{"monotonic": object{"secs": 5}}), {"offsets of another clock", map[string]any{"linux.namespaces[+]": object{"type": "time"}, "linux.timeOffsets": object{"realtime": object{"secs": 5}}}, nil, nil},
	set("a masked path that is relative", "linux.maskedPaths[+]", "proc/kcore"), set("a masked path that is missing", "linux.maskedPaths[+]", "/nosuch"), set("a read-only path that is relative", "linux.readonlyPaths[+]", "proc/sys"), set("masked paths in a string", "linux.maskedPaths", "/proc/kcore"),
	set("a propagation that is none", "linux.rootfsPropagation", "sharedd"), set("a group with dots", "linux.cgroupsPath", "/a/../../b"), set("a group of systemd's", "linux.cgroupsPath", "system.slice:rung-mistake:x"), set("a group of a number", "linux.cgroupsPath", 5),
	set("a label of mounts", "linux.mountLabel", "system_u:object_r:container_file_t:s0"), set("a personality in lower case", "linux.personality", object{"domain": "linux32"}), set("a personality of another system", "linux.personality", object{"domain": "WINDOWS"}),
	set("a sysctl of the host's", "linux.sysctl", object{"vm.swappiness": "10"}), set("a sysctl that is missing", "linux.sysctl", object{"net.ipv4.nosuch": "1"}), set("a sysctl of a number", "linux.sysctl", object{"net.ipv4.ip_forward": 1}), set("a sysctl in words", "linux.sysctl", object{"kernel.shmmax": "lots"}),
	set("a sysctl with slashes", "linux.sysctl", object{"net/ipv4/ip_forward": "1"}), set("sysctls in a list", "linux.sysctl", list{"net.ipv4.ip_forward=1"}), set("a hostname by sysctl", "linux.sysctl", object{"kernel.hostname": "x"}), set("an empty sysctl", "linux.sysctl", object{"": "1"}),
	set("a device by a relative path", "linux.devices[+]", object{"path": "dev/fuse", "type": "c", "major": 10, "minor": 229}), set("a device of a word", "linux.devices[+]", object{"path": "/dev/x", "type": "char", "major": 1, "minor": 3}), set("a device without numbers", "linux.devices[+]", object{"path": "/dev/x", "type": "c"}),
	set("a mode in quotes", "linux.devices[+]", object{"path": "/dev/x", "type": "c", "major": 1, "minor": 3, "fileMode": "0666"}), set("a device of a string", "linux.devices[+]", "/dev/null"), set("a device without a path", "linux.devices[+]", object{"type": "c", "major": 1, "minor": 3}), set("a device below a file", "linux.devices[+]", object{"path": "/etc/passwd/x", "type": "c", "major": 1, "minor": 3}),
	set("a device twice", "linux.devices[+]", object{"path": "/dev/null", "type": "c", "major": 1, "minor": 5}), set("a device over a directory", "linux.devices[+]", object{"path": "/etc", "type": "c", "major": 1, "minor": 3}), set("a negative device", "linux.devices[+]", object{"path": "/dev/x", "type": "c", "major": -1, "minor": 3}),
	set("an action that is none", "linux.seccomp", object{"defaultAction": "SCMP_ACT_DENY"}), set("a short action", "linux.seccomp", object{"defaultAction": "ALLOW"}), without("no default action", "linux.seccomp.defaultAction"), set("an old rule", "linux.seccomp", object{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": list{object{"name": "read", "action": "SCMP_ACT_ERRNO"}}}),
	set("an architecture by uname", "linux.seccomp", object{"defaultAction": "SCMP_ACT_ALLOW", "architectures": list{"x86_64"}}), set("an unknown system call", "linux.seccomp", object{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": list{object{"names": list{"raed"}, "action": "SCMP_ACT_ERRNO"}}}),
	set("an errno for allow", "linux.seccomp", object{"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1}), set("an errno by name", "linux.seccomp", object{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": "EPERM"}), set("a comparison in C", "linux.seccomp", object{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": list{object{"names": list{"read"}, "action": "SCMP_ACT_ERRNO", "args": list{object{"index": 0, "value": 1, "op": "=="}}}}}),
	set("a seventh argument", "linux.seccomp", object{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": list{object{"names": list{"read"}, "action": "SCMP_ACT_ERRNO", "args": list{object{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}}}}}), set("no names", "linux.seccomp", object{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": list{object{"names": list{}, "action": "SCMP_ACT_ERRNO"}}}),
	set("a profile's path", "linux.seccomp", "/etc/docker/seccomp.json"), set("a flag that is none", "linux.seccomp", object{"defaultAction": "SCMP_ACT_ALLOW", "flags": list{"TSYNC"}}), set("an agent without a socket", "linux.seccomp", object{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": list{object{"names": list{"mkdir"}, "action": "SCMP_ACT_NOTIFY"}}}),
	set("an agent that is missing", "linux.seccomp", object{"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/nosuch/agent", "syscalls": list{object{"names": list{"mkdir"}, "action": "SCMP_ACT_NOTIFY"}}}), set("a memory policy in lower case", "linux.memoryPolicy", object{"mode": "bind", "nodes": "0"}), set("a class of resctrl", "linux.intelRdt", object{"closID": "a/b"}),
	set("a network device that is missing", "linux.netDevices", object{"nosuch0": object{}}), set("too long a network device", "linux.netDevices", object{"nosuch0": object{"name": strings.Repeat("n", 16)}}),
}

var resourceMistakes = []mistake{
	set("memory in words", "linux.resources.memory", object{"limit": "512m"}), set("memory in megabytes", "linux.resources.memory", object{"limit": 512}), set("memory below none", "linux.resources.memory", object{"limit": -2}), set("swap below memory", "linux.resources.memory", object{"limit": 1 << 30, "swap": 1 << 29}), set("swap alone", "linux.resources.memory", object{"swap": 1 << 29}),
	set("a reservation above the limit", "linux.resources.memory", object{"limit": 1 << 29, "reservation": 1 << 30}), set("swappiness out of range", "linux.resources.memory", object{"swappiness": 200}), set("kernel memory", "linux.resources.memory", object{"kernel": 1 << 29}), set("a fraction of memory", "linux.resources.memory", object{"limit": 1.5e8}),
	set("CPUs in a fraction", "linux.resources.cpu", object{"quota": 0.5}), set("a short quota", "linux.resources.cpu", object{"quota": 10, "period": 100000}), set("a short period", "linux.resources.cpu", object{"period": 10}), set("a long period", "linux.resources.cpu", object{"period": 10000000}), set("one share", "linux.resources.cpu", object{"shares": 1}), set("too many shares", "linux.resources.cpu", object{"shares": 1000000}),
	set("CPUs that are missing", "linux.resources.cpu", object{"cpus": "0-99"}), set("CPUs in words", "linux.resources.cpu", object{"cpus": "all"}), set("a CPU of a number", "linux.resources.cpu", object{"cpus": 0}), set("CPUs backwards", "linux.resources.cpu", object{"cpus": "1-0"}), set("a memory node that is missing", "linux.resources.cpu", object{"mems": "7"}), set("CPUs with blanks", "linux.resources.cpu", object{"cpus": "0, 1"}), set("idle out of range", "linux.resources.cpu", object{"idle": 2}), set("a burst alone", "linux.resources.cpu", object{"burst": 1000}), set("a negative period", "linux.resources.cpu", object{"period": -1}),
	set("no processes", "linux.resources.pids", object{"limit": 0}), set("processes below none", "linux.resources.pids", object{"limit": -5}), set("processes in quotes", "linux.resources.pids", object{"limit": "100"}), set("one process", "linux.resources.pids", object{"limit": 1}), set("a limit of processes as a number", "linux.resources.pids", 100),
	set("access in ls's letters", "linux.resources.devices[+]", object{"allow": true, "type": "c", "access": "rwx"}), set("a rule of a word", "linux.resources.devices[+]", object{"allow": true, "type": "char", "access": "rw"}), set("a rule without allow", "linux.resources.devices[+]", object{"type": "c", "major": 1, "minor": 3, "access": "rwm"}), set("a rule in text", "linux.resources.devices[+]", "c 1:3 rwm"), set("a rule of stars", "linux.resources.devices[+]", object{"allow": true, "type": "c", "major": "*", "access": "rwm"}), set("a rule without access", "linux.resources.devices[+]", object{"allow": true, "type": "c", "major": 1, "minor": 3}),
	set("a page size in short", "linux.resources.hugepageLimits", list{object{"pageSize": "2M", "limit": 0}}), set("a page size that is missing", "linux.resources.hugepageLimits", list{object{"pageSize": "3MB", "limit": 0}}), set("a low weight", "linux.resources.blockIO", object{"weight": 5}), set("a disk that is missing", "linux.resources.blockIO", object{"throttleReadBpsDevice": list{object{"major": 250, "minor": 250, "rate": 1000}}}),
	set("a file of cgroup v2", "linux.resources.unified", object{"memory.max": "1000000"}), set("a file of cgroup v2 that is missing", "linux.resources.unified", object{"memory.nosuch": "1"}), set("a path for a file of cgroup v2", "linux.resources.unified", object{"../memory.max": "1000000"}), set("a number for a file of cgroup v2", "linux.resources.unified", object{"memory.max": 1000000}),
	set("a network class", "linux.resources.network", object{"classID": 1048577}), set("a network class in text", "linux.resources.network", object{"classID": "0x100001"}), set("the priority of a device that is missing", "linux.resources.network", object{"priorities": list{object{"name": "nosuch0", "priority": 1}}}), set("rdma that is missing", "linux.resources.rdma", object{"mlx9": object{"hcaHandles": 1}}), set("resources of null", "linux.resources", nil), set("resources in a list", "linux.resources", list{}),
}

var textMistakes = []mistake{
	text("nothing", func(string) string { return "" }), text("blanks", func(string) string { return " \n" }), text("a list", func(s string) string { return "[" + s + "]" }), text("null", func(string) string { return "null" }), text("cut", func(s string) string { return s[:len(s)/2] }),
	text("a comma too many", func(s string) string { return strings.TrimRight(s, "\n}") + ",}" }), text("a comment", func(s string) string { return "// made by hand\n" + s }), text("a byte order mark", func(s string) string { return "\ufeff" + s }), text("line ends of Windows", func(s string) string { return strings.ReplaceAll(s, ",", ",\r\n") }),
	text("single quotes", func(s string) string { return strings.ReplaceAll(s, `"`, "'") }), text("two documents", func(s string) string { return s + s }), text("a member twice", func(s string) string { return strings.Replace(s, "{", `{"hostname":"first",`, 1) }), text("YAML", func(string) string { return "process:\n  args: [sh]\n" }), text("True", func(s string) string { return strings.Replace(s, "{", `{"x":True,`, 1) }), text("a NUL", func(s string) string { return s + "\x00" }), text("a new line at the end", func(s string) string { return s + "\n\n" }),
}

// asEngine writes a config of an engine, which runs the probe here, and what it names into the bundle. nil: this host cannot run it as it is.
func (b *bundle) asEngine(file string) map[string]any {
	b.t.Helper()
	b.NoConfig = true
	var tree map[string]any
	if err := json.Unmarshal([]byte(strings.ReplaceAll(readFile(b.t, file), "@BUNDLE@", b.Dir)), &tree); err != nil {
		b.t.Fatal(err)
	}
	for _, name := range []string{"resolv.conf", "hostname", "hosts", "init", ".containerenv"} {
		writeFile(b.t, filepath.Join(b.Dir, name), "#!"+filepath.Join(b.Dir, "rootfs/probe")+"\n")
	}
	for _, name := range []string{"dir", "shm"} {
		mkdir(b.t, filepath.Join(b.Dir, name), 0o755)
	}
	if err := os.Chmod(filepath.Join(b.Dir, "init"), 0o755); err != nil {
		b.t.Fatal(err)
	}
	process, linux := tree["process"].(object), tree["linux"].(object)
	process["args"], process["terminal"] = list{"/probe", "--exit", "0"}, false
	// A limit, a capability or a device that this host lacks is no mistake of anybody.
	process["capabilities"] = object{}
	delete(process, "rlimits")
	delete(process, "oomScoreAdj")
	delete(tree, "hooks")
	linux["resources"] = object{}
	delete(linux, "devices")
	linux["cgroupsPath"] = "/" + b.ID
	if len(linux["namespaces"].(list)) == 0 {
		b.t.Fatalf("%s has no namespaces", file)
	}
	return tree
}

// apply makes the mistake.
func (m *mistake) apply(t *testing.T, tree map[string]any) string {
	t.Helper()
	for path, v := range m.set {
		if name, ok := strings.CutSuffix(path, "[+]"); ok {
			parent, last := any(tree), name
			if i := strings.LastIndex(name, "."); i >= 0 {
				parent, last = at(tree, name[:i]), name[i+1:]
			}
			all, _ := parent.(object)[last].(list)
			parent.(object)[last] = append(slices.Clone(all), v)
			continue
		}
		walk(t, any(tree), path)(v, false)
	}
	for _, path := range m.drop {
		walk(t, any(tree), path)(nil, true)
	}
	out, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	if m.text != nil {
		return m.text(string(out))
	}
	return string(out)
}

func at(tree any, path string) any {
	for _, name := range strings.Split(path, ".") {
		tree = tree.(object)[name]
	}
	return tree
}

// Whatever run refuses, check says, if a reader of the config could know it; and of what check calls fatal nothing runs.
// Each mistake is tried in the configs of some engines; in those of all with RUNG_MISTAKES=all.
func TestCheck_agrees_with_run_on_mistakes(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "root")
	files, err := filepath.Glob(filepath.Join(repository, "tests/check/engines/*.json"))
	if err != nil || len(files) < 17 {
		t.Fatalf("%d configs of engines: %v", len(files), err)
	}
	for i := range mistakes {
		m := &mistakes[i]
		tried := []string{files[i%len(files)]}
		if os.Getenv("RUNG_MISTAKES") == "all" {
			tried = files
		}
		for _, file := range tried {
			t.Run(fmt.Sprintf("%s/%s", m.name, strings.TrimSuffix(filepath.Base(file), ".json")), func(t *testing.T) {
				t.Parallel()
				b := newBundle(t)
				config := m.apply(t, b.asEngine(file))
				writeFile(t, filepath.Join(b.Dir, "config.json"), config)
				check := b.runtime("check", "--bundle", b.Dir)
				run := b.run()
				if (check.Exit == 0) != (run.Exit == 0) {
					t.Errorf("check ends with %d:\n%s%s\nrun with %d:\n%s", check.Exit, check.Stdout, check.Stderr, run.Exit, run.Stderr)
				}
			})
		}
	}
}
