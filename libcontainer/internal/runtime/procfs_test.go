package runtime

import (
	"encoding/binary"
	"os"
	"testing"

	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"github.com/rung-oci/rung/libcontainer/internal/wire"
	"golang.org/x/sys/unix"
)

// judge runs the helper's filter as the kernel does: it loads words, compares, and returns.
func judge(t *testing.T, filter []byte, data [16]uint32) uint32 {
	t.Helper()
	var a uint32
	for pc := 0; 8*pc < len(filter); pc++ {
		in := filter[8*pc:]
		k := binary.NativeEndian.Uint32(in[4:])
		switch code := binary.NativeEndian.Uint16(in); code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			a = data[k/4]
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			if a == k {
				pc += int(in[2])
			} else {
				pc += int(in[3])
			}
		case unix.BPF_RET | unix.BPF_K:
			return k
		default:
			t.Fatalf("instruction %d has code %#x", pc, code)
		}
	}
	t.Fatal("the filter has no end")
	return 0
}

// Whoever traces the helper process can have it open file system contexts, send, fork as it does itself, and end.
func TestHelperFilter(t *testing.T) {
	filter, err := helperFilter()
	if err != nil {
		t.Fatal(err)
	}
	arch, _ := auditArch()
	word := 4 // of the low half of the first argument
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		word++
	}
	call := func(arch uint32, nr, arg uint32) uint32 {
		data := [16]uint32{0: nr, 1: arch}
		data[word], data[word+2] = arg, arg // s390 has clone's flags second
		return judge(t, filter, data)
	}
	allowed := map[uint32]bool{unix.SYS_FSOPEN: true, unix.SYS_SENDMSG: true, unix.SYS_EXIT_GROUP: true}
	for nr := range uint32(1024) {
		want := uint32(unix.SECCOMP_RET_KILL_PROCESS)
		if allowed[nr] {
			want = unix.SECCOMP_RET_ALLOW
		}
		if got := call(arch, nr, 0); got != want {
			t.Errorf("call %d: %#x, want %#x", nr, got, want)
		}
		if got := call(arch^1, nr, unix.CLONE_PARENT|unix.CLONE_PIDFD); got != unix.SECCOMP_RET_KILL_PROCESS {
			t.Errorf("call %d of another architecture: %#x", nr, got)
		}
	}
	for flags, want := range map[uint32]uint32{
		unix.CLONE_PARENT | unix.CLONE_PIDFD:                    unix.SECCOMP_RET_ALLOW,
		unix.CLONE_PARENT | unix.CLONE_PIDFD | unix.CLONE_NEWNS: unix.SECCOMP_RET_KILL_PROCESS,
		unix.CLONE_NEWUSER | unix.CLONE_NEWPID:                  unix.SECCOMP_RET_KILL_PROCESS,
		unix.CLONE_VM | unix.CLONE_FILES | uint32(unix.SIGCHLD): unix.SECCOMP_RET_KILL_PROCESS,
	} {
		if got := call(arch, unix.SYS_CLONE, flags); got != want {
			t.Errorf("clone with %#x: %#x, want %#x", flags, got, want)
		}
	}
}

// What the process before the fork may ask for, the one behind it, which may be traced, may not.
func TestReceive_before_and_behind_the_fork(t *testing.T) {
	c, other := channel(t)
	defer other.Close()
	c.fork = 5
	c.pid, c.pidfd = process(t, "sleep", "60")
	send := func(m wire.Message) {
		t.Helper()
		if err := other.Send(m); err != nil {
			t.Fatal(err)
		}
	}
	send(wire.Message{Type: plan.MsgDelegate, Op: 2, FD: -1})
	if m, err := c.receive(); err != nil || m.Type != plan.MsgDelegate {
		t.Fatalf("before the fork: %+v, %v", m, err)
	}
	send(wire.Message{Type: plan.MsgReady, Op: 7, FD: -1}) // the child is quicker
	forked, forkedFD := process(t, "sleep", "60")
	send(wire.Message{Type: plan.MsgForked, Op: 5, Arg: int64(forked), FD: forkedFD})
	sys.Close(forkedFD)
	if err := sys.PidfdSignal(c.pidfd, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if m, err := c.receive(); err != nil || m.Type != plan.MsgReady || c.pid != forked {
		t.Fatalf("behind the fork: %+v, %v, of process %d", m, err, c.pid)
	}
	for _, kind := range []plan.Msg{plan.MsgDelegate, plan.MsgSync, plan.MsgMaps, plan.MsgConsole} {
		send(wire.Message{Type: kind, Op: 2, FD: -1})
		if m, err := c.receive(); err == nil {
			t.Errorf("behind the fork, of an op before it: %+v", m)
		}
	}
	c.kill()
}

// A tracer may take the channel out of the process and speak itself.
func TestReceive_from_somebody_else(t *testing.T) {
	c, other := channel(t)
	defer other.Close()
	if err := sys.PassCredentials(c.conn.FD()); err != nil {
		t.Fatal(err)
	}
	c.forking, c.watched, c.fork = false, true, -1
	c.pid, c.pidfd = process(t, "sleep", "60")
	defer c.kill()
	ready := wire.Message{Type: plan.MsgReady, Op: 7, FD: -1}
	if err := other.Send(ready); err != nil {
		t.Fatal(err)
	}
	if m, err := c.receive(); err == nil {
		t.Errorf("a message of process %d is taken: %+v", os.Getpid(), m)
	}
	self := &child{pid: os.Getpid(), pidfd: -1, conn: c.conn, watched: true, fork: -1}
	if err := other.Send(ready); err != nil {
		t.Fatal(err)
	}
	if m, err := self.receive(); err != nil || m.Pid != os.Getpid() {
		t.Errorf("its own: %+v, %v", m, err)
	}
}
