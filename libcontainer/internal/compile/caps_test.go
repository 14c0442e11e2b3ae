package compile

import (
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/spec"
	"golang.org/x/sys/unix"
)

func TestCapMask(t *testing.T) {
	if len(spec.Capabilities) != unix.CAP_LAST_CAP+1 {
		t.Fatalf("%d capabilities, want %d", len(spec.Capabilities), unix.CAP_LAST_CAP+1)
	}
	for name, bit := range map[string]int{
		"CAP_CHOWN": unix.CAP_CHOWN, "CAP_KILL": unix.CAP_KILL, "CAP_SETPCAP": unix.CAP_SETPCAP, "CAP_NET_RAW": unix.CAP_NET_RAW,
		"CAP_SYS_MODULE": unix.CAP_SYS_MODULE, "CAP_SYS_ADMIN": unix.CAP_SYS_ADMIN, "CAP_SYS_TTY_CONFIG": unix.CAP_SYS_TTY_CONFIG,
		"CAP_MKNOD": unix.CAP_MKNOD, "CAP_SETFCAP": unix.CAP_SETFCAP, "CAP_MAC_OVERRIDE": unix.CAP_MAC_OVERRIDE, "CAP_SYSLOG": unix.CAP_SYSLOG,
		"CAP_AUDIT_READ": unix.CAP_AUDIT_READ, "CAP_BPF": unix.CAP_BPF, "CAP_CHECKPOINT_RESTORE": unix.CAP_CHECKPOINT_RESTORE,
	} {
		if mask, unknown := capMask([]string{name}); mask != 1<<bit || unknown != nil {
			t.Errorf("%s: %#x %q, want bit %d", name, mask, unknown, bit)
		}
	}
	if mask, unknown := capMask(spec.Capabilities[:]); mask != 1<<len(spec.Capabilities)-1 || unknown != nil {
		t.Errorf("all: %#x %q", mask, unknown)
	}
	mask, unknown := capMask([]string{"CAP_CHOWN", "CAP_UNKNOWN", "UNKNOWN_CAP", "chown", "cap_chown", "CHOWN", "", "CAP_CHOWN"})
	if mask != 1 || !slices.Equal(unknown, []string{"CAP_UNKNOWN", "UNKNOWN_CAP", "chown", "cap_chown", "CHOWN", ""}) {
		t.Errorf("unknown names: %#x %q", mask, unknown)
	}
}

