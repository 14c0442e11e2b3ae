package spec

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
)

func bundle(t *testing.T, config string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestLoad(t *testing.T) {
	const config = ` {"ociVersion":"1.3.0"}` + "\n"
	l, err := Load(bundle(t, config))
	if err != nil {
		t.Fatal(err)
	}
	if l.Spec.Version != "1.3.0" || string(l.Raw) != config || l.Unknown != nil {
		t.Errorf("got %+v", l)
	}
}

func TestLoad_large(t *testing.T) {
	hostname := strings.Repeat("h", 1<<20)
	l, err := Load(bundle(t, `{"hostname":"`+hostname+`"}`))
	if err != nil || l.Spec.Hostname != hostname {
		t.Errorf("1 MiB: %v", err)
	}
	dir := bundle(t, "{}")
	if err := os.Truncate(filepath.Join(dir, "config.json"), MaxSize+1); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); !errors.Is(err, ErrTooLarge) {
		t.Errorf("64 MiB and a byte: %v", err)
	}
}

func TestLoad_errors(t *testing.T) {
	empty := t.TempDir()
	if _, err := Load(empty); !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, unix.ENOENT) || !strings.Contains(err.Error(), empty+"/config.json") {
		t.Errorf("missing: %v", err)
	}

	if err := os.Mkdir(filepath.Join(empty, "config.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(empty); !errors.Is(err, unix.EISDIR) {
		t.Errorf("directory: %v", err)
	}

	if _, err := LoadFile("/dev/null"); err == nil || !strings.Contains(err.Error(), "neither a regular file nor a pipe") {
		t.Errorf("device: %v", err)
	}

	_, err := Load(bundle(t, "{\n\t\"process\": {\n\t\t\"rlimits\": [{}, {\"hard\": }]\n\t}\n}"))
	var e *jsonscan.Error
	if !errors.As(err, &e) {
		t.Fatalf("syntax error: %v", err)
	}
	if e.Line != 3 || e.Column != 28 || e.Path != "process.rlimits[1].hard" {
		t.Errorf("syntax error at %+v", e)
	}

	l, err := Load(bundle(t, "{\n\t\"hostname\": \"h\", \"process\": {\n\t\t\"rlimits\": [{}, {\"hard\": -10, \"soft\": true}]\n\t}\n}"))
	var wrong Problems
	if !errors.As(err, &wrong) || len(wrong) != 2 {
		t.Fatalf("type errors: %v", err)
	}
	for i, want := range []string{
		"process.rlimits[1].hard: number -10 is out of range, want 0 to 18446744073709551615, in line 3, column 28 (config.md)",
		"process.rlimits[1].soft: want an integer, got a boolean, in line 3, column 41 (config.md)",
	} {
		if wrong[i].String() != want {
			t.Errorf("type error: got %q, want %q", wrong[i], want)
		}
	}
	if l == nil || l.Spec.Hostname != "h" {
		t.Errorf("with type errors: %+v", l)
	}
}

func TestLoadFile_pipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	config := `{"hostname":"` + strings.Repeat("p", 200_000) + `"}`
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(path, []byte(config), 0) }()
	l, err := LoadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
	if string(l.Raw) != config {
		t.Errorf("read %d bytes, want %d", len(l.Raw), len(config))
	}
}

func TestUnknownFields(t *testing.T) {
	for _, c := range []struct {
		name, config string
		want         []string // path, message
	}{
		{"none", base, nil},
		{"misspelt", `{"linux":{"namespases":[]}}`, []string{"linux.namespases", "unknown field linux.namespases: did you mean namespaces?"}},
		{"no hint", `{"linux":{"quux":{"a":[1]}}}`, []string{"linux.quux", "unknown field linux.quux"}},
		{"in arrays", `{"mounts":[{},{"desination":"/"}]}`, []string{"mounts[1].desination", "unknown field mounts[1].desination: did you mean destination?"}},
		{"case is no matter", `{"Linux":{"RESOURCES":{}}}`, nil},
		{"keys of maps", `{"annotations":{"x":"y"},"linux":{"sysctl":{"a":"b"},"resources":{"unified":{"c":"d"}}}}`, nil},
		{"values of maps", `{"linux":{"timeOffsets":{"monotonic":{"sec":1}}}}`, []string{"linux.timeOffsets.monotonic.sec", "unknown field linux.timeOffsets.monotonic.sec: did you mean secs?"}},
		{"other systems", `{"windows":{"layerFolders":[],"credentialSpec":{"any":1}},"solaris":{"anet":[{"linkname":"x"}]},"vm":{"kernel":{"path":"x"}},"zos":{},"freebsd":{"jail":{"ip4":"new"}}}`, nil},
		{"other systems are not looked into", `{"windows":{"layers":[]}}`, nil},
		{"several", `{"proces":{},"root":{"x.y":1,"readOnly":true},"linux":{"intelRdt":{"enableCMT":true}}}`, []string{
			"proces", "unknown field proces: did you mean process?",
			`root["x.y"]`, `unknown field root["x.y"]`,
			"linux.intelRdt.enableCMT", "unknown field linux.intelRdt.enableCMT",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := Parse([]byte(c.config))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range l.Unknown {
				got = append(got, p.Path, p.Message)
				if p.Level != Warn || p.Chapter != "config.md#extensibility" {
					t.Errorf("%+v", p)
				}
			}
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("want %q\ngot  %q", c.want, got)
			}
		})
	}
}

func TestUnknownFields_bounded(t *testing.T) {
	l, err := Parse([]byte(`{` + strings.Repeat(`"x":1,`, 100_000) + `"y":2}`))
	if err != nil || len(l.Unknown) != 100 {
		t.Errorf("%d unknown fields, %v", len(l.Unknown), err)
	}
}

func TestForeign(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`{"architecture":"amd64","os":"linux","config":{"Env":["A=b"]},"rootfs":{"type":"layers"}}`, "config of an image"},
		{`{"schemaVersion":2,"config":{},"layers":[]}`, "manifest of an image"},
		{`{"schemaVersion":2,"manifests":[]}`, "index of an image"},
		{` [{"Id":"1","State":{},"Mounts":[{"Type":"bind"}]}]`, "output of inspect"},
		{`{"Id":"1","Config":{"Env":[]},"HostConfig":{}}`, "output of inspect"},
		{`{"Id":"1","RepoTags":[],"Architecture":"amd64"}`, "output of inspect"},
		{`{}`, ""}, {`[]`, ""}, {`{"rootfs":{}}`, ""}, {`{"ociVersion":"1.0.2"}`, ""},
		{`{"architecture":"amd64","os":"linux","rootfs":{},"root":{"path":"rootfs"},"process":{"args":["x"]}}`, ""},
	} {
		l, _, err := ParseAll([]byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
		got := Foreign(l)
		if (got == nil) != (c.want == "") || got != nil && (got.Err() == nil || !strings.Contains(got.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.text, got, c.want)
		}
	}
}
