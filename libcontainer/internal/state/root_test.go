package state

import "testing"

func TestDefaultRoot(t *testing.T) {
	for _, tt := range []struct {
		name      string
		euid      int
		xdg, user string
		inUserNS  bool
		want      string
	}{
		{"root", 0, "", "root", false, "/run/rung"},
		{"root with a session", 0, "/run/user/0", "root", false, "/run/rung"},
		{"root by sudo", 0, "/run/user/1000", "alice", false, "/run/rung"},
		{"user", 1000, "/run/user/1000", "alice", false, "/run/user/1000/rung"},
		{"user without a session", 1000, "", "alice", false, "/run/rung"},
		{"user in a user namespace", 1000, "/run/user/1000", "root", true, "/run/user/1000/rung"},
		{"root of a user namespace", 0, "/run/user/1000", "alice", true, "/run/user/1000/rung"},
		{"nameless root of a user namespace", 0, "/run/user/1000", "", true, "/run/user/1000/rung"},
		{"nested engine", 0, "/run/user/0", "root", true, "/run/rung"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked := false
			getenv := func(name string) string {
				switch name {
				case "XDG_RUNTIME_DIR":
					return tt.xdg
				case "USER":
					return tt.user
				}
				t.Errorf("$%s was asked for", name)
				return ""
			}
			got := DefaultRoot(tt.euid, getenv, func() bool { asked = true; return tt.inUserNS })
			if got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			if asked && (tt.euid != 0 || tt.xdg == "") {
				t.Error("the user namespace was asked for in vain")
			}
		})
	}
}
