package integration

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// A container whose record is gone runs on: delete --force finds it by the mark of its cgroups, or fails.
func TestRecords_lost(t *testing.T) {
	requires(t, "rt:rung")
	for name, edit := range map[string]func(*specs.Spec){
		"default": nil, "group by default": func(s *specs.Spec) { s.Linux.CgroupsPath = "" }, "relative group": func(s *specs.Spec) { s.Linux.CgroupsPath = strings.TrimPrefix(s.Linux.CgroupsPath, "/") },
	} {
		for _, gone := range [][]string{{"state.json"}, {"state.json", "config.json"}, {"state.json", "config.json", "gate"}} {
			t.Run(name+"/without "+strings.Join(gone, " and "), func(t *testing.T) {
				b := waiting(t)
				if edit != nil {
					edit(b.Spec)
				}
				c := b.create()
				if len(gone) != 2 { // it has no gate any more
					c.start()
					c.next("waiting")
				}
				for _, file := range gone {
					if err := os.Remove(filepath.Join(b.Root, b.ID, file)); err != nil && file != "gate" {
						t.Fatal(err)
					}
				}
				b.must("delete", "--force", b.ID)
				if !waitExit(t, c.Pid, patience) {
					t.Error("delete --force says 0, and the container runs on")
				}
				if dirs := cgroupsOf(b.ID); len(dirs) > 0 {
					t.Errorf("left: %v", dirs)
				}
			})
		}
	}
}

// Where nothing tells any more whose the processes are, delete --force does not say 0.
func TestRecords_lost_without_a_mark(t *testing.T) {
	requires(t, "rt:rung")
	b := waiting(t)
	c := b.runDetached()
	c.next("waiting")
	b.unmark()
	record := readFile(t, b.stateFile())
	if err := os.Remove(b.stateFile()); err != nil {
		t.Fatal(err)
	}
	wantFailure(t, b.runtime("delete", "--force", b.ID), "nothing else tells whose the 1 processes in control group /"+b.ID)
	if waitExit(t, c.Pid, 0) {
		t.Error("the process was killed, and may have been anybody's")
	}
	// an earlier rung has made it: its record is believed as far as the config and the init's own cgroup agree
	writeFile(t, b.stateFile(), unsigned(record))
	b.wantStatus("running")
	b.must("exec", b.ID, "/probe", "--exit", "0")
	b.must("kill", b.ID, "KILL")
	if !waitExit(t, c.Pid, patience) {
		t.Error("the process of a container of an earlier rung is not killed")
	}
	b.must("delete", b.ID)
	if dirs := cgroupsOf(b.ID); len(dirs) > 0 {
		t.Errorf("left: %v", dirs)
	}
}

