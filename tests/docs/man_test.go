package docs

import (
	"path/filepath"
	"testing"
)

// Two programs that format man pages have nothing to say of ours.
func TestManPages(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(repository, "man", "*.8"))
	if err != nil || len(pages) == 0 {
		t.Fatal("no man pages", err)
	}
	for _, tc := range []struct {
		name string
		argv []string
	}{
		{"mandoc", []string{"mandoc", "-Tlint", "-Wwarning"}},
		{"groff", []string{"groff", "-ww", "-man", "-Tutf8", "-z"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			needCommand(t, tc.argv[0])
			for _, page := range pages {
				out, status := command(t, repository, append(tc.argv[:len(tc.argv):len(tc.argv)], page)...)
				if status != 0 || out != "" {
					t.Errorf("%s: status %d\n%s", filepath.Base(page), status, out)
				}
			}
		})
	}
}
