// Package packaging tests what people install: `make install`, the Debian package, and that a release has the same bytes
// wherever it is built.
package packaging

import (
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// top is the top of the source tree.
const top = "../.."

func run(t *testing.T, dir string, argv ...string) string {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "COMMIT=0123456", "MAKEFLAGS=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", argv, err, out)
	}
	return string(out)
}

func needCommand(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%v (make deps-test installs it)", err)
		}
	}
}

// files is every file below the directory.
func files(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			all = append(all, strings.TrimPrefix(path, dir))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// manPages is the pages of the tree, with the suffix.
func manPages(t *testing.T, suffix string) (all []string) {
	t.Helper()
	pages, err := filepath.Glob(top + "/man/*.8")
	if err != nil || len(pages) < 20 {
		t.Fatalf("man pages %q, %v", pages, err)
	}
	for _, p := range pages {
		all = append(all, "/usr/share/man/man8/"+filepath.Base(p)+suffix)
	}
	return all
}

func TestInstall(t *testing.T) {
	dir := t.TempDir()
	run(t, top, "make", "-s", "install", "DESTDIR="+dir, "PREFIX=/usr")
	want := append(manPages(t, ""), "/usr/sbin/rung", "/usr/share/bash-completion/completions/rung",
		"/usr/share/zsh/site-functions/_rung", "/usr/share/fish/vendor_completions.d/rung.fish")
	for _, f := range [...]string{"docker/daemon.json", "podman/rung.conf", "containerd/rung.toml", "kubernetes/runtimeclass.yaml", "crio/10-rung.conf"} {
		want = append(want, "/usr/share/rung/"+f)
	}
	slices.Sort(want)
	if got := files(t, dir); !slices.Equal(got, want) {
		t.Errorf("installed are\n%s\nand not\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if out := run(t, dir, dir+"/usr/sbin/rung", "--version"); !strings.HasPrefix(out, "rung version ") {
		t.Errorf("rung --version: %s", out)
	}
}

func TestRelease(t *testing.T) {
	needCommand(t, "dpkg-deb")
	dir := t.TempDir()
	trees := [...]string{filepath.Join(dir, "one"), filepath.Join(dir, "a longer name", "two")}
	for _, tree := range trees {
		copyTree(t, tree)
	}
	run(t, trees[0], "make", "-s", "release")
	// the other one is another's: his flags, his umask, and what he built before
	leaveForeignInit(t, trees[1])
	run(t, trees[1], "env", arch, "sh", "-c", "umask 077; make -s release")
	one, two := filepath.Join(trees[0], "dist"), filepath.Join(trees[1], "dist")
	sums := run(t, one, "cat", "SHA256SUMS")
	if other := run(t, two, "cat", "SHA256SUMS"); sums != other {
		t.Errorf("what is built depends on where:\n%s\n%s", sums, other)
	}
	run(t, one, "sha256sum", "--check", "SHA256SUMS")
	for _, f := range files(t, two) {
		fi, err := os.Stat(two + f)
		if err != nil {
			t.Fatal(err)
		}
		if fi.Mode()&0o444 != 0o444 {
			t.Errorf("under a umask of 077 %s is %v", f, fi.Mode())
		}
	}
	if got := files(t, one); len(got) != strings.Count(sums, "\n")+1 {
		t.Errorf("%q are not all in\n%s", got, sums)
	}

	binary := glob(t, one, "rung-*-linux-*[0-9]")
	t.Run("binary", func(t *testing.T) {
		f, err := elf.Open(binary)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for _, p := range f.Progs {
			if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
				t.Errorf("%v: the binary is not static", p.Type)
			}
		}
		if out := run(t, one, binary, "--version"); !strings.Contains(out, "\ncommit: 0123456\n") {
			t.Errorf("--version: %s", out)
		}
	})
	t.Run("bill of materials", func(t *testing.T) { testBill(t, binary, binary+".spdx.json") })
	t.Run("deb", func(t *testing.T) { testDeb(t, glob(t, one, "*.deb"), binary) })
}

func glob(t *testing.T, dir, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %q, %v", pattern, found, err)
	}
	return found[0]
}

