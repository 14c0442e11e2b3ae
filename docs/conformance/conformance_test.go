// Package conformance holds docs/spec-conformance.md to the truth: it is written from the files fields and ran beside this
// one and from the lists of tests/conformance, each field of the specification's Go types has to be in it, and each test
// that it names has to exist.
//
//	go test ./docs/conformance -update           write the page again (make generate does)
//	go test ./docs/conformance -ran bin/test     write ran again, with the results of make test in that directory, and the page
//	go test ./docs/conformance -check bin/test   after make test: has each integration test run somewhere?
package conformance

//go:generate go test . -update

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/spec-conformance.md again, and remove tests that no longer exist from the file ran")

const page = "../spec-conformance.md"

func TestSpecConformance_page_is_fresh(t *testing.T) {
	if *update || *ran != "" {
		if err := record(integrationTests(t), *ran, "ran"); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := readRows("fields")
	if err != nil {
		t.Fatal(err)
	}
	where, err := readRan("ran")
	if err != nil {
		t.Fatal(err)
	}
	want, err := print(rows, where)
	if err != nil {
		t.Fatal(err)
	}
	if *update || *ran != "" {
		if err := os.WriteFile(page, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Error("docs/spec-conformance.md is stale: go generate ./docs/conformance")
	}
}

func TestSpecConformance_has_every_field(t *testing.T) {
	rows, err := readRows("fields")
	if err != nil {
		t.Fatal(err)
	}
	fields := specFields()
	for _, f := range fields {
		var by []string
		for _, r := range rows {
			for _, p := range r.paths {
				if covers(p, f) {
					by = append(by, p)
				}
			}
		}
		switch len(by) {
		case 0:
			t.Errorf("%s is not in docs/conformance/fields", f)
		case 1:
		default:
			t.Errorf("%s is there %d times: %s", f, len(by), strings.Join(by, ", "))
		}
	}
	for _, r := range rows {
		for _, p := range r.paths {
			found := false
			for _, f := range fields {
				found = found || covers(p, f)
			}
			if !found {
				t.Errorf("docs/conformance/fields:%d: %s is no field of the specification", r.line, p)
			}
		}
	}
}

func TestSpecConformance_tests_exist(t *testing.T) {
	rows, err := readRows("fields")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]map[string]bool{}
	for _, r := range rows {
		if r.text == "" && len(r.tests) == 0 && r.how == "" {
			continue
		}
		if r.text == "" && len(r.tests) == 0 {
			t.Errorf("docs/conformance/fields:%d: no test", r.line)
		}
		for _, name := range r.tests {
			pkg, test := split(name)
			if known[pkg] == nil {
				if known[pkg], err = testsOf(pkg); err != nil {
					t.Fatal(err)
				}
			}
			if !known[pkg][test] {
				t.Errorf("docs/conformance/fields:%d: %s has no %s", r.line, directory(pkg), test)
			}
		}
	}
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		pattern, field string
		want           bool
	}{
		{"root.path", "root.path", true},
		{"root.path", "root.paths", false},
		{"process.rlimits.*", "process.rlimits[].soft", true},
		{"linux.timeOffsets.*", "linux.timeOffsets{}.secs", true},
		{"process.user.*", "process.username", false},
		{"linux.resources.blockIO.throttle*", "linux.resources.blockIO.throttleReadBpsDevice[].rate", true},
	} {
		if got := covers(c.pattern, c.field); got != c.want {
			t.Errorf("%s covers %s: %v", c.pattern, c.field, got)
		}
	}
}
