package integration

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Configs that the specification allows, and this host, or the kernel, refuses: some of them when half of the container
// is there. What is left out of the line is what the kernel says to it.
func TestRefusals_of_the_host(t *testing.T) {
	requires(t, "rt:rung")
	w := newWard(t)
	base := readFile(t, repository+"/tests/check/base.json")
	// What some of the configs name.
	writeFile(t, w.Rootfs+"/file", "x")
	writeFile(t, w.Dir+"/plain", "x")
	mkdir(t, w.Rootfs+"/data", 0o755)
	closedSocket(t, w.Dir+"/closed")
	for _, link := range [][2]string{{"loop", "/loop"}, {"/etc", "/mnt/link"}} {
		if err := os.Symlink(link[0], w.Rootfs+link[1]); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range badOnHost {
		t.Run(c.name, func(t *testing.T) {
			requires(t, c.needs...)
			set, remove := values{"linux.cgroupsPath": "/{id}"}, []string{}
			for path, v := range c.set {
				set[path] = v
			}
			writeFile(t, w.Dir+"/config.json", w.fill(patch(t, base, set, remove)))
			args := append([]string{"create", "--bundle", "{bundle}"}, c.options...)
			w.refuse(t, refusal{args: append(args, "{id}"), want: "create {id}: " + c.want})
		})
	}
}

var badOnHost = []struct {
	name    string
	needs   []string // words of requires
	set     values
	options []string // of create
	want    string
}{
	// files of the bundle
	{"no root file system", nil, values{"root.path": "none"}, nil, `root.path ({bundle}/none): open the root: no such file or directory (ENOENT)`},
	{"a root file system that is a file", nil, values{"root.path": "plain"}, nil, `root.path ({bundle}/plain): open the root: not a directory (ENOTDIR)`},
	{"a root file system above", nil, values{"root.path": "../none"}, nil, `root.path ({above}/none): open the root: no such file or directory (ENOENT)`},
	// the program
	{"no program", nil, values{"process.args": list{"/none"}}, nil, `process.args[0]: exec: "/none": no such file or directory (ENOENT)`},
	{"no program in PATH", nil, values{"process.args": list{"none"}}, nil, `process.args[0]: exec: "none": executable file not found in $PATH: no such file or directory (ENOENT)`},
	{"an empty program", nil, values{"process.args": list{""}}, nil, `process.args[0]: exec: "": executable file not found in $PATH: no such file or directory (ENOENT)`},
	{"a directory for a program", nil, values{"process.args": list{"/etc"}}, nil, `process.args[0]: exec: "/etc": is a directory: permission denied (EACCES)`},
	{"a text for a program", nil, values{"process.args": list{"/etc/passwd"}}, nil, `process.args[0]: exec: "/etc/passwd": permission denied (EACCES)`},
	{"a loop for a program", nil, values{"process.args": list{"/loop"}}, nil, `process.args[0]: exec: "/loop": too many levels of symbolic links (ELOOP)`},
	{"a working directory that is a file", nil, values{"process.cwd": "/etc/passwd"}, nil, `process.cwd: chdir to /etc/passwd: not a directory (ENOTDIR)`},
	// mounts
	{"no such kind of file system", nil, values{"mounts[1].type": "nonsensefs"}, nil, `mounts[1] (/data): file system type of mount nonsensefs: no such device (ENODEV)`},
	{"no such option of a file system", nil, values{"mounts[1].options": list{"size=large"}}, nil, `mounts[1] (/data): option of mount tmpfs: tmpfs: Bad value for 'size': invalid argument (EINVAL)`},
	{"no source of a bind mount", nil, values{"mounts[1]": object{"destination": "/data", "source": "/no/such", "options": list{"bind"}}}, nil, `mounts[1] (/data): open the source of bind /no/such: no such file or directory (ENOENT)`},
	{"a relative source that is not there", nil, values{"mounts[1]": object{"destination": "/data", "source": "none", "options": list{"rbind", "ro"}}}, nil, `mounts[1] (/data): open the source of bind {bundle}/none: no such file or directory (ENOENT)`},
	{"a directory bound on a file", nil, values{"mounts[1]": object{"destination": "/file", "source": "/tmp", "options": list{"bind"}}}, nil, `mounts[1] (/file): bind /tmp: not a directory (ENOTDIR)`},
	{"a file bound on a directory", nil, values{"mounts[1]": object{"destination": "/data", "source": "{bundle}/plain", "options": list{"bind"}}}, nil, `mounts[1] (/data): bind {bundle}/plain: not a directory (ENOTDIR)`},
	{"a mount below a file", nil, values{"mounts[1].destination": "/file/x"}, nil, `mounts[1] (/file/x): make the target /file/x: not a directory (ENOTDIR)`},
	{"a mount in a loop", nil, values{"mounts[1].destination": "/loop/x"}, nil, `mounts[1] (/loop/x): make the target /loop/x: too many levels of symbolic links (ELOOP)`},
	{"an overlay without its layers", []string{"overlay", "kernel:6.5"}, values{"mounts[1]": object{"destination": "/data", "type": "overlay", "source": "overlay", "options": list{"lowerdir=/no/such"}}}, nil, `mounts[1] (/data): option of mount overlay: lowerdir=/no/such: no such file or directory (ENOENT)`}, // older ones look at the layers only when they mount them
	// namespaces
	{"no such namespace", nil, values{"linux.namespaces[2].path": "/no/such"}, nil, `linux.namespaces[2]: open /no/such: no such file or directory`},
	{"a namespace that is a file", nil, values{"linux.namespaces[2].path": "/etc/passwd"}, nil, `linux.namespaces[2]: /etc/passwd is not a namespace of type network: inappropriate ioctl for device`},
	{"a namespace of another kind", nil, values{"linux.namespaces[2].path": "/proc/self/ns/uts"}, nil, `linux.namespaces[2]: /proc/self/ns/uts is not a namespace of type network: invalid argument`},
	{"the user namespace of the caller", nil, values{"linux.namespaces[2]": object{"type": "user", "path": "/proc/self/ns/user"}}, nil, `invalid configuration: linux.namespaces[2].path: "/proc/self/ns/user" is the host's user namespace, which cannot be joined (setns(2)) (config-linux.md#namespaces)`},
	// hooks
	{"no such hook", nil, values{"hooks": object{"createRuntime": list{object{"path": "/no/such"}}}}, nil, `hooks.createRuntime[0]: error running createRuntime hook #0: /no/such: execve: no such file or directory`},
	{"a hook that is a directory", nil, values{"hooks": object{"prestart": list{object{"path": "/etc"}}}}, nil, `hooks.prestart[0]: error running prestart hook #0: /etc: execve: permission denied`},
	{"the second hook fails", nil, values{"hooks": object{"createRuntime": list{object{"path": "/bin/true"}, object{"path": "/bin/false"}}}}, nil, `hooks.createRuntime[1]: error running createRuntime hook #1: /bin/false: exit status 1 after {time}`},
	{"a hook that complains", nil, values{"hooks": object{"createRuntime": list{object{"path": "/bin/sh", "args": list{"sh", "-c", "echo no room >&2; exit 3"}}}}}, nil, `hooks.createRuntime[0]: error running createRuntime hook #0: /bin/sh: exit status 3 after {time}: no room`},
	{"a hook that takes its time", nil, values{"hooks": object{"createRuntime": list{object{"path": "/bin/sleep", "args": list{"sleep", "100"}, "timeout": 1}}}}, nil, `hooks.createRuntime[0]: error running createRuntime hook #0: /bin/sleep: timed out after {time}`},
	{"no such hook in the container", nil, values{"hooks": object{"createContainer": list{object{"path": "/no/such"}}}}, nil, `hooks.createContainer[0]: error running createContainer hook #0: /no/such: exec /no/such: no such file or directory (ENOENT)`},
	// attributes of the process
	{"more files than the kernel has", nil, values{"process.rlimits": list{object{"type": "RLIMIT_NOFILE", "soft": 4294967296, "hard": 4294967296}}}, nil, `process.rlimits[0]: set the resource limit: operation not permitted (EPERM)`},
	// kernel parameters and devices
	{"no such sysctl", nil, values{"linux.sysctl": object{"net.ipv4.nonsense": "1"}}, nil, `linux.sysctl["net.ipv4.nonsense"]: write 1 to /proc/sys/net/ipv4/nonsense: no such file or directory (ENOENT)`},
	{"a sysctl that takes numbers", nil, values{"linux.sysctl": object{"net.ipv4.ip_forward": "perhaps"}}, nil, `linux.sysctl["net.ipv4.ip_forward"]: write perhaps to /proc/sys/net/ipv4/ip_forward: invalid argument (EINVAL)`},
	{"a device below a file", nil, values{"linux.devices": list{object{"path": "/file/x", "type": "c", "major": 1, "minor": 3}}}, nil, `linux.devices[0] (/file/x): make device /file/x: mknod: not a directory (ENOTDIR)`},
	{"no such network device", nil, values{"linux.netDevices": object{"none0": object{}}}, nil, `linux.netDevices.none0: find it in the runtime's network namespace: no such device (ENODEV)`},
	// control groups
	{"a parameter of no controller", []string{"cgroupv1"}, values{"linux.resources": object{"unified": object{"no.such": "1"}}}, nil, `linux.resources.unified: invalid configuration: this host has its controllers on cgroup v1`},
	{"no such cpu", []string{"v1:cpuset"}, values{"linux.resources": object{"cpu": object{"cpus": "4000"}}}, nil, `linux.resources.cpu.cpus: write "4000" to /sys/fs/cgroup/cpuset/{id}/cpuset.cpus: numerical result out of range (ERANGE)`},
	{"no such size of huge pages", []string{"hybrid"}, values{"linux.resources": object{"hugepageLimits": list{object{"pageSize": "3MB", "limit": 1}}}}, nil, `linux.resources.hugepageLimits[0]: write "1" to /sys/fs/cgroup/unified/{id}/hugetlb.3MB.max: no such file or directory (ENOENT)`},
	{"a class of service without resctrl", []string{"without:resctrl"}, values{"linux.intelRdt": object{"closID": "gold", "l3CacheSchema": "L3:0=f"}}, nil, `linux.intelRdt: no resctrl file system is mounted (mount -t resctrl resctrl /sys/fs/resctrl): the processor, or the kernel, may be without resource director technology`},
	// terminals
	{"a terminal for nobody", nil, values{"process.terminal": true}, nil, `process.terminal needs a console socket: the runtime does not stay to hold the terminal`},
	{"a console socket for no terminal", nil, values{"process.terminal": false}, []string{"--console-socket", "{bundle}/plain"}, `a console socket is given, and process.terminal is false`},
	{"no such console socket", nil, values{"process.terminal": true}, []string{"--console-socket", "{bundle}/none"}, `hand over the terminal: connect {bundle}/none: no such file or directory`},
	{"a console socket that is a file", nil, values{"process.terminal": true}, []string{"--console-socket", "{bundle}/plain"}, `hand over the terminal: connect {bundle}/plain: connection refused`},
	{"a console socket that is closed", nil, values{"process.terminal": true}, []string{"--console-socket", "{bundle}/closed"}, `hand over the terminal: connect {bundle}/closed: connection refused`},
	{"a console socket with a long name", nil, values{"process.terminal": true}, []string{"--console-socket", "/" + strings.Repeat("s", 120)}, `hand over the terminal: connect /ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss: no such file or directory`},
	// files of the caller
	{"a pid file nowhere", nil, nil, []string{"--pid-file", "{bundle}/none/pid"}, `write the pid file {bundle}/none/pid: no such file or directory`},
	{"a pid file that is a directory", nil, nil, []string{"--pid-file", "{bundle}/rootfs"}, `write the pid file {bundle}/rootfs: is a directory`},
	{"a pid file that is a device", nil, nil, []string{"--pid-file", "/dev/null"}, `write the pid file /dev/null: it is a character device, not a regular file`},
	{"a pid file that is a link", nil, nil, []string{"--pid-file", "/proc/self"}, `write the pid file /proc/self: it is a symbolic link, and those are not followed here`},
	{"a pidfd socket nowhere", nil, nil, []string{"--pidfd-socket", "{bundle}/none"}, `hand over the pidfd: connect {bundle}/none: no such file or directory`},
}

// closedSocket leaves a socket file behind that nobody listens on.
func closedSocket(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
}

// The configs that tests/check has for the command check: each names the field, and leaves nothing.
func TestRefusals_of_what_check_finds(t *testing.T) {
	requires(t, "rt:rung")
	base := readFile(t, repository+"/tests/check/base.json")
	files, err := filepath.Glob(repository + "/tests/check/broken/*.json")
	if err != nil || len(files) < 100 {
		t.Fatalf("%d broken configs, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			var c broken
			if err := json.Unmarshal([]byte(readFile(t, file)), &c); err != nil {
				t.Fatal(err)
			}
			c.requires(t)
			w := newWard(t)
			c.write(w.bundle, base)
			mkdir(t, w.Rootfs+"/data", 0o755) // the base mounts something there: what has been mounted on stays
			name := filepath.Base(t.Name())
			naming := namedOtherwise[name]
			for _, p := range c.Want {
				if p.Fatal && naming == "" && !strings.HasPrefix(p.Path, "hooks.post") {
					naming = p.Path
					if i := strings.LastIndexByte(naming, '.'); i > 0 && strings.HasSuffix(naming[:i], "]") {
						naming = naming[:i] // steps are of "mounts[1] (/data)"
					}
				}
			}
			if naming == "" {
				return // nothing that a run is refused for
			}
			w.refuse(t, refusal{args: []string{"run", "--bundle", "{bundle}", "{id}"}, naming: naming})
		})
	}
}

// namedOtherwise is what the line names of a config that the kernel refuses for another reason than the check.
var namedOtherwise = map[string]string{
	"args-crlf":           "exec /bin/script: no such file or directory",
	"args-foreign":        "exec /bin/foreign: exec format error",
	"args-interpreter":    "exec /bin/script: no such file or directory",
	"args-no-format":      "exec /bin/empty: exec format error",
	"memory-policy-nodes": "linux.memoryPolicy: set the memory policy: invalid argument (EINVAL)",
	"rlimit-above":        "RLIMIT_NOFILE",
}
