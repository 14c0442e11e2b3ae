package conformance

import (
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
