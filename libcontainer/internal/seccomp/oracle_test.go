package seccomp

import (
	"errors"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/seccomp/libseccomp"
)

// The tables are what the library says, of all that it knows of.
func TestCallNumbers_are_those_of_libseccomp(t *testing.T) {
	t.Logf("tables of %s, library %s", TableVersion, libseccomp.Version())
	for a := range abis {
		if a == int(abiNone) {
			continue
		}
		for i, name := range callNames {
			n, ok := libseccomp.Number(name, abis[a].name)
			if !ok {
				continue // a library older than the tables
			}
			got := callNumbers[a][i]
			switch {
			case n > -300 && got == -1: // 2.6 is the first that knows loong64
				t.Logf("%s on %s has become known: %d", name, abis[a].name, n)
			case n >= 0 && n != got+int32(abis[a].base), n <= -100 && n > -300 && got != n, n <= -300 && got != -1:
				t.Errorf("%s on %s: %d, libseccomp has %d", name, abis[a].name, got, n)
			}
		}
	}
}

var errConflict = errors.New("libseccomp refuses the rules' combination")

// oracle is the program that libseccomp makes of p, fed the way engines'
// runtimes feed it.
func oracle(t testing.TB, p *specs.LinuxSeccomp) ([]insn, error) {
	t.Helper()
	return oracleFor(t, p, native)
}

// oracleFor is oracle on a machine whose native ABI is host.
func oracleFor(t testing.TB, p *specs.LinuxSeccomp, host abi) ([]insn, error) {
	t.Helper()
	archs := []specs.Arch{abis[host].name}
	for _, name := range p.Architectures {
		if a := abiNamed(name); a != abiNone && a != host && abis[a].kin == abis[host].kin {
			archs = append(archs, name)
		}
	}
	b, err := libseccomp.Program(p, archs)
	if errors.Is(err, syscall.EEXIST) {
		return nil, errConflict
	}
	if err != nil {
		t.Fatal(err)
	}
	return mustDecode(b), nil
}

// known reports whether libseccomp has the name.
func known(name string, a abi) bool {
	_, ok := libseccomp.Number(name, abis[a].name)
	return ok
}
