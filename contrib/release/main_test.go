package main

import (
	"os"
	"strings"
	"testing"
)

// Who packages rung reads the licences in docs/packaging.md before anything is built.
func TestLicences_are_in_the_docs(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../docs/packaging.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(b), "| module | licence |\n|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	want := ""
	for _, l := range licences {
		want += "| `" + l.module + "` | " + l.id + " |\n"
	}
	if table+"\n" != want {
		t.Errorf("docs/packaging.md has\n%s\nwant\n%s", table, want)
	}
}
