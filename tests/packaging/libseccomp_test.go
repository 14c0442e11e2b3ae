package packaging

import (
	"debug/elf"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestBuild_libseccomp builds for a distribution that wants the system's libseccomp: the program is loaded with it, says so,
// and the package and its bill of materials name the library.
func TestBuild_libseccomp(t *testing.T) {
	needCommand(t, "dpkg-deb", "pkg-config", "objdump")
	out := filepath.Join(t.TempDir(), "out")
	run(t, top, "env", "GOFLAGS=-buildmode=exe", "make", "-s", "deb", "TAGS=libseccomp", "OUT="+out)
	f, err := elf.Open(filepath.Join(out, "rung"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if libraries, err := f.ImportedLibraries(); err != nil || !slices.Contains(libraries, "libseccomp.so.2") {
		t.Errorf("rung is loaded with %q, %v", libraries, err)
	}
	library := strings.TrimSpace(run(t, top, "pkg-config", "--modversion", "libseccomp"))
	if version := run(t, out, "./rung", "--version"); !strings.HasSuffix(version, "\nlibseccomp: "+library+"\nseccomp: libseccomp\n") {
		t.Errorf("--version with libseccomp %s: %s", library, version)
	}

	deb := glob(t, filepath.Join(out, "dist"), "*.deb")
	depends := run(t, out, "dpkg-deb", "--field", deb, "Depends")
	if !strings.Contains(depends, "libseccomp2 (>= "+library) || !strings.Contains(depends, "libc6 (>= ") {
		t.Errorf("the package depends on %s", depends)
	}
	root := filepath.Join(out, "root")
	run(t, out, "dpkg-deb", "--extract", deb, root)
	run(t, out, "gzip", "-d", filepath.Join(root, "usr/share/doc/rung/rung.spdx.json.gz"))
	b, err := os.ReadFile(filepath.Join(root, "usr/share/doc/rung/rung.spdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Relationships []struct{ SpdxElementID, RelationshipType, RelatedSpdxElement string }
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	how := map[string]string{}
	for _, r := range doc.Relationships {
		how[r.RelatedSpdxElement] = r.RelationshipType
	}
	if how["SPDXRef-libseccomp"] != "DYNAMIC_LINK" || how["SPDXRef-github.com-seccomp-libseccomp-golang"] != "STATIC_LINK" {
		t.Errorf("the bill of materials has %v", how)
	}
	overrides, err := os.ReadFile(filepath.Join(root, "usr/share/lintian/overrides/rung"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(overrides), "statically-linked-binary") {
		t.Errorf("overrides of lintian:\n%s", overrides)
	}
}