func TestCapabilities(t *testing.T) {
	basic := []string{"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"}
	const basicMask = 0x20000420
	for _, c := range []struct {
		name     string
		in       *specs.LinuxCapabilities
		set      plan.Capset
		bounding uint64
		warnings []string // words of each, in order
	}{
		{"none configured: the caller's stay", nil, plan.Capset{Effective: ^uint64(0), Permitted: ^uint64(0)}, ^uint64(0), nil},
		{"empty", &specs.LinuxCapabilities{}, plan.Capset{}, 0, nil},
		{
			"the default config",
			&specs.LinuxCapabilities{Bounding: basic, Effective: basic, Permitted: basic},
			plan.Capset{Effective: basicMask, Permitted: basicMask}, basicMask, nil,
		},
		{
			"what exec adds to none",
			&specs.LinuxCapabilities{Bounding: basic[:2], Effective: basic[:2], Permitted: basic[:2]},
			plan.Capset{Effective: 0x20000020, Permitted: 0x20000020}, 0x20000020, nil,
		},
		{
			"bounding smaller than permitted",
			&specs.LinuxCapabilities{Bounding: []string{"CAP_SYS_ADMIN"}, Permitted: append([]string{"CAP_SYS_ADMIN"}, basic...), Effective: basic},
			plan.Capset{Effective: basicMask, Permitted: basicMask | 0x200000}, 0x200000, nil,
		},
		{
			"all five",
			&specs.LinuxCapabilities{
				Inheritable: []string{"CAP_CHOWN", "CAP_SYSLOG"}, Permitted: []string{"CAP_KILL", "CAP_CHOWN"}, Effective: []string{"CAP_KILL"},
				Bounding: []string{"CAP_KILL", "CAP_CHOWN", "CAP_SYSLOG"}, Ambient: []string{"CAP_CHOWN"},
			},
			plan.Capset{Inheritable: 0x400000001, Permitted: 0x21, Effective: 0x20, Ambient: 0x1}, 0x400000021, nil,
		},
		{
			"ambient that is not inheritable",
			&specs.LinuxCapabilities{Bounding: []string{"CAP_KILL", "CAP_CHOWN"}, Permitted: []string{"CAP_KILL", "CAP_CHOWN"}, Inheritable: []string{"CAP_KILL"}, Ambient: []string{"CAP_KILL", "CAP_CHOWN"}},
			plan.Capset{Permitted: 0x21, Inheritable: 0x20, Ambient: 0x20}, 0x21,
			[]string{"can't raise ambient capability CAP_CHOWN: it is not in the inheritable set"},
		},
		{
			"ambient that is not permitted",
			&specs.LinuxCapabilities{Bounding: []string{"CAP_KILL"}, Inheritable: []string{"CAP_KILL"}, Ambient: []string{"CAP_KILL"}},
			plan.Capset{Inheritable: 0x20}, 0x20,
			[]string{"can't raise ambient capability CAP_KILL: it is not in the permitted set"},
		},
		{
			"ambient alone adds nothing to inheritable",
			&specs.LinuxCapabilities{Bounding: basic, Permitted: basic, Effective: basic, Ambient: basic},
			plan.Capset{Permitted: basicMask, Effective: basicMask}, basicMask,
			[]string{"CAP_KILL: ", "CAP_NET_BIND_SERVICE: ", "CAP_AUDIT_WRITE: "},
		},
		{
			"effective beyond permitted",
			&specs.LinuxCapabilities{Bounding: basic, Permitted: []string{"CAP_KILL"}, Effective: []string{"CAP_KILL", "CAP_CHOWN"}},
			plan.Capset{Permitted: 0x20, Effective: 0x20}, basicMask,
			[]string{"process.capabilities.effective: CAP_CHOWN is left out"},
		},
		{
			"inheritable beyond bounding",
			&specs.LinuxCapabilities{Bounding: []string{"CAP_KILL"}, Inheritable: []string{"CAP_KILL", "CAP_CHECKPOINT_RESTORE"}},
			plan.Capset{Inheritable: 0x20}, 0x20,
			[]string{"process.capabilities.inheritable: CAP_CHECKPOINT_RESTORE is left out"},
		},
		{
			"unknown names",
			&specs.LinuxCapabilities{Bounding: []string{"CAP_UNKNOWN", "CAP_KILL"}, Permitted: []string{"UNKNOWN_CAP"}},
			plan.Capset{}, 0x20,
			[]string{`process.capabilities.bounding: unknown capability "CAP_UNKNOWN"`, `process.capabilities.permitted: unknown capability "UNKNOWN_CAP"`},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			set, bounding, warnings := capabilities(c.in, ^uint64(0))
			if *set != c.set || bounding != c.bounding {
				t.Errorf("%#x bounding %#x, want %#x bounding %#x", *set, bounding, c.set, c.bounding)
			}
			if len(warnings) != len(c.warnings) {
				t.Fatalf("warnings %q, want %q", warnings, c.warnings)
			}
			for i, w := range c.warnings {
				if !strings.Contains(warnings[i], w) {
					t.Errorf("warning %q, want %q in it", warnings[i], w)
				}
			}
		})
	}
}

// TestCapabilities_the_runtime_lacks: a host may keep one from its root, and no set may ask capset(2) for it then.
func TestCapabilities_the_runtime_lacks(t *testing.T) {
	all := []string{"CAP_KILL", "CAP_CHOWN"}
	c := &specs.LinuxCapabilities{Bounding: all, Permitted: all, Effective: all, Inheritable: all, Ambient: all}
	set, bounding, warnings := capabilities(c, 0x20)
	if want := (plan.Capset{Permitted: 0x20, Effective: 0x20, Inheritable: 0x20, Ambient: 0x20}); *set != want || bounding != 0x21 {
		t.Errorf("%#x bounding %#x, want %#x", *set, bounding, want)
	}
	if len(warnings) != 4 {
		t.Errorf("warnings %q, want one for each set", warnings)
	}
}
