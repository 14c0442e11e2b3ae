package seccomp

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// mustDecode panics on bytes that are no program.
func mustDecode(b []byte) []insn {
	prog, err := decode(b)
	if err != nil {
		panic(err)
	}
	return prog
}

// run panics on what seccomp_check_filter would refuse.
func run(prog []insn, d *data) uint32 {
	ret, err := interpret(prog, d)
	if err != nil {
		panic(err)
	}
	return ret
}

func TestRefused(t *testing.T) {
	errno := uint(38)
	p := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{
		{Names: []string{"read", "write"}, Action: specs.ActAllow},
		{Names: []string{"clone"}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{{Index: 0, Value: 0x7e020000, Op: specs.OpMaskedEqual}}},
		{Names: []string{"clone3"}, Action: specs.ActErrno, ErrnoRet: &errno},
		{Names: []string{"close"}, Action: specs.ActLog},
		{Names: []string{"sendmsg"}, Action: specs.ActNotify},
	}}
	f, err := Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		call Call
		want string
	}{
		{Call{Name: "read"}, ""},
		{Call{Name: "close"}, ""},
		{Call{Name: "clone", Args: []uint64{0x9000}}, ""},
		{Call{Name: "clone", Args: []uint64{0x10000000}}, "clone"},
		{Call{Name: "clone3"}, "clone3"},
		{Call{Name: "sendmsg"}, "sendmsg"},
		{Call{Name: "no_such_call"}, ""},
		{Call{Name: "accept4"}, "accept4"},
	} {
		if got := f.Refused([]Call{{Name: "write"}, c.call}); got != c.want {
			t.Errorf("%v: refused %q, want %q", c.call, got, c.want)
		}
	}
	if got := (&Filter{Instructions: []byte{1}}).Refused([]Call{{Name: "read"}}); got == "" {
		t.Error("half an instruction allows read")
	}
}
