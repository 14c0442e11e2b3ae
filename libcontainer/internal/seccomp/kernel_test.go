package seccomp

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// TestKernel installs filters and makes calls under them.
func TestKernel(t *testing.T) {
	if native != abiX8664 {
		t.Skip("the probe makes calls of x86")
	}
	dir := t.TempDir()
	probe := filepath.Join(dir, "probe")
	if out, err := exec.Command("gcc", "-O1", "-static", "-o", probe, "testdata/probe.c").CombinedOutput(); err != nil {
		t.Fatalf("probe: %v\n%s", err, out)
	}
	all := []specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32}
	def := fixture(t, "default.json")
	native := fixture(t, "default.json")
	native.Architectures = nil
	tail := fixture(t, "default.json")
	tail.DefaultErrnoRet = nil
	trap := &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Architectures: all, Syscalls: []specs.LinuxSyscall{
		{Names: []string{"getppid"}, Action: specs.ActTrap}, {Names: []string{"gettid"}, Action: specs.ActKillProcess},
	}, Flags: []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagLog}}
	late := "22" // EINVAL: an odd address
	if unknown(t, "mseal") {
		late = "1"
	}
	for _, c := range []struct {
		name string
		p    *specs.LinuxSeccomp
		call string
		want string
	}{
		{"allowed", def, "64:39:0", "ok"},                         // getpid
		{"denied", def, "64:272:0", "1"},                          // unshare
		{"own error number", def, "64:435:0", "38"},               // clone3
		{"argument allowed", def, "64:135:0xffffffff", "ok"},      // personality
		{"argument denied", def, "64:135:7", "1"},                 // personality
		{"high word counts", def, "64:135:0x10000000008", "1"},    // personality
		{"socket family denied", def, "64:41:40", "1"},            // AF_VSOCK
		{"late call reaches the kernel", def, "64:462:1", late},   // mseal
		{"i386 allowed", def, "32:20:0", "ok"},                    // getpid
		{"i386 denied", def, "32:310:0", "1"},                     // unshare
		{"i386 not listed kills", native, "32:20:0", "signal 31"}, // SIGSYS
		{"x32 not listed kills", native, "64:0x40000027:0", "signal 31"},
		{"x32 denied", def, "64:0x40000110:0", "1"},
		{"tail: new is ENOSYS", tail, "64:1000:0", "38"},
		{"tail: old is EPERM", tail, "64:272:0", "1"},
		{"tail: i386", tail, "32:1000:0", "38"},
		{"trap", trap, "64:110:0", "signal 31"},
		{"kill", trap, "64:186:0", "signal 31"},
		{"default allows", trap, "64:39:0", "ok"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := Compile(c.p)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, "filter")
			if err := os.WriteFile(file, f.Instructions, 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(probe, file, strconv.Itoa(int(f.Flags)), c.call).Output()
			if got := strings.TrimSpace(string(out)); err != nil || got != c.want {
				t.Errorf("%s: got %q, %v, want %q", c.call, got, err, c.want)
			}
		})
	}
}
