package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// HOME is that of the user's line wherever it stands: sites bind a passwd with thousands of users, and Podman appends
// the caller's line to it. A line of any length before it is no end of the file.
func TestProcess_HOME_in_a_passwd_of_any_size(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	var many strings.Builder
	many.WriteString("root:x:0:0:root:/root:/bin/sh\n")
	for i := range 5000 {
		fmt.Fprintf(&many, "user%d:x:%d:%d:Some Body:/home/user%d:/bin/bash\n", i, 20000+i, 20000+i, i)
	}
	long := "#" + strings.Repeat("me:x:1000:1000::/wrong:/bin/sh:", 1<<13) // longer than what is read at once, four times over
	for name, text := range map[string]string{
		"many users":       many.String() + "me:x:1000:1000::/home/me:/bin/sh\n",
		"no last line end": many.String() + "me:x:1000:1000::/home/me:/bin/sh",
		"a long line":      long + "\nme:x:1000:1000::/home/me:/bin/sh\n",
		"long and many":    many.String() + long + "\n" + many.String() + "me:x:1000:1000::/home/me:/bin/sh\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			mkdir(t, b.Rootfs+"/etc", 0o755)
			writeFile(t, b.Rootfs+"/etc/passwd", text)
			r := b.probe(func(s *specs.Spec) { s.Process.User = specs.User{UID: 1000, GID: 1000} })
			if !slices.Contains(r.Env, "HOME=/home/me") {
				t.Errorf("environment %q", r.Env)
			}
		})
	}
}
