package spec

import (
	"encoding/json"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestValidate_goodConfigs(t *testing.T) {
	for name, raw := range goodConfigs(t) {
		l, err := Parse(raw)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		o := Options{NeedProcess: true, BundleAbs: "/b", Rootless: name == "spec-rootless.json"}
		for _, p := range Validate(l.Spec, o) {
			// Podman asks for ambient capabilities that it does not make
			// inheritable; everything else that engines write is clean.
			if p.Level != Warn || !strings.Contains(p.Message, "can't raise ambient capability") {
				t.Errorf("%s: %s", name, p)
			}
		}
		if l.Unknown != nil {
			t.Errorf("%s: %v", name, l.Unknown)
		}
	}
}

// base is what the broken configurations are made from: valid, and with
// something of every kind.
const base = `{
	"ociVersion": "1.3.0",
	"root": {"path": "rootfs"},
	"hostname": "h", "domainname": "d",
	"mounts": [
		{"destination": "/proc", "type": "proc", "source": "proc"},
		{"destination": "/data", "type": "bind", "source": "/srv", "options": ["rbind", "ro"]},
		{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "size=1m"]},
		{"destination": "/sys/", "type": "sysfs", "source": "sysfs"},
		{"destination": "/dev/pts", "type": "devpts", "source": "devpts"},
		{"destination": "/dev/shm", "type": "tmpfs", "source": "shm"}
	],
	"process": {
		"user": {"uid": 0, "gid": 0}, "args": ["sh"], "env": ["A=b"], "cwd": "/",
		"rlimits": [{"type": "RLIMIT_NOFILE", "hard": 10, "soft": 5}, {"type": "RLIMIT_CORE", "hard": 0, "soft": 0}],
		"capabilities": {"bounding": ["CAP_KILL"], "permitted": ["CAP_KILL"], "effective": ["CAP_KILL"], "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"]},
		"oomScoreAdj": 0, "scheduler": {"policy": "SCHED_BATCH", "nice": 5}, "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 4},
		"execCPUAffinity": {"initial": "0", "final": "0-3,7"}
	},
	"hooks": {"createRuntime": [{"path": "/bin/a", "args": ["a"], "env": ["X=y"], "timeout": 3}]},
	"annotations": {"com.example.a": "b"},
	"linux": {
		"namespaces": [{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}, {"type": "user"}, {"type": "cgroup"}, {"type": "time"}],
		"uidMappings": [{"containerID": 0, "hostID": 1000, "size": 10}, {"containerID": 10, "hostID": 2000, "size": 10}],
		"gidMappings": [{"containerID": 0, "hostID": 1000, "size": 10}],
		"timeOffsets": {"monotonic": {"secs": 1, "nanosecs": 2}},
		"devices": [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229}, {"path": "/dev/p", "type": "p"}],
		"netDevices": {"eth0": {"name": "c0"}},
		"cgroupsPath": "/a/b",
		"sysctl": {"net.ipv4.ip_forward": "1", "kernel.shmmax": "2", "fs.mqueue.msg_max": "3"},
		"resources": {
			"devices": [{"allow": false, "access": "rwm"}],
			"memory": {"limit": 100, "swap": 200, "swappiness": 60},
			"cpu": {"period": 100000, "quota": 50000, "burst": 1000, "shares": 100, "cpus": "0-1", "mems": "0", "realtimeRuntime": 1, "realtimePeriod": 2},
			"pids": {"limit": 10},
			"blockIO": {"weight": 100, "weightDevice": [{"major": 8, "minor": 0, "weight": 100}], "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1}]},
			"hugepageLimits": [{"pageSize": "2MB", "limit": 1}],
			"network": {"priorities": [{"name": "eth0", "priority": 1}]},
			"rdma": {"mlx5_1": {"hcaHandles": 1}},
			"unified": {"memory.high": "1"}
		},
		"intelRdt": {"closID": "guaranteed", "l3CacheSchema": "L3:0=f", "memBwSchema": "MB:0=20", "schemata": ["L2:0=f"]},
		"memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0-1", "flags": ["MPOL_F_STATIC_NODES"]},
		"seccomp": {
			"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "architectures": ["SCMP_ARCH_X86_64"], "flags": ["SECCOMP_FILTER_FLAG_LOG"],
			"listenerPath": "/run/agent", "listenerMetadata": "m",
			"syscalls": [
				{"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]},
				{"names": ["mount"], "action": "SCMP_ACT_NOTIFY"}
			]
		},
		"rootfsPropagation": "slave",
		"maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"],
		"personality": {"domain": "LINUX"}
	}
}`

// edit returns base with the value at path replaced; "" removes it. A path that
// ends in "+" appends to an array. Elements are separated by blanks.
func edit(t *testing.T, doc any, path, value string) any {
	t.Helper()
	head, rest, more := strings.Cut(path, " ")
	decode := func() (v any) {
		if err := json.Unmarshal([]byte(value), &v); err != nil {
			t.Fatalf("%s: %v", value, err)
		}
		return v
	}
	switch d := doc.(type) {
	case map[string]any:
		switch {
		case more:
			if d[head] == nil {
				d[head] = map[string]any{}
			}
			d[head] = edit(t, d[head], rest, value)
		case value == "":
			delete(d, head)
		default:
			d[head] = decode()
		}
	case []any:
		if head == "+" {
			return append(d, decode())
		}
		i := int(head[0] - '0')
		if more {
			d[i] = edit(t, d[i], rest, value)
		} else {
			d[i] = decode()
		}
	default:
		t.Fatalf("nothing to edit at %q", path)
	}
	return doc
}

// edited parses base with one change after the other: path, value, path, value …
func edited(t *testing.T, edits ...string) *specs.Spec {
	t.Helper()
	var doc any
	if err := json.Unmarshal([]byte(base), &doc); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(edits); i += 2 {
		doc = edit(t, doc, edits[i], edits[i+1])
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	if l.Unknown != nil {
		t.Fatalf("the test's own configuration: %v", l.Unknown)
	}
	return l.Spec
}

const (
	noNS    = `[{"type":"mount"},{"type":"user"}]` // and no others
	noUser  = `[{"type":"pid"},{"type":"network"},{"type":"ipc"},{"type":"uts"},{"type":"mount"},{"type":"time"}]`
	joinAll = `[{"type":"network"},{"type":"ipc"},{"type":"uts"},{"type":"mount"},{"type":"user","path":"/u"},{"type":"time","path":"/t"}]`
)

// broken lists configurations that differ from base in one place, and all the
// problems that makes, as LEVEL PATH MESSAGE with the message cut at will.
var broken = []struct {
	name  string
	edits []string
	want  []string
}{
	{"version missing", []string{"ociVersion", ""}, []string{"SHOULD ociVersion is required"}},
	{"version short", []string{"ociVersion", `"1.0"`}, []string{`SHOULD ociVersion "1.0" is not a version`}},
	{"version with v", []string{"ociVersion", `"v1.0.2"`}, []string{`SHOULD ociVersion "v1.0.2" is not`}},
	{"version of no kind", []string{"ociVersion", `"invalid"`}, []string{`MUST ociVersion "invalid" is not a version`}},
	{"version old", []string{"ociVersion", `"0.6.0"`}, []string{"SHOULD ociVersion version 0.6.0 is older"}},
	{"version newer", []string{"ociVersion", `"1.4.0"`}, []string{"WARN ociVersion version 1.4.0 is newer"}},
	{"version 2", []string{"ociVersion", `"2.0.0"`}, []string{"MUST ociVersion version 2.0.0 is not supported"}},
	{"version zeros", []string{"ociVersion", `"1.02.0"`}, []string{"SHOULD ociVersion"}},
	{"root missing", []string{"root", ""}, []string{"MUST root is required"}},
	{"root without path", []string{"root", `{"readonly":true}`}, []string{"MUST root.path is required"}},
	{"root path with NUL", []string{"root path", `"a\u0000b"`}, []string{"MUST root.path must not contain a NUL"}},
	{"mount without destination", []string{"mounts 1 destination", `""`}, []string{"MUST mounts[1].destination is required"}},
	{"mount relative", []string{"mounts 2 destination", `"tmp"`}, []string{`SHOULD mounts[2].destination "tmp" should be an absolute path`}},
	{"mount below host's root", []string{"mounts 2 destination", `"/b/rootfs/x"`}, []string{"WARN mounts[2].destination"}},
	{"mount without type", []string{"mounts 0 type", ""}, []string{"MUST mounts[0].type is required unless"}},
	{"mount type none that may fail", []string{"mounts 0 type", `"none"`, "mounts 0 options", `["nofail"]`}, nil},
	{"mount type none", []string{"mounts 0 type", `"none"`}, []string{"MUST mounts[0].type none is not a filesystem"}},
	{"mount type bind without option", []string{"mounts 1 options", `["ro"]`}, []string{"SHOULD mounts[1].options"}},
	{"bind without type", []string{"mounts 1 type", ""}, nil},
	{"bind with type none", []string{"mounts 1 type", `"none"`}, nil},
	{"bind without source", []string{"mounts 1 source", ""}, []string{"SHOULD mounts[1].source"}},
	{"bind with data", []string{"mounts 1 options +", `"size=1m"`}, []string{`MUST mounts[1].options[2] "size=1m": bind mounts cannot have any filesystem-specific options applied`}},
	{"bind with a misspelt option", []string{"mounts 1 options +", `"nosiud"`}, []string{`MUST mounts[1].options[2] "nosiud": bind mounts cannot have any filesystem-specific options applied: did you mean nosuid?`}},
	{"bind with several wrong options", []string{"mounts 1 options", `["rbind","nosiud","size=5,reed"]`}, []string{"MUST mounts[1].options[1]", `MUST mounts[1].options[2] "size=5"`, `MUST mounts[1].options[2] "reed"`}},
	{"bind with options of mount(8)", []string{"mounts 1 options", `["rbind","_netdev,x-a","z"]`}, []string{`WARN mounts[1].options[1] "_netdev"`, `WARN mounts[1].options[1] "x-a"`, `WARN mounts[1].options[2] "z"`}},
	{"options in one entry", []string{"mounts 1 options", `["rbind,ro,rw"]`}, []string{`WARN mounts[1].options[0] "rw" is at odds with "ro"`}},
	{"remount with data", []string{"mounts 2 options", `["remount","size=5"]`}, []string{`MUST mounts[2].options[1] "size=5": remount`}},
	{"idmap with text", []string{"mounts 1 options +", `"idmap=uids=0-1000-1;gids=0-1000-1"`}, nil},
	{"ridmap with text", []string{"mounts 1 options +", `"ridmap=uids=0-1000-1#5-7-9;gids=0-1000-1"`}, nil},
	{"idmap of uids alone", []string{"mounts 1 options +", `"idmap=uids=0-1000-1"`}, []string{"MUST mounts[1].options[2] idmap: both uids=… and gids=… are needed"}},
	{"idmap of nonsense", []string{"mounts 1 options +", `"idmap=uids=0-1000;gids=0-0-1"`}, []string{`MUST mounts[1].options[2] idmap: uids: "0-1000" is not a range`}},
	{"idmap of nothing", []string{"mounts 1 options +", `"idmap="`}, []string{"MUST mounts[1].options[2]"}},
	{"idmap twice", []string{"mounts 1 options +", `"idmap=uids=0-1-1;gids=0-1-1"`, "mounts 1 uidMappings", `[{"containerID":0,"hostID":1,"size":1}]`, "mounts 1 gidMappings", `[{"containerID":0,"hostID":1,"size":1}]`}, []string{"MUST mounts[1].options[2] idmap has mappings, and so has the mount"}},
	{"ro and rw", []string{"mounts 1 options +", `"rw"`}, []string{`WARN mounts[1].options[2] "rw" is at odds with "ro"`}},
	{"two propagations", []string{"mounts 1 options", `["rbind","rslave","shared"]`}, []string{`WARN mounts[1].options[2]`}},
	{"recursive beside plain", []string{"mounts 1 options", `["rbind","ro","rro","nodiratime","strictatime","norelatime"]`}, nil},
	{"two atimes", []string{"mounts 1 options", `["rbind","noatime","strictatime"]`}, []string{`WARN mounts[1].options[2] "strictatime" is at odds`}},
	{"option with NUL", []string{"mounts 2 options +", `"a\u0000"`}, []string{"MUST mounts[2].options[2]"}},
	{"idmap without mappings or user namespace", []string{"mounts 1 options +", `"idmap"`, "linux namespaces", noUser, "linux uidMappings", "", "linux gidMappings", ""}, []string{"MUST mounts[1].options idmap and ridmap need"}},
	{"idmap with user namespace", []string{"mounts 1 options +", `"idmap"`}, nil},
	{"idmap uid only", []string{"mounts 1 options +", `"idmap"`, "mounts 1 uidMappings", `[{"containerID":0,"hostID":1,"size":1}]`}, []string{"MUST mounts[1].gidMappings"}},
	{"mappings without idmap", []string{"mounts 1 uidMappings", `[{"containerID":0,"hostID":1,"size":1}]`, "mounts 1 gidMappings", `[{"containerID":0,"hostID":1,"size":1}]`}, []string{"SHOULD mounts[1].options"}},
	{"mount mapping empty", []string{"mounts 1 options +", `"ridmap"`, "mounts 1 uidMappings", `[{"containerID":0,"hostID":1,"size":0}]`, "mounts 1 gidMappings", `[{"containerID":0,"hostID":1,"size":1}]`}, []string{"MUST mounts[1].uidMappings[0].size"}},
	{"no sysfs", []string{"mounts 3 destination", `"/x"`}, []string{"WARN mounts nothing is mounted at /sys"}},
	{"process missing", []string{"process", ""}, []string{"MUST process is required"}},
	{"args missing", []string{"process args", ""}, []string{"MUST process.args at least one"}},
	{"args empty", []string{"process args", "[]"}, []string{"MUST process.args at least one"}},
	{"arg with NUL", []string{"process args +", `"\u0000"`}, []string{"MUST process.args[1]"}},
	{"program empty", []string{"process args 0", `""`}, []string{"WARN process.args[0]"}},
	{"cwd missing", []string{"process cwd", ""}, []string{"MUST process.cwd is required"}},
	{"cwd relative", []string{"process cwd", `"tmp"`}, []string{`MUST process.cwd "tmp" must be an absolute path`}},
	{"env without =", []string{"process env +", `"B"`}, []string{`WARN process.env[1] "B" has no '='`}},
	{"env with NUL", []string{"process env 0", `"A=\u0000"`}, []string{"MUST process.env[0]"}},
	{"env without name", []string{"process env 0", `"=b"`}, []string{"WARN process.env[0]"}},
	{"uid not mapped", []string{"process user uid", "20"}, []string{"MUST process.user.uid user id 20 is not mapped"}},
	{"gid -1", []string{"process user gid", "4294967295"}, []string{"MUST process.user.gid"}},
	{"additional gid not mapped", []string{"process user additionalGids", "[9,10]"}, []string{"SHOULD process.user.additionalGids[1]"}},
	{"umask", []string{"process user umask", "1023"}, []string{"WARN process.user.umask"}},
	{"rlimit unknown", []string{"process rlimits 1 type", `"RLIMIT_FOO"`}, []string{`MUST process.rlimits[1].type "RLIMIT_FOO" is not a resource limit`}},
	{"rlimit lower case", []string{"process rlimits 1 type", `"rlimit_core"`}, []string{`MUST process.rlimits[1].type`}},
	{"rlimit twice", []string{"process rlimits 1 type", `"RLIMIT_NOFILE"`}, []string{"MUST process.rlimits[1].type RLIMIT_NOFILE is set twice"}},
	{"rlimit soft above hard", []string{"process rlimits 0 soft", "11"}, []string{"MUST process.rlimits[0].soft"}},
	{"rlimit misspelt", []string{"process rlimits 1 type", `"RLIMIT_STAK"`}, []string{`MUST process.rlimits[1].type "RLIMIT_STAK" is not a resource limit of Linux (getrlimit(2)), as RLIMIT_STACK is`}},
	{"capability misspelt", []string{"process capabilities bounding +", `"CAP_NET_ADMN"`}, []string{`WARN process.capabilities.bounding[1] "CAP_NET_ADMN" is not a capability of Linux, as CAP_NET_ADMIN is`}},
	{"capability without its prefix", []string{"process capabilities bounding +", `"sys_time"`}, []string{`WARN process.capabilities.bounding[1] "sys_time" is not a capability of Linux, as CAP_SYS_TIME is`}},
	{"capability unknown", []string{"process capabilities bounding +", `"CAP_FOO"`}, []string{`WARN process.capabilities.bounding[1] "CAP_FOO" is not a capability`}},
	{"ambient not inheritable", []string{"process capabilities inheritable", "[]"}, []string{"WARN process.capabilities.ambient[0] can't raise ambient capability CAP_KILL: "}},
	{"ambient not permitted", []string{"process capabilities ambient +", `"CAP_CHOWN"`}, []string{"WARN process.capabilities.ambient[1] can't raise ambient capability CAP_CHOWN: "}},
	{"effective not permitted", []string{"process capabilities effective +", `"CAP_CHOWN"`}, []string{"WARN process.capabilities.effective[1]"}},
	{"oomScoreAdj", []string{"process oomScoreAdj", "1001"}, []string{"MUST process.oomScoreAdj 1001 is out of range"}},
	{"scheduler unknown", []string{"process scheduler policy", `"SCHED_NORMAL"`}, []string{"MUST process.scheduler.policy"}},
	{"scheduler missing", []string{"process scheduler policy", ""}, []string{"MUST process.scheduler.policy is required"}},
	{"scheduler nice", []string{"process scheduler nice", "20"}, []string{"MUST process.scheduler.nice"}},
	{"scheduler priority", []string{"process scheduler priority", "1"}, []string{"MUST process.scheduler.priority is for SCHED_FIFO"}},
	{"scheduler fifo", []string{"process scheduler", `{"policy":"SCHED_FIFO","priority":100}`}, []string{"MUST process.scheduler.priority"}},
	{"scheduler deadline on batch", []string{"process scheduler runtime", "1"}, []string{"MUST process.scheduler.runtime is for SCHED_DEADLINE"}},
	{"scheduler deadline order", []string{"process scheduler", `{"policy":"SCHED_DEADLINE","runtime":2000,"deadline":1500,"period":1000}`}, []string{"MUST process.scheduler.deadline", "MUST process.scheduler.period"}},
	{"scheduler deadline", []string{"process scheduler", `{"policy":"SCHED_DEADLINE","runtime":42000,"deadline":1000000,"period":1000000,"flags":["SCHED_FLAG_RESET_ON_FORK"]}`}, nil},
	{"scheduler flag", []string{"process scheduler flags", `["SCHED_FLAG_FOO"]`}, []string{"MUST process.scheduler.flags[0]"}},
	{"io class", []string{"process ioPriority class", `"BE"`}, []string{"MUST process.ioPriority.class"}},
	{"io priority", []string{"process ioPriority priority", "8"}, []string{"MUST process.ioPriority.priority"}},
	{"exec affinity", []string{"process execCPUAffinity initial", `"0-"`}, []string{"MUST process.execCPUAffinity.initial"}},
	{"exec affinity backwards", []string{"process execCPUAffinity final", `"3-1"`}, []string{"MUST process.execCPUAffinity.final"}},
	{"hostname long", []string{"hostname", `"` + strings.Repeat("h", 65) + `"`}, []string{"MUST hostname"}},
	{"no uts", []string{"linux namespaces", `[{"type":"network"},{"type":"ipc"},{"type":"mount"},{"type":"user"},{"type":"time"}]`}, []string{"MUST hostname needs a uts namespace", "MUST domainname needs a uts namespace"}},
	{"hook relative", []string{"hooks createRuntime 0 path", `"a"`}, []string{`MUST hooks.createRuntime[0].path "a" must be an absolute path`}},
	{"hook without path", []string{"hooks poststop", "[{}]"}, []string{"MUST hooks.poststop[0].path is required"}},
	{"hook timeout 0", []string{"hooks createRuntime 0 timeout", "0"}, []string{"MUST hooks.createRuntime[0].timeout"}},
	{"hook env", []string{"hooks createRuntime 0 env 0", `"X"`}, []string{"WARN hooks.createRuntime[0].env[0]"}},
	{"annotation empty", []string{"annotations", `{"":"x"}`}, []string{`SHOULD annotations[""]`}},
	{"annotation huge pages", []string{"annotations", `{"org.rung-oci.no-transparent-huge-pages":"never"}`}, []string{`MUST annotations["org.rung-oci.no-transparent-huge-pages"]`}},
	{"annotation plain", []string{"annotations", `{"x":"y"}`}, []string{"WARN annotations.x"}},
	{"annotation reserved", []string{"annotations", `{"org.opencontainers.foo":""}`}, []string{`WARN annotations["org.opencontainers.foo"]`}},
	{"windows", []string{"windows", "{}"}, []string{"WARN windows has no effect on Linux"}},
	{"namespace unknown", []string{"linux namespaces +", `{"type":"net"}`}, []string{`MUST linux.namespaces[8].type "net" is not a namespace type`}},
	{"namespace twice", []string{"linux namespaces +", `{"type":"pid","path":"/p"}`}, []string{"MUST linux.namespaces[8].type a second pid namespace; the first is entry 0"}},
	{"namespace path relative", []string{"linux namespaces 0 path", `"p"`}, []string{"MUST linux.namespaces[0].path"}},
	{"mappings without user namespace", []string{"linux namespaces", noUser}, []string{"WARN linux.uidMappings has no effect", "WARN linux.gidMappings has no effect"}},
	{"user namespace without mappings", []string{"linux uidMappings", "[]", "linux gidMappings", ""}, []string{"MUST linux.uidMappings is required", "MUST linux.gidMappings is required"}},
	{"mapping size 0", []string{"linux uidMappings 1 size", "0"}, []string{"MUST linux.uidMappings[1].size"}},
	{"mapping overlap in container", []string{"linux uidMappings 1 containerID", "9"}, []string{"MUST linux.uidMappings[1].containerID 9 with size 10 overlaps with entry 0"}},
	{"mapping overlap on host", []string{"linux uidMappings 1 hostID", "1009"}, []string{"MUST linux.uidMappings[1].hostID"}},
	{"mapping overflow", []string{"linux uidMappings 1 hostID", "4294967290"}, []string{"MUST linux.uidMappings[1].hostID 4294967290 with size 10 runs past"}},
	{"joined user and time namespaces", []string{"linux namespaces", joinAll}, []string{"WARN linux.uidMappings", "MUST linux.timeOffsets cannot be set"}},
	{"clock unknown", []string{"linux timeOffsets", `{"realtime":{"secs":1}}`}, []string{"MUST linux.timeOffsets.realtime"}},
	{"clock nanoseconds", []string{"linux timeOffsets monotonic nanosecs", "1000000000"}, []string{"MUST linux.timeOffsets.monotonic.nanosecs"}},
	{"no namespaces", []string{"linux namespaces", noNS}, []string{
		"MUST hostname", "MUST domainname", "MUST linux.timeOffsets needs a time", "MUST linux.netDevices needs a network",
		`MUST linux.sysctl["fs.mqueue.msg_max"] "fs.mqueue.msg_max" needs a namespace of type ipc`, `MUST linux.sysctl["kernel.shmmax"]`, `MUST linux.sysctl["net.ipv4.ip_forward"]`,
	}},
	{"device type", []string{"linux devices 0 type", `"x"`}, []string{"MUST linux.devices[0].type"}},
	{"device without path", []string{"linux devices 0 path", ""}, []string{"MUST linux.devices[0].path"}},
	{"device relative", []string{"linux devices 0 path", `"dev/fuse"`}, []string{"SHOULD linux.devices[0].path"}},
	{"device numbers", []string{"linux devices 0 major", "-1", "linux devices 0 minor", "1048576"}, []string{"MUST linux.devices[0].major", "MUST linux.devices[0].minor"}},
	{"device mode", []string{"linux devices 0 fileMode", "2147484086"}, []string{"WARN linux.devices[0].fileMode"}},
	{"device default", []string{"linux devices +", `{"path":"/dev/null","type":"c","major":1,"minor":3,"fileMode":8630}`}, nil},
	{"device same path", []string{"linux devices +", `{"path":"/dev/fuse","type":"b","major":10,"minor":229}`}, []string{"SHOULD linux.devices[2].path"}},
	{"device same numbers", []string{"linux devices +", `{"path":"/dev/f2","type":"c","major":10,"minor":229}`}, []string{"SHOULD linux.devices[2].major"}},
	{"device repeated", []string{"linux devices +", `{"path":"/dev/fuse","type":"c","major":10,"minor":229}`}, []string{"WARN linux.devices[2] the same as entry 0"}},
	{"net device name", []string{"linux netDevices eth0 name", `"a/b"`}, []string{"MUST linux.netDevices.eth0.name"}},
	{"net device long", []string{"linux netDevices abcdefghijklmnop", "{}"}, []string{"MUST linux.netDevices.abcdefghijklmnop"}},
	{"net device template", []string{"linux netDevices eth0 name", `"eth%d"`}, nil},
	{"net devices of one name", []string{"linux netDevices eth1", `{"name":"c0"}`}, []string{"MUST linux.netDevices.eth1.name"}},
	{"cgroupsPath climbs", []string{"linux cgroupsPath", `"/a/../b"`}, []string{"MUST linux.cgroupsPath"}},
	{"cgroupsPath of systemd", []string{"linux cgroupsPath", `"a.slice:rung:b..c"`}, nil},
	{"sysctl of the host", []string{"linux sysctl", `{"vm.swappiness":"1"}`}, []string{`MUST linux.sysctl["vm.swappiness"] "vm.swappiness" is not in a separate kernel namespace`}},
	{"sysctl climbs", []string{"linux sysctl", `{"net/../vm/swappiness":"1"}`}, []string{`MUST linux.sysctl["net/../vm/swappiness"]`}},
	{"sysctl empty", []string{"linux sysctl", `{"":"1"}`}, []string{`MUST linux.sysctl[""]`}},
	{"sysctl with slashes", []string{"linux sysctl", `{"net/ipv4/conf/eth0.1/forwarding":"1","net.ipv4.conf.eth0/1.forwarding":"1"}`}, nil},
	{"sysctl hostname", []string{"linux sysctl", `{"kernel.hostname":"x"}`}, []string{`MUST linux.sysctl["kernel.hostname"] "kernel.hostname" conflicts with hostname`}},
	{"sysctl hostname alone", []string{"linux sysctl", `{"kernel.hostname":"x"}`, "hostname", ""}, []string{`MUST linux.sysctl["kernel.hostname"]`}},
	{"device rule type", []string{"linux resources devices 0 type", `"x"`}, []string{"MUST linux.resources.devices[0].type"}},
	{"device rule access", []string{"linux resources devices 0 access", `"rx"`}, []string{"MUST linux.resources.devices[0].access"}},
	{"device rule for both types of a number", []string{"linux resources devices 0 type", `"a"`, "linux resources devices 0 major", "7"}, []string{"WARN linux.resources.devices[0].type"}},
	{"device rule without a type for some access", []string{"linux resources devices 0 type", "", "linux resources devices 0 access", `"m"`}, []string{"WARN linux.resources.devices[0].type"}},
	{"device rule for everything", []string{"linux resources devices 0", `{"allow":false,"type":"a","major":-1,"access":"mrw"}`}, nil},
	{"device rule wildcard -1", []string{"linux resources devices 0 major", "-1"}, nil},
	{"memory limit", []string{"linux resources memory limit", "-2"}, []string{"MUST linux.resources.memory.limit", "MUST linux.resources.memory.swap"}},
	{"swap below limit", []string{"linux resources memory swap", "99"}, []string{"MUST linux.resources.memory.swap memory+swap limit 99 is below"}},
	{"swap without limit", []string{"linux resources memory limit", ""}, []string{"MUST linux.resources.memory.swap"}},
	{"swap unlimited", []string{"linux resources memory swap", "-1"}, nil},
	{"swappiness", []string{"linux resources memory swappiness", "101"}, []string{"MUST linux.resources.memory.swappiness"}},
	{"no hierarchy", []string{"linux resources memory useHierarchy", "false"}, []string{"WARN linux.resources.memory.useHierarchy"}},
	{"hierarchy", []string{"linux resources memory useHierarchy", "true"}, nil},
	{"kernel memory", []string{"linux resources memory kernel", "1000"}, []string{"WARN linux.resources.memory.kernel"}},
	{"cpu period", []string{"linux resources cpu period", "100"}, []string{"MUST linux.resources.cpu.period"}},
	{"cpu quota", []string{"linux resources cpu quota", "999", "linux resources cpu burst", "0"}, []string{"MUST linux.resources.cpu.quota"}},
	{"cpu burst", []string{"linux resources cpu burst", "50001"}, []string{"MUST linux.resources.cpu.burst"}},
	{"cpu idle", []string{"linux resources cpu idle", "2"}, []string{"MUST linux.resources.cpu.idle"}},
	{"cpus", []string{"linux resources cpu cpus", `"a"`}, []string{"MUST linux.resources.cpu.cpus"}},
	{"realtime", []string{"linux resources cpu realtimeRuntime", "3"}, []string{"MUST linux.resources.cpu.realtimeRuntime"}},
	{"pids", []string{"linux resources pids limit", "-2"}, []string{"SHOULD linux.resources.pids.limit"}},
	{"pids 0 and -1", []string{"linux resources pids limit", "0"}, nil},
	{"blkio weight high", []string{"linux resources blockIO weight", "1001"}, []string{"MUST linux.resources.blockIO.weight"}},
	{"blkio weight low", []string{"linux resources blockIO weight", "9"}, []string{"SHOULD linux.resources.blockIO.weight"}},
	{"blkio weightDevice", []string{"linux resources blockIO weightDevice 0 weight", "", "linux resources blockIO weightDevice 0 major", "-8"}, []string{"MUST linux.resources.blockIO.weightDevice[0].major", "SHOULD linux.resources.blockIO.weightDevice[0] at least"}},
	{"blkio throttle twice", []string{"linux resources blockIO throttleReadBpsDevice +", `{"major":8,"minor":0,"rate":2}`}, []string{"WARN linux.resources.blockIO.throttleReadBpsDevice[1]"}},
	{"hugepage size", []string{"linux resources hugepageLimits 0 pageSize", `"2M"`}, []string{"MUST linux.resources.hugepageLimits[0].pageSize"}},
	{"hugepage size climbs", []string{"linux resources hugepageLimits 0 pageSize", `"../2MB"`}, []string{"MUST linux.resources.hugepageLimits[0].pageSize"}},
	{"hugepage twice", []string{"linux resources hugepageLimits +", `{"pageSize":"2MB","limit":2}`}, []string{"SHOULD linux.resources.hugepageLimits[1].pageSize"}},
	{"net priority name", []string{"linux resources network priorities 0 name", `"a b"`}, []string{"MUST linux.resources.network.priorities[0].name"}},
	{"net priority twice", []string{"linux resources network priorities +", `{"name":"eth0","priority":2}`}, []string{"SHOULD linux.resources.network.priorities[1].name"}},
	{"rdma empty", []string{"linux resources rdma mlx5_1", "{}"}, []string{"SHOULD linux.resources.rdma.mlx5_1"}},
	{"unified slash", []string{"linux resources unified", `{"../memory.max":"1"}`}, []string{`MUST linux.resources.unified["../memory.max"]`}},
	{"unified form", []string{"linux resources unified", `{"memory":"1"}`}, []string{"MUST linux.resources.unified.memory"}},
	{"rdt closID", []string{"linux intelRdt closID", `"a/b"`}, []string{"MUST linux.intelRdt.closID"}},
	{"rdt closID dots", []string{"linux intelRdt closID", `".."`}, []string{"MUST linux.intelRdt.closID"}},
	{"rdt closID of resctrl", []string{"linux intelRdt closID", `"info"`}, []string{"MUST linux.intelRdt.closID"}},
	{"rdt default class", []string{"linux intelRdt closID", `"/"`}, nil},
	{"rdt memory bandwidth", []string{"linux intelRdt memBwSchema", `"L3:0=f"`}, []string{"MUST linux.intelRdt.memBwSchema"}},
	{"rdt L3", []string{"linux intelRdt l3CacheSchema", `"MB:0=f"`}, []string{"SHOULD linux.intelRdt.l3CacheSchema"}},
	{"rdt schemata", []string{"linux intelRdt schemata 0", `"a\nb"`}, []string{"MUST linux.intelRdt.schemata[0]"}},
	{"memory policy empty", []string{"linux memoryPolicy", "{}"}, []string{`MUST linux.memoryPolicy.mode invalid memory policy mode ""`}},
	{"memory policy mode", []string{"linux memoryPolicy mode", `"MPOL_FOO"`}, []string{"MUST linux.memoryPolicy.mode invalid memory policy mode"}},
	{"memory policy flag", []string{"linux memoryPolicy flags", `["badflag"]`}, []string{"MUST linux.memoryPolicy.flags[0] invalid memory policy flag"}},
	{"memory policy nodes", []string{"linux memoryPolicy nodes", `"0-9876543210"`}, []string{"MUST linux.memoryPolicy.nodes invalid memory policy node"}},
	{"memory policy default with nodes", []string{"linux memoryPolicy", `{"mode":"MPOL_DEFAULT","nodes":"0-7"}`}, []string{"MUST linux.memoryPolicy.nodes MPOL_DEFAULT mode requires 0 nodes but got 8"}},
	{"memory policy bind without nodes", []string{"linux memoryPolicy nodes", `""`}, []string{"MUST linux.memoryPolicy.nodes"}},
	{"seccomp default action", []string{"linux seccomp defaultAction", `"ALLOW"`, "linux seccomp defaultErrnoRet", ""}, []string{"MUST linux.seccomp.defaultAction"}},
	{"seccomp empty", []string{"linux seccomp", "{}"}, []string{"WARN linux.seccomp.defaultAction"}},
	{"seccomp default errno", []string{"linux seccomp defaultAction", `"SCMP_ACT_ALLOW"`}, []string{"MUST linux.seccomp.defaultErrnoRet"}},
	{"seccomp default notify", []string{"linux seccomp defaultAction", `"SCMP_ACT_NOTIFY"`, "linux seccomp defaultErrnoRet", ""}, []string{"MUST linux.seccomp.defaultAction SCMP_ACT_NOTIFY cannot be used as default action"}},
	{"seccomp arch", []string{"linux seccomp architectures 0", `"x86_64"`}, []string{"MUST linux.seccomp.architectures[0]"}},
	{"seccomp flag", []string{"linux seccomp flags 0", `"SECCOMP_FILTER_FLAG_NEW_LISTENER"`}, []string{"MUST linux.seccomp.flags[0]"}},
	{"seccomp notify on write", []string{"linux seccomp syscalls 1 names", `["read","write"]`}, []string{"MUST linux.seccomp.syscalls[1].action SCMP_ACT_NOTIFY cannot be used for the write syscall"}},
	{"seccomp notify without listener", []string{"linux seccomp listenerPath", `""`, "linux seccomp listenerMetadata", ""}, []string{"MUST linux.seccomp.listenerPath is required"}},
	{"seccomp listener without notify", []string{"linux seccomp syscalls 1 action", `"SCMP_ACT_ALLOW"`}, nil},
	{"seccomp metadata without path", []string{"linux seccomp syscalls 1 action", `"SCMP_ACT_ALLOW"`, "linux seccomp listenerPath", ""}, []string{"SHOULD linux.seccomp.listenerMetadata"}},
	{"seccomp action", []string{"linux seccomp syscalls 0 action", `"SCMP_ACT_FOO"`}, []string{"MUST linux.seccomp.syscalls[0].action"}},
	{"seccomp errno", []string{"linux seccomp syscalls 0 errnoRet", "1"}, []string{"MUST linux.seccomp.syscalls[0].errnoRet"}},
	{"seccomp names", []string{"linux seccomp syscalls 0 names", "[]"}, []string{"SHOULD linux.seccomp.syscalls[0].names"}},
	{"seccomp name empty", []string{"linux seccomp syscalls 0 names", `[""]`}, []string{"MUST linux.seccomp.syscalls[0].names[0]"}},
	{"seccomp argument", []string{"linux seccomp syscalls 0 args 0 index", "6"}, []string{"MUST linux.seccomp.syscalls[0].args[0].index"}},
	{"seccomp operator", []string{"linux seccomp syscalls 0 args 0 op", `"=="`}, []string{"MUST linux.seccomp.syscalls[0].args[0].op"}},
	{"rootfsPropagation", []string{"linux rootfsPropagation", `"public"`}, []string{"MUST linux.rootfsPropagation"}},
	{"rootfsPropagation recursive", []string{"linux rootfsPropagation", `"rslave"`}, nil},
	{"masked path relative", []string{"linux maskedPaths +", `"proc/x"`}, []string{"MUST linux.maskedPaths[1]"}},
	{"readonly path relative", []string{"linux readonlyPaths 0", `""`}, []string{"MUST linux.readonlyPaths[0]"}},
	{"masked paths on the host", []string{"linux namespaces 4", `{"type":"mount"}`, "linux namespaces", `[{"type":"network"},{"type":"ipc"},{"type":"uts"},{"type":"user"},{"type":"time"}]`}, []string{"MUST linux.maskedPaths needs a mount", "MUST linux.readonlyPaths needs a mount"}},
	{"personality domain", []string{"linux personality domain", `"BSD"`}, []string{"MUST linux.personality.domain"}},
	{"personality flag", []string{"linux personality flags", `["F"]`}, []string{"MUST linux.personality.flags[0]"}},
	{"linux missing", []string{"linux", "", "hostname", "", "domainname", ""}, nil},
	{"linux empty", []string{"linux", "{}", "hostname", "", "domainname", ""}, nil},

	{"several at once", []string{
		"process cwd", `"x"`, "process rlimits 0 type", `"FOO"`, "mounts 1 destination", `""`, "linux resources cpu period", "1",
		"linux seccomp syscalls 0 action", `"FOO"`, "linux namespaces +", `{"type":"foo"}`, "hooks createRuntime 0 path", `"a"`,
	}, []string{
		"MUST mounts[1].destination", "MUST process.cwd", "MUST process.rlimits[0].type", "MUST hooks.createRuntime[0].path",
		"MUST linux.namespaces[8].type", "MUST linux.resources.cpu.period", "MUST linux.seccomp.syscalls[0].action",
	}},
}

func TestValidate_broken(t *testing.T) {
	if p := Validate(edited(t), Options{NeedProcess: true, BundleAbs: "/b"}); p != nil {
		t.Fatalf("base itself:\n%v", p)
	}
	for _, c := range broken {
		t.Run(c.name, func(t *testing.T) {
			got := Validate(edited(t, c.edits...), Options{NeedProcess: true, BundleAbs: "/b"})
			ok := len(got) == len(c.want)
			for i := 0; ok && i < len(got); i++ {
				line := got[i].Level.String() + " " + got[i].Path + " " + got[i].Message
				level, rest, _ := strings.Cut(c.want[i], " ")
				path, message, _ := strings.Cut(rest, " ")
				ok = got[i].Level.String() == level && got[i].Path == path && strings.HasPrefix(line, level+" "+path+" "+message)
				if !strings.Contains(got[i].Chapter, ".md#") && got[i].Chapter != chapterOwn {
					t.Errorf("chapter %q", got[i].Chapter)
				}
			}
			if !ok {
				t.Errorf("want %q\ngot\n%v", c.want, got)
			}
		})
	}
}

func TestValidate_options(t *testing.T) {
	s := edited(t, "process", "")
	if p := Validate(s, Options{}); p.Err() != nil {
		t.Errorf("no process needed, but %v", p)
	}
	s = edited(t, "linux namespaces", noUser, "linux uidMappings", "", "linux gidMappings", "")
	if p := Validate(s, Options{Rootless: true}); len(p) != 1 || p[0].Path != "linux.namespaces" || p.Err() == nil {
		t.Errorf("rootless without a user namespace: %v", p)
	}
	s = edited(t, "mounts 2 options +", `"gid=10"`)
	if p := Validate(s, Options{Rootless: true}); len(p) != 1 || p[0].Path != "mounts[2].options[2]" {
		t.Errorf("rootless with an unmapped gid: %v", p)
	}
	if p := Validate(s, Options{}); p != nil {
		t.Errorf("as root with an unmapped gid: %v", p)
	}
}

func TestValidateParts(t *testing.T) {
	p := ValidateProcess(&specs.Process{Args: []string{"a"}, Cwd: "x", User: specs.User{UID: 7}})
	if len(p) != 1 || p[0].Path != "process.cwd" {
		t.Errorf("ValidateProcess: %v", p)
	}
	swap, period := int64(10), uint64(1)
	r := &specs.LinuxResources{Memory: &specs.LinuxMemory{Swap: &swap}, CPU: &specs.LinuxCPU{Period: &period}}
	if p := ValidateResources(r); len(p) != 1 || p[0].Path != "linux.resources.cpu.period" {
		t.Errorf("ValidateResources: %v", p)
	}
}

func TestSysctlPath(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"net.ipv4.ip_forward", "net/ipv4/ip_forward"},
		{"net/ipv4/ip_forward", "net/ipv4/ip_forward"},
		{"net.ipv4.conf.eth0/1.mtu", "net/ipv4/conf/eth0.1/mtu"},
		{"net/ipv4/conf/eth0.1/mtu", "net/ipv4/conf/eth0.1/mtu"},
		{"", ""}, {"net", ""}, {".", ""}, {"/net/x", ""}, {"net..x", ""}, {"net/../x", ""}, {"net.//.x", ""}, {"net.x.", ""}, {"net/./x", ""},
	} {
		got, ok := SysctlPath(c.name)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%q: want %q, got %q %v", c.name, c.want, got, ok)
		}
	}
}

func TestProblems_text(t *testing.T) {
	p := Problems{
		{Path: "a.b", Level: Must, Chapter: "config.md#x", Message: "is bad"},
		{Path: "c", Level: Warn, Message: "is odd"},
	}
	const want = "a.b: is bad (config.md#x)\nc: is odd [WARN]"
	if p.Error() != want || p.Err() == nil || len(p.Err().(Problems)) != 1 {
		t.Errorf("got %q, %v", p.Error(), p.Err())
	}
	if q := p[1:]; q.Err() != nil {
		t.Error("a warning is taken as fatal")
	}
}
