package conformance

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var (
	ran   = flag.String("ran", "", "a directory with results of make test, or of make ran: write the file ran again, with what they say of each test that they have")
	check = flag.String("check", "", "a directory with the results of make test: fail for an integration test that has run neither there nor, by the file ran, elsewhere")
)

// The kinds of host that the file ran knows, by their letters.
const (
	hybrid = "h"
	v1     = "1"
	v2     = "2"
	guest  = "m"
)

var kinds = [...]string{hybrid, v1, v2, guest}

// nowhere stands before what a test needs that no host at hand has.
const nowhere = "- "

const ranHead = `# Where each integration test has passed, and was not skipped: h a hybrid host, 1 and 2 its views of one kind of cgroup
# alone, m the guest of tests/vm. Letters are not written by hand but after make test, by
# go test ./docs/conformance -ran bin/test, and by make ran RUN=TestX for some tests. A test that no host at hand can run
# has "-" and what it needs, by hand.
`

// results say for tests of tests/integration on which kinds of host they have run, and whether that was a success.
type results map[string]map[string]bool

// TestRan_names_tests_that_exist holds the file ran to the sources. The page shows what a line says, so a test that
// the page names needs a line; whether the others have one is judged after make test, with -check.
func TestRan_names_tests_that_exist(t *testing.T) {
	exist, where := integrationTests(t), ranFile(t)
	for name := range where {
		if !exist[name] {
			t.Errorf("docs/conformance/ran: there is no %s in tests/integration: go generate ./docs/conformance removes the line", name)
		}
	}
	rows, err := readRows("fields")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		for _, name := range r.tests {
			if pkg, test := split(name); pkg == "" && exist[test] && where[test] == "" {
				t.Errorf("docs/conformance/fields:%d: where %s has passed is not known: make ran RUN='^%[2]s$' writes it", r.line, test)
			}
		}
	}
}

// TestRan_each_integration_test_has_run judges a whole run of make test (-check): a test that is skipped on each host
// there is no test.
func TestRan_each_integration_test_has_run(t *testing.T) {
	if *check == "" {
		return // it is not skipped: make test has a leg for it, after the others
	}
	exist, where := integrationTests(t), ranFile(t)
	now, err := readResults(fromTop(*check))
	if err != nil {
		t.Fatal(err)
	}
	problems, unlisted, open := judge(exist, now, where)
	if len(open) > 0 {
		t.Logf("without the guest of tests/vm it is not known whether these can run anywhere: %s", strings.Join(open, " "))
	}
	for _, p := range problems {
		t.Error(p)
	}
	if len(unlisted) > 0 {
		t.Logf("%d tests have passed and have no line in docs/conformance/ran: go test ./docs/conformance -ran %s adds them", len(unlisted), *check)
	}
}

// judge finds the tests that have run nowhere, and those that have run now and have no line yet. Where there was no
// guest, a test that was skipped may be one for the guest alone: it is left open.
func judge(exist map[string]bool, now results, where map[string]string) (problems, unlisted, open []string) {
	guestRan := false
	for _, outcome := range now {
		_, ran := outcome[guest]
		guestRan = guestRan || ran
	}
	for _, name := range sorted(exist) {
		var on []string
		passed := false
		for kind, ok := range now[name] {
			on = append(on, kind)
			passed = passed || ok
		}
		slices.Sort(on)
		switch {
		case where[name] == "" && passed:
			unlisted = append(unlisted, name)
		case where[name] != "" || passed:
		case len(on) == 0:
			problems = append(problems, name+" has not run, and by docs/conformance/ran nowhere else: no leg of script/test has it")
		case !guestRan:
			open = append(open, name)
		default:
			problems = append(problems, fmt.Sprintf("%s was skipped, or has failed, on each kind of host that it ran on (%s), and by docs/conformance/ran it has passed on no other", name, strings.Join(on, "")))
		}
	}
	return problems, unlisted, open
}

func TestJudge(t *testing.T) {
	exist := map[string]bool{"TestListed": true, "TestNew": true, "TestSkipped": true, "TestForgotten": true, "TestGuest": true}
	now := results{"TestNew": {hybrid: false, v2: true}, "TestSkipped": {v1: false, hybrid: false}, "TestGuest": {guest: false}, "TestGone": {hybrid: true}}
	problems, unlisted, open := judge(exist, now, map[string]string{"TestListed": "h12", "TestGuest": guest})
	if len(problems) != 2 || !strings.HasPrefix(problems[0], "TestForgotten has not run") || !strings.HasPrefix(problems[1], "TestSkipped was skipped") || !strings.Contains(problems[1], "(1h)") {
		t.Errorf("problems: %q", problems)
	}
	if !slices.Equal(unlisted, []string{"TestNew"}) || open != nil {
		t.Errorf("unlisted: %q, open: %q", unlisted, open)
	}
	delete(now, "TestGuest")
	problems, _, open = judge(exist, now, map[string]string{"TestListed": "h12", "TestGuest": guest})
	if len(problems) != 1 || !slices.Equal(open, []string{"TestSkipped"}) {
		t.Errorf("without a guest: problems %q, open %q", problems, open)
	}
}

