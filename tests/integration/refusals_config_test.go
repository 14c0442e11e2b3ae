package integration

import (
	"path/filepath"
	"strings"
	"testing"
)

// badConfig is tests/check/base.json with fields set, and every problem of it. What tests/check/broken has is there.
type badConfig struct {
	name     string
	set      values
	problems []string
}

// values are by their path; nil takes the field out.
type values = map[string]any

// object and list are JSON's.
type (
	object = map[string]any
	list   = []any
)

func refuseConfigs(t *testing.T, cases []badConfig) {
	requires(t, "rt:rung")
	config := readFile(t, filepath.Join(repository, "tests/check/base.json"))
	w := newWard(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			set, remove := values{"linux.cgroupsPath": "/{id}"}, []string{}
			for path, v := range c.set {
				if v == nil {
					remove = append(remove, path)
				} else {
					set[path] = v
				}
			}
			writeFile(t, w.Dir+"/config.json", w.fill(patch(t, config, set, remove)))
			w.refuse(t, refusal{
				args: []string{"create", "--bundle", "{bundle}", "{id}"},
				want: "create {id}: invalid configuration: " + strings.Join(c.problems, "; "),
			})
		})
	}
}

// times is a list of n equal elements.
func times(n int, v any) list {
	l := make(list, n)
	for i := range l {
		l[i] = v
	}
	return l
}

func TestRefusals_of_a_config(t *testing.T) { refuseConfigs(t, badConfigs) }

