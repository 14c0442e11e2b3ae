package libcontainer

// Codes of Error, and of the log. They are stable: scripts may rely on them.
// Codes lists them, with their meaning.
const (
	CodeUsage      = "usage"      // the command line
	CodeBundle     = "bundle"     // the bundle or its config cannot be read
	CodeConfig     = "config"     // the config breaks a MUST of the specification
	CodeNotExist   = "not-exist"  // no such container
	CodeExist      = "exist"      // the id is taken
	CodeState      = "state"      // not possible in the container's present status
	CodeDied       = "died"       // the container's process ended before it was started
	CodeNamespace  = "namespace"  // a namespace cannot be made or joined
	CodeIDMap      = "idmap"      // ids of a user namespace cannot be mapped
	CodeMount      = "mount"      // a mount, the root, a masked path
	CodeDevice     = "device"     // a device node
	CodeNetwork    = "network"    // a network device
	CodeCgroup     = "cgroup"     // a control group or limit
	CodeRdt        = "rdt"        // a class of service of resctrl
	CodeSysctl     = "sysctl"     // a kernel parameter
	CodeProcess    = "process"    // an attribute of the process
	CodePrivilege  = "privilege"  // its user, groups or capabilities
	CodeLSM        = "lsm"        // its AppArmor profile or SELinux label
	CodeLandlock   = "landlock"   // Landlock
	CodeSeccomp    = "seccomp"    // its filter, or the agent of it
	CodeTerminal   = "terminal"   // its terminal
	CodeExec       = "exec"       // the program cannot be executed
	CodeHook       = "hook"       // a hook failed
	CodeInterrupt  = "interrupt"  // a signal ended the operation
	CodeCriu       = "criu"       // a checkpoint or restore
	CodePermission = "permission" // the caller lacks a privilege
	CodeSystem     = "system"     // anything else that the system refused
)

// Code is an entry of the catalogue of errors: docs/errors.md is written from it.
type Code struct {
	Code    string
	Meaning string // a sentence without its full stop
	Cause   string // what it comes from, most often
	Example string // a line as rung prints it: a test causes it
	Remedy  string // what to do; the hint, where nothing is known that is nearer
}

// Codes is the catalogue of errors, in the order in which a create meets them.
func Codes() []Code {
	return catalogue[:]
}

// remedy is what a hint says of a code when nothing nearer is known.
func remedy(code string) string {
	for i := range catalogue {
		if catalogue[i].Code == code {
			return catalogue[i].Remedy
		}
	}
	return ""
}

