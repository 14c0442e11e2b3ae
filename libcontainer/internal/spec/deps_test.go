package spec

import (
	"os/exec"
	"strings"
	"testing"
)

// TestImports keeps out what would cost each command its start-up time.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	deps := strings.Fields(string(out))
	for _, c := range []struct{ pkg, reason string }{
		{"encoding/json", "2 to 3 ms of reflection in each process; use jsonscan"},
		{"regexp", "compiles its expressions at start-up"},
		{"net", "brings a resolver"},
		{"github.com/rung-oci/rung/libcontainer/internal/jsonscan/gen", "the generator is not for the binary"},
	} {
		for _, d := range deps {
			if d == c.pkg {
				t.Errorf("package spec depends on %s: %s", c.pkg, c.reason)
			}
		}
	}
}
