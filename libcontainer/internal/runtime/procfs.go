package runtime

import (
	"encoding/binary"
	"errors"
	"runtime"
	"slices"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"golang.org/x/sys/unix"
)

// joined returns the descriptor of the namespace that the plan joins by path.
func (x *executor) joined(kind uint64) (plan.FD, bool) {
	for _, s := range x.plan.Runtime {
		if o, ok := s.Do.(plan.OpenNamespace); ok && o.Type == kind {
			return o.FD, true
		}
	}
	return plan.NoFD, false
}

// procfsHelper opens the procfs of the joined pid namespace for an init that is
// not in there: before Linux 6.17 the kernel takes that namespace from the process
// that calls fsopen(2). The process that enters it may be traced by the
// container's processes. So it is born with nothing: an empty root, no descriptor
// but its channel, namespaces of its own, no capability but the one that fsopen(2)
// asks for, and a filter that lets it open file system contexts, send, and end. A
// context is no file system: who takes one out of it may not create that.
//
// Its messages are believed when the kernel says that it sent them.
func (x *executor) procfsHelper(origin string, f *plan.MountFS) (spawnOptions, error) {
	filter, err := helperFilter()
	if err != nil {
		return spawnOptions{}, err
	}
	o := spawnOptions{cgroupFD: -1, files: map[plan.FD]int{plan.FDFirst: x.files[f.PidnsFD]}, stdio: [3]int{-1, -1, -1}, watch: true}
	add := func(op plan.Op) { o.program = append(o.program, plan.InitOp{Origin: origin, Op: op}) }
	add(&plan.Dumpable{Value: 0})
	// In the container's control groups: whoever traces it could have it fork.
	if s, ok := plan.Find[plan.Spawn](x.plan); ok && s.IntoCgroup {
		if o.cgroupFD, err = x.side.CgroupFD(); err != nil {
			return o, err
		}
	}
	for _, op := range x.plan.Init {
		if w, ok := op.Op.(*plan.WriteFile); ok && strings.HasSuffix(w.Path, "/tasks") {
			add(w)
		}
	}
	if fd, ok := x.joined(unix.CLONE_NEWUSER); ok {
		o.files[plan.FDFirst+1] = x.files[fd]
		add(&plan.Setns{FD: plan.FDFirst, Type: unix.CLONE_NEWPID, Flags: plan.JoinTry})
		add(&plan.Setns{FD: plan.FDFirst + 1, Type: unix.CLONE_NEWUSER})
		i := slices.IndexFunc(x.plan.Init, func(op plan.InitOp) bool { _, ok := op.Op.(*plan.RootIDs); return ok })
		if i < 0 {
			return o, errors.New("a user namespace is joined, and nobody becomes root in it")
		}
		add(x.plan.Init[i].Op)
		add(&plan.Dumpable{Value: 0})
		add(&plan.Setns{FD: plan.FDFirst, Type: unix.CLONE_NEWPID, Flags: plan.JoinRetry})
	} else {
		add(&plan.Setns{FD: plan.FDFirst, Type: unix.CLONE_NEWPID})
	}
	add(&plan.Unshare{Flags: unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP})
	add(&plan.EmptyRoot{})
	add(&plan.Capset{Effective: 1 << unix.CAP_SYS_ADMIN, Permitted: 1 << unix.CAP_SYS_ADMIN})
	add(&plan.Seccomp{Filter: filter})
	add(&plan.Fork{})
	add(&plan.OpenFS{Type: f.Type})
	add(&plan.SendFD{})
	return o, nil
}

// helperFilter is the filter of procfsHelper: fsopen(2), sendmsg(2), clone(2) as
// Fork calls it, exit_group(2); anything else kills. It holds for this program's
// own ABI.
func helperFilter() ([]byte, error) {
	arch, ok := auditArch()
	if !ok {
		return nil, errors.New("the procfs of a joined pid namespace: no filter for a helper process on " + runtime.GOARCH + ". Linux 6.17 does without it")
	}
	flags := uint32(16) // of clone(2) in struct seccomp_data (linux/seccomp.h): the low half of the first argument
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		flags += 4
	}
	if runtime.GOARCH == "s390x" {
		flags += 8 // the second (clone(2), C library/kernel differences)
	}
	const (
		load, equal, ret = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
		nr, audit        = 0, 4
	)
	program := [...]unix.SockFilter{
		{Code: load, K: audit},
		{Code: equal, Jf: 8, K: arch},
		{Code: load, K: nr},
		{Code: equal, Jt: 5, K: unix.SYS_FSOPEN},
		{Code: equal, Jt: 4, K: unix.SYS_SENDMSG},
		{Code: equal, Jt: 3, K: unix.SYS_EXIT_GROUP},
		{Code: equal, Jf: 3, K: unix.SYS_CLONE},
		{Code: load, K: flags},
		{Code: equal, Jf: 1, K: unix.CLONE_PARENT | unix.CLONE_PIDFD},
		{Code: ret, K: unix.SECCOMP_RET_ALLOW},
		{Code: ret, K: unix.SECCOMP_RET_KILL_PROCESS},
	}
	var b []byte
	for _, i := range program {
		b = binary.NativeEndian.AppendUint16(b, i.Code)
		b = append(b, i.Jt, i.Jf)
		b = binary.NativeEndian.AppendUint32(b, i.K)
	}
	return b, nil
}

// auditArch is what struct seccomp_data calls the ABI of this program.
func auditArch() (uint32, bool) {
	switch runtime.GOARCH {
	case "386":
		return unix.AUDIT_ARCH_I386, true
	case "amd64":
		return unix.AUDIT_ARCH_X86_64, true
	case "arm":
		return unix.AUDIT_ARCH_ARM, true
	case "arm64":
		return unix.AUDIT_ARCH_AARCH64, true
	case "loong64":
		return unix.AUDIT_ARCH_LOONGARCH64, true
	case "ppc64":
		return unix.AUDIT_ARCH_PPC64, true
	case "ppc64le":
		return unix.AUDIT_ARCH_PPC64LE, true
	case "riscv64":
		return unix.AUDIT_ARCH_RISCV64, true
	case "s390x":
		return unix.AUDIT_ARCH_S390X, true
	}
	return 0, false
}
