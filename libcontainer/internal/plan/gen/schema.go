package main

// This file is the one description of the init program: every op kind, its
// typed fields, its flags and the code of its errors. The Go types, the table that
// the encoder and the text printer walk, and the C header are written from it, so that the two sides cannot drift.

// A fieldType says how a field travels: u64, i64 and fd as one number; str as
// one NUL-terminated string; bytes as a counted blob; list as NUL-terminated
// strings one after the other in one blob.
type fieldType string

const (
	tU64   fieldType = "u64"
	tI64   fieldType = "i64"
	tFD    fieldType = "fd"
	tStr   fieldType = "str"
	tBytes fieldType = "bytes"
	tList  fieldType = "list"
)

type field struct {
	name  string
	typ   fieldType
	doc   string
	print string // how the text printer shows a number: "" decimal, "oct", "hex", a flag set's name, "attr", "clone", "ms", "landlock-…"
}

// A code is what an error of the op has as its code: one of libcontainer's Codes. The rows of ops have no
// keys, so that one without a code does not compile.
type code string

const (
	cNamespace code = "namespace"
	cIDMap     code = "idmap"
	cMount     code = "mount"
	cDevice    code = "device"
	cCgroup    code = "cgroup"
	cProcess   code = "process"
	cPrivilege code = "privilege"
	cLandlock  code = "landlock"
	cSeccomp   code = "seccomp"
	cTerminal  code = "terminal"
	cExec      code = "exec"
	cSystem    code = "system" // the runtime's own work, which no field of the config asks for
	cOfField   code = ""       // of the field that the op comes from: see libcontainer's fieldCode
)

type op struct {
	name   string
	code   code
	doc    string // the system calls it becomes, and what must have come before
	fields []field
}

type flag struct{ name, doc string }

type flagSet struct {
	name  string
	doc   string
	flags []flag
}

type enumSet struct {
	name   string
	prefix string // of its values' names
	doc    string
	values []flag
}

