package compile

import (
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
)

func minimal(annotations map[string]string) *specs.Spec {
	return &specs.Spec{
		Version: specs.Version, Root: &specs.Root{Path: "rootfs"}, Annotations: annotations,
		Process: &specs.Process{Args: []string{"/bin/sh"}, Cwd: "/", NoNewPrivileges: true},
		Linux:   &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.MountNamespace}, {Type: specs.PIDNamespace}}},
	}
}

const fsKey, netKey, abiKey, modeKey = "org.rung-oci.landlock.fs", "org.rung-oci.landlock.net", "org.rung-oci.landlock.abi", "org.rung-oci.landlock.mode"

func TestLandlock_kernels(t *testing.T) {
	for _, c := range []struct {
		name        string
		annotations map[string]string
		kernel      int
		refused     string // part of the error
		warned      string
		restricts   bool
	}{
		{"no annotations, no Landlock", nil, 0, "", "", false},
		{"no Landlock", map[string]string{fsKey: ""}, 0, `annotations["org.rung-oci.landlock.fs"]: this kernel has no Landlock`, "", false},
		{"no Landlock, best-effort", map[string]string{fsKey: "", modeKey: "best-effort"}, 0, "", "this kernel has no Landlock", false},
		{"an older kernel", map[string]string{fsKey: "ro /"}, 3, "ABI 3; what it cannot restrict: ioctl_dev (org.rung-oci.landlock.mode: best-effort", "", false},
		{"rules as old as the kernel", map[string]string{fsKey: "rw /", abiKey: "3"}, 3, "", "", true},
		{"a kernel older than ports", map[string]string{netKey: "bind 80"}, 3, "annotations[\"org.rung-oci.landlock.net\"]: ", "", false},
		{"ports that nothing restricts", map[string]string{netKey: "bind *; connect *"}, 4, "", "", false},
		{"what is left", map[string]string{fsKey: "rw /", netKey: "", modeKey: "best-effort"}, 1, "", "bind|connect", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, warnings, err := Create(minimal(c.annotations), Options{ID: "x", Bundle: "/b"}, Facts{Landlock: c.kernel})
			if (err != nil) != (c.refused != "") || err != nil && !strings.Contains(err.Error(), c.refused) {
				t.Fatalf("error %v, want %q", err, c.refused)
			}
			if text := strings.Join(warnings, "\n"); (text != "") != (c.warned != "") || !strings.Contains(text, c.warned) {
				t.Errorf("warnings %q, want %q", text, c.warned)
			}
			if err == nil && has[*plan.LandlockRestrict](p.Init) != c.restricts {
				t.Errorf("restricts: %v", !c.restricts)
			}
		})
	}
}

func has[T plan.Op](p plan.Program) bool {
	for _, o := range p {
		if _, ok := o.Op.(T); ok {
			return true
		}
	}
	return false
}

// What confines the first process confines those that come after it.
func TestAnnotations_reach_exec_and_start_hooks(t *testing.T) {
	s := minimal(map[string]string{fsKey: "rx /", "org.rung-oci.core-scheduling": "true", "run.oci.keep_original_groups": ""})
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	o, f := Options{ID: "x", Bundle: "/b", InitPid: 77}, Facts{Landlock: 6}
	x, _, err := Exec(s, s.Process, o, f)
	if err != nil {
		t.Fatal(err)
	}
	hook, err := ContainerHook(s, o, f, plan.Hook{Path: "/hook"})
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]plan.Program{"exec": x.Init, "hook": hook} {
		if !has[*plan.LandlockRestrict](p) || !has[*plan.LandlockPath](p) {
			t.Errorf("%s: not confined", name)
		}
		seen := 0
		entered := false
		for _, o := range p {
			switch op := o.Op.(type) {
			case *plan.Setns:
				entered = true
			case *plan.CoreSchedule:
				seen++
				if op.From != 77 || entered {
					t.Errorf("%s: %s, inside %v: the pid is one of the runtime's namespace", name, plan.Line(op), entered)
				}
			case *plan.RootIDs:
				seen++
				if op.Flags != plan.GroupKeep {
					t.Errorf("%s: %s", name, plan.Line(op))
				}
			case *plan.Identity:
				seen++
				if op.SkipGroups != 1 {
					t.Errorf("%s: %s", name, plan.Line(op))
				}
			}
		}
		if seen != 3 {
			t.Errorf("%s: %d of 3 ops", name, seen)
		}
	}
}
