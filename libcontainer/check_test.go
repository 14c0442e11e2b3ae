package libcontainer

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFindings_text(t *testing.T) {
	for _, c := range []struct {
		name string
		list Findings
		want string
	}{
		{"nothing", nil, "no problems\n"},
		{"one that is not fatal", Findings{{Path: "a.b", Level: LevelWarn, Source: "x(7)", Message: "m", Hint: "h"}}, "WARN   a.b: m (x(7))\n       hint: h\n1 noticed, none of which keeps the container from running\n"},
		{"fatal, of the whole", Findings{{Level: LevelHost, Fatal: true, Message: "two\nlines"}, {Path: "a", Level: LevelShould, Message: "m"}},
			"HOST   two; lines\nSHOULD a: m\n2 noticed, 1 of which keeps the container from running\n"},
	} {
		if got := string(c.list.AppendText(nil)); got != c.want {
			t.Errorf("%s:\n%q, want\n%q", c.name, got, c.want)
		}
	}
}

func TestFindings_json(t *testing.T) {
	list := Findings{{Path: `a["b"]`, Level: LevelMust, Fatal: true, Source: "s", Message: "m \"q\"", Hint: "h"}}
	var out struct {
		OK bool `json:"ok"`
	}
	text := list.AppendJSON(nil)
	if err := json.Unmarshal(text, &out); err != nil || out.OK {
		t.Errorf("%v: %s", err, text)
	}
	if got := string(Findings(nil).AppendJSON(nil)); got != "{\n  \"ok\": true,\n  \"findings\": []\n}\n" {
		t.Errorf("nothing: %q", got)
	}
	want := "{\n  \"ok\": false,\n  \"findings\": [\n    {\n      \"path\": \"a[\\\"b\\\"]\",\n      \"level\": \"MUST\",\n      \"fatal\": true,\n" +
		"      \"source\": \"s\",\n      \"message\": \"m \\\"q\\\"\",\n      \"hint\": \"h\"\n    }\n  ]\n}\n"
	if string(text) != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

func TestCheck_order(t *testing.T) {
	dir := t.TempDir()
	config := `{"linux": {"rootfsPropagation": "x"}, "nobody": 1, "mounts": [{"destination": 5}], "process": {"cwd": [], "args": ["sh"]}, "root": {"path": "rootfs"}}`
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := Check(CheckOptions{Bundle: dir})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range list {
		got = append(got, f.Path)
	}
	// of what follows from a value of a wrong type, such as a destination that is then missing, not a word
	if s := strings.Join(got, " "); !strings.HasPrefix(s, "ociVersion root.path mounts[0].destination ") || !strings.HasSuffix(s, " linux.rootfsPropagation nobody") || strings.Count(s, "mounts") > 2 {
		t.Errorf("%s", s)
	}
	if !list.Fatal() {
		t.Error("not fatal")
	}
	if _, err := Check(CheckOptions{Bundle: filepath.Join(dir, "none")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no bundle: %v", err)
	}
	if _, err := Check(CheckOptions{Bundle: dir, Rootless: "maybe"}); err == nil {
		t.Error("--rootless maybe")
	}
}