var flagSets = []flagSet{
	{"JoinFlag", "JoinFlag modifies Setns.", []flag{
		{"JoinTry", "EPERM is not an error yet: a Setns with JoinRetry for the same descriptor follows once the user namespace is entered."},
		{"JoinRetry", "Join only when the earlier JoinTry for this descriptor was refused."},
	}},
	{"ProcFlag", "ProcFlag modifies ProcWrite.", []flag{
		{"ProcWarnDenied", "EPERM, EACCES and EROFS are a warning: the write is best effort for a runtime without privileges."},
	}},
	{"MountFlag", "MountFlag modifies MountFS and MountBind.", []flag{
		{"MountRecursive", "Bind the whole tree below the source (AT_RECURSIVE)."},
		{"MountStrictDir", "The target must be an ordinary directory on the way there and at its end: no symlink is followed (CVE-2019-19921: /proc, /sys)."},
		{"MountTargetNoFollow", "A symlink at the end of the target is mounted over, not followed."},
		{"MountSourceNoFollow", "A symlink at the end of the source is the source itself."},
		{"MountCopyUp", "Copy what is at the target into the new file system before it covers it (tmpcopyup)."},
		{"MountModeOfTarget", "A new tmpfs takes the mode of the directory that it covers."},
		{"MountLockRetry", "When the kernel refuses to clear flags that are locked in a user namespace, keep the source's flags and try again."},
		{"MountDelegate", "The runtime carries this op out with its own privileges and hands the mount back: at once."},
		{"MountDelegateOnDenied", "The same, after EACCES or EPERM here."},
		{"MountNoCreate", "The target has to exist."},
		{"MountPropagationRecursive", "Propagation applies to the whole tree."},
		{"MountIdmapTree", "The id mapping applies to the whole tree (ridmap)."},
		{"MountReplaceRoot", "The mount becomes the container's new root (a mount whose destination is /)."},
		{"MountCopySymlink", "A source that is a symlink is made anew at the target, where the same one may be already; it is not mounted."},
		{"MountOptional", "ENOENT of the source and ENODEV of the file system type are accepted."},
		{"MountKeepProc", "The mount is the container's /proc: it is held for the ops with NodeInProc."},
		{"MountKeepSys", "The mount is the container's /sys: it is held for the ops with NodeInSys."},
		{"MountHostSys", "Where the kernel refuses a new sysfs (EPERM: the network namespace is not the user namespace's) the host's /sys is bound, read-only, with what is mounted below."},
		{"MountOutside", "Where the kernel refuses what it has locked in the copy of the host's mounts for a user namespace (mount_namespaces(7)), a directory without the mounts below it or other access times, the runtime makes the mount from the host's own: MsgDelegate with DelegateOutside."},
	}},
	{"NodeFlag", "NodeFlag modifies Mknod, Mkdir, Symlink, Mask and ReadonlyPath.", []flag{
		{"NodeExistOK", "Leave what is already there."},
		{"NodeBindOnDenied", "On EPERM bind the host's node of the same path instead, when it is that very device."},
		{"NodeBind", "Always bind the host's node, when it is that very device: user namespaces cannot make nodes."},
		{"NodeDelegate", "Mknod: the runtime makes the node with its own privileges, with the given IDs of the host, and the init mounts it."},
		{"NodeMissingOK", "A path that does not exist is not an error."},
		{"NodeReplace", "Remove a file, link or empty directory that is in the way."},
		{"NodeInProc", "The path begins with /proc, and is looked for in the mount that MountKeepProc held, whatever has its name now."},
		{"NodeInSys", "The same with /sys and MountKeepSys."},
	}},
	{"PivotMode", "PivotMode says how Pivot makes the root.", []flag{
		{"PivotRoot", "pivot_root(2), and the old root detached."},
		{"PivotMove", "Move the mount over / and chroot (--no-pivot)."},
		{"PivotChroot", "chroot(2) only: no mount namespace of our own."},
	}},
	{"ConsoleFlag", "ConsoleFlag modifies Console.", []flag{
		{"ConsoleBindDev", "Bind the terminal on /dev/console."},
		{"ConsoleSize", "Set the window size."},
		{"ConsoleLater", "The terminal becomes the controlling one by a ControllingTerminal."},
		{"ConsoleExisting", "With ConsoleBindDev: only over a /dev/console that is there, and not through a symlink. The directory is the host's."},
	}},
	{"ExecFlag", "ExecFlag modifies FindExec.", []flag{
		{"ExecListenPID", "Add LISTEN_PID=<own pid> to the environment (sd_listen_fds(3))."},
		{"ExecUnasked", "Do not ask whether the file may be executed: the filter, which is loaded, refuses faccessat2(2). execve(2) answers at the start."},
	}},
	{"ChdirFlag", "ChdirFlag modifies Chdir.", []flag{
		{"ChdirRetry", "Only when the first Chdir was denied."},
		{"ChdirMayDefer", "EACCES and ENOENT are left to a later Chdir with ChdirRetry."},
	}},
	{"GateFlag", "GateFlag modifies Gate.", []flag{
		{"GateControl", "The start order comes over the control channel (run): there is no gate file."},
	}},
	{"GroupFlag", "GroupFlag modifies SyncMaps and RootIDs.", []flag{
		{"GroupKeep", "The supplementary groups of the caller stay."},
	}},
	{"LandlockFlag", "LandlockFlag modifies LandlockPath.", []flag{
		{"LandlockTry", "A path that cannot be had is a warning: what no rule allows is denied."},
	}},
	{"SeccompFlag", "SeccompFlag modifies Seccomp.", []flag{
		{"SeccompNotify", "Hand the listener descriptor to the runtime and wait until it has reached the agent."},
		{"SeccompKeep", "Keep the listener for a Listener: the process that the filter is for is not there yet."},
		{"SeccompSend", "With SeccompNotify or SeccompKeep: send the listener itself over the control channel. For a runtime without CAP_SYS_PTRACE, which cannot take it (pidfd_getfd(2)). The filter has to allow sendmsg(2)."},
	}},
	{"HoldFlag", "HoldFlag modifies HoldNamespaces.", []flag{
		{"HoldTell", "Send the descriptors to the runtime, for hooks."},
		{"HoldKeep", "Keep the descriptors until execve(2): a connection to the start gate that sends 'N' gets them."},
	}},
}

