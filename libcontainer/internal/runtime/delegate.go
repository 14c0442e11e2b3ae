package runtime

import (
	"errors"

	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"github.com/rung-oci/rung/libcontainer/internal/wire"
	"golang.org/x/sys/unix"
)

// delegate does with the runtime's privileges what the init was refused.
func (x *executor) delegate(m wire.Message) error {
	o := x.plan.Init[m.Op]
	fd, err := x.delegated(o, plan.Delegation(m.Arg))
	if err != nil {
		// the init would only say that it was refused; this is the reason
		var failed *StepError
		if errors.As(err, &failed) {
			failed.Subject = subject(o.Op)
		}
		return err
	}
	defer sys.Close(fd)
	return x.init.child.conn.Send(wire.Message{Type: plan.MsgGo, FD: fd})
}

func (x *executor) delegated(o plan.InitOp, where plan.Delegation) (int, error) {
	switch f := o.Op.(type) {
	case *plan.MountFS:
		helper, err := x.procfsHelper(o.Origin, f)
		if err != nil {
			return -1, err
		}
		return x.exe.oneShot(helper)
	case *plan.Mknod:
		return x.exe.oneShot(nodeHelper(o.Origin, f))
	case *plan.MountBind:
		if where == plan.DelegateInside {
			fd, err := x.exe.oneShot(x.cloneHelper(o))
			if !errors.Is(err, unix.EINVAL) || f.Flags&plan.MountOutside == 0 {
				return fd, err
			}
			// A mount is below the source: what an init that may walk there finds out by itself.
		}
		return x.exe.oneShot(x.outsideHelper(o.Origin, f))
	}
	return x.exe.oneShot(x.cloneHelper(o))
}

// subject is what the field of a mount is about: its destination.
func subject(op plan.Op) string {
	switch o := op.(type) {
	case *plan.MountBind:
		return o.Target
	case *plan.MountFS:
		return o.Target
	case *plan.RootOpen:
		return o.Path
	}
	return ""
}

// cloneHelper opens the source of a mount inside the container's mount
// namespace: the mount that comes of it belongs to that namespace, with its flags
// locked as the kernel locks them.
func (x *executor) cloneHelper(refused plan.InitOp) spawnOptions {
	clone := &plan.CloneSource{IDMapFD: plan.NoFD}
	files := map[plan.FD]int{plan.FDFirst: x.init.child.pidfd}
	var idmap plan.FD
	origin := refused.Origin
	switch o := refused.Op.(type) {
	case *plan.MountBind:
		clone.Path, clone.Flags, idmap = o.Source, o.Flags, o.IDMapFD
	case *plan.RootOpen:
		clone.Path, clone.Flags, idmap = o.Path, o.Flags, o.IDMapFD
	}
	clone.Flags &^= plan.MountDelegate | plan.MountDelegateOnDenied | plan.MountOutside
	if idmap != plan.NoFD {
		clone.IDMapFD = plan.FDFirst + 1
		files[clone.IDMapFD] = x.files[idmap]
	}
	return spawnOptions{
		program: plan.Program{
			{Op: &plan.Dumpable{Value: 0}},
			{Origin: origin, Op: &plan.Setns{FD: plan.FDFirst, Type: unix.CLONE_NEWNS}},
			{Origin: origin, Op: clone},
			{Op: &plan.SendFD{}},
		},
		cgroupFD: -1, files: files, stdio: [3]int{-1, -1, -1},
	}
}

// outsideHelper makes the mount that the kernel refuses to an init in a user namespace. The host's mounts are locked in the
// container's copy of them (mount_namespaces(7)): none can be cloned without those below it, and none gets other access
// times. So the helper clones the source from the host's own mounts, and sets the access times. It then locks the result as
// the container's copy has it, by a copy of its mount namespace for the container's user namespace: handed over as it is,
// the mount would be one of which the container's root may clear nodev.
func (x *executor) outsideHelper(origin string, o *plan.MountBind) spawnOptions {
	const atimes = unix.MOUNT_ATTR__ATIME | unix.MOUNT_ATTR_NODIRATIME
	files := map[plan.FD]int{plan.FDFirst: x.init.child.pidfd}
	clone := &plan.CloneSource{
		Path: o.Source, Flags: o.Flags &^ (plan.MountDelegate | plan.MountDelegateOnDenied | plan.MountOutside), IDMapFD: plan.NoFD,
		Set: o.Set & atimes, Clear: o.Clear & atimes, RecSet: o.RecSet & atimes, RecClear: o.RecClear & atimes,
	}
	if o.IDMapFD != plan.NoFD {
		clone.IDMapFD = plan.FDFirst + 1
		files[clone.IDMapFD] = x.files[o.IDMapFD]
	}
	// Nothing that is mounted here reaches the host. What the init made shared is a slave here until the copy is made.
	var propagation uint64 = unix.MS_SLAVE | unix.MS_REC
	shared := false
	for _, op := range x.plan.Init {
		if p, ok := op.Op.(*plan.Propagation); ok && p.Flags&unix.MS_SHARED != 0 {
			shared = true
		} else if ok {
			propagation = p.Flags
		}
	}
	h := spawnOptions{clone: unix.CLONE_NEWNS, cgroupFD: -1, files: files, stdio: [3]int{-1, -1, -1}}
	add := func(op plan.Op) { h.program = append(h.program, plan.InitOp{Origin: origin, Op: op}) }
	add(&plan.Dumpable{Value: 0})
	add(&plan.Propagation{Flags: propagation})
	add(clone)
	add(&plan.AttachHere{})
	add(&plan.Setns{FD: plan.FDFirst, Type: unix.CLONE_NEWUSER})
	add(&plan.Unshare{Flags: unix.CLONE_NEWNS})
	if shared {
		add(&plan.Propagation{Flags: unix.MS_SHARED | unix.MS_REC})
	}
	add(&plan.CloneSource{Path: "mount", Flags: clone.Flags | plan.MountSourceNoFollow, IDMapFD: plan.NoFD})
	add(&plan.SendFD{})
	return h
}

// nodeHelper makes a device node in a mount namespace of its own, which ends with it.
func nodeHelper(origin string, o *plan.Mknod) spawnOptions {
	return spawnOptions{
		program: plan.Program{
			{Op: &plan.Dumpable{Value: 0}},
			{Origin: origin, Op: &plan.Propagation{Flags: unix.MS_PRIVATE | unix.MS_REC}},
			{Origin: origin, Op: &plan.MakeNode{Mode: o.Mode, Major: o.Major, Minor: o.Minor, UID: o.UID, GID: o.GID, Context: o.Context}},
			{Op: &plan.SendFD{}},
		},
		clone: unix.CLONE_NEWNS, cgroupFD: -1, stdio: [3]int{-1, -1, -1},
	}
}
