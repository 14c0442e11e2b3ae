package acceptance

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// debianRoot is the path of a Debian root file system with Python, of the release that this machine runs. script/setup has
// made it; where a test is run by itself it is made here, which takes a minute.
func debianRoot() (string, error) {
	suite := release("/etc/os-release")
	cmd := exec.Command(filepath.Join(repository, "script/debian-root"), "debian-"+suite, suite, "python3")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("script/debian-root: %w\n%s", err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
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

// tail is the last n lines.
func tail(text string, n int) string {
	lines := strings.SplitAfter(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "")
}
