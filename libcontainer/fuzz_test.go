package libcontainer

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup"
	writes "github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
	"github.com/rung-oci/rung/libcontainer/internal/compile"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/spec"
)

// FuzzUpdate follows the JSON of update to the files of control groups: what is
// taken is one line in a file of the group's own, and the config that is kept can
// be read again.
func FuzzUpdate(f *testing.F) {
	f.Add([]byte(`{"memory":{"limit":-1,"swap":9223372036854775807,"reservation":5},"cpu":{"shares":2,"quota":-1,"period":1000,"cpus":"0-3","mems":"0"},"pids":{"limit":1}}`), int64(1<<20))
	f.Add([]byte(`{"unified":{"memory.high":"max","io.max":"8:0 rbps=1\n8:16 rbps=2"},"rdma":{"mlx5_1":{"hcaHandles":3}},"hugepageLimits":[{"pageSize":"2MB","limit":1}]}`), int64(-1))
	f.Add([]byte(`{"blockIO":{"weight":10,"leafWeight":20,"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":5}]},"network":{"classID":1,"priorities":[{"name":"eth0","priority":1}]}}`), int64(0))
	f.Add([]byte(`{"hugepageLimits":[{"pageSize":"../../x","limit":1}],"unified":{"../x":"1"},"rdma":{"a b":{}},"cpu":{"cpus":"0\n1"},"devices":[{"allow":true,"type":"c","major":-1}]}`), int64(7))
	f.Fuzz(func(t *testing.T, raw []byte, memory int64) {
		o := UpdateOptions{Resources: raw, Memory: &memory}
		r, err := o.resources()
		if err != nil {
			if !errors.Is(err, ErrInvalidConfig) {
				t.Errorf("%v is no ErrInvalidConfig", err)
			}
			return
		}
		old := &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Allow: true, Type: "c", Access: "rwm"}}}
		for _, g := range []*cgroup.Group{
			cgroup.Open(nil),
			cgroup.Open([]cgroup.Dir{{Name: "memory", Path: "/sys/fs/cgroup/memory/x"}, {Name: "cpu,cpuacct", Path: "/sys/fs/cgroup/cpu,cpuacct/x"}, {Name: "unified", V2: true, Path: "/sys/fs/cgroup/unified/x"}}),
			cgroup.Open([]cgroup.Dir{{V2: true, Path: "/sys/fs/cgroup/x"}}),
		} {
			p, _, err := updated(old, r, g)
			if err != nil {
				continue
			}
			writable(t, append(p.Early, p.Late...))
		}
		merge(old, r)
		if _, _, err := spec.ParseResources([]byte(encoded(t, old))); err != nil {
			t.Errorf("what is kept is not read again: %v", err)
		}
	})
}

func writable(t *testing.T, list []writes.Write) {
	t.Helper()
	for _, w := range list {
		if w.File == "" || w.File == "." || w.File == ".." || strings.ContainsAny(w.File, "/\x00") {
			t.Errorf("file %q", w.File)
		}
	}
}

// FuzzCompile follows a config to the programs of the init: whatever passes the
// judgement of spec gives a program that keeps the order on which safety rests, or
// an error.
func FuzzCompile(f *testing.F) {
	cases, _ := filepath.Glob("internal/compile/testdata/*.json")
	for _, file := range cases {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var g struct{ Config json.RawMessage }
		if err := json.Unmarshal(raw, &g); err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(g.Config), byte(len(raw)))
	}
	f.Add([]byte(`{"ociVersion":"1.0.2","root":{"path":"r"},"process":{"args":["a"],"cwd":"/","user":{}},"annotations":{"org.rung-oci.landlock.fs":"rx /","run.oci.keep_original_groups":"1"}}`), byte(3))
	f.Fuzz(func(t *testing.T, raw []byte, host byte) {
		l, err := spec.Parse(raw)
		if err != nil {
			return
		}
		facts := compile.Facts{Rootless: host&1 != 0, Unprivileged: host&3 == 3, UnifiedV2: host&4 != 0, SELinux: host&8 != 0, AppArmor: host&16 != 0}
		for _, p := range spec.Validate(l.Spec, spec.Options{NeedProcess: true, Rootless: facts.Rootless, BundleAbs: "/b"}) {
			if p.Level == spec.Must {
				return
			}
		}
		o := compile.Options{ID: "web", Bundle: "/b", CgroupPath: "/web", CgroupsPresent: host&32 != 0, NoPivot: host&64 != 0, StartNow: host&128 != 0}
		if p, _, err := compile.Create(l.Spec, o, facts); err == nil {
			safe(t, p.Init)
		}
		if p, _, err := compile.Exec(l.Spec, l.Spec.Process, o, facts); err == nil {
			safe(t, p.Init)
		}
	})
}

// safe looks for what no config may bring about.
func safe(t *testing.T, p plan.Program) {
	t.Helper()
	if len(p.Encode())%8 != 0 {
		t.Error("an odd program")
	}
	inside, dumpable, filtered := false, true, false
	for i, o := range p {
		where := func(what string, v ...any) {
			t.Helper()
			t.Errorf("op %d, %s: %s %q", i, plan.Line(o.Op), what, v)
		}
		switch op := o.Op.(type) {
		case *plan.Dumpable:
			dumpable = op.Value != 0
		case *plan.Setns:
			if dumpable {
				where("joins while it can be traced")
			}
		case *plan.ProcWrite:
			if inside || strings.HasPrefix(op.Path, "/") || strings.Contains("/"+op.Path+"/", "/../") || strings.Contains(op.Path, "\x00") {
				where("writes below a /proc that is the container's, or outside it", op.Path)
			}
		case *plan.WriteFile:
			if inside {
				where("writes to the host from within")
			}
		case *plan.MountFS:
			if (op.Type == "proc" || op.Type == "sysfs") && op.Flags&plan.MountStrictDir == 0 && op.Flags&plan.MountReplaceRoot == 0 {
				where("follows links to its target")
			}
		case *plan.Pivot, *plan.RootHere:
			inside = true
		case *plan.Mask:
			if inside {
				where("masks from within")
			}
		case *plan.Seccomp:
			filtered = true
		case *plan.Chdir, *plan.FindExec, *plan.Identity, *plan.Bounding:
			if !inside || filtered {
				where("comes at the wrong time")
			}
		case *plan.Exec:
			if !inside || dumpable || i != len(p)-1 {
				where("is executed outside, or not last")
			}
		}
	}
}
