package systemd

import (
	"slices"
	"strings"
	"testing"

	"github.com/rung-oci/rung/libcontainer/internal/annotation"
)

func annotated(t *testing.T, name, text string) ([]Property, error) {
	t.Helper()
	return Annotations(map[string]string{AnnotationPrefix + name: text})
}

// What the engines in use write, and what users want of a scope.
func TestAnnotations_allowed(t *testing.T) {
	for _, c := range []struct{ name, text, property, value string }{
		{"KillSignal", "37", "KillSignal", "37"}, // Podman
		{"TimeoutStopUSec", "uint64 10000000", "TimeoutStopUSec", "@t 10000000"},
		{"TimeoutStopUSec", "uint64 0", "TimeoutStopUSec", "@t 1"}, // podman --stop-timeout 0
		{"TimeoutStopSec", "3", "TimeoutStopUSec", "@t 3000000"},
		{"DefaultDependencies", "true", "DefaultDependencies", "true"}, // CRI-O
		{"After", "['crio.service']", "After", `["crio.service"]`},
		{"CollectMode", "'inactive-or-failed'", "CollectMode", `"inactive-or-failed"`},
		{"Delegate", "true", "", ""},
		{"RuntimeMaxSec", "900", "RuntimeMaxUSec", "@t 900000000"},
		{"Description", "'a web server'", "Description", `"a web server"`},
		{"MemorySwapMax", "uint64 0", "MemorySwapMax", "@t 0"},
	} {
		list, err := annotated(t, c.name, c.text)
		if err != nil {
			t.Errorf("%s=%s: %v", c.name, c.text, err)
			continue
		}
		if c.property == "" {
			if len(list) != 0 {
				t.Errorf("%s=%s gives %v", c.name, c.text, list)
			}
			continue
		}
		if len(list) != 1 || list[0].Name != c.property || list[0].Value.String() != c.value {
			t.Errorf("%s=%s gives %v, want %s %s", c.name, c.text, list, c.property, c.value)
		}
	}
	if !slices.IsSortedFunc(annotation.SystemdAllowed[:], func(a, b annotation.Property) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the list is not sorted")
	}
}

func TestAnnotations_refused(t *testing.T) {
	for name, text := range map[string]string{
		"RequiresMountsFor": "['/home']", "PartOf": "['sshd.service']", "StopPropagatedFrom": "['a.service']", "KillMode": "'none'", "SendSIGKILL": "false",
		"DisableControllers": "['memory']", "ManagedOOMSwap": "'kill'", "ManagedOOMPreference": "'omit'", "OOMPolicy": "'continue'", "Before": "['shutdown.target']",
		"StartupMemoryMax": "uint64 18446744073709551615", "MemoryMaxScale": "uint32 4294967295", "IOReadBandwidthMax": "[('/dev/sda', uint64 18446744073709551615)]",
		"IPAddressAllow": "''", "X": "1", "": "1", "After": "['systemd-poweroff.service']", "Delegate": "false", "TimeoutStopUSec": "uint64 18446744073709551615",
		"Description": "'a\\nb'", "FinalKillSignal": "0", "Slice": "'a.slice'", "Memorymax": "uint64 1", "DelegateControllers": "['cpu']", "TimeoutStopFailureMode": "'kill'",
	} {
		if list, err := annotated(t, name, text); err == nil {
			t.Errorf("%s=%s gives %v", name, text, list)
		}
	}
}
