// Release says what is in a built rung, from what the Go toolchain has written into the file:
//
//	script/hostrun ./contrib/release -binary ./rung -init nsenter/elf/programs/init-amd64 \
//		-version 0.1.0 -epoch 1795219200 -sbom rung.spdx.json -licences LICENCES
//
// The first file that it writes is a bill of materials, SPDX 2.3 as JSON. The second has the text of every licence that
// wants to go with a binary. A module that is linked and not in the table below is an error: somebody has to look at its
// licence before it is shipped.
package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rung-oci/rung/libcontainer"
)

const home = "https://github.com/rung-oci/rung"

// licences is the modules that have been looked at.
var licences = []struct{ module, id, files string }{
	{"github.com/aperturerobotics/protobuf-go-lite", "BSD-3-Clause", "LICENSE PATENTS"},
	{"github.com/checkpoint-restore/go-criu/v8", "Apache-2.0", "LICENSE"},
	{"github.com/coreos/go-systemd/v22", "Apache-2.0", "LICENSE NOTICE"},
	{"github.com/cyphar/filepath-securejoin", "BSD-3-Clause AND MPL-2.0", "COPYING.md LICENSE.BSD LICENSE.MPL-2.0"},
	{"github.com/godbus/dbus/v5", "BSD-2-Clause", "LICENSE"},
	{"github.com/moby/sys/user", "Apache-2.0", "LICENSE"},
	{"github.com/opencontainers/runtime-spec", "Apache-2.0", "LICENSE"},
	{"github.com/opencontainers/selinux", "Apache-2.0", "LICENSE"},
	{"github.com/seccomp/libseccomp-golang", "BSD-2-Clause", "LICENSE"},
	{"github.com/urfave/cli/v2", "MIT", "LICENSE"},
	{"github.com/vishvananda/netlink", "Apache-2.0", "LICENSE"},
	{"github.com/vishvananda/netns", "Apache-2.0", "LICENSE"},
	{"github.com/xrash/smetrics", "MIT", "LICENSE"},
	{"golang.org/x/sys", "BSD-3-Clause", "LICENSE"},
}

// spdx is the document; see https://spdx.github.io/spdx-spec/v2.3/.
type spdx struct {
	SPDXVersion       string         `json:"spdxVersion"`
	DataLicense       string         `json:"dataLicense"`
	SPDXID            string         `json:"SPDXID"`
	Name              string         `json:"name"`
	DocumentNamespace string         `json:"documentNamespace"`
	CreationInfo      creation       `json:"creationInfo"`
	Packages          []material     `json:"packages"`
	Relationships     []relationship `json:"relationships"`
}

type creation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type material struct {
	SPDXID           string      `json:"SPDXID"`
	Name             string      `json:"name"`
	VersionInfo      string      `json:"versionInfo"`
	DownloadLocation string      `json:"downloadLocation"`
	FilesAnalyzed    bool        `json:"filesAnalyzed"`
	LicenseDeclared  string      `json:"licenseDeclared"`
	LicenseConcluded string      `json:"licenseConcluded"`
	CopyrightText    string      `json:"copyrightText"`
	Purpose          string      `json:"primaryPackagePurpose,omitempty"`
	Comment          string      `json:"comment,omitempty"`
	Checksums        []checksum  `json:"checksums,omitempty"`
	ExternalRefs     []reference `json:"externalRefs,omitempty"`
}

type checksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type reference struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type relationship struct {
	Element string `json:"spdxElementId"`
	Type    string `json:"relationshipType"`
	Related string `json:"relatedSpdxElement"`
}

