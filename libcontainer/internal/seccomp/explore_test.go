package seccomp

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestExplore(t *testing.T) {
	b, _ := os.ReadFile("/usr/share/containers/seccomp.json")
	var p specs.LinuxSeccomp
	if err := json.Unmarshal(b, &p); err != nil {
		t.Fatal(err)
	}
	p.Architectures = []specs.Arch{"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"}
	f, err := Compile(&p)
	fmt.Println(len(f.Instructions)/8, f.Flags, err)
	prog := decode(f.Instructions)
	lib, err := oracle(t, &p)
	fmt.Println(len(lib), err)
	bad := 0
	for _, arch := range []uint32{0xc000003e, 0x40000003} {
		for _, base := range []uint32{0, x32Bit} {
			for nr := range uint32(700) {
				d := data{nr: nr + base, arch: arch}
				if x, y := run(prog, &d), run(lib, &d); x != y {
					bad++
					fmt.Printf("%#x %#x %#x %#x\n", arch, d.nr, x, y)
				}
			}
		}
	}
	fmt.Println("bad", bad)
}
