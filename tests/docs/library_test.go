package docs

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// The program in docs/library.md is a module of its own that builds against rung as others get it, without anything that
// make has built, from a vendor directory as well, and runs a container.
func TestLibrary(t *testing.T) {
	needRoot(t)
	needCommand(t, "go", "gcc", "git")
	dir := t.TempDir()
	source := filepath.Join(dir, "rung")
	must(t, repository, `mkdir `+source+`
git ls-files -z --cached --others --exclude-standard --deduplicate | tar --null --files-from=- -cf - | tar -xf - -C `+source)

	hello := filepath.Join(dir, "hello")
	var program string
	for _, b := range blocks(t, "docs/library.md") {
		if b.language == "go" && strings.Contains(b.text, "func main()") {
			program = b.text
		}
	}
	for name, text := range map[string]string{
		"main.go": program,
		"go.mod":  "module hello\n\ngo " + strings.TrimPrefix(runtime.Version(), "go") + "\n\nreplace github.com/rung-oci/rung => ../rung\n",
	} {
		if err := os.MkdirAll(hello, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(hello, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	must(t, hello, `
export GOFLAGS=-mod=mod CGO_ENABLED=0
cp ../rung/go.sum .
sed -n '/^require/,/^)/p' ../rung/go.mod >>go.mod
go mod edit -require github.com/rung-oci/rung@v0.0.0 -tool github.com/rung-oci/rung/nsenter/build
export GOPROXY=off
go generate
go build -trimpath -o hello .
# as Nix and Debian build: with every module in the tree, and Go's own habits overruled
mv init init.module
go mod vendor
export GOFLAGS='-mod=vendor -trimpath'
go generate
cmp init init.module
go build -o hello .`)

	bundle(t, filepath.Join(dir, "bundle"), "sh", "-c", "exit 3")
	out := must(t, hello, "./hello "+filepath.Join(dir, "bundle"))
	if out != "the container has ended: exit status 3\n" {
		t.Errorf("it prints %q", out)
	}
	out, status := shell(t, hello, "./hello /nowhere")
	if status != 1 || !strings.HasPrefix(out, "hello: create hello: ") {
		t.Errorf("for a bundle that is not there: status %d, %q", status, out)
	}
}
