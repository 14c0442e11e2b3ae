package compile

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden is one case: a config, and what the command and the host add to it.
// The "why" of a case is its first line of documentation.
type golden struct {
	Why     string     `json:"why"`
	Options Options    `json:"options"`
	Facts   Facts      `json:"facts"`
	Config  specs.Spec `json:"config"`
	// Process is a further process of the container; nil: the container itself is planned
	Process *specs.Process `json:"process,omitempty"`
}

// v1Groups and v2Group are what package cgroup would hand over.
func v1Groups(id string) []CgroupDir {
	var list []CgroupDir
	for _, c := range []string{"cpu,cpuacct", "memory", "pids"} {
		list = append(list, CgroupDir{Name: c, Controllers: strings.Split(c, ","), Mount: "/sys/fs/cgroup/" + c, Dir: "/sys/fs/cgroup/" + c + "/" + id, Own: true, Join: true})
	}
	return append(list, CgroupDir{Name: "systemd", Controllers: []string{"name=systemd"}, Mount: "/sys/fs/cgroup/systemd", Dir: "/sys/fs/cgroup/systemd/" + id, Own: true, Join: true})
}

func v2Group(id string) []CgroupDir {
	return []CgroupDir{{Mount: "/sys/fs/cgroup", Dir: "/sys/fs/cgroup/" + id, V2: true, Own: true}}
}

func Test_golden(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.json")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no golden cases: %v", err)
	}
	for _, file := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			g, p, warnings := planOf(t, file)
			var out bytes.Buffer
			out.WriteString("# " + g.Why + "\n")
			for _, w := range warnings {
				out.WriteString("# warning: " + w + "\n")
			}
			if err := p.WriteText(&out); err != nil {
				t.Fatal(err)
			}
			compare(t, strings.TrimSuffix(file, ".json")+".plan", out.Bytes())
		})
	}
}

// planOf compiles one case.
func planOf(t *testing.T, file string) (*golden, *plan.Plan, []string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&g); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	g.Options.ID, g.Options.Bundle = "web", "/bundle"
	g.Options.CgroupPath = "/web"
	if g.Facts.UnifiedV2 {
		g.Options.Cgroups = v2Group("web")
	} else {
		g.Options.Cgroups = v1Groups("web")
	}
	g.Options.CgroupsPresent = !g.Facts.Rootless
	var p *plan.Plan
	var warnings []string
	if g.Process != nil {
		p, warnings, err = Exec(&g.Config, g.Process, g.Options, g.Facts)
	} else {
		p, warnings, err = Create(&g.Config, g.Options, g.Facts)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &g, p, warnings
}

func compare(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(want, got) {
		return
	}
	w, g := strings.Split(string(want), "\n"), strings.Split(string(got), "\n")
	for i := range max(len(w), len(g)) {
		var a, b string
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			t.Fatalf("%s differs at line %d:\nwant %q\ngot  %q\n(go test -run golden -update writes it anew; read the diff)", file, i+1, a, b)
		}
	}
}

// Order that no golden file may lose, whatever else changes in it.
func Test_order(t *testing.T) {
	cases, _ := filepath.Glob("testdata/*.plan")
	for _, file := range cases {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, init, _ := strings.Cut(string(raw), "\ninit:\n")
		var ops []string
		for _, line := range strings.Split(strings.TrimSpace(init), "\n") {
			if f := strings.Fields(line); len(f) > 1 {
				ops = append(ops, f[1])
			}
		}
		before := func(a, b string) {
			last, first := -1, len(ops)
			for i, op := range ops {
				if op == a {
					last = i
				}
				if op == b && i < first {
					first = i
				}
			}
			if last > first {
				t.Errorf("%s: %s (op %d) comes after %s (op %d)", file, a, last, b, first)
			}
		}
		before("write-file", "pivot")      // control groups are joined by host path
		before("proc-write", "pivot")      // the host's /proc is the one to be trusted
		before("propagation", "root-open") // nothing reaches the host
		before("root-open", "mount-fs")
		before("mask", "pivot") // /dev/null is the host's
		before("bounding", "identity")
		before("identity", "gate")
		if i := slices.Index(ops, "identity"); ops[i+1] != "dumpable" {
			t.Errorf("%s: %s comes between the change of ids and dumpable", file, ops[i+1])
		}
		before("identity", "find-exec") // judged as the user that will run it
		before("find-exec", "gate")     // so that create reports it
		// In a pid namespace that has processes already it is confined before it is one of them.
		shared := strings.Contains(init, "pidns-fd=")
		if last := slices.Index(ops, "fork"); shared {
			for _, op := range []string{"seccomp", "landlock-restrict", "no-new-privileges", "capset", "close-range", "pivot", "identity"} {
				before(op, "fork")
			}
			if last < 0 || slices.Contains(ops[last+1:], "mount-fs") || slices.Contains(ops[last+1:], "sync") {
				t.Errorf("%s: the pid namespace is joined before the mounts and hooks", file)
			}
		} else {
			before("gate", "seccomp")
			before("gate", "landlock-restrict")
		}
		before("landlock-path", "identity") // the user need not be able to walk there
		before("no-new-privileges", "landlock-restrict")
		before("landlock-restrict", "seccomp")
		before("close-from", "gate")
		before("seccomp", "exec")
		if strings.HasPrefix(filepath.Base(file), "exec-") {
			// nobody in the container may trace it, or look at its descriptors
			if slices.Index(ops, "dumpable") > slices.Index(ops, "setns") {
				t.Errorf("%s: the namespaces are entered by a dumpable process", file)
			}
			before("write-file", "setns")
			before("proc-write", "setns") // behind it is the container's /proc
			before("setns", "root-here")
			before("root-here", "home") // files of the container are found below its root alone
			before("root-here", "console")
			before("fork", "setsid")
			before("setsid", "controlling-terminal")
			if fork := slices.Index(ops, "fork"); fork >= 0 && fork < slices.Index(ops, "capset") {
				t.Errorf("%s: who has CAP_SYS_PTRACE in the container can trace what has more than he", file)
			}
		}
		if ops[len(ops)-1] != "exec" {
			t.Errorf("%s: the last op is %s", file, ops[len(ops)-1])
		}
	}
}

// The plan is what is executed: every op of every case can be encoded.
func TestProgram_encode(t *testing.T) {
	p := plan.Program{{Op: &plan.Hostname{Name: "x"}}, {Op: &plan.Identity{Groups: []byte{1, 0, 0, 0}}}}
	b := p.Encode()
	if len(b)%8 != 0 {
		t.Errorf("length %d is not a multiple of 8", len(b))
	}
}