var enumSets = []enumSet{
	{"Msg", "Msg", "Msg is the kind of a message on the control channel.", []flag{
		{"MsgNone", "no message."},
		{"MsgFail", "init → runtime: the op failed; errno, step and detail say how. The last message of an init."},
		{"MsgMaps", "init → runtime: a new user namespace waits for its id maps. Answer: MsgGo."},
		{"MsgForked", "init → runtime: arg is the pid of the process that goes on; with its pidfd."},
		{"MsgSync", "init → runtime: arg is the sync point (hooks, cgroup). Answer: MsgGo."},
		{"MsgDelegate", "init → runtime: carry the op out with your privileges. Answer: MsgGo with the mount descriptor, or MsgFail."},
		{"MsgConsole", "init → runtime: the terminal's master descriptor."},
		{"MsgNotify", "init → runtime: arg is the number of the seccomp listener in the init; with the listener itself where the op has SeccompSend. Answer: MsgGo."},
		{"MsgReady", "init → runtime: everything but the start is done. Answer: MsgGo (wait at the gate) or MsgStart."},
		{"MsgExec", "init → runtime: execve comes next; the end of the channel then means success."},
		{"MsgFD", "a delegate → runtime: the descriptor that the op made."},
		{"MsgTimes", "init → runtime: when the ops from the given index on ended, ns of CLOCK_MONOTONIC as u64 each; arg is when the first began. Only of a timed program."},
		{"MsgWarn", "init → runtime: something optional was left out; errno, step and detail say what."},
		{"MsgGo", "runtime → init: go on."},
		{"MsgStart", "runtime → init: run the process."},
		{"MsgNamespace", "init → runtime, or who asks at the gate: a descriptor of the namespace with the CLONE_NEW* bit arg; of the container's root directory with 0."},
	}},
	{"SyncPoint", "Sync", "SyncPoint names why the init waits.", []flag{
		{"SyncCgroup", "the control groups are made and may be joined."},
		{"SyncHooks", "the mounts are in place, the root is not yet changed: prestart, createRuntime and createContainer hooks."},
		{"SyncNetwork", "the network namespace is there: devices may be moved into it."},
	}},
	{"Delegation", "Delegate", "Delegation says, in the argument of a MsgDelegate, where the runtime carries the op out.", []flag{
		{"DelegateInside", "in the init's mount namespace."},
		{"DelegateOutside", "in the runtime's: only for an op with MountOutside."},
	}},
	{"InitStep", "Step", "InitStep is the system call, or the part of an op, that failed.", []flag{
		{"StepOp", "the op as a whole."},
		{"StepOpen", "open."},
		{"StepWrite", "write."},
		{"StepRead", "read."},
		{"StepStat", "stat."},
		{"StepTarget", "find or make the target below the root."},
		{"StepSource", "open the source."},
		{"StepFsopen", "fsopen: the file system type."},
		{"StepFsconfig", "fsconfig: an option; detail names it."},
		{"StepFscreate", "fsconfig create: the file system itself."},
		{"StepFsmount", "fsmount."},
		{"StepOpenTree", "open_tree."},
		{"StepMoveMount", "move_mount."},
		{"StepSetattr", "mount_setattr: flags."},
		{"StepPropagation", "mount_setattr: propagation."},
		{"StepIdmap", "mount_setattr: id mapping."},
		{"StepCopyUp", "copy the covered directory."},
		{"StepMkdir", "mkdir."},
		{"StepMknod", "mknod."},
		{"StepSymlink", "symlink."},
		{"StepUnlink", "unlink."},
		{"StepChown", "chown."},
		{"StepChmod", "chmod."},
		{"StepVerify", "the file found is not what it must be."},
		{"StepSocket", "socket."},
		{"StepIoctl", "ioctl."},
		{"StepReceive", "receive from the runtime."},
		{"StepChdir", "chdir."},
		{"StepChroot", "chroot."},
		{"StepPivot", "pivot_root."},
		{"StepUmount", "umount."},
		{"StepFork", "clone."},
		{"StepKeyring", "keyctl."},
		{"StepBounding", "drop from the bounding set."},
		{"StepCapset", "capset."},
		{"StepAmbient", "raise the ambient set."},
		{"StepGroups", "setgroups."},
		{"StepGID", "setresgid."},
		{"StepUID", "setresuid."},
		{"StepPrctl", "prctl."},
		{"StepExec", "execve."},
		{"StepDecode", "decode the program."},
		{"StepDelegate", "the runtime's own attempt."},
		{"StepMount", "mount."},
	}},
}