// The bill has what the toolchain says to be linked, and each reference in it leads somewhere.
func testBill(t *testing.T, binary, bill string) {
	var doc struct {
		SPDXVersion, DocumentNamespace string
		CreationInfo                   struct{ Created string }
		Packages                       []struct {
			SPDXID, Name, VersionInfo, LicenseDeclared, DownloadLocation string
			Checksums                                                    []struct{ Algorithm, ChecksumValue string }
		}
		Relationships []struct{ SpdxElementID, RelationshipType, RelatedSpdxElement string }
	}
	b, err := os.ReadFile(bill)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.SPDXVersion != "SPDX-2.3" || !regexp.MustCompile(`^\d{4}-\d\d-\d\dT00:00:00Z$`).MatchString(doc.CreationInfo.Created) {
		t.Errorf("version %s, created %s", doc.SPDXVersion, doc.CreationInfo.Created)
	}
	names := map[string]string{}
	ids := map[string]bool{"SPDXRef-DOCUMENT": true}
	for _, p := range doc.Packages {
		if ids[p.SPDXID] || !regexp.MustCompile(`^SPDXRef-[A-Za-z0-9.-]+$`).MatchString(p.SPDXID) || p.LicenseDeclared == "" || p.DownloadLocation == "" {
			t.Errorf("package %+v", p)
		}
		ids[p.SPDXID] = true
		names[p.Name] = p.VersionInfo
		if p.Name == "rung" {
			sum, _, _ := strings.Cut(run(t, ".", "sha256sum", binary), " ")
			if len(p.Checksums) != 1 || p.Checksums[0].ChecksumValue != sum {
				t.Errorf("checksums of rung: %v", p.Checksums)
			}
		}
	}
	for _, r := range doc.Relationships {
		if !ids[r.SpdxElementID] || !ids[r.RelatedSpdxElement] {
			t.Errorf("%+v is of packages that are not there", r)
		}
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	if names["stdlib"] != strings.TrimPrefix(info.GoVersion, "go") {
		t.Errorf("stdlib %q, Go is %s", names["stdlib"], info.GoVersion)
	}
	for _, dep := range info.Deps {
		if names[dep.Path] != dep.Version {
			t.Errorf("%s is %q, linked is %s", dep.Path, names[dep.Path], dep.Version)
		}
	}
	if len(names) != len(info.Deps)+4 { // rung, its init, stdlib, libseccomp
		t.Errorf("%d packages for %d modules: %v", len(names), len(info.Deps), names)
	}
}

func testDeb(t *testing.T, deb, binary string) {
	dir := t.TempDir()
	run(t, dir, "dpkg-deb", "--extract", deb, dir)
	got := files(t, dir)
	for _, want := range append(manPages(t, ".gz"), "/usr/sbin/rung", "/usr/share/bash-completion/completions/rung",
		"/usr/share/zsh/vendor-completions/_rung", "/usr/share/fish/vendor_completions.d/rung.fish",
		"/usr/share/doc/rung/copyright", "/usr/share/doc/rung/LICENCES.linked.gz", "/usr/share/doc/rung/rung.spdx.json.gz",
		"/usr/share/doc/rung/changelog.gz", "/usr/share/doc/rung/README.md", "/usr/share/doc/rung/docs/ARCHITECTURE.md") {
		if !slices.Contains(got, want) {
			t.Errorf("%s is not in the package", want)
		}
	}
	run(t, dir, "cmp", binary, dir+"/usr/sbin/rung")
	t.Run("lintian", func(t *testing.T) {
		needCommand(t, "lintian")
		cmd := exec.Command("lintian", "--allow-root", "--fail-on", "error,warning,info", "--display-info", deb)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%v\n%s", err, out)
		}
	})
}
