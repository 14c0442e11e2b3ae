package docs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each example that the help of spec lists runs as it is, in a bundle that has nothing but a root file system.
func TestSpecExamples(t *testing.T) {
	needRoot(t)
	needCommand(t, "script", "setpriv")
	want := map[string]struct {
		output string // what is printed
		run    string // how it is run, if not by itself
		needs  string // what the host must have
		file   string // a file of the bundle
		holds  string // what that has in it
	}{
		"shell":   {output: "uid=0", run: "printf 'id\\nexit\\n' | script -qec 'rung run ID' /dev/null"},
		"network": {output: "127.0.0.1"},
		"limits": {
			output: "67108864\n", needs: "cd /sys/fs/cgroup; [ -d memory -a -d pids -a -d cpu ] || " +
				"for c in memory pids cpu; do grep -w $c cgroup.controllers || exit; done",
		},
		"rootless": {
			output: "uid=0",
			run: "chown -R 65533:65533 . && chmod 755 .. && " +
				"setpriv --reuid 65533 --regid 65533 --clear-groups --no-new-privs sh -c 'rm config.json && rung spec --example rootless && rung --root $PWD/state run ID'",
		},
		"overlay": {output: "hello\n", file: "upper/hello", holds: "kept in upper\n"},
		"hooks":   {output: "hooks.log", file: "hooks.log", holds: `poststop {"ociVersion":`},
	}
	help, _ := command(t, repository, program, "spec", "--help")
	_, list, _ := strings.Cut(help, "with busybox:\n\n")
	list, _, _ = strings.Cut(list, "\n\n")
	// The way to it is open to everyone, unlike that to t.TempDir.
	dir, err := os.MkdirTemp(scratch, "examples-")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range [...]string{scratch, dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for _, line := range strings.Split(list, "\n") {
		name := strings.Fields(line)[0]
		tc, ok := want[name]
		if !ok {
			t.Errorf("nothing says what the example %s does", name)
		}
		n++
		t.Run(name, func(t *testing.T) {
			if _, status := shell(t, scratch, tc.needs); status != 0 {
				t.Skip("a controller is missing")
			}
			path := filepath.Join(dir, name)
			rootfs(t, path)
			must(t, path, "rung spec --example "+name)
			if tc.run == "" {
				tc.run = "rung run ID </dev/null"
			}
			out := must(t, path, strings.ReplaceAll(tc.run, "ID", filepath.Base(scratch)+"-"+name))
			if !strings.Contains(out, tc.output) {
				t.Errorf("no %q in\n%s", tc.output, out)
			}
			if tc.file != "" {
				if b, err := os.ReadFile(filepath.Join(path, tc.file)); err != nil || !strings.Contains(string(b), tc.holds) {
					t.Errorf("%s is %q, %v, and should have %q", tc.file, b, err, tc.holds)
				}
			}
		})
	}
	if n != len(want) {
		t.Errorf("%d examples in the help, %d here", n, len(want))
	}
}
