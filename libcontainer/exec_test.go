package libcontainer

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// config is one in which every member that a further process may take over is set.
func execConfig() *specs.Spec {
	return &specs.Spec{Process: &specs.Process{
		Terminal:        true,
		ConsoleSize:     &specs.Box{Height: 1, Width: 2},
		User:            specs.User{UID: 7, GID: 8, Umask: new(uint32), AdditionalGids: []uint32{9}},
		Args:            []string{"first"},
		Env:             []string{"A=config"},
		Cwd:             "/config",
		Capabilities:    &specs.LinuxCapabilities{Bounding: []string{"CAP_KILL"}, Inheritable: []string{"CAP_SYSLOG"}, Ambient: []string{"CAP_SYSLOG"}, Permitted: []string{"CAP_SYSLOG"}},
		Rlimits:         []specs.POSIXRlimit{{Type: "RLIMIT_CORE", Soft: 1, Hard: 1}},
		NoNewPrivileges: true,
		ApparmorProfile: "config",
		OOMScoreAdj:     new(int),
		Scheduler:       &specs.Scheduler{Policy: specs.SchedBatch},
		SelinuxLabel:    "config",
		IOPriority:      &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_IDLE},
		ExecCPUAffinity: &specs.CPUAffinity{Final: "0"},
	}}
}

