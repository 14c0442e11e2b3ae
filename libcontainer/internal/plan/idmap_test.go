package plan

import "testing"

func TestIDMap(t *testing.T) {
	m := IDMap{{Container: 0, Host: 1000, Size: 1}, {Container: 1, Host: 100000, Size: 65536}, {Container: 4294967294, Host: 7, Size: 1}}
	if got, want := m.File(), "0 1000 1\n1 100000 65536\n4294967294 7 1"; got != want {
		t.Errorf("File: %q, want %q", got, want)
	}
	if got, want := m.String(), "0:1000:1,1:100000:65536,4294967294:7:1"; got != want {
		t.Errorf("String: %q, want %q", got, want)
	}
	if got := IDMap(nil).File() + IDMap(nil).String(); got != "" {
		t.Errorf("an empty map: %q", got)
	}
	for _, c := range []struct {
		inside, host uint32
	}{{0, 1000}, {1, 100000}, {2, 100001}, {65536, 165535}, {4294967294, 7}} {
		if got, ok := m.ToHost(c.inside); !ok || got != c.host {
			t.Errorf("ToHost(%d): %d %v, want %d", c.inside, got, ok, c.host)
		}
	}
	for _, id := range []uint32{65537, 4294967293, 4294967295} {
		if got, ok := m.ToHost(id); ok {
			t.Errorf("ToHost(%d): %d", id, got)
		}
	}
}
