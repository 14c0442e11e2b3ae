package runtime

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"github.com/rung-oci/rung/libcontainer/internal/wire"
	"golang.org/x/sys/unix"
)

// victim is a program in which some ops may ask for something, and others not.
func victim() plan.Program {
	return plan.Program{
		{Op: &plan.Dumpable{}}, {Op: &plan.SyncMaps{}}, {Op: &plan.Fork{}},
		{Origin: "mounts[0]", Op: &plan.MountBind{Source: "/secret", Target: "/a", IDMapFD: plan.NoFD}},
		{Op: &plan.Console{}}, {Op: &plan.Sync{Point: plan.SyncHooks}},
		{Op: &plan.Gate{FD: plan.NoFD}}, {Op: &plan.Seccomp{}}, {Op: &plan.Exec{}},
		{Origin: "mounts[1]", Op: &plan.MountBind{Source: "/a", Target: "/a", IDMapFD: plan.NoFD, Flags: plan.MountDelegateOnDenied}},
	}
}

// An init that is what it seems to be sends what its ops send. One that a process
// of the container traces must not get more out of the runtime.
func TestAnswer_out_of_turn(t *testing.T) {
	for _, tt := range []struct {
		name string
		m    wire.Message
		p    plan.Program
	}{
		{"the mount of an op that asks for none", wire.Message{Type: plan.MsgDelegate, Op: 3}, victim()},
		{"a mount from outside of an op that wants none", wire.Message{Type: plan.MsgDelegate, Op: 9, Arg: int64(plan.DelegateOutside)}, victim()},
		{"the mount of an op that is no mount", wire.Message{Type: plan.MsgDelegate, Op: 8}, victim()},
		{"the mount of an op that is not there", wire.Message{Type: plan.MsgDelegate, Op: 99}, victim()},
		{"id maps from another op", wire.Message{Type: plan.MsgMaps, Op: 4}, victim()},
		{"a terminal from an op without", wire.Message{Type: plan.MsgConsole, Op: 1}, victim()},
		{"a terminal without a descriptor", wire.Message{Type: plan.MsgConsole, Op: 4}, victim()},
		{"a listener of a filter that has none", wire.Message{Type: plan.MsgNotify, Op: 7}, victim()},
		{"another point", wire.Message{Type: plan.MsgSync, Op: 5, Arg: int64(plan.SyncNetwork)}, victim()},
		{"a message of the runtime's", wire.Message{Type: plan.MsgGo, Op: 6}, victim()},
		{"no message at all", wire.Message{Op: 6}, victim()},
		{"id maps from behind the gate", wire.Message{Type: plan.MsgMaps}, nil},
		{"a terminal from behind the gate", wire.Message{Type: plan.MsgConsole}, nil},
		{"a listener that the start does not know of", wire.Message{Type: plan.MsgNotify}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.m.FD = -1
			x := &executor{plan: &plan.Plan{Init: tt.p}, side: &Side{}, init: &Init{child: &child{pidfd: -1}}}
			if done, err := x.answer(tt.m, plan.UntilReady); done || err == nil {
				t.Errorf("answered: %v, %v", done, err)
			}
		})
	}
}

// Only a child of the runtime's can be named as the process that goes on.
func TestAdopt_a_stranger(t *testing.T) {
	c, other := channel(t)
	defer other.Close()
	stranger, err := sys.PidfdOpen(1)
	if err != nil {
		t.Fatal(err)
	}
	defer sys.Close(stranger)
	c.pidfd = -1
	if err := other.Send(wire.Message{Type: plan.MsgForked, Arg: 1, FD: stranger}); err != nil {
		t.Fatal(err)
	}
	if m, err := c.receive(); err == nil || c.pid == 1 {
		t.Errorf("%+v, pid %d", m, c.pid)
	}
}

// FuzzHostileInit lets an init say anything, in any order, with descriptors. The
// runtime answers or gives up; it never talks of another process, takes no
// descriptor that it has no use for, and does nothing that no op asked for.
func FuzzHostileInit(f *testing.F) {
	f.Add(true, []byte{byte(plan.MsgMaps), 1, 0, 0, 0, byte(plan.MsgForked), 2, 1, 1, 0, byte(plan.MsgReady), 6, 0, 0, 0})
	f.Add(false, []byte{byte(plan.MsgConsole), 4, 0, 1, 0, byte(plan.MsgSync), 5, 1, 0, 0, byte(plan.MsgReady), 6, 0, 0, 0, byte(plan.MsgNotify), 7, 0, 0, 0})
	f.Add(false, []byte{byte(plan.MsgDelegate), 3, 0, 0, 0})
	f.Add(true, []byte{byte(plan.MsgWarn), 200, 0, 2, 9, byte(plan.MsgFail), 3, 0, 3, 60, 'x', byte(plan.MsgTimes), 0, 0, 0, 16})
	f.Fuzz(func(t *testing.T, forking bool, script []byte) {
		ours, theirs, err := sys.SocketPair()
		if err != nil {
			t.Fatal(err)
		}
		var p [2]int
		if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
			t.Fatal(err)
		}
		defer unix.Close(p[0])
		for n := 0; len(script) >= 5 && n < 40; n++ {
			h := script[:5]
			script = script[5:]
			detail := script[:min(int(h[4])*4, len(script))]
			script = script[len(detail):]
			b := binary.NativeEndian.AppendUint32(nil, uint32(h[0]))
			b = binary.NativeEndian.AppendUint32(b, uint32(int32(int8(h[1]))))
			b = binary.NativeEndian.AppendUint32(b, uint32(h[2]))
			b = binary.NativeEndian.AppendUint32(b, uint32(h[1]))
			b = binary.NativeEndian.AppendUint64(b, uint64(int64(int8(h[2]))))
			b = append(b, detail...)
			var rights []byte
			for range h[3] % 3 {
				rights = unix.UnixRights(p[1])
			}
			if err := unix.Sendmsg(theirs, b, rights, nil, unix.MSG_DONTWAIT); err != nil {
				break
			}
		}
		unix.Close(theirs)
		unix.Close(p[1])
		program := victim()[:9] // what the last op may ask for is done by a further process, of an executable
		side := &Side{Warn: func(string) {}, Terminal: func(master int) error { sys.Close(master); return nil }}
		c := &child{pidfd: -1, conn: wire.NewConn(ours), forking: forking}
		x := &executor{plan: &plan.Plan{Init: program}, side: side, init: &Init{child: c}}
		for _, until := range []plan.Point{plan.UntilHooks, plan.UntilReady} {
			if err = x.serveUntil(until); err != nil {
				break
			}
		}
		if err == nil {
			err = x.awaitExec()
		}
		if err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
		if c.pid != 0 || c.pidfd != -1 {
			t.Errorf("the child is %d, %d", c.pid, c.pidfd)
		}
		var step *StepError
		if errors.As(err, &step) && len(step.Detail) > 512 {
			t.Errorf("%d bytes of detail", len(step.Detail))
		}
		c.close()
		var b [1]byte
		if n, err := unix.Read(p[0], b[:]); n != 0 || err != nil {
			t.Errorf("a descriptor is left open: %d, %v", n, err)
		}
	})
}