func TestResults(t *testing.T) {
	dir := t.TempDir()
	const pkg = `"Package":"github.com/rung-oci/rung/tests/integration"`
	for file, lines := range map[string][]string{
		"integration-hybrid.json": {`{"Action":"pass",` + pkg + `,"Test":"TestA"}`, `{"Action":"skip",` + pkg + `,"Test":"TestB"}`, "no JSON"},
		"faults-v2.json":          {`{"Action":"pass",` + pkg + `,"Test":"TestB/x"}`, `{"Action":"pass",` + pkg + `,"Test":"TestB"}`},
		"integration-v1.json":     {`{"Action":"skip",` + pkg + `,"Test":"TestA/x"}`, `{"Action":"pass",` + pkg + `,"Test":"TestA"}`},
		"vm.json":                 {`{"Action":"fail",` + pkg + `,"Test":"TestA"}`},
		"cve.json":                {`{"Action":"pass",` + pkg + `,"Test":"TestCVE"}`, `{"Action":"skip",` + pkg + `,"Test":"TestA"}`},
		"unit.json":               {`{"Action":"pass","Package":"github.com/rung-oci/rung","Test":"TestC"}`},
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(strings.Join(lines, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	now, err := readResults(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := results{"TestA": {hybrid: true, v1: false, guest: false}, "TestB": {hybrid: false, v2: true}, "TestCVE": {hybrid: true}}
	if got, want := fmt.Sprint(now), fmt.Sprint(want); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	old := map[string]string{"TestA": "12m", "TestB": "hm", "TestCVE": "- a 2nd host", "TestOld": "h", "TestGone": "h", "TestRare": "- 1 more"}
	exist := map[string]bool{"TestA": true, "TestB": true, "TestCVE": true, "TestOld": true, "TestRare": true}
	if got := fmt.Sprint(merge(exist, now, old)); got != "map[TestA:h2 TestB:2m TestCVE:h TestOld:h TestRare:- 1 more]" {
		t.Errorf("merged: %s", got)
	}
	if _, err := readResults(t.TempDir()); err == nil {
		t.Error("a directory without results is no error")
	}
}

// merge puts what is known now in place of what the file says of the same test on the same kind of host.
func merge(exist map[string]bool, now results, where map[string]string) map[string]string {
	merged := map[string]string{}
	for name := range exist {
		letters := ""
		for _, kind := range kinds {
			passed, known := now[name][kind]
			if passed || !known && strings.Contains(where[name], kind) && !strings.HasPrefix(where[name], nowhere) {
				letters += kind
			}
		}
		if letters == "" && strings.HasPrefix(where[name], nowhere) {
			letters = where[name]
		}
		if letters != "" {
			merged[name] = letters
		}
	}
	return merged
}

// record writes the file ran again, with the results in dir if that is named.
func record(exist map[string]bool, dir, file string) error {
	where, err := readRan(file)
	if err != nil {
		return err
	}
	now := results{}
	if dir != "" {
		if now, err = readResults(fromTop(dir)); err != nil {
			return err
		}
	}
	merged := merge(exist, now, where)
	var b strings.Builder
	b.WriteString(ranHead)
	for _, name := range sorted(merged) {
		fmt.Fprintln(&b, name, merged[name])
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

// readRan reads the file ran: "TestX LETTERS", or "TestX - WHAT IT NEEDS". Git joins what two branches have added (.gitattributes), so that a test
// can have two lines.
func readRan(file string) (map[string]string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	where := map[string]string{}
	for line := range strings.Lines(string(b)) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(name, "Test") && !strings.HasPrefix(where[name], nowhere) {
			where[name] += rest
		}
	}
	for name, said := range where {
		if strings.HasPrefix(said, nowhere) {
			continue
		}
		ordered := ""
		for _, kind := range kinds {
			if strings.Contains(said, kind) {
				ordered += kind
			}
		}
		where[name] = ordered
	}
	return where, nil
}

// readResults reads every file of dir that has results of tests/integration. Its name says on which kind of host:
// "integration-v1.json", "faults-v2.json", "vm.json"; any other is of the host as it is.
func readResults(dir string) (results, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	all := results{}
	for _, file := range files {
		kind := hybrid
		for _, word := range strings.Split(strings.TrimSuffix(filepath.Base(file), ".json"), "-") {
			switch word {
			case "v1":
				kind = v1
			case "v2":
				kind = v2
			case "vm":
				kind = guest
			}
		}
		if err := all.add(file, kind); err != nil {
			return nil, err
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no results of tests/integration", dir)
	}
	return all, nil
}

// add adds the results of one file. A test that has passed with nothing but skipped parts was skipped; one that has
// passed in one leg has passed on that kind of host.
func (r results) add(file, kind string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	parts, passed := map[string]bool{}, map[string]bool{}
	s := bufio.NewScanner(f)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		var e struct{ Action, Package, Test string }
		if json.Unmarshal(s.Bytes(), &e) != nil || !strings.HasSuffix(e.Package, "/tests/integration") || e.Test == "" {
			continue
		}
		if e.Action != "pass" && e.Action != "fail" && e.Action != "skip" {
			continue
		}
		if name, _, isPart := strings.Cut(e.Test, "/"); isPart {
			parts[name] = true
			passed[name] = passed[name] || e.Action == "pass"
			continue
		}
		ok := e.Action == "pass" && (!parts[e.Test] || passed[e.Test])
		if r[e.Test] == nil {
			r[e.Test] = map[string]bool{}
		}
		r[e.Test][kind] = r[e.Test][kind] || ok
	}
	return s.Err()
}

// fromTop is for paths as they are given at the top of the source tree.
func fromTop(dir string) string {
	if filepath.IsAbs(dir) {
		return dir
	}
	return filepath.Join("../..", dir)
}

func ranFile(t *testing.T) map[string]string {
	t.Helper()
	where, err := readRan("ran")
	if err != nil {
		t.Fatal(err)
	}
	return where
}

// integrationTests are the tests of tests/integration, by its sources.
func integrationTests(t *testing.T) map[string]bool {
	t.Helper()
	all, err := testsOf("")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	for name := range all {
		if rest, isTest := strings.CutPrefix(name, "Test"); isTest && name != "TestMain" && (rest == "" || rest[0] == '_' || ast.IsExported(rest)) {
			tests[name] = true
		}
	}
	return tests
}

func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
