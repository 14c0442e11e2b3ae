package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// criu gives what it restores a time namespace, so that the clocks go on where they were. Whoever joins the container later
// has to be in it, or the next checkpoint would hold two time namespaces, which criu cannot restore.
func TestCheckpoint_exec_joins_the_time_namespace_of_a_restored_container(t *testing.T) {
	t.Parallel()
	requires(t, "criu", "rt:rung")
	c := dumpable(t, nil, "--line", "--line", "--exit", "6")
	for range 2 {
		c.dump()
		c.wantGone()
		c.restore()
		r := c.execProbe(nil)
		want(t, "time namespace", r.NS["time"], nsID(t, c.Pid, "time"))
		c.must("exec", c.ID, "/probe", "--fd-open", "0", "/dev/null", "--fd-open", "1", "/dev/null", "--fd-open", "2", "/dev/null", "--daemon") // the init inherits it
		c.say("go on")
		c.next("line")
	}
	want(t, "exit status", c.wait(), 6)
}

// A restore that fails leaves nothing, and says what criu failed of, which is not the first thing that it calls an error.
func TestCheckpoint_a_failed_restore(t *testing.T) {
	t.Parallel()
	requires(t, "criu", "rt:rung")
	c := dumpable(t, nil, "--line", "--until-term")
	c.dump()
	c.wantGone()
	// criu makes a directory for its mounts where the bundle's file system has its /tmp, in the root
	if err := os.RemoveAll(filepath.Join(c.Rootfs, "tmp")); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(c.Rootfs, "probe"), "another program")
	c.feed = c.newStdin()
	res := c.runtime("restore", "--detach", "--bundle", c.Dir, "--image-path", c.images, c.ID)
	wantFailure(t, res, "criu could not carry out the restore", "probe has bad size")
	if strings.Contains(res.Stderr, "tun:") || strings.Contains(res.Stderr, "RLIMIT_NOFILE") || strings.Contains(res.Stderr, "not empty") {
		t.Errorf("the error is about something else: %s", res.Stderr)
	}
	c.wantGone()
}

// The host's own options of criu are read from the file that the guides of engines name, if nobody else can have written it.
func TestCheckpoint_options_of_the_host(t *testing.T) {
	t.Parallel()
	requires(t, "criu", "rt:rung", "command:unshare", "command:mount")
	for _, c := range []struct {
		name, file string
		mode       os.FileMode
		uid        int
		fails      bool
	}{
		{"runc's", "runc.conf", 0o644, 0, false}, {"rung's", "rung.conf", 0o644, 0, false},
		{"that others can write to", "runc.conf", 0o666, 0, true}, {"of another user", "runc.conf", 0o644, 1000, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := dumpable(t, nil, "--line")
			dir := filepath.Join(k.Dir, "etc")
			mkdir(t, dir+"/criu", 0o755)
			file := filepath.Join(dir, "criu", c.file)
			log := filepath.Join(k.Dir, "asked.log")
			writeFile(t, file, "log-file "+log+"\n")
			if err := os.Chmod(file, c.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chown(file, c.uid, 0); err != nil {
				t.Fatal(err)
			}
			k.Wrap = []string{lookPath(t, "unshare"), "--mount", "--propagation", "private", lookPath(t, "sh"), "-c", `mount --bind "$0" /etc && exec "$@"`, dir}
			res := k.runtime("checkpoint", "--image-path", k.images, "--leave-running", k.ID)
			if c.fails {
				wantFailure(t, res, "/etc/criu/"+c.file, "want a regular file of root's")
				return
			}
			want(t, "exit status", res.Exit, 0)
			want(t, "the log that the file asks for", exists(log), true)
		})
	}
}
