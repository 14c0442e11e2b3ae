package misspelt

import "testing"

func TestNearest(t *testing.T) {
	names := []string{"create", "run", "state", "start", "kill", "ps"}
	for name, want := range map[string]string{
		"rnu": "run", "urn": "run", "RUN": "run", "statt": "state", "stat": "state", "creat": "create", "p": "ps", "xyz": "", "": "", "launch": "",
	} {
		if got := Nearest(name, names); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
