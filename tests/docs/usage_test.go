package docs

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The help of the program and of each command is that of the golden files.
func TestGoldenHelp(t *testing.T) {
	for topic, text := range helpTexts(t) {
		file := filepath.Join("testdata", "help", topic+".txt")
		if *update {
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if want, err := os.ReadFile(file); err != nil || string(want) != text {
			t.Errorf("rung help %s prints\n%s\nand not (%v)\n%s", topic, text, err, want)
		}
	}
}

// Each command line of testdata/usage.txt has the exit status and prints the text that follow it: mistakes, options in
// every place, help in every form. Scripts and engines match these texts.
func TestGoldenUsage(t *testing.T) {
	const file = "testdata/usage.txt"
	golden, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	helps := helpTexts(t)
	var got strings.Builder
	for line := range strings.Lines(string(golden)) {
		switch {
		case strings.HasPrefix(line, "#"):
			got.WriteString(line + "\n")
		case strings.HasPrefix(line, "$ "):
			got.WriteString(line + transcript(t, strings.TrimPrefix(line, "$ "), helps) + "\n")
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	compareBlocks(t, got.String(), string(golden))
}

// transcript runs a command line, and returns what it prints, lines of standard error behind "! ", and its exit status
// in brackets. A help text is shortened to its name, the directory to DIR.
func transcript(t *testing.T, line string, helps map[string]string) string {
	t.Helper()
	cmd := exec.Command("bash", "-c", line)
	cmd.Dir = scratch
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+scratch)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	text := stdout.String()
	for topic, help := range helps {
		if text == help {
			text = "(help " + topic + ")\n"
		}
	}
	if strings.HasPrefix(text, "rung version ") {
		text = "(version)\n"
	}
	for l := range strings.Lines(stderr.String()) {
		text += "! " + strings.ReplaceAll(l, scratch, "DIR")
	}
	return text + "[" + strconv.Itoa(cmd.ProcessState.ExitCode()) + "]\n"
}

// helpTexts is the help of the program, called rung, and those of its commands.
func helpTexts(t *testing.T) map[string]string {
	t.Helper()
	text, _ := command(t, repository, "rung", "help")
	helps := map[string]string{"rung": text}
	_, list, _ := strings.Cut(text, "\nCOMMANDS:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	for line := range strings.Lines(list) {
		if name := strings.Fields(line)[0]; name != "help," {
			helps[name], _ = command(t, repository, "rung", "help", name)
		}
	}
	return helps
}

// compareBlocks reports the transcripts that differ.
func compareBlocks(t *testing.T, got, want string) {
	t.Helper()
	a, b := strings.Split(got, "\n$ "), strings.Split(want, "\n$ ")
	if len(a) != len(b) {
		t.Fatalf("%d command lines, want %d", len(a), len(b))
	}
	for i := range a {
		if a[i] != b[i] {
			t.Errorf("$ %s\nwant\n$ %s", a[i], b[i])
		}
	}
}
