package acceptance

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// debianRoot is the path of a Debian root file system with Python, of the release that this machine runs. It is made
// when it is not there, from the archive that apt uses here, which takes a minute.
func debianRoot() (string, error) {
	cache := os.Getenv("RUNG_TESTS_CACHE")
	if cache == "" {
		cache = "/var/cache/rung-tests"
	}
	suite := release("/etc/os-release")
	dir := filepath.Join(cache, "debian-"+suite)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	// An interrupted or failed attempt leaves a directory of another name.
	temp, err := os.MkdirTemp(cache, "making-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	root := filepath.Join(temp, "root")
	args := []string{"--variant=minbase", "--include=python3", suite, root}
	if mirror := mirrorOf(suite); mirror != "" {
		args = append(args, mirror)
	}
	for attempt := 1; ; attempt++ {
		out, err := exec.Command("debootstrap", args...).CombinedOutput()
		if err == nil {
			break
		}
		if attempt == 2 {
			return "", fmt.Errorf("debootstrap %s: %w\n%s", strings.Join(args, " "), err, tail(string(out), 15))
		}
		if err := os.RemoveAll(root); err != nil {
			return "", err
		}
	}
	if err := os.Rename(root, dir); err != nil {
		return "", err
	}
	return dir, nil
}

// release is the code name of the Debian that the file describes.
func release(file string) string {
	b, _ := os.ReadFile(file)
	for line := range strings.Lines(string(b)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "VERSION_CODENAME="); ok {
			return strings.Trim(name, `"`)
		}
	}
	return "bookworm"
}

// mirrorOf is the archive that apt takes the suite from; "" for debootstrap's own choice.
func mirrorOf(suite string) string {
	lists, _ := filepath.Glob("/etc/apt/sources.list.d/*.sources")
	for _, file := range lists {
		if uri := deb822Mirror(file, suite); uri != "" {
			return uri
		}
	}
	lists, _ = filepath.Glob("/etc/apt/sources.list.d/*.list")
	for _, file := range append([]string{"/etc/apt/sources.list"}, lists...) {
		b, _ := os.ReadFile(file)
		for line := range strings.Lines(string(b)) {
			if i, j := strings.IndexByte(line, '['), strings.IndexByte(line, ']'); i >= 0 && j > i {
				line = line[:i] + line[j+1:]
			}
			if f := strings.Fields(line); len(f) > 3 && f[0] == "deb" && f[2] == suite && f[3] == "main" {
				return f[1]
			}
		}
	}
	return ""
}

// deb822Mirror looks the suite up in a file of stanzas.
func deb822Mirror(file, suite string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	var uri string
	var listed bool
	s := bufio.NewScanner(f)
	for s.Scan() {
		field, value, _ := strings.Cut(s.Text(), ":")
		words := strings.Fields(value)
		switch {
		case strings.TrimSpace(s.Text()) == "":
			uri, listed = "", false
		case field == "URIs" && len(words) > 0:
			uri = words[0]
		case field == "Suites":
			for _, w := range words {
				listed = listed || w == suite
			}
		}
		if listed && uri != "" {
			return uri
		}
	}
	return ""
}

// tail is the last n lines.
func tail(text string, n int) string {
	lines := strings.SplitAfter(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "")
}
