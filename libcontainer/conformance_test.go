package libcontainer

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The tests that docs/spec-conformance.md names are there, each where it says.
func TestConformance_namesTests(t *testing.T) {
	doc, err := os.ReadFile("../docs/spec-conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	sources := map[string]string{}
	source := func(dir string) string {
		if _, ok := sources[dir]; !ok {
			files, _ := filepath.Glob(dir + "/*_test.go")
			var b strings.Builder
			for _, f := range files {
				text, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				b.Write(text)
			}
			sources[dir] = b.String()
		}
		return sources[dir]
	}
	named := regexp.MustCompile("(?:([a-z][a-z0-9/]*) )?`((?:Test|Fuzz)[A-Za-z0-9_]+)`").FindAllStringSubmatch(string(doc), -1)
	if len(named) < 100 {
		t.Fatalf("%d tests are named", len(named))
	}
	for _, n := range named {
		dir := "../tests/integration"
		if n[1] != "" && n[1] != "alone" && n[2] != "TestX" {
			dir = "internal/" + n[1]
		}
		if n[2] != "TestX" && !strings.Contains(source(dir), "func "+n[2]+"(") {
			t.Errorf("%s is not in %s", n[2], dir)
		}
	}
}
