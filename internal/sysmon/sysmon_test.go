package sysmon

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Whoever starts processes gives them the timer slack that the caller had.
func TestForking_is_called_wherever_processes_are_started(t *testing.T) {
	starts := regexp.MustCompile(`\b(syscall\.ForkExec|(os|syscall)\.StartProcess|exec\.Command(Context)?)\(`)
	root := filepath.Join("..", "..")
	found := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root {
			top, _, _ := strings.Cut(strings.TrimPrefix(path, root+string(filepath.Separator)), string(filepath.Separator))
			if top != "libcontainer" && top != "internal" || name == "testdata" || name == "gen" {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		have, want := strings.Count(string(text), "sysmon.Forking()"), len(starts.FindAll(text, -1))
		if have != want {
			t.Errorf("%s: processes are started in %d places, sysmon.Forking is called in %d", path, want, have)
		}
		found += have
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found == 0 {
		t.Error("none was found")
	}
}
