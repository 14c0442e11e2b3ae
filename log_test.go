package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rung-oci/rung/libcontainer"
)

var testTime = time.Date(2026, 1, 2, 15, 4, 5, 678, time.FixedZone("", 3600))

func TestTextRecord(t *testing.T) {
	for _, tc := range []struct {
		name, msg string
		fields    []field
		want      string
	}{
		{"bare", "mounted", nil, `msg=mounted`},
		{"all that needs no quotes", "aZ0-._/@^+", nil, `msg=aZ0-._/@^+`},
		{"blank", "seccomp filter flags: 40", nil, `msg="seccomp filter flags: 40"`},
		{"quote and newline", "a\"b\nc", nil, `msg="a\"b\nc"`},
		{"empty", "", nil, `msg=`},
		{"fields", "x", []field{{"errno", "EPERM"}, {"path", "/a b"}}, `msg=x errno=EPERM path="/a b"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := string(appendTextRecord(nil, testTime, levelDebug, tc.msg, tc.fields))
			want := `time="2026-01-02T14:04:05Z" level=debug ` + tc.want + "\n"
			if got != want {
				t.Errorf("got  %swant %s", got, want)
			}
		})
	}
}

func TestJSONRecord(t *testing.T) {
	got := string(appendJSONRecord(nil, testTime, levelError, `no "such" \ thing`, []field{{"path", "/a\xff\x00\x1b\n\té "}}))
	want := `{"level":"error","msg":"no \"such\" \\ thing","path":"/a` + "\ufffd" + `\u0000\u001b\n\té ","time":"2026-01-02T14:04:05Z"}` + "\n"
	if got != want {
		t.Errorf("got  %swant %s", got, want)
	}
	// What containerd decodes it into.
	var v struct {
		Level, Msg string
		Time       time.Time
	}
	if err := json.Unmarshal([]byte(got), &v); err != nil {
		t.Fatal(err)
	}
	if v.Level != "error" || v.Msg != `no "such" \ thing` || !v.Time.Equal(testTime.Truncate(time.Second)) {
		t.Errorf("decoded as %+v", v)
	}
}

func FuzzJSONString(f *testing.F) {
	f.Add("a\"\\\n\x00\xff\u2028")
	f.Fuzz(func(t *testing.T, s string) {
		b := appendJSONString(nil, s)
		var got string
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		if want := string([]rune(s)); got != want {
			t.Errorf("%q came back as %q", want, got)
		}
	})
}

// mountError is an error of the library as a command gets it.
func mountError() error {
	return &libcontainer.Error{
		Op: "create", ID: "web", Code: "mount", Step: "mounts[3]", Path: "/proc", Hint: "look here",
		Err: fmt.Errorf("mount proc: %w", syscall.EPERM),
	}
}

func TestReport(t *testing.T) {
	plain := "rung: " + mountError().Error() + "\n"
	for _, tc := range []struct {
		name   string
		err    error
		toFile bool
		json   bool
		stderr string   // exactly, unless ""
		log    []string // parts of the log
	}{
		{"plain", mountError(), false, false, plain, nil},
		{"two lines become one", errors.Join(errors.New("a"), errors.New("b")), false, false, "rung: a; b\n", nil},
		{"text log", mountError(), true, false, plain, []string{"level=error", `msg="`, " code=mount ", " errno=EPERM ", ` hint="look here"`}},
		{"json log", mountError(), true, true, plain, []string{
			`"level":"error"`, `"op":"create"`, `"id":"web"`, `"code":"mount"`, `"step":"mounts[3]"`, `"path":"/proc"`, `"errno":"EPERM"`, `"hint":"look here"`,
		}},
		{"json on standard error", errors.New("x"), false, true, "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g, _, stderr := testGlobals(t)
			g.log.json = tc.json
			if tc.toFile {
				g.log.path = filepath.Join(t.TempDir(), "log")
			}
			g.report(tc.err)
			if got := stderr(); tc.stderr != "" && got != tc.stderr {
				t.Errorf("standard error %q, want %q", got, tc.stderr)
			} else if tc.stderr == "" && !json.Valid([]byte(got)) {
				t.Errorf("standard error %q is not JSON", got)
			}
			if !tc.toFile {
				return
			}
			log, err := os.ReadFile(g.log.path)
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range tc.log {
				if !strings.Contains(string(log), part) {
					t.Errorf("log %q lacks %q", log, part)
				}
			}
		})
	}
}

func TestLogLevels(t *testing.T) {
	for _, tc := range []struct {
		level level
		want  string // the levels that get through
	}{
		{levelError, "error"},
		{levelWarning, "error warning"},
		{levelInfo, "error warning info"},
		{levelDebug, "error warning info debug"},
	} {
		t.Run(tc.level.String(), func(t *testing.T) {
			g, _, stderr := testGlobals(t)
			g.log.level = tc.level
			var want string
			for _, lv := range []level{levelError, levelWarning, levelInfo, levelDebug} {
				g.log.write(lv, lv.String())
			}
			for lv := range strings.FieldsSeq(tc.want) {
				want += "msg=" + lv + "\n"
			}
			var got string
			for line := range strings.Lines(stderr()) {
				got += line[strings.Index(line, "msg="):]
			}
			if got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestLogIsAppended(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for range 2 {
		g, _, _ := testGlobals(t)
		g.log.path = path
		if err := g.begin(); err != nil {
			t.Fatal(err)
		}
		g.warn("careful")
	}
	text, err := os.ReadFile(path)
	if err != nil || strings.Count(string(text), "level=warning msg=careful\n") != 2 {
		t.Errorf("log is %q, %v", text, err)
	}
	g, _, _ := testGlobals(t)
	g.log.path = filepath.Dir(path) + "/no/log"
	if err := g.begin(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opening a log in a missing directory: %v", err)
	}
}

// A person at a terminal gets the hint as well; a pipe, behind which an engine takes the text for its users, does not.
func TestHintOnTerminal(t *testing.T) {
	ptmx, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no terminals to be had: ", err)
	}
	defer ptmx.Close()
	n, err := unix.IoctlGetInt(int(ptmx.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(ptmx.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	g := &globals{stderr: tty, log: logger{out: tty, level: levelWarning}}
	g.report(mountError())
	want := "rung: " + mountError().Error() + "\r\nhint: look here\r\n"
	buf := make([]byte, len(want))
	k, err := io.ReadFull(ptmx, buf) // a terminal may give it in parts
	if err != nil {
		t.Fatal(err)
	}
	if got := string(buf[:k]); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