var badConfigs = []badConfig{
	// config.md#specification-version
	{"version 2", values{"ociVersion": "2.0.0"}, []string{`ociVersion: version 2.0.0 is not supported, want 1.x (config.md#specification-version)`}},
	{"version of words", values{"ociVersion": "newest"}, []string{`ociVersion: "newest" is not a version of the form 1.2.3 (SemVer 2.0.0) (config.md#specification-version)`}},
	{"version with leading zeros", values{"ociVersion": "01.2.3"}, []string{`ociVersion: "01.2.3" is not a version of the form 1.2.3 (SemVer 2.0.0) (config.md#specification-version)`}},
	// config.md#root
	{"no root", values{"root": nil}, []string{`root: is required (config.md#root)`}},
	{"empty root", values{"root.path": ""}, []string{`root.path: is required (config.md#root)`}},
	{"root with NUL", values{"root.path": "root\x00fs"}, []string{`root.path: must not contain a NUL byte: the kernel's strings end there (config.md#root)`}},
	// config.md#mounts
	{"mount without type", values{"mounts[1]": object{"destination": "/x", "source": "y"}}, []string{`mounts[1].type: is required unless options has bind or rbind (config.md#posix-platform-mounts)`}},
	{"mount destination with NUL", values{"mounts[1].destination": "/x\x00y"}, []string{`mounts[1].destination: must not contain a NUL byte: the kernel's strings end there (config.md#mounts)`}},
	{"mount source with NUL", values{"mounts[1].source": "\x00"}, []string{`mounts[1].source: must not contain a NUL byte: the kernel's strings end there (config.md#mounts)`}},
	{"mount type with NUL", values{"mounts[1].type": "tmp\x00fs"}, []string{`mounts[1].type: must not contain a NUL byte: the kernel's strings end there (config.md#posix-platform-mounts)`}},
	{"mount option with NUL", values{"mounts[1].options": list{"size=1m", "mode\x00=1"}}, []string{`mounts[1].options[1]: must not contain a NUL byte: the kernel's strings end there (config.md#linux-mount-options)`}},
	{"mount with uid mappings alone", values{"mounts[1]": object{"destination": "/x", "source": "/tmp", "options": list{"bind", "idmap"}, "uidMappings": list{object{"containerID": 0, "hostID": 1, "size": 1}}}}, []string{`mounts[1].gidMappings: uidMappings must be specified along with gidMappings (config.md#posix-platform-mounts)`}},
	{"mount with gid mappings alone", values{"mounts[1]": object{"destination": "/x", "source": "/tmp", "options": list{"bind", "ridmap"}, "gidMappings": list{object{"containerID": 0, "hostID": 1, "size": 1}}}}, []string{`mounts[1].uidMappings: gidMappings must be specified along with uidMappings (config.md#posix-platform-mounts)`}},
	{"mount mapped like no user namespace", values{"mounts[1]": object{"destination": "/x", "source": "/tmp", "options": list{"bind", "idmap"}}}, []string{`mounts[1].options: idmap and ridmap need uidMappings and gidMappings, or a user namespace whose mappings to use (config.md#linux-mount-options)`}},
	{"mount with mappings of nobody", values{"mounts[1]": object{"destination": "/x", "source": "/tmp", "options": list{"bind", "idmap"}, "uidMappings": list{object{"containerID": 0, "hostID": 1, "size": 0}}, "gidMappings": list{object{"containerID": 0, "hostID": 1, "size": 1}}}}, []string{`mounts[1].uidMappings[0].size: must be greater than zero (config.md#posix-platform-mounts)`}},
	// config.md#process
	{"no args", values{"process.args": nil}, []string{`process.args: at least one entry is required (config.md#process)`}},
	{"args with NUL", values{"process.args": list{"/probe", "a\x00b"}}, []string{`process.args[1]: must not contain a NUL byte: the kernel's strings end there (config.md#process)`}},
	{"env with NUL", values{"process.env": list{"A=b\x00c"}}, []string{`process.env[0]: must not contain a NUL byte: the kernel's strings end there (config.md#process)`}},
	{"no cwd", values{"process.cwd": nil}, []string{`process.cwd: is required (config.md#process)`}},
	{"cwd with NUL", values{"process.cwd": "/a\x00b"}, []string{`process.cwd: must not contain a NUL byte: the kernel's strings end there (config.md#process)`}},
	{"no such uid", values{"process.user.uid": 4294967295}, []string{`process.user.uid: 4294967295 (-1) is not a user id (config.md#posix-platform-user)`}},
	{"no such gid", values{"process.user.gid": 4294967295}, []string{`process.user.gid: 4294967295 (-1) is not a group id (config.md#posix-platform-user)`}},
	{"no such further gid", values{"process.user.additionalGids": list{1, 4294967295}}, []string{`process.user.additionalGids[1]: 4294967295 (-1) is not a group id (config.md#posix-platform-user)`}},
	{"rlimit of another system", values{"process.rlimits": list{object{"type": "RLIMIT_SBSIZE", "soft": 1, "hard": 1}}}, []string{`process.rlimits[0].type: "RLIMIT_SBSIZE" is not a resource limit of Linux (getrlimit(2)), as RLIMIT_FSIZE is (config.md#posix-process)`}},
	{"rlimit in small letters", values{"process.rlimits": list{object{"type": "nofile", "soft": 1, "hard": 1}}}, []string{`process.rlimits[0].type: "nofile" is not a resource limit of Linux (getrlimit(2)), as RLIMIT_NOFILE is (config.md#posix-process)`}},
	{"rlimit without type", values{"process.rlimits": list{object{"soft": 1, "hard": 1}}}, []string{`process.rlimits[0].type: "" is not a resource limit of Linux (getrlimit(2)), as RLIMIT_NOFILE is (config.md#posix-process)`}},
	{"apparmor profile with NUL", values{"process.apparmorProfile": "a\x00"}, []string{`process.apparmorProfile: must not contain a NUL byte: the kernel's strings end there (config.md#linux-process)`}},
	{"selinux label with NUL", values{"process.selinuxLabel": "a\x00"}, []string{`process.selinuxLabel: must not contain a NUL byte: the kernel's strings end there (config.md#linux-process)`}},
	{"oom score below the range", values{"process.oomScoreAdj": -1001}, []string{`process.oomScoreAdj: -1001 is out of range, want -1000 to 1000 (config.md#linux-process)`}},
	{"fifo without priority", values{"process.scheduler": object{"policy": "SCHED_FIFO"}}, []string{`process.scheduler.priority: priority 0 is out of range for SCHED_FIFO, want 1 to 99 (config.md#linux-process)`}},
	{"round robin above the range", values{"process.scheduler": object{"policy": "SCHED_RR", "priority": 100}}, []string{`process.scheduler.priority: priority 100 is out of range for SCHED_RR, want 1 to 99 (config.md#linux-process)`}},
	{"scheduler without policy", values{"process.scheduler": object{"nice": 1}}, []string{`process.scheduler.policy: is required (config.md#linux-process)`}},
	{"a policy that Linux lacks", values{"process.scheduler": object{"policy": "SCHED_ISO"}}, []string{`process.scheduler.policy: SCHED_ISO is reserved: Linux does not implement it (config.md#linux-process)`}},
	{"nice beyond the range", values{"process.scheduler": object{"policy": "SCHED_OTHER", "nice": 20}}, []string{`process.scheduler.nice: nice value 20 is out of range, want -20 to 19 (config.md#linux-process)`}},
	{"priority of a batch job", values{"process.scheduler": object{"policy": "SCHED_BATCH", "priority": 3}}, []string{`process.scheduler.priority: is for SCHED_FIFO and SCHED_RR only (config.md#linux-process)`}},
	{"deadline without time", values{"process.scheduler": object{"policy": "SCHED_DEADLINE"}}, []string{`process.scheduler.runtime: runtime of 0 ns is below the 1024 ns that SCHED_DEADLINE needs (config.md#linux-process)`}},
	{"deadline before its work is done", values{"process.scheduler": object{"policy": "SCHED_DEADLINE", "runtime": 5000, "deadline": 4000, "period": 3000}}, []string{`process.scheduler.deadline: deadline of 4000 ns is below the runtime of 5000 ns (config.md#linux-process)`, `process.scheduler.period: period of 3000 ns is below the deadline of 4000 ns (config.md#linux-process)`}},
	{"deadline fields elsewhere", values{"process.scheduler": object{"policy": "SCHED_IDLE", "runtime": 5000, "deadline": 6000, "period": 7000}}, []string{`process.scheduler.runtime: is for SCHED_DEADLINE only (config.md#linux-process)`, `process.scheduler.deadline: is for SCHED_DEADLINE only (config.md#linux-process)`, `process.scheduler.period: is for SCHED_DEADLINE only (config.md#linux-process)`}},
	{"scheduler flag", values{"process.scheduler": object{"policy": "SCHED_OTHER", "flags": list{"SCHED_FLAG_FAST"}}}, []string{`process.scheduler.flags[0]: "SCHED_FLAG_FAST" is not a scheduling flag, as SCHED_FLAG_RESET_ON_FORK is (config.md#linux-process)`}},
	{"io class", values{"process.ioPriority": object{"class": "IOPRIO_CLASS_BEST", "priority": 1}}, []string{`process.ioPriority.class: "IOPRIO_CLASS_BEST" is not an I/O scheduling class; want one of IOPRIO_CLASS_RT, IOPRIO_CLASS_BE, IOPRIO_CLASS_IDLE (config.md#linux-process)`}},
	{"io priority beyond the range", values{"process.ioPriority": object{"class": "IOPRIO_CLASS_BE", "priority": 8}}, []string{`process.ioPriority.priority: priority 8 is out of range, want 0 to 7 (config.md#linux-process)`}},
	{"first cpus", values{"process.execCPUAffinity": object{"initial": "0-"}}, []string{`process.execCPUAffinity.initial: "0-" is not a list of CPUs such as 0-3,7: "0-" is not a number or a range (config.md#linux-process)`}},
	{"final cpus", values{"process.execCPUAffinity": object{"final": "3-1"}}, []string{`process.execCPUAffinity.final: "3-1" is not a list of CPUs such as 0-3,7: 3-1 runs backwards (config.md#linux-process)`}},
	// config.md#hostname, #domainname
	{"hostname without namespace", values{"hostname": "h", "linux.namespaces": list{object{"type": "mount"}, object{"type": "pid"}}}, []string{`hostname: needs a uts namespace in linux.namespaces: it would be set on the host (config.md#hostname)`}},
	{"hostname too long", values{"hostname": strings.Repeat("h", 65)}, []string{`hostname: "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh" is longer than the 64 bytes that Linux allows (config.md#hostname)`}},
	{"hostname with NUL", values{"hostname": "h\x00"}, []string{`hostname: must not contain a NUL byte: the kernel's strings end there (config.md#hostname)`}},
	{"domainname without namespace", values{"domainname": "d", "linux.namespaces": list{object{"type": "mount"}}}, []string{`domainname: needs a uts namespace in linux.namespaces: it would be set on the host (config.md#domainname)`}},
	{"domainname too long", values{"domainname": strings.Repeat("d", 65)}, []string{`domainname: "ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd" is longer than the 64 bytes that Linux allows (config.md#domainname)`}},
	// config.md#posix-platform-hooks
	{"hook without path", values{"hooks": object{"createRuntime": list{object{"args": list{"x"}}}}}, []string{`hooks.createRuntime[0].path: is required (config.md#posix-platform-hooks)`}},
	{"hook with a relative path", values{"hooks": object{"startContainer": list{object{"path": "bin/true"}}}}, []string{`hooks.startContainer[0].path: "bin/true" must be an absolute path (config.md#posix-platform-hooks)`}},
	{"hook path with NUL", values{"hooks": object{"poststop": list{object{"path": "/bin\x00/true"}}}}, []string{`hooks.poststop[0].path: must not contain a NUL byte: the kernel's strings end there (config.md#posix-platform-hooks)`}},
	{"hook args with NUL", values{"hooks": object{"createContainer": list{object{"path": "/bin/true", "args": list{"true", "\x00"}}}}}, []string{`hooks.createContainer[0].args[1]: must not contain a NUL byte: the kernel's strings end there (config.md#posix-platform-hooks)`}},
	{"hook env with NUL", values{"hooks": object{"prestart": list{object{"path": "/bin/true", "env": list{"A=\x00"}}}}}, []string{`hooks.prestart[0].env[0]: must not contain a NUL byte: the kernel's strings end there (config.md#posix-platform-hooks)`}},
	{"hook with no time", values{"hooks": object{"poststart": list{object{"path": "/bin/true", "timeout": 0}}}}, []string{`hooks.poststart[0].timeout: 0 must be greater than zero (seconds) (config.md#posix-platform-hooks)`}},
	{"hook with less than no time", values{"hooks": object{"poststart": list{object{"path": "/bin/true"}, object{"path": "/bin/true", "timeout": -5}}}}, []string{`hooks.poststart[1].timeout: -5 must be greater than zero (seconds) (config.md#posix-platform-hooks)`}},
	// config.md#annotations, and docs/annotations.md
	{"annotation that is not known", values{"annotations": object{"org.rung-oci.colour": "red"}}, []string{`annotations["org.rung-oci.colour"]: unknown annotation: what it asks for would be left out without a word (docs/annotations.md)`}},
	{"core scheduling, perhaps", values{"annotations": object{"org.rung-oci.core-scheduling": "perhaps"}}, []string{`annotations["org.rung-oci.core-scheduling"]: "perhaps": want true or false (docs/annotations.md)`}},
	// Everything that is wrong is told at once, in the order of the specification.
	{"two mistakes", values{"process.cwd": "x", "linux.rootfsPropagation": "sideways"}, []string{`process.cwd: "x" must be an absolute path (config.md#process)`, `linux.rootfsPropagation: "sideways" is not a mount propagation; want one of shared, slave, private, unbindable (config-linux.md#rootfs-mount-propagation)`}},
	{"three mistakes", values{"root.path": "", "process.args": list{}, "process.oomScoreAdj": 2000}, []string{`root.path: is required (config.md#root)`, `process.args: at least one entry is required (config.md#process)`, `process.oomScoreAdj: 2000 is out of range, want -1000 to 1000 (config.md#linux-process)`}},
	{"four mistakes", values{"ociVersion": "3.0.0", "hostname": strings.Repeat("h", 65), "linux.maskedPaths": list{"a", "/b", "c"}}, []string{`ociVersion: version 3.0.0 is not supported, want 1.x (config.md#specification-version)`, `hostname: "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh" is longer than the 64 bytes that Linux allows (config.md#hostname)`, `linux.maskedPaths[0]: "a" must be an absolute path (config-linux.md#masked-paths)`, `linux.maskedPaths[2]: "c" must be an absolute path (config-linux.md#masked-paths)`}},
	{"mistakes of every chapter", values{
		"process.env": list{"\x00"}, "mounts[1].type": "", "hooks": object{"poststop": list{object{"path": "x"}}}, "linux.namespaces[1].type": "psychic",
		"linux.resources": object{"cpu": object{"idle": 7}}, "linux.seccomp": object{"defaultAction": "SCMP_ACT_PERHAPS"},
		"linux.personality": object{"domain": "WINDOWS"},
	}, []string{`mounts[1].type: is required unless options has bind or rbind (config.md#posix-platform-mounts)`, `process.env[0]: must not contain a NUL byte: the kernel's strings end there (config.md#process)`, `hooks.poststop[0].path: "x" must be an absolute path (config.md#posix-platform-hooks)`, `linux.namespaces[1].type: "psychic" is not a namespace type; want one of pid, network, mount, ipc, uts, user, cgroup, time (config-linux.md#namespaces)`, `linux.resources.cpu.idle: 7 is neither 0 nor 1 (config-linux.md#cpu)`, `linux.seccomp.defaultAction: "SCMP_ACT_PERHAPS" is not an action, as SCMP_ACT_ERRNO is (config-linux.md#seccomp)`, `linux.personality.domain: "WINDOWS" is not a personality domain; want one of LINUX, LINUX32 (config-linux.md#personality)`}},
}
