package libcontainer

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-spec/specs-go/features"
	"github.com/rung-oci/rung/libcontainer/internal/host"
	"github.com/rung-oci/rung/libcontainer/internal/spec"
)

func readFeatures(t *testing.T, o FeatureOptions) (features.Features, string) {
	t.Helper()
	text := AppendFeatures(nil, o)
	var f features.Features
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return f, string(text)
}

// The structure says all there is to say: no field is null or missing, and the
// text is as json.MarshalIndent writes it.
func TestFeatures_complete(t *testing.T) {
	f, text := readFeatures(t, FeatureOptions{Version: "1.2.3", Commit: "abc", Commands: []string{"create", "run"}})
	var tree any
	if err := json.Unmarshal([]byte(text), &tree); err != nil {
		t.Fatal(err)
	}
	l := f.Linux
	for name, p := range map[string]*bool{
		"cgroup.v1": l.Cgroup.V1, "cgroup.v2": l.Cgroup.V2, "cgroup.systemd": l.Cgroup.Systemd, "cgroup.systemdUser": l.Cgroup.SystemdUser, "cgroup.rdma": l.Cgroup.Rdma,
		"seccomp": l.Seccomp.Enabled, "apparmor": l.Apparmor.Enabled, "selinux": l.Selinux.Enabled, "intelRdt": l.IntelRdt.Enabled, "intelRdt.schemata": l.IntelRdt.Schemata,
		"intelRdt.monitoring": l.IntelRdt.Monitoring, "idmap": l.MountExtensions.IDMap.Enabled, "netDevices": l.NetDevices.Enabled,
	} {
		if p == nil {
			t.Errorf("%s is not said", name)
		}
	}
	for name, list := range map[string][]string{
		"hooks": f.Hooks, "mountOptions": f.MountOptions, "namespaces": l.Namespaces, "capabilities": l.Capabilities, "actions": l.Seccomp.Actions,
		"operators": l.Seccomp.Operators, "archs": l.Seccomp.Archs, "knownFlags": l.Seccomp.KnownFlags, "modes": l.MemoryPolicy.Modes, "flags": l.MemoryPolicy.Flags,
	} {
		if len(list) == 0 {
			t.Errorf("%s is empty", name)
		}
	}
	if l.Seccomp.SupportedFlags == nil || f.PotentiallyUnsafeConfigAnnotations == nil {
		t.Error("a list is null, which means that nothing is known")
	}
	for _, s := range l.Seccomp.SupportedFlags {
		if !slices.Contains(l.Seccomp.KnownFlags, s) {
			t.Errorf("%s is supported, and not known", s)
		}
	}
	for _, flag := range []string{"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC"} { // older than Linux 5.14
		if !slices.Contains(l.Seccomp.SupportedFlags, flag) {
			t.Errorf("%s is not supported", flag)
		}
	}
	if a := f.Annotations; a["org.rung-oci.rung.version"] != "1.2.3" || a["org.rung-oci.rung.commit"] != "abc" || a["io.github.seccomp.libseccomp.version"] != SystemCalls() ||
		SeccompCompiler == "built-in" && SystemCalls() != "2.5.4" || a["org.rung-oci.rung.seccomp-compiler"] != SeccompCompiler ||
		a["org.opencontainers.runc.checkpoint.enabled"] != "false" || a["org.rung-oci.rung.commands"] != "create run" {
		t.Errorf("annotations %q", a)
	}
	if p := strings.Fields(f.Annotations["org.rung-oci.rung.systemd-properties"]); !slices.Contains(p, "CollectMode") || slices.Contains(p, "KillMode") {
		t.Errorf("properties %q", p)
	}
	again, err := json.MarshalIndent(f, "", "    ")
	if err != nil {
		t.Fatal(err)
	}
	// the one list that may be empty is left out by omitempty
	want := strings.Replace(text, ",\n    \"potentiallyUnsafeConfigAnnotations\": []", "", 1)
	if string(again)+"\n" != want {
		t.Errorf("not as encoding/json writes it:\n%s", text)
	}
}

// The versions are ones that configs may have.
func TestFeatures_versions(t *testing.T) {
	f, _ := readFeatures(t, FeatureOptions{})
	for _, v := range []string{f.OCIVersionMin, f.OCIVersionMax} {
		for _, p := range spec.Validate(&specs.Spec{Version: v, Root: &specs.Root{Path: "rootfs"}}, spec.Options{}) {
			if p.Path == "ociVersion" {
				t.Error(p)
			}
		}
	}
}

func TestFeatures_commands(t *testing.T) {
	if _, text := readFeatures(t, FeatureOptions{Commands: []string{"checkpoint"}}); !strings.Contains(text, `"org.opencontainers.runc.checkpoint.enabled": "true"`) {
		t.Error("checkpoint is a command, and not a feature")
	}
}

// Each fact of the host is a word or a number, or a no with its reason.
func TestFeatures_host(t *testing.T) {
	f, _ := readFeatures(t, FeatureOptions{})
	const prefix = "org.rung-oci.host."
	for _, key := range strings.Fields("apparmor capabilities.missing cgroup.mode cgroup.v1.controllers cgroup.v2.controllers core-scheduling criu idmap landlock.abi privileged resctrl seccomp.notify selinux timens userns") {
		v, ok := f.Annotations[prefix+key]
		if !ok {
			t.Errorf("nothing of %s", key)
		}
		if v == "no" || v == "no: " {
			t.Errorf("%s: no reason", key)
		}
	}
	layout, err := host.Cgroups()
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Annotations[prefix+"cgroup.mode"]; got != layout.Mode.String() {
		t.Errorf("mode %q, want %s", got, layout.Mode)
	}
	if got, want := f.Annotations[prefix+"privileged"] == "true", !host.Rootless(); got != want {
		t.Errorf("privileged %v, want %v", got, want)
	}
}

func TestMissingCapabilities(t *testing.T) {
	if got := missingCapabilities(^uint64(1<<24), 40); !slices.Equal(got, []string{"CAP_SYS_RESOURCE"}) {
		t.Errorf("%q", got)
	}
	if got := missingCapabilities(1, 2); !slices.Equal(got, []string{"CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH"}) {
		t.Errorf("%q", got)
	}
}
