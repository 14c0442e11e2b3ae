package docs

import (
	"encoding/json"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// block is a fenced block of a document.
type block struct {
	language, text string
	line           int
	notRun         string // the reason, from a comment in the line before it
}

// blocks reads a document. What cannot be run is marked: <!-- not run: why -->
func blocks(t *testing.T, name string) (all []block) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(repository, name))
	if err != nil {
		t.Fatal(err)
	}
	var open *block
	fence, reason := "", ""
	for i, line := range strings.Split(string(b), "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case open == nil && strings.HasPrefix(trimmed, "```"):
			fence = trimmed[:len(trimmed)-len(strings.TrimLeft(trimmed, "`"))]
			open = &block{language: strings.TrimLeft(trimmed, "`"), line: i + 1, notRun: reason}
		case open != nil && trimmed == fence:
			all = append(all, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		}
		reason = ""
		if rest, ok := strings.CutPrefix(trimmed, "<!-- not run:"); ok {
			reason = strings.TrimSpace(strings.TrimSuffix(rest, "-->"))
		}
	}
	if open != nil {
		t.Errorf("%s:%d: a block without end", name, open.line)
	}
	return all
}

// documents is every document that is in the tree.
func documents(t *testing.T) []string {
	t.Helper()
	needCommand(t, "git")
	cmd := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "*.md")
	cmd.Dir = repository
	out, err := cmd.Output()
	if err != nil {
		t.Skip("not a checkout: ", err)
	}
	return strings.Fields(string(out))
}

// Every sample in the documents is right. Shell samples of a document run one after the other in one directory, which is
// empty at first, with /srv and /run to themselves; `make` is this tree's, and installs where nobody sees it.
func TestSamples(t *testing.T) {
	needRoot(t)
	needCommand(t, "jq", "make")
	for _, dir := range [...]string{"/usr/local/sbin", "/usr/local/share"} {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0755"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	}
	wrapper := "#!/bin/sh\nPATH=${PATH#*:} exec make -C '" + repository + "' --no-print-directory -s \"$@\"\n"
	if err := os.WriteFile(filepath.Join(scratch, "bin", "make"), []byte(wrapper), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range documents(t) {
		dir := t.TempDir()
		for _, b := range blocks(t, name) {
			var check func(*testing.T, string, block)
			switch b.language {
			case "sh":
				check = script
			case "console":
				check = console
			case "json", "jsonc":
				check = jsonSample
			case "go":
				check = goSample
			case "", "text": // pictures, output, messages
				continue
			default:
				if b.notRun == "" && strings.Contains("bash shell zsh c", b.language) {
					t.Errorf("%s:%d: a sample in %s is sh, or console with what it prints", name, b.line, b.language)
				}
				continue
			}
			t.Run(strings.ReplaceAll(name, "/", "_")+"_"+b.language, func(t *testing.T) {
				if b.notRun != "" {
					t.Skipf("%s:%d is not run: %s", name, b.line, b.notRun)
				}
				defer func() {
					if t.Failed() {
						t.Logf("this is %s:%d", name, b.line)
					}
				}()
				check(t, dir, b)
			})
		}
		must(t, scratch, "rung list -q | while read -r id; do rung delete --force \"$id\"; done")
	}
}

func script(t *testing.T, dir string, b block) {
	out, status := shell(t, dir, "set -eo pipefail\nexec </dev/null\n"+b.text)
	if status != 0 {
		t.Errorf("exit status %d of\n%s\n%s", status, b.text, out)
	}
}

// console runs what stands behind a prompt, # or $, and compares what it prints.
func console(t *testing.T, dir string, b block) {
	all := samples(strings.ReplaceAll("\n"+b.text, "\n$ ", "\n# "), "# ")
	if len(all) == 0 {
		t.Fatal("no prompt: # or $")
	}
	runSamples(t, dir, "", all, func(c string) string { return c })
}

// jsonSample wants JSON, or members of an object; "…" and "..." in a line of its own may leave something out. A whole
// config is checked against the specification.
func jsonSample(t *testing.T, _ string, b block) {
	text := regexp.MustCompile(`(?m),?\s*(…|\.\.\.)\s*$`).ReplaceAllString(b.text, "")
	var v any
	err := json.Unmarshal([]byte(text), &v)
	if err != nil && json.Unmarshal([]byte("{"+text+"}"), &v) == nil {
		err = nil
	}
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if config, ok := v.(map[string]any); ok && config["ociVersion"] != nil && config["status"] == nil {
		at := filepath.Join(t.TempDir(), "config.json")
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		out, _ := command(t, filepath.Dir(at), program, "check")
		if regexp.MustCompile(`(?m)^MUST`).MatchString(out) {
			t.Errorf("rung check:\n%s", out)
		}
	}
}

// goSample wants Go that gofmt leaves as it is. Whole programs are built by tests of their own.
func goSample(t *testing.T, _ string, b block) {
	out, err := format.Source([]byte(b.text))
	if err != nil {
		t.Fatal(err)
	}
	if string(out) != b.text {
		t.Errorf("gofmt makes of it\n%s", out)
	}
}

// Every link of a document to another place in the tree leads somewhere, and every document is linked from another.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	code := regexp.MustCompile("(?s)```.*?```|`[^`\n]*`")
	linked := map[string]bool{"README.md": true}
	all := documents(t)
	for _, name := range all {
		b, err := os.ReadFile(filepath.Join(repository, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(string(b), ""), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			path := name
			if target != "" {
				path = filepath.Join(filepath.Dir(name), target)
			}
			to, err := os.ReadFile(filepath.Join(repository, path))
			if info, statErr := os.Stat(filepath.Join(repository, path)); statErr == nil && info.IsDir() {
				linked[filepath.Join(path, "README.md")] = true
				continue
			}
			if err != nil {
				t.Errorf("%s links to %s: %v", name, m[1], err)
				continue
			}
			if path != name {
				linked[path] = true
			}
			if anchor != "" && strings.HasSuffix(path, ".md") && !hasAnchor(string(to), anchor) {
				t.Errorf("%s links to %s, and there is no such heading", name, m[1])
			}
		}
	}
	index, err := os.ReadFile(filepath.Join(repository, "docs", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		if file, ok := strings.CutPrefix(name, "docs/"); ok && !strings.Contains(file, "/") && file != "README.md" && !strings.Contains(string(index), "]("+file+")") {
			t.Errorf("docs/README.md, the index, does not list %s", file)
		}
		// records of decisions are linked as a directory
		if !linked[name] && !strings.HasPrefix(name, "docs/adr/") {
			t.Errorf("no document links to %s", name)
		}
	}
}

// hasAnchor says whether a heading of the text has that anchor, as GitHub makes them.
func hasAnchor(text, anchor string) bool {
	for line := range strings.Lines(text) {
		if strings.Contains(line, `<a id="`+anchor+`"`) || strings.Contains(line, `<a name="`+anchor+`"`) {
			return true
		}
		heading, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " ")
		if !ok || !strings.HasPrefix(line, "#") {
			continue
		}
		heading = strings.ToLower(strings.TrimSpace(heading))
		heading = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(heading, "")
		if strings.ReplaceAll(heading, " ", "-") == anchor {
			return true
		}
	}
	return false
}