// A whole record that somebody forged does not name the container's cgroups, its init, or either: no command says 0 and
// leaves the container running, and delete --force finds it by the mark of its cgroups.
func TestRecords_forged(t *testing.T) {
	requires(t, "root", "rt:rung")
	const (
		all   = `"cgroups":\[[^]]*\]`
		init  = `"init_process_start":\d+`
		mark  = `"marked":true`
		maker = `"creator_pid":\d+`
	)
	for name, forge := range map[string]func(b *bundle){
		"no cgroup":                 func(b *bundle) { b.forge(all, `"cgroups":[]`) },
		"no cgroup and no init":     func(b *bundle) { b.forge(all, `"cgroups":[]`); b.forge(init, `"init_process_start":1`) },
		"other cgroups":             func(b *bundle) { b.forge(`/`+b.ID+`"`, `/rung-none"`) },
		"other cgroups and no init": func(b *bundle) { b.forge(`/`+b.ID+`"`, `/rung-none"`); b.forge(init, `"init_process_start":1`) },
		"an unmarked container": func(b *bundle) {
			b.forge(all, `"cgroups":[]`)
			b.forge(mark, `"marked":false`)
			b.forge(init, `"init_process_start":1`)
		},
		"another creator and no init": func(b *bundle) { b.forge(maker, `"creator_pid":1`); b.forge(init, `"init_process_start":1`) },
		"another init": func(b *bundle) {
			b.forge(all, `"cgroups":[]`)
			b.forge(`"init_process_pid":\d+,"init_process_start":\d+`, `"init_process_pid":`+itoa(os.Getpid())+`,"init_process_start":`+itoa(int(startOf(os.Getpid()))))
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := waiting(t)
			b.Spec.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/bin/false"}}} // a warning if it runs
			c := b.runDetached()
			c.next("waiting")
			forge(b)
			if res := b.runtime("delete", b.ID); res.Exit == 0 || waitExit(t, c.Pid, 0) {
				t.Fatalf("delete without force: %d, %s", res.Exit, res.output())
			}
			if res := b.must("delete", "--force", b.ID); !strings.Contains(res.Stderr, "it is deleted by its mark") {
				t.Errorf("no warning that the record was wrong: %q", res.Stderr)
			}
			if !waitExit(t, c.Pid, patience) {
				t.Error("delete --force says 0, and the container runs on")
			}
			if dirs := cgroupsOf(b.ID); len(dirs) > 0 {
				t.Errorf("left: %v", dirs)
			}
		})
	}
	t.Run("kill --all", func(t *testing.T) {
		b := waiting(t)
		c := b.runDetached()
		c.next("waiting")
		b.forge(all, `"cgroups":[]`)
		b.forge(init, `"init_process_start":1`)
		b.must("kill", "--all", b.ID, "KILL")
		if !waitExit(t, c.Pid, patience) {
			t.Error("kill --all says 0, and the container runs on")
		}
	})
}

