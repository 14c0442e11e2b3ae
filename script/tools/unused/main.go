// Command unused lists exported functions, methods, types, constants, variables and struct fields of packages below
// internal that no shipped code uses. Arguments are package patterns; it does not read tests, so that it lists
// identifiers that tests alone use. A comment //nolint:unused // REASON on the same line keeps an identifier. It exits
// with 1 if it lists anything.
//
// staticcheck's U1000 takes every exported identifier as used, since it cannot know who imports a package. Below
// internal all importers are in the module.
package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

func main() {
	found, err := unused(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "unused:", err)
		os.Exit(2)
	}
	for _, line := range found {
		fmt.Println(line)
	}
	if len(found) > 0 {
		os.Exit(1)
	}
}

type identifier struct {
	at   token.Position
	text string
}

func unused(patterns []string) ([]string, error) {
	const mode = packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports | packages.NeedDeps
	list, err := packages.Load(&packages.Config{Mode: mode}, patterns...)
	if err != nil {
		return nil, err
	}
	inC, err := tokensOfC()
	if err != nil {
		return nil, err
	}
	used, interfaces := map[token.Pos]bool{}, map[string]bool{}
	declared := map[token.Pos]identifier{}
	for _, p := range list {
		if len(p.Errors) > 0 {
			return nil, p.Errors[0]
		}
		for id, o := range p.TypesInfo.Defs {
			if o == nil || !o.Exported() || !strings.Contains(p.PkgPath, "/internal/") || strings.HasSuffix(p.PkgPath, "/gen") || !counts(o) {
				continue
			}
			if c, ok := o.(*types.Const); ok && (inC[strings.ToLower(id.Name)] || c.Val().ExactString() == "0") {
				continue // of the init program; the zero value of an enumeration has to be there
			}
			declared[o.Pos()] = identifier{p.Fset.Position(o.Pos()), kind(o) + " " + id.Name}
		}
		kept := map[string]bool{}
		for _, f := range p.Syntax {
			for _, g := range f.Comments {
				for _, c := range g.List {
					if strings.HasPrefix(c.Text, "//nolint:unused // ") {
						at := p.Fset.Position(c.Pos())
						kept[fmt.Sprint(at.Filename, at.Line)] = true
					}
				}
			}
		}
		for pos, d := range declared {
			if kept[fmt.Sprint(d.at.Filename, d.at.Line)] {
				delete(declared, pos)
			}
		}
		for _, o := range p.TypesInfo.Uses {
			used[origin(o).Pos()] = true
		}
		for _, s := range p.TypesInfo.Selections {
			used[origin(s.Obj()).Pos()] = true
		}
		for _, f := range p.Syntax {
			ast.Inspect(f, func(n ast.Node) bool {
				literalFields(p.TypesInfo, n, used)
				return true
			})
		}
	}
	// A method may be called through any interface that has its name.
	packages.Visit(list, nil, func(p *packages.Package) {
		if p.Types == nil {
			return
		}
		for _, name := range p.Types.Scope().Names() {
			if t, ok := p.Types.Scope().Lookup(name).Type().Underlying().(*types.Interface); ok {
				for i := range t.NumMethods() {
					interfaces[t.Method(i).Name()] = true
				}
			}
		}
	})
	for _, name := range [...]string{"Error", "Unwrap", "Is", "As", "String"} { // fmt and errors ask for these by assertion
		interfaces[name] = true
	}
	var left []identifier
	for pos, d := range declared {
		name, method := strings.CutPrefix(d.text, "method ")
		if !used[pos] && !(method && interfaces[name]) {
			left = append(left, d)
		}
	}
	slices.SortFunc(left, func(a, b identifier) int {
		return cmp.Or(cmp.Compare(a.at.Filename, b.at.Filename), cmp.Compare(a.at.Offset, b.at.Offset))
	})
	wd, err := os.Getwd()
	out := make([]string, len(left))
	for i, d := range left {
		out[i] = fmt.Sprintf("%s:%d: nothing uses the %s", strings.TrimPrefix(d.at.Filename, wd+"/"), d.at.Line, d.text)
	}
	return out, err
}

// tokensOfC has the words of the init program without underscores and in lower case: STEP_OPEN is Go's StepOpen.
func tokensOfC() (map[string]bool, error) {
	files, err := filepath.Glob("nsenter/*.c")
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no nsenter/*.c: run from the root of the tree (%w)", err)
	}
	words := map[string]bool{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		for _, w := range strings.FieldsFunc(string(text), func(r rune) bool { return r != '_' && (r < 'A' || r > 'Z') }) {
			words[strings.ToLower(strings.ReplaceAll(w, "_", ""))] = true
		}
	}
	return words, nil
}

// counts reports whether an object can be unused: not a local one, a blank, a main or an embedded field.
func counts(o types.Object) bool {
	if o.Name() == "_" || o.Name() == "main" || o.Name() == "init" {
		return false
	}
	switch o := o.(type) {
	case *types.Var:
		return o.IsField() && !o.Embedded() || !o.IsField() && o.Parent() == o.Pkg().Scope()
	case *types.Func:
		return true
	case *types.Const, *types.TypeName:
		return o.Parent() == o.Pkg().Scope()
	}
	return false
}

func kind(o types.Object) string {
	switch o := o.(type) {
	case *types.Var:
		if o.IsField() {
			return "field"
		}
		return "variable"
	case *types.Const:
		return "constant"
	case *types.TypeName:
		return "type"
	case *types.Func:
		if o.Signature().Recv() != nil {
			return "method"
		}
	}
	return "function"
}

// origin is the generic object that an instance is made of.
func origin(o types.Object) types.Object {
	switch o := o.(type) {
	case *types.Var:
		return o.Origin()
	case *types.Func:
		return o.Origin()
	}
	return o
}

// literalFields marks the fields that a literal without keys sets.
func literalFields(info *types.Info, n ast.Node, used map[token.Pos]bool) {
	lit, ok := n.(*ast.CompositeLit)
	if !ok || len(lit.Elts) == 0 {
		return
	}
	if _, keyed := lit.Elts[0].(*ast.KeyValueExpr); keyed {
		return
	}
	t := info.TypeOf(lit)
	if p, ok := t.Underlying().(*types.Pointer); ok {
		t = p.Elem()
	}
	if s, ok := t.Underlying().(*types.Struct); ok {
		for i := range s.NumFields() {
			used[s.Field(i).Origin().Pos()] = true
		}
	}
}