var ops = []op{
	{"Dumpable", cProcess, "Dumpable is prctl(PR_SET_DUMPABLE). 0 comes before any join, so that processes of the container cannot ptrace this one or read its descriptors (CVE-2016-9962).", []field{
		{"Value", tU64, "0 or 1", ""},
	}},
	{"WriteFile", cCgroup, "WriteFile opens a path of the host O_WRONLY and writes once; it comes before the root changes. The init joins v1 control groups by writing \"0\" to their tasks file.", []field{
		{"Path", tStr, "host path", ""}, {"Data", tStr, "what is written", ""},
	}},
	{"ProcWrite", cOfField, "ProcWrite writes below the host's /proc (checked to be procfs, RESOLVE_NO_MAGICLINKS and no mount crossed), before the root changes, so that no image can stand in its place (CVE-2019-16884, CVE-2025-52881).", []field{
		{"Path", tStr, "path relative to /proc", ""}, {"Data", tStr, "what is written", ""}, {"Flags", tU64, "ProcFlag", "ProcFlag"},
	}},
	{"Setns", cNamespace, "Setns is setns(2). User and mount namespaces need the single thread that the init is.", []field{
		{"FD", tFD, "namespace or pidfd", ""}, {"Type", tU64, "CLONE_NEW* bits", "clone"}, {"Flags", tU64, "JoinFlag", "JoinFlag"},
	}},
	{"Unshare", cNamespace, "Unshare is unshare(2).", []field{{"Flags", tU64, "CLONE_NEW* bits", "clone"}}},
	{"SyncMaps", cIDMap, "SyncMaps asks the runtime to write the id maps of the user namespace just made, then becomes id 0 in it (setresgid, setresuid; setgroups to none where that is allowed), or the given user and group where 0 is not mapped.", []field{
		{"Flags", tU64, "GroupFlag", "GroupFlag"}, {"UID", tU64, "user where 0 is not mapped", ""}, {"GID", tU64, "group where 0 is not mapped", ""},
	}},
	{"RootIDs", cNamespace, "RootIDs becomes id 0 of the user namespace that was joined, or the given user and group where 0 is not mapped.", []field{
		{"Flags", tU64, "GroupFlag", "GroupFlag"}, {"UID", tU64, "user where 0 is not mapped", ""}, {"GID", tU64, "group where 0 is not mapped", ""},
	}},
	{"Fork", cNamespace, "Fork is clone(flags | CLONE_PARENT | CLONE_PIDFD): the child goes on with the next op, the caller reports the child and ends. A joined pid namespace and time offsets hold only for children. Not clone3(2): seccomp filters cannot see its flags, so many refuse it.", []field{
		{"Flags", tU64, "CLONE_NEW* bits", "clone"},
	}},
	{"Sync", cSystem, "Sync tells the runtime that a point is reached, and waits for MsgGo.", []field{{"Point", tU64, "SyncPoint", "SyncPoint"}}},
	{"Setsid", cProcess, "Setsid is setsid(2).", nil},
	{"Keyring", cProcess, "Keyring joins the session keyring of that name (keyctl(2) KEYCTL_JOIN_SESSION_KEYRING), a new one if there is none that may be searched, and lets its possessor and owner search it. Another user's is EPERM.", []field{{"Name", tStr, "keyring name", ""}}},
	{"Hostname", cNamespace, "Hostname is sethostname(2) in the UTS namespace of the container.", []field{{"Name", tStr, "host name", ""}}},
	{"Domainname", cNamespace, "Domainname is setdomainname(2).", []field{{"Name", tStr, "NIS domain name", ""}}},
	{"LoopbackUp", cNamespace, "LoopbackUp sets IFF_UP on lo (SIOCSIFFLAGS) in a new network namespace.", nil},
	{"Propagation", cMount, "Propagation is mount(NULL, \"/\", flags): before the first mount, so that nothing done here reaches the host.", []field{{"Flags", tU64, "MS_* bits", "ms"}}},
	{"RootOpen", cMount, "RootOpen clones the root file system (open_tree), makes it private and mounts it over its own path, so that hooks find it there. All targets are resolved below the descriptor it leaves.", []field{
		{"Path", tStr, "absolute host path", ""}, {"Flags", tU64, "MountFlag", "MountFlag"}, {"IDMapFD", tFD, "user namespace whose mapping the mount takes, or -1", ""},
	}},
	{"MountFS", cMount, "MountFS makes a new file system: fsopen, fsconfig, fsmount, mount_setattr, move_mount onto the target found with openat2(RESOLVE_IN_ROOT). A procfs with PidnsFD shows that namespace, which the init has not entered: by the option pidns= (Linux 6.17), or through a helper process of the runtime (MsgDelegate).", []field{
		{"Type", tStr, "file system type", ""}, {"Source", tStr, "source key", ""}, {"Target", tStr, "path in the container", ""},
		{"Data", tList, "file system options", ""}, {"Label", tStr, "SELinux label of its root directory, or empty", ""}, {"Attrs", tU64, "MOUNT_ATTR_* bits", "attr"},
		{"Propagation", tU64, "MS_SHARED …, 0 for none", "ms"}, {"Flags", tU64, "MountFlag", "MountFlag"}, {"IDMapFD", tFD, "user namespace for an idmapped mount, or -1", ""},
		{"PidnsFD", tFD, "joined pid namespace that a procfs shows, or -1 for the process's own", ""},
	}},
	{"MountBind", cMount, "MountBind clones a mount (open_tree), sets its flags and id mapping while nobody can reach it, and moves it onto the target. A target that is missing is made, a file for a file.", []field{
		{"Source", tStr, "host path", ""}, {"Target", tStr, "path in the container", ""},
		{"Set", tU64, "MOUNT_ATTR_* bits to set on the top", "attr"}, {"Clear", tU64, "bits to clear on the top", "attr"},
		{"RecSet", tU64, "bits to set on the tree", "attr"}, {"RecClear", tU64, "bits to clear on the tree", "attr"}, {"Explicit", tU64, "bits that the config clears by name: locked ones are an error", "attr"},
		{"Propagation", tU64, "MS_SHARED …, 0 for none", "ms"}, {"Flags", tU64, "MountFlag", "MountFlag"}, {"IDMapFD", tFD, "user namespace for an idmapped mount, or -1", ""},
	}},
	{"MountData", cMount, "MountData is the older mount(2), for what fsconfig cannot carry (option strings over 255 bytes): fchdir to the target, mount over \".\".", []field{
		{"Type", tStr, "file system type", ""}, {"Source", tStr, "source", ""}, {"Target", tStr, "path in the container", ""},
		{"Data", tStr, "comma-separated options", ""}, {"MSFlags", tU64, "MS_* bits", "ms"}, {"Propagation", tU64, "MS_SHARED …, 0 for none", "ms"}, {"Flags", tU64, "MountFlag", "MountFlag"},
	}},
	{"MountAttr", cMount, "MountAttr is mount_setattr on what is mounted at a path in the container.", []field{
		{"Target", tStr, "path in the container", ""}, {"Set", tU64, "bits to set", "attr"}, {"Clear", tU64, "bits to clear", "attr"},
		{"Propagation", tU64, "MS_SHARED …, 0 for none", "ms"}, {"Flags", tU64, "MountFlag", "MountFlag"},
	}},
	{"Mkdir", cMount, "Mkdir makes a directory below the root, with its parents.", []field{
		{"Path", tStr, "path in the container", ""}, {"Mode", tU64, "permission bits", "oct"}, {"Flags", tU64, "NodeFlag", "NodeFlag"},
	}},
	{"Mknod", cDevice, "Mknod makes a device node or FIFO with mknodat and no-follow chmod and chown; or binds the host's node after checking its type and number (CVE-2025-31133).", []field{
		{"Path", tStr, "path in the container", ""}, {"Mode", tU64, "S_IF* and permission bits", "oct"}, {"Major", tU64, "major number", ""}, {"Minor", tU64, "minor number", ""},
		{"UID", tU64, "owner", ""}, {"GID", tU64, "group", ""}, {"Flags", tU64, "NodeFlag", "NodeFlag"}, {"Context", tStr, "with NodeDelegate: SELinux context of its file system, or empty", ""},
	}},
	{"Symlink", cDevice, "Symlink is symlinkat in a directory found below the root.", []field{
		{"To", tStr, "content of the link", ""}, {"Path", tStr, "path in the container", ""}, {"Flags", tU64, "NodeFlag", "NodeFlag"},
	}},
	{"Mask", cMount, "Mask covers a file with /dev/null (checked to be character device 1:3) and a directory with one shared, empty, read-only tmpfs.", []field{
		{"Path", tStr, "path in the container", ""}, {"Flags", tU64, "NodeFlag", "NodeFlag"},
	}},
	{"ReadonlyPath", cMount, "ReadonlyPath binds a path over itself, read-only, sub-mounts included in the bind.", []field{
		{"Path", tStr, "path in the container", ""}, {"Flags", tU64, "NodeFlag", "NodeFlag"},
	}},
	{"Console", cTerminal, "Console opens a terminal of the container's devpts (ptmx, TIOCSPTLCK, TIOCGPTPEER), sends the master to the runtime and makes the slave the controlling terminal and descriptors 0 to 2 (CVE-2025-52565).", []field{
		{"Rows", tU64, "lines", ""}, {"Cols", tU64, "columns", ""}, {"UID", tU64, "owner of the terminal", ""}, {"Flags", tU64, "ConsoleFlag", "ConsoleFlag"},
	}},
	{"Pivot", cMount, "Pivot makes the descriptor left by RootOpen the root. Nothing of the host can be reached by path afterwards.", []field{{"Mode", tU64, "PivotMode", "PivotMode"}}},
	{"RootPropagation", cMount, "RootPropagation sets the propagation of the container's / (and of the tree, with MS_REC).", []field{{"Flags", tU64, "MS_* bits", "ms"}}},
	{"RootReadonly", cMount, "RootReadonly sets MOUNT_ATTR_RDONLY on the container's root mount.", nil},
	{"StdioOwner", cProcess, "StdioOwner gives pipes, sockets and terminals among descriptors 0 to 2 to the user of the process, so that /dev/stdout can be opened again. /dev/null and files of the host stay as they are.", []field{{"UID", tU64, "owner", ""}}},
	{"Rlimit", cProcess, "Rlimit is setrlimit(2).", []field{
		{"Resource", tU64, "RLIMIT_*", ""}, {"Soft", tU64, "soft limit", ""}, {"Hard", tU64, "hard limit", ""},
	}},
	{"Scheduler", cProcess, "Scheduler is sched_setattr(2).", []field{
		{"Policy", tU64, "SCHED_*", ""}, {"Flags", tU64, "SCHED_FLAG_*", "hex"}, {"Nice", tI64, "nice value", ""}, {"Priority", tU64, "static priority", ""},
		{"Runtime", tU64, "ns", ""}, {"Deadline", tU64, "ns", ""}, {"Period", tU64, "ns", ""},
	}},
	{"IOPriority", cProcess, "IOPriority is ioprio_set(2) on this process.", []field{{"Value", tU64, "class << 13 | level", "hex"}}},
	{"Affinity", cProcess, "Affinity is sched_setaffinity(2).", []field{{"Mask", tBytes, "CPU bit mask", ""}}},
	{"CoreSchedule", cProcess, "CoreSchedule is prctl(PR_SCHED_CORE): a cookie of its own, which its children inherit, or that of the process From, named in the pid namespace in force. A processor without SMT (ENODEV) shares no core: a warning, once.", []field{{"From", tU64, "pid, or 0 for a new cookie", ""}}},
	{"Personality", cProcess, "Personality is personality(2).", []field{{"Value", tU64, "persona", "hex"}}},
	{"MemoryPolicy", cProcess, "MemoryPolicy is set_mempolicy(2).", []field{{"Mode", tU64, "MPOL_* with flags", "hex"}, {"Nodes", tBytes, "node bit mask", ""}}},
	{"Signals", cProcess, "Signals gives every signal its default disposition and blocks none (rt_sigaction(2), rt_sigprocmask(2)): what the caller ignores is not the container's business.", nil},
	{"Umask", cProcess, "Umask is umask(2).", []field{{"Value", tU64, "mask", "oct"}}},
	{"Chdir", cProcess, "Chdir is chdir(2) in the container, and the check that the working directory is inside its root (CVE-2024-21626).", []field{{"Path", tStr, "path in the container", ""}, {"Flags", tU64, "ChdirFlag", "ChdirFlag"}}},
	{"CloseFrom", cProcess, "CloseFrom sets CLOEXEC on every descriptor from First on (close_range(2)), before anything of the container runs.", []field{{"First", tU64, "first descriptor", ""}}},
	{"Bounding", cPrivilege, "Bounding drops capabilities from the bounding set (PR_CAPBSET_DROP); it needs CAP_SETPCAP, so it comes before the identity changes.", []field{{"Keep", tU64, "capability bits that stay", "hex"}}},
	{"Identity", cPrivilege, "Identity is PR_SET_KEEPCAPS, setgroups, setresgid, setresuid.", []field{
		{"UID", tU64, "user", ""}, {"GID", tU64, "group", ""}, {"Groups", tBytes, "additional groups, u32 each", ""}, {"SkipGroups", tU64, "1 where setgroups is denied, 2 where it may be: a warning if there are groups", ""},
	}},
	{"Capset", cPrivilege, "Capset is capset(2) and, last, PR_CAP_AMBIENT_RAISE.", []field{
		{"Effective", tU64, "", "hex"}, {"Permitted", tU64, "", "hex"}, {"Inheritable", tU64, "", "hex"}, {"Ambient", tU64, "", "hex"},
	}},
	{"NoNewPrivileges", cPrivilege, "NoNewPrivileges is prctl(PR_SET_NO_NEW_PRIVS).", nil},
	{"FindExec", cExec, "FindExec picks the first candidate that the process, as the user it now is, may execute, and prepares its arguments and environment; Exec runs it. A missing program is thus an error of create.", []field{
		{"Candidates", tList, "paths in the container", ""}, {"Argv", tList, "arguments", ""}, {"Env", tList, "environment", ""}, {"Flags", tU64, "ExecFlag", "ExecFlag"},
	}},
	{"Gate", cSystem, "Gate reports MsgReady, waits for MsgGo, and then for the start: one byte from a connection to the gate socket. SIGTERM ends it, although it may be pid 1.", []field{{"FD", tFD, "listening socket, or -1", ""}, {"Flags", tU64, "GateFlag", "GateFlag"}}},
	{"LandlockRuleset", cLandlock, "LandlockRuleset is landlock_create_ruleset(2): what is handled is denied but where a rule allows it.", []field{
		{"FS", tU64, "LANDLOCK_ACCESS_FS_* that are handled", "landlock-fs"}, {"Net", tU64, "LANDLOCK_ACCESS_NET_* that are handled", "landlock-net"}, {"Scope", tU64, "LANDLOCK_SCOPE_*", "landlock-scope"},
	}},
	{"LandlockPath", cLandlock, "LandlockPath adds a rule for a path (landlock_add_rule(2)): found below the root, before the identity changes, and without following any symlink, or an image could point a path that is allowed at one that is not.", []field{
		{"Path", tStr, "path in the container", ""}, {"Access", tU64, "what is allowed below a directory", "landlock-fs"}, {"FileAccess", tU64, "what is allowed on anything else", "landlock-fs"}, {"Flags", tU64, "LandlockFlag", "LandlockFlag"},
	}},
	{"LandlockPort", cLandlock, "LandlockPort adds a rule for a TCP port.", []field{
		{"Port", tU64, "port", ""}, {"Access", tU64, "what is allowed", "landlock-net"},
	}},
	{"LandlockRestrict", cLandlock, "LandlockRestrict is landlock_restrict_self(2). It needs no_new_privs or CAP_SYS_ADMIN, and a filter may forbid it: behind the one and before the other.", nil},
	{"Seccomp", cSeccomp, "Seccomp is seccomp(SECCOMP_SET_MODE_FILTER). Only capset, the ambient set and execve may follow: the filter judges them already.", []field{
		{"Filter", tBytes, "struct sock_filter array", ""}, {"FilterFlags", tU64, "SECCOMP_FILTER_FLAG_*", "hex"}, {"Flags", tU64, "SeccompFlag", "SeccompFlag"},
	}},
	{"Home", cProcess, "Home looks the user's home directory up in the container's /etc/passwd, for an environment that has no HOME. It comes after the root changed and before the filter.", []field{{"UID", tU64, "user", ""}}},
	{"Exec", cExec, "Exec is execve(2) of what FindExec found, with what FindExec prepared: nothing but the one call, for the filter is in force.", nil},
	{"ExecHost", cExec, "ExecHost is execve(2) of a host path by a process that only borrowed the container's namespaces: createContainer hooks. It ends when the runtime does (PR_SET_PDEATHSIG).", []field{{"FD", tFD, "the executable, or -1 for Path", ""}, {"Path", tStr, "host path", ""}, {"Argv", tList, "arguments", ""}, {"Env", tList, "environment", ""}}},
	{"CloneSource", cMount, "CloneSource is open_tree(OPEN_TREE_CLONE) of a path, its access times, and the id mapping: what a delegate does with the runtime's privileges inside the container's mount namespace, or outside of it.", []field{
		{"Path", tStr, "path, of the host or below the working directory", ""}, {"Flags", tU64, "MountFlag", "MountFlag"}, {"IDMapFD", tFD, "user namespace for an idmapped mount, or -1", ""},
		{"Set", tU64, "MOUNT_ATTR_* to set", "attr"}, {"Clear", tU64, "MOUNT_ATTR_* to clear", "attr"}, {"RecSet", tU64, "MOUNT_ATTR_* to set on the whole tree", "attr"}, {"RecClear", tU64, "MOUNT_ATTR_* to clear on the whole tree", "attr"},
	}},
	{"SendFD", cSystem, "SendFD hands the mount made by the op before it to the runtime, and ends: the last op of a delegate.", nil},
	{"RootHere", cSystem, "RootHere makes the root directory that came with the mount namespace the root below which paths are resolved, or changes (chroot(2)) to a directory that is handed over, for a container without a mount namespace.", []field{
		{"FD", tFD, "root directory of the container's init, or -1", ""},
	}},
	{"NoHugePages", cProcess, "NoHugePages is prctl(PR_SET_THP_DISABLE): no transparent huge pages for this process, and what it forks and executes.", nil},
	{"ControllingTerminal", cTerminal, "ControllingTerminal makes descriptor 0, a terminal, that of the session (TIOCSCTTY), whose leader this process is.", nil},
	{"Listener", cSeccomp, "Listener hands over the listener that a Seccomp with SeccompKeep made, as SeccompNotify does.", nil},
	{"CloseRange", cSystem, "CloseRange closes descriptors (close_range(2)): before the init enters a namespace where it may be traced.", []field{
		{"First", tFD, "first descriptor", ""}, {"Last", tFD, "last descriptor", ""},
	}},
	{"EmptyRoot", cSystem, "EmptyRoot makes an empty, read-only, detached tmpfs the root and the working directory, and closes every descriptor but the control channel: a helper process that a container can trace has nothing of the host.", nil},
	{"OpenFS", cMount, "OpenFS is fsopen(2): the context takes its namespaces from this process. SendFD hands it over.", []field{{"Type", tStr, "file system type", ""}}},
	{"MakeNode", cDevice, "MakeNode makes a device node on a new tmpfs, and a mount of that node alone, for SendFD. The tmpfs belongs to the host's user namespace: devices on one of a container's cannot be opened (mount(2), MS_NODEV). It is mounted in the mount namespace of this process, because Linux before 6.15 clones no part of a detached mount.", []field{
		{"Mode", tU64, "S_IF* and permission bits", "oct"}, {"Major", tU64, "major number", ""}, {"Minor", tU64, "minor number", ""},
		{"UID", tU64, "owner", ""}, {"GID", tU64, "group", ""}, {"Context", tStr, "SELinux context of the tmpfs, or empty", ""},
	}},
	{"AttachHere", cMount, "AttachHere mounts what CloneSource made as \"mount\" in a new tmpfs, on /proc, and makes that the working directory, which goes along into a copy of the mount namespace. The mount namespace is this process's own.", nil},
	{"HoldNamespaces", cNamespace, "HoldNamespaces opens the process's own namespaces through the host's /proc. A runtime without CAP_SYS_PTRACE may not join those of a process that is not dumpable by its pidfd (setns(2)), and the init does not become dumpable for that: who else is in its user namespace could trace it. It comes before the root changes.", []field{
		{"Types", tU64, "CLONE_NEW* bits", "clone"}, {"Flags", tU64, "HoldFlag", "HoldFlag"},
	}},
}

// calls names the one system call that an op is, for the ops that are one: the
// time they take is the kernel's, but for the loop around them.
var calls = []struct{ op, call string }{
	{"Dumpable", "prctl"}, {"Setns", "setns"}, {"Unshare", "unshare"}, {"Fork", "clone"}, {"Setsid", "setsid"},
	{"Hostname", "sethostname"}, {"Domainname", "setdomainname"}, {"Propagation", "mount"}, {"RootPropagation", "mount"},
	{"RootReadonly", "mount_setattr"}, {"Rlimit", "prlimit64"}, {"Scheduler", "sched_setattr"}, {"IOPriority", "ioprio_set"},
	{"Affinity", "sched_setaffinity"}, {"Personality", "personality"}, {"MemoryPolicy", "set_mempolicy"}, {"Umask", "umask"},
	{"NoHugePages", "prctl"}, {"CloseFrom", "close_range"}, {"NoNewPrivileges", "prctl"}, {"LandlockRuleset", "landlock_create_ruleset"},
	{"Seccomp", "seccomp"}, {"Exec", "execve"}, {"ExecHost", "execve"},
}

// waits are the ops whose time is somebody else's: the init waits for an answer.
var waits = []string{"SyncMaps", "Sync", "Gate"}