// A store of another mount namespace has the same path, and a container of the same ID in it: its cgroup is not found by
// the end of this one.
func TestRecords_lost_beside_a_store_of_the_same_path(t *testing.T) {
	requires(t, "root", "rt:rung")
	b := waiting(t)
	c := b.runDetached()
	c.next("waiting")
	for _, dir := range cgroupsOf(b.ID) {
		var buf [5000]byte
		n, err := unix.Lgetxattr(dir, markName, buf[:])
		if err != nil {
			continue
		}
		words := strings.SplitN(string(buf[:n]), " ", 3)
		if err := unix.Lsetxattr(dir, markName, []byte(words[0]+" 1:1 "+words[2]), 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(b.stateFile()); err != nil {
		t.Fatal(err)
	}
	b.runtime("delete", "--force", b.ID)
	if waitExit(t, c.Pid, 0) {
		t.Error("the container of the other store was killed")
	}
	for _, dir := range cgroupsOf(b.ID) {
		removeCgroup(dir)
	}
}

// Whatever is in the place of the record, the container can be deleted by force.
func TestRecords_no_file(t *testing.T) {
	requires(t, "rt:rung")
	for name, replace := range map[string]func(path string) error{
		"a directory":      func(p string) error { return os.MkdirAll(p+"/x/y", 0o755) },
		"a FIFO":           func(p string) error { return unix.Mkfifo(p, 0o600) },
		"a symbolic link":  func(p string) error { return os.Symlink("/etc/passwd", p) },
		"a link to itself": func(p string) error { return os.Symlink("state.json", p) },
	} {
		t.Run(name, func(t *testing.T) {
			b := waiting(t)
			c := b.runDetached()
			c.next("waiting")
			if err := os.Remove(b.stateFile()); err != nil {
				t.Fatal(err)
			}
			if err := replace(b.stateFile()); err != nil {
				t.Fatal(err)
			}
			for _, command := range []string{"state", "start", "kill", "pause", "ps", "delete"} {
				wantFailure(t, b.runtime(command, b.ID), "state.json")
			}
			b.must("delete", "--force", b.ID)
			if !waitExit(t, c.Pid, patience) {
				t.Error("the container runs on")
			}
		})
	}
}

// A unit that is none, or somebody else's, is no reason to keep a container for ever.
func TestRecords_no_unit(t *testing.T) {
	requires(t, "rt:rung")
	for _, unit := range []string{"sshd.service", "init.scope", "a/b.scope", ".scope", "-.slice", "x.scope"} {
		t.Run(unit, func(t *testing.T) {
			b := waiting(t)
			c := b.runDetached()
			c.next("waiting")
			b.forge(`"cgroup_driver":"","unit":""`, `"cgroup_driver":"systemd","unit":"`+unit+`"`)
			wantFailure(t, b.runtime("delete", b.ID), "state.json is damaged: invalid unit")
			b.must("delete", "--force", b.ID)
			if !waitExit(t, c.Pid, patience) {
				t.Error("the container runs on")
			}
		})
	}
}

// Root does nothing that the store of another user asks for: it would run that user's hooks.
func TestRecords_of_another_users_store(t *testing.T) {
	requires(t, "rt:rung")
	b := waiting(t)
	ran := filepath.Join(b.Dir, "ran")
	b.Spec.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/bin/touch", Args: []string{"touch", ran}}}}
	b.create()
	for name, spoil := range map[string]func() error{
		"of another user":          func() error { return errors.Join(os.Chmod(b.Root, 0o700), os.Chown(b.Root, 65534, 65534)) },
		"that everybody writes to": func() error { return os.Chmod(b.Root, 0o777) },
		"that a group writes to":   func() error { return os.Chown(b.Root, 0, 65534) },
	} {
		if err := os.Chmod(b.Root, 0o770); err != nil {
			t.Fatal(err)
		}
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		for _, line := range [][]string{{"delete", b.ID}, {"delete", "--force", b.ID}, {"kill", b.ID, "KILL"}, {"start", b.ID}, {"state", b.ID}, {"exec", b.ID, "/probe"}} {
			if res := b.runtime(line...); res.Exit == 0 || !strings.Contains(res.Stderr, "operation not permitted") {
				t.Errorf("a store %s: %v: %d, %s", name, line, res.Exit, res.output())
			}
		}
		if err := os.Chown(b.Root, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(b.Root, 0o700); err != nil {
		t.Fatal(err)
	}
	if exists(ran) {
		t.Error("a hook ran")
	}
	b.must("delete", b.ID)
	if !exists(ran) {
		t.Error("the hook of the caller's own store did not run")
	}
}

// A config that is not the one of the record is not obeyed: it names programs to run.
func TestRecords_another_config(t *testing.T) {
	requires(t, "rt:rung")
	b := waiting(t)
	ran := filepath.Join(b.Dir, "ran")
	b.Spec.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/bin/true"}}}
	c := b.runDetached()
	c.next("waiting")
	kept := filepath.Join(b.Root, b.ID, "config.json")
	writeFile(t, kept, strings.Replace(readFile(t, kept), `"/bin/true"`, `"/bin/touch","args":["touch","`+ran+`"]`, 1))
	wantFailure(t, b.runtime("exec", b.ID, "/probe"), "config.json is damaged")
	res := b.must("delete", "--force", b.ID)
	if !strings.Contains(res.Stderr, "config.json is damaged") {
		t.Errorf("no warning: %q", res.Stderr)
	}
	if exists(ran) {
		t.Error("the hook of another config ran")
	}
}

// After an update the kept config is the record's, too.
func TestRecords_config_after_updates(t *testing.T) {
	requires(t, "rt:rung")
	b := waiting(t)
	c := b.runDetached()
	c.next("waiting")
	for _, n := range []string{"30", "40", "50"} {
		args := []string{"--pids-limit", n}
		if cgroupKind() == "v2" { // which has no such controller everywhere
			file := filepath.Join(b.Dir, "resources")
			writeFile(t, file, `{"unified":{"cgroup.max.depth":"`+n+`"}}`)
			args = []string{"--resources", file}
		}
		b.must(append(append([]string{"update"}, args...), b.ID)...)
		b.must("exec", b.ID, "/probe", "--exit", "0")
	}
}

// Two configs name one cgroup. While one container is in it the other is refused; when the first has stopped the second gets
// it, and the first one's end is not the second one's.
func TestShared_cgroup(t *testing.T) {
	requires(t, "rt:rung")
	for name, edit := range map[string]func(a, b *bundle){
		"named by both": func(a, b *bundle) { b.Spec.Linux.CgroupsPath = a.Spec.Linux.CgroupsPath },
		"the default in two stores": func(a, b *bundle) {
			b.ID = a.ID
			a.Spec.Linux.CgroupsPath, b.Spec.Linux.CgroupsPath = "", ""
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := waiting(t), waiting(t)
			edit(a, b)
			b.own(b.ID)
			first := a.runDetached()
			first.next("waiting")
			b.writeConfig()
			wantFailure(t, b.runtime("create", "--bundle", b.Dir, b.ID), "container's cgroup is not empty: it has 1 processes", "it belongs to container "+a.ID+" of "+a.Root)
			if waitExit(t, first.Pid, 0) {
				t.Fatal("the refused create has ended the other container")
			}
			a.must("kill", a.ID, "KILL")
			waitExit(t, first.Pid, patience)
			second := b.runDetached()
			second.next("waiting")
			wantFailure(t, a.runtime("kill", "--all", a.ID, "KILL"), "belongs to container "+b.ID+" of "+b.Root+": it is left alone")
			res := a.must("delete", a.ID)
			if !strings.Contains(res.Stderr, "belongs to container "+b.ID+" of "+b.Root+": it is left alone") {
				t.Errorf("delete does not report the cgroup that it left: %q", res.Stderr)
			}
			if waitExit(t, second.Pid, 0) {
				t.Error("the delete of a stopped container has ended another one")
			}
			b.wantStatus("running")
			b.must("exec", b.ID, "/probe", "--exit", "0")
			b.must("delete", "--force", b.ID)
			if dirs := cgroupsOf(a.ID); len(dirs) > 0 {
				t.Errorf("left: %v", dirs)
			}
		})
	}
}

// The limits of a container that has stopped are not the next one's.
func TestShared_cgroup_has_no_limits_of_the_first(t *testing.T) {
	requires(t, "rt:rung")
	a, b := waiting(t), waiting(t)
	b.Spec.Linux.CgroupsPath = a.Spec.Linux.CgroupsPath
	limit := "pids.max"
	if cgroupKind() == "v2" { // which has no such controller everywhere
		limit = "cgroup.max.depth"
		a.Spec.Linux.Resources.Unified = map[string]string{limit: "33"}
	} else {
		a.Spec.Linux.Resources.Pids = &specs.LinuxPids{Limit: ptr(int64(33))}
	}
	first := a.runDetached()
	first.next("waiting")
	a.must("kill", a.ID, "KILL")
	waitExit(t, first.Pid, patience)
	second := b.runDetached()
	second.next("waiting")
	for _, dir := range cgroupsOf(a.ID) {
		if file := filepath.Join(dir, limit); exists(file) {
			want(t, file, strings.TrimSpace(readFile(t, file)), "max")
		}
	}
	b.must("delete", "--force", b.ID)
	a.must("delete", a.ID)
}

// A cgroup with a container further below is in use as well.
func TestShared_cgroup_above_another_container(t *testing.T) {
	requires(t, "rt:rung")
	a, b := waiting(t), waiting(t)
	a.Spec.Linux.CgroupsPath = b.Spec.Linux.CgroupsPath + "/below/" + a.ID
	first := a.runDetached()
	first.next("waiting")
	b.writeConfig()
	wantFailure(t, b.runtime("create", "--bundle", b.Dir, b.ID), "container's cgroup is not empty: it has 1 processes")
	a.must("delete", "--force", a.ID)
	for _, dir := range cgroupsOf(b.ID) {
		removeCgroup(dir)
	}
}
