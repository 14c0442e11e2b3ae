package seccomp

import (
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// TestCompile_otherMachines compares, for machines of the same byte order, what
// would be compiled there with what libseccomp would make there.
func TestCompile_otherMachines(t *testing.T) {
	for _, c := range []struct {
		host abi
		more []abi
	}{
		{abiAARCH64, []abi{abiARM}},
		{abiARM, nil},
		{abiPPC64LE, nil},
		{abiRISCV64, nil},
		{abiMIPSEL64, []abi{abiMIPSEL, abiMIPSEL64N32}},
		{abiX86, nil},
	} {
		t.Run(string(abis[c.host].name), func(t *testing.T) {
			p := fixture(t, "default.json")
			p.Architectures = nil
			all := append([]abi{c.host}, c.more...)
			for _, a := range c.more {
				p.Architectures = append(p.Architectures, abis[a].name)
			}
			p.Syscalls = append(p.Syscalls, specs.LinuxSyscall{
				Names: []string{"keyctl", "mount"}, Action: specs.ActTrap,
				Args: []specs.LinuxSeccompArg{{Index: 1, Op: specs.OpGreaterThan, Value: 1 << 32}},
			})
			lib, err := oracleFor(t, p, c.host)
			if err != nil {
				t.Fatal(err)
			}
			f, err := compileFor(p, c.host)
			if err != nil {
				t.Fatal(err)
			}
			prog := mustDecode(f.Instructions)
			wellFormed(t, prog)
			t.Logf("%d instructions, libseccomp %d", len(prog), len(lib))
			if libraryBuild && slices.Equal(prog, lib) {
				return // no answer differs
			}
			late := map[[2]uint32]bool{}
			for _, s := range p.Syscalls {
				for _, name := range s.Names {
					for _, a := range all {
						if n, ok := resolve(name, a); ok && !known(name, a) {
							late[[2]uint32{abis[a].audit, uint32(n.direct)}] = true
						}
					}
				}
			}
			for _, a := range all {
				for nr := range uint32(8000) {
					if late[[2]uint32{abis[a].audit, nr}] {
						continue
					}
					for v := range uint64(30) {
						for _, w := range []uint64{v, v | 1<<40} {
							d := data{nr, abis[a].audit, [6]uint64{w, w}}
							if ours, theirs := run(prog, &d), run(lib, &d); ours != theirs {
								t.Fatalf("%s nr %d args %x: %#x, libseccomp has %#x", abis[a].name, nr, d.args, ours, theirs)
							}
						}
					}
				}
			}
		})
	}
}
