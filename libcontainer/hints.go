package libcontainer

import (
	"errors"
	"slices"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/runtime"
	"golang.org/x/sys/unix"
)

// stepCode is the code of a step that failed: the one of its label, or of the config's field
// that it comes from.
func stepCode(s *runtime.StepError) string {
	if s.Step.Code != "" {
		return s.Step.Code
	}
	return fieldCode(s.Origin)
}

// fieldCode is the code of a step that serves several fields: writes below /proc, and the
// check for a security module.
func fieldCode(origin string) string {
	switch field, _, _ := strings.Cut(origin, "["); field {
	case "linux.sysctl":
		return CodeSysctl
	case "linux.timeOffsets":
		return CodeNamespace
	case "process.apparmorProfile", "process.selinuxLabel", "linux.mountLabel":
		return CodeLSM
	case "process.oomScoreAdj":
		return CodeProcess
	}
	return CodeSystem
}

// hint says what to do about a step that failed in this way: one hint for each situation that
// people meet, by step and errno. It is empty for others, which have the remedy of their code.
func hint(s *runtime.StepError) string {
	failed := func(errno unix.Errno, labels ...plan.Label) bool {
		return errors.Is(s, errno) && slices.Contains(labels, s.Step)
	}
	spawn, open := plan.LabelOf(plan.Spawn{}), plan.LabelOf(plan.OpenNamespace{})
	unshare, setns, fork := plan.KindUnshare.Label(), plan.KindSetns.Label(), plan.KindFork.Label()
	switch {
	case s.Step.Name == "" && stepCode(s) == CodeLSM:
		return "enable the security module on the host, or remove " + s.Origin + " from the config"

	case failed(unix.EINVAL, spawn, unshare):
		return "this kernel lacks a namespace of linux.namespaces: rung features lists those that it has"
	case failed(unix.EPERM, spawn, unshare):
		return "the host forbids new user namespaces to this caller: see the sysctls kernel.unprivileged_userns_clone and " +
			"kernel.apparmor_restrict_unprivileged_userns, or run rung as root"
	case failed(unix.ENOSPC, spawn, unshare, fork):
		return "a limit in /proc/sys/user/max_*_namespaces is reached"
	case failed(unix.EAGAIN, spawn, fork):
		return "raise the limit of processes that is reached, or end other processes"
	case failed(unix.ENOENT, open):
		return "the namespace ended with its last process, or its mount was removed: make it again, or correct the path"
	case failed(unix.EINVAL, open, setns):
		return "the path has to be a namespace of the type that the entry names: readlink prints the type of /proc/PID/ns files"
	case failed(unix.EPERM, setns):
		return "joining takes CAP_SYS_ADMIN in the user namespace that owns the namespace"

	case failed(unix.EPERM, plan.KindMountFS.Label()) && (s.Subject == "/sys" || s.Subject == "/proc"):
		return "in a user namespace " + s.Subject + " can be mounted only with a new " + spaceOf(s.Subject) + " namespace; bind the host's instead"
	case failed(unix.ENOENT, plan.KindMountBind.Label()):
		return "the source of the bind mount does not exist on the host"
	case strings.Contains(s.What, "cannot be id-mapped on Linux"):
		return "remove the mappings and the options idmap and ridmap of the mount, or change the owner of the files"

	case failed(unix.ENOENT, plan.KindFindExec.Label()):
		return "process.args[0] is looked up in the container's PATH, inside its root file system"
	case failed(unix.EPERM, plan.KindBounding.Label(), plan.KindCapset.Label()):
		return "the runtime itself lacks a capability that process.capabilities asks for"

	case failed(unix.EPERM, plan.KindKeyring.Label()):
		return "another user made a keyring of that name before: /proc/keys shows its owner, and it goes with that user's processes"
	case failed(unix.EDQUOT, plan.KindKeyring.Label()):
		return "raise /proc/sys/kernel/keys/maxkeys and maxbytes (root_maxkeys and root_maxbytes for root), or make containers without a session keyring"
	case failed(unix.ENOSYS, plan.KindKeyring.Label()):
		return "this kernel has no keyrings (CONFIG_KEYS): make containers without a session keyring"
	case failed(unix.EPERM, plan.KindRlimit.Label()):
		return "a limit above the caller's own takes CAP_SYS_RESOURCE: rung check says which of process.rlimits are"
	case failed(unix.EPERM, plan.KindScheduler.Label(), plan.KindIOPriority.Label()):
		return "real-time policies and negative nice values take CAP_SYS_NICE"
	case failed(unix.EINVAL, plan.KindAffinity.Label()):
		return "name a CPU that this host has and the container's cpuset allows"
	case failed(unix.ENOENT, plan.KindChdir.Label()), failed(unix.ENOTDIR, plan.KindChdir.Label()):
		return "process.cwd has to be a directory in the container's root file system"
	case failed(unix.EACCES, plan.KindChdir.Label()):
		return "process.user has to have search permission for process.cwd and the directories above it"
	}
	return ""
}

func spaceOf(target string) string {
	if target == "/sys" {
		return "network"
	}
	return "pid"
}
