package check

import (
	"errors"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/annotation"
	"github.com/rung-oci/rung/libcontainer/internal/host"
	"github.com/rung-oci/rung/libcontainer/internal/landlock"
	"golang.org/x/sys/unix"
)

// annotations looks at what those that rung acts on ask of the host. Whether this
// kernel has the rights of Landlock's rules, compiling the plan tells.
func (c *checker) annotations() {
	const source = "docs/annotations.md"
	if c.spec.Annotations[annotation.CoreScheduling] == "true" {
		if why := host.CoreScheduling(); why != "" {
			c.fatal(member("annotations", annotation.CoreScheduling), source, "no core scheduling: "+why, "leave the annotation out")
		}
	}
	p, problems := landlock.Parse(c.spec.Annotations)
	if p == nil || len(problems) > 0 || c.view == nil {
		return
	}
	missing := c.fatal
	if p.BestEffort {
		missing = c.note // create warns, and leaves the rule out
	}
	at := member("annotations", landlock.KeyFS)
	hint := "correct the path, or set " + landlock.KeyMode + " to best-effort"
	for _, r := range p.Paths {
		if strings.HasPrefix(r.Path, "/dev/") || c.spec.Process != nil && r.Path == c.spec.Process.Cwd {
			continue // made with the container
		}
		f := c.view.find(r.Path)
		f.close()
		switch {
		case f.linked:
			missing(at, source, r.Path+" in the container is, or is behind, a symbolic link, which no rule follows", hint)
		case errors.Is(f.err, unix.ENOENT), errors.Is(f.err, unix.ENOTDIR):
			missing(at, source, r.Path+" in the container: "+f.err.Error(), hint)
		}
	}
}

// failsUnknown says that an annotation makes unknown system calls an error.
func (c *checker) failsUnknown() bool {
	_, ok := c.spec.Annotations[annotation.SeccompFailUnknown]
	return ok
}
