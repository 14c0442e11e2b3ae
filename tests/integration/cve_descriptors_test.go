package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// leaked is a caller that has forgotten to close descriptors of a directory of the host's.
func (b *bundle) leaked(dir string, count int) {
	b.t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { f.Close() })
	for range count {
		b.Extra = append(b.Extra, f)
	}
}

// CVE-2024-21626: a working directory through a descriptor that is not the container's, the caller's or the runtime's.
func TestCVE_working_directory_through_a_descriptor(t *testing.T) {
	t.Parallel()
	cve(t, "CVE-2024-21626")
	b := newBundle(t)
	p := b.prey()
	b.leaked(p.Dir, 9)
	b.bait("way", "/proc/self/fd")
	b.Spec.Process.OOMScoreAdj = ptr(100) // the host's procfs is open for it
	// other directories of the host's lead there too: by "..", and procfs by a root directory
	look := []string{"--read", "file", "--read", "../../../../../../../../.." + p.Dir + "/file", "--read", "1/root" + p.Dir + "/file"}
	for fd := 3; fd < 110; fd++ {
		if fd >= 24 && fd < 98 {
			continue
		}
		for _, dir := range []string{"/proc/self/fd/%d", "/proc/thread-self/fd/%d", "/way/%d", "/dev/fd/%d/dir/.."} {
			if fd > 16 && dir[1] != 'p' {
				continue
			}
			b.Spec.Process.Cwd = fmt.Sprintf(dir, fd)
			b.Spec.Process.Args = append([]string{"/probe"}, look...)
			p.wantUnread("run, cwd "+b.Spec.Process.Cwd, b.run().Stdout)
		}
	}
	b.Spec.Process.Cwd = "/"
	c := b.running()
	for fd := 3; fd < 110; fd++ {
		if fd >= 24 && fd < 98 {
			continue
		}
		cwd := fmt.Sprintf("/proc/self/fd/%d", fd)
		p.wantUnread("exec, cwd "+cwd, c.exec([]string{"--cwd", cwd}, look...).Stdout)
	}
}

// besieged is a container whose process polls /proc for those of the runtime, and of further names.
func (b *bundle) besieged(names ...string) *container {
	b.t.Helper()
	copyFile(b.t, filepath.Join(repository, "tests/bin/hostile"), b.Rootfs+"/hostile", 0o755)
	name := filepath.Base(runtimePath)
	b.Spec.Process.Args = append([]string{"/hostile", runtimeName + ":", name, "exe", "memfd:", "libcontainer"}, names...)
	c := b.create().start()
	c.next("hostile")
	return c
}

// CVE-2016-9962: the process that exec brings in is traced before it has become the program, with all that it has open.
func TestCVE_exec_is_out_of_reach_of_the_container(t *testing.T) {
	cve(t, "CVE-2016-9962")
	for _, tc := range []struct {
		name    string
		options []string
		prey    []string
	}{
		// As the attacker's own user only what is not the program yet is a find; as another it is, too, if it may not be read.
		{"the container's root", nil, nil},
		{"another user", []string{"--user", "1000:1000"}, []string{"closed"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBundle(t)
			copyFile(t, probePath, b.Rootfs+"/closed", 0o711)
			if err := os.Chmod(b.Rootfs+"/closed", 0o711); err != nil {
				t.Fatal(err)
			}
			c := b.besieged(tc.prey...)
			b.leaked(b.prey().Dir, 3)
			for i := range 60 {
				if res := c.runtime(slices.Concat([]string{"exec"}, tc.options, []string{c.ID, "/closed", "--exit", itoa(i)})...); res.Exit != i {
					t.Fatalf("exec: exit status %d: %s", res.Exit, res.Stderr)
				}
			}
			c.must("kill", c.ID, "TERM")
			for {
				line, ok := c.line()
				if !ok {
					t.Fatal("the attacker has not ended as it should")
				}
				if a := parseAction(t, line); a.Op == "done" {
					t.Logf("the attacker has met %d", a.Count)
					if a.Data != "" {
						t.Errorf("the attacker has got hold of: %s", a.Data)
					}
					break
				}
			}
			c.wait()
		})
	}
}

// CVE-2019-5736: the runtime's executable, reached through /proc/PID/exe, is written to once its process has ended. It
// is a copy of the runtime that is at stake here.
func TestCVE_runtime_is_not_overwritten(t *testing.T) {
	cve(t, "CVE-2019-5736")
	copied := filepath.Join(t.TempDir(), runtimeName)
	copyFile(t, runtimePath, copied, 0o755)
	sum := readFile(t, copied)
	rounds := 5
	if testing.Short() {
		rounds = 2
	}
	for _, world := range []struct {
		name string
		edit func(b *bundle)
	}{
		{"own pid namespace", func(*bundle) {}},
		{"with CAP_SYS_ADMIN and CAP_SYS_PTRACE", func(b *bundle) { addCaps("CAP_SYS_ADMIN", "CAP_SYS_PTRACE")(b.Spec) }},
		{"user namespace", func(b *bundle) { b.mapped(mapping(0, 100000, 65536), mapping(0, 100000, 65536)) }},
	} {
		t.Run(world.name, func(t *testing.T) {
			b := newBundle(t)
			b.Runtime = copied
			for file, text := range map[string]string{"script": "#!/proc/self/exe\n", "init": "#!/proc/self/exe rung:[init]\n"} {
				writeFile(t, b.Rootfs+"/"+file, text)
				if err := os.Chmod(b.Rootfs+"/"+file, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			copyFile(t, filepath.Join(repository, "tests/bin/overwrite"), b.Rootfs+"/overwrite", 0o755)
			world.edit(b)
			b.Spec.Process.Args = []string{"/script", "--version"}
			b.run() // as the entry point: nobody is there yet to write, and nothing may break
			b.Spec.Process.Args = []string{"/overwrite"}
			c := b.create().start()
			c.next("overwrite")
			for _, program := range []string{"/proc/self/exe", "/script", "/init", "/probe"} {
				for range rounds {
					c.runtime("exec", c.ID, program, "--version") // what it says is its own affair
				}
			}
			c.must("kill", c.ID, "TERM")
			done := c.next("done")
			c.wait()
			t.Logf("the attacker has held %d executables", done.Count)
			if done.Data != "" || readFile(t, copied) != sum {
				t.Errorf("the attacker has written to the runtime: %s", done.Data)
			}
		})
	}
}