func TestExecOptions_process(t *testing.T) {
	uid, gid := uint32(1000), uint32(1001)
	for _, tc := range []struct {
		name string
		opt  ExecOptions
		file string // process.json
		want func(p *specs.Process)
	}{
		{"a command alone is as the config has it", ExecOptions{Args: []string{"x"}}, "", func(p *specs.Process) { p.Args, p.Terminal = []string{"x"}, false }},
		{"a terminal", ExecOptions{Args: []string{"x"}, Terminal: true}, "", func(p *specs.Process) { p.Args = []string{"x"} }},
		{"every option", ExecOptions{
			Args: []string{"x"}, Env: []string{"A=option"}, Cwd: "/option", UID: &uid, GID: &gid, AdditionalGids: []uint32{1}, Capabilities: []string{"CAP_SYSLOG", "CAP_CHOWN"},
			NoNewPrivs: true, Apparmor: "option", ProcessLabel: "label",
		}, "", func(p *specs.Process) {
			p.Args, p.Terminal, p.Cwd = []string{"x"}, false, "/option"
			p.Env = []string{"A=config", "A=option"}
			p.User.UID, p.User.GID, p.User.AdditionalGids = uid, gid, []uint32{9, 1}
			p.ApparmorProfile, p.SelinuxLabel = "option", "label"
			p.Capabilities = &specs.LinuxCapabilities{
				Bounding:    []string{"CAP_KILL", "CAP_SYSLOG", "CAP_CHOWN"},
				Effective:   []string{"CAP_SYSLOG", "CAP_CHOWN"},
				Permitted:   []string{"CAP_SYSLOG", "CAP_SYSLOG", "CAP_CHOWN"},
				Inheritable: []string{"CAP_SYSLOG"},
				Ambient:     []string{"CAP_SYSLOG", "CAP_SYSLOG"},
			}
		}},
		{"a user without a group keeps the group", ExecOptions{Args: []string{"x"}, UID: &uid}, "", func(p *specs.Process) {
			p.Args, p.Terminal, p.User.UID = []string{"x"}, false, uid
		}},
		{"a file brings its own, and is confined as the first", ExecOptions{}, `{"args":["file"],"cwd":"/file"}`, func(p *specs.Process) {
			p.Args, p.Cwd, p.Env, p.Terminal, p.ConsoleSize, p.NoNewPrivileges = []string{"file"}, "/file", nil, false, nil, false
			p.User = specs.User{Umask: p.User.Umask}
		}},
		{"options change a file", ExecOptions{Args: []string{"x"}, Env: []string{"A=option"}, NoNewPrivs: true, Terminal: true}, `{"args":["file"],"cwd":"/file","env":["A=file"]}`, func(p *specs.Process) {
			p.Args, p.Cwd, p.Env, p.ConsoleSize = []string{"x"}, "/file", []string{"A=file", "A=option"}, nil
			p.User = specs.User{Umask: p.User.Umask}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, wanted := execConfig(), execConfig().Process
			tc.want(wanted)
			if tc.file != "" {
				tc.opt.ProcessFile = filepath.Join(t.TempDir(), "process.json")
				if err := os.WriteFile(tc.opt.ProcessFile, []byte(tc.file), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			tc.opt.Warn = func(text string) { t.Errorf("warning: %s", text) }
			got, err := tc.opt.process(s)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Env) == 0 && len(wanted.Env) == 0 {
				got.Env, wanted.Env = nil, nil
			}
			if len(got.User.AdditionalGids) == 0 {
				got.User.AdditionalGids = wanted.User.AdditionalGids
			}
			if !reflect.DeepEqual(got, wanted) {
				t.Errorf("got  %+v\nwant %+v", got, wanted)
			}
			if !reflect.DeepEqual(s, execConfig()) {
				t.Errorf("the config was changed: %+v", s.Process)
			}
		})
	}
}

// Nothing that confines the first process may be lost by a member that is added to the specification.
func TestInherit_knows_every_member(t *testing.T) {
	// the process's own, whatever the config says
	own := []string{"Terminal", "ConsoleSize", "User", "Args", "CommandLine", "Env", "Cwd", "NoNewPrivileges"}
	from := execConfig().Process
	got := reflect.ValueOf(inherit(specs.Process{}, from))
	want := reflect.ValueOf(*from)
	for i := range got.NumField() {
		name := got.Type().Field(i).Name
		if slices.Contains(own, name) {
			continue
		}
		if want.Field(i).IsZero() {
			t.Errorf("process.%s is not in this test's config", name)
		}
		if !reflect.DeepEqual(got.Field(i).Interface(), want.Field(i).Interface()) {
			t.Errorf("process.%s is not taken over", name)
		}
	}
}

func TestExecOptions_process_refuses(t *testing.T) {
	for _, tc := range []struct {
		name, file, says string
		opt              ExecOptions
	}{
		{"no command", "", "process.args", ExecOptions{}},
		{"a relative cwd", "", "process.cwd", ExecOptions{Args: []string{"x"}, Cwd: "x"}},
		{"a file without args", `{"cwd":"/"}`, "process.args", ExecOptions{}},
		{"a file without cwd", `{"args":["x"]}`, "process.cwd", ExecOptions{}},
		{"a user's name", `{"args":["x"],"cwd":"/","user":{"uid":"root"}}`, "user", ExecOptions{}},
		{"a negative user", `{"args":["x"],"cwd":"/","user":{"uid":-1}}`, "user", ExecOptions{}},
		{"a limit twice", `{"args":["x"],"cwd":"/","rlimits":[{"type":"RLIMIT_CORE","soft":1,"hard":1},{"type":"RLIMIT_CORE","soft":1,"hard":1}]}`, "rlimits", ExecOptions{}},
		{"a NUL in an argument", "", "process.args", ExecOptions{Args: []string{"a\x00b"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.file != "" {
				tc.opt.ProcessFile = filepath.Join(t.TempDir(), "process.json")
				if err := os.WriteFile(tc.opt.ProcessFile, []byte(tc.file), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := tc.opt.process(execConfig())
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Fatalf("got %v, want %q in it", err, tc.says)
			}
			if err != errNoArgs && !errors.Is(err, ErrInvalidConfig) {
				t.Errorf("%v is not ErrInvalidConfig", err)
			}
		})
	}
}

// CVE-2022-29162: what --cap adds is never inheritable.
func TestWithCapabilities(t *testing.T) {
	had := &specs.LinuxCapabilities{Bounding: make([]string, 1, 9), Inheritable: []string{"CAP_SYSLOG"}}
	had.Bounding[0] = "CAP_KILL"
	for _, have := range []*specs.LinuxCapabilities{nil, {}, had} {
		got := withCapabilities(have, []string{"CAP_CHOWN", "CAP_SYSLOG"})
		if slices.Contains(got.Inheritable, "CAP_CHOWN") || slices.Contains(got.Ambient, "CAP_CHOWN") {
			t.Errorf("CAP_CHOWN is inheritable: %+v", got)
		}
		for _, set := range [][]string{got.Bounding, got.Effective, got.Permitted} {
			if !slices.Contains(set, "CAP_CHOWN") || !slices.Contains(set, "CAP_SYSLOG") {
				t.Errorf("not added: %+v", got)
			}
		}
		if slices.Contains(got.Ambient, "CAP_SYSLOG") != (have == had) {
			t.Errorf("ambient: %+v", got)
		}
	}
	if len(had.Bounding) != 1 || had.Bounding[:2][1] != "" {
		t.Errorf("the config's own set was changed: %q", had.Bounding[:2])
	}
}
