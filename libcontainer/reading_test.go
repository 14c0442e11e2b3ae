package libcontainer

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docs/reading.md says of each place that names a path or enters a namespace why
// it is safe. This test finds the places, so that none is added without a reason,
// and no reason outlives its place.
func TestReading(t *testing.T) {
	raw, err := os.ReadFile("../docs/reading.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := regexp.MustCompile("`([a-z_0-9]+\\.(?:c|go):[A-Za-z_0-9]+)`").FindAllStringSubmatch(string(raw), -1)
	told := map[string]bool{}
	for _, m := range doc {
		told[m[1]] = true
	}
	places := placesInC(t)
	for place, calls := range placesInGo(t) {
		places[place] = calls
	}
	if len(places) < 50 {
		t.Fatalf("only %d places are found: the search is broken", len(places))
	}
	for place, calls := range places {
		if !told[place] {
			t.Errorf("docs/reading.md does not say why %s is safe (%s)", place, strings.Join(calls, ", "))
		}
	}
	for place := range told {
		if places[place] == nil {
			t.Errorf("docs/reading.md tells of %s, which names no path and enters no namespace, or is gone", place)
		}
	}
	held := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z_0-9]+)`").FindAllStringSubmatch(string(raw), -1)
	tests := testNames(t)
	for _, m := range held {
		if !tests[m[1]] {
			t.Errorf("docs/reading.md names the test %s, which does not exist", m[1])
		}
	}
}

// placesInC are the functions of the init program that call what takes a path, or
// enters a namespace. libc.c has only the calls themselves.
func placesInC(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("../nsenter/*.c")
	if err != nil || len(files) == 0 {
		t.Fatalf("no C files: %v", err)
	}
	head := regexp.MustCompile(`^[a-z_].*?([a-z_0-9]+)\(.*\)\s*(\{.*)?$`)
	call := regexp.MustCompile(`\b(open|openat|sys_openat2|open_in|open_in_root|open_in_held|open_target|open_parent|open_proc|open_done|sys_open_tree|clone_tree|clone_source|` +
		`mount|umount2|chdir|fchdir|chroot|mkdirat|mknodat|symlinkat|unlinkat|readlinkat|fchownat|fchmodat|fstatat|stat|execve|setns|unshare)\(|` +
		`\b(SYS_(?:pivot_root|execveat|faccessat2|clone|getcwd))\b`)
	places := map[string][]string{}
	for _, file := range files {
		base := filepath.Base(file)
		if base == "libc.c" {
			continue
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		in := ""
		for _, line := range strings.Split(string(raw), "\n") {
			body := line
			if m := head.FindStringSubmatch(line); m != nil && !strings.HasSuffix(line, ";") {
				in, body = m[1], m[2]
			}
			if i := strings.Index(body, "/*"); i >= 0 {
				body = body[:i]
			}
			if strings.HasPrefix(strings.TrimSpace(line), "*") {
				continue
			}
			for _, m := range call.FindAllStringSubmatch(body, -1) {
				add(places, base+":"+in, m[1]+m[2])
			}
		}
	}
	return places
}

// placesInGo are the same in the packages sys and outfile. calls.go has only the calls themselves.
func placesInGo(t *testing.T) map[string][]string {
	t.Helper()
	var files []string
	for _, dir := range []string{"internal/sys", "../internal/outfile"} {
		in, err := filepath.Glob(dir + "/*.go")
		if err != nil || len(in) == 0 {
			t.Fatalf("no Go files in %s: %v", dir, err)
		}
		files = append(files, in...)
	}
	takesPath := []string{"Open", "Openat", "Openat2", "OpenTree", "MoveMount", "MountSetattr", "Mount", "Unmount", "Fsopen", "Fsmount", "Mkdirat", "Mkdir", "Mknodat",
		"Symlinkat", "Unlinkat", "Unlink", "Linkat", "Renameat", "Renameat2", "Readlinkat", "Fstatat", "Stat", "Lstat", "Chown", "Fchownat", "Chmod", "Fchmodat", "Exec", "Setns", "Unshare", "Chdir", "Chroot",
		"Statfs", "PivotRoot", "MemfdCreate"}
	places := map[string][]string{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || filepath.Base(file) == "calls.go" {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				s, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if x, ok := s.X.(*ast.Ident); ok && (x.Name == "unix" || x.Name == "os" || x.Name == "syscall") && slices.Contains(takesPath, s.Sel.Name) {
					add(places, filepath.Base(file)+":"+fn.Name.Name, s.Sel.Name)
				}
				return true
			})
		}
	}
	return places
}

func add(places map[string][]string, place, call string) {
	if !slices.Contains(places[place], call) {
		places[place] = append(places[place], call)
	}
}

// testNames are the tests and fuzz targets of the whole module.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	decl := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z_0-9]*)\(`)
	err := filepath.WalkDir("..", func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "bin") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, "_test.go") {
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, m := range decl.FindAllSubmatch(raw, -1) {
				names[string(m[1])] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
