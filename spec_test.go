package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func writtenSpec(t *testing.T, args ...string) (text string, spec specs.Spec) {
	t.Helper()
	dir := t.TempDir()
	status, stdout, stderr := rung(t, append([]string{"spec", "--bundle", dir}, args...)...)
	if status != 0 || stdout != "" || stderr != "" {
		t.Fatalf("status %d, %q, %q", status, stdout, stderr)
	}
	b, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&spec); err != nil {
		t.Fatal(err)
	}
	return string(b), spec
}

// The structure is relied upon by scripts, whose edits are written as jq expressions.
func TestSpecShape(t *testing.T) {
	text, spec := writtenSpec(t)
	if !strings.HasPrefix(text, "{\n\t\"ociVersion\": \"1.3.0\",\n") {
		t.Errorf("begins %q", text[:40])
	}
	if n := strings.Count(text, `"rootfs"`); n != 1 {
		t.Errorf("%d strings are \"rootfs\", want 1", n)
	}
	if strings.Contains(text, "inheritable") || strings.Contains(text, "ambient") {
		t.Error("inheritable or ambient capabilities")
	}
	p := spec.Process
	if !p.Terminal || !p.NoNewPrivileges || p.Cwd != "/" || strings.Join(p.Args, " ") != "sh" || p.User.UID != 0 || p.User.GID != 0 {
		t.Errorf("process %+v", p)
	}
	if spec.Root.Path != "rootfs" || !spec.Root.Readonly || spec.Hostname != "rung" {
		t.Errorf("root %+v, hostname %q", spec.Root, spec.Hostname)
	}
	if d := spec.Linux.Resources.Devices; len(d) != 1 || d[0].Allow || d[0].Access != "rwm" {
		t.Errorf("devices %+v", d)
	}
	if !strings.Contains(text, "\"namespaces\": [\n\t\t\t{\n\t\t\t\t\"type\": \"pid\"\n\t\t\t},") {
		t.Error("a namespace is not an object with a type alone")
	}
}

func TestSpecNamespaces(t *testing.T) {
	for _, tc := range []struct {
		name              string
		cgroup2, rootless bool
		want              string
	}{
		{"cgroup v1", false, false, "pid network ipc uts mount"},
		{"cgroup v2", true, false, "pid network ipc uts mount cgroup"},
		{"rootless", true, true, "pid ipc uts mount cgroup user"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			spec := exampleSpec(tc.cgroup2)
			if tc.rootless {
				makeRootless(spec, 1000, 100)
			}
			var got []string
			for _, ns := range spec.Linux.Namespaces {
				got = append(got, string(ns.Type))
			}
			if strings.Join(got, " ") != tc.want {
				t.Errorf("%v, want %s", got, tc.want)
			}
		})
	}
}

func TestSpecRootless(t *testing.T) {
	text, spec := writtenSpec(t, "--rootless")
	l := spec.Linux
	if l.Resources != nil || l.CgroupsPath != "" || strings.Contains(text, "gid=") {
		t.Errorf("resources %v, cgroupsPath %q, or a gid= in %s", l.Resources, l.CgroupsPath, text)
	}
	want := specs.LinuxIDMapping{ContainerID: 0, HostID: uint32(os.Geteuid()), Size: 1}
	if len(l.UIDMappings) != 1 || l.UIDMappings[0] != want || len(l.GIDMappings) != 1 {
		t.Errorf("mappings %v %v", l.UIDMappings, l.GIDMappings)
	}
	var sys []string
	for _, m := range spec.Mounts {
		if strings.HasPrefix(m.Destination, "/sys") {
			sys = append(sys, m.Type+" "+strings.Join(m.Options, ","))
		}
	}
	if len(sys) != 2 || sys[0] != "none rbind,nosuid,noexec,nodev,ro" || sys[1] != "cgroup nosuid,noexec,nodev,relatime,ro" {
		t.Errorf("/sys: %q", sys)
	}
}

func TestSpecKeepsExisting(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config.json")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	status, _, stderr := rung(t, "spec", "-b", dir)
	if status != 1 || stderr != "rung: spec: open "+path+": file exists: remove it first\n" {
		t.Errorf("status %d, %q", status, stderr)
	}
	if b, _ := os.ReadFile(path); string(b) != "mine" {
		t.Errorf("the file is now %q", b)
	}
}
