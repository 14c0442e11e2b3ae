package compile

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestPersonality(t *testing.T) {
	for domain, want := range map[specs.LinuxPersonalityDomain]uint64{"LINUX": 0, "LINUX32": 8} {
		if got, err := personality(&specs.LinuxPersonality{Domain: domain}); err != nil || got.Value != want {
			t.Errorf("%s: %+v %v, want %d", domain, got, err, want)
		}
	}
	for _, p := range []specs.LinuxPersonality{{}, {Domain: "linux"}, {Domain: "BSD"}, {Domain: "LINUX", Flags: []specs.LinuxPersonalityFlag{"ADDR_NO_RANDOMIZE"}}} {
		if got, err := personality(&p); err == nil {
			t.Errorf("%+v: accepted as %+v", p, got)
		}
	}
}