func main() {
	binary := flag.String("binary", "./rung", "the built rung")
	initProgram := flag.String("init", "", "the init program that it carries")
	version := flag.String("version", "", "its version")
	epoch := flag.Int64("epoch", 0, "time of the release, in seconds since 1970")
	bill := flag.String("sbom", "", "write the bill of materials here")
	texts := flag.String("licences", "", "write the licences here")
	flag.Parse()
	if err := run(*binary, *initProgram, *version, *epoch, *bill, *texts); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(binary, initProgram, version string, epoch int64, bill, texts string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	program, err := os.ReadFile(initProgram)
	if err != nil {
		return err
	}
	if !bytes.Contains(content, program) {
		return fmt.Errorf("%s does not carry %s", binary, initProgram)
	}
	libraries, err := loaded(content)
	if err != nil {
		return fmt.Errorf("%s: %w", binary, err)
	}
	arch := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "CGO_ENABLED" && s.Value != "0" && len(libraries) == 0:
			return fmt.Errorf("%s is static and built with cgo: what C libraries it has in it is not known", binary)
		case s.Key == "GOARCH":
			arch = s.Value
		}
	}
	doc := &spdx{
		SPDXVersion: "SPDX-2.3", DataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT",
		Name:              "rung-" + version + "-linux-" + arch,
		DocumentNamespace: home + "/spdx/rung-" + version + "-linux-" + arch + "-" + sum(content),
		CreationInfo: creation{
			Created:  time.Unix(epoch, 0).UTC().Format(time.RFC3339),
			Creators: []string{"Organization: rung maintainers", "Tool: rung-contrib-release"},
		},
	}
	doc.add("DESCRIBES", "SPDXRef-DOCUMENT", material{
		SPDXID: "SPDXRef-rung", Name: "rung", VersionInfo: version, DownloadLocation: home,
		LicenseDeclared: "Apache-2.0", Purpose: "APPLICATION", Checksums: []checksum{{"SHA256", sum(content)}},
	})
	doc.add("CONTAINS", "SPDXRef-rung", material{
		SPDXID: "SPDXRef-init", Name: "rung-init", VersionInfo: version, DownloadLocation: home,
		LicenseDeclared: "Apache-2.0", Purpose: "APPLICATION", Checksums: []checksum{{"SHA256", sum(program)}},
		Comment: "The init program of nsenter, a static executable without a C library, embedded in rung.",
	})
	goVersion := strings.TrimPrefix(info.GoVersion, "go")
	doc.add("STATIC_LINK", "SPDXRef-rung", material{
		SPDXID: "SPDXRef-go", Name: "stdlib", VersionInfo: goVersion, DownloadLocation: "https://go.dev/dl/",
		LicenseDeclared: "BSD-3-Clause", Purpose: "LIBRARY", Comment: "Runtime and standard library of Go.",
		ExternalRefs: []reference{{"PACKAGE-MANAGER", "purl", "pkg:golang/stdlib@" + goVersion}},
	})
	goRoot, err := output("env", "GOROOT")
	if err != nil {
		return err
	}
	all := &bytes.Buffer{}
	if err := appendFiles(all, "Go "+goVersion, goRoot, "LICENSE PATENTS"); err != nil {
		return err
	}
	for _, dep := range info.Deps {
		i := slices.IndexFunc(licences, func(l struct{ module, id, files string }) bool { return l.module == dep.Path })
		if i < 0 {
			return fmt.Errorf("%s is linked, and its licence is not in the table of contrib/release", dep.Path)
		}
		hash := "Hash in go.sum: " + dep.Sum
		if dep.Sum == "" { // -mod=vendor: Go has not looked
			hash = ""
		}
		doc.add("STATIC_LINK", "SPDXRef-rung", material{
			SPDXID: "SPDXRef-" + strings.NewReplacer("/", "-", "_", "-").Replace(dep.Path), Name: dep.Path, VersionInfo: dep.Version,
			DownloadLocation: "https://proxy.golang.org/" + dep.Path + "/@v/" + dep.Version + ".zip",
			LicenseDeclared:  licences[i].id, Purpose: "LIBRARY", Comment: hash,
			ExternalRefs: []reference{{"PACKAGE-MANAGER", "purl", "pkg:golang/" + dep.Path + "@" + dep.Version}},
		})
		dir, err := output("list", "-m", "-f", "{{.Dir}}", dep.Path)
		if err != nil {
			return err
		}
		if dir == "" { // -mod=vendor: go mod vendor takes the licences along
			dir = filepath.Join("vendor", dep.Path)
		}
		if err := appendFiles(all, dep.Path+" "+dep.Version, dir, licences[i].files); err != nil {
			return err
		}
	}
	seccomp := material{
		SPDXID: "SPDXRef-libseccomp", Name: "libseccomp", VersionInfo: libcontainer.SystemCalls(),
		DownloadLocation: "https://github.com/seccomp/libseccomp", LicenseDeclared: "LGPL-2.1-only", Purpose: "LIBRARY",
		Comment: "Not linked: the names and numbers of system calls in rung's tables were asked of it.",
	}
	if !slices.ContainsFunc(libraries, isSeccomp) {
		doc.add("GENERATED_FROM", "SPDXRef-rung", seccomp)
	}
	for _, so := range libraries {
		m := material{
			SPDXID: "SPDXRef-" + strings.ReplaceAll(so, "_", "-"), Name: so, VersionInfo: "NOASSERTION",
			DownloadLocation: "NOASSERTION", LicenseDeclared: "NOASSERTION", Purpose: "LIBRARY",
			Comment: "The host's, loaded by the dynamic linker.",
		}
		if isSeccomp(so) {
			m.SPDXID, m.DownloadLocation, m.LicenseDeclared = seccomp.SPDXID, seccomp.DownloadLocation, seccomp.LicenseDeclared
		}
		doc.add("DYNAMIC_LINK", "SPDXRef-rung", m)
	}
	if texts != "" {
		if err := os.WriteFile(texts, all.Bytes(), 0o644); err != nil {
			return err
		}
	}
	if bill == "" {
		return nil
	}
	b, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(bill, append(b, '\n'), 0o644)
}

// loaded returns the names of the shared libraries that the program is loaded with.
func loaded(program []byte) ([]string, error) {
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return nil, err
	}
	return f.ImportedLibraries()
}

func isSeccomp(library string) bool { return strings.HasPrefix(library, "libseccomp.so") }

// add puts in a package, and how another is related to it.
func (d *spdx) add(relation, of string, m material) {
	m.LicenseConcluded = m.LicenseDeclared
	m.CopyrightText = "NOASSERTION"
	d.Packages = append(d.Packages, m)
	d.Relationships = append(d.Relationships, relationship{of, relation, m.SPDXID})
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func output(args ...string) (string, error) {
	b, err := exec.Command("go", args...).Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(b)), nil
}

func appendFiles(to *bytes.Buffer, name, dir, files string) error {
	for _, f := range strings.Fields(files) {
		b, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil {
			return err
		}
		fmt.Fprintf(to, "==== %s: %s ====\n\n%s\n", name, f, b)
	}
	return nil
}
