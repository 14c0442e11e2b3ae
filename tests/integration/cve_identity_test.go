package integration

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// CVE-2016-3697: the image calls its root "1000".
func TestCVE_user_named_by_digits(t *testing.T) {
	t.Parallel()
	cve(t, "CVE-2016-3697")
	b := newBundle(t)
	writeFile(t, b.Rootfs+"/etc/passwd", "1000:x:0:0:root:/hostile:/bin/sh\n1001:x:0:0::/:/bin/sh\nroot:x:0:0:root:/root:/bin/sh\n")
	writeFile(t, b.Rootfs+"/etc/group", "1000:x:0:\n1001:x:0:1000\n")
	b.Spec.Process.User = specs.User{UID: 1000, GID: 1000}
	r := b.probe(nil)
	wantSlice(t, "run: user ids", r.UID, []uint32{1000, 1000, 1000})
	wantSlice(t, "run: group ids", r.GID, []uint32{1000, 1000, 1000})
	wantSlice(t, "run: groups", r.Groups, nil)
	c := b.running()
	for _, user := range []string{"1000", "1000:1000", "1001:1001"} {
		r := c.execProbe([]string{"--user", user})
		uid, _, group := strings.Cut(user, ":")
		want(t, "exec "+user, r.UID[0], uint32(atoi(t, uid)))
		if group && r.GID[0] == 0 || r.UID[1] == 0 || len(r.Groups) != 0 {
			t.Errorf("exec %s: user ids %v, group ids %v, groups %v", user, r.UID, r.GID, r.Groups)
		}
	}
}

// CVE-2026-30892: a user that is not understood is root.
func TestCVE_exec_user_is_read_strictly(t *testing.T) {
	t.Parallel()
	cve(t, "CVE-2026-30892")
	b := newBundle(t)
	b.Spec.Process.User = specs.User{UID: 7, GID: 8}
	c := b.running()
	for _, tc := range []struct {
		user     string
		uid, gid int64 // -1: not this container's root, nor refused of necessity; -2: refused
	}{
		{"1", 1, -1}, {"1:2", 1, 2}, {"1000", 1000, -1}, {"0:0", 0, 0}, {"65534:65534", 65534, 65534},
		{"root", -2, 0}, {"1:root", -2, 0}, {"root:0", -2, 0}, {":", -2, 0}, {":1", -2, 0}, {"1:", -2, 0}, {"1:1:1", -2, 0},
		{"-1", -2, 0}, {"4294967295", -2, 0}, {"4294967296", -2, 0}, {"18446744073709551616", -2, 0}, {"1:4294967296", -2, 0},
		{"+1", -2, 0}, {"0x1", -2, 0}, {"1e3", -2, 0}, {" 1", -2, 0}, {"1 ", -2, 0}, {"1x", -2, 0}, {"1,0", -2, 0}, {"١", -2, 0}, {"1.0", -2, 0},
	} {
		res := c.exec([]string{"--user", tc.user}, "--report")
		if tc.uid == -2 {
			if res.Exit == 0 {
				r := parseProbe(t, res.Stdout)
				t.Errorf("user %q is %d:%d", tc.user, r.UID[0], r.GID[0])
			}
			continue
		}
		if res.Exit != 0 {
			t.Errorf("user %q: %s", tc.user, res.output())
			continue
		}
		r := parseProbe(t, res.Stdout)
		want(t, "uid of "+tc.user, int64(r.UID[0]), tc.uid)
		if tc.gid >= 0 {
			want(t, "gid of "+tc.user, int64(r.GID[0]), tc.gid)
		}
	}
}

// CVE-2022-29162, CVE-2022-27650, CVE-2025-27612: what exec adds is inheritable too. With that, a file's inheritable
// capabilities count.
func TestCVE_exec_adds_nothing_inheritable(t *testing.T) {
	t.Parallel()
	cve(t, "CVE-2022-29162", "CVE-2022-27650", "CVE-2025-27612")
	b := newBundle(t)
	setCaps(b.Spec, "CAP_CHOWN", "CAP_KILL")
	c := b.running()
	for _, options := range [][]string{
		nil, {"--cap", "CAP_KILL"}, {"--cap", "CAP_NET_RAW"}, {"--cap", "CAP_NET_RAW", "--user", "1000:1000"}, {"--user", "1000:1000"},
	} {
		want(t, "exec "+strings.Join(options, " ")+": CapInh", c.execProbe(options).Caps.Inheritable, 0)
	}
	p := *b.Spec.Process
	p.Args = []string{"/probe", "--report"}
	res := c.runtime("exec", "--process", c.processFile(&p), c.ID)
	want(t, "exec --process: CapInh", parseProbe(t, res.Stdout).Caps.Inheritable, 0)
}

// CVE-2016-8867: a user who is not root has root's capabilities, by way of the ambient set.
func TestCVE_ordinary_users_have_no_capabilities(t *testing.T) {
	t.Parallel()
	cve(t, "CVE-2016-8867")
	b := newBundle(t)
	b.Spec.Process.User = specs.User{UID: 1000, GID: 1000}
	for what, r := range map[string]report{
		"run":                b.probe(nil),
		"exec":               b.another().running(func(s *specs.Spec) { s.Process.User.UID = 1000 }).execProbe([]string{"--user", "1000:1000"}),
		"exec of a user":     b.another().running().execProbe([]string{"--user", "1000:1000"}),
		"run with new privs": b.another().probe(func(s *specs.Spec) { s.Process.User.UID, s.Process.NoNewPrivileges = 1000, false }),
	} {
		if r.Caps.Effective != 0 || r.Caps.Permitted != 0 || r.Caps.Ambient != 0 {
			t.Errorf("%s, as user %d: %v", what, r.UID[0], r.Caps)
		}
	}
}

// CVE-2022-24769, CVE-2022-27649, CVE-2022-27651, CVE-2022-27652: containers of engines had inheritable capabilities. A
// runtime adds none, and its own example asks for none.
func TestCVE_nothing_is_inheritable_unasked(t *testing.T) {
	t.Parallel()
	cve(t, "CVE-2022-24769", "CVE-2022-27649", "CVE-2022-27651", "CVE-2022-27652")
	want(t, "run: CapInh", probe(t, nil).Caps.Inheritable, 0)
	for _, options := range [][]string{nil, {"--rootless"}} {
		dir := t.TempDir()
		cmd := exec.Command(runtimePath, append([]string{"spec"}, options...)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("spec %v: %v\n%s", options, err, out)
		}
		var s specs.Spec
		if err := json.Unmarshal([]byte(readFile(t, dir+"/config.json")), &s); err != nil {
			t.Fatal(err)
		}
		wantSlice(t, "spec: process.capabilities.inheritable", s.Process.Capabilities.Inheritable, nil)
	}
}
