package engines

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// A device that a vendor might describe: a node under another name, a library, a variable, and a hook that looks into
// the container's file system before its root is changed.
const device = `cdiVersion: "0.3.0"
kind: ladder.example/rung
devices:
- name: first
  containerEdits:
    env: ["RUNG_DEVICE=first"]
    deviceNodes: [{path: /dev/rung0, hostPath: /dev/kmsg, type: c, major: 1, minor: 11, permissions: rw}]
containerEdits:
  env: ["RUNG_LIBRARY=/opt/rung"]
  mounts: [{hostPath: %[1]s, containerPath: /opt/rung, options: [ro, nosuid, nodev, bind]}]
  hooks:
  - {hookName: createRuntime, path: %[1]s/hook, args: [hook, createRuntime]}
  - {hookName: createContainer, path: %[1]s/hook, args: [hook, createContainer], env: ["EXTRA=of the hook"]}
`

const deviceHook = `#!/bin/sh
{ echo "$1 $EXTRA"; cat; echo; } >>%[1]s/called
# The mounts are made, and the process has not begun.
[ "$1" != createContainer ] || ls "$(sed -n 's/.*"bundle":"\([^"]*\)".*/\1/p' %[1]s/called | tail -1)" >/dev/null || exit 1
`

// TestPodman_device gives containers a device of the Container Device Interface.
func TestPodman_device(t *testing.T) {
	p := rootPodman(t)
	dir := newDir(t, "cdi")
	write(t, filepath.Join(dir, "library"), "a library\n")
	hook := write(t, filepath.Join(dir, "hook"), fmt.Sprintf(deviceHook, dir))
	if err := os.Chmod(hook, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, "/etc/cdi/ladder.yaml", fmt.Sprintf(device, dir))
	out := p.must(t, "run", "--rm", "--network=none", "--device=ladder.example/rung=first", t1, "sh", "-c",
		"echo $RUNG_DEVICE $RUNG_LIBRARY; cat /opt/rung/library; touch /opt/rung/x 2>&1; : >/dev/rung0 && echo open; stat -c %t:%T /dev/rung0")
	wantParts(t, "the container", out, "first /opt/rung\n", "a library\n", "Read-only file system", "open\n", "1:b")
	b, err := os.ReadFile(filepath.Join(dir, "called"))
	if err != nil {
		t.Fatal(err)
	}
	wantParts(t, "hooks", string(b), "createRuntime \n", "createContainer of the hook\n", `"ociVersion"`)
	if out, status := p.try(t, nil, "run", "--rm", "--network=none", "--device=ladder.example/rung=second", t1, "true"); status == 0 {
		t.Errorf("a device that nobody has described: %s", out)
	}
	wantNoGroups(t)
}
