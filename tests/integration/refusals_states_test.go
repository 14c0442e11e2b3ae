package integration

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Commands for containers that are not in a state for them, or not there; and what running ones are asked in vain.
func TestRefusals_of_states(t *testing.T) {
	requires(t, "rt:rung")
	w := newWard(t)
	created := w.bundle
	running, paused, stopped := created.another(), created.another(), created.another()
	for _, b := range []*bundle{created, running, paused, stopped} {
		b.Spec.Process.Args = []string{"/probe", "--until-term"}
		b.Spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(64 << 20))}
		if lacking("ctrl:memory") != nil {
			b.Spec.Linux.Resources.Memory = nil
		}
	}
	created.create()
	running.runDetached()
	paused.runDetached()
	paused.must("pause", paused.ID)
	c := stopped.runDetached()
	stopped.must("kill", stopped.ID, "KILL")
	c.wait()
	w.words = []string{"{created}", created.ID, "{running}", running.ID, "{paused}", paused.ID, "{stopped}", stopped.ID, "{none}", created.ID + "-none"}

	large := filepath.Join(w.Dir, "large")
	writeFile(t, large, "")
	if err := os.Truncate(large, 100<<20); err != nil {
		t.Fatal(err)
	}
	for name, text := range badFiles {
		writeFile(t, filepath.Join(w.Dir, name), text)
	}
	for _, c := range badStates {
		t.Run(c.name, func(t *testing.T) {
			requires(t, c.needs...)
			w.refuse(t, refusal{args: c.args, want: c.want, exit: exitOf(c.args)})
		})
	}
	// They are what they were.
	for _, c := range []struct {
		b      *bundle
		status string
	}{{created, "created"}, {running, "running"}, {paused, "paused"}, {stopped, "stopped"}} {
		c.b.wantStatus(c.status)
	}
	paused.must("resume", paused.ID)
	for _, b := range []*bundle{running, paused} {
		pid := b.state().Pid
		b.must("kill", b.ID, "KILL")
		want(t, "exit status of "+b.ID, waitChild(t, pid), 128+int(unix.SIGKILL))
	}
}

// badFiles are files for exec --process and update --resources.
var badFiles = map[string]string{
	"empty":        "",
	"cut":          `{"args": ["/probe"`,
	"array":        "[]",
	"types":        `{"args": "/probe", "cwd": 1}`,
	"no-args":      `{"cwd": "/"}`,
	"no-cwd":       `{"args": ["/probe"]}`,
	"two-problems": `{"args": ["/probe"], "cwd": "x", "rlimits": [{"type": "RLIMIT_HOPE", "soft": 1, "hard": 1}]}`,
	"swap":         `{"memory": {"limit": 100, "swap": 50}}`,
	"two-limits":   `{"cpu": {"idle": 9, "period": 1}}`,
	"limit-type":   `{"memory": {"limit": "1G"}}`,
	"rules":        `{"devices": [{"allow": true, "type": "z", "access": "q"}]}`,
}

