package seccomp

import (
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestKnownCalls(t *testing.T) {
	p := &specs.LinuxSeccomp{Syscalls: []specs.LinuxSyscall{
		{Names: []string{"read", "socketcall", "mseal", "arm_fadvise64_64"}},
		{Names: []string{"openat", "opennat"}},
	}}
	if unknown(t, "mseal") {
		if err := KnownCalls(p); err == nil || err.Error() != `syscalls[0].names[2]: unknown system call "mseal"` {
			t.Errorf("%v", err)
		}
		p.Syscalls[0].Names[2] = "openat2"
	}
	err := KnownCalls(p)
	if err == nil || !strings.Contains(err.Error(), `syscalls[1].names[1]: unknown system call "opennat"`) {
		t.Errorf("%v", err)
	}
	p.Syscalls = p.Syscalls[:1]
	if err := KnownCalls(p); err != nil {
		t.Error(err)
	}
}
