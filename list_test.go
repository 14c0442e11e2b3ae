package main

import (
	"testing"
	"time"

	"github.com/rung-oci/rung/libcontainer"
)

func TestTable(t *testing.T) {
	created := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	got := string(appendTable(nil, []libcontainer.State{
		{ID: "a", Pid: 12345, Status: "running", Bundle: "/srv/a", Created: created, Owner: "root"},
		{ID: "a-longer-name", Status: "stopped", Bundle: "/b", Created: created, Owner: "#1000"},
	}))
	want := `ID              PID         STATUS      BUNDLE      CREATED                       OWNER
a               12345       running     /srv/a      2026-01-02T03:04:05.000006Z   root
a-longer-name   0           stopped     /b          2026-01-02T03:04:05.000006Z   #1000
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