var badStates = []struct {
	name  string
	needs []string // words of requires
	args  []string
	want  string
}{
	// not there
	{"state of none", nil, []string{"state", "{none}"}, `state {none}: container does not exist: {none}`},
	{"start none", nil, []string{"start", "{none}"}, `start {none}: container does not exist: {none}`},
	{"exec in none", nil, []string{"exec", "{none}", "/probe"}, `exec {none}: container does not exist: {none}`},
	{"kill none", nil, []string{"kill", "{none}", "KILL"}, `kill {none}: container does not exist: {none}`},
	{"delete none", nil, []string{"delete", "{none}"}, `delete {none}: container does not exist: {none}`},
	{"pause none", nil, []string{"pause", "{none}"}, `pause {none}: container does not exist: {none}`},
	{"resume none", nil, []string{"resume", "{none}"}, `resume {none}: container does not exist: {none}`},
	{"update none", nil, []string{"update", "--pids-limit", "5", "{none}"}, `update {none}: container does not exist: {none}`},
	{"ps none", nil, []string{"ps", "{none}"}, `ps {none}: container does not exist: {none}`},
	{"events of none", nil, []string{"events", "{none}"}, `events {none}: container does not exist: {none}`},
	{"stats of none", nil, []string{"events", "--stats", "{none}"}, `events {none}: container does not exist: {none}`},
	{"checkpoint none", nil, []string{"checkpoint", "{none}"}, `checkpoint {none}: container does not exist: {none}`},
	// there already
	{"create again", nil, []string{"create", "--bundle", "{bundle}", "{created}"}, `create {created}: container with given ID already exists: {created}`},
	{"create a running one", nil, []string{"create", "--bundle", "{bundle}", "{running}"}, `create {running}: container with given ID already exists: {running}`},
	{"run a running one", nil, []string{"run", "--bundle", "{bundle}", "{running}"}, `run {running}: container with given ID already exists: {running}`},
	{"run a paused one", nil, []string{"run", "--detach", "--bundle", "{bundle}", "{paused}"}, `run {paused}: container with given ID already exists: {paused}`},
	{"run a stopped one", nil, []string{"run", "--bundle", "{bundle}", "{stopped}"}, `run {stopped}: container with given ID already exists: {stopped}`},
	{"restore over another", nil, []string{"restore", "--bundle", "{bundle}", "--image-path", "{bundle}", "{running}"}, `restore {running}: container with given ID already exists: {running}`},
	// in another state
	{"start twice", nil, []string{"start", "{running}"}, `start {running}: cannot start a container in the running state: container is running`},
	{"start a paused one", nil, []string{"start", "{paused}"}, `start {paused}: cannot start a container in the paused state: container is running`},
	{"start a stopped one", nil, []string{"start", "{stopped}"}, `start {stopped}: cannot start a container that has stopped: container not running`},
	{"exec in a stopped one", nil, []string{"exec", "{stopped}", "/probe"}, `exec {stopped}: cannot exec in a stopped container: container not running`},
	{"exec in a paused one", nil, []string{"exec", "{paused}", "/probe"}, `exec {paused}: cannot exec in a paused container (--ignore-paused waits until it is resumed)`},
	{"kill a stopped one", nil, []string{"kill", "{stopped}", "KILL"}, `kill {stopped}: container not running`},
	{"delete a running one", nil, []string{"delete", "{running}"}, `delete {running}: cannot delete container {running} that is not stopped: running: container is running`},
	{"delete a paused one", nil, []string{"delete", "{paused}"}, `delete {paused}: cannot delete container {paused} that is not stopped: paused: container is running`},
	{"pause a stopped one", nil, []string{"pause", "{stopped}"}, `pause {stopped}: cannot pause a container that has stopped: container not running`},
	{"pause twice", nil, []string{"pause", "{paused}"}, `pause {paused}: the container is paused already`},
	{"resume a running one", nil, []string{"resume", "{running}"}, `resume {running}: cannot resume a container in the running state: container not paused`},
	{"resume a created one", nil, []string{"resume", "{created}"}, `resume {created}: cannot resume a container in the created state: container not paused`},
	{"resume a stopped one", nil, []string{"resume", "{stopped}"}, `resume {stopped}: cannot resume a container in the stopped state: container not paused`},
	{"update a stopped one", nil, []string{"update", "--pids-limit", "5", "{stopped}"}, `update {stopped}: cannot update a container that has stopped: container not running`},
	{"events of a stopped one", nil, []string{"events", "--stats", "{stopped}"}, `events {stopped}: the container has stopped: container not running`},
	{"checkpoint a stopped one", nil, []string{"checkpoint", "--image-path", "{bundle}/images", "{stopped}"}, `checkpoint {stopped}: container not running`},
	{"checkpoint a created one", nil, []string{"checkpoint", "--image-path", "{bundle}/images", "{created}"}, `checkpoint {created}: only a container whose process was started can be checkpointed`},
	{"restore of no images", nil, []string{"restore", "--bundle", "{bundle}", "--image-path", "{bundle}/none", "{none}"}, `restore {none}: open {bundle}/none/rung.json: no such file or directory`},
	// what is to be executed in a running one
	{"exec of no program", nil, []string{"exec", "{running}", "/none"}, `exec {running}: process.args[0]: exec: "/none": no such file or directory (ENOENT)`},
	{"exec of no program in PATH", nil, []string{"exec", "{running}", "none"}, `exec {running}: process.args[0]: exec: "none": executable file not found in $PATH: no such file or directory (ENOENT)`},
	{"exec of a directory", nil, []string{"exec", "{running}", "/etc"}, `exec {running}: process.args[0]: exec: "/etc": is a directory: permission denied (EACCES)`},
	{"exec of a text", nil, []string{"exec", "{running}", "/etc/passwd"}, `exec {running}: process.args[0]: exec: "/etc/passwd": permission denied (EACCES)`},
	{"exec in a directory that is a file", nil, []string{"exec", "--cwd", "/etc/passwd", "{running}", "/probe"}, `exec {running}: process.cwd: chdir to /etc/passwd: not a directory (ENOTDIR)`},
	{"exec in a relative directory", nil, []string{"exec", "--cwd", "etc", "{running}", "/probe"}, `exec {running}: invalid configuration: process.cwd: "etc" must be an absolute path (config.md#process)`},
	{"exec above all cgroups", nil, []string{"exec", "--cgroup", "../x", "{running}", "/probe"}, `exec {running}: --cgroup: bad sub cgroup path: "../x" leads out of the container's group`},
	{"exec in no such cgroup", []string{"v1:cpu"}, []string{"exec", "--cgroup", "cpu:/none", "{running}", "/probe"}, `exec {running}: --cgroup: adding pid of the new process to cgroups: join /sys/fs/cgroup/cpu/{running}/none: no such file or directory`},
	{"exec in a cgroup of no controller", []string{"cgroupv1"}, []string{"exec", "--cgroup", "luck:/", "{running}", "/probe"}, `exec {running}: --cgroup: unknown controller "luck": no v1 hierarchy of the container has it`},
	{"exec with a terminal for nobody", nil, []string{"exec", "--tty", "--detach", "{running}", "/probe"}, `exec {running}: process.terminal needs a console socket: the runtime does not stay to hold the terminal`},
	{"exec with a console socket for no terminal", nil, []string{"exec", "--console-socket", "{bundle}/cut", "{running}", "/probe"}, `exec {running}: a console socket is given, and process.terminal is false`},
	{"exec with no such console socket", nil, []string{"exec", "--tty", "--console-socket", "{bundle}/none", "{running}", "/probe"}, `exec {running}: hand over the terminal: connect {bundle}/none: no such file or directory`},
	{"exec with a pid file nowhere", nil, []string{"exec", "--detach", "--pid-file", "{bundle}/none/pid", "{running}", "/probe"}, `exec {running}: write the pid file {bundle}/none/pid: no such file or directory`},
	{"exec of no process file", nil, []string{"exec", "--process", "{bundle}/none", "{running}"}, `exec {running}: open {bundle}/none: no such file or directory`},
	{"exec of a directory for a process file", nil, []string{"exec", "--process", "{bundle}", "{running}"}, `exec {running}: read {bundle}: is a directory`},
	{"exec of an empty process file", nil, []string{"exec", "--process", "{bundle}/empty", "{running}"}, `exec {running}: invalid configuration: {bundle}/empty: line 1, column 1: unexpected end, want an object`},
	{"exec of a process file that is cut", nil, []string{"exec", "--process", "{bundle}/cut", "{running}"}, `exec {running}: invalid configuration: {bundle}/cut: line 1, column 19: args[0]: unexpected end, want ',' or ']'`},
	{"exec of an array", nil, []string{"exec", "--process", "{bundle}/array", "{running}"}, `exec {running}: invalid configuration: {bundle}/array: line 1, column 1: want an object, got an array`},
	{"exec of a process with wrong types", nil, []string{"exec", "--process", "{bundle}/types", "{running}"}, `exec {running}: invalid configuration: {bundle}/types: line 1, column 10: args: want an array, got a string`},
	{"exec of a process without args", nil, []string{"exec", "--process", "{bundle}/no-args", "{running}"}, `exec {running}: process.args: a command is needed`},
	{"exec of a process without cwd", nil, []string{"exec", "--process", "{bundle}/no-cwd", "{running}"}, `exec {running}: invalid configuration: process.cwd: is required (config.md#process)`},
	{"exec of a process with two problems", nil, []string{"exec", "--process", "{bundle}/two-problems", "{running}"}, `exec {running}: invalid configuration: process.cwd: "x" must be an absolute path (config.md#process); process.rlimits[0].type: "RLIMIT_HOPE" is not a resource limit of Linux (getrlimit(2)), as RLIMIT_NOFILE is (config.md#posix-process)`},
	{"exec of a process file that is too large", nil, []string{"exec", "--process", "{bundle}/large", "{running}"}, `exec {running}: read {bundle}/large: larger than 64 MiB`},
	// limits
	{"update with no file", nil, []string{"update", "--resources", "{bundle}/none", "{running}"}, `update: open {bundle}/none: no such file or directory`},
	{"update with a directory", nil, []string{"update", "--resources", "{bundle}", "{running}"}, `update: read {bundle}: is a directory`},
	{"update with an empty file", nil, []string{"update", "--resources", "{bundle}/empty", "{running}"}, `update {running}: invalid configuration: line 1, column 1: unexpected end, want an object`},
	{"update with a cut file", nil, []string{"update", "--resources", "{bundle}/cut", "{running}"}, `update {running}: invalid configuration: line 1, column 19: args[0]: unexpected end, want ',' or ']'`},
	{"update with an array", nil, []string{"update", "--resources", "{bundle}/array", "{running}"}, `update {running}: invalid configuration: line 1, column 1: want an object, got an array`},
	{"update with a wrong type", nil, []string{"update", "--resources", "{bundle}/limit-type", "{running}"}, `update {running}: invalid configuration: line 1, column 22: memory.limit: want an integer, got a string`},
	{"update with two problems", nil, []string{"update", "--resources", "{bundle}/two-limits", "{running}"}, `update {running}: invalid configuration: linux.resources.cpu.period: period of 1 µs is out of range, want 1000 to 1000000 (config-linux.md#cpu); linux.resources.cpu.idle: 9 is neither 0 nor 1 (config-linux.md#cpu)`},
	{"update with device rules", nil, []string{"update", "--resources", "{bundle}/rules", "{running}"}, `update {running}: invalid configuration: linux.resources.devices[0].type: "z" is not a device type; want one of a, c, b (config-linux.md#allowed-device-list); linux.resources.devices[0].access: "q" must be made of r, w and m (config-linux.md#allowed-device-list)`},
	{"update with a file that is too large", nil, []string{"update", "--resources", "{bundle}/large", "{running}"}, `update: read {bundle}/large: larger than 64 MiB`},
	{"update with a device", nil, []string{"update", "--resources", "/dev/zero", "{running}"}, `update: read /dev/zero: larger than 64 MiB`},
	{"update of swap below memory", nil, []string{"update", "--resources", "{bundle}/swap", "{running}"}, `update {running}: invalid configuration: linux.resources.memory.swap: memory+swap limit 50 is below the memory limit 100 (config-linux.md#memory)`},
	{"update to a period too short", nil, []string{"update", "--cpu-period", "1", "{running}"}, `update {running}: invalid configuration: linux.resources.cpu.period: period of 1 µs is out of range, want 1000 to 1000000 (config-linux.md#cpu)`},
	{"update to an idleness of two", nil, []string{"update", "--cpu-idle", "2", "{running}"}, `update {running}: invalid configuration: linux.resources.cpu.idle: 2 is neither 0 nor 1 (config-linux.md#cpu)`},
	{"update to no such cpu", []string{"v1:cpuset"}, []string{"update", "--pids-limit", "77", "--cpu-share", "77", "--cpuset-cpus", "4000", "{running}"}, `update {running}: linux.resources.cpu.cpus: write "4000" to /sys/fs/cgroup/cpuset/{running}/cpuset.cpus: numerical result out of range (ERANGE)`},
	{"update to no list of cpus", nil, []string{"update", "--pids-limit", "77", "--cpuset-cpus", "all", "{running}"}, `update {running}: invalid configuration: linux.resources.cpu.cpus: "all" is not a list of CPUs such as 0-3,7: "all" is not a number or a range (config-linux.md#cpu)`},
	{"update to no such memory node", []string{"v1:cpuset"}, []string{"update", "--pids-limit", "77", "--cpuset-mems", "63", "{paused}"}, `update {paused}: linux.resources.cpu.mems: write "63" to /sys/fs/cgroup/cpuset/{paused}/cpuset.mems: invalid argument (EINVAL)`},
	{"update to a weight beyond the range", nil, []string{"update", "--blkio-weight", "1001", "{created}"}, `update {created}: invalid configuration: linux.resources.blockIO.weight: weight 1001 is out of range, want 10 to 1000 (config-linux.md#block-io)`},
	{"update of a class of service without resctrl", []string{"without:resctrl"}, []string{"update", "--l3-cache-schema", "L3:0=f", "{running}"}, `update {running}: the container was created without linux.intelRdt: it has no class of service to change`},
}
