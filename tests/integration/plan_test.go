package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestPlan_diff(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	b.Spec.Hostname = "before"
	b.writeConfig()
	one, two := filepath.Join(b.Dir, "config.json"), filepath.Join(b.Dir, "two.json")
	first := readFile(t, one)
	writeFile(t, two, strings.ReplaceAll(first, "before", "after"))

	for name, c := range map[string]struct {
		a, b  string
		exit  int
		lines []string
	}{
		"files":             {one, two, 1, []string{"--- " + one, "+++ " + two, "@@ init", "-  hostname name=before    # hostname", "+  hostname name=after    # hostname"}},
		"bundle and file":   {b.Dir, two, 1, []string{"--- " + b.Dir, "-  hostname name=before    # hostname"}},
		"no difference":     {b.Dir, one, 0, nil},
		"one is not there":  {b.Dir, "/nonexistent", 2, nil},
		"one is no config":  {probePath, one, 2, nil},
		"another bundle":    {b.Dir, b.sibling("after"), 1, []string{"-  hostname name=before    # hostname", "-bundle " + b.Dir}},
		"only one is given": {one, "", 2, nil},
	} {
		args := []string{"plan", "--bundle", b.Dir, "--diff", c.a}
		if c.b != "" {
			args = append(args, c.b)
		}
		res := b.runtime(args...)
		want(t, name+": exit status", res.Exit, c.exit)
		for _, line := range c.lines {
			if !strings.Contains(res.Stdout, line) {
				t.Errorf("%s: no %q in\n%s", name, line, res.Stdout)
			}
		}
		if c.lines == nil {
			want(t, name+": standard output", res.Stdout, "")
		}
		want(t, name+": there is an error", res.Stderr != "", c.exit == 2)
	}
}

// sibling is a bundle beside b with another host name.
func (b *bundle) sibling(hostname string) string {
	b.t.Helper()
	dir := filepath.Join(b.Dir, "sibling")
	mkdir(b.t, dir+"/rootfs", 0o755)
	s := *b.Spec
	s.Hostname = hostname
	n := &bundle{t: b.t, Dir: dir, Spec: &s}
	n.writeConfig()
	return dir
}

// It says and refuses what the command would, and nothing is there afterwards.
func TestPlan_dry_run(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	b.writeConfig()
	for _, verb := range []string{"create", "run"} {
		out := b.must(verb, "--dry-run", "--bundle", b.Dir, "--pid-file", b.Dir+"/pid", b.ID).Stdout
		want(t, verb+": the id", strings.HasPrefix(out, "container "+b.ID+"\n"), true)
		want(t, verb+": there is a gate to listen on", strings.Contains(out, " gate-listen "), verb == "create")
		want(t, verb+": there is a pid file", exists(b.Dir+"/pid"), false)
		wantEmpty(t, b)
	}
	if err := os.Remove(b.Root); err != nil {
		t.Fatal(err)
	}
	b.must("create", "--dry-run", "--bundle", b.Dir, b.ID)
	want(t, "a root that was not there is", exists(b.Root), false)

	b.Spec.Process.Terminal = true
	b.writeConfig()
	wantFailure(t, b.runtime("create", "--dry-run", "--bundle", b.Dir, b.ID), "rung: create "+b.ID+": ", "console socket")
	b.must("run", "--dry-run", "--bundle", b.Dir, b.ID)
	b.Spec.Process.Terminal = false
	b.Spec.Process.Cwd = "relative"
	b.writeConfig()
	wantFailure(t, b.runtime("run", "--dry-run", "--bundle", b.Dir, b.ID), "process.cwd")
	b.Spec.Process.Cwd = "/"
	b.Spec.Mounts = append(b.Spec.Mounts, specs.Mount{Destination: "/mnt", Type: "nonsensefs", Source: "none"})
	b.writeConfig()
	b.must("run", "--dry-run", "--bundle", b.Dir, b.ID) // only the kernel can tell, and it is not asked
}

func TestPlan_dry_run_of_an_id_that_is_taken(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := waiting(t)
	b.create()
	wantFailure(t, b.runtime("create", "--dry-run", "--bundle", b.Dir, b.ID), "already exists")
	b.wantStatus("created")
}
