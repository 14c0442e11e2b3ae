package main

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// FuzzCommandLine reads command lines, up to what they would do: whatever they say, there is something to do or an error
// with a text and a hint, and the second reading gives the same.
func FuzzCommandLine(f *testing.F) {
	for _, name := range commandNames {
		f.Add(name + "\x00web")
		f.Add(name + "\x00--help")
		f.Add("--root\x00/r\x00" + name + "\x00--force\x00web\x00x")
	}
	f.Add("--root=/r\x00--log-format=json\x00exec\x00-t\x00-e\x00A=b\x00--user\x001:2\x00web\x00sh\x00-c\x00--x")
	f.Add("--root\x00\x00list")
	f.Add("--systemd-cgroup\x00--rootless\x00auto\x00run\x00-d\x00--preserve-fds\x003\x00--\x00-web")
	f.Add("update\x00--memory\x0099999999999999999999\x00--cpu-period\x00-1\x00web")
	f.Add("kill\x00web\x00SIGRTMIN+999")
	f.Add("checkpoint\x00--manage-cgroups-mode\x00x\x00--page-server\x00:\x00web")
	f.Add("--trace\x00\xff\x00--criu=\x00features\x00")
	f.Fuzz(func(t *testing.T, line string) {
		args := append([]string{"rung"}, strings.Split(line, "\x00")...)
		read := func() (*globals, bool, error) {
			g := &globals{stdout: os.Stdout, stderr: os.Stderr, log: logger{out: os.Stderr, level: levelWarning}, failure: 1}
			act, err := g.parse(args)
			return g, act != nil, err
		}
		g, something, err := read()
		if something == (err != nil) {
			t.Fatalf("%q: something to do: %v, and an error: %v", args, something, err)
		}
		if err != nil {
			var u usageError
			if err.Error() == "" || errors.As(err, &u) && u.hint() == "" {
				t.Errorf("%q: an error without a text or hint: %q", args, err)
			}
		}
		if g.failure < 1 || g.failure > 255 {
			t.Errorf("%q: failure has the status %d", args, g.failure)
		}
		again, something2, err2 := read()
		if something != something2 || g.root != again.root || g.failure != again.failure || (err == nil) != (err2 == nil) || err != nil && err.Error() != err2.Error() {
			t.Errorf("%q: read twice it is %v %v, then %v %v", args, g.root, err, again.root, err2)
		}
	})
}
