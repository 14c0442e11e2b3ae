package integration

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-spec/specs-go/features"
)

// The flags of seccomp that features lists as supported are loaded by the kernel.
func TestFeatures_seccompFlags(t *testing.T) {
	requires(t, "rt:rung")
	b := newBundle(t)
	var f features.Features
	if err := json.Unmarshal([]byte(b.must("features").Stdout), &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Linux.Seccomp.SupportedFlags) == 0 {
		t.Fatal("no flag is supported")
	}
	b.Spec.Linux.Seccomp = &specs.LinuxSeccomp{
		DefaultAction: specs.ActAllow,
		Syscalls:      []specs.LinuxSyscall{{Names: []string{"swapon"}, Action: specs.ActErrno}},
	}
	for _, flag := range f.Linux.Seccomp.SupportedFlags {
		b.Spec.Linux.Seccomp.Flags = append(b.Spec.Linux.Seccomp.Flags, specs.LinuxSeccompFlag(flag))
	}
	if r := b.run(); r.Exit != 0 {
		t.Errorf("exit status %d: %s", r.Exit, r.Stderr)
	}
	if !slices.Contains(f.Linux.Namespaces, "time") {
		t.Errorf("namespaces %q", f.Linux.Namespaces)
	}
}