var catalogue = [...]Code{
	{
		CodeUsage, "The command line cannot be understood",
		"An option or command that does not exist, a value of the wrong kind, an id with characters that are not allowed in one",
		`rung: create: unknown option --wings`,
		"rung COMMAND --help lists options and arguments",
	},
	{
		CodeBundle, "The bundle, or its config, cannot be read",
		"A wrong --bundle or --config, or a bundle that was not finished",
		`rung: create web: open /srv/web/nothing/config.json: no such file or directory`,
		"see that --bundle is a directory with a config.json that the caller may read; rung spec writes one",
	},
	{
		CodeConfig, "The config breaks a MUST of the specification, or is not JSON",
		"A value of the wrong type, a path that is not absolute, fields that contradict each other. All of them are told at once",
		`rung: create web: invalid configuration: process.cwd: "srv" must be an absolute path (config.md#process)`,
		"rung check --bundle DIR says what is wrong with each field, and which chapter has the rule",
	},
	{
		CodeNotExist, "There is no container of that id",
		"It was deleted, its create failed, or it is below another --root",
		`rung: start web: container does not exist: web`,
		"rung list shows the containers below --root; each user, and each --root, has its own",
	},
	{
		CodeExist, "The id is taken",
		"A container of that id is there already, stopped maybe",
		`rung: create web: container with given ID already exists: web`,
		"choose another id, or rung delete the container that has it",
	},
	{
		CodeState, "This cannot be done in the container's present status",
		"start of a container that runs already, exec in one that is paused or has stopped, delete of one that runs",
		`rung: start web: cannot start a container in the running state: container is running`,
		"rung state prints the status; the lifecycle is in runtime.md of the specification",
	},
	{
		CodeDied, "The container's process ended before its program was started",
		"It was killed, by its memory limit for instance, between create and start, or while it was made",
		`rung: start web: cannot start a container that has stopped (its process was killed by SIGKILL): container not running`,
		"delete the container, and create it again; the message says how it ended where that can still be told",
	},
	{
		CodeNamespace, "A namespace cannot be made or joined",
		"The path of a namespace that is gone, or of another kind; a limit in /proc/sys/user; user namespaces that the host forbids",
		`rung: create web: linux.namespaces[5]: open /run/netns/gone: no such file or directory`,
		"rung check says which entries of linux.namespaces this host and this caller cannot have",
	},
	{
		CodeIDMap, "Ids of a user namespace cannot be mapped",
		"Ids that the caller may not map (/etc/subuid, /etc/subgid), or a joined user namespace that maps others than the config says",
		`rung: create web: linux.uidMappings: map ids 0:100000:1000 (in the container:on the host:how many), and it has 0:100000:65536: the user namespace that is joined has other maps`,
		"ranges must not overlap; an ordinary user needs newuidmap(1) and entries in /etc/subuid and /etc/subgid",
	},
	{
		CodeMount, "A mount, the root file system or a masked path cannot be made",
		"A source that is missing, a file system that the kernel does not have, options that it does not take, flags that are locked in a user namespace",
		`rung: create web: mounts[6] (/mnt): file system type of mount nonsensefs: no such device (ENODEV)`,
		"the path in front is the entry of the config; rung check looks whether source, target and file system are there",
	},
	{
		CodeDevice, "A device node cannot be made",
		"Something else is at its path, or the caller may not make nodes and the host has none to bind",
		`rung: create web: linux.devices[0] (/mnt/file/odd): make device /mnt/file/odd: mknod: not a directory (ENOTDIR)`,
		"in a user namespace a node is bound from the host, which must have the same one at that path",
	},
	{
		CodeNetwork, "A network device cannot be moved into the container",
		"A device that the runtime's network namespace does not have, or whose name is taken in the container's",
		`rung: create web: linux.netDevices.gone: find it in the runtime's network namespace: no such device (ENODEV)`,
		"ip link, in the runtime's network namespace, lists what can be moved",
	},
	{
		CodeCgroup, "A control group cannot be made, or a limit cannot be set",
		"A controller that is missing or not delegated, a value that the kernel refuses, a group that is in use",
		`rung: create web: linux.resources.unified["cgroup.freeze"]: write "cold" to /sys/fs/cgroup/web/cgroup.freeze: invalid argument (EINVAL)`,
		"rung features tells the controllers (org.rung-oci.host.cgroup.*); rung check tells which of them a bundle misses",
	},
	{
		CodeRdt, "A class of service of resctrl cannot be made or used",
		"resctrl is not mounted, the processor has none, or the schema is not one of it",
		`rung: create web: linux.intelRdt: no resctrl file system is mounted (mount -t resctrl resctrl /sys/fs/resctrl): the processor, or the kernel, may be without resource director technology`,
		"mount -t resctrl resctrl /sys/fs/resctrl, where the processor can do it (rung features: org.rung-oci.host.resctrl)",
	},
	{
		CodeSysctl, "A kernel parameter cannot be set",
		"A parameter that this kernel does not have, or a value that it refuses",
		`rung: create web: linux.sysctl["net.ipv4.nonsense"]: write 1 to /proc/sys/net/ipv4/nonsense: no such file or directory (ENOENT)`,
		"sysctl -a, in namespaces of the container's kinds, lists what there is",
	},
	{
		CodeProcess, "An attribute of the container's process cannot be set",
		"A resource limit above the caller's, a scheduling policy that it may not give, a working directory that cannot be had",
		`rung: create web: process.cwd: chdir to /etc/passwd: not a directory (ENOTDIR)`,
		"rung check says which attributes of the process this host and this caller cannot give",
	},
	{
		CodePrivilege, "The user, the groups or the capabilities of the process cannot be set",
		"Capabilities that the runtime lacks itself, ids that its user namespace does not map",
		`rung: create web: process.user: change the user: groups: invalid argument (EINVAL)`,
		"the runtime can give what it has: rung features lists what it lacks (org.rung-oci.host.capabilities.missing); ids must be mapped by linux.uidMappings and gidMappings",
	},
	{
		CodeLSM, "The AppArmor profile or SELinux label cannot be set",
		"A profile that is not loaded, a label that the policy does not know",
		`rung: create web: process.apparmorProfile: write exec gone to /proc/self/attr/apparmor/exec: no such file or directory (ENOENT)`,
		"aa-status lists loaded AppArmor profiles, apparmor_parser -r loads one; seinfo -t lists SELinux types",
	},
	{
		CodeLandlock, "Landlock's rules cannot be put in force",
		"A path of a rule that is missing or a symlink, a kernel without Landlock",
		`rung: create web: annotations["org.rung-oci.landlock.fs"] (/gone): allow /gone: no such file or directory (ENOENT)`,
		"docs/annotations.md has the rules' form; a path with try in front of it may be missing",
	},
	{
		CodeSeccomp, "The seccomp filter cannot be loaded, or its agent not be reached",
		"An agent that does not listen at listenerPath, a filter that the kernel refuses",
		`rung: run web: linux.seccomp.listenerPath: failed to connect with seccomp agent /srv/gone: connect /srv/gone: no such file or directory`,
		"see that the agent runs and that its socket is at linux.seccomp.listenerPath",
	},
	{
		CodeTerminal, "The terminal cannot be made or handed over",
		"process.terminal without --console-socket, or a socket that nobody listens at",
		`rung: create web: process.terminal needs a console socket: the runtime does not stay to hold the terminal`,
		"give --console-socket with create, run --detach and exec --detach, or set process.terminal to false",
	},
	{
		CodeExec, "The program cannot be executed",
		"It is not in the container's PATH or root file system, is not executable, is for another processor, or its interpreter is missing",
		`rung: create web: process.args[0]: exec: "gone": executable file not found in $PATH: no such file or directory (ENOENT)`,
		"process.args[0] is looked up in the container's PATH, inside its root file system; rung check says what is missing",
	},
	{
		CodeHook, "A hook failed",
		"It ended with another status than 0, took longer than its timeout, or could not be started. What it printed is in the message",
		`rung: create web: hooks.createRuntime[0]: error running createRuntime hook #0: /usr/bin/hook: exit status 3 after 2ms: no network`,
		"run it by hand, with the container's state (rung state) on its standard input; rung --trace keeps its whole output",
	},
	{
		CodeInterrupt, "A signal ended the operation",
		"SIGTERM, SIGINT or SIGHUP came before the container's process ran, or while rung waited. Everything is undone, and rung ends by the signal",
		`rung: run web: hooks.createRuntime[0]: error running createRuntime hook #0: /usr/bin/hook: interrupted by SIGTERM`,
		"nothing, if you sent the signal; else the container's engine had a timeout: rung --trace shows what took the time",
	},
	{
		CodeCriu, "A checkpoint or restore failed",
		"criu is missing or too old, the kernel lacks something, or the container has what cannot be dumped",
		`rung: checkpoint web: only a container whose process was started can be checkpointed`,
		"criu check tells what the kernel lacks; its log, in the work directory, tells why a dump failed",
	},
	{
		CodePermission, "The caller lacks a privilege",
		"A directory that is not the caller's, or an operation for root alone",
		`rung: state web: open /run/rung/web: permission denied`,
		"run rung as the container's owner; --root names a directory that the caller may write to",
	},
	{
		CodeSystem, "Something else that the system refused",
		"A full disk, a file that is not there, a descriptor that was not handed over",
		`rung: create web: write the pid file /nonexistent/pid: no such file or directory`,
		"the message has the file or call, and errno(3) its reason",
	},
}
