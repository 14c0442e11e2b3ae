package conformance

import (
	"bufio"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// row is a line of the file fields: a heading, a paragraph, or what becomes of some fields.
type row struct {
	line    int
	heading string
	text    string
	label   string   // in place of paths: something that is no field
	paths   []string // as specFields has them; a * at the end stands for the rest
	how     string
	tests   []string // TestX of tests/integration, PACKAGE.TestX of libcontainer/internal/PACKAGE
}

func readRows(file string) ([]row, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var rows []row
	number := 0
	for line := range strings.Lines(string(b)) {
		number++
		line = strings.TrimSpace(line)
		r := row{line: number}
		switch {
		case line == "" || line[0] == '#':
			continue
		case strings.HasPrefix(line, "== "):
			r.heading = line[3:]
		case strings.HasPrefix(line, "> "):
			r.text = line[2:]
		default:
			columns := strings.Split(line, " | ")
			if len(columns) != 3 {
				return nil, fmt.Errorf("%s:%d: a line is FIELDS | HOW | TESTS", file, number)
			}
			if label, found := strings.CutPrefix(columns[0], "@"); found {
				r.label = label
			} else {
				r.paths = strings.Fields(columns[0])
			}
			r.how, r.tests = columns[1], strings.Fields(columns[2])
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// specFields are all fields that a config.json can have, by the Go types of the specification: "a.b", "a[].b" of a
// list's elements, "a{}.b" of a map's.
func specFields() []string {
	var fields []string
	var walk func(t reflect.Type, path string)
	walk = func(t reflect.Type, path string) {
		switch t.Kind() {
		case reflect.Pointer:
			walk(t.Elem(), path)
			return
		case reflect.Slice, reflect.Map:
			elem, brackets := t.Elem(), "[]"
			if t.Kind() == reflect.Map {
				brackets = "{}"
			}
			if elem.Kind() == reflect.Pointer {
				elem = elem.Elem()
			}
			if elem.Kind() == reflect.Struct {
				walk(elem, path+brackets)
				return
			}
		case reflect.Struct:
			if t.NumField() == 0 {
				break
			}
			for i := range t.NumField() {
				name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
				switch {
				case name == "": // embedded
					walk(t.Field(i).Type, path)
				case path == "":
					walk(t.Field(i).Type, name)
				default:
					walk(t.Field(i).Type, path+"."+name)
				}
			}
			return
		}
		if path != "" && !slices.Contains(fields, path) {
			fields = append(fields, path)
		}
	}
	walk(reflect.TypeFor[specs.Spec](), "")
	return fields
}

func covers(pattern, field string) bool {
	if prefix, found := strings.CutSuffix(pattern, ".*"); found {
		rest, below := strings.CutPrefix(field, prefix)
		return below && rest != "" && strings.ContainsRune(".[{", rune(rest[0]))
	}
	if prefix, found := strings.CutSuffix(pattern, "*"); found {
		return strings.HasPrefix(field, prefix)
	}
	return field == pattern
}

// split parts PACKAGE.TestX.
func split(name string) (pkg, test string) {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return name[:i], name[i+1:]
	}
	return "", name
}

func directory(pkg string) string {
	if pkg == "" {
		return "tests/integration"
	}
	return "libcontainer/internal/" + pkg
}

// testsOf are the test functions of a package.
func testsOf(pkg string) (map[string]bool, error) {
	files, err := filepath.Glob(filepath.Join("../..", directory(pkg), "*_test.go"))
	if err != nil {
		return nil, err
	}
	tests := map[string]bool{}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
				tests[fn.Name.Name] = true
			}
		}
	}
	return tests, nil
}

// The kinds of host that the file ran knows: the name of the results of each, and its letter on the page.
var hosts = [...]struct{ file, letter string }{
	{"integration-hybrid.json", "h"}, {"integration-v1.json", "1"}, {"integration-v2.json", "2"}, {"vm.json", "m"},
}

// readRan reads the file ran: "TestX LETTERS".
func readRan(file string) (map[string]string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	where := map[string]string{}
	for line := range strings.Lines(string(b)) {
		if words := strings.Fields(line); len(words) == 2 && line[0] != '#' {
			where[words[0]] = words[1]
		}
	}
	return where, nil
}

// record writes the file ran anew from the results of go test -json in dir. What a kind of host has no results of stays.
func record(dir, file string) error {
	old, err := readRan(file)
	if err != nil {
		return err
	}
	now := map[string]string{}
	for _, h := range hosts {
		passed, err := passedIn(filepath.Join(dir, h.file))
		if os.IsNotExist(err) {
			for test, letters := range old {
				if strings.Contains(letters, h.letter) {
					now[test] += h.letter
				}
			}
			continue
		}
		if err != nil {
			return err
		}
		for _, test := range passed {
			now[test] += h.letter
		}
	}
	names := make([]string, 0, len(now))
	for name := range now {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteString("# Where each integration test has passed, and was not skipped: h a hybrid host, 1 and 2 its views of one kind of cgroup\n" +
		"# alone, m the guest of tests/vm. Written by go test ./docs/conformance -ran bin/test.\n")
	for _, name := range names {
		fmt.Fprintln(&b, name, now[name])
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

func passedIn(file string) ([]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var passed []string
	s := bufio.NewScanner(f)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		var e struct{ Action, Test string }
		if json.Unmarshal(s.Bytes(), &e) == nil && e.Action == "pass" && e.Test != "" && !strings.Contains(e.Test, "/") {
			passed = append(passed, e.Test)
		}
	}
	return passed, s.Err()
}
