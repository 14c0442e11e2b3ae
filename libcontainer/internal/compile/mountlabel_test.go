package compile

import (
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// fsconfig(2) takes a label as it is; in the text of mount(2) it is quoted, because of its commas.
func TestNewMount_label(t *testing.T) {
	const l = "system_u:object_r:container_file_t:s0:c1,c2"
	for _, c := range []struct {
		name  string
		mount specs.Mount
		want  string
	}{
		{"by fsconfig", specs.Mount{Type: "tmpfs", Options: []string{"size=1m"}}, "data=[size=1m context=" + l + "]"},
		{"by mount", specs.Mount{Type: "tmpfs", Options: []string{"size=1m", "iversion"}}, `data="size=1m,context="` + l + `"`},
		{"by mount, without options", specs.Mount{Type: "tmpfs", Options: []string{"iversion"}}, `data="context="` + l + `"`},
		{"context of the config by mount", specs.Mount{Type: "tmpfs", Options: []string{"iversion", `rootcontext="` + l + `"`}}, `data="rootcontext="` + l + `",context="` + l + `"`},
		{"mqueue", specs.Mount{Type: "mqueue"}, "label=" + l},
		{"proc", specs.Mount{Type: "proc"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.mount.Destination, c.mount.Source = "/data", c.mount.Type
			s := minimal(nil)
			s.Mounts = []specs.Mount{c.mount}
			s.Linux.MountLabel = l
			p, _, err := Create(s, Options{ID: "c", Bundle: "/b"}, Facts{SELinux: true})
			if err != nil {
				t.Fatal(err)
			}
			line := ""
			for _, op := range lines(p.Init) {
				if strings.Contains(op, "target=/data") {
					line = strings.ReplaceAll(op, `\"`, `"`)
				}
			}
			if line == "" || !strings.Contains(line, c.want) || c.want == "" && strings.Contains(line, "system_u") {
				t.Errorf("%s, want %s", line, c.want)
			}
		})
	}
}
